//! Walking over a large sorted set from a rank on, in either direction.

use super::elements::{Element, Elements};
use super::tree::{Inner, Leaf, Node, Tree};

/// Elements in order.
pub struct Walk<'t> {
    elements: &'t Elements,
    /// The way to the leaf: nodes and which of their children it leads to.
    path: Vec<(&'t Inner, usize)>,
    leaf: Option<&'t Leaf>,
    /// The next one's place in the leaf.
    at: usize,
    left: usize,
    reverse: bool,
}

impl<'t> Walk<'t> {
    /// `count` elements from the one at `rank` on, upwards or downwards; all are there.
    pub fn new(tree: &'t Tree, elements: &'t Elements, rank: usize, count: usize, reverse: bool) -> Walk<'t> {
        let mut walk = Walk { elements, path: Vec::new(), leaf: None, at: rank, left: count, reverse };
        if count > 0 {
            walk.descend(tree.root.as_ref(), |inner, at| {
                let mut child = 0;
                while inner.children[child].count as usize <= *at {
                    *at -= inner.children[child].count as usize;
                    child += 1;
                }
                child
            });
        }
        walk
    }

    /// Goes down from `node` to a leaf by the children `choose` says.
    fn descend(&mut self, mut node: Option<&'t Node>, choose: impl Fn(&Inner, &mut usize) -> usize) {
        while let Some(Node::Inner(inner)) = node {
            let child = choose(inner, &mut self.at);
            self.path.push((inner, child));
            node = Some(&inner.children[child].node);
        }
        self.leaf = match node {
            Some(Node::Leaf(leaf)) => Some(leaf),
            _ => None,
        };
    }

    /// Goes to the next leaf, if there is one.
    fn turn(&mut self) {
        let reverse = self.reverse;
        while let Some((inner, child)) = self.path.pop() {
            let next = if reverse { child.checked_sub(1) } else { Some(child + 1) };
            if let Some(next) = next.filter(|next| *next < inner.children.len()) {
                self.path.push((inner, next));
                let last = |inner: &Inner| if reverse { inner.children.len() - 1 } else { 0 };
                self.descend(Some(&inner.children[next].node), |inner, _| last(inner));
                self.at = self.leaf.map_or(0, |leaf| if reverse { leaf.ids.len() - 1 } else { 0 });
                return;
            }
        }
        self.leaf = None;
    }
}

impl<'t> Iterator for Walk<'t> {
    type Item = &'t Element;

    fn next(&mut self) -> Option<&'t Element> {
        self.left = self.left.checked_sub(1)?;
        let leaf = self.leaf?;
        let element = self.elements.get(leaf.ids[self.at]);
        match self.reverse {
            false if self.at + 1 < leaf.ids.len() => self.at += 1,
            true if self.at > 0 => self.at -= 1,
            _ => self.turn(),
        }
        Some(element)
    }
}

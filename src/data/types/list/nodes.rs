//! The nodes of a list, in order.
//!
//! A few are in a slice, which takes no more memory than they do. Many are in a persistent vector: a copy of the list, as a
//! snapshot makes one, costs the same whatever their number, and who changes the list then copies the few places on the way
//! to the node that changes.

use super::node::Node;
use imbl::Vector;
use std::ops::Range;

/// The most nodes that are in a slice: what copying them costs is no matter beside what is in them.
const FEW: usize = if cfg!(test) { 6 } else { 32 };

/// See the module's description.
#[derive(Clone, Debug)]
pub enum Nodes {
    /// At most [`FEW`].
    Few(Box<[Node]>),
    /// Any number above a half of that.
    Many(Box<Vector<Node>>),
}

impl Default for Nodes {
    fn default() -> Nodes {
        Nodes::Few(Box::default())
    }
}

impl Nodes {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Nodes::Few(nodes) => nodes.len(),
            Nodes::Many(nodes) => nodes.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The node at `at`.
    pub fn get(&self, at: usize) -> Option<&Node> {
        match self {
            Nodes::Few(nodes) => nodes.get(at),
            Nodes::Many(nodes) => nodes.get(at),
        }
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, at: usize) -> Option<&mut Node> {
        match self {
            Nodes::Few(nodes) => nodes.get_mut(at),
            Nodes::Many(nodes) => nodes.get_mut(at),
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Node> {
        self.range(0..self.len())
    }

    /// Those from `range.start` to `range.end`, which there are.
    pub fn range(&self, range: Range<usize>) -> impl DoubleEndedIterator<Item = &Node> {
        let (few, many) = match self {
            Nodes::Few(nodes) => (&nodes[range], None),
            Nodes::Many(nodes) => (&[][..], Some(nodes.focus().narrow(range).into_iter())),
        };
        few.iter().chain(many.into_iter().flatten())
    }

    /// Puts a node before the one at `at`, or behind the last.
    pub fn insert(&mut self, at: usize, node: Node) {
        if let Nodes::Few(nodes) = self
            && nodes.len() == FEW
        {
            *self = Nodes::Many(Box::new(std::mem::take(nodes).into_iter().collect()));
        }
        match self {
            Nodes::Few(few) => change(few, |nodes| {
                nodes.reserve_exact(1);
                nodes.insert(at, node);
            }),
            Nodes::Many(nodes) => nodes.insert(at, node),
        }
    }

    /// Takes the node at `at` out; there is one.
    pub fn remove(&mut self, at: usize) -> Node {
        let node = match self {
            Nodes::Few(few) => change(few, |nodes| nodes.remove(at)),
            Nodes::Many(nodes) => nodes.remove(at),
        };
        self.settle();
        node
    }

    /// Takes the last node out.
    pub fn pop(&mut self) -> Option<Node> {
        match self {
            Nodes::Few(few) => change(few, Vec::pop),
            Nodes::Many(nodes) => nodes.pop_back(),
        }
    }

    /// Takes the only node out, if there is no other.
    pub fn pop_only(&mut self) -> Option<Node> {
        if self.len() == 1 { self.pop() } else { None }
    }

    /// Takes those in `range`, which there are, out. At the ends that needs no joining of what is left.
    pub fn cut(&mut self, range: Range<usize>) -> Nodes {
        let cut = match self {
            Nodes::Few(few) => Nodes::Few(change(few, |nodes| nodes.drain(range).collect())),
            Nodes::Many(nodes) if range.end == nodes.len() => Nodes::Many(Box::new(nodes.split_off(range.start))),
            Nodes::Many(nodes) if range.start == 0 => {
                let rest = nodes.split_off(range.end);
                Nodes::Many(Box::new(std::mem::replace(nodes, rest)))
            }
            Nodes::Many(nodes) => Nodes::Many(Box::new(nodes.slice(range))),
        };
        self.settle();
        cut
    }

    /// Takes out all but those that `stays` is true of.
    pub fn retain(&mut self, stays: impl FnMut(&Node) -> bool) {
        match self {
            Nodes::Few(few) => change(few, |nodes| nodes.retain(stays)),
            Nodes::Many(nodes) => nodes.retain(stays),
        }
        self.settle();
    }

    fn settle(&mut self) {
        if let Nodes::Many(nodes) = self
            && nodes.len() <= FEW / 2
        {
            *self = Nodes::Few(std::mem::take(&mut **nodes).into_iter().collect());
        }
    }
}

/// Changes a slice's length.
fn change<R>(few: &mut Box<[Node]>, change: impl FnOnce(&mut Vec<Node>) -> R) -> R {
    let mut nodes = std::mem::take(few).into_vec();
    let result = change(&mut nodes);
    *few = nodes.into_boxed_slice();
    result
}

impl std::ops::Index<usize> for Nodes {
    type Output = Node;

    fn index(&self, at: usize) -> &Node {
        match self {
            Nodes::Few(nodes) => &nodes[at],
            Nodes::Many(nodes) => &nodes[at],
        }
    }
}

//! A list of more than one node.
//!
//! The nodes are a persistent vector: a copy of the list, as a snapshot makes one, costs the same whatever their number,
//! and who changes the list then copies the few places on the way to the node that changes. Invariants: no node is empty;
//! `len` and `content` are the sums over all nodes.

use super::node::Node;
use super::{End, Limits};
use crate::data::types::listpack::Entry;
use imbl::Vector;

/// See the module's description.
#[derive(Clone, Debug, Default)]
pub struct Quicklist {
    /// In order.
    pub nodes: Vector<Node>,
    /// How many elements there are.
    pub len: usize,
    /// Bytes the nodes have on the heap.
    content: usize,
}

impl Quicklist {
    /// A list of one node.
    pub fn new(node: Node) -> Quicklist {
        let mut list = Quicklist::default();
        list.put(0, node);
        list
    }

    /// Bytes it has on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.nodes.len() * size_of::<Node>() + self.content
    }

    /// Which node has the element with index `index`, and its index there.
    pub fn locate(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.len {
            return None;
        }
        if index < self.len / 2 {
            let mut before = 0;
            for (at, node) in self.nodes.iter().enumerate() {
                if index < before + node.count() {
                    return Some((at, index - before));
                }
                before += node.count();
            }
        } else {
            let mut before = self.len;
            for (at, node) in self.nodes.iter().enumerate().rev() {
                before -= node.count();
                if index >= before {
                    return Some((at, index - before));
                }
            }
        }
        None
    }

    /// Adds an element at that end.
    pub fn push(&mut self, end: End, text: &[u8], limits: &Limits) {
        let at = match end {
            End::Head => 0,
            End::Tail => self.nodes.len().saturating_sub(1),
        };
        let inside = match (end, self.nodes.get(at)) {
            (End::Tail, Some(node)) => node.count(),
            _ => 0,
        };
        if !self.change(at, |node| node.insert(inside, text, limits)) {
            let at = if end == End::Head { 0 } else { self.nodes.len() };
            self.put(at, Node::of(text, limits));
        }
    }

    /// Takes the element at that end out, after `read` has seen it.
    pub fn pop<R>(&mut self, end: End, read: impl FnOnce(Entry<'_>) -> R) -> Option<R> {
        let at = if end == End::Head { 0 } else { self.nodes.len().checked_sub(1)? };
        let node = self.nodes.get(at)?;
        let last = node.count() - 1;
        let inside = if end == End::Head { 0 } else { last };
        let result = read(node.view().get(inside)?);
        if last == 0 {
            self.take(at);
        } else {
            self.change(at, |node| node.delete(inside, 1));
        }
        Some(result)
    }

    /// Puts `text` before the element `inside` of node `at`, or behind its last.
    pub fn insert(&mut self, at: usize, inside: usize, text: &[u8], limits: &Limits) {
        let count = self.nodes[at].count();
        if self.change(at, |node| node.insert(inside, text, limits)) {
            return;
        }
        if inside == 0 && at > 0 {
            let end = self.nodes[at - 1].count();
            if self.change(at - 1, |node| node.insert(end, text, limits)) {
                return;
            }
        }
        if inside == count && at + 1 < self.nodes.len() && self.change(at + 1, |node| node.insert(0, text, limits)) {
            return;
        }
        let at = if inside == 0 { at } else { at + 1 };
        if 0 < inside
            && inside < count
            && let Some(tail) = self.change(at - 1, |node| node.split_off(inside))
        {
            self.put(at, tail);
        }
        self.put(at, Node::of(text, limits));
        self.merge_around(at, limits);
    }

    /// Makes the element `inside` of node `at` be `text`.
    pub fn set(&mut self, at: usize, inside: usize, text: &[u8], limits: &Limits) {
        if self.change(at, |node| node.replace(inside, text, limits)) {
            return;
        }
        if self.nodes[at].count() == 1 {
            self.take(at);
            self.put(at, Node::of(text, limits));
            return;
        }
        self.change(at, |node| node.delete(inside, 1));
        self.insert(at, inside, text, limits);
    }

    /// Deletes `count` elements from index `start` on; there are that many. Whole nodes are handed to `dead`.
    pub fn delete(&mut self, start: usize, mut count: usize, dead: &mut impl FnMut(Node)) {
        let Some((mut at, mut inside)) = self.locate(start) else { return };
        if inside > 0 {
            let part = count.min(self.nodes[at].count() - inside);
            self.change(at, |node| node.delete(inside, part));
            count -= part;
            (at, inside) = (at + 1, 0);
        }
        let first = at;
        let mut whole = 0;
        while let Some(node) = self.nodes.get(at).filter(|node| node.count() <= count && count > 0) {
            count -= node.count();
            whole += node.count();
            self.content -= node.heap_bytes();
            at += 1;
        }
        self.len -= whole;
        self.cut(first, at).into_iter().for_each(dead);
        if count > 0 {
            self.change(first, |node| node.delete(inside, count));
        }
    }

    /// Takes nodes out. At the ends that needs no joining of what is left.
    fn cut(&mut self, first: usize, end: usize) -> Vector<Node> {
        if end == self.nodes.len() {
            self.nodes.split_off(first)
        } else if first == 0 {
            let rest = self.nodes.split_off(end);
            std::mem::replace(&mut self.nodes, rest)
        } else {
            self.nodes.slice(first..end)
        }
    }

    /// Deletes at most `limit` elements that are `text`, from that end on; returns how many.
    pub fn delete_equal(&mut self, from: End, text: &[u8], limit: usize) -> usize {
        let (mut deleted, nodes) = (0, self.nodes.len());
        for step in 0..nodes {
            let at = if from == End::Head { step } else { nodes - 1 - step };
            deleted += self.change(at, |node| node.delete_equal(from, text, limit - deleted));
            if deleted == limit {
                break;
            }
        }
        let content = &mut self.content;
        self.nodes.retain(|node| {
            let stays = node.count() > 0;
            *content -= if stays { 0 } else { node.heap_bytes() };
            stays
        });
        deleted
    }

    /// Frees nodes, about `budget` elements of them; whether any are left.
    pub fn release(&mut self, budget: usize) -> bool {
        let mut freed = 0;
        while freed < budget
            && let Some(node) = self.nodes.pop_back()
        {
            // A node costs something whatever is in it.
            freed += node.count().max(8);
            self.len -= node.count();
            self.content -= node.heap_bytes();
        }
        !self.nodes.is_empty()
    }

    /// Adds a node.
    pub fn put(&mut self, at: usize, node: Node) {
        self.len += node.count();
        self.content += node.heap_bytes();
        self.nodes.insert(at, node);
    }

    fn take(&mut self, at: usize) {
        let node = self.nodes.remove(at);
        self.len -= node.count();
        self.content -= node.heap_bytes();
    }

    /// Changes a node, if there is one at `at`, and keeps count.
    fn change<R: Default>(&mut self, at: usize, change: impl FnOnce(&mut Node) -> R) -> R {
        let Some(node) = self.nodes.get_mut(at) else { return R::default() };
        self.len -= node.count();
        self.content -= node.heap_bytes();
        let result = change(node);
        self.len += node.count();
        self.content += node.heap_bytes();
        result
    }

    /// Joins node `at` with those beside it, where the limits allow.
    fn merge_around(&mut self, at: usize, limits: &Limits) {
        self.merge(at, limits);
        if at > 0 {
            self.merge(at - 1, limits);
        }
    }

    fn merge(&mut self, at: usize, limits: &Limits) {
        let Some(next) = self.nodes.get(at + 1).cloned() else { return };
        if self.change(at, |node| node.merge(&next, limits)) {
            self.take(at + 1);
        }
    }
}

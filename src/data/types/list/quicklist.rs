//! A list of more than one node.
//!
//! Invariants: no node is empty; `len` and `content` are the sums over all nodes; the first and the last node are not
//! compressed.
//!
//! With `list-compress-depth`, a node is compressed when others push it deeper than that, or when it comes into being
//! there. A compressed one that is changed is compressed again, unless it has come to an end by then.

use super::node::Node;
use super::nodes::Nodes;
use super::{End, Limits};
use crate::data::types::listpack::Entry;
use std::ops::ControlFlow;

/// See the module's description.
#[derive(Clone, Debug, Default)]
pub struct Quicklist {
    /// In order.
    pub nodes: Nodes,
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
            let (mut at, mut before) = (self.nodes.len(), self.len);
            for node in self.nodes.iter().rev() {
                at -= 1;
                before -= node.count();
                if index >= before {
                    return Some((at, index - before));
                }
            }
        }
        None
    }

    /// Shows `visit` the elements from that end on, without the first `skip`, until it breaks.
    pub fn each(&self, from: End, skip: usize, mut visit: impl FnMut(Entry<'_>) -> ControlFlow<()>) {
        let first = match from {
            End::Head => Some(skip),
            End::Tail => self.len.checked_sub(skip + 1),
        };
        let Some((at, inside)) = first.and_then(|first| self.locate(first)) else { return };
        let mut skip = if from == End::Head { inside } else { self.nodes[at].count() - 1 - inside };
        let mut show = |node: &Node| node.view().each(from, std::mem::take(&mut skip), &mut visit);
        // It either has seen all or enough.
        _ = match from {
            End::Head => self.nodes.range(at..self.nodes.len()).try_for_each(&mut show),
            End::Tail => self.nodes.range(0..at + 1).rev().try_for_each(&mut show),
        };
    }

    /// Adds an element at that end.
    pub fn push(&mut self, end: End, text: &[u8], limits: &Limits) {
        let at = if end == End::Head { 0 } else { self.nodes.len().saturating_sub(1) };
        match self.nodes.get(at).filter(|node| node.takes(text.len(), limits)).map(Node::count) {
            Some(count) => self.change(at, |node| node.insert(if end == End::Head { 0 } else { count }, text)),
            None => self.put_at(end, Node::of(text, limits), limits),
        }
    }

    /// Adds a node at that end.
    pub fn put_at(&mut self, end: End, node: Node, limits: &Limits) {
        let last = self.nodes.len();
        let (at, deeper) = match end {
            End::Head => (0, limits.depth),
            End::Tail => (last, last.wrapping_sub(limits.depth)),
        };
        self.put(at, node);
        self.compress(deeper, limits);
    }

    /// Takes the element at that end out, after `read` has seen it.
    pub fn pop<R>(&mut self, end: End, read: impl FnOnce(Entry<'_>) -> R) -> Option<R> {
        let at = if end == End::Head { 0 } else { self.nodes.len().checked_sub(1)? };
        let node = self.nodes.get(at)?;
        let last = node.count() - 1;
        let inside = if end == End::Head { 0 } else { last };
        let result = node.view().get(inside, read)?;
        if last == 0 {
            self.take(at);
            self.unpack_ends();
        } else {
            self.change(at, |node| node.delete(inside, 1));
        }
        Some(result)
    }

    /// Puts `text` before the element `inside` of node `at`, or behind its last.
    pub fn insert(&mut self, at: usize, inside: usize, text: &[u8], limits: &Limits) {
        let count = self.nodes[at].count();
        let takes = |node: Option<&Node>| node.is_some_and(|node| node.takes(text.len(), limits));
        if takes(self.nodes.get(at)) {
            self.change(at, |node| node.insert(inside, text));
        } else if inside == 0 && at > 0 && takes(self.nodes.get(at - 1)) {
            self.change(at - 1, |node| node.insert(node.count(), text));
        } else if inside == count && takes(self.nodes.get(at + 1)) {
            self.change(at + 1, |node| node.insert(0, text));
        } else {
            self.insert_node(at, inside, text, limits);
        }
        self.settle(at, limits);
    }

    /// The same, in a node of its own.
    fn insert_node(&mut self, at: usize, inside: usize, text: &[u8], limits: &Limits) {
        let is_within = 0 < inside && inside < self.nodes[at].count();
        let tail = if is_within { self.change(at, |node| node.split_off(inside)) } else { None };
        let at = if inside == 0 { at } else { at + 1 };
        if let Some(tail) = tail {
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
            return self.settle(at, limits);
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
        let mut cut = self.nodes.cut(first..at);
        std::iter::from_fn(|| cut.pop()).for_each(dead);
        if count > 0 {
            self.change(first, |node| node.delete(inside, count));
        }
        self.unpack_ends();
    }

    /// Deletes at most `limit` elements that are `text`, from that end on; returns how many.
    pub fn delete_equal(&mut self, from: End, text: &[u8], limit: usize) -> usize {
        let (mut deleted, nodes) = (0, self.nodes.len());
        for step in 0..nodes {
            if deleted == limit {
                break;
            }
            let at = if from == End::Head { step } else { nodes - 1 - step };
            if self.nodes[at].has(text) {
                deleted += self.change(at, |node| node.delete_equal(from, text, limit - deleted));
            }
        }
        let content = &mut self.content;
        self.nodes.retain(|node| {
            let stays = node.count() > 0;
            *content -= if stays { 0 } else { node.heap_bytes() };
            stays
        });
        self.unpack_ends();
        deleted
    }

    /// Frees nodes, about `budget` elements of them; whether any are left.
    pub fn release(&mut self, budget: usize) -> bool {
        let mut freed = 0;
        while freed < budget
            && let Some(node) = self.nodes.pop()
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

    /// Changes a node, if there is one at `at`. A compressed one is unpacked meanwhile.
    fn change<R: Default>(&mut self, at: usize, change: impl FnOnce(&mut Node) -> R) -> R {
        self.update(at, |node| {
            let was_compressed = node.unpack();
            let result = change(node);
            if was_compressed {
                node.compress();
            }
            result
        })
    }

    /// Changes a node, if there is one at `at`, and keeps count.
    fn update<R: Default>(&mut self, at: usize, update: impl FnOnce(&mut Node) -> R) -> R {
        let Some(node) = self.nodes.get_mut(at) else { return R::default() };
        self.len -= node.count();
        self.content -= node.heap_bytes();
        let result = update(node);
        self.len += node.count();
        self.content += node.heap_bytes();
        result
    }

    /// Compresses node `at` if it is deeper than the limits say.
    fn compress(&mut self, at: usize, limits: &Limits) {
        let inside = limits.depth..self.nodes.len().saturating_sub(limits.depth);
        if limits.depth > 0 && inside.contains(&at) && matches!(self.nodes[at], Node::Packed { .. }) {
            self.update(at, Node::compress);
        }
    }

    /// Compresses what an insertion about node `at` has made or has pushed deep enough.
    fn settle(&mut self, at: usize, limits: &Limits) {
        if limits.depth > 0 {
            let last = self.nodes.len().saturating_sub(1);
            let about = at.saturating_sub(1)..=at + 2;
            about.chain([limits.depth, last.wrapping_sub(limits.depth)]).for_each(|at| self.compress(at, limits));
        }
        self.unpack_ends();
    }

    fn unpack_ends(&mut self) {
        for at in [0, self.nodes.len().wrapping_sub(1)] {
            if let Some(Node::Compressed { .. }) = self.nodes.get(at) {
                self.update(at, Node::unpack);
            }
        }
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
        if self.nodes[at].takes_all_of(&next, limits) {
            self.change(at, |node| node.append(next));
            self.take(at + 1);
        }
    }
}

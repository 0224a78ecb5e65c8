//! A node of a list: many elements in a listpack, which may be compressed, or one that is too large for that. A copy of a
//! node shares them until one of the two changes.

use super::super::listpack::{Entry, Listpack};
use super::compressed::Compressed;
use super::{End, Limits};
use std::ops::ControlFlow;
use std::sync::Arc;

/// See the module's description.
#[derive(Clone, Debug)]
pub enum Node {
    /// Elements in a listpack, which is not empty.
    Packed {
        /// How many they are: to be known without touching the listpack.
        count: u32,
        /// The elements.
        pack: Arc<Listpack>,
    },
    /// The same, to be unpacked before it is changed.
    Compressed {
        /// How many they are.
        count: u32,
        /// The elements.
        pack: Arc<Compressed>,
    },
    /// One large element.
    Plain(Arc<Vec<u8>>),
}

/// A node, to read.
#[derive(Clone, Copy)]
pub enum NodeRef<'l> {
    /// Elements in a listpack.
    Packed(&'l Listpack),
    /// Elements in a listpack that is compressed.
    Compressed(&'l Compressed),
    /// One large element.
    Plain(&'l [u8]),
}

impl Node {
    /// A node of one element.
    pub fn of(text: &[u8], limits: &Limits) -> Node {
        if limits.is_large(text.len()) {
            return Node::Plain(Arc::new(text.to_vec()));
        }
        let mut pack = Listpack::new();
        pack.push_back(text);
        Node::Packed { count: 1, pack: Arc::new(pack) }
    }

    /// A node of these elements; none: there are none.
    pub fn packed(pack: Listpack) -> Option<Node> {
        let count = pack.len() as u32;
        (count > 0).then(|| Node::Packed { count, pack: Arc::new(pack) })
    }

    /// The node, to read.
    pub fn view(&self) -> NodeRef<'_> {
        match self {
            Node::Packed { pack, .. } => NodeRef::Packed(pack),
            Node::Compressed { pack, .. } => NodeRef::Compressed(pack),
            Node::Plain(bytes) => NodeRef::Plain(bytes),
        }
    }

    /// How many elements it has.
    pub fn count(&self) -> usize {
        match self {
            Node::Packed { count, .. } | Node::Compressed { count, .. } => *count as usize,
            Node::Plain(_) => 1,
        }
    }

    /// Bytes it has on the heap.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Node::Packed { pack, .. } => pack.heap_bytes(),
            Node::Compressed { pack, .. } => size_of::<Compressed>() + pack.as_bytes().len(),
            Node::Plain(bytes) => bytes.capacity(),
        }
    }

    /// Compresses it if that saves enough.
    pub fn compress(&mut self) {
        if let Node::Packed { count, pack } = self
            && let Some(compressed) = Compressed::of(pack)
        {
            *self = Node::Compressed { count: *count, pack: Arc::new(compressed) };
        }
    }

    /// Undoes that; whether it was compressed.
    pub fn unpack(&mut self) -> bool {
        let Node::Compressed { count, pack } = self else { return false };
        *self = Node::Packed { count: *count, pack: Arc::new(pack.unpack()) };
        true
    }

    /// Whether the limits allow another element of `length`.
    pub fn takes(&self, length: usize, limits: &Limits) -> bool {
        !matches!(self, Node::Plain(_)) && limits.takes(self.view().size(), self.count(), length)
    }

    /// Whether the limits allow the elements of `other` behind its own.
    pub fn takes_all_of(&self, other: &Node, limits: &Limits) -> bool {
        let plain = [self, other].iter().any(|node| matches!(node, Node::Plain(_)));
        !plain && limits.allow(self.view().size() + other.view().size(), self.count() + other.count())
    }

    /// Whether `text` is one of its elements.
    pub fn has(&self, text: &[u8]) -> bool {
        let found = |pack: &Listpack| pack.first().is_some_and(|first| pack.find(first, text, 0).is_some());
        match self {
            Node::Packed { pack, .. } => found(pack),
            Node::Compressed { pack, .. } => found(&pack.unpack()),
            Node::Plain(bytes) => bytes.as_slice() == text,
        }
    }

    /// Puts `text`, which it [takes](Node::takes), before the element with index `at`, or behind the last.
    pub fn insert(&mut self, at: usize, text: &[u8]) {
        let Node::Packed { count, pack } = self else { return };
        let pack = Arc::make_mut(pack);
        match at {
            0 => pack.push_front(text),
            at if at == *count as usize => pack.push_back(text),
            at => {
                if let Some(place) = pack.seek(at as i64) {
                    pack.insert_before(place, text);
                }
            }
        }
        *count += 1;
    }

    /// Makes the element with index `at` be `text`; false: that would be against the limits.
    pub fn replace(&mut self, at: usize, text: &[u8], limits: &Limits) -> bool {
        let Node::Packed { count, pack } = self else { return false };
        let Some(place) = pack.seek(at as i64) else { return false };
        let without = pack.as_bytes().len().saturating_sub(pack.get(place).text_len());
        if !limits.takes(without, *count as usize - 1, text.len()) {
            return false;
        }
        Arc::make_mut(pack).replace(place, text);
        true
    }

    /// Deletes `number` elements from index `at` on; not all of them.
    pub fn delete(&mut self, at: usize, number: usize) {
        if let Node::Packed { count, pack } = self {
            Arc::make_mut(pack).delete_range(at as i64, number);
            *count -= number as u32;
        }
    }

    /// Deletes at most `limit` elements that are `text`, which it [has](Node::has), from that end on; returns how many.
    /// The node may be empty then.
    pub fn delete_equal(&mut self, from: End, text: &[u8], limit: usize) -> usize {
        let mut deleted = 0;
        let Node::Packed { count, pack } = self else {
            *self = Node::Packed { count: 0, pack: Arc::default() };
            return 1;
        };
        let pack = Arc::make_mut(pack);
        match from {
            End::Head => {
                let mut at = pack.first();
                while deleted < limit
                    && let Some(found) = at.and_then(|at| pack.find(at, text, 0))
                {
                    at = pack.delete(found);
                    deleted += 1;
                }
            }
            End::Tail => {
                let mut at = pack.last();
                while deleted < limit
                    && let Some(place) = at
                {
                    at = pack.prev(place);
                    if pack.get(place).is(text) {
                        pack.delete(place);
                        deleted += 1;
                    }
                }
            }
        }
        *count -= deleted as u32;
        deleted
    }

    /// Takes the elements from index `at` on, neither all nor none of them, into a node of their own.
    pub fn split_off(&mut self, at: usize) -> Option<Node> {
        let Node::Packed { count, pack } = self else { return None };
        let mut tail = Listpack::new();
        for element in pack.iter().skip(at) {
            match element {
                Entry::Int(value) => tail.push_back_int(value),
                Entry::Bytes(bytes) => tail.push_back(bytes),
            }
        }
        Arc::make_mut(pack).delete_range(at as i64, *count as usize - at);
        let moved = *count - at as u32;
        *count = at as u32;
        Some(Node::Packed { count: moved, pack: Arc::new(tail) })
    }

    /// Adds the elements of `other`, which it [takes](Node::takes_all_of), behind its own.
    pub fn append(&mut self, mut other: Node) {
        other.unpack();
        if let (Node::Packed { count, pack }, Node::Packed { count: more, pack: other }) = (self, other) {
            Arc::make_mut(pack).append(&other);
            *count += more;
        }
    }
}

impl NodeRef<'_> {
    /// Its bytes: those of the listpack, or of the element.
    pub fn size(self) -> usize {
        match self {
            NodeRef::Packed(pack) => pack.as_bytes().len(),
            NodeRef::Compressed(pack) => pack.size(),
            NodeRef::Plain(bytes) => bytes.len(),
        }
    }

    /// Shows `read` the element with this index.
    pub fn get<R>(self, at: usize, read: impl FnOnce(Entry<'_>) -> R) -> Option<R> {
        match self {
            NodeRef::Packed(pack) => pack.seek(at as i64).map(|place| read(pack.get(place))),
            NodeRef::Compressed(pack) => NodeRef::Packed(&pack.unpack()).get(at, read),
            NodeRef::Plain(bytes) => (at == 0).then(|| read(Entry::Bytes(bytes))),
        }
    }

    /// Shows `visit` its elements from that end on, without the first `skip`, until it breaks.
    pub fn each(self, from: End, skip: usize, visit: &mut impl FnMut(Entry<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        match self {
            NodeRef::Packed(pack) if from == End::Head => pack.iter().skip(skip).try_for_each(visit),
            NodeRef::Packed(pack) => pack.iter().rev().skip(skip).try_for_each(visit),
            NodeRef::Compressed(pack) => NodeRef::Packed(&pack.unpack()).each(from, skip, visit),
            NodeRef::Plain(bytes) if skip == 0 => visit(Entry::Bytes(bytes)),
            NodeRef::Plain(_) => ControlFlow::Continue(()),
        }
    }
}

//! A node of a list: many elements in a listpack, or one that is too large for that. A copy of a node shares them until one
//! of the two changes.

use super::super::listpack::{Entry, Iter, Listpack};
use super::{End, Limits};
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
    /// One large element.
    Plain(Arc<Vec<u8>>),
}

/// A node, to read.
#[derive(Clone, Copy)]
pub enum NodeRef<'l> {
    /// Elements in a listpack.
    Packed(&'l Listpack),
    /// One large element.
    Plain(&'l [u8]),
}

/// The elements of a node in order, or from the end.
pub enum Elements<'l> {
    /// Those of a listpack.
    Packed(Iter<'l>),
    /// The one, if it is still to come.
    Plain(Option<&'l [u8]>),
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
            Node::Plain(bytes) => NodeRef::Plain(bytes),
        }
    }

    /// How many elements it has.
    pub fn count(&self) -> usize {
        match self {
            Node::Packed { count, .. } => *count as usize,
            Node::Plain(_) => 1,
        }
    }

    /// Bytes it has on the heap.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Node::Packed { pack, .. } => pack.heap_bytes(),
            Node::Plain(bytes) => bytes.capacity(),
        }
    }

    /// Puts `text` before the element with index `at`, or behind the last; false: that would be against the limits.
    pub fn insert(&mut self, at: usize, text: &[u8], limits: &Limits) -> bool {
        let Node::Packed { count, pack } = self else { return false };
        if !limits.takes(pack.as_bytes().len(), *count as usize, text.len()) {
            return false;
        }
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
        true
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

    /// Deletes at most `limit` elements that are `text`, from that end on; returns how many. The node may be empty
    /// then.
    pub fn delete_equal(&mut self, from: End, text: &[u8], limit: usize) -> usize {
        let mut deleted = 0;
        let (count, pack) = match self {
            Node::Packed { count, pack } => (count, pack),
            Node::Plain(bytes) if limit > 0 && bytes.as_slice() == text => {
                *self = Node::Packed { count: 0, pack: Arc::default() };
                return 1;
            }
            Node::Plain(_) => return 0,
        };
        if pack.first().is_none_or(|first| pack.find(first, text, 0).is_none()) {
            return 0;
        }
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

    /// Adds the elements of `other` behind its own; false: that would be against the limits.
    pub fn merge(&mut self, other: &Node, limits: &Limits) -> bool {
        match (self, other) {
            (Node::Packed { count, pack }, Node::Packed { count: more, pack: other }) => {
                let fits = limits.allow(pack.as_bytes().len() + other.as_bytes().len(), (*count + *more) as usize);
                if fits {
                    Arc::make_mut(pack).append(other);
                    *count += more;
                }
                fits
            }
            _ => false,
        }
    }
}

impl<'l> NodeRef<'l> {
    /// Its elements.
    pub fn elements(self) -> Elements<'l> {
        match self {
            NodeRef::Packed(pack) => Elements::Packed(pack.iter()),
            NodeRef::Plain(bytes) => Elements::Plain(Some(bytes)),
        }
    }

    /// Its bytes: those of the listpack, or of the element.
    pub fn as_bytes(self) -> &'l [u8] {
        match self {
            NodeRef::Packed(pack) => pack.as_bytes(),
            NodeRef::Plain(bytes) => bytes,
        }
    }

    /// The element with this index.
    pub fn get(self, at: usize) -> Option<Entry<'l>> {
        match self {
            NodeRef::Packed(pack) => pack.seek(at as i64).map(|place| pack.get(place)),
            NodeRef::Plain(bytes) => (at == 0).then_some(Entry::Bytes(bytes)),
        }
    }
}

impl<'l> Iterator for Elements<'l> {
    type Item = Entry<'l>;

    fn next(&mut self) -> Option<Entry<'l>> {
        match self {
            Elements::Packed(entries) => entries.next(),
            Elements::Plain(bytes) => bytes.take().map(Entry::Bytes),
        }
    }
}

impl DoubleEndedIterator for Elements<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            Elements::Packed(entries) => entries.next_back(),
            Elements::Plain(bytes) => bytes.take().map(Entry::Bytes),
        }
    }
}

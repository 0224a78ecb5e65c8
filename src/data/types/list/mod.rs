//! The list: a listpack while that is large enough, then a double-ended queue of *nodes*, most of them listpacks.
//!
//! ```text
//! One:   listpack
//! Many:  [ 128 elements | 97 elements | one large element | 128 elements ... ]
//! ```
//!
//! Both are what Redis 7.0 calls a quicklist. `list-max-listpack-size` bounds a node, so that no operation at the ends
//! moves more than that many bytes; the number of elements of each node is kept beside it, so that an index is found
//! without touching the nodes before it. With `list-compress-depth`, listpacks that far from the ends are compressed. So
//! elements are shown to closures, not lent: those of a compressed node are there only meanwhile.
//!
//! To read: `node`, `nodes`, `quicklist`, then here what both forms have in common.

mod compressed;
mod node;
mod nodes;
mod quicklist;
#[cfg(test)]
mod tests;

use super::listpack::{Entry, Listpack};
use node::Node;
pub use node::NodeRef;
use quicklist::Quicklist;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The left one, with index 0.
    Head,
    /// The right one, with index -1.
    Tail,
}

/// What a node may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `list-max-listpack-size`: elements, or below zero a size class.
    pub fill: i32,
    /// The shortest element that gets a node of its own, not a listpack.
    pub large: usize,
    /// `list-compress-depth`: how many nodes at each end are not compressed; 0: none is.
    pub depth: usize,
}

/// The shortest element that is not kept in a listpack, unless DEBUG says otherwise.
pub const LARGE: usize = 1 << 20;

/// A list.
#[derive(Clone, Debug)]
pub enum List {
    /// All elements in one listpack.
    One(Listpack),
    /// In any number of nodes.
    Many(Box<Quicklist>),
}

impl Limits {
    /// Bytes by size class, from -1 on. Source: Redis 7.0 `optimization_level`.
    const SIZES: [usize; 5] = [4096, 8192, 16384, 32768, 65536];
    /// Bytes of a node that is bounded by its elements. Source: Redis 7.0 `SIZE_SAFETY_LIMIT`.
    const SAFE: usize = 8192;
    /// What an element takes beside its text, about. Source: Redis 7.0 `SIZE_ESTIMATE_OVERHEAD`.
    const OVERHEAD: usize = 8;

    fn is_large(&self, length: usize) -> bool {
        length >= self.large
    }

    /// Whether a listpack may have that many bytes and elements.
    fn allow(&self, bytes: usize, count: usize) -> bool {
        match usize::try_from(self.fill) {
            Ok(fill) => bytes <= Self::SAFE && count <= fill.max(1),
            Err(_) => bytes <= Self::SIZES[(self.fill.unsigned_abs() as usize - 1).min(Self::SIZES.len() - 1)],
        }
    }

    /// Whether a listpack of `bytes` and `count` elements takes another of `length`. An empty one takes any that is
    /// not large.
    fn takes(&self, bytes: usize, count: usize, length: usize) -> bool {
        !self.is_large(length) && (count == 0 || self.allow(bytes + length + Self::OVERHEAD, count + 1))
    }
}

impl Default for List {
    fn default() -> Self {
        List::One(Listpack::new())
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.to_vec() == other.to_vec()
    }
}

impl List {
    /// How many elements it has.
    pub fn len(&self) -> usize {
        match self {
            List::One(pack) => pack.len(),
            List::Many(list) => list.len,
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an element at that end.
    pub fn push(&mut self, end: End, text: &[u8], limits: &Limits) {
        match self {
            List::One(pack) if limits.takes(pack.as_bytes().len(), pack.len(), text.len()) => match end {
                End::Head => pack.push_front(text),
                End::Tail => pack.push_back(text),
            },
            _ => self.as_quicklist(|list| list.push(end, text, limits)),
        }
    }

    /// Takes the element at that end out, after `read` has seen it.
    pub fn pop<R>(&mut self, end: End, read: impl FnOnce(Entry<'_>) -> R) -> Option<R> {
        match self {
            List::One(pack) => {
                let place = if end == End::Head { pack.first() } else { pack.last() }?;
                let result = read(pack.get(place));
                pack.delete(place);
                Some(result)
            }
            List::Many(list) => {
                let result = list.pop(end, read);
                if list.nodes.len() < 2 {
                    self.as_quicklist(|_| ());
                }
                result
            }
        }
    }

    /// Shows `read` the element with this index; -1 is the last one.
    pub fn get<R>(&self, index: i64, read: impl FnOnce(Entry<'_>) -> R) -> Option<R> {
        let index = self.position(index)?;
        match self {
            List::One(pack) => NodeRef::Packed(pack).get(index, read),
            List::Many(list) => {
                let (at, inside) = list.locate(index)?;
                list.nodes[at].view().get(inside, read)
            }
        }
    }

    /// Makes the element with this index be `text`; false: there is none.
    pub fn set(&mut self, index: i64, text: &[u8], limits: &Limits) -> bool {
        let Some(index) = self.position(index) else { return false };
        self.as_quicklist(|list| {
            if let Some((at, inside)) = list.locate(index) {
                list.set(at, inside, text, limits);
            }
        });
        true
    }

    /// Puts `text` before the element with index `index`, or behind the last if there is none.
    pub fn insert(&mut self, index: usize, text: &[u8], limits: &Limits) {
        self.as_quicklist(|list| match list.locate(index) {
            Some((at, inside)) => list.insert(at, inside, text, limits),
            None => list.push(End::Tail, text, limits),
        });
    }

    /// Deletes `count` elements from index `start` on, or as many as there are. What takes long to free is returned.
    pub fn delete(&mut self, start: usize, count: usize) -> List {
        let count = count.min(self.len().saturating_sub(start));
        let mut dead = Quicklist::default();
        if count > 0 {
            self.as_quicklist(|list| {
                list.delete(start, count, &mut |node| dead.put(dead.nodes.len(), node));
            });
        }
        List::Many(Box::new(dead))
    }

    /// Deletes at most `limit` elements that are `text`, from that end on; returns how many.
    pub fn delete_equal(&mut self, from: End, text: &[u8], limit: usize) -> usize {
        self.as_quicklist(|list| list.delete_equal(from, text, limit))
    }

    /// Shows `visit` the elements from that end on, without the first `skip`, until it breaks.
    pub fn each_until(&self, from: End, skip: usize, mut visit: impl FnMut(Entry<'_>) -> ControlFlow<()>) {
        match self {
            List::One(pack) => _ = NodeRef::Packed(pack).each(from, skip, &mut visit),
            List::Many(list) => list.each(from, skip, visit),
        }
    }

    /// Shows `visit` the elements of this range, which is counted from that end on.
    pub fn each(&self, from: End, range: Range<usize>, mut visit: impl FnMut(Entry<'_>)) {
        let mut left = range.len();
        if left > 0 {
            self.each_until(from, range.start, |element| {
                visit(element);
                left -= 1;
                if left > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
        }
    }

    /// The index of the first element that is `text`.
    pub fn find(&self, text: &[u8]) -> Option<usize> {
        let (mut index, mut found) = (0, None);
        self.each_until(End::Head, 0, |element| {
            if element.is(text) {
                found = Some(index);
                return ControlFlow::Break(());
            }
            index += 1;
            ControlFlow::Continue(())
        });
        found
    }

    /// The texts of the elements of this range, which is counted from that end on.
    pub fn texts(&self, from: End, range: Range<usize>) -> Vec<Vec<u8>> {
        let mut texts = Vec::with_capacity(range.len());
        self.each(from, range, |element| texts.push(element.to_vec()));
        texts
    }

    /// The texts of all elements.
    pub fn to_vec(&self) -> Vec<Vec<u8>> {
        self.texts(End::Head, 0..self.len())
    }

    /// Its nodes, as they are dumped.
    pub fn nodes(&self) -> impl Iterator<Item = NodeRef<'_>> {
        let (one, many) = match self {
            List::One(pack) => (Some(NodeRef::Packed(pack)), None),
            List::Many(list) => (None, Some(list.nodes.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten().map(Node::view))
    }

    /// The node with this number.
    pub fn node(&self, number: usize) -> Option<NodeRef<'_>> {
        match self {
            List::One(pack) => (number == 0).then_some(NodeRef::Packed(pack)),
            List::Many(list) => list.nodes.get(number).map(Node::view),
        }
    }

    /// How many nodes it has.
    pub fn node_count(&self) -> usize {
        match self {
            List::One(_) => 1,
            List::Many(list) => list.nodes.len(),
        }
    }

    /// Adds the elements of a listpack that was dumped at the end.
    pub fn push_packed(&mut self, pack: Listpack, limits: &Limits) {
        if let Some(node) = Node::packed(pack) {
            self.as_quicklist(|list| list.put_at(End::Tail, node, limits));
        }
    }

    /// Adds a large element that was dumped at the end.
    pub fn push_plain(&mut self, bytes: Vec<u8>, limits: &Limits) {
        self.as_quicklist(|list| list.put_at(End::Tail, Node::Plain(Arc::new(bytes)), limits));
    }

    /// Bytes it has on the heap. O(1).
    pub fn heap_bytes(&self) -> usize {
        match self {
            List::One(pack) => pack.heap_bytes(),
            List::Many(list) => size_of::<Quicklist>() + list.heap_bytes(),
        }
    }

    /// The word OBJECT ENCODING answers with.
    pub fn encoding(&self) -> &'static str {
        "quicklist"
    }

    /// Frees at most about `budget` elements; whether any are left.
    pub fn release(&mut self, budget: usize) -> bool {
        match self {
            List::One(_) => false,
            List::Many(list) => list.release(budget),
        }
    }

    /// An index from the head.
    fn position(&self, index: i64) -> Option<usize> {
        let length = self.len() as i64;
        let index = if index < 0 { index + length } else { index };
        usize::try_from(index).ok().filter(|index| *index < length as usize)
    }

    /// Changes it in the form with nodes; leaves it in the form that it needs then.
    fn as_quicklist<R>(&mut self, change: impl FnOnce(&mut Quicklist) -> R) -> R {
        let mut list = match std::mem::take(self) {
            List::One(pack) => Box::new(Node::packed(pack).map_or_else(Quicklist::default, Quicklist::new)),
            List::Many(list) => list,
        };
        let result = change(&mut list);
        *self = match list.nodes.pop_only() {
            Some(Node::Packed { pack, .. }) => List::One(Arc::unwrap_or_clone(pack)),
            Some(node) => List::Many(Box::new(Quicklist::new(node))),
            None if list.nodes.is_empty() => List::default(),
            None => List::Many(list),
        };
        result
    }
}

//! Values too large for an entry's cell.

use super::entry::Kind;
use crate::data::types::{hash::Hash, list::List, set::Set, stream::Stream, zset::Zset};
use std::sync::Arc;

/// A value outside of its entry's cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// A long string.
    String(Arc<Vec<u8>>),
    /// A list.
    List(List),
    /// A set.
    Set(Set),
    /// A sorted set.
    Zset(Zset),
    /// A hash.
    Hash(Hash),
    /// A stream.
    Stream(Box<Stream>),
}

impl Object {
    /// A long string.
    pub fn string(bytes: Vec<u8>) -> Object {
        Object::String(Arc::new(bytes))
    }

    /// What kind of value it is.
    pub fn kind(&self) -> Kind {
        match self {
            Object::String(_) => Kind::String,
            Object::List(_) => Kind::List,
            Object::Set(_) => Kind::Set,
            Object::Zset(_) => Kind::Zset,
            Object::Hash(_) => Kind::Hash,
            Object::Stream(_) => Kind::Stream,
        }
    }

    /// The word OBJECT ENCODING answers with.
    pub fn encoding(&self) -> &'static str {
        match self {
            Object::String(_) => "raw",
            Object::List(list) => list.encoding(),
            Object::Set(set) => set.encoding(),
            Object::Zset(zset) => zset.encoding(),
            Object::Hash(hash) => hash.encoding(),
            Object::Stream(stream) => stream.encoding(),
        }
    }

    /// Bytes it has on the heap. O(1).
    pub fn heap_bytes(&self) -> usize {
        match self {
            Object::String(bytes) => bytes.capacity(),
            Object::List(list) => list.heap_bytes(),
            Object::Set(set) => set.heap_bytes(),
            Object::Zset(zset) => zset.heap_bytes(),
            Object::Hash(hash) => hash.heap_bytes(),
            Object::Stream(stream) => size_of::<Stream>() + stream.heap_bytes(),
        }
    }
}

//! Values: to read, wherever they are, and those outside of cells as what is handed over.

use super::entry::Kind;
use crate::data::types::{hash::Hash, list::List, set::Set, stream::Stream, zset::Zset};
use std::sync::Arc;

/// A key's value, to read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'s> {
    /// A string's bytes, short or long.
    Bytes(&'s [u8]),
    /// A list.
    List(&'s List),
    /// A set.
    Set(&'s Set),
    /// A sorted set.
    Zset(&'s Zset),
    /// A hash.
    Hash(&'s Hash),
    /// A stream.
    Stream(&'s Stream),
}

/// A value that is no short string, on its way in or out.
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

impl Value<'_> {
    /// The word OBJECT ENCODING answers with, if it is a collection; for strings that is more to know.
    pub fn encoding(self) -> &'static str {
        match self {
            Value::Bytes(_) => "raw",
            Value::List(list) => list.encoding(),
            Value::Set(set) => set.encoding(),
            Value::Zset(zset) => zset.encoding(),
            Value::Hash(hash) => hash.encoding(),
            Value::Stream(stream) => stream.encoding(),
        }
    }

    /// Bytes it has on the heap, if it is a collection. O(1).
    pub fn heap_bytes(self) -> usize {
        match self {
            Value::Bytes(_) => 0,
            Value::List(list) => list.heap_bytes(),
            Value::Set(set) => set.heap_bytes(),
            Value::Zset(zset) => zset.heap_bytes(),
            Value::Hash(hash) => hash.heap_bytes(),
            Value::Stream(stream) => size_of::<Stream>() + stream.heap_bytes(),
        }
    }
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

    /// The value, to read.
    pub fn value(&self) -> Value<'_> {
        match self {
            Object::String(bytes) => Value::Bytes(bytes),
            Object::List(list) => Value::List(list),
            Object::Set(set) => Value::Set(set),
            Object::Zset(zset) => Value::Zset(zset),
            Object::Hash(hash) => Value::Hash(hash),
            Object::Stream(stream) => Value::Stream(stream),
        }
    }

    /// Bytes it has on the heap. O(1).
    pub fn heap_bytes(&self) -> usize {
        match self {
            Object::String(bytes) => bytes.capacity(),
            collection => collection.value().heap_bytes(),
        }
    }
}

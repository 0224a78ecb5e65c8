//! The values that are too large for a cell, or no strings: a slab for each type, since an entry tells the type of its value.
//! Millions of small collections are to take no more than they must, and each slab's places are as small as its type.

use super::Value;
use super::entry::Kind;
use super::object::Object;
use super::slab::Slab;
use crate::data::types::{hash::Hash, list::List, set::Set, stream::Stream, zset::Zset};
use std::sync::Arc;

/// See the module's description. A value's number is its own among those of its kind.
#[derive(Default)]
pub struct Outside {
    strings: Slab<Option<Arc<Vec<u8>>>>,
    pub(super) lists: Slab<List>,
    pub(super) sets: Slab<Set>,
    pub(super) zsets: Slab<Zset>,
    pub(super) hashes: Slab<Hash>,
    pub(super) streams: Slab<Option<Box<Stream>>>,
}

/// Which value: that of an entry with [`OUTSIDE`](super::entry::OUTSIDE).
#[derive(Clone, Copy)]
pub struct At {
    /// Its kind.
    pub kind: Kind,
    /// Its number among those.
    pub number: u32,
}

impl Outside {
    /// Keeps `object`; returns its number.
    pub fn insert(&mut self, object: Object) -> u32 {
        match object {
            Object::String(bytes) => self.strings.insert(Some(bytes)),
            Object::List(list) => self.lists.insert(list),
            Object::Set(set) => self.sets.insert(set),
            Object::Zset(zset) => self.zsets.insert(zset),
            Object::Hash(hash) => self.hashes.insert(hash),
            Object::Stream(stream) => self.streams.insert(Some(stream)),
        }
    }

    /// Takes a value out, and leaves an empty one.
    pub fn take(&mut self, at: At) -> Object {
        match at.kind {
            Kind::String => Object::String(std::mem::take(self.strings.get_mut(at.number)).unwrap_or_default()),
            Kind::List => Object::List(std::mem::take(self.lists.get_mut(at.number))),
            Kind::Set => Object::Set(std::mem::take(self.sets.get_mut(at.number))),
            Kind::Zset => Object::Zset(std::mem::take(self.zsets.get_mut(at.number))),
            Kind::Hash => Object::Hash(std::mem::take(self.hashes.get_mut(at.number))),
            Kind::Stream => Object::Stream(std::mem::take(self.streams.get_mut(at.number)).unwrap_or_default()),
        }
    }

    /// The same, and its number is free.
    pub fn remove(&mut self, at: At) -> Object {
        match at.kind {
            Kind::String => Object::String(self.strings.remove(at.number).unwrap_or_default()),
            Kind::List => Object::List(self.lists.remove(at.number)),
            Kind::Set => Object::Set(self.sets.remove(at.number)),
            Kind::Zset => Object::Zset(self.zsets.remove(at.number)),
            Kind::Hash => Object::Hash(self.hashes.remove(at.number)),
            Kind::Stream => Object::Stream(self.streams.remove(at.number).unwrap_or_default()),
        }
    }

    /// A value, to read.
    #[inline]
    pub fn value(&self, at: At) -> Value<'_> {
        match at.kind {
            Kind::String => Value::Bytes(self.strings.get(at.number).as_deref().map_or(&[], Vec::as_slice)),
            Kind::List => Value::List(self.lists.get(at.number)),
            Kind::Set => Value::Set(self.sets.get(at.number)),
            Kind::Zset => Value::Zset(self.zsets.get(at.number)),
            Kind::Hash => Value::Hash(self.hashes.get(at.number)),
            Kind::Stream => Value::Stream(self.streams.get(at.number).as_deref().expect(THERE)),
        }
    }

    /// A long string.
    pub fn string(&self, number: u32) -> &Arc<Vec<u8>> {
        self.strings.get(number).as_ref().expect(THERE)
    }

    /// A long string, to change.
    pub fn string_mut(&mut self, number: u32) -> &mut Arc<Vec<u8>> {
        self.strings.get_mut(number).as_mut().expect(THERE)
    }

    /// A copy of a value.
    pub fn copy(&self, at: At) -> Object {
        match at.kind {
            Kind::String => Object::String(self.string(at.number).clone()),
            Kind::List => Object::List(self.lists.get(at.number).clone()),
            Kind::Set => Object::Set(self.sets.get(at.number).clone()),
            Kind::Zset => Object::Zset(self.zsets.get(at.number).clone()),
            Kind::Hash => Object::Hash(self.hashes.get(at.number).clone()),
            Kind::Stream => Object::Stream(self.streams.get(at.number).clone().expect(THERE)),
        }
    }

    /// Bytes a value has on the heap. O(1).
    pub fn heap_bytes(&self, at: At) -> usize {
        match at.kind {
            Kind::String => self.string(at.number).capacity(),
            _ => self.value(at).heap_bytes(),
        }
    }

    /// Bytes of a place for a value of this kind.
    pub fn place_bytes(kind: Kind) -> usize {
        match kind {
            Kind::String | Kind::Stream => size_of::<Option<Arc<Vec<u8>>>>(),
            Kind::List => size_of::<List>(),
            Kind::Set => size_of::<Set>(),
            Kind::Zset => size_of::<Zset>(),
            Kind::Hash => size_of::<Hash>(),
        }
    }

    /// Bytes of all places.
    pub fn overhead(&self) -> usize {
        let plain = self.lists.overhead() + self.sets.overhead() + self.zsets.overhead() + self.hashes.overhead();
        plain + self.strings.overhead() + self.streams.overhead()
    }

    /// Takes off the last place of some slab, whatever it holds; none: there is no more. For when all are to go.
    pub fn pop(&mut self) -> Option<Object> {
        let string = |bytes: Option<Arc<Vec<u8>>>| Object::String(bytes.unwrap_or_default());
        let stream = |stream: Option<Box<Stream>>| Object::Stream(stream.unwrap_or_default());
        (self.strings.pop().map(string))
            .or_else(|| self.lists.pop().map(Object::List))
            .or_else(|| self.sets.pop().map(Object::Set))
            .or_else(|| self.zsets.pop().map(Object::Zset))
            .or_else(|| self.hashes.pop().map(Object::Hash))
            .or_else(|| self.streams.pop().map(stream))
    }

    /// How many places there are, free ones too.
    pub fn places(&self) -> usize {
        let plain = self.lists.places() + self.sets.places() + self.zsets.places() + self.hashes.places();
        plain + self.strings.places() + self.streams.places()
    }
}

const THERE: &str = "an entry's value is there as long as it is";

// Two words for a collection, however small: form, and where it is.
const _: () = assert!(size_of::<List>() == 16 && size_of::<Set>() == 16 && size_of::<Zset>() == 16);
const _: () = assert!(size_of::<Hash>() == 16 && size_of::<Option<Box<Stream>>>() == 8);

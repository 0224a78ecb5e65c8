//! Reading and changing collections in place.

use super::entry::{self, Header, OUTSIDE};
use super::{Handle, Object, Store, Value};
use crate::data::key::Key;
use crate::data::types::{hash::Hash, list::List, set::Set, stream::Stream, zset::Zset};

/// A type of collection.
pub trait Collection: Sized {
    /// `object`, if it is of this type.
    fn of(object: &Object) -> Option<&Self>;
    /// The same, to change.
    fn of_mut(object: &mut Object) -> Option<&mut Self>;
    /// As a value of a key.
    fn into_object(self) -> Object;
}

macro_rules! collections {
    ($($name:ident),*) => {$(
        impl Collection for $name {
            fn of(object: &Object) -> Option<&Self> {
                if let Object::$name(value) = object { Some(value) } else { None }
            }

            fn of_mut(object: &mut Object) -> Option<&mut Self> {
                if let Object::$name(value) = object { Some(value) } else { None }
            }

            fn into_object(self) -> Object {
                Object::$name(self.into())
            }
        }
    )*};
}

collections!(List, Hash, Set, Zset, Stream);

/// The key holds another type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherType;

impl Store {
    /// An entry's value as a collection of type `C`.
    pub fn collection<C: Collection>(&self, handle: Handle) -> Result<&C, OtherType> {
        match self.value(handle) {
            Value::Object(object) => C::of(object).ok_or(OtherType),
            Value::Bytes(_) => Err(OtherType),
        }
    }

    /// Lets `edit` change the collection at `key` in place, and marks it used; `edit` also tells whether it changed
    /// anything. `None`: there is no such key. An emptied collection is the caller's to remove.
    pub fn edit<C: Collection, R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        now: u64,
        edit: impl FnOnce(&mut C) -> (R, bool),
    ) -> Result<Option<R>, OtherType> {
        let Some((_, handle)) = self.locate_live(db, key, now) else { return Ok(None) };
        let header = Header::read(self.arena.memory(), handle);
        if !header.has(OUTSIDE) {
            return Err(OtherType);
        }
        self.before_edit(db, key);
        let object = self.objects.get_mut(entry::object_number(self.arena.memory(), handle, header));
        let before = object.heap_bytes();
        let (result, changed) = edit(C::of_mut(object).ok_or(OtherType)?);
        self.heap = self.heap - before + object.heap_bytes();
        let clock = self.clock.used(header.clock(), now, &mut self.random);
        header.with_clock(clock).write(self.arena.memory_mut(), handle);
        if changed {
            self.edited(db, key);
        }
        Ok(Some(result))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Deadline;
    use super::super::model_tests::store;
    use super::*;

    #[test]
    fn a_collection_is_changed_where_it_is_and_its_memory_counted() {
        let (mut store, hasher) = store(1);
        let limits = crate::contract::settings::EncodingLimits::default();
        let forms = crate::data::types::Forms { limits: &limits, hasher };
        let (key, text) = (hasher.key(b"k"), hasher.key(b"text"));
        store.set_string(0, &text, b"v", Deadline::Clear, 1);
        assert_eq!(store.edit(0, &key, 1, |_: &mut Hash| ((), true)), Ok(None));
        assert_eq!(store.edit(0, &text, 1, |_: &mut Hash| ((), true)), Err(OtherType));
        store.set_object(0, &key, Hash::new().into_object(), Deadline::Clear, 1);
        assert_eq!(store.edit(0, &key, 1, |_: &mut Set| ((), true)), Err(OtherType));
        let set = |hash: &mut Hash| (hash.set(b"field", &[b'x'; 1000], forms), true);
        assert_eq!(store.edit(0, &key, 1, set), Ok(Some(true)));
        let handle = store.peek(0, &key, 1).unwrap();
        let hash: &Hash = store.collection(handle).unwrap();
        assert!(hash.heap_bytes() > 1000 && store.heap == hash.heap_bytes());
        store.remove(0, &key, 1);
        assert_eq!(store.heap, 0);
    }
}

//! Reading and changing collections in place.

use super::entry::{Header, Kind};
use super::outside::{At, Outside};
use super::{Handle, Object, Store, Value};
use crate::data::key::Key;
use crate::data::types::{hash::Hash, list::List, set::Set, stream::Stream, zset::Zset};

/// A type of collection.
pub trait Collection: Sized {
    /// `value`, if it is of this type.
    fn of(value: Value<'_>) -> Option<&Self>;
    /// The value outside of cells that is there, to change, if it is of this type.
    fn of_mut(outside: &mut Outside, at: At) -> Option<&mut Self>;
    /// As a value of a key.
    fn into_object(self) -> Object;
}

macro_rules! collections {
    ($($name:ident: $find:expr;)*) => {$(
        impl Collection for $name {
            fn of(value: Value<'_>) -> Option<&Self> {
                if let Value::$name(value) = value { Some(value) } else { None }
            }

            fn of_mut(outside: &mut Outside, at: At) -> Option<&mut Self> {
                let find: fn(&mut Outside, u32) -> Option<&mut Self> = $find;
                if at.kind == Kind::$name { find(outside, at.number) } else { None }
            }

            fn into_object(self) -> Object {
                Object::$name(self.into())
            }
        }
    )*};
}

collections! {
    List: |outside, number| Some(outside.lists.get_mut(number));
    Hash: |outside, number| Some(outside.hashes.get_mut(number));
    Set: |outside, number| Some(outside.sets.get_mut(number));
    Zset: |outside, number| Some(outside.zsets.get_mut(number));
    Stream: |outside, number| outside.streams.get_mut(number).as_deref_mut();
}

/// The key holds another type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherType;

impl Store {
    /// An entry's value as a collection of type `C`.
    pub fn collection<C: Collection>(&self, handle: Handle) -> Result<&C, OtherType> {
        C::of(self.value(handle)).ok_or(OtherType)
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
        let at = self.outside(Handle(handle)).ok_or(OtherType)?;
        self.before_edit(db, key);
        let before = self.objects.heap_bytes(at);
        let (result, changed) = edit(C::of_mut(&mut self.objects, at).ok_or(OtherType)?);
        self.heap = self.heap - before + self.objects.heap_bytes(at);
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

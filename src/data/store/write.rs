//! Writing whole values: set, remove, move, and deadlines.

use super::arena;
use super::entry::{self, HEADER, Header, Kind, LONG_KEY, LONGEST_KEY, NUMBER, OUTSIDE, RAW, VOLATILE, VOLATILE_PART};
use super::lookup::key_at;
use super::table::{Place, SlotTable};
use super::tracking::Cause;
use super::{Deadline, Handle, Object, Store};
use crate::data::key::Key;
use crate::data::types::stream::Stream;
use std::sync::Arc;

/// A value lifted out of its key, with what belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    content: TakenContent,
    flags: u64,
    clock: u32,
    /// When it dies, in Unix milliseconds.
    pub deadline: Option<u64>,
}

#[derive(Clone, Debug, PartialEq)]
enum TakenContent {
    Bytes(Box<[u8]>),
    Object(Object),
}

/// A value on its way in.
pub(super) enum Content<'v> {
    /// A string that fits into a cell.
    Bytes(&'v [u8]),
    Object(Object),
}

/// Whether a value of this length is kept in its entry. Room for a deadline is always counted, so that getting one
/// never moves a value out.
pub(super) fn fits(key: &[u8], value: usize) -> bool {
    let key = if key.len() > LONGEST_KEY { NUMBER } else { key.len() };
    HEADER + VOLATILE_PART + key + value <= arena::LARGEST_ENTRY
}

impl Store {
    /// Makes `key` the string `value`, whatever it was.
    #[inline]
    pub fn set_string(&mut self, db: usize, key: &Key<'_>, value: &[u8], deadline: Deadline, now: u64) -> Handle {
        self.written(db, key);
        let found = self.locate(db, key);
        if let Some((_, handle)) = found
            && self.overwrite(handle, value, deadline, now)
        {
            return Handle(handle);
        }
        let content = if fits(key.bytes, value.len()) {
            Content::Bytes(value)
        } else {
            Content::Object(Object::string(value.to_vec()))
        };
        self.store(db, key, found, content, 0, deadline, now)
    }

    /// The same; a large value is kept as it is, without a copy.
    pub fn set_string_owned(
        &mut self,
        db: usize,
        key: &Key<'_>,
        value: Vec<u8>,
        deadline: Deadline,
        now: u64,
    ) -> Handle {
        if fits(key.bytes, value.len()) {
            return self.set_string(db, key, &value, deadline, now);
        }
        self.set_object(db, key, Object::string(value), deadline, now)
    }

    /// Makes `key` hold `object`, whatever it was.
    pub fn set_object(&mut self, db: usize, key: &Key<'_>, object: Object, deadline: Deadline, now: u64) -> Handle {
        self.written(db, key);
        let found = self.locate(db, key);
        self.store(db, key, found, Content::Object(object), 0, deadline, now)
    }

    /// Frees a part of a value that was taken out of it, later if it is large.
    pub fn bury(&mut self, object: Object) {
        self.graveyard.bury(object);
    }

    /// Sets or clears the deadline of `key`; false: no such key.
    pub fn set_deadline(&mut self, db: usize, key: &Key<'_>, deadline: Option<u64>, now: u64) -> bool {
        let Some((place, handle)) = self.locate_live(db, key, now) else { return false };
        self.written(db, key);
        let old = Header::read(self.arena.memory(), handle);
        let handle = self.reshape(db, place, handle, old, old.with(VOLATILE, deadline.is_some()));
        if let Some(deadline) = deadline {
            entry::set_deadline(self.arena.memory_mut(), handle, deadline);
        }
        true
    }

    /// Deletes `key`; false: no such key. A large value is freed by [`reclaim`](Store::reclaim).
    pub fn remove(&mut self, db: usize, key: &Key<'_>, now: u64) -> bool {
        let was_live = self.locate_live(db, key, now).is_some();
        // A key past its deadline that is kept is deleted too: that is its primary's word.
        if let Some((place, handle)) = self.locate(db, key) {
            if was_live {
                self.written(db, key);
            } else {
                self.is_gone(key.bytes);
            }
            self.unlink(db, key, place, handle);
        }
        was_live
    }

    /// Lifts the value of `key` out, and deletes the key.
    pub fn take(&mut self, db: usize, key: &Key<'_>, now: u64) -> Option<Taken> {
        let (place, handle) = self.locate_live(db, key, now)?;
        self.written(db, key);
        let taken = if let Some(at) = self.outside(Handle(handle)) {
            // What takes its place keeps the entry whole until it is unlinked, when it is subtracted too: a stream has a box.
            let left = if at.kind == Kind::Stream { size_of::<Stream>() } else { 0 };
            let object = self.objects.take(at);
            self.heap = self.heap + left - object.heap_bytes();
            self.taken(Handle(handle), TakenContent::Object(object))
        } else {
            self.copy_of(Handle(handle))
        };
        self.unlink(db, key, place, handle);
        Some(taken)
    }

    /// A copy of an entry's value with its deadline and access clock.
    pub fn copy_of(&self, handle: Handle) -> Taken {
        let (memory, header) = (self.arena.memory(), self.header(handle));
        let content = match self.outside(handle) {
            Some(at) => TakenContent::Object(self.objects.copy(at)),
            None => TakenContent::Bytes(entry::value_part(memory, handle.0, header).into()),
        };
        self.taken(handle, content)
    }

    fn taken(&self, handle: Handle, content: TakenContent) -> Taken {
        let header = self.header(handle);
        let flags = if header.has(RAW) { RAW } else { 0 };
        Taken { content, flags, clock: header.clock(), deadline: self.deadline(handle) }
    }

    /// Gives `key` a value that was taken, whatever it was before.
    pub fn put(&mut self, db: usize, key: &Key<'_>, taken: Taken, now: u64) -> Handle {
        self.written(db, key);
        let found = self.locate(db, key);
        let deadline = taken.deadline.map_or(Deadline::Clear, Deadline::At);
        let short;
        let content = match taken.content {
            TakenContent::Bytes(bytes) if fits(key.bytes, bytes.len()) => {
                short = bytes;
                Content::Bytes(&short)
            }
            // A longer key than it had leaves less room beside it, and the other way round.
            TakenContent::Bytes(bytes) => Content::Object(Object::string(bytes.into_vec())),
            TakenContent::Object(Object::String(bytes)) if fits(key.bytes, bytes.len()) => {
                short = Arc::unwrap_or_clone(bytes).into_boxed_slice();
                Content::Bytes(&short)
            }
            TakenContent::Object(object) => Content::Object(object),
        };
        let handle = self.store(db, key, found, content, taken.flags, deadline, now);
        self.header(handle).with_clock(taken.clock).write(self.arena.memory_mut(), handle.0);
        handle
    }

    /// Says that `key` is about to be written, to those who watch it and to the snapshot. To be called before the change.
    #[inline(always)]
    pub(super) fn written(&mut self, db: usize, key: &Key<'_>) {
        if self.observed {
            self.told_of(db, key);
            self.before_change(db, key);
        }
    }

    /// The first half of that, where the change itself tells whether it was one.
    #[inline(always)]
    pub(super) fn before_edit(&mut self, db: usize, key: &Key<'_>) {
        if self.observed {
            self.before_change(db, key);
        }
    }

    /// The second half.
    #[inline(always)]
    pub(super) fn edited(&mut self, db: usize, key: &Key<'_>) {
        if self.observed {
            self.told_of(db, key);
        }
    }

    #[cold]
    fn told_of(&mut self, db: usize, key: &Key<'_>) {
        self.watches.written(db, key);
        if self.tracking.is_active() {
            self.tracking.changed(key.bytes, Cause::Written);
        }
    }

    /// Overwrites the string in the entry `handle` where it is, if nothing has to move for that.
    #[inline(always)]
    fn overwrite(&mut self, handle: u32, value: &[u8], deadline: Deadline, now: u64) -> bool {
        let old = Header::read(self.arena.memory(), handle);
        let same_cell = |new: Header| new.value_len() == old.value_len() || new.class() == old.class();
        if !old.is_inline_string() || value.len() > arena::LARGEST_ENTRY - HEADER - VOLATILE_PART - old.key_len() {
            return false;
        }
        let clock = self.clock.used(old.clock(), now, &mut self.random);
        let new = old.with(RAW, false).with_value_len(value.len()).with_clock(clock);
        if !same_cell(new) {
            return false;
        }
        match (deadline, old.has(VOLATILE)) {
            (Deadline::Keep | Deadline::Clear, false) => {}
            (Deadline::Keep, true) if !self.is_past(handle, now) => {}
            (Deadline::At(at), true) if !self.is_past(handle, now) => {
                entry::set_deadline(self.arena.memory_mut(), handle, at);
            }
            _ => return false,
        }
        let memory = self.arena.memory_mut();
        new.write(memory, handle);
        entry::value_part_mut(memory, handle, new).copy_from_slice(value);
        true
    }

    /// Makes `key`, that was `found` in the table or not, hold `content`.
    #[allow(clippy::too_many_arguments)] // One place where all of a write comes together.
    pub(super) fn store(
        &mut self,
        db: usize,
        key: &Key<'_>,
        found: Option<(Place, u32)>,
        content: Content<'_>,
        flags: u64,
        deadline: Deadline,
        now: u64,
    ) -> Handle {
        let found = match found {
            Some((_, handle)) if !self.is_live(handle, now) => {
                // What is past its deadline leaves nothing to the new value. If it is kept, it is still there.
                self.locate_live(db, key, now);
                self.locate(db, key).map(|found| (found, true))
            }
            found => found.map(|found| (found, false)),
        };
        self.mark_ready(db, key);
        let deadline = match (deadline, found) {
            (Deadline::At(at), _) => Some(at),
            (Deadline::Keep, Some(((_, old), false))) => self.deadline(Handle(old)),
            _ => None,
        };
        let (kind, outside, length) = match &content {
            Content::Bytes(bytes) => (Kind::String, 0, bytes.len()),
            Content::Object(object) => (object.kind(), OUTSIDE, NUMBER),
        };
        let flags = flags | outside | if deadline.is_some() { VOLATILE } else { 0 };
        let (handle, header) = match found {
            Some(((place, old_handle), _)) => {
                let old = Header::read(self.arena.memory(), old_handle);
                self.discard_object(old_handle);
                let clock = self.clock.used(old.clock(), now, &mut self.random);
                let flags = flags | if old.has(LONG_KEY) { LONG_KEY } else { 0 };
                let header = Header::new(kind, flags, clock, old.key_len(), length);
                (self.reshape(db, place, old_handle, old, header), header)
            }
            None => self.create(db, key, kind, flags, length, now),
        };
        match content {
            Content::Bytes(bytes) => {
                entry::value_part_mut(self.arena.memory_mut(), handle, header).copy_from_slice(bytes);
            }
            Content::Object(object) => {
                self.heap += object.heap_bytes();
                let number = self.objects.insert(object).to_le_bytes();
                entry::value_part_mut(self.arena.memory_mut(), handle, header).copy_from_slice(&number);
            }
        }
        if let Some(deadline) = deadline {
            entry::set_deadline(self.arena.memory_mut(), handle, deadline);
        }
        Handle(handle)
    }

    /// Adds an entry for a key that has none; its value, and deadline, are to be written.
    fn create(&mut self, db: usize, key: &Key<'_>, kind: Kind, flags: u64, length: usize, now: u64) -> (u32, Header) {
        let long = key.bytes.len() > LONGEST_KEY;
        let (flags, key_len) = if long { (flags | LONG_KEY, NUMBER) } else { (flags, key.bytes.len()) };
        let header = Header::new(kind, flags, self.clock.new_key(now), key_len, length);
        let handle = self.arena.allocate(header.class());
        let memory = self.arena.memory_mut();
        header.write(memory, handle);
        let start = arena::offset(handle) + header.key_start();
        let place = &mut memory[start..start + key_len];
        if long {
            self.heap += key.bytes.len();
            place.copy_from_slice(&self.long_keys.insert(key.bytes.into()).to_le_bytes());
        } else {
            place.copy_from_slice(key.bytes);
        }
        if header.has(VOLATILE) {
            self.add_volatile(db, handle);
        }
        let (hasher, long_keys) = (self.hasher, &self.long_keys);
        self.databases[db].insert(&mut self.arena, key.slot.index(), key.hash, handle, |memory, handle| {
            hasher.hash(key_at(memory, long_keys, handle))
        });
        (handle, header)
    }

    /// Gives an entry the layout of header `new`, in another cell if need be. Keeps its key, its deadline if it still
    /// has one, and as much of its value's bytes as there is room for. Returns the new handle.
    pub(super) fn reshape(&mut self, db: usize, place: Place, handle: u32, old: Header, new: Header) -> u32 {
        if new.key_start() == old.key_start() && new.class() == old.class() {
            new.write(self.arena.memory_mut(), handle);
            return handle;
        }
        let moved = self.arena.allocate(new.class());
        let memory = self.arena.memory_mut();
        new.write(memory, moved);
        let (from, to) = (arena::offset(handle), arena::offset(moved));
        let kept = new.key_len() + new.value_len().min(old.value_len());
        memory.copy_within(from + old.key_start()..from + old.key_start() + kept, to + new.key_start());
        match (old.has(VOLATILE), new.has(VOLATILE)) {
            (true, true) => {
                memory.copy_within(from + HEADER..from + HEADER + VOLATILE_PART, to + HEADER);
                self.databases[db].volatile[entry::position(memory, moved)] = moved;
            }
            (false, true) => self.add_volatile(db, moved),
            (true, false) => self.remove_volatile(db, handle),
            (false, false) => {}
        }
        SlotTable::replace(self.arena.memory_mut(), place, moved);
        self.arena.free(handle, old.class());
        moved
    }

    /// Takes an entry out of its table and frees it.
    #[inline]
    pub(super) fn unlink(&mut self, db: usize, key: &Key<'_>, place: Place, handle: u32) {
        if !self.waits.is_empty() && self.kind(Handle(handle)) == Kind::Stream {
            // Those who wait for a stream are told when it is gone.
            self.mark_ready(db, key);
        }
        self.unlink_at(db, key.slot.index(), key.hash, place, handle);
    }

    pub(super) fn unlink_at(&mut self, db: usize, slot: usize, hash: u64, place: Place, handle: u32) {
        if self.snapshot.is_some() {
            self.before_unlink(db, slot, handle);
        }
        let (hasher, long_keys) = (self.hasher, &self.long_keys);
        self.databases[db].remove(&mut self.arena, slot, hash, place, |memory, handle| {
            hasher.hash(key_at(memory, long_keys, handle))
        });
        self.discard(Some(db), handle);
    }

    /// Frees an entry that is in no table any more. `listed` is the database whose list of volatile keys has it, if
    /// it has a deadline.
    pub(super) fn discard(&mut self, listed: Option<usize>, handle: u32) {
        let header = Header::read(self.arena.memory(), handle);
        if let Some(db) = listed
            && header.has(VOLATILE)
        {
            self.remove_volatile(db, handle);
        }
        self.discard_object(handle);
        if header.has(LONG_KEY) {
            let key = self.long_keys.remove(entry::long_key_number(self.arena.memory(), handle, header));
            self.heap -= key.len();
        }
        self.arena.free(handle, header.class());
    }

    /// Frees the object of an entry, if it has one.
    fn discard_object(&mut self, handle: u32) {
        if let Some(at) = self.outside(Handle(handle)) {
            let object = self.objects.remove(at);
            self.heap -= object.heap_bytes();
            self.graveyard.bury(object);
        }
    }

    fn add_volatile(&mut self, db: usize, handle: u32) {
        let volatile = &mut self.databases[db].volatile;
        let before = volatile.bytes();
        entry::set_position(self.arena.memory_mut(), handle, volatile.len());
        volatile.push(handle);
        self.bookkeeping += volatile.bytes() - before;
    }

    fn remove_volatile(&mut self, db: usize, handle: u32) {
        let memory = self.arena.memory_mut();
        let position = entry::position(memory, handle);
        let volatile = &mut self.databases[db].volatile;
        let before = volatile.bytes();
        volatile.swap_remove(position);
        self.bookkeeping -= before - volatile.bytes();
        if let Some(&moved) = volatile.get(position) {
            entry::set_position(memory, moved, position);
        }
    }
}

//! Finding entries by key; what a lookup does besides: count, mark as used, delete what is past its deadline.

use super::arena::{self, GRANULE};
use super::entry::{self, Header, LONG_KEY, VOLATILE};
use super::slab::Slab;
use super::table::Place;
use super::tracking::Cause;
use super::{Handle, Removed, Store};
use crate::base::prefetch::prefetch;
use crate::data::key::Key;
use crate::slot::Slot;

impl Store {
    /// Looks a key up for a command: counts a hit or a miss, marks the key as used. A key past its deadline is
    /// absent, and deleted unless `keep_expired`.
    #[inline]
    pub fn find(&mut self, db: usize, key: &Key<'_>, now: u64) -> Option<Handle> {
        let Some((place, handle)) = self.locate(db, key) else {
            self.stats.misses += 1;
            return None;
        };
        let header = Header::read(self.arena.memory(), handle);
        if header.has(VOLATILE) && self.is_past(handle, now) {
            self.stats.misses += 1;
            self.expire(db, key, place, handle);
            return None;
        }
        self.stats.hits += 1;
        let clock = self.clock.used(header.clock(), now, &mut self.random);
        if clock != header.clock() {
            header.with_clock(clock).write(self.arena.memory_mut(), handle);
        }
        Some(Handle(handle))
    }

    /// The same without counting or marking.
    #[inline]
    pub fn peek(&mut self, db: usize, key: &Key<'_>, now: u64) -> Option<Handle> {
        self.locate_live(db, key, now).map(|(_, handle)| Handle(handle))
    }

    /// Brings the table of a slot nearer. First of three stages; each wants the one before to have arrived.
    #[inline]
    pub fn prefetch_slot(&self, db: usize, slot: Slot) {
        if let Some(table) = self.databases[db].slot(slot.index()) {
            prefetch(table);
        }
    }

    /// Brings nearer where the table would keep `key`. Second stage.
    #[inline]
    pub fn prefetch_line(&self, db: usize, key: &Key<'_>) {
        if let Some(table) = self.databases[db].table(key.slot.index(), key.hash) {
            table.prefetch(self.arena.memory(), key.hash);
        }
    }

    /// Brings the entry of `key` nearer. Third stage.
    #[inline]
    pub fn prefetch_entry(&self, db: usize, key: &Key<'_>) {
        let Some(table) = self.databases[db].table(key.slot.index(), key.hash) else { return };
        let memory = self.arena.memory();
        table.candidates(memory, key.hash, |handle| {
            // Two cache lines: most entries are that long, and few start with one.
            let start = arena::offset(handle);
            prefetch(&memory[start]);
            prefetch(&memory[(start + 64).min(memory.len() - GRANULE)]);
        });
    }

    /// All three stages for a turn's keys.
    pub fn prefetch(&self, db: usize, keys: &[Key<'_>]) {
        keys.iter().for_each(|key| self.prefetch_slot(db, key.slot));
        keys.iter().for_each(|key| self.prefetch_line(db, key));
        keys.iter().for_each(|key| self.prefetch_entry(db, key));
    }

    /// Where `key` is, dead or alive.
    #[inline(always)]
    pub(super) fn locate(&self, db: usize, key: &Key<'_>) -> Option<(Place, u32)> {
        self.locate_bytes(db, key.slot.index(), key.hash, key.bytes)
    }

    #[inline(always)]
    pub(super) fn locate_bytes(&self, db: usize, slot: usize, hash: u64, key: &[u8]) -> Option<(Place, u32)> {
        let memory = self.arena.memory();
        let is = |handle| has_key(memory, &self.long_keys, handle, key);
        self.databases[db].table(slot, hash)?.find(memory, hash, is)
    }

    /// Where `key` is if it isn't past its deadline; deletes it then, unless `keep_expired`.
    #[inline]
    pub(super) fn locate_live(&mut self, db: usize, key: &Key<'_>, now: u64) -> Option<(Place, u32)> {
        let (place, handle) = self.locate(db, key)?;
        if Header::read(self.arena.memory(), handle).has(VOLATILE) && self.is_past(handle, now) {
            self.expire(db, key, place, handle);
            return None;
        }
        Some((place, handle))
    }

    /// Whether an entry with a deadline is past it.
    #[inline]
    pub(super) fn is_past(&self, handle: u32, now: u64) -> bool {
        now > entry::deadline(self.arena.memory(), handle)
    }

    /// Whether an entry is not past its deadline, should it have one.
    #[inline]
    pub(super) fn is_live(&self, handle: u32, now: u64) -> bool {
        !Header::read(self.arena.memory(), handle).has(VOLATILE) || !self.is_past(handle, now)
    }

    /// Deletes an entry that was found past its deadline, unless `keep_expired`.
    #[cold]
    fn expire(&mut self, db: usize, key: &Key<'_>, place: Place, handle: u32) {
        if !self.keep_expired {
            self.stats.expired += 1;
            self.record(db, key.bytes.into(), false);
            self.is_gone(key.bytes);
            self.unlink(db, key, place, handle);
        }
    }

    /// Has those who have read a key told that it is gone though no command deleted it.
    pub(super) fn is_gone(&mut self, key: &[u8]) {
        if self.tracking.is_active() {
            self.tracking.changed(key, Cause::Gone);
        }
    }

    /// Remembers that a key is gone, if anybody wants to know.
    pub(super) fn record(&mut self, db: usize, key: Box<[u8]>, evicted: bool) {
        if self.record_removed {
            self.removed.push(Removed { db, key, evicted });
        }
    }
}

/// An entry's key.
#[inline(always)]
pub(super) fn key_at<'s>(memory: &'s [u8], long_keys: &'s Slab<Box<[u8]>>, handle: u32) -> &'s [u8] {
    let header = Header::read(memory, handle);
    if header.has(LONG_KEY) {
        long_keys.get(entry::long_key_number(memory, handle, header))
    } else {
        entry::key_part(memory, handle, header)
    }
}

#[inline(always)]
fn has_key(memory: &[u8], long_keys: &Slab<Box<[u8]>>, handle: u32, key: &[u8]) -> bool {
    let header = Header::read(memory, handle);
    if header.has(LONG_KEY) {
        return **long_keys.get(entry::long_key_number(memory, handle, header)) == *key;
    }
    entry::key_part(memory, handle, header) == key
}

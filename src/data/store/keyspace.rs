//! What concerns whole databases and slots: counting, listing, emptying, swapping; and watching keys.

use super::graveyard::Doomed;
use super::lookup::key_at;
use super::{Handle, Store};
use crate::data::key::Key;
use crate::slot::Slot;

/// How often a random key is drawn again because it was past its deadline, if it can't be deleted.
const RANDOM_TRIES: usize = 100;

impl Store {
    /// How many logical databases there are.
    pub fn databases(&self) -> usize {
        self.databases.len()
    }

    /// Keys in a database, those past their deadline included.
    pub fn len(&self, db: usize) -> usize {
        self.databases[db].len()
    }

    /// Whether a database has no keys.
    pub fn is_empty(&self, db: usize) -> bool {
        self.len(db) == 0
    }

    /// Keys with a deadline in a database.
    pub fn volatile_len(&self, db: usize) -> usize {
        self.databases[db].volatile.len()
    }

    /// Milliseconds the keys with a deadline have left, on average, as active expiry estimated it.
    pub fn average_ttl(&self, db: usize) -> u64 {
        self.databases[db].average_ttl
    }

    /// Keys of a slot.
    pub fn slot_len(&self, db: usize, slot: Slot) -> usize {
        self.databases[db].slot_len(slot.index())
    }

    /// Shows at most `limit` keys of a slot.
    pub fn slot_keys(&self, db: usize, slot: Slot, limit: usize, mut visit: impl FnMut(&[u8])) {
        let memory = self.arena.memory();
        let entries = self.databases[db].entries(slot.index(), memory).take(limit);
        entries.for_each(|handle| visit(key_at(memory, &self.long_keys, handle)));
    }

    /// Any key of a database, each with the same probability; deletes those it meets that are past their deadline.
    pub fn random_key(&mut self, db: usize, now: u64) -> Option<Handle> {
        let mut tries = 0;
        loop {
            let handle = self.databases[db].random(self.arena.memory(), &mut self.random)?;
            if self.is_live(handle, now) {
                return Some(Handle(handle));
            }
            if self.keep_expired {
                tries += 1;
                if tries == RANDOM_TRIES {
                    // Perhaps all are: Redis answers one of them too.
                    return Some(Handle(handle));
                }
            } else {
                self.expire_entry(db, handle);
            }
        }
    }

    /// Shows every key of a database that is not past its deadline.
    pub fn keys(&self, db: usize, now: u64, mut visit: impl FnMut(&[u8], Handle)) {
        let (database, memory) = (&self.databases[db], self.arena.memory());
        let mut slot = 0;
        while let Some(found) = database.next_slot(slot) {
            for handle in database.entries(found, memory).filter(|&handle| self.is_live(handle, now)) {
                visit(key_at(memory, &self.long_keys, handle), Handle(handle));
            }
            slot = found + 1;
        }
    }

    /// Deletes all keys of a database, or of all of them. O(1): [`reclaim`](Store::reclaim) frees the memory. Ends a snapshot.
    pub fn flush(&mut self, db: Option<usize>) {
        self.snapshot_end();
        match db {
            Some(db) if self.databases.iter().enumerate().any(|(other, it)| other != db && it.len() > 0) => {
                self.flush_one(db);
            }
            _ => self.flush_all(),
        }
        self.waits.mark_where(|flushed| db.is_none_or(|db| db == flushed));
        self.tracking.all_changed();
    }

    fn flush_one(&mut self, db: usize) {
        let old = std::mem::take(&mut self.databases[db]);
        self.bookkeeping -= old.bookkeeping();
        // Whatever was to be freed of it is no longer in a list of volatile keys either.
        self.graveyard.unlist(db);
        let (tables, volatile) = old.dissolve();
        self.graveyard.bury_list(volatile);
        self.graveyard.doom(Doomed::new(tables, None));
    }

    fn flush_all(&mut self) {
        self.arena.clear();
        self.graveyard.forget_doomed();
        for database in &mut self.databases {
            let (tables, volatile) = std::mem::take(database).dissolve();
            self.graveyard.bury_list(volatile);
            self.graveyard.bury_tables(tables);
        }
        self.graveyard.bury_slabs(std::mem::take(&mut self.objects), std::mem::take(&mut self.long_keys));
        (self.heap, self.bookkeeping) = (0, 0);
    }

    /// Deletes all keys of a slot, in every database. O(databases): [`reclaim`](Store::reclaim) frees the entries. Ends a
    /// snapshot.
    pub fn flush_slot(&mut self, slot: Slot) {
        self.snapshot_end();
        if (0..self.databases()).any(|db| self.slot_len(db, slot) > 0) {
            self.tracking.all_changed();
        }
        for (db, database) in self.databases.iter_mut().enumerate() {
            self.graveyard.doom(Doomed::new(database.take_tables(slot.index()), Some(db)));
        }
    }

    /// Takes over the data of `new`, and returns what is left of the old store: its address space, to be given back where
    /// that may take its time. What is watched has changed for those who watch it, and what waits for keys goes on waiting.
    /// Ends a snapshot.
    pub fn replace(&mut self, new: Box<Store>) -> Box<Store> {
        let mut old = new;
        std::mem::swap(self, &mut old);
        // What it has on the heap is freed from here, in steps like all else: another thread would take the locks of this
        // core's part of the allocator.
        old.snapshot_end();
        old.flush_all();
        self.graveyard.inherit(&mut old.graveyard);
        std::mem::swap(&mut self.watches, &mut old.watches);
        std::mem::swap(&mut self.waits, &mut old.waits);
        std::mem::swap(&mut self.tracking, &mut old.tracking);
        self.tracking.all_changed();
        self.watches.all_written();
        self.refresh_observed();
        self.waits.mark_where(|_| true);
        self.stats = old.stats;
        self.clock = old.clock;
        self.removed = std::mem::take(&mut old.removed);
        (self.keep_expired, self.record_removed) = (old.keep_expired, old.record_removed);
        (self.large_element, self.trusts_checksums) = (old.large_element, old.trusts_checksums);
        old
    }

    /// Exchanges two databases. Ends a snapshot.
    pub fn swap(&mut self, a: usize, b: usize, now: u64) {
        if a == b {
            return;
        }
        self.snapshot_end();
        let mut watches = std::mem::take(&mut self.watches);
        watches.swapped(a, b, |db, hash, key| {
            let found = self.locate_bytes(db, Slot::of_key(key).index(), hash, key);
            found.is_some_and(|(_, handle)| self.is_live(handle, now))
        });
        self.watches = watches;
        self.databases.swap(a, b);
        self.waits.mark_where(|db| db == a || db == b);
        self.tracking.all_changed();
        self.graveyard.swap(a, b);
    }

    /// Begins to watch a key: returns its version. Each `watch` needs an [`unwatch`](Store::unwatch).
    pub fn watch(&mut self, db: usize, key: &Key<'_>, now: u64) -> u64 {
        let writes = self.watches.add(db, key);
        self.refresh_observed();
        self.version(db, key, writes, now)
    }

    /// Whether any key is watched.
    #[cfg(any(test, fuzzing))]
    pub fn is_watched(&self) -> bool {
        !self.watches.is_empty()
    }

    /// Ends one watching of a key.
    pub fn unwatch(&mut self, db: usize, key: &Key<'_>) {
        self.watches.remove(db, key);
        self.refresh_observed();
    }

    /// The version of a watched key: the same as it was, if and only if the key has not changed. A key that expired
    /// in between has changed; one that had expired before and is deleted has not.
    pub fn watch_version(&mut self, db: usize, key: &Key<'_>, now: u64) -> u64 {
        let writes = self.watches.writes(db, key);
        self.version(db, key, writes, now)
    }

    fn version(&mut self, db: usize, key: &Key<'_>, writes: u64, now: u64) -> u64 {
        writes << 1 | u64::from(self.locate_live(db, key, now).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Deadline;
    use super::super::model_tests::store;
    use crate::slot::Slot;
    use std::collections::HashMap;

    #[test]
    fn a_random_key_is_any_key_with_the_same_probability() {
        let (mut store, hasher) = store(1);
        // Most in one slot, the others each in its own.
        for number in 0..40 {
            let key = if number < 30 { format!("{{tag}}{number}") } else { format!("{number}") };
            store.set_string(0, &hasher.key(key.as_bytes()), b"", Deadline::Clear, 1);
        }
        let mut drawn: HashMap<Vec<u8>, usize> = HashMap::new();
        let draws = if cfg!(miri) { 40 } else { 40_000 };
        for _ in 0..draws {
            let handle = store.random_key(0, 1).unwrap();
            *drawn.entry(store.key_of(handle).to_vec()).or_default() += 1;
        }
        if !cfg!(miri) {
            assert!(drawn.len() == 40 && drawn.values().all(|&count| (800..1200).contains(&count)));
        }
    }

    #[test]
    fn a_random_key_is_not_past_its_deadline_unless_such_keys_are_kept() {
        let (mut store, hasher) = store(1);
        let key = hasher.key(b"k");
        store.set_string(0, &key, b"", Deadline::At(5), 1);
        store.keep_expired = true;
        assert!(store.random_key(0, 6).is_some());
        store.keep_expired = false;
        assert!(store.random_key(0, 6).is_none());
        assert_eq!((store.len(0), store.stats.expired), (0, 1));
    }

    #[test]
    fn a_slot_lists_and_loses_its_keys() {
        let (mut store, hasher) = store(2);
        for number in 0..30 {
            store.set_string(0, &hasher.key(format!("{{tag}}{number}").as_bytes()), b"", Deadline::Clear, 1);
        }
        let other = hasher.key(b"other");
        store.set_string(0, &other, b"", Deadline::Clear, 1);
        let slot = Slot::of_key(b"tag");
        let mut seen = Vec::new();
        store.slot_keys(0, slot, 10, |key| seen.push(key.to_vec()));
        assert_eq!((seen.len(), store.slot_len(0, slot), store.slot_len(1, slot)), (10, 30, 0));
        assert!(seen.iter().all(|key| key.starts_with(b"{tag}")));
        store.flush_slot(slot);
        assert_eq!((store.slot_len(0, slot), store.len(0)), (0, 1));
        assert!(store.peek(0, &other, 1).is_some());
    }
}

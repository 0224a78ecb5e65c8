//! Active expiry: deleting keys past their deadline that nobody asks for, by sampling as Redis does.

use super::arena::offset;
use super::entry::{self};
use super::lookup::key_at;
use super::table::Place;
use super::tracking::Cause;
use super::{Handle, Store};
use crate::base::prefetch::prefetch;
use crate::slot::Slot;

/// Keys looked at between two decisions. Source: Redis's `ACTIVE_EXPIRE_CYCLE_KEYS_PER_LOOP`.
const SAMPLE: usize = 20;
/// A database is left when fewer than one in this many sampled keys was dead. Source: `..._ACCEPTABLE_STALE`.
const ACCEPTED: usize = 10;

impl Store {
    /// Deletes keys past their deadline: looks at some of each database with deadlines, again while more than a tenth
    /// of them were dead, and at `budget` keys in all at most. True: there is probably more to delete, come back soon.
    pub fn expire_some(&mut self, now: u64, mut budget: usize) -> bool {
        if self.keep_expired {
            return false;
        }
        for _ in 0..self.databases.len() {
            let db = self.expire_next % self.databases.len();
            loop {
                let sample = self.databases[db].volatile.len().min(SAMPLE);
                if sample == 0 {
                    break;
                }
                if budget < sample {
                    return true;
                }
                budget -= sample;
                if self.expire_sample(db, sample, now) * ACCEPTED <= sample {
                    break;
                }
            }
            self.expire_next = (db + 1) % self.databases.len();
        }
        false
    }

    /// Looks at `sample` random keys with deadlines; returns how many were dead.
    fn expire_sample(&mut self, db: usize, sample: usize, now: u64) -> usize {
        let mut positions = [0; SAMPLE];
        for position in &mut positions[..sample] {
            *position = self.random.index(self.databases[db].volatile.len());
            prefetch(&self.arena.memory()[offset(self.databases[db].volatile[*position])]);
        }
        let (mut dead, mut alive, mut left) = (0, 0, 0_u64);
        for &position in &positions[..sample] {
            // The list shrinks on the way, and another key may have moved to this position.
            let Some(&handle) = self.databases[db].volatile.get(position) else { continue };
            let deadline = entry::deadline(self.arena.memory(), handle);
            if now > deadline {
                dead += usize::from(self.expire_entry(db, handle));
            } else {
                (alive, left) = (alive + 1, u64::saturating_add(left, deadline - now));
            }
        }
        let database = &mut self.databases[db];
        if let Some(average) = left.checked_div(alive) {
            // A running average in which this sample counts for a fiftieth, as in Redis.
            let before = database.average_ttl;
            database.average_ttl = if before == 0 { average } else { before / 50 * 49 + average / 50 };
        }
        dead
    }

    /// Deletes the entry `handle`, which is past its deadline; false: see [`remove_entry`](Store::remove_entry).
    pub(super) fn expire_entry(&mut self, db: usize, handle: u32) -> bool {
        let deleted = self.remove_entry(db, handle, false);
        self.stats.expired += u64::from(deleted);
        deleted
    }

    /// Deletes a key that is past its deadline, as whoever calls this has found.
    pub fn expire_now(&mut self, db: usize, handle: Handle) {
        self.expire_entry(db, handle.0);
    }

    /// Deletes the entry `handle` and records why; false: it is in no table, but waits in the graveyard.
    pub(super) fn remove_entry(&mut self, db: usize, handle: u32, evicted: bool) -> bool {
        let Some((slot, hash, place)) = self.place_of(db, handle) else { return false };
        if self.record_removed {
            let key = key_at(self.arena.memory(), &self.long_keys, handle).into();
            self.record(db, key, evicted);
        }
        if self.tracking.is_active() {
            let key = key_at(self.arena.memory(), &self.long_keys, handle);
            self.tracking.changed(key, Cause::Gone);
        }
        self.unlink_at(db, slot, hash, place, handle);
        true
    }

    /// Where the tables keep the entry `handle`.
    pub(super) fn place_of(&self, db: usize, handle: u32) -> Option<(usize, u64, Place)> {
        let memory = self.arena.memory();
        let key = key_at(memory, &self.long_keys, handle);
        let (slot, hash) = (Slot::of_key(key).index(), self.hasher.hash(key));
        let (place, _) = self.databases[db].table(slot, hash)?.find(memory, hash, |candidate| candidate == handle)?;
        Some((slot, hash, place))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Deadline;
    use super::super::model_tests::store;

    #[test]
    fn the_dead_are_deleted_and_reported_and_the_living_stay() {
        let (mut store, hasher) = store(2);
        store.record_removed = true;
        for number in 0..200 {
            let deadline = if number % 2 == 0 { 50 } else { 1_000_000 };
            let key = format!("{number}").into_bytes();
            store.set_string(number % 4 / 2, &hasher.key(&key), b"v", Deadline::At(deadline), 1);
        }
        (0..200).for_each(|_| _ = store.expire_some(51, 1000));
        assert_eq!((store.len(0) + store.len(1), store.volatile_len(0)), (100, 50));
        let removed = store.take_removed();
        assert_eq!((removed.len(), store.stats.expired), (100, 100));
        assert!(removed.iter().all(|removed| !removed.evicted));
        assert!((900_000..=1_000_000).contains(&store.average_ttl(0)));
        assert!(!store.expire_some(51, 1000));
    }

    #[test]
    fn a_small_budget_says_that_there_is_more() {
        let (mut store, hasher) = store(1);
        for number in 0..100 {
            store.set_string(0, &hasher.key(format!("{number}").as_bytes()), b"v", Deadline::At(5), 1);
        }
        assert!(store.expire_some(6, 40));
        assert!((60..80).contains(&store.len(0)), "{}", store.len(0));
        store.keep_expired = true;
        assert!(!store.expire_some(6, 40));
    }

    #[test]
    fn an_entry_that_waits_in_the_graveyard_is_not_deleted_twice() {
        let (mut store, hasher) = store(1);
        let key = hasher.key(b"k");
        store.set_string(0, &key, b"v", Deadline::At(5), 1);
        store.flush_slot(key.slot);
        store.expire_some(6, 100);
        assert_eq!(store.stats.expired, 0);
        while store.reclaim(1) {}
        assert_eq!(store.volatile_len(0), 0);
    }
}

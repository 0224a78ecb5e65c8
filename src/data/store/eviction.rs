//! Eviction: choosing keys to delete when memory is full, by sampling, as in Redis's `evict.c`.
//!
//! A pool keeps the best candidates of the last samples, so that a few samples a victim come close to looking at all.

use super::entry::{self, Header};
use super::lookup::key_at;
use super::table::PLACES;
use super::{Handle, Store};
use crate::contract::settings::EvictionPolicy;
use crate::slot::Slot;

/// Candidates that are kept. Source: Redis's `EVPOOL_SIZE`.
const POOL: usize = 16;

/// The best candidates so far, the best one last.
#[derive(Default)]
pub struct Pool {
    policy: EvictionPolicy,
    candidates: Vec<Candidate>,
}

struct Candidate {
    /// The higher, the better a victim.
    score: u64,
    db: usize,
    key: Box<[u8]>,
}

impl Store {
    /// Deletes one key, chosen by `policy` of `samples` in each database; false: there is nothing that it may delete.
    pub fn evict_one(&mut self, policy: EvictionPolicy, samples: usize, now: u64) -> bool {
        use EvictionPolicy::*;
        let victim = match policy {
            NoEviction => None,
            AllKeysRandom | VolatileRandom => self.random_victim(policy == VolatileRandom),
            AllKeysLru | AllKeysLfu | VolatileLru | VolatileLfu | VolatileTtl => {
                self.sampled_victim(policy, samples.max(1), now)
            }
        };
        let Some((db, handle)) = victim else { return false };
        let evicted = self.remove_entry(db, handle, true);
        self.stats.evicted += u64::from(evicted);
        evicted
    }

    /// Whether there is, about, a key that this policy may delete.
    pub fn has_victims(&self, policy: EvictionPolicy) -> bool {
        self.databases.iter().any(|database| match needs_deadline(policy) {
            true => !database.volatile.is_empty(),
            false => policy != EvictionPolicy::NoEviction && database.len() > 0,
        })
    }

    /// Any key of the next database that has one.
    fn random_victim(&mut self, volatile: bool) -> Option<(usize, u32)> {
        for _ in 0..self.databases.len() {
            let db = self.evict_next % self.databases.len();
            self.evict_next = db + 1;
            if let Some(handle) = self.draw(db, volatile) {
                return Some((db, handle));
            }
        }
        None
    }

    fn sampled_victim(&mut self, policy: EvictionPolicy, samples: usize, now: u64) -> Option<(usize, u32)> {
        if self.pool.policy != policy {
            self.pool = Pool { policy, candidates: Vec::with_capacity(POOL + 1) };
        }
        // What the pool holds may be gone by now; then it fills again, a few times until there are no keys.
        for _ in 0..POOL {
            let mut found = false;
            for db in 0..self.databases.len() {
                found |= self.sample(db, policy, samples, now);
            }
            if !found {
                return None;
            }
            while let Some(candidate) = self.pool.candidates.pop() {
                let (slot, hash) = (Slot::of_key(&candidate.key).index(), self.hasher.hash(&candidate.key));
                if let Some((_, handle)) = self.locate_bytes(candidate.db, slot, hash, &candidate.key)
                    && (!needs_deadline(policy) || self.deadline(Handle(handle)).is_some())
                {
                    return Some((candidate.db, handle));
                }
            }
        }
        None
    }

    /// Puts some keys of a database into the pool; false: it has none.
    fn sample(&mut self, db: usize, policy: EvictionPolicy, samples: usize, now: u64) -> bool {
        let mut drawn = false;
        for _ in 0..samples {
            let Some(handle) = self.draw(db, needs_deadline(policy)) else { break };
            drawn = true;
            let clock = Header::read(self.arena.memory(), handle).clock();
            let score = match policy {
                EvictionPolicy::VolatileTtl => u64::MAX - entry::deadline(self.arena.memory(), handle),
                EvictionPolicy::AllKeysLfu | EvictionPolicy::VolatileLfu => {
                    255 - u64::from(self.clock.frequency(clock, now))
                }
                _ => self.clock.idle_seconds(clock, now),
            };
            let key = key_at(self.arena.memory(), &self.long_keys, handle);
            self.pool.offer(score, db, key);
        }
        drawn
    }

    /// A random entry that is in a table.
    fn draw(&mut self, db: usize, volatile: bool) -> Option<u32> {
        if !volatile {
            return self.databases[db].random(self.arena.memory(), &mut self.random);
        }
        // Entries of flushed slots may still be listed: try some others.
        (0..PLACES).find_map(|_| {
            let list = &self.databases[db].volatile;
            let handle = *list.get(self.random.index(list.len()))?;
            self.place_of(db, handle).map(|_| handle)
        })
    }
}

impl Pool {
    /// Keeps a candidate if it is among the best.
    fn offer(&mut self, score: u64, db: usize, key: &[u8]) {
        let full = self.candidates.len() >= POOL;
        let at = self.candidates.partition_point(|candidate| candidate.score < score);
        if full && at == 0 || self.candidates.iter().any(|candidate| candidate.db == db && *candidate.key == *key) {
            return;
        }
        self.candidates.insert(at, Candidate { score, db, key: key.into() });
        if full {
            self.candidates.remove(0);
        }
    }
}

/// Whether a policy only deletes keys with deadlines.
fn needs_deadline(policy: EvictionPolicy) -> bool {
    use EvictionPolicy::*;
    matches!(policy, VolatileLru | VolatileLfu | VolatileRandom | VolatileTtl)
}

#[cfg(test)]
mod tests {
    use super::super::model_tests::store;
    use super::super::{AccessClock, Deadline};
    use super::*;

    #[test]
    fn the_least_recently_used_go_first() {
        let (mut store, hasher) = store(1);
        for number in 0..1000_u64 {
            store.set_string(0, &hasher.key(format!("{number}").as_bytes()), b"", Deadline::Clear, number * 1000);
        }
        (0..500).for_each(|_| assert!(store.evict_one(EvictionPolicy::AllKeysLru, 5, 1_000_000)));
        let mut late = 0;
        store
            .keys(0, 0, |key, _| late += usize::from(std::str::from_utf8(key).unwrap().parse::<u64>().unwrap() >= 500));
        assert!(late > 400, "{late} of the 500 that stayed were used late");
    }

    #[test]
    fn the_least_frequently_used_and_the_soonest_to_die_go_first() {
        let (mut store, hasher) = store(1);
        store.clock = AccessClock { lfu: true, ..Default::default() };
        for number in 0..64 {
            let key = format!("{number}").into_bytes();
            let handle = store.set_string(0, &hasher.key(&key), b"", Deadline::At(1000 + number), 0);
            store.set_frequency(handle, if number < 32 { 200 } else { 1 }, 0);
        }
        (0..32).for_each(|_| assert!(store.evict_one(EvictionPolicy::AllKeysLfu, 30, 0)));
        store.keys(0, 0, |_, handle| assert_eq!(store.frequency(handle, 0), 200));
        assert!(store.evict_one(EvictionPolicy::VolatileTtl, 300, 0));
        assert!(store.peek(0, &hasher.key(b"0"), 0).is_none());
    }

    #[test]
    fn policies_for_keys_with_deadlines_leave_the_others() {
        use EvictionPolicy::*;
        for policy in [VolatileLru, VolatileLfu, VolatileRandom, VolatileTtl] {
            let (mut store, hasher) = store(2);
            store.record_removed = true;
            store.set_string(0, &hasher.key(b"stays"), b"", Deadline::Clear, 0);
            store.set_string(1, &hasher.key(b"goes"), b"", Deadline::At(9), 0);
            assert!(store.evict_one(policy, 5, 0));
            assert!(!store.evict_one(policy, 5, 0));
            assert_eq!((store.len(0), store.len(1), store.stats.evicted), (1, 0, 1));
            assert!(store.take_removed()[0].evicted);
        }
        let (mut store, hasher) = store(2);
        store.set_string(1, &hasher.key(b"k"), b"", Deadline::Clear, 0);
        assert!(!store.evict_one(NoEviction, 5, 0));
        assert!(store.evict_one(AllKeysRandom, 5, 0) && !store.evict_one(AllKeysRandom, 5, 0));
    }
}

//! Versions of watched keys, for WATCH.
//!
//! A version tells two things: how often the key was written since somebody began to watch it, and whether it is
//! there. So a key that expires changes for those who saw it alive, without anybody doing anything; and one that had
//! already expired does not change when it is deleted at last, as in Redis 7.

use crate::data::key::Key;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// The watched keys of a store. Consulted on writes only while there are any.
#[derive(Default)]
pub struct Watches(HashTable<Watch>);

struct Watch {
    db: usize,
    hash: u64,
    key: Box<[u8]>,
    watchers: usize,
    writes: u64,
}

impl Watches {
    /// Whether nobody watches anything.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a watcher; returns the writes so far.
    pub fn add(&mut self, db: usize, key: &Key<'_>) -> u64 {
        let hash = key.hash;
        let entry = self.0.entry(hash, |watch| watch.is(db, key), |watch| watch.hash);
        let watch = match entry {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                entry.insert(Watch { db, hash, key: key.bytes.into(), watchers: 0, writes: 0 }).into_mut()
            }
        };
        watch.watchers += 1;
        watch.writes
    }

    /// Takes one watcher away.
    pub fn remove(&mut self, db: usize, key: &Key<'_>) {
        if let Ok(mut entry) = self.0.find_entry(key.hash, |watch| watch.is(db, key)) {
            entry.get_mut().watchers -= 1;
            if entry.get().watchers == 0 {
                entry.remove();
            }
        }
    }

    /// The writes so far.
    pub fn writes(&self, db: usize, key: &Key<'_>) -> u64 {
        self.0.find(key.hash, |watch| watch.is(db, key)).map_or(0, |watch| watch.writes)
    }

    /// Counts a write.
    #[cold]
    pub fn written(&mut self, db: usize, key: &Key<'_>) {
        if let Some(watch) = self.0.find_mut(key.hash, |watch| watch.is(db, key)) {
            watch.writes += 1;
        }
    }

    /// Counts a write to every key.
    pub fn all_written(&mut self) {
        self.0.iter_mut().for_each(|watch| watch.writes += 1);
    }

    /// Counts a write to each key that `is_there` in either of two databases that are about to change places.
    pub fn swapped(&mut self, a: usize, b: usize, is_there: impl Fn(usize, u64, &[u8]) -> bool) {
        for watch in self.0.iter_mut().filter(|watch| watch.db == a || watch.db == b) {
            if is_there(a, watch.hash, &watch.key) || is_there(b, watch.hash, &watch.key) {
                watch.writes += 1;
            }
        }
    }
}

impl Watch {
    fn is(&self, db: usize, key: &Key<'_>) -> bool {
        self.db == db && *self.key == *key.bytes
    }
}

//! Which clients have read which keys, for client-side caching: they are told when such a key changes, once.
//!
//! The table belongs to the store, so it is where the keys are, also when the store is lent. A key stands for itself in
//! every database, as in Redis. Clients that are gone, or track no more, are left in it: whoever is to tell them notices.
//! Who wants to hear of every key that begins with some prefix is not known here, only the prefixes are.

use crate::data::origin::Origin;
use indexmap::IndexMap;
use std::sync::Arc;

/// What keys begin with that somebody wants to hear of.
pub type Prefixes = Arc<[Box<[u8]>]>;

/// Keys of a table that is no longer needed which are freed in one step.
const FREED: usize = 1000;

/// The table of one store, and what has changed of late.
#[derive(Default)]
pub struct Tracking {
    /// For each key who has read it, ascending.
    readers: IndexMap<Box<[u8]>, Vec<Origin>>,
    /// Clients in the table, each as often as it is there.
    items: usize,
    prefixes: Prefixes,
    changes: Changes,
    /// Tables of keys that were all deleted, to be freed in small steps.
    old: Vec<IndexMap<Box<[u8]>, Vec<Origin>>>,
}

/// What clients have to be told.
#[derive(Debug, Default)]
pub struct Changes {
    /// Keys, in order.
    pub keys: Vec<Change>,
    /// Whether all keys may have changed.
    pub all: bool,
}

/// A key that is not what it was.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: Arc<[u8]>,
    /// Who has read it since it changed last.
    pub readers: Vec<Origin>,
    /// Why they are told.
    pub cause: Cause,
}

/// Why clients are told of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A command changed it.
    Written,
    /// It expired, or was evicted.
    Gone,
    /// There is no room to remember who has read it.
    Forgotten,
}

impl Tracking {
    /// Whether anybody wants to hear of any key.
    pub fn is_active(&self) -> bool {
        !self.readers.is_empty() || !self.prefixes.is_empty()
    }

    /// Whether there is something to tell.
    #[inline(always)]
    pub fn has_changes(&self) -> bool {
        self.changes.all || !self.changes.keys.is_empty()
    }

    /// How many keys are in the table, and how many clients, each as often as it is there.
    pub fn counts(&self) -> (usize, usize) {
        (self.readers.len(), self.items)
    }

    fn remember(&mut self, key: &[u8], reader: Origin) {
        let readers = match self.readers.get_mut(key) {
            Some(readers) => readers,
            None => self.readers.entry(key.into()).or_default(),
        };
        if let Err(place) = readers.binary_search(&reader) {
            readers.insert(place, reader);
            self.items += 1;
        }
    }

    /// Notes that a key changes. What it is remembered for is over with that.
    pub fn changed(&mut self, key: &[u8], cause: Cause) {
        let heard = self.prefixes.iter().any(|prefix| key.starts_with(prefix));
        let readers = self.readers.swap_remove(key).unwrap_or_default();
        if heard || !readers.is_empty() {
            self.items -= readers.len();
            self.changes.keys.push(Change { key: key.into(), readers, cause });
        }
    }

    /// Notes that every key may have changed.
    pub fn all_changed(&mut self) {
        self.items = 0;
        self.changes.keys.clear();
        self.changes.all = true;
        if !self.readers.is_empty() {
            self.old.push(std::mem::take(&mut self.readers));
        }
    }

    /// Frees a part of what is no longer needed; false: there is nothing.
    pub fn free_some(&mut self) -> bool {
        let Some(table) = self.old.last_mut() else { return false };
        table.truncate(table.len().saturating_sub(FREED));
        if table.is_empty() {
            self.old.pop();
        }
        true
    }
}

impl super::Store {
    /// Remembers that a client has read `key`, and is to be told when it changes.
    pub fn remember_reader(&mut self, key: &[u8], reader: Origin) {
        self.tracking.remember(key, reader);
        self.refresh_observed();
    }

    /// Takes note of what keys begin with that anybody wants to hear of.
    pub fn set_heard_prefixes(&mut self, prefixes: &Prefixes) {
        self.tracking.prefixes = prefixes.clone();
        self.refresh_observed();
    }

    /// How many keys have readers, and how many readers they have.
    pub fn read_counts(&self) -> (usize, usize) {
        self.tracking.counts()
    }

    /// Forgets who has read some keys, drawn by lot, and has their readers told.
    pub fn forget_readers(&mut self, keys: usize) {
        for _ in 0..keys.min(self.tracking.readers.len()) {
            let place = self.random.index(self.tracking.readers.len());
            if let Some((key, readers)) = self.tracking.readers.swap_remove_index(place) {
                self.tracking.items -= readers.len();
                self.tracking.changes.keys.push(Change { key: key.into(), readers, cause: Cause::Forgotten });
            }
        }
        self.refresh_observed();
    }

    /// Whether there is something to tell to those who have read keys.
    #[inline(always)]
    pub fn has_changes(&self) -> bool {
        self.tracking.has_changes()
    }

    /// What is to be told to those who have read keys, since last asked.
    pub fn take_changes(&mut self) -> Changes {
        let changes = std::mem::take(&mut self.tracking.changes);
        self.refresh_observed();
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::super::Deadline;
    use super::super::model_tests::store;
    use super::*;
    use crate::base::ids::CoreId;
    use crate::data::plane::client::ClientRef;

    fn reader(index: u32) -> Origin {
        Origin { core: CoreId(0), client: ClientRef { index, generation: 1 } }
    }

    #[test]
    fn those_who_read_a_key_hear_of_its_next_change_only() {
        let (mut store, hasher) = store(1);
        let key = hasher.key(b"k");
        for who in [2, 1, 2] {
            store.remember_reader(b"k", reader(who));
        }
        assert_eq!(store.read_counts(), (1, 2));
        for _ in 0..2 {
            store.set_string(0, &key, b"v", Deadline::At(5), 1);
        }
        store.remember_reader(b"k", reader(3));
        assert!(store.peek(0, &key, 6).is_none());
        let changes = store.take_changes();
        let found: Vec<_> = changes.keys.iter().map(|change| (change.readers.clone(), change.cause)).collect();
        assert_eq!(found, [(vec![reader(1), reader(2)], Cause::Written), (vec![reader(3)], Cause::Gone)]);
        assert!(!store.has_changes() && store.read_counts() == (0, 0));
    }

    #[test]
    fn keys_are_heard_of_by_prefix() {
        let (mut store, hasher) = store(1);
        store.set_heard_prefixes(&Arc::from([Box::from(&b"a:"[..])]));
        for key in ["a:1", "b:1", "a:2"] {
            store.set_string(0, &hasher.key(key.as_bytes()), b"v", Deadline::Clear, 1);
        }
        let keys: Vec<_> = store.take_changes().keys.into_iter().map(|change| change.key).collect();
        assert_eq!(keys, [Arc::from(&b"a:1"[..]), Arc::from(&b"a:2"[..])]);
    }

    #[test]
    fn a_flush_is_one_change_and_the_table_goes_step_by_step() {
        let (mut store, _) = store(1);
        (0..5000_u32).for_each(|key| store.remember_reader(&key.to_le_bytes(), reader(1)));
        store.forget_readers(10);
        assert_eq!((store.read_counts(), store.take_changes().keys.len()), ((4990, 4990), 10));
        store.flush(None);
        assert_eq!(store.read_counts(), (0, 0));
        let changes = store.take_changes();
        assert!(changes.all && changes.keys.is_empty());
        let mut steps = 0;
        while store.tracking.free_some() {
            steps += 1;
        }
        assert_eq!(steps, 5);
    }
}

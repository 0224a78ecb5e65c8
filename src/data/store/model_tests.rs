//! The store against a model: a map of what should be in it.

use super::*;
use crate::data::key::Key;
use crate::slot::Slot;
use proptest::prelude::*;
use std::collections::HashMap;

/// An empty store and its hash.
pub fn store(databases: usize) -> (Store, KeyHasher) {
    let hasher = KeyHasher::new(7);
    (Store::new(StoreOptions { databases, hasher, seed: 1 }), hasher)
}

#[derive(Clone, Debug)]
enum Step {
    Set { db: usize, key: u8, length: usize, deadline: Deadline },
    Owned { db: usize, key: u8, length: usize },
    Append { db: usize, key: u8, length: usize },
    SetRange { db: usize, key: u8, offset: usize, length: usize },
    Deadline { db: usize, key: u8, at: Option<u64> },
    Remove { db: usize, key: u8 },
    Move { from: usize, key: u8, to: usize, new: u8 },
    Flush(Option<usize>),
    FlushSlot(u8),
    Swap,
    Expire,
    Reclaim,
    Tick(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lengths = || prop_oneof![8 => 0..40_usize, 2 => 40..2100_usize, 1 => 2000..200_000_usize];
    let deadlines = prop_oneof![
        2 => Just(Deadline::Keep), 2 => Just(Deadline::Clear), 1 => (0..200_u64).prop_map(Deadline::At)];
    let (db, key) = (|| 0..2_usize, || 0..60_u8);
    let step = prop_oneof![
        20 => (db(), key(), lengths(), deadlines)
            .prop_map(|(db, key, length, deadline)| Step::Set { db, key, length, deadline }),
        3 => (db(), key(), lengths()).prop_map(|(db, key, length)| Step::Owned { db, key, length }),
        8 => (db(), key(), 0..900_usize).prop_map(|(db, key, length)| Step::Append { db, key, length }),
        4 => (db(), key(), 0..5000_usize, 0..50_usize)
            .prop_map(|(db, key, offset, length)| Step::SetRange { db, key, offset, length }),
        8 => (db(), key(), prop::option::of(0..200_u64)).prop_map(|(db, key, at)| Step::Deadline { db, key, at }),
        12 => (db(), key()).prop_map(|(db, key)| Step::Remove { db, key }),
        6 => (db(), key(), db(), key()).prop_map(|(from, key, to, new)| Step::Move { from, key, to, new }),
        1 => prop::option::of(db()).prop_map(Step::Flush),
        1 => key().prop_map(Step::FlushSlot),
        1 => Just(Step::Swap),
        3 => Just(Step::Expire),
        4 => Just(Step::Reclaim),
        3 => (0..20_u64).prop_map(Step::Tick),
    ];
    prop::collection::vec(step, 1..if cfg!(miri) { 40 } else { 300 })
}

/// Some keys share a slot, some are very long.
fn name(key: u8) -> Vec<u8> {
    match key % 10 {
        0..=5 => format!("{{tag}}{key}").into_bytes(),
        6..=8 => format!("key:{key}").into_bytes(),
        _ => vec![key; 1990 + key as usize],
    }
}

/// Value and deadline by database and key.
#[derive(Default)]
struct Model(HashMap<(usize, Vec<u8>), Content>);

type Content = (Vec<u8>, Option<u64>);

impl Model {
    fn live(&mut self, db: usize, key: &[u8], now: u64) -> Option<&mut Content> {
        let place = (db, key.to_vec());
        if self.0.get(&place).is_some_and(|(_, deadline)| deadline.is_some_and(|at| now > at)) {
            self.0.remove(&place);
        }
        self.0.get_mut(&place)
    }

    fn set(&mut self, db: usize, key: &[u8], value: Vec<u8>, deadline: Deadline, now: u64) {
        let kept = self.live(db, key, now).and_then(|(_, deadline)| *deadline);
        let deadline = match deadline {
            Deadline::Keep => kept,
            Deadline::Clear => None,
            Deadline::At(at) => Some(at),
        };
        self.0.insert((db, key.to_vec()), (value, deadline));
    }

    fn run(&mut self, store: &mut Store, hasher: KeyHasher, step: Step, number: usize, now: &mut u64) {
        let value = |length: usize| vec![number as u8; length];
        match step {
            Step::Set { db, key, length, deadline } => {
                let handle = store.set_string(db, &hasher.key(&name(key)), &value(length), deadline, *now);
                assert_eq!(store.string(handle), Some(&value(length)[..]));
                self.set(db, &name(key), value(length), deadline, *now);
            }
            Step::Owned { db, key, length } => {
                store.set_string_owned(db, &hasher.key(&name(key)), value(length), Deadline::Clear, *now);
                self.set(db, &name(key), value(length), Deadline::Clear, *now);
            }
            Step::Append { db, key, length } => {
                let mut expected = self.live(db, &name(key), *now).map_or(Vec::new(), |(value, _)| value.clone());
                expected.extend(value(length));
                assert_eq!(store.append(db, &hasher.key(&name(key)), &value(length), *now), expected.len());
                self.set(db, &name(key), expected, Deadline::Keep, *now);
            }
            Step::SetRange { db, key, offset, length } => {
                let mut expected = self.live(db, &name(key), *now).map_or(Vec::new(), |(value, _)| value.clone());
                expected.resize(expected.len().max(offset + length), 0);
                expected[offset..offset + length].copy_from_slice(&value(length));
                let result = store.set_range(db, &hasher.key(&name(key)), offset, &value(length), *now);
                assert_eq!(result, expected.len());
                self.set(db, &name(key), expected, Deadline::Keep, *now);
            }
            Step::Deadline { db, key, at } => {
                let found = self.live(db, &name(key), *now);
                assert_eq!(store.set_deadline(db, &hasher.key(&name(key)), at, *now), found.is_some());
                if let Some((_, deadline)) = found {
                    *deadline = at;
                }
            }
            Step::Remove { db, key } => {
                let expected = self.live(db, &name(key), *now).is_some();
                assert_eq!(store.remove(db, &hasher.key(&name(key)), *now), expected);
                self.0.remove(&(db, name(key)));
            }
            Step::Move { from, key, to, new } => {
                let found = self.live(from, &name(key), *now).cloned();
                let taken = store.take(from, &hasher.key(&name(key)), *now);
                assert_eq!(taken.as_ref().map(|taken| taken.deadline), found.as_ref().map(|(_, deadline)| *deadline));
                self.0.remove(&(from, name(key)));
                if let (Some(taken), Some(found)) = (taken, found) {
                    store.put(to, &hasher.key(&name(new)), taken, *now);
                    self.0.insert((to, name(new)), found);
                }
            }
            Step::Flush(db) => {
                store.flush(db);
                self.0.retain(|(of, _), _| db.is_some_and(|db| db != *of));
            }
            Step::FlushSlot(key) => {
                let slot = Slot::of_key(&name(key));
                store.flush_slot(slot);
                self.0.retain(|(_, key), _| Slot::of_key(key) != slot);
            }
            Step::Swap => {
                store.swap(0, 1, *now);
                self.0 = self.0.drain().map(|((db, key), value)| ((1 - db, key), value)).collect();
            }
            Step::Expire => _ = store.expire_some(*now, 100),
            Step::Reclaim => _ = store.reclaim(3),
            Step::Tick(time) => *now += time,
        }
    }

    /// Compares everything that is alive.
    fn check(&mut self, store: &mut Store, hasher: KeyHasher, now: u64) {
        self.0.retain(|_, (_, deadline)| deadline.is_none_or(|at| now <= at));
        let mut count = 0;
        for db in 0..2 {
            store.keys(db, now, |key, _| {
                count += 1;
                assert!(self.0.contains_key(&(db, key.to_vec())));
            });
            let scanned = {
                let mut scanned = 0;
                assert_eq!(
                    store.scan(
                        db,
                        Stretch { cursor: 0, end: 16384, count: usize::MAX },
                        now,
                        &mut Vec::new(),
                        |_, _| scanned += 1
                    ),
                    0
                );
                scanned
            };
            assert_eq!(scanned, self.0.keys().filter(|(of, _)| *of == db).count());
        }
        assert_eq!(count, self.0.len());
        for ((db, key), (value, deadline)) in &self.0 {
            let handle = store.find(*db, &hasher.key(key), now).expect("the key is there");
            assert_eq!((store.key_of(handle), store.string(handle)), (&key[..], Some(&value[..])));
            assert_eq!(store.deadline(handle), *deadline);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 200 }, ..Default::default() })]
    #[test]
    fn a_store_behaves_as_a_map(steps in steps()) {
        let ((mut store, hasher), mut model, mut now) = (store(2), Model::default(), 1);
        for (number, step) in steps.into_iter().enumerate() {
            model.run(&mut store, hasher, step, number, &mut now);
        }
        model.check(&mut store, hasher, now);
        // Nothing is left of what was deleted, whatever way it went.
        for ((db, key), _) in model.0.drain() {
            prop_assert!(store.remove(db, &hasher.key(&key), now));
        }
        (0..2).for_each(|db| store.keys(db, 0, |_, _| {}));
        while store.expire_some(u64::MAX, 1000) {}
        for db in 0..2 {
            while store.random_key(db, u64::MAX).is_some() {}
        }
        while store.reclaim(1) {}
        prop_assert_eq!((store.arena.live(), store.heap, store.volatile_len(0) + store.volatile_len(1)), (0, 0, 0));
    }
}

#[test]
fn a_store_of_many_keys_takes_little_memory_beyond_them() {
    // As many keys a slot as with two million in all, in some of the slots.
    for (value, goal) in [(8, 24), (64, 24), (256, 32)] {
        let (mut store, hasher) = store(1);
        let (mut number, mut keys) = (0_u64, 0);
        while keys < if cfg!(miri) { 0 } else { 60_000 } {
            let name = format!("key:{number:012}");
            let key = hasher.key(name.as_bytes());
            if key.slot.index() < 492 {
                store.set_string(0, &key, &vec![b'x'; value], Deadline::Clear, 1);
                keys += 1;
            }
            number += 1;
        }
        // These keys' part of the database's array of tables, which is not counted.
        let bytes = store.used_bytes() + 512 * size_of::<table::SlotTable>();
        if let Some(each) = bytes.checked_div(keys) {
            assert!(each - 16 - value <= goal, "{} bytes beyond key and value", each - 16 - value);
        }
    }
}

#[test]
fn expired_keys_are_absent_and_deleted_unless_they_are_kept() {
    let (mut store, hasher) = store(1);
    let key = hasher.key(b"k");
    store.record_removed = true;
    store.keep_expired = true;
    store.set_string(0, &key, b"v", Deadline::At(10), 1);
    assert!(store.find(0, &key, 10).is_some());
    assert!(store.find(0, &key, 11).is_none());
    assert_eq!((store.len(0), store.stats.misses), (1, 1));
    assert!(store.find(0, &key, 0).is_some(), "a replica applies its stream at time 0");
    store.keep_expired = false;
    assert!(store.find(0, &key, 11).is_none());
    assert_eq!((store.len(0), store.stats.expired), (0, 1));
    assert_eq!(store.take_removed(), [Removed { db: 0, key: (*b"k").into(), evicted: false }]);
}

#[test]
fn a_watched_key_changes_when_it_is_written_deleted_or_expires() {
    let (mut store, hasher) = store(2);
    let key = hasher.key(b"k");
    let mut changed = |before: Option<u64>, change: fn(&mut Store, &Key<'_>), now: u64| {
        if let Some(deadline) = before {
            store.set_string(0, &key, b"v", Deadline::At(deadline), 1);
        }
        let version = store.watch(0, &key, 1);
        change(&mut store, &key);
        let changed = store.watch_version(0, &key, now) != version;
        store.unwatch(0, &key);
        store.flush(None);
        changed
    };
    assert!(!changed(None, |_, _| {}, 1));
    assert!(!changed(Some(100), |_, _| {}, 1));
    assert!(changed(Some(100), |_, _| {}, 101), "it expired");
    assert!(changed(None, |store, key| _ = store.set_string(0, key, b"v", Deadline::Clear, 1), 1));
    assert!(changed(Some(100), |store, key| _ = store.set_string(0, key, b"v", Deadline::Clear, 1), 1));
    assert!(changed(Some(100), |store, key| _ = store.append(0, key, b"v", 1), 1));
    assert!(changed(Some(100), |store, key| _ = store.set_deadline(0, key, None, 1), 1));
    assert!(changed(Some(100), |store, key| _ = store.remove(0, key, 1), 1));
    assert!(!changed(None, |store, key| _ = store.remove(0, key, 1), 1));
    assert!(changed(Some(100), |store, _| store.flush(None), 1));
    assert!(!changed(None, |store, _| store.flush(None), 1));
    assert!(changed(Some(100), |store, _| store.swap(0, 1, 1), 1));
    assert!(!changed(None, |store, _| store.swap(0, 1, 1), 1));
    let again = |store: &mut Store, key: &Key<'_>| {
        store.remove(0, key, 1);
        store.set_string(0, key, b"v", Deadline::Clear, 1);
    };
    assert!(changed(Some(100), again, 1));
    assert!(store.watches.is_empty());
}

#[test]
fn a_watched_key_that_had_expired_before_does_not_change_when_it_is_deleted() {
    let (mut store, hasher) = store(1);
    let key = hasher.key(b"k");
    store.keep_expired = true;
    store.set_string(0, &key, b"v", Deadline::At(10), 1);
    let version = store.watch(0, &key, 11);
    store.remove(0, &key, 11);
    assert_eq!(store.watch_version(0, &key, 11), version);
}

#[test]
fn a_large_value_is_adopted_and_counted() {
    let (mut store, hasher) = store(1);
    let (key, value) = (hasher.key(b"k"), vec![1; 5 << 20]);
    let (before, place) = (store.used_bytes(), value.as_ptr());
    let handle = store.set_string_owned(0, &key, value, Deadline::Clear, 1);
    assert_eq!(store.string(handle).unwrap().as_ptr(), place);
    assert!(store.memory_usage(handle) > 5 << 20);
    assert!(store.used_bytes() > before + (5 << 20));
    assert!(store.remove(0, &key, 1) && store.used_bytes() < before + (1 << 20));
    assert!(store.reclaim(1), "its memory goes back in pieces");
}

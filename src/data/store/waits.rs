//! Who waits for which keys: the queues behind BLPOP and its kin.
//!
//! A queue belongs to the store that holds its key and travels with it when the store is lent, and so does the list of
//! keys that are *ready*: whoever holds the store can queue a command or make a key ready, and no wake-up is ever lost
//! between two cores. The store only keeps count; to run waiting commands is the plane's part ([`blocking`]).
//!
//! [`blocking`]: crate::data::plane::blocking

use super::Store;
use crate::data::key::Key;
use crate::data::waiter::{Waiter, WaiterId};
use hashbrown::hash_table::Entry;
use hashbrown::{HashMap, HashTable};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The waiting commands of a store. Consulted only while there are any.
#[derive(Default)]
pub struct Waits {
    keys: HashTable<Awaited>,
    /// The place of each command in the queues of its keys.
    places: HashMap<WaiterId, (u64, Arc<Waiter>)>,
    last_place: u64,
    /// How many of them need the stores of several cores.
    wide: usize,
    ready: VecDeque<(usize, Box<[u8]>)>,
}

struct Awaited {
    db: usize,
    hash: u64,
    key: Box<[u8]>,
    /// Who waits, the first first.
    queue: BTreeMap<u64, Arc<Waiter>>,
    /// How many of them are to run also when the key is gone.
    on_deletion: usize,
    /// How many of them need the stores of several cores.
    wide: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Quiet,
    /// It is in the list of ready keys.
    Ready,
    /// Its queue stands still until the command at this place, which needs other stores too, was run again.
    Parked(u64),
}

impl Waits {
    /// Whether nobody waits for anything.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn find(&mut self, db: usize, key: &Key<'_>) -> Option<&mut Awaited> {
        self.keys.find_mut(key.hash, |awaited| awaited.is(db, key))
    }

    fn mark(&mut self, db: usize, key: &Key<'_>) {
        let awaited = self.keys.find_mut(key.hash, |awaited| awaited.is(db, key));
        if awaited.is_some_and(Awaited::becomes_ready) {
            self.ready.push_back((db, key.bytes.into()));
        }
    }

    /// Marks what `changed` says of a database.
    pub fn mark_where(&mut self, changed: impl Fn(usize) -> bool) {
        let (keys, ready) = (&mut self.keys, &mut self.ready);
        for awaited in keys.iter_mut().filter(|awaited| changed(awaited.db)) {
            if awaited.becomes_ready() {
                ready.push_back((awaited.db, awaited.key.clone()));
            }
        }
    }

    fn enqueue(&mut self, place: u64, waiter: &Arc<Waiter>, key: &Key<'_>) {
        let db = waiter.db;
        let awaited = match self.keys.entry(key.hash, |awaited| awaited.is(db, key), |awaited| awaited.hash) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Awaited::new(db, key)).into_mut(),
        };
        if awaited.queue.insert(place, waiter.clone()).is_none() {
            awaited.on_deletion += usize::from(waiter.on_deletion);
            awaited.wide += usize::from(waiter.is_wide());
        }
    }

    fn dequeue(&mut self, place: u64, waiter: &Waiter, key: &Key<'_>) {
        let Ok(mut entry) = self.keys.find_entry(key.hash, |awaited| awaited.is(waiter.db, key)) else { return };
        let awaited = entry.get_mut();
        if awaited.queue.remove(&place).is_none() {
            return;
        }
        awaited.on_deletion -= usize::from(waiter.on_deletion);
        awaited.wide -= usize::from(waiter.is_wide());
        if awaited.queue.is_empty() {
            entry.remove();
        } else if awaited.state == State::Parked(place) {
            // Those behind it had to wait for its turn.
            awaited.state = State::Ready;
            self.ready.push_back((waiter.db, key.bytes.into()));
        }
    }
}

impl Awaited {
    fn new(db: usize, key: &Key<'_>) -> Awaited {
        let (hash, key) = (key.hash, key.bytes.into());
        Awaited { db, hash, key, queue: BTreeMap::new(), on_deletion: 0, wide: 0, state: State::Quiet }
    }

    fn is(&self, db: usize, key: &Key<'_>) -> bool {
        self.db == db && *self.key == *key.bytes
    }

    /// Notes that it is ready; whether it must be listed for that.
    fn becomes_ready(&mut self) -> bool {
        let quiet = self.state == State::Quiet;
        if quiet {
            self.state = State::Ready;
        }
        // A parked one is looked at again in any case.
        quiet
    }
}

impl Store {
    /// Notes that those who wait for `key` may find something there now.
    #[inline]
    pub fn mark_ready(&mut self, db: usize, key: &Key<'_>) {
        if !self.waits.is_empty() {
            self.waits.mark(db, key);
        }
    }

    /// Whether a key with waiting commands is ready.
    #[inline(always)]
    pub fn has_ready(&self) -> bool {
        !self.waits.ready.is_empty()
    }

    /// The next ready key, with its database.
    pub fn take_ready(&mut self) -> Option<(usize, Box<[u8]>)> {
        loop {
            let (db, bytes) = self.waits.ready.pop_front()?;
            // The last who waited may have gone.
            if let Some(awaited) = self.waits.find(db, &self.hasher.key(&bytes)) {
                awaited.state = State::Quiet;
                return Some((db, bytes));
            }
        }
    }

    /// Puts a command at the end of the queues of those of its keys that are `here`.
    pub fn add_waiter(&mut self, waiter: &Arc<Waiter>, here: impl Fn(&Key<'_>) -> bool) {
        self.waits.last_place += 1;
        let place = self.waits.last_place;
        self.waits.places.insert(waiter.id, (place, waiter.clone()));
        self.waits.wide += usize::from(waiter.is_wide());
        for bytes in &waiter.keys {
            let key = self.hasher.key(bytes);
            if here(&key) {
                self.waits.enqueue(place, waiter, &key);
            }
        }
    }

    /// Takes a command out of all queues; none: it does not wait here any more.
    pub fn remove_waiter(&mut self, id: &WaiterId) -> Option<Arc<Waiter>> {
        let (place, waiter) = self.waits.places.remove(id)?;
        self.waits.wide -= usize::from(waiter.is_wide());
        for bytes in &waiter.keys {
            self.waits.dequeue(place, &waiter, &self.hasher.key(bytes));
        }
        Some(waiter)
    }

    /// Whether that command waits here.
    pub fn has_waiter(&self, id: &WaiterId) -> bool {
        self.waits.places.contains_key(id)
    }

    /// Whether any command waits here that needs the stores of several cores.
    #[inline]
    pub fn has_wide_waiters(&self) -> bool {
        self.waits.wide > 0
    }

    /// Whether one of them waits for `key`.
    pub fn is_awaited_widely(&mut self, db: usize, key: &Key<'_>) -> bool {
        self.has_wide_waiters() && self.waits.find(db, key).is_some_and(|awaited| awaited.wide > 0)
    }

    /// The first command from place `from` on in the queue of `key` that is to run again, now that the key is `there`
    /// or is not.
    pub fn next_waiter(&mut self, db: usize, key: &Key<'_>, from: u64, there: bool) -> Option<(u64, Arc<Waiter>)> {
        let awaited = self.waits.find(db, key)?;
        if !there && awaited.on_deletion == 0 {
            return None;
        }
        let mut behind = awaited.queue.range(from..);
        behind.find(|(_, waiter)| there || waiter.on_deletion).map(|(place, waiter)| (*place, waiter.clone()))
    }

    /// Lets the queue of `key` stand still until the command at place `at` was run again, or is gone.
    pub fn park(&mut self, db: usize, key: &Key<'_>, at: u64) {
        if let Some(awaited) = self.waits.find(db, key) {
            awaited.state = State::Parked(at);
        }
    }

    /// Ends what [`park`](Store::park) began: the key is ready again.
    pub fn unpark(&mut self, db: usize, key: &Key<'_>, place: u64) {
        let Some(awaited) = self.waits.find(db, key).filter(|awaited| awaited.state == State::Parked(place)) else {
            return;
        };
        awaited.state = State::Ready;
        self.waits.ready.push_back((db, key.bytes.into()));
    }

    /// Whether any command waits here.
    #[cfg(any(test, fuzzing))]
    pub fn is_awaited(&self) -> bool {
        !self.waits.is_empty() || !self.waits.keys.is_empty() || !self.waits.ready.is_empty()
    }
}

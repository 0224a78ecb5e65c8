//! A snapshot: a store as it was at one moment, serialised while the store goes on changing. No fork, no pause.
//!
//! ```text
//! slots, database by database:   |  walked  |  this one  |  ahead  |
//! a key about to change:           nothing    if it is not done yet: its old value is written, and it is done
//! ```
//!
//! A walk takes slot by slot, a few keys a step. Whatever is about to change a key says so first
//! ([`before_change`](Store::before_change)); if the walk has yet to come there, the key is written as it is, and noted
//! as done, so that the walk passes it over. A key that comes into being is noted as well. So notes are kept of keys
//! that changed in slots ahead, and those of a slot go when the walk leaves it. Invariant: a key that was there at the
//! beginning is written once, as it was; any other is not.
//!
//! A large value is not written at once but *frozen* ([`Frozen`]), whoever comes to it first: a copy that shares its
//! pieces is written over several steps, while the key may change or go. So a step may end in the middle of a record,
//! and says so. What this bounds, with pieces of a machine of today:
//!
//! - a step: its budget and one element. An element of a collection is written in one go, 1 ms for some megabytes.
//! - freezing: next to nothing for a list or stream, but 1 ms for 50,000 pending entries of a stream's groups, which are
//!   copied; a count for each branch of a hash, set or sorted set (`data/types/segments.rs`): some hundred for a million elements.
//! - the first change of a piece that is frozen: a copy of that piece, 0.2 ms; a new element may change three. Strings
//!   are one piece: changing a part of one of 100 MB (SETRANGE, SETBIT, APPEND) while it is being written takes 30 ms,
//!   once.

use super::outside::At;
use super::table::PLACES;
use super::{Handle, Kind, Store};
use crate::base::limits;
use crate::data::key::Key;
use crate::data::rdb::frozen::Frozen;
use crate::data::rdb::write::{self, Record, Style};
use hashbrown::HashSet;
use std::collections::{BTreeMap, VecDeque};

/// What a slot that is passed over, or a key looked at, counts for when a step's work is measured in bytes.
const VISIT: usize = 64;
/// The least work of a step: to get past a line of keys that are done already.
const LEAST: usize = 2 * PLACES * VISIT;

/// A snapshot under way.
pub struct Snapshot {
    style: Style,
    /// Unix time in milliseconds when it began.
    now: u64,
    /// Records that were written and not yet taken away.
    out: Vec<u8>,
    /// The database that was selected in `out`.
    selected: Option<usize>,
    /// Large values that are to be written.
    large: VecDeque<Large>,
    /// Keys written, or frozen, and not yet told.
    keys: usize,
    /// The slot the walk is at, the first share of the table it is in there, and the line in that.
    db: usize,
    slot: usize,
    share: u16,
    line: usize,
    /// The generation the table had when the walk came to its line: entries move when that changes.
    generation: u32,
    /// Keys that the walk passes over, by database and slot.
    done: BTreeMap<(usize, usize), HashSet<Box<[u8]>>>,
}

/// A large value, and what comes before it in its record.
struct Large {
    head: Vec<u8>,
    value: Frozen,
}

/// What a step has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// How far the snapshot is.
    pub progress: Progress,
    /// How many keys were written.
    pub keys: usize,
    /// Whether it ends in the middle of a record, which the next step goes on with.
    pub is_open: bool,
}

impl From<Progress> for Step {
    fn from(progress: Progress) -> Step {
        Step { progress, keys: 0, is_open: false }
    }
}

/// How far a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to come.
    More,
    /// Everything was written.
    Complete,
    /// There is none: it was ended, or whole databases were flushed or exchanged, or the store's data replaced.
    Lost,
}

impl Store {
    /// Begins a snapshot of the store as it is now; ends the one under way, if there is one.
    pub fn snapshot_begin(&mut self, style: Style, now: u64) {
        self.snapshot_end();
        self.snapshot = Some(Box::new(Snapshot {
            style,
            now,
            out: Vec::new(),
            selected: None,
            large: VecDeque::new(),
            keys: 0,
            db: 0,
            slot: 0,
            share: 0,
            line: 0,
            generation: 0,
            done: BTreeMap::new(),
        }));
        self.refresh_observed();
    }

    /// Goes on with the snapshot for about `budget` bytes, and adds what was written to `out`: records, each piece with
    /// the databases they are in.
    pub fn snapshot_step(&mut self, budget: usize, out: &mut Vec<u8>) -> Step {
        let Some(mut snapshot) = self.snapshot.take() else { return Progress::Lost.into() };
        let step = snapshot.step(self, budget.max(LEAST), out);
        if step.progress == Progress::More {
            self.snapshot = Some(snapshot);
        }
        self.refresh_observed();
        step
    }

    /// Ends the snapshot, complete or not.
    pub fn snapshot_end(&mut self) {
        if let Some(snapshot) = self.snapshot.take() {
            self.graveyard.bury_frozen(snapshot.large.into_iter().map(|large| large.value));
        }
        self.refresh_observed();
    }

    /// Whether a snapshot is under way.
    pub fn has_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Bytes of a snapshot that wait to be taken away.
    pub fn snapshot_waiting(&self) -> usize {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.out.len())
    }

    /// To be called before `key` changes, comes into being or goes.
    #[cold]
    pub(super) fn before_change(&mut self, db: usize, key: &Key<'_>) {
        if self.snapshot.is_some() {
            let found = self.locate(db, key).map(|(_, handle)| handle);
            self.preserve(db, key.slot.index(), key.bytes, found);
        }
    }

    /// The same for an entry.
    #[cold]
    pub(super) fn before_unlink(&mut self, db: usize, slot: usize, handle: u32) {
        let key = self.key_of(Handle(handle)).to_vec();
        self.preserve(db, slot, &key, Some(handle));
    }

    fn preserve(&mut self, db: usize, slot: usize, key: &[u8], found: Option<u32>) {
        let Some(mut snapshot) = self.snapshot.take() else { return };
        if snapshot.out.len() > limits::SNAPSHOT_WAITING {
            // Nobody takes it away as fast as it comes: it is lost.
            self.snapshot = Some(snapshot);
            return self.snapshot_end();
        }
        if snapshot.is_first_change(db, slot, key)
            && let Some(handle) = found
        {
            snapshot.write(self, db, handle);
        }
        self.snapshot = Some(snapshot);
    }

    /// Takes note whether writes are to be told to anybody.
    pub(super) fn refresh_observed(&mut self) {
        self.observed = self.snapshot.is_some() || !self.watches.is_empty() || self.tracking.is_active();
    }
}

impl Snapshot {
    /// Goes on for about `budget` bytes. Whole records come between two large values, never within one.
    fn step(&mut self, store: &mut Store, budget: usize, out: &mut Vec<u8>) -> Step {
        let (mut spent, mut complete, mut is_open) = (0, false, false);
        if !self.is_in_record() {
            spent = self.out.len();
        }
        loop {
            // What waits goes between two records. What waits behind a large value has no part in the work before it.
            if !self.is_in_record() {
                out.append(&mut self.out);
                self.selected = None;
                if complete || spent >= budget {
                    break;
                }
            }
            let Some(mut large) = self.large.pop_front() else {
                complete = self.walk(store, &mut spent, budget);
                continue;
            };
            let (work, all) = large.write(out, budget.saturating_sub(spent), self.style.compressed);
            spent += work;
            is_open = !all;
            if is_open {
                self.large.push_front(large);
                break;
            }
            spent += self.out.len();
            store.graveyard.bury_frozen([large.value]);
        }
        let progress = if complete { Progress::Complete } else { Progress::More };
        Step { progress, keys: std::mem::take(&mut self.keys), is_open }
    }

    /// Whether the last step ended in the middle of a large value.
    fn is_in_record(&self) -> bool {
        self.large.front().is_some_and(Large::is_begun)
    }

    /// Whether a key that is about to change is still to be written; it counts as done from now on.
    fn is_first_change(&mut self, db: usize, slot: usize, key: &[u8]) -> bool {
        if (db, slot) < (self.db, self.slot) {
            return false;
        }
        let done = self.done.entry((db, slot)).or_default();
        !done.contains(key) && done.insert(key.into())
    }

    /// Walks on until the budget is spent or a large value comes; true: to the end.
    fn walk(&mut self, store: &Store, spent: &mut usize, budget: usize) -> bool {
        while self.db < store.databases.len() {
            if !self.large.is_empty() {
                return false;
            }
            let next = store.databases[self.db].next_slot(self.slot);
            if next != Some(self.slot) {
                self.go_to(next.map_or((self.db + 1, 0), |slot| (self.db, slot)));
                *spent += VISIT;
                continue;
            }
            if !self.walk_slot(store, spent, budget) {
                return false;
            }
            self.go_to((self.db, self.slot + 1));
        }
        self.large.is_empty()
    }

    /// Leaves the slot, and all before another one.
    fn go_to(&mut self, (db, slot): (usize, usize)) {
        (self.db, self.slot, self.share, self.line) = (db, slot, 0, 0);
        while self.done.first_entry().is_some_and(|noted| *noted.key() < (db, slot)) {
            self.done.pop_first();
        }
    }

    /// Writes keys of the slot until the budget is spent or a large value comes; true: there are no more.
    fn walk_slot(&mut self, store: &Store, spent: &mut usize, budget: usize) -> bool {
        let database = &store.databases[self.db];
        let mut written = Vec::new();
        for (share, table) in database.slot_tables(self.slot, self.share) {
            if (share, table.generation()) != (self.share, self.generation) {
                // It is another table, or entries have moved. Those that were written are noted as done.
                (self.share, self.line, self.generation) = (share, 0, table.generation());
            }
            for line in self.line..table.lines() {
                for (_, handle) in table.in_line(store.arena.memory(), line) {
                    if *spent >= budget || !self.large.is_empty() {
                        self.pause(store, line, database.slot_len(self.slot), &written);
                        return false;
                    }
                    *spent += VISIT;
                    let key = store.key_of(Handle(handle));
                    if self.done.get(&(self.db, self.slot)).is_none_or(|done| !done.contains(key)) {
                        *spent += self.write(store, self.db, handle);
                        written.push(handle);
                    }
                }
            }
        }
        true
    }

    /// Stays in the middle of a slot, at `line`, and notes what was written of it in this step.
    fn pause(&mut self, store: &Store, line: usize, keys: usize, written: &[u32]) {
        self.line = line;
        // All at once, so that a slot with very many keys does not stall a step when the set grows.
        let done = self.done.entry((self.db, self.slot)).or_default();
        if done.capacity() < keys {
            done.reserve(keys - done.len());
        }
        done.extend(written.iter().map(|&handle| Box::from(store.key_of(Handle(handle)))));
    }

    /// Writes a key, or freezes its value; what that took, as bytes written.
    fn write(&mut self, store: &Store, db: usize, handle: u32) -> usize {
        let handle = Handle(handle);
        self.keys += 1;
        let record = Record {
            key: store.key_of(handle),
            value: store.value(handle),
            deadline: store.deadline(handle),
            idle: store.idle_seconds(handle, self.now),
            frequency: store.frequency(handle, self.now),
        };
        if let Some(value) = store.frozen(handle) {
            let mut head = Vec::new();
            write::select(&mut head, db);
            write::record_head(&mut head, &record, self.style);
            self.large.push_back(Large { head, value });
            return 0;
        }
        let before = self.out.len();
        if self.selected.replace(db) != Some(db) {
            write::select(&mut self.out, db);
        }
        write::record(&mut self.out, &record, self.style);
        (self.out.len() - before).max(write::work_of_value(record.value, self.style.compressed))
    }
}

impl Store {
    /// What is to be written later of an entry's value, if it is large.
    fn frozen(&self, handle: Handle) -> Option<Frozen> {
        match self.outside(handle)? {
            At { kind: Kind::String, number } => Frozen::of_string(self.objects.string(number)),
            at => Frozen::of(self.objects.value(at)),
        }
    }
}

impl Large {
    fn is_begun(&self) -> bool {
        self.head.is_empty()
    }

    /// Writes on for about `budget` bytes; what that took, and whether it was all.
    fn write(&mut self, out: &mut Vec<u8>, budget: usize, compressed: bool) -> (usize, bool) {
        out.append(&mut self.head);
        self.value.write(out, budget, compressed)
    }
}

#[cfg(test)]
mod tests;

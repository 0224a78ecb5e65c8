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
//! - freezing: a count for each piece, so 1 ms for some 2 GB in a hash, set or sorted set; for 100 MB in a list or stream,
//!   and for 50,000 pending entries of a stream's groups, which are copied.
//! - the first change of a piece that is frozen: a copy of that piece, 0.1 ms. Strings are one piece: changing a part
//!   of one of 100 MB (SETRANGE, SETBIT, APPEND) while it is being written takes 30 ms, once.

use super::table::PLACES;
use super::{Handle, Store};
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
            let before = out.len();
            is_open = !large.write(out, before + budget.saturating_sub(spent), self.style.compressed);
            spent += out.len() - before;
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
                        let before = self.out.len();
                        self.write(store, self.db, handle);
                        *spent += self.out.len() - before;
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

    /// Writes a key, or freezes its value.
    fn write(&mut self, store: &Store, db: usize, handle: u32) {
        let handle = Handle(handle);
        self.keys += 1;
        let record = Record {
            key: store.key_of(handle),
            value: store.value(handle),
            deadline: store.deadline(handle),
            idle: store.idle_seconds(handle, self.now),
            frequency: store.frequency(handle, self.now),
        };
        if let Some(value) = store.object(handle).and_then(Frozen::of) {
            let mut head = Vec::new();
            write::select(&mut head, db);
            write::record_head(&mut head, &record, self.style);
            return self.large.push_back(Large { head, value });
        }
        if self.selected.replace(db) != Some(db) {
            write::select(&mut self.out, db);
        }
        write::record(&mut self.out, &record, self.style);
    }
}

impl Large {
    fn is_begun(&self) -> bool {
        self.head.is_empty()
    }

    /// Writes on until `out` has about `until` bytes; true: that was all.
    fn write(&mut self, out: &mut Vec<u8>, until: usize, compressed: bool) -> bool {
        out.append(&mut self.head);
        self.value.write(out, until, compressed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::model_tests::store;
    use super::super::{Collection, Deadline, Object, Value};
    use super::*;
    use crate::contract::settings::EncodingLimits;
    use crate::data::key::KeyHasher;
    use crate::data::rdb::dump;
    use crate::data::rdb::read::{Item, Reader};
    use crate::data::rdb::value::Built;
    use crate::data::types::Forms;
    use crate::data::types::hash::Hash;
    use crate::data::types::list::{End, Limits as ListLimits, List};
    use crate::data::types::set::Set;
    use crate::data::types::stream::{Group, Id, NodeLimits, Pending, Stream};
    use crate::data::types::zset::Zset;
    use proptest::prelude::*;

    type Content = BTreeMap<(usize, Vec<u8>), (Object, Option<u64>)>;

    /// What is in a store, dead or alive.
    fn content(store: &Store) -> Content {
        let mut content = Content::new();
        for db in 0..store.databases() {
            store.keys(db, 0, |key, handle| {
                let value = match store.value(handle) {
                    Value::Bytes(bytes) => Object::string(bytes.to_vec()),
                    // What a stream takes, and the form of a sorted set, depend on how they came to be.
                    Value::Object(Object::Stream(_) | Object::Zset(_)) => read_again(store.value(handle)),
                    Value::Object(object) => object.clone(),
                };
                content.insert((db, key.to_vec()), (value, store.deadline(handle)));
            });
        }
        content
    }

    fn read_again(value: Value<'_>) -> Object {
        let forms = Forms { limits: &LIMITS, hasher: KeyHasher::new(7) };
        dump::restore(&dump::dump(value, false), forms).unwrap()
    }

    /// What the pieces of a snapshot tell; each key once.
    fn told(pieces: &[u8]) -> Content {
        let mut reader = Reader::new(LIMITS, KeyHasher::new(7), true);
        reader.push(b"REDIS0010");
        reader.push(pieces);
        let mut content = Content::new();
        while let Some(item) = reader.item().unwrap() {
            let Item::Record(record) = item else { panic!("{item:?}") };
            let Built::Value(value) = record.value else { panic!("{:?}", record.value) };
            let before = content.insert((record.db, record.key), (value, record.deadline));
            assert_eq!(before, None);
        }
        content
    }

    /// Most keys share a slot, so that its table grows and shrinks under the walk.
    fn name(number: u16) -> Vec<u8> {
        match number % 4 {
            0 => format!("{number}").into_bytes(),
            1 if number % 50 == 1 => vec![number as u8; 2500],
            _ => format!("{{tag}}{number}").into_bytes(),
        }
    }

    #[derive(Clone, Debug)]
    enum Change {
        Set(u16, usize),
        Append(u16),
        /// Puts an element into a collection of one of the types, or takes one out.
        Element(usize, u16, bool),
        Deadline(u16, Option<u64>),
        Remove(u16),
        Rename(u16, u16),
        Expire,
        Evict,
        Step(usize),
    }

    fn changes() -> impl Strategy<Value = Vec<Change>> {
        let key = || 0..400_u16;
        let change = prop_oneof![
            6 => (key(), 0..3000_usize).prop_map(|(key, length)| Change::Set(key, length)),
            2 => key().prop_map(Change::Append),
            8 => (0..10_usize, key(), 0..4_u8).prop_map(|(key, member, what)| Change::Element(key, member, what > 0)),
            2 => (key(), prop::option::of(0..100_u64)).prop_map(|(key, at)| Change::Deadline(key, at)),
            4 => key().prop_map(Change::Remove),
            2 => (key(), key()).prop_map(|(from, to)| Change::Rename(from, to)),
            1 => Just(Change::Expire),
            1 => Just(Change::Evict),
            3 => (0..3000_usize).prop_map(Change::Step),
        ];
        prop::collection::vec(change, 0..if cfg!(miri) { 30 } else { 300 })
    }

    /// Small, so that there are large forms of all types.
    const LIMITS: EncodingLimits = EncodingLimits {
        hash_entries: 4,
        hash_value: 64,
        list_size: 3,
        list_compress_depth: 0,
        set_intset_entries: 4,
        zset_entries: 4,
        zset_value: 64,
        hll_sparse_bytes: 3000,
        stream_node_bytes: 100,
        stream_node_entries: 3,
    };

    /// Changes a collection, made of `fresh` if there is none.
    fn put<C: Collection>(store: &mut Store, key: &Key<'_>, mut fresh: C, mut change: impl FnMut(&mut C)) {
        if store.edit(0, key, 50, |old: &mut C| (change(old), true)) == Ok(None) {
            change(&mut fresh);
            store.set_object(0, key, fresh.into_object(), Deadline::Clear, 50);
        }
    }

    /// Puts `member` into the collection with a number, or takes it out.
    fn change_element(store: &mut Store, hasher: KeyHasher, number: usize, member: u16, is_in: bool) {
        let name = format!("{{tag}}many:{number}").into_bytes();
        let (key, forms, text) = (hasher.key(&name), Forms { limits: &LIMITS, hasher }, format!("member {member}"));
        let (text, end) = (text.as_bytes(), if member.is_multiple_of(3) { End::Head } else { End::Tail });
        match number % 5 {
            0 => put(store, &key, Set::new(), |set| {
                set.insert(b"stays", forms);
                if is_in {
                    set.insert(text, forms)
                } else {
                    set.remove(text)
                };
            }),
            1 => put(store, &key, Hash::new(), |hash| {
                hash.set(b"stays", b"", forms);
                let value = vec![b'v'; member as usize];
                if is_in {
                    hash.set(text, &value, forms)
                } else {
                    hash.remove(text)
                };
            }),
            2 => put(store, &key, Zset::default(), |zset| {
                zset.set(b"stays", 1.0, &LIMITS);
                if is_in {
                    zset.set(text, member.into(), &LIMITS)
                } else {
                    zset.remove(text)
                };
            }),
            3 => put(store, &key, List::default(), |list| match is_in {
                true => list.push(end, text, &ListLimits { fill: 3, large: 12 }),
                false if list.len() < 2 => list.push(end, text, &ListLimits { fill: 3, large: 12 }),
                false if member.is_multiple_of(2) => _ = list.pop(end, |_| ()),
                false => _ = list.set(member.into(), b"set", &ListLimits { fill: 3, large: 12 }),
            }),
            _ => put(store, &key, Stream::default(), |stream| change_stream(stream, text, member, is_in)),
        }
    }

    fn change_stream(stream: &mut Stream, text: &[u8], member: u16, is_in: bool) {
        let id = Id { ms: 1, seq: stream.last_id.seq + 1 };
        if is_in {
            stream.push(id, &[b"f", text], NodeLimits { bytes: 100, entries: 3 });
            let group = stream.groups.entry(vec![member as u8 % 3]);
            let group = group.or_insert_with(|| Group::new(Id::ZERO, None));
            let (consumer, _) = group.consumer_named(&[member as u8 % 5], 7);
            group.give(id, Pending { consumer, delivered: 1, count: 1 });
        } else {
            stream.delete(Id { ms: 1, seq: member.into() });
            stream.groups.values_mut().for_each(|group| _ = group.acknowledge(Id { ms: 1, seq: member.into() }));
        }
    }

    fn apply(store: &mut Store, hasher: KeyHasher, db: usize, change: Change, out: &mut Vec<u8>) {
        match change {
            Change::Set(key, length) => {
                store.set_string(db, &hasher.key(&name(key)), &vec![b'n'; length], Deadline::Keep, 50);
            }
            Change::Append(key) => _ = store.append(db, &hasher.key(&name(key)), b"more", 50),
            Change::Element(number, member, is_in) => change_element(store, hasher, number, member, is_in),
            Change::Deadline(key, at) => _ = store.set_deadline(db, &hasher.key(&name(key)), at, 50),
            Change::Remove(key) => _ = store.remove(db, &hasher.key(&name(key)), 50),
            Change::Rename(from, to) => {
                if let Some(taken) = store.take(db, &hasher.key(&name(from)), 50) {
                    store.put(db, &hasher.key(&name(to)), taken, 50);
                }
            }
            Change::Expire => _ = store.expire_some(50, 40),
            Change::Evict => _ = store.evict_one(crate::contract::settings::EvictionPolicy::AllKeysRandom, 5, 50),
            Change::Step(budget) => _ = store.snapshot_step(budget, out),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 200 }))]

        #[test]
        fn it_is_the_state_at_its_beginning_whatever_changes_meanwhile(
            before in changes(), during in changes(), deadlines in prop::collection::vec(0..400_u16, 0..40),
        ) {
            let (mut store, hasher) = store(2);
            for (number, change) in before.into_iter().enumerate() {
                apply(&mut store, hasher, number % 2, change, &mut Vec::new());
            }
            for key in deadlines {
                // Past at the time of the changes: it goes when somebody looks, or later.
                store.set_string(0, &hasher.key(&name(key)), b"dies", Deadline::At(20), 1);
            }
            let beginning = content(&store);
            store.snapshot_begin(Style { compressed: true, ..Style::default() }, 1);
            let mut out = Vec::new();
            let mut complete = false;
            for (number, change) in during.into_iter().enumerate() {
                complete |= !store.has_snapshot();
                apply(&mut store, hasher, number % 2, change, &mut out);
            }
            complete |= !store.has_snapshot();
            while !complete {
                let progress = store.snapshot_step(500, &mut out).progress;
                prop_assert_ne!(progress, Progress::Lost);
                complete = progress == Progress::Complete;
            }
            prop_assert_eq!(told(&out), beginning);
            prop_assert_eq!(store.snapshot_step(500, &mut out).progress, Progress::Lost);
        }
    }

    #[test]
    fn a_step_does_about_as_much_as_it_may_even_in_one_large_slot() {
        let (mut store, hasher) = store(1);
        for number in 0..3000 {
            store.set_string(0, &hasher.key(format!("{{tag}}{number}").as_bytes()), &[7; 30], Deadline::Clear, 1);
        }
        let beginning = content(&store);
        store.snapshot_begin(Style::default(), 1);
        let (mut all, mut steps) = (Vec::new(), 0);
        loop {
            let mut piece = Vec::new();
            let Step { progress, .. } = store.snapshot_step(10_000, &mut piece);
            assert!(piece.len() <= 10_000, "{}", piece.len());
            all.append(&mut piece);
            if progress == Progress::Complete {
                break;
            }
            steps += 1;
        }
        assert!(steps > 20 && told(&all) == beginning);
    }

    #[test]
    fn a_large_value_is_written_on_however_much_waits_behind_it() {
        let (mut store, hasher) = store(1);
        let name = |number: usize| format!("key {number}").into_bytes();
        store.set_string(0, &hasher.key(b"large"), &vec![7; 300_000], Deadline::Clear, 1);
        for number in 0..500 {
            store.set_string(0, &hasher.key(&name(number)), &[7; 100], Deadline::Clear, 1);
        }
        let beginning = content(&store);
        store.snapshot_begin(Style::default(), 1);
        let mut out = Vec::new();
        while !store.snapshot_step(1000, &mut out).is_open {}
        (0..500).for_each(|number| _ = store.remove(0, &hasher.key(&name(number)), 1));
        let complete = (0..1000).any(|_| store.snapshot_step(1000, &mut out).progress == Progress::Complete);
        assert!(complete && told(&out) == beginning);
    }

    #[test]
    fn flushing_ends_it_and_watching_goes_on() {
        let (mut store, hasher) = store(2);
        let key = hasher.key(b"k");
        store.set_string(1, &key, b"v", Deadline::Clear, 1);
        let end: [fn(&mut Store); 4] = [
            |store| store.swap(0, 1, 0),
            |store| store.flush_slot(crate::slot::Slot::of_key(b"k")),
            |store| store.flush(Some(0)),
            |store| store.flush(None),
        ];
        let version = store.watch(0, &key, 1);
        for end in end {
            store.snapshot_begin(Style::default(), 1);
            end(&mut store);
            assert_eq!(store.snapshot_step(100, &mut Vec::new()).progress, Progress::Lost);
        }
        store.set_string(0, &key, b"v", Deadline::Clear, 1);
        assert_ne!(store.watch_version(0, &key, 1), version);
    }
}

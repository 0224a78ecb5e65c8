//! Tests of snapshots: against the state at their beginning, whatever changes meanwhile.

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
                Value::List(list) => Object::List(list.clone()),
                Value::Set(set) => Object::Set(set.clone()),
                Value::Hash(hash) => Object::Hash(hash.clone()),
                // What a stream takes, and the form of a sorted set, depend on how they came to be.
                Value::Stream(_) | Value::Zset(_) => read_again(store.value(handle)),
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
            true => list.push(end, text, &ListLimits { fill: 3, large: 12, depth: 0 }),
            false if list.len() < 2 => list.push(end, text, &ListLimits { fill: 3, large: 12, depth: 0 }),
            false if member.is_multiple_of(2) => _ = list.pop(end, |_| ()),
            false => _ = list.set(member.into(), b"set", &ListLimits { fill: 3, large: 12, depth: 0 }),
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

//! What is written comes back, in pieces of any size; and what is not RDB does no harm.

use super::checksum::checksum;
use super::encode::{put_length, put_string};
use super::load::{Loader, Plan};
use super::read::{Item, Reader, Record};
use super::value::Built;
use super::write::{self, Style, Usage};
use super::{Error, dump, kind};
use crate::contract::settings::{EncodingLimits, Settings};
use crate::data::key::KeyHasher;
use crate::data::store::{Object, Value};
use crate::data::types::Forms;
use crate::data::types::hash::Hash;
use crate::data::types::list::{End, LARGE, Limits, List};
use crate::data::types::set::Set;
use crate::data::types::zset::Zset;
use crate::slot::owner::OwnerMap;
use proptest::prelude::*;
use std::sync::LazyLock;

/// A whole stream around `body`.
pub fn framed(body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write::header(&mut out);
    write::aux(&mut out, "redis-ver", b"7.0.15");
    body(&mut out);
    write::end(&mut out);
    let sum = checksum(&out);
    out.extend(sum.to_le_bytes());
    out
}

fn forms() -> Forms<'static> {
    static LIMITS: LazyLock<EncodingLimits> = LazyLock::new(EncodingLimits::default);
    Forms { limits: &LIMITS, hasher: KeyHasher::new(1) }
}

/// What a reader makes of `bytes` that come in pieces of `piece`.
fn read(bytes: &[u8], piece: usize) -> (Vec<Item>, Option<Error>) {
    let mut reader = Reader::new(EncodingLimits::default(), KeyHasher::new(1), true);
    let mut items = Vec::new();
    for piece in bytes.chunks(piece) {
        reader.push(piece);
        loop {
            match reader.item() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(error) => return (items, Some(error)),
            }
        }
    }
    (items, None)
}

fn key<'r>(key: &'r [u8], value: &'r [u8], deadline: Option<u64>) -> write::Record<'r> {
    write::Record { key, value: Value::Bytes(value), deadline, idle: 70, frequency: 9 }
}

fn sample(usage: Usage) -> Vec<u8> {
    let style = Style { compressed: true, usage };
    framed(|out| {
        write::aux(out, "repl-offset", b"12345");
        write::function(out, b"#!lua name=mylib", style);
        write::select(out, 3);
        write::resize(out, 2, 1);
        write::record(out, &key(b"a", b"12", Some(1 << 40)), style);
        write::record(out, &key(&b"long".repeat(30), &b"value".repeat(3000), None), style);
    })
}

#[test]
fn a_stream_comes_back_in_pieces_of_any_size() {
    let bytes = sample(Usage::Idle);
    let (items, error) = read(&bytes, bytes.len());
    assert_eq!((error, items.len()), (None, 6));
    assert_eq!(items[1], Item::Aux(b"repl-offset".to_vec(), b"12345".to_vec()));
    assert_eq!(items[2], Item::Function(b"#!lua name=mylib".to_vec()));
    let value = Built::Value(Object::string(b"12".to_vec()));
    let deadline = Some(1 << 40);
    let first = Record { db: 3, key: b"a".to_vec(), value, deadline, idle: Some(70), frequency: None };
    assert_eq!((&items[3], &items[5]), (&Item::Record(first), &Item::End));
    let Item::Record(second) = &items[4] else { panic!("{:?}", items[4]) };
    assert_eq!((second.deadline, &second.value), (None, &Built::Value(Object::string(b"value".repeat(3000)))));
    for piece in [1, 2, 7, 100] {
        assert_eq!(read(&bytes, piece).0, items);
    }
}

#[test]
fn what_is_wrong_is_told() {
    let mut bytes = sample(Usage::Frequency);
    let end = bytes.len() - 1;
    bytes[end] ^= 1;
    assert!(matches!(read(&bytes, 50).1, Some(Error::Checksum { .. })));
    bytes.truncate(end);
    assert_eq!(read(&bytes, 50).1, None);
    assert_eq!(read(b"REDIS0011", 50).1, Some(Error::Version(11)));
    assert_eq!(read(b"RADIS0010", 50).1, Some(Error::Signature));
    let module = framed(|out| out.extend([247, 0x81, 0x0a, 0x22, 0xc0, 0, 0, 0, 0, 0]));
    assert!(matches!(read(&module, 50).1, Some(Error::Module(_))));
    let unknown = framed(|out| out.extend([77, 1, b'k']));
    assert_eq!(read(&unknown, 50).1, Some(Error::Corrupt("Unknown RDB encoding type")));
}

#[test]
fn keys_are_loaded_into_the_stores_of_the_cores_that_own_them() {
    let settings = Settings::default();
    let plan = Plan {
        cores: 2,
        owners: OwnerMap::even(2),
        hasher: KeyHasher::new(1),
        seed: 5,
        now: 1000,
        keep_expired: false,
        replace: false,
    };
    let style = Style::default();
    let bytes = framed(|out| {
        write::select(out, 1);
        for number in 0..100 {
            let deadline = (number % 10 == 0).then_some(900 + number * 4);
            write::record(out, &key(format!("{number}").as_bytes(), b"value", deadline), style);
        }
    });
    let load = |plan: &Plan, bytes: &[u8]| {
        let mut loader = Loader::new(plan.clone(), &settings);
        let mut ended = false;
        for piece in bytes.chunks(100) {
            ended = loader.push(piece)?;
        }
        assert_eq!((ended, loader.position()), (true, bytes.len() as u64));
        loader.finish()
    };
    let loaded = load(&plan, &bytes).unwrap();
    let lens: Vec<usize> = loaded.stores.iter().map(|store| store.len(1)).collect();
    assert_eq!((lens.iter().sum::<usize>(), loaded.keys, loaded.expired.len()), (97, 97, 3));
    assert!(lens.iter().all(|&len| len > 30), "{lens:?}");
    assert_eq!(loaded.facts.version.as_deref(), Some("7.0.15"));
    let replica = load(&Plan { keep_expired: true, ..plan.clone() }, &bytes).unwrap();
    assert_eq!((replica.keys, replica.expired.len()), (100, 0));

    let twice = framed(|out| (0..2).for_each(|_| write::record(out, &key(b"k", b"v", None), style)));
    assert!(matches!(load(&plan, &twice), Err(Error::Duplicate { db: 0, .. })));
    assert_eq!(load(&Plan { replace: true, ..plan.clone() }, &twice).unwrap().stores[0].len(0), 1);
    let far = framed(|out| {
        write::select(out, 16);
        write::record(out, &key(b"k", b"v", None), style);
    });
    assert!(matches!(load(&plan, &far), Err(Error::Databases(16))));
    assert!(matches!(Loader::new(plan, &settings).finish(), Err(Error::Truncated)));
}

#[test]
fn a_dump_of_redis_is_read_and_ours_is_the_same() {
    // What `redis-cli dump` of Redis 7.0.15 says.
    for (value, payload) in [
        (&b"hello"[..], &b"\x00\x05hello\n\x00cr\xdfve4 \n"[..]),
        (b"12345", b"\x00\xc190\n\x00\x9d\x94\xea'\x93\xfc\x08\xb9"),
    ] {
        assert_eq!(dump::dump(Value::Bytes(value), true), payload);
        assert!(dump::is_intact(payload, false));
        assert_eq!(dump::restore(payload, forms()), Ok(Object::string(value.to_vec())));
    }
}

/// A collection of each kind with these elements.
fn collections(elements: &[Vec<u8>]) -> Vec<Object> {
    let (mut list, mut set, mut zset, mut hash) = (List::default(), Set::new(), Zset::default(), Hash::new());
    for (number, element) in elements.iter().enumerate() {
        list.push(End::Tail, element, &Limits { fill: -2, large: LARGE, depth: 0 });
        set.insert(element, forms());
        zset.set(element, number as f64 / 4.0, forms().limits);
        hash.set(element, number.to_string().as_bytes(), forms());
    }
    list.push_plain(vec![b'x'; 10_000], &Limits { fill: -2, large: LARGE, depth: 0 });
    vec![Object::List(list), Object::Set(set), Object::Zset(zset), Object::Hash(hash)]
}

/// `elements` as a ziplist of strings.
fn ziplist(elements: &[&[u8]]) -> Vec<u8> {
    let (mut bytes, mut last) = (vec![0; 10], 10);
    for (number, element) in elements.iter().enumerate() {
        let before = if number == 0 { 0 } else { bytes.len() - last };
        last = bytes.len();
        bytes.extend([before as u8, element.len() as u8]);
        bytes.extend_from_slice(element);
    }
    bytes.push(0xff);
    let length = bytes.len() as u32;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes[4..8].copy_from_slice(&(last as u32).to_le_bytes());
    bytes[8] = elements.len() as u8;
    bytes
}

/// What is restored of a payload that is `kind` and `body`.
fn restore(kind: u8, body: impl FnOnce(&mut Vec<u8>)) -> Result<Object, Error> {
    let mut payload = vec![kind];
    body(&mut payload);
    payload.extend([0; 10]);
    dump::restore(&payload, forms())
}

#[test]
fn forms_of_before_redis_7_become_those_of_today() {
    let elements: [&[u8]; 4] = [b"a", b"1", b"b", b"2"];
    let packed = |kind, bytes: &[u8]| restore(kind, |out| put_string(out, bytes, false));
    let counted = |kind, count: u64| {
        restore(kind, |out| {
            put_length(out, count);
            elements.iter().for_each(|element| put_string(out, element, false));
        })
    };
    let (mut list, mut set, mut zset, mut hash) = (List::default(), Set::new(), Zset::default(), Hash::new());
    for pair in elements.chunks(2) {
        pair.iter().for_each(|text| list.push(End::Tail, text, &Limits { fill: -2, large: LARGE, depth: 0 }));
        pair.iter().for_each(|text| _ = set.insert(text, forms()));
        zset.set(pair[0], pair[1][0] as f64 - 48.0, forms().limits);
        hash.set(pair[0], pair[1], forms());
    }
    let (list, set) = (Ok(Object::List(list)), Ok(Object::Set(set)));
    let (zset, hash) = (Ok(Object::Zset(zset)), Ok(Object::Hash(hash)));
    assert_eq!(counted(kind::LIST, 4), list);
    assert_eq!(packed(kind::LIST_ZIPLIST, &ziplist(&elements)), list);
    let nodes = |out: &mut Vec<u8>| {
        put_length(out, 3);
        put_string(out, &ziplist(&elements[..1]), true);
        put_string(out, &ziplist(&[]), true);
        put_string(out, &ziplist(&elements[1..]), true);
    };
    assert_eq!(restore(kind::QUICKLIST, nodes), list);
    assert_eq!(counted(kind::SET, 4), set);
    let ascii = |out: &mut Vec<u8>| out.extend(b"\x02\x01a\x011\x01b\x032.0");
    assert_eq!(restore(kind::ZSET, ascii), zset);
    assert_eq!(packed(kind::ZSET_ZIPLIST, &ziplist(&elements)), zset);
    assert_eq!(counted(kind::HASH, 2), hash);
    assert_eq!(packed(kind::HASH_ZIPLIST, &ziplist(&elements)), hash);
    assert_eq!(packed(kind::HASH_ZIPMAP, b"\x02\x01a\x01\x001\x01b\x01\x002\xff"), hash);
}

#[test]
fn collections_with_an_element_twice_or_none_are_refused() {
    let twice = |kind, body: &[u8]| restore(kind, |out| out.extend(body));
    for (kind, body) in [
        (kind::SET, &b"\x02\x01a\x01a"[..]),
        (kind::ZSET, b"\x02\x01a\x011\x01a\x012"),
        (kind::ZSET, b"\x01\x01a\xfd"),
        (kind::HASH, b"\x02\x01a\x011\x01a\x012"),
        (kind::QUICKLIST_2, b"\x01\x03\x01a"),
        (kind::QUICKLIST_2, b"\x01\x01\x00"),
        (kind::LIST, b"\x00"),
        (kind::HASH_LISTPACK, b"\x07\x07\0\0\0\0\0\xff"),
    ] {
        assert!(twice(kind, body).is_err(), "{kind} {body:?}");
    }
    assert!(matches!(twice(kind::MODULE_2, &[0x81, 0, 0, 0, 0, 0, 0, 0, 0]), Err(Error::Module(_))));
    // A file may have empty ones: they are skipped, not refused.
    let empty = framed(|out| out.extend([kind::LIST, 1, b'k', 0]));
    let (items, error) = read(&empty, 3);
    assert_eq!((items.len(), error), (3, None));
    assert!(matches!(&items[1], Item::Record(Record { value: Built::Empty, .. })));
}

proptest! {
    #[test]
    fn collections_come_back_in_the_form_they_had(
        elements in prop::collection::vec(prop_oneof!["[0-9]{1,4}", ".{0,12}", "[ab]{0,90}"], 1..300),
        compressed in any::<bool>(), piece in 1..3000_usize,
    ) {
        let elements: Vec<_> = elements.into_iter().map(String::into_bytes).collect();
        let style = Style { compressed, ..Style::default() };
        let objects = collections(&elements);
        for object in &objects {
            let payload = dump::dump(object.value(), compressed);
            prop_assert!(dump::is_intact(&payload, false));
            let restored = dump::restore(&payload, forms()).unwrap();
            prop_assert_eq!(restored.value().encoding(), object.value().encoding());
            prop_assert_eq!(&restored, object);
        }
        let stream = framed(|out| for object in &objects {
            let value = object.value();
            write::record(out, &write::Record { key: b"k", value, deadline: None, idle: 0, frequency: 0 }, style);
        });
        let (items, error) = read(&stream, piece);
        prop_assert_eq!((items.len(), error), (objects.len() + 2, None));
        for (item, object) in items[1..].iter().zip(objects) {
            let Item::Record(record) = item else { panic!("{item:?}") };
            prop_assert_eq!(&record.value, &Built::Value(object));
        }
    }

    #[test]
    fn any_bytes_are_read_the_same_however_they_are_cut(
        start in any::<bool>(), bytes in prop::collection::vec(any::<u8>(), 0..300), piece in 1..20_usize,
    ) {
        let mut stream = if start { b"REDIS0010".to_vec() } else { Vec::new() };
        stream.extend(bytes);
        prop_assert_eq!(read(&stream, piece), read(&stream, stream.len().max(1)));
    }

    #[test]
    fn a_damaged_stream_does_no_harm(at in any::<prop::sample::Index>(), bit in 0..8_u8, piece in 1..500_usize) {
        let mut bytes = sample(Usage::Idle);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        read(&bytes, piece);
    }

    #[test]
    fn any_payload_is_restored_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..100), kind in 0..20_u8) {
        if let Some(first) = bytes.first_mut() {
            *first = kind;
        }
        _ = dump::is_intact(&bytes, false);
        _ = dump::restore(&bytes, forms());
    }
}

//! Tests of the dict: against a map, through growth and shrinking, its randomness and its memory.

use super::*;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

fn empty<V: Value>() -> Dict<V> {
    Dict::new(KeyHasher::new(7))
}

fn name(number: usize) -> Vec<u8> {
    format!("key:{number}").into_bytes()
}

#[test]
fn whoever_stays_is_visited_exactly_once_while_others_come_and_go() {
    for (start, step) in [(1000, 40), (1000, 0), (50, 7), (20_000, 100)] {
        for grow in [true, false] {
            let mut dict = empty::<()>();
            (0..300).for_each(|number| _ = dict.insert(&name(number), ()));
            let mut others = 300..start + 300;
            if !grow {
                others.clone().for_each(|number| _ = dict.insert(&name(number), ()));
            }
            let (mut seen, mut cursor) = (Vec::new(), 0);
            loop {
                cursor = dict.scan(cursor, |key, ()| seen.push(key.to_vec()));
                assert!(cursor < 1 << 53);
                if cursor == 0 {
                    break;
                }
                for number in others.by_ref().take(step) {
                    if grow {
                        assert!(dict.insert(&name(number), ()));
                    } else {
                        assert!(dict.remove(&name(number)));
                    }
                }
            }
            let unique = seen.iter().collect::<HashSet<_>>();
            assert_eq!(unique.len(), seen.len(), "{start} {step} {grow}");
            assert!((0..300).all(|number| unique.contains(&name(number))), "{start} {step} {grow}");
        }
    }
}

#[test]
fn any_number_is_a_harmless_cursor() {
    let mut dict = empty::<()>();
    assert_eq!(dict.scan(5, |_, ()| unreachable!()), 0);
    for size in 0..200 {
        dict.insert(&name(size), ());
        for start in [1, 1 << 47, (1 << 48) - 1, 1 << 53, u64::MAX, u64::MAX << 20] {
            let (mut cursor, mut calls) = (start, 0);
            while calls == 0 || cursor != 0 {
                cursor = dict.scan(cursor, |_, ()| {});
                calls += 1;
            }
            assert!(calls <= size + 1);
        }
    }
}

#[test]
fn a_random_item_is_any_item_with_about_the_same_probability() {
    for size in [5, 100] {
        let mut dict = empty::<()>();
        (0..size).for_each(|number| _ = dict.insert(&name(number), ()));
        let (mut random, mut drawn) = (Random::new(3), HashMap::new());
        for _ in 0..size * 1000 {
            *drawn.entry(dict.random(&mut random).unwrap().0.to_vec()).or_insert(0) += 1;
        }
        assert_eq!(drawn.len(), size);
        assert!(drawn.values().all(|count| (850..1150).contains(count)), "{drawn:?}");
    }
    assert!(empty::<()>().random(&mut Random::new(1)).is_none());
}

#[test]
fn small_items_take_little_more_than_their_bytes() {
    let mut dict = empty::<Bytes>();
    let count = if cfg!(miri) { 200 } else { 100_000 };
    for number in 0..count {
        dict.insert(format!("{number:010}").as_bytes(), b"0123456789");
    }
    let each = dict.heap_bytes() / count;
    assert!(each < 31, "{each} bytes for 20");
}

#[test]
fn what_is_released_is_gone_step_by_step() {
    let mut dict = empty::<Bytes>();
    for number in 0..3000 {
        let value = vec![1; if number % 3 == 0 { 1000 } else { 10 }];
        dict.insert(&name(number), &value);
    }
    dict.insert(b"huge", &vec![1; 3 * crate::base::limits::FREED_AT_ONCE]);
    let mut steps = 1;
    while dict.release(256) {
        steps += 1;
    }
    assert!((12..30).contains(&steps), "{steps}");
    assert_eq!((dict.bytes, dict.buckets.len(), dict.large.map_or(0, |large| large.len())), (0, 0, 0));
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u16, usize),
    Remove(u16),
}

fn key(number: u16) -> Vec<u8> {
    // Every seventh is too long for a bucket.
    let mut key = number.to_string().into_bytes();
    if number.is_multiple_of(7) {
        key.resize(300, b'x');
    }
    key
}

/// Bytes of all buckets and large items, counted.
fn counted<V: Value>(dict: &Dict<V>) -> usize {
    dict.buckets.iter().map(Bucket::bytes).sum::<usize>()
        + dict.large.iter().flat_map(|large| large.iter()).map(|item| item.len()).sum::<usize>()
}

proptest! {
    #[test]
    fn it_is_a_map(steps in proptest::collection::vec(prop_oneof![
        5 => (0..400u16, prop_oneof![0usize..20, 240usize..260]).prop_map(|(key, len)| Step::Insert(key, len)),
        3 => (0..400u16).prop_map(Step::Remove),
    ], 0..1500)) {
        let (mut dict, mut model) = (empty::<Bytes>(), HashMap::new());
        let mut set = empty::<()>();
        for step in steps {
            match step {
                Step::Insert(number, length) => {
                    let value = vec![length as u8; length];
                    let is_new = model.insert(key(number), value.clone()).is_none();
                    prop_assert_eq!(dict.insert(&key(number), &value), is_new);
                    prop_assert_eq!(set.insert(&key(number), ()), is_new);
                }
                Step::Remove(number) => {
                    let was_there = model.remove(&key(number)).is_some();
                    prop_assert_eq!(dict.remove(&key(number)), was_there);
                    prop_assert_eq!(set.remove(&key(number)), was_there);
                }
            }
            prop_assert_eq!(dict.len(), model.len());
        }
        prop_assert_eq!((dict.bytes, set.bytes), (counted(&dict), counted(&set)));
        for number in 0..400 {
            let value = model.get(&key(number));
            prop_assert_eq!(dict.get(&key(number)), value.map(Vec::as_slice));
            prop_assert_eq!(set.contains(&key(number)), value.is_some());
        }
        let mut all = HashMap::new();
        dict.iter().for_each(|(key, value)| _ = all.insert(key.to_vec(), value.to_vec()));
        prop_assert_eq!(&all, &model);
        prop_assert_eq!(&dict.clone(), &dict);
        let (mut cursor, mut seen) = (0, 0);
        loop {
            cursor = dict.scan(cursor, |key, value| {
                assert_eq!(model[key], value);
                seen += 1;
            });
            if cursor == 0 {
                break;
            }
        }
        prop_assert_eq!(seen, model.len());
        for key in model.keys() {
            prop_assert!(dict.remove(key));
        }
        prop_assert_eq!((dict.len(), dict.large.map_or(0, |large| large.len())), (0, 0));
        prop_assert!(dict.buckets.len() <= 1);
    }
}

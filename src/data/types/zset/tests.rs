//! What it promises, by examples and against a model.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const LIMITS: EncodingLimits = EncodingLimits {
    hash_entries: 0,
    hash_value: 0,
    list_size: 0,
    list_compress_depth: 0,
    set_intset_entries: 0,
    zset_entries: 40,
    zset_value: 20,
    hll_sparse_bytes: 0,
    stream_node_bytes: 0,
    stream_node_entries: 0,
};

fn set_of(pairs: &[(&str, f64)]) -> Zset {
    let mut zset = Zset::default();
    for (member, score) in pairs {
        zset.set(member.as_bytes(), *score, &LIMITS);
    }
    zset
}

fn texts(zset: &Zset) -> Vec<(String, f64)> {
    zset.iter().map(|(member, score)| (String::from_utf8(member.to_vec()).unwrap(), score)).collect()
}

#[test]
fn members_are_ordered_by_score_and_then_by_bytes() {
    let zset = set_of(&[("b", 1.0), ("10", 1.0), ("9", 1.0), ("a", 0.5), ("z", f64::NEG_INFINITY), ("y", 1e300)]);
    let members: Vec<_> = texts(&zset).into_iter().map(|(member, _)| member).collect();
    assert_eq!(members, ["z", "a", "10", "9", "b", "y"]);
    assert_eq!((zset.rank(b"9"), zset.score(b"y"), zset.rank(b"none")), (Some(3), Some(1e300), None));
}

#[test]
fn a_set_outgrows_its_listpack_by_members_or_by_their_length() {
    let mut zset = Zset::default();
    for number in 0..40 {
        zset.set(format!("{number}").as_bytes(), f64::from(number), &LIMITS);
    }
    assert_eq!(zset.encoding(), "listpack");
    zset.set(b"39", -1.0, &LIMITS);
    assert_eq!(zset.encoding(), "listpack");
    zset.set(b"40", 40.0, &LIMITS);
    assert_eq!((zset.encoding(), zset.len(), zset.rank(b"39")), ("skiplist", 41, Some(0)));
    assert_eq!(set_of(&[(&"x".repeat(20), 1.0)]).encoding(), "listpack");
    assert_eq!(set_of(&[(&"x".repeat(21), 1.0)]).encoding(), "skiplist");
}

#[test]
fn scores_survive_the_listpack() {
    for score in [0.1, 1e17, 4.6e18, 1e19, -3.5, f64::INFINITY, f64::NEG_INFINITY, 5e-324, 9007199254740993.0] {
        assert_eq!(set_of(&[("m", score)]).score(b"m"), Some(score), "{score}");
    }
}

#[test]
fn only_a_listpack_that_is_a_sorted_set_is_taken() {
    let listpack = |entries: &[&str]| {
        let mut listpack = Listpack::new();
        entries.iter().for_each(|entry| listpack.push_back(entry.as_bytes()));
        Zset::from_listpack(listpack)
    };
    assert_eq!(listpack(&["a", "1", "b", "inf"]), Some(set_of(&[("a", 1.0), ("b", f64::INFINITY)])));
    for wrong in [&["a"][..], &["a", "nan"], &["a", "x"], &["a", "2", "b", "1"], &["a", "1", "a", "2"]] {
        assert_eq!(listpack(wrong), None, "{wrong:?}");
    }
}

#[test]
fn small_ones_take_no_more_memory_than_in_redis() {
    // MEMORY USAGE on redis-server 7.0.15 less its key's 56 bytes; the long members are of 70 bytes.
    let mut ten = Zset::default();
    for number in 0..10 {
        ten.set(format!("m{number}").as_bytes(), f64::from(number), &LIMITS);
    }
    assert!(ten.heap_bytes() <= 112, "{}", ten.heap_bytes());
    let mut long = Zset::default();
    for number in 0..10 {
        long.set(format!("{number:070}").as_bytes(), f64::from(number), &LIMITS);
    }
    assert!(long.heap_bytes() <= 2600, "{}", long.heap_bytes());
}

proptest! {
    #[test]
    fn both_forms_do_what_a_plain_map_does(
        steps in prop::collection::vec((0..60u8, -5..5i8, any::<bool>()), 0..300),
        from in 0..70usize,
        to in 0..70usize,
    ) {
        let (mut zset, mut model) = (Zset::default(), BTreeMap::new());
        for (number, score, remove) in steps {
            let member = number.to_string();
            if remove {
                prop_assert_eq!(zset.remove(member.as_bytes()), model.remove(&member));
            } else {
                let score = f64::from(score) / 2.0;
                prop_assert_eq!(zset.set(member.as_bytes(), score, &LIMITS), model.insert(member, score));
            }
        }
        let mut expected: Vec<_> = model.into_iter().collect();
        expected.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
        prop_assert_eq!(&texts(&zset), &expected);
        for half in -11..11 {
            let score = f64::from(half) / 2.0;
            let before = expected.iter().filter(|(_, other)| *other < score).count();
            let through = expected.iter().filter(|(_, other)| *other <= score).count();
            prop_assert_eq!(zset.count_before(Cut::BeforeScore(score)), before);
            prop_assert_eq!(zset.count_before(Cut::AfterScore(score)), through);
        }
        for (rank, (member, _)) in expected.iter().enumerate() {
            prop_assert_eq!(zset.rank(member.as_bytes()), Some(rank));
        }
        let (from, to) = (from.min(to).min(expected.len()), from.max(to).min(expected.len()));
        let mut backwards: Vec<_> = zset.range(from..to, true).map(|(member, _)| member.to_vec()).collect();
        backwards.reverse();
        let part: Vec<_> = expected[from..to].iter().map(|(member, _)| member.as_bytes().to_vec()).collect();
        prop_assert_eq!(backwards, part);
        zset.remove_ranks(from..to);
        expected.drain(from..to);
        prop_assert_eq!(&texts(&zset), &expected);
        let mut met = Vec::new();
        let mut cursor = 0;
        loop {
            cursor = zset.scan(cursor, 7, |(member, _)| met.push(member.to_vec()));
            if cursor == 0 {
                break;
            }
        }
        prop_assert_eq!(met.len(), expected.len());
    }
}

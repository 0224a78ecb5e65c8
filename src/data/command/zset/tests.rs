//! The sorted set commands against a recording of redis-server, and what a recording cannot show.

use super::HANDLERS;
use crate::data::command::recorded::replay;
use crate::data::command::testing::{Bench, run};
use crate::data::command::{generic, set, string};

fn bench() -> Bench {
    Bench::new(&[HANDLERS, generic::HANDLERS, set::HANDLERS, string::HANDLERS])
}

#[test]
fn commands_answer_announce_and_replicate_as_recorded_from_redis() {
    replay(&mut bench(), include_str!("recorded.txt"));
}

/// The same on sets that have outgrown the compact form from the start.
#[test]
fn large_sets_answer_as_recorded_from_redis() {
    let mut bench = bench();
    bench.settings.encodings.zset_entries = 0;
    // What differs: minus zero keeps its sign.
    let recording = include_str!("recorded.txt").replace(" -0 o", " 0 o");
    replay(&mut bench, &recording);
    assert_eq!(run(&mut bench, "ZADD k 1 a"), b":1\r\n");
    assert_eq!(run(&mut bench, "OBJECT ENCODING k"), b"$8\r\nskiplist\r\n");
}

#[test]
fn what_changes_nothing_does_not_touch_a_watched_key() {
    let mut bench = bench();
    run(&mut bench, "ZADD z 1 a");
    let key = b"z";
    let version = |bench: &mut Bench| {
        let key = bench.key(key);
        let (db, now) = (bench.db, bench.now);
        bench.stores.of(key.slot).watch(db, &key, now)
    };
    let before = version(&mut bench);
    for line in ["ZADD z 1 a", "ZADD z NX 2 a", "ZREM z b", "ZREMRANGEBYSCORE z 5 6"] {
        run(&mut bench, line);
        assert_eq!(version(&mut bench), before, "{line}");
    }
    run(&mut bench, "ZADD z 2 a");
    assert_ne!(version(&mut bench), before);
}

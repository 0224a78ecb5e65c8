//! The generic commands against a recording of redis-server, and what a recording cannot show.

use super::*;
use crate::contract::settings::EvictionPolicy;
use crate::data::command::recorded::replay;
use crate::data::command::testing::{Bench, run};
use crate::data::command::{debug, memory};
use crate::data::store::Deadline;

/// SET without options, so that these tests need no other command family.
fn set(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let (db, now) = (exec.db, exec.now);
    if peek(exec, &key).is_none() {
        exec.notify(Class::NEW, "new", &key);
    }
    exec.store(key.slot).set_string(db, &key, args[2], Deadline::Clear, now);
    exec.notify(Class::STRING, "set", &key);
    exec.changed(1);
    exec.reply.ok();
    Ok(())
}

fn bench() -> Bench {
    Bench::new(&[HANDLERS, memory::HANDLERS, debug::HANDLERS, &[("set", set)]])
}

#[test]
fn commands_answer_announce_and_replicate_as_recorded_from_redis() {
    replay(&mut bench(), include_str!("recorded.txt"));
}

#[test]
fn a_cluster_node_refuses_what_leaves_its_database() {
    let mut bench = bench();
    bench.settings.cluster_enabled = true;
    bench.settings.databases = 1;
    assert_eq!(run(&mut bench, "MOVE a 1"), b"-ERR MOVE is not allowed in cluster mode\r\n");
    assert_eq!(run(&mut bench, "COPY a b DB 1"), b"-ERR DB index is out of range\r\n");
    assert_eq!(run(&mut bench, "COPY a b DB 0"), b":0\r\n");
}

#[test]
fn object_asks_for_the_clock_that_the_policy_keeps() {
    let mut bench = bench();
    bench.settings.maxmemory_policy = EvictionPolicy::AllKeysLfu;
    run(&mut bench, "SET a 1");
    assert!(run(&mut bench, "OBJECT IDLETIME a").starts_with(b"-ERR An LFU maxmemory policy is selected, idle time"));
    assert!(run(&mut bench, "OBJECT FREQ a").starts_with(b":"));
    bench.settings.maxmemory = 1 << 30;
    assert_eq!(run(&mut bench, "OBJECT REFCOUNT a"), b":1\r\n");
}

#[test]
fn looking_at_a_key_counts_a_hit_or_a_miss_and_changing_it_does_not() {
    let mut bench = bench();
    run(&mut bench, "SET a 1");
    for line in ["EXISTS a b", "TTL a", "TYPE b", "OBJECT ENCODING a", "TOUCH a b", "EXPIRE a 10", "PERSIST b", "DEL b"]
    {
        run(&mut bench, line);
    }
    let stats = &bench.stores.of(crate::slot::Slot::of_key(b"a")).stats;
    assert_eq!((stats.hits, stats.misses), (4, 3));
}

#[test]
fn a_key_with_a_deadline_dies_at_it() {
    let mut bench = bench();
    run(&mut bench, "SET a 1");
    run(&mut bench, "PEXPIRE a 1500");
    assert_eq!(run(&mut bench, "PTTL a"), b":1500\r\n");
    assert_eq!(run(&mut bench, "TTL a"), b":2\r\n");
    bench.now += 1501;
    assert_eq!(run(&mut bench, "EXISTS a"), b":0\r\n");
    assert_eq!(run(&mut bench, "EXPIRE a 10"), b":0\r\n");
    assert_eq!(run(&mut bench, "RENAME a b"), b"-ERR no such key\r\n");
}

#[test]
fn memory_usage_and_debug_object_tell_of_a_key_that_is_there() {
    let mut bench = bench();
    run(&mut bench, "SET a hello");
    let usage = String::from_utf8(run(&mut bench, "MEMORY USAGE a SAMPLES 0")).unwrap();
    assert!(usage[1..].trim_end().parse::<usize>().unwrap() > 6, "{usage}");
    let line = String::from_utf8(run(&mut bench, "DEBUG OBJECT a")).unwrap();
    assert!(line.contains(" refcount:1 encoding:embstr serializedlength:6 lru:"), "{line}");
    assert!(line.ends_with(" lru_seconds_idle:0\r\n"), "{line}");
}

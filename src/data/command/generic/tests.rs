//! The generic commands against a recording of redis-server, and what a recording cannot show.

use super::HANDLERS;
use crate::base::ids::CoreId;
use crate::base::limits::SLOTS;
use crate::contract::settings::EvictionPolicy;
use crate::data::command::recorded::replay;
use crate::data::command::testing::{Bench, run};
use crate::data::command::{memory, string};
use crate::data::store::{Store, StoreOptions, Stores};
use crate::slot::Slot;
use crate::slot::owner::OwnerMap;

fn bench() -> Bench {
    Bench::new(&[HANDLERS, memory::HANDLERS, string::HANDLERS])
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
    let refusal = b"-ERR Copying to another database is not allowed in cluster mode\r\n";
    assert_eq!(run(&mut bench, "COPY a b DB 1"), refusal);
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
    let stats = &bench.stores.of(Slot::of_key(b"a")).stats;
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
fn memory_usage_tells_of_a_key_that_is_there() {
    let mut bench = bench();
    run(&mut bench, "SET a hello");
    let usage = String::from_utf8(run(&mut bench, "MEMORY USAGE a SAMPLES 0")).unwrap();
    assert!(usage[1..].trim_end().parse::<usize>().unwrap() > 6, "{usage}");
}

#[test]
fn a_value_moves_between_the_stores_of_two_cores() {
    let mut bench = bench();
    let second = Store::new(StoreOptions { databases: 16, ..StoreOptions::default() });
    let first = bench.stores.take(CoreId(0)).unwrap();
    bench.stores = Stores::new(CoreId(0), OwnerMap::even(2), 2, *first);
    bench.stores.put(CoreId(1), Box::new(second));
    let cores = |name: &[u8]| Slot::of_key(name).index() * 2 / SLOTS;
    assert_eq!((cores(b"bar"), cores(b"foo")), (0, 1));

    run(&mut bench, "SET bar 1 EX 100");
    assert_eq!(run(&mut bench, "COPY bar foo"), b":1\r\n");
    assert_eq!(run(&mut bench, "EXISTS bar foo"), b":2\r\n");
    assert_eq!(run(&mut bench, "RENAMENX bar foo"), b":0\r\n");
    assert_eq!(run(&mut bench, "RENAME bar foo"), b"+OK\r\n");
    assert_eq!(run(&mut bench, "TTL foo"), b":100\r\n");
    assert_eq!(run(&mut bench, "DEL bar foo"), b":1\r\n");
}

#[test]
fn no_arguments_the_command_table_lets_through_make_a_handler_panic_or_answer_twice() {
    const WORDS: [&[u8]; 9] =
        [b"", b"a", b"-1", b"9223372036854775807", b"DB", b"REPLACE", b"NX", b"samples", b"\xff\0"];
    let mut bench = bench();
    for (name, _) in [HANDLERS, memory::HANDLERS].concat() {
        let command: Vec<&[u8]> = name.split('|').map(str::as_bytes).collect();
        let fewest = match name {
            "copy" | "expire" | "expireat" | "move" | "pexpire" | "pexpireat" | "rename" | "renamenx" => 3,
            "restore" | "restore-asking" => 4,
            "object|help" | "memory|help" => 2,
            _ => command.len() + 1,
        };
        for choice in 0..WORDS.len().pow(3) {
            let pick = |position: u32| WORDS[choice / WORDS.len().pow(position) % WORDS.len()];
            let args: Vec<&[u8]> = command.iter().copied().chain((0..3).map(pick)).collect();
            for count in fewest..=args.len() {
                let reply = bench.run_args(&args[..count]);
                let lines = reply.iter().filter(|byte| **byte == b'\n').count();
                let expected = if reply[0] == b'$' && reply[1] != b'-' { 2 } else { 1 };
                assert!(reply[0] == b'*' || lines == expected, "{name} {:?}", reply.escape_ascii().to_string());
            }
        }
    }
}

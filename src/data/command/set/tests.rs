//! Tests of the set commands: replies, events and what replicates.

use super::HANDLERS;
use crate::data::command::testing::{Bench, run};
use crate::data::command::{generic, hash, string};
use crate::resp::Proto;
use std::collections::HashSet;

fn bench() -> Bench {
    Bench::new(&[HANDLERS, generic::HANDLERS, string::HANDLERS, hash::HANDLERS])
}

fn reply(bench: &mut Bench, line: &str) -> String {
    String::from_utf8(run(bench, line)).unwrap().replace("\r\n", " ").trim_end().into()
}

/// Runs lines and compares each reply, line ends as spaces.
fn check(bench: &mut Bench, lines: &[(&str, &str)]) {
    for (line, expected) in lines {
        assert_eq!(reply(bench, line), *expected, "{line}");
    }
}

/// The words of an array of strings.
fn members(reply: &str) -> Vec<String> {
    reply.split(' ').skip(1).filter(|word| !word.starts_with('$')).map(String::from).collect()
}

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn members_are_added_asked_for_moved_and_removed() {
    let bench = &mut bench();
    check(
        bench,
        &[
            ("SADD s 1 2 3 2", ":3"),
            ("OBJECT ENCODING s", "$6 intset"),
            ("SMEMBERS s", "*3 $1 1 $1 2 $1 3"),
            ("SISMEMBER s 2", ":1"),
            ("SISMEMBER s x", ":0"),
            ("SMISMEMBER s 1 x 3", "*3 :1 :0 :1"),
            ("SMISMEMBER no 1", "*1 :0"),
            ("SCARD s", ":3"),
            ("SCARD no", ":0"),
            ("SADD s x", ":1"),
            ("OBJECT ENCODING s", "$9 hashtable"),
            ("SMOVE s t x", ":1"),
            ("SMOVE s t x", ":0"),
            ("SMOVE s s 1", ":1"),
            ("SMOVE s s 9", ":0"),
            ("SET text x", "+OK"),
            ("SMOVE no text x", ":0"),
            ("SMOVE s text x", WRONG_TYPE),
            ("SMOVE text s x", WRONG_TYPE),
            ("SADD text x", WRONG_TYPE),
            ("SMEMBERS text", WRONG_TYPE),
            ("SREM s 1 2 9", ":2"),
            ("SREM s 3", ":1"),
            ("EXISTS s", ":0"),
            ("SREM s 3", ":0"),
        ],
    );
    bench.proto = Proto::Resp3;
    check(bench, &[("SMEMBERS t", "~1 $1 x"), ("SMEMBERS no", "~0"), ("SINTER t", "~1 $1 x"), ("SPOP no", "_")]);
}

#[test]
fn writes_tell_what_they_did() {
    let bench = &mut bench();
    let told = |bench: &mut Bench, line: &str| {
        run(bench, line);
        (bench.events().join(" "), bench.effects.changed, bench.replicated().join(";"))
    };
    let mut expect = |line: &str, events: &str, changed: u64, replicated: &str| {
        assert_eq!(told(bench, line), (events.into(), changed, replicated.into()), "{line}");
    };
    expect("SADD s a b", "new:s sadd:s", 2, "");
    expect("SADD s a", "", 0, "");
    expect("SREM s z", "", 0, "");
    expect("SMOVE s t a", "srem:s new:t sadd:t", 2, "");
    expect("SADD s a", "sadd:s", 1, "");
    expect("SMOVE s t a", "srem:s", 1, "");
    expect("SMOVE s t b", "srem:s del:s sadd:t", 2, "");
    expect("SINTERSTORE d t", "new:d sinterstore:d", 1, "");
    expect("SDIFFSTORE d t t", "del:d", 1, "");
    expect("SDIFFSTORE d t t", "", 0, "");
    expect("SUNIONSTORE d t", "new:d sunionstore:d", 1, "");
    expect("SPOP d 5", "spop:d del:d", 2, "DEL d");
    expect("SPOP d 5", "", 0, "");
    expect("SADD one m", "new:one sadd:one", 1, "");
    expect("SPOP one", "spop:one del:one", 1, "SREM one m");
    expect("SPOP t 0", "", 0, "");
    let (events, changed, replicated) = told(bench, "SPOP t 1");
    assert_eq!((events.as_str(), changed), ("spop:t", 1));
    assert!(replicated.starts_with("SREM t "));
}

#[test]
fn sets_are_combined() {
    let bench = &mut bench();
    check(
        bench,
        &[
            ("SADD a 1 2 3 4 5", ":5"),
            ("SADD b 2 4 6 x", ":4"),
            ("SADD c 4", ":1"),
            ("SINTER a b", "*2 $1 2 $1 4"),
            ("SINTER a b c", "*1 $1 4"),
            ("SINTER a no", "*0"),
            ("SINTER a a", "*5 $1 1 $1 2 $1 3 $1 4 $1 5"),
            ("SINTERCARD 2 a b", ":2"),
            ("SINTERCARD 2 a b LIMIT 1", ":1"),
            ("SINTERCARD 2 a b LIMIT 0", ":2"),
            ("SINTERCARD 0 a", "-ERR numkeys should be greater than 0"),
            ("SINTERCARD 3 a b", "-ERR Number of keys can't be greater than number of args"),
            ("SINTERCARD 1 a LIMIT -1", "-ERR LIMIT can't be negative"),
            ("SINTERCARD 1 a LIMIT", "-ERR syntax error"),
            ("SDIFF a b", "*3 $1 1 $1 3 $1 5"),
            ("SDIFF a b c no", "*3 $1 1 $1 3 $1 5"),
            ("SDIFF a a", "*0"),
            ("SDIFF no a", "*0"),
            ("SDIFF c a b c c c c c", "*0"),
            ("SUNION a c", "*5 $1 1 $1 2 $1 3 $1 4 $1 5"),
            ("SUNIONSTORE a a b", ":7"),
            ("SCARD a", ":7"),
            ("SINTERSTORE b b c", ":1"),
            ("OBJECT ENCODING b", "$6 intset"),
            ("SET text x", "+OK"),
            ("SINTER no text", WRONG_TYPE),
            ("SUNION a text", WRONG_TYPE),
            ("SDIFFSTORE text a c", ":6"),
            ("TYPE text", "+set"),
        ],
    );
}

#[test]
fn random_members_are_as_many_as_asked_for() {
    for (size, prefix) in [(20, ""), (20, "m"), (2000, "m")] {
        for (count, expected) in [(0, 0), (1, 1), (7, 7), (19, 19), (20, 20), (3000, size), (-50, 50)] {
            let bench = &mut bench();
            (0..size).for_each(|number| _ = run(bench, &format!("SADD s {prefix}{number}")));
            let drawn = members(&reply(bench, &format!("SRANDMEMBER s {count}")));
            assert_eq!(drawn.len(), expected);
            assert!(count < 0 || drawn.iter().collect::<HashSet<_>>().len() == expected);
            if count >= 0 {
                let popped = members(&reply(bench, &format!("SPOP s {count}")));
                assert_eq!(popped.len(), expected);
                assert_eq!(reply(bench, "SCARD s"), format!(":{}", size - expected));
                assert!(popped.iter().all(|member| reply(bench, &format!("SISMEMBER s {member}")) == ":0"));
            }
        }
    }
    check(
        &mut bench(),
        &[
            ("SADD s a", ":1"),
            ("SRANDMEMBER s", "$1 a"),
            ("SRANDMEMBER no", "$-1"),
            ("SRANDMEMBER no 2", "*0"),
            ("SPOP no", "$-1"),
            ("SPOP no 2", "*0"),
            ("SPOP s -1", "-ERR value is out of range, must be positive"),
            ("SPOP s x", "-ERR value is out of range, must be positive"),
            ("SPOP s 1 2", "-ERR syntax error"),
            ("SRANDMEMBER s 1 2", "-ERR syntax error"),
            ("SRANDMEMBER s x", "-ERR value is not an integer or out of range"),
            ("SPOP s", "$1 a"),
            ("EXISTS s", ":0"),
        ],
    );
}

#[test]
fn a_scan_finds_the_members() {
    check(
        &mut bench(),
        &[
            ("SADD s 1 2 3", ":3"),
            ("SSCAN s 0 MATCH 2", "*2 $1 0 *1 $1 2"),
            ("SADD t x", ":1"),
            ("SSCAN t 0", "*2 $1 0 *1 $1 x"),
        ],
    );
}

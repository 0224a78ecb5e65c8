//! Tests of the hash commands: replies, events and what replicates.

use super::HANDLERS;
use crate::data::command::generic;
use crate::data::command::testing::{Bench, run};
use crate::data::store::{Kind, Value};
use crate::resp::Proto;

fn bench() -> Bench {
    Bench::new(&[HANDLERS, generic::HANDLERS, crate::data::command::string::HANDLERS])
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

#[test]
fn fields_are_set_read_and_deleted() {
    let bench = &mut bench();
    check(
        bench,
        &[
            ("HSET h a 1 b 2 a 3", ":2"),
            ("HSET h a 1 b", "-ERR wrong number of arguments for 'hset' command"),
            ("HMSET h a 1 b", "-ERR wrong number of arguments for 'hmset' command"),
            ("HMSET h c x", "+OK"),
            ("HSETNX h c y", ":0"),
            ("HSETNX h d y", ":1"),
            ("HGET h a", "$1 3"),
            ("HGET h z", "$-1"),
            ("HGET no z", "$-1"),
            ("HMGET h a z c", "*3 $1 3 $-1 $1 x"),
            ("HMGET no a", "*1 $-1"),
            ("HGETALL h", "*8 $1 a $1 3 $1 b $1 2 $1 c $1 x $1 d $1 y"),
            ("HKEYS h", "*4 $1 a $1 b $1 c $1 d"),
            ("HVALS h", "*4 $1 3 $1 2 $1 x $1 y"),
            ("HGETALL no", "*0"),
            ("HLEN h", ":4"),
            ("HSTRLEN h c", ":1"),
            ("HSTRLEN h z", ":0"),
            ("HEXISTS h c", ":1"),
            ("HEXISTS no c", ":0"),
            ("HDEL h a z b", ":2"),
            ("HDEL h c d e", ":2"),
            ("EXISTS h", ":0"),
            ("SET s x", "+OK"),
            ("HGET s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HSET s a b", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HDEL s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ],
    );
    bench.proto = Proto::Resp3;
    check(bench, &[("HSET h a 1", ":1"), ("HGETALL h", "%1 $1 a $1 1"), ("HGETALL no", "%0"), ("HGET h b", "_")]);
}

#[test]
fn writes_tell_what_they_did() {
    let bench = &mut bench();
    run(bench, "HSET h a 1 b 2");
    assert_eq!((bench.events(), bench.effects.changed), (vec!["new:h".into(), "hset:h".into()], 2));
    run(bench, "HSETNX h a 1");
    assert_eq!((bench.events().len(), bench.effects.changed), (0, 0));
    run(bench, "HDEL h z");
    assert_eq!((bench.events().len(), bench.effects.changed), (0, 0));
    run(bench, "HINCRBYFLOAT h a 0.5");
    assert_eq!((bench.events(), bench.replicated()), (vec!["hincrbyfloat:h".into()], vec!["HSET h a 1.5".into()]));
    run(bench, "HDEL h a b");
    assert_eq!((bench.events(), bench.effects.changed), (vec!["hdel:h".into(), "del:h".into()], 2));
    run(bench, "HGET h a");
    assert_eq!(bench.events(), ["keymiss:h"]);
}

#[test]
fn counters_refuse_what_is_no_number_and_then_leave_no_key() {
    let bench = &mut bench();
    check(
        bench,
        &[
            ("HINCRBY h a 5", ":5"),
            ("HINCRBY h a -7", ":-2"),
            ("HINCRBY h a x", "-ERR value is not an integer or out of range"),
            ("HSET h b text c 9223372036854775807 d \" 1\"", ":3"),
            ("HINCRBY h b 1", "-ERR hash value is not an integer"),
            ("HINCRBY h d 1", "-ERR hash value is not an integer"),
            ("HINCRBY h c 1", "-ERR increment or decrement would overflow"),
            ("HINCRBYFLOAT h a 2.25", "$4 0.25"),
            ("HINCRBYFLOAT h b 1", "-ERR hash value is not a float"),
            ("HINCRBYFLOAT h a x", "-ERR value is not a valid float"),
            ("HINCRBYFLOAT no a inf", "-ERR value is NaN or Infinity"),
            ("HSET s f 1e4932", ":1"),
            ("HINCRBYFLOAT s f 1e4932", "-ERR increment would produce NaN or Infinity"),
            ("HINCRBY no a x", "-ERR value is not an integer or out of range"),
            ("EXISTS no", ":0"),
        ],
    );
}

#[test]
fn random_fields_are_as_many_as_asked_for() {
    for size in [10, 600] {
        let bench = &mut bench();
        (0..size).for_each(|number| _ = run(bench, &format!("HSET h f{number} v{number}")));
        for (count, expected) in [(0, 0), (1, 1), (5, 5), (9, 9), (500, size.min(500)), (1000, size), (-30, 30)] {
            let reply = reply(bench, &format!("HRANDFIELD h {count}"));
            let fields: Vec<_> = reply.split(' ').filter(|word| word.starts_with('f')).collect();
            assert_eq!(fields.len(), expected, "{count}");
            let unique = fields.iter().collect::<std::collections::HashSet<_>>().len();
            assert!(count < 0 || unique == expected, "{count}");
        }
        let pairs = reply(bench, "HRANDFIELD h -3 withvalues");
        assert!(pairs.starts_with("*6 ") && pairs.matches('v').count() == 3, "{pairs}");
        bench.proto = Proto::Resp3;
        assert!(reply(bench, "HRANDFIELD h 2 withvalues").starts_with("*2 *2 $"));
    }
    let range = "-ERR value is out of range";
    check(
        &mut bench(),
        &[
            ("HRANDFIELD no", "$-1"),
            ("HRANDFIELD no 3", "*0"),
            ("HRANDFIELD h 3 x", "-ERR syntax error"),
            ("HRANDFIELD h x", "-ERR value is not an integer or out of range"),
            (
                "HRANDFIELD h -9223372036854775808",
                "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ),
            ("HRANDFIELD h -9223372036854775807 WITHVALUES", range),
            ("HRANDFIELD h 9223372036854775807 WITHVALUES", range),
            ("HRANDFIELD no -9223372036854775807", "*0"),
            ("HSET h a b", ":1"),
            ("HRANDFIELD h -9223372036854775807", range),
        ],
    );
}

#[test]
fn a_scan_finds_all_fields_and_filters_them() {
    for size in [10, 2000] {
        let bench = &mut bench();
        (0..size).for_each(|number| _ = run(bench, &format!("HSET h f{number} v{number}")));
        let (mut cursor, mut found, mut steps) = (String::from("0"), Vec::new(), 0);
        loop {
            let reply = reply(bench, &format!("HSCAN h {cursor} COUNT 100"));
            let words: Vec<_> = reply.split(' ').map(String::from).collect();
            found.extend(words.iter().filter(|word| word.starts_with('f')).cloned());
            cursor.clone_from(&words[2]);
            steps += 1;
            if cursor == "0" {
                break;
            }
        }
        found.sort();
        found.dedup();
        assert_eq!(found.len(), size);
        assert_eq!(steps > 10, size > 512);
    }
    check(
        &mut bench(),
        &[
            ("HSET h aa 1 b 2", ":2"),
            ("HSCAN h 0 MATCH a*", "*2 $1 0 *2 $2 aa $1 1"),
            ("HSCAN no 0 nonsense", "*2 $1 0 *0"),
            ("HSCAN h 0 TYPE hash", "-ERR syntax error"),
            ("HSCAN h 0 COUNT 0", "-ERR syntax error"),
            ("HSCAN no x", "-ERR invalid cursor"),
        ],
    );
}

#[test]
fn a_copy_is_a_hash_of_its_own() {
    let bench = &mut bench();
    check(
        bench,
        &[("HSET h a 1", ":1"), ("COPY h g", ":1"), ("HSET g a 2", ":0"), ("HGET h a", "$1 1"), ("HGET g a", "$1 2")],
    );
    let key = bench.key(b"h");
    let (db, now) = (bench.db, bench.now);
    let store = bench.stores.of(key.slot);
    let handle = store.peek(db, &key, now).unwrap();
    assert_eq!(store.kind(handle), Kind::Hash);
    assert!(matches!(store.value(handle), Value::Hash(_)));
}

//! Tests of SORT: orders, patterns and STORE.

use super::HANDLERS;
use crate::data::command::testing::{Bench, run};
use crate::data::command::{hash, list, set, string, zset};
use crate::resp::Proto;

fn bench() -> Bench {
    Bench::new(&[HANDLERS, list::HANDLERS, set::HANDLERS, zset::HANDLERS, hash::HANDLERS, string::HANDLERS])
}

/// Runs lines and compares the words of each reply without lengths.
fn check(bench: &mut Bench, lines: &[(&str, &str)]) {
    for (line, expected) in lines {
        let reply = String::from_utf8(run(bench, line)).unwrap();
        let words = reply.split("\r\n").filter(|word| !word.starts_with(['*', '$']) || *word == "$-1");
        assert_eq!(words.collect::<Vec<_>>().join(" ").trim_end(), *expected, "{line}");
    }
}

#[test]
fn elements_are_sorted_by_number_by_text_and_not_at_all() {
    check(
        &mut bench(),
        &[
            ("RPUSH l 3 1 10 2", ":4"),
            ("SORT l", "1 2 3 10"),
            ("SORT l DESC", "10 3 2 1"),
            ("SORT l ALPHA", "1 10 2 3"),
            ("SORT l DESC ASC LIMIT 1 2", "2 3"),
            ("SORT l LIMIT -5 2", "1 2"),
            ("SORT l LIMIT 2 -1", "3 10"),
            ("SORT l LIMIT 9 2", ""),
            ("SORT l BY nosort", "3 1 10 2"),
            ("SORT l BY nosort DESC LIMIT 1 2", "10 1"),
            ("ZADD z 1 c 2 a 3 b", ":3"),
            ("SORT z BY nosort DESC LIMIT 1 5", "a c"),
            ("SORT z BY nosort LIMIT 1 1", "a"),
            ("SORT_RO z ALPHA", "a b c"),
            ("SADD s b a", ":2"),
            ("SORT s ALPHA DESC", "b a"),
            ("SORT s", "-ERR One or more scores can't be converted into double"),
            ("SORT s BY x", "a b"),
            ("RPUSH odd \" 1\" \"\" 0x10 1e2 -inf", ":5"),
            ("SORT odd", "-inf   1 0x10 1e2"),
            ("SORT no", ""),
            ("SET text x", "+OK"),
            ("SORT text", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SORT l LIMIT 1", "-ERR syntax error"),
            ("SORT l LIMIT 1 x", "-ERR value is not an integer or out of range"),
            ("SORT_RO l STORE d", "-ERR syntax error"),
        ],
    );
}

#[test]
fn patterns_lead_to_strings_and_to_fields_of_hashes() {
    let bench = &mut bench();
    check(
        bench,
        &[
            ("RPUSH l 1 2 3", ":3"),
            ("MSET w1 30 w2 10 name1 one name3 three", "+OK"),
            ("HSET h1 w 1", ":1"),
            ("HSET h2 w 3", ":1"),
            ("HSET h3 w 2", ":1"),
            ("SORT l BY w*", "3 2 1"),
            ("SORT l BY h*->w GET # GET name*", "1 one 3 three 2 $-1"),
            ("SORT l BY h*->w DESC GET h*->w", "3 2 1"),
            ("SORT l BY name* ALPHA", "2 1 3"),
            ("SORT l GET constant", "$-1 $-1 $-1"),
            ("SORT l GET h*", "$-1 $-1 $-1"),
            ("SORT l GET name*->", "$-1 $-1 $-1"),
            ("SORT l BY name*", "-ERR One or more scores can't be converted into double"),
        ],
    );
    bench.proto = Proto::Resp3;
    check(bench, &[("SORT l LIMIT 0 1 GET no*", "_")]);
    bench.settings.cluster_enabled = true;
    check(
        bench,
        &[
            ("SORT l BY w*", "-ERR BY option of SORT denied in Cluster mode."),
            ("SORT l GET #", "-ERR GET option of SORT denied in Cluster mode."),
            ("SORT l BY nosort", "1 2 3"),
        ],
    );
}

#[test]
fn a_stored_result_is_a_list_and_an_empty_one_deletes() {
    let bench = &mut bench();
    check(bench, &[("SADD s c b a", ":3"), ("SET namea A", "+OK")]);
    check(bench, &[("SORT s BY nosort GET # GET name* STORE d", ":6"), ("LRANGE d 0 -1", "a A b  c")]);
    run(bench, "SORT s ALPHA STORE d");
    assert_eq!((bench.events(), bench.effects.changed), (vec!["sortstore:d".into()], 3));
    run(bench, "SORT no STORE d");
    assert_eq!((bench.events(), bench.effects.changed), (vec!["keymiss:no".into(), "del:d".into()], 1));
    check(bench, &[("GET d", "$-1"), ("SORT no STORE d", ":0")]);
}

//! Replies, events and replicated commands, as redis-server 7.0.15 gives them.

use super::HANDLERS;
use crate::data::command::generic;
use crate::data::command::testing::{Bench, run};

fn bench() -> Bench {
    Bench::new(&[HANDLERS, generic::HANDLERS, crate::data::command::string::HANDLERS])
}

fn told(bench: &mut Bench, line: &str) -> String {
    String::from_utf8_lossy(&run(bench, line)).replace("\r\n", " ").trim_end().to_owned()
}

fn check(lines: &[(&str, &str)]) -> Bench {
    let mut bench = bench();
    for (line, reply) in lines {
        assert_eq!(told(&mut bench, line), *reply, "{line}");
    }
    bench
}

#[test]
fn elements_are_pushed_and_popped_at_both_ends() {
    check(&[
        ("RPUSH l a 1 c", ":3"),
        ("LPUSH l x y", ":5"),
        ("LRANGE l 0 -1", "*5 $1 y $1 x $1 a $1 1 $1 c"),
        ("LPUSHX none a", ":0"),
        ("RPUSHX l 007", ":6"),
        ("LPOP l", "$1 y"),
        ("RPOP l 2", "*2 $3 007 $1 c"),
        ("LPOP l 0", "*0"),
        ("LPOP none 0", "*-1"),
        ("LPOP none", "$-1"),
        ("LPOP l -1", "-ERR value is out of range, must be positive"),
        ("LPOP l 1 2", "-ERR wrong number of arguments for 'lpop' command"),
        ("LPOP l 99", "*3 $1 x $1 a $1 1"),
        ("EXISTS l", ":0"),
    ]);
}

#[test]
fn elements_are_found_and_changed_by_index_and_value() {
    check(&[
        ("RPUSH l a b a c a", ":5"),
        ("LINDEX l -2", "$1 c"),
        ("LINDEX l 5", "$-1"),
        ("LINDEX none x", "$-1"),
        ("LINDEX l x", "-ERR value is not an integer or out of range"),
        ("LSET l 1 B", "+OK"),
        ("LSET l 5 B", "-ERR index out of range"),
        ("LSET none x B", "-ERR no such key"),
        ("LINSERT l BEFORE c x", ":6"),
        ("LINSERT l AFTER nope x", ":-1"),
        ("LINSERT none AFTER nope x", ":0"),
        ("LINSERT l AT nope x", "-ERR syntax error"),
        ("LREM l -2 a", ":2"),
        ("LRANGE l 0 -1", "*4 $1 a $1 B $1 x $1 c"),
        ("LRANGE l 3 1", "*0"),
        ("LRANGE l -100 1", "*2 $1 a $1 B"),
        ("LTRIM l 1 -2", "+OK"),
        ("LRANGE l 0 -1", "*2 $1 B $1 x"),
        ("LTRIM l 5 9", "+OK"),
        ("EXISTS l", ":0"),
    ]);
}

#[test]
fn lpos_counts_from_either_end() {
    check(&[
        ("RPUSH l a b c d 1 2 3 4 3 3 3", ":11"),
        ("LPOS l 3", ":6"),
        ("LPOS l x", "$-1"),
        ("LPOS l 3 COUNT 0", "*4 :6 :8 :9 :10"),
        ("LPOS l 3 COUNT 2 RANK 2", "*2 :8 :9"),
        ("LPOS l 3 RANK -1", ":10"),
        ("LPOS l 3 COUNT 2 RANK -2", "*2 :9 :8"),
        ("LPOS l 3 COUNT 0 MAXLEN 7", "*1 :6"),
        ("LPOS l 3 COUNT 0 MAXLEN 2 RANK -1", "*2 :10 :9"),
        ("LPOS none 3 COUNT 0", "*0"),
        ("LPOS l 3 COUNT -1", "-ERR COUNT can't be negative"),
        ("LPOS l 3 COUNT", "-ERR syntax error"),
        (
            "LPOS l 3 RANK 0",
            "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
        ),
    ]);
}

#[test]
fn elements_move_from_list_to_list() {
    let mut bench = check(&[
        ("RPUSH a 1 2 3", ":3"),
        ("LMOVE a b LEFT RIGHT", "$1 1"),
        ("RPOPLPUSH a b", "$1 3"),
        ("LRANGE b 0 -1", "*2 $1 3 $1 1"),
        ("LMOVE b b RIGHT LEFT", "$1 1"),
        ("LRANGE b 0 -1", "*2 $1 1 $1 3"),
        ("LMOVE none b LEFT LEFT", "$-1"),
        ("LMOVE a b UP LEFT", "-ERR syntax error"),
        ("SET s v", "+OK"),
        ("LMOVE a s LEFT LEFT", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("LLEN a", ":1"),
    ]);
    assert_eq!(told(&mut bench, "LMOVE a c LEFT LEFT"), "$1 2");
    assert_eq!(bench.events(), ["new:c", "lpush:c", "lpop:a", "del:a"]);
    assert_eq!(bench.effects.changed, 1);
}

#[test]
fn lmpop_takes_from_the_first_list_there_is() {
    let mut bench = check(&[
        ("RPUSH l 1 2 3", ":3"),
        ("LMPOP 2 none l RIGHT COUNT 2", "*2 $1 l *2 $1 3 $1 2"),
        ("LMPOP 1 none LEFT", "*-1"),
        ("LMPOP 0 l LEFT", "-ERR numkeys should be greater than 0"),
        ("LMPOP 2 l LEFT", "-ERR syntax error"),
        ("LMPOP 1 l LEFT COUNT 0", "-ERR count should be greater than 0"),
        ("LMPOP 1 l LEFT COUNT 1 COUNT 2", "-ERR syntax error"),
    ]);
    assert_eq!(told(&mut bench, "LMPOP 1 l LEFT COUNT 9"), "*2 $1 l *1 $1 1");
    assert_eq!((bench.replicated(), bench.events()), (vec!["LPOP l 1".into()], vec!["lpop:l".into(), "del:l".into()]));
}

#[test]
fn a_blocking_command_that_may_not_wait_is_answered_at_once() {
    let mut bench = check(&[
        ("BLPOP none also 0", "*-1"),
        ("BLMPOP 0 1 none LEFT", "*-1"),
        ("BLMOVE none l LEFT LEFT 0", "$-1"),
        ("BRPOPLPUSH none l 0", "$-1"),
        ("BLPOP none -1", "-ERR timeout is negative"),
        ("BLPOP none x", "-ERR timeout is not a float or out of range"),
        ("RPUSH l 1 2 3 4", ":4"),
    ]);
    assert_eq!(told(&mut bench, "BRPOP none l 0"), "*2 $1 l $1 4");
    assert_eq!(bench.replicated(), ["RPOP l"]);
    assert_eq!(told(&mut bench, "BLMOVE l m LEFT RIGHT 0"), "$1 1");
    assert_eq!(bench.replicated(), ["LMOVE l m LEFT RIGHT"]);
    assert_eq!(told(&mut bench, "BRPOPLPUSH l m 0"), "$1 3");
    assert_eq!(bench.replicated(), ["RPOPLPUSH l m"]);
    assert_eq!(told(&mut bench, "BLMPOP 0 2 none m RIGHT COUNT 5"), "*2 $1 m *2 $1 1 $1 3");
    assert_eq!(bench.replicated(), ["RPOP m 2"]);
}

#[test]
fn nothing_is_changed_where_nothing_is_found() {
    let mut bench = check(&[("RPUSH l 1", ":1"), ("LREM l 0 x", ":0")]);
    assert!(bench.effects.changed == 0 && bench.events().is_empty());
    assert_eq!(told(&mut bench, "LTRIM l 0 -1"), "+OK");
    assert_eq!((bench.effects.changed, bench.events()), (0, vec!["ltrim:l".to_owned()]));
}

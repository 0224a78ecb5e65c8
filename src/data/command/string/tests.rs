//! The string commands against what redis-server 7.0.15 did: replies, keyspace events, replication.

use super::HANDLERS;
use crate::data::command::testing::{Bench, START, run, words};
use crate::resp::Proto;
use proptest::prelude::*;

/// One command of `replies.txt` and what Redis did.
#[derive(Default)]
struct Row<'a> {
    line: usize,
    command: &'a str,
    reply: &'a str,
    events: Vec<&'a str>,
    replicated: Vec<&'a str>,
}

fn rows(text: &str) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some((mark, rest)) = line.split_once(' ') else { continue };
        if mark == ">" {
            rows.push(Row { line: index + 1, command: rest, ..Row::default() });
        } else if let Some(row) = rows.last_mut() {
            match mark {
                "<" => row.reply = rest,
                "e" => row.events = rest.split(' ').collect(),
                "r" => row.replicated.push(rest),
                _ => {}
            }
        }
    }
    rows
}

/// Bytes as `replies.txt` shows them.
fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        match byte {
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(byte as char),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    relative_times(&text)
}

/// `text` with the times near the bench's start told as their distance from it.
fn relative_times(text: &str) -> String {
    const NEAR: u64 = 1_000_000_000;
    let mut out = String::new();
    for part in text.split_inclusive(|letter: char| !letter.is_ascii_digit()) {
        let digits = part.trim_end_matches(|letter: char| !letter.is_ascii_digit());
        match digits.parse::<u64>() {
            Ok(time) if digits.len() == 13 && time.abs_diff(START) < NEAR => {
                out.push_str(&format!("@{:+}{}", time as i64 - START as i64, &part[13..]));
            }
            _ => out.push_str(part),
        }
    }
    out
}

/// PEXPIRETIME, which is not ours but shows what became of a deadline.
fn deadline_of(bench: &mut Bench, key: &[u8]) -> Vec<u8> {
    let key = bench.key(key);
    let store = bench.stores.of(key.slot);
    let deadline = store.peek(bench.db, &key, bench.now).map(|entry| store.deadline(entry));
    format!(":{}\r\n", deadline.map_or(-2, |deadline| deadline.map_or(-1, |time| time as i64))).into_bytes()
}

#[test]
fn every_command_does_what_redis_did() {
    let mut bench = Bench::new(&[HANDLERS]);
    for row in rows(include_str!("replies.txt")) {
        let args = words(row.command);
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let at = format!("replies.txt:{}: {}", row.line, row.command);
        let reply = match args[..] {
            [b"FLUSHALL"] => {
                bench = Bench::new(&[HANDLERS]);
                continue;
            }
            [b"HELLO", version] => {
                bench.proto = if version == b"3" { Proto::Resp3 } else { Proto::Resp2 };
                continue;
            }
            [b"CONFIG", b"SET", b"proto-max-bulk-len", limit] => {
                bench.settings.proto_max_bulk_len = std::str::from_utf8(limit).unwrap().parse().unwrap();
                continue;
            }
            [b"CONFIG", b"SET", b"lazyfree-lazy-user-del", value] => {
                bench.settings.lazyfree_user_del = value == b"yes";
                continue;
            }
            [b"PEXPIRETIME", key] => {
                let reply = deadline_of(&mut bench, key);
                assert_eq!(shown(&reply), row.reply, "{at}");
                continue;
            }
            _ => bench.run_args(&args),
        };
        assert_eq!(shown(&reply), row.reply, "reply, {at}");
        let events: Vec<String> = bench.events().iter().map(|event| shown(event.as_bytes())).collect();
        assert_eq!(events, row.events, "events, {at}");
        let replicated = match (bench.effects.changed, bench.effects.rewritten.len()) {
            (0, _) => vec![],
            (_, 0) => vec![shown(&args.join(&b' '))],
            _ => bench.replicated().iter().map(|command| shown(command.as_bytes())).collect(),
        };
        assert_eq!(replicated, row.replicated, "replicated, {at}");
    }
}

#[test]
fn a_key_past_its_deadline_is_absent() {
    let mut bench = Bench::new(&[HANDLERS]);
    run(&mut bench, "SET a 1 PX 10");
    bench.now += 9;
    assert_eq!(run(&mut bench, "GET a"), b"$1\r\n1\r\n");
    bench.now += 1;
    assert_eq!(run(&mut bench, "GET a"), b"$-1\r\n");
    assert_eq!(run(&mut bench, "SET a 2 XX"), b"$-1\r\n");
    run(&mut bench, "SET a 1 PX 10");
    bench.now += 10;
    assert_eq!(run(&mut bench, "INCR a"), b":1\r\n");
    assert_eq!(deadline_of(&mut bench, b"a"), b":-1\r\n");
}

#[test]
fn keepttl_does_not_keep_the_deadline_of_an_expired_key() {
    for command in ["SET a 2 KEEPTTL", "INCR a", "INCRBYFLOAT a 1", "SETRANGE a 3 x", "APPEND a x"] {
        let mut bench = Bench::new(&[HANDLERS]);
        run(&mut bench, "SET a 1 PX 10");
        bench.now += 10;
        run(&mut bench, command);
        assert_eq!(deadline_of(&mut bench, b"a"), b":-1\r\n", "{command}");
    }
}

#[test]
fn events_are_kept_only_where_somebody_listens() {
    let mut bench = Bench::new(&[HANDLERS]);
    bench.settings.notify = crate::base::notify::Class::default();
    run(&mut bench, "SET a 1 EX 1 GET");
    run(&mut bench, "MGET a b c");
    assert!(bench.events().is_empty());
}

#[test]
fn the_same_key_in_another_database_is_another_key() {
    let mut bench = Bench::new(&[HANDLERS]);
    run(&mut bench, "SET a 1");
    bench.db = 1;
    assert_eq!(run(&mut bench, "GET a"), b"$-1\r\n");
}

/// Arguments that mean something to some command, or to none.
fn argument() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: [&str; 24] = [
        "a",
        "b",
        "",
        "EX",
        "PX",
        "EXAT",
        "PXAT",
        "KEEPTTL",
        "PERSIST",
        "NX",
        "XX",
        "GET",
        "LEN",
        "IDX",
        "MINMATCHLEN",
        "WITHMATCHLEN",
        "0",
        "-1",
        "1",
        "1e4932",
        "inf",
        "4294967296",
        "9223372036854775807",
        "-9223372036854775808",
    ];
    prop_oneof![
        8 => prop::sample::select(&WORDS[..]).prop_map(|word| word.as_bytes().to_vec()),
        1 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        1 => any::<Vec<u8>>(),
    ]
}

proptest! {
    /// The fewest arguments a command can have are checked before its handler; beyond them anything may come.
    #[test]
    fn any_arguments_get_exactly_one_reply(
        commands in prop::collection::vec((prop::sample::select(HANDLERS), prop::collection::vec(argument(), 3..8)), 1..20),
    ) {
        let mut bench = Bench::new(&[HANDLERS]);
        bench.settings.proto_max_bulk_len = 1 << 16;
        for ((name, _), arguments) in commands {
            let mut args = vec![name.as_bytes()];
            args.extend(arguments.iter().map(Vec::as_slice));
            let reply = bench.run_args(&args);
            prop_assert!(matches!(reply.first(), Some(b'+' | b'-' | b':' | b'$' | b'*')), "{}", shown(&reply));
            prop_assert!(reply.ends_with(b"\r\n"));
            let wrote = bench.effects.changed > 0;
            prop_assert!(wrote || bench.effects.rewritten.is_empty());
            prop_assert!(!wrote || reply[0] != b'-', "an error changes nothing");
        }
    }
}

//! Whole planes against each other: however input is split and turns fall, one client sees what it would see on one
//! core; many clients see each command happen at once or not at all; nobody leaves anything locked behind.

use super::testing::{Connection, Node, count_replies, encode};
use crate::contract::settings::{OutputLimit, Settings};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Keys that lie on different cores, some of them in the same slot.
const KEYS: [&str; 7] = ["a", "b", "c", "{a}1", "{b}2", "key:1", "key:2"];

fn key() -> impl Strategy<Value = &'static str> + Clone {
    select(&KEYS[..])
}

/// A command whose reply does not depend on where and when it is executed.
fn command() -> impl Strategy<Value = String> {
    let value = select(vec!["1", "22", "text", "-7", ""]);
    let two = (key(), key());
    prop_oneof![
           8 => (key(), value.clone()).prop_map(|(key, value)| format!("SET {key} {value}")),
           8 => key().prop_map(|key| format!("GET {key}")),
           3 => key().prop_map(|key| format!("INCR {key}")),
           2 => (key(), value.clone()).prop_map(|(key, value)| format!("APPEND {key} {value}")),
           2 => (key(), select(vec!["PXAT 1", "EX 100", "NX", "XX GET"])).prop_map(|(key, how)| format!("SET {key} v {how}")),
           2 => key().prop_map(|key| format!("TTL {key}")),
           2 => two.clone().prop_map(|(one, other)| format!("DEL {one} {other}")),
           2 => two.clone().prop_map(|(one, other)| format!("EXISTS {one} {other} {one}")),
           3 => (two.clone(), value.clone()).prop_map(|((one, other), value)| format!("MSET {one} {value} {other} 2")),
           2 => two.clone().prop_map(|(one, other)| format!("MSETNX {one} 1 {other} 2")),
           4 => two.clone().prop_map(|(one, other)| format!("MGET {one} {other} nothing")),
           2 => two.clone().prop_map(|(one, other)| format!("RENAME {one} {other}")),
           1 => two.clone().prop_map(|(one, other)| format!("RENAMENX {one} {other}")),
           2 => two.prop_map(|(one, other)| format!("COPY {one} {other} REPLACE")),
           2 => select(vec!["MULTI", "EXEC", "MULTI", "EXEC", "DISCARD"]).prop_map(str::to_owned),
           1 => key().prop_map(|key| format!("WATCH {key} c")),
           1 => select(vec![
               "PING", "ECHO hello", "DBSIZE", "UNWATCH", "SELECT 0", "SELECT 1", "SELECT 99", "FLUSHDB", "FLUSHALL", "SWAPDB 0 1", "GET", "NOSUCH a",
               "CONFIG GET x", "PUBLISH channel message", "CLIENT GETNAME", "CLIENT SETNAME me", "CLIENT REPLY ON",
    "CLIENT REPLY SKIP",
    "CLIENT REPLY OFF",
               "KEYS *", "OBJECT ENCODING a", "TYPE b", "DEBUG SLEEP 0", "RANDOMKEY x",
           ])
           .prop_map(str::to_owned),
       ]
}

/// Commands as they come from one client, cut into pieces anywhere.
fn pieces(commands: &[String], cuts: &[Index]) -> Vec<Vec<u8>> {
    let bytes: Vec<u8> = commands.iter().flat_map(|line| encode(line)).collect();
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| bytes[pair[0]..pair[1]].to_vec()).collect()
}

/// Every reply to `commands` on one core, sent one by one.
fn one_by_one(commands: &[String]) -> String {
    let mut node = Node::new(1, 0, Settings::default());
    let client = node.connect(0);
    commands.iter().map(|line| node.call(client, line)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn one_client_cannot_tell_how_many_cores_there_are_nor_how_its_bytes_came(
        commands in prop::collection::vec(command(), 1..60),
        cuts in prop::collection::vec(any::<Index>(), 0..12),
        cores in 1..4usize,
        turns in 0..3usize,
        seed in any::<u64>(),
    ) {
        let mut node = Node::new(cores, seed, Settings::default());
        let at = node.draw(cores);
        let client = node.connect(at);
        for piece in pieces(&commands, &cuts) {
            node.send(client, &piece);
            for _ in 0..turns {
                node.turn();
            }
        }
        node.settle();
        let replies = String::from_utf8_lossy(&node.take_replies(client)).into_owned();
        prop_assert_eq!(replies, one_by_one(&commands), "{:#?}", commands);
        node.assert_at_rest();
    }

    #[test]
    fn what_a_client_sent_first_is_done_first_though_replies_are_many(
        (home, owner) in (0..3usize, 0..3usize),
        turns in prop::collection::vec(0..3usize, 8),
        seed in any::<u64>(),
    ) {
        let mut node = Node::new(3, seed, Settings::default());
        let client = node.connect(home);
        let key = KEYS[owner];
        node.call(client, &format!("SET {{{key}}}long {}", "v".repeat(100)));
        for (number, turns) in turns.into_iter().enumerate() {
            node.send(client, &[encode(&format!("GET {{{key}}}long")), encode(&format!("SET {key} earlier"))].concat());
            node.send(client, &encode(&format!("SET {key} {number}")));
            (0..turns).for_each(|_| _ = node.turn());
        }
        node.settle();
        node.take_replies(client);
        prop_assert_eq!(node.call(client, &format!("GET {key}")), "$1\r\n7\r\n");
        node.assert_at_rest();
    }

    #[test]
    fn many_clients_get_one_reply_a_command_and_leave_nothing_locked(
        scripts in prop::collection::vec(prop::collection::vec(command(), 1..25), 2..7),
        cuts in prop::collection::vec(any::<Index>(), 0..6),
        deaths in prop::collection::vec(any::<bool>(), 7),
        cores in 1..4usize,
        seed in any::<u64>(),
    ) {
        let mut node = Node::new(cores, seed, Settings::default());
        let mut waiting: Vec<(Connection, Vec<Vec<u8>>)> = Vec::new();
        for (number, script) in scripts.iter().enumerate() {
            let script: Vec<String> = script.iter().filter(|line| !line.starts_with("CLIENT REPLY")).cloned().collect();
            let client = node.connect(number % cores);
            let mut script = pieces(&script, &cuts);
            script.reverse();
            waiting.push((client, script));
        }
        let clients: Vec<Connection> = waiting.iter().map(|(client, _)| *client).collect();
        while !waiting.is_empty() {
            let chosen = node.draw(waiting.len());
            let (client, pieces) = &mut waiting[chosen];
            let client = *client;
            match pieces.pop() {
                Some(piece) => node.send(client, &piece),
                None => {
                    waiting.swap_remove(chosen);
                    let number = clients.iter().position(|other| *other == client).expect("one of them");
                    if deaths[number] {
                        node.disconnect(client);
                    }
                }
            }
            node.turn();
        }
        node.settle();
        node.assert_at_rest();
        for (number, client) in clients.into_iter().enumerate() {
            let asked = scripts[number].iter().filter(|line| !line.starts_with("CLIENT REPLY")).count();
            let got = count_replies(&node.take_replies(client));
            prop_assert!(got == asked || deaths[number] && got < asked, "{got} replies to {asked} commands");
            node.disconnect(client);
        }
        node.settle();
        node.assert_at_rest();
    }

    #[test]
    fn nobody_sees_half_of_a_command_that_spans_cores(
        writers in prop::collection::vec(any::<bool>(), 1..40),
        deaths in prop::collection::vec(any::<bool>(), 40),
        cores in 2..4usize,
        seed in any::<u64>(),
    ) {
        let mut node = Node::new(cores, seed, Settings::default());
        let mut readers = Vec::new();
        for (number, writes) in writers.iter().enumerate() {
            let at = node.draw(cores);
            let client = node.connect(at);
            if *writes {
                let pairs: String = KEYS.iter().map(|key| format!(" {key} {number}")).collect();
                let transaction: Vec<u8> = ["MULTI".into(), format!("SET a {number}"), format!("MSET{pairs}"), "EXEC".into()]
                    .iter().flat_map(|line: &String| encode(line)).collect();
                if number % 2 == 0 { node.send(client, &encode(&format!("MSET{pairs}"))) } else { node.send(client, &transaction) }
                node.turn();
                if deaths[number] {
                    node.disconnect(client);
                }
            } else {
                node.send(client, &encode(&format!("MGET {}", KEYS.join(" "))));
                readers.push(client);
            }
            node.turn();
        }
        node.settle();
        node.assert_at_rest();
        for reader in readers {
            let reply = String::from_utf8_lossy(&node.take_replies(reader)).into_owned();
            let values: Vec<&str> = reply.split("\r\n").skip(1).filter(|line| !line.starts_with('$') || *line == "$-1").collect();
            let values = &values[..values.len() - 1];
            prop_assert_eq!(values.len(), KEYS.len());
            prop_assert!(values.iter().all(|value| *value == values[0]), "{}", reply);
        }
    }

    #[test]
    fn an_increment_under_watch_is_never_lost(cores in 1..4usize, clients in 2..5usize, steps in 10..60usize, seed in any::<u64>()) {
        let mut node = Node::new(cores, seed, Settings::default());
        let clients: Vec<Connection> = (0..clients).map(|number| node.connect(number % cores)).collect();
        let mut came = vec![String::new(); clients.len()];
        let mut owed = vec![0; clients.len()];
        let mut done = 0;
        for step in 0..steps + 20 {
            if step >= steps {
                node.settle(); // No new rounds: those under way come to their end.
            }
            let chosen = if step < steps { node.draw(clients.len()) } else { step % clients.len() };
            let (client, came) = (clients[chosen], &mut came[chosen]);
            came.push_str(&String::from_utf8_lossy(&node.take_replies(client)));
            if count_replies(came.as_bytes()) < owed[chosen] {
                node.turn();
                continue;
            }
            match owed[chosen] {
                // WATCH and GET are answered: the value must still stand when EXEC comes.
                2 => {
                    let value: u32 = came.split("\r\n").nth(2).and_then(|line| line.parse().ok()).unwrap_or(0);
                    let lines = ["MULTI".into(), format!("SET a {}", value + 1), format!("SET b {}", value + 1), "EXEC".into()];
                    node.send(client, &lines.iter().flat_map(|line: &String| encode(line)).collect::<Vec<u8>>());
                    owed[chosen] = 6;
                }
                6 => {
                    done += usize::from(came.ends_with("*2\r\n+OK\r\n+OK\r\n"));
                    came.clear();
                    owed[chosen] = 0;
                }
                _ if step >= steps => {}
                _ => {
                    node.send(client, &[encode("WATCH a b"), encode("GET a")].concat());
                    owed[chosen] = 2;
                }
            }
            node.turn();
        }
        node.settle();
        node.assert_at_rest();
        let value = if done == 0 { "$-1\r\n".to_owned() } else { format!("${}\r\n{done}\r\n", done.to_string().len()) };
        prop_assert_eq!(node.call(clients[0], "MGET a b"), format!("*2\r\n{value}{value}"));
    }
}

#[test]
fn a_publish_reaches_subscribers_of_every_core_and_counts_them() {
    let mut node = Node::new(3, 7, Settings::default());
    let listeners: Vec<Connection> = (0..6).map(|number| node.connect(number % 3)).collect();
    for listener in &listeners {
        node.call(*listener, "SUBSCRIBE news");
    }
    let speaker = node.connect(1);
    assert_eq!(node.call(speaker, "PUBLISH news hello"), ":6\r\n");
    for listener in listeners {
        assert_eq!(node.take_replies(listener), b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
    }
}

#[test]
fn scan_fills_its_count_from_one_core_after_the_other_and_deletes_what_is_past_its_deadline() {
    for cores in 1..5 {
        let mut node = Node::new(cores, 7, Settings::default());
        let client = node.connect(0);
        for key in KEYS {
            node.call(client, &format!("SET {key} x"));
        }
        let all = node.call(client, "SCAN 0 COUNT 10");
        assert!(all.starts_with("*2\r\n$1\r\n0\r\n*7\r\n"), "{all}");
        let some = node.call(client, "SCAN 0 COUNT 4");
        assert!(some.contains("\r\n*4\r\n"), "{some}");
        for key in KEYS {
            node.call(client, &format!("PEXPIRE {key} 5"));
            node.planes.iter_mut().for_each(|plane| plane.active_expire = false);
        }
        node.planes.iter_mut().for_each(|plane| plane.now.unix_ms += 10);
        assert_eq!(node.call(client, "DBSIZE"), ":7\r\n");
        assert_eq!(node.call(client, "SCAN 0"), "*2\r\n$1\r\n0\r\n*0\r\n");
        assert_eq!(node.call(client, "DBSIZE"), ":0\r\n");
    }
}

#[test]
fn random_elements_without_end_stop_when_the_client_is_owed_too_much() {
    let output_limit_normal = OutputLimit { hard: 100, ..OutputLimit::default() };
    let mut node = Node::new(2, 7, Settings { output_limit_normal, ..Settings::default() });
    let client = node.connect(0);
    for line in ["HSET h a b", "SADD s a", "ZADD z 1 a"] {
        node.call(client, line);
    }
    for command in ["HRANDFIELD h", "SRANDMEMBER s", "ZRANDMEMBER z"] {
        let begun = node.call(client, &format!("{command} -9223372036854775807"));
        assert!(begun.starts_with("*9223372036854775807\r\n$1\r\na\r\n"), "{command}: {begun}");
        assert!((100..200).contains(&begun.len()), "{command}: {}", begun.len());
    }
}

#[test]
fn debug_object_tells_of_a_key_on_whichever_core_it_is() {
    let mut node = Node::new(3, 7, Settings { enable_debug_command: 2, ..Settings::default() });
    let client = node.connect(0);
    for key in KEYS {
        node.call(client, &format!("SET {key} hello"));
        let line = node.call(client, &format!("DEBUG OBJECT {key}"));
        assert!(line.contains(" refcount:1 encoding:embstr serializedlength:6 lru:"), "{line}");
        assert!(line.ends_with(" lru_seconds_idle:0\r\n"), "{line}");
    }
    assert_eq!(node.call(client, "DEBUG OBJECT nokey"), "-ERR no such key\r\n");
    for bad in ["DEBUG object", "DEBUG object a b"] {
        let error = "-ERR unknown subcommand or wrong number of arguments for 'object'. Try DEBUG HELP.\r\n";
        assert_eq!(node.call(client, bad), error);
    }
}

//! Waiting commands on whole planes, in thousands of interleavings: no element is lost or given twice, nobody waits
//! where there is something, those who came first are served first, and nothing is left behind.

use super::testing::{Connection, Node, encode, replies};
use crate::contract::settings::Settings;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;

/// Keys that lie on different cores, some of them in the same slot.
const KEYS: [&str; 5] = ["a", "b", "c", "{a}1", "key:1"];

fn key() -> impl Strategy<Value = &'static str> + Clone {
    select(&KEYS[..])
}

/// What one client does next; `V` stands for a value that nobody else has.
fn step() -> impl Strategy<Value = Vec<String>> {
    let end = || select(vec!["LEFT", "RIGHT"]);
    let timeout = || select(vec!["0", "0", "0.02"]);
    let one = |line: String| vec![line];
    prop_oneof![
        6 => key().prop_map(move |key| one(format!("LPUSH {key} V"))),
        3 => key().prop_map(move |key| one(format!("RPUSH {key} V V"))),
        4 => (key(), timeout()).prop_map(move |(key, time)| one(format!("BLPOP {key} {time}"))),
        4 => (key(), key(), timeout()).prop_map(move |(k, l, time)| one(format!("BRPOP {k} {l} {time}"))),
        1 => (key(), key(), key()).prop_map(move |(k, l, m)| one(format!("BLPOP {k} {l} {m} 0"))),
        2 => (key(), key(), end()).prop_map(move |(k, l, end)| one(format!("BLMPOP 0 2 {k} {l} {end} COUNT 2"))),
        3 => (key(), key(), end(), timeout()).prop_map(move |(k, l, end, time)| one(format!("BLMOVE {k} {l} {end} LEFT {time}"))),
        2 => (key(), key()).prop_map(move |(k, l)| one(format!("RPOPLPUSH {k} {l}"))),
        2 => (key(), key()).prop_map(|(k, l)| ["MULTI", &format!("LPUSH {k} V"), &format!("BLPOP {l} 0"), &format!("RPUSH {l} V"), "EXEC"].map(str::to_owned).to_vec()),
        1 => (1..4u64, 0..3u64, select(vec!["TIMEOUT", "ERROR"])).prop_map(move |(serial, core, how)| one(format!("CLIENT UNBLOCK {} {how}", serial << 8 | core))),
        1 => select(vec!["PING", "DBSIZE", "KEYS *"]).prop_map(move |line| one(line.to_owned())),
    ]
}

/// The commands of each client, each value in them another one.
fn scripts() -> impl Strategy<Value = Vec<Vec<String>>> {
    prop::collection::vec(prop::collection::vec(step(), 1..10), 2..7).prop_map(|clients| {
        let mut values = 0;
        let mut line = |line: &String| {
            let words = line.split(' ').map(|word| {
                values += usize::from(word == "V");
                if word == "V" { format!("v{values}") } else { word.to_owned() }
            });
            words.collect::<Vec<_>>().join(" ")
        };
        clients.iter().map(|steps| steps.iter().flatten().map(&mut line).collect()).collect()
    })
}

fn values(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\r', '\n', ' '])
        .filter(|word| word.strip_prefix('v').is_some_and(|number| number.parse::<u32>().is_ok()))
}

/// The keys a command waits for.
fn awaited(line: &str) -> Vec<&str> {
    let words: Vec<&str> = line.split(' ').collect();
    match words[0] {
        "BLPOP" | "BRPOP" => words[1..words.len() - 1].to_vec(),
        "BLMPOP" => words[3..5].to_vec(),
        "BLMOVE" => vec![words[1]],
        other => panic!("{other} does not wait"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_element_is_lost_or_given_twice_and_nobody_waits_where_there_is_one(
        scripts in scripts(),
        cores in 1..4usize,
        pipelined in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut node = Node::new(cores, seed, Settings::default());
        let clients: Vec<Connection> = (0..scripts.len()).map(|number| node.connect(number % cores)).collect();
        let mut rest: Vec<(usize, std::slice::Iter<'_, String>)> =
            scripts.iter().map(|script| script.iter()).enumerate().collect();
        while !rest.is_empty() {
            let chosen = node.draw(rest.len());
            let (number, lines) = &mut rest[chosen];
            match lines.next() {
                Some(line) => node.send(clients[*number], &encode(line)),
                None => drop(rest.swap_remove(chosen)),
            }
            if !pipelined {
                node.settle();
            }
            if node.draw(8) == 0 {
                node.pass(10);
            }
            node.turn();
        }
        node.settle();
        node.pass(1000);
        node.settle();
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        let mut pushed: Vec<&str> = Vec::new();
        let mut waiting: Vec<&str> = Vec::new();
        for (client, script) in clients.iter().zip(&scripts) {
            let got = replies(&node.take_replies(*client));
            prop_assert!(got.len() <= script.len());
            for (place, (line, reply)) in script.iter().zip(&got).enumerate() {
                match line.split(' ').next() {
                    Some("BLPOP" | "BRPOP" | "BLMPOP" | "EXEC") => {
                        values(reply).for_each(|value| *found.entry(value.to_owned()).or_default() += 1);
                    }
                    Some("LPUSH" | "RPUSH") if reply.starts_with(':') => pushed.extend(values(line)),
                    Some("LPUSH" | "RPUSH") => {
                        let executed = script[place..].iter().position(|line| line == "EXEC").map(|exec| place + exec);
                        if executed.is_some_and(|exec| exec < got.len()) {
                            pushed.extend(values(line));
                        }
                    }
                    _ => {}
                }
            }
            if got.len() < script.len() {
                waiting.push(&script[got.len()]);
            }
        }
        let observer = node.connect(0);
        for key in KEYS {
            let list = node.call(observer, &format!("LRANGE {key} 0 -1"));
            values(&list).for_each(|value| *found.entry(value.to_owned()).or_default() += 1);
            let stuck = waiting.iter().find(|line| awaited(line).contains(&key));
            prop_assert!(list == "*0\r\n" || stuck.is_none(), "{:?} waits, though {} has {}", stuck, key, list);
        }
        let expected: BTreeMap<String, usize> = pushed.iter().map(|value| (value.to_string(), 1)).collect();
        prop_assert_eq!(found, expected);
        clients.into_iter().for_each(|client| node.disconnect(client));
        node.settle();
        node.assert_at_rest();
    }

    #[test]
    fn who_dies_or_is_late_leaves_nothing_behind(
        scripts in scripts(),
        deaths in prop::collection::vec(any::<bool>(), 7),
        cores in 1..4usize,
        seed in any::<u64>(),
    ) {
        let mut node = Node::new(cores, seed, Settings::default());
        for (number, script) in scripts.iter().enumerate() {
            let client = node.connect(number % cores);
            for line in script {
                node.send(client, &encode(line));
                node.turn();
            }
            if deaths[number] {
                node.disconnect(client);
            }
            node.pass(node_pause(number));
        }
        let survivors: Vec<Connection> = node.connections();
        node.settle();
        survivors.into_iter().for_each(|client| node.disconnect(client));
        node.settle();
        node.assert_at_rest();
    }

    #[test]
    fn who_came_first_is_served_first(
        waits in prop::collection::vec((any::<bool>(), 0..3usize), 1..12),
        pushes in prop::collection::vec(1..4usize, 1..8),
        cores in 1..4usize,
        seed in any::<u64>(),
    ) {
        let mut node = Node::new(cores, seed, Settings::default());
        let mut clients = Vec::new();
        for (several, core) in waits {
            let client = node.connect(core % cores);
            // A command with keys on several cores has its place in the queue, too.
            node.send(client, &encode(if several { "BLPOP other a {b}x key:1 0" } else { "BLPOP a 0" }));
            node.settle();
            clients.push(client);
        }
        let pusher = node.connect(0);
        let mut next = 0;
        for count in pushes {
            let numbers: Vec<String> = (next..next + count).map(|number| format!("v{number}")).collect();
            next += count;
            node.call(pusher, &format!("RPUSH a {}", numbers.join(" ")));
        }
        for (number, client) in clients.into_iter().enumerate() {
            let reply = String::from_utf8_lossy(&node.take_replies(client)).into_owned();
            let expected = if number < next { Some(format!("v{number}")) } else { None };
            prop_assert_eq!(values(&reply).next().map(str::to_owned), expected);
            node.disconnect(client);
        }
        node.settle();
        node.assert_at_rest();
    }
}

/// What makes list `a` longer, as one command, one that needs several cores, or a transaction.
const PUSHES: [&[&str]; 5] = [
    &["LPUSH a v1"],
    &["LMOVE b a LEFT LEFT"],
    &["RENAME b a"],
    &["MULTI", "LPUSH a v1", "EXEC"],
    &["EVAL redis.call('lpush',KEYS[1],'v1') 1 a"],
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn who_waits_on_several_cores_is_served_before_anybody_can_know_of_the_push(
        (waiter, pusher, other) in (0..3usize, 0..3usize, 0..3usize),
        how in 0..PUSHES.len(),
        behind in any::<bool>(),
        seed in any::<u64>(),
    ) {
        // What is moved wakes the second, which waits on several cores too.
        const WAITS: [&str; 2] = ["BLMOVE a key:1 LEFT LEFT 0", "BLPOP {b}y key:1 c 0"];
        let mut node = Node::new(3, seed, Settings::default());
        let (pusher, other) = (node.connect(pusher), node.connect(other));
        if behind {
            let behind = node.connect(waiter);
            node.call(behind, WAITS[1]);
        }
        let waiter = node.connect(waiter);
        node.call(other, "RPUSH b v1");
        node.call(waiter, WAITS[0]);
        for line in PUSHES[how] {
            node.send(pusher, &encode(line));
            let mut reply = Vec::new();
            while reply.is_empty() {
                node.turn();
                reply = node.take_replies(pusher);
            }
        }
        for (key, length) in [("a", 0), ("key:1", i32::from(!behind))] {
            node.send(other, &encode(&format!("LLEN {key}")));
            let mut reply = Vec::new();
            while reply.is_empty() {
                node.turn();
                reply = node.take_replies(other);
            }
            prop_assert_eq!(String::from_utf8_lossy(&reply), format!(":{length}\r\n"));
        }
        node.settle();
        prop_assert_eq!(node.take_replies(waiter), b"$2\r\nv1\r\n");
        node.connections().into_iter().for_each(|client| node.disconnect(client));
        node.settle();
        node.assert_at_rest();
    }
}

/// How long the clock moves between two clients: some waits end meanwhile.
fn node_pause(number: usize) -> u64 {
    [0, 5, 30][number % 3]
}

#[test]
fn a_wait_ends_a_millisecond_after_its_deadline_and_not_before() {
    for cores in 1..4 {
        let mut node = Node::new(cores, 1, Settings::default());
        let client = node.connect(0);
        for key in KEYS {
            assert_eq!(node.call(client, &format!("BLPOP {key} other 0.01")), "");
            node.pass(10);
            node.settle();
            assert_eq!(node.take_replies(client), b"");
            node.pass(1);
            node.settle();
            assert_eq!(node.take_replies(client), b"*-1\r\n");
        }
        node.assert_at_rest();
    }
}

#[test]
fn a_client_that_waits_runs_nothing_more_until_it_is_answered() {
    for cores in 1..4 {
        let mut node = Node::new(cores, 1, Settings::default());
        let (client, other) = (node.connect(0), node.connect(cores - 1));
        for key in KEYS {
            assert_eq!(node.call(client, &format!("BLPOP {key} 0")), "");
            assert_eq!(node.call(client, "PING"), "");
            assert!(node.call(other, "INFO clients").contains("blocked_clients:1\r\n"));
            assert_eq!(node.call(other, &format!("RPUSH {key} x y")), ":2\r\n");
            let reply = format!("*2\r\n${}\r\n{key}\r\n$1\r\nx\r\n+PONG\r\n", key.len());
            assert_eq!(String::from_utf8_lossy(&node.take_replies(client)), reply);
            assert_eq!(node.call(other, &format!("LPOP {key}")), "$1\r\ny\r\n");
        }
        node.assert_at_rest();
    }
}

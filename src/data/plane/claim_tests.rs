//! Scripts that use keys of other cores than their own, all at once, of a node in a cluster.

use super::testing::{Connection, Node, encode, replies};
use crate::contract::settings::Settings;
use proptest::prelude::*;
use proptest::sample::select;

const KEYS: [&str; 6] = ["a", "b", "c", "{a}1", "key:1", "key:2"];

/// Moves one from the key it names to one that it does not; takes it back if that is denied.
const MOVE: &str = "redis.call('decr',KEYS[1])\nlocal\tr=redis.pcall('incr',ARGV[1])\n\
                    if\ttype(r)=='table'\tthen\tredis.call('incr',KEYS[1])\tend\nreturn\t'moved'";
/// The same, but that it does nothing before it reaches for the key that it does not name.
const TAKE: &str = "local\tv=redis.call('get',ARGV[1])or\t0\nredis.call('set',ARGV[1],v+1)\n\
                    redis.call('decr',KEYS[1])\nreturn\t'moved'";
/// The sum of all.
const SUM: &str =
    "local\ts=0\nfor\t_,k\tin\tipairs(ARGV)\tdo\ts=s+(tonumber(redis.call('get',k))or\t0)\tend\nreturn\ts";
/// The same by way of a command on all keys.
const COUNT: &str = "redis.call('get',KEYS[1])\nlocal\ts=0\nfor\t_,k\tin\tipairs(redis.call('keys','*'))\tdo\
                     \ts=s+redis.call('get',k)\tend\nreturn\ts";

/// A script's call; `number` makes it one that nobody knows yet.
fn call() -> impl Strategy<Value = String> {
    let key = || select(&KEYS[..]);
    let unknown = || (0..30usize).prop_map(|number| "-".repeat(number.max(2)));
    prop_oneof![
        6 => (key(), key(), unknown()).prop_map(|(from, to, n)| format!("EVAL {MOVE}\n{n} 1 {from} {to}")),
        2 => (key(), unknown()).prop_map(|(key, n)| format!("EVAL {SUM}\n{n} 1 {key} {}", KEYS.join(" "))),
        1 => unknown().prop_map(|n| format!("EVAL {SUM}\n{n} 0 {}", KEYS.join(" "))),
        1 => (key(), unknown()).prop_map(|(key, n)| format!("EVAL {COUNT}\n{n} 1 {key}")),
        1 => key().prop_map(|key| format!("GET {key}")),
    ]
}

/// A call of a script that does nothing before it has what it needs, and that nobody knows yet.
fn careful_call() -> impl Strategy<Value = String> {
    let key = || select(&KEYS[..]);
    (key(), key(), 2..30usize).prop_map(|(from, to, n)| format!("EVAL {TAKE}\n{} 1 {from} {to}", "-".repeat(n)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn no_script_is_denied_that_has_done_nothing_or_is_of_a_node_alone(
        calls in prop::collection::vec((call(), careful_call()), 1..30),
        cluster_enabled: bool,
        cores in 2..5usize,
        turns in 0..4usize,
        seed in any::<u64>(),
    ) {
        let mut node = Node::new(cores, seed, Settings { cluster_enabled, ..Settings::default() });
        let clients: Vec<Connection> = (0..5).map(|number| node.connect(number % cores)).collect();
        for (number, (any, careful)) in calls.iter().enumerate() {
            node.send(clients[number % clients.len()], &encode(if cluster_enabled { careful } else { any }));
            (0..turns).for_each(|_| {
                node.turn();
            });
        }
        node.settle();
        node.assert_at_rest();
        for client in clients {
            for reply in replies(&node.take_replies(client)) {
                prop_assert!(!reply.starts_with('-'), "{}", reply);
            }
        }
        let client = node.connect(0);
        let sum = node.call(client, &format!("EVAL {SUM} 0 {}", KEYS.join(" ")));
        prop_assert_eq!(sum, ":0\r\n");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn scripts_reach_all_keys_of_the_node_one_after_the_other(
        calls in prop::collection::vec((call(), any::<bool>(), prop::bool::weighted(0.1)), 1..30),
        cores in 2..5usize,
        turns in 0..4usize,
        seed in any::<u64>(),
    ) {
        let mut node = Node::new(cores, seed, Settings { cluster_enabled: true, ..Settings::default() });
        let clients: Vec<Connection> = (0..5).map(|number| node.connect(number % cores)).collect();
        let mut dead = [false; 5];
        let mut owed = [0; 5];
        for (number, (call, in_transaction, dies)) in calls.iter().enumerate() {
            let client = clients[number % clients.len()];
            let lines = if *in_transaction { vec!["MULTI", call, "EXEC"] } else { vec![call.as_str()] };
            let bytes: Vec<u8> = lines.iter().flat_map(|line| encode(line)).collect();
            owed[number % clients.len()] += lines.len();
            node.send(client, &bytes);
            (0..turns).for_each(|_| {
                node.turn();
            });
            if *dies {
                dead[number % clients.len()] = true;
                node.disconnect(client);
            }
        }
        node.settle();
        node.assert_at_rest();
        for (number, client) in clients.iter().enumerate().filter(|(number, _)| !dead[*number]) {
            let got = replies(&node.take_replies(*client));
            prop_assert_eq!(got.len(), owed[number], "a reply for each command");
            for reply in got {
                let reply = reply.strip_prefix("*1\r\n").unwrap_or(&reply);
                let fine = [":0\r\n", "$5\r\nmoved\r\n", "+OK\r\n", "+QUEUED\r\n", "$-1\r\n"].contains(&reply);
                let value = reply.starts_with('$');
                prop_assert!(fine || value || reply.starts_with("-TRYAGAIN Script"), "{}", reply);
            }
        }
        let client = node.connect(0);
        let sum = node.call(client, &format!("EVAL {SUM} 0 {}", KEYS.join(" ")));
        prop_assert_eq!(sum, ":0\r\n");
    }
}

#[test]
fn a_script_alone_is_never_denied_and_borrows_all_stores_from_then_on() {
    let mut node = Node::new(3, 5, Settings { cluster_enabled: true, ..Settings::default() });
    let client = node.connect(1);
    for _ in 0..2 {
        assert_eq!(node.call(client, &format!("EVAL {MOVE} 1 a b")), "$5\r\nmoved\r\n");
    }
    assert_eq!(node.call(client, "GET a"), "$2\r\n-2\r\n");
    assert_eq!(node.call(client, "GET b"), "$1\r\n2\r\n");
    assert_eq!(node.call(client, &format!("EVAL {COUNT} 1 c")), ":0\r\n");
    node.assert_at_rest();
}

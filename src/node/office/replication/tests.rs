//! What several cores log, merged, makes the same data again; a snapshot and what is logged behind its point in time do
//! too. With whole data planes, and no thread or socket.

use super::{header, spread, target};
use crate::base::ids::CoreId;
use crate::contract::log::LogPart;
use crate::contract::settings::Settings;
use crate::contract::standing::Standing;
use crate::data::command::Registry;
use crate::data::key::KeyHasher;
use crate::data::plane::message::{Inquiry, Message, Notice, Order, Peer};
use crate::data::plane::testing::{Node, encode};
use crate::data::rdb::load::{Loader, Plan};
use crate::data::store::Progress;
use crate::replication::SnapshotFacts;
use crate::replication::feed::Feed;
use crate::replication::merge::Merge;
use crate::slot::owner::OwnerMap;
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::{Arc, LazyLock};

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::new);

fn settings() -> Settings {
    Settings { enable_debug_command: 2, ..Settings::default() }
}

/// A node that logs, or one that is a replica.
fn node(cores: usize, seed: u64, replica: bool) -> Node {
    let mut node = Node::new(cores, seed, settings());
    let standing = Arc::new(Standing { log: !replica, replica, link_up: true, ..Standing::default() });
    for core in 0..cores as u16 {
        node.bus_says(Peer(core), Message::Ask(0, Inquiry::Stand(standing.clone())));
    }
    node.settle();
    node
}

fn command() -> impl Strategy<Value = String> {
    let key = || select(vec!["a", "b", "c", "{a}1", "{b}2", "key:1", "key:2"]);
    let two = (key(), key());
    prop_oneof![
        6 => (key(), 0..100u8).prop_map(|(key, value)| format!("SET {key} {value}")),
        4 => key().prop_map(|key| format!("INCR {key}")),
        4 => (key(), 0..100u8).prop_map(|(key, value)| format!("APPEND {key} {value}")),
        2 => key().prop_map(|key| format!("SET {key} dead PXAT 1")),
        2 => key().prop_map(|key| format!("GET {key}")),
        4 => (two.clone(), 0..100u8).prop_map(|((one, other), value)| format!("MSET {one} {value} {other} {value}")),
        4 => two.clone().prop_map(|(one, other)| format!("RENAME {one} {other}")),
        2 => two.clone().prop_map(|(one, other)| format!("COPY {one} {other} REPLACE")),
        2 => two.prop_map(|(one, other)| format!("DEL {one} {other}")),
        2 => select(vec!["RPUSH list 1 2 3", "SORT list GET key:* STORE sorted", "SORT list BY key:* ALPHA STORE sorted"])
            .prop_map(str::to_owned),
        2 => select(vec!["MULTI", "EXEC", "EXEC"]).prop_map(str::to_owned),
        1 => select(vec!["SELECT 0", "SELECT 1", "FLUSHDB", "SWAPDB 0 1"]).prop_map(str::to_owned),
    ]
}

fn digest(node: &mut Node) -> String {
    let client = node.connect(0);
    node.call(client, "DEBUG DIGEST")
}

/// The stream that the cores logged, and the place of the cut in it. The bus core may hear of the cores in any order.
fn stream(node: &mut Node) -> (Vec<u8>, Option<usize>) {
    let cores = node.planes.len();
    let (mut merge, mut stream, mut cut) = (Merge::new(cores), Vec::new(), None);
    while node.logs.iter().any(|log| !log.is_empty()) {
        let core = node.draw(cores);
        if let Some(batch) = node.logs[core].pop_front() {
            merge.push(batch);
        }
        while let Some(batch) = merge.next() {
            let mut start = 0;
            for part in &batch.parts {
                match *part {
                    LogPart::Commands { db, end, .. } => {
                        stream.extend(encode(&format!("SELECT {db}")));
                        stream.extend_from_slice(&batch.bytes[start..end]);
                        start = end;
                    }
                    LogPart::Cut(_) => cut = Some(stream.len()),
                }
            }
        }
    }
    assert!(merge.is_empty(), "batches wait for each other");
    (stream, cut)
}

/// Executes a stream on a replica, whose cores may take their parts in any order.
fn execute(node: &mut Node, stream: &[u8]) {
    let cores = node.planes.len();
    let owners = OwnerMap::even(cores);
    let mut feed = Feed::new(0);
    feed.push(stream);
    let mut number = 0;
    while let Some(piece) = feed.next(|args| target(&REGISTRY, &owners, args)).unwrap() {
        number += 1;
        let together = piece.together;
        if together {
            node.settle();
        }
        for (to, message) in spread(number, piece, cores) {
            node.bus_says(to, message);
        }
        if together {
            node.settle();
        }
    }
    assert_eq!(feed.waiting(), 0);
    node.settle();
}

/// Loads the parts of a snapshot into the replica.
fn load(node: &mut Node, primary: &mut Node) {
    let cores = node.planes.len();
    let plan = Plan {
        cores,
        owners: OwnerMap::even(cores),
        hasher: KeyHasher::new(0),
        seed: 1,
        now: 1,
        keep_expired: true,
        replace: false,
    };
    let mut loader = Loader::new(plan, &settings());
    loader.push(&header(&SnapshotFacts { db: 0, id: "0".repeat(40), offset: 0 })).unwrap();
    for part in std::mem::take(&mut primary.parts) {
        loader.push(&part.bytes).unwrap();
    }
    assert!(loader.push(&[0xff, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap());
    let stores = loader.finish().unwrap().stores.into_iter().map(Box::new).collect();
    node.bus_says(Peer(0), Message::Order(1, Box::new(Order::Replace(stores, Vec::new()))));
    node.settle();
}

#[test]
fn a_replica_logs_a_transaction_of_its_primary_as_one() {
    let mut replica = node(2, 1, true);
    let standing = Arc::new(Standing { log: true, replica: true, link_up: true, ..Standing::default() });
    for core in 0..2 {
        replica.bus_says(Peer(core), Message::Ask(0, Inquiry::Stand(standing.clone())));
    }
    replica.settle();
    let lines =
        ["SET a 1", "MULTI", "INCR a", "SELECT 1", "INCR a", "EXEC", "MULTI", "SET b 1", "SET c 1", "EXEC", "DEL b"];
    execute(&mut replica, &lines.map(encode).concat());
    let logged = String::from_utf8(stream(&mut replica).0).unwrap();
    let words: Vec<&str> = logged.split("\r\n").filter(|word| !word.starts_with(['*', '$'])).collect();
    let text = words.join(" ");
    assert!(text.contains("SELECT 0 SET a 1 MULTI INCR a SELECT 1 INCR a EXEC"), "{text}");
    assert!(text.contains("MULTI SET b 1 SET c 1 EXEC"), "{text}");
    assert_eq!(text.matches("MULTI").count(), 2, "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_merged_log_makes_the_same_data_again(
        cores in 1..4usize, replicas_cores in 1..4usize, commands in prop::collection::vec(command(), 10..80), seed in any::<u64>()
    ) {
        let mut primary = node(cores, seed, false);
        let clients: Vec<_> = (0..4).map(|number| primary.connect(number % cores)).collect();
        for command in &commands {
            let client = clients[primary.draw(clients.len())];
            primary.send(client, &encode(command));
            primary.turn();
        }
        primary.settle();
        let (stream, _) = stream(&mut primary);
        let mut replica = node(replicas_cores, seed, true);
        execute(&mut replica, &stream);
        prop_assert_eq!(digest(&mut replica), digest(&mut primary));
    }

    #[test]
    fn a_snapshot_and_what_follows_it_make_the_same_data_again(
        cores in 1..4usize, commands in prop::collection::vec(command(), 20..80), seed in any::<u64>()
    ) {
        let mut primary = node(cores, seed, false);
        let clients: Vec<_> = (0..4).map(|number| primary.connect(number % cores)).collect();
        let cut_at = primary.draw(commands.len());
        for (number, command) in commands.iter().enumerate() {
            // What whole databases are subjected to ends a snapshot: it would be made again.
            if number >= cut_at && (command.starts_with("FLUSH") || command.starts_with("SWAP")) {
                continue;
            }
            if number == cut_at {
                primary.bus_says(Peer(0), Message::Order(1, Box::new(Order::Cut(7))));
            }
            let client = clients[primary.draw(clients.len())];
            primary.send(client, &encode(command));
            primary.turn();
        }
        primary.settle();
        for core in (0..cores as u8).map(CoreId) {
            primary.bus_says(core.into(), Message::Tell(Notice::MakePart(7)));
        }
        primary.settle();
        let complete = primary.parts.iter().all(|part| part.step.progress == Progress::Complete);
        // A FLUSHDB that was under way may have come after the cut all the same.
        prop_assume!(complete && primary.parts.len() == cores);
        let (stream, cut) = stream(&mut primary);
        let mut replica = node(2, seed, true);
        load(&mut replica, &mut primary);
        execute(&mut replica, &stream[cut.expect("the cut is in the log")..]);
        prop_assert_eq!(digest(&mut replica), digest(&mut primary));
    }
}

//! Moving in and out: a running cluster of redis-server nodes is taken over by nodes of this package, and goes back, by
//! `scripts/move-in`, while a client writes.

mod common;

use common::client::Client;
use common::{Node, eventually};
use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

const KEYS: usize = 500;
const ARGS: [&str; 6] =
    ["--cluster-enabled", "yes", "--cluster-node-timeout", "3000", "--repl-diskless-sync-delay", "0"];

/// A client that follows redirects, and takes any other error for a failure.
struct Writer {
    connections: HashMap<u16, Client>,
    /// Where each slot's commands went last; by key, as nobody asks for slots.
    places: HashMap<String, u16>,
    first: u16,
}

impl Writer {
    fn new(first: &Node) -> Writer {
        Writer { connections: HashMap::new(), places: HashMap::new(), first: first.port() }
    }

    fn run(&mut self, key: &str, line: &str) -> String {
        let mut port = *self.places.get(key).unwrap_or(&self.first);
        for _ in 0..20 {
            let client = self.connections.entry(port).or_insert_with(|| Client::connect(port));
            let reply = client.run(line).text();
            let Some(target) = reply.strip_prefix("-MOVED ") else {
                assert!(!reply.starts_with('-'), "{line}: {reply}");
                self.places.insert(key.to_owned(), port);
                return reply;
            };
            port = target.trim_end().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        }
        panic!("{line} is redirected for ever");
    }

    fn count(&mut self, key: &str) -> i64 {
        let reply = self.run(key, &format!("INCR {key}"));
        reply.trim_start_matches(':').trim_end().parse().expect("a number")
    }
}

/// Counts on every key in turn until it is told to stop; how often it did. Each count follows from the one before.
fn count_on(mut writer: Writer, stop: &AtomicBool) -> Vec<i64> {
    let mut counts = vec![0; KEYS];
    while !stop.load(Relaxed) {
        for (number, count) in counts.iter_mut().enumerate() {
            *count += 1;
            assert_eq!(writer.count(&format!("counter:{number}")), *count);
        }
    }
    counts
}

/// Moves the cluster that `from` belongs to.
fn move_in(from: &Node, to: &[Node]) {
    let address = |node: &Node| format!("127.0.0.1:{}", node.port());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/move-in");
    let mut command = Command::new("python3");
    command.args([script, &address(from), "--linger", "1", "--to"]).args(to.iter().map(address));
    let output = command.output().expect("python3");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_cluster_of_redis_moves_in_and_out_again_while_a_client_writes() {
    let old: Vec<Node> = (0..4).map(|_| Node::redis(&ARGS)).collect();
    let new: Vec<Node> = (0..4).map(|_| Node::start(&[&ARGS[..], &["--pin-cores", "no"]].concat())).collect();
    Node::form_cluster(&old.iter().collect::<Vec<_>>(), 2);
    for number in 0..2 {
        let id = old[number].connect().run("CLUSTER MYID").strings().remove(0);
        let mut replica = old[number + 2].connect();
        assert_eq!(replica.run(&format!("CLUSTER REPLICATE {id}")), "+OK\r\n");
        eventually("the replica follows", || replica.run("INFO replication").contains("master_link_status:up"));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writer = Writer::new(&old[0]);
    let counting = thread::spawn({
        let stop = stop.clone();
        move || count_on(writer, &stop)
    });

    move_in(&old[0], &new);
    for node in &old {
        assert_eq!(node.connect().run("DBSIZE").int(), 0, "the old nodes are empty");
    }
    let text = new[3].connect().run("CLUSTER NODES").text();
    assert_eq!(text.matches("connected").count(), 4, "the new nodes are alone: {text}");
    move_in(&new[0], &old);

    stop.store(true, Relaxed);
    let counts = counting.join().expect("the writer had no error");
    let mut reader = Writer::new(&old[0]);
    for (number, count) in counts.iter().enumerate() {
        assert_eq!(reader.count(&format!("counter:{number}")), count + 1);
    }
}

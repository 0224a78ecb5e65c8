//! Failover on real sockets: a primary dies, is stopped, or hands over, while a client writes.

mod common;

use common::client::Client;
use common::{Node, eventually};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

const CLUSTER: [&str; 6] =
    ["--cluster-enabled", "yes", "--cluster-node-timeout", "2500", "--repl-diskless-sync-delay", "0"];

/// Three primaries, and a replica of the first, which owns the slot of `bar`.
fn cluster() -> [Node; 4] {
    let nodes = [(); 4].map(|()| Node::start(&CLUSTER));
    Node::form_cluster(&nodes.each_ref(), 3);
    let primary = nodes[0].connect().run("CLUSTER MYID").strings().remove(0);
    assert_eq!(nodes[3].connect().run(&format!("CLUSTER REPLICATE {primary}")), "+OK\r\n");
    eventually("the replica has its primary's data", || is_in_sync(&nodes[3]));
    nodes
}

fn is_in_sync(node: &Node) -> bool {
    node.connect().run("INFO replication").contains("master_link_status:up")
}

fn role(node: &Node) -> String {
    node.connect().run("ROLE").strings().remove(0)
}

/// A client that appends one number after the other to the list `bar`, wherever that is.
struct Writer {
    acknowledged: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Writer {
    fn start(mut port: u16) -> Writer {
        let (acknowledged, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, ended) = (acknowledged.clone(), over.clone());
        let thread = std::thread::spawn(move || {
            let mut client = Client::connect(port);
            while !ended.load(Ordering::Relaxed) {
                let reply = client.run(&format!("RPUSH bar {}", count.load(Ordering::Relaxed))).text();
                if reply.starts_with(':') {
                    count.fetch_add(1, Ordering::Relaxed);
                } else if reply.starts_with("-MOVED") {
                    port = reply.trim_end().rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(port);
                    client = Client::connect(port);
                }
            }
        });
        Writer { acknowledged, over, thread }
    }

    fn count(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until more writes were acknowledged.
    fn progress(&self) {
        let before = self.count();
        eventually("writes are acknowledged", || self.count() > before + 50);
    }

    fn stop(self) -> Vec<String> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        (0..self.acknowledged.load(Ordering::Relaxed)).map(|number| number.to_string()).collect()
    }
}

#[test]
fn a_primary_that_is_killed_is_replaced_by_its_replica_with_all_data() {
    let [mut primary, other, third, replica] = cluster();
    let mut client = primary.connect();
    for number in 0..500 {
        assert_eq!(client.run(&format!("SET {{bar}}{number} {number}")), "+OK\r\n");
    }
    assert_eq!(client.run("WAIT 1 0"), ":1\r\n");
    primary.signal("KILL");
    primary.wait();

    let mut client = replica.connect();
    eventually("writes are accepted again", || client.run("SET bar after") == "+OK\r\n");
    for number in 0..500 {
        assert_eq!(client.run(&format!("GET {{bar}}{number}")).strings(), [number.to_string()]);
    }
    for node in [&other, &third] {
        let moved = format!("-MOVED 5061 127.0.0.1:{}\r\n", replica.port());
        eventually("clients are sent to the new primary", || node.connect().run("GET bar") == moved.as_str());
    }

    // It comes back as a replica, and gets what it missed.
    primary.restart(&CLUSTER);
    eventually("it replicates its successor", || role(&primary) == "slave" && is_in_sync(&primary));
    let mut client = primary.connect();
    client.run("READONLY");
    eventually("it has what was written since", || client.run("GET bar").strings() == ["after"]);
    assert_eq!(client.run("DBSIZE"), ":501\r\n");
}

#[test]
fn a_manual_failover_under_load_loses_and_doubles_no_write() {
    let [first, _second, _third, last] = cluster();
    let writer = Writer::start(first.port());
    for (primary, replica) in [(&first, &last), (&last, &first), (&first, &last)] {
        writer.progress();
        let known = format!(" slave {} ", primary.connect().run("CLUSTER MYID").strings()[0]);
        eventually("the primary knows its replica", || primary.connect().run("CLUSTER NODES").contains(&known));
        assert_eq!(replica.connect().run("CLUSTER FAILOVER"), "+OK\r\n");
        eventually("the replica takes over", || role(replica) == "master");
        eventually("its primary follows it", || role(primary) == "slave" && is_in_sync(primary));
        writer.progress();
    }
    let acknowledged = writer.stop();
    assert!(last.connect().run("LRANGE bar 0 -1").strings() == acknowledged, "the list is not what was acknowledged");
    let mut replica = first.connect();
    replica.run("READONLY");
    eventually("the replica has the same", || replica.run("LRANGE bar 0 -1").strings() == acknowledged);
}

#[test]
fn a_primary_that_was_stopped_acknowledges_nothing_that_its_successor_has_not() {
    let [primary, _second, _third, replica] = cluster();
    let mut client = primary.connect();
    assert_eq!(client.run("SET bar before"), "+OK\r\n");
    primary.signal("STOP");
    eventually("it stands still", || primary.stands_still());
    client.begin("SET bar lost");
    let mut successor = replica.connect();
    eventually("writes are accepted again", || successor.run("SET bar after") == "+OK\r\n");
    primary.signal("CONT");
    let reply = client.reply();
    assert!(reply.contains("-MOVED 5061") || reply.contains("-CLUSTERDOWN"), "{reply:?}");
    eventually("it replicates its successor", || role(&primary) == "slave" && is_in_sync(&primary));
    assert_eq!(successor.run("GET bar").strings(), ["after"]);
}

//! What clients were told is there after a crash, in files that are Redis's too.

mod common;

use common::{Node, eventually};

const LOG: [&str; 4] = ["--appendonly", "yes", "--enable-debug-command", "yes"];

fn args<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&LOG[..], more].concat()
}

/// Writes keys of all kinds on several cores; the digest of the data.
fn fill(node: &Node) -> String {
    let mut client = node.connect();
    for number in 0..100 {
        client.run(&format!("SET key:{number} {number}"));
    }
    for line in [
        "MSET a 1 b 2 c 3",
        "RPUSH list 1 2 3",
        "ZADD zset 1.5 m",
        "HSET hash f v",
        "SADD set 1 2 x",
        "XADD stream 1-1 f v",
        "XGROUP CREATE stream group 0",
        "XREADGROUP GROUP group me STREAMS stream >",
        "SPOP set",
        "PEXPIRE a 1000000",
        "MULTI",
        "SET t1 1",
        "SET t2 2",
        "EXEC",
    ] {
        client.run(line);
    }
    digest(node)
}

fn digest(node: &Node) -> String {
    node.connect().run("DEBUG DIGEST").text()
}

fn kill(node: &mut Node) {
    node.signal("KILL");
    node.wait();
}

#[test]
fn what_was_acknowledged_survives_a_kill_whatever_the_number_of_cores() {
    for policy in ["always", "everysec"] {
        let mut node = Node::start(&args(&["--data-cores", "3", "--appendfsync", policy]));
        let before = fill(&node);
        kill(&mut node);
        node.restart(&args(&["--data-cores", "2"]));
        assert_eq!(digest(&node), before, "{policy}");
    }
}

#[test]
fn a_rewritten_log_is_the_same_data_in_both_forms() {
    let mut node = Node::start(&args(&["--data-cores", "3"]));
    let mut before = fill(&node);
    for preamble in ["yes", "no"] {
        let mut client = node.connect();
        client.run(&format!("CONFIG SET aof-use-rdb-preamble {preamble}"));
        assert!(client.run("BGREWRITEAOF").contains("started"));
        client.run("INCR during");
        eventually("the log is rewritten", || {
            client.run("INFO persistence").contains("aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0")
        });
        client.run("INCR after");
        before = if preamble == "no" { digest(&node) } else { before };
    }
    kill(&mut node);
    node.restart(&args(&["--data-cores", "1"]));
    assert_eq!(digest(&node), before);
}

#[test]
fn a_log_with_a_torn_end_is_loaded_as_far_as_it_goes_or_refused() {
    let mut node = Node::start(&args(&[]));
    node.connect().run("SET whole 1");
    kill(&mut node);
    let log = node.folder().join("appendonlydir/appendonly.aof.1.incr.aof");
    let mut text = std::fs::read(&log).expect("the log");
    text.extend_from_slice(b"*3\r\n$3\r\nSET\r\n$4\r\nto");
    std::fs::write(&log, &text).expect("the log");
    node.restart(&args(&[]));
    assert_eq!(node.connect().run("GET whole"), "$1\r\n1\r\n");
    assert_eq!(node.connect().run("DBSIZE"), ":1\r\n");
}

#[test]
fn a_clusters_replica_that_starts_again_loads_what_it_has_before_it_asks_its_primary() {
    let args = args_of_cluster();
    let (primary, mut replica) = (Node::start(&args), Node::start(&args));
    Node::form_cluster(&[&primary, &replica], 1);
    let mut client = primary.connect();
    let name = client.run("CLUSTER MYID").strings().remove(0);
    assert_eq!(replica.connect().run(&format!("CLUSTER REPLICATE {name}")), "+OK\r\n");
    let stands = |node: &Node| {
        let info = node.connect().run("INFO replication");
        (info.contains("role:slave"), info.contains("master_link_status:up"))
    };
    eventually("the replica has its primary's data", || stands(&replica) == (true, true));
    // What is past its deadline is there until the primary says that it is gone.
    assert_eq!(client.run("DEBUG SET-ACTIVE-EXPIRE 0"), "+OK\r\n");
    client.run("SET dead v PX 1");
    for number in 0..100 {
        client.run(&format!("SET key:{number} {number}"));
    }
    assert_eq!(client.run("WAIT 1 0"), ":1\r\n");
    replica.terminate();
    primary.signal("STOP");
    eventually("the primary says nothing", || primary.stands_still());

    replica.restart(&args);
    assert_eq!(replica.connect().run("DBSIZE"), ":101\r\n");
    eventually("the replica knows what it is", || stands(&replica) == (true, false));
    primary.signal("CONT");
    eventually("the replica follows its primary", || stands(&replica) == (true, true));
    let stats = client.run("INFO stats");
    assert!(stats.contains("sync_full:1\r\nsync_partial_ok:1\r\n"), "{}", stats.text());
}

fn args_of_cluster() -> Vec<&'static str> {
    let durable = ["--save", "3600 1", "--enable-debug-command", "yes"];
    [&["--cluster-enabled", "yes", "--repl-diskless-sync-delay", "0", "--data-cores", "2"][..], &durable].concat()
}

#[test]
fn a_key_that_expires_before_a_reload_does_not_take_what_is_written_after_it_with_it() {
    let mut node = Node::start(&args(&["--data-cores", "2", "--appendfsync", "always"]));
    let mut client = node.connect();
    for line in [
        "DEBUG SET-ACTIVE-EXPIRE 0",
        "HSET hash old 1",
        "PEXPIRE hash 1",
        "DEBUG SLEEP 0.01",
        "DEBUG RELOAD",
        "HSET hash new 1",
    ] {
        client.run(line);
    }
    drop(client);
    kill(&mut node);
    node.restart(&args(&["--data-cores", "3"]));
    assert_eq!(node.connect().run("HKEYS hash").strings(), ["new"]);
}

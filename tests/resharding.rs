//! Slots that move between real nodes: MIGRATE on its own, in a transaction and in a script, what replicas get of
//! slots that are lost, and how a slot goes on when either end of its way is killed.

mod common;

use common::client::Client;
use common::{Node, eventually};
use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

const ARGS: [&str; 8] =
    ["--cluster-enabled", "yes", "--data-cores", "3", "--pin-cores", "no", "--repl-diskless-sync-delay", "0"];

fn id(node: &Node) -> String {
    node.connect().run("CLUSTER MYID").strings().remove(0)
}

fn ok(client: &mut Client, line: &str) {
    assert_eq!(client.run(line), "+OK\r\n", "{line}");
}

/// Two primaries, and a replica of the first.
fn cluster() -> [Node; 3] {
    let nodes = [Node::start(&ARGS), Node::start(&ARGS), Node::start(&ARGS)];
    Node::form_cluster(&nodes.each_ref(), 2);
    let mut replica = nodes[2].connect();
    ok(&mut replica, &format!("CLUSTER REPLICATE {}", id(&nodes[0])));
    eventually("the replica follows", || replica.run("INFO replication").contains("master_link_status:up"));
    nodes
}

#[test]
fn keys_leave_in_a_transaction_and_in_a_script_and_their_slot_follows() {
    let [source, target, replica] = cluster();
    let (mut from, mut to) = (source.connect(), target.connect());
    let slot = from.run("CLUSTER KEYSLOT {b}").int();
    for number in 1..=4 {
        ok(&mut from, &format!("SET {{b}}{number} value"));
    }
    ok(&mut to, &format!("CLUSTER SETSLOT {slot} IMPORTING {}", id(&source)));
    ok(&mut from, &format!("CLUSTER SETSLOT {slot} MIGRATING {}", id(&target)));
    let address = format!("MIGRATE 127.0.0.1 {}", target.port());

    ok(&mut from, &format!("{address} {{b}}1 0 5000"));
    assert!(from.run("INFO stats").contains("migrate_cached_sockets:1"));
    assert_eq!(from.run(&format!("{address} {{b}}1 0 5000")), "+NOKEY\r\n");

    ok(&mut from, "MULTI");
    for line in [format!("{address} {{b}}2 0 5000"), format!("{address} {{b}}2 0 5000"), "EXISTS {b}4".into()] {
        assert_eq!(from.run(&line), "+QUEUED\r\n");
    }
    assert_eq!(from.run("EXEC"), "*3\r\n+OK\r\n+NOKEY\r\n:1\r\n");

    let script = format!("return redis.call('MIGRATE', '127.0.0.1', {}, KEYS[1], 0, 5000)", target.port());
    assert_eq!(from.call(&["EVAL", &script, "1", "{b}3"]), "+OK\r\n");

    ok(&mut from, "MULTI");
    assert_eq!(from.run("MIGRATE 127.0.0.1 1 {b}4 0 5000"), "+QUEUED\r\n");
    assert_eq!(from.run("EXISTS {b}4"), "+QUEUED\r\n");
    assert_eq!(from.run("EXEC"), "*2\r\n-IOERR error or timeout connecting to the client\r\n:1\r\n");
    let port = target.port().to_string();
    let several = ["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "REPLACE", "KEYS", "{b}4", "{b}1"];
    assert_eq!(from.call(&several), "+OK\r\n");

    for client in [&mut to, &mut from] {
        ok(client, &format!("CLUSTER SETSLOT {slot} NODE {}", id(&target)));
    }
    assert!(from.run("GET {b}1").starts_with(b"-MOVED"));
    assert_eq!(to.run(&format!("CLUSTER COUNTKEYSINSLOT {slot}")).int(), 4);
    assert_eq!(from.run("DBSIZE").int(), 0);
    eventually("the replica deletes them, too", || replica.connect().run("DBSIZE").int() == 0);
}

#[test]
fn a_target_that_says_nothing_gets_no_key_and_the_node_goes_on() {
    let node = Node::start(&["--data-cores", "3"]);
    let mut client = node.connect();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port().to_string();
    for key in ["a", "b", "c"] {
        ok(&mut client, &format!("SET {key} value"));
    }
    let reading = "-IOERR error or timeout reading to target instance\r\n";
    for keys in [&["a"][..], &["a", "b", "c"]] {
        let words = [&["MIGRATE", "127.0.0.1", &port, "", "0", "100", "KEYS"], keys].concat();
        assert_eq!(client.call(&words), reading);
    }
    ok(&mut client, "MULTI");
    client.run(&format!("MIGRATE 127.0.0.1 {port} a 0 100"));
    assert_eq!(client.run("EXEC").text(), format!("*1\r\n{reading}"));

    // One that sends a byte now and then is no better.
    let dripping = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = dripping.local_addr().expect("an address").port();
    let drip = std::thread::spawn(move || {
        let (mut stream, _) = dripping.accept().expect("the node");
        while stream.write_all(b"+").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(client.run(&format!("MIGRATE 127.0.0.1 {port} a 0 200")), reading);
    drip.join().expect("the node closes the connection");
    assert_eq!(client.run("EXISTS a b c"), ":3\r\n");
}

#[test]
fn a_slot_that_is_on_its_way_is_so_after_a_kill_too() {
    let args = [&ARGS[..], &["--appendonly", "no", "--save", ""]].concat();
    let (mut source, target) = (Node::start(&args), Node::start(&args));
    Node::form_cluster(&[&source, &target], 2);
    for slot in [1, 2, 3] {
        let mark = format!("[{slot}->-{}]", id(&target));
        ok(&mut source.connect(), &format!("CLUSTER SETSLOT {slot} MIGRATING {}", id(&target)));
        source.signal("KILL");
        source.wait();
        source.restart(&args);
        assert!(source.connect().run("CLUSTER NODES").contains(&mark), "{mark}");
    }
}

#[test]
fn a_slot_that_is_lost_takes_its_keys_along_from_the_replicas_too() {
    let [source, target, replica] = cluster();
    let (mut from, mut to, mut copy) = (source.connect(), target.connect(), replica.connect());
    let slot = from.run("CLUSTER KEYSLOT {b}").int();
    for number in 0..1000 {
        ok(&mut from, &format!("SET {{b}}{number} value"));
    }
    ok(&mut from, "SET {f}stays value");
    eventually("the replica has all", || copy.run("DBSIZE").int() == 1001);
    // The other node takes the slot though its keys are not there: its claim is newer.
    ok(&mut to, &format!("CLUSTER SETSLOT {slot} IMPORTING {}", id(&source)));
    ok(&mut to, &format!("CLUSTER SETSLOT {slot} NODE {}", id(&target)));
    for client in [&mut from, &mut copy] {
        eventually("the keys are gone", || client.run("DBSIZE").int() == 1);
    }
    assert!(from.run("GET {b}1").starts_with(b"-MOVED"));
    assert_eq!(from.run("GET {f}stays"), "$5\r\nvalue\r\n");
}

/// The only reply that it is, of one command that is sent after ASKING.
fn asking(node: &Node, line: &str) -> Vec<String> {
    let mut client = node.connect();
    ok(&mut client, "ASKING");
    client.run(line).strings()
}

fn kill_and_wait_for(victim: &mut Node, heir: &Node) {
    victim.signal("KILL");
    victim.wait();
    eventually("the replica takes over", || heir.connect().run("ROLE").contains("master"));
    eventually("it serves", || heir.connect().run("CLUSTER INFO").contains("cluster_state:ok"));
}

#[test]
fn a_slot_goes_on_from_the_successor_of_its_source_to_the_successor_of_its_target() {
    let args = [&ARGS[..], &["--cluster-node-timeout", "2500"]].concat();
    let mut nodes = [(); 5].map(|()| Node::start(&args));
    Node::form_cluster(&nodes.each_ref(), 3);
    for (replica, primary) in [(3, 0), (4, 1)] {
        let mut client = nodes[replica].connect();
        ok(&mut client, &format!("CLUSTER REPLICATE {}", id(&nodes[primary])));
        eventually("the replica follows", || client.run("INFO replication").contains("master_link_status:up"));
        let known = format!(" slave {} ", id(&nodes[primary]));
        eventually("its primary knows it", || nodes[primary].connect().run("CLUSTER NODES").contains(&known));
    }
    let [source, target, third, source_heir, target_heir] = &mut nodes;
    let slot = source.connect().run("CLUSTER KEYSLOT {b}").int();
    for number in 0..10 {
        ok(&mut source.connect(), &format!("SET {{b}}{number} {number}"));
    }
    ok(&mut target.connect(), &format!("CLUSTER SETSLOT {slot} IMPORTING {}", id(source)));
    ok(&mut source.connect(), &format!("CLUSTER SETSLOT {slot} MIGRATING {}", id(target)));
    for number in 0..5 {
        ok(&mut source.connect(), &format!("MIGRATE 127.0.0.1 {} {{b}}{number} 0 5000", target.port()));
    }

    kill_and_wait_for(source, source_heir);
    let mut heir = source_heir.connect();
    assert_eq!(heir.run("GET {b}7").strings(), ["7"], "what has not left is served");
    let ask = format!("-ASK {slot} 127.0.0.1:{}\r\n", target.port());
    assert_eq!(heir.run("INCR {b}2"), ask.as_str(), "and what has left is asked for where it is");
    let moved = format!("-MOVED {slot} 127.0.0.1:{}\r\n", source_heir.port());
    eventually("the target knows the successor", || target.connect().run("GET {b}2") == moved.as_str());
    assert_eq!(asking(target, "GET {b}2"), ["2"]);
    source.restart(&args);
    eventually("the source follows", || source.connect().run("INFO replication").contains("master_link_status:up"));

    kill_and_wait_for(target, target_heir);
    let ask = format!("-ASK {slot} 127.0.0.1:{}\r\n", target_heir.port());
    eventually("clients are sent to the target's successor", || heir.run("GET {b}2") == ask.as_str());
    let moved = format!("-MOVED {slot} 127.0.0.1:{}\r\n", source_heir.port());
    eventually("who sends them back to others", || target_heir.connect().run("GET {b}2") == moved.as_str());
    assert_eq!(asking(target_heir, "GET {b}2"), ["2"]);

    for number in 5..10 {
        ok(&mut heir, &format!("MIGRATE 127.0.0.1 {} {{b}}{number} 0 5000", target_heir.port()));
    }
    for node in [&*target_heir, source_heir, third] {
        ok(&mut node.connect(), &format!("CLUSTER SETSLOT {slot} NODE {}", id(target_heir)));
    }
    for number in 0..10 {
        assert_eq!(target_heir.connect().run(&format!("GET {{b}}{number}")).strings(), [number.to_string()]);
    }
    assert_eq!(heir.run("DBSIZE").int(), 0);
    eventually("the killed source has lost them, too", || source.connect().run("DBSIZE").int() == 0);
}

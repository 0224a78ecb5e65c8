//! A cluster of one node: what it refuses and why, and what it remembers.

mod common;

use common::{Node, eventually};

#[test]
fn nothing_is_served_until_slots_are_assigned() {
    let node = Node::start(&["--cluster-enabled", "yes", "--data-cores", "3"]);
    let mut client = node.connect();
    assert_eq!(client.run("GET a"), "-CLUSTERDOWN Hash slot not served\r\n");
    assert_eq!(client.run("CLUSTER ADDSLOTSRANGE 0 16382"), "+OK\r\n");
    assert_eq!(client.run("GET a"), "-CLUSTERDOWN The cluster is down\r\n");
    assert_eq!(client.run("CLUSTER ADDSLOTS 16383"), "+OK\r\n");
    eventually("the cluster is ok", || client.run("GET a") == "$-1\r\n");
    assert_eq!(client.run("CLUSTER DELSLOTS 15495"), "+OK\r\n"); // a's
    eventually("it is down again", || client.run("GET a") == "-CLUSTERDOWN Hash slot not served\r\n");
    assert!(client.run("CLUSTER INFO").contains("cluster_state:fail"));
}

#[test]
fn a_partial_cluster_serves_what_it_has_if_full_coverage_is_not_required() {
    let node = Node::start(&["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"]);
    let mut client = node.connect();
    client.run("CLUSTER ADDSLOTS 15495");
    eventually("its slot is served", || client.run("GET a") == "$-1\r\n");
    assert_eq!(client.run("GET b"), "-CLUSTERDOWN Hash slot not served\r\n");
}

#[test]
fn commands_keep_to_one_slot() {
    for cores in ["1", "3"] {
        let node = Node::start_cluster(&["--data-cores", cores]);
        let mut client = node.connect();
        let crossed = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";
        for line in ["MSET a 1 b 2", "MGET a b", "DEL a b", "RENAME a b", "COPY a b", "WATCH a b", "MSETNX a 1 b 2"] {
            assert_eq!(client.run(line), crossed, "{line}");
        }
        assert_eq!(client.run("MSET {user1}.1 x {user1}.2 y"), "+OK\r\n");
        assert_eq!(client.run("MGET {user1}.1 {user1}.2 {user1}.3"), "*3\r\n$1\r\nx\r\n$1\r\ny\r\n$-1\r\n");
        assert_eq!(client.run("RENAME {user1}.1 {user1}.3"), "+OK\r\n");
        assert_eq!(client.run("CLUSTER KEYSLOT {user1}.1"), client.run("CLUSTER KEYSLOT user1"));
        let slot = client.run("CLUSTER KEYSLOT user1").int();
        assert_eq!(client.run(&format!("CLUSTER COUNTKEYSINSLOT {slot}")), ":2\r\n");
        assert_eq!(client.run(&format!("CLUSTER GETKEYSINSLOT {slot} 10")).strings().len(), 2);
    }
}

#[test]
fn a_transaction_keeps_to_one_slot() {
    let node = Node::start_cluster(&["--data-cores", "3"]);
    let mut client = node.connect();
    client.run("MULTI");
    assert_eq!(client.run("SET {x}1 a"), "+QUEUED\r\n");
    assert_eq!(client.run("GET {x}2"), "+QUEUED\r\n");
    assert_eq!(client.run("EXEC"), "*2\r\n+OK\r\n$-1\r\n");
}

#[test]
fn a_change_that_cannot_be_saved_is_refused_and_made_when_it_can() {
    let node = Node::start(&["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"]);
    let mut client = node.connect();
    let obstacle = node.folder().join("nodes.conf.tmp");
    let file = node.folder().join("nodes.conf");
    let saved = || std::fs::read_to_string(&file).unwrap_or_default();
    eventually("the start's state is saved", || saved().contains("vars"));
    std::fs::create_dir(&obstacle).unwrap();
    assert!(client.run("CLUSTER ADDSLOTS 15495").contains("-ERR the cluster configuration file can't be written"));
    assert_eq!(client.run("GET a"), "-CLUSTERDOWN Hash slot not served\r\n");
    for change in ["DELSLOTS 15495", "ADDSLOTS 1", "SETSLOT 15495 STABLE", "BUMPEPOCH"] {
        let refused = client.run(&format!("CLUSTER {change}"));
        assert!(refused.contains("so nothing is changed; see the log"), "{change}");
    }
    assert!(client.run("CLUSTER KEYSLOT a").contains(":15495"));
    assert!(client.run("CLUSTER NODES").contains("myself"));
    std::fs::remove_dir(&obstacle).unwrap();
    eventually("the slot is served", || client.run("GET a") == "$-1\r\n");
    assert!(saved().contains(" 15495\n"));
}

#[test]
fn there_is_one_database() {
    let node = Node::start_cluster(&["--data-cores", "3"]);
    let mut client = node.connect();
    assert_eq!(client.run("SELECT 0"), "+OK\r\n");
    assert_eq!(client.run("SELECT 1"), "-ERR SELECT is not allowed in cluster mode\r\n");
    assert_eq!(client.run("SWAPDB 0 1"), "-ERR SWAPDB is not allowed in cluster mode\r\n");
}

#[test]
fn slots_and_epoch_survive_a_crash() {
    let mut first = Node::start(&["--cluster-enabled", "yes"]);
    let mut client = first.connect();
    client.run("CLUSTER ADDSLOTSRANGE 0 16383");
    client.run("CLUSTER BUMPEPOCH");
    let before = client.run("CLUSTER NODES").strings().remove(0);
    first.signal("KILL");
    first.wait();
    let folder = first.folder().to_str().expect("a name").to_owned();
    let second = Node::start(&["--cluster-enabled", "yes", "--dir", &folder]);
    let after = second.connect().run("CLUSTER NODES").strings().remove(0);
    let told = |line: &str| {
        line.split(' ')
            .enumerate()
            .filter(|(at, _)| [0, 2, 6, 8].contains(at))
            .map(|(_, word)| word.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&before), told(&after));
}

#[test]
fn a_reset_forgets_slots_but_not_while_there_are_keys() {
    let node = Node::start_cluster(&["--data-cores", "3"]);
    let mut client = node.connect();
    client.run("SET a 1");
    assert_eq!(client.run("CLUSTER RESET"), "-ERR CLUSTER RESET can't be called with master nodes containing keys\r\n");
    client.run("FLUSHALL");
    assert_eq!(client.run("CLUSTER RESET"), "+OK\r\n");
    eventually("no slot is served", || client.run("GET a") == "-CLUSTERDOWN Hash slot not served\r\n");
}

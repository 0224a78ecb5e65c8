//! Memory has a bound, and keys with a deadline go at it.

mod common;

use common::{Node, eventually};

const MIB: u64 = 1024 * 1024;

fn info(node: &Node, field: &str) -> u64 {
    let text = node.connect().run("INFO everything").text();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{field}:")).map(str::to_owned));
    line.unwrap_or_else(|| panic!("no {field} in {text}")).trim().parse().expect("a number")
}

#[test]
fn without_eviction_writes_are_refused_at_the_limit_and_reads_are_not() {
    for cores in ["1", "3"] {
        let node = Node::start(&["--data-cores", cores, "--maxmemory", "20mb"]);
        let mut client = node.connect();
        let value = "x".repeat(10_000);
        let refused = (0..5000).map(|i| client.run(&format!("SET key:{i} {value}"))).find(|reply| *reply != "+OK\r\n");
        assert_eq!(refused.expect("a limit"), "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
        assert_eq!(client.run("GET key:0").strings(), [value]);
        assert_eq!(client.run("DEL key:0"), ":1\r\n");
        assert_eq!(client.run("CONFIG SET maxmemory 0"), "+OK\r\n");
        (0..100).for_each(|i| assert_eq!(client.run(&format!("SET more:{i} x")), "+OK\r\n"));
    }
}

#[test]
fn keys_of_one_slot_may_take_all_memory_of_the_node() {
    let node = Node::start(&["--data-cores", "3", "--maxmemory", "30mb"]);
    let mut client = node.connect();
    let value = "x".repeat(10_000);
    let kept = (0..5000).take_while(|i| client.run(&format!("SET {{tag}}:{i} {value}")) == "+OK\r\n").count();
    let used = info(&node, "used_memory");
    assert!(kept < 5000 && used > 25 * MIB && used < 32 * MIB, "{kept} keys, {used} bytes");
}

#[test]
fn a_core_whose_memory_another_has_taken_gets_its_part_back() {
    let node = Node::start(&["--data-cores", "2", "--maxmemory", "30mb", "--maxmemory-policy", "allkeys-lru"]);
    let mut client = node.connect();
    let value = "x".repeat(10_000);
    // Their slots are of the first half, and of the second.
    let (first, second) = ("{a1}", "{a}");
    for tag in [first, second] {
        (0..5000).for_each(|i| assert_eq!(client.run(&format!("SET {tag}:{i} {value}")), "+OK\r\n"));
    }
    let mut kept = |tag| (0..5000).filter(|i| client.run(&format!("EXISTS {tag}:{i}")) == ":1\r\n").count();
    let (first, second) = (kept(first), kept(second));
    assert!(second > 1000 && first > 500, "{first} and {second} keys");
    assert!(info(&node, "used_memory") < 33 * MIB);
}

#[test]
fn every_policy_keeps_the_node_within_its_limit() {
    for policy in [
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
    ] {
        let node = Node::start(&["--data-cores", "3", "--maxmemory", "20mb", "--maxmemory-policy", policy]);
        let mut client = node.connect();
        let value = "x".repeat(10_000);
        for i in 0..5000 {
            assert_eq!(client.run(&format!("SET key:{i} {value} EX 1000")), "+OK\r\n", "{policy}, key {i}");
        }
        let (used, evicted) = (info(&node, "used_memory"), info(&node, "evicted_keys"));
        assert!(used < 25 * MIB && evicted > 2000, "{policy}: {used} bytes used, {evicted} evicted");
        // What the last command was too much is evicted after it: between the two figures, perhaps.
        eventually("every key is there or was evicted", || {
            info(&node, "evicted_keys") + client.run("DBSIZE").int() as u64 == 5000
        });
    }
}

#[test]
fn a_volatile_policy_leaves_keys_without_a_deadline() {
    let node = Node::start(&["--data-cores", "3", "--maxmemory", "20mb", "--maxmemory-policy", "volatile-lru"]);
    let mut client = node.connect();
    let value = "x".repeat(10_000);
    (0..300).for_each(|i| assert_eq!(client.run(&format!("SET kept:{i} {value}")), "+OK\r\n"));
    (0..4000).for_each(|i| assert_eq!(client.run(&format!("SET gone:{i} {value} EX 1000")), "+OK\r\n"));
    (0..300).for_each(|i| assert_eq!(client.run(&format!("EXISTS kept:{i}")), ":1\r\n"));
}

#[test]
fn keys_go_at_their_deadline_whether_looked_at_or_not() {
    for cores in ["1", "3"] {
        let node = Node::start(&["--data-cores", cores]);
        let mut client = node.connect();
        client.run("SET lasting 1 EX 1000");
        (0..1000).for_each(|i| assert_eq!(client.run(&format!("SET key:{i} {i} PX 50")), "+OK\r\n"));
        eventually("a key is gone when it is looked at", || client.run("GET key:999") == "$-1\r\n");
        // DBSIZE looks at none.
        eventually("the others go by themselves", || client.run("DBSIZE") == ":1\r\n");
        assert_eq!(info(&node, "expired_keys"), 1000);
    }
}

#[test]
fn without_active_expiry_keys_past_their_deadline_are_still_not_seen() {
    let node = Node::start(&["--data-cores", "3", "--enable-debug-command", "yes"]);
    let mut client = node.connect();
    assert_eq!(client.run("DEBUG SET-ACTIVE-EXPIRE 0"), "+OK\r\n");
    (0..50).for_each(|i| drop(client.run(&format!("SET key:{i} {i} PX 1"))));
    eventually("the last one's time is over", || client.run("EXISTS key:49") == ":0\r\n");
    assert_eq!(client.run("KEYS *"), "*0\r\n");
    assert!(client.run("DBSIZE").int() > 0, "DBSIZE counts what was not deleted yet");
    assert_eq!(client.run("RANDOMKEY"), "$-1\r\n");
}

#[test]
fn memory_of_deleted_keys_is_given_back() {
    let node = Node::start(&["--data-cores", "2"]);
    let mut client = node.connect();
    let empty = info(&node, "used_memory");
    (0..3000).for_each(|i| drop(client.run(&format!("SET key:{i} {}", "x".repeat(10_000)))));
    assert!(info(&node, "used_memory") > empty + 25 * MIB);
    client.run("FLUSHALL");
    eventually("it is free again", || info(&node, "used_memory") < empty + 5 * MIB);
}

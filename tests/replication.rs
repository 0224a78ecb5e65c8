//! Replication with real nodes: from and to the real redis-server, full and partial synchronisation, chains, writes
//! during a synchronisation, and what clients see of it. Two nodes have the same data when DEBUG DIGEST says so.

mod common;

use common::client::Client;
use common::{Node, eventually};

/// Pings would make an offset grow just when two are compared.
const ARGS: [&str; 6] =
    ["--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes", "--repl-ping-replica-period", "30"];

fn coreslot(cores: &str) -> Node {
    Node::start(&[&ARGS[..], &["--data-cores", cores, "--pin-cores", "no"]].concat())
}

fn redis() -> Node {
    Node::redis(&ARGS)
}

fn follow(replica: &Node, primary: &Node) {
    let port = primary.port().to_string();
    assert_eq!(replica.connect().call(&["REPLICAOF", "127.0.0.1", &port]), "+OK\r\n");
}

/// A field of INFO.
fn info(node: &Node, field: &str) -> String {
    let text = node.connect().run("INFO").text();
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(name, _)| *name == field).map(|(_, value)| value.to_owned()).unwrap_or_default()
}

fn digest(node: &Node) -> String {
    node.connect().run("DEBUG DIGEST").text()
}

/// Waits until the replica has executed all that its primary has.
fn caught_up(primary: &Node, replica: &Node) {
    eventually("the replica has all", || {
        info(replica, "master_link_status") == "up"
            && info(replica, "master_repl_offset") == info(primary, "master_repl_offset")
            && digest(replica) == digest(primary)
    });
}

/// Some of everything, in several databases; `round` makes it different.
fn write(node: &Node, round: u32) {
    let mut client = node.connect();
    for line in [
        format!("SET text:{round} value"),
        format!("SET number {round}"),
        "INCRBY number 5".into(),
        "INCRBYFLOAT fraction 1.25".into(),
        format!("APPEND long {}", "x".repeat(300)),
        format!("SET dies:{round} v EX 1000"),
        format!("SETEX dies:too:{round} 1000 v"),
        format!("SET gone:{round} v"),
        format!("PEXPIRE gone:{round} 1"),
        format!("MSET a {round} b {round} c {round} d {round}"),
        "RENAME a {other}a".into(),
        "COPY b e REPLACE".into(),
        format!("RPUSH list {round} one two"),
        "LPOP list".into(),
        format!("SADD set {round} member 77"),
        "SPOP set".into(),
        format!("HSET hash field:{round} value number {round}"),
        format!("ZADD sorted {round}.5 member:{round} 7 seven"),
        format!("XADD stream * round {round}"),
        format!("XGROUP CREATE stream group:{round} 0"),
        format!("XREADGROUP GROUP group:{round} me COUNT 1 STREAMS stream >"),
        format!("PFADD unique {round} one two"),
        "GEOADD places 13.36 38.11 palermo 15.08 37.50 catania".into(),
        format!("SETBIT bits {round} 1"),
        "EVAL return(redis.call('INCR',KEYS[1])) 1 counted".into(),
        "SELECT 3".into(),
        format!("SET in:three {round}"),
        "MULTI".into(),
        format!("SET t1 {round}"),
        format!("SET t2 {round}"),
        "SELECT 0".into(),
        "INCR t3".into(),
        "EXEC".into(),
        "SWAPDB 3 4".into(),
        "SELECT 5".into(),
        "SET flushed soon".into(),
        "FLUSHDB".into(),
        format!("GETDEL text:{round}"),
    ] {
        let reply = client.run(&line);
        assert!(!reply.starts_with(b"-"), "{line}: {reply:?}");
    }
    // Its DEL is the last that is written: nothing follows by itself.
    client.run("SELECT 0");
    eventually("what expires is gone", || client.run(&format!("GET gone:{round}")) == "$-1\r\n");
}

/// A replica finds a full node, follows it, loses the link, and goes on from where it was.
fn replicates(primary: &Node, replica: &Node) {
    let mut client = primary.connect();
    for number in 0..2000 {
        client.run(&format!("SET key:{number} {}", "v".repeat(number % 200)));
    }
    write(primary, 1);
    replica.connect().run("SET of:my own");
    follow(replica, primary);
    caught_up(primary, replica);
    write(primary, 2);
    caught_up(primary, replica);
    assert_eq!(info(primary, "sync_full"), "1");
    assert_eq!(replica.connect().run("SET a b"), "-READONLY You can't write against a read only replica.\r\n");
    assert_eq!(client.run("CLIENT KILL TYPE replica").int(), 1);
    write(primary, 3);
    caught_up(primary, replica);
    assert_eq!((info(primary, "sync_full").as_str(), info(primary, "sync_partial_ok").as_str()), ("1", "1"));
    client.run("FLUSHALL");
    write(primary, 4);
    caught_up(primary, replica);
    assert_eq!(client.run("WAIT 1 10000").int(), 1);
    assert!(client.run("ROLE").contains(&replica.port().to_string()));
    assert_eq!(replica.connect().run("REPLICAOF NO ONE"), "+OK\r\n");
    assert_eq!(info(replica, "role"), "master");
    assert_eq!(replica.connect().run("SET a b"), "+OK\r\n");
}

#[test]
fn this_node_copies_redis() {
    for cores in ["1", "3"] {
        replicates(&redis(), &coreslot(cores));
    }
}

#[test]
fn redis_copies_this_node() {
    for cores in ["1", "3"] {
        replicates(&coreslot(cores), &redis());
    }
}

#[test]
fn two_of_these_nodes_copy_each_other_whatever_their_cores() {
    replicates(&coreslot("3"), &coreslot("2"));
}

/// Clients that write until told to stop; each its own keys and some that all have.
fn writers(port: u16, rounds: usize) -> Vec<std::thread::JoinHandle<()>> {
    let writer = move |who: usize| {
        let mut client = Client::connect(port);
        for round in 0..rounds {
            let shared = round % 50;
            client.run(&format!("SET {who}:{round} {}", "w".repeat(round % 100)));
            client.run(&format!("INCR shared:{shared}"));
            client.run(&format!("MSET x:{shared} {who} y:{shared} {who} z:{shared} {who}"));
            client.run(&format!("RENAME x:{shared} w:{shared}"));
            client.run(&format!("RPUSH list:{shared} {who}"));
            client.run(&format!("DEL {who}:{}", round / 2));
        }
    };
    (0..4).map(|who| std::thread::spawn(move || writer(who))).collect()
}

#[test]
fn nothing_is_lost_or_doubled_that_is_written_during_a_synchronisation() {
    for replica in [redis(), coreslot("2")] {
        let primary = coreslot("3");
        let mut client = primary.connect();
        client.run("DEBUG POPULATE 60000 key 100");
        let writers = writers(primary.port(), 300);
        follow(&replica, &primary);
        writers.into_iter().for_each(|writer| writer.join().expect("a writer"));
        caught_up(&primary, &replica);
    }
}

#[test]
fn a_load_on_redis_is_followed_by_several_cores() {
    let (primary, replica) = (redis(), coreslot("3"));
    primary.connect().run("DEBUG POPULATE 20000 key 50");
    let writers = writers(primary.port(), 300);
    follow(&replica, &primary);
    writers.into_iter().for_each(|writer| writer.join().expect("a writer"));
    caught_up(&primary, &replica);
}

/// A late deletion of the old data on one core once took that core's part of the new data with it.
#[test]
fn a_full_synchronisation_brings_every_core_its_keys() {
    let (primary, replica) = (redis(), coreslot("3"));
    write(&primary, 1);
    for _ in 0..20 {
        follow(&replica, &primary);
        caught_up(&primary, &replica);
        assert_eq!(replica.connect().run("REPLICAOF NO ONE"), "+OK\r\n");
        assert_eq!(primary.connect().run("DEBUG CHANGE-REPL-ID"), "+OK\r\n");
    }
    assert_eq!(info(&primary, "sync_full"), "20");
}

#[test]
fn a_chain_goes_on_without_its_head() {
    let (head, middle, tail) = (redis(), coreslot("3"), redis());
    write(&head, 1);
    follow(&middle, &head);
    caught_up(&head, &middle);
    follow(&tail, &middle);
    caught_up(&middle, &tail);
    write(&head, 2);
    caught_up(&head, &middle);
    caught_up(&middle, &tail);
    // The tail has the head's history; the middle goes on with it under a new name.
    assert_eq!(info(&tail, "master_replid"), info(&head, "master_replid"));
    drop(head);
    assert_eq!(middle.connect().run("REPLICAOF NO ONE"), "+OK\r\n");
    write(&middle, 3);
    caught_up(&middle, &tail);
    assert_eq!((info(&middle, "sync_full").as_str(), info(&middle, "sync_partial_ok").as_str()), ("1", "1"));
    // And a primary that becomes a replica of its own replica goes on too.
    assert_eq!(tail.connect().run("REPLICAOF NO ONE"), "+OK\r\n");
    follow(&middle, &tail);
    caught_up(&tail, &middle);
    assert_eq!((info(&tail, "sync_full").as_str(), info(&tail, "sync_partial_ok").as_str()), ("0", "1"));
}

#[test]
fn a_replica_shows_its_password_and_serves_no_stale_data_if_told_so() {
    let primary = Node::start(&[&ARGS[..], &["--requirepass", "secret"]].concat());
    let replica = coreslot("2");
    let mut client = replica.connect();
    client.run("CONFIG SET replica-serve-stale-data no");
    follow(&replica, &primary);
    eventually("a replica without data says so", || client.run("GET a").starts_with(b"-MASTERDOWN"));
    client.run("CONFIG SET masterauth secret");
    eventually("with the password it is let in", || client.run("GET a") == "$-1\r\n");
}

#[test]
fn keys_die_when_the_primary_says_so() {
    let (primary, replica) = (redis(), coreslot("2"));
    follow(&replica, &primary);
    caught_up(&primary, &replica);
    let (mut writer, mut reader) = (primary.connect(), replica.connect());
    writer.run("DEBUG SET-ACTIVE-EXPIRE 0");
    writer.run("SET dies soon PX 1");
    caught_up(&primary, &replica);
    eventually("it is dead", || writer.run("TTL dies").int() == -2 || writer.run("TTL dies").int() == 0);
    eventually("readers see it dead", || reader.run("EXISTS dies").int() == 0);
    writer.run("GET dies");
    eventually("the primary's DEL comes", || reader.run("DBSIZE").int() == 0);
}

#[test]
fn writes_are_refused_without_enough_replicas() {
    let (primary, replica) = (coreslot("2"), redis());
    let mut client = primary.connect();
    client.run("CONFIG SET min-replicas-to-write 1");
    assert!(client.run("SET a b").starts_with(b"-NOREPLICAS"));
    follow(&replica, &primary);
    eventually("with a replica they are taken", || client.run("SET a b") == "+OK\r\n");
    assert_eq!(client.run("CLIENT KILL TYPE replica").int(), 1);
    drop(replica);
    eventually("without one they are not", || client.run("SET a b").starts_with(b"-NOREPLICAS"));
}

/// Counts under one key, one INCR after the other, until the node is gone; the last count it was told.
fn count(port: u16, key: usize) -> i64 {
    let (mut client, mut told) = (Client::connect(port), 0);
    while let Ok(reply) = client.try_call(&["INCR", &format!("count:{key}")]) {
        if !reply.starts_with(b":") {
            break;
        }
        told = reply.int();
    }
    told
}

#[test]
fn what_a_client_was_told_is_not_lost_with_the_primary() {
    let replica = coreslot("2");
    for round in 0..5 {
        let primary = coreslot("3");
        follow(&replica, &primary);
        caught_up(&primary, &replica);
        let port = primary.port();
        let counters: Vec<_> = (0..16).map(|key| std::thread::spawn(move || count(port, key))).collect();
        eventually("they count", || primary.connect().run(&format!("GET count:{round}")).text().len() > 8);
        // Dropping a node is kill -9.
        drop(primary);
        let told: Vec<i64> = counters.into_iter().map(|counter| counter.join().expect("a counter")).collect();
        eventually("the link is lost", || info(&replica, "master_link_status") == "down");
        assert_eq!(replica.connect().run("REPLICAOF NO ONE"), "+OK\r\n");
        let mut client = replica.connect();
        for (key, told) in told.into_iter().enumerate() {
            let has = client.run(&format!("INCR count:{key}")).int() - 1;
            assert!(has >= told, "round {round}: {told} were acknowledged of count:{key}, and {has} are there");
        }
    }
}

const LIBRARY: &str = "#!lua name=lib\nredis.register_function('told', function() return 'yes' end)";

#[test]
fn functions_come_with_the_snapshot_and_with_the_stream() {
    for (primary, replica) in [(redis(), coreslot("3")), (coreslot("3"), redis())] {
        assert_eq!(primary.connect().call(&["FUNCTION", "LOAD", LIBRARY]), "$3\r\nlib\r\n");
        follow(&replica, &primary);
        caught_up(&primary, &replica);
        assert!(replica.connect().run("FUNCTION LIST").contains("told"));
        primary.connect().call(&["FUNCTION", "LOAD", "REPLACE", &LIBRARY.replace("told", "asked")]);
        caught_up(&primary, &replica);
        eventually("the new library", || replica.connect().run("FUNCTION LIST").contains("asked"));
        primary.connect().run("FUNCTION FLUSH");
        eventually("none", || replica.connect().run("FUNCTION LIST") == "*0\r\n");
    }
}

#[test]
fn a_primary_and_its_replica_change_places_and_change_back() {
    let (ours, theirs) = (coreslot("3"), redis());
    follow(&theirs, &ours);
    caught_up(&ours, &theirs);
    write(&ours, 1);
    for (round, from, to) in [(2, &ours, &theirs), (3, &theirs, &ours)] {
        // Writes go on meanwhile: they wait, or are refused.
        let mut client = from.connect();
        let port = to.port().to_string();
        caught_up(from, to);
        assert_eq!(client.call(&["FAILOVER", "TO", "127.0.0.1", &port, "TIMEOUT", "20000"]), "+OK\r\n");
        client.begin("SET during failover");
        eventually("they have changed places", || {
            info(from, "role") == "slave" && info(to, "role") == "master" && info(from, "master_link_status") == "up"
        });
        assert!(client.reply().starts_with(b"-READONLY"));
        assert_eq!(info(from, "master_failover_state"), "no-failover");
        write(to, round);
        caught_up(to, from);
        assert_eq!((info(to, "sync_full").as_str(), info(to, "sync_partial_ok").as_str()), ("0", "1"));
        to.connect().run("CONFIG RESETSTAT");
        from.connect().run("CONFIG RESETSTAT");
    }
}

#[test]
fn nodes_that_start_again_go_on_in_the_stream() {
    let args = [&ARGS[..], &["--data-cores", "3", "--pin-cores", "no", "--save", "3600 1"]].concat();
    let (mut ours, theirs) = (Node::start(&args), redis());
    write(&ours, 1);
    follow(&theirs, &ours);
    caught_up(&ours, &theirs);
    let name = info(&ours, "master_replid");
    ours.terminate();
    ours.restart(&args);
    eventually("the replica is back", || info(&theirs, "master_link_status") == "up");
    assert_eq!((info(&ours, "sync_full").as_str(), info(&ours, "sync_partial_ok").as_str()), ("0", "1"));
    assert_eq!(info(&ours, "master_replid2"), name);
    write(&ours, 2);
    caught_up(&ours, &theirs);
    // The other way round: the replica starts again.
    assert_eq!(theirs.connect().run("REPLICAOF NO ONE"), "+OK\r\n");
    follow(&ours, &theirs);
    caught_up(&theirs, &ours);
    assert_eq!(theirs.connect().run("CONFIG RESETSTAT"), "+OK\r\n");
    ours.terminate();
    write(&theirs, 3);
    let port = theirs.port().to_string();
    let follows = format!("127.0.0.1 {port}");
    ours.restart(&[&args[..], &["--replicaof", &follows]].concat());
    caught_up(&theirs, &ours);
    assert_eq!((info(&theirs, "sync_full").as_str(), info(&theirs, "sync_partial_ok").as_str()), ("0", "1"));
}

#[test]
fn the_old_data_serves_until_the_new_is_there() {
    for load in ["disabled", "swapdb"] {
        let (primary, replica) = (redis(), coreslot("3"));
        let mut reader = replica.connect();
        reader.run(&format!("CONFIG SET repl-diskless-load {load}"));
        follow(&replica, &primary);
        caught_up(&primary, &replica);
        // Another history, unless the old data is to serve while the new is made beside it.
        primary.connect().run("SET old data");
        caught_up(&primary, &replica);
        let mut writer = primary.connect();
        writer.run("DEBUG POPULATE 30 slow 100000");
        writer.run("CONFIG SET rdb-key-save-delay 100000");
        assert_eq!(writer.run("DEBUG CHANGE-REPL-ID"), "+OK\r\n");
        assert_eq!(writer.run("CLIENT KILL TYPE replica").int(), 1);
        eventually("the new data is coming", || info(&replica, "master_sync_in_progress") == "1");
        let got = reader.run("GET old");
        match load {
            "disabled" => assert_eq!(got, "$4\r\ndata\r\n"),
            // It is of another history: nobody is to take it for what the primary has.
            _ => eventually("it loads", || reader.run("GET old").starts_with(b"-LOADING")),
        }
        assert_eq!(writer.run("CONFIG SET rdb-key-save-delay 0"), "+OK\r\n");
        caught_up(&primary, &replica);
    }
}

#[test]
fn redis_cli_gets_a_snapshot_of_all_or_of_the_functions() {
    let node = coreslot("3");
    node.connect().call(&["FUNCTION", "LOAD", LIBRARY]);
    write(&node, 1);
    let port = node.port().to_string();
    for option in ["--rdb", "--functions-rdb"] {
        let file = node.folder().join("copy.rdb");
        let file = file.to_str().expect("a path");
        let done = std::process::Command::new("redis-cli").args(["-p", &port, option, file]).output();
        let done = done.expect("redis-cli");
        assert!(done.status.success(), "{done:?}");
        let bytes = std::fs::read(file).expect("the copy");
        let has = |word: &[u8]| memchr::memmem::find(&bytes, word).is_some();
        assert!(has(b"REDIS0010") && has(b"told"));
        assert_eq!(has(b"number"), option == "--rdb");
    }
    eventually("it is gone", || info(&node, "connected_slaves") == "0");
}

#[test]
fn a_primary_that_ends_waits_for_its_replica() {
    let (mut primary, replica) = (coreslot("3"), redis());
    follow(&replica, &primary);
    caught_up(&primary, &replica);
    replica.signal("STOP");
    let mut client = primary.connect();
    client.run("SET last words");
    client.begin("SHUTDOWN");
    eventually("it waits", || !info(&primary, "shutdown_in_milliseconds").is_empty());
    assert_eq!(primary.connect().run("SHUTDOWN ABORT"), "+OK\r\n");
    assert!(client.reply().contains("Errors trying to SHUTDOWN"));
    client.begin("SHUTDOWN NOSAVE");
    eventually("it waits again", || !info(&primary, "shutdown_in_milliseconds").is_empty());
    assert!(primary.is_alive());
    replica.signal("CONT");
    assert!(primary.wait().success());
    assert_eq!(replica.connect().run("GET last"), "$5\r\nwords\r\n");
    assert!(primary.log().contains("1 of 1 replicas are in sync"));
}

#[test]
fn a_replica_that_is_promoted_has_what_lay_in_its_socket() {
    let (mut primary, replica) = (coreslot("3"), coreslot("2"));
    follow(&replica, &primary);
    caught_up(&primary, &replica);
    // It executes nothing, and so stops reading after a while.
    assert_eq!(replica.connect().run("CLIENT PAUSE 100000 WRITE"), "+OK\r\n");
    let (mut writer, value) = (primary.connect(), "v".repeat(1000));
    for number in 0..1700 {
        assert_eq!(writer.run(&format!("SET key:{number} {value}")), "+OK\r\n");
    }
    primary.signal("KILL");
    primary.wait();
    let mut promoting = replica.connect();
    promoting.begin("REPLICAOF NO ONE");
    eventually("it is to be a primary", || info(&replica, "role") == "master");
    // A client that writes meanwhile waits, and is not refused.
    let mut early = replica.connect();
    early.begin("INCR early");
    assert_eq!(replica.connect().run("CLIENT UNPAUSE"), "+OK\r\n");
    assert_eq!(promoting.reply(), "+OK\r\n");
    assert_eq!(early.reply(), ":1\r\n");
    assert_eq!(replica.connect().run("DBSIZE"), ":1701\r\n");
}

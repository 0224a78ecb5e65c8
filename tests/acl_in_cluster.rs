//! Users in a cluster: each node has its own table; what a user may not do is refused before it is told where to go.

mod common;

use common::Node;
use common::client::Client;
use redis::{Commands, ErrorKind, cluster::ClusterClient};

const ARGS: [&str; 6] = ["--cluster-enabled", "yes", "--data-cores", "2", "--pin-cores", "no"];
const ALICE: &str = "ACL SETUSER alice on >secret +@all -@dangerous -keys ~app:* &news";

/// Two primaries.
fn cluster() -> [Node; 2] {
    let nodes = [Node::start(&ARGS), Node::start(&ARGS)];
    Node::form_cluster(&nodes.each_ref(), 2);
    nodes
}

fn as_alice(node: &Node) -> Client {
    let mut client = node.connect();
    assert_eq!(client.run("AUTH alice secret"), "+OK\r\n");
    client
}

/// A key that begins with `prefix`, of the upper or lower half of the slots.
fn key(client: &mut Client, prefix: &str, upper: bool) -> String {
    let names = (0..).map(|number| format!("{prefix}{number}"));
    let mut names = names.filter(|name| (client.run(&format!("CLUSTER KEYSLOT {name}")).int() >= 8192) == upper);
    names.next().expect("one of them")
}

#[test]
fn a_user_is_known_to_the_node_that_made_it_and_to_no_other() {
    let [one, other] = cluster();
    assert_eq!(one.connect().run(ALICE), "+OK\r\n");
    as_alice(&one);
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    assert_eq!(other.connect().run("AUTH alice secret"), wrong);
    assert_eq!(other.connect().run(ALICE), "+OK\r\n");
    as_alice(&other);
    assert_eq!(one.connect().run("ACL DELUSER alice"), ":1\r\n");
    assert_eq!(one.connect().run("AUTH alice secret"), wrong);
    as_alice(&other);
}

#[test]
fn a_refusal_comes_before_a_redirect() {
    let [one, other] = cluster();
    for node in [&one, &other] {
        assert_eq!(node.connect().run(ALICE), "+OK\r\n");
    }
    let mut alice = as_alice(&one);
    let (here, there) = (key(&mut alice, "app:", false), key(&mut alice, "app:", true));
    let strange = key(&mut alice, "other:", true);
    let no_key = "-NOPERM this user has no permissions to access one of the keys used as arguments\r\n";
    assert_eq!(alice.run(&format!("SET {here} 1")), "+OK\r\n");
    assert!(alice.run(&format!("SET {there} 1")).starts_with(b"-MOVED "));
    assert_eq!(alice.run(&format!("SET {strange} 1")), no_key);
    // Keys of two slots, one of which it may not touch.
    assert_eq!(alice.run(&format!("MSET {here} 1 {strange} 1")), no_key);
    assert!(alice.run(&format!("MSET {here} 1 {there} 1")).starts_with(b"-CROSSSLOT "));
    let no_command = "-NOPERM this user has no permissions to run the 'keys' command\r\n";
    assert_eq!(alice.run("KEYS *"), no_command);
    assert!(alice.run("SPUBLISH other x").starts_with(b"-NOPERM "));
    assert!(!alice.run("SPUBLISH news x").starts_with(b"-NOPERM "));

    // A transaction is broken by either.
    for (line, word) in [(format!("GET {strange}"), "-NOPERM "), (format!("GET {there}"), "-MOVED ")] {
        assert_eq!(alice.run("MULTI"), "+OK\r\n");
        assert!(alice.run(&line).starts_with(word.as_bytes()), "{line}");
        assert_eq!(alice.run("EXEC"), "-EXECABORT Transaction discarded because of previous errors.\r\n");
    }

    // Scripts have the rights of their caller, whichever core they run on.
    let script = "return redis.pcall('GET', ARGV[1])";
    let denied = alice.call(&["EVAL", script, "1", &here, &strange]);
    assert!(denied.contains("can't access at least one of the keys"), "{}", denied.text());
    assert!(one.connect().run("ACL LOG").contains("cmd=eval"), "what was denied is told");
}

#[test]
fn a_key_that_moves_is_asked_for_with_the_same_rights() {
    let [source, target] = cluster();
    for node in [&source, &target] {
        assert_eq!(node.connect().run(ALICE), "+OK\r\n");
    }
    let (mut from, mut to) = (source.connect(), target.connect());
    let name = key(&mut from, "app:", false);
    let slot = from.run(&format!("CLUSTER KEYSLOT {name}")).int();
    let [source_id, target_id] = [&mut from, &mut to].map(|client| client.run("CLUSTER MYID").strings().remove(0));
    assert_eq!(to.run(&format!("CLUSTER SETSLOT {slot} IMPORTING {source_id}")), "+OK\r\n");
    assert_eq!(from.run(&format!("CLUSTER SETSLOT {slot} MIGRATING {target_id}")), "+OK\r\n");
    assert!(as_alice(&source).run(&format!("GET {name}")).starts_with(b"-ASK "));
    let mut alice = as_alice(&target);
    assert!(alice.run(&format!("GET {name}")).starts_with(b"-MOVED "));
    assert_eq!(alice.run("ASKING"), "+OK\r\n");
    assert_eq!(alice.run(&format!("GET {name}")), "$-1\r\n");
    assert!(alice.run("MIGRATE 127.0.0.1 1 app:1 0 10").starts_with(b"-NOPERM "), "it is dangerous");
}

#[test]
fn a_cluster_client_logs_in_at_every_node() {
    let nodes = cluster();
    for node in &nodes {
        assert_eq!(node.connect().run(ALICE), "+OK\r\n");
        assert_eq!(node.connect().run("ACL SETUSER alice +cluster|slots"), "+OK\r\n");
        assert_eq!(node.connect().run("ACL SETUSER default off"), "+OK\r\n");
    }
    let url = |user: &str| format!("redis://{user}@127.0.0.1:{}", nodes[0].port());
    let client = ClusterClient::new(vec![url("alice:secret")]).expect("a client");
    let mut connection = client.get_connection().expect("a connection");
    for number in 0..200 {
        let () = connection.set(format!("app:{number}"), number).expect("SET");
        assert_eq!(connection.get::<_, i32>(format!("app:{number}")).expect("GET"), number);
    }
    let refused = connection.get::<_, Option<i32>>("other").expect_err("a key of others");
    assert!(refused.to_string().contains("NoPerm") || refused.code() == Some("NOPERM"), "{refused}");
    let wrong = ClusterClient::new(vec![url("alice:wrong")]).and_then(|client| client.get_connection().map(|_| ()));
    let kind = wrong.expect_err("a wrong password").kind();
    assert!(
        matches!(kind, ErrorKind::AuthenticationFailed | ErrorKind::Io | ErrorKind::ClusterConnectionNotFound),
        "{kind:?}"
    );
}

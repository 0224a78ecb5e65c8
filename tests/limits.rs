//! What one client can do to a node is bounded: its connections, its silence, its unread replies, its values.

mod common;

use common::{Node, client::encode, eventually};

const MIB: usize = 1024 * 1024;

#[test]
fn clients_beyond_maxclients_are_told_and_closed() {
    for cores in ["1", "3"] {
        let node = Node::start(&["--data-cores", cores, "--maxclients", "10"]);
        let mut first = node.connect();
        eventually("the helper's own is gone", || first.run("CLIENT LIST").text().lines().count() == 3);
        let mut clients: Vec<_> = (0..9).map(|_| node.connect()).collect();
        clients.insert(0, first);
        // Counts of other cores' clients travel; until then a few more may be let in.
        clients.iter_mut().for_each(|client| assert_eq!(client.run("PING"), "+PONG\r\n"));
        eventually("the limit holds", || {
            node.connect().try_call(&["PING"]).is_ok_and(|reply| reply == "-ERR max number of clients reached\r\n")
        });
        assert_eq!(clients[0].run("CONFIG SET maxclients 20"), "+OK\r\n");
        assert_eq!(node.connect().run("PING"), "+PONG\r\n");
        clients.truncate(1);
        assert_eq!(clients[0].run("PING"), "+PONG\r\n");
    }
}

#[test]
fn silent_clients_are_closed_after_timeout_but_not_subscribers() {
    let node = Node::start(&["--data-cores", "2", "--timeout", "1"]);
    let silent: Vec<_> = (0..4).map(|_| node.connect()).collect();
    let mut subscriber = node.connect();
    subscriber.run("SUBSCRIBE news");
    silent.into_iter().for_each(|client| assert_eq!(client.read_to_end(), ""));
    assert_eq!(node.connect().run("PUBLISH news hello"), ":1\r\n");
    assert_eq!(subscriber.reply(), "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
}

#[test]
fn a_client_that_does_not_read_is_closed_at_its_output_limit() {
    for cores in ["1", "3"] {
        let node =
            Node::start(&["--data-cores", cores, "--client-output-buffer-limit", "normal 20mb 0 0 pubsub 20mb 0 0"]);
        let mut client = node.connect();
        client.run(&format!("SET big {}", "x".repeat(MIB)));
        let before = node.resident_bytes();
        let mut deaf = node.connect();
        for _ in 0..200 {
            if deaf.try_send(&encode(&["GET", "big"])).is_err() {
                break;
            }
        }
        eventually("it is closed", || client.run("CLIENT LIST").text().lines().count() == 3);
        // Only as much as the limit and what is on the way.
        eventually("200 MiB of replies are not kept", || node.resident_bytes() < before + 100 * MIB as u64);
        assert!(client.run("INFO stats").contains("client_output_buffer_limit_disconnections:1"));

        let mut deaf = node.connect();
        deaf.run("SUBSCRIBE news");
        let message = "x".repeat(MIB);
        eventually("a deaf subscriber is closed", || client.run(&format!("PUBLISH news {message}")) == ":0\r\n");
    }
}

#[test]
fn a_slow_reader_gets_everything_in_the_end() {
    for cores in ["1", "3"] {
        let node = Node::start(&["--data-cores", cores]);
        let mut client = node.connect();
        let value = "v".repeat(MIB);
        client.run(&format!("SET big {value}"));
        (0..64).for_each(|_| client.begin("GET big"));
        client.begin("PING");
        (0..64).for_each(|_| assert_eq!(client.reply().len(), MIB + "$1048576\r\n\r\n".len()));
        assert_eq!(client.reply(), "+PONG\r\n");
    }
}

#[test]
fn values_of_a_hundred_megabytes_are_stored_and_read() {
    for cores in ["1", "3"] {
        let node = Node::start(&["--data-cores", cores]);
        let mut client = node.connect();
        let value: Vec<u8> = (0..100 * MIB).map(|i| (i * 31 % 251) as u8).collect();
        for key in ["a", "b"] {
            assert_eq!(client.call(&[&b"SET"[..], key.as_bytes(), &value]), "+OK\r\n");
            assert_eq!(client.run(&format!("STRLEN {key}")).int() as usize, value.len());
            let reply = client.run(&format!("GET {key}"));
            assert!(reply.ends_with(b"\r\n") && reply[12..reply.len() - 2] == value[..], "another value came back");
            assert_eq!(client.run(&format!("APPEND {key} tail")).int() as usize, value.len() + 4);
            assert_eq!(client.run(&format!("GETRANGE {key} -5 -1")).len(), "$5\r\n.....\r\n".len());
            assert_eq!(client.run(&format!("SETRANGE {key} 104857600 TAIL")).int() as usize, value.len() + 4);
            assert_eq!(client.run(&format!("GETRANGE {key} -4 -1")).strings(), ["TAIL"]);
            assert_eq!(client.run(&format!("DEL {key}")), ":1\r\n");
        }
    }
}

#[test]
fn a_value_that_grows_piece_by_piece_stays_whole() {
    let node = Node::start(&["--data-cores", "3"]);
    let mut client = node.connect();
    let piece = "0123456789abcdef".repeat(4096);
    for count in 1..=300 {
        assert_eq!(client.run(&format!("APPEND grown {piece}")).int() as usize, count * piece.len());
    }
    assert_eq!(client.run("GETRANGE grown 19660784 -1").strings(), ["0123456789abcdef"]);
}

#[test]
fn what_a_client_sends_in_advance_is_bounded() {
    let node = Node::start(&["--data-cores", "2", "--client-query-buffer-limit", "1mb"]);
    let mut client = node.connect();
    let huge = encode(&["SET", "a", &"x".repeat(4 * MIB)]);
    let _ = client.try_send(&huge);
    assert_eq!(client.read_to_end(), "");
    assert_eq!(node.connect().run("EXISTS a"), ":0\r\n");
}

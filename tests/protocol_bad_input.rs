//! Bad input gets Redis's own answer, and no other client notices anything.

mod common;

use common::Node;
use common::client::{Client, encode};
use common::differential::assert_same_bytes;

/// A client that must never notice what the others send.
struct Bystander(Client);

impl Bystander {
    fn of(node: &Node) -> Bystander {
        let mut client = node.connect();
        assert_eq!(client.call(&["SET", "bystander", "untouched"]), "+OK\r\n");
        Bystander(client)
    }

    fn notices_nothing(&mut self) {
        assert_eq!(self.0.call(&["GET", "bystander"]), "$9\r\nuntouched\r\n");
    }
}

fn assert_answered_like_redis(args: &[&str], inputs: &[&[u8]]) {
    let redis = Node::redis(args);
    for cores in ["1", "3"] {
        let node = Node::start(&[&["--data-cores", cores], args].concat());
        for input in inputs {
            assert_same_bytes(&redis, &node, input);
        }
    }
}

#[test]
fn malformed_requests_get_the_error_that_redis_gives() {
    assert_answered_like_redis(
        &[],
        &[
            b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n",
            b"*1\r\n:1\r\n",
            b"*1\r\n+PING\r\n",
            b"*1\r\n\r\n",
            b"*1\r\nPING\r\n",
            b"*2\r\n$4\r\nECHO\r\n*1\r\n$1\r\nx\r\n",
            b"*1\r\n$4\r\nPINGxx",
            b"*1\r\n$4\r\nPING\n\r",
        ],
    );
}

#[test]
fn lengths_that_cannot_be_get_the_error_that_redis_gives() {
    assert_answered_like_redis(
        &[],
        &[
            b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$-10\r\n",
            b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$-1\r\n",
            b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$2000000000\r\n",
            b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$536870913\r\n",
            b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$99999999999999999999999\r\n",
            b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$9223372036854775807\r\n",
            b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$9223372036854775808\r\n",
            b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$-9223372036854775808\r\n",
            b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$blabla\r\n",
            b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$\r\n",
            b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$+3\r\nabc\r\n",
            b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$03\r\nabc\r\n",
            b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$ 3\r\nabc\r\n",
            b"*3000000000\r\n",
            b"*1048577\r\n",
            b"*2147483648\r\n",
            b"*99999999999999999999999\r\n",
            b"*9223372036854775807\r\n",
            b"*-9223372036854775808\r\n",
            b"*blah\r\n",
            b"*\r\n",
            b"*+1\r\n$4\r\nPING\r\n",
            b"*01\r\n$4\r\nPING\r\n",
            b"*1.5\r\n",
        ],
    );
}

#[test]
fn empty_and_negative_requests_are_passed_over() {
    assert_answered_like_redis(
        &[],
        &[
            b"\r\n",
            b"\r\n\r\n\n\n",
            b"*0\r\n",
            b"*-1\r\n",
            b"*-10\r\n",
            b"*1\r\n$0\r\n\r\n",
            b"*2\r\n$0\r\n\r\n$0\r\n\r\n",
            b"*0\r\n*1\r\n$4\r\nPING\r\n*-3\r\n*1\r\n$4\r\nPING\r\n",
        ],
    );
}

#[test]
fn inline_commands_are_parsed_like_redis_parses_them() {
    assert_answered_like_redis(
        &[],
        &[
            b"PING\r\n",
            b"PING\n",
            b"  PING  \r\n",
            b"\t PING \t\r\n",
            b"ECHO \"two words\"\r\n",
            b"ECHO 'single \\' quote'\r\n",
            b"ECHO \"\\x41\\n\\\"\"\r\n",
            b"ECHO \"\"\r\n",
            b"ECHO \"unbalanced\r\n",
            b"ECHO 'unbalanced\r\n",
            b"ECHO \"a\"b\r\n",
            b"SET \"\"\"x\"\"\"\r\n",
            b"NOSUCHCOMMAND with 'some args'\r\n",
            b"\xff\xfe\xfd\r\n",
            b"GET / HTTP/1.1\r\n",
            b"POST / HTTP/1.1\r\n",
            b"Host: example\r\n",
        ],
    );
}

/// Redis waits for ever behind a zero byte, where its C string ends.
#[test]
fn a_zero_byte_in_an_inline_command_is_a_byte_like_any_other() {
    let node = Node::start(&[]);
    let mut client = node.connect();
    client.send(b"ECHO a\x00b\r\n\x00\r\n");
    assert_eq!(client.reply(), "$3\r\na\0b\r\n");
    assert_eq!(client.reply(), "-ERR unknown command '', with args beginning with: \r\n");
}

#[test]
fn lines_without_an_end_are_refused_at_64_kib() {
    let long = |start: &str, length: usize| [start.as_bytes(), &vec![b'1'; length]].concat();
    let redis = Node::redis(&[]);
    for cores in ["1", "3"] {
        let node = Node::start(&["--data-cores", cores]);
        let mut bystander = Bystander::of(&node);
        for start in ["*", "*1\r\n$", "inline"] {
            let [expected, found] = [&redis, &node].map(|server| {
                let mut client = server.connect();
                let _ = client.try_send(&long(start, 70_000));
                client.read_to_end()
            });
            assert_eq!(expected, found, "start {start:?}");
            bystander.notices_nothing();
        }
    }
}

#[test]
fn limits_are_tight_before_authentication() {
    assert_answered_like_redis(
        &["--requirepass", "secret"],
        &[
            b"*11\r\n",
            b"*100\r\n",
            b"*1\r\n$16385\r\n",
            b"*1\r\n$536870912\r\n",
            b"PING\r\n",
            b"GET x\r\n",
            b"AUTH wrong\r\n",
            b"AUTH default secret\r\nPING\r\n",
            b"HELLO 3\r\n",
            b"NOSUCHCOMMAND\r\n",
        ],
    );
}

#[test]
fn half_a_gigabyte_announced_and_not_sent_costs_nothing() {
    const ANNOUNCED: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nonly this";
    let node = Node::start(&["--data-cores", "2"]);
    let mut bystander = Bystander::of(&node);
    let before = node.resident_bytes();
    let mut announcers: Vec<Client> = (0..50).map(|_| node.connect()).collect();
    for announcer in &mut announcers {
        announcer.send(ANNOUNCED);
    }
    bystander.notices_nothing();
    let grown = node.resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "50 clients that sent 9 bytes each cost {grown} bytes");
    drop(announcers);
    bystander.notices_nothing();
    assert_eq!(bystander.0.call(&["EXISTS", "k"]), ":0\r\n");
}

#[test]
fn a_hundred_thousand_empty_arrays_are_no_requests() {
    let node = Node::start(&["--data-cores", "2"]);
    let mut bystander = Bystander::of(&node);
    for nothing in ["*0\r\n", "*-1\r\n", "\r\n"] {
        let mut client = node.connect();
        client.send(nothing.repeat(100_000).as_bytes());
        assert_eq!(client.call(&["PING"]), "+PONG\r\n");
        bystander.notices_nothing();
    }
}

#[test]
fn a_hundred_thousand_nested_arrays_end_that_connection_only() {
    let node = Node::start(&["--data-cores", "2"]);
    let mut bystander = Bystander::of(&node);
    let mut client = node.connect();
    let _ = client.try_send("*1\r\n".repeat(100_000).as_bytes());
    assert!(client.read_to_end().starts_with(b"-ERR Protocol error: expected '$', got '*'\r\n"));
    bystander.notices_nothing();
}

#[test]
fn a_half_closed_connection_is_ended_after_what_it_asked() {
    let node = Node::start(&["--data-cores", "2"]);
    let mut bystander = Bystander::of(&node);
    let mut whole = node.connect();
    whole.send(&encode(&["SET", "half", "closed"]));
    assert_eq!(whole.reply(), "+OK\r\n");
    whole.half_close();
    assert_eq!(whole.read_to_end(), "");
    // What other cores take part in is answered as well.
    let mut asked = node.connect();
    let lines = ["SET a 1", "SET b 2", "MGET a b c", "GET b", "PING"];
    asked.send(&lines.iter().flat_map(|line| encode(&line.split(' ').collect::<Vec<_>>())).collect::<Vec<u8>>());
    asked.half_close();
    let replies = "+OK\r\n+OK\r\n*3\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n$1\r\n2\r\n+PONG\r\n";
    assert_eq!(asked.read_to_end(), replies);
    let mut cut = node.connect();
    cut.send(b"*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$6\r\nnev");
    cut.half_close();
    assert_eq!(cut.read_to_end(), "");
    assert_eq!(bystander.0.call(&["GET", "half"]), "$6\r\nclosed\r\n");
    bystander.notices_nothing();
}

#[test]
fn connections_cut_in_the_middle_of_a_pipeline_leave_the_node_alive() {
    let node = Node::start(&["--data-cores", "3"]);
    let mut bystander = Bystander::of(&node);
    let pipeline: Vec<u8> = (0..1000).flat_map(|i| encode(&["SET", &format!("key:{i}"), "value"])).collect();
    for cut in (1..pipeline.len()).step_by(997) {
        let mut client = node.connect();
        client.send(&pipeline[..cut]);
        drop(client);
    }
    bystander.notices_nothing();
}

#[test]
fn a_request_that_comes_byte_by_byte_is_one_request() {
    let node = Node::start(&["--data-cores", "2"]);
    let mut client = node.connect();
    let requests = [encode(&["SET", "slow", "sender"]), encode(&["GET", "slow"])].concat();
    for byte in requests.chunks(1) {
        client.send(byte);
    }
    assert_eq!(client.reply(), "+OK\r\n");
    assert_eq!(client.reply(), "$6\r\nsender\r\n");
}

#[test]
fn a_client_that_reads_no_replies_is_closed_at_its_output_limit() {
    let node = Node::start(&["--data-cores", "2", "--client-output-buffer-limit", "normal 2mb 0 0"]);
    let mut bystander = Bystander::of(&node);
    bystander.0.call(&[&b"SET"[..], b"big", &vec![b'x'; 1 << 20]]);
    let mut greedy = node.connect();
    let asked = 200;
    greedy.send(&encode(&["GET", "big"]).repeat(asked));
    bystander.notices_nothing();
    assert!(greedy.read_to_end().len() < asked << 20, "the client got more than its limit allows");
    bystander.notices_nothing();
}

#[test]
fn garbage_from_many_connections_disturbs_nobody() {
    const PROTOCOL: &[u8] = b"*$\r\n0123-:+ ";
    let node = Node::start(&["--data-cores", "3"]);
    let mut bystander = Bystander::of(&node);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64; // a fixed seed: the same garbage each time
    for round in 0..200 {
        let garbage: Vec<u8> = (0..1000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // Half of it from the bytes that the protocol is made of, so that it gets past the first byte.
                if state >> 63 == 0 { PROTOCOL[(state >> 33) as usize % PROTOCOL.len()] } else { (state >> 40) as u8 }
            })
            .collect();
        let mut client = node.connect();
        let _ = client.try_send(&garbage);
        if round % 2 == 0 {
            client.half_close();
        }
        drop(client);
        bystander.notices_nothing();
    }
}

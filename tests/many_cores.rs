//! However many data cores a standalone node has, its clients see one server: replies in order, commands that span
//! cores all at once or not at all, and nothing left locked by a client that dies.

mod common;

use common::{Node, client::encode, eventually};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const CORES: [&str; 4] = ["1", "2", "3", "8"];

/// Keys of many slots, and so of every core.
const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn nodes() -> impl Iterator<Item = Node> {
    CORES.into_iter().map(|cores| Node::start(&["--data-cores", cores]))
}

#[test]
fn a_pipeline_is_answered_in_its_order() {
    for node in nodes() {
        let mut client = node.connect();
        let lines = (0..2000).flat_map(|i| {
            let key = format!("key:{i}");
            [vec!["SET".into(), key.clone(), i.to_string()], vec!["GET".into(), key.clone()], vec!["PING".into(), key]]
        });
        let lines: Vec<Vec<String>> = lines.collect();
        client.send(&lines.iter().flat_map(|line| encode(line)).collect::<Vec<u8>>());
        for i in 0..2000 {
            assert_eq!(client.reply(), "+OK\r\n");
            assert_eq!(client.reply().strings(), [i.to_string()]);
            assert_eq!(client.reply().strings(), [format!("key:{i}")]);
        }
    }
}

#[test]
fn a_pipeline_that_waits_again_and_again_goes_on_where_it_stood() {
    for node in nodes() {
        let mut client = node.connect();
        let round =
            ["SET a 1", "MGET a b c d", "DBSIZE", "INCR b", "MULTI", "INCR b", "INCR c", "EXEC", "DEL a b c d", "PING"];
        let bytes: Vec<u8> =
            round.iter().flat_map(|line| encode(&line.split(' ').collect::<Vec<_>>())).collect::<Vec<u8>>().repeat(200);
        // In pieces that end anywhere.
        let sender = thread::scope(|scope| {
            for piece in bytes.chunks(777) {
                client.send(piece);
            }
            scope.spawn(|| ()).join()
        });
        sender.expect("sent");
        for _ in 0..200 {
            let replies: Vec<String> = (0..round.len()).map(|_| client.reply().text()).collect();
            assert_eq!(
                replies.concat(),
                "+OK\r\n*4\r\n$1\r\n1\r\n$-1\r\n$-1\r\n$-1\r\n:1\r\n:1\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:2\r\n:1\r\n:3\r\n+PONG\r\n"
            );
        }
    }
}

#[test]
fn nobody_sees_half_of_an_mset_or_a_transaction() {
    const WRITERS: usize = 3;
    for node in nodes() {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (node, over) = (&node, &over);
                scope.spawn(move || {
                    let mut client = node.connect();
                    for round in 0..300 {
                        let value = format!("{writer}:{round}");
                        let pairs: Vec<String> = KEYS.iter().map(|key| format!("{key} {value}")).collect();
                        if round % 2 == 0 {
                            assert_eq!(client.run(&format!("MSET {}", pairs.join(" "))), "+OK\r\n");
                        } else {
                            client.begin("MULTI");
                            KEYS.iter().for_each(|key| client.begin(&format!("SET {key} {value}")));
                            client.begin("EXEC");
                            (0..=KEYS.len()).for_each(|_| drop(client.reply()));
                            assert_eq!(
                                client.reply().text(),
                                format!("*{}\r\n{}", KEYS.len(), "+OK\r\n".repeat(KEYS.len()))
                            );
                        }
                    }
                    if writer == 0 {
                        over.store(true, Ordering::Relaxed);
                    }
                });
            }
            let mut reader = node.connect();
            let mut seen = 0;
            while !over.load(Ordering::Relaxed) {
                let values = reader.run(&format!("MGET {}", KEYS.join(" "))).strings();
                let distinct: HashSet<&String> = values.iter().collect();
                assert!(distinct.len() <= 1 && [0, KEYS.len()].contains(&values.len()), "{values:?}");
                seen += 1;
            }
            assert!(seen > 0);
        });
    }
}

#[test]
fn a_key_that_is_renamed_is_always_there_once() {
    for node in nodes() {
        let over = AtomicBool::new(false);
        node.connect().run("SET a precious");
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut client = node.connect();
                for round in 0..600 {
                    let (from, to) = (KEYS[round % KEYS.len()], KEYS[(round + 1) % KEYS.len()]);
                    assert_eq!(client.run(&format!("RENAME {from} {to}")), "+OK\r\n");
                }
                over.store(true, Ordering::Relaxed);
            });
            let mut reader = node.connect();
            while !over.load(Ordering::Relaxed) {
                assert_eq!(reader.run(&format!("EXISTS {}", KEYS.join(" "))).int(), 1);
                assert_eq!(reader.run(&format!("MGET {}", KEYS.join(" "))).strings(), ["precious"]);
            }
        });
    }
}

#[test]
fn copies_move_values_and_deadlines_between_cores() {
    for node in nodes() {
        let mut client = node.connect();
        client.run("SET a value EX 1000");
        for pair in KEYS.windows(2) {
            assert_eq!(client.run(&format!("COPY {} {}", pair[0], pair[1])), ":1\r\n");
        }
        assert_eq!(client.run("GET h").strings(), ["value"]);
        assert!((990..=1000).contains(&client.run("TTL h").int()));
        assert_eq!(client.run("COPY a h"), ":0\r\n");
        assert_eq!(client.run(&format!("DEL {}", KEYS.join(" "))).int(), 8);
    }
}

#[test]
fn sets_of_every_core_are_combined_and_sorted_by_keys_of_every_core() {
    for node in nodes() {
        let mut client = node.connect();
        for (rank, key) in KEYS.into_iter().enumerate() {
            client.run(&format!("SADD set:{key} all {key}"));
            client.run(&format!("SADD keys {key}"));
            client.run(&format!("SET rank:{key} {}", KEYS.len() - rank));
        }
        let every = KEYS.map(|key| format!("set:{key}")).join(" ");
        assert_eq!(client.run(&format!("SINTER {every}")).strings(), ["all"]);
        assert_eq!(client.run(&format!("SUNIONSTORE union {every}")), ":9\r\n");
        assert_eq!(client.run("SDIFFSTORE rest union keys"), ":1\r\n");
        let sorted: Vec<String> = KEYS.into_iter().rev().map(String::from).collect();
        assert_eq!(client.run("SORT keys BY rank:*").strings(), sorted);
        client.run("MULTI");
        client.run("SORT keys BY rank:* DESC LIMIT 0 3 GET rank:* STORE list");
        client.run("LRANGE list 0 -1");
        assert_eq!(client.run("EXEC").text(), "*2\r\n:3\r\n*3\r\n$1\r\n8\r\n$1\r\n7\r\n$1\r\n6\r\n");
    }
}

#[test]
fn watched_keys_of_every_core_are_watched() {
    for node in nodes() {
        let (mut client, mut other) = (node.connect(), node.connect());
        for key in KEYS {
            client.run(&format!("WATCH {}", KEYS.join(" ")));
            other.run(&format!("SET {key} changed"));
            client.run("MULTI");
            client.run("SET a mine");
            assert_eq!(client.run("EXEC"), "*-1\r\n", "{key} was changed");
            client.run(&format!("WATCH {}", KEYS.join(" ")));
            client.run("MULTI");
            client.run("SET b mine");
            assert_eq!(client.run("EXEC"), "*1\r\n+OK\r\n");
        }
    }
}

#[test]
fn commands_about_the_whole_keyspace_ask_every_core() {
    const COUNT: usize = 500;
    for node in nodes() {
        let mut client = node.connect();
        for i in 0..COUNT {
            client.run(&format!("SET key:{i} {i}"));
        }
        let all: HashSet<String> = (0..COUNT).map(|i| format!("key:{i}")).collect();
        assert_eq!(client.run("DBSIZE").int() as usize, COUNT);
        assert_eq!(client.run("KEYS *").strings().into_iter().collect::<HashSet<_>>(), all);
        assert_eq!(client.run("KEYS key:49?").strings().len(), 10);
        let (mut cursor, mut found) = ("0".to_owned(), HashSet::new());
        loop {
            let mut reply = client.run(&format!("SCAN {cursor} COUNT 7")).strings().into_iter();
            cursor = reply.next().expect("a cursor");
            found.extend(reply);
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(found, all);
        let random: HashSet<String> = (0..300).flat_map(|_| client.run("RANDOMKEY").strings()).collect();
        assert!(random.is_subset(&all) && random.len() > 50, "{} different ones", random.len());
        assert_eq!(client.run("FLUSHALL"), "+OK\r\n");
        assert_eq!(client.run("DBSIZE"), ":0\r\n");
        assert_eq!(client.run("RANDOMKEY"), "$-1\r\n");
    }
}

#[test]
fn databases_are_swapped_on_every_core() {
    for node in nodes() {
        let mut client = node.connect();
        KEYS.iter().for_each(|key| drop(client.run(&format!("SET {key} zero"))));
        assert_eq!(client.run("SWAPDB 0 5"), "+OK\r\n");
        assert_eq!(client.run("DBSIZE"), ":0\r\n");
        client.run("SELECT 5");
        assert_eq!(client.run(&format!("MGET {}", KEYS.join(" "))).strings().len(), 8);
    }
}

#[test]
fn subscribers_and_clients_of_every_core_are_found() {
    for node in nodes() {
        let mut subscribers: Vec<_> = (0..16).map(|_| node.connect()).collect();
        for (number, subscriber) in subscribers.iter_mut().enumerate() {
            subscriber.run(&format!("CLIENT SETNAME client:{number}"));
            subscriber.run("SUBSCRIBE news");
        }
        let mut client = node.connect();
        assert_eq!(client.run("PUBLISH news hello"), ":16\r\n");
        for subscriber in &mut subscribers {
            assert_eq!(subscriber.reply(), "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
        }
        assert_eq!(client.run("PUBSUB NUMSUB news"), "*2\r\n$4\r\nnews\r\n:16\r\n");
        let list = client.run("CLIENT LIST").text();
        (0..16).for_each(|number| assert!(list.contains(&format!(" name=client:{number} ")), "{list}"));
        assert_eq!(client.run("CLIENT KILL TYPE pubsub"), ":16\r\n");
        subscribers.into_iter().for_each(|subscriber| assert_eq!(subscriber.read_to_end(), ""));
        eventually("the killed are gone", || client.run("PUBLISH news again") == ":0\r\n");
    }
}

#[test]
fn a_client_that_dies_in_the_middle_leaves_nothing_locked() {
    for node in nodes() {
        let mut client = node.connect();
        let spanning = [
            format!("MGET {}", KEYS.join(" ")),
            format!("MSET {} 1", KEYS.join(" 1 ")),
            format!("WATCH {}", KEYS.join(" ")),
            "DBSIZE".to_owned(),
            "FLUSHALL".to_owned(),
        ];
        for round in 0..300 {
            let mut dying = node.connect();
            if round % 2 == 0 {
                dying.begin("MULTI");
            }
            for line in &spanning {
                dying.begin(line);
            }
            if round % 4 == 0 {
                dying.begin("EXEC");
            }
            // Without waiting for a reply.
            drop(dying);
        }
        eventually("their connections are closed", || client.run("CLIENT LIST").text().lines().count() == 3);
        assert_eq!(client.run(&format!("MSET {} 2", KEYS.join(" 2 "))), "+OK\r\n");
        assert_eq!(client.run(&format!("MGET {}", KEYS.join(" "))).strings(), ["2"; 8]);
    }
}

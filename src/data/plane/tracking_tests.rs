//! Client-side caching on several cores, as a client sees it that caches.

use super::testing::{Connection, Node, encode};
use crate::contract::settings::Settings;
use std::collections::{HashMap, VecDeque};

/// A client that caches what it reads, and forgets what it hears of.
struct Cache {
    who: Connection,
    /// The keys of its reads that have no reply yet; none: another command.
    asked: VecDeque<Vec<String>>,
    values: HashMap<String, Option<String>>,
    /// How often it was told that something has changed.
    told: usize,
}

impl Cache {
    fn new(node: &mut Node, core: usize, options: &str) -> Cache {
        let who = node.connect(core);
        node.call(who, "HELLO 3");
        let reply = node.call(who, &format!("CLIENT TRACKING ON{options}"));
        assert_eq!(reply, "+OK\r\n");
        Cache { who, asked: VecDeque::new(), values: HashMap::new(), told: 0 }
    }

    fn send(&mut self, node: &mut Node, line: &str, reads: Vec<String>) {
        self.asked.push_back(reads);
        node.send(self.who, &encode(line));
    }

    /// Takes what has come.
    fn listen(&mut self, node: &mut Node) {
        let bytes = node.take_replies(self.who);
        let text = String::from_utf8(bytes).unwrap();
        let mut words = Words(text.split("\r\n").collect());
        while words.more() {
            match words.next() {
                ">2" => {
                    assert_eq!(words.string().as_deref(), Some("invalidate"));
                    self.told += 1;
                    match words.next() {
                        "_" => self.values.clear(),
                        count => (0..count[1..].parse().unwrap()).for_each(|_| {
                            self.values.remove(&words.string().unwrap());
                        }),
                    }
                }
                head => {
                    let keys = self.asked.pop_front().expect("a reply for each command");
                    if head.starts_with('*') && head != "*0" {
                        assert_eq!(head[1..].parse(), Ok(keys.len()));
                    } else {
                        words.0.push_front(head);
                    }
                    if keys.is_empty() {
                        words.next();
                    }
                    for key in keys {
                        let value = words.string();
                        self.values.insert(key, value);
                    }
                }
            }
        }
    }
}

struct Words<'t>(VecDeque<&'t str>);

impl<'t> Words<'t> {
    fn more(&self) -> bool {
        self.0.len() > 1
    }

    fn next(&mut self) -> &'t str {
        self.0.pop_front().expect("a whole reply")
    }

    fn string(&mut self) -> Option<String> {
        let head = self.next();
        if head == "_" { None } else { Some(self.next().to_owned()) }
    }
}

/// Random commands of caching clients and of others, in every order of the cores.
fn nobody_keeps_a_stale_value(seed: u64, options: &str) -> usize {
    let cores = 1 + seed as usize % 3;
    let mut node = Node::new(cores, seed, Settings::default());
    let mut caches: Vec<Cache> = (0..3).map(|client| Cache::new(&mut node, client % cores, options)).collect();
    let writers: Vec<Connection> = (0..2).map(|client| node.connect(client % cores)).collect();
    for step in 0..120 {
        let (a, b) = (format!("k{}", node.draw(6)), format!("k{}", node.draw(6)));
        let who = node.draw(3);
        let writer = writers[node.draw(2)];
        match node.draw(14) {
            0..=4 => caches[who].send(&mut node, &format!("GET {a}"), vec![a]),
            5 => caches[who].send(&mut node, &format!("MGET {a} {b}"), vec![a, b]),
            6 => caches[who].send(&mut node, &format!("SET {a} {step}"), vec![]),
            7 => node.send(writer, &encode(&format!("DEL {a} {b}"))),
            8 => node.send(writer, &encode(&format!("MSET {a} {step} {b} {step}"))),
            9 => node.send(writer, &[encode("MULTI"), encode(&format!("SET {a} m{step}")), encode("EXEC")].concat()),
            10 if node.draw(4) == 0 => node.send(writer, &encode("FLUSHALL")),
            _ => node.send(writer, &encode(&format!("SET {a} {step}"))),
        }
        for _ in 0..node.draw(5) {
            node.turn();
        }
        caches.iter_mut().for_each(|cache| cache.listen(&mut node));
    }
    node.settle();
    for cache in &mut caches {
        cache.listen(&mut node);
        assert!(cache.asked.is_empty());
        for (key, cached) in &cache.values {
            let reply = node.call(writers[0], &format!("GET {key}"));
            let reply = reply.rsplit_once("$").expect("a string").1;
            let now = (!reply.starts_with("-1")).then(|| reply.split("\r\n").nth(1).unwrap().to_owned());
            assert_eq!(*cached, now, "seed {seed}: a stale value of {key}");
        }
    }
    node.assert_at_rest();
    caches.iter().map(|cache| cache.told).sum()
}

#[test]
fn a_client_that_forgets_what_it_hears_of_never_keeps_a_stale_value() {
    let seeds = if cfg!(miri) { 2 } else { 150 };
    for options in ["", " BCAST"] {
        let told: usize = (0..seeds).map(|seed| nobody_keeps_a_stale_value(seed, options)).sum();
        assert!(told > 0);
    }
}

#[test]
fn a_table_beyond_its_bound_forgets_readers_and_tells_them() {
    let settings = Settings { tracking_table_max_keys: 3, ..Settings::default() };
    let mut node = Node::new(1, 1, settings);
    let mut cache = Cache::new(&mut node, 0, "");
    for key in 0..10 {
        cache.send(&mut node, &format!("GET k{key}"), vec![format!("k{key}")]);
    }
    node.settle();
    cache.listen(&mut node);
    assert_eq!((cache.told, cache.values.len()), (7, 3));
}

#[test]
fn a_redirection_that_breaks_is_told_and_a_subscriber_hears_in_resp2() {
    for cores in [1, 2] {
        let mut node = Node::new(cores, 7, Settings::default());
        let (reader, listener, writer) = (node.connect(0), node.connect(cores - 1), node.connect(0));
        let id = node.call(listener, "CLIENT ID").trim_matches([':', '\r', '\n']).to_owned();
        node.call(listener, "SUBSCRIBE __redis__:invalidate");
        node.call(reader, "HELLO 3");
        assert_eq!(node.call(reader, &format!("CLIENT TRACKING ON REDIRECT {id}")), "+OK\r\n");
        node.call(reader, "GET k");
        node.call(writer, "SET k v");
        let heard = String::from_utf8(node.take_replies(listener)).unwrap();
        assert_eq!(heard, "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n");
        node.call(reader, "GET k");
        node.disconnect(listener);
        node.call(writer, "SET k v");
        let told = String::from_utf8(node.take_replies(reader)).unwrap();
        assert_eq!(told, format!(">2\r\n$21\r\ntracking-redir-broken\r\n:{id}\r\n"));
    }
}

#[test]
fn what_a_transaction_changes_its_client_hears_of_after_it() {
    let mut node = Node::new(2, 3, Settings::default());
    let client = node.connect(0);
    node.call(client, "HELLO 3");
    node.call(client, "CLIENT TRACKING ON");
    node.call(client, "MGET a b");
    let lines = ["MULTI", "SET a 1", "GET a", "SET b 1", "EXEC"];
    node.send(client, &lines.map(encode).concat());
    node.settle();
    let replies = String::from_utf8(node.take_replies(client)).unwrap();
    let (_, after) = replies.split_once("*3\r\n+OK\r\n$1\r\n1\r\n+OK\r\n").expect("a whole reply");
    assert_eq!(after.matches("invalidate").count(), 2);
}

#[test]
fn a_flush_is_told_once_whatever_the_number_of_cores() {
    for lines in [&["FLUSHALL"][..], &["MULTI", "FLUSHDB", "EXEC"]] {
        let mut node = Node::new(3, 5, Settings::default());
        let (reader, writer) = (node.connect(1), node.connect(2));
        node.call(reader, "HELLO 3");
        node.call(reader, "CLIENT TRACKING ON");
        lines.iter().for_each(|line| _ = node.call(writer, line));
        let told = String::from_utf8(node.take_replies(reader)).unwrap();
        assert_eq!(told, ">2\r\n$10\r\ninvalidate\r\n_\r\n");
    }
}

//! The cluster bus on real sockets: with other coreslot nodes, with redis-server, and packet by packet.

mod common;

use common::client::Client;
use common::{Node, eventually};
use coreslot::cluster::wire::codec::{decode, encode, need};
use coreslot::cluster::wire::{Body, GossipKind, Header, MessageFlags, Packet};
use coreslot::contract::topology::{NodeFlags, NodeId};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const CLUSTER: [&str; 4] = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];

/// What node `of` is to `node`: its line of CLUSTER NODES.
fn line(node: &Node, of: &Node) -> String {
    let text = node.connect().run("CLUSTER NODES").text();
    let address = format!("127.0.0.1:{}@", of.port());
    text.lines().find(|line| line.contains(&address)).unwrap_or_default().to_owned()
}

fn subscriber(node: &Node, line: &str) -> Client {
    let mut client = node.connect();
    client.run(line);
    client
}

#[test]
fn nodes_and_a_redis_server_are_one_cluster() {
    let ours = [Node::start(&CLUSTER), Node::start(&[&CLUSTER[..], &["--data-cores", "2"]].concat())];
    let redis = Node::redis(&CLUSTER);
    let mut third = Node::start(&CLUSTER);
    Node::form_cluster(&[&ours[0], &ours[1], &redis, &third], 4);

    // Each sends clients to the others. The slot of `foo` is 12182, of `bar` 5061.
    let moved = |node: &Node, key: &str| node.connect().run(&format!("GET {key}")).text();
    assert_eq!(moved(&redis, "bar"), format!("-MOVED 5061 127.0.0.1:{}\r\n", ours[1].port()));
    assert_eq!(moved(&ours[1], "foo"), format!("-MOVED 12182 127.0.0.1:{}\r\n", redis.port()));

    // Messages reach every node's subscribers, those of a shard's channel only the shard's; counts are local.
    let mut everywhere = [&ours[1], &redis, &third].map(|node| subscriber(node, "SUBSCRIBE news"));
    let mut shard = subscriber(&ours[1], "SSUBSCRIBE bar");
    for (node, text) in [(&ours[0], "one"), (&redis, "two"), (&ours[1], "three")] {
        let local = if node.port() == ours[0].port() { ":0\r\n" } else { ":1\r\n" };
        assert_eq!(node.connect().run(&format!("PUBLISH news {text}")), local);
        for client in &mut everywhere {
            assert_eq!(client.reply().strings(), ["message", "news", text]);
        }
    }
    assert_eq!(ours[1].connect().run("SPUBLISH bar hello"), ":1\r\n");
    assert_eq!(shard.reply().strings(), ["smessage", "bar", "hello"]);

    // A node whose process is gone has failed, whoever looks; it is back when it is.
    third.signal("KILL");
    third.wait();
    for node in [&ours[0], &ours[1], &redis] {
        eventually("the dead node has failed", || line(node, &third).contains(" master,fail "));
        eventually("so the cluster is down", || node.connect().run("CLUSTER INFO").contains("cluster_state:fail"));
        assert!(node.connect().run("GET foo").contains("CLUSTERDOWN"));
    }
}

#[test]
fn a_node_comes_back_to_its_cluster_by_its_file() {
    let a = Node::start(&CLUSTER);
    let mut b = Node::start(&CLUSTER);
    Node::form_cluster(&[&a, &b], 2);
    let id = b.connect().run("CLUSTER MYID");
    b.signal("KILL");
    b.wait();
    b.restart(&CLUSTER);
    assert_eq!(b.connect().run("CLUSTER MYID"), id);
    for node in [&a, &b] {
        eventually("the cluster is whole", || node.connect().run("CLUSTER INFO").contains("cluster_state:ok"));
    }
}

/// A connection on which packets come.
struct Link {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Link {
    fn new(stream: TcpStream) -> Link {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Link { stream, input: Vec::new() }
    }

    fn send(&mut self, packet: &Packet) {
        let mut bytes = Vec::new();
        encode(packet, &mut bytes);
        self.stream.write_all(&bytes).unwrap();
    }

    fn receive(&mut self) -> Packet {
        loop {
            let length = need(&self.input).expect("redis-server sends packets");
            if let Some(frame) = self.input.get(..length) {
                let packet = decode(frame).expect("redis-server's packets are well-formed");
                self.input.drain(..length);
                return packet;
            }
            let mut chunk = [0; 4096];
            let count = self.stream.read(&mut chunk).expect("redis-server goes on");
            assert!(count > 0, "redis-server closed the link");
            self.input.extend_from_slice(&chunk[..count]);
        }
    }
}

/// A node that this test plays, on bus port `bus_port`.
fn from_me(bus_port: u16, kind: GossipKind) -> Packet {
    Packet {
        header: Header {
            sender: NodeId::parse(&[b'a'; 40]).unwrap(),
            flags: NodeFlags::PRIMARY,
            port: bus_port - 10000,
            plain_port: 0,
            bus_port,
            ip: "127.0.0.1".into(),
            current_epoch: 7,
            config_epoch: 7,
            offset: 0,
            slots: Box::new([0; 2048]),
            replicaof: None,
            down: false,
            message_flags: MessageFlags::default(),
        },
        body: Body::Gossip { kind, entries: Vec::new(), hostname: Some("player.example".into()) },
    }
}

#[test]
fn packets_are_read_as_redis_server_writes_them_and_the_other_way_round() {
    let named = [&CLUSTER[..], &["--cluster-announce-hostname", "redis.example"]].concat();
    let (redis, other) = (Node::redis(&named), Node::redis(&CLUSTER));
    Node::form_cluster(&[&redis, &other], 2);
    let doors = TcpListener::bind(("127.0.0.1", redis.spare_port(0) + 10000)).unwrap();
    let bus_port = doors.local_addr().unwrap().port();

    // A MEET is answered, and followed by a link of its own.
    let mut mine = Link::new(TcpStream::connect(("127.0.0.1", redis.port() + 10000)).unwrap());
    mine.send(&from_me(bus_port, GossipKind::Meet));
    let pong = mine.receive();
    let Body::Gossip { kind: GossipKind::Pong, entries, hostname } = &pong.body else { panic!("{pong:?}") };
    let id = redis.connect().run("CLUSTER MYID").text();
    assert!(id.contains(pong.header.sender.as_str()), "{id}");
    assert_eq!((pong.header.port, pong.header.bus_port), (redis.port(), redis.port() + 10000));
    assert_eq!((pong.header.slots[0], pong.header.slots[1023], pong.header.slots[1024]), (0xff, 0xff, 0));
    assert_eq!(hostname.as_deref(), Some("redis.example"));
    assert!(entries.iter().all(|entry| entry.port == other.port()));
    let mut theirs = Link::new(doors.accept().unwrap().0);
    assert!(matches!(theirs.receive().body, Body::Gossip { kind: GossipKind::Ping, .. }));
    theirs.send(&from_me(bus_port, GossipKind::Pong));

    // From then on we are one of its nodes, with the name we told, and hear what its clients publish.
    let me = "a".repeat(40);
    eventually("we are known by name", || redis.connect().run("CLUSTER NODES").contains(&me));
    theirs.send(&from_me(bus_port, GossipKind::Pong));
    eventually("our host name is known", || redis.connect().run("CLUSTER NODES").contains("player.example"));
    redis.connect().run("PUBLISH news hello");
    let published = loop {
        match theirs.receive().body {
            Body::Gossip { .. } => {}
            other => break other,
        }
    };
    assert_eq!(published, Body::Publish { sharded: false, channel: b"news".into(), message: b"hello".into() });

    // What we publish reaches its clients.
    let mut listener = subscriber(&redis, "SUBSCRIBE news");
    let body = Body::Publish { sharded: false, channel: b"news".into(), message: b"there".into() };
    mine.send(&Packet { body, ..from_me(bus_port, GossipKind::Ping) });
    assert_eq!(listener.reply().strings(), ["message", "news", "there"]);
}

//! With core ports, cluster-aware clients are told for each range of slots the port of the core that serves it; every
//! port serves every slot; the cluster itself knows the node by its one canonical port.

mod common;

use common::Node;

const CORES: u16 = 3;

fn node() -> Node {
    Node::start_cluster(&["--data-cores", "3"])
}

#[test]
fn cluster_slots_and_shards_name_the_core_ports() {
    let node = node();
    let mut client = node.connect();
    let id = client.run("CLUSTER MYID").strings().remove(0);
    let slots = client.run("CLUSTER SLOTS").text();
    let shards = client.run("CLUSTER SHARDS").text();
    assert!(slots.starts_with(&format!("*{CORES}\r\n")), "{slots}");
    for core in 0..CORES {
        let port = format!(":{}\r\n", node.core_port(core));
        assert_eq!(slots.matches(&port).count(), 1, "{slots}");
        assert_eq!(shards.matches(&port).count(), 1, "{shards}");
    }
    assert_eq!(slots.matches(&id).count(), usize::from(CORES));
    let canonical = format!(":{}\r\n", node.port());
    assert!(!slots.contains(&canonical) && !shards.contains(&canonical), "{slots}{shards}");
}

#[test]
fn cluster_nodes_keeps_the_canonical_port() {
    let node = node();
    let line = node.connect().run("CLUSTER NODES").strings().remove(0);
    assert!(line.contains(&format!(":{}@", node.port())) && line.contains(" 0-16383"), "{line}");
}

#[test]
fn every_port_serves_every_slot() {
    let node = node();
    let ports = || (0..CORES).map(|core| node.core_port(core)).chain([node.port()]);
    for (number, port) in ports().enumerate() {
        let mut client = common::client::Client::connect(port);
        for i in 0..100 {
            assert_eq!(client.run(&format!("SET key:{number}:{i} {i}")), "+OK\r\n");
        }
    }
    for port in ports() {
        let mut client = common::client::Client::connect(port);
        for number in 0..=CORES {
            for i in 0..100 {
                assert_eq!(client.run(&format!("GET key:{number}:{i}")).strings(), [i.to_string()]);
            }
        }
        assert_eq!(client.run("DBSIZE").int(), 400);
    }
}

#[test]
fn a_connection_to_a_core_port_is_served_by_that_core() {
    let node = node();
    for core in 0..CORES {
        let mut client = common::client::Client::connect(node.core_port(core));
        let info = client.run("CLIENT INFO").text();
        assert!(info.contains(&format!(" laddr=127.0.0.1:{} ", node.core_port(core))), "{info}");
    }
}

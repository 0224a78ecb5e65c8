//! The conversation of several control planes.

use crate::cluster::options::Options;
use crate::cluster::testing::Network;

fn quick() -> Options {
    Options { node_timeout_ms: 2000, ..Options::default() }
}

#[test]
fn nodes_that_one_of_them_meets_all_know_each_other() {
    let mut network = Network::of(6, quick());
    (1..6).for_each(|other| network.meet(0, other));
    network.run(5000);
    for member in 0..6 {
        let nodes = network.says(member, "CLUSTER NODES");
        assert_eq!(nodes.matches(" connected").count(), 6, "{nodes}");
        assert!(!nodes.contains("handshake"));
        assert!((0..6).all(|other| nodes.contains(&format!("{} 10.0.0.{}:7000@17000 ", network.id(other), other + 1))));
    }
}

#[test]
fn a_cluster_forms() {
    let mut network = Network::cluster(3, 1, quick());
    for member in 0..6 {
        let info = network.says(member, "CLUSTER INFO");
        assert!(info.contains("cluster_state:ok|cluster_slots_assigned:16384|cluster_slots_ok:16384|"), "{info}");
        assert!(info.contains("cluster_known_nodes:6|cluster_size:3|cluster_current_epoch:"), "{info}");
    }
    for replica in 3..6 {
        let primary = network.id(replica - 3);
        let replicas = network.says(0, &format!("CLUSTER REPLICAS {primary}"));
        assert!(replicas.contains(&network.id(replica).to_string()), "{replicas}");
    }
}

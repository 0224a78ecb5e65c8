//! Who belongs to the cluster, and where.

use super::{line, quick};
use crate::cluster::options::Options;
use crate::cluster::testing::{Machine, Network};
use crate::cluster::{Action, LinkFigures};
use crate::contract::topology::NodeFlags;

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
        let data = &network.members[replica].data;
        let ip = &network.members[replica - 3].ip;
        assert!(matches!(&data[..], [Action::Replicate { ip: of, port: 7000 }] if of == ip), "{data:?}");
    }
}

#[test]
fn a_quiet_cluster_saves_nothing() {
    let mut network = Network::cluster(3, 1, quick());
    network.members.iter_mut().for_each(|member| member.saved.clear());
    network.run(20_000);
    assert!(network.members.iter().all(|member| member.saved.is_empty()));
}

#[test]
fn a_node_that_meets_itself_comes_to_its_senses() {
    let mut network = Network::of(1, quick());
    network.meet(0, 0);
    network.run(1000);
    assert!(network.says(0, "CLUSTER INFO").contains("cluster_known_nodes:1|"));
    network.run(3000);
    assert!(network.says(0, "CLUSTER INFO").contains("cluster_known_nodes:1|"));
}

#[test]
fn a_handshake_with_nobody_ends_after_the_node_timeout() {
    let mut network = Network::of(1, quick());
    assert_eq!(network.says(0, "CLUSTER MEET 10.9.9.9 7000"), "+OK|");
    assert_eq!(network.says(0, "CLUSTER MEET 10.9.9.9 7000"), "+OK|");
    assert!(network.says(0, "CLUSTER INFO").contains("cluster_known_nodes:2|"));
    assert!(network.says(0, "CLUSTER NODES").contains(" 10.9.9.9:7000@17000 handshake - 0 0 0 disconnected"));
    assert!(!network.members[0].cluster.nodes_conf().contains("handshake"));
    network.run(1999);
    assert!(network.says(0, "CLUSTER INFO").contains("cluster_known_nodes:2|"));
    network.run(200);
    assert!(network.says(0, "CLUSTER INFO").contains("cluster_known_nodes:1|"));
}

#[test]
fn a_node_met_again_at_a_known_address_stays_one_node() {
    let mut network = Network::cluster(3, 0, quick());
    network.meet(0, 1);
    network.meet(1, 0);
    network.run(1000);
    assert!((0..3).all(|member| network.says(member, "CLUSTER INFO").contains("cluster_known_nodes:3|")));
    assert!(line(&mut network, 0, 1).contains(" connected "));
}

#[test]
fn a_forgotten_node_is_not_learnt_again_for_a_minute() {
    let mut network = Network::cluster(4, 0, quick());
    let id = network.id(3);
    assert_eq!(network.says(0, &format!("CLUSTER FORGET {id}")), "+OK|");
    network.run(59_000);
    assert!(network.view(0, 3).is_none());
    assert!(network.says(0, "CLUSTER INFO").contains("cluster_state:fail|cluster_slots_assigned:12288|"));
    network.run(10_000);
    assert!(network.view(0, 3).is_some(), "the others still know it");
    assert!(network.says(0, "CLUSTER INFO").contains("cluster_slots_assigned:16384|"));
}

#[test]
fn a_node_that_all_forget_at_once_is_gone() {
    let mut network = Network::cluster(4, 0, quick());
    let id = network.id(3);
    for member in 0..3 {
        network.says(member, &format!("CLUSTER FORGET {id}"));
    }
    assert_eq!(network.says(3, "CLUSTER RESET HARD"), "+OK|");
    network.run(80_000);
    assert!((0..3).all(|member| network.says(member, "CLUSTER INFO").contains("cluster_known_nodes:3|")));
    assert!(network.says(3, "CLUSTER INFO").contains("cluster_known_nodes:1|"));
}

#[test]
fn ones_own_primary_is_not_forgotten() {
    let mut network = Network::cluster(1, 1, quick());
    let primary = network.id(0);
    assert_eq!(network.says(1, &format!("CLUSTER FORGET {primary}")), "-ERR Can't forget my master!|");
    let replica = network.id(1);
    assert_eq!(
        network.says(0, &format!("CLUSTER REPLICATE {replica}")),
        "-ERR I can only replicate a master, not a replica.|"
    );
}

#[test]
fn a_node_under_a_new_name_leaves_its_old_one_without_an_address() {
    let mut network = Network::cluster(2, 0, quick());
    let before = network.id(1).to_string();
    network.says(1, "CLUSTER RESET HARD");
    network.run(1000);
    let nodes = network.says(0, "CLUSTER NODES");
    assert!(nodes.contains(&format!("{before} :0@0 master,noaddr ")), "{nodes}");
}

#[test]
fn a_node_that_moved_is_found_at_its_new_address() {
    let mut network = Network::cluster(3, 1, quick());
    network.set(1, Machine::Dead);
    network.run(100);
    network.members[1].ip = "10.0.1.9".into();
    network.set(1, Machine::Up);
    network.run(3000);
    for member in [0, 2, 3, 4, 5] {
        let line = line(&mut network, member, 1);
        assert!(line.contains(" 10.0.1.9:7000@17000 master - 0 ") && line.contains(" connected "), "{line}");
    }
    let last = network.members[4].data.last();
    assert!(matches!(last, Some(Action::Replicate { ip, port: 7000 }) if ip == "10.0.1.9"), "{last:?}");
    assert!(line(&mut network, 1, 1).contains(" 10.0.0.2:"), "only a MEET changes what a node takes for its own");
    network.meet(0, 1);
    network.run(100);
    assert!(line(&mut network, 1, 1).contains(" 10.0.1.9:"));
}

#[test]
fn an_announced_address_goes_before_the_sockets() {
    let mut network = Network::cluster(2, 0, quick());
    let announced = Options {
        port: 7000,
        announce_ip: Some("10.0.0.2".into()),
        announce_port: 7777,
        announce_bus_port: 17000,
        ..quick()
    };
    let actions = network.members[1].cluster.reconfigure(announced, network.now).unwrap();
    network.act(1, actions);
    network.run(3000);
    assert!(line(&mut network, 0, 1).contains(" 10.0.0.2:7777@17000 master "));
}

#[test]
fn host_names_reach_those_who_understand_them() {
    let mut network = Network::cluster(2, 0, quick());
    let named = Options { port: 7000, announce_hostname: Some("here".into()), ..quick() };
    let actions = network.members[1].cluster.reconfigure(named, network.now).unwrap();
    network.act(1, actions);
    network.run(10); // It is told at once.
    assert!(line(&mut network, 0, 1).contains(" 10.0.0.2:7000@17000,here master "));
    let actions = network.members[1].cluster.reconfigure(Options { port: 7000, ..quick() }, network.now).unwrap();
    network.act(1, actions);
    network.run(3000);
    assert!(line(&mut network, 0, 1).contains(" 10.0.0.2:7000@17000 master "));
}

#[test]
fn a_replica_that_is_not_to_fail_over_says_so() {
    let mut network = Network::cluster(1, 1, quick());
    let options = Options { port: 7000, replica_no_failover: true, ..quick() };
    let actions = network.members[1].cluster.reconfigure(options, network.now).unwrap();
    network.act(1, actions);
    network.run(3000);
    assert!(line(&mut network, 0, 1).contains(" slave,nofailover "));
}

#[test]
fn each_node_tells_its_offset() {
    let mut network = Network::cluster(1, 1, quick());
    let replication = crate::cluster::Replication { offset: 77, ..Default::default() };
    network.members[1].cluster.replication(replication);
    network.run(3000);
    assert!(network.says(0, "CLUSTER SHARDS").contains("|replication-offset|:77|$6|health|$6|online|"));
    assert!(network.view(0, 1).unwrap().replication_offset == 77);
}

#[test]
fn links_are_told_with_their_figures() {
    let mut network = Network::cluster(2, 0, quick());
    let link = network.view(0, 1).unwrap().link.unwrap().id;
    let figures = LinkFigures { writing: true, send_buffer_allocated: 9, send_buffer_used: 3 };
    network.members[0].cluster.link_stats(link, figures);
    let links = network.says(0, "CLUSTER LINKS");
    let to = format!("|$2|to|$4|node|$40|{}|", network.id(1));
    assert!(links.starts_with("*2|") && links.contains(&to) && links.contains("|$4|from|"), "{links}");
    assert!(links.contains("|$2|rw|$21|send-buffer-allocated|:9|$16|send-buffer-used|:3|"), "{links}");
}

#[test]
fn a_restarted_node_finds_the_others_again() {
    let mut network = Network::cluster(3, 1, quick());
    network.set(4, Machine::Dead);
    network.run(50);
    network.set(4, Machine::Up);
    let took = network.run_until(1000, |network| {
        (0..6).filter(|other| *other != 4).all(|other| {
            network.view(4, other).unwrap().link.is_some() && network.view(other, 4).unwrap().link.is_some()
        })
    });
    assert!(took < 700, "{took} ms");
    let data = &network.members[4].data;
    assert!(matches!(data.last(), Some(Action::Replicate { .. })), "it replicates again: {data:?}");
}

#[test]
fn messages_of_publishers_reach_all_nodes_or_those_of_the_shard() {
    let mut network = Network::cluster(2, 1, quick());
    let received = |network: &mut Network, sharded: bool| -> Vec<usize> {
        network.members.iter_mut().for_each(|member| member.data.clear());
        let actions = network.members[0].cluster.publish(sharded, b"c".to_vec(), b"m".to_vec(), network.now);
        network.act(0, actions);
        network.run(10);
        let got = |data: &[Action]| {
            data.iter().any(|action| {
                matches!(action, Action::Deliver { sharded: s, channel, message }
                if *s == sharded && channel == b"c" && message == b"m")
            })
        };
        (0..4).filter(|member| got(&network.members[*member].data)).collect()
    };
    assert_eq!(received(&mut network, false), [1, 2, 3]);
    assert_eq!(received(&mut network, true), [2]);
}

#[test]
fn a_primary_that_had_replicas_is_one_they_may_migrate_to() {
    let mut network = Network::cluster(2, 1, quick());
    let may = |network: &Network, of: usize| network.view(1, of).unwrap().flags.any(NodeFlags::MIGRATE_TO);
    assert!(may(&network, 0));
    assert!(!may(&network, 2));
    let other = network.id(1);
    network.says(2, &format!("CLUSTER REPLICATE {other}"));
    network.run(3000);
    assert!(!may(&network, 0), "its replica went of its own accord");
}

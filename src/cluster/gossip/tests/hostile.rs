//! Packets that no honest node sends, or not any more.

use super::quick;
use crate::cluster::now::Now;
use crate::cluster::slots::Direction;
use crate::cluster::testing::{Machine, Network};
use crate::cluster::wire::{Body, GossipEntry, GossipKind, Header, Ip, MessageFlags, OpenSlot, Packet};
use crate::cluster::{Action, LinkEnd, LinkId};
use crate::contract::topology::{NodeFlags, NodeId};
use crate::slot::Slot;
use proptest::prelude::*;

fn header(sender: NodeId) -> Header {
    Header {
        sender,
        flags: NodeFlags::PRIMARY,
        port: 7000,
        plain_port: 0,
        bus_port: 17000,
        ip: String::new(),
        current_epoch: 0,
        config_epoch: 0,
        offset: 0,
        slots: Box::new([0; 2048]),
        replicaof: None,
        down: false,
        message_flags: MessageFlags::default(),
    }
}

fn gossip(kind: GossipKind, entries: Vec<GossipEntry>) -> Body {
    Body::Gossip { kind, entries, hostname: None }
}

fn entry(id: NodeId, ip: &str, flags: NodeFlags) -> GossipEntry {
    let (port, bus_port, plain_port) = (7000, 17000, 0);
    GossipEntry { id, ping_sent: 0, pong_received: 0, ip: Ip::from(ip).unwrap(), port, bus_port, flags, plain_port }
}

fn stranger() -> NodeId {
    NodeId::parse(&[b'z'; 40]).unwrap()
}

fn open_slot() -> OpenSlot {
    OpenSlot { slot: Slot::new(1).unwrap(), direction: Direction::Importing, other: stranger() }
}

fn conf(network: &Network) -> String {
    network.members[0].cluster.nodes_conf()
}

#[test]
fn a_stranger_changes_nothing() {
    let mut network = Network::cluster(3, 0, quick());
    let (before, victim) = (conf(&network), network.id(1));
    let told = vec![entry(stranger(), "10.9.9.9", NodeFlags::PRIMARY), entry(victim, "10.9.9.9", NodeFlags::FAIL)];
    let claim = Header { config_epoch: 99, current_epoch: 99, slots: Box::new([255; 2048]), ..header(stranger()) };
    let bodies = [
        gossip(GossipKind::Ping, told.clone()),
        gossip(GossipKind::Pong, told),
        Body::Fail(victim),
        Body::Update { config_epoch: 99, node: victim, slots: Box::new([255; 2048]) },
        Body::AuthRequest,
        Body::AuthAck,
        Body::ManualFailoverStart,
        Body::OpenSlots(vec![open_slot()]),
        Body::Publish { sharded: false, channel: b"c".to_vec(), message: b"m".to_vec() },
    ];
    for body in bodies {
        network.inject(0, Packet { header: claim.clone(), body }, "10.9.9.9");
    }
    assert_eq!(conf(&network), before);
    assert!(network.members[0].data.is_empty());
    assert!(network.says(0, "CLUSTER INFO").contains("cluster_stats_messages_ignored:9|"));
}

#[test]
fn a_meet_is_believed_as_far_as_an_address_goes() {
    let mut network = Network::cluster(2, 0, quick());
    let before = conf(&network);
    let told = vec![entry(NodeId::parse(&[b'y'; 40]).unwrap(), "10.9.9.8", NodeFlags::PRIMARY)];
    let header = Header { config_epoch: 99, slots: Box::new([255; 2048]), ..header(stranger()) };
    network.inject(0, Packet { header, body: gossip(GossipKind::Meet, told) }, "10.9.9.9");
    assert_eq!(conf(&network), before);
    assert!(network.says(0, "CLUSTER NODES").contains(" 10.9.9.9:7000@17000 handshake "));
    network.run(3000);
    assert!(!network.says(0, "CLUSTER NODES").contains("handshake"));
}

#[test]
fn many_meets_make_only_so_many_handshakes() {
    let mut network = Network::of(1, quick());
    for number in 0..3000u32 {
        let ip = format!("10.1.{}.{}", number / 250, number % 250);
        network.inject(0, Packet { header: header(stranger()), body: gossip(GossipKind::Meet, vec![]) }, &ip);
    }
    assert!(network.says(0, "CLUSTER INFO").contains("cluster_known_nodes:1025|"));
}

#[test]
fn links_of_strangers_are_bounded() {
    let mut network = Network::of(1, quick());
    let mut refused = 0;
    for number in 0..5000 {
        let link = LinkId(LinkId::INBOUND + 100_000 + number);
        let actions = network.members[0].cluster.opened(link, "10.9.9.9", network.now);
        refused += actions.iter().filter(|action| matches!(action, Action::Close(closed) if *closed == link)).count();
    }
    assert_eq!(refused, 904);
    for number in 0..4096 {
        let link = LinkId(LinkId::INBOUND + 100_000 + number);
        network.members[0].cluster.closed(link, LinkEnd::Lost, network.now);
    }
    let link = LinkId(LinkId::INBOUND + 200_000);
    assert!(network.members[0].cluster.opened(link, "10.9.9.9", network.now).is_empty());
}

#[test]
fn ones_own_name_from_elsewhere_is_nobodys() {
    let mut network = Network::cluster(3, 1, quick());
    let (before, me) = (conf(&network), network.id(0));
    let mine = Header { config_epoch: 99, current_epoch: 99, replicaof: Some(network.id(1)), ..header(me) };
    for kind in [GossipKind::Meet, GossipKind::Ping, GossipKind::Pong] {
        let told = vec![entry(me, "10.9.9.9", NodeFlags::FAIL)];
        network.inject(0, Packet { header: mine.clone(), body: gossip(kind, told) }, "10.9.9.9");
    }
    assert_eq!(conf(&network), before);
    assert!(network.says(0, "CLUSTER INFO").contains("cluster_known_nodes:6|"));
}

#[test]
fn known_nodes_can_say_the_oddest_things_of_me_and_themselves() {
    let mut network = Network::cluster(3, 1, quick());
    let (me, peer) = (network.id(0), network.id(1));
    let odd = Header { replicaof: Some(peer), slots: Box::new([255; 2048]), config_epoch: 50, ..header(peer) };
    let bodies = [
        gossip(GossipKind::Ping, vec![entry(me, "10.9.9.9", NodeFlags::FAIL)]),
        Body::Fail(me),
        Body::Update { config_epoch: 99, node: me, slots: Box::new([0; 2048]) },
        Body::Fail(stranger()),
        Body::Update { config_epoch: 99, node: stranger(), slots: Box::new([255; 2048]) },
        Body::ManualFailoverStart,
        Body::OpenSlots(vec![open_slot()]),
    ];
    for body in bodies {
        network.inject(0, Packet { header: odd.clone(), body }, "10.0.0.2");
    }
    let myself = network.view(0, 0).unwrap();
    assert!(myself.is_primary() && !myself.has_failed());
    network.run(5000);
    assert!((0..6).all(|member| network.says(member, "CLUSTER INFO").contains("cluster_state:ok|")));
}

#[test]
fn a_replica_claims_no_slots() {
    let mut network = Network::cluster(2, 1, quick());
    let claim = Header {
        flags: NodeFlags::REPLICA,
        replicaof: Some(network.id(1)),
        config_epoch: 99,
        slots: Box::new([255; 2048]),
        ..header(network.id(3))
    };
    network.inject(0, Packet { header: claim, body: gossip(GossipKind::Ping, vec![]) }, "10.0.0.4");
    let (me, peer) = (network.view(0, 0).unwrap().id, network.id(1));
    let topology = network.members[0].topology.as_ref().unwrap();
    let owners: Vec<NodeId> = [0, 16383].map(|slot| topology.owner(Slot::new(slot).unwrap()).unwrap().id).to_vec();
    assert_eq!(owners, [me, peer]);
}

#[test]
fn addresses_that_would_spoil_the_file_are_not_learnt() {
    let mut network = Network::cluster(2, 0, quick());
    let other = NodeId::parse(&[b'y'; 40]).unwrap();
    let told = ["a b", "1,2", "x@y", "", "1\n2"].map(|ip| entry(other, ip, NodeFlags::PRIMARY)).to_vec();
    let peer = header(network.id(1));
    let peer = Header {
        config_epoch: 2,
        slots: Box::new(*network.members[1].cluster.slots.bits(network.members[1].cluster.me)),
        ..peer
    };
    let body = Body::Gossip { kind: GossipKind::Pong, entries: told, hostname: Some("a,b c".into()) };
    network.inject(0, Packet { header: peer, body }, "10.0.0.2");
    assert!(network.says(0, "CLUSTER INFO").contains("cluster_known_nodes:2|"));
    assert!(crate::cluster::nodes_conf::NodesConf::parse(&conf(&network)).is_ok());
}

#[test]
fn what_is_heard_on_a_closed_link_is_dropped() {
    let mut network = Network::cluster(2, 0, quick());
    let packet = Packet { header: header(network.id(1)), body: Body::Fail(network.id(0)) };
    let link = network.inject(0, packet.clone(), "10.0.0.2");
    network.members[0].cluster.closed(link, LinkEnd::Lost, network.now);
    assert!(network.members[0].cluster.received(link, packet, "10.0.0.2", network.now).is_empty());
    assert!(network.members[0].cluster.closed(LinkId(77_777), LinkEnd::Refused, network.now).is_empty());
    assert!(network.members[0].cluster.opened(LinkId(77_777), "10.0.0.2", network.now).is_empty());
}

/// Anything a codec could let through, from and about nodes that may be known.
fn packets(ids: Vec<NodeId>) -> impl Strategy<Value = Packet> {
    let id = prop::sample::select(ids);
    let flags = any::<u16>().prop_map(NodeFlags);
    let slots = prop_oneof![Just(Box::new([0u8; 2048])), any::<u8>().prop_map(|byte| Box::new([byte; 2048]))];
    let headers = (id.clone(), flags.clone(), any::<(bool, bool, bool)>(), 0u64..20, 0u64..20, slots.clone())
        .prop_flat_map({
            let id = id.clone();
            move |(sender, flags, (paused, force_ack, extensions), current_epoch, config_epoch, slots)| {
                (prop::option::of(id.clone()), any::<u16>()).prop_map(move |(replicaof, bus_port)| Header {
                    flags,
                    current_epoch,
                    config_epoch,
                    replicaof,
                    bus_port,
                    slots: slots.clone(),
                    message_flags: MessageFlags { paused, force_ack, extensions },
                    ..header(sender)
                })
            }
        });
    let ip = prop::sample::select(vec!["", "10.0.0.1", "10.0.0.2", "10.9.9.9", "x y"]);
    let told = (id.clone(), ip, flags, any::<u32>())
        .prop_map(|(id, ip, flags, pong_received)| GossipEntry { pong_received, ..entry(id, ip, flags) });
    let kind = prop::sample::select(vec![GossipKind::Ping, GossipKind::Pong, GossipKind::Meet]);
    let body = prop_oneof![
        6 => (kind, prop::collection::vec(told, 0..4)).prop_map(|(kind, entries)| gossip(kind, entries)),
        1 => id.clone().prop_map(Body::Fail),
        1 => (id, 0u64..20, slots).prop_map(|(node, config_epoch, slots)| Body::Update { config_epoch, node, slots }),
        1 => Just(Body::AuthRequest),
        1 => Just(Body::AuthAck),
        1 => Just(Body::ManualFailoverStart),
        1 => Just(Body::OpenSlots(vec![open_slot()])),
    ];
    (headers, body).prop_map(|(header, body)| Packet { header, body })
}

fn names() -> Vec<NodeId> {
    let network = Network::of(4, quick());
    (0..4).map(|member| network.id(member)).chain([stranger()]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn no_packet_breaks_a_node(packets in prop::collection::vec((0usize..4, packets(names()), 0usize..5), 1..40)) {
        let mut network = Network::cluster(2, 1, quick());
        for (member, packet, from) in packets {
            network.inject(member, packet, &format!("10.0.0.{from}"));
            network.run(30);
            network.says(member, "CLUSTER SHARDS");
            network.says(member, "CLUSTER SLOTS");
        }
        network.set(1, Machine::Dead);
        network.run(500);
        for member in 0..4 {
            let cluster = &network.members[member].cluster;
            let text = cluster.nodes_conf();
            let again = crate::cluster::Cluster::load(
                crate::cluster::options::Options { port: 7000, ..quick() },
                rand_xoshiro::rand_core::SeedableRng::seed_from_u64(1),
                &text,
                Now::default(),
            );
            prop_assert!(again.is_ok(), "{:?}\n{}", again.err(), text);
            prop_assert!(cluster.myself().is_primary() || cluster.slots.count(cluster.me) == 0);
        }
    }
}

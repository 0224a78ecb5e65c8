//! Redis's rules for slots that are another node's, open, or served while the cluster is down.

use super::*;
use crate::contract::topology::{DownReason, NO_NODE, NodeFlags, NodeId, NodeView};

const WRITE: Manner = Manner { write: true, readonly: false, asking: false, channels: false, migrates: false };
const READ: Manner = Manner { write: false, ..WRITE };
const CHANNELS: Manner = Manner { channels: true, ..READ };

fn slot(number: u16) -> Slot {
    Slot::new(number).unwrap()
}

fn node(letter: u8, port: u16) -> NodeView {
    NodeView {
        id: NodeId::parse(&[letter; 40]).unwrap(),
        ip: "h".into(),
        hostname: "".into(),
        port,
        bus_port: port + 10000,
        flags: NodeFlags::PRIMARY,
        replicaof: NO_NODE,
        config_epoch: 0,
        endpoint: format!("h:{port}").into(),
    }
}

/// This node has slots 0 to 9, of which 1 leaves; another has 10 to 19, of which 11 comes here.
fn topology() -> Topology {
    let mut owners = Box::new([NO_NODE; SLOTS]);
    owners[..10].fill(0);
    owners[10..20].fill(1);
    Topology {
        me: 0,
        nodes: vec![node(b'a', 1), node(b'b', 2)],
        owners,
        migrating: vec![(slot(1), 1)],
        importing: vec![(slot(11), 1)],
        down: None,
        core_port_base: None,
        cores: Vec::new(),
    }
}

fn settings() -> Settings {
    Settings { cluster_enabled: true, ..Settings::default() }
}

fn served(settings: &Settings, topology: &Topology, number: u16, manner: Manner) -> Result<Service, String> {
    let routes = Routes::new(settings, topology, 1);
    routes.service(slot(number), manner, topology).map_err(|error| error.to_string())
}

#[test]
fn a_slot_is_served_by_its_owner_and_asked_of_no_other() {
    let topology = topology();
    let of = |number, manner| served(&settings(), &topology, number, manner);
    assert_eq!(of(0, WRITE), Ok(Service::Whole));
    assert_eq!(of(10, READ), Err("MOVED 10 h:2".into()));
    assert_eq!(of(30, READ), Err("CLUSTERDOWN Hash slot not served".into()));
}

#[test]
fn an_open_slot_depends_on_the_keys() {
    let topology = topology();
    let of = |number, manner| served(&settings(), &topology, number, manner);
    assert_eq!(of(1, WRITE), Ok(Service::Leaving));
    assert_eq!(of(11, WRITE), Err("MOVED 11 h:2".into()));
    assert_eq!(of(11, Manner { asking: true, ..WRITE }), Ok(Service::Coming));
    assert_eq!(of(10, Manner { asking: true, ..WRITE }), Err("MOVED 10 h:2".into()));
    assert_eq!(of(1, Manner { migrates: true, ..WRITE }), Ok(Service::Whole));
    assert_eq!(of(11, Manner { migrates: true, ..WRITE }), Ok(Service::Whole));
    assert_eq!(of(1, CHANNELS), Ok(Service::Whole), "channels stay until the slot has gone");
    assert_eq!(Routes::new(&settings(), &topology, 1).core(slot(1)), None);
}

#[test]
fn a_replica_serves_reads_of_those_who_want_them() {
    let mut topology = topology();
    topology.nodes[0].replicaof = 1;
    topology.owners[..10].fill(NO_NODE);
    let of = |number, manner| served(&settings(), &topology, number, manner);
    assert_eq!(of(12, READ), Err("MOVED 12 h:2".into()));
    assert_eq!(of(12, Manner { readonly: true, ..READ }), Ok(Service::Whole));
    assert_eq!(of(12, Manner { readonly: true, ..WRITE }), Err("MOVED 12 h:2".into()));
    assert_eq!(of(12, CHANNELS), Ok(Service::Whole));
}

#[test]
fn a_cluster_that_is_down_serves_what_the_settings_allow() {
    let topology = Topology { down: Some(DownReason::Minority), ..topology() };
    let of = |settings: &Settings, number, manner| served(settings, &topology, number, manner);
    let strict = settings();
    assert_eq!(of(&strict, 0, READ), Err("CLUSTERDOWN The cluster is down".into()));
    assert_eq!(of(&strict, 0, CHANNELS), Ok(Service::Whole));
    let reads =
        Settings { cluster_allow_reads_when_down: true, cluster_allow_pubsubshard_when_down: false, ..settings() };
    assert_eq!(of(&reads, 0, READ), Ok(Service::Whole));
    assert_eq!(of(&reads, 10, READ), Err("MOVED 10 h:2".into()));
    let refusal = "CLUSTERDOWN The cluster is down and only accepts read commands";
    assert_eq!(of(&reads, 0, WRITE), Err(refusal.into()));
    assert_eq!(of(&reads, 0, CHANNELS), Err("CLUSTERDOWN The cluster is down".into()));
}

#[test]
fn an_unserved_first_key_comes_before_keys_of_several_slots() {
    let topology = topology();
    let routes = Routes::new(&settings(), &topology, 1);
    let refused = |keys: &[&[u8]]| routes.one_slot(keys, READ, &topology).unwrap_err().to_string();
    assert_eq!(refused(&[b"a", b"b"]), "CLUSTERDOWN Hash slot not served");
    let mut all = topology.clone();
    all.owners.fill(0);
    let refusal = routes.one_slot(&[b"a", b"b"], READ, &all).unwrap_err().to_string();
    assert!(refusal.starts_with("CROSSSLOT"), "{refusal}");
}

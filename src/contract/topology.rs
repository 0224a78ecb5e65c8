//! The cluster as the data plane sees it: an immutable snapshot, shared as an `Arc`.
//!
//! The control plane (`cluster`) makes a new one whenever something that routing depends on has changed, and the
//! bus core sends it to every data core. A data core decides by its copy alone whether a command runs here, hops
//! to another core, or is answered with MOVED, ASK or CLUSTERDOWN; it never asks anybody.
//!
//! Invariants: every node index stored here is either [`NO_NODE`] or valid in `nodes`; `nodes[me]` is this node;
//! `migrating`, `importing` and `cores` are sorted by slot.

use crate::base::ids::CoreId;
use crate::base::limits::SLOTS;
use crate::slot::Slot;
use std::fmt;

/// Stands for "nobody" wherever a node index is expected.
pub const NO_NODE: u16 = u16::MAX;

/// A node's name: 40 characters of `0-9a-z` (Redis generates hexadecimal ones, but accepts these).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; NodeId::LENGTH]);

impl NodeId {
    /// Characters of a node id. Source: the cluster specification.
    pub const LENGTH: usize = 40;

    /// The id written as `text`, or `None` when it is not 40 characters of `0-9a-z`.
    pub fn parse(text: &[u8]) -> Option<NodeId> {
        let bytes: [u8; NodeId::LENGTH] = text.try_into().ok()?;
        bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z')).then_some(NodeId(bytes))
    }

    /// The 40 characters.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The 40 characters as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({})", self.as_str())
    }
}

/// A node's flags: a bit set whose values are those on the cluster bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeFlags(pub u16);

impl NodeFlags {
    /// The node is a primary.
    pub const PRIMARY: NodeFlags = NodeFlags(1);
    /// The node is a replica.
    pub const REPLICA: NodeFlags = NodeFlags(2);
    /// This node alone believes that the node is down.
    pub const PFAIL: NodeFlags = NodeFlags(4);
    /// A majority agreed that the node is down.
    pub const FAIL: NodeFlags = NodeFlags(8);
    /// The node is this one.
    pub const MYSELF: NodeFlags = NodeFlags(16);
    /// The first ping has yet to be answered: the id is a placeholder.
    pub const HANDSHAKE: NodeFlags = NodeFlags(32);
    /// The node's address is not known.
    pub const NO_ADDRESS: NodeFlags = NodeFlags(64);
    /// The node is to be sent a MEET.
    pub const MEET: NodeFlags = NodeFlags(128);
    /// Replicas of other primaries may migrate to this primary.
    pub const MIGRATE_TO: NodeFlags = NodeFlags(256);
    /// The replica does not stand for election.
    pub const NO_FAILOVER: NodeFlags = NodeFlags(512);

    /// Whether any of `other`'s flags is set.
    pub fn any(self, other: NodeFlags) -> bool {
        self.0 & other.0 != 0
    }

    /// These flags and `other`'s.
    pub const fn with(self, other: NodeFlags) -> NodeFlags {
        NodeFlags(self.0 | other.0)
    }

    /// These flags without `other`'s.
    pub const fn without(self, other: NodeFlags) -> NodeFlags {
        NodeFlags(self.0 & !other.0)
    }
}

/// Why data commands are refused with CLUSTERDOWN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DownReason {
    /// A primary that has just started waits for news before it takes writes.
    Starting,
    /// A slot has no owner, or its owner has failed, and full coverage is required.
    SlotsUncovered,
    /// Fewer than a majority of the primaries with slots are reachable.
    Minority,
    /// A primary back with the majority waits for news before it takes writes.
    Rejoining,
}

/// One node of the cluster, as far as routing is concerned.
#[derive(Clone, Debug)]
pub struct NodeView {
    /// Its name.
    pub id: NodeId,
    /// Its address; empty when not known.
    pub ip: Box<str>,
    /// Its announced host name; empty for none.
    pub hostname: Box<str>,
    /// Its port for clients.
    pub port: u16,
    /// Its port for the cluster bus.
    pub bus_port: u16,
    /// Its flags.
    pub flags: NodeFlags,
    /// The node it replicates, by index, or [`NO_NODE`].
    pub replicaof: u16,
    /// Its configuration epoch; a replica's is its primary's.
    pub config_epoch: u64,
    /// `host:port` as MOVED and ASK name it: the preferred endpoint, and the canonical port.
    pub endpoint: Box<str>,
}

impl NodeView {
    /// Whether it is a replica.
    pub fn is_replica(&self) -> bool {
        self.flags.any(NodeFlags::REPLICA)
    }
}

/// Consecutive slots that one data core of this node serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreRange {
    /// The first slot.
    pub start: Slot,
    /// The last slot.
    pub end: Slot,
    /// The core that serves them.
    pub core: CoreId,
}

/// The snapshot.
#[derive(Clone, Debug)]
pub struct Topology {
    /// This node's index in `nodes`.
    pub me: u16,
    /// Every known node.
    pub nodes: Vec<NodeView>,
    /// Who owns each slot: an index into `nodes`, or [`NO_NODE`].
    pub owners: Box<[u16; SLOTS]>,
    /// Slots of this node on their way to another one.
    pub migrating: Vec<(Slot, u16)>,
    /// Slots on their way here from another node.
    pub importing: Vec<(Slot, u16)>,
    /// Why the cluster is down; `None` when it is not.
    pub down: Option<DownReason>,
    /// Data core i also listens on this port + i.
    pub core_port_base: Option<u16>,
    /// Which data core serves which slots of this node.
    pub cores: Vec<CoreRange>,
}

impl Topology {
    /// This node.
    pub fn myself(&self) -> &NodeView {
        &self.nodes[usize::from(self.me)]
    }

    /// Whether data commands are served at all.
    pub fn cluster_ok(&self) -> bool {
        self.down.is_none()
    }

    /// The node that owns `slot`.
    pub fn owner(&self, slot: Slot) -> Option<&NodeView> {
        self.node(self.owners[slot.index()])
    }

    /// Whether this node owns `slot`.
    #[inline]
    pub fn is_mine(&self, slot: Slot) -> bool {
        self.owners[slot.index()] == self.me
    }

    /// Whether this node is a replica of the owner of `slot`, so that a READONLY client may read here.
    pub fn is_my_primarys(&self, slot: Slot) -> bool {
        let primary = self.myself().replicaof;
        primary != NO_NODE && self.owners[slot.index()] == primary
    }

    /// Where MOVED sends a client that wants `slot`: the owner's `host:port`. `None`: nobody owns it.
    ///
    /// A client that reached the wrong core of the right node is not redirected; its command hops.
    pub fn redirect_target(&self, slot: Slot) -> Option<&str> {
        self.owner(slot).map(|node| &*node.endpoint)
    }

    /// The node `slot` is on its way to.
    #[inline]
    pub fn migrating_to(&self, slot: Slot) -> Option<&NodeView> {
        self.node(lookup(&self.migrating, slot)?)
    }

    /// The node `slot` is on its way here from.
    #[inline]
    pub fn importing_from(&self, slot: Slot) -> Option<&NodeView> {
        self.node(lookup(&self.importing, slot)?)
    }

    /// The data core of this node that serves `slot`.
    pub fn core_of(&self, slot: Slot) -> Option<CoreId> {
        let after = self.cores.partition_point(|range| range.start <= slot);
        let range = self.cores[..after].last()?;
        (slot <= range.end).then_some(range.core)
    }

    /// The port of the data core of this node that serves `slot`, when core ports are on.
    pub fn core_port(&self, slot: Slot) -> Option<u16> {
        self.core_port_base?.checked_add(u16::from(self.core_of(slot)?.0))
    }

    fn node(&self, index: u16) -> Option<&NodeView> {
        self.nodes.get(usize::from(index))
    }
}

/// Almost always there is no open slot at all, so that the first test is the only one.
#[inline]
fn lookup(open: &[(Slot, u16)], slot: Slot) -> Option<u16> {
    if open.is_empty() {
        return None;
    }
    let found = open.binary_search_by_key(&slot, |(slot, _)| *slot).ok()?;
    Some(open[found].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(number: u16) -> Slot {
        Slot::new(number).unwrap()
    }

    fn node(letter: u8, endpoint: &str, replicaof: u16) -> NodeView {
        NodeView {
            id: NodeId::parse(&[letter; 40]).unwrap(),
            ip: "".into(),
            hostname: "".into(),
            port: 7000,
            bus_port: 17000,
            flags: NodeFlags::PRIMARY,
            replicaof,
            config_epoch: 0,
            endpoint: endpoint.into(),
        }
    }

    fn two_nodes() -> Topology {
        let mut owners = Box::new([NO_NODE; SLOTS]);
        owners[..10].fill(0);
        owners[10..20].fill(1);
        Topology {
            me: 0,
            nodes: vec![node(b'a', "10.0.0.1:7000", NO_NODE), node(b'b', "10.0.0.2:7000", NO_NODE)],
            owners,
            migrating: vec![(slot(3), 1)],
            importing: vec![(slot(12), 1), (slot(14), 1)],
            down: None,
            core_port_base: Some(7100),
            cores: vec![
                CoreRange { start: slot(0), end: slot(4), core: CoreId(0) },
                CoreRange { start: slot(5), end: slot(9), core: CoreId(1) },
            ],
        }
    }

    #[test]
    fn a_slot_is_mine_anothers_or_nobodys() {
        let topology = two_nodes();
        assert!(topology.is_mine(slot(9)));
        assert!(!topology.is_mine(slot(10)));
        assert_eq!(topology.redirect_target(slot(10)), Some("10.0.0.2:7000"));
        assert_eq!(topology.redirect_target(slot(20)), None);
    }

    #[test]
    fn an_open_slot_names_its_other_node() {
        let topology = two_nodes();
        assert_eq!(topology.migrating_to(slot(3)).unwrap().id, topology.nodes[1].id);
        assert!(topology.migrating_to(slot(4)).is_none());
        assert!(topology.importing_from(slot(14)).is_some());
        assert!(topology.importing_from(slot(13)).is_none());
    }

    #[test]
    fn a_slot_of_this_node_has_a_core_and_its_port() {
        let topology = two_nodes();
        assert_eq!(topology.core_of(slot(4)), Some(CoreId(0)));
        assert_eq!(topology.core_port(slot(5)), Some(7101));
        assert_eq!(topology.core_port(slot(10)), None);
    }

    #[test]
    fn a_replica_knows_the_slots_of_its_primary() {
        let mut topology = two_nodes();
        assert!(!topology.is_my_primarys(slot(10)));
        topology.nodes[0].replicaof = 1;
        assert!(topology.is_my_primarys(slot(10)));
        assert!(!topology.is_my_primarys(slot(0)));
    }

    #[test]
    fn a_node_id_is_forty_lower_case_letters_and_digits() {
        assert!(NodeId::parse(&[b'a'; 40]).is_some());
        assert!(NodeId::parse(&[b'a'; 39]).is_none());
        assert!(NodeId::parse(&[b'A'; 40]).is_none());
    }
}

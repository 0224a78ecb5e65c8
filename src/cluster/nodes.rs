//! The node table: every node this one knows, itself included.
//!
//! A [`NodeIx`] is a node's place in the table and stays its own until the node is removed; whoever keeps one
//! (slot map, replicas, failure reports) lets go of it when the node is forgotten, before the place is used again. Iteration is by place, so the same history always gives the same order.

use super::LinkId;
use super::now::Now;
use super::options::EndpointType;
use crate::contract::topology::{NO_NODE, NodeFlags, NodeId};
use foldhash::fast::RandomState;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::Rng;
use std::collections::HashMap;
use std::ops::{Index, IndexMut};

/// Nodes a table can hold: an index fits 16 bits, and the last value means "none".
pub const MAX_NODES: usize = NO_NODE as usize;

/// How long another node's word that a node has failed counts, in node timeouts. Source: Redis 7.0
/// `CLUSTER_FAIL_REPORT_VALIDITY_MULT`.
const FAILURE_REPORT_TIMEOUTS: u64 = 2;

/// A node's place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeIx(pub(super) u16);

impl NodeIx {
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A node whose place in the table nobody can give: it is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {MAX_NODES} nodes")]
pub struct TableFull;

/// One node, as this one knows it.
///
/// In the order of use: of a thousand nodes, each tick and each gossip entry reads the first two cache lines, and little else.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Node {
    /// Role, health and what else is known.
    pub flags: NodeFlags,
    /// Its port for clients.
    pub port: u16,
    /// Its port for the cluster bus.
    pub bus_port: u16,
    /// Its port for clients without TLS, when `port` is the one with; else 0.
    pub plain_port: u16,
    /// When the ping that it has yet to answer was sent.
    pub ping_sent: Option<Now>,
    /// When it last answered.
    pub pong_received: Option<Now>,
    /// Who said that it has failed, and when; in the order of the reporters.
    pub failure_reports: Vec<FailureReport>,
    /// The connection this node made to it.
    pub link: Option<Link>,
    /// When anything last came from it.
    pub data_received: Option<Now>,
    /// The attempts to connect to it.
    pub dialing: Dialing,
    /// The connection it made to this node.
    pub inbound_link: Option<Link>,
    /// Its name.
    pub id: NodeId,
    /// The node it replicates; a replica's primary can be unknown.
    pub replicaof: Option<NodeIx>,
    /// Its address; empty until known.
    pub ip: String,
    /// Its announced host name; empty for none.
    pub hostname: String,
    /// Its configuration epoch. For a replica, the greatest it told of, which is one of its primary; what counts is
    /// its primary's own, see [`NodeTable::effective_epoch`].
    pub config_epoch: u64,
    /// Its replication offset, as it last told.
    pub replication_offset: u64,
    /// When this node first heard of it; `None`: before the start.
    pub created: Option<Now>,
    /// Since when it is marked FAIL.
    pub failed_at: Option<Now>,
    /// Since when it is a primary that had replicas and has none left; only replicas keep this.
    pub orphaned_since: Option<Now>,
}

/// Another node's word that a node does not answer.
#[derive(Clone, Copy, Debug)]
pub struct FailureReport {
    /// Who said it.
    pub reporter: NodeIx,
    /// When it was last said.
    pub at: Now,
}

impl FailureReport {
    /// Whether it is recent enough to count.
    pub fn counts(&self, now: Now, node_timeout_ms: u64) -> bool {
        now.since(self.at) <= node_timeout_ms.saturating_mul(FAILURE_REPORT_TIMEOUTS)
    }
}

/// The attempts to connect to a node, since it was last connected.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dialing {
    /// The attempt under way, and its start.
    pub attempt: Option<(LinkId, Now)>,
    /// When the first was made.
    pub since: Option<Now>,
    /// When the last was made.
    pub last: Option<Now>,
    /// How many ended in vain.
    pub in_vain: u32,
    /// How many of the last ones in a row were refused, and when the first of these was.
    pub refused: Option<(u32, Now)>,
}

/// What is worth knowing of a bus connection.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Its name.
    pub id: LinkId,
    /// When it was made.
    pub created: Now,
    /// How many pings were sent over it.
    pub pings: u64,
    /// How many answers came over it: in the order of the pings, so that the n-th answers the n-th ping, or, if one was
    /// lost, a later one.
    pub answers: u64,
    /// How many pings had been sent over it when the node's configuration epoch was learnt.
    pub pings_before_epoch: u64,
    /// Of which version the open slots were that were told over it, if they were.
    pub told_open: Option<u64>,
    /// Whether it is read from.
    pub reading: bool,
    /// Whether something waits to be written.
    pub writing: bool,
    /// Bytes its send buffer has room for.
    pub send_buffer_allocated: u64,
    /// Bytes in its send buffer.
    pub send_buffer_used: u64,
}

impl Link {
    /// A link that has just been made.
    pub fn new(id: LinkId, created: Now) -> Link {
        Link {
            id,
            created,
            pings: 0,
            answers: 0,
            pings_before_epoch: 0,
            told_open: None,
            reading: true,
            writing: false,
            send_buffer_allocated: 0,
            send_buffer_used: 0,
        }
    }

    /// An answer came over it. Returns whether it answers a ping sent since the node's configuration epoch was learnt.
    pub fn answered(&mut self) -> bool {
        self.answers = self.pings.min(self.answers + 1);
        self.answers > self.pings_before_epoch
    }
}

impl Node {
    /// A node of which only the name is known.
    pub fn new(id: NodeId, flags: NodeFlags) -> Node {
        Node {
            id,
            flags,
            ip: String::new(),
            hostname: String::new(),
            port: 0,
            bus_port: 0,
            plain_port: 0,
            replicaof: None,
            config_epoch: 0,
            created: None,
            ping_sent: None,
            pong_received: None,
            data_received: None,
            failed_at: None,
            orphaned_since: None,
            replication_offset: 0,
            failure_reports: Vec::new(),
            dialing: Dialing::default(),
            link: None,
            inbound_link: None,
        }
    }

    /// Takes note that it has told of a configuration epoch, or another node has. Returns whether that is news.
    pub fn learn_epoch(&mut self, epoch: u64) -> bool {
        let is_newer = epoch > self.config_epoch;
        if is_newer {
            self.config_epoch = epoch;
            if let Some(link) = &mut self.link {
                link.pings_before_epoch = link.pings;
            }
        }
        is_newer
    }

    /// Whether it is a primary.
    pub fn is_primary(&self) -> bool {
        self.flags.any(NodeFlags::PRIMARY)
    }

    /// Whether it is a replica.
    pub fn is_replica(&self) -> bool {
        self.flags.any(NodeFlags::REPLICA)
    }

    /// Whether a majority agreed that it is down.
    pub fn has_failed(&self) -> bool {
        self.flags.any(NodeFlags::FAIL)
    }

    /// Whether this node alone believes that it is down.
    pub fn is_suspected(&self) -> bool {
        self.flags.any(NodeFlags::PFAIL)
    }

    /// Whether its name is a placeholder still.
    pub fn is_in_handshake(&self) -> bool {
        self.flags.any(NodeFlags::HANDSHAKE)
    }

    /// Whether there is no way to connect to it.
    pub fn has_no_address(&self) -> bool {
        self.flags.any(NodeFlags::NO_ADDRESS)
    }

    /// Whether it is this node.
    pub fn is_myself(&self) -> bool {
        self.flags.any(NodeFlags::MYSELF)
    }

    /// Whether `redis-cli` would call it connected: there is a link to it, or it is this node.
    pub fn is_connected(&self) -> bool {
        self.link.is_some() || self.is_myself()
    }

    /// Since when it has owed an answer: to a ping, or to attempts to connect.
    pub fn waiting_since(&self) -> Option<Now> {
        self.ping_sent.or(self.dialing.since.filter(|_| self.dialing.in_vain > 0))
    }

    /// Where clients are told to find it.
    pub fn endpoint(&self, preferred: EndpointType) -> &str {
        match preferred {
            EndpointType::Ip => &self.ip,
            EndpointType::Hostname if self.hostname.is_empty() => "?",
            EndpointType::Hostname => &self.hostname,
            EndpointType::Unknown => "",
        }
    }

    /// How many nodes say that it has failed, and said so recently enough to count.
    pub fn count_failure_reports(&self, now: Now, node_timeout_ms: u64) -> usize {
        self.recent_failure_reports(now, node_timeout_ms).count()
    }

    /// The reports that it has failed which are recent enough to count.
    pub fn recent_failure_reports(&self, now: Now, node_timeout_ms: u64) -> impl Iterator<Item = &FailureReport> {
        self.failure_reports.iter().filter(move |report| report.counts(now, node_timeout_ms))
    }
}

/// The nodes by place and by name.
#[derive(Clone, Debug, Default)]
pub struct NodeTable {
    places: Vec<Option<Node>>,
    by_id: HashMap<NodeId, NodeIx, RandomState>,
}

impl NodeTable {
    /// Adds `node`. Its id must be new: names are unique.
    pub fn insert(&mut self, node: Node) -> Result<NodeIx, TableFull> {
        assert!(!self.by_id.contains_key(&node.id), "a node's id is in the table once");
        let place = match self.places.iter().position(Option::is_none) {
            Some(free) => free,
            None if self.places.len() < MAX_NODES => {
                self.places.push(None);
                self.places.len() - 1
            }
            None => return Err(TableFull),
        };
        let ix = NodeIx(place as u16);
        self.by_id.insert(node.id, ix);
        self.places[place] = Some(node);
        Ok(ix)
    }

    /// Takes a node out, and what the other nodes' entries say about it.
    pub fn remove(&mut self, ix: NodeIx) -> Option<Node> {
        let node = self.places[ix.index()].take()?;
        self.by_id.remove(&node.id);
        for other in self.places.iter_mut().flatten() {
            other.failure_reports.retain(|report| report.reporter != ix);
            if other.replicaof == Some(ix) {
                other.replicaof = None;
            }
        }
        Some(node)
    }

    /// Gives a node another name, which must be new.
    pub fn rename(&mut self, ix: NodeIx, id: NodeId) {
        assert!(!self.by_id.contains_key(&id), "a node's id is in the table once");
        let old = std::mem::replace(&mut self[ix].id, id);
        self.by_id.remove(&old);
        self.by_id.insert(id, ix);
    }

    /// The node called `id`.
    pub fn find(&self, id: NodeId) -> Option<NodeIx> {
        self.by_id.get(&id).copied()
    }

    /// The node at a place where there may be none any more.
    pub fn get(&self, ix: NodeIx) -> Option<&Node> {
        self.places.get(ix.index())?.as_ref()
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// How many places there are, those of no node included: every index is below that.
    pub fn places(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// All nodes, by place.
    pub fn iter(&self) -> impl Iterator<Item = (NodeIx, &Node)> {
        let placed = self.places.iter().enumerate();
        placed.filter_map(|(place, node)| Some((NodeIx(place as u16), node.as_ref()?)))
    }

    /// The replicas of `primary`, by place.
    pub fn replicas_of(&self, primary: NodeIx) -> impl Iterator<Item = (NodeIx, &Node)> {
        self.iter().filter(move |(_, node)| node.replicaof == Some(primary))
    }

    /// The configuration epoch that `node`'s slots are held under: a replica's is its primary's.
    pub fn effective_epoch(&self, node: &Node) -> u64 {
        match node.replicaof {
            Some(primary) if node.is_replica() => self[primary].config_epoch,
            _ => node.config_epoch,
        }
    }
}

impl Index<NodeIx> for NodeTable {
    type Output = Node;

    fn index(&self, ix: NodeIx) -> &Node {
        self.places[ix.index()].as_ref().expect("an index is cleared everywhere when its node is removed")
    }
}

impl IndexMut<NodeIx> for NodeTable {
    fn index_mut(&mut self, ix: NodeIx) -> &mut Node {
        self.places[ix.index()].as_mut().expect("an index is cleared everywhere when its node is removed")
    }
}

/// A new random name: 40 hexadecimal digits.
pub fn random_id(random: &mut Xoshiro256PlusPlus) -> NodeId {
    let digits: [u8; NodeId::LENGTH] = std::array::from_fn(|_| b"0123456789abcdef"[(random.next_u64() >> 60) as usize]);
    NodeId::parse(&digits).expect("hexadecimal digits make an id")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_xoshiro::rand_core::SeedableRng;

    fn node(letter: u8) -> Node {
        Node::new(NodeId::parse(&[letter; 40]).unwrap(), NodeFlags::PRIMARY)
    }

    fn at(mono_ms: u64) -> Now {
        Now { unix_ms: 0, mono_ms }
    }

    #[test]
    fn a_removed_node_is_forgotten_by_all_others() {
        let mut table = NodeTable::default();
        let (a, b) = (table.insert(node(b'a')).unwrap(), table.insert(node(b'b')).unwrap());
        table[a].replicaof = Some(b);
        table[a].failure_reports.push(FailureReport { reporter: b, at: at(0) });
        table.remove(b);
        assert_eq!(table.len(), 1);
        assert_eq!(table[a].replicaof, None);
        assert_eq!(table[a].count_failure_reports(at(0), 1000), 0);
        assert_eq!(table.insert(node(b'c')), Ok(b), "the place is used again");
    }

    #[test]
    fn a_renamed_node_is_found_by_its_new_name_only() {
        let mut table = NodeTable::default();
        let a = table.insert(node(b'a')).unwrap();
        table.rename(a, node(b'b').id);
        assert_eq!(table.find(node(b'a').id), None);
        assert_eq!(table.find(node(b'b').id), Some(a));
    }

    #[test]
    fn failure_reports_expire_after_two_node_timeouts() {
        let mut failing = node(b'a');
        failing.failure_reports.push(FailureReport { reporter: NodeIx(1), at: at(1000) });
        failing.failure_reports.push(FailureReport { reporter: NodeIx(2), at: at(2000) });
        assert_eq!(failing.count_failure_reports(at(3000), 1000), 2);
        assert_eq!(failing.count_failure_reports(at(3001), 1000), 1);
    }

    #[test]
    fn an_answer_tells_of_the_epoch_known_if_its_ping_was_sent_since() {
        let mut node = node(b'a');
        node.link = Some(Link::new(LinkId(1), at(0)));
        fn link(node: &mut Node) -> &mut Link {
            node.link.as_mut().unwrap()
        }
        link(&mut node).pings = 2;
        assert!(link(&mut node).answered(), "no epoch was learnt since the link is there");
        assert!(node.learn_epoch(7) && !node.learn_epoch(7));
        link(&mut node).pings += 1;
        assert!(!link(&mut node).answered(), "it was asked before");
        assert!(link(&mut node).answered());
        // Another epoch while a ping is on its way, whose answer gets lost.
        link(&mut node).pings += 1;
        node.learn_epoch(8);
        link(&mut node).pings += 2;
        assert!(!link(&mut node).answered(), "this could be the lost one");
        assert!(link(&mut node).answered(), "but it is not missed for ever");
        node.link = Some(Link { pings: 1, ..Link::new(LinkId(2), at(0)) });
        assert!(link(&mut node).answered(), "all that is sent over a new link is newer");
    }

    #[test]
    fn one_seed_gives_one_sequence_of_names() {
        let ids = |seed| {
            let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
            [random_id(&mut random), random_id(&mut random)]
        };
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1)[0], ids(1)[1]);
        assert_ne!(ids(1)[0], ids(2)[0]);
    }
}

//! Links: one that this node makes to every node whose address it knows, and those that others make to it.
//!
//! ```text
//!            connect                opened: PING or MEET
//!  (none) ------------> dialing --------------------------> open
//!     ^                    | closed: in vain                 | closed, cut
//!     +--------------------+<--------------------------------+
//! ```
//!
//! What a node says goes out over the links it made, but for answers, which go back where the question came from.

use crate::base::limits::MAX_STRANGER_LINKS;
use crate::cluster::nodes::{Dialing, Link, NodeIx};
use crate::cluster::now::Now;
use crate::cluster::wire::GossipKind;
use crate::cluster::{Action, Cluster, LinkEnd, LinkId};
use crate::contract::topology::{NodeFlags, NodeId};
use crate::resp::Error;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Attempts in vain up to which the next one is made at the next tick. After that, a node is tried every
/// [`SLOW_RETRY_MS`]: it comes back in its own time, and usually makes a link to this node first.
const QUICK_RETRIES: u32 = 20;
const SLOW_RETRY_MS: u64 = 500;

/// An attempt to connect may take this part of a node timeout, but at least so long. A stuck link is made anew after half
/// a node timeout; if that attempt is lost too, another one or two have to fit in before the node is suspected.
const DIALING_PART: u64 = 6;
const MIN_DIALING_MS: u64 = 500;

/// A link that was open for less is made again at the next tick, not at once.
const SHORT_LIVED_MS: u64 = 1000;

/// The other end of a link.
#[derive(Debug)]
pub enum Peer {
    /// This node made the link, to that one.
    Outbound(NodeIx),
    /// Another node made it.
    Inbound {
        /// Which, once it has said so and is known.
        node: Option<NodeIx>,
        /// The address of this node that it connected to, if known.
        local_ip: Option<String>,
    },
}

/// The links there are, those not yet open included.
#[derive(Debug, Default)]
pub struct Links {
    /// Looked up by link only: a hash map has no order.
    peers: HashMap<LinkId, Peer, RandomState>,
    strangers: usize,
    last: u64,
}

impl Links {
    /// The other end of `link`.
    pub fn peer(&self, link: LinkId) -> Option<&Peer> {
        self.peers.get(&link)
    }

    fn add_outbound(&mut self, node: NodeIx) -> LinkId {
        self.last += 1;
        let link = LinkId(self.last);
        self.peers.insert(link, Peer::Outbound(node));
        link
    }

    fn add_inbound(&mut self, link: LinkId) {
        self.strangers += 1;
        self.peers.insert(link, Peer::Inbound { node: None, local_ip: None });
    }

    fn remove(&mut self, link: LinkId) -> Option<Peer> {
        let peer = self.peers.remove(&link)?;
        self.strangers -= usize::from(matches!(peer, Peer::Inbound { node: None, .. }));
        Some(peer)
    }

    /// Says whose an inbound link is. Returns whose it was.
    fn set_owner(&mut self, link: LinkId, owner: Option<NodeIx>) -> Option<NodeIx> {
        let Some(Peer::Inbound { node, .. }) = self.peers.get_mut(&link) else { return None };
        let before = std::mem::replace(node, owner);
        self.strangers = self.strangers + usize::from(owner.is_none()) - usize::from(before.is_none());
        before
    }
}

/// What the owner of the sockets knows of a link, for CLUSTER LINKS.
#[derive(Clone, Copy, Debug)]
pub struct LinkFigures {
    /// Whether something waits to be written.
    pub writing: bool,
    /// Bytes its send buffer has room for.
    pub send_buffer_allocated: u64,
    /// Bytes in its send buffer.
    pub send_buffer_used: u64,
}

impl Cluster {
    /// A link is open: one this node asked for ([`Action::Connect`]) or one that another made from address `ip`.
    pub fn opened(&mut self, link: LinkId, _ip: &str, now: Now) -> Vec<Action> {
        match self.bus.links.peer(link) {
            Some(Peer::Outbound(node)) => self.dialed(*node, link, now),
            None if !link.is_inbound() => {} // It was given up meanwhile.
            None if self.bus.links.strangers >= MAX_STRANGER_LINKS => {
                log::warn!("Too many cluster bus links of unknown nodes: closing one");
                self.pending.outgoing.push(Action::Close(link));
            }
            None => self.bus.links.add_inbound(link),
            Some(Peer::Inbound { .. }) => {}
        }
        self.settle(now)
    }

    /// Tells by which address of this node the other end of an inbound link reached it: to be called after
    /// [`opened`](Cluster::opened). A node without an announced address takes its own from there.
    pub fn local_address(&mut self, link: LinkId, ip: &str) {
        if let Some(Peer::Inbound { local_ip, .. }) = self.bus.links.peers.get_mut(&link) {
            *local_ip = Some(ip.into());
        }
    }

    /// A link is gone, or could not be made.
    pub fn closed(&mut self, link: LinkId, end: LinkEnd, now: Now) -> Vec<Action> {
        match self.bus.links.remove(link) {
            Some(Peer::Outbound(node)) => self.lost(node, end, now),
            Some(Peer::Inbound { node: Some(node), .. }) => self.nodes[node].inbound_link = None,
            Some(Peer::Inbound { node: None, .. }) | None => {}
        }
        self.settle(now)
    }

    /// Takes note of a link's figures, for CLUSTER LINKS.
    pub fn link_stats(&mut self, link: LinkId, figures: LinkFigures) {
        let entry = match self.bus.links.peer(link) {
            Some(Peer::Outbound(node)) => self.nodes[*node].link.as_mut(),
            Some(Peer::Inbound { node: Some(node), .. }) => self.nodes[*node].inbound_link.as_mut(),
            _ => None,
        };
        if let Some(entry) = entry {
            entry.writing = figures.writing;
            entry.send_buffer_allocated = figures.send_buffer_allocated;
            entry.send_buffer_used = figures.send_buffer_used;
        }
    }

    /// Counts a link that the owner of the sockets cut because too much waited to be sent over it.
    pub fn link_over_buffer_limit(&mut self) {
        self.stats.links_over_buffer_limit += 1;
    }

    /// Starts to connect to a node that there is no link to.
    pub(super) fn connect(&mut self, node: NodeIx, now: Now) {
        let link = self.bus.links.add_outbound(node);
        let entry = &mut self.nodes[node];
        entry.dialing.attempt = Some((link, now));
        entry.dialing.last = Some(now);
        entry.dialing.since.get_or_insert(now);
        self.pending.outgoing.push(Action::Connect { link, ip: entry.ip.clone(), port: entry.bus_port });
    }

    /// Connects to a node if there is neither a link nor an attempt, the last attempt is long enough ago, and its
    /// address is known.
    pub(super) fn connect_if_due(&mut self, node: NodeIx, now: Now) {
        let entry = &self.nodes[node];
        let is_linked = entry.link.is_some() || entry.dialing.attempt.is_some();
        if is_linked || entry.is_myself() || entry.has_no_address() || entry.ip.is_empty() || entry.bus_port == 0 {
            return;
        }
        let dialing = entry.dialing;
        let rests = dialing.last.is_some_and(|last| now.since(last) < SLOW_RETRY_MS);
        if dialing.in_vain <= QUICK_RETRIES || !rests {
            self.connect(node, now);
        }
    }

    /// Gives up an attempt to connect that takes too long, so that the next one is made.
    pub(super) fn give_up_slow_attempt(&mut self, node: NodeIx, now: Now) {
        let longest = MIN_DIALING_MS.max(self.options.node_timeout_ms / DIALING_PART);
        let Some((link, started)) = self.nodes[node].dialing.attempt else { return };
        if now.since(started) > longest {
            self.cut(link);
            self.failed_to_connect(node, LinkEnd::Lost, now);
        }
    }

    /// Closes the link, or gives up the attempt to make one, from this node to `node`.
    pub(in crate::cluster) fn disconnect(&mut self, node: NodeIx) {
        let entry = &mut self.nodes[node];
        let link = entry.link.take().map(|link| link.id);
        let attempt = entry.dialing.attempt.take().map(|(link, _)| link);
        link.into_iter().chain(attempt).for_each(|link| self.cut(link));
    }

    /// Closes the link that `node` made to this one.
    pub(in crate::cluster) fn disconnect_inbound(&mut self, node: NodeIx) {
        if let Some(link) = self.nodes[node].inbound_link.take() {
            self.cut(link.id);
        }
    }

    /// Takes note that `node` is at the other end of an inbound link. A node has one: what it made before is stale.
    pub(super) fn claim_inbound(&mut self, link: LinkId, node: NodeIx, now: Now) {
        if self.nodes[node].inbound_link.is_some_and(|known| known.id == link) {
            return;
        }
        self.disconnect_inbound(node);
        if let Some(before) = self.bus.links.set_owner(link, Some(node)) {
            self.nodes[before].inbound_link = None;
        }
        self.nodes[node].inbound_link = Some(Link::new(link, now));
        // It is up: no reason to wait until it is tried again.
        self.nodes[node].dialing.in_vain = 0;
        self.connect_if_due(node, now);
    }

    /// Closes the links with the node of this name (DEBUG CLUSTERLINK): the one to it, the one from it, or all.
    pub fn kill_links(&mut self, id: &[u8], direction: &[u8], now: Now) -> Result<Vec<Action>, Error> {
        let node = NodeId::parse(id).and_then(|id| self.nodes.find(id));
        let node = node.ok_or_else(|| Error::new(format!("ERR Unknown node {}", String::from_utf8_lossy(id))))?;
        let (to, from) = match direction.to_ascii_lowercase().as_slice() {
            b"to" => (true, false),
            b"from" => (false, true),
            b"all" => (true, true),
            _ => {
                let direction = String::from_utf8_lossy(direction);
                return Err(Error::new(format!("ERR Unknown direction {direction}")));
            }
        };
        if to {
            self.disconnect(node);
        }
        if from {
            self.disconnect_inbound(node);
        }
        Ok(self.settle(now))
    }

    fn cut(&mut self, link: LinkId) {
        if self.bus.links.remove(link).is_some() {
            self.pending.outgoing.push(Action::Close(link));
        }
    }

    /// The first packet goes out at once, lest the node be taken for silent. A ping that waited before keeps its time.
    fn dialed(&mut self, node: NodeIx, link: LinkId, now: Now) {
        let entry = &mut self.nodes[node];
        if entry.link.is_some() {
            return;
        }
        entry.dialing = Dialing::default();
        entry.link = Some(Link::new(link, now));
        let waiting = entry.ping_sent;
        let kind = if entry.flags.any(NodeFlags::MEET) { GossipKind::Meet } else { GossipKind::Ping };
        entry.flags = entry.flags.without(NodeFlags::MEET);
        self.send_gossip(link, kind, node);
        self.nodes[node].ping_sent = waiting.or(Some(now));
        self.tell_open_slots();
    }

    fn lost(&mut self, node: NodeIx, end: LinkEnd, now: Now) {
        match self.nodes[node].link.take() {
            Some(link) if now.since(link.created) >= SHORT_LIVED_MS => self.connect_if_due(node, now),
            Some(_) => {}
            None => self.failed_to_connect(node, end, now),
        }
    }

    fn failed_to_connect(&mut self, node: NodeIx, end: LinkEnd, now: Now) {
        let dialing = &mut self.nodes[node].dialing;
        dialing.attempt = None;
        dialing.in_vain = dialing.in_vain.saturating_add(1);
        match (end, &mut dialing.refused) {
            (LinkEnd::Refused, Some((times, _))) => *times = times.saturating_add(1),
            (LinkEnd::Refused, refused) => *refused = Some((1, now)),
            (LinkEnd::Lost, refused) => *refused = None,
        }
        self.suspect_if_refused(node, now);
    }
}

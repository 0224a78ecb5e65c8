//! What this node says: the header that tells how it sees itself, the gossip section, and who is told.

use super::links::Peer;
use crate::base::limits::MAX_SUSPECTS_TOLD;
use crate::cluster::nodes::{Node, NodeIx};
use crate::cluster::now::Now;
use crate::cluster::wire::{Body, GossipEntry, GossipKind, Header, Ip, MessageFlags, Packet};
use crate::cluster::{Action, Cluster, LinkId};
use crate::contract::topology::NodeFlags;
use rand_xoshiro::rand_core::Rng;
use std::sync::Arc;

/// A gossip section tells of this part of all nodes, and of so many at least. Source: Redis 7.0 `clusterSendPing`:
/// enough that in two node timeouts a majority's word reaches everybody.
const TOLD_PART: usize = 10;
const TOLD_AT_LEAST: usize = 3;

impl Cluster {
    /// A packet of this node, as it is now.
    pub(in crate::cluster) fn packet(&self, body: Body) -> Packet {
        Packet { header: self.header(), body }
    }

    /// A replica tells its primary's slots and epoch: it is not in charge of them, but knows them.
    fn header(&self) -> Header {
        let (myself, options) = (self.myself(), &self.options);
        let owner = myself.replicaof.unwrap_or(self.me);
        Header {
            sender: myself.id,
            flags: myself.flags,
            port: myself.port,
            plain_port: myself.plain_port,
            bus_port: myself.bus_port,
            ip: options.announce_ip.clone().unwrap_or_default(),
            current_epoch: self.epochs.current,
            config_epoch: self.nodes[owner].config_epoch,
            offset: self.replication.offset,
            slots: Box::new(*self.slots.bits(owner)),
            replicaof: myself.replicaof.map(|primary| self.nodes[primary].id),
            down: self.state.down().is_some(),
            message_flags: MessageFlags { extensions: true, ..self.failover_flags() },
        }
    }

    /// Sends over a link.
    pub(in crate::cluster) fn send(&mut self, link: LinkId, packet: Arc<Packet>) {
        self.stats.sent.count(packet.body.kind());
        self.pending.outgoing.push(Action::Send(link, packet));
    }

    /// Sends to one node, if this node has a link to it.
    pub(in crate::cluster) fn send_to(&mut self, node: NodeIx, body: Body) {
        if let Some(link) = self.nodes[node].link {
            let packet = Arc::new(self.packet(body));
            self.send(link.id, packet);
        }
    }

    /// Sends to every node that this one has a link to.
    pub(in crate::cluster) fn broadcast(&mut self, packet: Packet) {
        let packet = Arc::new(packet);
        for link in self.links_to(|node| !node.is_in_handshake()) {
            self.send(link, packet.clone());
        }
    }

    /// Pings a node that this one has a link to. It counts as waiting from now on.
    pub(in crate::cluster) fn ping(&mut self, node: NodeIx, now: Now) {
        if let Some(link) = self.nodes[node].link {
            self.nodes[node].ping_sent = Some(now);
            self.send_gossip(link.id, GossipKind::Ping, node);
        }
    }

    /// Tells everybody, once the call under way is over, how this node sees itself now.
    pub(in crate::cluster) fn announce_change(&mut self) {
        self.pending.announce = true;
    }

    /// Sends a pong to every node.
    pub(in crate::cluster) fn pong_everybody(&mut self) {
        self.gossip_with(GossipKind::Pong, |_| true);
    }

    /// Sends a ping or pong to the nodes for which `wanted` holds: one packet, with one gossip section, for all of them.
    /// None counts as waiting for its answer.
    pub(in crate::cluster) fn gossip_with(&mut self, kind: GossipKind, wanted: impl Fn(&Node) -> bool) {
        let links = self.links_to(|node| wanted(node) && !node.is_in_handshake());
        if links.is_empty() {
            return;
        }
        let entries = self.gossip_section(None);
        self.send_over(&links, kind, entries);
    }

    /// Tells `to` how this node sees `suspects`, and nothing else.
    pub(super) fn tell_suspicion(&mut self, suspects: &[NodeIx], to: &[NodeIx]) {
        let entries = suspects.iter().take(MAX_SUSPECTS_TOLD).map(|ix| entry_of(&self.nodes[*ix])).collect();
        let links: Vec<LinkId> = to.iter().filter_map(|ix| Some(self.nodes[*ix].link?.id)).collect();
        self.send_over(&links, GossipKind::Pong, entries);
    }

    fn send_over(&mut self, links: &[LinkId], kind: GossipKind, entries: Vec<GossipEntry>) {
        if links.is_empty() {
            return;
        }
        let packet = Arc::new(self.gossip(kind, entries));
        for link in links {
            self.count_ping(*link, kind);
            self.send(*link, packet.clone());
        }
    }

    /// Counts what is going to be answered over the link that it is sent over.
    fn count_ping(&mut self, link: LinkId, kind: GossipKind) {
        if let (GossipKind::Ping | GossipKind::Meet, Some(Peer::Outbound(node))) = (kind, self.bus.links.peer(link))
            && let Some(link) = &mut self.nodes[*node].link
        {
            link.pings += 1;
        }
    }

    /// A host name goes to everybody, as from Redis 7.0: who tells none of its own does not say that it would understand
    /// one, and must learn ours all the same.
    fn gossip(&self, kind: GossipKind, entries: Vec<GossipEntry>) -> Packet {
        let hostname = Some(self.myself().hostname.clone()).filter(|name| !name.is_empty());
        self.packet(Body::Gossip { kind, entries, hostname })
    }

    /// Sends gossip over a link that leads to `to`.
    pub(super) fn send_gossip(&mut self, link: LinkId, kind: GossipKind, to: NodeIx) {
        self.send_gossip_to(link, kind, Some(to));
    }

    /// Answers over a link, whose other end is `to` if that is known.
    pub(super) fn answer(&mut self, link: LinkId, to: Option<NodeIx>) {
        self.send_gossip_to(link, GossipKind::Pong, to);
    }

    fn send_gossip_to(&mut self, link: LinkId, kind: GossipKind, to: Option<NodeIx>) {
        let entries = self.gossip_section(to);
        let packet = self.gossip(kind, entries);
        self.count_ping(link, kind);
        self.send(link, Arc::new(packet));
    }

    /// Some nodes, and all that are suspected or owe an answer. The some are dealt from a shuffled deck, which costs less than to draw
    /// them out of all each time, and leaves nobody untold for long.
    fn gossip_section(&mut self, to: Option<NodeIx>) -> Vec<GossipEntry> {
        let known = self.nodes.len();
        let wanted = (known / TOLD_PART).max(TOLD_AT_LEAST).min(known.saturating_sub(2));
        let mut suspects = self.suspects();
        suspects.extend(self.overdue());
        let mut told = Vec::with_capacity(wanted + suspects.len());
        if self.bus.deck.len() < wanted {
            let all = self.nodes.iter().map(|(ix, _)| ix).collect();
            self.bus.deck = self.choose(all, known);
        }
        while told.len() < wanted
            && let Some(ix) = self.bus.deck.pop()
        {
            if Some(ix) != to && self.is_worth_telling(ix) {
                // That its answer is on its way is no news.
                told.push(GossipEntry { ping_sent: 0, ..entry_of(&self.nodes[ix]) });
            }
        }
        let suspects = self.choose(suspects, MAX_SUSPECTS_TOLD).into_iter().filter(|ix| Some(*ix) != to);
        told.extend(suspects.map(|ix| entry_of(&self.nodes[ix])));
        told
    }

    /// Those that are suspected.
    fn suspects(&mut self) -> Vec<NodeIx> {
        let nodes = &self.nodes;
        self.bus.suspects.retain(|ix| nodes.get(*ix).is_some_and(Node::is_suspected));
        self.bus.suspects.clone()
    }

    /// Whether a node is told of that is not suspected.
    fn is_worth_telling(&self, ix: NodeIx) -> bool {
        self.nodes.get(ix).is_some_and(|node| {
            let is_other = !node.is_myself() && !node.is_in_handshake() && !node.has_no_address();
            is_other && !node.is_suspected() && (node.link.is_some() || self.slots.count(ix) > 0)
        })
    }

    /// At most `count` of `nodes`, each as likely as any other.
    pub(super) fn choose(&mut self, mut nodes: Vec<NodeIx>, count: usize) -> Vec<NodeIx> {
        for place in 0..count.min(nodes.len()) {
            let other = place + self.draw(nodes.len() - place);
            nodes.swap(place, other);
        }
        nodes.truncate(count);
        nodes
    }

    /// A random number below `bound`.
    pub(super) fn draw(&mut self, bound: usize) -> usize {
        (self.random.next_u64() % bound.max(1) as u64) as usize
    }

    fn links_to(&self, wanted: impl Fn(&Node) -> bool) -> Vec<LinkId> {
        self.nodes.iter().filter(|(_, node)| wanted(node)).filter_map(|(_, node)| Some(node.link?.id)).collect()
    }
}

fn entry_of(node: &Node) -> GossipEntry {
    let seconds = |moment: Option<Now>| moment.map_or(0, |moment| (moment.unix_ms / 1000) as u32);
    GossipEntry {
        id: node.id,
        ping_sent: seconds(node.waiting_since()),
        pong_received: seconds(node.pong_received),
        ip: Ip::from(&node.ip).unwrap_or_default(),
        port: node.port,
        bus_port: node.bus_port,
        flags: node.flags.without(NodeFlags::MEET),
        plain_port: node.plain_port,
    }
}

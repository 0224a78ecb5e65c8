//! What this node hears: who says it, and to whom in here it is of interest.

use super::links::Peer;
use crate::cluster::nodes::NodeIx;
use crate::cluster::now::Now;
use crate::cluster::stats::MessageKind;
use crate::cluster::wire::{Body, GossipEntry, GossipKind, Header, Packet};
use crate::cluster::{Action, Cluster, LinkId};
use crate::contract::topology::NodeFlags;

/// One packet on its way through.
pub(super) struct Heard<'p> {
    pub link: LinkId,
    /// The address of the link's other end.
    pub ip: &'p str,
    pub header: &'p Header,
    pub now: Now,
}

impl Cluster {
    /// A packet came over a link whose other end has address `ip`.
    pub fn received(&mut self, link: LinkId, packet: Packet, ip: &str, now: Now) -> Vec<Action> {
        self.notice_stop(now);
        let kind = packet.body.kind();
        self.stats.received.count(kind);
        let Packet { header, body } = packet;
        let is_dropped = self.bus.dropped_kind == Some(kind);
        if is_dropped || self.hear(&Heard { link, ip, header: &header, now }, body).is_none() {
            self.stats.ignored += 1;
        }
        self.failover_step(now);
        self.settle(now)
    }

    /// A packet came that makes no sense: counted, by its kind if it tells that, and dropped.
    pub fn malformed(&mut self, kind: Option<MessageKind>) {
        if let Some(kind) = kind {
            self.stats.received.count(kind);
        }
        self.stats.ignored += 1;
    }

    /// `None`: the packet was of no use.
    fn hear(&mut self, heard: &Heard<'_>, body: Body) -> Option<()> {
        let sender = self.sender(heard)?;
        if let Some(sender) = sender {
            self.note_sender(sender, heard);
        }
        match body {
            Body::Gossip { kind, entries, hostname } => {
                return self.hear_gossip(sender, heard, kind, &entries, hostname);
            }
            Body::Fail(failed) => self.obey_fail(sender?, failed, heard.now),
            Body::Publish { sharded, channel, message } => {
                sender?;
                self.pending.outgoing.push(Action::Deliver { sharded, channel, message });
            }
            Body::AuthRequest => self.auth_requested(sender?, heard.header, heard.now),
            Body::AuthAck => self.auth_granted(sender?, heard.header, heard.now),
            Body::Update { config_epoch, node, slots } => {
                sender?;
                return self.hear_update(node, config_epoch, &slots);
            }
            Body::ManualFailoverStart => {
                let replica = sender.filter(|sender| self.nodes[*sender].replicaof == Some(self.me))?;
                self.manual_failover_requested(replica, heard.header, heard.now);
            }
            Body::OpenSlots(open) => {
                sender.filter(|sender| self.myself().replicaof == Some(*sender))?;
                self.inherit(open);
            }
        }
        Some(())
    }

    /// Who sends: a node that is known by name, or `Some(None)`, somebody not known. Where a link leads to a node,
    /// nobody else can speak over it; where another node made it, the packet tells who.
    fn sender(&mut self, heard: &Heard<'_>) -> Option<Option<NodeIx>> {
        let named = self.nodes.find(heard.header.sender);
        match self.bus.links.peer(heard.link)? {
            Peer::Outbound(node) if self.nodes[*node].is_in_handshake() => Some(None),
            Peer::Outbound(node) if named == Some(*node) => Some(named),
            Peer::Outbound(node) => {
                self.lose_address(*node);
                None
            }
            Peer::Inbound { .. } => {
                let known = named.filter(|node| *node != self.me && !self.nodes[*node].is_in_handshake());
                if let Some(node) = known {
                    self.claim_inbound(heard.link, node, heard.now);
                }
                Some(known)
            }
        }
    }

    /// Somebody else answers where a node was: its address is not known any more.
    fn lose_address(&mut self, node: NodeIx) {
        log::info!("Node {} is no longer at its address: another node answers there.", self.nodes[node].id);
        self.disconnect(node);
        let entry = &mut self.nodes[node];
        entry.flags = entry.flags.with(NodeFlags::NO_ADDRESS);
        entry.ip.clear();
        (entry.port, entry.bus_port, entry.plain_port) = (0, 0, 0);
        self.config_changed();
    }

    /// What every packet of a known node tells.
    fn note_sender(&mut self, sender: NodeIx, heard: &Heard<'_>) {
        let header = heard.header;
        self.bus.last_heard = Some(heard.now);
        let node = &mut self.nodes[sender];
        node.data_received = Some(heard.now);
        node.replication_offset = header.offset;
        let is_newer = node.learn_epoch(header.config_epoch);
        if header.current_epoch > self.epochs.current {
            self.epochs.current = header.current_epoch;
            // Nothing was promised in it: a vote or a candidacy is saved by itself.
            self.later.write = true;
        }
        if is_newer {
            self.config_changed();
        }
        if self.myself().replicaof == Some(sender) {
            self.heard_of_primary(header, heard.now);
        }
    }

    fn hear_gossip(
        &mut self,
        mut sender: Option<NodeIx>,
        heard: &Heard<'_>,
        kind: GossipKind,
        entries: &[GossipEntry],
        hostname: Option<String>,
    ) -> Option<()> {
        let (link, header, now) = (heard.link, heard.header, heard.now);
        if kind != GossipKind::Pong {
            let met = kind == GossipKind::Meet;
            self.learn_own_address(link, met);
            if met && sender.is_none() && header.sender != self.my_id() {
                self.met(header, heard.ip, now);
            }
            // A stranger is answered too: it may know this node from others, who have yet to tell of it.
            self.answer(link, sender);
        }
        let mut is_fresh = false;
        if let Some(Peer::Outbound(node)) = self.bus.links.peer(link) {
            let node = *node;
            if self.nodes[node].is_in_handshake() {
                sender = self.finish_handshake(node, link, header, heard.ip, now);
                self.note_sender(sender?, heard);
            }
            if kind == GossipKind::Pong {
                is_fresh = self.answered(node, now);
            }
        }
        let Some(sender) = sender else { return (kind == GossipKind::Meet).then_some(()) };
        if kind == GossipKind::Ping {
            self.update_address(sender, link, header, heard.ip, now);
        }
        self.note_flags(sender, header);
        if is_fresh || !self.may_be_of_an_older_epoch(sender, header) {
            self.note_role(sender, header);
            self.note_slots(sender, header);
            self.resolve_epoch_collision(sender, header);
        } else if self.is_idle(sender) {
            // Its turn to be asked could be long to come.
            self.ping(sender, now);
        }
        self.learn_of_others(sender, entries, now);
        self.note_hostname(sender, hostname);
        Some(())
    }
}

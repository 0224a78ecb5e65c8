//! Handshakes: how two nodes that an administrator introduced to each other become known by name.
//!
//! ```text
//! CLUSTER MEET: a node of a random name --MEET--> the other takes the sender in, under a random name too
//!              renamed after the sender <--PONG--                 renamed by the answer to its own PING
//! ```

use super::links::Peer;
use crate::base::limits::MAX_HANDSHAKES;
use crate::cluster::nodes::{Node, NodeIx, random_id};
use crate::cluster::now::Now;
use crate::cluster::options::is_ip_text;
use crate::cluster::wire::Header;
use crate::cluster::{Cluster, LinkId};
use crate::contract::topology::NodeFlags;

/// A handshake that takes longer than the node timeout, and than this, has failed. Source: Redis 7.0 `clusterCron`.
const MIN_HANDSHAKE_MS: u64 = 1000;

impl Cluster {
    /// Starts to make a node known; with `meet`, the other side is asked to take this node in too. Nothing happens
    /// while a handshake with that address is under way, or if there is no room.
    pub(in crate::cluster) fn shake_hands(&mut self, ip: &str, port: u16, bus_port: u16, meet: bool, now: Now) {
        let handshakes: Vec<&Node> =
            self.nodes.iter().map(|(_, node)| node).filter(|node| node.is_in_handshake()).collect();
        let same = |node: &&Node| node.ip == ip && node.port == port && node.bus_port == bus_port;
        if handshakes.iter().any(same) || handshakes.len() >= MAX_HANDSHAKES {
            return;
        }
        let flags = if meet { NodeFlags::HANDSHAKE.with(NodeFlags::MEET) } else { NodeFlags::HANDSHAKE };
        let mut node = Node::new(random_id(&mut self.random), flags);
        node.ip = ip.into();
        (node.port, node.bus_port, node.created) = (port, bus_port, Some(now));
        if let Ok(ix) = self.nodes.insert(node) {
            self.connect_if_due(ix, now);
        }
    }

    /// A node that is not known asks to be taken in.
    pub(super) fn met(&mut self, header: &Header, ip: &str, now: Now) {
        let ip = if header.ip.is_empty() { ip } else { &header.ip };
        if is_ip_text(ip) && header.bus_port != 0 {
            self.shake_hands(ip, header.port, header.bus_port, false, now);
        }
    }

    /// The first answer of a node in handshake: it tells its name. Returns the node, if it was not known before.
    pub(super) fn finish_handshake(
        &mut self,
        node: NodeIx,
        link: LinkId,
        header: &Header,
        ip: &str,
        now: Now,
    ) -> Option<NodeIx> {
        if let Some(known) = self.nodes.find(header.sender) {
            // Somebody known, or this node itself.
            if known != self.me && !self.nodes[known].is_in_handshake() {
                self.update_address(known, link, header, ip, now);
            }
            self.forget(node);
            return None;
        }
        self.nodes.rename(node, header.sender);
        log::info!("Handshake with node {} completed.", header.sender);
        let entry = &mut self.nodes[node];
        entry.flags = entry.flags.without(NodeFlags::HANDSHAKE).with(role_of(header.flags));
        self.config_changed();
        Some(node)
    }

    /// Keeps `node`, which is about to be forgotten, from being learnt again for a while.
    pub(in crate::cluster) fn ban(&mut self, node: NodeIx, now: Now) {
        self.bus.bans.add(self.nodes[node].id, now);
    }

    /// Whether a node's handshake has taken too long.
    pub(super) fn handshake_is_stale(&self, node: NodeIx, now: Now) -> bool {
        let longest = self.options.node_timeout_ms.max(MIN_HANDSHAKE_MS);
        let node = &self.nodes[node];
        node.is_in_handshake() && node.created.is_none_or(|at| now.since(at) > longest)
    }

    /// This node's own address, where it is not announced: the one by which the sender of a MEET reached it, who has
    /// it from an administrator; and before any MEET, the one by which anybody did.
    pub(super) fn learn_own_address(&mut self, link: LinkId, met: bool) {
        let Some(Peer::Inbound { local_ip: Some(ip), .. }) = self.bus.links.peer(link) else { return };
        let myself = &self.nodes[self.me];
        let wanted = self.options.announce_ip.is_none() && (met || myself.ip.is_empty());
        if wanted && *ip != myself.ip && is_ip_text(ip) {
            log::warn!("IP address for this node updated to {ip}");
            self.nodes[self.me].ip = ip.clone();
            self.config_changed();
        }
    }
}

/// A node is a primary or a replica; who says neither or both is taken for a primary until its next word.
pub(super) fn role_of(flags: NodeFlags) -> NodeFlags {
    if flags.any(NodeFlags::REPLICA) && !flags.any(NodeFlags::PRIMARY) {
        NodeFlags::REPLICA
    } else {
        NodeFlags::PRIMARY
    }
}

//! What one node tells of itself beside its slots, and of others: addresses, flags, names.

use super::failure::DOWN;
use super::handshake::role_of;
use crate::cluster::nodes::{Node, NodeIx};
use crate::cluster::now::Now;
use crate::cluster::options::{is_hostname, is_ip_text};
use crate::cluster::wire::{GossipEntry, Header};
use crate::cluster::{Cluster, LinkId};
use crate::contract::topology::NodeFlags;

/// How far in the future another node's clock may be before its word on when a third answered does not count.
/// Source: Redis 7.0 `clusterProcessGossipSection`.
const CLOCK_TOLERANCE_MS: u64 = 500;

impl Cluster {
    /// Takes over the address that a node has now, and connects to it there.
    pub(super) fn update_address(&mut self, sender: NodeIx, link: LinkId, header: &Header, ip: &str, now: Now) {
        let ip = if header.ip.is_empty() { ip } else { &header.ip };
        let node = &mut self.nodes[sender];
        let is_own_link = node.link.is_some_and(|own| own.id == link);
        let is_same = node.ip == ip
            && (node.port, node.bus_port, node.plain_port) == (header.port, header.bus_port, header.plain_port);
        if is_own_link || is_same || !is_ip_text(ip) || ip.is_empty() || header.bus_port == 0 {
            return;
        }
        log::warn!("Address updated for node {}, now {ip}:{}", node.id, header.port);
        self.move_node(sender, ip, (header.port, header.bus_port, header.plain_port), now);
    }

    fn move_node(&mut self, node: NodeIx, ip: &str, ports: (u16, u16, u16), now: Now) {
        self.disconnect(node);
        let node_entry = &mut self.nodes[node];
        node_entry.ip = ip.into();
        (node_entry.port, node_entry.bus_port, node_entry.plain_port) = ports;
        node_entry.flags = node_entry.flags.without(NodeFlags::NO_ADDRESS);
        self.connect_if_due(node, now);
        self.config_changed();
    }

    /// Flags that a node knows best of itself.
    pub(super) fn note_flags(&mut self, sender: NodeIx, header: &Header) {
        let told = NodeFlags(header.flags.0 & NodeFlags::NO_FAILOVER.0);
        let node = &mut self.nodes[sender];
        let flags = node.flags.without(NodeFlags::NO_FAILOVER).with(told);
        if flags != node.flags {
            node.flags = flags;
            self.config_changed();
        }
    }

    /// A node that does not tell a host name has none.
    pub(super) fn note_hostname(&mut self, sender: NodeIx, hostname: Option<String>) {
        let hostname = hostname.filter(|name| is_hostname(name)).unwrap_or_default();
        if self.nodes[sender].hostname != hostname {
            self.nodes[sender].hostname = hostname;
            self.config_changed();
        }
    }

    /// Goes through a gossip section.
    pub(super) fn learn_of_others(&mut self, sender: NodeIx, entries: &[GossipEntry], now: Now) {
        for entry in entries {
            match self.nodes.find(entry.id) {
                Some(node) if node == self.me => {}
                Some(node) => self.compare(sender, node, entry, now),
                None => self.learn(entry, now),
            }
        }
    }

    /// What another node says of one that this node knows.
    fn compare(&mut self, sender: NodeIx, node: NodeIx, entry: &GossipEntry, now: Now) {
        let is_up = !entry.flags.any(DOWN);
        if self.nodes[sender].is_primary() && sender != node {
            self.note_report(sender, node, is_up, now);
        }
        if entry.ping_sent != 0 {
            self.look_into(node, now);
        }
        let known = &self.nodes[node];
        if is_up && known.ping_sent.is_none() && known.count_failure_reports(now, self.options.node_timeout_ms) == 0 {
            self.note_indirect_pong(node, entry, now);
        }
        // Here a hundred entries a packet end, most of them for nodes that are up: nothing that they need not.
        let known = &self.nodes[node];
        let moved = || known.ip != entry.ip.as_str() || (known.port, known.bus_port) != (entry.port, entry.bus_port);
        if is_up && known.flags.any(DOWN) && moved() && has_address(entry) {
            self.move_node(node, &entry.ip, (entry.port, entry.bus_port, entry.plain_port), now);
        }
    }

    /// A node that answers others need not be pinged by this one so soon.
    fn note_indirect_pong(&mut self, node: NodeIx, entry: &GossipEntry, now: Now) {
        let unix_ms = u64::from(entry.pong_received) * 1000;
        let is_later = self.nodes[node].pong_received.is_none_or(|known| known.unix_ms < unix_ms);
        if is_later && unix_ms <= now.unix_ms + CLOCK_TOLERANCE_MS {
            let age = now.unix_ms.saturating_sub(unix_ms);
            self.nodes[node].pong_received = Some(Now { unix_ms, mono_ms: now.mono_ms.saturating_sub(age) });
        }
    }

    /// A node that only others know so far. It is taken in under its name: at its address there may be somebody else
    /// by now, even of another cluster.
    fn learn(&mut self, entry: &GossipEntry, now: Now) {
        if !has_address(entry) || self.bus.bans.holds(entry.id, now) {
            return;
        }
        let kept = NodeFlags(entry.flags.0 & (NodeFlags::FAIL.0 | NodeFlags::NO_FAILOVER.0));
        let mut node = Node::new(entry.id, role_of(entry.flags).with(kept));
        node.ip = entry.ip.to_string();
        (node.port, node.bus_port, node.plain_port) = (entry.port, entry.bus_port, entry.plain_port);
        node.created = Some(now);
        node.failed_at = node.has_failed().then_some(now);
        match self.nodes.insert(node) {
            Ok(ix) => self.connect_if_due(ix, now),
            Err(full) => return log::warn!("A node that others know is left out: {full}"),
        }
        self.config_changed();
    }
}

fn has_address(entry: &GossipEntry) -> bool {
    !entry.flags.any(NodeFlags::NO_ADDRESS.with(NodeFlags::HANDSHAKE))
        && is_ip_text(&entry.ip)
        && !entry.ip.is_empty()
        && entry.bus_port != 0
}

//! The bus's conversation: links, pings and pongs, gossip, handshakes, failure detection, slot claims. Part of the
//! sans-I/O control plane.

use super::now::Now;
use super::wire::Packet;
use super::{Action, Cluster, LinkEnd, LinkId, Replication};

impl Cluster {
    /// A link is open: one this node asked for ([`Action::Connect`]) or one that another made from address `ip`.
    pub fn opened(&mut self, _link: LinkId, _ip: &str, now: Now) -> Vec<Action> {
        self.settle(now)
    }

    /// A link is gone, or could not be made.
    pub fn closed(&mut self, _link: LinkId, _end: LinkEnd, now: Now) -> Vec<Action> {
        self.settle(now)
    }

    /// A packet came over a link whose other end has address `ip`.
    pub fn received(&mut self, _link: LinkId, _packet: Packet, _ip: &str, now: Now) -> Vec<Action> {
        self.settle(now)
    }

    /// Takes note of the data's state; to be called before [`tick`](Cluster::tick).
    pub fn replication(&mut self, _replication: Replication) {}
}

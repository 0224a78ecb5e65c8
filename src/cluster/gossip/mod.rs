//! The bus's conversation: links, pings and pongs, gossip, handshakes, failure detection, slot claims, messages of
//! publishers. Part of the sans-I/O control plane; the facts are Redis 7.0's (`cluster.c`).
//!
//! ```text
//! opened, closed -> links     connecting, the first packet of a link, trying again
//! received       -> receive   who sends; then by kind: handshake, claims (roles, epochs, slots), failure, learn
//! tick           -> cron      whom to ping, who is silent for too long; inquiry: who asks when one is not answered
//! all of them    -> send      headers, gossip sections, broadcasts
//! ```
//!
//! Invariants:
//! - A packet changes nothing but this node's own address and the table of handshakes, unless its sender is known by
//!   name. What contradicts itself is counted and dropped.
//! - A link that is in the table of links belongs to the node that it names, and the node names it.
//! - Nothing here grows without bound: nodes, handshakes, links of strangers and bans have each their limit, and a
//!   node has one report of failure from each other at most.

mod bans;
mod claims;
mod cron;
mod failure;
mod handshake;
mod inquiry;
mod learn;
mod links;
mod publish;
mod receive;
mod send;

use super::nodes::NodeIx;
use super::now::Now;
use super::stats::MessageKind;
use super::{Cluster, Replication};
pub use links::LinkFigures;

/// What the conversation keeps beside the node table.
#[derive(Debug, Default)]
pub(super) struct Bus {
    links: links::Links,
    bans: bans::Bans,
    /// When a node chosen at random was last pinged.
    last_random_ping: Option<Now>,
    /// The nodes that gossip sections will tell of next, the last one first, be it that they are gone meanwhile.
    deck: Vec<NodeIx>,
    /// The nodes that are suspected, and some that were.
    suspects: Vec<NodeIx>,
    /// The nodes that owe an answer for a while, and some that did.
    overdue: Vec<NodeIx>,
    /// Nodes that have been asked, and of which other voters are told if they do not answer.
    inquired: Vec<NodeIx>,
    /// How many nodes were asked for another one's word since the last tick.
    asked: usize,
    /// When a packet of a known node last came.
    last_heard: Option<Now>,
    /// The kind of packets that is dropped unread, for tests.
    dropped_kind: Option<MessageKind>,
    /// Whom this node suspects since the last tick.
    new_suspects: Vec<NodeIx>,
}

impl Bus {
    /// A conversation that has not begun; its node remembers that it suspected these.
    pub(super) fn suspecting(suspects: Vec<NodeIx>) -> Bus {
        Bus { suspects, ..Bus::default() }
    }
}

impl Cluster {
    /// Drops all packets of this kind from now on (DEBUG DROP-CLUSTER-PACKET-FILTER).
    pub fn drop_kind(&mut self, kind: Option<MessageKind>) {
        self.bus.dropped_kind = kind;
    }

    /// Takes note of the data's state; to be called before [`tick`](Cluster::tick).
    pub fn replication(&mut self, replication: Replication) {
        self.replication = replication;
        self.nodes[self.me].replication_offset = replication.offset;
    }
}

#[cfg(test)]
mod tests;

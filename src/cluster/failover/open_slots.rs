//! Slots on their way survive a failover, on both sides of the way.
//!
//! In Redis 7.0 that a slot is on its way is known to its source and its target only. The successor of either knows
//! nothing of it: that of the source takes keys that have left for keys that never were, and clients write them a
//! second time; that of the target sends away who asks for keys that have arrived. So here
//!
//! - a primary tells its replicas which of its slots are open ([`Body::OpenSlots`]), each time that changes and over
//!   each new link, and the one that succeeds it opens them again;
//! - where one end of the way is succeeded, the other turns to the successor.
//!
//! Redis takes part in the second, as the node that is succeeded; what its own replicas are told it drops.

use crate::cluster::Cluster;
use crate::cluster::nodes::{Node, NodeIx};
use crate::cluster::slots::Direction;
use crate::cluster::wire::{Body, OpenSlot};

impl Cluster {
    /// Tells this primary's replicas which slots are open: those that don't know it yet.
    pub(in crate::cluster) fn tell_open_slots(&mut self) {
        let (me, version) = (self.me, self.slots.version());
        let lacks_it = |node: &Node| node.link.is_some_and(|link| link.told_open != Some(version));
        let untold = self.nodes.replicas_of(me).filter(|(_, node)| lacks_it(node));
        let untold: Vec<NodeIx> = untold.map(|(replica, _)| replica).collect();
        if untold.is_empty() {
            return;
        }
        let open = self.open_slots();
        for replica in untold {
            self.send_to(replica, Body::OpenSlots(open.clone()));
            if let Some(link) = &mut self.nodes[replica].link {
                link.told_open = Some(version);
            }
        }
    }

    fn open_slots(&self) -> Vec<OpenSlot> {
        let both = [Direction::Migrating, Direction::Importing].into_iter();
        let all = both.flat_map(|direction| self.slots.all_open(direction).map(move |open| (direction, open)));
        all.map(|(direction, (slot, other))| OpenSlot { slot, direction, other: self.nodes[other].id }).collect()
    }

    /// Takes note of what this replica's primary says to be open.
    pub(in crate::cluster) fn inherit(&mut self, open: Vec<OpenSlot>) {
        self.failover.inherited = open;
    }

    /// What there is to inherit, which is nothing from now on.
    pub(in crate::cluster) fn inheritance(&mut self) -> Vec<OpenSlot> {
        std::mem::take(&mut self.failover.inherited)
    }

    /// Opens again what the primary had open whose place this node has taken. What has arrived meanwhile has another
    /// owner, and stays closed.
    pub(super) fn reopen(&mut self, inherited: Vec<OpenSlot>) {
        for OpenSlot { slot, direction, other } in inherited {
            let Some(other) = self.nodes.find(other) else { continue };
            let other = self.nodes[other].replicaof.unwrap_or(other);
            let is_mine = self.slots.owner(slot) == Some(self.me);
            if other != self.me && is_mine == (direction == Direction::Migrating) {
                log::warn!("Slot {} is on its way still, as it was for my primary.", slot.number());
                self.slots.open(slot, direction, other);
            }
        }
    }

    /// `successor` has taken the place of `old`.
    pub(in crate::cluster) fn redirect_open_slots(&mut self, old: NodeIx, successor: NodeIx) {
        if self.slots.redirect(old, successor) {
            log::warn!(
                "Slots on their way from or to {} have {} for it now.",
                self.nodes[old].id,
                self.nodes[successor].id
            );
            self.config_changed();
        }
    }
}

#[cfg(test)]
mod tests;

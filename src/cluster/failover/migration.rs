//! Replica migration: a primary that had replicas and has none left gets one from a primary that can spare it.
//!
//! Every replica decides for itself, by rules that choose the same one everywhere if all know the same: of the
//! replicas of the primaries that have the most working ones, the one with the smallest id moves. Two may move where
//! views differ for a moment, which does no harm.

use crate::cluster::Cluster;
use crate::cluster::nodes::{Node, NodeIx};
use crate::cluster::now::Now;
use crate::contract::topology::NodeFlags;
use std::collections::BTreeMap;

/// How long a primary must have been an orphan: after a failover, its own replicas are given this time to follow.
/// Source: Redis 7.0 `CLUSTER_SLAVE_MIGRATION_DELAY`.
const DELAY_MS: u64 = 5000;
/// How often orphans are looked for: it is a walk over all nodes, for something that takes seconds anyway.
const LOOK_EVERY_MS: u64 = 500;

/// How many replicas that have not failed each primary has.
type Working = BTreeMap<NodeIx, usize>;

impl Cluster {
    /// Becomes a replica of an orphaned primary, if it is this node's turn.
    pub(super) fn migrate_to_orphan(&mut self, now: Now) {
        if self.failover.looked_for_orphans.is_some_and(|at| now.since(at) < LOOK_EVERY_MS) {
            return;
        }
        self.failover.looked_for_orphans = Some(now);
        let working = self.working_replicas();
        self.note_orphans(&working, now);
        let Some(target) = self.longest_orphan(now) else { return };
        if self.options.allow_replica_migration && self.state.down().is_none() && self.is_to_spare(&working) {
            log::warn!("Migrating to orphaned master {}", self.nodes[target].id);
            self.become_replica_of(target);
            self.announce_change(); // Lest another replica thinks that it is still an orphan.
        }
    }

    fn working_replicas(&self) -> Working {
        let mut working = Working::new();
        for (_, node) in self.nodes.iter().filter(|(_, node)| node.is_replica() && !node.has_failed()) {
            if let Some(primary) = node.replicaof {
                *working.entry(primary).or_default() += 1;
            }
        }
        working
    }

    fn note_orphans(&mut self, working: &Working, now: Now) {
        let is_orphan = |ix: NodeIx, node: &Node| {
            let had_replicas = node.flags.any(NodeFlags::MIGRATE_TO);
            node.is_primary() && !node.has_failed() && had_replicas && !working.contains_key(&ix)
        };
        let orphans: Vec<_> = self.nodes.iter().map(|(ix, node)| (ix, is_orphan(ix, node))).collect();
        for (ix, is_orphan) in orphans {
            let since = &mut self.nodes[ix].orphaned_since;
            *since = if is_orphan { Some(since.unwrap_or(now)) } else { None };
        }
    }

    /// An orphan with slots that has been one for long enough.
    fn longest_orphan(&self, now: Now) -> Option<NodeIx> {
        let lasting = |node: &Node| node.orphaned_since.is_some_and(|since| now.since(since) > DELAY_MS);
        self.nodes.iter().find(|(ix, node)| lasting(node) && self.slots.count(*ix) > 0).map(|(ix, _)| ix)
    }

    /// Whether this node is the replica that moves.
    fn is_to_spare(&self, working: &Working) -> bool {
        let Some(primary) = self.myself().replicaof else { return false };
        let doubtful = NodeFlags::FAIL.with(NodeFlags::PFAIL);
        let left = self.nodes.replicas_of(primary).filter(|(_, node)| !node.flags.any(doubtful)).count();
        let most = working.values().copied().max().unwrap_or(0);
        let is_candidate = |node: &Node| {
            let siblings = node.replicaof.and_then(|primary| working.get(&primary));
            node.is_replica() && !node.has_failed() && siblings == Some(&most)
        };
        let first = self.nodes.iter().filter(|(_, node)| is_candidate(node)).map(|(_, node)| node.id).min();
        left > self.options.migration_barrier && most >= 2 && first == Some(self.my_id())
    }
}

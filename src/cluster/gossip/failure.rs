//! Failure detection: from silence to suspicion (PFAIL, this node's own opinion), from suspicion to a majority's
//! agreement (FAIL), and back.

use crate::cluster::Cluster;
use crate::cluster::nodes::{FailureReport, Link, Node, NodeIx};
use crate::cluster::now::Now;
use crate::cluster::wire::Body;
use crate::contract::topology::{NodeFlags, NodeId};

/// A primary that answers again, whose slots nobody took, has no longer failed after so many node timeouts. Source:
/// Redis 7.0 `CLUSTER_FAIL_UNDO_TIME_MULT`.
const UNDO_TIMEOUTS: u64 = 2;

/// Refused so often in a row, and for so long, a node that was up is suspected at once: its machine answers, so that
/// nothing is lost on the way, and its process is not there.
const REFUSALS: u32 = 3;
const REFUSED_MS: u64 = 200;

/// How many primaries count new suspicions, beside the replicas of who is suspected.
const COUNTERS: usize = 4;

impl Cluster {
    /// A primary with slots.
    pub(in crate::cluster) fn is_voter(&self, node: NodeIx) -> bool {
        self.nodes[node].is_primary() && self.slots.count(node) > 0
    }

    /// How many votes are a majority.
    pub(in crate::cluster) fn quorum(&self) -> usize {
        self.slots.owners().filter(|owner| self.nodes[*owner].is_primary()).count() / 2 + 1
    }

    /// A node that has not answered for longer than the node timeout is suspected.
    pub(super) fn suspect_if_silent(&mut self, node: NodeIx, now: Now) {
        let entry = &self.nodes[node];
        let Some(waiting) = entry.ping_sent.or(entry.dialing.since) else { return };
        let unanswered = now.since(waiting);
        let silence = entry.data_received.map_or(unanswered, |at| now.since(at).min(unanswered));
        if silence > self.options.node_timeout_ms {
            self.suspect(node, now);
        }
    }

    /// A node that was up and whose machine refuses connections is suspected without waiting for the node timeout.
    pub(super) fn suspect_if_refused(&mut self, node: NodeIx, now: Now) {
        let entry = &self.nodes[node];
        let decided =
            entry.dialing.refused.is_some_and(|(times, first)| times >= REFUSALS && now.since(first) >= REFUSED_MS);
        let was_up = entry.pong_received.is_some() && !entry.is_in_handshake();
        if self.options.fast_failure_detection && decided && was_up && !entry.flags.any(DOWN) {
            log::info!("Node {} refuses connections: taking it for failing.", entry.id);
            self.suspect(node, now);
        }
    }

    fn suspect(&mut self, node: NodeIx, now: Now) {
        let entry = &mut self.nodes[node];
        if entry.flags.any(DOWN) {
            return;
        }
        log::debug!("*** NODE {} possibly failing", entry.id);
        entry.flags = entry.flags.with(NodeFlags::PFAIL);
        if !self.bus.suspects.contains(&node) {
            self.bus.suspects.push(node);
        }
        self.bus.new_suspects.push(node);
        self.health_changed();
        self.fail_if_agreed(node, now);
    }

    /// Has a new suspicion counted without waiting for gossip to spread it. One node that knows of a majority's suspicion
    /// is enough: it tells everybody. So a voter's word goes to a few that are the same for all voters: the replicas of the
    /// suspects, which have an election to win, and the first [`COUNTERS`] primaries that are up. Told to all, it would
    /// be a packet from everybody to everybody.
    pub(super) fn tell_failure_news(&mut self) {
        let mut suspects = std::mem::take(&mut self.bus.new_suspects);
        suspects.retain(|ix| self.nodes.get(*ix).is_some_and(Node::is_suspected));
        if suspects.is_empty() || !self.is_voter(self.me) {
            return;
        }
        let counters = self.counters();
        self.tell_suspicion(&suspects, &counters);
        // Whoever counts tells everybody: of all that fail at once, a replica counts for its own primary only.
        let heirs = self.nodes.iter().filter_map(|(ix, node)| Some((node.replicaof?, ix)));
        let heirs: Vec<_> = heirs.filter(|(primary, _)| suspects.contains(primary)).collect();
        for (primary, heir) in heirs {
            self.tell_suspicion(&[primary], &[heir]);
        }
    }

    /// The primaries that count the words of all others: of those that are up, the ones with the smallest names.
    fn counters(&self) -> Vec<NodeIx> {
        let up = |node: &Node| node.is_primary() && !node.flags.any(DOWN.with(NodeFlags::HANDSHAKE));
        let mut first: Vec<(NodeId, NodeIx)> =
            self.nodes.iter().filter(|(_, node)| up(node)).map(|(ix, node)| (node.id, ix)).collect();
        if first.len() > COUNTERS {
            first.select_nth_unstable(COUNTERS);
            first.truncate(COUNTERS);
        }
        first.into_iter().map(|(_, ix)| ix).collect()
    }

    /// A primary's word on whether a node is up.
    pub(super) fn note_report(&mut self, reporter: NodeIx, node: NodeIx, is_up: bool, now: Now) {
        let node_timeout_ms = self.options.node_timeout_ms;
        let reports = &mut self.nodes[node].failure_reports;
        let is_news = match (reports.binary_search_by_key(&reporter, |report| report.reporter), is_up) {
            (Ok(place), true) => {
                reports.remove(place);
                false
            }
            (Err(_), true) => false,
            (Ok(place), false) => {
                let before = std::mem::replace(&mut reports[place].at, now);
                !FailureReport { reporter, at: before }.counts(now, node_timeout_ms)
            }
            (Err(place), false) => {
                reports.insert(place, FailureReport { reporter, at: now });
                true
            }
        };
        if is_news {
            self.fail_if_agreed(node, now);
        }
    }

    /// Declares a node failed if this node suspects it and a majority of the voters says so.
    pub(super) fn fail_if_agreed(&mut self, node: NodeIx, now: Now) {
        let entry = &self.nodes[node];
        if !entry.is_suspected() || entry.has_failed() {
            return;
        }
        // By what there was at the last look, too few have said so: nothing to count for each of a thousand words.
        if entry.failure_reports.len() < self.state.size() / 2 {
            return;
        }
        let reporters = entry.recent_failure_reports(now, self.options.node_timeout_ms);
        let votes =
            reporters.filter(|report| self.is_voter(report.reporter)).count() + usize::from(self.is_voter(self.me));
        if votes < self.quorum() {
            return;
        }
        log::info!("Marking node {} as failing (quorum reached).", entry.id);
        let packet = self.packet(Body::Fail(entry.id));
        self.mark_failed(node, now);
        self.broadcast(packet);
    }

    /// A majority was found by another node.
    pub(super) fn obey_fail(&mut self, sender: NodeIx, failed: NodeId, now: Now) {
        let Some(node) = self.nodes.find(failed).filter(|node| *node != self.me) else { return };
        let entry = &self.nodes[node];
        if !entry.has_failed() && !entry.is_in_handshake() {
            log::info!("FAIL message received from {} about {failed}", self.nodes[sender].id);
            self.mark_failed(node, now);
        }
    }

    fn mark_failed(&mut self, node: NodeIx, now: Now) {
        let entry = &mut self.nodes[node];
        entry.flags = entry.flags.without(NodeFlags::PFAIL).with(NodeFlags::FAIL);
        entry.failed_at = Some(now);
        self.failure_changed();
    }

    /// A pong came from `node`, over this node's own link to it. Returns whether its ping was sent since the node's
    /// configuration epoch is known.
    pub(super) fn answered(&mut self, node: NodeIx, now: Now) -> bool {
        let entry = &mut self.nodes[node];
        entry.pong_received = Some(now);
        entry.ping_sent = None;
        let is_fresh = entry.link.as_mut().is_some_and(Link::answered);
        if entry.is_suspected() {
            entry.flags = entry.flags.without(NodeFlags::PFAIL);
            self.health_changed();
        } else if entry.has_failed() {
            self.clear_failure_if_over(node, now);
        }
        is_fresh
    }

    /// A node that failed and answers again: a replica or a primary without slots is back at once, a primary with
    /// slots only when it is clear that nobody takes them over.
    fn clear_failure_if_over(&mut self, node: NodeIx, now: Now) {
        let entry = &self.nodes[node];
        let undo_after = self.options.node_timeout_ms.saturating_mul(UNDO_TIMEOUTS);
        let why = if entry.is_replica() {
            "replica is reachable again"
        } else if self.slots.count(node) == 0 {
            "master without slots is reachable again"
        } else if entry.failed_at.is_none_or(|at| now.since(at) > undo_after) {
            "is reachable again and nobody is serving its slots after some time"
        } else {
            return;
        };
        log::info!("Clear FAIL state for node {}: {why}.", entry.id);
        let entry = &mut self.nodes[node];
        entry.flags = entry.flags.without(NodeFlags::FAIL);
        entry.failed_at = None;
        self.failure_changed();
    }
}

/// Suspected or failed.
pub(super) const DOWN: NodeFlags = NodeFlags::PFAIL.with(NodeFlags::FAIL);

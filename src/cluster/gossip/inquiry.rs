//! One node's unanswered ping makes all voters ask: so that a majority's node timeouts are over at about the same time.
//!
//! By Redis's rules a node pings another one whose last answer is older than half the node timeout, and suspects it a node
//! timeout after that ping. When a machine is lost, some voters ask it at once and others half a node timeout later, and
//! until a majority suspects it one and a half node timeouts can pass. Here a node that waits for an answer for longer than
//! [`overdue_ms`](Cluster::overdue_ms) tells some voters, in gossip entries, which have a field for it. Those that have not
//! heard of the node lately ping it too, and if they get no answer either tell others. Nobody is suspected sooner than a
//! node timeout after it was last heard, nor for another node's word; and who answers is asked no more than it would have
//! been a little later anyway.
//!
//! The other side of a partition has to find out as soon: a node that hears nothing from anybody asks everybody.

use super::failure::DOWN;
use crate::cluster::Cluster;
use crate::cluster::nodes::{Node, NodeIx};
use crate::cluster::now::Now;

/// An answer is overdue after this part of a node timeout, but not sooner or later than these.
const OVERDUE_PART: u64 = 30;
const OVERDUE_MS: std::ops::RangeInclusive<u64> = 100..=500;

/// Who answers at all has usually done so within this time.
const ANSWERED_MS: u64 = 50;

/// How many nodes are asked for another one's word between two ticks. Where answers take long everywhere, more questions
/// would not help; and who has not been asked yet is told of again.
const ASKED_A_TICK: usize = 32;

/// How many voters one node tells: enough that all know after a few rounds, whoever tells whom.
const TOLD: usize = 4;

impl Cluster {
    fn overdue_ms(&self) -> u64 {
        (self.options.node_timeout_ms / OVERDUE_PART).clamp(*OVERDUE_MS.start(), *OVERDUE_MS.end())
    }

    /// Takes note of an answer that is overdue.
    pub(super) fn note_if_overdue(&mut self, node: NodeIx, now: Now) {
        let is_wanted = self.options.fast_failure_detection;
        if is_wanted && self.nodes[node].waiting_since().is_some_and(|since| now.since(since) > self.overdue_ms()) {
            self.inquire(node);
        }
    }

    /// Another node waits for an answer of `node`. If this one has a say, it asks as well.
    pub(super) fn look_into(&mut self, node: NodeIx, now: Now) {
        let is_quiet = self.nodes[node].data_received.is_none_or(|at| now.since(at) > self.overdue_ms());
        let may_ask = self.options.fast_failure_detection && self.bus.asked < ASKED_A_TICK;
        if may_ask && is_quiet && self.is_idle(node) && self.is_voter(self.me) {
            self.bus.asked += 1;
            self.ping(node, now);
            self.inquire(node);
        }
    }

    fn inquire(&mut self, node: NodeIx) {
        if !self.bus.overdue.contains(&node) && !self.bus.inquired.contains(&node) {
            self.bus.inquired.push(node);
        }
    }

    /// Who owes an answer and is not suspected yet.
    pub(super) fn overdue(&mut self) -> Vec<NodeIx> {
        let nodes = &self.nodes;
        self.bus.overdue.retain(|ix| nodes.get(*ix).is_some_and(is_overdue));
        self.bus.overdue.clone()
    }

    /// Has some more voters ask those that have not answered since the last tick.
    pub(super) fn tell_overdue(&mut self, now: Now) {
        self.bus.asked = 0;
        let nodes = &self.nodes;
        self.bus.inquired.retain(|ix| nodes.get(*ix).is_some_and(is_overdue));
        let has_waited = |ix: &NodeIx| nodes[*ix].waiting_since().is_some_and(|since| now.since(since) >= ANSWERED_MS);
        let (due, later): (Vec<NodeIx>, _) = self.bus.inquired.iter().partition(|ix| has_waited(ix));
        self.bus.inquired = later;
        self.bus.overdue.extend(&due);
        if due.is_empty() {
            return;
        }
        let voters = self.slots.owners().filter(|ix| *ix != self.me && !due.contains(ix)).collect();
        let told = self.choose(voters, TOLD);
        self.tell_suspicion(&due, &told);
    }

    /// If nobody was heard since an answer is due, it may be this node that is cut off. It asks all voters, to know in time
    /// that it is in the minority.
    pub(super) fn ask_everybody_if_cut_off(&mut self, now: Now) {
        let Some(since) = self.overdue().iter().filter_map(|ix| self.nodes[*ix].ping_sent).min_by_key(|at| at.mono_ms)
        else {
            return;
        };
        if self.bus.last_heard.is_some_and(|at| at.mono_ms >= since.mono_ms) {
            return;
        }
        let voters: Vec<NodeIx> = self.slots.owners().filter(|ix| *ix != self.me && self.is_idle(*ix)).collect();
        voters.into_iter().for_each(|voter| self.ping(voter, now));
    }
}

fn is_overdue(node: &Node) -> bool {
    node.waiting_since().is_some() && !node.flags.any(DOWN)
}

//! The regular work, ten times a second: whom to connect to, whom to ping, who is silent for too long.

use crate::cluster::Cluster;
use crate::cluster::nodes::{Dialing, NodeIx};
use crate::cluster::now::Now;

/// How often one of [`CHOICES`] random nodes is pinged, the one that was silent for longest. Source: Redis 7.0
/// `clusterCron`.
const RANDOM_PING_MS: u64 = 1000;
const CHOICES: usize = 5;

impl Cluster {
    /// The conversation's part of a tick.
    pub(in crate::cluster) fn converse(&mut self, now: Now) {
        let nodes: Vec<NodeIx> = self.nodes.iter().map(|(ix, _)| ix).filter(|ix| *ix != self.me).collect();
        self.ping_a_random_node(&nodes, now);
        // All of a node at once: a thousand of them are more than a core's nearest cache holds.
        for node in nodes {
            self.look_after(node, now);
        }
        self.ask_everybody_if_cut_off(now);
        self.tell_overdue(now);
        self.tell_failure_news();
    }

    /// A process that was stopped for a while, and goes on, has heard nobody meanwhile: that is no sign of failure, and
    /// what waits on its links may be old.
    pub(in crate::cluster) fn start_afresh(&mut self, now: Now) {
        for ix in self.nodes.iter().map(|(ix, _)| ix).collect::<Vec<_>>() {
            self.disconnect(ix);
            let node = &mut self.nodes[ix];
            node.ping_sent = node.ping_sent.map(|_| now);
            node.dialing = Dialing::default();
        }
    }

    fn ping_a_random_node(&mut self, nodes: &[NodeIx], now: Now) {
        let is_due = self.bus.last_random_ping.is_none_or(|last| now.since(last) >= RANDOM_PING_MS);
        if !is_due || nodes.is_empty() {
            return;
        }
        self.bus.last_random_ping = Some(now);
        let chosen: Vec<NodeIx> = (0..CHOICES).map(|_| nodes[self.draw(nodes.len())]).collect();
        let silent_longest = chosen
            .into_iter()
            .filter(|ix| self.is_idle(*ix) && !self.nodes[*ix].is_in_handshake())
            .min_by_key(|ix| self.nodes[*ix].pong_received.map(|pong| pong.mono_ms));
        if let Some(node) = silent_longest {
            self.ping(node, now);
        }
    }

    fn look_after(&mut self, node: NodeIx, now: Now) {
        if self.handshake_is_stale(node, now) {
            return self.forget(node);
        }
        self.give_up_slow_attempt(node, now);
        self.connect_if_due(node, now);
        if !self.nodes[node].is_in_handshake() && !self.nodes[node].has_no_address() {
            self.examine(node, now);
        }
    }

    /// Whether it answers, and what follows if it does not.
    fn examine(&mut self, node: NodeIx, now: Now) {
        let half_timeout = self.options.node_timeout_ms / 2;
        if self.link_is_stuck(node, half_timeout, now) {
            self.disconnect(node);
            self.connect_if_due(node, now);
        }
        let pong_is_old = self.nodes[node].pong_received.is_none_or(|pong| now.since(pong) > half_timeout);
        if self.is_idle(node) && pong_is_old {
            self.ping(node, now);
        }
        self.note_if_overdue(node, now);
        self.suspect_if_silent(node, now);
        self.fail_if_agreed(node, now);
    }

    /// Whether there is a link to the node, and no ping waits for its pong.
    pub(super) fn is_idle(&self, node: NodeIx) -> bool {
        self.nodes[node].link.is_some() && self.nodes[node].ping_sent.is_none()
    }

    /// Whether nothing has come from a node for so long that the fault may be the link's. It surely is where the node is
    /// heard, over the link that it made, but does not answer over this one: Redis waits for that answer for ever.
    fn link_is_stuck(&self, node: NodeIx, half_timeout: u64, now: Now) -> bool {
        let (entry, timeout) = (&self.nodes[node], self.options.node_timeout_ms);
        let (Some(link), Some(ping)) = (entry.link, entry.ping_sent) else { return false };
        let is_silent = entry.data_received.is_none_or(|at| now.since(at) > half_timeout);
        let unanswered = now.since(ping);
        now.since(link.created) > timeout && (unanswered > half_timeout && is_silent || unanswered > timeout)
    }
}

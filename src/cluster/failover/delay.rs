//! How long a replica waits before it asks for votes.
//!
//! The wait lets the word spread that the primary has failed, lets better replicas go first (their rank is lower), and
//! keeps two replicas from asking in the same epoch, which splits the votes.
//!
//! Redis waits half a second to one second, plus one for each rank. Valkey 9 scales that with the node timeout. We
//! need not wait for the word at all: FAIL is sent to every voter over the same link just before the request. What is
//! left is the doubt whether the primary is dead, or only out of reach and still takes writes until its own timeout is
//! over. Where its machine refuses connections the process is gone, nothing can be lost by hurrying, and
//! [`Pace::DEAD`] waits only for the other replicas to tell their offsets: they are asked, and one that has not answered
//! yet is waited for a little longer.
//!
//! Where many primaries fail at once, their replicas go in turns, in the ring of the primaries' ids from the one on whose
//! replica was last heard to ask. Every node hears every request, so that all have the same place in mind. The next in
//! the ring asks as soon as it has heard the one before: a request a message's time, each in an epoch of its own. Whoever
//! comes after it waits a turn for each place between, lest one that does not ask holds up all.
//!
//! ```text
//!  failed: A B C D     A asks          B hears it, asks      C was slow: D asks a turn after B
//!  turns to wait:      B 0, C 1, D 2   C 0, D 1
//! ```

use crate::cluster::Cluster;
use crate::cluster::nodes::{Node, NodeIx};
use crate::cluster::now::Now;
use crate::contract::topology::{NodeFlags, NodeId};
use std::collections::BTreeSet;

/// How long one waits whose turn it would be if another did not go first: the other's request is saved, and has reached
/// everybody with its epoch, by then. What chance adds to a wait is less. Valkey 9 waits half a second for each other failed
/// primary, which is half a minute when 50 are lost at once.
const TURN_MS: u64 = 50;

/// A request for votes of another node's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// Whom to succeed.
    primary: NodeId,
    /// When it was heard.
    at: Now,
}

/// Milliseconds of each part of the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pace {
    fixed: u64,
    /// At most, at random.
    random: u64,
    /// For each replica of the same primary that has more of its data.
    rank: u64,
    /// For each replica of the same primary that has as much of its data, and a smaller id. Of two that ask at about the
    /// same time neither may get a majority, and voters are bound to their choice for long.
    tie: u64,
    /// For each other primary whose replicas go first.
    turn: u64,
    /// If another replica has not told yet how much it has.
    silence: u64,
}

impl Pace {
    /// Source: Redis 7.0 `clusterHandleSlaveFailover`.
    const REDIS: Pace = Pace { fixed: 500, random: 500, rank: 1000, tie: 0, turn: 0, silence: 0 };
    /// The primary's process is known to be gone.
    const DEAD: Pace = Pace { fixed: 15, random: 35, rank: 200, tie: 100, turn: TURN_MS, silence: 150 };

    /// Redis's at the default node timeout or above, faster below. Source: Valkey 9 `clusterHandleReplicaFailover`.
    fn scaled(node_timeout_ms: u64) -> Pace {
        let unit = (node_timeout_ms / 30).clamp(1, Pace::REDIS.fixed);
        let turn = TURN_MS.min(unit);
        Pace { fixed: unit, random: turn.div_ceil(2), rank: 2 * unit, tie: turn.max(unit / 5), turn, silence: unit }
    }

    /// When votes were asked for in vain: what the fixed wait is for was waited for the first time.
    fn again(self) -> Pace {
        Pace { fixed: self.fixed.min(Pace::DEAD.fixed), ..self }
    }

    /// These waits, but none longer than the other's; what keeps elections apart stays as it is.
    fn at_most(self, other: Pace) -> Pace {
        Pace {
            fixed: self.fixed.min(other.fixed),
            rank: self.rank.min(other.rank),
            silence: self.silence.min(other.silence),
            ..self
        }
    }
}

impl Cluster {
    /// When to ask for votes, as of now, by the monotonic clock; `dice` is what chance gave this election, which began at that
    /// time after so many in vain.
    pub(super) fn election_time(&self, primary: NodeIx, began: Now, dice: u64, earlier: u32, now: Now) -> u64 {
        let pace = self.pace(primary);
        let pace = if earlier > 0 && self.options.fast_failover { pace.again() } else { pace };
        let silence = if self.all_replicas_have_told(primary, began) { 0 } else { pace.silence };
        let own = began.mono_ms.saturating_add(pace.fixed + dice % pace.random + silence);
        let turn = match self.last_request(now).filter(|_| pace.turn > 0) {
            None => 0,
            // Another replica of this primary is about to be elected.
            Some(last) if last.primary == self.nodes[primary].id => last.at.mono_ms + pace.rank,
            Some(last) => last.at.mono_ms,
        };
        // Who comes behind another replica does so in its primary's turn, too.
        own.max(turn)
            + pace.turn * self.turns_before(primary, pace.fixed, now)
            + pace.tie * self.place_among_equals(primary)
            + pace.rank * self.rank_among_replicas(primary)
    }

    /// Takes note of a request for votes, be it for this node's or not.
    pub(super) fn note_request(&mut self, candidate: NodeIx, now: Now) {
        if let Some(primary) = self.nodes[candidate].replicaof {
            self.failover.last_request = Some(Request { primary: self.nodes[primary].id, at: now });
        }
    }

    /// The last one, unless it is of another failure.
    fn last_request(&self, now: Now) -> Option<Request> {
        self.failover.last_request.filter(|last| now.since(last.at) < self.vote_timeout_ms())
    }

    fn pace(&self, primary: NodeIx) -> Pace {
        if !self.options.fast_failover {
            return Pace::REDIS;
        }
        let scaled = Pace::scaled(self.options.node_timeout_ms);
        if self.nodes[primary].dialing.refused.is_some() { Pace::DEAD.at_most(scaled) } else { scaled }
    }

    /// How many replicas of `primary` that could take over have more of its data than this one.
    pub(super) fn rank_among_replicas(&self, primary: NodeIx) -> u64 {
        let offset = self.replication.offset;
        self.rivals(primary).filter(|node| node.replication_offset > offset).count() as u64
    }

    /// How many of them have as much as this one and go first, lest two ask in one epoch.
    fn place_among_equals(&self, primary: NodeIx) -> u64 {
        let (offset, id) = (self.replication.offset, self.my_id());
        self.rivals(primary).filter(|node| node.replication_offset == offset && node.id < id).count() as u64
    }

    /// Whether all others of them that are there have been heard since they were asked. What they told before is older
    /// than what the primary sent last.
    fn all_replicas_have_told(&self, primary: NodeIx, asked: Now) -> bool {
        let has_told = |node: &Node| node.data_received.is_some_and(|at| at.mono_ms >= asked.mono_ms);
        self.rivals(primary).all(|node| node.has_failed() || node.is_suspected() || has_told(node))
    }

    /// The other replicas of `primary` that could take over.
    fn rivals(&self, primary: NodeIx) -> impl Iterator<Item = &Node> {
        let replicas = self.nodes.replicas_of(primary).map(|(_, node)| node);
        replicas.filter(|node| !node.is_myself() && may_stand(node))
    }

    /// How many other primaries have failed whose replicas go first: those that can ask by now, and come before in the ring
    /// that begins after the last request.
    fn turns_before(&self, primary: NodeIx, fixed: u64, now: Now) -> u64 {
        let last = self.last_request(now).map(|last| last.primary);
        let place = |ix: NodeIx| {
            let id = self.nodes[ix].id;
            (last.is_some_and(|last| id <= last), id)
        };
        let recent = fixed.saturating_sub(TURN_MS)..self.vote_timeout_ms();
        let goes_first = |ix: &NodeIx| {
            let node = &self.nodes[*ix];
            let waits = node.has_failed() && node.failed_at.is_some_and(|at| recent.contains(&now.since(at)));
            waits && self.slots.count(*ix) > 0 && place(*ix) < place(primary)
        };
        let candidates = self.nodes.iter().map(|(_, node)| node).filter(|node| may_stand(node));
        let primaries: BTreeSet<NodeIx> = candidates.filter_map(|node| node.replicaof).filter(goes_first).collect();
        primaries.len() as u64
    }
}

/// Whether a replica could stand for election.
fn may_stand(node: &Node) -> bool {
    !node.flags.any(NodeFlags::NO_FAILOVER) && !node.has_failed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_death_is_never_waited_for_longer_than_a_doubtful_one() {
        for node_timeout_ms in [0, 50, 500, 2000, 15_000, 1_000_000] {
            let scaled = Pace::scaled(node_timeout_ms);
            let dead = Pace::DEAD.at_most(scaled);
            assert!(dead.fixed + dead.random <= 50 && dead.random > 0, "{node_timeout_ms}");
            assert!(scaled.fixed <= Pace::REDIS.fixed && scaled.rank <= Pace::REDIS.rank);
            assert!(
                dead.random < dead.turn.min(dead.tie) && scaled.random <= scaled.turn.min(scaled.tie),
                "chance does not change who goes first"
            );
        }
    }
}

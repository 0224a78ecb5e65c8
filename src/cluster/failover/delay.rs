//! How long a replica waits before it asks for votes.
//!
//! The wait lets the word spread that the primary has failed, lets better replicas go first (their rank is lower), and
//! keeps the replicas of several failed primaries from asking in the same epoch, which splits the votes.
//!
//! Redis waits half a second to one second, plus one for each rank. Valkey 9 scales that with the node timeout. We
//! need not wait for the word at all: FAIL is sent to every voter over the same link just before the request. What is
//! left is the doubt whether the primary is dead, or only out of reach and still takes writes until its own timeout is
//! over. Where its machine refuses connections the process is gone, nothing can be lost by hurrying, and
//! [`Pace::DEAD`] waits only for the other replicas to tell their offsets: they are asked, and one that has not answered
//! yet is waited for a little longer.

use crate::cluster::Cluster;
use crate::cluster::nodes::{Node, NodeIx};
use crate::cluster::now::Now;
use crate::contract::topology::NodeFlags;

/// How long after the replicas of another failed primary those of this one ask for votes: the others' request, and with
/// it their epoch, has reached everybody by then. Valkey 9 waits half a second, which is half a minute when 50 primaries
/// of a large cluster are lost at once. Where the fixed wait lets all hear who has failed before the first one asks, turns
/// are shorter, and chance adds less than one: it would have elections meet in one epoch again.
const TURN_MS: u64 = 50;
const SHORT_TURN_MS: u64 = 20;

/// Milliseconds of each part of the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pace {
    fixed: u64,
    /// At most, at random.
    random: u64,
    /// For each replica of the same primary that has more of its data.
    rank: u64,
    /// For each replica of the same primary that has as much of its data, and a smaller id.
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
    const DEAD: Pace = Pace { fixed: 15, random: 35, rank: 200, tie: 0, turn: TURN_MS, silence: 150 };

    /// Redis's at the default node timeout or above, faster below. Source: Valkey 9 `clusterHandleReplicaFailover`.
    fn scaled(node_timeout_ms: u64) -> Pace {
        let unit = (node_timeout_ms / 30).clamp(1, Pace::REDIS.fixed);
        let turn = SHORT_TURN_MS.min(unit);
        Pace { fixed: unit, random: turn.div_ceil(2), rank: 2 * unit, tie: unit / 5, turn, silence: unit }
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
    /// The whole wait as of now; `dice` is what chance gave this election, which began at that time after so many in vain.
    pub(super) fn election_delay_ms(&self, primary: NodeIx, began: Now, dice: u64, earlier: u32, now: Now) -> u64 {
        let pace = self.pace(primary);
        let pace = if earlier > 0 && self.options.fast_failover { pace.again() } else { pace };
        let fixed = pace.fixed + dice % pace.random;
        let silence = if self.all_replicas_have_told(primary, began) { 0 } else { pace.silence };
        fixed
            + silence
            + pace.rank * self.rank_among_replicas(primary)
            + pace.tie * self.place_among_equals(primary)
            + pace.turn * self.turn_among_failed(primary, now)
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
        let may_stand = |node: &Node| !node.is_myself() && !node.flags.any(NodeFlags::NO_FAILOVER);
        self.nodes.replicas_of(primary).map(|(_, node)| node).filter(move |node| may_stand(node))
    }

    /// How many other primaries failed about now whose ids are smaller: their replicas ask first, so that each election
    /// has an epoch of its own.
    fn turn_among_failed(&self, primary: NodeIx, now: Now) -> u64 {
        let id = self.nodes[primary].id;
        let recently = self.vote_timeout_ms();
        let goes_first = |ix: &NodeIx| {
            let node = &self.nodes[*ix];
            node.id < id && node.has_failed() && node.failed_at.is_some_and(|at| now.since(at) < recently)
        };
        self.slots.owners().filter(goes_first).count() as u64
    }
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
        }
    }
}

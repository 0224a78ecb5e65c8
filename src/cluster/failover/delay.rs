//! How long a replica waits before it asks for votes.
//!
//! The wait lets the word spread that the primary has failed, lets better replicas go first (their rank is lower), and
//! keeps the replicas of several failed primaries from asking in the same epoch, which splits the votes.
//!
//! Redis waits half a second to one second, plus one for each rank. Valkey 9 scales that with the node timeout. We
//! need not wait for the word at all: FAIL is sent to every voter over the same link just before the request. What is
//! left is the doubt whether the primary is dead, or only out of reach and still takes writes until its own timeout is
//! over. Where its machine refuses connections the process is gone, nothing can be lost by hurrying, and
//! [`Pace::DEAD`] waits only for the other replicas to tell their offsets.

use crate::cluster::Cluster;
use crate::cluster::nodes::NodeIx;
use crate::cluster::now::Now;
use crate::contract::topology::NodeFlags;

/// How long after the replicas of another failed primary those of this one ask for votes: the others' request, and with
/// it their epoch, has reached everybody by then. Valkey 9 waits half a second, which is half a minute when 50 primaries
/// of a large cluster are lost at once.
const TURN_MS: u64 = 50;

/// Milliseconds of each part of the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pace {
    fixed: u64,
    /// At most, at random.
    random: u64,
    /// For each replica of the same primary that has more of its data.
    rank: u64,
    /// For each other primary whose replicas go first.
    turn: u64,
}

impl Pace {
    /// Source: Redis 7.0 `clusterHandleSlaveFailover`.
    const REDIS: Pace = Pace { fixed: 500, random: 500, rank: 1000, turn: 0 };
    /// The primary's process is known to be gone.
    const DEAD: Pace = Pace { fixed: 15, random: 35, rank: 200, turn: TURN_MS };

    /// Redis's at the default node timeout or above, faster below. Source: Valkey 9 `clusterHandleReplicaFailover`.
    fn scaled(node_timeout_ms: u64) -> Pace {
        let unit = (node_timeout_ms / 30).clamp(1, Pace::REDIS.fixed);
        Pace { fixed: unit, random: unit, rank: 2 * unit, turn: TURN_MS.min(unit) }
    }

    fn at_most(self, other: Pace) -> Pace {
        Pace {
            fixed: self.fixed.min(other.fixed),
            random: self.random.min(other.random),
            rank: self.rank.min(other.rank),
            turn: self.turn.min(other.turn),
        }
    }
}

impl Cluster {
    /// The whole wait as of now; `dice` is what chance gave this election.
    pub(super) fn election_delay_ms(&self, primary: NodeIx, dice: u64, now: Now) -> u64 {
        let pace = self.pace(primary);
        let fixed = pace.fixed + dice % pace.random;
        fixed + pace.rank * self.rank_among_replicas(primary) + pace.turn * self.turn_among_failed(primary, now)
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
        let is_better = |ix: NodeIx| {
            let node = &self.nodes[ix];
            ix != self.me && !node.flags.any(NodeFlags::NO_FAILOVER) && node.replication_offset > offset
        };
        self.nodes.replicas_of(primary).filter(|(ix, _)| is_better(*ix)).count() as u64
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

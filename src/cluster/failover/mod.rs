//! Failover: elections of replicas, votes of primaries, manual failover, and the migration of replicas to primaries
//! that have none. Part of the sans-I/O control plane.
//!
//! ```text
//!  replica                                    the other primaries
//!  primary FAIL -> wait (rank) -> epoch += 1
//!                  FAIL, AUTH_REQUEST  ------->  one vote an epoch, saved before it leaves
//!                  majority            <-------  AUTH_ACK
//!  takes epoch and slots, saves, PONG  ------->  claims of a greater epoch are believed
//! ```
//!
//! To read in this order: `election` (a replica's side), `delay` (when it starts), `vote` (a primary's side), `manual`,
//! `open_slots` (what becomes of slots on their way), `migration`.
//!
//! Invariants:
//! - At most one vote an epoch, and it is on the disk before the ACK leaves: [`Action::SaveConfig`](super::Action)
//!   comes before what is sent.
//! - Votes count for the epoch they were asked in, each voter once, and not for longer than a voter keeps from voting
//!   for another replica of the same primary.
//! - All waits are by the monotonic clock.

mod delay;
mod election;
pub(super) mod manual;
mod migration;
mod open_slots;
mod vote;

use super::Cluster;
use super::now::Now;
use super::wire::{MessageFlags, OpenSlot};
use election::{Election, Obstacle};
use manual::Manual;
use vote::Ballot;

/// Votes are worth something for this many node timeouts, and the voter keeps from voting for another replica of the
/// same primary as long. Source: Redis 7.0 `clusterHandleSlaveFailover`, `clusterSendFailoverAuthIfNeeded`.
const VOTE_TIMEOUTS: u64 = 2;

/// What failover remembers.
#[derive(Debug, Default)]
pub(super) struct Failover {
    /// This replica's candidacy.
    election: Option<Election>,
    /// The manual failover under way.
    manual: Option<Manual>,
    /// This primary's recent votes, at most one for each failed primary.
    ballots: Vec<Ballot>,
    /// The last request for votes that was heard.
    last_request: Option<delay::Request>,
    /// The last reason logged for not failing over, and when.
    complaint: Option<(Obstacle, Now)>,
    /// When the orphaned primaries were last looked for.
    looked_for_orphans: Option<Now>,
    /// This replica's: what its primary has said to be open.
    inherited: Vec<OpenSlot>,
}

impl Cluster {
    /// The regular work of failover, ten times a second: called by [`tick`](Cluster::tick) after the failure detection.
    pub(super) fn failover_tick(&mut self, now: Now) {
        self.manual_failover_tick(now);
        if self.myself().is_replica() {
            // Its primary can have become a replica without a slot changing hands in this node's view.
            self.follow_grand_primary();
            self.stand_for_election(now);
            self.migrate_to_orphan(now);
        }
    }

    /// What of failover depends on events rather than on time. Called when a packet has been dealt with.
    pub(super) fn failover_step(&mut self, now: Now) {
        if self.myself().is_replica() {
            self.stand_for_election(now);
        }
    }

    /// When, by the monotonic clock, [`wake`](Cluster::wake) has something to do that should not wait for the next
    /// tick.
    pub fn wake_at(&self) -> Option<u64> {
        self.failover.election.as_ref().and_then(Election::starts_at)
    }

    /// To be called at [`wake_at`](Cluster::wake_at). At any other time it does no harm.
    pub fn wake(&mut self, now: Now) -> Vec<super::Action> {
        self.failover_step(now);
        self.settle(now)
    }

    /// What the next packet's header says of a failover: the sender's clients are paused, or a vote is asked for though
    /// the primary has not failed.
    pub(super) fn failover_flags(&self) -> MessageFlags {
        let paused = self.myself().is_primary() && self.failover.manual.is_some() && self.replication.writes_paused;
        let force_ack = self.manual_failover_may_start();
        MessageFlags { paused, force_ack, ..MessageFlags::default() }
    }

    /// Finds out whether this process was stopped for so long that it may have been replaced. Then nothing that it has
    /// heard so far tells how things are now: votes for it are void, and answers that came meanwhile are dropped with
    /// the links that they are on.
    pub(super) fn notice_stop(&mut self, now: Now) {
        if !self.state.awake(&self.options, now) {
            return;
        }
        self.failover.election = None;
        self.start_afresh(now);
        self.health_changed();
    }

    fn vote_timeout_ms(&self) -> u64 {
        const SHORTEST: u64 = 2000;
        self.options.node_timeout_ms.saturating_mul(VOTE_TIMEOUTS).max(SHORTEST)
    }
}

#[cfg(test)]
mod tests;

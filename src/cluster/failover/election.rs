//! A replica stands for election when its primary has failed: it asks the other primaries for their votes, and takes
//! over with those of a majority.
//!
//! ```text
//!  nothing --primary FAIL--> waiting --delay over--> asking --majority--> primary
//!     ^                        ^                       |
//!     +---primary is back------+-----retry time--------+
//! ```
//!
//! Redis tries again after four node timeouts. A try that failed because another election had its epoch, or because
//! packets were lost, can be repeated at once: a voter that has not voted for this primary is free to. So the retry
//! time starts at a quarter of a second and doubles up to Redis's.

use crate::cluster::Cluster;
use crate::cluster::nodes::NodeIx;
use crate::cluster::now::Now;
use crate::cluster::wire::{Body, GossipKind, Header};
use crate::contract::topology::NodeId;
use rand_xoshiro::rand_core::Rng;

/// The first retry time.
const FIRST_RETRY_MS: u64 = 250;
/// How long the same reason for not failing over is not repeated in the log. Source: Redis 7.0
/// `CLUSTER_CANT_FAILOVER_RELOG_PERIOD`.
const RELOG_MS: u64 = 300_000;
/// How much longer than a node timeout a failover may take before the log says why. Source: Redis 7.0
/// `clusterLogCantFailover`.
const SILENT_MS: u64 = 5000;

/// A candidacy.
#[derive(Debug)]
pub(super) struct Election {
    /// Whom to succeed.
    primary: NodeId,
    /// When the wait began.
    began: Now,
    /// What chance added to the wait.
    dice: u64,
    /// How many tries went before.
    earlier: u32,
    /// The rank that was last logged.
    rank: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Not before this moment of the monotonic clock.
    Waiting { until: u64 },
    /// Asked in this epoch, at this time, and these have voted.
    Asking { epoch: u64, at: Now, voters: Vec<NodeId> },
}

impl Election {
    /// How often votes were asked for.
    #[cfg(test)]
    pub(super) fn tries(&self) -> u32 {
        self.earlier + u32::from(matches!(self.stage, Stage::Asking { .. }))
    }

    /// How many votes there are.
    #[cfg(test)]
    pub(super) fn votes(&self) -> usize {
        if let Stage::Asking { voters, .. } = &self.stage { voters.len() } else { 0 }
    }

    /// When it goes on by time alone.
    pub(super) fn starts_at(&self) -> Option<u64> {
        match self.stage {
            Stage::Waiting { until } => Some(until),
            Stage::Asking { .. } => None,
        }
    }
}

/// Why a replica of a failed primary is not its successor yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Obstacle {
    #[error(
        "Disconnected from master for longer than allowed. Please check the 'cluster-replica-validity-factor' \
         configuration option."
    )]
    DataAge,
    #[error("The data of the master is not here.")]
    NoData,
    #[error("Waiting the delay before I can start a new failover.")]
    Delay,
    #[error("Failover attempt expired.")]
    Expired,
    #[error("Waiting for votes, but majority still not reached.")]
    Votes,
}

impl Cluster {
    /// Goes on with the election as far as it can go now.
    pub(super) fn stand_for_election(&mut self, now: Now) {
        let Some(primary) = self.primary_to_succeed() else {
            self.failover.election = None;
            self.failover.complaint = None;
            return;
        };
        if let Err(obstacle) = self.advance_election(primary, now) {
            self.complain(obstacle, primary, now);
        }
    }

    /// A primary has voted for this node.
    ///
    /// Redis counts any vote of an epoch not smaller than the election's; but a voter votes in its current epoch only,
    /// so that a vote for us is of our epoch exactly.
    pub(in crate::cluster) fn auth_granted(&mut self, sender: NodeIx, header: &Header, now: Now) {
        let voter = &self.nodes[sender];
        let (id, may_vote) = (voter.id, self.is_voter(sender));
        let Some(Election { stage: Stage::Asking { epoch, voters, .. }, .. }) = &mut self.failover.election else {
            return;
        };
        if may_vote && header.current_epoch == *epoch && !voters.contains(&id) {
            voters.push(id);
        }
        self.stand_for_election(now);
    }

    /// The primary that this replica should take over from: one that failed, or one to which a manual failover applies.
    fn primary_to_succeed(&self) -> Option<NodeIx> {
        let primary = self.myself().replicaof?;
        let manual = self.manual_failover_may_start();
        let wanted = manual || (self.nodes[primary].has_failed() && !self.options.replica_no_failover);
        (self.myself().is_replica() && wanted && self.slots.count(primary) > 0).then_some(primary)
    }

    fn advance_election(&mut self, primary: NodeIx, now: Now) -> Result<(), Obstacle> {
        let manual = self.manual_failover_may_start();
        if !manual {
            self.check_data()?;
        }
        if !self.is_candidate_for(primary, now) {
            self.schedule_election(primary, now);
        }
        let election = self.failover.election.as_ref().expect("it was just scheduled");
        let Election { began, dice, earlier, .. } = *election;
        let waits = election.starts_at().is_some() && !manual;
        let time = if waits { self.election_time(primary, began, dice, earlier, now) } else { now.mono_ms };
        let rank = if manual { 0 } else { self.rank_among_replicas(primary) };
        let (valid_for, quorum) = (self.vote_timeout_ms(), self.quorum());
        let election = self.failover.election.as_mut().expect("it was just scheduled");
        match &mut election.stage {
            Stage::Waiting { until } => {
                *until = time;
                if rank > election.rank {
                    log::warn!("Replica rank updated to #{rank}.");
                    election.rank = rank;
                }
                if now.mono_ms < *until {
                    return Err(Obstacle::Delay);
                }
                self.ask_for_votes(primary, now);
                Ok(())
            }
            Stage::Asking { at, .. } if now.since(*at) > valid_for => Err(Obstacle::Expired),
            Stage::Asking { voters, .. } if voters.len() < quorum => Err(Obstacle::Votes),
            Stage::Asking { epoch, .. } => {
                let epoch = *epoch;
                self.win(epoch);
                Ok(())
            }
        }
    }

    /// A replica whose data is too old, or not there, must not take over: what its primary acknowledged would be lost.
    fn check_data(&self) -> Result<(), Obstacle> {
        if self.replication.data_missing {
            return Err(Obstacle::NoData);
        }
        let factor = self.options.replica_validity_factor;
        if factor == 0 {
            return Ok(());
        }
        // As long as it takes to find out that the primary has failed, everybody is without news of it.
        let timeout = self.options.node_timeout_ms;
        let oldest = self.options.repl_ping_period_ms.saturating_add(timeout.saturating_mul(factor));
        match self.replication.primary_silent_ms {
            Some(silent) if silent <= timeout || silent - timeout <= oldest => Ok(()),
            _ => Err(Obstacle::DataAge),
        }
    }

    /// Whether a try to succeed `primary` is under way that is not yet to be given up.
    fn is_candidate_for(&self, primary: NodeIx, now: Now) -> bool {
        let Some(election) = &self.failover.election else { return false };
        let given_up = match election.stage {
            Stage::Waiting { .. } => false,
            Stage::Asking { at, .. } => now.since(at) > self.retry_ms(election.earlier),
        };
        election.primary == self.nodes[primary].id && !given_up
    }

    fn retry_ms(&self, earlier: u32) -> u64 {
        let slow = self.vote_timeout_ms().saturating_mul(2);
        let fast = FIRST_RETRY_MS.saturating_mul(1 << earlier.min(32));
        if self.options.fast_failover { fast.min(slow) } else { slow }
    }

    fn schedule_election(&mut self, primary: NodeIx, now: Now) {
        let id = self.nodes[primary].id;
        let before = self.failover.election.take().filter(|election| election.primary == id);
        let earlier = before.map_or(0, |election| election.earlier.saturating_add(1));
        let (dice, rank) = (self.random.next_u64(), self.rank_among_replicas(primary));
        let manual = self.manual_failover_may_start();
        let until = if manual { now.mono_ms } else { self.election_time(primary, now, dice, earlier, now) };
        log::warn!(
            "Start of election delayed for {} milliseconds (rank #{rank}, offset {}).",
            until.saturating_sub(now.mono_ms),
            self.replication.offset
        );
        let stage = Stage::Waiting { until };
        self.failover.election = Some(Election { primary: id, began: now, dice, earlier, rank, stage });
        if !manual {
            // Their rank depends on this one's offset, and this one's on theirs.
            self.gossip_with(GossipKind::Ping, |node| node.replicaof == Some(primary) && !node.is_myself());
        }
    }

    fn ask_for_votes(&mut self, primary: NodeIx, now: Now) {
        self.epochs.current = self.epochs.current.saturating_add(1);
        let epoch = self.epochs.current;
        log::warn!("Starting a failover election for epoch {epoch}.");
        let failed = &self.nodes[primary];
        // A node that has not heard yet that the primary failed would not vote. Later than a node timeout, others may
        // have cleared the flag for a reason, and must not be made to set it again.
        let is_news =
            failed.has_failed() && failed.failed_at.is_some_and(|at| now.since(at) <= self.options.node_timeout_ms);
        if is_news && self.options.fast_failover {
            let packet = self.packet(Body::Fail(failed.id));
            self.broadcast(packet);
        }
        let packet = self.packet(Body::AuthRequest);
        self.broadcast(packet);
        if let Some(election) = &mut self.failover.election {
            election.stage = Stage::Asking { epoch, at: now, voters: Vec::new() };
        }
        self.config_changed();
    }

    fn win(&mut self, epoch: u64) {
        log::warn!("Failover election won: I'm the new master.");
        if self.myself().config_epoch < epoch {
            self.nodes[self.me].config_epoch = epoch;
            log::warn!("configEpoch set to {epoch} after successful failover");
        }
        self.replace_primary();
    }

    /// Takes the primary's place and slots, under a configuration epoch that this node already has.
    pub(in crate::cluster) fn replace_primary(&mut self) {
        let Some(old) = self.myself().replicaof else { return };
        let inherited = self.inheritance();
        self.become_primary();
        for slot in crate::slot::Slot::all().filter(|slot| self.slots.owner(*slot) == Some(old)).collect::<Vec<_>>() {
            self.assign(slot, self.me);
        }
        self.reopen(inherited);
        self.failover.election = None;
        self.reset_manual_failover();
        self.config_changed();
        self.announce_change();
    }

    fn complain(&mut self, obstacle: Obstacle, primary: NodeIx, now: Now) {
        if self.failover.complaint.is_some_and(|(last, at)| last == obstacle && now.since(at) < RELOG_MS) {
            return;
        }
        self.failover.complaint = Some((obstacle, now));
        let failed_at = self.nodes[primary].failed_at;
        let usual = self.options.node_timeout_ms.saturating_add(SILENT_MS);
        if failed_at.is_none_or(|at| now.since(at) >= usual) {
            log::warn!("Currently unable to failover: {obstacle}");
        }
    }

    /// Gives up whatever this node is a candidate for: votes it has may have been overtaken while it did not look.
    pub(in crate::cluster) fn drop_election(&mut self) {
        self.failover.election = None;
    }
}

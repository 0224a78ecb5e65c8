//! A primary's vote: the ladder of reasons not to give it, and the vote itself.
//!
//! Every reason of Redis 7.0's `clusterSendFailoverAuthIfNeeded` is here. Beyond that:
//! - A node that cannot know whether it still is a primary (it has just started, it was stopped, it was cut off from the
//!   majority) does not vote: its vote and that of its successor could make two winners in one epoch.
//! - A replica that asks again, in a newer epoch, may have the vote again: it is the same candidate.

use crate::cluster::Cluster;
use crate::cluster::nodes::{Node, NodeIx};
use crate::cluster::now::Now;
use crate::cluster::slots::slots_in;
use crate::cluster::wire::{Body, Header};
use crate::contract::topology::NodeId;

/// A vote given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ballot {
    /// Whom to succeed.
    primary: NodeId,
    /// For whom.
    candidate: NodeId,
    at: Now,
}

/// Why a vote is denied. Texts are Redis 7.0's where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Denial {
    #[error("I have no say")]
    NoVoter,
    #[error("I don't know whether I still have a say")]
    OutOfTouch,
    #[error("reqEpoch ({request}) < curEpoch({current})")]
    OldEpoch { request: u64, current: u64 },
    #[error("already voted for epoch {0}")]
    AlreadyVoted(u64),
    #[error("it is a master node")]
    CandidateIsPrimary,
    #[error("I don't know its master")]
    UnknownPrimary,
    #[error("its master is up")]
    PrimaryIsUp,
    #[error("can't vote about this master before {0} milliseconds")]
    VotedForAnother(u64),
    #[error("slot {slot} epoch ({owner}) > reqEpoch ({request})")]
    SlotEpoch { slot: u16, owner: u64, request: u64 },
    #[error("I am not connected to it")]
    NoLink,
}

impl Cluster {
    /// A replica asks for this node's vote. Its header has been dealt with: current epoch and roles are up to date.
    pub(in crate::cluster) fn auth_requested(&mut self, sender: NodeIx, header: &Header, now: Now) {
        if header.current_epoch == self.epochs.current {
            self.note_request(sender, now);
        }
        let candidate = self.nodes[sender].id;
        let primary = match self.judge_candidate(sender, header, now) {
            Ok(primary) => self.nodes[primary].id,
            Err(Denial::NoVoter) => return,
            Err(denial) => return log::warn!("Failover auth denied to {candidate}: {denial}"),
        };
        self.epochs.last_vote = self.epochs.current;
        let keep = self.vote_timeout_ms();
        self.failover.ballots.retain(|ballot| ballot.primary != primary && now.since(ballot.at) < keep);
        self.failover.ballots.push(Ballot { primary, candidate, at: now });
        self.config_changed();
        self.send_to(sender, Body::AuthAck);
        log::warn!("Failover auth granted to {candidate} for epoch {}", self.epochs.current);
    }

    /// The primary whose successor the candidate may be.
    fn judge_candidate(&self, sender: NodeIx, header: &Header, now: Now) -> Result<NodeIx, Denial> {
        if !self.myself().is_primary() || self.slots.count(self.me) == 0 {
            return Err(Denial::NoVoter);
        }
        if !self.state.is_in_touch(&self.options, now) {
            return Err(Denial::OutOfTouch);
        }
        let (request, current) = (header.current_epoch, self.epochs.current);
        if request < current {
            return Err(Denial::OldEpoch { request, current });
        }
        if self.epochs.last_vote >= current {
            return Err(Denial::AlreadyVoted(self.epochs.last_vote));
        }
        let candidate = &self.nodes[sender];
        if candidate.is_primary() {
            return Err(Denial::CandidateIsPrimary);
        }
        let primary = candidate.replicaof.ok_or(Denial::UnknownPrimary)?;
        if !self.nodes[primary].has_failed() && !header.message_flags.force_ack {
            return Err(Denial::PrimaryIsUp);
        }
        self.check_ballots(&self.nodes[primary], candidate, now)?;
        self.check_slot_epochs(header)?;
        if candidate.link.is_none() {
            return Err(Denial::NoLink);
        }
        Ok(primary)
    }

    fn check_ballots(&self, primary: &Node, candidate: &Node, now: Now) -> Result<(), Denial> {
        let wait = self.options.node_timeout_ms.saturating_mul(super::VOTE_TIMEOUTS);
        let mut ballots = self.failover.ballots.iter();
        match ballots.find(|ballot| ballot.primary == primary.id && ballot.candidate != candidate.id) {
            Some(ballot) if now.since(ballot.at) < wait => Err(Denial::VotedForAnother(wait - now.since(ballot.at))),
            _ => Ok(()),
        }
    }

    /// A candidate that does not know of a newer owner of a slot it claims has missed something.
    fn check_slot_epochs(&self, header: &Header) -> Result<(), Denial> {
        let request = header.config_epoch;
        for slot in slots_in(&header.slots) {
            let owner = self.slots.claimed_owner(slot).map_or(0, |owner| self.nodes[owner].config_epoch);
            if owner > request {
                return Err(Denial::SlotEpoch { slot: slot.number(), owner, request });
            }
        }
        Ok(())
    }
}

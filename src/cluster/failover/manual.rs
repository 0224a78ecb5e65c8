//! Manual failover: CLUSTER FAILOVER on a replica makes it take its primary's place without losing a write.
//!
//! ```text
//!  replica                          primary
//!  MFSTART     ------------------>  holds back writes (10 s at most)
//!              <------------------  PING with `paused` and its offset
//!  has that offset: election with `forceack`
//!  wins, PONG  ------------------>  has lost its slots: becomes its replica, and lets the writes go (MOVED)
//! ```
//!
//! Whoever has not seen the end after 5 s gives up; the replica does so before its primary, since it began before.

use crate::cluster::nodes::NodeIx;
use crate::cluster::now::Now;
use crate::cluster::wire::{Body, Header};
use crate::cluster::{Action, Cluster};
use crate::contract::topology::NodeId;

/// How long a manual failover may take. Source: Redis 7.0 `CLUSTER_MF_TIMEOUT`.
const TIMEOUT_MS: u64 = 5000;
/// How long the primary holds back writes at most. Source: Redis 7.0 `CLUSTER_MF_PAUSE_MULT`.
const PAUSE_MS: u64 = 2 * TIMEOUT_MS;

/// A manual failover under way.
#[derive(Debug)]
pub(super) struct Manual {
    began: Now,
    side: Side,
}

#[derive(Debug)]
enum Side {
    /// This primary is to be replaced by this replica.
    Primary(NodeId),
    /// This replica waits for its primary's offset, or for its own to get there.
    Replica { primary_offset: Option<u64> },
    /// This replica may be elected though its primary has not failed.
    MayStart,
}

/// How CLUSTER FAILOVER is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cluster) enum How {
    /// With the primary's help.
    Agreed,
    /// Without it, but with the votes of a majority.
    Forced,
    /// Without anybody's.
    Takeover,
}

impl Cluster {
    /// Begins a manual failover of this replica's primary.
    pub(in crate::cluster) fn begin_manual_failover(&mut self, primary: NodeIx, how: How, now: Now) {
        self.reset_manual_failover();
        self.drop_election();
        let side = match how {
            How::Agreed => Side::Replica { primary_offset: None },
            How::Forced | How::Takeover => Side::MayStart,
        };
        self.failover.manual = Some(Manual { began: now, side });
        match how {
            How::Agreed => {
                log::warn!("Manual failover user request accepted.");
                self.send_to(primary, Body::ManualFailoverStart);
            }
            How::Forced => {
                log::warn!("Forced failover user request accepted.");
                self.stand_for_election(now);
            }
            How::Takeover => {
                log::warn!("Taking over the master (user request).");
                // What this node has is its primary's epoch, and would not be greater than it.
                self.nodes[self.me].config_epoch = 0;
                self.epochs.bump_without_consensus(&mut self.nodes, self.me);
                self.replace_primary();
            }
        }
    }

    /// A replica of this node wants a manual failover.
    pub(in crate::cluster) fn manual_failover_requested(&mut self, sender: NodeIx, _header: &Header, now: Now) {
        let replica = &self.nodes[sender];
        if !self.myself().is_primary() || replica.replicaof != Some(self.me) {
            return;
        }
        let replica = replica.id;
        // What an earlier try has found out is no longer so: its pause may have ended meanwhile.
        self.replication.writes_paused = false;
        self.failover.manual = Some(Manual { began: now, side: Side::Primary(replica) });
        self.pending.actions.push(Action::PauseWrites(Some(now.unix_ms.saturating_add(PAUSE_MS))));
        log::warn!("Manual failover requested by replica {replica}.");
    }

    /// A packet of this node's primary came while a manual failover may be under way: it can carry `paused` and the
    /// offset to wait for.
    pub(in crate::cluster) fn heard_of_primary(&mut self, header: &Header, now: Now) {
        let Some(Manual { side: Side::Replica { primary_offset }, .. }) = &mut self.failover.manual else { return };
        if header.message_flags.paused && primary_offset.is_none() {
            *primary_offset = Some(header.offset);
            log::warn!("Received replication offset for paused master manual failover: {}", header.offset);
            self.start_manual_election(now);
        }
    }

    /// The regular work of a manual failover.
    pub(super) fn manual_failover_tick(&mut self, now: Now) {
        let Some(manual) = &self.failover.manual else { return };
        if now.since(manual.began) > TIMEOUT_MS {
            log::warn!("Manual failover timed out.");
            return self.reset_manual_failover();
        }
        match manual.side {
            Side::Primary(replica) => {
                let replica = self.nodes.find(replica).filter(|_| self.replication.writes_paused);
                if let Some(replica) = replica {
                    self.ping(replica, now);
                }
            }
            Side::Replica { .. } => self.start_manual_election(now),
            Side::MayStart => {}
        }
    }

    /// Stands for election if everything that the paused primary has executed is here.
    fn start_manual_election(&mut self, now: Now) {
        let Some(Manual { side, .. }) = &mut self.failover.manual else { return };
        let Side::Replica { primary_offset: Some(offset) } = *side else { return };
        if self.replication.offset < offset {
            return;
        }
        *side = Side::MayStart;
        log::warn!("All master replication stream processed, manual failover can start.");
        self.stand_for_election(now);
    }

    /// Whether this replica may be elected though its primary has not failed.
    pub(super) fn manual_failover_may_start(&self) -> bool {
        matches!(self.failover.manual, Some(Manual { side: Side::MayStart, .. }))
    }

    /// Ends the manual failover, whatever came of it. Writes go on only after the data cores know who has the slots
    /// now: executed here, those that waited would be acknowledged and lost.
    pub(in crate::cluster) fn reset_manual_failover(&mut self) {
        if let Some(Manual { side: Side::Primary(_), .. }) = self.failover.manual.take() {
            self.replication.writes_paused = false;
            self.pending.outgoing.push(Action::PauseWrites(None));
        }
    }
}

//! Failover: elections of replicas, votes of primaries, manual failover, and the migration of replicas to primaries
//! that have none. Part of the sans-I/O control plane.

use super::Cluster;
use super::nodes::NodeIx;
use super::now::Now;
use super::wire::{Header, MessageFlags};

impl Cluster {
    /// The regular work of failover, ten times a second: called by [`tick`](Cluster::tick) after the failure detection.
    pub(super) fn failover_tick(&mut self, _now: Now) {}

    /// What every packet tells of a failover under way.
    pub(super) fn failover_flags(&self) -> MessageFlags {
        MessageFlags::default()
    }

    /// A replica asks for this node's vote.
    pub(super) fn auth_requested(&mut self, _sender: NodeIx, _header: &Header, _now: Now) {}

    /// A primary has voted for this node.
    pub(super) fn auth_granted(&mut self, _sender: NodeIx, _header: &Header, _now: Now) {}

    /// A replica of this node wants a manual failover.
    pub(super) fn manual_failover_requested(&mut self, _sender: NodeIx, _header: &Header, _now: Now) {}

    /// A packet of this node's primary came while a manual failover may be under way: it can carry `paused` and the
    /// offset to wait for.
    pub(super) fn heard_of_primary(&mut self, _header: &Header, _now: Now) {}
}

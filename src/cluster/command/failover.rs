//! CLUSTER FAILOVER.

use super::{Call, Refusal, shown_short};
use crate::cluster::Cluster;
use crate::cluster::failover::manual::How;
use crate::resp::{Error, Reply};

/// CLUSTER FAILOVER [FORCE|TAKEOVER]
pub(super) fn failover(cluster: &mut Cluster, call: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    let how = match call.parameters().len() {
        0 => How::Agreed,
        1 if call.is(0, "force") => How::Forced,
        1 if call.is(0, "takeover") => How::Takeover,
        1 => return Err(Error::Syntax),
        _ => return Err(Refusal::Grammar(shown_short(call.args[1])).into()),
    };
    if cluster.myself().is_primary() {
        return Err(Refusal::FailoverOfPrimary.into());
    }
    let primary = cluster.myself().replicaof.ok_or(Refusal::PrimaryUnknown)?;
    let node = &cluster.nodes[primary];
    if how == How::Agreed && (node.has_failed() || node.link.is_none()) {
        return Err(Refusal::PrimaryIsDown.into());
    }
    cluster.begin_manual_failover(primary, how, call.now);
    reply.ok();
    Ok(())
}

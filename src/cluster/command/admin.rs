//! Subcommands that change this node's standing: its epoch, its name, its file.

use super::{Call, Refusal, parse_integer, shown_short};
use crate::cluster::epochs::Epochs;
use crate::cluster::nodes::random_id;
use crate::cluster::{Action, Cluster};
use crate::resp::{Error, Reply};

/// CLUSTER BUMPEPOCH
pub(super) fn bump_epoch(cluster: &mut Cluster, _: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    let bumped = cluster.epochs.bump_without_consensus(&mut cluster.nodes, cluster.me);
    if bumped {
        cluster.config_changed();
    }
    let word = if bumped { "BUMPED" } else { "STILL" };
    reply.simple(&format!("{word} {}", cluster.myself().config_epoch));
    Ok(())
}

/// CLUSTER SET-CONFIG-EPOCH epoch: gives each node of a cluster that is being made an epoch of its own.
pub(super) fn set_config_epoch(cluster: &mut Cluster, call: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    let given = parse_integer(call.parameters()[0]).ok_or(Error::NotAnInteger)?;
    let epoch = u64::try_from(given).map_err(|_| Refusal::InvalidEpoch(given))?;
    if cluster.nodes.len() > 1 {
        return Err(Refusal::EpochWithOthers.into());
    }
    if cluster.myself().config_epoch != 0 {
        return Err(Refusal::EpochAlreadySet.into());
    }
    cluster.nodes[cluster.me].config_epoch = epoch;
    cluster.epochs.current = cluster.epochs.current.max(epoch);
    log::warn!("configEpoch set to {epoch} via CLUSTER SET-CONFIG-EPOCH");
    cluster.config_changed();
    reply.ok();
    Ok(())
}

/// CLUSTER SAVECONFIG
pub(super) fn save_config(cluster: &mut Cluster, _: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    cluster.pending.save = true;
    reply.ok();
    Ok(())
}

/// CLUSTER RESET [HARD|SOFT]
pub(super) fn reset(cluster: &mut Cluster, call: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    let hard = match call.parameters().len() {
        0 => false,
        1 if call.is(0, "hard") => true,
        1 if call.is(0, "soft") => false,
        1 => return Err(Error::Syntax),
        _ => return Err(Refusal::Grammar(shown_short(call.args[1])).into()),
    };
    if cluster.myself().is_primary() && call.facts.keys != 0 {
        return Err(Refusal::ResetWithKeys.into());
    }
    forget_the_cluster(cluster);
    if hard {
        start_a_new_life(cluster);
    }
    cluster.config_changed();
    reply.ok();
    Ok(())
}

fn forget_the_cluster(cluster: &mut Cluster) {
    if cluster.myself().is_replica() {
        cluster.become_primary();
        cluster.pending.actions.push(Action::FlushAll);
    }
    cluster.slots.close_all();
    cluster.reset_manual_failover();
    cluster.slots.unassign_all_of(cluster.me);
    let others: Vec<_> = cluster.nodes.iter().map(|(ix, _)| ix).filter(|ix| *ix != cluster.me).collect();
    for other in others {
        cluster.forget(other);
    }
}

fn start_a_new_life(cluster: &mut Cluster) {
    cluster.epochs = Epochs::default();
    cluster.nodes[cluster.me].config_epoch = 0;
    log::warn!("configEpoch set to 0 via CLUSTER RESET HARD");
    let id = random_id(&mut cluster.random);
    cluster.nodes.rename(cluster.me, id);
    log::info!("Node hard reset, now I'm {id}");
}

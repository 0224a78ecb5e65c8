//! SETSLOT: a slot's way from one node to another, step by step.

use super::{Call, Refusal, parse_slot, shown};
use crate::cluster::Cluster;
use crate::cluster::nodes::NodeIx;
use crate::cluster::slots::Direction;
use crate::contract::topology::NodeId;
use crate::resp::{Error, Reply};
use crate::slot::Slot;

/// CLUSTER SETSLOT slot IMPORTING id | MIGRATING id | STABLE | NODE id
pub(super) fn set_slot(cluster: &mut Cluster, call: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    if cluster.myself().is_replica() {
        return Err(Refusal::SetSlotOnReplica.into());
    }
    let slot = parse_slot(call.parameters()[0])?;
    match call.parameters()[1..] {
        [_, id] if call.is(1, "migrating") => migrating(cluster, slot, id)?,
        [_, id] if call.is(1, "importing") => importing(cluster, slot, id)?,
        [_, id] if call.is(1, "node") => node(cluster, slot, id, call.facts.keys_in_slot)?,
        [_] if call.is(1, "stable") => stable(cluster, slot),
        _ => return Err(Refusal::SetSlotGrammar.into()),
    }
    cluster.slots_moved();
    reply.ok();
    Ok(())
}

fn migrating(cluster: &mut Cluster, slot: Slot, id: &[u8]) -> Result<(), Refusal> {
    if cluster.slots.owner(slot) != Some(cluster.me) {
        return Err(Refusal::NotOwner(slot.number()));
    }
    let target = find_primary(cluster, id, Refusal::NodeNotKnown)?;
    cluster.slots.open(slot, Direction::Migrating, target);
    Ok(())
}

fn importing(cluster: &mut Cluster, slot: Slot, id: &[u8]) -> Result<(), Refusal> {
    if cluster.slots.owner(slot) == Some(cluster.me) {
        return Err(Refusal::AlreadyOwner(slot.number()));
    }
    let source = find_primary(cluster, id, Refusal::NodeNotKnown)?;
    cluster.slots.open(slot, Direction::Importing, source);
    Ok(())
}

fn stable(cluster: &mut Cluster, slot: Slot) {
    cluster.slots.close(slot, Direction::Importing);
    cluster.slots.close(slot, Direction::Migrating);
}

fn node(cluster: &mut Cluster, slot: Slot, id: &[u8], keys: u64) -> Result<(), Refusal> {
    let owner = find_primary(cluster, id, Refusal::UnknownNode)?;
    let was_mine = cluster.slots.owner(slot) == Some(cluster.me);
    let is_mine = owner == cluster.me;
    if was_mine && !is_mine && keys != 0 {
        return Err(Refusal::SlotHasKeys(slot.number()));
    }
    if keys == 0 {
        cluster.slots.close(slot, Direction::Migrating);
    }
    cluster.assign(slot, owner);
    if was_mine && !is_mine {
        follow_if_left_empty(cluster, owner);
    }
    if is_mine && cluster.slots.opened(slot, Direction::Importing).is_some() {
        finish_import(cluster, slot);
    }
    Ok(())
}

/// A primary whose last slot has gone serves best as a replica of who took it.
fn follow_if_left_empty(cluster: &mut Cluster, new_owner: NodeIx) {
    if cluster.slots.count(cluster.me) == 0 && cluster.options.allow_replica_migration {
        log::warn!(
            "Configuration change detected. Reconfiguring myself as a replica of {}",
            cluster.nodes[new_owner].id
        );
        cluster.become_replica_of(new_owner);
    }
}

/// A slot that was migrated by hand is claimed under a new epoch, or the others would not believe it.
fn finish_import(cluster: &mut Cluster, slot: Slot) {
    if cluster.epochs.bump_without_consensus(&mut cluster.nodes, cluster.me) {
        log::warn!("configEpoch updated after importing slot {}", slot.number());
        cluster.config_changed();
    }
    cluster.slots.close(slot, Direction::Importing);
    cluster.announce_change();
}

fn find_primary(cluster: &Cluster, id: &[u8], unknown: fn(String) -> Refusal) -> Result<NodeIx, Refusal> {
    let found = NodeId::parse(id).and_then(|id| cluster.nodes.find(id)).ok_or_else(|| unknown(shown(id)))?;
    if cluster.nodes[found].is_replica() {
        return Err(Refusal::TargetNotPrimary);
    }
    Ok(found)
}

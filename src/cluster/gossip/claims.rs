//! Roles, epochs and slots: what a node claims to be, and whose claim to a slot is the newer one.

use crate::cluster::nodes::NodeIx;
use crate::cluster::slots::{Direction, has_slot, slots_in};
use crate::cluster::wire::{Body, Header, SlotBits};
use crate::cluster::{Action, Cluster};
use crate::contract::topology::{NodeFlags, NodeId};
use crate::slot::Slot;
use std::collections::BTreeSet;

impl Cluster {
    /// Whether a packet of a primary with slots was sent when it was still a replica: it was overtaken by one on the
    /// other link. Believed, it would leave the node's slots to whoever had them before. It can also be of a primary that
    /// gave its slots away under an older epoch (CLUSTER RESET, then REPLICATE): what answers a ping sent since the node's
    /// epoch is known tells which.
    pub(super) fn may_be_of_an_older_epoch(&self, sender: NodeIx, header: &Header) -> bool {
        header.replicaof.is_some() && self.is_voter(sender) && header.config_epoch < self.nodes[sender].config_epoch
    }

    /// Takes over a known node's role.
    pub(super) fn note_role(&mut self, sender: NodeIx, header: &Header) {
        let Some(primary) = header.replicaof else {
            return self.note_primary(sender, header.config_epoch, &header.slots);
        };
        let primary = self.nodes.find(primary).filter(|primary| *primary != sender);
        if !self.nodes[sender].is_replica() {
            self.demote(sender, primary, header);
        }
        if let Some(primary) = primary.filter(|primary| self.nodes[sender].replicaof != Some(*primary)) {
            self.set_replica_of(sender, primary);
        }
    }

    /// A primary has become a replica. Its slots are whose it was that turned it into one, which the header tells with
    /// their epoch. Left to nobody until that node tells itself, they would go to any older claim that comes first.
    fn demote(&mut self, sender: NodeIx, primary: Option<NodeIx>, header: &Header) {
        let lost = *self.slots.bits(sender);
        self.slots.unassign_all_of(sender);
        let node = &mut self.nodes[sender];
        node.flags = node.flags.without(NodeFlags::PRIMARY.with(NodeFlags::MIGRATE_TO)).with(NodeFlags::REPLICA);
        self.config_changed();
        let Some(primary) = primary.filter(|primary| *primary != self.me) else { return };
        let handed_over = lost.iter().zip(header.slots.iter()).any(|(lost, told)| lost & told != 0);
        if handed_over && !self.nodes[primary].is_in_handshake() {
            self.set_primary(primary);
            self.redirect_open_slots(sender, primary);
            self.nodes[primary].learn_epoch(header.config_epoch);
            let mut slots = *self.slots.bits(primary);
            slots.iter_mut().zip(header.slots.iter()).for_each(|(own, told)| *own |= told);
            self.claim(primary, header.config_epoch, &slots);
        }
    }

    /// A node is a primary, and claims these slots. If it was a replica of one that has some of them under an older
    /// epoch, it is that one's successor.
    fn note_primary(&mut self, node: NodeIx, epoch: u64, claimed: &SlotBits) {
        let before = self.nodes[node].replicaof;
        self.set_primary(node);
        let is_succeeded = |before: &NodeIx| {
            let had = self.slots.bits(*before);
            self.nodes[*before].config_epoch < epoch && had.iter().zip(claimed).any(|(had, claimed)| had & claimed != 0)
        };
        if let Some(before) = before.filter(is_succeeded) {
            self.redirect_open_slots(before, node);
        }
    }

    /// Takes over a primary's slots, and tells a sender whose claim is old.
    pub(super) fn note_slots(&mut self, sender: NodeIx, header: &Header) {
        let owner = if self.nodes[sender].is_primary() { Some(sender) } else { self.nodes[sender].replicaof };
        let agrees = owner.is_none_or(|owner| *self.slots.bits(owner) == *header.slots);
        if agrees {
            return;
        }
        if owner == Some(sender) {
            self.claim(sender, header.config_epoch, &header.slots);
        }
        self.correct_stale_claim(sender, header);
    }

    /// A newer configuration of a node than the one known, by the word of another.
    pub(super) fn hear_update(&mut self, id: NodeId, config_epoch: u64, slots: &SlotBits) -> Option<()> {
        let node = self.nodes.find(id).filter(|node| *node != self.me && !self.nodes[*node].is_in_handshake())?;
        if self.nodes[node].config_epoch >= config_epoch {
            return None;
        }
        self.note_primary(node, config_epoch, slots);
        self.nodes[node].learn_epoch(config_epoch);
        self.config_changed();
        self.claim(node, config_epoch, slots);
        Some(())
    }

    /// Two primaries of one configuration epoch: the one with the smaller name takes a new epoch.
    pub(super) fn resolve_epoch_collision(&mut self, sender: NodeIx, header: &Header) {
        let (other, myself) = (&self.nodes[sender], self.myself());
        let collide = other.is_primary() && myself.is_primary() && header.config_epoch == myself.config_epoch;
        if !collide || other.id <= myself.id {
            return;
        }
        self.epochs.current = self.epochs.current.saturating_add(1);
        log::info!(
            "configEpoch collision with node {}. configEpoch set to {}",
            self.nodes[sender].id,
            self.epochs.current
        );
        self.nodes[self.me].config_epoch = self.epochs.current;
        self.config_changed();
    }

    /// Gives `claimer` those of the slots it claims under `epoch` that are unclaimed or claimed under an older epoch.
    fn claim(&mut self, claimer: NodeIx, epoch: u64, claimed: &SlotBits) {
        let mine = if self.myself().is_primary() { Some(self.me) } else { self.myself().replicaof };
        let (mut claims, mut taken_from_mine, mut lost) = (0, 0, Vec::new());
        for slot in Slot::all() {
            let owner = self.slots.owner(slot);
            let is_claimed = has_slot(claimed, slot);
            claims += usize::from(is_claimed);
            if owner == Some(claimer) {
                self.slots.set_claimed(slot, is_claimed);
                continue;
            }
            let imported = self.slots.opened(slot, Direction::Importing).is_some_and(|source| source != claimer);
            let is_newer = self.slots.claimed_owner(slot).is_none_or(|owner| self.nodes[owner].config_epoch < epoch);
            // A slot on its way to this node is an administrator's business, but for who it is that it comes from.
            if !is_claimed || imported || !is_newer {
                continue;
            }
            taken_from_mine += usize::from(owner.is_some() && owner == mine);
            if owner == Some(self.me) {
                lost.push(slot);
                self.slots.close(slot, Direction::Migrating);
            }
            self.assign(slot, claimer);
            self.slots_moved();
        }
        let left_empty = taken_from_mine > 0 && mine.is_some_and(|mine| self.slots.count(mine) == 0);
        let whole_shard_moved = claims == taken_from_mine;
        if left_empty && (self.options.allow_replica_migration || whole_shard_moved) {
            self.follow(claimer);
        } else if !self.follow_grand_primary() && !lost.is_empty() {
            self.pending.outgoing.push(Action::DropSlots(lost));
        }
    }

    fn follow(&mut self, primary: NodeIx) {
        if self.slots.count(self.me) == 0 {
            log::warn!(
                "Configuration change detected. Reconfiguring myself as a replica of {}",
                self.nodes[primary].id
            );
            self.become_replica_of(primary);
        }
    }

    /// A replica's primary can become a replica itself, when its last slot is taken from it. Then nobody will take
    /// over slots from it, and this node would stay a replica's replica for ever.
    pub(in crate::cluster) fn follow_grand_primary(&mut self) -> bool {
        let primary = self.myself().replicaof;
        let grand = primary.and_then(|primary| self.nodes[primary].replicaof).filter(|grand| *grand != self.me);
        let Some(grand) = grand else { return false };
        log::warn!("I'm a sub-replica! Reconfiguring myself as a replica of grandmaster {}", self.nodes[grand].id);
        self.follow(grand);
        true
    }

    /// Tells a sender who has, under a newer epoch, the slots that it claims.
    fn correct_stale_claim(&mut self, sender: NodeIx, header: &Header) {
        let newer: BTreeSet<NodeIx> = slots_in(&header.slots)
            .filter_map(|slot| self.slots.claimed_owner(slot))
            .filter(|owner| *owner != sender && self.nodes[*owner].config_epoch > header.config_epoch)
            .collect();
        for owner in newer {
            let node = &self.nodes[owner];
            log::info!(
                "Node {} has old slots configuration, sending an UPDATE message about {}",
                self.nodes[sender].id,
                node.id
            );
            let body =
                Body::Update { config_epoch: node.config_epoch, node: node.id, slots: self.slots.claimed_bits(owner) };
            self.send_to(sender, body);
        }
    }
}

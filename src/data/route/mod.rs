//! Where a command is executed: here, on another core, on several, or nowhere.
//!
//! Decides from snapshots alone, so no decision ever waits. One byte a slot answers the common question;
//! everything else is worked out only when that byte says so.
//!
//! On an open slot (one that is on its way to another node, or from one) it depends on the keys themselves: that is
//! decided where they are, right before the command is executed ([`Service`]).

use crate::base::ids::CoreId;
use crate::base::limits::SLOTS;
use crate::contract::settings::Settings;
use crate::contract::topology::Topology;
use crate::data::command::Command;
use crate::data::plane::dispatch::Request;
use crate::resp::Error;
use crate::slot::Slot;
use crate::slot::owner::OwnerMap;
use std::collections::BTreeSet;

/// The mark of a slot this node does not simply serve.
const ELSEWHERE: u8 = u8::MAX;

/// What to do with a command.
#[derive(Debug)]
pub enum Route {
    /// Execute it.
    Here(Service),
    /// Send it to this core.
    Hop(CoreId),
    /// Execute it here on stores borrowed from these cores, ascending.
    Span(Vec<CoreId>),
    /// Refuse it.
    Refused(Error),
}

/// How this node serves a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Service {
    /// Whatever the command.
    #[default]
    Whole,
    /// If all keys are here: those that are not are on another node already.
    Leaving,
    /// If there is one key, or all are here: others may still be on another node.
    Coming,
}

/// What of a command and its client matters on slots that this node does not simply serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// It writes.
    pub write: bool,
    /// The client said READONLY: it reads on replicas, too.
    pub readonly: bool,
    /// The client said ASKING right before it, or the command implies that.
    pub asking: bool,
    /// Its keys are shard channels.
    pub channels: bool,
    /// It moves keys between nodes.
    pub migrates: bool,
}

/// For each slot, where its commands go.
pub struct Routes {
    /// The serving core, or [`ELSEWHERE`].
    serving: Box<[u8; SLOTS]>,
    owners: OwnerMap,
    cluster: bool,
    reads_when_down: bool,
    channels_when_down: bool,
}

impl Routes {
    /// Routes of a node with `cores` data cores.
    pub fn new(settings: &Settings, topology: &Topology, cores: usize) -> Routes {
        let mut routes = Routes {
            serving: Box::new([ELSEWHERE; SLOTS]),
            owners: OwnerMap::even(cores),
            cluster: false,
            reads_when_down: false,
            channels_when_down: false,
        };
        routes.refresh(settings, topology);
        routes
    }

    /// Works everything out again from new snapshots.
    pub fn refresh(&mut self, settings: &Settings, topology: &Topology) {
        self.cluster = settings.cluster_enabled;
        self.reads_when_down = settings.cluster_allow_reads_when_down;
        self.channels_when_down = settings.cluster_allow_pubsubshard_when_down;
        for slot in Slot::all() {
            let served = !self.cluster || topology.is_mine(slot) && topology.cluster_ok();
            self.serving[slot.index()] = if served { self.owners.of(slot).0 } else { ELSEWHERE };
        }
        for (slot, _) in topology.migrating.iter().filter(|_| self.cluster) {
            self.serving[slot.index()] = ELSEWHERE;
        }
    }

    /// Which core owns which slot.
    pub fn owners(&self) -> &OwnerMap {
        &self.owners
    }

    /// The core that serves `slot`, whatever the command; none if the node does not serve it, or not wholly.
    #[inline]
    pub fn core(&self, slot: Slot) -> Option<CoreId> {
        let core = self.serving[slot.index()];
        (core != ELSEWHERE).then_some(CoreId(core))
    }

    /// Decides about a keyed command.
    #[inline]
    pub fn route(
        &self,
        command: &Command,
        request: &Request<'_>,
        manner: Manner,
        here: CoreId,
        topology: &Topology,
    ) -> Route {
        match request.key {
            Some(key) if command.single_key > 0 => match self.core(key.slot) {
                Some(core) if core == here => Route::Here(Service::Whole),
                Some(core) => Route::Hop(core),
                None => match self.service(key.slot, manner, topology) {
                    Err(error) => Route::Refused(error),
                    Ok(service) if self.owners.of(key.slot) == here => Route::Here(service),
                    Ok(_) => Route::Hop(self.owners.of(key.slot)),
                },
            },
            _ => self.route_keys(command, request, manner, here, topology),
        }
    }

    /// Decides about a command with any number of keys.
    fn route_keys(
        &self,
        command: &Command,
        request: &Request<'_>,
        manner: Manner,
        here: CoreId,
        topology: &Topology,
    ) -> Route {
        let keys: Vec<&[u8]> = command.key_indexes(request.args).into_iter().map(|index| request.args[index]).collect();
        let service = match self.one_slot(&keys, manner, topology) {
            Ok(service) if command.spec.has_keys() => service,
            Err(error) if command.spec.has_keys() => return Route::Refused(error),
            _ => Service::Whole,
        };
        let one = |core| if core == here { Route::Here(service) } else { Route::Hop(core) };
        let mut cores = keys.iter().map(|key| self.owners.of(Slot::of_key(key)));
        let first = cores.next();
        if cores.all(|core| Some(core) == first) && !command.reaches_any_key(request.args) {
            return first.map_or(Route::Here(service), one);
        }
        let cores = self.cores_of(command, request.args);
        match (cores.len(), cores.first()) {
            (1, Some(core)) => one(*core),
            _ => Route::Span(cores.into_iter().collect()),
        }
    }

    /// The cores whose stores a keyed command needs.
    pub fn cores_of(&self, command: &Command, args: &[&[u8]]) -> BTreeSet<CoreId> {
        if !self.cluster && command.reaches_any_key(args) {
            return self.owners.ranges().map(|(_, core)| core).collect();
        }
        let slots = command.key_indexes(args).into_iter().map(|index| Slot::of_key(args[index]));
        slots.map(|slot| self.owners.of(slot)).collect()
    }

    /// Whether a cluster node may execute this command, as far as can be told without its keys: they lie in one slot,
    /// and that is served here.
    pub fn check(
        &self,
        command: &Command,
        request: &Request<'_>,
        manner: Manner,
        topology: &Topology,
    ) -> Result<Service, Error> {
        if !self.cluster || !command.spec.has_keys() {
            return Ok(Service::Whole);
        }
        let keys: Vec<&[u8]> = command.key_indexes(request.args).into_iter().map(|index| request.args[index]).collect();
        self.one_slot(&keys, manner, topology)
    }

    /// How `keys` are served, if they lie in one slot. In Redis's order: a first key that nobody serves comes first.
    pub fn one_slot(&self, keys: &[&[u8]], manner: Manner, topology: &Topology) -> Result<Service, Error> {
        let Some((first, rest)) = keys.split_first().filter(|_| self.cluster) else { return Ok(Service::Whole) };
        let slot = Slot::of_key(first);
        if topology.owner(slot).is_none() {
            return Err(Error::SlotNotServed);
        }
        if rest.iter().any(|key| Slot::of_key(key) != slot) {
            return Err(Error::CrossSlot);
        }
        self.service(slot, manner, topology)
    }

    /// How this node serves `slot`. Source of the order: Redis 7.0 `getNodeByQuery`.
    #[cold]
    pub fn service(&self, slot: Slot, manner: Manner, topology: &Topology) -> Result<Service, Error> {
        if !self.cluster {
            return Ok(Service::Whole);
        }
        let Some(owner) = topology.redirect_target(slot) else { return Err(Error::SlotNotServed) };
        if !topology.cluster_ok() {
            self.service_when_down(manner)?;
        }
        let mine = topology.is_mine(slot);
        let leaving = mine && topology.migrating_to(slot).is_some() && !manner.channels;
        let coming = !mine && topology.importing_from(slot).is_some();
        if manner.migrates && (leaving || coming) {
            return Ok(Service::Whole);
        }
        if leaving {
            return Ok(Service::Leaving);
        }
        if coming && manner.asking {
            return Ok(if manner.channels { Service::Whole } else { Service::Coming });
        }
        let reads = (manner.readonly || manner.channels) && !manner.write;
        if mine || reads && topology.is_my_primarys(slot) {
            return Ok(Service::Whole);
        }
        Err(Error::new(format!("MOVED {} {owner}", slot.number())))
    }

    fn service_when_down(&self, manner: Manner) -> Result<(), Error> {
        match manner {
            Manner { channels: true, .. } if self.channels_when_down => Ok(()),
            Manner { channels: true, .. } => Err(Error::ClusterDown),
            _ if !self.reads_when_down => Err(Error::ClusterDown),
            Manner { write: true, .. } => {
                Err(Error::new("CLUSTERDOWN The cluster is down and only accepts read commands"))
            }
            _ => Ok(()),
        }
    }

    /// Whether who waits for keys of `slot` may go on waiting. Source: Redis 7.0 `clusterRedirectBlockedClientIfNeeded`.
    pub fn may_wait(&self, slot: Slot, manner: Manner, topology: &Topology) -> Result<(), Error> {
        if self.cluster && !topology.cluster_ok() {
            return Err(Error::ClusterDown);
        }
        // Also on a slot that comes: its keys may come, too.
        self.service(slot, Manner { asking: true, ..manner }, topology).map(drop)
    }

    /// Whether shard channels of `slot` belong to this node's shard.
    pub fn has_channels(&self, slot: Slot, topology: &Topology) -> bool {
        !self.cluster || topology.is_mine(slot) || topology.is_my_primarys(slot)
    }
}

#[cfg(test)]
mod tests;

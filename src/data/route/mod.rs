//! Where a command is executed: here, on another core, on several, or nowhere.
//!
//! Decides from snapshots alone, so no decision ever waits. One byte a slot answers the common question;
//! everything else is worked out only when that byte says so.

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
    Here,
    /// Send it to this core.
    Hop(CoreId),
    /// Execute it here on stores borrowed from these cores, ascending.
    Span(Vec<CoreId>),
    /// Refuse it.
    Refused(Error),
}

/// For each slot, where its commands go.
pub struct Routes {
    /// The serving core, or [`ELSEWHERE`].
    serving: Box<[u8; SLOTS]>,
    owners: OwnerMap,
    cluster: bool,
}

impl Routes {
    /// Routes of a node with `cores` data cores.
    pub fn new(settings: &Settings, topology: &Topology, cores: usize) -> Routes {
        let owners = OwnerMap::even(cores);
        let mut routes = Routes { serving: Box::new([ELSEWHERE; SLOTS]), owners, cluster: false };
        routes.refresh(settings, topology);
        routes
    }

    /// Works everything out again from new snapshots.
    pub fn refresh(&mut self, settings: &Settings, topology: &Topology) {
        self.cluster = settings.cluster_enabled;
        for slot in Slot::all() {
            let served = !self.cluster || topology.is_mine(slot) && topology.cluster_ok();
            self.serving[slot.index()] = if served { self.owners.of(slot).0 } else { ELSEWHERE };
        }
    }

    /// Which core owns which slot.
    pub fn owners(&self) -> &OwnerMap {
        &self.owners
    }

    /// The core that serves `slot` for this node; none if the node does not serve it.
    #[inline]
    pub fn core(&self, slot: Slot) -> Option<CoreId> {
        let core = self.serving[slot.index()];
        (core != ELSEWHERE).then_some(CoreId(core))
    }

    /// Decides about a keyed command.
    #[inline]
    pub fn route(&self, command: &Command, request: &Request<'_>, here: CoreId, topology: &Topology) -> Route {
        match request.key {
            Some(key) if command.single_key > 0 => match self.core(key.slot) {
                Some(core) if core == here => Route::Here,
                Some(core) => Route::Hop(core),
                None => Route::Refused(self.refusal(key.slot, topology)),
            },
            _ => self.route_keys(command, request, here, topology),
        }
    }

    /// Decides about a command with any number of keys.
    fn route_keys(&self, command: &Command, request: &Request<'_>, here: CoreId, topology: &Topology) -> Route {
        if let Err(error) = self.check(command, request, topology) {
            return Route::Refused(error);
        }
        let cores = self.cores_of(command, request.args);
        match (cores.len(), cores.first()) {
            (0, _) => Route::Here,
            (1, Some(core)) if *core == here => Route::Here,
            (1, Some(core)) => Route::Hop(*core),
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

    /// Whether a cluster node may execute this command: its keys lie in one slot, and that is served here.
    pub fn check(&self, command: &Command, request: &Request<'_>, topology: &Topology) -> Result<(), Error> {
        if !self.cluster || !command.spec.has_keys() {
            return Ok(());
        }
        let keys: Vec<&[u8]> = command.key_indexes(request.args).into_iter().map(|index| request.args[index]).collect();
        self.one_slot(&keys, topology)
    }

    /// Whether `keys` lie in one slot, and that is served here.
    pub fn one_slot(&self, keys: &[&[u8]], topology: &Topology) -> Result<(), Error> {
        let Some((first, rest)) = keys.split_first() else { return Ok(()) };
        let slot = Slot::of_key(first);
        if rest.iter().any(|key| Slot::of_key(key) != slot) {
            return Err(Error::CrossSlot);
        }
        match self.core(slot) {
            Some(_) => Ok(()),
            None => Err(self.refusal(slot, topology)),
        }
    }

    /// Why this node does not serve `slot`. In Redis's order: an unassigned slot first, then the cluster's state.
    #[cold]
    pub fn refusal(&self, slot: Slot, topology: &Topology) -> Error {
        match topology.redirect_target(slot) {
            None => Error::SlotNotServed,
            Some(_) if !topology.cluster_ok() => Error::ClusterDown,
            Some(target) => Error::new(format!("MOVED {} {target}", slot.number())),
        }
    }
}

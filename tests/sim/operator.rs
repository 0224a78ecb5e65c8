//! What an administrator does to a cluster in which things go wrong: takes over by force, moves slots, takes nodes out and
//! in again.

use crate::host::{PORT, address};
use crate::net::HostIx;
use crate::world::{World, share};
use coreslot::contract::topology::{NO_NODE, NodeId, Topology};

impl World {
    /// A replica takes over without asking anybody, so that its epoch may be another's too, for a while.
    pub fn take_over(&mut self, host: HostIx) {
        self.checker.lawless = true;
        self.command(host, &["CLUSTER", "FAILOVER", "TAKEOVER"]);
    }

    /// The last slot of a share sets out from its owner to another one. Returns the slot.
    pub fn open_slot(&mut self, part: usize, other: usize) -> Option<u16> {
        let (start, slot) = share(part, self.checker.primaries);
        let seen = self.hosts.iter().find(|host| host.is_running())?.topology.clone()?;
        let (from, to) = (owner(&seen, slot)?, owner(&seen, share(other, self.checker.primaries).0)?);
        debug_assert!(start < slot);
        let (source, target) = (self.host_of(from)?, self.host_of(to).filter(|_| from != to)?);
        self.setslot(target, slot, "IMPORTING", Some(from));
        self.setslot(source, slot, "MIGRATING", Some(to));
        Some(slot as u16)
    }

    /// The slot has arrived: the one that imports it hears so first, as by redis-cli. Returns who that is, if it agrees.
    pub fn hand_over(&mut self, slot: u16) -> Option<NodeId> {
        let importing = |host: &&crate::host::Host| {
            host.topology.as_ref().is_some_and(|seen| seen.importing.iter().any(|(open, _)| open.number() == slot))
        };
        let target = self.hosts.iter().find(importing)?.id;
        let first = self.host_of(target)?;
        self.setslot(first, slot.into(), "NODE", Some(target)).then_some(target)
    }

    /// The others hear it too, if the new owner has answered: what it answers it has saved.
    pub fn spread(&mut self, slot: u16, target: NodeId) {
        let Some(first) = self.host_of(target) else { return };
        let has = |seen: &Topology| owner(seen, slot.into()) == Some(target);
        if !self.hosts[first].is_running() || !self.hosts[first].topology.as_deref().is_some_and(has) {
            return;
        }
        (0..self.hosts.len()).filter(|host| *host != first).for_each(|host| {
            self.setslot(host, slot.into(), "NODE", Some(target));
        });
    }

    /// Nobody moves the slot any more.
    pub fn close_slot(&mut self, slot: u16) {
        (0..self.hosts.len()).for_each(|host| _ = self.setslot(host, slot.into(), "STABLE", None));
    }

    fn setslot(&mut self, host: HostIx, slot: usize, what: &str, node: Option<NodeId>) -> bool {
        let (slot, node) = (slot.to_string(), node.map(|node| node.to_string()));
        let words = ["CLUSTER", "SETSLOT", &slot, what];
        let words: Vec<&str> = words.into_iter().chain(node.as_deref()).collect();
        let done = self.command(host, &words);
        crate::trace::fault(self.time, format_args!("host {host}: {words:?}: {done}"));
        done
    }

    /// A replica is taken out: it forgets all, and some forget it. Returns whether it is a replica.
    pub fn dismiss(&mut self, host: HostIx) -> bool {
        let is_replica = |seen: &Topology| seen.nodes[usize::from(seen.me)].is_replica();
        if !self.hosts[host].is_running() || !self.hosts[host].topology.as_deref().is_some_and(is_replica) {
            return false;
        }
        let id = self.hosts[host].id.to_string();
        for other in 0..self.hosts.len() {
            if self.chance.once_in(2) {
                self.command(other, &["CLUSTER", "FORGET", &id]);
            }
        }
        self.command(host, &["CLUSTER", "RESET", "SOFT"]);
        self.checker.forget(host);
        true
    }

    /// It is introduced to somebody.
    pub fn meet_somebody(&mut self, host: HostIx) {
        let other = self.chance.below(self.hosts.len() as u64) as HostIx;
        self.command(host, &["CLUSTER", "MEET", &address(other), &PORT.to_string()]);
    }

    /// It becomes a replica again. Returns whether it had yet to.
    pub fn employ(&mut self, host: HostIx) -> bool {
        let (Some(cluster), Some(seen)) = (&self.hosts[host].cluster, self.hosts[host].topology.clone()) else {
            return true;
        };
        if cluster.is_replica() {
            return false;
        }
        let part = self.chance.below(self.checker.primaries as u64) as usize;
        match owner(&seen, share(part, self.checker.primaries).0) {
            Some(primary) => _ = self.command(host, &["CLUSTER", "REPLICATE", &primary.to_string()]),
            None => self.meet_somebody(host),
        }
        true
    }

    fn host_of(&self, id: NodeId) -> Option<HostIx> {
        self.hosts.iter().position(|host| host.id == id)
    }
}

fn owner(seen: &Topology, slot: usize) -> Option<NodeId> {
    let owner = seen.owners[slot];
    (owner != NO_NODE).then(|| seen.nodes[usize::from(owner)].id)
}

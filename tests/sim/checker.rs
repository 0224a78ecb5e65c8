//! The checker: what must hold at every step, and what must hold once a healed cluster has had time to settle.
//!
//! - A voter votes once in an epoch.
//! - An epoch elects one node.
//! - On each node, the configuration epoch of a slot never falls, a restart included. (Unless nobody ever had the slot under the
//!   higher one: a node that was down still takes a slot for one's who has lost it, and has won another with a new epoch since. Nor where somebody took over without votes whom this node has
//!   put out: as in Redis, slots whose new owner is not known are nobody's, and go to any claim until it is heard of again.)
//! - In the end all agree on who owns what, under epochs that differ, and serve.

use crate::host::Host;
use crate::net::HostIx;
use crate::world::share;
use coreslot::cluster::Action;
use coreslot::cluster::wire::{Body, Packet};
use coreslot::contract::topology::{NodeId, Topology};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What was seen so far.
pub struct Checker {
    /// In which epochs each host voted.
    votes: HashSet<(HostIx, u64)>,
    /// Who was elected in each epoch.
    winners: HashMap<u64, HostIx>,
    /// On each host: whether it last was a primary, and of each share of the slots the epoch and whose it is.
    seen: Vec<Seen>,
    /// Who took which share for its own, under which epoch.
    claims: HashSet<(NodeId, u64, usize)>,
    pub primaries: usize,
    /// Whether somebody took over without votes, which may give one epoch to two nodes for a while.
    pub lawless: bool,
    pub failovers: u64,
    pub elections: u64,
    /// Who was declared failed.
    pub declared_failed: HashSet<NodeId>,
    /// The first thing that must not be.
    pub violation: Option<String>,
}

#[derive(Clone)]
struct Seen {
    was_replica: bool,
    epochs: Vec<(u64, Option<NodeId>)>,
}

impl Checker {
    pub fn new(hosts: usize, primaries: usize) -> Checker {
        let seen = |host| Seen { was_replica: host >= primaries, epochs: vec![(0, None); primaries] };
        Checker {
            votes: HashSet::new(),
            winners: HashMap::new(),
            seen: (0..hosts).map(seen).collect(),
            claims: HashSet::new(),
            primaries,
            lawless: false,
            failovers: 0,
            elections: 0,
            declared_failed: HashSet::new(),
            violation: None,
        }
    }

    /// A host has forgotten everything.
    pub fn forget(&mut self, host: HostIx) {
        self.seen[host].epochs.fill((0, None));
    }

    fn violated(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }

    /// Looks at what a host is about to do.
    pub fn action(&mut self, host: HostIx, time: u64, action: &Action) {
        match action {
            Action::Send(_, packet) => self.sent(host, time, packet),
            Action::PublishTopology(topology) => self.published(host, time, topology),
            _ => {}
        }
    }

    fn sent(&mut self, host: HostIx, time: u64, packet: &Packet) {
        match packet.body {
            Body::AuthAck => {
                let epoch = packet.header.current_epoch;
                if !self.votes.insert((host, epoch)) {
                    self.violated(format!("{time}: host {host} votes twice in epoch {epoch}"));
                }
            }
            Body::AuthRequest => self.elections += 1,
            Body::Fail(node) => {
                self.declared_failed.insert(node);
            }
            _ => {}
        }
    }

    fn published(&mut self, host: HostIx, time: u64, topology: &Topology) {
        let myself = &topology.nodes[usize::from(topology.me)];
        let was_replica = std::mem::replace(&mut self.seen[host].was_replica, myself.is_replica());
        if was_replica && !myself.is_replica() && topology.owners.contains(&topology.me) {
            self.failovers += 1;
            let epoch = myself.config_epoch;
            let other = self.winners.insert(epoch, host).filter(|other| *other != host);
            if let Some(other) = other.filter(|_| !self.lawless) {
                self.violated(format!("{time}: hosts {other} and {host} both win epoch {epoch}"));
            }
        }
        for part in 0..self.primaries {
            let owner = topology.owners[share(part, self.primaries).0];
            let Some(node) = topology.nodes.get(usize::from(owner)) else {
                if self.lawless {
                    self.seen[host].epochs[part] = (0, None);
                }
                continue;
            };
            let (id, epoch) = (node.id, node.config_epoch);
            if owner == topology.me {
                self.claims.insert((id, epoch, part));
            }
            let (before, its) = std::mem::replace(&mut self.seen[host].epochs[part], (epoch, Some(id)));
            if epoch < before && its.is_some_and(|its| self.claims.contains(&(its, before, part))) {
                self.violated(format!("{time}: on host {host} share {part} falls from epoch {before} to {epoch}"));
            }
        }
    }

    /// What is wrong with a cluster that should have settled.
    pub fn disagreement(&self, hosts: &[Host]) -> Option<String> {
        let mut first: Option<(HostIx, Vec<NodeId>)> = None;
        for (ix, host) in hosts.iter().enumerate().filter(|(_, host)| host.is_running()) {
            let Some(topology) = &host.topology else { return Some(format!("host {ix} has published nothing")) };
            if let Some(reason) = topology.down {
                return Some(format!("host {ix} takes the cluster for down: {reason:?}"));
            }
            let owners = match self.owners(topology) {
                Ok(owners) => owners,
                Err(problem) => return Some(format!("host {ix}: {problem}")),
            };
            match &first {
                None => first = Some((ix, owners)),
                Some((other, theirs)) if *theirs != owners => {
                    return Some(format!("hosts {other} and {ix} disagree on who owns what: {theirs:?} {owners:?}"));
                }
                Some(_) => {}
            }
        }
        let (_, owners) = first?;
        hosts.iter().enumerate().filter(|(_, host)| host.is_running()).find_map(|(ix, host)| {
            let topology = host.topology.as_ref()?;
            let myself = &topology.nodes[usize::from(topology.me)];
            let primary = topology.nodes.get(usize::from(myself.replicaof)).map(|node| node.id);
            match (owners.contains(&host.id), myself.is_replica()) {
                (true, true) => Some(format!("host {ix} owns slots, but takes itself for a replica")),
                (false, true) if primary.is_none_or(|primary| !owners.contains(&primary)) => {
                    Some(format!("host {ix} replicates one that owns nothing"))
                }
                (false, false) => Some(format!("host {ix} is a primary without slots")),
                _ => None,
            }
        })
    }

    /// Who owns each share, and its last slot, which may be moved; their epochs must differ.
    fn owners(&self, topology: &Topology) -> Result<Vec<NodeId>, String> {
        let mut epochs = BTreeMap::new();
        let mut owners = Vec::new();
        for part in 0..self.primaries {
            let (start, end) = share(part, self.primaries);
            let owner = topology.owners[start];
            if topology.owners[start..end].iter().any(|other| *other != owner) {
                return Err(format!("share {part} has several owners"));
            }
            for owner in [owner, topology.owners[end]] {
                let node = topology.nodes.get(usize::from(owner)).ok_or(format!("share {part} has no owner"))?;
                if epochs.insert(node.config_epoch, node.id).is_some_and(|other| other != node.id) {
                    return Err(format!("two owners have epoch {}", node.config_epoch));
                }
                owners.push(node.id);
            }
        }
        Ok(owners)
    }
}

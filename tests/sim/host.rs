//! A host: one machine with one node on it, which can be killed, started again and stopped.

use crate::chance::Chance;
use crate::data::Data;
use crate::desk::Desk;
use crate::net::{ConnIx, HostIx};
use coreslot::cluster::now::Now;
use coreslot::cluster::options::Options;
use coreslot::cluster::{Cluster, LinkId};
use coreslot::contract::topology::{NodeId, Topology};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::collections::HashMap;
use std::sync::Arc;

/// The port of every node's clients; hosts differ by address.
pub const PORT: u16 = 7000;

/// What a host is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Running,
    /// Stopped, as by SIGSTOP: the kernel still takes connections and packets for it.
    Stopped,
    /// Its process is gone: connections are refused.
    Dead,
    /// The machine is gone: nothing answers.
    Gone,
}

/// The host.
pub struct Host {
    pub id: NodeId,
    pub condition: Condition,
    pub cluster: Option<Cluster>,
    pub options: Options,
    /// Counts the starts; whatever belongs to an earlier life is void.
    pub life: u32,
    pub desk: Desk,
    pub links: HashMap<LinkId, (ConnIx, usize)>,
    next_inbound: u64,
    /// What waits for a stopped process.
    pub inbox: Vec<crate::world::Event>,
    /// How wrong the wall clock is.
    pub clock_error: i64,
    /// What the monotonic clock said at the start of the simulation.
    mono_base: u64,
    pub data: Data,
    pub topology: Option<Arc<Topology>>,
    /// When the node wants to be woken between two ticks.
    pub wake_at: Option<u64>,
}

impl Host {
    pub fn new(ix: HostIx, id: NodeId, text: String, options: Options) -> Host {
        Host {
            id,
            condition: Condition::Dead,
            cluster: None,
            options,
            life: 0,
            desk: Desk::new(text),
            links: HashMap::new(),
            next_inbound: 0,
            inbox: Vec::new(),
            clock_error: 0,
            mono_base: 1_000_000 * (ix as u64 + 1),
            data: Data::default(),
            topology: None,
            wake_at: None,
        }
    }

    pub fn is_running(&self) -> bool {
        self.condition == Condition::Running
    }

    /// Whether there is a process, be it stopped.
    pub fn is_up(&self) -> bool {
        matches!(self.condition, Condition::Running | Condition::Stopped)
    }

    /// Whether packets get to its kernel.
    pub fn is_reachable(&self) -> bool {
        self.condition != Condition::Gone
    }

    /// The time as this host has it.
    pub fn now(&self, time: u64) -> Now {
        const START: u64 = 1_700_000_000_000;
        Now { unix_ms: (START + time).saturating_add_signed(self.clock_error), mono_ms: self.mono_base + time }
    }

    /// The simulation's time of a moment of this host's monotonic clock.
    pub fn time_of(&self, mono_ms: u64) -> u64 {
        mono_ms.saturating_sub(self.mono_base)
    }

    /// Starts the process from its file.
    pub fn start(&mut self, random: Xoshiro256PlusPlus, time: u64) {
        let now = self.now(time);
        let cluster = Cluster::load(self.options.clone(), random, self.desk.text(), now);
        self.cluster = Some(cluster.unwrap_or_else(|error| panic!("{}: {error}", self.desk.text())));
        self.condition = Condition::Running;
        self.next_inbound = LinkId::INBOUND;
        self.data.restart();
    }

    /// Ends the process or, with it, the machine.
    pub fn end(&mut self, condition: Condition, chance: &mut Chance) -> Vec<(ConnIx, usize)> {
        self.condition = condition;
        self.desk.end(condition, chance);
        self.cluster = None;
        self.life += 1;
        self.inbox.clear();
        self.wake_at = None;
        self.topology = None;
        let mut conns: Vec<_> = std::mem::take(&mut self.links).into_iter().collect();
        conns.sort_by_key(|(link, _)| *link);
        conns.into_iter().map(|(_, conn)| conn).collect()
    }

    /// The connections that it made, in that order.
    pub fn outbound(&self) -> Vec<(ConnIx, usize)> {
        let mut links: Vec<_> = self.links.iter().filter(|(link, _)| !link.is_inbound()).collect();
        links.sort_by_key(|(link, _)| **link);
        links.into_iter().map(|(_, conn)| *conn).collect()
    }

    /// A name for a connection that another host made.
    pub fn accept(&mut self) -> LinkId {
        self.next_inbound += 1;
        LinkId(self.next_inbound)
    }

    /// Whether it serves writes as a primary with slots, as far as it knows.
    pub fn takes_writes(&self) -> bool {
        self.is_running()
            && !self.data.paused
            && self
                .topology
                .as_ref()
                .is_some_and(|seen| seen.down.is_none() && !seen.nodes[usize::from(seen.me)].is_replica())
    }
}

/// The address of a host.
pub fn address(host: HostIx) -> String {
    format!("10.0.{}.{}", host / 250, host % 250 + 1)
}

/// The host of an address.
pub fn host_at(ip: &str) -> HostIx {
    let mut parts = ip.split('.').skip(2).map(|part| part.parse::<HostIx>().expect("a simulated address"));
    let (third, fourth) = (parts.next().expect("four parts"), parts.next().expect("four parts"));
    third * 250 + fourth - 1
}

//! A network in memory: several control planes, the links between them, and one clock. Packets arrive in order, each
//! [`DELAY_MS`] after it was sent; machines can be dead (they refuse), deaf (nothing arrives) or up.

use super::command::Facts;
use super::nodes::Node;
use super::nodes::NodeIx;
use super::*;
use crate::resp::{Proto, Reply};
use rand_xoshiro::rand_core::SeedableRng;
use std::collections::{BTreeMap, VecDeque};

/// How long a packet or an answer to a connection takes.
const DELAY_MS: u64 = 1;

/// How a machine is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Machine {
    Up,
    /// The process is gone: links are closed, new ones refused.
    Dead,
    /// Nothing comes and nothing goes; the process runs.
    Deaf,
    /// The process does not run, but its sockets are open.
    Stopped,
}

/// One control plane in the network.
pub struct Member {
    pub cluster: Cluster,
    pub machine: Machine,
    pub ip: String,
    /// nodes.conf as last saved.
    pub saved: String,
    /// What the owner of the data was told to do, in order.
    pub data: Vec<Action>,
    /// The last topology.
    pub topology: Option<Arc<Topology>>,
    pub facts: Facts,
}

enum Event {
    Connect { from: usize, link: LinkId, ip: String, port: u16 },
    Packet { to: usize, link: LinkId, packet: Arc<Packet>, ip: String },
    Closed { to: usize, link: LinkId, end: LinkEnd },
}

/// The network.
pub struct Network {
    pub members: Vec<Member>,
    pub now: Now,
    events: VecDeque<(u64, Event)>,
    /// The other end of each open link's end.
    links: BTreeMap<(usize, LinkId), (usize, LinkId)>,
    /// Connections that are refused though the machine is up: from whom, to whom.
    barred: Option<(usize, usize)>,
    inbound: u64,
    seed: u64,
    options: Options,
}

impl Network {
    /// So many nodes that don't know each other. Member `n` is at 10.0.0.`n + 1`:7000.
    pub fn of(count: usize, options: Options) -> Network {
        let mut network = Network {
            members: Vec::new(),
            now: Now { unix_ms: 1_700_000_000_000, mono_ms: 1_000_000 },
            events: VecDeque::new(),
            links: BTreeMap::new(),
            barred: None,
            inbound: LinkId::INBOUND,
            seed: 1,
            options: Options { port: 7000, ..options },
        };
        (0..count).for_each(|_| network.add());
        network
    }

    /// `primaries` nodes that share all slots and have met, each with `replicas` of its own; the first members are
    /// the primaries. It is up and agrees.
    pub fn cluster(primaries: usize, replicas: usize, options: Options) -> Network {
        let count = primaries * (1 + replicas);
        let mut network = Network::of(count, options);
        for member in 0..primaries {
            let (start, end) = (SLOTS * member / primaries, SLOTS * (member + 1) / primaries - 1);
            network.says(member, &format!("CLUSTER ADDSLOTSRANGE {start} {end}"));
            network.says(member, &format!("CLUSTER SET-CONFIG-EPOCH {}", member + 1));
        }
        (1..count).for_each(|member| network.meet(0, member));
        network.run(10_000);
        for replica in primaries..count {
            let primary = network.id((replica - primaries) % primaries);
            assert_eq!(network.says(replica, &format!("CLUSTER REPLICATE {primary}")), "+OK|");
        }
        network.run(10_000);
        network
    }

    /// Adds a node that knows nobody.
    pub fn add(&mut self) {
        self.seed += 1;
        let random = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let cluster = Cluster::new(self.options.clone(), random).unwrap();
        let ip = format!("10.0.0.{}", self.members.len() + 1);
        let facts = Facts::default();
        let member =
            Member { cluster, machine: Machine::Up, ip, saved: String::new(), data: Vec::new(), topology: None, facts };
        self.members.push(member);
    }

    pub fn id(&self, member: usize) -> NodeId {
        self.members[member].cluster.my_id()
    }

    /// What `member` knows of `other`.
    pub fn view(&self, member: usize, other: usize) -> Option<&Node> {
        let nodes = &self.members[member].cluster.nodes;
        nodes.find(self.id(other)).map(|ix: NodeIx| &nodes[ix])
    }

    pub fn meet(&mut self, member: usize, other: usize) {
        let ip = self.members[other].ip.clone();
        assert_eq!(self.says(member, &format!("CLUSTER MEET {ip} 7000")), "+OK|");
    }

    /// The reply of `member` to `line` in RESP2, with `|` for each line end.
    pub fn says(&mut self, member: usize, line: &str) -> String {
        let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut out = Vec::new();
        let mut reply = Reply::new(&mut out, Proto::Resp2);
        let facts = self.members[member].facts.clone();
        match self.members[member].cluster.command(&args, self.now, facts, &mut reply) {
            Ok(actions) => self.act(member, actions),
            Err(error) => reply.error(&error),
        }
        String::from_utf8(out).unwrap().replace("\r\n", "|")
    }

    /// Lets so much time pass.
    pub fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now.mono_ms += 1;
            self.now.unix_ms += 1;
            while self.events.front().is_some_and(|(due, _)| *due <= self.now.mono_ms) {
                let (_, event) = self.events.pop_front().unwrap();
                self.happen(event);
            }
            for member in 0..self.members.len() {
                // Not all in the same moment.
                if (self.now.mono_ms + 7 * member as u64).is_multiple_of(100) && self.is_running(member) {
                    let actions = self.members[member].cluster.tick(self.now);
                    self.act(member, actions);
                }
            }
        }
    }

    /// Lets time pass until `done`, at most so long. Returns how long it took.
    pub fn run_until(&mut self, most_ms: u64, done: impl Fn(&Network) -> bool) -> u64 {
        for passed in 0..most_ms {
            if done(self) {
                return passed;
            }
            self.run(1);
        }
        panic!("not within {most_ms} ms:\n{}", self.says(0, "CLUSTER NODES").replace('\n', "\n  "));
    }

    /// Changes how a machine is. A process that ended and is up again starts from what it had saved.
    pub fn set(&mut self, member: usize, machine: Machine) {
        let before = std::mem::replace(&mut self.members[member].machine, machine);
        if machine == Machine::Dead {
            let own: Vec<_> = self.links.keys().filter(|(end, _)| *end == member).copied().collect();
            own.into_iter().for_each(|(_, link)| self.close(member, link));
            // What was on its way to it is gone with it.
            self.events.retain(
                |(_, event)| !matches!(event, Event::Packet { to, .. } | Event::Closed { to, .. } if *to == member),
            );
        }
        if before == Machine::Dead && machine == Machine::Up {
            self.seed += 1;
            let random = Xoshiro256PlusPlus::seed_from_u64(self.seed);
            let text = self.members[member].saved.clone();
            self.members[member].cluster = Cluster::load(self.options.clone(), random, &text, self.now).unwrap();
        }
    }

    /// Closes the links that one member made to another, and has new ones refused.
    pub fn bar(&mut self, from: usize, to: usize) {
        self.barred = Some((from, to));
        let made =
            |end: &(usize, LinkId), other: &(usize, LinkId)| end.0 == from && other.0 == to && !end.1.is_inbound();
        let ends: Vec<_> = self.links.iter().filter(|(end, other)| made(end, other)).map(|(end, _)| *end).collect();
        for (member, link) in ends {
            self.close(member, link);
            self.later(Event::Closed { to: member, link, end: LinkEnd::Lost });
        }
    }

    /// Refuses no more.
    pub fn unbar(&mut self) {
        self.barred = None;
    }

    pub fn is_up(&self, member: usize) -> bool {
        self.members[member].machine == Machine::Up
    }

    /// Hands a packet to a member as if it came over a new link from `ip`. Returns the link.
    pub fn inject(&mut self, member: usize, packet: Packet, ip: &str) -> LinkId {
        self.inbound += 1;
        let link = LinkId(self.inbound);
        let actions = self.members[member].cluster.opened(link, ip, self.now);
        self.act(member, actions);
        let actions = self.members[member].cluster.received(link, packet, ip, self.now);
        self.act(member, actions);
        link
    }

    fn is_running(&self, member: usize) -> bool {
        matches!(self.members[member].machine, Machine::Up | Machine::Deaf)
    }

    fn later(&mut self, event: Event) {
        self.events.push_back((self.now.mono_ms + DELAY_MS, event));
    }

    pub fn act(&mut self, member: usize, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Connect { link, ip, port } => self.later(Event::Connect { from: member, link, ip, port }),
                Action::Send(link, packet) => self.send(member, link, packet),
                Action::Close(link) => self.close(member, link),
                Action::SaveConfig | Action::WriteConfig => {
                    self.members[member].saved = self.members[member].cluster.nodes_conf();
                }
                Action::PublishTopology(topology) => self.members[member].topology = Some(topology),
                other => self.members[member].data.push(other),
            }
        }
    }

    fn send(&mut self, member: usize, link: LinkId, packet: Arc<Packet>) {
        let Some((to, end)) = self.links.get(&(member, link)).copied() else { return };
        let ip = self.members[member].ip.clone();
        if self.members[member].machine != Machine::Deaf && self.members[to].machine != Machine::Deaf {
            self.later(Event::Packet { to, link: end, packet, ip });
        }
    }

    fn close(&mut self, member: usize, link: LinkId) {
        let Some((to, end)) = self.links.remove(&(member, link)) else { return };
        self.links.remove(&(to, end));
        self.later(Event::Closed { to, link: end, end: LinkEnd::Lost });
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Connect { from, link, ip, port } => self.connect(from, link, &ip, port),
            Event::Packet { to, link, packet, ip } if self.is_running(to) && self.links.contains_key(&(to, link)) => {
                let actions = self.members[to].cluster.received(link, (*packet).clone(), &ip, self.now);
                self.act(to, actions);
            }
            Event::Closed { to, link, end } if self.is_running(to) => {
                let actions = self.members[to].cluster.closed(link, end, self.now);
                self.act(to, actions);
            }
            _ => {}
        }
    }

    fn connect(&mut self, from: usize, link: LinkId, ip: &str, port: u16) {
        let target = self.members.iter().position(|member| member.ip == ip).filter(|_| port == 17000);
        let machine = target.map(|target| self.members[target].machine);
        match (target, machine) {
            _ if self.members[from].machine != Machine::Up => {}
            (Some(target), _) if self.barred == Some((from, target)) => {
                self.later(Event::Closed { to: from, link, end: LinkEnd::Refused });
            }
            (Some(target), Some(Machine::Up)) => {
                self.inbound += 1;
                let end = LinkId(self.inbound);
                self.links.insert((from, link), (target, end));
                self.links.insert((target, end), (from, link));
                let address = self.members[from].ip.clone();
                let actions = self.members[target].cluster.opened(end, &address, self.now);
                self.members[target].cluster.local_address(end, ip);
                self.act(target, actions);
                let actions = self.members[from].cluster.opened(link, ip, self.now);
                self.act(from, actions);
            }
            (_, Some(Machine::Dead)) => self.later(Event::Closed { to: from, link, end: LinkEnd::Refused }),
            _ => {} // Into the void.
        }
    }
}

/// All slots.
const SLOTS: usize = crate::base::limits::SLOTS;

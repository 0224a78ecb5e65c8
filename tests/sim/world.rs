//! The world: hosts, the network between them, and virtual time. Does what the nodes' actions say, and has the
//! [`Checker`] look at each.

use crate::chance::Chance;
use crate::checker::Checker;
use crate::host::{Condition, Host, PORT, address, host_at};
use crate::meter::Meter;
use crate::net::{ConnIx, Delays, HostIx, Item, Net, Travelling};
use coreslot::cluster::now::Now;
use coreslot::cluster::options::Options;
use coreslot::cluster::{Action, Cluster, LinkEnd, LinkId, Replication};
use coreslot::contract::topology::NodeId;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// How often a node is ticked.
const TICK_MS: u64 = 100;

/// Something that happens to a host.
#[derive(Debug)]
pub enum Event {
    /// Its regular work is due.
    Tick,
    /// It wanted to be woken.
    Wake,
    /// Its nodes.conf is written.
    Saved,
    /// Its disk has all that was written.
    Synced,
    /// Somebody's connection arrives.
    Dialed(ConnIx),
    /// A connection of its own is there, or refused.
    Answer(ConnIx, bool),
    /// Something arrives over a connection.
    Arrival(ConnIx, usize, Item),
}

impl Event {
    /// Whether it is of one life of the process and means nothing to the next.
    fn is_its_own(&self) -> bool {
        matches!(self, Event::Tick | Event::Wake | Event::Saved | Event::Synced)
    }
}

struct Due {
    at: u64,
    order: u64,
    host: HostIx,
    life: u32,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Due) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Due) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// The shape of a cluster.
#[derive(Clone, Debug)]
pub struct Shape {
    pub primaries: usize,
    /// Replicas of each primary.
    pub replicas: usize,
    pub options: Options,
    pub delays: Delays,
    /// Once in so many nodes, one follows Redis's rules where there are quicker ones; 0: none does.
    pub slow_once_in: u64,
}

/// The world.
pub struct World {
    pub time: u64,
    pub hosts: Vec<Host>,
    pub net: Net,
    pub chance: Chance,
    pub checker: Checker,
    queue: BinaryHeap<Reverse<Due>>,
    order: u64,
    /// What the nodes cost, if that is of interest.
    pub meter: Option<Meter>,
}

impl World {
    /// A cluster that knows itself, whose nodes all start now.
    pub fn new(shape: &Shape, seed: u64) -> World {
        let mut chance = Chance::new(seed);
        let texts = nodes_confs(shape, &mut chance);
        let hosts: Vec<Host> = texts
            .into_iter()
            .enumerate()
            .map(|(ix, (id, text))| {
                let mut options = Options { port: PORT, ..shape.options.clone() };
                if shape.slow_once_in > 0 && chance.once_in(shape.slow_once_in) {
                    (options.fast_failover, options.fast_failure_detection) = (false, false);
                }
                Host::new(ix, id, text, options)
            })
            .collect();
        let checker = Checker::new(hosts.len(), shape.primaries);
        let net = Net::new(shape.delays);
        let mut world = World { time: 0, hosts, net, chance, checker, queue: BinaryHeap::new(), order: 0, meter: None };
        for host in 0..world.hosts.len() {
            world.start(host);
        }
        world
    }

    /// Goes on until `time`.
    pub fn run_until(&mut self, time: u64) {
        while self.queue.peek().is_some_and(|Reverse(due)| due.at <= time) {
            let Reverse(Due { at, host, life, event, .. }) = self.queue.pop().expect("it was just seen");
            self.time = at;
            if event.is_its_own() && life != self.hosts[host].life {
                continue;
            }
            self.happen(host, event);
        }
        self.time = time;
    }

    pub fn run_for(&mut self, ms: u64) {
        self.run_until(self.time + ms);
    }

    pub fn schedule(&mut self, at: u64, host: HostIx, event: Event) {
        self.order += 1;
        let life = self.hosts[host].life;
        self.queue.push(Reverse(Due { at, order: self.order, host, life, event }));
    }

    /// Starts a node that does not run.
    pub fn start(&mut self, host: HostIx) {
        crate::trace::set(self.time, host);
        let random = self.chance.fork();
        let at = self.time + self.chance.below(TICK_MS);
        self.hosts[host].start(random, self.time);
        self.schedule(at, host, Event::Tick);
    }

    /// Ends a process: its kernel tells the others.
    pub fn kill(&mut self, host: HostIx) {
        for (conn, side) in self.hosts[host].end(Condition::Dead, &mut self.chance) {
            self.close_side(conn, side);
        }
    }

    /// Ends a machine: nobody is told.
    pub fn unplug(&mut self, host: HostIx) {
        self.hosts[host].end(Condition::Gone, &mut self.chance);
    }

    pub fn stop(&mut self, host: HostIx) {
        self.hosts[host].condition = Condition::Stopped;
    }

    /// A stopped process goes on: what came meanwhile is before it, in order.
    pub fn resume(&mut self, host: HostIx) {
        self.hosts[host].condition = Condition::Running;
        for event in std::mem::take(&mut self.hosts[host].inbox) {
            self.happen(host, event);
        }
    }

    /// Cuts the connections that a host made.
    pub fn cut_links(&mut self, host: HostIx) {
        for (conn, side) in self.hosts[host].outbound() {
            self.send(conn, 1 - side, Item::End);
            self.send(conn, side, Item::End);
        }
    }

    /// Has a host believe that its connections are cut, of which the other side learns nothing: it soon has two of this
    /// host, and what is on its way over the old one comes late.
    pub fn leave_links_half_open(&mut self, host: HostIx) {
        for (conn, side) in self.hosts[host].outbound() {
            self.happen(host, Event::Arrival(conn, side, Item::End));
        }
    }

    /// What waited for blocked ways that are free now goes on.
    pub fn release(&mut self) {
        for travelling in self.net.release(self.time, &mut self.chance) {
            self.travel(travelling);
        }
    }

    fn travel(&mut self, Travelling { at, conn, side, item }: Travelling) {
        if let Some(receiver) = self.net.conn(conn).map(|conn| conn.sides[side].host) {
            self.schedule(at, receiver, Event::Arrival(conn, side, item));
        }
    }

    fn send(&mut self, conn: ConnIx, side: usize, item: Item) {
        if let Some(travelling) = self.net.send(conn, side, item, self.time, &mut self.chance) {
            self.travel(travelling);
        }
    }

    fn close_side(&mut self, conn: ConnIx, side: usize) {
        let Some(open) = self.net.conn(conn).map(|conn| &mut conn.sides[side].open) else { return };
        if std::mem::replace(open, false) {
            self.send(conn, side, Item::End);
        }
        self.net.reap(conn);
    }

    fn happen(&mut self, host: HostIx, event: Event) {
        crate::trace::set(self.time, host);
        match (self.hosts[host].condition, event) {
            (Condition::Gone, _) => {}
            (Condition::Dead, Event::Dialed(conn)) => self.refuse(conn),
            (Condition::Dead, Event::Arrival(conn, side, Item::Packet(_))) => self.reset(conn, side),
            (Condition::Dead, _) => {}
            (Condition::Stopped, event) => self.hosts[host].inbox.push(event),
            (Condition::Running, Event::Tick) => self.tick(host),
            (Condition::Running, Event::Wake) => self.wake(host),
            (Condition::Running, Event::Saved) => self.saved(host),
            (Condition::Running, Event::Synced) => self.synced(host),
            (Condition::Running, Event::Dialed(conn)) => self.accept(host, conn),
            (Condition::Running, Event::Answer(conn, is_open)) => self.answered(host, conn, is_open),
            (Condition::Running, Event::Arrival(conn, side, item)) => self.arrived(host, conn, side, item),
        }
    }

    /// Tells a node something, and does what it wants done.
    fn feed(&mut self, host: HostIx, tell: impl FnOnce(&mut Cluster, Now) -> Vec<Action>) {
        let now = self.hosts[host].now(self.time);
        let cluster = self.hosts[host].cluster.as_mut().expect("a running host has a node");
        let actions = match &mut self.meter {
            Some(meter) => meter.time(|| tell(cluster, now)),
            None => tell(cluster, now),
        };
        self.perform(host, actions);
    }

    fn tick(&mut self, host: HostIx) {
        self.schedule(self.time + TICK_MS, host, Event::Tick);
        self.replicate(host);
        let data = &self.hosts[host].data;
        let replication = Replication {
            offset: data.offset,
            data_missing: data.offset == 0,
            primary_silent_ms: data.heard_primary.map(|at| self.time - at),
            link_up: data.link_up,
            writes_paused: data.paused,
        };
        self.feed(host, |cluster, now| {
            cluster.replication(replication);
            cluster.tick(now)
        });
    }

    fn wake(&mut self, host: HostIx) {
        self.hosts[host].wake_at = None;
        self.feed(host, Cluster::wake);
    }

    /// A tick's worth of writes, or of copying.
    fn replicate(&mut self, host: HostIx) {
        let Some(following) = self.hosts[host].data.following else {
            if self.hosts[host].takes_writes() {
                self.hosts[host].data.offset += 1 + self.chance.below(1000);
            }
            return;
        };
        let primary = following.primary;
        let seen = &self.hosts[primary];
        let reachable = seen.is_running() && !self.net.is_blocked(host, primary) && !self.net.is_blocked(primary, host);
        let offset = (reachable && seen.data.following.is_none()).then_some(seen.data.offset);
        let copy_ms = self.chance.within(50..=3000);
        self.hosts[host].data.hear(offset, self.time, copy_ms);
    }

    fn accept(&mut self, host: HostIx, conn: ConnIx) {
        let Some(dialer) = self.net.conn(conn).map(|conn| conn.sides[0]) else { return };
        let link = self.hosts[host].accept();
        let life = self.hosts[host].life;
        let side = &mut self.net.conn(conn).expect("it was just there").sides[1];
        (side.link, side.life, side.open) = (Some(link), life, true);
        self.hosts[host].links.insert(link, (conn, 1));
        self.feed(host, |cluster, now| {
            let actions = cluster.opened(link, &address(dialer.host), now);
            cluster.local_address(link, &address(host));
            actions
        });
    }

    fn refuse(&mut self, conn: ConnIx) {
        let Some(dialer) = self.net.conn(conn).map(|conn| conn.sides[0]) else { return };
        let at = self.time + self.net.delay(&mut self.chance);
        self.schedule(at, dialer.host, Event::Answer(conn, false));
    }

    /// Tells the other side that there is no such connection any more.
    fn reset(&mut self, conn: ConnIx, side: usize) {
        self.send(conn, side, Item::End);
    }

    fn answered(&mut self, host: HostIx, conn: ConnIx, is_open: bool) {
        let Some(side) = self.net.conn(conn).map(|conn| conn.sides[0]) else { return };
        if !side.open || side.life != self.hosts[host].life {
            return;
        }
        let link = side.link.expect("who dials names the link");
        if is_open {
            let peer = self.net.conn(conn).expect("it was just there").sides[1].host;
            self.feed(host, |cluster, now| cluster.opened(link, &address(peer), now));
        } else {
            self.lose(host, conn, 0, link);
            self.feed(host, |cluster, now| cluster.closed(link, LinkEnd::Refused, now));
        }
    }

    /// A side of a connection is no more.
    fn lose(&mut self, host: HostIx, conn: ConnIx, side: usize, link: LinkId) {
        self.hosts[host].links.remove(&link);
        self.net.conn(conn).expect("it was just there").sides[side].open = false;
        self.net.reap(conn);
    }

    fn arrived(&mut self, host: HostIx, conn: ConnIx, side: usize, item: Item) {
        let Some(sides) = self.net.conn(conn).map(|conn| conn.sides) else { return };
        let (mine, other) = (sides[side], sides[1 - side]);
        let is_here = mine.open && mine.life == self.hosts[host].life;
        let Some(link) = mine.link.filter(|_| is_here) else {
            if matches!(item, Item::Packet(_)) {
                self.reset(conn, side);
            }
            return;
        };
        match item {
            Item::Packet(packet) => {
                // What a node gets is its own, made by the codec.
                let (packet, ip) = (Arc::unwrap_or_clone(packet), address(other.host));
                self.feed(host, |cluster, now| cluster.received(link, packet, &ip, now));
            }
            Item::End => {
                self.lose(host, conn, side, link);
                self.feed(host, |cluster, now| cluster.closed(link, LinkEnd::Lost, now));
            }
        }
    }

    fn dial(&mut self, host: HostIx, link: LinkId, ip: &str) {
        let to = host_at(ip);
        let conn = self.net.dial(host, self.hosts[host].life, link, to);
        self.hosts[host].links.insert(link, (conn, 0));
        // Without an answer the node gives up by itself.
        let is_blocked = self.net.is_blocked(host, to) || self.net.is_blocked(to, host);
        if is_blocked || !self.hosts[to].is_reachable() {
            return;
        }
        let there = self.time + self.net.delay(&mut self.chance);
        let back = there + self.net.delay(&mut self.chance);
        self.schedule(there, to, Event::Dialed(conn));
        if self.hosts[to].is_up() {
            self.schedule(back, host, Event::Answer(conn, true));
        }
    }

    /// Does one thing that a node wants done.
    pub fn carry_out(&mut self, host: HostIx, action: Action) {
        match action {
            Action::PublishTopology(topology) => self.hosts[host].topology = Some(topology),
            Action::Connect { link, ip, .. } => self.dial(host, link, &ip),
            Action::Send(link, packet) => {
                if let Some(meter) = &mut self.meter {
                    meter.sent(&packet);
                }
                if let Some((conn, side)) = self.hosts[host].links.get(&link).copied() {
                    self.send(conn, side, Item::Packet(packet));
                }
            }
            Action::Close(link) => {
                if let Some((conn, side)) = self.hosts[host].links.remove(&link) {
                    self.close_side(conn, side);
                }
            }
            Action::Replicate { ip, .. } => self.hosts[host].data.follow(host_at(&ip)),
            Action::StopReplication => self.hosts[host].data.lead(),
            Action::PauseWrites(until) => self.hosts[host].data.paused = until.is_some(),
            Action::SaveConfig | Action::WriteConfig => {}
            Action::FlushAll | Action::DropSlots(_) | Action::Deliver { .. } => {}
        }
    }

    pub fn schedule_wake(&mut self, host: HostIx) {
        let Some(wake_at) = self.hosts[host].cluster.as_ref().and_then(|cluster| cluster.wake_at()) else { return };
        let at = self.hosts[host].time_of(wake_at).max(self.time + 1);
        if self.hosts[host].wake_at != Some(at) {
            self.hosts[host].wake_at = Some(at);
            self.schedule(at, host, Event::Wake);
        }
    }

    /// Runs a CLUSTER command on a host; false: the host is down, or refuses.
    pub fn command(&mut self, host: HostIx, words: &[&str]) -> bool {
        let args: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let (mut out, now) = (Vec::new(), self.hosts[host].now(self.time));
        let mut reply = coreslot::resp::Reply::new(&mut out, coreslot::resp::Proto::Resp2);
        crate::trace::set(self.time, host);
        let Some(cluster) = &mut self.hosts[host].cluster else { return false };
        let facts = coreslot::cluster::command::Facts::default();
        match cluster.command(&args, now, facts, &mut reply) {
            Ok(actions) => {
                self.perform(host, actions);
                true
            }
            Err(_) => false,
        }
    }
}

/// The files of a cluster whose nodes all know each other: `primaries` with equal shares of the slots, then the replicas.
fn nodes_confs(shape: &Shape, chance: &mut Chance) -> Vec<(NodeId, String)> {
    let count = shape.primaries * (1 + shape.replicas);
    let mut random = chance.fork();
    let ids: Vec<NodeId> = (0..count).map(|_| coreslot::cluster::nodes::random_id(&mut random)).collect();
    let line = |ix: usize, me: bool| {
        let (address, myself) = (address(ix), if me { "myself," } else { "" });
        let primary = ix % shape.primaries;
        let head = format!("{} {address}:{PORT}@{}", ids[ix], PORT + 10000);
        if ix < shape.primaries {
            let (start, end) = share(primary, shape.primaries);
            format!("{head} {myself}master - 0 1 {} connected {start}-{end}\n", primary + 1)
        } else {
            format!("{head} {myself}slave {} 0 1 {} connected\n", ids[primary], primary + 1)
        }
    };
    let text = |me: usize| {
        let lines: String = (0..count).map(|ix| line(ix, ix == me)).collect();
        format!("{lines}vars currentEpoch {} lastVoteEpoch 0\n", shape.primaries)
    };
    (0..count).map(|me| (ids[me], text(me))).collect()
}

/// The first and the last slot of a primary at the start.
pub fn share(primary: usize, primaries: usize) -> (usize, usize) {
    const SLOTS: usize = 16384;
    (primary * SLOTS / primaries, (primary + 1) * SLOTS / primaries - 1)
}

//! Faults: what goes wrong in a simulation, drawn by chance, and healed some time later.

use crate::host::Condition;
use crate::net::HostIx;
use crate::world::World;
use coreslot::contract::topology::NodeId;

/// How many seconds a healed cluster is given to let in again whom it had put out.
const EMPLOYED_WITHIN: usize = 20;

/// By then a node has saved what it was told, and answered.
const ANSWERED_WITHIN_MS: u64 = 200;

/// Faults under way are undone at these times.
#[derive(Default)]
pub struct Faults {
    cures: Vec<(u64, Cure)>,
    /// Who was taken out of the cluster, and has to come back.
    dismissed: Vec<HostIx>,
    /// Slots that were opened, and may still be on nodes that were down when they were closed.
    opened: Vec<u16>,
    pub count: u64,
}

#[derive(Clone, Debug)]
enum Cure {
    Start(HostIx),
    Resume(HostIx),
    /// The way from one host to the other is free again.
    Unblock(Vec<(HostIx, HostIx)>),
    /// Packets take as long as ever.
    Hurry(crate::net::Delays),
    /// A slot arrives, or does not, and is closed.
    Close(u16),
    /// All hear where it has arrived.
    Spread(u16, NodeId),
    /// A node that was taken out is let in again.
    Meet(HostIx),
    /// No packet is lost any more.
    LoseNone,
}

impl Faults {
    /// Lets time pass, in which what is due is undone.
    pub fn run_for(&mut self, world: &mut World, ms: u64) {
        let end = world.time + ms;
        while let Some(next) = self.cures.iter().map(|(at, _)| *at).min().filter(|at| *at <= end) {
            world.run_until(next.max(world.time));
            self.cure(world);
        }
        world.run_until(end);
    }

    /// Lets one thing go wrong.
    pub fn strike(&mut self, world: &mut World) {
        self.count += 1;
        let host = world.chance.below(world.hosts.len() as u64) as HostIx;
        let timeout = world.hosts[0].options.node_timeout_ms;
        let lasts = if world.chance.once_in(2) { world.chance.below(timeout) } else { world.chance.below(4 * timeout) };
        let until = world.time + 50 + lasts;
        match world.chance.below(17) {
            0..=2 => self.end(world, host, Condition::Dead, until),
            3 => self.end(world, host, Condition::Gone, until),
            4 => self.die_saving(world, host, until),
            5 => world.hosts[host].desk.fails = true,
            6 => self.stop(world, host, until),
            7 => self.isolate(world, host, until),
            8 => self.block_one_way(world, host, until),
            9 => self.split(world, until),
            10 => self.slow_down(world, until),
            11 => self.lose_packets(world, until),
            12 => world.leave_links_half_open(host),
            13 => self.move_slot(world, until),
            14 => self.dismiss(world, host, until),
            15 if world.chance.once_in(4) => world.take_over(host),
            _ => self.harmless(world, host),
        }
    }

    fn move_slot(&mut self, world: &mut World, until: u64) {
        let primaries = world.checker.primaries as u64;
        let (part, other) = (world.chance.below(primaries) as usize, world.chance.below(primaries) as usize);
        if let Some(slot) = world.open_slot(part, other) {
            self.opened.push(slot);
            self.until(world, until, Cure::Close(slot));
        }
    }

    fn dismiss(&mut self, world: &mut World, host: HostIx, until: u64) {
        if world.dismiss(host) {
            self.dismissed.push(host);
            self.until(world, until, Cure::Meet(host));
        }
    }

    /// Those that were taken out and met somebody become replicas again, until all are.
    fn employ(&mut self, world: &mut World) {
        self.dismissed.retain(|host| world.employ(*host));
    }

    fn end(&mut self, world: &mut World, host: HostIx, how: Condition, until: u64) {
        if world.hosts[host].is_running() {
            if how == Condition::Gone {
                world.unplug(host)
            } else {
                world.kill(host)
            }
            self.until(world, until, Cure::Start(host));
        }
    }

    fn until(&mut self, world: &World, until: u64, cure: Cure) {
        crate::trace::fault(world.time, format_args!("until {until}: {cure:?}"));
        self.cures.push((until, cure));
    }

    /// The process dies in its next save: what it starts with is what it had saved before, or what it was saving.
    fn die_saving(&mut self, world: &mut World, host: HostIx, until: u64) {
        if world.hosts[host].is_running() {
            world.hosts[host].desk.dies = true;
            self.until(world, until, Cure::Start(host));
        }
    }

    fn stop(&mut self, world: &mut World, host: HostIx, until: u64) {
        if world.hosts[host].is_running() {
            world.stop(host);
            self.until(world, until, Cure::Resume(host));
        }
    }

    fn isolate(&mut self, world: &mut World, host: HostIx, until: u64) {
        let others = (0..world.hosts.len()).filter(|other| *other != host);
        let ways = others.flat_map(|other| [(host, other), (other, host)]).collect();
        self.block(world, ways, until);
    }

    fn block_one_way(&mut self, world: &mut World, host: HostIx, until: u64) {
        let mut ways = Vec::new();
        let once_in = world.chance.pick(&[1, 2, 4]);
        for other in (0..world.hosts.len()).filter(|other| *other != host) {
            if world.chance.once_in(once_in) {
                ways.push(if world.chance.once_in(2) { (host, other) } else { (other, host) });
            }
        }
        self.block(world, ways, until);
    }

    fn split(&mut self, world: &mut World, until: u64) {
        let mut halves = [Vec::new(), Vec::new()];
        for host in 0..world.hosts.len() {
            halves[world.chance.below(2) as usize].push(host);
        }
        let [left, right] = &halves;
        let pairs = left.iter().flat_map(|a| right.iter().map(|b| (*a, *b)));
        let ways =
            if world.chance.once_in(3) { pairs.collect() } else { pairs.flat_map(|(a, b)| [(a, b), (b, a)]).collect() };
        self.block(world, ways, until);
    }

    fn block(&mut self, world: &mut World, ways: Vec<(HostIx, HostIx)>, until: u64) {
        for (from, to) in &ways {
            world.net.block(*from, *to);
        }
        self.until(world, until, Cure::Unblock(ways));
    }

    fn slow_down(&mut self, world: &mut World, until: u64) {
        if self.cures.iter().any(|(_, cure)| matches!(cure, Cure::Hurry(_))) {
            return;
        }
        self.until(world, until, Cure::Hurry(world.net.delays));
        world.net.delays.jitter += world.chance.pick(&[20, 200, 1000]);
    }

    fn lose_packets(&mut self, world: &mut World, until: u64) {
        world.net.loses_once_in = world.chance.pick(&[2, 10, 100]);
        self.until(world, until, Cure::LoseNone);
    }

    /// Lets something happen that is no failure of a primary: if it is an interruption, it is over within `slack`.
    pub fn annoy(&mut self, world: &mut World, primaries: usize, slack: u64) {
        /// What was sent on a blocked way is sent again within this time after it is free.
        const RETRANSMISSION_MS: u64 = 1000;
        self.count += 1;
        let host = world.chance.below(world.hosts.len() as u64) as HostIx;
        let short = world.time + world.chance.below(slack.saturating_sub(RETRANSMISSION_MS).max(1));
        match world.chance.below(6) {
            0 | 1 => {
                let until = world.time + world.chance.below(slack.saturating_sub(100).max(1));
                self.stop(world, host, until);
            }
            2 => self.isolate(world, host, short),
            3 => self.split(world, short),
            4 if host >= primaries => {
                let until = world.time + world.chance.below(10_000);
                self.end(world, host, Condition::Dead, until);
            }
            4 => world.leave_links_half_open(host),
            _ => world.cut_links(host),
        }
    }

    /// What a node has to bear without any consequence, or with one that an administrator wants.
    fn harmless(&mut self, world: &mut World, host: HostIx) {
        let step = world.chance.within(0..=7_200_000) as i64 - 3_600_000;
        let what = world.chance.below(4);
        crate::trace::fault(world.time, format_args!("host {host}: trouble {what}"));
        match what {
            0 => _ = world.command(host, &["CLUSTER", "FAILOVER"]),
            1 => _ = world.command(host, &["CLUSTER", "FAILOVER", "FORCE"]),
            2 => world.cut_links(host),
            _ => world.hosts[host].clock_error = step,
        }
    }

    /// Undoes what is due to be undone.
    fn cure(&mut self, world: &mut World) {
        let now = world.time;
        let (due, later) = std::mem::take(&mut self.cures).into_iter().partition(|(at, _)| *at <= now);
        self.cures = later;
        self.undo(world, due);
        self.employ(world);
    }

    /// Undoes everything.
    pub fn cure_all(&mut self, world: &mut World) {
        let all = std::mem::take(&mut self.cures);
        self.undo(world, all);
        for host in &mut world.hosts {
            (host.desk.dies, host.desk.fails) = (false, false);
        }
        world.net.unblock_all();
        world.release();
        self.opened.drain(..).for_each(|slot| world.close_slot(slot));
        for _ in 0..EMPLOYED_WITHIN {
            self.employ(world);
            world.run_for(1000);
        }
    }

    fn undo(&mut self, world: &mut World, cures: Vec<(u64, Cure)>) {
        for (_, cure) in cures {
            match cure {
                Cure::Start(host) if !world.hosts[host].is_up() => world.start(host),
                Cure::Start(host) => world.hosts[host].desk.dies = false,
                Cure::Resume(host) if world.hosts[host].condition == Condition::Stopped => world.resume(host),
                Cure::Resume(_) => {}
                Cure::Unblock(ways) => {
                    ways.into_iter().for_each(|(from, to)| world.net.unblock(from, to));
                    world.release();
                }
                Cure::Hurry(delays) => world.net.delays = delays,
                Cure::Close(slot) => {
                    let arrives = world.chance.once_in(2);
                    match arrives.then(|| world.hand_over(slot)).flatten() {
                        Some(target) => self.until(world, world.time + ANSWERED_WITHIN_MS, Cure::Spread(slot, target)),
                        None => world.close_slot(slot),
                    }
                }
                Cure::Spread(slot, target) => {
                    world.spread(slot, target);
                    world.close_slot(slot);
                }
                Cure::Meet(host) => world.meet_somebody(host),
                Cure::LoseNone => world.net.loses_once_in = 0,
            }
        }
    }
}

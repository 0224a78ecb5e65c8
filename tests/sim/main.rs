//! The simulator of the control plane: whole clusters in one process and in virtual time, out of one seed.
//!
//! A failed trial prints its seed: `SIM_SEED=<seed> cargo test --test sim <name>` runs that trial alone. `SIM_HOURS`
//! says how many cluster-hours of faults are simulated; `scripts/test sim` asks for a thousand.

mod chance;
mod checker;
mod data;
mod faults;
mod host;
mod net;
mod size;
mod trace;
mod world;

use coreslot::cluster::options::Options;
use faults::Faults;
use net::Delays;
use std::sync::Mutex;
use std::time::Instant;
use world::{Shape, World};

const HOUR_MS: u64 = 3_600_000;

/// A local network.
const QUICK: Delays = Delays { usual: 1, jitter: 2, long_once_in: 1000, long: 50 };

/// How much was simulated.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    time: u64,
    faults: u64,
    failovers: u64,
    packets: u64,
}

/// Runs trials of consecutive seeds on all cores until the sum of their virtual times is reached.
fn trials(time: u64, trial: impl Fn(u64) -> Sum + Sync) -> Sum {
    if let Some(seed) = number("SIM_SEED") {
        trace::begin();
        return trial(seed);
    }
    let (next, sum) = (Mutex::new(1), Mutex::new(Sum::default()));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while sum.lock().unwrap().time < time {
                    let seed = {
                        let mut next = next.lock().unwrap();
                        *next += 1;
                        *next
                    };
                    let done = trial(seed);
                    let mut sum = sum.lock().unwrap();
                    sum.time += done.time;
                    sum.faults += done.faults;
                    sum.failovers += done.failovers;
                    sum.packets += done.packets;
                }
            });
        }
    });
    let sum = sum.into_inner().unwrap();
    println!("{:.1} cluster-hours in {:.1?}: {sum:?}", sum.time as f64 / HOUR_MS as f64, began.elapsed());
    sum
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

fn fail(seed: u64, world: &World, problem: &str) -> ! {
    for host in &world.hosts {
        let nodes = host.cluster.as_ref().map(|cluster| cluster.nodes_conf()).unwrap_or_default();
        println!("{:?} {:?}\n{nodes}", host.condition, host.topology.as_ref().map(|topology| topology.down));
    }
    panic!("{problem}\nat {} ms; again with SIM_SEED={seed}", world.time);
}

/// An hour of a cluster in which something goes wrong every now and then, and heals; after each bad quarter of an hour
/// everything is healed, and ten node timeouts later all must agree.
fn bad_hour(seed: u64) -> Sum {
    let mut chance = chance::Chance::new(seed);
    // Mostly small ones: an hour of 30 nodes takes the time of ten hours of 6.
    let primaries = if chance.once_in(16) { chance.pick(&[4, 5, 7, 10]) } else { 3 };
    let replicas = if chance.once_in(8) { 2 } else { 1 };
    let options = Options {
        node_timeout_ms: chance.pick(&[5000, 15_000, 15_000, 15_000]),
        fast_failover: !chance.once_in(4),
        fast_failure_detection: !chance.once_in(4),
        ..Options::default()
    };
    let settled = 10 * options.node_timeout_ms;
    let shape = Shape { primaries, replicas, options, delays: QUICK };
    let mut world = World::new(&shape, seed);
    let mut faults = Faults::default();
    while world.time < HOUR_MS {
        let end = world.time + HOUR_MS / 4 - settled;
        let pace = world.chance.pick(&[20_000, 60_000, 150_000]);
        while world.time < end {
            let calm = world.chance.below(pace);
            world.run_for(calm);
            faults.cure(&mut world);
            faults.strike(&mut world);
            check(seed, &world);
        }
        faults.cure_all(&mut world);
        world.run_for(settled);
        check(seed, &world);
        if let Some(problem) = world.checker.disagreement(&world.hosts) {
            fail(seed, &world, &problem);
        }
    }
    Sum { time: world.time, faults: faults.count, failovers: world.checker.failovers, packets: world.net.packets }
}

fn check(seed: u64, world: &World) {
    if let Some(violation) = &world.checker.violation {
        fail(seed, world, violation);
    }
}

#[test]
fn a_cluster_survives_whatever_goes_wrong() {
    let hours = number("SIM_HOURS").unwrap_or(2);
    let sum = trials(hours * HOUR_MS, bad_hour);
    assert!(sum.failovers > 0 || number("SIM_SEED").is_some());
}

/// Packets that take long, but never as long as the node timeout: nobody may be taken for failed.
fn slow_network(seed: u64) -> Sum {
    const TRIAL_MS: u64 = 120_000;
    let mut chance = chance::Chance::new(seed);
    let options = Options { node_timeout_ms: 5000, ..Options::default() };
    // A ping and its pong, and what goes before them on their connections, together within the timeout.
    let delays = Delays { usual: chance.below(100), jitter: chance.below(400), long_once_in: 20, long: 1500 };
    let shape = Shape { primaries: chance.pick(&[3, 5]), replicas: 1, options, delays };
    let mut world = World::new(&shape, seed);
    world.run_until(TRIAL_MS);
    check(seed, &world);
    if world.checker.elections > 0 {
        fail(seed, &world, "a replica stood for election though nobody had failed");
    }
    Sum { time: world.time, packets: world.net.packets, ..Sum::default() }
}

#[test]
fn nobody_is_failed_over_because_the_network_is_slow() {
    let times = number("SIM_HOURS").map_or(20, |_| 1000);
    trials(times * 120_000, slow_network);
}

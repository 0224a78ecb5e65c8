//! The simulator of the control plane: whole clusters in one process and in virtual time, out of one seed.
//!
//! A failed trial prints its seed: `SIM_SEED=<seed> cargo test --test sim <name>` runs that trial alone. `SIM_HOURS`
//! says how many cluster-hours of faults are simulated; `scripts/test sim` asks for a thousand. `SIM_FIRST` is the seed
//! to begin with, for hours that nobody has seen. How clusters of a thousand nodes fare: `large.rs`.

mod chance;
mod checker;
mod data;
mod desk;
mod faults;
mod host;
mod large;
mod meter;
mod net;
mod operator;
mod trace;
mod world;

use coreslot::cluster::options::Options;
use faults::Faults;
use net::Delays;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use world::{Shape, World};

/// So many trials that failed are enough to go on with.
const ENOUGH_PROBLEMS: usize = 10;

const HOUR_MS: u64 = 3_600_000;

/// How far a long run is, is told after so many trials.
const TELL_EVERY: u64 = 250;

/// A local network.
const QUICK: Delays = Delays { usual: 1, jitter: 2, long_once_in: 1000, long: 50, disk: 10, slow_disk_once_in: 50 };

/// How much was simulated.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    time: u64,
    faults: u64,
    failovers: u64,
    packets: u64,
}

impl Sum {
    fn add(&mut self, other: Sum) {
        self.time += other.time;
        self.faults += other.faults;
        self.failovers += other.failovers;
        self.packets += other.packets;
    }
}

/// What a trial comes to: how much was simulated, or what was wrong.
type Outcome = Result<Sum, String>;

/// Runs trials of consecutive seeds on all cores until the sum of their virtual times is reached, and tells of all that
/// failed.
fn trials(time: u64, trial: impl Fn(u64) -> Outcome + Sync) -> Sum {
    if let Some(seed) = number("SIM_SEED") {
        trace::begin();
        return trial(seed).unwrap_or_else(|problem| panic!("{problem}"));
    }
    let first = number("SIM_FIRST").unwrap_or(1);
    let (seeds, sum, problems) = (AtomicU64::new(first), Mutex::new(Sum::default()), Mutex::new(Vec::new()));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while sum.lock().unwrap().time < time && problems.lock().unwrap().len() < ENOUGH_PROBLEMS {
                    let seed = seeds.fetch_add(1, Ordering::Relaxed);
                    match trial(seed) {
                        Ok(done) => {
                            let mut sum = sum.lock().unwrap();
                            sum.add(done);
                            if (seed - first + 1).is_multiple_of(TELL_EVERY) {
                                println!("{:.1} cluster-hours: {sum:?}", sum.time as f64 / HOUR_MS as f64);
                            }
                        }
                        Err(problem) => {
                            println!("SIM_SEED={seed}: {problem}");
                            problems.lock().unwrap().push(format!("SIM_SEED={seed}: {problem}"));
                        }
                    }
                }
            });
        }
    });
    let (sum, problems) = (sum.into_inner().unwrap(), problems.into_inner().unwrap());
    println!("{:.1} cluster-hours in {:.1?}: {sum:?}", sum.time as f64 / HOUR_MS as f64, began.elapsed());
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    sum
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// What is wrong with a world, which is printed if it is the only one.
fn failed(world: &World, problem: &str) -> Outcome {
    for host in world.hosts.iter().filter(|_| number("SIM_SEED").is_some()) {
        let nodes = host.cluster.as_ref().map(|cluster| cluster.nodes_conf()).unwrap_or_default();
        println!("{:?} {:?}\n{nodes}", host.condition, host.topology.as_ref().map(|topology| topology.down));
    }
    Err(format!("at {} ms: {problem}", world.time))
}

/// An hour of a cluster in which something goes wrong every now and then, and heals; after each bad quarter of an hour
/// everything is healed, and ten node timeouts later all must agree.
fn bad_hour(seed: u64) -> Outcome {
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
    let slow_once_in = chance.pick(&[0, 0, 2]);
    let shape = Shape { primaries, replicas, options, delays: QUICK, slow_once_in };
    let mut world = World::new(&shape, seed);
    let mut faults = Faults::default();
    while world.time < HOUR_MS {
        let end = world.time + HOUR_MS / 4 - settled;
        let pace = world.chance.pick(&[20_000, 60_000, 150_000]);
        while world.time < end {
            let calm = world.chance.below(pace);
            faults.run_for(&mut world, calm);
            faults.strike(&mut world);
            if let Some(violation) = &world.checker.violation {
                return failed(&world, violation);
            }
        }
        faults.cure_all(&mut world);
        world.run_for(settled);
        let violation = world.checker.violation.clone();
        if let Some(problem) = violation.or_else(|| world.checker.disagreement(&world.hosts)) {
            return failed(&world, &problem);
        }
    }
    Ok(Sum { time: world.time, faults: faults.count, failovers: world.checker.failovers, packets: world.net.packets })
}

#[test]
fn a_cluster_survives_whatever_goes_wrong() {
    let hours = number("SIM_HOURS").unwrap_or(2);
    let sum = trials(hours * HOUR_MS, bad_hour);
    assert!(sum.failovers > 0 || number("SIM_SEED").is_some());
}

/// Everything that is no failure: packets that take long, processes that are stopped, ways that are blocked and
/// connections that break, all for less than the node timeout; and replicas that really die. No primary may be taken
/// for failed.
fn false_alarms(seed: u64) -> Outcome {
    let mut chance = chance::Chance::new(seed);
    let options = Options { node_timeout_ms: 5000, ..Options::default() };
    let timeout = options.node_timeout_ms;
    // A ping and its pong, and what goes before them on their connections, together within the timeout.
    let slow = Delays { usual: chance.below(100), jitter: chance.below(400), long_once_in: 20, long: 1500, ..QUICK };
    let delays = if chance.once_in(2) { slow } else { QUICK };
    let shape = Shape { primaries: chance.pick(&[3, 5]), replicas: 1, options, delays, slow_once_in: 0 };
    let mut world = World::new(&shape, seed);
    world.run_for(3 * timeout);
    let mut faults = Faults::default();
    while world.time < TRIAL_MS {
        let slack = timeout - 2 * (delays.usual + delays.jitter + delays.long);
        faults.annoy(&mut world, shape.primaries, slack);
        faults.run_for(&mut world, 2 * timeout + chance.below(timeout));
    }
    let alarm = world.hosts[..shape.primaries].iter().any(|host| world.checker.declared_failed.contains(&host.id));
    if alarm || world.checker.elections > 0 {
        return failed(&world, "a primary that was up was taken for failed");
    }
    Ok(Sum { time: world.time, faults: faults.count, packets: world.net.packets, ..Sum::default() })
}

const TRIAL_MS: u64 = 120_000;

#[test]
fn nobody_is_failed_over_who_has_not_failed() {
    let times = number("SIM_HOURS").map_or(20, |_| 1000);
    trials(times * TRIAL_MS, false_alarms);
}

#[test]
#[ignore = "a measurement, not a test: it asserts nothing that the trials do not, and takes minutes"]
fn large_clusters() {
    large::trials(&std::env::var("SIM_CLUSTERS").unwrap_or("50+50".into()));
}

//! How the control plane fares in large clusters: what a node spends at rest, how soon all know of a failure, and how soon
//! all slots are served again after a tenth of the primaries have failed at once: first their processes, which are refused
//! connections to; then the machines of another tenth, which are silent. Moments are of virtual time; what nodes spend is
//! real.
//!
//! `SIM_CLUSTERS="500+500 1000+0" cargo test --profile quick --test sim large -- --ignored --nocapture`: clusters of so many
//! primaries and replicas. 1000 nodes take some minutes and 4 GB. `500+500:lost` loses machines only. `SIM_SEED` is another
//! history of the same.

use crate::host::Host;
use crate::meter::{Meter, resident_bytes};
use crate::net::{Delays, HostIx};
use crate::world::{Shape, World};
use coreslot::cluster::options::Options;
use coreslot::contract::topology::{NO_NODE, NodeId, Topology};

/// A data centre's network and disks.
const DELAYS: Delays = Delays { usual: 1, jitter: 1, long_once_in: 1000, long: 20, disk: 10, slow_disk_once_in: 0 };
/// How exactly moments are told.
const STEP_MS: u64 = 10;
/// So long after its start a cluster is at rest: all have been pinged again.
const SETTLED_MS: u64 = 10_000;
const REST_MS: u64 = 15_000;
/// What one failure stirs up is over after that.
const CALM_MS: u64 = 3000;

/// Tries these clusters, and prints an object of JSON for each, line by line as it gets to know it.
pub fn trials(clusters: &str) {
    clusters.split_whitespace().for_each(trial);
}

fn trial(name: &str) {
    let (size, lost_only) = name.strip_suffix(":lost").map_or((name, false), |size| (size, true));
    let (primaries, replicas) = size.split_once('+').expect("PRIMARIES+REPLICAS");
    let (primaries, replicas): (usize, usize) = (primaries.parse().unwrap(), replicas.parse().unwrap());
    let shape = Shape {
        primaries,
        replicas: replicas / primaries,
        options: Options::default(),
        delays: DELAYS,
        slow_once_in: 0,
    };
    let nodes = (primaries * (1 + shape.replicas)) as f64;
    println!(
        "{{\"primaries\": {primaries}, \"replicas\": {replicas}, \"node_timeout_ms\": {},",
        shape.options.node_timeout_ms
    );
    let before = resident_bytes();
    let mut world = World::new(&shape, crate::number("SIM_SEED").unwrap_or(1));
    let (up, meter) = measured(&mut world, |world| until(world, |host| sees(host, |seen| seen.down.is_none())));
    println!(" \"start\": {{\"all_up_ms\": {}, {}}},", told(up), spent(&meter, nodes));
    world.run_for(SETTLED_MS);
    let (_, rest) = measured(&mut world, |world| world.run_for(REST_MS));
    let memory = resident_bytes().saturating_sub(before) as f64 / nodes;
    println!(" \"rest\": {},", at_rest(&rest, nodes, memory));
    let tenth = primaries / 10;
    if !lost_only {
        processes_die(&mut world, tenth, replicas > 0, nodes);
    }
    let lost = several_fail(&mut world, tenth + 1..=2 * tenth, replicas > 0, World::unplug);
    println!(" \"tenth_of_machines_lost\": {lost}}}");
}

/// One process ends, then those of a tenth of the primaries.
fn processes_die(world: &mut World, tenth: usize, replicated: bool, nodes: f64) {
    let (known, meter) = measured(world, |world| {
        world.kill(0);
        until_known(world, 0..=0)
    });
    println!(" \"one_process_killed\": {{\"all_agree_ms\": {}, {}}},", told(known), spent(&meter, nodes));
    world.run_for(CALM_MS);
    let killed = several_fail(world, 1..=tenth, replicated, World::kill);
    println!(" \"tenth_killed\": {killed},");
    world.run_for(CALM_MS);
}

/// Has some primaries fail at once. How soon all agree on the first of them, and on all, and how soon, if that can be, all slots
/// are served.
fn several_fail(
    world: &mut World,
    primaries: std::ops::RangeInclusive<HostIx>,
    replicated: bool,
    fail: impl Fn(&mut World, HostIx),
) -> String {
    let (first, lists) = (*primaries.start(), primaries.clone());
    let failovers = world.checker.failovers;
    let began = world.time;
    let since = |world: &World, known: Option<u64>| known.map(|_| world.time - began);
    let ((known, all_known, served), meter) = measured(world, |world| {
        lists.clone().for_each(|host| fail(world, host));
        let known = until_known(world, first..=first);
        let all_known = until_known(world, lists).and(since(world, known));
        let dead: Vec<NodeId> = world.hosts.iter().filter(|host| !host.is_running()).map(|host| host.id).collect();
        let is_served = |host: &Host| sees(host, |seen| is_served_without(seen, &dead));
        let served = if replicated { until(world, is_served) } else { None };
        (known, all_known, since(world, served))
    });
    format!(
        "{{\"primaries\": {}, \"all_agree_on_one_ms\": {}, \"all_agree_on_all_ms\": {}, \"all_served_ms\": {}, \"failovers\": {}, {}}}",
        primaries.count(),
        told(known),
        told(all_known),
        told(served),
        world.checker.failovers - failovers,
        spent(&meter, world.hosts.iter().filter(|host| host.is_running()).count() as f64),
    )
}

/// Until all nodes that run take these for failed.
fn until_known(world: &mut World, failed: std::ops::RangeInclusive<HostIx>) -> Option<u64> {
    let ids: Vec<NodeId> = world.hosts[failed].iter().map(|host| host.id).collect();
    until(world, |host| host.cluster.as_ref().is_some_and(|cluster| ids.iter().all(|id| cluster.has_failed(*id))))
}

fn at_rest(meter: &Meter, nodes: f64, memory: f64) -> String {
    let per_second = |sum: f64| sum / nodes / (REST_MS as f64 / 1000.0);
    format!(
        concat!(
            "{{\"packets_per_s\": {:.1}, \"bytes_per_s\": {:.0}, \"cpu_percent\": {:.3}, \"codec_percent\": {:.3}, ",
            "\"us_per_packet\": {:.1}, \"memory_kbytes\": {:.0}}}"
        ),
        per_second(meter.packets as f64),
        per_second(meter.bytes as f64),
        per_second(meter.spent().as_secs_f64()) * 100.0,
        per_second(meter.codec.as_secs_f64()) * 100.0,
        meter.spent().as_secs_f64() * 1e6 / meter.packets as f64,
        memory / 1000.0,
    )
}

/// What a node spent and sent meanwhile.
fn spent(meter: &Meter, nodes: f64) -> String {
    format!(
        "\"cpu_ms_per_node\": {:.2}, \"packets_per_node\": {:.0}, \"kbytes_per_node\": {:.0}, \"saves_per_node\": {:.1}",
        meter.spent().as_secs_f64() * 1000.0 / nodes,
        meter.packets as f64 / nodes,
        meter.bytes as f64 / 1000.0 / nodes,
        meter.saves as f64 / nodes,
    )
}

fn told(ms: Option<u64>) -> String {
    ms.map_or("null".into(), |ms| ms.to_string())
}

fn measured<T>(world: &mut World, run: impl FnOnce(&mut World) -> T) -> (T, Meter) {
    world.meter = Some(Meter::new());
    let done = run(world);
    let mut meter = world.meter.take().expect("it was just set");
    meter.stop();
    (done, meter)
}

/// How long it takes until all running nodes see it like this; none: longer than ten node timeouts.
fn until(world: &mut World, wanted: impl Fn(&Host) -> bool) -> Option<u64> {
    let began = world.time;
    let mut hesitant: HostIx = 0;
    while world.time - began < 10 * world.hosts[0].options.node_timeout_ms {
        world.run_for(STEP_MS);
        let lags = |host: &Host| host.is_running() && !wanted(host);
        if lags(&world.hosts[hesitant]) {
            continue;
        }
        match world.hosts.iter().position(lags) {
            Some(host) => hesitant = host,
            None => return Some(world.time - began),
        }
    }
    None
}

fn sees(host: &Host, wanted: impl Fn(&Topology) -> bool) -> bool {
    host.topology.as_ref().is_some_and(|seen| wanted(seen))
}

fn is_served_without(seen: &Topology, dead: &[NodeId]) -> bool {
    let is_dead: Vec<bool> = seen.nodes.iter().map(|node| dead.contains(&node.id)).collect();
    seen.down.is_none() && seen.owners.iter().all(|owner| *owner != NO_NODE && !is_dead[usize::from(*owner)])
}

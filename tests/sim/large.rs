//! How the control plane fares in large clusters: what a node spends at rest, how soon all know of a failure, and how soon
//! all slots are served again after a tenth of the primaries have failed at once. Moments are of virtual time; what nodes
//! spend is real.
//!
//! `SIM_CLUSTERS="500+500 500+500:lost 1000+0" cargo test --profile quick --test sim large -- --ignored --nocapture`:
//! clusters of so many primaries and replicas, whose processes are killed or whose machines are lost. 1000 nodes take some
//! minutes and 3 GB.

use crate::host::Host;
use crate::meter::Meter;
use crate::net::{Delays, HostIx};
use crate::world::{Shape, World};
use coreslot::cluster::options::Options;
use coreslot::contract::topology::{NO_NODE, NodeId, Topology};

/// A data centre's network and disks.
const DELAYS: Delays = Delays { usual: 1, jitter: 1, long_once_in: 1000, long: 20, disk: 10, slow_disk_once_in: 0 };
/// How exactly moments are told.
const STEP_MS: u64 = 10;
const REST_MS: u64 = 15_000;

/// Tries these clusters, and prints an object of JSON for each.
pub fn trials(clusters: &str) {
    clusters.split_whitespace().for_each(|cluster| println!("{}", trial(cluster)));
}

fn trial(name: &str) -> String {
    let (name, lost) = name.strip_suffix(":lost").map_or((name, false), |name| (name, true));
    let (primaries, replicas) = name.split_once('+').expect("PRIMARIES+REPLICAS");
    let (primaries, replicas): (usize, usize) = (primaries.parse().unwrap(), replicas.parse().unwrap());
    let shape = Shape { primaries, replicas: replicas / primaries, options: Options::default(), delays: DELAYS };
    let fail = |world: &mut World, host| if lost { world.unplug(host) } else { world.kill(host) };
    let nodes = primaries * (1 + shape.replicas);
    let mut world = World::new(&shape, 1);
    let (up, starting) = measured(&mut world, |world| until(world, |host| sees(host, |seen| seen.down.is_none())));
    world.run_for(shape.options.node_timeout_ms);
    let (_, rest) = measured(&mut world, |world| world.run_for(REST_MS));
    let first = world.hosts[0].id;
    let (known, one) = measured(&mut world, |world| {
        fail(world, 0);
        until(world, |host| host.cluster.as_ref().is_some_and(|cluster| cluster.has_failed(first)))
    });
    world.run_for(shape.options.node_timeout_ms);
    let tenth = primaries / 10;
    let dead: Vec<NodeId> = world.hosts[..=tenth].iter().map(|host| host.id).collect();
    let (back, many) = measured(&mut world, |world| {
        (1..=tenth).for_each(|host| fail(world, host));
        if replicas > 0 { until(world, |host| sees(host, |seen| is_served_without(seen, &dead))) } else { None }
    });
    let per = |sum: f64, ms: u64| sum / nodes as f64 / (ms as f64 / 1000.0);
    let cpu = |meter: &Meter| (meter.planes + meter.codec).as_secs_f64();
    format!(
        concat!(
            "{{\"primaries\": {}, \"replicas\": {}, \"fail\": \"{}\", \"node_timeout_ms\": {},\n \"all_up_ms\": {}, \"start_cpu_s_per_node\": {:.3},\n",
            " \"rest\": {{\"packets_per_s\": {:.1}, \"bytes_per_s\": {:.0}, \"cpu_percent\": {:.3}, \"codec_percent\": {:.3}, ",
            "\"us_per_packet\": {:.1}}},\n",
            " \"one_failure\": {{\"all_agree_ms\": {}, \"cpu_ms_per_node\": {:.2}}},\n",
            " \"tenth_fails\": {{\"primaries\": {}, \"all_served_ms\": {}, \"failovers\": {}, ",
            "\"cpu_ms_per_node\": {:.1}, \"mbytes_per_node\": {:.2}}}}}"
        ),
        primaries,
        replicas,
        if lost { "machines" } else { "processes" },
        shape.options.node_timeout_ms,
        told(up),
        cpu(&starting) / nodes as f64,
        per(rest.packets as f64, REST_MS),
        per(rest.bytes as f64, REST_MS),
        per(cpu(&rest), REST_MS) * 100.0,
        per(rest.codec.as_secs_f64(), REST_MS) * 100.0,
        cpu(&rest) * 1e6 / rest.packets as f64,
        told(known),
        cpu(&one) * 1000.0 / nodes as f64,
        tenth,
        told(back),
        world.checker.failovers,
        cpu(&many) * 1000.0 / nodes as f64,
        many.bytes as f64 / 1e6 / nodes as f64,
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

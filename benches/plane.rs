//! What a data core spends on a command beside the kernel: pipelines of bytes in, replies out, on one plane.
//!
//! `cargo bench --bench plane` tells wall time; `valgrind --tool=callgrind --toggle-collect='*measured*' BENCH get 100`
//! counts instructions (BENCH: the program that `cargo bench --no-run` names).

use bumpalo::Bump;
use coreslot::base::ids::CoreId;
use coreslot::cluster::Cluster;
use coreslot::cluster::options::Options;
use coreslot::contract::settings::Settings;
use coreslot::data::command::Registry;
use coreslot::data::key::KeyHasher;
use coreslot::data::plane::client::{ClientRef, NO_SEGMENT};
use coreslot::data::plane::{NodeFacts, Now, Plane, PlaneOptions};
use coreslot::data::store::{Store, StoreOptions};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::sync::Arc;
use std::time::Instant;

const KEYS: u64 = 200_000;
const COMMANDS: usize = 1_000_000;

fn plane() -> Plane {
    let hasher = KeyHasher::new(1);
    let facts = NodeFacts {
        run_id: String::new(),
        os: String::new(),
        executable: String::new(),
        config_file: String::new(),
        pid: 1,
        started: 0,
        total_memory: 0,
    };
    let clock = || {
        static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
        START.elapsed().as_nanos() as u64
    };
    let options =
        PlaneOptions { core: CoreId(0), cores: 1, hasher, clock, seed: 1, wall_clock: || 0, facts: Arc::new(facts) };
    let settings = Arc::new(Settings::default());
    let cluster = Cluster::new(Options::default(), Xoshiro256PlusPlus::seed_from_u64(1)).expect("defaults are valid");
    let registry = Box::leak(Box::new(Registry::new()));
    let store = Store::new(StoreOptions { databases: 16, hasher, seed: 1 });
    let mut plane = Plane::new(options, settings, Arc::new(cluster.topology()), registry, store);
    plane.now = Now { unix_ms: 1_700_000_000_000, mono_ns: 0 };
    plane
}

fn pipeline(set: bool, depth: usize, random: &mut Xoshiro256PlusPlus) -> Vec<u8> {
    let value = "x".repeat(64);
    let command = |key: u64| match set {
        true => format!("*3\r\n$3\r\nSET\r\n$16\r\nmemtier-{key:08}\r\n$64\r\n{value}\r\n"),
        false => format!("*2\r\n$3\r\nGET\r\n$16\r\nmemtier-{key:08}\r\n"),
    };
    (0..depth).flat_map(|_| command(random.next_u64() % KEYS).into_bytes()).collect()
}

#[inline(never)]
fn measured(plane: &mut Plane, client: ClientRef, pipelines: &[Vec<u8>], bump: &mut Bump) {
    for bytes in pipelines {
        plane.received(client.index, bytes, bump);
        plane.out.close();
        plane.out.clear();
        plane.clients.get_mut(client).expect("it stays").segment = NO_SEGMENT;
        bump.reset();
    }
}

fn run(set: bool, depth: usize, commands: usize) {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
    let mut plane = plane();
    let mut bump = Bump::new();
    let client = ClientRef { index: 0, generation: 1 };
    plane.connected(client, String::new(), String::new(), true, 1);
    for key in 0..KEYS {
        let value = "x".repeat(64);
        let set = format!("*3\r\n$3\r\nSET\r\n$16\r\nmemtier-{key:08}\r\n$64\r\n{value}\r\n");
        measured_fill(&mut plane, client, set.as_bytes(), &mut bump);
    }
    let pipelines: Vec<_> = (0..commands / depth).map(|_| pipeline(set, depth, &mut random)).collect();
    let started = Instant::now();
    measured(&mut plane, client, &pipelines, &mut bump);
    let each = started.elapsed().as_nanos() as f64 / (pipelines.len() * depth) as f64;
    println!("{} pipeline {depth:3}: {each:6.1} ns a command", if set { "SET" } else { "GET" });
}

fn measured_fill(plane: &mut Plane, client: ClientRef, bytes: &[u8], bump: &mut Bump) {
    plane.received(client.index, bytes, bump);
    plane.out.clear();
    plane.clients.get_mut(client).expect("it stays").segment = NO_SEGMENT;
    bump.reset();
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    if let [command, depth] = args.as_slice() {
        return run(command == "set", depth.parse().expect("a pipeline depth"), 20_000);
    }
    for set in [false, true] {
        for depth in [1, 16, 100] {
            run(set, depth, COMMANDS);
        }
    }
}

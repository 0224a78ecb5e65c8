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
use coreslot::data::plane::share::Common;
use coreslot::data::plane::{NodeFacts, Now, Plane, PlaneOptions};
use coreslot::data::store::{Store, StoreOptions};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::sync::Arc;
use std::time::Instant;

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
    let (facts, common) = (Arc::new(facts), Common::new(1));
    let options = PlaneOptions { core: CoreId(0), cores: 1, hasher, clock, seed: 1, wall_clock: || 0, facts, common };
    let settings = Arc::new(Settings::default());
    let cluster = Cluster::new(Options::default(), Xoshiro256PlusPlus::seed_from_u64(1)).expect("defaults are valid");
    let registry = Box::leak(Box::new(Registry::new()));
    let store = Store::new(StoreOptions { databases: 16, hasher, seed: 1 });
    let mut plane = Plane::new(options, settings, Arc::new(cluster.topology()), registry, store);
    plane.now = Now { unix_ms: 1_700_000_000_000, mono_ns: 0 };
    plane
}

/// What is measured: its name, what each key holds beforehand (`K` is the key), and the command, with `K` a key, `V` a
/// value of 64 bytes and `N` a small number. The last column is the number of keys.
const SCENARIOS: [(&str, &str, &str, u64); 16] = [
    ("get", "SET K V", "GET K", 200_000),
    ("set", "SET K V", "SET K V", 200_000),
    ("incr", "SET K 1", "INCR K", 200_000),
    ("mset10", "SET K V", "MSET {k}0 V {k}1 V {k}2 V {k}3 V {k}4 V {k}5 V {k}6 V {k}7 V {k}8 V {k}9 V", 1),
    ("lpush", "LPUSH K V", "LPUSH K V", 1),
    ("lpop", "LPUSH K V V V V V V V V V V", "LPOP K", 200_000),
    ("lrange100", "LPUSH K x", "LRANGE K 0 99", 1),
    ("hset", "HSET K field0 V", "HSET K fieldN V", 1),
    ("hget", "HSET K field1 V field2 V field3 V", "HGET K field2", 200_000),
    ("sadd", "SADD K x", "SADD K elementN", 1),
    ("spop", "SADD K a b c d e f g h i j", "SPOP K", 200_000),
    ("zadd", "ZADD K 1 x", "ZADD K N elementN", 1),
    ("zrange", "ZADD K 1 a 2 b 3 c 4 d 5 e", "ZRANGE K 0 2", 200_000),
    ("xadd", "XADD K * f v", "XADD K * myfield V", 1),
    ("eval", "SET K V", "EVAL return\u{a0}redis.call('get',KEYS[1]) 1 K", 200_000),
    ("expire", "SET K V", "EXPIRE K 1000", 200_000),
];

/// The command of a template as a client sends it.
fn command(template: &str, key: u64, random: &mut Xoshiro256PlusPlus) -> Vec<u8> {
    let number = random.next_u64() % 100_000;
    let words = template.split(' ').map(|word| match word {
        "K" => format!("memtier-{key:08}"),
        "V" => "x".repeat(64),
        "N" => number.to_string(),
        word => word
            .replace("fieldN", &format!("field{number}"))
            .replace("elementN", &format!("element:{number:012}"))
            .replace('\u{a0}', " "),
    });
    let words: Vec<String> = words.collect();
    let bulks: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!("*{}\r\n{bulks}", words.len()).into_bytes()
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

fn run(scenario: &(&str, &str, &str, u64), depth: usize, commands: usize) {
    let (name, fill, template, keys) = *scenario;
    let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
    let mut plane = plane();
    let mut bump = Bump::new();
    let client = ClientRef { index: 0, generation: 1 };
    plane.connected(client, String::new(), String::new(), true, 1);
    let filled = if keys == 1 { 100 } else { keys };
    for key in 0..filled {
        let bytes = command(fill, key % keys, &mut random);
        prepared(&mut plane, client, &bytes, &mut bump);
    }
    let mut each = || command(template, random.next_u64() % keys, &mut random);
    let pipelines: Vec<_> = (0..commands / depth).map(|_| (0..depth).flat_map(|_| each()).collect()).collect();
    let started = Instant::now();
    measured(&mut plane, client, &pipelines, &mut bump);
    let each = started.elapsed().as_nanos() as f64 / (pipelines.len() * depth) as f64;
    println!("{name:10} pipeline {depth:3}: {each:8.1} ns a command");
}

/// One command beforehand: must not be refused, else the bench measures errors.
fn prepared(plane: &mut Plane, client: ClientRef, bytes: &[u8], bump: &mut Bump) {
    plane.received(client.index, bytes, bump);
    plane.out.clear();
    plane.clients.get_mut(client).expect("it stays").segment = NO_SEGMENT;
    bump.reset();
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    if let [name, depth] = args.as_slice() {
        let scenario = SCENARIOS.iter().find(|each| each.0 == name).expect("a scenario of this file");
        return run(scenario, depth.parse().expect("a pipeline depth"), 20_000);
    }
    for scenario in &SCENARIOS {
        for depth in [1, 16, 100] {
            run(scenario, depth, COMMANDS / 5);
        }
    }
}

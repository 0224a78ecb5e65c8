//! What the store costs for each key, one by one and with a turn's keys prefetched.
//!
//! Keys are drawn at random from 200 thousand, with values of 64 bytes, as in the project's main measurement.
//! `STORE_KEYS` sets another number.

use coreslot::data::key::{Key, KeyHasher};
use coreslot::data::store::{Deadline, Store, StoreOptions};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

/// Keys in a turn.
const BATCH: usize = 16;
const NOW: u64 = 1_700_000_000_000;

struct Bench {
    store: Store,
    hasher: KeyHasher,
    names: Vec<[u8; 16]>,
    state: u64,
}

impl Bench {
    fn new() -> Bench {
        let count = std::env::var("STORE_KEYS").ok().and_then(|count| count.parse().ok()).unwrap_or(200_000);
        let hasher = KeyHasher::new(1);
        let mut store = Store::new(StoreOptions { databases: 1, hasher, seed: 1 });
        let names: Vec<[u8; 16]> = (0..count).map(name).collect();
        for name in &names {
            store.set_string(0, &hasher.key(name), &[b'x'; 64], Deadline::Clear, NOW);
        }
        Bench { store, hasher, names, state: 1 }
    }

    /// Names at random, one after the other in memory, as requests are in a buffer.
    fn draw(&mut self, count: usize) -> Vec<[u8; 16]> {
        let mut draw = || {
            self.state = self.state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            self.names[(self.state >> 33) as usize % self.names.len()]
        };
        (0..count).map(|_| draw()).collect()
    }
}

fn name(number: usize) -> [u8; 16] {
    let mut name = *b"memtier-00000000";
    let digits = format!("{number:08}");
    name[8..].copy_from_slice(digits.as_bytes());
    name
}

fn find(store: &mut Store, keys: &[Key<'_>]) {
    for key in keys {
        let handle = store.find(0, key, NOW).expect("the key is there");
        black_box(store.string(handle));
    }
}

fn set(store: &mut Store, keys: &[Key<'_>]) {
    for key in keys {
        store.set_string(0, key, black_box(&[b'y'; 64]), Deadline::Clear, NOW);
    }
}

fn benches(criterion: &mut Criterion) {
    let mut bench = Bench::new();
    let names = bench.draw(BATCH << 16);
    // Hashed here: what a command pays before it comes to the store is not measured.
    let keys: Vec<Key<'_>> = names.iter().map(|name| bench.hasher.key(name)).collect();
    let turns: Vec<&[Key<'_>]> = keys.chunks(BATCH).collect();
    let mut group = criterion.benchmark_group("store");
    group.throughput(Throughput::Elements(BATCH as u64));
    type Work = fn(&mut Store, &[Key<'_>]);
    for (name, work) in [("find", find as Work), ("set", set)] {
        let mut number = 0;
        let mut next = || {
            number = (number + 1) % turns.len();
            turns[number]
        };
        group.bench_function(format!("{name}, one by one"), |bencher| {
            bencher.iter(|| work(&mut bench.store, next()));
        });
        group.bench_function(format!("{name}, prefetched"), |bencher| {
            bencher.iter(|| {
                let keys = next();
                bench.store.prefetch(0, keys);
                work(&mut bench.store, keys);
            });
        });
    }
    let hasher = bench.hasher;
    group.throughput(Throughput::Elements(bench.names.len() as u64));
    group.sample_size(10);
    group.bench_function("fill", |bencher| {
        bencher.iter_batched(
            || Store::new(StoreOptions { databases: 1, hasher, seed: 1 }),
            |mut store| {
                for name in &bench.names {
                    store.set_string(0, &hasher.key(name), &[b'x'; 64], Deadline::Clear, NOW);
                }
                store
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(store, benches);
criterion_main!(store);

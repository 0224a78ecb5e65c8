//! Memory a key takes beyond key and value: as the store counts it, and as the system sees it.
//!
//! `cargo bench --bench store_memory` fills stores with 2 million keys of 16 bytes; inside the tests, with few.

use coreslot::data::key::KeyHasher;
use coreslot::data::store::{Deadline, Store, StoreOptions};
use std::time::{Duration, Instant};

const KEY: usize = 16;

fn main() {
    // cargo bench passes --bench, cargo test does not.
    let keys = if std::env::args().any(|argument| argument == "--bench") { 2_000_000 } else { 1000 };
    println!("{keys} keys of {KEY} bytes; bytes per key beyond key and value");
    for value in [8, 64, 256] {
        measure(keys, value);
    }
}

fn measure(keys: usize, value: usize) {
    let before = resident();
    let hasher = KeyHasher::new(1);
    let mut store = Store::new(StoreOptions { databases: 1, hasher, seed: 1 });
    let (start, mut slowest) = (Instant::now(), Duration::ZERO);
    let bytes = vec![b'x'; value];
    for number in 0..keys {
        let name = format!("key:{number:012}");
        let set = Instant::now();
        store.set_string(0, &hasher.key(name.as_bytes()), &bytes, Deadline::Clear, 1);
        slowest = slowest.max(set.elapsed());
    }
    let filled = start.elapsed() / keys as u32;
    let beyond = |bytes: usize| bytes as f64 / keys as f64 - (KEY + value) as f64;
    let (counted, seen) = (beyond(store.used_bytes()), beyond(resident() - before));
    let flush = Instant::now();
    store.flush(None);
    let (flush, mut longest, mut more) = (flush.elapsed(), Duration::ZERO, true);
    while more {
        let step = Instant::now();
        more = store.reclaim(1);
        longest = longest.max(step.elapsed());
    }
    println!(
        "values of {value:3}: counted {counted:5.1}, resident {seen:5.1}; SET {filled:?}, the slowest {slowest:?}; \
         flush {flush:?}, longest step of freeing {longest:?}"
    );
}

/// Bytes this process has in memory.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux tells");
    let pages: usize = statm.split(' ').nth(1).expect("the second field").parse().expect("a number");
    pages * 4096
}

//! Memory a key takes beyond key and value: as the store counts it, and as the system sees it.
//!
//! `cargo bench --bench store_memory` fills stores with 2 million keys of 16 bytes, then with collections of 2 million
//! elements in all; inside the tests, with few.

use coreslot::contract::settings::EncodingLimits;
use coreslot::data::key::KeyHasher;
use coreslot::data::store::{Deadline, Object, Store, StoreOptions};
use coreslot::data::types::Forms;
use coreslot::data::types::{hash::Hash, set::Set};
use std::time::{Duration, Instant};

const KEY: usize = 16;

fn main() {
    // cargo bench passes --bench, cargo test does not.
    let keys = if std::env::args().any(|argument| argument == "--bench") { 2_000_000 } else { 1000 };
    println!("{keys} keys of {KEY} bytes; bytes per key beyond key and value");
    for value in [8, 64, 256] {
        measure(keys, value);
    }
    println!("collections of {keys} elements of 10 bytes (hashes: fields, and values of 10); bytes per element");
    for elements in [10, 100, 10_000] {
        measure_collections("hashes", keys, elements, |forms| {
            let mut hash = Hash::new();
            for number in 0..elements {
                hash.set(format!("field{number:05}").as_bytes(), format!("value{number:05}").as_bytes(), forms);
            }
            Object::Hash(hash)
        });
        measure_collections("sets", keys, elements, |forms| {
            let mut set = Set::new();
            (0..elements).for_each(|number| _ = set.insert(format!("field{number:05}").as_bytes(), forms));
            Object::Set(set)
        });
    }
}

fn measure_collections(name: &str, total: usize, elements: usize, make: impl Fn(Forms<'_>) -> Object) {
    let before = resident();
    let (hasher, limits) = (KeyHasher::new(1), EncodingLimits::default());
    let mut store = Store::new(StoreOptions { databases: 1, hasher, seed: 1 });
    for number in 0..total.div_ceil(elements) {
        let key = format!("key:{number:012}");
        let object = make(Forms { limits: &limits, hasher });
        store.set_object(0, &hasher.key(key.as_bytes()), object, Deadline::Clear, 1);
    }
    let each = |bytes: usize| bytes as f64 / total as f64;
    println!(
        "{name} of {elements:5}: counted {:5.1}, resident {:5.1}",
        each(store.used_bytes()),
        each(resident().saturating_sub(before))
    );
    // The next measurement is to find no memory that was given back.
    std::mem::forget(store);
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

//! What it costs to find a key's slot.

use coreslot::slot::{Slot, hash_tag};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

fn keys(len: usize) -> Vec<Vec<u8>> {
    (0..64).map(|number| format!("{number:0len$}").into_bytes()).collect()
}

fn slot_hash(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("slot_hash");
    for len in [8, 16, 24, 64] {
        let keys = keys(len);
        group.throughput(Throughput::Elements(keys.len() as u64));
        group.bench_function(format!("slot, {len} bytes"), |bencher| {
            bencher.iter(|| black_box(&keys).iter().map(|key| Slot::of_key(key).index()).sum::<usize>());
        });
        group.bench_function(format!("hash tag, {len} bytes"), |bencher| {
            bencher.iter(|| black_box(&keys).iter().map(|key| hash_tag(black_box(key)).len()).sum::<usize>());
        });
        group.bench_function(format!("crc16 crate, {len} bytes"), |bencher| {
            bencher.iter(|| {
                let crc = |key: &Vec<u8>| crc16::State::<crc16::XMODEM>::calculate(key) as usize;
                black_box(&keys).iter().map(crc).sum::<usize>()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, slot_hash);
criterion_main!(benches);

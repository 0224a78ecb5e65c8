//! What a hop between two pinned threads costs while both are awake.
//!
//! No part of it sleeps: the price of a wake-up is the kernel's and is measured where the kernel is
//! asked, in `ring`.

use coreslot::mesh::{Mesh, Port};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::{black_box, spin_loop};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A message as large as a request that travels with its scratch pointers.
type Message = [u64; 8];

/// Ends the other thread.
const STOP: u64 = u64::MAX;

/// Two ports, the second on a thread pinned to another core, which sends back all it gets.
fn echo() -> (Port<Message>, JoinHandle<()>) {
    let mut ports = Mesh::new(2, 1024);
    let (mut there, here) = (ports.pop().expect("two ports"), ports.pop().expect("two ports"));
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    cores.first().map(|core| core_affinity::set_for_current(*core));
    let echoing = std::thread::spawn(move || {
        cores.last().map(|core| core_affinity::set_for_current(*core));
        loop {
            while let Some(message) = there.pop(0) {
                if message[0] == STOP {
                    return;
                }
                there.push(0, message).expect("no more is under way than the queue holds");
            }
            there.flush(|_| {});
            spin_loop();
        }
    });
    (here, echoing)
}

/// Sends `batch` messages, waits for all of them to come back, `rounds` times.
fn round_trips(port: &mut Port<Message>, rounds: u64, batch: u64) -> Duration {
    let start = Instant::now();
    for _ in 0..rounds {
        for number in 0..batch {
            port.push(1, black_box([number; 8])).expect("the queue holds a batch");
        }
        port.flush(|_| {});
        for _ in 0..batch {
            while black_box(port.pop(1)).is_none() {
                spin_loop();
            }
        }
    }
    start.elapsed()
}

/// Sends without waiting, as far ahead as the queue allows; counts when all have come back.
fn stream(port: &mut Port<Message>, count: u64) -> Duration {
    let start = Instant::now();
    let (mut sent, mut received) = (0, 0);
    while received < count {
        while sent < count && sent - received < 512 {
            port.push(1, black_box([sent; 8])).expect("the queue holds more than 512");
            sent += 1;
        }
        port.flush(|_| {});
        while black_box(port.pop(1)).is_some() {
            received += 1;
        }
    }
    start.elapsed()
}

fn hops(criterion: &mut Criterion) {
    let (mut port, echoing) = echo();
    let mut group = criterion.benchmark_group("hop");
    for batch in [1, 16, 100] {
        group.throughput(Throughput::Elements(batch));
        group.bench_function(format!("round trip of {batch}"), |bencher| {
            bencher.iter_custom(|rounds| round_trips(&mut port, rounds, batch));
        });
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function("stream there and back", |bencher| bencher.iter_custom(|count| stream(&mut port, count)));
    group.finish();

    port.push(1, [STOP; 8]).expect("the queue is empty");
    port.flush(|_| {});
    echoing.join().expect("the echo ends without a panic");
}

fn one_thread(criterion: &mut Criterion) {
    let (mut sender, mut receiver) = coreslot::mesh::queue::queue::<Message>(1024);
    criterion.bench_function("hop/push and pop on one thread", |bencher| {
        bencher.iter(|| {
            let _ = sender.push(black_box([1; 8]));
            sender.flush();
            black_box(receiver.pop())
        });
    });
}

criterion_group!(benches, one_thread, hops);
criterion_main!(benches);

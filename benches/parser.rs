//! What a command costs to parse, in batches as pipelining clients send them.

use coreslot::resp::parse::{Args, Limits, ParseState, Parsed, parse};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

/// `count` commands with keys of 16 bytes; the value makes it a SET.
fn pipeline(count: usize, value: Option<usize>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for index in 0..count {
        let head = if value.is_some() { "*3\r\n$3\r\nSET" } else { "*2\r\n$3\r\nGET" };
        bytes.extend_from_slice(format!("{head}\r\n$16\r\nkey:{index:012}\r\n").as_bytes());
        if let Some(len) = value {
            bytes.extend_from_slice(format!("${len}\r\n{}\r\n", "v".repeat(len)).as_bytes());
        }
    }
    bytes
}

/// Parses all of `input`; returns how many commands it held.
fn drain(input: &[u8], out: &mut Args) -> usize {
    let limits = Limits::new(512 << 20, true);
    let (mut state, mut at, mut commands) = (ParseState::default(), 0, 0);
    out.clear();
    while let Parsed::Command { consumed } = parse(&input[at..], &mut state, &limits, out) {
        at += consumed;
        commands += 1;
    }
    commands
}

fn whole_buffers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parser");
    for (name, count, value) in [
        ("GET x16", 16, None),
        ("GET x100", 100, None),
        ("SET 64 x16", 16, Some(64)),
        ("SET 64 x100", 100, Some(64)),
        ("SET 10000 x16", 16, Some(10_000)),
    ] {
        let input = pipeline(count, value);
        let mut out = Args::new();
        assert_eq!(drain(&input, &mut out), count);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(name, |bencher| bencher.iter(|| drain(black_box(&input), &mut out)));
    }
    group.finish();
}

fn pieces(criterion: &mut Criterion) {
    let arguments = 100_000;
    let input = [format!("*{arguments}\r\n").into_bytes(), b"$1\r\nx\r\n".repeat(arguments)].concat();
    let limits = Limits::new(512 << 20, true);
    let mut group = criterion.benchmark_group("parser");
    group.throughput(Throughput::Elements(arguments as u64));
    group.bench_function("arguments in pieces of 16 KiB", |bencher| {
        bencher.iter_batched_ref(
            || (ParseState::default(), Args::new()),
            |(state, out)| {
                let mut end = 0;
                while !matches!(parse(&input[..end], state, &limits, out), Parsed::Command { .. }) {
                    end = input.len().min(end + 16 * 1024);
                }
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, whole_buffers, pieces);
criterion_main!(benches);

//! The longest single steps of a store with a large value: growing, being frozen, changed and written, being freed.
//!
//! `cargo bench --bench steps` does for each type what a data core does in turns, one step at a time, and measures each step's
//! CPU time: a million elements of 100 bytes; inside the tests, few. All of it is done several times, each time in a fresh
//! process; the steps are the same each time, so of each step the least is what it takes itself, and not what interrupts or
//! other virtual machines take of the CPU. Of all steps of a kind, the longest and the 99.9th percentile are told.
//!
//! `cargo bench --bench steps -- hash,set` does some of the types. `STEPS_ELEMENTS` and `STEPS_ROUNDS` set other numbers.

use coreslot::contract::settings::EncodingLimits;
use coreslot::cores::clock::thread_cpu_ns;
use coreslot::data::key::{Key, KeyHasher};
use coreslot::data::rdb::write::Style;
use coreslot::data::store::{Collection, Deadline, Progress, Store, StoreOptions};
use coreslot::data::types::Forms;
use coreslot::data::types::hash::Hash;
use coreslot::data::types::list::{End, LARGE, Limits, List};
use coreslot::data::types::set::Set;
use coreslot::data::types::stream::{NodeLimits, Stream};
use coreslot::data::types::zset::Zset;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Write;
use std::process::{Command, Stdio};

const TYPES: [&str; 6] = ["hash", "set", "zset", "list", "stream", "string"];
const VALUE: [u8; 90] = [b'v'; 90];
/// What a part of a snapshot may take, and how far a turn frees.
const PART: usize = coreslot::base::limits::SNAPSHOT_PART;
const NOW: u64 = 1_700_000_000_000;
/// What the process of a round is told.
const ROUND: &str = "STEPS_ROUND_OF";

fn main() {
    if let Ok(kind) = std::env::var(ROUND) {
        // As in a node, not on the first thread, whose memory the allocator has elsewhere.
        return std::thread::spawn(move || round(&kind)).join().expect("a round ends well");
    }
    // cargo bench passes --bench, cargo test does not.
    let is_test = !std::env::args().any(|argument| argument == "--bench");
    let types = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let types = types.unwrap_or_else(|| TYPES.join(","));
    let (elements, rounds) = if is_test { ("1000", 1) } else { ("1000000", setting("STEPS_ROUNDS", 5)) };
    let elements = std::env::var("STEPS_ELEMENTS").unwrap_or_else(|_| elements.to_owned());
    println!("{elements} elements; the least of {rounds} rounds, in us");
    println!("{:8} {:24} {:>9} {:>9} {:>9} {:>9}", "type", "step", "steps", "median", "p99.9", "max");
    for kind in types.split(',') {
        let mut least = BTreeMap::new();
        (0..rounds).for_each(|_| merge(&mut least, &run(kind, &elements)));
        for (step, mut times) in least {
            let longest = (0..times.len()).max_by_key(|&at| times[at]).unwrap_or(0);
            times.sort_unstable();
            let at = |part: f64| f64::from(times[((times.len() - 1) as f64 * part) as usize]) / 1000.0;
            let (median, late, most) = (at(0.5), at(0.999), at(1.0));
            println!("{kind:8} {step:24} {:9} {median:9.1} {late:9.1} {most:9.1}  at {longest}", times.len());
        }
    }
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A round in a process of its own: what each step took, by kind of step.
fn run(kind: &str, elements: &str) -> BTreeMap<String, Vec<u32>> {
    let program = std::env::current_exe().expect("Linux tells");
    let mut command = Command::new(program);
    let output = command.env(ROUND, kind).env("STEPS_ELEMENTS", elements).stderr(Stdio::inherit()).output();
    let output = output.expect("a round can be started");
    assert!(output.status.success(), "a round of {kind} failed");
    let text = String::from_utf8(output.stdout).expect("a round writes text");
    let line = |line: &str| {
        let (step, times) = line.split_once('\t')?;
        Some((step.to_owned(), times.split(' ').filter_map(|time| time.parse().ok()).collect()))
    };
    text.lines().filter_map(line).collect()
}

fn merge(least: &mut BTreeMap<String, Vec<u32>>, round: &BTreeMap<String, Vec<u32>>) {
    for (step, times) in round {
        let known = least.entry(step.clone()).or_insert_with(|| times.clone());
        known.truncate(times.len());
        known.iter_mut().zip(times).for_each(|(least, time)| *least = (*least).min(*time));
    }
}

/// What was measured in this process.
#[derive(Default)]
struct Times(BTreeMap<&'static str, Vec<u32>>);

impl Times {
    fn of<R>(&mut self, step: &'static str, work: impl FnOnce() -> R) -> R {
        let times = self.0.entry(step).or_insert_with(|| Vec::with_capacity(1 << 21));
        let began = thread_cpu_ns();
        let result = work();
        times.push((thread_cpu_ns() - began) as u32);
        result
    }
}

fn round(kind: &str) {
    let (elements, mut times) = (setting("STEPS_ELEMENTS", 1000), Times::default());
    // Grown by this thread, saved while it changes, and deleted.
    let mut big = Big::new(kind);
    (0..elements).for_each(|number| times.of("1 grow", || big.add(number)));
    big.save(elements, &mut times);
    big.end(&mut times, ["6 delete", "7 free", "7 allocate after that"]);
    // Grown by a thread that loads, as a replica has it, and deleted by this one.
    let name = kind.to_owned();
    let loader = std::thread::spawn(move || {
        let mut big = Big::new(&name);
        (0..elements).for_each(|number| big.add(number));
        big
    });
    let mut loaded = loader.join().expect("it loads");
    loaded.end(&mut times, ["8 delete what was loaded", "9 free what was loaded", "9 allocate after that"]);
    let mut out = std::io::stdout().lock();
    for (step, times) in times.0 {
        let times: Vec<String> = times.iter().map(u32::to_string).collect();
        writeln!(out, "{step}\t{}", times.join(" ")).expect("the parent reads");
    }
}

/// A store with a large value.
struct Big {
    kind: String,
    store: Store,
    key: Key<'static>,
    limits: EncodingLimits,
    hasher: KeyHasher,
}

impl Big {
    fn new(kind: &str) -> Big {
        let hasher = KeyHasher::new(1);
        let mut store = Store::new(StoreOptions { databases: 1, hasher, seed: 1 });
        let key = hasher.key(b"big");
        match kind {
            "hash" => _ = store.set_object(0, &key, Hash::new().into_object(), Deadline::Clear, NOW),
            "set" => _ = store.set_object(0, &key, Set::new().into_object(), Deadline::Clear, NOW),
            "zset" => _ = store.set_object(0, &key, Zset::default().into_object(), Deadline::Clear, NOW),
            "list" => _ = store.set_object(0, &key, List::default().into_object(), Deadline::Clear, NOW),
            "stream" => _ = store.set_object(0, &key, Stream::default().into_object(), Deadline::Clear, NOW),
            _ => {}
        }
        Big { kind: kind.to_owned(), store, key, limits: EncodingLimits::default(), hasher }
    }

    fn edit<C: Collection>(&mut self, change: impl FnOnce(&mut C, Forms<'_>)) {
        let forms = Forms { limits: &self.limits, hasher: self.hasher };
        let edited = self.store.edit(0, &self.key, NOW, |collection: &mut C| {
            change(collection, forms);
            ((), true)
        });
        assert_eq!(edited, Ok(Some(())));
    }

    /// Adds an element, which no other is like.
    fn add(&mut self, number: usize) {
        let name = format!("{number:09}");
        let text = [name.as_bytes(), &VALUE].concat();
        match self.kind.as_str() {
            "hash" => self.edit(|hash: &mut Hash, forms| _ = hash.set(name.as_bytes(), &VALUE, forms)),
            "set" => self.edit(|set: &mut Set, forms| _ = set.insert(&text, forms)),
            "zset" => self.edit(|zset: &mut Zset, forms| _ = zset.set(&text, number as f64, forms.limits)),
            "list" => self.edit(|list: &mut List, forms| list.push(End::Tail, &text, &limits(forms))),
            "stream" => self.edit(|stream: &mut Stream, forms| {
                let limits =
                    NodeLimits { bytes: forms.limits.stream_node_bytes, entries: forms.limits.stream_node_entries };
                stream.push(stream.last_id.next().expect("there are more"), &[b"field", &VALUE], limits);
            }),
            // All at once: a string grows as nothing else does.
            _ if number == 0 => {
                let bytes = vec![b'v'; VALUE.len() * setting("STEPS_ELEMENTS", 1000)];
                self.store.set_string_owned(0, &self.key, bytes, Deadline::Clear, NOW);
            }
            _ => {}
        }
    }

    /// Changes it, by an element that is there where it can.
    fn touch(&mut self, number: usize, elements: usize) {
        let text = [format!("{number:09}").as_bytes(), &VALUE].concat();
        match self.kind.as_str() {
            "hash" | "string" => self.add(number),
            "zset" => self.edit(|zset: &mut Zset, forms| _ = zset.set(&text, (number + 1) as f64, forms.limits)),
            "list" => self.edit(|list: &mut List, forms| {
                list.pop(End::Head, |_| ());
                list.push(End::Tail, &text, &limits(forms));
            }),
            _ => self.add(elements + number),
        }
    }

    /// Takes a snapshot, with a change after each part.
    fn save(&mut self, elements: usize, times: &mut Times) {
        self.store.snapshot_begin(Style { compressed: true, ..Style::default() }, NOW);
        let mut number = 0;
        loop {
            let step = if number == 0 { "2 freeze and change" } else { "3 change what is frozen" };
            number += 1;
            times.of(step, || self.touch(number * 7919 % elements, elements));
            let mut out = Vec::new();
            if times.of("4 part", || self.store.snapshot_step(PART, &mut out)).progress != Progress::More {
                break;
            }
            black_box(out);
        }
        while times.of("5 free the copy", || self.store.reclaim(1)) {}
    }

    /// Deletes it and frees its memory, while other memory is wanted and given back, as by clients.
    fn end(&mut self, times: &mut Times, [delete, free, allocate]: [&'static str; 3]) {
        times.of(delete, || self.store.remove(0, &self.key, NOW));
        while times.of(free, || self.store.reclaim(1)) {
            times.of(allocate, || drop(black_box([100, 2000, 20_000].map(Vec::<u8>::with_capacity))));
        }
    }
}

fn limits(forms: Forms<'_>) -> Limits {
    Limits { fill: forms.limits.list_size, large: LARGE, depth: forms.limits.list_compress_depth }
}

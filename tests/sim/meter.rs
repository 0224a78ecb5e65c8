//! What nodes cost: the time that their control planes and the codec of their packets take, and the bytes they send.
//!
//! What is measured is short and the machine may be busy, so that a clock on the wall tells too much; the thread's own
//! clock costs too much to be asked twice a call. So the calls' part of the whole is measured on the wall, and the whole
//! by the thread's.

use coreslot::cluster::wire::{Body, Packet, codec};
use std::time::{Duration, Instant};

/// The sum over all nodes.
#[derive(Debug)]
pub struct Meter {
    pub packets: u64,
    pub bytes: u64,
    /// What the control planes took.
    pub planes: Duration,
    /// How often they had nodes.conf written.
    pub saves: u64,
    /// What writing every packet and reading it took.
    pub codec: Duration,
    scratch: Vec<u8>,
    began: (Instant, Duration),
}

/// The time that this thread has run.
fn thread_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("the kernel counts");
    Duration::from_nanos(text.split(' ').next().and_then(|ns| ns.parse().ok()).expect("a number"))
}

/// One packet in so many is encoded.
const SAMPLED: u64 = 16;

/// How long a packet is on the wire.
fn length(packet: &Packet) -> u64 {
    2256 + match &packet.body {
        Body::Gossip { entries, .. } => 104 * entries.len() as u64,
        Body::Fail(_) => 40,
        Body::Update { .. } => 2096,
        Body::OpenSlots(open) => 13 + 44 * open.len() as u64,
        _ => 0,
    }
}

/// The memory that this process has.
pub fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("the kernel counts");
    4096 * text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("a number")
}

impl Meter {
    pub fn new() -> Meter {
        let zero = Duration::ZERO;
        let began = (Instant::now(), thread_time());
        Meter { packets: 0, bytes: 0, planes: zero, saves: 0, codec: zero, scratch: Vec::new(), began }
    }

    /// Ends the measurement.
    pub fn stop(&mut self) {
        let (wall, thread) = self.began;
        let ran = (thread_time() - thread).as_secs_f64() / wall.elapsed().as_secs_f64();
        self.planes = self.planes.mul_f64(ran.min(1.0));
        self.codec = self.codec.mul_f64(ran.min(1.0));
    }

    /// Times a call of a control plane.
    pub fn time<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = call();
        self.planes += began.elapsed();
        done
    }

    /// Times the making of a nodes.conf.
    pub fn save<T>(&mut self, call: impl FnOnce() -> T) -> T {
        self.saves += 1;
        self.time(call)
    }

    /// All that was spent.
    pub fn spent(&self) -> Duration {
        self.planes + self.codec
    }

    /// Counts a packet. Each sixteenth is written and read for it, and stands for sixteen.
    pub fn sent(&mut self, packet: &Packet) {
        self.packets += 1;
        self.bytes += length(packet);
        if !self.packets.is_multiple_of(SAMPLED) {
            return;
        }
        self.scratch.clear();
        let began = Instant::now();
        codec::encode(packet, &mut self.scratch);
        let read = codec::decode(&self.scratch);
        self.codec += began.elapsed() * SAMPLED as u32;
        assert!(read.is_ok(), "a packet survives the wire");
        assert_eq!(self.scratch.len() as u64, length(packet));
    }
}

//! What nodes cost: the time that their control planes and the codec of their packets take, and the bytes they send.

use coreslot::cluster::wire::{Packet, codec};
use std::time::{Duration, Instant};

/// The sum over all nodes.
#[derive(Debug, Default)]
pub struct Meter {
    pub packets: u64,
    pub bytes: u64,
    /// What the control planes took.
    pub planes: Duration,
    /// What writing every packet and reading it took.
    pub codec: Duration,
    /// The longest call of a control plane.
    pub longest: Duration,
    scratch: Vec<u8>,
}

impl Meter {
    /// Times a call of a control plane.
    pub fn time<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = call();
        let took = began.elapsed();
        self.planes += took;
        self.longest = self.longest.max(took);
        done
    }

    /// Counts a packet, which is written and read for it.
    pub fn sent(&mut self, packet: &Packet) {
        self.scratch.clear();
        let began = Instant::now();
        codec::encode(packet, &mut self.scratch);
        let read = codec::decode(&self.scratch);
        self.codec += began.elapsed();
        assert!(read.is_ok_and(|read| read == *packet), "a packet survives the wire");
        self.packets += 1;
        self.bytes += self.scratch.len() as u64;
    }
}

//! Random choices from a seed, so that tests repeat.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// A random source; not for secrets.
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    /// The source of `seed`.
    pub fn new(seed: u64) -> Random {
        Random(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Another source, which follows from this one.
    pub fn fork(&mut self) -> Random {
        Random::new(self.0.next_u64())
    }

    /// A number under `bound`, 0 when that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// An index into something of `length`, 0 when that is 0.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }
}

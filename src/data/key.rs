//! A key on its way to a table: its bytes, its slot and its table hash, computed once per command.

use crate::slot::Slot;
use foldhash::fast::FixedState;
use std::hash::{BuildHasher, Hasher};

/// The seeded hash of this process; every core has the same, so a hash can travel with a hop.
#[derive(Clone, Copy)]
pub struct KeyHasher(u64);

impl KeyHasher {
    /// A hasher for `seed`; random in a node, fixed in tests.
    pub fn new(seed: u64) -> Self {
        KeyHasher(seed)
    }

    /// The table hash of `bytes`.
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = FixedState::with_seed(self.0).build_hasher();
        hasher.write(bytes);
        hasher.finish()
    }

    /// `bytes` as a key.
    pub fn key<'a>(&self, bytes: &'a [u8]) -> Key<'a> {
        Key { bytes, slot: Slot::of_key(bytes), hash: self.hash(bytes) }
    }
}

/// A key with what is needed to find it.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// The key itself.
    pub bytes: &'a [u8],
    /// Its hash slot.
    pub slot: Slot,
    /// Its hash in the slot's table.
    pub hash: u64,
}

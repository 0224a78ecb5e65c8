//! One logical database of one core: a table for each slot, and the list of the keys that have deadlines.
//!
//! Costs nothing until its first write. Keeps count of its keys by groups of slots, so that empty slots are skipped
//! and a random key is found without asking each table.

use super::arena::Arena;
use super::table::{PLACES, Place, SlotTable};
use crate::base::limits::SLOTS;
use crate::base::random::Random;

/// Slots in a group.
const GROUP: usize = 64;
const GROUPS: usize = SLOTS / GROUP;

/// See the module's description.
#[derive(Default)]
pub struct Database {
    /// One for each slot, or none at all.
    pub tables: Vec<SlotTable>,
    /// Keys in each group of slots.
    groups: Vec<u32>,
    /// Handles of the entries with deadlines; each entry knows its position here.
    pub volatile: Vec<u32>,
    len: usize,
    /// Milliseconds that keys with deadlines have left, on average: an estimate that expiry keeps.
    pub average_ttl: u64,
}

impl Database {
    /// Number of keys, expired ones included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes that grow with the keys, beside the arena. The array of tables does not, and no eviction frees it.
    pub fn bookkeeping(&self) -> usize {
        self.volatile.capacity() * size_of::<u32>()
    }

    /// The table of a slot; `None`: this database was never written.
    #[inline(always)]
    pub fn table(&self, slot: usize) -> Option<&SlotTable> {
        self.tables.get(slot)
    }

    /// Adds an entry.
    pub fn insert(
        &mut self,
        arena: &mut Arena,
        slot: usize,
        hash: u64,
        handle: u32,
        rehash: impl Fn(&[u8], u32) -> u64,
    ) {
        if self.tables.is_empty() {
            self.tables.resize_with(SLOTS, SlotTable::default);
            self.groups.resize(GROUPS, 0);
        }
        self.tables[slot].insert(arena, hash, handle, rehash);
        self.groups[slot / GROUP] += 1;
        self.len += 1;
    }

    /// Takes an entry out of its table.
    pub fn remove(
        &mut self,
        arena: &mut Arena,
        slot: usize,
        hash: u64,
        place: Place,
        rehash: impl Fn(&[u8], u32) -> u64,
    ) {
        self.tables[slot].remove(arena, hash, place, rehash);
        self.groups[slot / GROUP] -= 1;
        self.len -= 1;
    }

    /// Takes out a slot's whole table.
    pub fn take_table(&mut self, slot: usize) -> Option<SlotTable> {
        let table = self.tables.get_mut(slot)?;
        if table.len() == 0 {
            return None;
        }
        let taken = table.detach();
        self.groups[slot / GROUP] -= taken.len() as u32;
        self.len -= taken.len();
        Some(taken)
    }

    /// The first slot from `slot` on that has keys.
    pub fn next_slot(&self, mut slot: usize) -> Option<usize> {
        while slot < self.tables.len() {
            if self.groups[slot / GROUP] == 0 {
                slot = (slot / GROUP + 1) * GROUP;
            } else if self.tables[slot].len() == 0 {
                slot += 1;
            } else {
                return Some(slot);
            }
        }
        None
    }

    /// Any entry, each with the same probability.
    pub fn random(&self, memory: &[u8], random: &mut Random) -> Option<u32> {
        if self.len == 0 {
            return None;
        }
        let mut rank = random.index(self.len);
        let group = self.groups.iter().position(|&keys| holds(&mut rank, keys as usize))?;
        let tables = &self.tables[group * GROUP..][..GROUP];
        let table = &tables[tables.iter().position(|table| holds(&mut rank, table.len()))?];
        loop {
            // Tables are never nearly empty, so this ends soon.
            let (line, index) = (random.index(table.lines()), random.index(PLACES));
            if let Some((_, handle)) = table.in_line(memory, line).find(|&(at, _)| at == index) {
                return Some(handle);
            }
        }
    }
}

/// Whether the key with `rank` is among the next `keys`; if not, its rank among those after them.
fn holds(rank: &mut usize, keys: usize) -> bool {
    let inside = *rank < keys;
    if !inside {
        *rank -= keys;
    }
    inside
}

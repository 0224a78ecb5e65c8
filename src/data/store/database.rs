//! One logical database of one core: a table for each slot, and the list of the keys that have deadlines.
//!
//! Costs nothing until its first write. Keeps count of its keys by groups of slots, so that empty slots are skipped
//! and a random key is found without asking each table.

use super::arena::Arena;
use super::parts::Parts;
use super::slab::Slab;
use super::table::{FULL, PLACES, Place, SlotTable};
use crate::base::chunks::Chunks;
use crate::base::limits::SLOTS;
use crate::base::random::Random;

/// Slots in a group.
const GROUP: usize = 64;
const GROUPS: usize = SLOTS / GROUP;

/// See the module's description.
#[derive(Default)]
pub struct Database {
    /// One for each slot, or none at all. That of a slot with very many keys has its entries in `divided`.
    tables: Vec<SlotTable>,
    divided: Slab<Parts>,
    /// Keys in each group of slots.
    groups: Vec<u32>,
    /// Handles of the entries with deadlines; each entry knows its position here.
    pub volatile: Chunks<u32>,
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
        self.volatile.bytes()
    }

    /// The table that has the keys of `slot` with `hash`; `None`: there is none.
    #[inline(always)]
    pub fn table(&self, slot: usize, hash: u64) -> Option<&SlotTable> {
        let table = self.tables.get(slot)?;
        if table.lines() == 0 { self.part(table, hash) } else { Some(table) }
    }

    #[cold]
    fn part(&self, table: &SlotTable, hash: u64) -> Option<&SlotTable> {
        table.parts().map(|number| self.divided.get(number).part(hash))
    }

    /// What is to be brought nearer first of what [`table`](Self::table) looks at.
    #[inline(always)]
    pub fn slot(&self, slot: usize) -> Option<&SlotTable> {
        self.tables.get(slot)
    }

    /// Keys of a slot.
    pub fn slot_len(&self, slot: usize) -> usize {
        self.tables.get(slot).map_or(0, SlotTable::len)
    }

    /// The tables of a slot from the one with `share` of the hashes on, each with its first share: see
    /// [`parts`](super::parts).
    pub fn slot_tables(&self, slot: usize, share: u16) -> impl Iterator<Item = (u16, SlotTable)> {
        let table = self.tables.get(slot);
        let parts = table.and_then(SlotTable::parts).map(|number| self.divided.get(number).from(share));
        let whole = if parts.is_none() { table.map(|table| (0, *table)) } else { None };
        whole.into_iter().chain(parts.into_iter().flatten())
    }

    /// All entries of a slot.
    pub fn entries<'a>(&'a self, slot: usize, memory: &'a [u8]) -> impl Iterator<Item = u32> {
        self.slot_tables(slot, 0).flat_map(move |(_, table)| table.iter(memory))
    }

    /// How many lines of its tables have 0, 1 ... entries.
    pub fn line_counts(&self, memory: &[u8]) -> [u64; PLACES + 1] {
        let mut counts = [0; PLACES + 1];
        for slot in 0..self.tables.len() {
            for (_, table) in self.slot_tables(slot, 0) {
                (0..table.lines()).for_each(|line| counts[table.in_line(memory, line).count()] += 1);
            }
        }
        counts
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
        let table = &mut self.tables[slot];
        if table.len() < FULL && table.parts().is_none() {
            table.insert(arena, hash, handle, rehash);
        } else {
            let number = table.parts().unwrap_or_else(|| self.divided.insert(Parts::of(*table)));
            self.divided.get_mut(number).insert(arena, hash, handle, rehash);
            *table = SlotTable::divided(number, table.len() + 1);
        }
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
        let table = &mut self.tables[slot];
        match table.parts() {
            None => table.remove(arena, hash, place, rehash),
            Some(number) => {
                let (parts, left) = (self.divided.get_mut(number), table.len() - 1);
                parts.remove(arena, hash, place, rehash);
                match parts.whole(left) {
                    None => *table = SlotTable::divided(number, left),
                    Some(whole) => {
                        *table = whole;
                        self.divided.remove(number);
                    }
                }
            }
        }
        self.groups[slot / GROUP] -= 1;
        self.len -= 1;
    }

    /// Takes out all tables of a slot.
    pub fn take_tables(&mut self, slot: usize) -> Vec<SlotTable> {
        let Some(table) = self.tables.get_mut(slot).filter(|table| table.len() > 0) else { return Vec::new() };
        self.groups[slot / GROUP] -= table.len() as u32;
        self.len -= table.len();
        match table.parts() {
            None => vec![table.detach()],
            Some(number) => {
                let parts = self.divided.remove(number);
                *table = parts.successor();
                parts.into_tables()
            }
        }
    }

    /// Gives up all tables, and the list of keys with deadlines.
    pub fn dissolve(self) -> (Vec<SlotTable>, Chunks<u32>) {
        let mut tables = self.tables;
        let mut divided = self.divided;
        while let Some(parts) = divided.pop() {
            tables.extend(parts.into_tables());
        }
        (tables, self.volatile)
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
        let slot = (group * GROUP..).take(GROUP).find(|&slot| holds(&mut rank, self.slot_len(slot)))?;
        let (_, table) = self.slot_tables(slot, 0).find(|(_, table)| holds(&mut rank, table.len()))?;
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

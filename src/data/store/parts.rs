//! The table of a slot with very many keys, in parts: so that no insert or delete rebuilds more than one of them.
//!
//! ```text
//! shares (bits 32..48 of the hash)   0 ------- 0x4000 - 0x6000 - 0x8000 --------------- 0xffff
//! parts, each a SlotTable            |    0    |   1    |   2    |          3            |
//! ```
//!
//! A part that is full is divided in the middle of its shares; two halves that have become small are joined again. So
//! a part always has 2^n shares, from a multiple of 2^n on, and what was in a part stays within its shares: that is
//! what SCAN's cursors and snapshots rely on. A part that begins where an earlier one did has a later generation.
//!
//! Parts are full at different sizes, so that they are not all divided at the same time: as the slot grows, one is
//! divided about every [`FULL`] inserts. Owned by the data core.

use super::arena::Arena;
use super::table::{FULL, Place, SlotTable};

/// Two halves of a part that together have fewer entries than this are joined. Less than any part has when divided.
const FEW: usize = FULL / 4;

/// One more than the last share.
const SHARES: u32 = 1 << 16;

/// Which part of the hashes this one belongs to. Neither the tag nor the home within a table depends on it.
#[inline]
pub fn share(hash: u64) -> u16 {
    (hash >> 32) as u16
}

/// See the module's description. Never without a part, but for the default, which is for free places of a slab.
#[derive(Default)]
pub struct Parts {
    /// The first share of each, ascending; the first is 0.
    starts: Vec<u16>,
    tables: Vec<SlotTable>,
}

impl Parts {
    /// `table` as the only part.
    pub fn of(table: SlotTable) -> Parts {
        Parts { starts: vec![0], tables: vec![table] }
    }

    /// The part that has `hash`, or would have it.
    pub fn part(&self, hash: u64) -> &SlotTable {
        &self.tables[self.index(share(hash))]
    }

    /// All parts from the one with `share` on, each with its first share.
    pub fn from(&self, share: u16) -> impl Iterator<Item = (u16, SlotTable)> {
        let parts = self.starts.iter().copied().zip(self.tables.iter().copied());
        parts.skip(self.index(share))
    }

    /// An empty table that comes after all of them.
    pub fn successor(&self) -> SlotTable {
        let mut table = SlotTable::default();
        self.tables.iter().for_each(|part| table.follow(part));
        table.detach();
        table
    }

    /// The tables.
    pub fn into_tables(self) -> Vec<SlotTable> {
        self.tables
    }

    /// Adds an entry that none of them has.
    pub fn insert(&mut self, arena: &mut Arena, hash: u64, handle: u32, rehash: impl Fn(&[u8], u32) -> u64) {
        let part = self.index(share(hash));
        if self.tables[part].len() >= most(self.starts[part]) {
            self.divide(part, arena, &rehash);
        }
        let part = self.index(share(hash));
        self.tables[part].insert(arena, hash, handle, rehash);
    }

    /// Takes the entry at `place` with `hash` out.
    pub fn remove(&mut self, arena: &mut Arena, hash: u64, place: Place, rehash: impl Fn(&[u8], u32) -> u64) {
        let part = self.index(share(hash));
        self.tables[part].remove(arena, hash, place, &rehash);
        if let Some(first) = self.other_half(part).map(|other| part.min(other))
            && self.tables[first].len() + self.tables[first + 1].len() < FEW
        {
            self.join(first, arena, rehash);
        }
    }

    /// The one table that has all `len` entries, if they are so few that one will do.
    pub fn whole(&self, len: usize) -> Option<SlotTable> {
        match self.tables.as_slice() {
            [table] => (len < FEW).then_some(*table),
            _ if len == 0 => Some(self.successor()),
            _ => None,
        }
    }

    fn index(&self, share: u16) -> usize {
        self.starts.partition_point(|&start| start <= share) - 1
    }

    /// How many shares a part has.
    fn width(&self, part: usize) -> u32 {
        self.starts.get(part + 1).map_or(SHARES, |&start| u32::from(start)) - u32::from(self.starts[part])
    }

    /// The part that was divided from this one, or that this one was divided from, if it is in one piece.
    fn other_half(&self, part: usize) -> Option<usize> {
        let width = self.width(part);
        let is_second = u32::from(self.starts[part]) & width != 0;
        let other = if is_second { part - 1 } else { part + 1 };
        (width < SHARES && self.width(other) == width).then_some(other)
    }

    #[cold]
    fn divide(&mut self, part: usize, arena: &mut Arena, rehash: impl Fn(&[u8], u32) -> u64) {
        let width = self.width(part);
        if width == 1 {
            // Nothing tells its entries apart: it grows as a whole.
            return;
        }
        let middle = (u32::from(self.starts[part]) + width / 2) as u16;
        let mut entries = Vec::with_capacity(self.tables[part].len());
        self.tables[part].drain(arena, rehash, &mut entries);
        entries.sort_unstable_by_key(|(hash, _)| share(*hash) >= middle);
        let (low, high) = entries.split_at(entries.partition_point(|(hash, _)| share(*hash) < middle));
        // Both have the generation that comes after the old one.
        let mut second = self.tables[part];
        self.tables[part].fill(arena, low.iter().copied());
        second.fill(arena, high.iter().copied());
        self.starts.insert(part + 1, middle);
        self.tables.insert(part + 1, second);
    }

    /// Joins a part with the one behind it.
    #[cold]
    fn join(&mut self, part: usize, arena: &mut Arena, rehash: impl Fn(&[u8], u32) -> u64) {
        let mut entries = Vec::with_capacity(FEW);
        self.starts.remove(part + 1);
        let mut second = self.tables.remove(part + 1);
        self.tables[part].drain(arena, &rehash, &mut entries);
        second.drain(arena, &rehash, &mut entries);
        self.tables[part].follow(&second);
        self.tables[part].fill(arena, entries.iter().copied());
    }
}

/// How many entries fill a part that begins here: between a half and all of what a table can have, evenly spread.
fn most(start: u16) -> usize {
    FULL - ((FULL / 2 * start.reverse_bits() as usize) >> 16)
}

#[cfg(test)]
mod tests {
    use super::super::database::Database;
    use super::*;
    use crate::base::random::Random;
    use proptest::prelude::*;
    use std::collections::HashSet;

    const SLOT: usize = 5;

    /// How much the hashes of made-up handles are alike.
    #[derive(Clone, Copy, Debug)]
    enum Alike {
        Not,
        /// They have all shares but one in common.
        Mostly,
        /// Only tags tell them apart.
        InTheirShare,
    }

    fn hash(handle: u32, alike: Alike) -> u64 {
        let hash = u64::from(handle).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        match alike {
            Alike::Not => hash,
            Alike::Mostly => hash & !0xfffe_0000_0000,
            Alike::InTheirShare => hash & 0xffff_0000_ffff_ffff,
        }
    }

    /// A database of one slot beside what should be in it. Handles name no entries: they are their own keys.
    struct Checked {
        arena: Arena,
        database: Database,
        model: HashSet<u32>,
        alike: Alike,
    }

    impl Checked {
        fn new(alike: Alike) -> Checked {
            Checked { arena: Arena::new(), database: Database::default(), model: HashSet::new(), alike }
        }

        fn set(&mut self, handle: u32, present: bool) {
            let (alike, hash) = (self.alike, hash(handle, self.alike));
            let rehash = |_: &[u8], handle| self::hash(handle, alike);
            let table = self.database.table(SLOT, hash);
            let found = table.and_then(|table| table.find(self.arena.memory(), hash, |other| other == handle));
            assert_eq!(found.is_some(), self.model.contains(&handle));
            match (found, present) {
                (None, true) => self.database.insert(&mut self.arena, SLOT, hash, handle, rehash),
                (Some((place, _)), false) => self.database.remove(&mut self.arena, SLOT, hash, place, rehash),
                _ => {}
            }
            if present {
                self.model.insert(handle)
            } else {
                self.model.remove(&handle)
            };
        }

        fn parts(&self) -> Vec<(u16, SlotTable)> {
            self.database.slot_tables(SLOT, 0).filter(|(_, table)| table.len() > 0).collect()
        }

        fn check(&self) {
            let entries: Vec<u32> = self.database.entries(SLOT, self.arena.memory()).collect();
            assert_eq!(entries.len(), self.model.len());
            assert_eq!(entries.into_iter().collect::<HashSet<_>>(), self.model);
            assert_eq!((self.database.slot_len(SLOT), self.database.len()), (self.model.len(), self.model.len()));
            let parts = self.parts();
            assert!(parts.is_sorted_by_key(|(start, _)| *start));
            for (number, (start, table)) in parts.iter().enumerate() {
                let end = parts.get(number + 1).map_or(SHARES, |(next, _)| u32::from(*next));
                let within = |handle| (u32::from(*start)..end).contains(&u32::from(share(hash(handle, self.alike))));
                assert!(table.iter(self.arena.memory()).all(within));
            }
        }
    }

    fn alike() -> impl Strategy<Value = Alike> {
        prop_oneof![4 => Just(Alike::Not), 1 => Just(Alike::Mostly), 1 => Just(Alike::InTheirShare)]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 1 } else { 64 }, ..Default::default() })]
        #[test]
        fn a_divided_slot_behaves_as_a_set(
            steps in prop::collection::vec((any::<bool>(), 1..3000_u32, 0..600_u32), 1..20),
            alike in alike(),
        ) {
            let mut checked = Checked::new(alike);
            for (present, first, count) in steps {
                (first..first + count).for_each(|handle| checked.set(handle, present));
                checked.check();
            }
            let left: Vec<u32> = checked.model.iter().copied().collect();
            left.into_iter().for_each(|handle| checked.set(handle, false));
            checked.check();
            prop_assert_eq!((checked.arena.live(), checked.parts().len()), (0, 0));
        }
    }

    #[test]
    fn parts_stay_small_and_are_not_divided_all_at_once() {
        let mut checked = Checked::new(Alike::Not);
        let (mut before, mut last, mut runs) = (1, 0, 0);
        for handle in 1..if cfg!(miri) { 500 } else { 64 * FULL as u32 } {
            checked.set(handle, true);
            let parts = checked.parts().len();
            assert!(parts <= before + 1, "one insert divides one part");
            if parts > before {
                // Divisions that come at once after another.
                runs = if handle - last < 5 { runs + 1 } else { 0 };
                assert!(runs < 8, "{runs} at {handle}");
                (before, last) = (parts, handle);
            }
        }
        assert!(checked.parts().iter().all(|(_, table)| table.len() <= FULL));
        checked.check();
    }

    #[test]
    fn any_entry_of_a_divided_slot_is_drawn() {
        let mut checked = Checked::new(Alike::Not);
        let keys = 2 * FULL as u32;
        (1..=keys).for_each(|handle| checked.set(handle, true));
        let mut random = Random::new(1);
        let mut drawn = HashSet::new();
        for _ in 0..if cfg!(miri) { 10 } else { keys * 20 } {
            drawn.extend(checked.database.random(checked.arena.memory(), &mut random));
        }
        assert!(cfg!(miri) || drawn.len() as u32 == keys);
    }

    #[test]
    fn what_is_taken_out_is_everything_and_what_follows_is_newer() {
        let mut checked = Checked::new(Alike::Not);
        (1..=4 * FULL as u32).for_each(|handle| checked.set(handle, true));
        let newest = checked.parts().iter().map(|(_, table)| table.generation()).max();
        let tables = checked.database.take_tables(SLOT);
        assert_eq!(tables.iter().map(SlotTable::len).sum::<usize>(), 4 * FULL);
        checked.model.clear();
        checked.set(1, true);
        assert!(checked.parts()[0].1.generation() > newest.unwrap());
    }
}

//! SCAN: an iteration that survives changes between its calls.
//!
//! ```text
//! cursor  bits 0..14: slot; 14..24: generation of a table; 24..37: line and place in it; 37..53: its first share
//! ```
//!
//! It stays under 2^53, because some clients keep cursors in floating point. Entries don't move while the table's
//! generation stays the same; if it has changed, the table is visited again from its start. A slot with very many keys has
//! several tables, each with a part of the hashes from a first share on ([`parts`](super::parts)); if another table now
//! has that share, it is visited from its start, and what comes before was visited. So every key that is there
//! from the start of an iteration to its end is visited, some of them twice: Redis's guarantee.

use super::lookup::key_at;
use super::table::{PLACES, TAGGED};
use super::{Handle, Store};
use crate::base::limits::SLOTS;

const SLOT_BITS: u32 = 14;
const GENERATION_BITS: u32 = 10;
const POSITION_BITS: u32 = 13;
const POSITION_SHIFT: u32 = SLOT_BITS + GENERATION_BITS;
const SHARE_SHIFT: u32 = POSITION_SHIFT + POSITION_BITS;
const GENERATION_MASK: u64 = (1 << GENERATION_BITS) - 1;
const POSITION_MASK: usize = (1 << POSITION_BITS) - 1;

const _: () = assert!(SLOTS == 1 << SLOT_BITS && SHARE_SHIFT + u16::BITS == 53 && TAGGED * PLACES <= POSITION_MASK);

/// The cursor that starts at a slot: for going on in the next core's store.
pub fn cursor_at(slot: usize) -> u64 {
    slot as u64
}

/// The slot a cursor has come to: which core's store can go on with it.
pub fn slot_of_cursor(cursor: u64) -> usize {
    cursor as usize & (SLOTS - 1)
}

/// What of a store one call visits.
pub struct Stretch {
    /// Where to begin.
    pub cursor: u64,
    /// The slot before which to end.
    pub end: usize,
    /// How many keys, about.
    pub count: usize,
}

impl Store {
    /// Visits the keys of a stretch that are not past their deadline; returns where to go on, 0: nowhere. Those that are
    /// past it are added to `dead`.
    pub fn scan(
        &self,
        db: usize,
        Stretch { cursor, end, count }: Stretch,
        now: u64,
        dead: &mut Vec<Handle>,
        mut visit: impl FnMut(&[u8], Handle),
    ) -> u64 {
        let (database, memory) = (&self.databases[db], self.arena.memory());
        let mut start = Position::read(cursor);
        let mut seen = 0;
        while let Some(slot) = database.next_slot(start.slot).filter(|&slot| slot < end) {
            for (share, table) in database.slot_tables(slot, if slot == start.slot { start.share } else { 0 }) {
                let generation = u64::from(table.generation()) & GENERATION_MASK;
                if (slot, share, generation) != (start.slot, start.share, start.generation) {
                    start = Position { slot, share, generation, line: 0, place: 0 };
                }
                for line in start.line..table.lines() {
                    for (place, handle) in table.in_line(memory, line).filter(|&(place, _)| place >= start.place) {
                        let here = Position { line, place, ..start };
                        // (A table too large for a cursor, of hashes that are alike, is visited in one go.)
                        if seen >= count.max(1) && here.in_table() <= POSITION_MASK {
                            return here.cursor();
                        }
                        seen += 1;
                        if self.is_live(handle, now) {
                            visit(key_at(memory, &self.long_keys, handle), Handle(handle));
                        } else {
                            dead.push(Handle(handle));
                        }
                    }
                    start.place = 0;
                }
            }
            start = Position { slot: slot + 1, share: 0, generation: 0, line: 0, place: 0 };
        }
        0
    }
}

/// What a cursor says.
#[derive(Clone, Copy)]
struct Position {
    slot: usize,
    share: u16,
    generation: u64,
    line: usize,
    place: usize,
}

impl Position {
    fn read(cursor: u64) -> Position {
        let position = (cursor >> POSITION_SHIFT) as usize & POSITION_MASK;
        Position {
            slot: slot_of_cursor(cursor),
            share: (cursor >> SHARE_SHIFT) as u16,
            generation: cursor >> SLOT_BITS & GENERATION_MASK,
            line: position / PLACES,
            place: position % PLACES,
        }
    }

    fn in_table(self) -> usize {
        self.line * PLACES + self.place
    }

    fn cursor(self) -> u64 {
        // Never 0: one comes here only after a first key, so slot, share or position has moved on.
        u64::from(self.share) << SHARE_SHIFT
            | (self.in_table() as u64) << POSITION_SHIFT
            | self.generation << SLOT_BITS
            | self.slot as u64
    }
}

#[cfg(test)]
mod tests {
    use super::super::Deadline;
    use super::super::model_tests::store;
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn whoever_stays_is_visited_while_others_come_and_go() {
        let (mut store, hasher) = store(1);
        // One slot's table, so that it is rebuilt in both directions during the iteration.
        let name = |number: usize| format!("{{tag}}{number}").into_bytes();
        (0..300).for_each(|number| {
            _ = store.set_string(0, &hasher.key(&name(number)), b"", Deadline::Clear, 1);
        });
        for grow in [true, false] {
            let (mut seen, mut cursor, mut next) = (HashSet::new(), 0, 300);
            loop {
                cursor = store.scan(0, Stretch { cursor, end: SLOTS, count: 7 }, 1, &mut Vec::new(), |key, _| {
                    _ = seen.insert(key.to_vec())
                });
                if cursor == 0 {
                    break;
                }
                for _ in 0..20 {
                    if grow && next < 3000 {
                        store.set_string(0, &hasher.key(&name(next)), b"", Deadline::Clear, 1);
                        next += 1;
                    } else if !grow && next < 3000 {
                        store.remove(0, &hasher.key(&name(next)), 1);
                        next += 1;
                    }
                }
            }
            assert!((0..300).all(|number| seen.contains(&name(number))), "grow: {grow}");
        }
    }

    #[test]
    fn an_undisturbed_scan_visits_each_key_once_and_the_ranges_of_cores_add_up() {
        let (mut store, hasher) = store(1);
        for number in 0..500 {
            store.set_string(0, &hasher.key(format!("{number}").as_bytes()), b"", Deadline::Clear, 1);
        }
        let mut seen = Vec::new();
        for (start, end) in [(0, 5000), (5000, 10_000), (10_000, SLOTS)] {
            let mut cursor = cursor_at(start);
            loop {
                cursor = store
                    .scan(0, Stretch { cursor, end, count: 10 }, 1, &mut Vec::new(), |key, _| seen.push(key.to_vec()));
                if cursor == 0 {
                    break;
                }
                assert!(cursor < 1 << 53 && (start..end).contains(&slot_of_cursor(cursor)));
            }
        }
        assert_eq!(seen.len(), 500);
        assert_eq!(seen.into_iter().collect::<HashSet<_>>().len(), 500);
    }

    #[test]
    fn any_number_is_a_harmless_cursor() {
        let (mut store, hasher) = store(1);
        store.set_string(0, &hasher.key(b"k"), b"", Deadline::Clear, 1);
        for cursor in [1, u64::MAX, 1 << 53, (1 << 53) - 1, u64::MAX << 14 | hasher.key(b"k").slot.index() as u64] {
            assert_eq!(
                store.scan(0, Stretch { cursor, end: SLOTS, count: usize::MAX }, 1, &mut Vec::new(), |_, _| {}),
                0
            );
        }
    }
}

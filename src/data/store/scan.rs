//! SCAN: an iteration that survives changes between its calls.
//!
//! ```text
//! cursor  bits 0..14: slot; 14..24: generation of the slot's table; 24..53: line and place where to go on
//! ```
//!
//! It stays under 2^53, because some clients keep cursors in floating point. Entries don't move while the table's
//! generation stays the same; if it has changed, the slot is visited again from its start. So every key that is there
//! from the start of an iteration to its end is visited, some of them twice: Redis's guarantee.

use super::lookup::key_at;
use super::table::PLACES;
use super::{Handle, Store};
use crate::base::limits::SLOTS;

const SLOT_BITS: u32 = 14;
const GENERATION_BITS: u32 = 10;
const POSITION_SHIFT: u32 = SLOT_BITS + GENERATION_BITS;
const GENERATION_MASK: u64 = (1 << GENERATION_BITS) - 1;

const _: () = assert!(SLOTS == 1 << SLOT_BITS);

/// The cursor that starts at a slot: for going on in the next core's store.
pub fn cursor_at(slot: usize) -> u64 {
    slot as u64
}

/// The slot a cursor has come to: which core's store can go on with it.
pub fn slot_of_cursor(cursor: u64) -> usize {
    cursor as usize & (SLOTS - 1)
}

impl Store {
    /// Visits about `count` keys that are not past their deadline, from `cursor` on and before slot `end`, and deletes
    /// those that are. Returns where to go on, 0: nowhere, and how many it has come by.
    pub fn scan(
        &mut self,
        db: usize,
        cursor: u64,
        end: usize,
        count: usize,
        now: u64,
        visit: impl FnMut(&Store, &[u8], Handle),
    ) -> (u64, usize) {
        let mut dead = Vec::new();
        let came = self.walk(db, cursor, end, count, now, visit, &mut dead);
        if !self.keep_expired {
            for handle in dead {
                self.expire_entry(db, handle);
            }
        }
        came
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one walk")]
    fn walk(
        &self,
        db: usize,
        cursor: u64,
        end: usize,
        count: usize,
        now: u64,
        mut visit: impl FnMut(&Store, &[u8], Handle),
        dead: &mut Vec<u32>,
    ) -> (u64, usize) {
        let (database, memory) = (&self.databases[db], self.arena.memory());
        let mut start = Position::read(cursor);
        let mut seen = 0;
        while let Some(slot) = database.next_slot(start.slot).filter(|&slot| slot < end) {
            let table = &database.tables[slot];
            let generation = u64::from(table.generation()) & GENERATION_MASK;
            if slot != start.slot || generation != start.generation {
                start = Position { slot, generation, line: 0, place: 0 };
            }
            for line in start.line..table.lines() {
                for (place, handle) in table.in_line(memory, line).filter(|&(place, _)| place >= start.place) {
                    if seen >= count.max(1) {
                        return (Position { line, place, ..start }.cursor(), seen);
                    }
                    seen += 1;
                    if self.is_live(handle, now) {
                        visit(self, key_at(memory, &self.long_keys, handle), Handle(handle));
                    } else {
                        dead.push(handle);
                    }
                }
                start.place = 0;
            }
            start = Position { slot: slot + 1, generation: 0, line: 0, place: 0 };
        }
        (0, seen)
    }
}

/// What a cursor says.
#[derive(Clone, Copy)]
struct Position {
    slot: usize,
    generation: u64,
    line: usize,
    place: usize,
}

impl Position {
    fn read(cursor: u64) -> Position {
        let position = (cursor >> POSITION_SHIFT) as usize;
        Position {
            slot: slot_of_cursor(cursor),
            generation: cursor >> SLOT_BITS & GENERATION_MASK,
            line: position / PLACES,
            place: position % PLACES,
        }
    }

    fn cursor(self) -> u64 {
        let position = (self.line * PLACES + self.place) as u64;
        // Never 0: one comes here only after a first key, so slot or position has moved on.
        position << POSITION_SHIFT | self.generation << SLOT_BITS | self.slot as u64
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
                (cursor, _) = store.scan(0, cursor, SLOTS, 7, 1, |_, key, _| _ = seen.insert(key.to_vec()));
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
                (cursor, _) = store.scan(0, cursor, end, 10, 1, |_, key, _| seen.push(key.to_vec()));
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
            assert_eq!(store.scan(0, cursor, SLOTS, usize::MAX, 1, |_, _, _| {}).0, 0);
        }
    }
}

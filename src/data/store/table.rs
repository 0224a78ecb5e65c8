//! The hash table of one slot: handles of entries, found by hash with one cache miss.
//!
//! ```text
//! line (64 bytes, one cache line)
//!   0..20   ten tags: the upper 16 bits of the entries' hashes
//!   20..24  bits 0..10: which places are taken; bits 16..24: how many entries went past this line (255: many)
//!   24..64  ten handles
//! ```
//!
//! A table is a row of lines in the [arena](super::arena). An entry belongs into the line its hash names, its home; if
//! that is full, into the next one with room, and each line it passes counts that. A search that meets a line nobody
//! went past is over. In tables of up to [`TAGGED`] lines the home follows from the tag, so growing such a table
//! reads no entry. Tables grow by an eighth at a time, because being dense matters and copying a few lines is cheap.
//! What would be larger is divided into several tables ([`parts`](super::parts)), unless hashes are too much alike.
//!
//! Entries stay where they are until the table is rebuilt, to grow or to shrink, which changes its generation: that
//! is what SCAN's cursors rely on. Owned by the data core.

use super::arena::{Arena, GRANULE, RUN, cell_size, class_of, offset};
use crate::base::prefetch::prefetch;

/// What a table takes for each of its entries, about.
pub const BYTES_AN_ENTRY: usize = 8;
/// Entries in a line.
pub const PLACES: usize = 10;

const LINE: usize = 64;
type Line = [u8; LINE];
const HANDLES: usize = 24;
const META: usize = 20;
const TAKEN: u32 = (1 << PLACES) - 1;
const PAST_SHIFT: u32 = 16;
/// A count of entries that went past that is no longer exact.
const MANY: u32 = 255;

/// Lines in a run, and the most lines whose home is told by the tag alone: 8 bits of the tag are left to tell entries apart.
pub const TAGGED: usize = RUN / LINE;

/// Entries that fill a table of as many lines. One that would have more is divided: see [`parts`](super::parts).
/// (Sooner in tests, so that small models are divided.)
pub const FULL: usize = if cfg!(test) { 200 } else { capacity(TAGGED) };

/// How many lines ahead of the one that is moved the entries are prefetched, when moving reads them.
const AHEAD: usize = 3;

const _: () = assert!(META + 4 == HANDLES && HANDLES + 4 * PLACES == LINE && 2 * PLACES <= META);
const _: () = assert!(LINE.is_multiple_of(GRANULE));

/// See the module's description. Without lines it takes nothing from the arena.
#[derive(Clone, Copy, Default)]
pub struct SlotTable {
    /// The first line.
    at: u32,
    lines: u32,
    len: u32,
    generation: u32,
}

/// Where a table keeps a handle. Valid until the table changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, counted from the start of the memory.
    line: u32,
    index: u32,
}

impl SlotTable {
    /// How many entries it has.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// How many lines.
    pub fn lines(&self) -> usize {
        self.lines as usize
    }

    /// Changes whenever entries have moved.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The entry with `hash` that `is` says yes to.
    #[inline(always)]
    pub fn find(&self, memory: &[u8], hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<(Place, u32)> {
        let lines = self.all(memory);
        let mut line = home(hash, lines.len());
        for _ in 0..lines.len() {
            let content = &lines[line];
            let meta = meta(content);
            let mut candidates = matching(content, tag(hash)) & meta;
            while candidates != 0 {
                let index = candidates.trailing_zeros();
                let handle = handle_at(content, index);
                if is(handle) {
                    return Some((Place { line: self.first() as u32 + line as u32, index }, handle));
                }
                candidates &= candidates - 1;
            }
            if meta >> PAST_SHIFT == 0 {
                break;
            }
            line = next(line, lines.len());
        }
        None
    }

    /// Brings the home line of `hash` nearer.
    #[inline]
    pub fn prefetch(&self, memory: &[u8], hash: u64) {
        if let Some(line) = self.all(memory).get(home(hash, self.lines())) {
            prefetch(line);
        }
    }

    /// The entries in the home line that probably have `hash`.
    #[inline]
    pub fn candidates(&self, memory: &[u8], hash: u64, mut visit: impl FnMut(u32)) {
        let Some(line) = self.all(memory).get(home(hash, self.lines())) else { return };
        let mut candidates = matching(line, tag(hash)) & meta(line);
        while candidates != 0 {
            visit(handle_at(line, candidates.trailing_zeros()));
            candidates &= candidates - 1;
        }
    }

    /// Adds an entry that is not in the table. `rehash` tells the hash of any entry.
    pub fn insert(&mut self, arena: &mut Arena, hash: u64, handle: u32, rehash: impl Fn(&[u8], u32) -> u64) {
        if self.len() >= capacity(self.lines()) {
            self.rebuild(arena, self.lines() + (self.lines() / 8).max(1), rehash);
        }
        put(self.all_mut(arena.memory_mut()), hash, handle);
        self.len += 1;
    }

    /// Takes the entry at `place` with `hash` out of the table.
    pub fn remove(&mut self, arena: &mut Arena, hash: u64, place: Place, rehash: impl Fn(&[u8], u32) -> u64) {
        let target = place.line as usize - self.first();
        let lines = self.all_mut(arena.memory_mut());
        let kept = meta(&lines[target]) & !(1 << place.index);
        set_meta(&mut lines[target], kept);
        let mut line = home(hash, lines.len());
        while line != target {
            let meta = meta(&lines[line]);
            if meta >> PAST_SHIFT != MANY {
                set_meta(&mut lines[line], meta - (1 << PAST_SHIFT));
            }
            line = next(line, lines.len());
        }
        self.len -= 1;
        if self.len == 0 {
            self.clear(arena);
        } else if self.lines > 1 && self.len() < self.lines() * 3 {
            self.rebuild(arena, self.len().div_ceil(6), rehash);
        }
    }

    /// Writes another handle over that at `place`, of an entry with the same hash.
    #[inline]
    pub fn replace(memory: &mut [u8], place: Place, handle: u32) {
        let at = place.line as usize * LINE + HANDLES + 4 * place.index as usize;
        memory[at..at + 4].copy_from_slice(&handle.to_le_bytes());
    }

    /// Forgets all entries and gives the lines back.
    pub fn clear(&mut self, arena: &mut Arena) {
        let lines = self.detach();
        release(arena, lines.at, lines.lines());
    }

    /// Takes all entries out, each with its hash, and adds them to `out`.
    pub fn drain(&mut self, arena: &mut Arena, rehash: impl Fn(&[u8], u32) -> u64, out: &mut Vec<(u64, u32)>) {
        let memory = arena.memory();
        (0..AHEAD).for_each(|line| self.prefetch_entries(memory, line));
        for line in 0..self.lines() {
            self.prefetch_entries(memory, line + AHEAD);
            out.extend(self.in_line(memory, line).map(|(_, handle)| (rehash(memory, handle), handle)));
        }
        self.clear(arena);
    }

    /// Gives an empty table these entries, each with its hash.
    pub fn fill(&mut self, arena: &mut Arena, entries: impl ExactSizeIterator<Item = (u64, u32)>) {
        if entries.len() > 0 {
            self.len = entries.len() as u32;
            // There is nothing to hash again.
            self.rebuild(arena, (2 * entries.len()).div_ceil(17), |_, _| 0);
            let lines = self.all_mut(arena.memory_mut());
            entries.for_each(|(hash, handle)| put(lines, hash, handle));
        }
    }

    /// What stands for a slot's table that was divided: it has `len` entries, but no lines; its parts have number `at`.
    pub fn divided(at: u32, len: usize) -> SlotTable {
        SlotTable { at, lines: 0, len: len as u32, generation: 0 }
    }

    /// The number of its parts, if this stands for a table that was divided.
    #[inline]
    pub fn parts(&self) -> Option<u32> {
        (self.lines == 0 && self.len > 0).then_some(self.at)
    }

    /// Makes sure that the generation comes after that of `other`, too.
    pub fn follow(&mut self, other: &SlotTable) {
        self.generation = self.generation.max(other.generation);
    }

    /// Leaves an empty table; the old one, with its lines, is what is returned.
    pub fn detach(&mut self) -> SlotTable {
        let empty = SlotTable { generation: self.generation.wrapping_add(1), ..SlotTable::default() };
        std::mem::replace(self, empty)
    }

    /// The entries in line `line`, each with its index there.
    pub fn in_line<'m>(&self, memory: &'m [u8], line: usize) -> impl Iterator<Item = (usize, u32)> + use<'m> {
        let line = &self.all(memory)[line];
        let mut taken = meta(line) & TAKEN;
        std::iter::from_fn(move || {
            (taken != 0).then(|| {
                let index = taken.trailing_zeros();
                taken &= taken - 1;
                (index as usize, handle_at(line, index))
            })
        })
    }

    /// All entries.
    pub fn iter<'m>(&self, memory: &'m [u8]) -> impl Iterator<Item = u32> + use<'m> {
        let table = *self;
        (0..self.lines()).flat_map(move |line| table.in_line(memory, line).map(|(_, handle)| handle))
    }

    fn first(&self) -> usize {
        offset(self.at) / LINE
    }

    #[inline(always)]
    fn all<'m>(&self, memory: &'m [u8]) -> &'m [Line] {
        &memory.as_chunks().0[self.first()..self.first() + self.lines()]
    }

    #[inline(always)]
    fn all_mut<'m>(&self, memory: &'m mut [u8]) -> &'m mut [Line] {
        &mut memory.as_chunks_mut().0[self.first()..self.first() + self.lines()]
    }

    /// Moves all entries to a row of at least `lines` lines.
    #[cold]
    fn rebuild(&mut self, arena: &mut Arena, lines: usize, rehash: impl Fn(&[u8], u32) -> u64) {
        let (at, lines) = reserve(arena, lines);
        let old = *self;
        *self = SlotTable { at, lines: lines as u32, len: old.len, generation: old.generation.wrapping_add(1) };
        self.all_mut(arena.memory_mut()).fill([0; LINE]);
        for number in 0..old.lines() {
            // A copy, because the new lines are in the same memory.
            let line = old.all(arena.memory())[number];
            if lines > TAGGED {
                old.prefetch_entries(arena.memory(), number + AHEAD);
            }
            let mut taken = meta(&line) & TAKEN;
            while taken != 0 {
                let index = taken.trailing_zeros();
                taken &= taken - 1;
                let handle = handle_at(&line, index);
                let hash = match lines {
                    ..=TAGGED => u64::from(tag_at(&line, index)) << 48,
                    _ => rehash(arena.memory(), handle),
                };
                put(self.all_mut(arena.memory_mut()), hash, handle);
            }
        }
        release(arena, old.at, old.lines());
    }

    fn prefetch_entries(&self, memory: &[u8], line: usize) {
        if line < self.lines() {
            self.in_line(memory, line).for_each(|(_, handle)| prefetch(&memory[offset(handle)]));
        }
    }
}

/// How many entries `lines` lines hold before there must be more of them: 85 %, where most are still in their home.
const fn capacity(lines: usize) -> usize {
    if lines == 1 { PLACES } else { lines * 17 / 2 }
}

/// At least `lines` lines of memory: where, and how many it is.
fn reserve(arena: &mut Arena, lines: usize) -> (u32, usize) {
    if lines > TAGGED {
        // By a quarter: of a table this large every entry must be read again.
        let runs = (lines + lines / 8).div_ceil(TAGGED);
        return (arena.allocate_runs(runs), runs * TAGGED);
    }
    let class = class_of(lines * LINE);
    (arena.allocate(class), cell_size(class) / LINE)
}

fn release(arena: &mut Arena, at: u32, lines: usize) {
    match lines {
        0 => {}
        1..=TAGGED => arena.free(at, class_of(lines * LINE)),
        _ => arena.free_runs(at, lines / TAGGED),
    }
}

/// Adds an entry to lines that have room.
fn put(lines: &mut [Line], hash: u64, handle: u32) {
    let mut number = home(hash, lines.len());
    loop {
        let count = lines.len();
        let line = &mut lines[number];
        let meta = meta(line);
        let index = meta.trailing_ones();
        if (index as usize) < PLACES {
            set_meta(line, meta | 1 << index);
            line[2 * index as usize..][..2].copy_from_slice(&tag(hash).to_le_bytes());
            line[HANDLES + 4 * index as usize..][..4].copy_from_slice(&handle.to_le_bytes());
            return;
        }
        if meta >> PAST_SHIFT != MANY {
            set_meta(line, meta + (1 << PAST_SHIFT));
        }
        number = next(number, count);
    }
}

#[inline(always)]
fn tag(hash: u64) -> u16 {
    (hash >> 48) as u16
}

/// The line `hash` belongs into.
#[inline(always)]
fn home(hash: u64, lines: usize) -> usize {
    if lines <= TAGGED {
        (tag(hash) as usize * lines) >> 16
    } else {
        // The lower half: the tag must still tell apart the entries of a line.
        (((hash & 0xffff_ffff) * lines as u64) >> 32) as usize
    }
}

#[inline(always)]
fn next(line: usize, lines: usize) -> usize {
    if line + 1 == lines { 0 } else { line + 1 }
}

#[inline(always)]
fn meta(line: &Line) -> u32 {
    u32_at(line, META)
}

#[inline(always)]
fn set_meta(line: &mut Line, meta: u32) {
    line[META..HANDLES].copy_from_slice(&meta.to_le_bytes());
}

#[inline(always)]
fn handle_at(line: &Line, index: u32) -> u32 {
    // Masked so that the compiler sees that it is inside the line.
    u32_at(line, HANDLES + 4 * (index as usize).min(PLACES - 1))
}

fn tag_at(line: &Line, index: u32) -> u16 {
    u16::from_le_bytes([line[2 * index as usize], line[2 * index as usize + 1]])
}

#[inline(always)]
fn u32_at(line: &Line, at: usize) -> u32 {
    u32::from_le_bytes([line[at], line[at + 1], line[at + 2], line[at + 3]])
}

/// The places of `line` whose tag is `tag`, as bits; taken or not. Compiles to a vector comparison.
#[inline(always)]
fn matching(line: &Line, tag: u16) -> u32 {
    (0..PLACES as u32).fold(0, |bits, index| bits | u32::from(tag_at(line, index) == tag) << index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    /// A hash of a made-up handle; `same` makes many of them collide.
    fn hash(handle: u32, same: bool) -> u64 {
        let hash = u64::from(handle).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if same { hash & 0x0003_0000_0000_0007 } else { hash }
    }

    fn find(table: &SlotTable, arena: &Arena, handle: u32, same: bool) -> Option<(Place, u32)> {
        table.find(arena.memory(), hash(handle, same), |candidate| candidate == handle)
    }

    /// Made-up handles name no entries, so that a large table must not prefetch them beyond the memory: they are small.
    fn check(steps: &[(bool, u32)], same: bool) {
        let (mut arena, mut table, mut model) = (Arena::new(), SlotTable::default(), HashSet::new());
        for &(add, handle) in steps {
            let found = find(&table, &arena, handle, same);
            assert_eq!(found.is_some(), model.contains(&handle));
            match found {
                None if add => {
                    table.insert(&mut arena, hash(handle, same), handle, |_, handle| hash(handle, same));
                    model.insert(handle);
                }
                Some((place, _)) if !add => {
                    table.remove(&mut arena, hash(handle, same), place, |_, handle| hash(handle, same));
                    model.remove(&handle);
                }
                _ => {}
            }
            assert_eq!(table.len(), model.len());
        }
        assert_eq!(table.iter(arena.memory()).collect::<HashSet<_>>(), model);
        for handle in model {
            let (place, _) = find(&table, &arena, handle, same).unwrap();
            table.remove(&mut arena, hash(handle, same), place, |_, handle| hash(handle, same));
        }
        assert_eq!((arena.live(), table.lines()), (0, 0));
    }

    #[test]
    fn a_large_table_grows_and_shrinks_without_losing_anything() {
        let count = if cfg!(miri) { 100 } else { 20_000 };
        let steps: Vec<_> = (1..count).map(|handle| (true, handle)).collect();
        check(&steps, false);
    }

    #[test]
    fn lines_are_mostly_full() {
        let (mut arena, mut table) = (Arena::new(), SlotTable::default());
        for handle in 1..=122 {
            table.insert(&mut arena, hash(handle, false), handle, |_, handle| hash(handle, false));
        }
        assert!(table.lines() <= 16, "{} lines", table.lines());
    }

    #[test]
    fn a_replaced_handle_is_found_in_place_of_the_old() {
        let (mut arena, mut table) = (Arena::new(), SlotTable::default());
        table.insert(&mut arena, 5, 7, |_, _| unreachable!());
        let (place, _) = table.find(arena.memory(), 5, |_| true).unwrap();
        SlotTable::replace(arena.memory_mut(), place, 9);
        assert_eq!(table.find(arena.memory(), 5, |_| true), Some((place, 9)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 128 }, ..Default::default() })]
        #[test]
        fn behaves_as_a_set(steps in prop::collection::vec((any::<bool>(), 1..200_u32), 1..600), same: bool) {
            check(&steps, same);
        }
    }
}

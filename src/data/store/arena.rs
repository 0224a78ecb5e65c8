//! The memory of a store: cells of a few fixed sizes in one reserved mapping.
//!
//! ```text
//! mapping  | run 0 | run 1 | run 2 | ...                          | never used
//!            16 KiB each, all cells of a run have the same size    ^ frontier (runs.len())
//! run      | cell | cell | free ----> free | cell | never used ...
//!            a free cell holds the number of the next free one
//! ```
//!
//! A [`Handle`](super::Handle) is a cell's offset in units of 8 bytes, so 32 bits reach 32 GiB. Cells hold entries and
//! table lines alike, so that what tables outgrow serves entries, and forgetting everything is O(1).
//! Owned by the data core; everything here is safe code over one byte slice.
//!
//! Invariants: a run in a class's list has at least one cell to give; a run without live cells is in no list but in
//! `warm` (its pages may be resident) or `cold` (they are not); handle 0 is never given.

use crate::base::pages::Pages;

/// Bytes in a unit of a handle.
pub const GRANULE: usize = 8;
/// Bytes in a run.
pub const RUN: usize = 16 * 1024;
/// The largest cell an entry can have.
pub const LARGEST_ENTRY: usize = 2048;

const RUN_GRANULES: u32 = (RUN / GRANULE) as u32;
/// Sizes up to this have a class every 8 bytes.
const FINE: usize = 1024;
const FINE_CLASSES: usize = FINE / GRANULE;
/// Above, a class for each way to share a run out fairly: into 15 cells, 14 ... down to 1.
const COARSE_CLASSES: usize = 15;
const CLASSES: usize = FINE_CLASSES + COARSE_CLASSES;
/// Empty runs kept resident for whoever needs one next, at least; otherwise a thirty-second of all.
const KEEP_WARM: usize = 64;
/// How far above the frontier pages may stay resident.
const KEEP_ABOVE: usize = 4 << 20;
/// How much one step of [`Arena::trim`] gives back at most.
const TRIM_STEP: usize = 1 << 20;
const NONE: u32 = u32::MAX;
const NO_CELL: u16 = u16::MAX;

/// The address space asked for, and the least that will do.
const MOST: usize = GRANULE << 32;
const LEAST: usize = 64 << 20;
/// Address space that is kept from ordinary writes: more than one command can fill, or a quarter if there is less.
const RESERVE: usize = 2 << 30;

const _: () = assert!(LARGEST_ENTRY <= RUN / 8 && RUN_GRANULES < NO_CELL as u32);

/// A cell size's number.
pub type Class = usize;

/// The class of the smallest cell with room for `bytes`, 1..=RUN.
#[inline(always)]
pub fn class_of(bytes: usize) -> Class {
    if bytes <= FINE { bytes.div_ceil(GRANULE) - 1 } else { coarse_class(bytes) }
}

fn coarse_class(bytes: usize) -> Class {
    let (mut cells, mut class) = (15, FINE_CLASSES);
    while bytes > size_of_share(cells) {
        cells -= 1;
        class += 1;
    }
    class
}

/// Whole cache lines, so that a table's lines can live in such cells.
fn size_of_share(cells: usize) -> usize {
    (RUN / cells) & !63
}

/// The size of the cells of `class`.
#[inline(always)]
pub fn cell_size(class: Class) -> usize {
    if class < FINE_CLASSES { (class + 1) * GRANULE } else { size_of_share(15 - (class - FINE_CLASSES)) }
}

/// What is known of a run.
#[derive(Clone, Copy)]
struct Run {
    /// Neighbours in the list of its class's runs with room.
    previous: u32,
    next: u32,
    /// Cells handed out.
    live: u16,
    /// First of the chain of freed cells: its granule in the run.
    free: u16,
    /// Granule of the first cell that was never handed out.
    fresh: u16,
    class: u16,
}

/// See the module's description.
pub struct Arena {
    pages: Pages,
    runs: Vec<Run>,
    /// For each class, the first of its runs with room.
    rooms: [u32; CLASSES],
    warm: Vec<u32>,
    cold: Vec<u32>,
    /// Bytes in live cells.
    live: usize,
    /// The pages from here on were never written since they were last given back.
    touched: usize,
}

impl Arena {
    /// An arena over as much address space as the system will reserve.
    ///
    /// # Panics
    /// When the system refuses even the least: nothing could be stored.
    pub fn new() -> Arena {
        Arena::within(MOST)
    }

    /// The same, over at most `most` bytes.
    fn within(most: usize) -> Arena {
        let pages = Pages::reserve(most, LEAST.min(most)).expect("the system refuses to reserve memory for the data");
        // Room for all runs there can be: pages that are not written cost nothing, and growing would copy megabytes.
        let mut runs = Vec::new();
        let _ = runs.try_reserve_exact(pages.len() / RUN);
        let mut arena =
            Arena { pages, runs, rooms: [NONE; CLASSES], warm: Vec::new(), cold: Vec::new(), live: 0, touched: 0 };
        arena.clear();
        arena
    }

    /// All of the memory; a handle's cell starts at [`offset`].
    #[inline(always)]
    pub fn memory(&self) -> &[u8] {
        &self.pages
    }

    /// All of the memory, to write.
    #[inline(always)]
    pub fn memory_mut(&mut self) -> &mut [u8] {
        &mut self.pages
    }

    /// Bytes in live cells.
    pub fn live(&self) -> usize {
        self.live
    }

    /// Whether the address space is used up but for a reserve that one command can't exhaust.
    #[inline]
    pub fn is_nearly_full(&self) -> bool {
        self.room() < RESERVE.min(self.pages.len() / 4)
    }

    /// Bytes that can still be handed out before the address space is used up, at least.
    fn room(&self) -> usize {
        self.pages.len() - (self.runs.len() - self.warm.len() - self.cold.len()) * RUN
    }

    /// A cell of `class`; what it holds is unspecified.
    ///
    /// # Panics
    /// When the address space is used up, as other programs do when memory ends.
    #[inline]
    pub fn allocate(&mut self, class: Class) -> u32 {
        let mut number = self.rooms[class];
        if number == NONE {
            number = self.open_run(class);
        }
        let run = &mut self.runs[number as usize];
        let first = number * RUN_GRANULES;
        let size = cell_size(class);
        self.live += size;
        run.live += 1;
        let granule = run.free;
        let cell = if granule != NO_CELL {
            let at = (first as usize + granule as usize) * GRANULE;
            run.free = u16::from_le_bytes([self.pages[at], self.pages[at + 1]]);
            granule
        } else {
            let cell = run.fresh;
            run.fresh += (size / GRANULE) as u16;
            cell
        };
        if run.free == NO_CELL && run.fresh as usize * GRANULE + size > RUN {
            self.unlist(number);
        }
        first + u32::from(cell)
    }

    /// Takes back the cell `handle` of `class`.
    #[inline]
    pub fn free(&mut self, handle: u32, class: Class) {
        let number = handle / RUN_GRANULES;
        let size = cell_size(class);
        let run = &mut self.runs[number as usize];
        debug_assert_eq!(run.class as usize, class, "a cell is freed as what it was allocated");
        let was_full = run.free == NO_CELL && run.fresh as usize * GRANULE + size > RUN;
        self.live -= size;
        run.live -= 1;
        let at = handle as usize * GRANULE;
        self.pages[at..at + 2].copy_from_slice(&run.free.to_le_bytes());
        run.free = (handle % RUN_GRANULES) as u16;
        if run.live == 0 {
            if !was_full {
                self.unlist(number);
            }
            self.warm.push(number);
        } else if was_full {
            self.list(number, class);
        }
    }

    /// `count` runs in a row, for what is larger than one. Looks through all empty runs, so it is not for every day.
    pub fn allocate_runs(&mut self, count: usize) -> u32 {
        self.live += count * RUN;
        let mut empty: Vec<u32> = self.warm.iter().chain(&self.cold).copied().collect();
        empty.sort_unstable();
        let rows = empty.chunk_by(|&a, &b| a + 1 == b);
        let first = match rows.filter(|row| row.len() >= count).min_by_key(|row| row.len()) {
            Some(row) => {
                let taken = row[0]..row[0] + count as u32;
                self.warm.retain(|number| !taken.contains(number));
                self.cold.retain(|number| !taken.contains(number));
                taken.start
            }
            None => {
                let first = self.runs.len() as u32;
                (0..count).for_each(|_| _ = self.extend());
                first
            }
        };
        first * RUN_GRANULES
    }

    /// Takes back the `count` runs that start at `handle`.
    pub fn free_runs(&mut self, handle: u32, count: usize) {
        self.live -= count * RUN;
        let first = handle / RUN_GRANULES;
        self.warm.extend(first..first + count as u32);
    }

    /// Forgets every cell at once. The memory stays resident until [`trim`](Arena::trim) gives it back.
    pub fn clear(&mut self) {
        self.touched = self.resident_end();
        self.runs.clear();
        self.rooms = [NONE; CLASSES];
        self.warm.clear();
        self.cold.clear();
        self.live = 0;
        // Run 0 is never given: a table marks an empty place with handle 0.
        self.extend();
    }

    /// Gives a little of the memory that is not needed back to the system: true if there is more of it.
    pub fn trim(&mut self) -> bool {
        let keep = self.runs.len() * RUN + KEEP_ABOVE;
        if self.touched > keep {
            let start = keep.max(self.touched - TRIM_STEP);
            self.pages.release(start..self.touched);
            self.touched = start;
            return true;
        }
        for _ in 0..TRIM_STEP / RUN / 4 {
            if self.warm.len() <= KEEP_WARM.max(self.runs.len() / 32) {
                return false;
            }
            let number = self.warm.swap_remove(0);
            let start = number as usize * RUN;
            self.pages.release(start..start + RUN);
            self.cold.push(number);
        }
        true
    }

    /// What the bookkeeping itself takes.
    pub fn overhead(&self) -> usize {
        self.runs.len() * size_of::<Run>() + (self.warm.capacity() + self.cold.capacity()) * size_of::<u32>()
    }

    /// Makes an empty run one of `class` and lists it.
    #[cold]
    fn open_run(&mut self, class: Class) -> u32 {
        let number = self.warm.pop().or_else(|| self.cold.pop()).unwrap_or_else(|| self.extend());
        self.runs[number as usize] =
            Run { previous: NONE, next: NONE, live: 0, free: NO_CELL, fresh: 0, class: class as u16 };
        self.list(number, class);
        number
    }

    /// Moves the frontier by one run.
    fn extend(&mut self) -> u32 {
        let number = self.runs.len();
        assert!((number + 1) * RUN <= self.pages.len(), "out of memory: the data has used up its address space");
        self.runs.push(Run { previous: NONE, next: NONE, live: 0, free: NO_CELL, fresh: 0, class: 0 });
        number as u32
    }

    fn resident_end(&self) -> usize {
        self.touched.max(self.runs.len() * RUN)
    }

    fn list(&mut self, number: u32, class: Class) {
        let next = std::mem::replace(&mut self.rooms[class], number);
        let run = &mut self.runs[number as usize];
        (run.previous, run.next) = (NONE, next);
        if next != NONE {
            self.runs[next as usize].previous = number;
        }
    }

    fn unlist(&mut self, number: u32) {
        let Run { previous, next, class, .. } = self.runs[number as usize];
        match previous {
            NONE => self.rooms[class as usize] = next,
            _ => self.runs[previous as usize].next = next,
        }
        if next != NONE {
            self.runs[next as usize].previous = previous;
        }
    }
}

/// Where a handle's cell starts in the memory.
#[inline(always)]
pub fn offset(handle: u32) -> usize {
    handle as usize * GRANULE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arena_says_that_it_is_nearly_full_while_a_quarter_is_left() {
        let mut arena = Arena::within(64 * RUN);
        let mut handles = Vec::new();
        while !arena.is_nearly_full() {
            handles.push(arena.allocate(class_of(1024)));
        }
        assert!(handles.len() * 1024 > 44 * RUN && arena.room() > 14 * RUN);
        handles.drain(..).for_each(|handle| arena.free(handle, class_of(1024)));
        assert!(!arena.is_nearly_full());
    }
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn every_size_has_a_class_that_holds_it_with_little_waste() {
        for bytes in 1..=RUN {
            let size = cell_size(class_of(bytes));
            assert!(size >= bytes && size.is_multiple_of(GRANULE));
            let waste = size - bytes;
            assert!(if bytes <= FINE { waste < GRANULE } else { bytes > LARGEST_ENTRY || waste <= bytes / 6 });
        }
        assert_eq!(class_of(RUN), CLASSES - 1);
    }

    #[test]
    fn an_emptied_run_serves_another_class() {
        let mut arena = Arena::new();
        let cells: Vec<u32> = (0..1024).map(|_| arena.allocate(class_of(16))).collect();
        let runs = arena.runs.len();
        cells.iter().for_each(|&cell| arena.free(cell, class_of(16)));
        (0..16).for_each(|_| _ = arena.allocate(class_of(1024)));
        assert_eq!(arena.runs.len(), runs);
        assert_eq!(arena.live(), 16 * 1024);
    }

    #[test]
    fn clearing_forgets_all_and_trimming_gives_the_pages_back() {
        let mut arena = Arena::new();
        let rounds = if cfg!(miri) { 8 } else { 1000 };
        for _ in 0..rounds {
            let cell = arena.allocate(class_of(RUN));
            arena.memory_mut()[offset(cell)..][..RUN].fill(1);
        }
        arena.clear();
        assert_eq!(arena.live(), 0);
        while arena.trim() {}
        assert!(arena.touched <= RUN + KEEP_ABOVE);
        assert_eq!(arena.allocate(0), RUN_GRANULES);
    }

    #[test]
    fn runs_in_a_row_come_back_as_single_ones() {
        let mut arena = Arena::new();
        let handle = arena.allocate_runs(5);
        arena.free_runs(handle, 5);
        let range = handle..handle + 5 * RUN_GRANULES;
        let cells: Vec<u32> = (0..5).map(|_| arena.allocate(class_of(RUN))).collect();
        assert!(cells.iter().all(|cell| range.contains(cell)));
        cells[1..].iter().for_each(|&cell| arena.free(cell, class_of(RUN)));
        assert!(range.contains(&arena.allocate_runs(4)), "and in a row again");
        assert!(!range.contains(&arena.allocate_runs(2)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 64 }, ..Default::default() })]
        #[test]
        fn cells_never_overlap(steps in prop::collection::vec((any::<bool>(), 1..3000_usize, any::<usize>()), 1..400)) {
            let mut arena = Arena::new();
            let mut live: Vec<(u32, usize, u8)> = Vec::new();
            for (number, (allocate, bytes, pick)) in steps.into_iter().enumerate() {
                if allocate || live.is_empty() {
                    let cell = arena.allocate(class_of(bytes));
                    arena.memory_mut()[offset(cell)..][..bytes].fill(number as u8);
                    live.push((cell, bytes, number as u8));
                } else {
                    let (cell, bytes, fill) = live.swap_remove(pick % live.len());
                    prop_assert!(arena.memory()[offset(cell)..][..bytes].iter().all(|&byte| byte == fill));
                    arena.free(cell, class_of(bytes));
                }
            }
            let unique: HashMap<u32, ()> = live.iter().map(|&(cell, ..)| (cell, ())).collect();
            prop_assert_eq!(unique.len(), live.len());
            prop_assert_eq!(arena.live(), live.iter().map(|&(_, bytes, _)| cell_size(class_of(bytes))).sum::<usize>());
        }
    }
}

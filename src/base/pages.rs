//! A large piece of address space that costs memory only where it was written.
//!
//! It reads as zeroes at first, and again where [`Pages::release`] has given memory back. Under miri,
//! which has no lazily filled mappings, it is a small vector.
#![allow(unsafe_code)] // For MADV_DONTNEED, which memmap2 can't offer as safe for mappings in general.

use std::io;
use std::ops::{Deref, DerefMut, Range};

/// Anonymous private memory, seen as bytes.
pub struct Pages(#[cfg(not(miri))] memmap2::MmapMut, #[cfg(miri)] Vec<u8>);

impl Pages {
    /// Reserves `most` bytes, or if the system refuses the largest half, quarter ... that is at least `least`.
    #[cfg(not(miri))]
    pub fn reserve(most: usize, least: usize) -> io::Result<Pages> {
        let mut length = most;
        loop {
            match memmap2::MmapOptions::new().len(length).no_reserve_swap().map_anon() {
                Ok(map) => {
                    // No huge pages: random access to 10 million keys was no faster with them, but the first write to
                    // each stalls, for 0.2 ms and in a virtual machine for 5. Only a hint, so failing is harmless.
                    let _ = map.advise(memmap2::Advice::NoHugePage);
                    return Ok(Pages(map));
                }
                Err(_) if length / 2 >= least => length /= 2,
                Err(error) => return Err(error),
            }
        }
    }

    /// Reserves what is enough for a test.
    #[cfg(miri)]
    pub fn reserve(most: usize, _least: usize) -> io::Result<Pages> {
        Ok(Pages(vec![0; most.min(1 << 20)]))
    }

    /// Gives the memory behind `range` back to the system; the range reads as zeroes afterwards.
    /// Both ends are page aligned, or less is given back.
    #[cfg(not(miri))]
    pub fn release(&mut self, range: Range<usize>) {
        assert!(range.start <= range.end && range.end <= self.0.len());
        // SAFETY:
        // - the mapping is anonymous and private, so dropped pages read as zeroes, and zeroes are valid bytes;
        // - `&mut self` proves that no reference into the mapping is alive that could see the change;
        // - the range was checked to lie inside the mapping.
        let dropped =
            unsafe { self.0.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, range.len()) };
        if dropped.is_err() {
            // A kernel that can't (locked memory): keep what is promised, that it reads as zeroes.
            self.0[range].fill(0);
        }
    }

    /// Clears `range`.
    #[cfg(miri)]
    pub fn release(&mut self, range: Range<usize>) {
        self.0[range].fill(0);
    }
}

impl Deref for Pages {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Pages {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn released_memory_reads_as_zeroes() {
        let mut pages = Pages::reserve(1 << 20, 1 << 16).unwrap();
        pages[4096..8192].fill(7);
        pages[8192] = 8;
        pages.release(4096..8192);
        assert!(pages[4096..8192].iter().all(|&byte| byte == 0));
        assert_eq!(pages[8192], 8);
    }
}

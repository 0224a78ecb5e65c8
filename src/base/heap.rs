//! The memory of all that lies outside of the stores' arenas: jemalloc's, as Redis's own.
//!
//! The C library's allocator puts off work and then does all of it in one call: after a million elements were freed, some
//! client's command waited for milliseconds. Its pieces also get scattered, so that scripts took a third more CPU on a node that had
//! held large collections. With jemalloc no step of `benches/steps.rs` takes longer than the store's own work.
//!
//! Each thread has pieces at hand and takes more from an arena that is its own as long as there are no more threads than four for
//! each CPU. Under miri and the fuzzers the allocator is theirs, which finds misuse.

#[cfg(not(any(miri, loom, fuzzing)))]
#[global_allocator]
static JEMALLOC: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Has a thread of the allocator's give memory back to the system that has been free for ten seconds, or no longer. Without it
/// whoever next frees something does that, and an idle node keeps what it has. The thread gets the CPUs of the caller's.
pub fn give_back_in_background(on: bool) {
    #[cfg(not(any(miri, loom, fuzzing)))]
    if let Err(error) = tikv_jemalloc_ctl::max_background_threads::write(1)
        .and_then(|()| tikv_jemalloc_ctl::background_thread::write(on))
    {
        log::warn!("Memory is given back in the midst of other work: {error}");
    }
}

/// The bytes that the allocator takes for `size`, 0 for none: multiples of 16 up to 128, above four sizes for each power
/// of two (jemalloc's manual, "Size classes").
pub const fn rounded(size: usize) -> usize {
    match size {
        0 => 0,
        1..=8 => 8,
        9..=128 => size.next_multiple_of(16),
        _ => size.next_multiple_of(1 << ((size - 1).ilog2() - 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_as_the_allocator_does() {
        let rounded: Vec<usize> = [0, 1, 8, 9, 16, 17, 128, 129, 160, 161, 256, 257, 2352, 5121].map(rounded).into();
        assert_eq!(rounded, [0, 8, 8, 16, 16, 32, 128, 160, 160, 192, 256, 320, 2560, 6144]);
    }
}

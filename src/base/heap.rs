//! How the system's allocator deals with what is freed.
#![allow(unsafe_code)] // A function of C.

/// Bytes of a piece that is never there just so, and is quickly given.
const UNUSUAL: usize = 40_008;

/// Has what this thread has freed sorted by size now. To be called by whoever has freed some hundred pieces.
///
/// glibc leaves that to the next request for a piece that is not at hand, which then sorts up to 10,000 of them, all over the
/// memory: 1 ms in the midst of some client's command. So a request that nothing fits comes before there are as many.
pub fn sort_what_is_freed() {
    std::hint::black_box(Vec::<u8>::with_capacity(UNUSUAL));
}

/// Has every piece of memory joined with its free neighbours when it is freed. For the whole process: to be called before there are threads.
///
/// glibc puts pieces of up to 128 bytes aside instead, and joins all of them when next a large one is wanted or freed: after a
/// million, as a large collection leaves, that one call takes 170 to 240 ms, however slowly they were freed. The seven of each
/// size that a thread keeps for itself stay as quick as they are.
pub fn join_what_is_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
    // SAFETY: `mallopt` sets a number of the allocator's, under its own lock; no other thread is there yet.
    unsafe {
        libc::mallopt(libc::M_MXFAST, 0);
    }
}

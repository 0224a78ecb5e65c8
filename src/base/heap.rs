//! How the system's allocator deals with what is freed. For the whole process, once.
#![allow(unsafe_code)] // A function of C.

/// Has every piece of memory joined with its free neighbours when it is freed. To be called before there are threads.
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

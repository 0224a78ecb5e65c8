//! A hint to the processor that a place in memory will be read soon.
//!
//! Changes nothing but the caches, so it may be called with anything at any time.
#![allow(unsafe_code)] // The one instruction has no safe form.

/// Brings the cache line in which `place` starts nearer; does nothing on processors without such a hint.
#[inline(always)]
pub fn prefetch<T: ?Sized>(place: &T) {
    let address: *const u8 = std::ptr::from_ref(place).cast();
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY:
    // - a prefetch reads nothing the program can see and never faults, whatever the address;
    // - it is part of SSE, which every x86_64 processor has.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: PRFM is a hint: it reads nothing the program can see, touches no flags or stack, and never faults.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    let _ = address;
}

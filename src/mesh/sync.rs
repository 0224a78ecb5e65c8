//! What the mesh needs of `std::sync`, or loom's model of it under `--cfg loom`.

#[cfg(loom)]
pub use loom::{
    cell::UnsafeCell,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence},
    },
};
#[cfg(not(loom))]
pub use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence},
};

/// `std`'s cell behind loom's interface: access is a closure over a raw pointer.
#[cfg(not(loom))]
pub struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    /// A cell that holds `value`.
    pub fn new(value: T) -> Self {
        UnsafeCell(std::cell::UnsafeCell::new(value))
    }

    /// Access to read from.
    #[inline]
    pub fn with<R>(&self, access: impl FnOnce(*const T) -> R) -> R {
        access(self.0.get())
    }

    /// Access to write to.
    #[inline]
    pub fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R {
        access(self.0.get())
    }
}

/// Gives `T` cache lines of its own: two, for processors fetch lines in pairs.
#[repr(align(128))]
pub struct Padded<T>(pub T);

/// Runs `check`; under loom, once for each interleaving of its threads (with at most three
/// preemptions, which is what finds practically all faults and ends in seconds).
#[cfg(test)]
pub fn model(check: impl Fn() + Send + Sync + 'static) {
    #[cfg(loom)]
    {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(check);
    }
    #[cfg(not(loom))]
    check();
}

#[cfg(all(test, loom))]
pub use loom::{
    sync::{Condvar, Mutex},
    thread,
};
#[cfg(all(test, not(loom)))]
pub use std::{
    sync::{Condvar, Mutex},
    thread,
};

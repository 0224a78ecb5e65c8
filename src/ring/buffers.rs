//! The pool of receive buffers that a ring shares with the kernel (a "provided buffer ring").
//!
//! Every buffer is either with the kernel (it may be written at any time, so nobody may look) or with
//! us, between the completion that names it and [`BufferPool::release`]. A [`BufferId`] is not `Clone`:
//! whoever holds it holds the buffer.

use super::Unavailable;
use io_uring::IoUring;
use io_uring::types::BufRingEntry;
use memmap2::MmapMut;
use std::sync::atomic::{AtomicU16, Ordering};

/// A buffer that the kernel has filled and we have not given back.
#[derive(Debug, PartialEq, Eq)]
pub struct BufferId(pub(super) u16);

pub(super) struct BufferPool {
    /// The ring of free buffers, read by the kernel: `count` entries; the tail hides in the first.
    ring: MmapMut,
    /// The buffers themselves, `count` times `size` bytes. Only reached through raw pointers, since the
    /// kernel writes to those it holds.
    memory: MmapMut,
    size: usize,
    count: u16,
    tail: u16,
}

impl BufferPool {
    /// The only buffer group of a ring.
    pub(super) const GROUP: u16 = 0;

    /// Makes `count` (a power of two) buffers of `size` bytes and hands all of them to the kernel.
    pub(super) fn register(uring: &IoUring, count: u16, size: usize) -> Result<BufferPool, Unavailable> {
        assert!(count.is_power_of_two());
        let map = |bytes| MmapMut::map_anon(bytes).map_err(Unavailable::Memory);
        let ring = map(count as usize * size_of::<BufRingEntry>())?;
        let memory = map(count as usize * size)?;
        // SAFETY: `ring` is page-aligned, holds `count` entries, and is unmapped only after the ring that
        // reads it (fields of `Ring` drop in order, the io_uring first).
        unsafe { uring.submitter().register_buf_ring_with_flags(ring.as_ptr() as u64, count, Self::GROUP, 0) }
            .map_err(Unavailable::BufferRing)?;
        let mut pool = BufferPool { ring, memory, size, count, tail: 0 };
        for id in 0..count {
            pool.release(BufferId(id));
        }
        pool.publish();
        Ok(pool)
    }

    pub(super) fn bytes(&self, id: &BufferId, length: usize) -> &[u8] {
        assert!(length <= self.size && id.0 < self.count);
        // SAFETY:
        // - the range lies inside `memory`, by the assertion;
        // - the caller holds the id, so the kernel does not write here, and the `&self` borrow keeps
        //   anyone from releasing it meanwhile.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().add(id.0 as usize * self.size), length) }
    }

    /// Puts a buffer back; the kernel sees it after [`publish`](Self::publish).
    pub(super) fn release(&mut self, id: BufferId) {
        let index = (self.tail & (self.count - 1)) as usize;
        let address = self.memory.as_ptr() as u64 + (id.0 as usize * self.size) as u64;
        // SAFETY: `index` is below `count`, and the kernel does not read an entry beyond the published
        // tail. The entry's fields are written one by one: the first entry also holds the tail.
        unsafe {
            let entry = &mut *self.ring.as_mut_ptr().cast::<BufRingEntry>().add(index);
            entry.set_addr(address);
            entry.set_len(self.size as u32);
            entry.set_bid(id.0);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    pub(super) fn publish(&mut self) {
        // SAFETY: the tail lies inside the first entry of the mapped ring, 2-byte aligned; the kernel reads
        // it atomically. Release pairs with the kernel's acquire load of the tail.
        unsafe {
            let tail = BufRingEntry::tail(self.ring.as_ptr().cast()).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }
}

//! A bounded single-producer single-consumer queue: a ring of slots and two counters.
//!
//! ```text
//!   slots    . . . . [m][m][m][s][s] . . .      m: published, s: staged, .: free
//!                    ^head     ^tail  ^sender.next
//! ```
//!
//! `head` counts messages taken and is written by the receiver only; `tail` counts messages
//! published and is written by the sender only. Both only grow (and wrap at 2^64); a slot's index is
//! its counter modulo the capacity. Each end keeps a copy of the other's counter and looks at the
//! shared one only when the copy says that the queue is full, or empty. So a sender that has room and
//! a receiver that has messages touch no cache line that the other writes, but for the slots.
//!
//! Invariants: `head <= tail <= sender.next <= head + capacity`. The slots `head..sender.next` are
//! initialized; the receiver may access `head..tail`, the sender all others.
#![allow(unsafe_code, reason = "slots are handed from thread to thread by counters, which the compiler cannot follow")]

use super::sync::{Arc, AtomicUsize, Ordering, Padded, UnsafeCell};
use std::mem::MaybeUninit;

/// The two ends of a new queue that holds `capacity` messages, rounded up to a power of two.
pub fn queue<T: Send>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let capacity = capacity.next_power_of_two();
    let ring = Arc::new(Ring {
        head: Padded(AtomicUsize::new(0)),
        tail: Padded(AtomicUsize::new(0)),
        slots: (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect(),
    });
    (Sender { ring: ring.clone(), next: 0, published: 0, head: 0 }, Receiver { ring, next: 0, tail: 0 })
}

/// What the two ends share.
struct Ring<T> {
    /// Messages taken. Written by the receiver.
    head: Padded<AtomicUsize>,
    /// Messages published. Written by the sender.
    tail: Padded<AtomicUsize>,
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
}

// SAFETY:
// - There is one `Sender` and one `Receiver` (neither is Clone) and their methods that access slots
//   take `&mut self`, so at most two threads access a ring at a time, one from each end.
// - The counters keep them to different slots (the module's invariants), and hand slots over with
//   release and acquire.
// - Messages move between threads, hence `T: Send`; no `&T` is ever given out, hence no `T: Sync`.
unsafe impl<T: Send> Sync for Ring<T> {}
// SAFETY: as above; the last end to be dropped drops messages that the other end's thread made.
unsafe impl<T: Send> Send for Ring<T> {}

impl<T> Ring<T> {
    #[inline]
    fn slot(&self, counter: usize) -> &UnsafeCell<MaybeUninit<T>> {
        &self.slots[counter & (self.slots.len() - 1)]
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        // Relaxed: both ends are gone, and `Arc` ordered their last accesses before this.
        let mut head = self.head.0.load(Ordering::Relaxed);
        let tail = self.tail.0.load(Ordering::Relaxed);
        while head != tail {
            // SAFETY: slots `head..tail` are initialized (the sender published before it went), nobody
            // else accesses them, and each is visited once.
            self.slot(head).with_mut(|slot| unsafe { (*slot).assume_init_drop() });
            head = head.wrapping_add(1);
        }
    }
}

/// The end that messages go in. Belongs to one thread.
pub struct Sender<T> {
    ring: Arc<Ring<T>>,
    /// Messages pushed.
    next: usize,
    /// What `ring.tail` holds.
    published: usize,
    /// What `ring.head` was when last looked at.
    head: usize,
}

impl<T> Sender<T> {
    /// Puts `message` into the queue; the receiver sees it after the next [`flush`](Sender::flush).
    /// Gives it back when the queue is full.
    #[inline]
    pub fn push(&mut self, message: T) -> Result<(), T> {
        if self.is_full() {
            return Err(message);
        }
        // SAFETY:
        // - `next < head + capacity`, so the slot is not among `head..next`: it holds no message that
        //   writing would forget.
        // - It is not among `head..tail`, so the receiver does not access it; the receiver's reading
        //   of what it held before happened before its store of `head`, which `is_full` has acquired.
        self.ring.slot(self.next).with_mut(|slot| unsafe {
            (*slot).write(message);
        });
        self.next = self.next.wrapping_add(1);
        Ok(())
    }

    /// Makes all pushed messages visible to the receiver. Returns whether there were any new ones:
    /// then the receiver may have to be woken.
    #[inline]
    pub fn flush(&mut self) -> bool {
        if !self.has_staged() {
            return false;
        }
        // Release: pairs with the load of `tail` in `Receiver::has_messages`, which so sees the slots written.
        self.ring.tail.0.store(self.next, Ordering::Release);
        self.published = self.next;
        true
    }

    /// Whether messages were pushed since the last [`flush`](Sender::flush).
    pub fn has_staged(&self) -> bool {
        self.published != self.next
    }

    #[inline]
    fn is_full(&mut self) -> bool {
        let capacity = self.ring.slots.len();
        if self.next.wrapping_sub(self.head) < capacity {
            return false;
        }
        // Acquire: pairs with the store of `head` in `Receiver::pop`: the slots before it have been read.
        self.head = self.ring.head.0.load(Ordering::Acquire);
        self.next.wrapping_sub(self.head) == capacity
    }
}

impl<T> Drop for Sender<T> {
    /// Publishes, so that the receiver, or the ring when it goes, drops what was staged.
    fn drop(&mut self) {
        self.flush();
    }
}

/// The end that messages come out of. Belongs to one thread.
pub struct Receiver<T> {
    ring: Arc<Ring<T>>,
    /// What `ring.head` holds.
    next: usize,
    /// What `ring.tail` was when last looked at.
    tail: usize,
}

impl<T> Receiver<T> {
    /// Takes the oldest message.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        if !self.has_messages() {
            return None;
        }
        // SAFETY:
        // - `next < tail`, so the slot is initialized; the load of `tail` in `has_messages` has acquired
        //   the writing of it.
        // - `head` moves behind it below, before anything else can be read, so it is read once.
        let message = self.ring.slot(self.next).with(|slot| unsafe { (*slot).assume_init_read() });
        self.next = self.next.wrapping_add(1);
        // Release: pairs with the load of `head` in `Sender::is_full`: the sender overwrites only what has been read.
        self.ring.head.0.store(self.next, Ordering::Release);
        Some(message)
    }

    /// Whether [`pop`](Receiver::pop) would give a message.
    #[inline]
    pub fn has_messages(&mut self) -> bool {
        if self.next == self.tail {
            // Acquire: pairs with the store of `tail` in `Sender::flush`.
            self.tail = self.ring.tail.0.load(Ordering::Acquire);
        }
        self.next != self.tail
    }
}

#[cfg(test)]
mod tests {
    use super::super::sync::{model, thread};
    use super::*;

    #[test]
    fn messages_come_out_in_order_and_only_after_a_flush() {
        model(|| {
            let (mut sender, mut receiver) = queue(4);
            for message in 0..3 {
                assert_eq!(sender.push(message), Ok(()));
            }
            assert_eq!(receiver.pop(), None);
            assert!(sender.flush());
            assert!(!sender.flush());
            assert_eq!(
                [receiver.pop(), receiver.pop(), receiver.pop(), receiver.pop()],
                [Some(0), Some(1), Some(2), None]
            );
        });
    }

    #[test]
    fn a_full_queue_gives_the_message_back() {
        model(|| {
            let (mut sender, mut receiver) = queue(2);
            assert_eq!([sender.push('a'), sender.push('b'), sender.push('c')], [Ok(()), Ok(()), Err('c')]);
            sender.flush();
            assert_eq!(receiver.pop(), Some('a'));
            assert_eq!([sender.push('c'), sender.push('d')], [Ok(()), Err('d')]);
        });
    }

    #[test]
    fn counters_wrap() {
        model(|| {
            let (mut sender, mut receiver) = queue(2);
            let start = usize::MAX - 1;
            (sender.next, sender.published, sender.head, receiver.next, receiver.tail) =
                (start, start, start, start, start);
            sender.ring.head.0.store(start, Ordering::Relaxed);
            sender.ring.tail.0.store(start, Ordering::Relaxed);
            for round in 0..4 {
                assert_eq!([sender.push(round), sender.push(round + 10), sender.push(99)], [Ok(()), Ok(()), Err(99)]);
                sender.flush();
                assert_eq!([receiver.pop(), receiver.pop(), receiver.pop()], [Some(round), Some(round + 10), None]);
            }
        });
    }

    #[test]
    fn what_nobody_took_is_dropped_once() {
        model(|| {
            let probe = Arc::new(());
            let (mut sender, mut receiver) = queue(4);
            for _ in 0..3 {
                assert!(sender.push(probe.clone()).is_ok());
            }
            sender.flush();
            assert!(sender.push(probe.clone()).is_ok());
            drop(receiver.pop());
            assert_eq!(Arc::strong_count(&probe), 4);
            drop(receiver);
            drop(sender);
            assert_eq!(Arc::strong_count(&probe), 1);
        });
    }

    /// Pushes 0, 1, .. `count`, publishing after each `batch`.
    fn produce(mut sender: Sender<Box<usize>>, count: usize, batch: usize) {
        for number in 0..count {
            let mut message = Box::new(number);
            while let Err(back) = sender.push(message) {
                message = back;
                sender.flush();
                thread::yield_now();
            }
            if number % batch == batch - 1 {
                sender.flush();
            }
        }
    }

    /// Pops until `count` messages have come and asserts their order.
    fn consume(mut receiver: Receiver<Box<usize>>, count: usize) {
        for number in 0..count {
            let message = loop {
                match receiver.pop() {
                    Some(message) => break message,
                    None => thread::yield_now(),
                }
            };
            assert_eq!(*message, number);
        }
    }

    #[test]
    fn slots_are_reused_by_two_threads() {
        model(|| {
            let (sender, receiver) = queue(1);
            let producer = thread::spawn(move || produce(sender, 3, 1));
            consume(receiver, 3);
            producer.join().unwrap();
        });
    }

    #[test]
    fn batches_are_published_whole() {
        model(|| {
            let (sender, receiver) = queue(2);
            let producer = thread::spawn(move || produce(sender, 4, 2));
            consume(receiver, 4);
            producer.join().unwrap();
        });
    }

    #[test]
    fn either_end_may_go_first() {
        model(|| {
            let probe = Arc::new(());
            let (mut sender, mut receiver) = queue(2);
            let message = probe.clone();
            let producer = thread::spawn(move || assert!(sender.push(message).is_ok()));
            drop(receiver.pop());
            drop(receiver);
            producer.join().unwrap();
            assert_eq!(Arc::strong_count(&probe), 1);
        });
    }

    #[cfg(not(loom))]
    proptest::proptest! {
        #[test]
        fn behaves_as_a_bounded_list(capacity in 1usize..9, operations in proptest::collection::vec(0u8..4, 0..200)) {
            let (mut sender, mut receiver) = queue(capacity);
            let (mut staged, mut published) = (std::collections::VecDeque::new(), std::collections::VecDeque::new());
            for (number, operation) in operations.into_iter().enumerate() {
                match operation {
                    0 | 1 => {
                        let full = staged.len() + published.len() == capacity.next_power_of_two();
                        proptest::prop_assert_eq!(sender.push(Box::new(number)).is_err(), full);
                        if !full {
                            staged.push_back(Box::new(number));
                        }
                    }
                    2 => {
                        proptest::prop_assert_eq!(sender.flush(), !staged.is_empty());
                        published.append(&mut staged);
                    }
                    _ => proptest::prop_assert_eq!(receiver.pop(), published.pop_front()),
                }
            }
        }
    }
}

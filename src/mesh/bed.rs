//! Who sleeps: one flag for each node, and the protocol by which no wake-up is lost.
//!
//! ```text
//!   sleeper (Bed)                          producer (Doorbell)
//!   S1  asleep = true                      P1  tail = ..   (Sender::flush)
//!   S2  fence SeqCst                       P2  fence SeqCst
//!   S3  look at all queues again           P3  if asleep: asleep = false, wake the sleeper
//!   S4  sleep in the kernel
//! ```
//!
//! The fences S2 and P2 have one order. If S2 is first, P3 sees the flag of S1 (or that another
//! producer has taken it since, who wakes the sleeper instead). If P2 is first, S3 sees the tail of P1.
//! So either the producer wakes or the sleeper does not sleep. A producer that loses the flag to
//! another one is served as well: the sleeper does S1 to S3 again before it sleeps again, and by the
//! same argument its S3 sees what that producer published.
//!
//! All writes of the flag are swaps. Stores would do for the sleeper's (a producer's swap follows what
//! it has read immediately, so it cannot come after a later S1), but loom does not follow that
//! argument and would report a stale flag.
//!
//! A wake-up can come too late, when the sleeper is up again: callers take it as a spurious one. The kernel
//! must keep a wake-up that comes between S3 and S4 (a ring's completion and an eventfd both do).

use super::sync::{Arc, AtomicBool, Ordering, Padded, fence};

/// A bed and the doorbell that others ring.
pub fn bed() -> (Bed, Doorbell) {
    let asleep = Arc::new(Padded(AtomicBool::new(false)));
    (Bed { asleep: asleep.clone() }, Doorbell { asleep })
}

/// The sleeper's end. Belongs to one thread.
pub struct Bed {
    asleep: Arc<Padded<AtomicBool>>,
}

impl Bed {
    /// Says that this node is going to sleep (S1, S2). It must look at all its queues again before it does.
    pub fn lie_down(&mut self) {
        // Relaxed: the fence orders it; no data is handed over by it.
        self.asleep.0.swap(true, Ordering::Relaxed);
        // Pairs with the fence in `Published::now`.
        fence(Ordering::SeqCst);
    }

    /// Says that this node is awake. What was published while it slept is found by looking at the queues.
    pub fn get_up(&mut self) {
        // Relaxed: seen late, it costs a spurious wake-up.
        self.asleep.0.swap(false, Ordering::Relaxed);
    }
}

/// The producers' end.
#[derive(Clone)]
pub struct Doorbell {
    asleep: Arc<Padded<AtomicBool>>,
}

impl Doorbell {
    /// Whether the caller must wake the node (P3). Of several producers only one is told to.
    pub fn wake_needed(&self, _published: &Published) -> bool {
        // Relaxed: `Published` has fenced. The load first, so that an awake node's line stays shared.
        self.asleep.0.load(Ordering::Relaxed) && self.asleep.0.swap(false, Ordering::Relaxed)
    }
}

/// The proof that a fence (P2) lies between publishing and looking at doorbells. One serves for all
/// that was published before it.
pub struct Published(());

impl Published {
    /// Fences. To be called after the last `flush`.
    pub fn now() -> Published {
        // Pairs with the fence in `Bed::lie_down`.
        fence(Ordering::SeqCst);
        Published(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::sync::model;
    use super::*;

    #[test]
    fn only_a_sleeper_is_woken_and_only_once() {
        model(|| {
            let (mut bed, doorbell) = bed();
            assert!(!doorbell.wake_needed(&Published::now()));
            bed.lie_down();
            assert!(doorbell.wake_needed(&Published::now()));
            assert!(!doorbell.clone().wake_needed(&Published::now()));
            bed.lie_down();
            bed.get_up();
            assert!(!doorbell.wake_needed(&Published::now()));
        });
    }
}

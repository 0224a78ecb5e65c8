//! Queues between the cores of the process: how a core says something to another one.
//!
//! The mesh has one bounded single-producer single-consumer [`queue`] for each ordered pair of
//! nodes (data cores and the bus core), and one [`bed`] for each node, which tells the others
//! whether it sleeps. [`Mesh::new`] makes them all and gives each node its [`Port`]; a port belongs
//! to one thread.
//!
//! ```text
//!   node i                                       node j
//!   push(j, ..)*  --staged-->  [ queue i -> j ]  --pop(i)-->
//!   flush(wake)   publishes, then asks bed j: wake(j) only if j sleeps
//!                                                lie_down: sets the flag, looks at all queues again
//! ```
//!
//! Invariants:
//! - This is the only module with atomics and shared memory. What crosses it is moved, never shared, but for the figures
//!   of a [`board`], on which nobody waits.
//! - Nothing waits here: a full queue gives the message back, an empty one gives `None`. Sleeping and
//!   waking are system calls and the caller's; the mesh only says when they are needed.
//! - No wake-up is lost: see [`bed`].
//!
//! The orderings are checked by loom: `RUSTFLAGS="--cfg loom" cargo test --lib --release mesh`.

pub mod bed;
pub mod board;
pub mod queue;
mod sync;

use bed::{Bed, Doorbell, Published};
use queue::{Receiver, Sender};

/// Makes the ports of a process.
pub struct Mesh;

impl Mesh {
    /// The ports of `nodes` nodes. Each queue holds `capacity` messages, rounded up to a power of two.
    #[expect(clippy::new_ret_no_self, reason = "a mesh is nothing but its ports")]
    pub fn new<T: Send>(nodes: usize, capacity: usize) -> Vec<Port<T>> {
        let (beds, doorbells): (Vec<_>, Vec<_>) = (0..nodes).map(|_| bed::bed()).unzip();
        let mut ports: Vec<Port<T>> = beds
            .into_iter()
            .map(|bed| Port {
                senders: Vec::new(),
                receivers: Vec::new(),
                doorbells: doorbells.clone(),
                bed,
                flushed: Vec::new(),
            })
            .collect();
        for from in 0..nodes {
            for to in 0..nodes {
                let (sender, receiver) = queue::queue(capacity);
                ports[from].senders.push(sender);
                ports[to].receivers.push(receiver);
            }
        }
        ports
    }
}

/// One node's ends of the mesh. Peers are named by their index in what [`Mesh::new`] returned. A node
/// is a peer of its own too, so that a message to oneself needs no special case.
pub struct Port<T> {
    senders: Vec<Sender<T>>,
    receivers: Vec<Receiver<T>>,
    doorbells: Vec<Doorbell>,
    bed: Bed,
    /// Whom the current flush has sent something: scratch, kept for its allocation.
    flushed: Vec<usize>,
}

impl<T: Send> Port<T> {
    /// How many nodes there are, this one included.
    pub fn nodes(&self) -> usize {
        self.senders.len()
    }

    /// Stages a message for `peer`, which sees it after the next [`flush`](Port::flush).
    ///
    /// Gives it back when the queue is full: then flush, so that the peer can work it off, and take no
    /// more of such work from clients until it has.
    #[inline]
    pub fn push(&mut self, peer: usize, message: T) -> Result<(), T> {
        self.senders[peer].push(message)
    }

    /// Publishes all that is staged and calls `wake` for each peer that was sent something and sleeps.
    ///
    /// `wake` must end that peer's sleep in the kernel, also if that sleep is only about to begin. With
    /// nothing staged this costs a look at each sender, no fence.
    pub fn flush(&mut self, mut wake: impl FnMut(usize)) {
        self.flushed.clear();
        self.flushed
            .extend(self.senders.iter_mut().enumerate().filter_map(|(peer, sender)| sender.flush().then_some(peer)));
        if self.flushed.is_empty() {
            return;
        }
        let published = Published::now();
        for peer in &self.flushed {
            if self.doorbells[*peer].wake_needed(&published) {
                wake(*peer);
            }
        }
    }

    /// Whether [`pop`](Port::pop) would give a message of anybody.
    pub fn has_messages(&mut self) -> bool {
        self.receivers.iter_mut().any(Receiver::has_messages)
    }

    /// The next message from `peer`.
    #[inline]
    pub fn pop(&mut self, peer: usize) -> Option<T> {
        self.receivers[peer].pop()
    }

    /// Announces that this node is going to sleep in the kernel; from now on peers wake it. Returns
    /// false when a message has come meanwhile: then the node is up again and must not sleep.
    ///
    /// Flush before: a message that is still staged would sleep too.
    #[must_use]
    pub fn lie_down(&mut self) -> bool {
        debug_assert!(!self.senders.iter().any(Sender::has_staged));
        self.bed.lie_down();
        let idle = !self.receivers.iter_mut().any(Receiver::has_messages);
        if !idle {
            self.bed.get_up();
        }
        idle
    }

    /// Announces that this node is awake. To be called after each sleep, whatever ended it.
    pub fn get_up(&mut self) {
        self.bed.get_up();
    }
}

#[cfg(test)]
mod tests;

//! How busy a data core's sockets are: how many of them send within a short time.
//!
//! When many clients keep a core busy, it need not wake up for each one's request: it can sleep until
//! several have come, and then does one turn, one system call and one wake-up for all of them. How many
//! it may wait for follows from how many clients sent something lately; a lone client is never kept waiting.

/// The time that counts as lately, in nanoseconds.
const WINDOW_NS: u64 = 1_000_000;

/// Of those who sent lately, one in this many is waited for.
const SHARE: usize = 4;

/// Fewer completions than this are not worth waiting for: measured, that costs more than it saves.
const FEWEST: usize = 4;

/// The most completions to wait for.
const MOST: usize = 32;

/// Counts the sockets that sent something in the current window of time, and remembers the last one.
#[derive(Default)]
pub struct Busy {
    window: u64,
    senders: usize,
    before: usize,
    /// The window each socket was last seen in.
    seen: Vec<u64>,
}

impl Busy {
    /// The time is `now`.
    pub fn at(&mut self, now: u64) {
        let window = now / WINDOW_NS + 1;
        if window != self.window {
            self.before = if window == self.window + 1 { self.senders } else { 0 };
            self.senders = 0;
            self.window = window;
        }
    }

    /// This socket sent something.
    pub fn saw(&mut self, slot: u32) {
        let slot = slot as usize;
        if self.seen.len() <= slot {
            self.seen.resize(slot + 1, 0);
        }
        if std::mem::replace(&mut self.seen[slot], self.window) != self.window {
            self.senders += 1;
        }
    }

    /// How many completions are worth waiting for.
    pub fn expected(&self) -> usize {
        match self.before.max(self.senders) / SHARE {
            0..FEWEST => 1,
            share => share.min(MOST),
        }
    }
}

//! The data of a host, as far as the control plane cares: how much of it there is, and how it is replicated.
//!
//! A primary's offset grows while it serves. A replica that reaches its primary copies everything first, which takes
//! some time, and then follows a moment behind.

use crate::net::HostIx;

/// What a replica follows.
#[derive(Clone, Copy, Debug)]
pub struct Following {
    pub primary: HostIx,
    /// When the copy will be complete; none before the primary was reached.
    complete_at: Option<u64>,
}

/// The state of one host's data.
#[derive(Clone, Debug, Default)]
pub struct Data {
    pub offset: u64,
    pub following: Option<Following>,
    pub heard_primary: Option<u64>,
    pub link_up: bool,
    pub paused: bool,
}

impl Data {
    /// Begins to follow a primary.
    pub fn follow(&mut self, primary: HostIx) {
        self.following = Some(Following { primary, complete_at: None });
        (self.link_up, self.heard_primary) = (false, None);
    }

    /// Ceases to follow.
    pub fn lead(&mut self) {
        self.following = None;
        self.offset += 1;
        self.link_up = false;
    }

    /// The process has started again: a replica's data is what its file has, but it has not heard its primary.
    pub fn restart(&mut self) {
        *self = Data { offset: self.offset, ..Data::default() };
    }

    /// A replica's turn to hear its primary, whose offset is given if it can be reached and is one.
    pub fn hear(&mut self, primary: Option<u64>, now: u64, copy_ms: u64) {
        let Some(following) = &mut self.following else { return };
        let Some(offset) = primary else {
            self.link_up = false;
            if following.complete_at.is_some_and(|at| at > now) {
                following.complete_at = None;
            }
            return;
        };
        let complete_at = *following.complete_at.get_or_insert(now + copy_ms);
        self.heard_primary = Some(now);
        self.link_up = now >= complete_at;
        // A copy that is not complete is no data.
        self.offset = if self.link_up { offset } else { 0 };
    }
}

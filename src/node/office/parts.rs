//! Parts of a snapshot on their way from the cores to whoever gets them. `rdb-key-save-delay`, which is for tests, holds
//! them up here: no data core ever sleeps for it.

use super::{NodeOffice, now};
use crate::cores::bus_core::Outgoing;
use crate::data::plane::message::SnapshotPart;
use std::collections::VecDeque;

/// Milliseconds that a part may come too early: how often this is looked at.
const EARLY: u64 = 100;

/// Parts that are not to be there yet.
#[derive(Default)]
pub struct HeldParts {
    parts: VecDeque<(u64, SnapshotPart)>,
    /// Microseconds of the clock that never goes back, when the last one is to be there.
    due: u64,
}

impl NodeOffice {
    /// A core made a part.
    pub(super) fn part_made(&mut self, part: SnapshotPart, outgoing: &mut Outgoing) {
        let delay = microseconds(part.keys, self.config.number("rdb-key-save-delay"));
        let held = &mut self.held_parts;
        held.due = held.due.max(now().mono_ms * 1000) + delay;
        held.parts.push_back((held.due / 1000, part));
        self.hand_out_parts(outgoing);
    }

    /// Hands out the parts whose time has come.
    pub(super) fn hand_out_parts(&mut self, outgoing: &mut Outgoing) {
        if self.config.number::<i64>("rdb-key-save-delay") == 0 {
            self.held_parts.due = 0;
        }
        let until = now().mono_ms + EARLY;
        let over = self.held_parts.due == 0;
        while self.held_parts.parts.front().is_some_and(|(due, _)| over || *due <= until)
            && let Some((_, part)) = self.held_parts.parts.pop_front()
        {
            if let Some(part) = self.part_for_file(part, outgoing) {
                self.snapshot_part(part, outgoing);
            }
        }
    }
}

/// How long `keys` keys take if one takes `delay` µs, or, below 0, so many of them take one.
pub fn microseconds(keys: usize, delay: i64) -> u64 {
    let (keys, each) = (keys as u64, delay.unsigned_abs());
    match delay {
        0 => 0,
        1.. => keys.saturating_mul(each),
        _ => keys / each,
    }
}

//! Parts of a snapshot on their way from the cores to whoever gets them.
//!
//! A core that has begun with a large value has the *floor* until it is whole: parts of other cores wait here meanwhile,
//! no more of them than each core may make ahead. `rdb-key-save-delay`, which is for tests, holds parts up here as well:
//! no data core ever sleeps for it.

use super::{NodeOffice, now};
use crate::base::ids::CoreId;
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
    /// The snapshot and the core whose record is to be gone on with.
    floor: Option<(u64, CoreId)>,
}

impl HeldParts {
    /// The next part whose time has come by `until`, in milliseconds.
    fn next(&mut self, until: u64) -> Option<SnapshotPart> {
        let over = self.due == 0;
        let may_speak =
            |part: &SnapshotPart| self.floor.is_none_or(|(number, core)| number != part.number || core == part.core);
        let found = self.parts.iter().position(|(_, part)| may_speak(part));
        let (_, part) = found.filter(|at| over || self.parts[*at].0 <= until).and_then(|at| self.parts.remove(at))?;
        self.floor = part.step.is_open.then_some((part.number, part.core));
        Some(part)
    }
}

impl NodeOffice {
    /// A core made a part.
    pub(super) fn part_made(&mut self, part: SnapshotPart, outgoing: &mut Outgoing) {
        let delay = microseconds(part.step.keys, self.config.number("rdb-key-save-delay"));
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
        while let Some(part) = self.held_parts.next(now().mono_ms + EARLY) {
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

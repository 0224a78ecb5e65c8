//! This core's share of a snapshot: parts of it, made when the bus core asks for them.
//!
//! Owned by the data core. The bus core allows several parts at a time ([`limits::PARTS_AHEAD`]), so that a core does not
//! wait a turn of another thread for each. Of these one is made a turn, after the clients' commands: a turn is longer
//! by a part at most, however many are wanted, and a core under load makes as many parts as it has turns.

use super::Plane;
use super::message::{Message, SnapshotPart};
use crate::base::limits;
use crate::contract::introduction::without;
use crate::data::store::Progress;

/// The parts that are wanted.
#[derive(Default)]
pub struct WantedParts {
    /// Of which snapshot.
    number: u64,
    /// How many.
    count: usize,
    /// Whether this core has made the last one.
    over: bool,
}

impl Plane {
    /// One more part of snapshot `number` is wanted.
    pub(super) fn want_part(&mut self, number: u64) {
        if self.wanted_parts.number != number {
            self.wanted_parts = WantedParts { number, ..WantedParts::default() };
        }
        if !self.wanted_parts.over {
            self.wanted_parts.count += 1;
        }
    }

    /// The snapshot is wanted no more.
    pub(super) fn end_snapshot(&mut self) {
        self.stores.home_mut().snapshot_end();
        self.wanted_parts.count = 0;
    }

    /// Whether parts are wanted.
    pub(super) fn wants_parts(&self) -> bool {
        self.wanted_parts.count > 0
    }

    /// Makes a part if one is wanted and the store is here, for the bus core.
    pub(super) fn make_part(&mut self) {
        if !self.wants_parts() || self.locked {
            return;
        }
        let number = self.wanted_parts.number;
        let mut bytes = std::mem::take(&mut self.snapshot_functions);
        // Whoever wants it slow wants to see it go on, too.
        let budget = if self.settings.rdb_key_save_delay == 0 { limits::SNAPSHOT_PART } else { 0 };
        let step = match number & without::DATA {
            0 => self.stores.home_mut().snapshot_step(budget, &mut bytes),
            _ => Progress::Complete.into(),
        };
        self.wanted_parts.over = step.progress != Progress::More;
        self.wanted_parts.count = if self.wanted_parts.over { 0 } else { self.wanted_parts.count - 1 };
        self.send(self.bus(), Message::Snapshot(SnapshotPart { number, core: self.core(), bytes, step }));
    }
}

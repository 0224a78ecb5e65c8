//! What a node does that can't do as its primary, or its append-only log, says: `propagation-error-behavior` and
//! `replica-ignore-disk-write-errors`.

use super::loading::FROM_DISK;
use super::{NodeOffice, now};

/// Milliseconds between two complaints of a disk. Source: Redis 7.0 `processCommand`.
const COMPLAIN_EVERY: u64 = 10_000;

/// What the office has for that.
#[derive(Default)]
pub struct ObeyingDesk {
    /// Commands that could not be executed.
    pub(super) unexpected_errors: u64,
    /// When the log was last told that the disk takes nothing.
    complained_at: Option<u64>,
}

impl NodeOffice {
    /// A command that comes from the disk or from the primary could not be executed: this node's data may differ from
    /// what it should be, and `propagation-error-behavior` says what follows.
    pub(super) fn cannot_apply(&mut self, number: u64, name: &str) {
        self.obeying.unexpected_errors += 1;
        let from_disk = number & FROM_DISK != 0;
        let ends = match self.config.choice("propagation-error-behavior") {
            "panic" => from_disk || self.config.flag("replica-read-only"),
            "panic-on-replicas" => !from_disk && self.config.flag("replica-read-only"),
            _ => false,
        };
        if ends {
            let (this, from) = if from_disk { ("server", "AOF") } else { ("replica", "master") };
            self.give_up(&format!(
                "This {this} panicked sending an error to its {from} after processing the command '{name}'"
            ));
        }
    }

    /// Commands of the primary are to be executed: what then if they can't be kept on this node's disk?
    pub(super) fn check_disk_for_primary(&mut self) {
        if !self.snapshots_fail() && !self.log_fails() {
            return;
        }
        if !self.config.flag("replica-ignore-disk-write-errors") {
            self.give_up("Replica was unable to write command to disk.");
        }
        let now = now().mono_ms;
        if self.obeying.complained_at.is_none_or(|last| now > last + COMPLAIN_EVERY) {
            self.obeying.complained_at = Some(now);
            log::warn!("Replica is applying a command even though it is unable to write to disk.");
        }
    }
}

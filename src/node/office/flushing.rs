//! FLUSHALL and the snapshot on the disk: where there are save points, the data that is gone is gone from there too, so
//! that a crash does not bring it back. As in Redis, which saves its empty data there and then.

use super::{NodeOffice, Then};
use crate::cores::bus_core::Outgoing;
use crate::cores::clock;
use crate::data::plane::message::Inquiry;
use std::fs;
use std::io;

impl NodeOffice {
    /// All data was flushed.
    pub(super) fn flushed(&mut self, outgoing: &mut Outgoing) {
        if !self.has_save_points() || self.is_loading() {
            return;
        }
        self.abandon_background_save(outgoing);
        match self.empty_file() {
            Ok(()) => {
                self.saving.facts.last = clock::unix_us() / 1_000_000;
                // Nothing has changed since, until it is known how much has changed so far.
                self.saving.facts.changed = u64::MAX;
                self.ask_all(&Inquiry::Changes, Then::Flushed, outgoing);
            }
            Err(error) => log::warn!("The snapshot file could not be emptied after FLUSHALL: {error}"),
        }
    }

    /// Puts a snapshot of nothing in the place of the one on the disk. What takes its time, to free the blocks of the old
    /// one, is done beside this thread.
    fn empty_file(&self) -> io::Result<()> {
        let path = self.destination(false).path;
        let beside = |name: &str| path.with_file_name(format!("temp-{}-{name}.rdb", std::process::id()));
        let (old, new) = (beside("flushed"), beside("empty"));
        fs::write(&new, self.empty_snapshot(false))?;
        if fs::rename(&path, &old).is_ok() {
            let remove = std::thread::Builder::new().name("remover".into());
            remove.spawn(move || fs::remove_file(old))?;
        }
        fs::rename(new, path)
    }
}

//! The office's work for snapshots in a file: SAVE, BGSAVE, the save points, DEBUG RELOAD, and the one at the end.
//!
//! ```text
//! how much has changed?  ->  a cut on all cores at once  ->  parts, one core a piece at a time  ->  the file has its name
//! ```
//!
//! A core has one snapshot at a time, so there is none for replicas meanwhile, and none for a file while replicas get one.

use super::replication::header;
use super::{NodeOffice, Then, answer};
use crate::base::ids::CoreId;
use crate::cores::bus_core::Outgoing;
use crate::cores::{clock, wake::Bell};
use crate::data::key::KeyHasher;
use crate::data::plane::figures::SaveFacts;
use crate::data::plane::message::{Answer, BusCommand, Inquiry, Message, Notice, Order, Peer, SnapshotPart};
use crate::data::rdb::load::Plan;
use crate::data::store::{Progress, Store};
use crate::node::config::value::Value;
use crate::node::snapshot_file::{SnapshotReader, SnapshotWriter, Written};
use crate::replication::SnapshotFacts;
use crate::resp::Error;
use crate::slot::owner::OwnerMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Numbers of snapshots for files have this bit, those for replicas have not.
const FOR_FILE: u64 = 1 << 63;
/// Seconds after which a save point tries again when a snapshot failed. Source: Redis 7.0 `CONFIG_BGSAVE_RETRY_DELAY`.
const RETRY: u64 = 5;

/// What the office has for snapshots in a file.
pub struct SavingDesk {
    facts: SaveFacts,
    save: Option<Save>,
    reader: Option<(SnapshotReader, (Peer, u64))>,
    /// The stores that were read are being put in place, for this command.
    replacing: Option<(u64, (Peer, u64))>,
    last: u64,
    /// Unix times in seconds of the last attempt, and when the save points were looked at.
    tried: u64,
    looked: u64,
    hasher: KeyHasher,
    bell: Bell,
}

/// A snapshot that is being made.
struct Save {
    number: u64,
    /// What had changed at its beginning.
    changed: u64,
    writer: Option<SnapshotWriter>,
    /// Cores that have parts to come.
    missing: usize,
    /// Cores whose last part is being written, in the order of the parts; none: that was the last.
    written: std::collections::VecDeque<Option<CoreId>>,
    then: After,
}

/// What follows a snapshot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    Nothing,
    /// SAVE is answered.
    Answer(Peer, u64),
    /// DEBUG RELOAD goes on.
    Reload(Peer, u64),
    /// The node ends.
    End,
}

impl SavingDesk {
    /// A desk that has nothing to do. `loaded`: keys that were loaded at the start, and those that had died before.
    pub fn new(hasher: KeyHasher, bell: Bell, loaded: (u64, u64)) -> SavingDesk {
        let now = clock::unix_us() / 1_000_000;
        SavingDesk {
            facts: SaveFacts { last: now, loaded, ..SaveFacts::default() },
            save: None,
            reader: None,
            replacing: None,
            last: 0,
            tried: 0,
            looked: now,
            hasher,
            bell,
        }
    }
}

impl NodeOffice {
    /// SAVE, BGSAVE and LASTSAVE.
    pub(super) fn save_command(&mut self, from: Peer, number: u64, command: &BusCommand, outgoing: &mut Outgoing) {
        let name = command.args[0].to_ascii_lowercase();
        let after = match (name.as_slice(), &command.args[1..]) {
            (b"lastsave", _) => {
                let last = self.saving.facts.last;
                return answer(from, number, command, outgoing, |reply| {
                    reply.int(last as i64);
                    Ok(())
                });
            }
            (b"save", _) => After::Answer(from, number),
            (_, []) => After::Nothing,
            (_, [word]) if word.eq_ignore_ascii_case(b"schedule") => After::Nothing,
            _ => return answer(from, number, command, outgoing, |_| Err(Error::Syntax)),
        };
        if self.snapshot_is_made() {
            let error = Error::new("ERR Background save already in progress");
            return answer(from, number, command, outgoing, |_| Err(error));
        }
        self.begin_save(after, outgoing);
        if let After::Nothing = after {
            answer(from, number, command, outgoing, |reply| {
                reply.simple("Background saving started");
                Ok(())
            });
        }
    }

    /// DEBUG RELOAD: to the file and back.
    pub(super) fn reload(&mut self, from: Peer, number: u64, command: &BusCommand, outgoing: &mut Outgoing) {
        match &command.args[2..] {
            _ if self.snapshot_is_made() || self.saving.reader.is_some() => {
                let error = Error::new("ERR Background save already in progress");
                answer(from, number, command, outgoing, |_| Err(error));
            }
            [] => self.begin_save(After::Reload(from, number), outgoing),
            [word] if word.eq_ignore_ascii_case(b"nosave") => self.begin_reading((from, number), outgoing),
            _ => {
                let error = Error::new("ERR DEBUG RELOAD takes no option here but NOSAVE");
                answer(from, number, command, outgoing, |_| Err(error));
            }
        }
    }

    /// Saves before the node ends, if that is wanted; otherwise it ends now.
    pub(super) fn save_and_end(&mut self, wanted: bool, outgoing: &mut Outgoing) {
        if !wanted {
            return self.end();
        }
        log::warn!("Saving the final RDB snapshot before exiting.");
        match &mut self.saving.save {
            Some(save) => save.then = After::End,
            None => self.begin_save(After::End, outgoing),
        }
    }

    /// What was to follow the snapshot under way is not wanted any more, but something else.
    pub(super) fn then_after_save(&mut self, instead_of: After, then: After) {
        if let Some(save) = self.saving.save.as_mut().filter(|save| save.then == instead_of) {
            save.then = then;
        }
    }

    /// Whether there are save points, so that a node does not end without a snapshot.
    pub(super) fn has_save_points(&self) -> bool {
        !self.save_points().is_empty()
    }

    fn save_points(&self) -> &[(i64, i64)] {
        if let Value::Save(points) = self.config.value("save") { points } else { &[] }
    }

    /// What INFO tells of snapshots: one for replicas is one that is being made.
    pub(super) fn save_facts(&self) -> SaveFacts {
        SaveFacts { under_way: self.snapshot_is_made(), ..self.saving.facts }
    }

    fn snapshot_is_made(&self) -> bool {
        self.saving.save.is_some() || self.desk_of_replication.replication.has_snapshot()
    }

    /// Looks once a second whether a save point was reached.
    pub(super) fn tick_saving(&mut self, outgoing: &mut Outgoing) {
        let now = clock::unix_us() / 1_000_000;
        if now != self.saving.looked && self.has_save_points() && !self.snapshot_is_made() {
            self.saving.looked = now;
            self.ask_all(&Inquiry::Changes, Then::SavePoint, outgoing);
        }
    }

    /// So much has changed since the node started.
    pub(super) fn check_save_points(&mut self, changed: u64, outgoing: &mut Outgoing) {
        let now = clock::unix_us() / 1_000_000;
        let (facts, tried) = (self.saving.facts, self.saving.tried);
        let (since, changes) = (now.saturating_sub(facts.last), changed.saturating_sub(facts.changed));
        let may_try = !facts.failed || now > tried + RETRY;
        let reached = |&(seconds, least): &(i64, i64)| changes as i64 >= least && since as i64 > seconds;
        if may_try && !self.snapshot_is_made() && self.save_points().iter().any(reached) {
            log::info!("{changes} changes in {since} seconds. Saving...");
            self.begin_save(After::Nothing, outgoing);
        }
    }

    fn begin_save(&mut self, then: After, outgoing: &mut Outgoing) {
        let desk = &mut self.saving;
        desk.last += 1;
        desk.tried = clock::unix_us() / 1_000_000;
        let number = desk.last | FOR_FILE;
        let save = Save { number, changed: 0, writer: None, missing: self.cores, written: Default::default(), then };
        desk.save = Some(save);
        self.desk_of_replication.replication.hold_snapshots(true);
        self.ask_all(&Inquiry::Changes, Then::Save(number), outgoing);
    }

    /// So much has changed: the snapshot's point in time is next.
    pub(super) fn cut_for_file(&mut self, number: u64, changed: u64, outgoing: &mut Outgoing) {
        let Some(save) = self.saving.save.as_mut().filter(|save| save.number == number) else { return };
        save.changed = changed;
        self.with_replication(outgoing, |replication| replication.cut_for_file(number));
    }

    /// All cores have begun the snapshot. `facts`: the place in the stream that it is of.
    pub(super) fn write_snapshot(&mut self, number: u64, facts: Option<&SnapshotFacts>, outgoing: &mut Outgoing) {
        let name = PathBuf::from(String::from_utf8_lossy(self.config.text("dbfilename")).into_owned());
        let checked = self.config.flag("rdbchecksum");
        let Some(save) = self.saving.save.as_mut().filter(|save| save.number == number) else { return };
        let writer = self
            .saving
            .bell
            .try_clone()
            .and_then(|bell| SnapshotWriter::start(self.config.dir(), &name, checked, bell));
        match writer {
            Ok(writer) => {
                writer.push(header(facts));
                save.written.push_back(None);
                save.writer = Some(writer);
                for core in 0..self.cores as u16 {
                    outgoing.push((Peer(core), Message::Tell(Notice::MakePart(number))));
                }
            }
            Err(error) => self.end_save(Err(error.to_string()), outgoing),
        }
    }

    /// A core made a part; whether it was for the file.
    pub(super) fn part_for_file(&mut self, part: SnapshotPart, outgoing: &mut Outgoing) -> Option<SnapshotPart> {
        if part.number & FOR_FILE == 0 {
            return Some(part);
        }
        let save = self.saving.save.as_mut().filter(|save| save.number == part.number)?;
        let writer = save.writer.as_ref()?;
        if part.progress == Progress::Lost {
            self.end_save(Err("the data was flushed or replaced meanwhile".to_owned()), outgoing);
            return None;
        }
        writer.push(part.bytes);
        if part.progress == Progress::Complete {
            save.missing -= 1;
            save.written.push_back(None);
            if save.missing == 0 {
                writer.end();
            }
        } else {
            save.written.push_back(Some(part.core));
        }
        None
    }

    /// Looks after the files: more may have been written or read.
    pub(super) fn look_after_files(&mut self, outgoing: &mut Outgoing) {
        while let Some(save) = &mut self.saving.save {
            match save.writer.as_ref().and_then(SnapshotWriter::result) {
                None => break,
                Some(Ok(Written::Piece)) => {
                    if let Some(Some(core)) = save.written.pop_front() {
                        outgoing.push((core.into(), Message::Tell(Notice::MakePart(save.number))));
                    }
                }
                Some(Ok(Written::All)) => self.end_save(Ok(()), outgoing),
                Some(Err(error)) => self.end_save(Err(error.to_string()), outgoing),
            }
        }
        let Some((reader, command)) = &self.saving.reader else { return };
        let command = *command;
        match reader.result() {
            None => return,
            Some(Ok(Some(loaded))) => {
                let stores: Vec<Box<Store>> = loaded.stores.into_iter().map(Box::new).collect();
                self.last += 1;
                self.saving.replacing = Some((self.last, command));
                let order = Order::Replace(stores, loaded.functions);
                outgoing.push((Peer(0), Message::Order(self.last, Box::new(order))));
            }
            Some(Ok(None)) => refuse(command, "ERR there is no snapshot file", outgoing),
            Some(Err(error)) => {
                log::error!("Error trying to load the RDB dump: {error}");
                refuse(command, "ERR Error trying to load the RDB dump", outgoing);
            }
        }
        self.saving.reader = None;
    }

    fn end_save(&mut self, result: Result<(), String>, outgoing: &mut Outgoing) {
        let Some(save) = self.saving.save.take() else { return };
        for core in 0..self.cores as u16 {
            outgoing.push((Peer(core), Message::Tell(Notice::EndSnapshot)));
        }
        self.with_replication(outgoing, |replication| replication.hold_snapshots(false));
        let facts = &mut self.saving.facts;
        facts.failed = result.is_err();
        match &result {
            Ok(()) => {
                log::info!("DB saved on disk");
                (facts.last, facts.changed) = (clock::unix_us() / 1_000_000, save.changed);
                facts.saves += 1;
            }
            Err(error) => log::error!("The snapshot could not be saved: {error}"),
        }
        match (save.then, result) {
            (After::Nothing, _) => {}
            (After::Answer(to, number), Ok(())) => {
                outgoing.push((to, Message::Answer(number, Answer::Reply(Ok(b"+OK\r\n".to_vec())))));
            }
            (After::Answer(to, number) | After::Reload(to, number), Err(_)) => refuse((to, number), "ERR", outgoing),
            (After::Reload(to, number), Ok(())) => self.begin_reading((to, number), outgoing),
            (After::End, Ok(())) => self.end(),
            (After::End, Err(_)) => self.cannot_end(outgoing),
        }
    }

    fn begin_reading(&mut self, command: (Peer, u64), outgoing: &mut Outgoing) {
        let path = self.config.dir().join(String::from_utf8_lossy(self.config.text("dbfilename")).into_owned());
        let plan = plan(self.cores, self.saving.hasher);
        let settings = Arc::new(self.config.settings());
        let reader = self.saving.bell.try_clone().and_then(|bell| SnapshotReader::start(path, plan, settings, bell));
        match reader {
            Ok(reader) => self.saving.reader = Some((reader, command)),
            Err(error) => refuse(command, &format!("ERR {error}"), outgoing),
        }
    }

    /// The stores that were read can't serve.
    pub(super) fn not_replaced(&mut self, number: u64, error: &Error, outgoing: &mut Outgoing) {
        if let Some((_, command)) = self.saving.replacing.take_if(|(expected, _)| *expected == number) {
            log::error!("Error trying to load the RDB dump: {error}");
            refuse(command, "ERR Error trying to load the RDB dump", outgoing);
        }
    }

    /// The stores that were read serve.
    pub(super) fn reloaded(&mut self, number: u64, outgoing: &mut Outgoing) {
        if let Some((_, (to, number))) = self.saving.replacing.take_if(|(expected, _)| *expected == number) {
            outgoing.push((to, Message::Answer(number, Answer::Reply(Ok(b"+OK\r\n".to_vec())))));
        }
    }
}

/// How a file is loaded by a node with `cores` data cores.
pub fn plan(cores: usize, hasher: KeyHasher) -> Plan {
    let now = clock::unix_us();
    Plan {
        cores,
        owners: OwnerMap::even(cores),
        hasher,
        seed: now,
        now: now / 1000,
        keep_expired: false,
        replace: false,
    }
}

fn refuse((to, number): (Peer, u64), text: &str, outgoing: &mut Outgoing) {
    outgoing.push((to, Message::Answer(number, Answer::Reply(Err(Error::new(text.to_owned()))))));
}

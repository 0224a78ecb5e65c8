//! The office's work for files of the whole data: SAVE, BGSAVE, the save points, the one at the end, and the bases of
//! the append-only log.
//!
//! ```text
//! how much has changed?  ->  a cut on all cores at once  ->  parts, some of each core under way  ->  the file has its name
//! ```
//!
//! A core has one snapshot at a time, so there is none for replicas meanwhile, and none for a file while replicas get one.

use super::appending::ok;
use super::{NodeOffice, Then, answer};
use crate::base::ids::CoreId;
use crate::base::limits;
use crate::cores::bus_core::Outgoing;
use crate::cores::{clock, wake::Bell};
use crate::data::key::KeyHasher;
use crate::data::plane::client::ClientRef;
use crate::data::plane::figures::{SaveFacts, SaveProgress};
use crate::data::plane::message::{Answer, BusCommand, Inquiry, Message, Notice, Peer, Scope, SnapshotPart};
use crate::data::rdb::load::Plan;
use crate::data::rdb::write;
use crate::data::store::Progress;
use crate::node::config::value::Value;
use crate::node::snapshot_file::{Destination, Format, SnapshotWriter, Written};
use crate::replication::SnapshotFacts;
use crate::resp::Error;
use crate::slot::owner::OwnerMap;
use std::collections::VecDeque;
use std::path::PathBuf;

/// Numbers of snapshots for files have this bit, those for replicas have not.
const FOR_FILE: u64 = 1 << 63;
/// Seconds after which a save point tries again when a snapshot failed. Source: Redis 7.0 `CONFIG_BGSAVE_RETRY_DELAY`.
const RETRY: u64 = 5;

/// What the office has for files of the whole data.
pub struct SavingDesk {
    pub(super) facts: SaveFacts,
    save: Option<Save>,
    /// What is to be done when a snapshot can be made again.
    waiting: VecDeque<After>,
    /// Clients, each of a core, whose FLUSHALL is answered when what it left is saved, and the places of their replies.
    flushers: Vec<(Peer, ClientRef, u32)>,
    last: u64,
    /// Unix times in seconds of the last attempt, and when the save points were looked at.
    tried: u64,
    looked: u64,
    pub(super) hasher: KeyHasher,
    pub(super) bell: Bell,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The snapshot of its own.
    Snapshot,
    /// The base of the append-only log.
    Base,
}

/// A file that is being made.
struct Save {
    number: u64,
    purpose: Purpose,
    /// Unix time in seconds.
    began: u64,
    /// What had changed at its beginning.
    changed: u64,
    writer: Option<SnapshotWriter>,
    /// Its name, and whether it is written as a snapshot.
    path: PathBuf,
    is_snapshot: bool,
    /// Cores that have parts to come.
    missing: usize,
    /// Cores whose last part is being written, in the order of the parts; none: that was the last.
    written: VecDeque<Option<CoreId>>,
    /// Keys written, and how many there are.
    keys: u64,
    of: u64,
    /// Where the data is in the stream of replication.
    place: Option<SnapshotFacts>,
    then: After,
}

/// What follows a snapshot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    Nothing,
    /// SAVE is answered.
    Answer(Peer, u64),
    /// Nothing, and the changes so far still count as unsaved. FLUSHALL wants it.
    Flushed,
    /// DEBUG RELOAD goes on.
    Reload(Peer, u64),
    /// The node ends.
    End,
}

impl SavingDesk {
    /// A desk that has nothing to do.
    pub fn new(hasher: KeyHasher, bell: Bell) -> SavingDesk {
        let now = clock::unix_us() / 1_000_000;
        SavingDesk {
            facts: SaveFacts { last: now, took: -1, ..SaveFacts::default() },
            save: None,
            waiting: VecDeque::new(),
            flushers: Vec::new(),
            last: 0,
            tried: 0,
            looked: now,
            hasher,
            bell,
        }
    }

    /// Whether the snapshot being made is what FLUSHALL has left.
    fn saves_flushed(&self) -> bool {
        self.save.as_ref().is_some_and(|save| save.then == After::Flushed)
    }

    /// What INFO tells, less what others know.
    pub(super) fn facts(&self) -> SaveFacts {
        let progress = self.save.as_ref().map(|save| SaveProgress {
            for_log: save.purpose == Purpose::Base,
            began: save.began,
            keys: save.keys,
            of: save.of,
        });
        // Redis saves what FLUSHALL has left before it answers, so nobody sees that under way.
        let begun = progress.is_some_and(|progress| !progress.for_log) && !self.saves_flushed();
        let under_way = begun || self.saves_flushed() && self.waiting.contains(&After::Nothing);
        SaveFacts { under_way, scheduled: !self.waiting.is_empty(), progress, ..self.facts }
    }
}

impl NodeOffice {
    /// SAVE, BGSAVE and LASTSAVE.
    pub(super) fn save_command(&mut self, from: Peer, number: u64, command: &BusCommand, outgoing: &mut Outgoing) {
        let name = command.args[0].to_ascii_lowercase();
        let (after, may_wait) = match (name.as_slice(), &command.args[1..]) {
            (b"lastsave", _) => {
                let last = self.saving.facts.last;
                return answer(from, number, command, outgoing, |reply| {
                    reply.int(last as i64);
                    Ok(())
                });
            }
            (b"save", _) => (After::Answer(from, number), true),
            (_, []) => (After::Nothing, false),
            (_, [word]) if word.eq_ignore_ascii_case(b"schedule") => (After::Nothing, true),
            _ => return answer(from, number, command, outgoing, |_| Err(Error::Syntax)),
        };
        let is_saving = self.saving.facts().under_way;
        let busy = self.snapshot_is_made();
        let flushed = self.saving.saves_flushed();
        let may_wait = may_wait || flushed;
        if is_saving || busy && !may_wait {
            let text = match is_saving {
                true => "ERR Background save already in progress",
                false => {
                    "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to \
                     schedule a BGSAVE whenever possible."
                }
            };
            return answer(from, number, command, outgoing, |_| Err(Error::new(text)));
        }
        self.saving.waiting.push_back(after);
        self.begin_waiting_save(outgoing);
        if let After::Nothing = after {
            answer(from, number, command, outgoing, |reply| {
                reply.simple(if busy && !flushed {
                    "Background saving scheduled"
                } else {
                    "Background saving started"
                });
                Ok(())
            });
        }
    }

    /// Makes a snapshot, and goes on with `after`: now, or when that is possible.
    pub(super) fn save_and(&mut self, after: After, outgoing: &mut Outgoing) {
        self.saving.waiting.push_back(after);
        self.begin_waiting_save(outgoing);
    }

    /// Makes the snapshot that waits for it, if it is possible now.
    pub(super) fn begin_waiting_save(&mut self, outgoing: &mut Outgoing) {
        if !self.snapshot_is_made()
            && let Some(after) = self.saving.waiting.pop_front()
        {
            self.begin_save(Purpose::Snapshot, after, outgoing);
        }
    }

    /// All data was flushed: where there are save points, that is saved, as in Redis.
    pub(super) fn save_flushed(&mut self, outgoing: &mut Outgoing) {
        if !self.has_save_points() || self.is_loading() || self.ending.is_some() {
            return;
        }
        // What is being made is of data that is no more. Who waits for it gets it later.
        if self.saving.save.as_ref().is_some_and(|save| save.purpose == Purpose::Snapshot) {
            self.save_lost(outgoing);
        }
        if !self.saving.saves_flushed() && !self.saving.waiting.contains(&After::Flushed) {
            self.save_and(After::Flushed, outgoing);
        }
    }

    /// What has changed is counted from now on: all of it was flushed. `owed` to a client is the reply to that.
    pub(super) fn count_anew(&mut self, from: Peer, owed: Option<(ClientRef, u32)>, outgoing: &mut Outgoing) {
        self.saving.facts.changed = 0;
        self.saving.flushers.extend(owed.map(|(client, number)| (from, client, number)));
        self.answer_flushers(outgoing);
    }

    /// Answers FLUSHALL, unless what it has left is being saved. One that is to be saved after something else is not waited for.
    fn answer_flushers(&mut self, outgoing: &mut Outgoing) {
        if self.saving.saves_flushed() {
            return;
        }
        for (core, client, number) in std::mem::take(&mut self.saving.flushers) {
            let answered = Notice::Answered { client, number, reply: b"+OK\r\n".to_vec(), slow: None };
            outgoing.push((core, Message::Tell(answered)));
        }
    }

    /// Whether there are save points, so that a node does not end without a snapshot.
    pub(super) fn has_save_points(&self) -> bool {
        !self.save_points().is_empty()
    }

    fn save_points(&self) -> &[(i64, i64)] {
        if let Value::Save(points) = self.config.value("save") { points } else { &[] }
    }

    /// Saves before the node ends, if that is wanted; otherwise it ends now.
    pub(super) fn save_and_end(&mut self, wanted: bool, outgoing: &mut Outgoing) {
        if !wanted {
            return self.end(outgoing);
        }
        log::warn!("Saving the final RDB snapshot before exiting.");
        // One that is being made lacks what came since.
        self.abandon_save(outgoing);
        self.save_and(After::End, outgoing);
    }

    /// What was to follow a snapshot is not wanted any more, but something else.
    pub(super) fn then_after_save(&mut self, instead_of: After, then: After) {
        let desk = &mut self.saving;
        let under_way = desk.save.iter_mut().map(|save| &mut save.then);
        under_way.chain(&mut desk.waiting).filter(|after| **after == instead_of).for_each(|after| *after = then);
    }

    /// Whether writes are refused because the last snapshot failed.
    pub(super) fn snapshots_fail(&self) -> bool {
        self.saving.facts.failed && self.has_save_points() && self.config.flag("stop-writes-on-bgsave-error")
    }

    /// Whether a snapshot is being made, for whomever.
    pub(super) fn snapshot_is_made(&self) -> bool {
        self.saving.save.is_some() || self.desk_of_replication.replication.has_snapshot()
    }

    /// Whether it is for the append-only log.
    pub(super) fn is_rewriting(&self) -> bool {
        self.saving.save.as_ref().is_some_and(|save| save.purpose == Purpose::Base)
    }

    /// Looks once a second whether a save point was reached.
    pub(super) fn tick_saving(&mut self, outgoing: &mut Outgoing) {
        self.answer_flushers(outgoing);
        let now = clock::unix_us() / 1_000_000;
        let free = !self.snapshot_is_made() && !self.is_loading();
        if now != self.saving.looked && self.has_save_points() && free {
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
            self.begin_save(Purpose::Snapshot, After::Nothing, outgoing);
        }
    }

    pub(super) fn begin_save(&mut self, purpose: Purpose, then: After, outgoing: &mut Outgoing) {
        let now = clock::unix_us();
        let desk = &mut self.saving;
        desk.last += 1;
        desk.tried = now / 1_000_000;
        desk.facts.begun += 1;
        let number = desk.last | FOR_FILE;
        desk.save = Some(Save {
            number,
            purpose,
            began: now / 1_000_000,
            changed: 0,
            writer: None,
            path: PathBuf::new(),
            is_snapshot: true,
            missing: self.cores,
            written: VecDeque::new(),
            keys: 0,
            of: 0,
            place: None,
            then,
        });
        self.desk_of_replication.replication.hold_snapshots(true);
        self.ask_all(&Inquiry::Changes, Then::Save(number), outgoing);
        self.ask_all(&Inquiry::Size(Scope::All), Then::Keys(number), outgoing);
    }

    /// There are so many keys.
    pub(super) fn keys_counted(&mut self, number: u64, keys: u64) {
        if let Some(save) = self.saving.save.as_mut().filter(|save| save.number == number) {
            save.of = keys;
        }
    }

    /// So much has changed: the snapshot's point in time is next.
    pub(super) fn cut_for_file(&mut self, number: u64, changed: u64, outgoing: &mut Outgoing) {
        let Some(save) = self.saving.save.as_mut().filter(|save| save.number == number) else { return };
        save.changed = changed;
        self.with_replication(outgoing, |replication| replication.cut_for_file(number));
    }

    /// The snapshot will be of this place in the stream of replication.
    pub(super) fn place_told(&mut self, number: u64, place: Option<SnapshotFacts>) {
        if let Some(save) = self.saving.save.as_mut().filter(|save| save.number == number) {
            save.place = place;
        }
    }

    /// All cores have begun the snapshot: what comes next in their logs is not in it.
    pub(super) fn cut_came(&mut self, number: u64, outgoing: &mut Outgoing) {
        let Some(save) = self.saving.save.as_ref().filter(|save| save.number == number) else { return };
        let base = save.purpose == Purpose::Base;
        if base {
            self.begin_incr();
        }
        let destination = self.destination(base);
        let Some(save) = &mut self.saving.save else { return };
        save.path = destination.path.clone();
        save.is_snapshot = matches!(destination.format, Format::Snapshot { .. });
        let bell = self.saving.bell.try_clone();
        match bell.and_then(|bell| SnapshotWriter::start(destination, bell)) {
            Ok(writer) => {
                writer.push(header(save.place.as_ref().filter(|_| !base), base));
                save.written.push_back(None);
                save.writer = Some(writer);
                for core in 0..self.cores as u16 {
                    let parts = (0..limits::PARTS_AHEAD).map(|_| (Peer(core), Message::Tell(Notice::MakePart(number))));
                    outgoing.messages.extend(parts);
                }
            }
            Err(error) => self.end_save(Err(error.to_string()), outgoing),
        }
    }

    /// Where the file is written, and how.
    fn destination(&self, base: bool) -> Destination {
        let (dir, process) = (self.config.dir(), std::process::id());
        let checked = self.config.flag("rdbchecksum");
        if !base {
            let name = String::from_utf8_lossy(self.config.text("dbfilename")).into_owned();
            return Destination {
                unfinished: dir.join(format!("temp-{process}.rdb")),
                path: dir.join(name),
                format: Format::Snapshot { checked },
                syncs: self.config.flag("rdb-save-incremental-fsync"),
            };
        }
        let stamp = self.config.flag("aof-timestamp-enabled").then(|| clock::unix_us() / 1_000_000);
        let format = match self.config.flag("aof-use-rdb-preamble") {
            true => Format::Snapshot { checked },
            false => Format::Commands { hasher: self.saving.hasher, stamp },
        };
        Destination {
            unfinished: dir.join(format!("temp-rewriteaof-{process}.aof")),
            path: dir.join(format!("temp-rewriteaof-bg-{process}.aof")),
            format,
            syncs: self.config.flag("aof-rewrite-incremental-fsync"),
        }
    }

    /// A core made a part; whether it was for the file.
    pub(super) fn part_for_file(&mut self, part: SnapshotPart, outgoing: &mut Outgoing) -> Option<SnapshotPart> {
        if part.number & FOR_FILE == 0 {
            return Some(part);
        }
        let save = self.saving.save.as_mut().filter(|save| save.number == part.number)?;
        let writer = save.writer.as_ref()?;
        if part.step.progress == Progress::Lost {
            self.save_lost(outgoing);
            return None;
        }
        writer.push(part.bytes);
        save.keys += part.step.keys as u64;
        if part.step.progress == Progress::Complete {
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

    /// Looks after the file: more may have been written.
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
    }

    /// Forgets the file that is being made, and has the cores forget theirs.
    fn take_save(&mut self, outgoing: &mut Outgoing) -> Option<Save> {
        let save = self.saving.save.take()?;
        for core in 0..self.cores as u16 {
            outgoing.push((Peer(core), Message::Tell(Notice::EndSnapshot)));
        }
        self.with_replication(outgoing, |replication| replication.hold_snapshots(false));
        Some(save)
    }

    /// The file is wanted no more.
    pub(super) fn abandon_save(&mut self, outgoing: &mut Outgoing) {
        self.take_save(outgoing);
    }

    /// The data was flushed or replaced: there is nothing that the file could be of.
    fn save_lost(&mut self, outgoing: &mut Outgoing) {
        if self.is_rewriting() {
            self.abandon_save(outgoing);
            return self.rewrite_lost();
        }
        match self.saving.save.as_ref().map(|save| save.then) {
            // Redis kills its child, which is no failure. Who waits for a snapshot gets another.
            Some(After::Nothing) => self.abandon_save(outgoing),
            Some(then) => {
                self.abandon_save(outgoing);
                self.save_and(then, outgoing);
            }
            None => {}
        }
    }

    fn end_save(&mut self, result: Result<(), String>, outgoing: &mut Outgoing) {
        let Some(save) = self.take_save(outgoing) else { return };
        let seconds = (clock::unix_us() / 1_000_000).saturating_sub(save.began);
        if save.purpose == Purpose::Base {
            return self.base_written(result.map(|()| save.path), save.is_snapshot, seconds);
        }
        let facts = &mut self.saving.facts;
        // Only what was begun in the background makes writes be refused, as in Redis: the others hear of it themselves.
        facts.failed = result.is_err() && (facts.failed || save.then == After::Nothing);
        facts.took = seconds as i64;
        match &result {
            Ok(()) => {
                log::info!("DB saved on disk");
                facts.last = clock::unix_us() / 1_000_000;
                if save.then != After::Flushed {
                    facts.changed = save.changed;
                }
                facts.saves += 1;
            }
            Err(error) => log::error!("The snapshot could not be saved: {error}"),
        }
        self.tell_disk(outgoing);
        match (save.then, result) {
            (After::Nothing | After::Flushed, _) => {}
            (After::Answer(to, number), Ok(())) => ok((to, number), outgoing),
            (After::Answer(to, number), Err(_)) => refuse((to, number), "ERR", outgoing),
            (After::Reload(to, number), result) => self.saved_for_reload((to, number), result.is_ok(), outgoing),
            (After::End, Ok(())) => self.end(outgoing),
            (After::End, Err(_)) => self.cannot_save(outgoing),
        }
        self.answer_flushers(outgoing);
    }

    /// A file of no data, for the base of a log that begins with nothing.
    pub(super) fn empty_snapshot(&self) -> Vec<u8> {
        let mut bytes = header(None, true);
        write::end(&mut bytes);
        let mut sum = crate::data::rdb::checksum::Checksum::default();
        sum.update(&bytes);
        bytes.extend(if self.config.flag("rdbchecksum") { sum.value() } else { 0 }.to_le_bytes());
        bytes
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

/// The beginning of a file; `facts`: where the data is in the stream of replication.
pub(super) fn header(facts: Option<&SnapshotFacts>, base: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    write::header(&mut bytes);
    let mut aux = |name: &str, value: &str| write::aux(&mut bytes, name, value.as_bytes());
    aux("redis-ver", limits::REDIS_VERSION);
    aux("redis-bits", "64");
    aux("ctime", &(clock::unix_us() / 1_000_000).to_string());
    if let Some(SnapshotFacts { db, id, offset }) = facts {
        aux("repl-stream-db", &db.to_string());
        aux("repl-id", id);
        aux("repl-offset", &offset.to_string());
    }
    aux("aof-base", if base { "1" } else { "0" });
    bytes
}

/// Refuses a command that waited.
pub(super) fn refuse((to, number): (Peer, u64), text: &str, outgoing: &mut Outgoing) {
    outgoing.push((to, Message::Answer(number, Answer::Reply(Err(Error::new(text.to_owned()))))));
}

//! The office's work for loading from disk: at the node's start, for DEBUG RELOAD and for DEBUG LOADAOF.
//!
//! ```text
//! snapshot: a thread makes new stores  ->  they take the place of the old ones
//! log:      the same for its base      ->  pieces of commands, as a primary would send them, a bounded number at a time
//! ```
//!
//! Meanwhile clients are told that the node is loading; DEBUG RELOAD holds their writes instead, since the old data serves
//! until the new is there.

use super::appending::{self, State, ok};
use super::saving::{After, plan, refuse};
use super::{NodeOffice, Then, answer};
use crate::base::limits;
use crate::cores::bus_core::Outgoing;
use crate::cores::clock;
use crate::data::plane::figures::LoadFacts;
use crate::data::plane::message::{BusCommand, Inquiry, Message, Order, Peer};
use crate::data::rdb::load::{Loaded, Plan};
use crate::data::store::Store;
use crate::node::aof::directory::Directory;
use crate::node::aof::reader::{self, LogReader};
use crate::node::log::last_words;
use crate::node::snapshot_file::{Read, SnapshotReader};
use crate::replication::feed::Piece;
use crate::resp::Error;
use std::collections::HashSet;
use std::sync::Arc;

/// Pieces that come from the disk have this bit in their number, those of a primary have not.
pub(super) const FROM_DISK: u64 = 1 << 63;

/// What is loaded, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What the node has at its start.
    Start,
    /// The snapshot, for DEBUG RELOAD.
    Snapshot(Peer, u64),
    /// The append-only log, for DEBUG LOADAOF.
    Log(Peer, u64),
}

/// What becomes of the data that a loaded snapshot meets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Onto {
    /// It goes.
    #[default]
    Nothing,
    /// It stays, and may have nothing of the same name.
    Others,
    /// It stays, less what the snapshot has too.
    Any,
}

enum Source {
    Snapshot(SnapshotReader),
    Log(LogReader),
}

/// What the office has for loading.
#[derive(Default)]
pub struct LoadingDesk {
    /// What is to be loaded when all data cores know that it is.
    wanted: Option<Wanted>,
    load: Option<Load>,
    /// Whether the data of the start is there, or was never to be.
    started: bool,
    /// A DEBUG RELOAD that waits until no write is under way, and whether it saves first.
    quiet: Option<(bool, (Peer, u64))>,
    /// What it does with the data that is there.
    onto: Onto,
    /// Whether the log that was loaded at the start is being opened.
    opening: bool,
    /// Whether the log is written first, as far as it came.
    flushing: bool,
    /// Whether it takes so long that clients are told of it.
    long: bool,
    /// Whether the log has said that the node serves.
    said_ready: bool,
    pieces: u64,
}

/// A load under way.
struct Load {
    wanted: Wanted,
    source: Source,
    facts: LoadFacts,
    began_ns: u64,
    /// The stores that are being put in place, under this number.
    replacing: Option<u64>,
    /// A piece that waits until all before it is done.
    next: Option<Piece>,
    under_way: HashSet<u64>,
    /// Whether the piece under way needs all stores.
    together: bool,
    /// All was read; the log's folder as it is.
    ended: Option<Option<Box<Directory>>>,
}

impl Load {
    /// Whether it is to be noticed that comes after loading so many bytes.
    fn takes_long(&self, unseen: u64) -> bool {
        let took = clock::monotonic_ns().saturating_sub(self.began_ns);
        took > limits::STUCK_LOAD_UNSEEN_NS || took > limits::LOAD_UNSEEN_NS && self.facts.loaded >= unseen
    }
}

impl LoadingDesk {
    /// A desk of a node that starts with something to load, or not.
    pub fn new(begins: bool) -> LoadingDesk {
        LoadingDesk { wanted: begins.then_some(Wanted::Start), ..LoadingDesk::default() }
    }

    /// Whether it takes so long that clients are let in, and told of it.
    pub(super) fn takes_long(&self) -> bool {
        self.long
    }

    /// What INFO tells.
    pub fn facts(&self) -> Option<LoadFacts> {
        let load = self.load.as_ref().filter(|load| !matches!(load.wanted, Wanted::Snapshot(..)));
        load.map(|load| load.facts)
    }
}

impl NodeOffice {
    /// Whether something is being loaded, or is to be.
    pub(super) fn is_loading(&self) -> bool {
        self.loading.wanted.is_some() || self.loading.load.is_some() || !self.loading.started
    }

    /// Whether nothing is to be answered from the data because of that.
    pub(super) fn is_loading_data(&self) -> bool {
        let wanted = self.loading.load.as_ref().map(|load| load.wanted).or(self.loading.wanted);
        !self.loading.started || wanted.is_some_and(|wanted| !matches!(wanted, Wanted::Snapshot(..)))
    }

    /// DEBUG RELOAD: to the file and back.
    pub(super) fn reload(&mut self, from: Peer, number: u64, command: &BusCommand, outgoing: &mut Outgoing) {
        let options = &command.args[2..];
        let has = |word: &[u8]| options.iter().any(|given| given.eq_ignore_ascii_case(word));
        let known = options
            .iter()
            .all(|given| [&b"merge"[..], b"noflush", b"nosave"].iter().any(|word| given.eq_ignore_ascii_case(word)));
        let refusal = if !known {
            "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."
        } else if self.is_loading() || self.loading.quiet.is_some() {
            "ERR Background save already in progress"
        } else {
            self.loading.onto = match (has(b"noflush"), has(b"merge")) {
                (false, _) => Onto::Nothing,
                (true, false) => Onto::Others,
                (true, true) => Onto::Any,
            };
            self.loading.quiet = Some((!has(b"nosave"), (from, number)));
            return self.pause_writes(Some(u64::MAX), outgoing);
        };
        answer(from, number, command, outgoing, |_| Err(Error::new(refusal)));
    }

    /// No write is under way any more: DEBUG RELOAD goes on, if one waits for that.
    pub(super) fn writes_stand_still(&mut self, outgoing: &mut Outgoing) {
        match self.loading.quiet.take() {
            Some((true, (to, number))) => self.save_and(After::Reload(to, number), outgoing),
            Some((false, (to, number))) => self.want(Wanted::Snapshot(to, number), outgoing),
            None => {}
        }
    }

    /// The snapshot for DEBUG RELOAD is there, or could not be made.
    pub(super) fn saved_for_reload(&mut self, command: (Peer, u64), saved: bool, outgoing: &mut Outgoing) {
        if saved {
            self.want(Wanted::Snapshot(command.0, command.1), outgoing);
        } else {
            self.pause_writes(None, outgoing);
            refuse(command, "ERR", outgoing);
        }
    }

    /// DEBUG LOADAOF: what was logged so far is written first.
    pub(super) fn load_log_command(&mut self, from: Peer, number: u64, command: &BusCommand, outgoing: &mut Outgoing) {
        if self.is_loading() || self.loading.quiet.is_some() {
            let error = Error::new("ERR Background save already in progress");
            return answer(from, number, command, outgoing, |_| Err(error));
        }
        self.want(Wanted::Log(from, number), outgoing);
    }

    /// Has something loaded when all data cores go by that.
    fn want(&mut self, wanted: Wanted, outgoing: &mut Outgoing) {
        self.loading.wanted = Some(wanted);
        self.tell_disk(outgoing);
    }

    /// The node's regular work: begins to load what it has at its start.
    pub(super) fn tick_loading(&mut self, outgoing: &mut Outgoing) {
        let unseen = self.config.number("loading-process-events-interval-bytes");
        let desk = &mut self.loading;
        if !desk.long && desk.load.as_ref().is_some_and(|load| load.takes_long(unseen)) {
            desk.long = true;
            return self.tell_disk(outgoing);
        }
        if desk.started || desk.load.is_some() || desk.opening {
            return;
        }
        desk.started = desk.wanted.is_none();
        if desk.started {
            self.data_is_there(outgoing);
        } else {
            self.tell_disk(outgoing);
        }
    }

    /// Begins to load what is wanted, if all data cores go by that.
    pub(super) fn begin_loading(&mut self, outgoing: &mut Outgoing) {
        if self.loading.wanted.is_none() || !self.desk_of_replication.replication.is_settled() {
            return;
        }
        match self.loading.wanted {
            // Nothing is logged any more, and what was is on its way.
            Some(Wanted::Log(..)) if self.appending.state != State::Off => {
                if !self.loading.flushing {
                    self.loading.flushing = true;
                    self.flush_log();
                }
            }
            _ => self.load_wanted(outgoing),
        }
    }

    /// All that was logged is in the file.
    pub(super) fn log_flushed(&mut self, outgoing: &mut Outgoing) {
        if std::mem::take(&mut self.loading.flushing) {
            self.load_wanted(outgoing);
        }
    }

    fn load_wanted(&mut self, outgoing: &mut Outgoing) {
        let Some(wanted) = self.loading.wanted.take() else { return };
        let log = matches!(wanted, Wanted::Log(..)) || wanted == Wanted::Start && self.config.flag("appendonly");
        // What a replica deletes is its primary's to say. And a node that reloads has replicas and a log, which are told
        // when it deletes the key itself: were it just not there, they would apply what is written next to the old value.
        let keep_expired = self.starts_as_replica() || matches!(wanted, Wanted::Snapshot(..));
        match self.source(log, keep_expired) {
            Ok(source) => {
                let facts = LoadFacts { began: clock::unix_us() / 1_000_000, ..LoadFacts::default() };
                self.loading.load = Some(Load {
                    wanted,
                    source,
                    facts,
                    began_ns: clock::monotonic_ns(),
                    replacing: None,
                    next: None,
                    under_way: HashSet::new(),
                    together: false,
                    ended: None,
                });
            }
            Err(error) => self.load_failed(wanted, &error.to_string(), outgoing),
        }
    }

    fn source(&self, log: bool, keep_expired: bool) -> std::io::Result<Source> {
        let plan = Plan { keep_expired, ..plan(self.cores, self.saving.hasher) };
        let settings = Arc::new(self.config.settings());
        let bell = self.saving.bell.try_clone()?;
        if !log {
            let path = self.config.dir().join(String::from_utf8_lossy(self.config.text("dbfilename")).into_owned());
            return SnapshotReader::start(path, plan, settings, bell).map(Source::Snapshot);
        }
        let (registry, owners) = (self.desk_of_replication.registry, plan.owners.clone());
        let request = reader::Request {
            names: appending::names(&self.config),
            plan,
            settings,
            may_truncate: self.config.flag("aof-load-truncated"),
            registry,
            target: Box::new(move |args| super::replication::target(registry, &owners, args)),
        };
        LogReader::start(request, bell).map(Source::Log)
    }

    /// Goes on with what is being loaded, as far as the data cores can follow.
    pub(super) fn look_after_loading(&mut self, outgoing: &mut Outgoing) {
        while let Some(load) = &mut self.loading.load {
            if load.replacing.is_some() || load.together || load.under_way.len() >= limits::PIECES_UNDER_WAY {
                return;
            }
            if load.ended.is_some() || load.next.as_ref().is_some_and(|piece| piece.together) {
                if !load.under_way.is_empty() {
                    return;
                }
                if let Some(directory) = load.ended.take() {
                    return self.loaded_all(directory, outgoing);
                }
            }
            if let Some(piece) = load.next.take() {
                self.loading.pieces += 1;
                let number = self.loading.pieces | FROM_DISK;
                if piece.commands.is_empty() {
                    continue;
                }
                load.together = piece.together;
                load.under_way.insert(number);
                self.apply(number, piece, outgoing);
                continue;
            }
            let wanted = load.wanted;
            let event = match &load.source {
                Source::Log(reader) => reader.event(),
                Source::Snapshot(reader) => reader.event().map(|event| match event {
                    Read::Total(bytes) => reader::Event::Total(bytes),
                    Read::Progress(bytes) => reader::Event::Progress(bytes),
                    Read::All(Some(loaded)) => reader::Event::Base(loaded),
                    Read::All(None) => reader::Event::Missing,
                    Read::Failed(reason) => reader::Event::Failed(reason),
                }),
            };
            match event {
                None => return,
                Some(reader::Event::Total(bytes)) => load.facts.total = bytes,
                Some(reader::Event::Progress(bytes)) => load.facts.loaded = bytes,
                Some(reader::Event::Piece(piece)) => load.next = Some(piece),
                Some(reader::Event::End(directory)) => load.ended = Some(Some(directory)),
                Some(reader::Event::Base(loaded)) => self.place(*loaded, outgoing),
                Some(reader::Event::Missing) if wanted == Wanted::Start => load.ended = Some(None),
                Some(reader::Event::Missing) => self.load_failed(wanted, "there is no snapshot file", outgoing),
                Some(reader::Event::Failed(reason)) => self.load_failed(wanted, &reason, outgoing),
            }
        }
    }

    /// Puts new stores in the place of the old ones.
    fn place(&mut self, loaded: Loaded, outgoing: &mut Outgoing) {
        let Loaded { keys, expired, empty, functions, stores, facts } = loaded;
        log::info!(
            "Done loading RDB, keys loaded: {keys}, keys expired: {}, empty keys skipped: {empty}.",
            expired.len()
        );
        self.saving.facts.loaded = (keys, expired.len() as u64);
        self.last += 1;
        if let Some(load) = &mut self.loading.load {
            load.replacing = Some(self.last);
            if load.wanted == Wanted::Start && matches!(load.source, Source::Snapshot(_)) {
                self.desk_of_replication.resumption = Some((facts, expired));
            }
            if let Source::Snapshot(_) = load.source {
                load.ended = Some(None);
            }
        }
        let stores: Vec<Box<Store>> = stores.into_iter().map(Box::new).collect();
        let order = match std::mem::take(&mut self.loading.onto) {
            Onto::Nothing => Order::Replace(stores, functions),
            onto => Order::Add { stores, functions, replaces: onto == Onto::Any },
        };
        outgoing.push((Peer(0), Message::Order(self.last, Box::new(order))));
    }

    /// The new stores serve, or can't.
    pub(super) fn placed(&mut self, number: u64, result: Result<(), &Error>, outgoing: &mut Outgoing) {
        let Some(load) = self.loading.load.as_mut().filter(|load| load.replacing == Some(number)) else { return };
        load.replacing = None;
        let wanted = load.wanted;
        match result {
            Ok(()) => self.look_after_loading(outgoing),
            Err(error) => self.load_failed(wanted, &error.to_string(), outgoing),
        }
    }

    /// A piece was executed; whether it came from the disk.
    pub(super) fn piece_loaded(&mut self, number: u64, outgoing: &mut Outgoing) -> bool {
        if number & FROM_DISK == 0 {
            return false;
        }
        if let Some(load) = &mut self.loading.load {
            load.together = false;
            load.under_way.remove(&number);
        }
        self.look_after_loading(outgoing);
        true
    }

    fn loaded_all(&mut self, directory: Option<Box<Directory>>, outgoing: &mut Outgoing) {
        let Some(load) = self.loading.load.take() else { return };
        let seconds = clock::monotonic_ns().saturating_sub(load.began_ns) as f64 / 1e9;
        match load.wanted {
            Wanted::Snapshot(to, number) => {
                self.pause_writes(None, outgoing);
                ok((to, number), outgoing);
            }
            Wanted::Log(to, number) => {
                log::warn!("Append Only File loaded by DEBUG LOADAOF");
                directory.into_iter().for_each(|directory| self.adopt_log(directory));
                self.desk_of_replication.pending.push((to, number));
            }
            Wanted::Start => {
                if let Some(directory) = directory {
                    log::info!("DB loaded from append only file: {seconds:.3} seconds");
                    self.adopt_log(directory);
                    self.open_log();
                    self.loading.opening = true;
                    // Nobody is served before there is a log.
                    return;
                }
                if self.saving.facts.loaded != (0, 0) {
                    log::info!("DB loaded from disk: {seconds:.3} seconds");
                }
                self.loading.started = true;
            }
        }
        self.data_is_there(outgoing);
    }

    /// The log that the node goes on with is open.
    pub(super) fn log_is_open(&mut self, outgoing: &mut Outgoing) {
        (self.loading.opening, self.loading.started) = (false, true);
        self.data_is_there(outgoing);
    }

    /// All is as it is on the disk.
    fn data_is_there(&mut self, outgoing: &mut Outgoing) {
        self.tell_disk(outgoing);
        self.ask_all(&Inquiry::Changes, Then::Loaded, outgoing);
    }

    /// So much has changed so far, all of which is on the disk.
    pub(super) fn nothing_has_changed(&mut self, changed: u64) {
        self.saving.facts.changed = changed;
        if !std::mem::replace(&mut self.loading.said_ready, true) {
            log::warn!("Ready to accept connections");
        }
    }

    fn load_failed(&mut self, wanted: Wanted, reason: &str, outgoing: &mut Outgoing) {
        self.loading.load = None;
        self.loading.onto = Onto::Nothing;
        let (command, text) = match wanted {
            Wanted::Start if self.config.flag("appendonly") => {
                self.give_up(&format!("{reason}. Fatal error loading the DB, check server logs. Exiting."))
            }
            Wanted::Start => {
                log::error!("Error while reading the snapshot: {reason}");
                self.give_up(&format!(
                    "{reason}. Terminating server after rdb file reading failure. \
                     Fatal error loading the DB, check server logs. Exiting."
                ))
            }
            Wanted::Snapshot(to, number) => ((to, number), "ERR Error trying to load the RDB dump"),
            Wanted::Log(to, number) => ((to, number), "ERR Error trying to load the AOF files, check server logs"),
        };
        log::error!("{text}: {reason}");
        if let Wanted::Snapshot(..) = wanted {
            self.pause_writes(None, outgoing);
        }
        self.tell_disk(outgoing);
        refuse(command, text, outgoing);
    }

    /// The node can't go on: what it would serve is not what it is to serve.
    pub(super) fn give_up(&self, reason: &str) -> ! {
        self.drain.drain();
        last_words(reason);
        std::process::exit(1);
    }
}

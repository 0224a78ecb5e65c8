//! The office's work for the append-only log: hands what the cores logged to its writer, and has it rewritten.
//!
//! ```text
//! Off -- appendonly yes --> Waiting: a rewrite, whose end makes it On; what changes since its cut is in a temporary file
//! On  -- appendonly no  --> Off
//! rewrite: cut in the logs -> new file for what comes behind it; parts of the cores' snapshots -> base -> manifest
//! ```

use super::saving::{After, Purpose};
use super::{NodeOffice, Then};
use crate::base::limits;
use crate::contract::log::{Audience, LogBatch, LogMark, LogPart};
use crate::contract::settings::Fsync;
use crate::contract::standing::{Disk, DiskError};
use crate::cores::bus_core::Outgoing;
use crate::cores::clock;
use crate::data::plane::figures::LogFacts;
use crate::data::plane::message::{Answer, BusCommand, Inquiry, Message, Notice, Peer};
use crate::node::aof::directory::{Directory, Names};
use crate::node::aof::writer::{Event, LogWriter, Sizes, Task};
use crate::node::config::Config;
use crate::resp::Error;
use std::path::PathBuf;
use std::time::Duration;

/// Failures in a row from which rewriting waits before it is tried again, and the longest wait in minutes. Source:
/// Redis 7.0 `aofRewriteLimited`.
const PATIENT_FOR: u64 = 3;
const LONGEST_WAIT: u64 = 60;

/// Whether there is a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No.
    Off,
    /// When it has been rewritten.
    Waiting,
    /// Yes.
    On,
}

/// What the office has for the append-only log.
pub struct AppendingDesk {
    writer: LogWriter,
    /// Whether there is a log.
    pub(super) state: State,
    /// Whether what comes next goes to a file: not while the log waits for a rewrite that has not begun.
    accepts: bool,
    /// The database that is selected at the file's end.
    selected: Option<usize>,
    /// The time that was written last, Unix seconds.
    stamp: u64,
    pending: Vec<u8>,
    marks: Vec<LogMark>,
    /// For each core, the last batch that came.
    recorded: Vec<u64>,
    /// Bytes that the writer has not taken yet, and whether the cores were told that they are too many.
    untaken: usize,
    holds: bool,
    /// Why writing fails, if it does.
    failing: Option<String>,
    sizes: Sizes,
    /// The size of the log after it was rewritten.
    rewritten_size: u64,
    facts: LogFacts,
    /// Whether a base is written and not in its place yet.
    placing: bool,
    /// When rewriting may be tried again, Unix seconds, and after how many minutes the next time.
    retry_at: u64,
    wait: u64,
    configured: Option<(Fsync, bool, bool)>,
    /// Whether the node ends when the log is closed.
    ending: bool,
}

impl AppendingDesk {
    /// A desk for the log that `writer` writes, which is not open yet, with `cores` data cores.
    pub fn new(writer: LogWriter, cores: usize) -> AppendingDesk {
        AppendingDesk {
            writer,
            state: State::Off,
            accepts: false,
            selected: None,
            stamp: 0,
            pending: Vec::new(),
            marks: Vec::new(),
            recorded: vec![0; cores],
            untaken: 0,
            holds: false,
            failing: None,
            sizes: Sizes::default(),
            rewritten_size: 0,
            facts: LogFacts { took: -1, ..LogFacts::default() },
            placing: false,
            retry_at: 0,
            wait: 0,
            configured: None,
            ending: false,
        }
    }

    /// What INFO tells, less what is known of a rewrite under way.
    pub fn facts(&self) -> LogFacts {
        LogFacts {
            enabled: self.state != State::Off,
            placing: self.placing,
            write_failed: self.failing.is_some(),
            current: self.sizes.base + self.sizes.incr,
            base: self.rewritten_size,
            buffer: (self.pending.len() as u64) + self.sizes.waiting,
            syncing: self.sizes.syncing,
            delayed: self.sizes.delayed,
            ..self.facts
        }
    }

    /// Whether there is no log.
    pub(super) fn is_off(&self) -> bool {
        self.state == State::Off
    }

    /// Whether there is to be one whose first base is not there yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.state == State::Waiting
    }

    /// Adds commands on a database.
    fn append(&mut self, db: usize, commands: &[u8], stamps: bool) {
        if stamps {
            let now = clock::unix_us() / 1_000_000;
            if now > self.stamp {
                self.stamp = now;
                self.pending.extend(format!("#TS:{now}\r\n").into_bytes());
            }
        }
        if self.selected.replace(db) != Some(db) {
            let number = db.to_string();
            let select = format!("*2\r\n$6\r\nSELECT\r\n${}\r\n{number}\r\n", number.len());
            self.pending.extend(select.into_bytes());
        }
        self.pending.extend_from_slice(commands);
    }

    fn hand_over(&mut self) {
        if !self.pending.is_empty() || !self.marks.is_empty() {
            let (bytes, marks) = (std::mem::take(&mut self.pending), std::mem::take(&mut self.marks));
            self.untaken += bytes.len();
            self.writer.give(Task::Append(bytes, marks));
        }
    }

    /// Whether rewrites have failed so often that the next one has to wait.
    pub(super) fn is_held_back(&self) -> bool {
        self.retry_at != 0
    }

    fn is_limited(&mut self, now: u64) -> bool {
        if self.facts.failures < PATIENT_FOR {
            (self.wait, self.retry_at) = (0, 0);
            return false;
        }
        if self.retry_at != 0 {
            let limited = now < self.retry_at;
            if !limited {
                self.retry_at = 0;
            }
            return limited;
        }
        self.wait = (self.wait * 2).clamp(1, LONGEST_WAIT);
        self.retry_at = now + self.wait * 60;
        log::warn!(
            "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in {} minutes",
            self.wait
        );
        true
    }
}

/// What the log is called.
pub fn names(config: &Config) -> Names {
    let text = |name: &str| String::from_utf8_lossy(config.text(name)).into_owned();
    Names { dir: config.dir().to_owned(), folder: text("appenddirname"), file: text("appendfilename") }
}

impl NodeOffice {
    /// Something is next in the one order of all cores.
    pub(super) fn record(&mut self, batch: &LogBatch, outgoing: &mut Outgoing) {
        let stamps = self.config.flag("aof-timestamp-enabled");
        let mut start = 0;
        for part in &batch.parts {
            match *part {
                LogPart::Commands { db, to, end } => {
                    if self.appending.accepts && to != Audience::Replicas {
                        self.appending.append(db, &batch.bytes[start..end], stamps);
                    }
                    start = end;
                }
                LogPart::Cut(number) => self.cut_came(number, outgoing),
            }
        }
        let desk = &mut self.appending;
        desk.recorded[batch.core.index()] = batch.number;
        if desk.state != State::Off {
            desk.marks.push(LogMark { core: batch.core, number: batch.number });
        } else if self.desk_of_replication.replication.is_followed() {
            // It leaves after what goes to the replicas.
            outgoing.push((batch.core.into(), Message::Tell(Notice::Logged(batch.number))));
        }
    }

    /// What comes next is not in the base that is being written.
    pub(super) fn begin_incr(&mut self) {
        let desk = &mut self.appending;
        desk.facts.rewrites += 1;
        desk.facts.scheduled = false;
        if desk.state != State::Off {
            desk.hand_over();
            desk.selected = None;
            desk.accepts = true;
            desk.writer.give(Task::NewIncr(desk.state == State::Waiting));
        }
    }

    /// The base is written, or can't be.
    pub(super) fn base_written(&mut self, result: Result<PathBuf, String>, snapshot: bool, seconds: u64) {
        self.appending.facts.took = seconds as i64;
        match result {
            Ok(path) => {
                log::info!("Background AOF rewrite terminated with success");
                self.appending.hand_over();
                self.appending.placing = true;
                self.appending.writer.give(Task::Rewritten(path, snapshot));
            }
            Err(error) => self.rewrite_failed(&error),
        }
    }

    fn rewrite_failed(&mut self, error: &str) {
        log::warn!("Background AOF rewrite terminated with error: {error}");
        self.appending.facts.failed = true;
        self.appending.facts.failures += 1;
        self.wait_for_rewrite();
    }

    /// The rewrite under way comes to nothing, which is nobody's fault: the data was flushed or replaced.
    pub(super) fn rewrite_lost(&mut self) {
        log::info!("The AOF rewrite begins again: the data was flushed or replaced meanwhile");
        self.appending.facts.scheduled = true;
        self.wait_for_rewrite();
    }

    /// A log that waits for a rewrite waits for the next.
    fn wait_for_rewrite(&mut self) {
        let desk = &mut self.appending;
        if desk.state == State::Waiting {
            desk.accepts = false;
            desk.pending.clear();
            desk.facts.scheduled = true;
            desk.writer.give(Task::GiveUp);
        }
    }

    /// BGREWRITEAOF.
    pub(super) fn rewrite_command(&mut self, from: Peer, number: u64, command: &BusCommand, outgoing: &mut Outgoing) {
        let scheduled = self.snapshot_is_made() || command.keys.is_some() || self.is_loading();
        super::answer(from, number, command, outgoing, |reply| {
            if self.is_rewriting() || self.appending.placing {
                return Err(Error::new("ERR Background append only file rewriting already in progress"));
            }
            self.appending.facts.scheduled = true;
            // Who asks by hand does not have to wait.
            self.appending.facts.failures = 0;
            let word = if scheduled { "scheduled" } else { "started" };
            reply.simple(&format!("Background append only file rewriting {word}"));
            Ok(())
        });
        self.begin_scheduled(outgoing);
    }

    /// Begins what was scheduled, if it can be.
    pub(super) fn begin_scheduled(&mut self, outgoing: &mut Outgoing) {
        if self.snapshot_is_made() || self.appending.placing || self.is_loading() || self.ending.is_some() {
            return;
        }
        let now = clock::unix_us() / 1_000_000;
        let settled = self.desk_of_replication.replication.is_settled();
        if self.appending.facts.scheduled && settled && !self.appending.is_limited(now) {
            log::info!("Background append only file rewriting started");
            return self.begin_save(Purpose::Base, After::Nothing, outgoing);
        }
        self.begin_waiting_save(outgoing);
    }

    /// Looks whether the log has grown so much that it is to be rewritten.
    pub(super) fn tick_appending(&mut self, outgoing: &mut Outgoing) {
        self.configure_writer();
        let percentage: u64 = self.config.number("auto-aof-rewrite-percentage");
        let least: u64 = self.config.number("auto-aof-rewrite-min-size");
        let (facts, now) = (self.appending.facts(), clock::unix_us() / 1_000_000);
        let grown = (facts.current * 100 / facts.base.max(1)).saturating_sub(100);
        let due = self.appending.state == State::On && percentage > 0 && facts.current > least && grown >= percentage;
        let free = !self.snapshot_is_made() && !self.is_loading() && !facts.scheduled;
        if due && free && !self.appending.is_limited(now) {
            log::info!("Starting automatic rewriting of AOF on {grown}% growth");
            self.appending.facts.scheduled = true;
        }
        self.begin_scheduled(outgoing);
    }

    /// `appendonly` or something else changed.
    pub(super) fn reconfigure_log(&mut self, outgoing: &mut Outgoing) {
        let wanted = self.config.flag("appendonly");
        if wanted && self.appending.state == State::Off && !self.is_loading() {
            self.start_log(outgoing);
        } else if !wanted && self.appending.state != State::Off {
            self.stop_log(outgoing);
        }
        self.configure_writer();
        self.tell_disk(outgoing);
    }

    /// The log is wanted from now on, and begins with a rewrite.
    pub(super) fn start_log(&mut self, outgoing: &mut Outgoing) {
        if self.is_rewriting() {
            log::warn!(
                "AOF was enabled but there is already an AOF rewriting in background. Stopping background AOF and \
                 starting a rewrite now."
            );
            self.kill_rewrite(outgoing);
        } else if self.snapshot_is_made() {
            log::warn!(
                "AOF was enabled but there is already another background operation. An AOF background was scheduled to \
                 start when possible."
            );
        } else {
            // A transaction that enables it, for one, has to end first.
            log::info!(
                "AOF was enabled. An AOF background was scheduled to start when all data cores are between two writes."
            );
        }
        if self.appending.failing.take().is_some() {
            log::warn!("AOF reopen, just ignore the last error.");
        }
        self.appending.state = State::Waiting;
        self.appending.accepts = false;
        self.appending.facts.scheduled = true;
        self.tell_disk(outgoing);
        self.acknowledge_all(outgoing);
        self.begin_scheduled(outgoing);
    }

    /// The log is wanted no more.
    pub(super) fn stop_log(&mut self, outgoing: &mut Outgoing) {
        let desk = &mut self.appending;
        desk.hand_over();
        desk.writer.give(Task::Close);
        desk.state = State::Off;
        (desk.accepts, desk.facts.scheduled, desk.failing) = (false, false, None);
        self.kill_rewrite(outgoing);
        self.tell_disk(outgoing);
        self.acknowledge_all(outgoing);
    }

    /// All the data is another's: the log begins again.
    pub(super) fn restart_log(&mut self, outgoing: &mut Outgoing) {
        if self.appending.state != State::Off {
            self.stop_log(outgoing);
            self.start_log(outgoing);
        }
    }

    fn kill_rewrite(&mut self, outgoing: &mut Outgoing) {
        if self.is_rewriting() {
            log::info!("Killing running AOF rewrite child: {}", std::process::id());
            self.abandon_save(outgoing);
        }
    }

    /// What came so far is nothing that replies have to wait for.
    pub(super) fn acknowledge_all(&mut self, outgoing: &mut Outgoing) {
        for (core, number) in self.appending.recorded.iter().enumerate() {
            outgoing.push((Peer(core as u16), Message::Tell(Notice::Logged(*number))));
        }
    }

    fn configure_writer(&mut self) {
        let policy = self.config.settings().appendfsync;
        let spared = self.config.flag("no-appendfsync-on-rewrite") && self.snapshot_is_made();
        let collects = !self.config.flag("aof-disable-auto-gc");
        let desk = &mut self.appending;
        let wanted = Some((policy, spared, collects));
        if desk.configured != wanted {
            let collected = desk.configured.is_none_or(|(.., collected)| collected);
            desk.configured = wanted;
            desk.writer.give(Task::Configure(policy, spared));
            if collected != collects {
                desk.writer.give(Task::Collect(collects));
            }
        }
    }

    /// Hands the writer what came, and takes what it has done.
    pub(super) fn look_after_log(&mut self, outgoing: &mut Outgoing) {
        self.appending.hand_over();
        while let Some(event) = self.appending.writer.event() {
            match event {
                Event::Taken(bytes, marks, sizes) => self.taken(bytes, &marks, sizes, outgoing),
                Event::Sizes(sizes) => self.appending.sizes = sizes,
                Event::Failing(reason) => {
                    self.appending.failing = reason.filter(|_| self.appending.state != State::Off);
                    self.tell_disk(outgoing);
                }
                Event::Started(Ok(sizes)) => {
                    let desk = &mut self.appending;
                    (desk.state, desk.accepts, desk.selected) = (State::On, true, None);
                    (desk.sizes, desk.rewritten_size) = (sizes, sizes.base);
                    self.log_is_open(outgoing);
                }
                Event::Started(Err(error)) => self.give_up(&error),
                Event::Opened(Ok(())) => {}
                Event::Opened(Err(error)) => {
                    log::warn!("{error}");
                    self.appending.facts.failed = true;
                    self.abandon_save(outgoing);
                    self.wait_for_rewrite();
                }
                Event::Rewritten(result) => {
                    self.appending.placing = false;
                    match result {
                        Ok(()) => self.rewritten(),
                        Err(error) => self.rewrite_failed(&error),
                    }
                }
                Event::Flushed => self.log_flushed(outgoing),
                Event::Closed if self.appending.ending => self.end_now(),
                Event::Closed => {}
            }
        }
    }

    fn rewritten(&mut self) {
        let desk = &mut self.appending;
        desk.rewritten_size = desk.sizes.base + desk.sizes.incr;
        (desk.facts.failed, desk.facts.failures) = (false, 0);
        if desk.state == State::Waiting {
            desk.state = State::On;
        }
        log::info!("Background AOF rewrite finished successfully");
    }

    fn taken(&mut self, bytes: usize, marks: &[LogMark], sizes: Sizes, outgoing: &mut Outgoing) {
        let desk = &mut self.appending;
        desk.sizes = sizes;
        desk.untaken -= bytes.min(desk.untaken);
        let mut last = vec![0; self.cores];
        for mark in marks {
            last[mark.core.index()] = mark.number;
        }
        for (core, number) in last.into_iter().enumerate().filter(|(_, number)| *number > 0) {
            outgoing.push((Peer(core as u16), Message::Tell(Notice::Logged(number))));
        }
        let waiting = desk.untaken + desk.sizes.waiting as usize;
        let holds = waiting > if desk.holds { limits::LOG_UNWRITTEN / 2 } else { limits::LOG_UNWRITTEN };
        if holds != desk.holds {
            desk.holds = holds;
            for core in 0..self.cores as u16 {
                outgoing.push((Peer(core), Message::Tell(Notice::HoldWrites(holds))));
            }
        }
    }

    /// Tells the data cores what this node's disk means for them.
    pub(super) fn tell_disk(&mut self, outgoing: &mut Outgoing) {
        let log = self.appending.state != State::Off;
        let error = if self.snapshots_fail() {
            Some(DiskError::Snapshot)
        } else {
            self.appending.failing.clone().map(DiskError::Log)
        };
        let loading = self.is_loading_data();
        let (logs, loads_long) = (log && !loading, loading && self.loading.takes_long());
        let disk = Disk { logs, durable: logs, loading, loads_long, error };
        self.with_replication(outgoing, |replication| replication.set_disk(disk));
    }

    /// Whether the log can't be written.
    pub(super) fn log_fails(&self) -> bool {
        self.appending.failing.is_some()
    }

    /// Opens the log at the node's start, with a base if there is nothing.
    pub(super) fn open_log(&mut self) {
        let snapshot = self.config.flag("aof-use-rdb-preamble");
        let empty = if snapshot { self.empty_snapshot() } else { Vec::new() };
        self.configure_writer();
        self.appending.writer.give(Task::Start(snapshot, empty));
    }

    /// Goes on with the log as it was found on the disk.
    pub(super) fn adopt_log(&mut self, directory: Box<Directory>) {
        self.appending.selected = None;
        self.appending.writer.give(Task::Adopt(directory));
    }

    /// Has everything written that came so far; [`log_flushed`](Self::log_flushed) follows.
    pub(super) fn flush_log(&mut self) {
        self.appending.hand_over();
        self.appending.writer.give(Task::Flush);
    }

    /// Closes the log and ends the node.
    pub(super) fn close_log_and_end(&mut self, outgoing: &mut Outgoing) {
        self.appending.ending = true;
        self.ask_all(&Inquiry::Barrier, Then::CloseLog, outgoing);
    }

    /// All cores have logged what they had to.
    pub(super) fn close_log(&mut self) {
        if self.appending.state != State::Off {
            log::info!("Calling fsync() on the AOF file.");
        }
        self.appending.hand_over();
        self.appending.writer.give(Task::Close);
    }

    /// DEBUG AOF-FLUSH-SLEEP.
    pub(super) fn sleep_before_writes(&mut self, microseconds: u64) {
        self.appending.writer.give(Task::Sleep(Duration::from_micros(microseconds)));
    }
}

/// OK, for a command that waited.
pub(super) fn ok((to, number): (Peer, u64), outgoing: &mut Outgoing) {
    outgoing.push((to, Message::Answer(number, Answer::Reply(Ok(b"+OK\r\n".to_vec())))));
}

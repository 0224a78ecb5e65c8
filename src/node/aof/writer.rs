//! Writes the append-only log beside the bus core's thread, which must not wait for a disk.
//!
//! One thread owns the log's folder and the file that is being written, and does its tasks in order; another one syncs
//! for it when that is not urgent. As in Redis, what comes while a sync is under way waits in memory, for two seconds at
//! most: writing would wait for the sync. A write that fails is tried again; what comes meanwhile waits as well, and the
//! node refuses writes. With `appendfsync always` there is no way on after a failure: the program ends.

use super::directory::{Directory, Outcome};
use crate::contract::log::LogMark;
use crate::contract::settings::Fsync;
use crate::cores::wake::Bell;
use crate::node::log::last_words;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long what is written may wait for a sync that is under way. Source: Redis 7.0 `flushAppendOnlyFile`.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it looks whether something is due, while something is.
const TICK: Duration = Duration::from_millis(100);
/// Seconds between two lines of the log about failures. Source: Redis 7.0 `AOF_WRITE_LOG_ERROR_RATE`.
const QUIET: Duration = Duration::from_secs(30);

/// Tasks that are done together.
const TOGETHER: usize = 64;

/// What the thread is to do.
pub enum Task {
    /// Go by this from now on: when to sync, and whether not to, because of a snapshot.
    Configure(Fsync, bool),
    /// Open the log at the node's start; if it is empty, its base says so in these bytes (true: a snapshot).
    Start(bool, Vec<u8>),
    /// Write this; these places in the cores' logs are then in it.
    Append(Vec<u8>, Vec<LogMark>),
    /// Answer when all before it is written.
    Flush,
    /// What comes next goes to a new file (true: a temporary one).
    NewIncr(bool),
    /// The log was rewritten, to this file (true: a snapshot).
    Rewritten(PathBuf, bool),
    /// It will not be rewritten: forget the temporary file.
    GiveUp,
    /// Go on with the folder as it was found on the disk.
    Adopt(Box<Directory>),
    /// Delete what is history, from now on too or not.
    Collect(bool),
    /// Close the file, with all in it on the disk; answer.
    Close,
    /// Sleep so long before each write, for tests.
    Sleep(Duration),
    /// A sync came to this.
    Synced(io::Result<()>),
    /// End.
    End,
}

/// What has happened.
#[derive(Debug)]
pub enum Event {
    /// The log is open, with these sizes; or it can't be had.
    Started(Outcome<Sizes>),
    /// Replies that waited for these places may leave; so many bytes are off the bus core's account.
    Taken(usize, Vec<LogMark>, Sizes),
    /// Writing fails, for this reason; none: no longer.
    Failing(Option<String>),
    /// There is a new file, or not.
    Opened(Outcome<()>),
    /// The log was rewritten, or is what it was.
    Rewritten(Outcome<()>),
    /// All is written that was to be.
    Flushed,
    /// The file is closed.
    Closed,
    /// How large the log is.
    Sizes(Sizes),
}

/// How large the log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Its base.
    pub base: u64,
    /// The file that is being written.
    pub incr: u64,
    /// Writes that could not wait for a sync.
    pub delayed: u64,
    /// Bytes that wait in memory.
    pub waiting: u64,
    /// Whether a sync is under way.
    pub syncing: bool,
}

/// The bus core's end. Dropping it ends the thread, which first writes what it was handed.
pub struct LogWriter {
    tasks: Sender<Task>,
    events: Receiver<Event>,
    thread: Option<JoinHandle<()>>,
}

impl LogWriter {
    /// A writer of the log in `directory`, which rings `bell` at every event.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(directory: Directory, bell: Bell) -> io::Result<LogWriter> {
        let (tasks, incoming) = channel();
        let (outgoing, events) = channel();
        let (files, to_sync) = channel::<File>();
        let synced = tasks.clone();
        std::thread::Builder::new().name("aof-sync".into()).spawn(move || {
            for file in to_sync {
                if synced.send(Task::Synced(file.sync_data())).is_err() {
                    break;
                }
            }
        })?;
        let thread = std::thread::Builder::new()
            .name("aof".into())
            .spawn(move || Thread::new(directory, files, outgoing, bell).run(&incoming))?;
        Ok(LogWriter { tasks, events, thread: Some(thread) })
    }

    /// Has something done.
    pub fn give(&self, task: Task) {
        // Without the thread there is no event either, which nobody takes for success.
        let _ = self.tasks.send(task);
    }

    /// What has happened, if there is something new.
    pub fn event(&self) -> Option<Event> {
        self.events.try_recv().ok()
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.give(Task::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Thread {
    directory: Directory,
    to_sync: Sender<File>,
    events: Sender<Event>,
    bell: Bell,
    policy: Fsync,
    /// No sync now, because of a snapshot.
    spared: bool,
    collects: bool,
    file: Option<File>,
    /// Whether the file is one that the manifest does not know yet.
    temporary: bool,
    /// Bytes of the base.
    base: u64,
    size: u64,
    synced: u64,
    /// Bytes that are not written yet, and the places in the logs behind them.
    buffer: Vec<u8>,
    marks: Vec<LogMark>,
    /// Bytes that came since the last word about marks.
    came: usize,
    syncing: bool,
    synced_at: Instant,
    postponed_since: Option<Instant>,
    failing: bool,
    complained_at: Option<Instant>,
    delayed: u64,
    sleep: Duration,
    /// The sizes that were told last.
    told: Sizes,
}

impl Thread {
    fn new(directory: Directory, to_sync: Sender<File>, events: Sender<Event>, bell: Bell) -> Thread {
        Thread {
            directory,
            to_sync,
            events,
            bell,
            policy: Fsync::default(),
            spared: false,
            collects: true,
            file: None,
            temporary: false,
            base: 0,
            size: 0,
            synced: 0,
            buffer: Vec::new(),
            marks: Vec::new(),
            came: 0,
            syncing: false,
            synced_at: Instant::now(),
            postponed_since: None,
            failing: false,
            complained_at: None,
            delayed: 0,
            sleep: Duration::ZERO,
            told: Sizes::default(),
        }
    }

    fn run(mut self, tasks: &Receiver<Task>) {
        loop {
            let task = if self.has_something_due() {
                match tasks.recv_timeout(TICK) {
                    Err(RecvTimeoutError::Timeout) => None,
                    Ok(task) => Some(task),
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            } else {
                match tasks.recv() {
                    Ok(task) => Some(task),
                    Err(_) => return,
                }
            };
            // What else has come is written together with it.
            for task in task.into_iter().chain(std::iter::from_fn(|| tasks.try_recv().ok()).take(TOGETHER)) {
                if matches!(task, Task::End) {
                    return self.close();
                }
                self.carry_out(task);
            }
            self.flush(false);
            self.sync_if_due();
            self.tell_sizes();
        }
    }

    fn has_something_due(&self) -> bool {
        let to_sync = self.policy == Fsync::EverySecond && self.synced != self.size;
        self.file.is_some() && (!self.buffer.is_empty() || to_sync)
    }

    fn tell(&self, event: Event) {
        if self.events.send(event).is_ok() {
            self.bell.ring();
        }
    }

    fn carry_out(&mut self, task: Task) {
        match task {
            Task::Configure(policy, spared) => (self.policy, self.spared) = (policy, spared),
            Task::Start(snapshot, empty) => self.start(snapshot, &empty),
            Task::Append(bytes, marks) => {
                self.came += bytes.len();
                self.buffer.extend(bytes);
                self.marks.extend(marks);
            }
            Task::Flush => {
                self.flush(true);
                self.tell(Event::Flushed);
            }
            Task::NewIncr(temporary) => self.new_incr(temporary),
            Task::Rewritten(path, snapshot) => self.rewritten(&path, snapshot),
            Task::GiveUp => {
                if self.temporary {
                    self.forget_file();
                    self.directory.delete_temporary();
                }
            }
            Task::Adopt(directory) => {
                self.directory = *directory;
                self.base = self.directory.base_size();
                // It may have been cut at its last whole command.
                self.size = self.file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |found| found.len());
                self.synced = self.size;
            }
            Task::Collect(collects) => {
                self.collects = collects;
                self.collect();
            }
            Task::Close => {
                self.close();
                self.tell(Event::Closed);
            }
            Task::Sleep(time) => self.sleep = time,
            Task::Synced(result) => {
                self.syncing = false;
                if let Err(error) = result {
                    self.complain(&format!("Fail to fsync the AOF file: {error}"));
                    self.fail(Some(error.to_string()));
                }
            }
            Task::End => {}
        }
    }

    fn start(&mut self, snapshot: bool, empty: &[u8]) {
        let started = self.directory.start(snapshot, empty).map(|(file, size)| {
            self.base = self.directory.base_size();
            (self.file, self.size, self.synced, self.temporary) = (Some(file), size, size, false);
            self.sizes()
        });
        self.tell(Event::Started(started));
        self.collect();
    }

    fn new_incr(&mut self, temporary: bool) {
        self.flush(true);
        let opened = self.directory.new_incr(temporary).map(|file| {
            if let Some(before) = self.file.replace(file) {
                // Nothing more comes to it.
                let _ = self.to_sync.send(before).map(|()| self.syncing = true);
            }
            (self.size, self.synced, self.temporary) = (0, 0, temporary);
            self.synced_at = Instant::now();
        });
        self.tell(Event::Opened(opened));
    }

    fn rewritten(&mut self, path: &std::path::Path, snapshot: bool) {
        let result = self.directory.rewritten(path, snapshot, self.file.is_some(), self.temporary);
        if result.is_ok() {
            self.temporary = false;
            self.base = self.directory.base_size();
            self.collect();
        } else {
            // It is of no use to anybody.
            let _ = std::fs::remove_file(path);
        }
        self.tell_sizes();
        self.tell(Event::Rewritten(result));
    }

    fn collect(&mut self) {
        if self.collects
            && let Err(error) = self.directory.delete_history()
        {
            log::warn!("{error}");
        }
    }

    /// Writes what waits, unless a sync is under way and that is not urgent (`force`); then its clients' replies may
    /// leave.
    fn flush(&mut self, force: bool) {
        if self.marks.is_empty() && self.buffer.is_empty() {
            return;
        }
        if self.file.is_none() {
            self.buffer.clear();
        } else if force || !self.postpones() {
            self.write();
        }
        let marks = std::mem::take(&mut self.marks);
        if !marks.is_empty() || self.came > 0 {
            let came = std::mem::take(&mut self.came);
            self.told = self.sizes();
            self.tell(Event::Taken(came, marks, self.told));
        }
    }

    fn postpones(&mut self) -> bool {
        if self.policy != Fsync::EverySecond || !self.syncing {
            return false;
        }
        let since = *self.postponed_since.get_or_insert_with(Instant::now);
        if since.elapsed() < PATIENCE {
            return true;
        }
        self.delayed += 1;
        log::info!(
            "Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without waiting for fsync \
             to complete, this may slow down Redis."
        );
        false
    }

    fn write(&mut self) {
        self.postponed_since = None;
        let Some(file) = self.file.as_mut().filter(|_| !self.buffer.is_empty()) else { return };
        if !self.sleep.is_zero() {
            std::thread::sleep(self.sleep);
        }
        match file.write_all(&self.buffer) {
            Ok(()) => {
                self.size += self.buffer.len() as u64;
                self.buffer.clear();
                self.buffer.shrink_to(1 << 20);
                self.fail(None);
                self.sync_at_once();
            }
            Err(error) => {
                // What was written of it is written again.
                let cut = file.set_len(self.size);
                self.complain(&format!("Error writing to the AOF file: {error}"));
                if let Err(error) = cut {
                    self.complain(&format!("Could not remove short write from the append-only file: {error}"));
                }
                if self.policy == Fsync::Always {
                    give_up("Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...");
                }
                self.fail(Some(error.to_string()));
            }
        }
    }

    fn sync_at_once(&mut self) {
        if self.policy != Fsync::Always || self.spared {
            return;
        }
        if let Some(Err(error)) = self.file.as_ref().map(File::sync_data) {
            give_up(&format!(
                "Can't persist AOF for fsync error when the AOF fsync policy is 'always': {error}. Exiting..."
            ));
        }
        self.synced = self.size;
        self.synced_at = Instant::now();
    }

    fn sync_if_due(&mut self) {
        let due = self.synced != self.size && !self.spared && !self.syncing;
        match self.policy {
            Fsync::EverySecond if due && self.synced_at.elapsed() >= Duration::from_secs(1) => {
                if let Some(Ok(file)) = self.file.as_ref().map(File::try_clone) {
                    (self.syncing, self.synced, self.synced_at) = (true, self.size, Instant::now());
                    // The other thread lives as long as this one.
                    let _ = self.to_sync.send(file);
                }
            }
            // It was not always so.
            Fsync::Always if due => self.sync_at_once(),
            _ => {}
        }
    }

    fn close(&mut self) {
        self.flush(true);
        if let Some(file) = self.file.take()
            && let Err(error) = file.sync_data()
        {
            log::warn!("Fail to fsync the AOF file: {error}");
        }
        if self.temporary {
            self.directory.delete_temporary();
        }
        self.forget_file();
    }

    fn forget_file(&mut self) {
        self.file = None;
        self.buffer.clear();
        (self.size, self.synced, self.temporary, self.postponed_since) = (0, 0, false, None);
        self.fail(None);
    }

    fn fail(&mut self, reason: Option<String>) {
        if self.failing && reason.is_none() {
            log::warn!("AOF write error looks solved, Redis can write again.");
        }
        if self.failing != reason.is_some() {
            self.failing = reason.is_some();
            self.tell(Event::Failing(reason));
        }
    }

    fn complain(&mut self, text: &str) {
        if self.complained_at.is_none_or(|at| at.elapsed() > QUIET) {
            self.complained_at = Some(Instant::now());
            log::warn!("{text}");
        }
    }

    fn sizes(&self) -> Sizes {
        let waiting = self.buffer.len() as u64;
        Sizes { base: self.base, incr: self.size, delayed: self.delayed, waiting, syncing: self.syncing }
    }

    fn tell_sizes(&mut self) {
        let sizes = self.sizes();
        if sizes != self.told {
            self.told = sizes;
            self.tell(Event::Sizes(sizes));
        }
    }
}

/// There is no way on: what was promised can't be kept.
fn give_up(text: &str) -> ! {
    last_words(text);
    std::process::exit(1);
}

#[cfg(test)]
mod tests {
    use super::super::directory::Names;
    use super::*;
    use crate::base::ids::CoreId;
    use crate::cores::wake;

    fn writer(dir: &std::path::Path) -> LogWriter {
        let names = Names { dir: dir.to_owned(), folder: "logs".into(), file: "a".into() };
        LogWriter::start(Directory::open(names).unwrap(), wake::bell().unwrap().0).unwrap()
    }

    fn next(writer: &LogWriter) -> Event {
        loop {
            match writer.events.recv().unwrap() {
                Event::Sizes(_) => {}
                event => return event,
            }
        }
    }

    #[test]
    fn what_is_appended_is_in_the_file_when_it_is_said_to_be() {
        let dir = tempfile::tempdir().unwrap();
        let writer = writer(dir.path());
        let mark = |number| vec![LogMark { core: CoreId(0), number }];
        writer.give(Task::Start(true, b"empty".to_vec()));
        assert!(matches!(next(&writer), Event::Started(Ok(Sizes { base: 5, incr: 0, .. }))));
        writer.give(Task::Append(b"one".to_vec(), mark(1)));
        assert!(matches!(next(&writer), Event::Taken(3, marks, Sizes { incr: 3, .. }) if marks == mark(1)));
        assert_eq!(std::fs::read(dir.path().join("logs/a.1.incr.aof")).unwrap(), b"one");
        writer.give(Task::NewIncr(false));
        assert!(matches!(next(&writer), Event::Opened(Ok(()))));
        let base = dir.path().join("temp");
        std::fs::write(&base, "base").unwrap();
        writer.give(Task::Append(b"two".to_vec(), mark(2)));
        writer.give(Task::Rewritten(base, true));
        let events = [next(&writer), next(&writer)];
        assert!(
            matches!(
                &events,
                [Event::Rewritten(Ok(())), Event::Taken(..)] | [Event::Taken(..), Event::Rewritten(Ok(()))]
            ),
            "{events:?}"
        );
        drop(writer);
        assert_eq!(std::fs::read(dir.path().join("logs/a.2.incr.aof")).unwrap(), b"two");
        assert!(!dir.path().join("logs/a.1.incr.aof").exists());
    }

    #[test]
    fn what_comes_while_the_log_is_closed_is_nobodys() {
        let dir = tempfile::tempdir().unwrap();
        let writer = writer(dir.path());
        writer.give(Task::Append(b"one".to_vec(), vec![LogMark { core: CoreId(0), number: 1 }]));
        assert!(matches!(next(&writer), Event::Taken(3, ..)));
        writer.give(Task::NewIncr(true));
        assert!(matches!(next(&writer), Event::Opened(Ok(()))));
        writer.give(Task::GiveUp);
        writer.give(Task::Close);
        assert!(matches!(next(&writer), Event::Closed));
        assert!(!dir.path().join("logs/temp-a.incr").exists());
    }
}

//! The log: the `log` crate's macros, written as Redis writes its log.
//!
//! ```text
//! PID:ROLE DAY MONTH YEAR TIME MARK text        1234:M 22 Nov 2026 16:16:54.123 * Ready
//! ```
//!
//! Any thread may log and none ever waits for it: a record goes into a bounded queue, and one that
//! finds the queue full is dropped. The thread that dropped it says so with its next record. The bus
//! core owns [`LogDrain`] and writes what is queued before anything leaves that follows from it. A record of
//! level notice or above wakes it, and a data core that made one keeps its replies back until it is written ([`words`]).
//! The file is opened for each batch, so it can be renamed at any time. The exceptions are a panic and [`last_words`]: they
//! write at once.
//!
//! Redis has four levels. `debug` is the crate's trace, `verbose` is debug, `notice` is info, and
//! `warning` is warn or error. Records of other crates count from warn up only.

use super::config::Config;
use crate::cores::wake::Bell;
use crate::cores::words;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use log::{Level, LevelFilter, Log, Metadata, Record, SetLoggerError};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Records that can wait to be written: a burst of all cores within one turn of the bus core.
const QUEUE: usize = 4096;

thread_local! {
    /// Records this thread dropped since its last one that found room.
    static DROPPED: Cell<u64> = const { Cell::new(0) };
}

/// Where records go: for those who must write at once, and cannot wait for the drain.
static SINK: OnceLock<Arc<Mutex<Sink>>> = OnceLock::new();

/// Wakes the bus core, once there is one.
static BELL: OnceLock<Bell> = OnceLock::new();

/// Makes this the program's log, as `config` wants it, and catches panics.
///
/// # Errors
/// If the program has a log already.
pub fn init(config: &Config) -> Result<LogDrain, SetLoggerError> {
    let (logger, drain) = queue(QUEUE);
    log::set_boxed_logger(Box::new(logger))?;
    drain.configure(config);
    SINK.get_or_init(|| Arc::clone(&drain.sink));
    std::panic::set_hook(Box::new(tell_panic));
    Ok(drain)
}

/// From now on the bus core, which hears `bell`, is woken to write what it should not be late with.
pub fn wake_by(bell: Bell) {
    BELL.get_or_init(|| bell);
}

/// Writes `text` as a warning at once, also where a person sees it: for a program that is about to end, or whose drain did.
pub fn last_words(text: &str) {
    // A thread that panics may hold the sink itself; then standard error has to do.
    let sink = SINK.get().and_then(|sink| sink.try_lock().ok());
    let seen = sink.is_some_and(|sink| {
        let line = sink.line(Timestamp::now(), '#', text);
        sink.write(line.as_bytes()).is_ok() && sink.file.is_none()
    });
    if !seen {
        let _ = writeln!(io::stderr(), "{text}");
    }
}

fn tell_panic(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::force_capture();
    let thread = std::thread::current();
    last_words(&format!("thread '{}': {panic}\n{backtrace}", thread.name().unwrap_or("?")));
}

/// The end of the queue that every thread has.
struct Queue {
    sender: SyncSender<Entry>,
}

/// One record on its way.
struct Entry {
    time: Timestamp,
    mark: char,
    text: String,
    /// How many records its thread dropped before it.
    dropped: u64,
}

impl Log for Queue {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn || metadata.target().starts_with("coreslot")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let entry = Entry {
            time: Timestamp::now(),
            mark: mark(record.level()),
            text: record.args().to_string(),
            dropped: DROPPED.get(),
        };
        let sent = self.sender.try_send(entry).is_ok();
        DROPPED.set(if sent { 0 } else { DROPPED.get() + 1 });
        if record.level() <= Level::Info {
            words::said();
            if let Some(bell) = BELL.get() {
                bell.ring();
            }
        }
    }

    /// Does nothing: only the drain can write.
    fn flush(&self) {}
}

/// The other end of the queue, and where records go. Owned by the bus core.
pub struct LogDrain {
    receiver: Receiver<Entry>,
    sink: Arc<Mutex<Sink>>,
}

/// Where records go and what stands before them. Only the drain and [`last_words`] lock it.
struct Sink {
    file: Option<PathBuf>,
    role: char,
    zone: TimeZone,
}

impl LogDrain {
    /// Writes what is queued; to standard error if the log cannot be written.
    pub fn drain(&self) {
        let Ok(first) = self.receiver.try_recv() else { return };
        let mut text = String::new();
        let sink = self.sink();
        for entry in std::iter::once(first).chain(self.receiver.try_iter()) {
            if entry.dropped > 0 {
                let dropped = format!("{} log records were dropped: the log's queue was full", entry.dropped);
                text.push_str(&sink.line(entry.time, '#', &dropped));
            }
            text.push_str(&sink.line(entry.time, entry.mark, &entry.text));
        }
        if !text.is_empty() && sink.write(text.as_bytes()).is_err() {
            // Not by eprint: that panics where nobody is left to read.
            let _ = io::stderr().write_all(text.as_bytes());
        }
    }

    /// Goes by `loglevel` and `logfile` from now on.
    pub fn configure(&self, config: &Config) {
        log::set_max_level(filter(config.choice("loglevel")));
        self.set_file(config.path("logfile"));
    }

    /// Goes on in `file`; `None` is standard output.
    fn set_file(&self, file: Option<PathBuf>) {
        self.sink().file = file;
    }

    /// The letter for what the node is: `M` a primary, `S` a replica.
    pub fn set_role(&self, role: char) {
        self.sink().role = role;
    }

    /// A panic elsewhere leaves the sink whole: each of its fields is set in one go.
    fn sink(&self) -> MutexGuard<'_, Sink> {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LogDrain {
    fn drop(&mut self) {
        self.drain();
    }
}

impl Sink {
    fn line(&self, time: Timestamp, mark: char, text: &str) -> String {
        let time = time.to_zoned(self.zone.clone()).strftime("%d %b %Y %H:%M:%S.%3f").to_string();
        format!("{}:{} {time} {mark} {text}\n", std::process::id(), self.role)
    }

    fn write(&self, text: &[u8]) -> io::Result<()> {
        match &self.file {
            Some(path) => append(path)?.write_all(text),
            None => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(text)?;
                stdout.flush()
            }
        }
    }
}

fn append(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

fn queue(length: usize) -> (Queue, LogDrain) {
    let (sender, receiver) = sync_channel(length);
    let sink = Sink { file: None, role: 'M', zone: TimeZone::system() };
    (Queue { sender }, LogDrain { receiver, sink: Arc::new(Mutex::new(sink)) })
}

/// What a value of `loglevel` lets through.
fn filter(level: &str) -> LevelFilter {
    match level {
        "debug" => LevelFilter::Trace,
        "verbose" => LevelFilter::Debug,
        "warning" => LevelFilter::Warn,
        _ => LevelFilter::Info,
    }
}

fn mark(level: Level) -> char {
    match level {
        Level::Error | Level::Warn => '#',
        Level::Info => '*',
        Level::Debug => '-',
        Level::Trace => '.',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(queue: &Queue, level: Level, target: &str, text: &str) {
        queue.log(&Record::builder().level(level).target(target).args(format_args!("{text}")).build());
    }

    fn written(drain: &LogDrain) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        drain.set_file(Some(file.path().into()));
        drain.drain();
        std::fs::read_to_string(file.path()).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_line_has_redis_form() {
        let (_, drain) = queue(1);
        let mut sink = drain.sink();
        sink.zone = TimeZone::UTC;
        sink.role = 'S';
        let time = Timestamp::from_millisecond(1_795_364_214_123).unwrap();
        let line = format!("{}:S 22 Nov 2026 16:16:54.123 * hello\n", std::process::id());
        assert_eq!(sink.line(time, '*', "hello"), line);
    }

    #[test]
    fn each_level_has_its_mark() {
        let (queue, drain) = queue(8);
        for level in [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace] {
            say(&queue, level, "coreslot::x", "text");
        }
        let marks: String = written(&drain).iter().map(|line| line.chars().rev().nth(5).unwrap()).collect();
        assert_eq!(marks, "##*-.");
    }

    #[test]
    fn a_full_queue_drops_and_the_next_record_says_so() {
        let (queue, drain) = queue(1);
        for text in ["kept", "lost", "lost"] {
            say(&queue, Level::Info, "coreslot", text);
        }
        assert_eq!(written(&drain).len(), 1);
        say(&queue, Level::Info, "coreslot", "later");
        let lines = written(&drain);
        assert!(lines[0].ends_with("# 2 log records were dropped: the log's queue was full"), "{lines:?}");
        assert!(lines[1].ends_with("* later") && lines.len() == 2, "{lines:?}");
    }

    #[test]
    fn other_crates_are_heard_only_when_they_warn() {
        let (queue, drain) = queue(8);
        say(&queue, Level::Info, "glommio", "chatter");
        say(&queue, Level::Warn, "glommio", "trouble");
        assert_eq!(written(&drain).len(), 1);
    }

    #[test]
    fn what_is_queued_is_written_before_the_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (queue, drain) = queue(8);
        drain.set_file(Some(file.path().into()));
        say(&queue, Level::Info, "coreslot", "last words");
        drop(drain);
        assert!(std::fs::read_to_string(file.path()).unwrap().ends_with("* last words\n"));
    }
}

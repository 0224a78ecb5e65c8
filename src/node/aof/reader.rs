//! Reads the append-only log beside the bus core's thread and the data cores: its base into new stores, what changed
//! since then as pieces of a stream, which the cores execute as they execute a primary's.
//!
//! The channel is bounded, so what is read is never far ahead of what is executed.

use super::directory::{Directory, Names};
use super::scan::{Fault, Scan};
use crate::contract::settings::Settings;
use crate::cores::wake::Bell;
use crate::data::command::Registry;
use crate::data::rdb::load::{Loaded, Loader, Plan};
use crate::data::rdb::write;
use crate::node::snapshot_file::load_from;
use crate::replication::feed::{Feed, Piece, Target};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::Instant;

/// Events that may wait to be taken.
const WAITING: usize = 8;
/// Bytes of commands that are cut into pieces at once.
const BATCH: usize = 64 * 1024;

/// What comes out of the log, in this order.
pub enum Event {
    /// This many bytes are to be loaded.
    Total(u64),
    /// The base, or stores without keys.
    Base(Box<Loaded>),
    /// Something to execute.
    Piece(Piece),
    /// So many bytes were read.
    Progress(u64),
    /// There is nothing to load.
    Missing,
    /// That was all; the folder as it is.
    End(Box<Directory>),
    /// It can't be loaded, for this reason.
    Failed(String),
}

/// Says who executes a command.
pub type TargetOf = Box<dyn Fn(&[&[u8]]) -> Target + Send>;

/// What the thread needs to know.
pub struct Request {
    /// What the log is called.
    pub names: Names,
    /// How the base is loaded.
    pub plan: Plan,
    /// The node's settings.
    pub settings: Arc<Settings>,
    /// `aof-load-truncated`.
    pub may_truncate: bool,
    /// The commands there are.
    pub registry: &'static Registry,
    /// Who executes a command.
    pub target: TargetOf,
}

/// The bus core's end.
pub struct LogReader(Receiver<Event>);

impl LogReader {
    /// Starts to read; `bell` rings at every event.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(request: Request, bell: Bell) -> io::Result<LogReader> {
        let (events, incoming) = sync_channel(WAITING);
        std::thread::Builder::new().name("loader".into()).spawn(move || {
            let tell = Tell { events, bell };
            let last = match read(request, &tell) {
                Ok(directory) => Event::End(Box::new(directory)),
                Err(reason) => Event::Failed(reason),
            };
            tell.event(last);
        })?;
        Ok(LogReader(incoming))
    }

    /// What came next, if it is there.
    pub fn event(&self) -> Option<Event> {
        match self.0.try_recv() {
            Ok(event) => Some(event),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Event::Failed("the loader's thread died".to_owned())),
        }
    }
}

struct Tell {
    events: SyncSender<Event>,
    bell: Bell,
}

impl Tell {
    fn event(&self, event: Event) {
        // Nobody listens any more when the node ends.
        if self.events.send(event).is_ok() {
            self.bell.ring();
        }
    }
}

fn read(request: Request, tell: &Tell) -> Result<Directory, String> {
    let mut directory = Directory::open(request.names.clone())?;
    directory.upgrade()?;
    let parts = directory.parts();
    let mut total = 0;
    for name in &parts {
        total += directory.size(name)?;
    }
    tell.event(Event::Total(total));
    let mut file = LogFile { request: &request, tell, before: 0, based: false };
    for (index, name) in parts.iter().enumerate() {
        let started = Instant::now();
        let truncated = file.load(name, &directory)?;
        if truncated && index + 1 < parts.len() {
            return Err("Fatal error: the truncated file is not the last file".to_owned());
        }
        let kind = if index == 0 && directory.begins_with_base() { "base" } else { "incr" };
        log::info!("DB loaded from {kind} file {name}: {:.3} seconds", started.elapsed().as_secs_f64());
    }
    file.base_or_nothing()?;
    Ok(directory)
}

/// The file that is being read.
struct LogFile<'r> {
    request: &'r Request,
    tell: &'r Tell,
    /// Bytes of the files before it.
    before: u64,
    /// Whether there are stores.
    based: bool,
}

impl LogFile<'_> {
    /// Loads a file; true: it was cut off at its last whole command.
    fn load(&mut self, name: &str, directory: &Directory) -> Result<bool, String> {
        let path = directory.names.path(name);
        let unreadable = |error: io::Error| format!("Unrecoverable error reading the append only file {name}: {error}");
        let mut file = File::open(&path)
            .map_err(|error| format!("Fatal error: can't open the append log file {name} for reading: {error}"))?;
        let mut signature = Vec::new();
        (&mut file).take(5).read_to_end(&mut signature).map_err(unreadable)?;
        file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
        let mut position = 0;
        if signature == *b"REDIS" {
            let old = name == directory.names.file;
            let (what, part) = match old {
                true => ("preamble from AOF file", "preamble of the AOF file"),
                false => ("base file on AOF loading", "base file"),
            };
            log::info!("Reading RDB {what}...");
            let end = self.load_base(&mut file);
            position =
                end.map_err(|error| format!("Error reading the RDB {part} {name}, AOF loading aborted: {error}"))?;
            file.seek(SeekFrom::Start(position)).map_err(unreadable)?;
            if old {
                log::info!("Reading the remaining AOF tail...");
            }
        }
        self.base_or_nothing()?;
        let mut scan = Scan::new(BufReader::new(file), position);
        let ended = self.commands(&mut scan);
        self.before += scan.valid();
        let (Err(fault), valid) = (ended, scan.valid()) else { return Ok(false) };
        match fault {
            Fault::Unreadable(error) => return Err(unreadable(error)),
            Fault::Unknown(command) => {
                let command = String::from_utf8_lossy(&command).into_owned();
                return Err(format!("Unknown command '{command}' reading the append only file {name}"));
            }
            Fault::Format => {
                return Err(format!(
                    "Bad file format reading the append only file {name}: make a backup of your AOF file, then use \
                     ./redis-check-aof --fix <filename.manifest>"
                ));
            }
            Fault::Unfinished => log::warn!("Revert incomplete MULTI/EXEC transaction in AOF file {name}"),
            Fault::Short => {}
        }
        if !self.request.may_truncate {
            return Err(format!(
                "Unexpected end of file reading the append only file {name}. You can: 1) Make a backup of your AOF file, \
                 then use ./redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the \
                 'aof-load-truncated' configuration option to yes and restart the server."
            ));
        }
        log::warn!("!!! Warning: short read while loading the AOF file {name}!!!");
        log::warn!("!!! Truncating the AOF {name} at offset {valid} !!!");
        let cut = OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(valid));
        cut.map_err(|error| format!("Error truncating the AOF file {name}: {error}"))?;
        log::warn!("AOF {name} loaded anyway because aof-load-truncated is enabled");
        Ok(true)
    }

    /// Loads a snapshot; where it ends.
    fn load_base(&mut self, file: &mut File) -> Result<u64, String> {
        if self.based {
            return Err("a snapshot can only be the beginning".to_owned());
        }
        let plan = Plan { keep_expired: true, ..self.request.plan.clone() };
        let (tell, before) = (self.tell, self.before);
        let progress = |bytes| tell.event(Event::Progress(before + bytes));
        let (loaded, end) = load_from(file, plan, &self.request.settings, progress)?;
        self.based = true;
        self.tell.event(Event::Base(Box::new(loaded)));
        Ok(end)
    }

    /// Without a snapshot everything begins with nothing.
    fn base_or_nothing(&mut self) -> Result<(), String> {
        if !self.based {
            self.based = true;
            let mut loader = Loader::new(self.request.plan.clone(), &self.request.settings);
            let loaded =
                loader.push(&write::nothing()).and_then(|_| loader.finish()).map_err(|error| error.to_string())?;
            self.tell.event(Event::Base(Box::new(loaded)));
        }
        Ok(())
    }

    fn commands(&mut self, scan: &mut Scan<BufReader<File>>) -> Result<(), Fault> {
        let (registry, target) = (self.request.registry, &self.request.target);
        let knows = |words: &[&[u8]]| registry.find(words).is_some();
        let (mut feed, mut bytes) = (Feed::new(0), Vec::new());
        loop {
            let more = scan.next(&mut bytes, knows);
            if more.is_err() {
                // What came of the last unit does not count; those before it do.
                bytes.clear();
            }
            let over = !matches!(more, Ok(true));
            feed.push(&bytes);
            bytes.clear();
            if over || feed.waiting() > BATCH {
                // What the scan lets through is a stream.
                while let Some(piece) = feed.next(target).map_err(|_| Fault::Format)? {
                    self.tell.event(Event::Piece(piece));
                }
                self.tell.event(Event::Progress(self.before + scan.valid()));
                if over {
                    return more.map(drop);
                }
            }
        }
    }
}

//! Files of whole data, snapshots and bases of the append-only log: written and read beside the bus core's thread, which must not wait for a disk.
//!
//! It is written under another name, and gets its own only when all of it is on the disk: whatever happens, there is
//! either the old snapshot or the new one.

use crate::contract::settings::Settings;
use crate::cores::wake::Bell;
use crate::data::key::KeyHasher;
use crate::data::rdb::checksum::Checksum;
use crate::data::rdb::load::{Loaded, Loader, Plan};
use crate::data::rdb::rewrite::Rewriter;
use crate::data::rdb::write;
use crate::node::office::parts::microseconds;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Bytes read at once.
const PIECE: usize = 1 << 20;
/// The same where every key is waited at.
const SLOW_PIECE: usize = 1 << 10;
/// Bytes after which what was written so far is synced. Source: Redis 7.0 `REDIS_AUTOSYNC_BYTES`.
const SYNC_EVERY: usize = 4 << 20;

/// How the file is written.
#[derive(Clone, Copy)]
pub enum Format {
    /// As it comes, with a checksum or without.
    Snapshot {
        /// With one.
        checked: bool,
    },
    /// As commands.
    Commands {
        /// The process's key hash.
        hasher: KeyHasher,
        /// The time to begin with, Unix seconds.
        stamp: Option<u64>,
    },
}

/// Which file is written.
pub struct Destination {
    /// Its name while it is being written.
    pub unfinished: PathBuf,
    /// Its name.
    pub path: PathBuf,
    /// How it is written.
    pub format: Format,
    /// Whether it is synced piece by piece.
    pub syncs: bool,
}

/// What is written next.
enum Next {
    /// These bytes.
    Bytes(Vec<u8>),
    /// That was all.
    End,
}

/// The bus core's end of a file that is being written. Dropping it before the end leaves no file.
pub struct SnapshotWriter {
    next: Sender<Next>,
    results: Receiver<io::Result<Written>>,
}

/// How far a file is.
pub enum Written {
    /// One more piece.
    Piece,
    /// All of it, under its name.
    All,
}

impl SnapshotWriter {
    /// Begins a file. Rings `bell` at every piece.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(destination: Destination, bell: Bell) -> io::Result<SnapshotWriter> {
        let (next, incoming) = channel();
        let (outgoing, results) = channel();
        std::thread::Builder::new().name("snapshot".into()).spawn(move || {
            let tell = |written| {
                let listened = outgoing.send(Ok(written)).is_ok();
                bell.ring();
                listened
            };
            let result = write_file(&destination, &incoming, tell);
            if result.is_err() {
                // It may not even be there.
                let _ = fs::remove_file(&destination.unfinished);
            }
            let _ = outgoing.send(result.map(|()| Written::All));
            bell.ring();
        })?;
        Ok(SnapshotWriter { next, results })
    }

    /// Has these bytes written.
    pub fn push(&self, bytes: Vec<u8>) {
        // A thread that is gone has said why.
        let _ = self.next.send(Next::Bytes(bytes));
    }

    /// Has the end written, and the file given its name.
    pub fn end(&self) {
        let _ = self.next.send(Next::End);
    }

    /// What came of it so far, if there is something new.
    pub fn result(&self) -> Option<io::Result<Written>> {
        self.results.try_recv().ok()
    }
}

fn write_file(destination: &Destination, incoming: &Receiver<Next>, tell: impl Fn(Written) -> bool) -> io::Result<()> {
    let Destination { unfinished, path, format, syncs } = destination;
    let mut file = File::create(unfinished)?;
    let mut form = Form::new(*format);
    let mut unsynced = 0;
    file.write_all(&form.beginning())?;
    loop {
        match incoming.recv() {
            Ok(Next::Bytes(bytes)) => {
                let bytes = form.convert(bytes)?;
                file.write_all(&bytes)?;
                unsynced += bytes.len();
            }
            Ok(Next::End) => break,
            Err(_) => return Err(ErrorKind::Interrupted.into()),
        }
        if *syncs && unsynced > SYNC_EVERY {
            unsynced = 0;
            file.sync_data()?;
        }
        if !tell(Written::Piece) {
            return Err(ErrorKind::Interrupted.into());
        }
    }
    file.write_all(&form.end())?;
    file.sync_all()?;
    fs::rename(unfinished, path)?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

/// What becomes of a snapshot on its way to the file.
enum Form {
    Snapshot(bool, Checksum),
    Commands(Box<Rewriter>, Option<u64>),
}

impl Form {
    fn new(format: Format) -> Form {
        match format {
            Format::Snapshot { checked } => Form::Snapshot(checked, Checksum::default()),
            Format::Commands { hasher, stamp } => Form::Commands(Box::new(Rewriter::new(hasher)), stamp),
        }
    }

    fn beginning(&self) -> Vec<u8> {
        match self {
            Form::Commands(_, Some(stamp)) => format!("#TS:{stamp}\r\n").into_bytes(),
            _ => Vec::new(),
        }
    }

    fn convert(&mut self, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        match self {
            Form::Snapshot(_, sum) => {
                sum.update(&bytes);
                Ok(bytes)
            }
            Form::Commands(rewriter, _) => {
                let mut commands = Vec::new();
                rewriter.push(&bytes, &mut commands).map_err(io::Error::other)?;
                Ok(commands)
            }
        }
    }

    fn end(self) -> Vec<u8> {
        let mut end = Vec::new();
        if let Form::Snapshot(checked, mut sum) = self {
            write::end(&mut end);
            sum.update(&end);
            // 0 says that there is none.
            end.extend(if checked { sum.value() } else { 0 }.to_le_bytes());
        }
        end
    }
}

/// Loads a file from where it is; `progress` hears how many bytes were loaded. The end of the snapshot, from there.
///
/// # Errors
/// Says why it can't be read.
pub fn load_from(
    file: &mut File,
    plan: Plan,
    settings: &Settings,
    progress: impl Fn(u64),
) -> Result<(Loaded, u64), String> {
    let mut loader = Loader::new(plan, settings);
    let delay = settings.key_load_delay;
    let mut piece = vec![0; if delay == 0 { PIECE } else { SLOW_PIECE }];
    let mut keys = 0;
    loop {
        let length = file.read(&mut piece).map_err(|error| error.to_string())?;
        let over = loader.push(&piece[..length]).map_err(|error| error.to_string())?;
        progress(loader.position());
        let more = loader.keys() - std::mem::replace(&mut keys, loader.keys());
        if delay != 0 {
            std::thread::sleep(Duration::from_micros(microseconds(more as usize, delay)));
        }
        if over || length == 0 {
            let end = loader.position();
            return loader.finish().map(|loaded| (loaded, end)).map_err(|error| error.to_string());
        }
    }
}

/// How far a file is read.
pub enum Read {
    /// It has so many bytes.
    Total(u64),
    /// So many of them were read.
    Progress(u64),
    /// All of it; none: there is no such file.
    All(Option<Box<Loaded>>),
    /// It can't be read, for this reason.
    Failed(String),
}

/// A file that is being loaded.
pub struct SnapshotReader(Receiver<Read>);

impl SnapshotReader {
    /// Starts to load `path` by `plan`; `bell` rings at every event.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(path: PathBuf, plan: Plan, settings: Arc<Settings>, bell: Bell) -> io::Result<SnapshotReader> {
        let (outgoing, events) = channel();
        std::thread::Builder::new().name("loader".into()).spawn(move || {
            let tell = |event| {
                // Nobody listens any more when the node ends.
                let _ = outgoing.send(event);
                bell.ring();
            };
            tell(read(&path, plan, &settings, &tell));
        })?;
        Ok(SnapshotReader(events))
    }

    /// What came of it, if there is something new.
    pub fn event(&self) -> Option<Read> {
        self.0.try_recv().ok()
    }
}

fn read(path: &Path, plan: Plan, settings: &Settings, tell: &impl Fn(Read)) -> Read {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Read::All(None),
        Err(error) => return Read::Failed(error.to_string()),
    };
    tell(Read::Total(file.metadata().map_or(0, |found| found.len())));
    match load_from(&mut file, plan, settings, |bytes| tell(Read::Progress(bytes))) {
        Ok((loaded, _)) => Read::All(Some(Box::new(loaded))),
        Err(error) => Read::Failed(error),
    }
}

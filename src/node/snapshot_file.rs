//! The snapshot's file: written and read beside the bus core's thread, which must not wait for a disk.
//!
//! It is written under another name, and gets its own only when all of it is on the disk: whatever happens, there is
//! either the old snapshot or the new one.

use crate::contract::settings::Settings;
use crate::cores::wake::Bell;
use crate::data::rdb::checksum::Checksum;
use crate::data::rdb::load::{Loaded, Loader, Plan};
use crate::data::rdb::write;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Bytes read at once.
const PIECE: usize = 1 << 20;

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
    /// Begins the file `name` in the folder `dir` (`checked`: with a checksum). Rings `bell` at every piece.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(dir: &Path, name: &Path, checked: bool, bell: Bell) -> io::Result<SnapshotWriter> {
        let (next, incoming) = channel();
        let (outgoing, results) = channel();
        let unfinished = dir.join(format!("temp-{}.rdb", std::process::id()));
        let path = dir.join(name);
        std::thread::Builder::new().name("snapshot".into()).spawn(move || {
            let tell = |written| {
                let listened = outgoing.send(Ok(written)).is_ok();
                bell.ring();
                listened
            };
            let result = write_file(&unfinished, &path, checked, &incoming, tell);
            if result.is_err() {
                // It may not even be there.
                let _ = fs::remove_file(&unfinished);
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

fn write_file(
    unfinished: &Path,
    path: &Path,
    checked: bool,
    incoming: &Receiver<Next>,
    tell: impl Fn(Written) -> bool,
) -> io::Result<()> {
    let mut file = File::create(unfinished)?;
    let mut sum = Checksum::default();
    let mut put = |bytes: &[u8], sum: &mut Checksum| {
        sum.update(bytes);
        file.write_all(bytes)
    };
    loop {
        match incoming.recv() {
            Ok(Next::Bytes(bytes)) => put(&bytes, &mut sum)?,
            Ok(Next::End) => break,
            Err(_) => return Err(ErrorKind::Interrupted.into()),
        }
        if !tell(Written::Piece) {
            return Err(ErrorKind::Interrupted.into());
        }
    }
    let mut end = Vec::new();
    write::end(&mut end);
    put(&end, &mut sum)?;
    // 0 says that there is none.
    let told = if checked { sum.value() } else { 0 };
    file.write_all(&told.to_le_bytes())?;
    file.sync_all()?;
    fs::rename(unfinished, path)?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

/// Loads the file at `path`; none: there is no such file.
///
/// # Errors
/// Says why it can't be read.
pub fn load(path: &Path, plan: Plan, settings: &Settings) -> Result<Option<Loaded>, String> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let mut loader = Loader::new(plan, settings);
    let mut piece = vec![0; PIECE];
    loop {
        let length = file.read(&mut piece).map_err(|error| error.to_string())?;
        let over = loader.push(&piece[..length]).map_err(|error| error.to_string())?;
        if over || length == 0 {
            return loader.finish().map(Some).map_err(|error| error.to_string());
        }
    }
}

/// A file that is being loaded.
pub struct SnapshotReader(Receiver<Result<Option<Loaded>, String>>);

impl SnapshotReader {
    /// Loads `path` by `plan`, and rings `bell` when there is a result.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(path: PathBuf, plan: Plan, settings: Arc<Settings>, bell: Bell) -> io::Result<SnapshotReader> {
        let (outgoing, result) = channel();
        std::thread::Builder::new().name("loader".into()).spawn(move || {
            let _ = outgoing.send(load(&path, plan, &settings));
            bell.ring();
        })?;
        Ok(SnapshotReader(result))
    }

    /// What came of it, if that is known by now.
    pub fn result(&self) -> Option<Result<Option<Loaded>, String>> {
        self.0.try_recv().ok()
    }
}

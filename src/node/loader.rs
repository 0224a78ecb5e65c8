//! Loads a snapshot into new stores beside the bus core's thread and the data cores, which go on meanwhile.
//!
//! The bytes may be kept in a file until all are there (`repl-diskless-load disabled`): then the old data can go before
//! the new is made. They go to the thread over a bounded channel; it rings the bus core's bell when there is room again and when it has
//! a result. When the value is dropped the thread ends, and what it had loaded is freed there.

use crate::contract::settings::Settings;
use crate::cores::wake::Bell;
use crate::data::rdb::load::{Loaded, Loader, Plan};
use crate::node::office::parts::microseconds;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, channel, sync_channel};
use std::time::Duration;

/// Pieces of bytes that may wait for the thread.
const WAITING: usize = 64;
/// Bytes read back from a file at once.
const PIECE: usize = 1 << 20;

/// The bus core's end.
pub struct SnapshotLoader {
    bytes: Option<SyncSender<Vec<u8>>>,
    /// What found the channel full.
    waiting: VecDeque<Vec<u8>>,
    ended: bool,
    results: Receiver<Result<Box<Loaded>, String>>,
}

impl SnapshotLoader {
    /// Starts to load a snapshot by `plan`; `spool`: the folder to keep it in until it is whole.
    ///
    /// # Errors
    /// When there is no thread or no file to be had.
    pub fn start(plan: Plan, settings: Arc<Settings>, spool: Option<&Path>, bell: Bell) -> io::Result<SnapshotLoader> {
        let (bytes, incoming) = sync_channel::<Vec<u8>>(WAITING);
        let (outgoing, results) = channel();
        let file = spool.map(tempfile::tempfile_in).transpose()?;
        std::thread::Builder::new().name("loader".into()).spawn(move || {
            let incoming = incoming.iter().enumerate().map(|(count, bytes)| {
                if count % (WAITING / 2) == 0 {
                    bell.ring();
                }
                bytes
            });
            let (loader, delay) = (Loader::new(plan, &settings), settings.key_load_delay);
            let result = match file {
                Some(file) => load_from(file, incoming, loader, delay),
                None => load(incoming.map(Ok), loader, delay),
            };
            let _ = outgoing.send(result);
            bell.ring();
        })?;
        Ok(SnapshotLoader { bytes: Some(bytes), waiting: VecDeque::new(), ended: false, results })
    }

    /// Loads these bytes.
    pub fn push(&mut self, bytes: Vec<u8>) {
        self.waiting.push_back(bytes);
        self.hand_over();
    }

    /// That was all.
    pub fn end(&mut self) {
        self.ended = true;
        self.push(Vec::new());
    }

    /// Hands the thread what it has room for.
    pub fn hand_over(&mut self) {
        while let (Some(channel), Some(bytes)) = (&self.bytes, self.waiting.pop_front()) {
            match channel.try_send(bytes) {
                Ok(()) => {}
                Err(TrySendError::Full(bytes)) => return self.waiting.push_front(bytes),
                // The thread has found an error, which is its result.
                Err(TrySendError::Disconnected(_)) => self.waiting.clear(),
            }
        }
        if self.ended && self.waiting.is_empty() {
            self.bytes = None;
        }
    }

    /// Whether it has more to do than it should.
    pub fn is_full(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What came of it, if that is known by now.
    pub fn result(&self) -> Option<Result<Box<Loaded>, String>> {
        match self.results.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err("the loader's thread died".to_owned())),
        }
    }
}

/// Loads what comes; each key takes `delay` µs longer than it needs.
fn load(
    pieces: impl Iterator<Item = io::Result<Vec<u8>>>,
    mut loader: Loader,
    delay: i64,
) -> Result<Box<Loaded>, String> {
    for piece in pieces {
        let before = loader.keys();
        let over = loader.push(&piece.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
        let sleep = microseconds((loader.keys() - before) as usize, delay);
        if sleep > 0 {
            std::thread::sleep(Duration::from_micros(sleep));
        }
        if over {
            break;
        }
    }
    loader.finish().map(Box::new).map_err(|error| error.to_string())
}

/// Keeps what comes in a file, then loads it: when an empty piece says that all is there.
fn load_from(
    mut file: File,
    pieces: impl Iterator<Item = Vec<u8>>,
    loader: Loader,
    delay: i64,
) -> Result<Box<Loaded>, String> {
    let mut whole = false;
    let kept = pieces.into_iter().try_for_each(|piece| {
        whole = piece.is_empty();
        file.write_all(&piece)
    });
    kept.and_then(|()| file.rewind()).map_err(|error| format!("it can't be kept in a file: {error}"))?;
    if !whole {
        return Err("nobody wants it any more".to_owned());
    }
    let read = std::iter::from_fn(|| {
        let mut piece = vec![0; PIECE];
        file.read(&mut piece).map(|length| (length > 0).then(|| piece[..length].to_vec())).transpose()
    });
    load(read, loader, delay)
}

//! Loads a snapshot into new stores beside the bus core's thread and the data cores, which go on meanwhile.
//!
//! Bytes go to the thread over a bounded channel; it rings the bus core's bell when there is room again and when it has
//! a result. When the value is dropped the thread ends, and what it had loaded is freed there.

use crate::contract::settings::Settings;
use crate::cores::wake::Bell;
use crate::data::rdb::load::{Loaded, Loader, Plan};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, channel, sync_channel};

/// Pieces of bytes that may wait for the thread.
const WAITING: usize = 64;

/// The bus core's end.
pub struct SnapshotLoader {
    bytes: Option<SyncSender<Vec<u8>>>,
    /// What found the channel full.
    waiting: VecDeque<Vec<u8>>,
    ended: bool,
    results: Receiver<Result<Box<Loaded>, String>>,
}

impl SnapshotLoader {
    /// Starts to load a snapshot by `plan`.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(plan: Plan, settings: Arc<Settings>, bell: Bell) -> io::Result<SnapshotLoader> {
        let (bytes, incoming) = sync_channel::<Vec<u8>>(WAITING);
        let (outgoing, results) = channel();
        std::thread::Builder::new().name("loader".into()).spawn(move || {
            let result = load(Loader::new(plan, &settings), &incoming, &bell);
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
        self.hand_over();
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

fn load(mut loader: Loader, incoming: &Receiver<Vec<u8>>, bell: &Bell) -> Result<Box<Loaded>, String> {
    for (count, bytes) in incoming.iter().enumerate() {
        let over = loader.push(&bytes).map_err(|error| error.to_string())?;
        if over {
            break;
        }
        if count % (WAITING / 2) == 0 {
            bell.ring();
        }
    }
    loader.finish().map(Box::new).map_err(|error| error.to_string())
}

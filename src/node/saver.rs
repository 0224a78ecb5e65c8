//! Writes nodes.conf beside the bus core's thread, which must not wait for a disk: other nodes would take it for dead.
//!
//! One text at a time; whoever has the next waits for the result of the last. When the value is dropped, what was
//! handed over is still written.
//!
//! A text that need not outlive the machine costs a tenth of a millisecond, and the disk gets it when a second has
//! passed, together with all that came meanwhile.

use super::nodes_file::NodesFile;
use crate::cores::wake::Bell;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a text that was only written stays without the disk having it.
const SYNC_AFTER: Duration = Duration::from_secs(1);

/// Whose end a text has to survive before it counts as saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outlives {
    /// This process's: the system has it.
    Process,
    /// The machine's: the disk has it.
    Machine,
}

/// The bus core's end.
pub struct Saver {
    texts: Option<Sender<(String, Outlives)>>,
    results: Receiver<io::Result<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Saver {
    /// A writer of `file`, which rings `bell` whenever it has a result.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(file: NodesFile, bell: Bell) -> io::Result<Saver> {
        let (texts, incoming) = channel();
        let (outgoing, results) = channel();
        let worker = Worker { file, sync_at: None, incoming, outgoing, bell };
        let thread = std::thread::Builder::new().name("nodes.conf".into()).spawn(move || worker.run())?;
        Ok(Saver { texts: Some(texts), results, thread: Some(thread) })
    }

    /// Has `text` written.
    pub fn save(&self, text: String, outlives: Outlives) {
        if let Some(texts) = &self.texts {
            // Without the thread there is no result either, which nobody takes for success.
            let _ = texts.send((text, outlives));
        }
    }

    /// What came of a text, if it is known by now.
    pub fn result(&self) -> Option<io::Result<()>> {
        self.results.try_recv().ok()
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        drop(self.texts.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread's end.
struct Worker {
    file: NodesFile,
    /// When the disk is to have what was only written.
    sync_at: Option<Instant>,
    incoming: Receiver<(String, Outlives)>,
    outgoing: Sender<io::Result<()>>,
    bell: Bell,
}

impl Worker {
    fn run(mut self) {
        loop {
            match self.next() {
                Ok((text, outlives)) => {
                    let result = self.save(&text, outlives);
                    if self.outgoing.send(result).is_err() {
                        break;
                    }
                    self.bell.ring();
                }
                Err(RecvTimeoutError::Timeout) => self.sync(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.sync();
    }

    /// The next text, unless the disk's turn comes first.
    fn next(&self) -> Result<(String, Outlives), RecvTimeoutError> {
        match self.sync_at {
            None => self.incoming.recv().map_err(|_| RecvTimeoutError::Disconnected),
            // Also if it is over already: a stream of texts must not keep the disk from its turn.
            Some(at) => match at.saturating_duration_since(Instant::now()) {
                Duration::ZERO => Err(RecvTimeoutError::Timeout),
                left => self.incoming.recv_timeout(left),
            },
        }
    }

    fn save(&mut self, text: &str, outlives: Outlives) -> io::Result<()> {
        self.file.write(text)?;
        self.sync_at.get_or_insert_with(|| Instant::now() + SYNC_AFTER);
        if outlives == Outlives::Machine {
            self.file.sync()?;
            self.sync_at = None;
        }
        Ok(())
    }

    fn sync(&mut self) {
        if self.sync_at.take().is_none() {
            return;
        }
        if let Err(error) = self.file.sync() {
            log::error!("The cluster configuration file can't be brought to the disk: {error}");
            self.sync_at = Some(Instant::now() + SYNC_AFTER);
        }
    }
}

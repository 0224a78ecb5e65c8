//! Writes nodes.conf beside the bus core's thread, which must not wait for a disk: other nodes would take it for dead.
//!
//! One text at a time; whoever has the next waits for the result of the last. When the value is dropped, what was
//! handed over is still written.

use super::nodes_file::NodesFile;
use crate::cores::wake::Bell;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// The bus core's end.
pub struct Saver {
    texts: Option<Sender<String>>,
    results: Receiver<io::Result<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Saver {
    /// A writer of `file`, which rings `bell` whenever it has a result.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(mut file: NodesFile, bell: Bell) -> io::Result<Saver> {
        let (texts, incoming) = channel::<String>();
        let (outgoing, results) = channel();
        let thread = std::thread::Builder::new().name("nodes.conf".into()).spawn(move || {
            for text in incoming {
                if outgoing.send(file.save(&text)).is_err() {
                    break;
                }
                bell.ring();
            }
        })?;
        Ok(Saver { texts: Some(texts), results, thread: Some(thread) })
    }

    /// Has `text` written.
    pub fn save(&self, text: String) {
        if let Some(texts) = &self.texts {
            // Without the thread there is no result either, which nobody takes for success.
            let _ = texts.send(text);
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

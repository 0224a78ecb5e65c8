//! A script that runs for longer than `busy-reply-threshold`: everybody is told BUSY until it ends or is killed. Part of
//! [`script`](super::script).
//!
//! The core that runs it tells the others, since a node with such a script says BUSY on every connection, as Redis does.

use super::Plane;
use super::hop::HopBatch;
use super::message::{Message, Notice, Peer};
use super::script::{Job, Scripts};
use crate::resp::Error;
use bumpalo::Bump;
use std::sync::Arc;

/// What all cores know of a script that is busy.
#[derive(Debug)]
pub struct Slow {
    /// Its SHA-1 or the function's name.
    pub name: Vec<u8>,
    /// Whether it is a function.
    pub is_function: bool,
    /// The command that called it.
    pub args: Vec<Vec<u8>>,
    /// When it began, by the monotonic clock.
    pub began_ns: u64,
}

/// Whether a kill of the running script is possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// No script runs here.
    NotBusy,
    /// It will end.
    Done,
    /// It has written already.
    Unkillable,
    /// It is a function, and SCRIPT KILL was said, or the other way round.
    OtherKind,
}

impl Scripts {
    /// Whether a script of the node has run for so long that others are told so.
    #[inline]
    pub fn is_busy(&self) -> bool {
        !self.slow.is_empty()
    }

    /// What those are told who want something of a node with a busy script.
    pub fn busy_error(&self) -> Error {
        let is_function = match &self.job {
            Some(job) => job.is_function,
            None => self.slow.first().is_some_and(|(_, slow)| slow.is_function),
        };
        Error::new(if is_function { BUSY_FUNCTION } else { BUSY_SCRIPT })
    }

    /// The running function: this core's, or a busy one of another core.
    ///
    /// # Errors
    /// When it is no function that runs.
    pub(super) fn running_function(&self) -> Result<Option<Slow>, Error> {
        match (&self.job, self.slow.first()) {
            (Some(job), _) if job.is_function => Ok(Some(job.describe())),
            (None, Some((_, slow))) if slow.is_function => {
                let Slow { name, is_function, args, began_ns } = &**slow;
                Ok(Some(Slow {
                    name: name.clone(),
                    is_function: *is_function,
                    args: args.clone(),
                    began_ns: *began_ns,
                }))
            }
            (None, None) => Ok(None),
            _ => Err(self.busy_error()),
        }
    }
}

impl Plane {
    /// Says so if the running script has just become busy.
    pub(super) fn warn_of_script(&mut self, bump: &Bump) {
        let now = (self.options.clock)();
        let threshold = self.settings.busy_reply_threshold;
        let may_be = |job: &Job| !job.busy && threshold > 0 && job.session.is_none();
        let Some(job) = self.scripts.job.as_deref_mut().filter(|job| may_be(job)) else { return };
        let elapsed_ms = now.saturating_sub(job.began_ns) / 1_000_000;
        if elapsed_ms < threshold {
            return;
        }
        job.busy = true;
        let slow = Arc::new(job.describe());
        log::warn!(
            "Slow script detected: still in execution after {elapsed_ms} milliseconds. You can try killing the script \
             using the {} command. Script name is: {}.",
            if slow.is_function { "FUNCTION KILL" } else { "SCRIPT KILL" },
            String::from_utf8_lossy(&slow.name)
        );
        self.tell_of_script(Some(slow.clone()));
        self.script_is_slow(self.core().into(), Some(slow), bump);
    }

    /// The busy script of this core is done.
    pub(super) fn script_is_slow_no_more(&mut self) {
        let me = self.core().into();
        self.scripts.slow.retain(|(core, _)| *core != me);
        self.refresh();
        self.tell_of_script(None);
    }

    fn tell_of_script(&mut self, slow: Option<Arc<Slow>>) {
        let me = self.core().into();
        for peer in self.data_cores().filter(|peer| *peer != me).collect::<Vec<_>>() {
            self.send(peer, Message::Tell(Notice::SlowScript(slow.clone())));
        }
    }

    /// That core has a busy script, or has one no more. Those who wait for what it has are told so.
    pub(super) fn script_is_slow(&mut self, core: Peer, slow: Option<Arc<Slow>>, bump: &Bump) {
        self.scripts.slow.retain(|(other, _)| *other != core);
        let is_slow = slow.is_some();
        self.scripts.slow.extend(slow.map(|slow| (core, slow)));
        self.refresh();
        if !is_slow {
            return;
        }
        let (hops, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.stalled).into_iter().partition(|(_, message)| matches!(message, Message::Hop(_)));
        self.stalled = others;
        for (from, message) in hops {
            if let Message::Hop(batch) = message {
                self.refuse_batch(from, batch);
            }
        }
        self.release_held(bump);
    }

    /// Answers BUSY to all commands of a batch.
    pub(super) fn refuse_batch(&mut self, from: Peer, mut batch: Box<HopBatch>) {
        let error = self.scripts.busy_error();
        for index in 0..batch.commands.len() {
            let proto = batch.commands[index].proto;
            let reply = self.error_reply(&error, proto);
            batch.replies.extend_from_slice(&reply);
            batch.ends.push(batch.replies.len());
        }
        self.outgoing.push((from, Message::HopDone(batch)));
    }

    /// SCRIPT KILL and FUNCTION KILL, on this core.
    pub(super) fn kill_script(&mut self, function: bool) -> Kill {
        match &self.scripts.job {
            None => return Kill::NotBusy,
            Some(job) if job.wrote => return Kill::Unkillable,
            Some(job) if job.is_function != function => return Kill::OtherKind,
            Some(_) => {}
        }
        if let Some((job, engine)) = self.scripts.job.as_mut().zip(self.scripts.engine.as_deref_mut()) {
            job.begins_anew = false;
            engine.kill();
            log::warn!("Lua script killed by user with SCRIPT KILL.");
        }
        self.debugger_goes_on();
        Kill::Done
    }
}

/// What is said of a busy script.
pub(super) const BUSY_SCRIPT: &str =
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
/// The same of a busy function.
pub(super) const BUSY_FUNCTION: &str =
    "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";

//! A script that runs for longer than `busy-reply-threshold`: everybody is told BUSY until it ends or is killed. Part of
//! [`script`](super::script).
//!
//! The core that runs it tells the others, since a node with such a script says BUSY on every connection, as Redis does.
//! Nor does any of them say BUSY when somebody can know that the script is over:
//!
//! ```text
//! script's core                     the others
//!   done      -- Ending ------------>  nobody is told BUSY any more; who comes waits
//!             <-- Heard -------------
//!   all have heard: the reply, stores back
//!             -- Over -------------->  on with those who wait
//! ```

use super::Plane;
use super::hop::HopBatch;
use super::message::{Message, Notice, Peer};
use super::script::{Ended, Job, Scripts};
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

/// What the core that runs a busy script, and those that hear of it, tell each other.
pub enum News {
    /// It is busy.
    Busy(Arc<Slow>),
    /// It is done, of which nobody else knows.
    Ending,
    /// The sender has heard that.
    Heard,
    /// It is done.
    Over,
}

/// A busy script as a core knows of it.
pub struct Known {
    /// Its core.
    core: Peer,
    slow: Arc<Slow>,
    ending: bool,
}

/// A busy script of this core that is done, until the other cores know that.
pub struct Ending {
    ended: Ended,
    /// How many have not said so yet.
    unheard: usize,
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

    /// Whether all that is left of busy scripts is to learn that they are over: who comes waits for that.
    pub fn is_ending(&self) -> bool {
        self.is_busy() && self.slow.iter().all(|known| known.ending)
    }

    /// What those are told who want something of a node with a busy script.
    pub fn busy_error(&self) -> Error {
        let is_function = match &self.job {
            Some(job) => job.is_function,
            None => self.slow.first().is_some_and(|known| known.slow.is_function),
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
            (None, Some(known)) if known.slow.is_function => {
                let Slow { name, is_function, args, began_ns } = &*known.slow;
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
        self.tell_of_script(|| News::Busy(slow.clone()));
        self.script_is_busy(self.core().into(), slow, bump);
    }

    /// The busy script of this core is done.
    pub(super) fn busy_script_done(&mut self, ended: Ended, bump: &Bump) {
        let unheard = self.options.cores - 1;
        self.scripts.ending = Some(Box::new(Ending { ended, unheard }));
        self.script_is_ending(self.core().into());
        self.tell_of_script(|| News::Ending);
        if unheard == 0 {
            self.all_have_heard(bump);
        }
    }

    fn all_have_heard(&mut self, bump: &Bump) {
        let Some(ending) = self.scripts.ending.take() else { return };
        self.tell_of_script(|| News::Over);
        self.script_is_over(self.core().into());
        self.script_ended_late(ending.ended, bump);
    }

    fn tell_of_script(&mut self, news: impl Fn() -> News) {
        for peer in self.other_cores() {
            self.send(peer, Message::Tell(Notice::BusyScript(news())));
        }
    }

    /// A core has said something of a busy script.
    pub(super) fn heard_of_script(&mut self, from: Peer, news: News, bump: &Bump) {
        match news {
            News::Busy(slow) => self.script_is_busy(from, slow, bump),
            News::Ending => {
                self.script_is_ending(from);
                self.send(from, Message::Tell(Notice::BusyScript(News::Heard)));
            }
            News::Heard => {
                let Some(ending) = &mut self.scripts.ending else { return };
                ending.unheard -= 1;
                if ending.unheard == 0 {
                    self.all_have_heard(bump);
                }
            }
            News::Over => self.script_is_over(from),
        }
    }

    fn script_is_ending(&mut self, core: Peer) {
        self.scripts.slow.iter_mut().filter(|known| known.core == core).for_each(|known| known.ending = true);
    }

    fn script_is_over(&mut self, core: Peer) {
        self.scripts.slow.retain(|known| known.core != core);
        self.refresh();
    }

    /// That core has a busy script. Those who wait for what it has are told so.
    fn script_is_busy(&mut self, core: Peer, slow: Arc<Slow>, bump: &Bump) {
        self.scripts.slow.push(Known { core, slow, ending: false });
        self.refresh();
        let (hops, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.stalled).into_iter().partition(|(_, message)| matches!(message, Message::Hop(_)));
        self.stalled = others;
        for (from, message) in hops {
            if let Message::Hop(batch) = message {
                self.refuse_batch(from, batch, bump);
            }
        }
        self.release_held(bump);
    }

    /// Answers BUSY to all commands of a batch that have no answer yet.
    pub(super) fn refuse_batch(&mut self, from: Peer, mut batch: Box<HopBatch>, bump: &Bump) {
        let error = self.scripts.busy_error();
        for index in batch.ends.len()..batch.commands.len() {
            let proto = batch.commands[index].proto;
            let reply = self.error_reply(&error, proto);
            batch.replies.extend_from_slice(&reply);
            batch.ends.push(batch.replies.len());
        }
        self.send_back(from, batch, bump);
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

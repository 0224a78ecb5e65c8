//! How a node ends: SHUTDOWN and the signals. Writes stop, replicas get what they lack, the data is saved; then it is
//! over. Each step may fail or be given up, and then the node goes on as before.
//!
//! ```text
//! asked -> writes held, until every replica has all there is or shutdown-timeout is over -> saving -> the end
//! ```

use super::{After, NodeOffice, answer, now};
use crate::cores::bus_core::Outgoing;
use crate::data::plane::message::{Answer, BusCommand, Message, Peer};
use crate::node::log::last_words;
use crate::resp::Error;

/// How it is to end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    /// With a snapshot.
    pub save: bool,
    /// Without waiting for replicas.
    pub now: bool,
    /// Even if the snapshot can't be saved.
    pub force: bool,
}

/// An end that was asked for and has not come yet.
pub struct Ending {
    wishes: Wishes,
    /// When replicas have had their time.
    deadline: u64,
    /// Whether they were waited for.
    saving: bool,
    /// The commands that asked for it.
    commands: Vec<(Peer, u64)>,
}

impl Ending {
    /// Milliseconds until it no longer waits for replicas.
    pub fn left(&self) -> u64 {
        self.deadline.saturating_sub(now().mono_ms)
    }

    /// How many clients wait for it.
    pub fn clients(&self) -> usize {
        self.commands.len()
    }
}

/// Signals to end the node.
#[derive(Debug, Default)]
pub struct Signals {
    /// One came that has not been heeded yet; whether it is SIGINT.
    pending: Option<bool>,
    /// DEBUG PAUSE-CRON: none is heeded now.
    pub paused: bool,
}

impl NodeOffice {
    /// SIGTERM or SIGINT came. Who interrupts a node a second time wants it to end at once.
    pub(super) fn hear_signal(&mut self, interrupt: bool, outgoing: &mut Outgoing) {
        let saves = self.ending.as_ref().is_some_and(|ending| ending.saving);
        if interrupt && (self.signals.pending.is_some() || saves) {
            log::warn!("You insist... exiting now.");
            self.abandon_save(outgoing);
            return self.end_now();
        }
        let name = if interrupt { "SIGINT" } else { "SIGTERM" };
        log::warn!("Received {name} scheduling shutdown...");
        self.signals.pending = Some(interrupt);
        self.heed_signal(outgoing);
    }

    fn heed_signal(&mut self, outgoing: &mut Outgoing) {
        if let Some(interrupt) = self.signals.pending.take_if(|_| !self.signals.paused) {
            let directive = if interrupt { "shutdown-on-sigint" } else { "shutdown-on-sigterm" };
            self.end_on_signal(directive, outgoing);
        }
    }

    /// SHUTDOWN.
    pub(super) fn shutdown(&mut self, from: Peer, number: u64, command: &BusCommand, outgoing: &mut Outgoing) {
        let words: Vec<Vec<u8>> = command.args[1..].iter().map(|word| word.to_ascii_lowercase()).collect();
        let known: [&[u8]; 5] = [b"nosave", b"save", b"now", b"force", b"abort"];
        let has = |word: &[u8]| words.iter().any(|given| given == word);
        let bad = words.iter().any(|word| !known.contains(&word.as_slice()));
        if bad || has(b"save") && has(b"nosave") || has(b"abort") && words.len() > 1 {
            return answer(from, number, command, outgoing, |_| Err(Error::Syntax));
        }
        if has(b"abort") {
            let aborted = self.abort_shutdown(outgoing);
            return answer(from, number, command, outgoing, |reply| {
                aborted?;
                reply.ok();
                Ok(())
            });
        }
        log::warn!("User requested shutdown...");
        let save = has(b"save") || self.has_save_points() && !has(b"nosave");
        let wishes = Wishes { save, now: has(b"now"), force: has(b"force") };
        self.begin_to_end(wishes, Some((from, number)), outgoing);
    }

    /// Ends the node because of a signal, as its `directive` says.
    fn end_on_signal(&mut self, directive: &str, outgoing: &mut Outgoing) {
        let words = self.config.words(directive);
        let has = |word| words.contains(&word);
        let save = has("save") || self.has_save_points() && !has("nosave");
        self.begin_to_end(Wishes { save, now: has("now"), force: has("force") }, None, outgoing);
    }

    /// Ends the process as this signal does that nobody handles.
    pub(super) fn crash(&self, signal: i32) -> ! {
        if self.config.flag("crash-log-enabled") {
            self.drain.drain();
            last_words(&format!("coreslot crashed by signal: {signal}"));
        }
        // It does not return, but for a signal that does not end a process.
        let _ = signal_hook::low_level::emulate_default_handler(signal);
        std::process::abort()
    }

    /// Ends the node, once its replicas have what they lack.
    pub(super) fn begin_to_end(&mut self, wishes: Wishes, command: Option<(Peer, u64)>, outgoing: &mut Outgoing) {
        if self.is_loading() {
            // There is nothing yet that is not on the disk.
            return self.end_now();
        }
        if let Some(ending) = &mut self.ending {
            ending.commands.extend(command);
            if wishes.now && !ending.saving {
                ending.wishes = wishes;
                self.go_on_to_end(outgoing);
            }
            return;
        }
        let timeout = self.config.number::<u64>("shutdown-timeout") * 1000;
        let deadline = now().mono_ms + timeout;
        let commands = command.into_iter().collect();
        self.ending = Some(Ending { wishes, deadline, saving: false, commands });
        if wishes.now || timeout == 0 || self.desk_of_replication.replication.is_all_there() {
            return self.go_on_to_end(outgoing);
        }
        log::info!("Waiting for replicas before shutting down.");
        self.pause_writes(Some(u64::MAX), outgoing);
        self.with_replication(outgoing, |replication| replication.ask_for_acks());
    }

    /// Looks whether the replicas have all there is.
    pub(super) fn tick_shutdown(&mut self, outgoing: &mut Outgoing) {
        self.heed_signal(outgoing);
        let Some(ending) = self.ending.as_ref().filter(|ending| !ending.saving) else { return };
        let all_there = self.writes_are_held() && self.desk_of_replication.replication.is_all_there();
        if all_there || ending.left() == 0 {
            self.go_on_to_end(outgoing);
        }
    }

    /// Replicas have what they will get: saves, if that is wanted, and ends.
    fn go_on_to_end(&mut self, outgoing: &mut Outgoing) {
        let Some(ending) = &mut self.ending else { return };
        ending.saving = true;
        let Wishes { save, force, .. } = ending.wishes;
        // What clients are told from now on could not be saved any more.
        self.pause_writes(Some(u64::MAX), outgoing);
        self.desk_of_replication.replication.report_lagging();
        if self.appending.is_waiting() {
            if !force {
                return self.cannot_end("Writing initial AOF, can't exit.", outgoing);
            }
            log::warn!("Writing initial AOF. Exit anyway.");
        }
        self.save_and_end(save, outgoing);
    }

    /// The data could not be saved.
    pub(super) fn cannot_save(&mut self, outgoing: &mut Outgoing) {
        if self.ending.as_ref().is_some_and(|ending| ending.wishes.force) {
            log::warn!("Error trying to save the DB. Exit anyway.");
            return self.end(outgoing);
        }
        self.cannot_end("Error trying to save the DB, can't exit.", outgoing);
    }

    fn cannot_end(&mut self, reason: &str, outgoing: &mut Outgoing) {
        log::warn!("{reason}");
        log::warn!("Errors trying to shut down the server. Check the logs for more information.");
        self.give_up_end(outgoing);
    }

    fn abort_shutdown(&mut self, outgoing: &mut Outgoing) -> Result<(), Error> {
        let signalled = self.signals.pending.take().is_some();
        if self.ending.is_none() && !signalled {
            return Err(Error::new("ERR No shutdown in progress."));
        }
        log::info!("Shutdown manually aborted.");
        self.give_up_end(outgoing);
        Ok(())
    }

    fn give_up_end(&mut self, outgoing: &mut Outgoing) {
        let Some(ending) = self.ending.take() else { return };
        self.then_after_save(After::End, After::Nothing);
        self.pause_writes(None, outgoing);
        for (to, number) in ending.commands {
            let error = Error::new("ERR Errors trying to SHUTDOWN. Check logs.");
            outgoing.push((to, Message::Answer(number, Answer::Reply(Err(error)))));
        }
    }

    /// Ends the node when its log has what was said to be in it.
    pub(super) fn end(&mut self, outgoing: &mut Outgoing) {
        self.close_log_and_end(outgoing);
    }

    /// All is on the disk that was to be.
    pub(super) fn end_now(&mut self) {
        self.listeners.close();
        if let Some(desk) = &mut self.desk {
            desk.save_rest();
        }
        log::warn!("Redis is now ready to exit, bye bye...");
        // Nobody looks after the log any more.
        self.drain.drain();
        self.over = true;
        // The thread may be asleep until somebody wants something.
        self.desk_of_replication.wake();
    }
}

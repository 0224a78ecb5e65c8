//! The office's work for the node's end: SHUTDOWN and signals.
//!
//! Writes are held first, so that what clients were told is in the snapshot and in the log; replicas get some time to take
//! what they lack (`shutdown-timeout`).

use super::loading::Held;
use super::saving::{After, refuse};
use super::{NodeOffice, answer, now};
use crate::cores::bus_core::Outgoing;
use crate::data::plane::message::{BusCommand, Peer};
use crate::resp::Error;

/// An end under way.
pub struct Ending {
    /// Whether a snapshot is made.
    saves: bool,
    /// The end comes whatever happens to the snapshot.
    forced: bool,
    /// Who asked for it.
    command: Option<(Peer, u64)>,
    /// Until when replicas are waited for, in ms; none: no more.
    waits_until: Option<u64>,
    /// Whether no write is under way any more.
    quiet: bool,
}

impl NodeOffice {
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
            let aborted = self.abort_end(outgoing);
            return answer(from, number, command, outgoing, |reply| {
                if !aborted {
                    return Err(Error::new("ERR No shutdown in progress."));
                }
                reply.ok();
                Ok(())
            });
        }
        log::warn!("User requested shutdown...");
        let saves = has(b"save") || self.has_save_points() && !has(b"nosave");
        self.begin_end(saves, has(b"now"), has(b"force"), Some((from, number)), outgoing);
    }

    /// Whether the node is about to end.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    /// Ends the node, as soon as what belongs on the disk is there.
    pub(super) fn begin_end(
        &mut self,
        saves: bool,
        at_once: bool,
        forced: bool,
        command: Option<(Peer, u64)>,
        outgoing: &mut Outgoing,
    ) {
        if let Some(before) = &mut self.ending {
            // Redis ends at the second signal, and refuses a second command.
            if before.waits_until.take().is_some() && command.is_none() {
                return self.go_on_ending(outgoing);
            }
            return command.into_iter().for_each(|command| refuse(command, "ERR shutdown in progress", outgoing));
        }
        if self.is_loading() {
            // There is nothing yet that is not on the disk.
            return self.end_now();
        }
        let timeout: u64 = self.config.number("shutdown-timeout");
        let lagging = self.desk_of_replication.replication.lagging_replicas();
        let waits = !at_once && timeout > 0 && lagging > 0;
        let waits_until = waits.then(|| now().mono_ms + timeout * 1000);
        self.ending = Some(Ending { saves, forced, command, waits_until, quiet: false });
        if waits {
            log::info!("Waiting for replicas before shutting down.");
        }
        self.hold_writes(Held::End, outgoing);
    }

    /// No write is under way any more.
    pub(super) fn end_in_peace(&mut self, outgoing: &mut Outgoing) {
        if let Some(ending) = &mut self.ending {
            ending.quiet = true;
        }
        self.tick_ending(outgoing);
    }

    /// The regular work: ends when replicas have what they lack, or have had their time.
    pub(super) fn tick_ending(&mut self, outgoing: &mut Outgoing) {
        let Some(ending) = self.ending.as_mut().filter(|ending| ending.quiet) else { return };
        let lagging = self.desk_of_replication.replication.lagging_replicas();
        match ending.waits_until {
            Some(until) if lagging > 0 && now().mono_ms < until => return,
            Some(_) if lagging > 0 => {
                log::warn!("{lagging} replicas lack a part of the stream when shutting down.");
            }
            _ => {}
        }
        self.go_on_ending(outgoing);
    }

    fn go_on_ending(&mut self, outgoing: &mut Outgoing) {
        let Some(ending) = &mut self.ending else { return };
        (ending.waits_until, ending.quiet) = (None, false);
        let (saves, command) = (ending.saves, ending.command);
        if !saves {
            return self.close_log_and_end(outgoing);
        }
        log::warn!("Saving the final RDB snapshot before exiting.");
        // A snapshot that is being made has not what came since.
        self.abandon_save(outgoing);
        self.save_and(After::End(command), outgoing);
    }

    /// The last snapshot is there, or could not be made.
    pub(super) fn saved_for_end(&mut self, command: Option<(Peer, u64)>, saved: bool, outgoing: &mut Outgoing) {
        if saved || self.ending.as_ref().is_some_and(|ending| ending.forced) {
            return self.close_log_and_end(outgoing);
        }
        log::warn!("Error trying to save the DB, can't exit.");
        self.ending = None;
        self.release_writes(outgoing);
        command.into_iter().for_each(|command| refuse(command, "ERR Errors trying to SHUTDOWN. Check logs.", outgoing));
    }

    /// Goes on serving; whether the node was about to end, and could be kept from it.
    fn abort_end(&mut self, outgoing: &mut Outgoing) -> bool {
        let Some(ending) = self.ending.take_if(|ending| ending.waits_until.is_some()) else { return false };
        log::info!("Shutdown manually aborted.");
        self.release_writes(outgoing);
        let text = "ERR Errors trying to SHUTDOWN. Check logs.";
        ending.command.into_iter().for_each(|command| refuse(command, text, outgoing));
        true
    }

    /// All is done that was to be done before.
    pub(super) fn end_now(&mut self) {
        self.listeners.close();
        log::warn!("Redis is now ready to exit, bye bye...");
        self.over = true;
    }
}

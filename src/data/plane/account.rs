//! Counting and timing commands: what INFO commandstats, the slow log and the latency monitor tell.

use super::Plane;
use super::dispatch::{Outcome, Request};
use crate::data::command::Command;
use crate::data::command::redact::redacted;
use crate::data::command::slowlog::SlowLog;
use crate::data::command::spec::flag;

/// A command that waits for others.
pub struct Clocked {
    command: &'static Command,
    /// Empty if nobody wants to know them.
    args: Vec<Vec<u8>>,
    /// When it began.
    began_ns: u64,
}

impl Plane {
    /// Counts and times commands of client `at`, and notes one that was slow.
    pub(super) fn account(&mut self, at: u32, requests: &[Request<'_>]) {
        if requests.is_empty() {
            return;
        }
        let elapsed = self.count(requests);
        if let [request] = requests
            && let Some(command) = request.command
            && matches!(request.outcome.get(), Outcome::Done | Outcome::Failed)
        {
            self.note_slowness(at, command, request.args, elapsed / 1000);
        }
    }

    /// Counts and times commands that were executed one after the other since the last reading of the clock; how many
    /// nanoseconds ago that was.
    pub(super) fn count(&mut self, requests: &[Request<'_>]) -> u64 {
        let now = (self.options.clock)();
        let elapsed = now.saturating_sub(self.now.mono_ns);
        self.now.mono_ns = now;
        let each = elapsed / requests.len().max(1) as u64;
        let track = self.settings.latency_tracking;
        let kind = |request: &Request<'_>| (request.command.map(Command::id), request.outcome.get());
        for run in requests.chunk_by(|a, b| kind(a) == kind(b)) {
            if let (Some(id), outcome @ (Outcome::Done | Outcome::Failed)) = kind(&run[0]) {
                self.stats.commands += run.len() as u64;
                self.commands.called(id, run.len() as u64, each, outcome == Outcome::Failed, track);
            }
        }
        elapsed
    }

    /// A command of client `at` begins to wait for others. One that waits for a command of its own (EXEC) does not: that
    /// one has the clock.
    pub(super) fn clock_in(&mut self, at: u32, request: &Request<'_>) {
        let logs = self.settings.slowlog_log_slower_than >= 0 || self.settings.latency_monitor_threshold > 0;
        let session = &mut self.clients[at].session;
        if let Some(command) = request.command
            && session.clocked.is_none()
        {
            request.outcome.set(Outcome::Later);
            let args = request.args.iter().filter(|_| logs).map(|arg| arg.to_vec()).collect();
            session.clocked = Some(Box::new(Clocked { command, args, began_ns: self.now.mono_ns }));
        }
    }

    /// It is done.
    pub(super) fn clock_out(&mut self, at: u32) {
        let reference = self.clients.at(at).map(|client| client.reference);
        let Some(client) = reference.and_then(|client| self.clients.get_mut(client)) else { return };
        let Some(Clocked { command, args, began_ns }) = client.session.clocked.take().map(|clocked| *clocked) else {
            return;
        };
        let elapsed = (self.options.clock)().saturating_sub(began_ns);
        self.stats.commands += 1;
        self.commands.called(command.id(), 1, elapsed, false, self.settings.latency_tracking);
        if !args.is_empty() {
            let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
            self.note_slowness(at, command, &args, elapsed / 1000);
        }
    }

    /// Whether a command that took so long is worth a note.
    pub(super) fn is_slow(&self, microseconds: u64) -> bool {
        let threshold = self.settings.latency_monitor_threshold;
        SlowLog::is_slow(microseconds, &self.settings) || threshold > 0 && microseconds / 1000 >= threshold
    }

    /// Puts a slow command into the slow log and the latency monitor.
    pub(super) fn note_slowness(&mut self, at: u32, command: &Command, args: &[&[u8]], microseconds: u64) {
        let event = if command.spec.is(flag::FAST) { "fast-command" } else { "command" };
        let (now, threshold) = (self.now.unix_ms, self.settings.latency_monitor_threshold);
        self.latency.record(event, microseconds / 1000, threshold, now);
        let logged = SlowLog::is_slow(microseconds, &self.settings) && !command.spec.is(flag::SKIP_SLOWLOG);
        if let (true, Some(client)) = (logged, self.clients.at(at)) {
            let peer = (client.session.addr.as_str(), client.session.name.as_slice());
            let shown = redacted(command.spec, args);
            self.slowlog.record(shown.as_deref().unwrap_or(args), microseconds, peer, now, &self.settings);
        }
    }
}

//! Counting and timing commands: what INFO commandstats, the slow log and the latency monitor tell.

use super::Plane;
use super::dispatch::{Outcome, Request};
use crate::data::command::Command;
use crate::data::command::redact::redacted;
use crate::data::command::slowlog::SlowLog;
use crate::data::command::spec::flag;

impl Plane {
    /// Counts and times commands that were executed one after the other since the last reading of the clock.
    pub(super) fn account(&mut self, at: u32, requests: &[Request<'_>]) {
        if requests.is_empty() {
            return;
        }
        let now = (self.options.clock)();
        let elapsed = now.saturating_sub(self.now.mono_ns);
        self.now.mono_ns = now;
        let each = elapsed / requests.len() as u64;
        let track = self.settings.latency_tracking;
        let kind = |request: &Request<'_>| (request.command.map(Command::id), request.outcome.get());
        for run in requests.chunk_by(|a, b| kind(a) == kind(b)) {
            if let (Some(id), outcome @ (Outcome::Done | Outcome::Failed)) = kind(&run[0]) {
                self.stats.commands += run.len() as u64;
                self.commands.called(id, run.len() as u64, each, outcome == Outcome::Failed, track);
            }
        }
        if let [request] = requests {
            self.note_slowness(at, request, elapsed / 1000);
        }
    }

    /// Puts a slow command into the slow log and the latency monitor.
    fn note_slowness(&mut self, at: u32, request: &Request<'_>, microseconds: u64) {
        let Some(command) = request.command else { return };
        let event = if command.spec.is(flag::FAST) { "fast-command" } else { "command" };
        let (now, threshold) = (self.now.unix_ms, self.settings.latency_monitor_threshold);
        self.latency.record(event, microseconds / 1000, threshold, now);
        let logged = SlowLog::is_slow(microseconds, &self.settings) && !command.spec.is(flag::SKIP_SLOWLOG);
        if let (true, Some(client)) = (logged, self.clients.at(at)) {
            let peer = (client.session.addr.as_str(), client.session.name.as_slice());
            let shown = redacted(command.spec, request.args);
            self.slowlog.record(shown.as_deref().unwrap_or(request.args), microseconds, peer, now, &self.settings);
        }
    }
}

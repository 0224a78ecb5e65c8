//! MONITOR: every command of every core as a line for those who watch.
//!
//! The core of a client's connection makes the line when the command is about to be executed; the core that runs a
//! script makes those of the script's commands. At the end of its turn a core sends its lines to the cores that have
//! monitoring clients. There they wait for one turn more, and are put in the order of their times: so a line can't
//! overtake one that was made before it on another core.
//!
//! While nobody monitors, no core has `free` taken from it, and none of this is reached.

use super::Plane;
use super::client::ClientRef;
use super::dispatch::{Flow, Request};
use super::message::{Inquiry, Message, Notice, Peer};
use crate::base::ids::CoreId;
use crate::data::command::redact::redacted;
use crate::data::command::spec::flag;
use crate::data::command::{Command, Run, SessionHandler};
use crate::resp::Error;
use crate::resp::quote::quote;
use std::sync::Arc;

/// Handlers of this file; they wait for all earlier replies of their client.
pub const NODE_HANDLERS: &[(&str, SessionHandler)] = &[("monitor", monitor)];

/// A command as monitoring clients see it.
#[derive(Clone, Debug)]
pub struct Line {
    /// Unix time in microseconds.
    at: u64,
    /// All that is sent.
    text: Vec<u8>,
}

/// See the module's header.
#[derive(Default)]
pub struct Monitors {
    /// The cores that have monitoring clients.
    cores: Vec<CoreId>,
    /// The clients of this core that monitor, and whether they have been told OK.
    here: Vec<(ClientRef, bool)>,
    /// The lines that this core has made in this turn.
    made: Vec<Line>,
    /// How many there were when the command began that is being dispatched, if it has a line.
    mark: Option<usize>,
    /// The lines for clients of this core that came in this turn.
    fresh: Vec<Line>,
    /// Those that came in the turn before.
    held: Vec<Line>,
}

impl Monitors {
    /// Whether anybody monitors.
    pub fn is_on(&self) -> bool {
        !self.cores.is_empty()
    }

    /// Whether there are lines that are due in the next turn.
    pub fn holds_lines(&self) -> bool {
        !self.held.is_empty()
    }

    /// The command being dispatched is not executed, or not yet: it has no line.
    pub fn retract(&mut self) {
        if let Some(mark) = self.mark.take() {
            self.made.truncate(mark);
        }
    }

    /// The last command's line stays, whatever comes.
    pub fn keep(&mut self) {
        self.mark = None;
    }

    /// What is due, in the order of time.
    fn take_due(&mut self, hold: bool) -> Vec<Line> {
        let mut due = std::mem::take(&mut self.held);
        let last = due.iter().map(|line| line.at).max();
        due.append(&mut self.fresh);
        due.sort_by_key(|line| line.at);
        if hold {
            let until = last.map_or(0, |last| due.partition_point(|line| line.at <= last));
            self.held = due.split_off(until);
        }
        due
    }
}

fn monitor(plane: &mut Plane, at: u32, _: &Request<'_>) -> Result<Flow, Error> {
    if plane.transacting(at) {
        return Err(Error::new("ERR MONITOR isn't allowed for DENY BLOCKING client"));
    }
    if plane.clients[at].session.monitors {
        return Ok(Flow::Done); // Without a reply, as in Redis.
    }
    let client = &mut plane.clients[at];
    client.session.monitors = true;
    client.refresh_plain();
    let reference = client.reference;
    plane.monitors.here.push((reference, false));
    let inquiry = Inquiry::Monitor(plane.core());
    plane.ask(
        at,
        plane.data_cores(),
        inquiry,
        Box::new(move |plane, at, _| {
            plane.reply(at).ok();
            let mut known = plane.monitors.here.iter_mut();
            if let Some((_, told)) = known.find(|(known, _)| *known == reference) {
                *told = true;
            }
        }),
    )
}

impl Plane {
    /// Core `core` has clients that monitor, or has none any more.
    pub(super) fn monitored_by(&mut self, core: CoreId, on: bool) {
        self.monitors.cores.retain(|known| *known != core);
        if on {
            self.monitors.cores.push(core);
        }
        self.refresh();
    }

    /// A client monitors no more.
    pub(super) fn stop_monitoring(&mut self, at: u32) {
        let client = &mut self.clients[at];
        if !std::mem::take(&mut client.session.monitors) {
            return;
        }
        client.refresh_plain();
        let reference = client.reference;
        self.monitors.here.retain(|(known, _)| *known != reference);
        if self.monitors.here.is_empty() {
            (self.monitors.fresh, self.monitors.held) = Default::default();
            let core = self.core();
            self.monitored_by(core, false);
            for peer in self.data_cores().filter(|peer| *peer != core.into()).collect::<Vec<_>>() {
                self.send(peer, Message::Tell(Notice::MonitorsNoMore(core)));
            }
        }
    }

    /// A command of client `at` is about to be executed. EXEC has its line when its commands have theirs.
    #[cold]
    pub(super) fn show(&mut self, at: u32, args: &[&[u8]], command: &Command) {
        let hidden = command.spec.is(flag::SKIP_MONITOR | flag::ADMIN) && !matches!(command.run, Run::Script);
        self.monitors.mark = (!hidden).then_some(self.monitors.made.len());
        if !hidden {
            let session = &self.clients[at].session;
            let whose = match session.addr.strip_suffix(":0").filter(|path| path.starts_with('/')) {
                Some(path) => format!("unix:{path}"),
                None => session.addr.clone(),
            };
            self.add_line(session.db, &whose, args, command);
        }
    }

    /// The same for a command of the running script.
    #[cold]
    pub(super) fn show_of_script(&mut self, db: usize, args: &[&[u8]], command: &Command) {
        if !command.spec.is(flag::SKIP_MONITOR | flag::ADMIN) {
            self.add_line(db, "lua", args, command);
        }
    }

    fn add_line(&mut self, db: usize, whose: &str, args: &[&[u8]], command: &Command) {
        let at = (self.options.wall_clock)();
        let (seconds, rest) = (at / 1_000_000, at % 1_000_000);
        let mut text = format!("+{seconds}.{rest:06} [{db} {whose}]").into_bytes();
        let shown = redacted(command.spec, args);
        for arg in shown.as_deref().unwrap_or(args) {
            text.push(b' ');
            text.extend(quote(arg));
        }
        text.extend(b"\r\n");
        self.monitors.made.push(Line { at, text });
    }

    /// EXEC is over, or was refused; `word` is how it was written.
    pub(super) fn show_exec(&mut self, at: u32, word: &[u8]) {
        if self.monitors.is_on()
            && let Some(command) = self.registry.find_by_full_name(b"exec").filter(|spec| self.registry.runs(spec))
        {
            let command = self.registry.by_id(command.id() as u16);
            self.show(at, &[word], command);
            self.monitors.keep();
        }
    }

    /// Lines from another core.
    pub(super) fn lines_came(&mut self, lines: &[Line]) {
        if !self.monitors.here.is_empty() {
            self.monitors.fresh.extend_from_slice(lines);
        }
    }

    /// Sends off this turn's lines, and gives those that are due to their readers.
    pub(super) fn flush_lines(&mut self) {
        let monitors = &mut self.monitors;
        if !monitors.made.is_empty() {
            let made: Arc<[Line]> = std::mem::take(&mut monitors.made).into();
            let here = self.options.core;
            for core in monitors.cores.clone() {
                if core == here {
                    self.lines_came(&made);
                } else {
                    self.outgoing.push((Peer::from(core), Message::Tell(Notice::Lines(made.clone()))));
                }
            }
        }
        if self.monitors.fresh.is_empty() && self.monitors.held.is_empty() {
            return;
        }
        let due = self.monitors.take_due(self.options.cores > 1);
        for (client, _) in self.monitors.here.clone().into_iter().filter(|(_, told)| *told) {
            due.iter().for_each(|line| self.message_to(client.index).raw(&line.text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Node, encode};
    use super::*;
    use crate::contract::settings::Settings;

    fn line(at: u64) -> Line {
        Line { at, text: Vec::new() }
    }

    #[test]
    fn lines_wait_for_older_ones_of_other_cores() {
        let mut monitors = Monitors { fresh: vec![line(2), line(4)], ..Monitors::default() };
        let times = |lines: Vec<Line>| lines.iter().map(|line| line.at).collect::<Vec<_>>();
        assert_eq!(times(monitors.take_due(true)), []);
        monitors.fresh = vec![line(1), line(5), line(3)];
        assert_eq!(times(monitors.take_due(true)), [1, 2, 3, 4]);
        assert_eq!(times(monitors.take_due(true)), [5]);
        assert!(!monitors.holds_lines());
    }

    #[test]
    fn every_command_of_every_core_is_shown_once() {
        for (cores, seed) in [(1, 0), (3, 1), (3, 2), (3, 3)] {
            let mut node = Node::new(cores, seed, Settings::default());
            let watcher = node.connect(0);
            let clients: Vec<_> = (0..cores).map(|core| node.connect(core)).collect();
            assert_eq!(node.call(watcher, "MONITOR"), "+OK\r\n");
            for client in &clients {
                node.call(*client, "set a 1");
                node.call(*client, "get nothing extra");
                node.call(*client, "multi");
                node.call(*client, "incr a");
                node.call(*client, "exec");
                node.call(*client, "auth secret");
            }
            for _ in 0..20 * cores {
                node.turn();
            }
            let shown = String::from_utf8(node.take_replies(watcher)).expect("lines are text");
            let commands: Vec<&str> = shown.lines().filter_map(|line| line.split("] ").nth(1)).collect();
            let each = [r#""set" "a" "1""#, r#""multi""#, r#""incr" "a""#, r#""exec""#, r#""auth" "(redacted)""#];
            assert_eq!(commands, each.repeat(cores), "{cores} cores");
            assert_eq!(node.call(watcher, "GET a"), "-ERR Replica can't interact with the keyspace\r\n");
            node.send(watcher, &encode("RESET"));
            node.settle();
            assert!(node.planes.iter().all(|plane| plane.free), "nobody monitors any more");
        }
    }
}

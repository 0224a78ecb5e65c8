//! SCRIPT DEBUG: a client that talks to Redis's debugger of scripts while its script stands still. Part of
//! [`script`](super::script).
//!
//! ```text
//! SCRIPT DEBUG SYNC, EVAL -> all stores are borrowed, the script stops before its first line
//!   stop: lines to the client -- its next command --> the script goes on, to the next stop or its end
//! the end: the lines that are left, the reply of EVAL, and the connection is closed
//! ```
//!
//! The script runs on the core of its client, which has all stores meanwhile: everybody else waits, as for Redis in this mode.
//! `SCRIPT DEBUG YES` is the same, but that what the script changes is undone at the end and nobody hears of it. (Redis forks.)
//!
//! Owned by the data core. Invariant: a job has a session exactly while the engine debugs its script.

use super::Plane;
use super::client::ClientRef;
use super::dispatch::Request;
use super::redirect::command_keys;
use super::script::{Caller, Job};
use crate::base::limits;
use crate::data::command::spec::flag;
use crate::data::command::{Command, Run};
use crate::data::exec::Exec;
use crate::data::script::debugger::Lines;
use crate::resp::parse::{self, Limits, ParseState, Parsed};
use crate::resp::{Error, Proto, Reply};
use bumpalo::Bump;

/// How the scripts of a client are debugged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Debugging {
    /// YES: what they change is undone.
    Undone,
    /// SYNC: it stays.
    Kept,
}

/// The session of the script that is debugged.
pub(super) struct Session {
    /// Whether its user is to say what is next.
    stopped: bool,
    /// The keys that it has changed, as they were; none: they stay as they are.
    before: Option<Vec<Before>>,
}

/// A key as it was: what DUMP told of it, if it was there, and when it would have expired.
struct Before {
    db: usize,
    key: Vec<u8>,
    dumped: Option<(Vec<u8>, Vec<u8>)>,
}

impl Session {
    pub(super) fn new(debugging: Debugging) -> Session {
        Session { stopped: false, before: (debugging == Debugging::Undone).then(Vec::new) }
    }
}

impl Job {
    /// Whether it waits for the user of its debugger.
    pub(super) fn is_stopped(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.stopped)
    }

    /// Whether what it does is undone.
    pub(super) fn is_undone(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.before.is_some())
    }

    fn is_of(&self, client: ClientRef) -> bool {
        matches!(self.caller, Caller::Client(caller) if caller == client)
    }
}

impl Plane {
    /// How this client's script is to be debugged, if it is.
    pub(super) fn debugging(&self, at: u32) -> Option<Debugging> {
        self.clients[at].session.debugging.filter(|_| !self.transacting(at))
    }

    /// Whether the script of a client that debugs may begin.
    pub(super) fn admit_debugged(request: &Request<'_>) -> Result<(), Error> {
        let sha = request.command.is_some_and(|command| command.spec.full_name().starts_with("evalsha"));
        if sha { Err(Error::new("ERR Please use EVAL instead of EVALSHA for debugging")) } else { Ok(()) }
    }

    /// The script has stopped; whether there is somebody to say what is next.
    pub(super) fn stopped_in_debugger(&mut self) -> bool {
        let Some((job, engine)) = self.scripts.job.as_mut().zip(self.scripts.engine.as_deref_mut()) else {
            return false;
        };
        let (lines, Caller::Client(client)) = (engine.lines(), &job.caller) else { return false };
        let client = *client;
        let Some(session) = job.session.as_mut().filter(|_| self.clients.get(client).is_some()) else { return false };
        session.stopped = true;
        self.reply(client.index).raw(&lines_as_reply(&lines));
        true
    }

    /// Whether what this client sends is for the debugger.
    pub(super) fn talks_to_debugger(&self, at: u32) -> bool {
        let client = self.clients[at].reference;
        self.scripts.job.as_ref().is_some_and(|job| job.is_stopped() && job.is_of(client))
    }

    /// The user of the debugger has sent something.
    pub(super) fn told_debugger(&mut self, at: u32, bump: &Bump) {
        while self.talks_to_debugger(at) {
            let input = &mut self.clients[at].input;
            let mut spans = Vec::new();
            let limits = Limits::new(limits::DEBUGGER_INPUT as u64, true);
            let words = match parse::parse(input, &mut ParseState::default(), &limits, &mut spans) {
                Parsed::Command { consumed } => {
                    let words: Lines = spans.iter().map(|span| span.of(input).to_vec()).collect();
                    input.drain(..consumed);
                    Some(words)
                }
                Parsed::Empty { consumed } => {
                    input.drain(..consumed);
                    continue;
                }
                Parsed::Incomplete { .. } if input.len() <= limits::DEBUGGER_INPUT => return,
                _ => {
                    input.clear();
                    None
                }
            };
            self.debugger_goes_on();
            let slice_ends = (self.options.clock)() + limits::SCRIPT_SLICE_NS;
            let Some(engine) = self.scripts.engine.as_deref_mut() else { return };
            let step = engine.obey(words, slice_ends);
            self.go_on_with_script(step, bump);
        }
    }

    /// This client is not there any more, or says nothing more: its script goes on by itself.
    pub(super) fn leave_debugger(&mut self, at: u32) {
        if self.talks_to_debugger(at) {
            self.debugger_goes_on();
        }
    }

    /// The script that is debugged goes on: at the latest with the core's next turn.
    pub(super) fn debugger_goes_on(&mut self) {
        if let Some(session) = self.scripts.job.as_mut().and_then(|job| job.session.as_mut()) {
            session.stopped = false;
        }
    }

    /// The script is done: undoes what is to be undone; the lines that are left, as a reply.
    pub(super) fn end_session(&mut self, job: &mut Job) -> Vec<u8> {
        let Some(session) = job.session.as_mut() else { return Vec::new() };
        for before in session.before.take().into_iter().flatten().rev() {
            self.undo(&before);
        }
        let lines = self.scripts.engine.as_deref_mut().map(|engine| engine.end_debugging());
        log::warn!("Lua debugging session ended");
        lines_as_reply(&lines.unwrap_or_default())
    }

    /// Whether a script whose changes are undone may call this.
    pub(super) fn admit_undone(&self, command: &Command) -> Result<(), Error> {
        let writes = command.spec.flags() & (flag::WRITE | flag::MAY_REPLICATE) != 0;
        let undone = self.scripts.job.as_ref().is_some_and(|job| job.is_undone());
        if undone && writes && !matches!(command.run, Run::Keyed(_)) {
            return Err(Error::new(
                "ERR This command can't be undone: use SCRIPT DEBUG SYNC (redis-cli --ldb-sync-mode)",
            ));
        }
        Ok(())
    }

    /// Remembers the keys that a command of the script is about to change.
    pub(super) fn remember_keys(&mut self, db: usize, args: &[&[u8]], command: &Command) {
        if !command.spec.is(flag::WRITE) {
            return;
        }
        for key in command_keys(command, args) {
            let before = self.scripts.job.as_ref().and_then(|job| job.session.as_ref()?.before.as_ref());
            if before.is_none_or(|before| before.iter().any(|known| known.db == db && known.key == key)) {
                continue;
            }
            let value = bulk(&self.run_quietly(db, &[b"DUMP", key]));
            let deadline = self.run_quietly(db, &[b"PEXPIRETIME", key]);
            let deadline = deadline.strip_prefix(b":").map(|deadline| deadline.trim_ascii_end().to_vec());
            let dumped = value.zip(deadline);
            let before = Before { db, key: key.to_vec(), dumped };
            let session = self.scripts.job.as_mut().and_then(|job| job.session.as_mut());
            if let Some(known) = session.and_then(|session| session.before.as_mut()) {
                known.push(before);
            }
        }
    }

    /// Nobody is to hear of what a command has changed.
    pub(super) fn forget_effects(&mut self) {
        self.effects.changed = 0;
        self.effects.events.clear();
        self.effects.rewritten.clear();
    }

    fn undo(&mut self, before: &Before) {
        let Before { db, key, dumped } = before;
        let reply = match dumped {
            None => self.run_quietly(*db, &[b"DEL", key]),
            Some((value, deadline)) => {
                let deadline: &[u8] = if deadline.starts_with(b"-") { b"0" } else { deadline };
                self.run_quietly(*db, &[b"RESTORE", key, deadline, value, b"REPLACE", b"ABSTTL"])
            }
        };
        if reply.starts_with(b"-") {
            log::error!("A debugged script's change can't be undone: {}", reply.escape_ascii());
        }
    }

    /// Executes a command on keys of which nobody hears; its reply.
    fn run_quietly(&mut self, db: usize, args: &[&[u8]]) -> Vec<u8> {
        let bump = Bump::new();
        // By its own name, whatever `rename-command` says.
        let spec = self.registry.find_by_full_name(args[0]).filter(|spec| self.registry.runs(spec));
        let Some(Run::Keyed(handler)) = spec.map(|spec| &self.registry.by_id(spec.id() as u16).run) else {
            return Vec::new();
        };
        let mut reply = Vec::new();
        let mut exec = Exec {
            stores: &mut self.stores,
            db,
            now: self.now.unix_ms,
            reply: Reply::new(&mut reply, Proto::Resp2),
            settings: &self.settings,
            hasher: self.options.hasher,
            effects: &mut self.effects,
            scratch: &bump,
            may_block: false,
            woken: None,
            routed: None,
        };
        if let Err(error) = handler(&mut exec, args) {
            exec.reply.error(&error);
        }
        self.forget_effects();
        reply
    }
}

/// The string that a reply is.
fn bulk(reply: &[u8]) -> Option<Vec<u8>> {
    let end = memchr::memchr(b'\n', reply).filter(|_| reply.starts_with(b"$") && reply != b"$-1\r\n")?;
    Some(reply[end + 1..reply.len() - 2].to_vec())
}

/// What is said where a session never began.
pub(super) fn no_session() -> Vec<u8> {
    lines_as_reply(&[b"<endsession>".to_vec()])
}

/// Lines for the user, as Redis sends them: an array of simple strings.
fn lines_as_reply(lines: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", lines.len()).into_bytes();
    for line in lines {
        bytes.push(b'+');
        bytes.extend(line.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }));
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

//! Running scripts and functions: on the core that owns their keys, step by step.
//!
//! ```text
//! EVAL -> begin -> drive: the engine steps out  -- redis.call --> the command executes here, drive goes on
//!                                               -- slice over --> the store is locked, `continue_script` each turn
//!                                               -- lacks a store -> `claim`, then the same call again
//!                                               -- waits ------>  a command that others answer; goes on with the answer
//!                                               -- done ------->  reply, locks and borrowed stores back
//! ```
//!
//! While a script stands still nobody else touches the stores it has; after `busy-reply-threshold` those who want to
//! are told BUSY. Commands that need a connection (PUBLISH, CONFIG ...) run as a client that has no socket.
//!
//! Owned by the data core. Invariant: there is a job exactly while the engine runs a script.

use super::Plane;
use super::acl::Behalf;
use super::busy_script::{self, Slow};
use super::claim::WideScripts;
use super::client::{ClientRef, SCRIPT_CLIENT};
use super::debugger::{self, Debugging};
use super::dispatch::{Flow, Outcome, Request};
use super::hop::HopBatch;
use super::log::Unit;
use super::message::{Message, Peer};
use super::redirect::command_keys;
use super::script_lookup::{Name, Prepared};
use crate::base::ids::CoreId;
use crate::base::limits;
use crate::data::command::Command;
use crate::data::origin::Origin;
use crate::data::route::{Manner, Route, Service};
use crate::data::script::functions::Libraries;
use crate::data::script::known::{Flags, Known};
use crate::data::script::{Engine, Invocation, Step, engine};
use crate::resp::{Error, Proto, Reply};
use crate::slot::Slot;
use bumpalo::Bump;

/// The commands that run scripts.
pub const COMMANDS: &[&str] = &["eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro"];

/// What a core has for scripts.
#[derive(Default)]
pub struct Scripts {
    /// The interpreter, once it was needed.
    pub(super) engine: Option<Box<Engine>>,
    /// The scripts it knows.
    pub known: Known,
    /// The libraries of functions it has.
    pub libraries: Libraries,
    pub(super) job: Option<Box<Job>>,
    /// Those that borrow all stores before they run.
    pub(super) wide: WideScripts,
    /// The busy scripts of the node.
    pub(super) slow: Vec<busy_script::Known>,
    /// This core's that is done, until all know.
    pub(super) ending: Option<Box<busy_script::Ending>>,
    /// Scratch memory of the command that a script calls.
    pub(super) bump: Bump,
    /// Scripts begun so far.
    pub(super) begun: u32,
}

/// Whose script it is.
pub enum Caller {
    /// A client of this core.
    Client(ClientRef),
    /// One of another core, which sent it alone in a batch.
    Batch(Peer, Box<HopBatch>),
    /// The node's primary, or its log on the disk.
    Primary,
}

/// The script that is running.
pub(super) struct Job {
    pub(super) caller: Caller,
    /// The stores it has borrowed.
    cores: Vec<CoreId>,
    /// Whether this core's store is locked for its sake alone.
    locked: bool,
    pub(super) db: usize,
    /// How its caller is answered.
    proto: Proto,
    /// How its caller says it, for slots that the node does not simply serve.
    pub(super) manner: Manner,
    /// Whose rights it has, if not all.
    pub(super) behalf: Option<Box<Behalf>>,
    name: Name,
    pub(super) is_function: bool,
    pub(super) read_only: bool,
    pub(super) flags: Flags,
    /// Whether it has written, or is about to.
    pub(super) wrote: bool,
    /// Whether it has done something that can't be done again.
    pub(super) acted: bool,
    /// Whether it is to end, for it begins anew with all stores.
    pub(super) begins_anew: bool,
    /// Whose it is.
    pub(super) origin: Origin,
    /// The keys it was called with, if its client tracks what it reads.
    pub(super) tracked: Option<Vec<Box<[u8]>>>,
    /// The slot of the keys it has named so far, in a cluster.
    pub(super) slot: Option<Slot>,
    /// The number of the command that called it.
    command: u16,
    /// When it began, by both clocks.
    pub(super) began_ns: u64,
    pub(super) began_ms: u64,
    /// Whether it has run for longer than `busy-reply-threshold`.
    pub(super) busy: bool,
    /// The command that called it, for FUNCTION STATS, or once the script has stood still.
    args: Vec<Vec<u8>>,
    /// What it has logged, while it stands still.
    pub(super) unit: Option<Unit>,
    /// Whether it is part of a transaction, whose log it writes to then.
    pub(super) in_transaction: bool,
    /// The command whose answer it waits for.
    pub(super) awaits: Option<&'static Command>,
    /// The number under which it has claimed stores.
    pub(super) claim: Option<u64>,
    /// The session of its debugger.
    pub(super) session: Option<debugger::Session>,
}

/// A script as a command asks for it.
pub struct Call<'a> {
    /// Whose it is.
    pub caller: Caller,
    /// The whole command.
    pub args: &'a [&'a [u8]],
    /// The same, as the table has it.
    pub command: &'static Command,
    /// The caller's database.
    pub db: usize,
    /// How to answer.
    pub proto: Proto,
    /// See [`Manner`].
    pub manner: Manner,
    /// Whose rights it has, if not all.
    pub behalf: Option<Box<Behalf>>,
    /// The stores it has borrowed.
    pub cores: Vec<CoreId>,
    /// How it is debugged, if it is.
    pub debugging: Option<Debugging>,
}

/// A script that is done.
pub(super) struct Ended {
    job: Box<Job>,
    pub(super) reply: Vec<u8>,
    pub(super) failed: bool,
}

impl Scripts {
    /// Whether a script has used up its slice of time and wants another.
    pub fn wants_time(&self) -> bool {
        self.job.as_ref().is_some_and(|job| job.awaits.is_none() && job.claim.is_none() && !job.is_stopped())
    }

    /// Whether this core's store may be a script's.
    pub(super) fn has_store(&self) -> bool {
        self.job.is_some() || self.ending.is_some()
    }

    /// Bytes of memory the interpreter has.
    pub fn memory(&self) -> usize {
        self.engine.as_ref().map_or(0, |engine| engine.memory())
    }
}

impl Job {
    /// Its SHA-1 or the function's name.
    pub(super) fn name(&self) -> &[u8] {
        self.name.bytes()
    }

    /// Whether it can be run again as if it never had been.
    pub(super) fn may_begin_anew(&self) -> bool {
        !self.acted && !self.in_transaction && !matches!(self.caller, Caller::Primary)
    }

    /// What others are told of it.
    pub(super) fn describe(&self) -> Slow {
        let Job { name, is_function, args, began_ns, .. } = self;
        Slow { name: name.bytes().to_vec(), is_function: *is_function, args: args.clone(), began_ns: *began_ns }
    }
}

impl Plane {
    /// Runs a script where its keys are. One that will use keys that it has not named gets all stores at once: in a
    /// standalone node that may be any, in a cluster one that names none, or is known for it.
    pub(super) fn script(&mut self, at: u32, request: &Request<'_>, command: &'static Command) -> Flow {
        let (here, cores) = (self.core(), self.options.cores);
        let manner = self.script_manner(at, request.args, command);
        let debugged = self.debugging(at).is_some();
        if debugged && let Err(error) = Plane::admit_debugged(request) {
            return self.refuse(at, request, error);
        }
        let route = match self.routes.route(command, request, manner, here, &self.topology) {
            Route::Refused(error) => Route::Refused(error),
            _ if cores > 1 && (debugged || self.is_wide(request.args, command)) => Route::Span(self.all_cores()),
            route => route,
        };
        match route {
            Route::Here(Service::Whole) => self.execute_script(at, request, Vec::new()),
            Route::Here(service) => match self.check_keys(service, &command_keys(command, request.args)) {
                Ok(()) => self.execute_script(at, request, Vec::new()),
                Err(error) => self.refuse(at, request, error),
            },
            Route::Hop(core) => self.hop(at, request, command, manner, core),
            Route::Span(cores) => self.span(at, request, cores),
            Route::Refused(error) => self.refuse(at, request, error),
        }
    }

    /// Whether a script is to have all stores.
    pub(super) fn is_wide(&self, args: &[&[u8]], command: &Command) -> bool {
        let names_none = || command_keys(command, args).is_empty();
        !self.settings.cluster_enabled || names_none() || self.scripts.wide.calls_one(args, command)
    }

    /// Runs a script that has all stores, if the node serves the keys that it names.
    pub(super) fn execute_wide_script(&mut self, at: u32, request: &Request<'_>, cores: Vec<CoreId>) -> Flow {
        match request.command.map(|command| self.admit_slot(at, request, command)) {
            Some(Err(error)) => self.refuse(at, request, error),
            _ => self.execute_script(at, request, cores),
        }
    }

    /// Runs the script of a client of this core. `cores`: those whose stores were borrowed for it, which the script
    /// gives back if it has to go on later.
    pub(super) fn execute_script(&mut self, at: u32, request: &Request<'_>, cores: Vec<CoreId>) -> Flow {
        let Some(command) = request.command else { return Flow::Done };
        let client = &self.clients[at];
        let (caller, db, proto) = (Caller::Client(client.reference), client.session.db, client.session.proto);
        let manner = self.script_manner(at, request.args, command);
        let (behalf, debugging) = (self.behalf_of(at), self.debugging(at));
        request.outcome.set(Outcome::Done);
        let call = Call { caller, args: request.args, command, db, proto, manner, behalf, cores, debugging };
        let (reply, failed) = match self.begin_script(call) {
            Ok(Some(ended)) => (ended.reply, ended.failed),
            Ok(None) => return Flow::Wait,
            Err((_, error)) => {
                let told = debugging.map_or_else(Vec::new, |_| debugger::no_session());
                ([told, self.error_reply(&error, proto)].concat(), true)
            }
        };
        if failed {
            request.outcome.set(Outcome::Failed);
        }
        self.reply(at).raw(&reply);
        self.recycle(reply);
        if debugging.is_some() {
            self.say_goodbye(at);
        }
        self.serve_ready(request.bump);
        Flow::Done
    }

    /// Runs the script of a client of another core, which came alone in a batch. `cores`: as above.
    pub(super) fn execute_script_batch(
        &mut self,
        from: Peer,
        mut batch: Box<HopBatch>,
        cores: Vec<CoreId>,
        bump: &Bump,
    ) -> Flow {
        let Some(entry) = batch.commands.first().copied() else { return Flow::Done };
        let args: &[&[u8]] =
            bump.alloc_slice_fill_iter(batch.args(bump).iter().map(|arg| &*bump.alloc_slice_copy(arg)));
        let command = self.registry.by_id(entry.command);
        if let Err(error) = self.admit_hop(&entry, args) {
            self.commands.rejected(entry.command);
            let reply = self.error_reply(&error, entry.proto);
            self.return_script_batch(from, batch, &reply);
            return Flow::Done;
        }
        let began = (self.options.clock)();
        self.now.mono_ns = began;
        let behalf = batch.behalf.take();
        let call = Call {
            behalf,
            caller: Caller::Batch(from, batch),
            args,
            command,
            db: entry.db as usize,
            proto: entry.proto,
            manner: entry.manner,
            cores,
            debugging: None,
        };
        let (caller, reply, failed) = match self.begin_script(call) {
            Ok(Some(ended)) => (ended.job.caller, ended.reply, ended.failed),
            Ok(None) => return Flow::Wait,
            Err((caller, error)) => (caller, self.error_reply(&error, entry.proto), true),
        };
        self.count_script(entry.command, began, failed);
        self.serve_ready(bump);
        if let Caller::Batch(from, batch) = caller {
            self.return_script_batch(from, batch, &reply);
        }
        Flow::Done
    }

    fn return_script_batch(&mut self, from: Peer, mut batch: Box<HopBatch>, reply: &[u8]) {
        batch.replies.extend_from_slice(reply);
        batch.ends.push(batch.replies.len());
        self.outgoing.push((from, Message::HopDone(batch)));
    }

    /// A script's reply is where it belongs.
    fn recycle(&mut self, reply: Vec<u8>) {
        if let Some(engine) = self.scripts.engine.as_deref_mut() {
            engine.recycle(reply);
        }
    }

    pub(super) fn count_script(&mut self, command: u16, began_ns: u64, failed: bool) {
        let now = (self.options.clock)();
        self.now.mono_ns = now;
        self.stats.commands += 1;
        self.commands.called(command, 1, now.saturating_sub(began_ns), failed, self.settings.latency_tracking);
    }

    /// An error as a reply; counts it.
    pub(super) fn error_reply(&mut self, error: &Error, proto: Proto) -> Vec<u8> {
        self.errors.replied(error.to_string().as_bytes());
        let mut reply = Vec::new();
        Reply::new(&mut reply, proto).error(error);
        reply
    }

    /// Begins a script; ends it too unless it takes long.
    pub(super) fn begin_script(&mut self, call: Call<'_>) -> Result<Option<Ended>, (Caller, Error)> {
        let prepared = match self.prepare_script(call.args, call.command) {
            Ok(prepared) => prepared,
            Err(error) => return Err((call.caller, error)),
        };
        let Prepared { function, flags, name, keys, argv, read_only, is_function } = prepared;
        let transacts = matches!(&call.caller, Caller::Client(client) if self.transacting(client.index));
        let in_transaction = transacts || self.applying && self.log.is_in_unit();
        let (origin, tracks) = match &call.caller {
            Caller::Client(client) => (Origin { core: self.core(), client: *client }, self.tracks_reads(client.index)),
            Caller::Primary => {
                let client = ClientRef { index: SCRIPT_CLIENT, generation: self.scripts.begun };
                (Origin { core: self.core(), client }, false)
            }
            Caller::Batch(from, batch) => {
                let entry = &batch.commands[0];
                (Origin { core: CoreId(from.0 as u8), client: entry.client }, entry.tracks)
            }
        };
        // The clock was read when what came before was done.
        let began_ns = self.now.mono_ns;
        let declared = !flags.any(Flags::COMPATIBLE);
        let job = Job {
            caller: call.caller,
            cores: call.cores,
            locked: false,
            db: call.db,
            proto: call.proto,
            manner: call.manner,
            behalf: call.behalf,
            name,
            is_function,
            read_only: read_only || declared && flags.any(Flags::NO_WRITES),
            flags,
            wrote: false,
            acted: false,
            begins_anew: false,
            origin,
            tracked: tracks.then(|| keys.iter().map(|key| Box::from(*key)).collect()),
            slot: keys.first().filter(|_| self.settings.cluster_enabled).map(|key| Slot::of_key(key)),
            command: call.command.id(),
            began_ns,
            // For what the primary says time stands still.
            began_ms: if self.applying { 0 } else { self.now.unix_ms },
            busy: false,
            args: if is_function { call.args.iter().map(|arg| arg.to_vec()).collect() } else { Vec::new() },
            unit: (!in_transaction).then(Unit::default),
            in_transaction,
            awaits: None,
            claim: None,
            session: call.debugging.map(debugger::Session::new),
        };
        let Some(engine) = self.scripts.engine.as_deref_mut() else { return Err((job.caller, Error::new(NO_ENGINE))) };
        if job.session.is_some() {
            let threshold = self.settings.busy_reply_threshold;
            let limit = if threshold > 0 { threshold } else { limits::DEBUGGER_LIMIT_MS };
            if let Err(error) = engine.begin_debugging(call.args[1], limit) {
                return Err((job.caller, Error::new(format!("ERR {error}"))));
            }
            log::warn!("Lua debugging session started");
        }
        self.scripts.begun = self.scripts.begun.wrapping_add(1);
        let slice_ends = if self.applying { u64::MAX } else { began_ns + limits::SCRIPT_SLICE_NS };
        let invocation = Invocation { function, is_function, keys, args: argv, proto: job.proto, slice_ends };
        let step = engine.start(invocation);
        self.scripts.job = Some(Box::new(job));
        let ended = self.drive(step);
        if let Some(job) = self.scripts.job.as_mut().filter(|job| job.args.is_empty()) {
            job.args = call.args.iter().map(|arg| arg.to_vec()).collect();
        }
        Ok(ended)
    }

    /// The interpreter, made when it is first needed.
    pub(super) fn engine(&mut self) -> Result<&mut Engine, Error> {
        if self.scripts.engine.is_none() {
            let made = Engine::new(self.options.clock, self.settings.lua_enable_deprecated_api);
            self.scripts.engine = Some(Box::new(made.map_err(|error| Error::new(format!("ERR {error}")))?));
        }
        self.scripts.engine.as_deref_mut().ok_or(Error::new(NO_ENGINE))
    }

    /// Goes on with the script until it is done, or stands still.
    fn drive(&mut self, mut step: Step) -> Option<Ended> {
        if let Some(unit) = self.scripts.job.as_mut().and_then(|job| job.unit.take()) {
            self.log.resume(unit);
        }
        loop {
            let outcome = match step {
                Step::Done(outcome) => outcome,
                Step::Slice => return self.stand_still(),
                Step::Stop if self.stopped_in_debugger() => return self.stand_still(),
                Step::Stop => {
                    let slice_ends = (self.options.clock)() + limits::SCRIPT_SLICE_NS;
                    step = self.scripts.engine.as_deref_mut()?.go_on(slice_ends);
                    continue;
                }
                Step::Check => {
                    let reply = self.check_call();
                    step = self.scripts.engine.as_deref_mut()?.reply(reply);
                    continue;
                }
                Step::Call => {
                    let Some(reply) = self.call_from_script() else { return self.stand_still() };
                    step = self.scripts.engine.as_deref_mut()?.reply(reply);
                    continue;
                }
            };
            let mut job = self.scripts.job.take()?;
            let told = self.end_session(&mut job);
            if !job.in_transaction {
                let unit = self.log.suspend();
                self.log.end(unit);
            }
            self.clients.remove_script_client();
            let (reply, failed) = if job.begins_anew { (Vec::new(), false) } else { self.script_reply(&job, outcome) };
            let reply = if told.is_empty() { reply } else { [told, reply].concat() };
            return Some(Ended { job, reply, failed });
        }
    }

    /// The script goes on later: until then nobody touches its stores.
    fn stand_still(&mut self) -> Option<Ended> {
        let job = self.scripts.job.as_mut()?;
        if !job.in_transaction {
            job.unit = Some(self.log.suspend());
        }
        if !self.locked {
            job.locked = true;
            self.locked = true;
            self.refresh();
        }
        None
    }

    fn script_reply(&mut self, job: &Job, outcome: engine::Outcome) -> (Vec<u8>, bool) {
        let (text, position, counted) = match outcome {
            engine::Outcome::Reply(reply) => {
                let failed = reply.first() == Some(&b'-');
                if let (true, Some(text)) = (failed, reply.strip_prefix(b"-")) {
                    self.errors.replied(text);
                }
                return (reply, failed);
            }
            engine::Outcome::Error { text, position, counted } => (text, position, counted),
        };
        let place = position
            .map(|(source, line)| format!(" script: {}, on {source}:{line}.", String::from_utf8_lossy(job.name())));
        if !counted {
            self.errors.replied(&text);
        }
        let text = [&*text, place.unwrap_or_default().as_bytes()].concat();
        let mut reply = Vec::new();
        Reply::new(&mut reply, job.proto).error(&Error::Bytes(text));
        (reply, true)
    }

    /// Gives the running script another slice of time.
    pub(super) fn continue_script(&mut self, bump: &Bump) {
        if self.scripts.job.is_none() {
            return;
        }
        self.warn_of_script(bump);
        let Some(engine) = self.scripts.engine.as_deref_mut() else { return };
        let step = engine.go_on((self.options.clock)() + limits::SCRIPT_SLICE_NS);
        self.go_on_with_script(step, bump);
    }

    /// A script that had stood still is done.
    pub(super) fn script_ended_late(&mut self, ended: Ended, bump: &Bump) {
        let Ended { mut job, reply, failed } = ended;
        if !job.begins_anew {
            self.count_script(job.command, job.began_ns, failed);
        }
        self.give_back(&job.cores);
        if job.locked {
            self.unlock();
        }
        self.serve_ready(bump);
        if job.begins_anew {
            if let Caller::Batch(_, batch) = &mut job.caller {
                batch.behalf = job.behalf.take();
            }
            return self.gather_script(job.caller, job.args, bump);
        }
        match job.caller {
            Caller::Batch(from, batch) => self.return_script_batch(from, batch, &reply),
            Caller::Client(client) if self.clients.get(client).is_some() => {
                self.reply(client.index).raw(&reply);
                if job.session.is_some() {
                    self.say_goodbye(client.index);
                }
                self.go_on(client.index, bump);
            }
            Caller::Client(_) | Caller::Primary => {}
        }
    }

    /// The answer that a script's command waited for is there.
    pub(super) fn script_answered(&mut self, bump: &Bump) {
        let Some(command) = self.scripts.job.as_mut().and_then(|job| job.awaits.take()) else { return };
        // One that asks others all the time never uses up a slice.
        self.warn_of_script(bump);
        let reply = self.take_script_reply(command);
        self.answer_call(reply, bump);
    }

    /// Goes on with a script that had stood still, with the reply to its call.
    pub(super) fn answer_call(&mut self, reply: Vec<u8>, bump: &Bump) {
        let Some(engine) = self.scripts.engine.as_deref_mut() else { return };
        let step = engine.reply(reply);
        self.go_on_with_script(step, bump);
    }

    /// Tries the call again for whose sake the script stood still: it has all stores now.
    pub(super) fn call_again(&mut self, bump: &Bump) {
        self.go_on_with_script(Step::Call, bump);
    }

    pub(super) fn go_on_with_script(&mut self, step: Step, bump: &Bump) {
        match self.drive(step) {
            Some(ended) if ended.job.busy => self.busy_script_done(ended, bump),
            Some(ended) => self.script_ended_late(ended, bump),
            None => {}
        }
    }

    /// The running script, or the transaction that it is part of, has these stores too.
    pub(super) fn keep_for_script(&mut self, cores: &[CoreId]) {
        let Some(job) = &mut self.scripts.job else { return };
        let transaction = match job.caller {
            Caller::Client(client) if job.in_transaction => self.clients.get_mut(client),
            _ => None,
        };
        let running = transaction.and_then(|client| client.session.multi.as_mut()?.running.as_mut());
        running.unwrap_or(&mut job.cores).extend(cores);
    }

    /// The client that runs a script is gone. What its transaction holds stays with the script until that is done.
    pub(super) fn orphan_script(&mut self, client: ClientRef, cores: &mut Vec<CoreId>, unit: &mut Unit) {
        if let Some(job) = &mut self.scripts.job
            && matches!(job.caller, Caller::Client(caller) if caller == client)
            && job.in_transaction
        {
            job.cores.append(cores);
            job.unit = Some(std::mem::take(unit));
            job.in_transaction = false;
        }
    }
}

pub(super) const NO_ENGINE: &str = "ERR there is no interpreter";

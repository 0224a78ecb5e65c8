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
use super::busy_script::Slow;
use super::claim::WideScripts;
use super::client::{ClientRef, Hold, SCRIPT_CLIENT};
use super::dispatch::{Flow, Outcome, Request};
use super::hop::HopBatch;
use super::log::Unit;
use super::message::{Message, Notice, Peer};
use super::redirect::command_keys;
use crate::base::ids::CoreId;
use crate::base::limits;
use crate::data::command::spec::flag;
use crate::data::command::{Command, number};
use crate::data::origin::Origin;
use crate::data::route::{Manner, Route, Service};
use crate::data::script::functions::{Defined, Libraries};
use crate::data::script::known::{Flags, Known};
use crate::data::script::{Engine, Invocation, Step, engine};
use crate::resp::{Error, Proto, Reply};
use crate::slot::Slot;
use bumpalo::Bump;
use std::sync::Arc;

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
    /// The busy scripts of the node, each with its core.
    pub(super) slow: Vec<(Peer, Arc<Slow>)>,
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
    /// Its SHA-1 or the function's name.
    name: Vec<u8>,
    pub(super) is_function: bool,
    pub(super) read_only: bool,
    pub(super) flags: Flags,
    /// Whether it has written.
    pub(super) wrote: bool,
    /// Whose it is.
    pub(super) origin: Origin,
    /// The keys it was called with, if its client tracks what it reads.
    pub(super) tracked: Option<Vec<Box<[u8]>>>,
    /// The slot of the keys it has named so far.
    pub(super) slot: Option<Slot>,
    /// The number of the command that called it.
    command: u16,
    /// When it began, by both clocks.
    pub(super) began_ns: u64,
    pub(super) began_ms: u64,
    /// Whether it has run for longer than `busy-reply-threshold`.
    pub(super) busy: bool,
    /// The command that called it, for FUNCTION STATS.
    args: Vec<Vec<u8>>,
    /// What it has logged, while it stands still.
    pub(super) unit: Option<Unit>,
    /// Whether it is part of a transaction, whose log it writes to then.
    pub(super) in_transaction: bool,
    /// The command whose answer it waits for.
    pub(super) awaits: Option<&'static Command>,
    /// The number under which it has claimed stores.
    pub(super) claim: Option<u64>,
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
        self.job.as_ref().is_some_and(|job| job.awaits.is_none() && job.claim.is_none())
    }

    /// Bytes of memory the interpreter has.
    pub fn memory(&self) -> usize {
        self.engine.as_ref().map_or(0, |engine| engine.memory())
    }
}

impl Job {
    /// Its SHA-1 or the function's name.
    pub(super) fn name(&self) -> &[u8] {
        &self.name
    }

    /// What others are told of it.
    pub(super) fn describe(&self) -> Slow {
        let Job { name, is_function, args, began_ns, .. } = self;
        Slow { name: name.clone(), is_function: *is_function, args: args.clone(), began_ns: *began_ns }
    }
}

impl Plane {
    /// Runs a script where its keys are. One that will use keys that it has not named gets all stores at once: in a
    /// standalone node that may be any, in a cluster one that names none, or is known for it.
    pub(super) fn script(&mut self, at: u32, request: &Request<'_>, command: &'static Command) -> Flow {
        let (here, cores) = (self.core(), self.options.cores);
        let manner = self.script_manner(at, request.args, command);
        let route = match self.routes.route(command, request, manner, here, &self.topology) {
            Route::Refused(error) => Route::Refused(error),
            _ if cores > 1 && self.is_wide(request.args, command) => Route::Span(self.all_cores()),
            route => route,
        };
        match route {
            Route::Here(Service::Whole) => self.execute_script(at, request, Vec::new()),
            Route::Here(service) => match self.check_keys(service, &command_keys(command, request.args)) {
                Ok(()) => self.execute_script(at, request, Vec::new()),
                Err(error) => self.refuse(at, request, error),
            },
            Route::Hop(core) => self.hop(at, request, command, manner, core),
            Route::Span(_) if !self.clients[at].queue.is_empty() => Flow::Retry(Hold::Drain),
            Route::Span(cores) => self.gather_command(at, request, command, cores),
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
        let behalf = self.behalf_of(at);
        request.outcome.set(Outcome::Done);
        let (reply, failed) =
            match self.begin_script(Call { caller, args: request.args, command, db, proto, manner, behalf, cores }) {
                Ok(Some(ended)) => (ended.reply, ended.failed),
                Ok(None) => return Flow::Wait,
                Err((_, error)) => (self.error_reply(&error, proto), true),
            };
        if failed {
            request.outcome.set(Outcome::Failed);
        }
        self.reply(at).raw(&reply);
        self.serve_ready(request.bump);
        Flow::Done
    }

    /// Runs the script of a client of another core, which came alone in a batch.
    pub(super) fn execute_script_batch(&mut self, from: Peer, mut batch: Box<HopBatch>, bump: &Bump) {
        let Some(entry) = batch.commands.first().copied() else { return };
        let args: &[&[u8]] =
            bump.alloc_slice_fill_iter(batch.args(bump).iter().map(|arg| &*bump.alloc_slice_copy(arg)));
        let command = self.registry.by_id(entry.command);
        if let Err(error) = self.admit_hop(&entry, args) {
            self.commands.rejected(entry.command);
            let reply = self.error_reply(&error, entry.proto);
            return self.return_script_batch(from, batch, &reply);
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
            cores: Vec::new(),
        };
        let (caller, reply, failed) = match self.begin_script(call) {
            Ok(Some(ended)) => (ended.job.caller, ended.reply, ended.failed),
            Ok(None) => return,
            Err((caller, error)) => (caller, self.error_reply(&error, entry.proto), true),
        };
        self.count_script(entry.command, began, failed);
        self.serve_ready(bump);
        if let Caller::Batch(from, batch) = caller {
            self.return_script_batch(from, batch, &reply);
        }
    }

    fn return_script_batch(&mut self, from: Peer, mut batch: Box<HopBatch>, reply: &[u8]) {
        batch.replies.extend_from_slice(reply);
        batch.ends.push(batch.replies.len());
        self.outgoing.push((from, Message::HopDone(batch)));
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
            origin,
            tracked: tracks.then(|| keys.iter().map(|key| Box::from(*key)).collect()),
            slot: keys.first().map(|key| Slot::of_key(key)),
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
        };
        let Some(engine) = self.scripts.engine.as_deref_mut() else { return Err((job.caller, Error::new(NO_ENGINE))) };
        self.scripts.begun = self.scripts.begun.wrapping_add(1);
        let slice_ends = if self.applying { u64::MAX } else { began_ns + limits::SCRIPT_SLICE_NS };
        let invocation = Invocation { function, is_function, keys, args: argv, proto: job.proto, slice_ends };
        let step = engine.start(invocation);
        self.scripts.job = Some(Box::new(job));
        Ok(self.drive(step))
    }

    /// Finds the script that a command calls.
    fn prepare_script<'a>(&mut self, args: &'a [&'a [u8]], command: &Command) -> Result<Prepared<'a>, Error> {
        let name = command.spec.full_name();
        let (read_only, is_function) = (name.ends_with("_ro"), name.starts_with("fcall"));
        self.engine()?;
        if is_function {
            let found = self.scripts.libraries.function(args[1]).cloned();
            let function = found.ok_or(Error::new("ERR Function not found"))?;
            let (keys, argv) = split_arguments(args, Error::new("ERR Bad number of keys provided"))?;
            self.admit_script(function.flags, read_only)?;
            let Defined { name, function, flags, .. } = function;
            return Ok(Prepared { function, flags, name, keys, argv, read_only, is_function });
        }
        let (keys, argv) = split_arguments(args, Error::NotAnInteger)?;
        let Scripts { engine, known, .. } = &mut self.scripts;
        let Some(engine) = engine.as_deref() else { return Err(Error::new(NO_ENGINE)) };
        let (sha, new) = if name.starts_with("evalsha") {
            (known.find(args[1]).map(|(sha, _)| sha).ok_or(Error::new(NO_SCRIPT))?, false)
        } else {
            known.load(engine, args[1])?
        };
        let (function, flags) = known.function(engine, &sha)?;
        if new {
            self.teach(args[1]);
        }
        self.admit_script(flags, read_only)?;
        Ok(Prepared { function, flags, name: sha.to_vec(), keys, argv, read_only, is_function })
    }

    /// Tells the other cores of a script.
    fn teach(&mut self, body: &[u8]) {
        let body: Arc<[u8]> = body.into();
        for peer in self.data_cores().filter(|peer| *peer != self.core().into()).collect::<Vec<_>>() {
            self.send(peer, Message::Tell(Notice::Script(body.clone())));
        }
    }

    /// Whether a script that says this of itself may run now.
    fn admit_script(&mut self, flags: Flags, read_only: bool) -> Result<(), Error> {
        let stale = self.standing.replica && !self.standing.link_up && !self.settings.replica_serve_stale_data;
        if stale && !flags.any(Flags::ALLOW_STALE) && !self.applying {
            return Err(Error::new("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."));
        }
        if flags.any(Flags::COMPATIBLE) || self.applying {
            return Ok(());
        }
        if flags.any(Flags::NO_CLUSTER) && self.settings.cluster_enabled {
            return Err(Error::new("ERR Can not run script on cluster, 'no-cluster' flag is set."));
        }
        if !flags.any(Flags::NO_WRITES) {
            if self.standing.replica && self.settings.replica_read_only {
                return Err(Error::new("READONLY You can't write against a read only replica."));
            }
            if read_only {
                return Err(Error::new("ERR Can not execute a script with write flag using *_ro command."));
            }
            self.admit_to_disk()?;
            if self.lacks_replicas {
                return Err(Error::NotEnoughReplicas);
            }
        }
        let may_be_short = flags.any(Flags::ALLOW_OOM) || flags.any(Flags::NO_WRITES);
        if !may_be_short && self.lacks_room(flag::DENYOOM, &[self.core()]) {
            return Err(Error::new(
                "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
            ));
        }
        Ok(())
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
            let job = self.scripts.job.take()?;
            if job.busy {
                self.script_is_slow_no_more();
            }
            if !job.in_transaction {
                let unit = self.log.suspend();
                self.log.end(unit);
            }
            self.clients.remove_script_client();
            let (reply, failed) = self.script_reply(&job, outcome);
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
            .map(|(source, line)| format!(" script: {}, on {source}:{line}.", String::from_utf8_lossy(&job.name)));
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
    fn script_ended_late(&mut self, ended: Ended, bump: &Bump) {
        let Ended { job, reply, failed } = ended;
        self.count_script(job.command, job.began_ns, failed);
        self.give_back(&job.cores);
        if job.locked {
            self.unlock();
        }
        self.serve_ready(bump);
        match job.caller {
            Caller::Batch(from, batch) => self.return_script_batch(from, batch, &reply),
            Caller::Client(client) if self.clients.get(client).is_some() => {
                self.reply(client.index).raw(&reply);
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

    fn go_on_with_script(&mut self, step: Step, bump: &Bump) {
        if let Some(ended) = self.drive(step) {
            self.script_ended_late(ended, bump);
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

/// A script found, and what to run it with.
struct Prepared<'a> {
    function: mlua::Function,
    flags: Flags,
    name: Vec<u8>,
    keys: &'a [&'a [u8]],
    argv: &'a [&'a [u8]],
    read_only: bool,
    is_function: bool,
}

/// Some arguments of a command.
type Words<'a> = &'a [&'a [u8]];

/// KEYS and ARGV of EVAL and its kin.
fn split_arguments<'a>(args: &'a [&'a [u8]], not_a_number: Error) -> Result<(Words<'a>, Words<'a>), Error> {
    let count = number::parse_i64(args[2]).ok_or(not_a_number)?;
    if count > args.len() as i64 - 3 {
        return Err(Error::new("ERR Number of keys can't be greater than number of args"));
    }
    if count < 0 {
        return Err(Error::new("ERR Number of keys can't be negative"));
    }
    Ok(args[3..].split_at(count as usize))
}

const NO_SCRIPT: &str = "NOSCRIPT No matching script. Please use EVAL.";
pub(super) const NO_ENGINE: &str = "ERR there is no interpreter";

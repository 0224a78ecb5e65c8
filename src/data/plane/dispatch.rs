//! From bytes to replies: parse a client's input in batches, route each command, execute what is ours.
//!
//! A batch is parsed first, its keys are hashed and their table lines prefetched, and only then is it
//! executed, so that the cache misses of many commands overlap. What was computed in advance is advice:
//! a command decides by the state it finds when its turn comes.

use super::client::{Hold, ReplyMode};
use super::redirect::command_keys;
use super::{Action, Plane, connection};
use crate::base::limits;
use crate::contract::standing::Waits;
use crate::data::command::spec::flag;
use crate::data::command::{Command, Run, SessionHandler};
use crate::data::exec::{Exec, Handler};
use crate::data::key::Key;
use crate::data::origin::Origin;
use crate::data::route::{Route, Service};
use crate::resp::parse::{self, Limits, ParseState, Parsed};
use crate::resp::{Error, Reply};
use bumpalo::Bump;
use std::cell::Cell;

/// Commands parsed ahead of their execution.
const BATCH: usize = 32;

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Its reply is written, or owed by a core it was sent to: on to the next.
    Done,
    /// The client must wait; the command is done when its answer comes.
    Wait,
    /// The client must wait until the command's reply is there, which may take long: it may wait for a key.
    Blocked,
    /// The client must wait, then the command is tried again.
    Retry(Hold),
    /// The client is closed; nothing of it may be touched.
    Gone,
}

impl Flow {
    /// What a client waits for whose command must.
    fn hold(self) -> Hold {
        if self == Flow::Blocked { Hold::Blocked } else { Hold::Answer }
    }
}

/// Whether and how a command was executed on this core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not: it was refused, queued, or sent elsewhere.
    Not,
    /// With a reply.
    Done,
    /// With an error.
    Failed,
    /// And it waits for a key.
    Waits,
    /// And it waits for others: how long it took is known when they have answered.
    Later,
}

/// A command with its arguments.
#[derive(Clone)]
pub struct Request<'a> {
    /// What it is; none: there is no such command.
    pub command: Option<&'static Command>,
    /// Its arguments, the name first.
    pub args: &'a [&'a [u8]],
    /// Its first key, if it has one where its table row says.
    pub key: Option<Key<'a>>,
    /// Memory that lasts for this turn.
    pub bump: &'a Bump,
    /// What became of it here.
    pub outcome: Cell<Outcome>,
}

impl Request<'_> {
    /// Whether it can't take long, so that it needs no clock of its own.
    pub(super) fn is_quick(&self) -> bool {
        self.command.is_none_or(|command| command.quick)
    }
}

impl Plane {
    /// Takes bytes from a client and executes what can be executed.
    pub fn received(&mut self, at: u32, bytes: &[u8], bump: &Bump) {
        let client = &mut self.clients[at];
        client.session.active = self.now.unix_ms;
        self.stats.net_input += bytes.len() as u64;
        self.stats.reads += 1;
        self.weigh(at);
        let client = &mut self.clients[at];
        if client.hold.is_some() || !client.input.is_empty() {
            client.input.extend_from_slice(bytes);
            if self.evicts_for_input(at) {
                return;
            }
            if self.clients[at].hold.is_none() {
                self.run_input(at, bump);
            } else if self.talks_to_debugger(at) {
                self.told_debugger(at, bump);
            } else {
                self.limit_input(at);
            }
            return;
        }
        let mut state = std::mem::take(&mut client.parse);
        if let Some(used) = self.run(at, bytes, &mut state, bump) {
            let client = &mut self.clients[at];
            client.parse = state;
            if used < bytes.len() {
                client.input.extend_from_slice(&bytes[used..]);
                self.limit_input(at);
            }
        }
    }

    /// Goes on with input that was kept.
    pub fn run_input(&mut self, at: u32, bump: &Bump) {
        let client = &mut self.clients[at];
        let mut input = std::mem::take(&mut client.input);
        let mut state = std::mem::take(&mut client.parse);
        if let Some(used) = self.run(at, &input, &mut state, bump) {
            let client = &mut self.clients[at];
            client.parse = state;
            input.drain(..used);
            if input.is_empty() && input.capacity() > limits::KEEP_INPUT {
                input = Vec::new();
            }
            client.input = input;
            self.limit_input(at);
        }
    }

    /// Stops reading from a client that sends more than is executed; closes one beyond its limit.
    pub(super) fn limit_input(&mut self, at: u32) {
        let client = &mut self.clients[at];
        let waiting = client.hold.is_some();
        if client.input.len() as u64 > self.settings.client_query_buffer_limit {
            self.stats.query_buffer_limit_disconnections += 1;
            self.close(at);
            return;
        }
        let pause = waiting && client.input.len() > limits::PAUSE_INPUT;
        if pause != client.reading_paused {
            client.reading_paused = pause;
            let reference = client.reference;
            self.actions.push(if pause { Action::PauseReading(reference) } else { Action::ResumeReading(reference) });
        }
    }

    /// Executes commands of `input`; how many bytes it used, or `None` when the client is gone.
    fn run(&mut self, at: u32, input: &[u8], state: &mut ParseState, bump: &Bump) -> Option<usize> {
        let mut used = 0;
        self.clients[at].reading = input.len();
        let mut spans = std::mem::take(&mut self.spans);
        let mut ends: [(usize, usize); BATCH] = [(0, 0); BATCH];
        let result = 'batches: loop {
            // Parse.
            let limits = Limits::new(self.settings.proto_max_bulk_len, self.clients[at].session.authenticated);
            let batch = if self.clients[at].session.authenticated { BATCH } else { 1 };
            let mut count = 0;
            let mut position = used;
            let mut stop = None;
            spans.clear();
            let mut starts = [0; BATCH];
            while count < batch && position < input.len() {
                starts[count] = position;
                match parse::parse(&input[position..], state, &limits, &mut spans) {
                    Parsed::Command { consumed } => {
                        position += consumed;
                        ends[count] = (position, spans.len());
                        count += 1;
                    }
                    Parsed::Empty { consumed } => {
                        position += consumed;
                        if count == 0 {
                            used = position;
                        } else {
                            ends[count - 1].0 = position;
                        }
                    }
                    other => {
                        stop = Some(other);
                        break;
                    }
                }
            }
            // Resolve: arguments, command, first key; fetch the tables' lines.
            let mut first = 0;
            let mut like: Option<&'static Command> = None;
            let requests = bump.alloc_slice_fill_with(count, |index| {
                let (_, last) = ends[index];
                let bytes = &input[starts[index]..];
                let args: &[&[u8]] = bump.alloc_slice_fill_iter(spans[first..last].iter().map(|span| span.of(bytes)));
                first = last;
                // A pipeline mostly repeats one command: then its name needs no look-up.
                let command = like.filter(|command| command.is_called(args[0])).or_else(|| self.registry.find(args));
                like = command.filter(|command| !command.is_subcommand);
                self.request(command, args, bump)
            });
            if count > 1 && !self.locked {
                self.prefetch(self.clients[at].session.db, requests);
            }
            // Execute. Quick commands are timed together, others each for itself.
            let mut timed = 0;
            for (index, request) in requests.iter().enumerate() {
                let alone = self.precise || !request.is_quick();
                if alone {
                    self.account(at, &requests[timed..index]);
                    timed = index;
                }
                match self.dispatch(at, request) {
                    Flow::Done => used = ends[index].0,
                    flow @ (Flow::Wait | Flow::Blocked) => {
                        used = ends[index].0;
                        // What was parsed ahead is parsed again.
                        *state = ParseState::default();
                        self.account(at, &requests[timed..=index]);
                        self.hold(at, flow.hold());
                        break 'batches Some(used);
                    }
                    Flow::Retry(hold) => {
                        *state = ParseState::default();
                        self.account(at, &requests[timed..index]);
                        self.hold(at, hold);
                        break 'batches Some(used);
                    }
                    Flow::Gone => break 'batches None,
                }
                if self.out.bytes.len() > limits::FLUSH_OUTPUT && used < input.len() {
                    // Short commands can have long replies: the socket's limits must have their say in between.
                    *state = ParseState::default();
                    self.account(at, &requests[timed..=index]);
                    self.hold(at, Hold::Output);
                    break 'batches Some(used);
                }
                if alone {
                    self.account(at, &requests[timed..=index]);
                    timed = index + 1;
                }
            }
            self.account(at, &requests[timed..]);
            match stop {
                None if position < input.len() => {}
                None => break Some(used),
                Some(Parsed::Incomplete { need }) => {
                    let client = &mut self.clients[at];
                    let have = input.len() - used;
                    client.input.reserve(need.saturating_sub(have).min(limits::PAUSE_INPUT));
                    break Some(used);
                }
                Some(Parsed::Inline { consumed, args }) => {
                    let args = bump.alloc_slice_fill_iter(args.iter().map(|arg| &*bump.alloc_slice_copy(arg)));
                    let request = self.resolve(args, bump);
                    match self.dispatch(at, &request) {
                        Flow::Done => used = position + consumed,
                        flow @ (Flow::Wait | Flow::Blocked) => {
                            used = position + consumed;
                            self.hold(at, flow.hold());
                            break Some(used);
                        }
                        Flow::Retry(hold) => {
                            self.hold(at, hold);
                            break Some(used);
                        }
                        Flow::Gone => break None,
                    }
                    self.account(at, &[request]);
                }
                Some(Parsed::Error(error)) => {
                    self.reply(at).error(&Error::new(error.to_string()));
                    self.say_goodbye(at);
                    break Some(input.len());
                }
                Some(Parsed::Command { .. } | Parsed::Empty { .. }) => unreachable!("handled while parsing"),
            }
            if self.clients[at].session.closing {
                break Some(input.len());
            }
        };
        self.spans = spans;
        if result.is_some() {
            self.clients[at].reading = 0;
        }
        result
    }

    /// Finds out what `args` are.
    pub fn resolve<'a>(&self, args: &'a [&'a [u8]], bump: &'a Bump) -> Request<'a> {
        self.request(self.registry.find(args), args, bump)
    }

    #[inline(always)]
    fn request<'a>(&self, command: Option<&'static Command>, args: &'a [&'a [u8]], bump: &'a Bump) -> Request<'a> {
        let key = command.and_then(|command| command.first_key(args)).map(|index| self.options.hasher.key(args[index]));
        Request { command, args, key, bump, outcome: Cell::new(Outcome::Not) }
    }

    /// Brings nearer what the requests will look at: tables, lines of tables, entries. (That of a key of another core
    /// is looked for in vain, which harms nobody.)
    pub(super) fn prefetch(&self, db: usize, requests: &[Request<'_>]) {
        let store = self.stores.home();
        let keys = || requests.iter().filter_map(|request| request.key.as_ref());
        keys().for_each(|key| store.prefetch_slot(db, key.slot));
        keys().for_each(|key| store.prefetch_line(db, key));
        keys().for_each(|key| store.prefetch_entry(db, key));
    }

    /// Executes one command, or sends it where it belongs.
    #[inline(always)]
    fn dispatch(&mut self, at: u32, request: &Request<'_>) -> Flow {
        if self.free
            && self.clients[at].plain
            && let Some(command) = request.command
            && let Run::Keyed(handler) = &command.run
            && command.spec.arity_fits(request.args.len())
        {
            self.clients[at].session.last = Some(command.spec);
            return self.keyed(at, request, command, *handler);
        }
        self.dispatch_checked(at, request)
    }

    /// The long way: for commands and clients of which not everything is plain.
    #[cold]
    fn dispatch_checked(&mut self, at: u32, request: &Request<'_>) -> Flow {
        let client = &mut self.clients[at];
        if client.session.closing {
            return Flow::Done;
        }
        let mode = client.session.reply_mode;
        if mode != ReplyMode::On {
            client.session.reply_mode = mode.of_next();
            client.refresh_plain();
            self.unwanted.clear();
        }
        let caching = self.begin_tracked(at, request);
        let flow = self.dispatch_in_order(at, request);
        self.remember_read(at, request);
        if matches!(flow, Flow::Retry(_)) {
            if let Some(caching) = caching {
                self.restore_caching(at, caching);
            }
            self.clients[at].session.reply_mode = mode;
            self.clients[at].refresh_plain();
        } else if request.command.is_none_or(|command| command.spec.full_name() != "asking") {
            self.forget_asking(at);
        }
        flow
    }

    /// Everything that can stand between a command and its execution, in Redis's order.
    fn dispatch_in_order(&mut self, at: u32, request: &Request<'_>) -> Flow {
        if self.standing.waits == Waits::Everybody {
            return Flow::Retry(Hold::Pause);
        }
        let Some(command) = request.command else {
            if connection::is_http(request.args) {
                self.abort_http(at);
                return Flow::Gone;
            }
            return self.refuse(at, request, self.registry.refusal(request.args));
        };
        self.clients[at].session.last = Some(command.spec);
        if let Err(error) = self.admit(at, request, command) {
            return self.refuse(at, request, error);
        }
        if self.scripts.is_busy() && !command.spec.is(flag::ALLOW_BUSY) {
            if self.scripts.is_ending() {
                return Flow::Retry(Hold::Store);
            }
            return self.refuse(at, request, self.scripts.busy_error());
        }
        if self.paused(at, request, command) {
            return Flow::Retry(Hold::Pause);
        }
        if self.must_wait_for_log(at, command) || self.must_wait_for_room(self.flags_in_effect(at, command)) {
            return Flow::Retry(Hold::Store);
        }
        if self.clients[at].session.multi.is_some() && !command.runs_inside_multi() {
            return self.queue_where_keys_are(at, request, command);
        }
        if let Err(error) = self.admit_sort(at, request, command) {
            return self.refuse(at, request, error);
        }
        let shown = self.monitors.is_on() && command.spec.full_name() != "exec";
        if shown {
            self.show(at, request.args, command);
        }
        let db = self.clients[at].session.db;
        let flow = match &command.run {
            Run::Keyed(_) if self.locked => Flow::Retry(Hold::Store),
            Run::Keyed(_) if self.is_awaited_widely() && self.wakes_widely(db, command, request.args) => {
                self.span(at, request, self.all_cores())
            }
            Run::Keyed(handler) => self.keyed(at, request, command, *handler),
            Run::Script if self.locked => Flow::Retry(Hold::Store),
            Run::Script => self.script(at, request, command),
            Run::Session(handler) => self.session(at, request, *handler),
            Run::Node(_) if !self.clients[at].queue.is_empty() => Flow::Retry(Hold::Drain),
            Run::Node(handler) => self.session(at, request, *handler),
        };
        if matches!(flow, Flow::Retry(_)) {
            self.monitors.retract();
        }
        self.monitors.keep();
        flow
    }

    /// Whether this client may use this command now.
    fn admit(&mut self, at: u32, request: &Request<'_>, command: &'static Command) -> Result<(), Error> {
        if !command.spec.arity_fits(request.args.len()) {
            return Err(Error::Arity(command.spec.full_name().into()));
        }
        if command.spec.is(flag::PROTECTED) {
            self.admit_protected(at)?;
        }
        let session = &self.clients[at].session;
        if !session.authenticated && !command.spec.is(flag::NO_AUTH) {
            return Err(Error::new("NOAUTH Authentication required."));
        }
        let in_multi = session.multi.is_some();
        if in_multi && command.spec.is(flag::NO_MULTI) {
            return Err(Error::new("ERR Command not allowed inside a transaction"));
        }
        self.admit_user(at, request, command)?;
        if self.clients[at].session.monitors
            && self.flags_in_effect(at, command) & (flag::WRITE | flag::MAY_REPLICATE | flag::READONLY) != 0
        {
            return Err(Error::new("ERR Replica can't interact with the keyspace"));
        }
        if in_multi {
            self.admit_to_transaction(at, request, command)?;
        } else if self.standing.restricts() || self.lacks_replicas {
            // In Redis's order: another node may do what this one can't.
            self.admit_slot(at, request, command)?;
        }
        if command.spec.full_name() == "exec" && self.is_elsewhere(at, request.bump) {
            return Ok(()); // EXEC says where.
        }
        if self.lacks_replicas && self.flags_in_effect(at, command) & flag::WRITE != 0 {
            return Err(Error::NotEnoughReplicas);
        }
        if self.standing.restricts() {
            self.admit_standing(command, self.flags_in_effect(at, command))?;
        }
        self.admit_subscriber(at, command)
    }

    /// Where the next reply byte of a client goes, within the buffer it goes to.
    fn out_position(&mut self, at: u32) -> usize {
        self.reply(at).position()
    }

    pub(super) fn session(&mut self, at: u32, request: &Request<'_>, handler: SessionHandler) -> Flow {
        let before = self.out_position(at);
        request.outcome.set(Outcome::Done);
        self.clients[at].session.executing = request.command;
        match handler(self, at, request) {
            Ok(flow) => {
                if flow == Flow::Wait {
                    self.clock_in(at, request);
                }
                self.serve_ready(request.bump);
                flow
            }
            Err(error) => {
                request.outcome.set(Outcome::Failed);
                self.reply(at).truncate(before);
                self.reply_error(at, &error);
                Flow::Done
            }
        }
    }

    /// Goes on with a session command that waited; `next` writes its reply.
    pub(super) fn resume(&mut self, at: u32, next: impl FnOnce(&mut Plane) -> Result<Flow, Error>) -> Flow {
        let before = self.out_position(at);
        match next(self) {
            Ok(flow) => {
                if flow != Flow::Wait {
                    self.clock_out(at);
                }
                flow
            }
            Err(error) => {
                self.clock_out(at);
                if let Some(command) = self.clients[at].session.executing {
                    self.commands.failed(command.id());
                }
                self.reply(at).truncate(before);
                self.reply_error(at, &error);
                Flow::Done
            }
        }
    }

    /// Answers an error, and counts it.
    pub(super) fn reply_error(&mut self, at: u32, error: &Error) {
        self.errors.replied(error.to_string().as_bytes());
        self.reply(at).error(error);
    }

    /// Refuses a command: it is not executed, and a transaction it belongs to won't be either.
    pub(super) fn refuse(&mut self, at: u32, request: &Request<'_>, error: Error) -> Flow {
        if let Some(command) = request.command {
            self.commands.rejected(command.id());
        }
        self.monitors.retract();
        let error = self.break_transaction(at, request, error);
        self.reply_error(at, &error);
        Flow::Done
    }

    /// Executes a keyed command here, sends it to the core that owns its slot, or borrows what it needs.
    #[inline(always)]
    fn keyed(&mut self, at: u32, request: &Request<'_>, command: &'static Command, handler: Handler) -> Flow {
        let here = self.core();
        if command.single_key > 0 && request.key.is_some_and(|key| self.routes.core(key.slot) == Some(here)) {
            return self.execute_within_limits(at, request, command, handler);
        }
        let manner = self.manner(at, command);
        match self.routes.route(command, request, manner, here, &self.topology) {
            Route::Here(service) => {
                if service == Service::Whole {
                    return self.execute_within_limits(at, request, command, handler);
                }
                match self.check_keys(service, &command_keys(command, request.args)) {
                    Ok(()) => self.execute_within_limits(at, request, command, handler),
                    Err(error) => self.refuse(at, request, error),
                }
            }
            Route::Hop(core) => self.hop(at, request, command, manner, core),
            Route::Span(cores) => self.span(at, request, cores),
            Route::Refused(error) => self.refuse(at, request, error),
        }
    }

    /// Runs the handler of a keyed command on the stores that are here.
    #[inline(always)]
    pub(super) fn execute(&mut self, at: u32, request: &Request<'_>, handler: Handler) -> Flow {
        request.outcome.set(Outcome::Done);
        let client = &mut self.clients[at];
        let (db, proto) = (client.session.db, client.session.proto);
        let may_block = client.session.multi.is_none();
        let out = self.out.buffer_for(client, &mut self.unwanted);
        let start = out.len();
        let mut exec = Exec {
            stores: &mut self.stores,
            db,
            now: self.now.unix_ms,
            reply: Reply::new(out, proto),
            settings: &self.settings,
            hasher: self.options.hasher,
            effects: &mut self.effects,
            scratch: request.bump,
            may_block,
            woken: None,
            routed: request.key,
        };
        if let Err(error) = handler(&mut exec, request.args) {
            exec.reply.truncate(start);
            exec.reply.error(&error);
            request.outcome.set(Outcome::Failed);
            self.errors.replied(error.to_string().as_bytes());
        }
        let origin = Origin { core: self.options.core, client: self.clients[at].reference };
        self.settle(db, request.args, Some(origin));
        if let Some(block) = self.effects.block.take() {
            request.outcome.set(Outcome::Waits);
            return self.wait_here(at, request, block);
        }
        self.serve_ready(request.bump);
        Flow::Done
    }

    /// The same, unless the node's memory is used up and the command may take more.
    #[inline(always)]
    fn execute_within_limits(
        &mut self,
        at: u32,
        request: &Request<'_>,
        command: &'static Command,
        handler: Handler,
    ) -> Flow {
        if self.lacks_room(command.spec.flags(), &[self.core()]) {
            return self.refuse(at, request, Error::OutOfMemory);
        }
        self.execute(at, request, handler)
    }

    /// Whether a pause stands against this command.
    fn paused(&self, at: u32, request: &Request<'_>, command: &Command) -> bool {
        self.pause.is_some_and(|pause| pause.all)
            || self.is_paused() && self.flags_of(at, request.args, command) & (flag::WRITE | flag::MAY_REPLICATE) != 0
    }
}

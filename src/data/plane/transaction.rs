//! MULTI, EXEC, DISCARD, WATCH, UNWATCH.
//!
//! A transaction is queued at the core of its connection. EXEC borrows the stores of all cores that its
//! commands and watched keys need (usually this core's own, which is only reserved), checks the watched
//! versions, executes command after command and gives the stores back. Nobody else can touch the stores
//! meanwhile, so it is atomic on any number of cores.
//!
//! WATCH is by version, not by flag: the owner core counts changes of watched keys, the transaction
//! remembers the count and EXEC compares, with no message at the time of a change.

use super::Plane;
use super::ask::{Finish, Next};
use super::dispatch::{Flow, Request};
use super::log::Unit;
use super::message::{Answer, Inquiry, Message, Notice};
use super::redirect::{command_keys, refusal_in};
use crate::base::ids::CoreId;
use crate::base::limits;
use crate::data::command::spec::flag;
use crate::data::command::{Command, Run, SessionHandler};
use crate::data::route::Manner;
use crate::resp::Error;
use crate::slot::Slot;
use bumpalo::Bump;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// Handlers of this file.
pub const HANDLERS: &[(&str, SessionHandler)] = &[("multi", multi), ("discard", discard), ("unwatch", unwatch)];

/// Handlers that wait for all earlier replies of their client.
pub const NODE_HANDLERS: &[(&str, SessionHandler)] = &[("exec", exec), ("watch", watch)];

/// Commands between MULTI and EXEC.
#[derive(Default)]
pub struct Transaction {
    /// The queued commands.
    pub commands: VecDeque<Vec<Vec<u8>>>,
    /// Bytes of their arguments.
    pub bytes: usize,
    /// Flags that any of them has.
    pub flags: u32,
    /// Whether a command was refused while queueing, so that EXEC must be.
    pub broken: bool,
    /// Its slot, from EXEC on, in a cluster and if it has keys.
    pub slot: Option<Slot>,
    /// Set while it executes: the cores whose stores it holds.
    pub running: Option<Vec<CoreId>>,
    /// How EXEC was written, if that is to be shown.
    pub said: Option<Vec<u8>>,
    /// What it has logged so far, while it executes.
    pub unit: Unit,
}

/// A watched key.
pub struct Watch {
    /// Its database.
    pub db: usize,
    /// The key.
    pub key: Box<[u8]>,
    /// Its version when it was watched, counted from 1.
    pub version: u64,
}

fn multi(plane: &mut Plane, at: u32, _: &Request<'_>) -> Result<Flow, Error> {
    let client = &mut plane.clients[at];
    if client.session.multi.is_some() {
        return Err(Error::new("ERR MULTI calls can not be nested"));
    }
    client.session.multi = Some(Box::default());
    client.refresh_plain();
    plane.reply(at).ok();
    Ok(Flow::Done)
}

fn discard(plane: &mut Plane, at: u32, _: &Request<'_>) -> Result<Flow, Error> {
    if plane.clients[at].session.multi.is_none() {
        return Err(Error::new("ERR DISCARD without MULTI"));
    }
    plane.discard_transaction(at);
    plane.reply(at).ok();
    Ok(Flow::Done)
}

fn unwatch(plane: &mut Plane, at: u32, _: &Request<'_>) -> Result<Flow, Error> {
    plane.forget_watches(at);
    plane.reply(at).ok();
    Ok(Flow::Done)
}

fn watch(plane: &mut Plane, at: u32, request: &Request<'_>) -> Result<Flow, Error> {
    if plane.clients[at].session.multi.is_some() {
        return Err(Error::new("ERR WATCH inside MULTI is not allowed"));
    }
    let (Some(command), named) = (request.command, &request.args[1..]) else { return Ok(Flow::Done) };
    let service = plane.routes.one_slot(named, plane.manner(at, command), &plane.topology)?;
    plane.check_keys_here(service, named)?;
    let keys: Vec<Box<[u8]>> = named.iter().map(|key| Box::from(*key)).collect();
    let Some((owner, question)) = plane.question_of_keys(at, command, named) else {
        return watch_keys(plane, at, keys);
    };
    let next: Next = Box::new(move |plane, at, answers| match refusal_in(answers) {
        Some(error) => Err(error),
        None => watch_keys(plane, at, keys),
    });
    plane.ask_then(at, std::iter::once(owner.into()), question, next)
}

fn watch_keys(plane: &mut Plane, at: u32, named: Vec<Box<[u8]>>) -> Result<Flow, Error> {
    let session = &plane.clients[at].session;
    let db = session.db;
    let known = |key: &[u8]| session.watches.iter().any(|watch| watch.db == db && *watch.key == *key);
    let mut keys: Vec<Box<[u8]>> = Vec::new();
    for key in named {
        if !known(&key) && !keys.contains(&key) {
            keys.push(key);
        }
    }
    if session.watches.len() + keys.len() > limits::MAX_WATCHES {
        return Err(Error::new("ERR too many watched keys"));
    }
    let keys: Arc<[Box<[u8]>]> = keys.into();
    let asked = keys.clone();
    let finish: Finish = Box::new(move |plane, at, answers| {
        for answer in answers {
            let Answer::Counts(versions) = answer else { continue };
            // A core answers 0 for a key that is not its own; versions start at 1.
            for (key, version) in asked.iter().zip(versions).filter(|(_, version)| *version > 0) {
                plane.clients[at].session.watches.push(Watch { db, key: key.clone(), version });
            }
        }
        plane.reply(at).ok();
    });
    plane.ask(at, plane.data_cores(), Inquiry::Watch(db, keys), finish)
}

fn exec(plane: &mut Plane, at: u32, request: &Request<'_>) -> Result<Flow, Error> {
    let Some(transaction) = &plane.clients[at].session.multi else {
        plane.show_exec(at, request.args[0]);
        return Err(Error::new("ERR EXEC without MULTI"));
    };
    if transaction.broken {
        plane.discard_transaction(at);
        plane.show_exec(at, request.args[0]);
        return Err(Error::new("EXECABORT Transaction discarded because of previous errors."));
    }
    match plane.cores_needed(at, request.bump) {
        Ok((cores, slot)) => {
            if let Some(transaction) = &mut plane.clients[at].session.multi {
                transaction.slot = slot;
                transaction.said = plane.monitors.is_on().then(|| request.args[0].to_vec());
            }
            Ok(plane.gather_transaction(at, cores, request.bump))
        }
        Err(error) => {
            plane.discard_transaction(at);
            Err(error)
        }
    }
}

/// What EXEC says that was refused.
fn aborted(error: &Error) -> Error {
    Error::new(format!("EXECABORT Transaction discarded because of: {}", error.to_string().trim_start_matches("ERR ")))
}

impl Plane {
    /// Whether client `at` is executing a transaction, and so holds the stores it needs.
    pub fn transacting(&self, at: u32) -> bool {
        self.clients[at].session.multi.as_ref().is_some_and(|transaction| transaction.running.is_some())
    }

    /// Whether a command may be used between MULTI and EXEC.
    pub(super) fn admit_to_transaction(
        &mut self,
        at: u32,
        request: &Request<'_>,
        command: &'static Command,
    ) -> Result<(), Error> {
        if command.spec.full_name() != "exec" {
            self.admit_slot(at, request, command)?;
        }
        // Queueing takes memory, whatever the command does.
        if !command.runs_inside_multi() && self.lacks_room(flag::DENYOOM, &[self.core()]) {
            return Err(Error::OutOfMemory);
        }
        Ok(())
    }

    /// The flags of a command, or of the commands that it stands for.
    pub(super) fn flags_in_effect(&self, at: u32, command: &Command) -> u32 {
        match &self.clients[at].session.multi {
            Some(transaction) if command.spec.full_name() == "exec" && !transaction.commands.is_empty() => {
                transaction.flags
            }
            _ => command.spec.flags(),
        }
    }

    /// Keeps a transaction from being executed, of which a command was refused; the error to answer.
    pub(super) fn break_transaction(&mut self, at: u32, request: &Request<'_>, error: Error) -> Error {
        let Some(transaction) = &mut self.clients[at].session.multi else { return error };
        if request.command.is_none_or(|command| command.spec.full_name() != "exec") {
            transaction.broken = true;
            return error;
        }
        self.discard_transaction(at);
        self.show_exec(at, request.args[0]);
        aborted(&error)
    }

    /// Ends a transaction that is not executed.
    fn discard_transaction(&mut self, at: u32) {
        self.end_transaction(at);
        self.forget_watches(at);
    }

    /// Queues a command of a client between MULTI and EXEC.
    pub(super) fn queue_command(&mut self, at: u32, request: &Request<'_>, command: &'static Command) -> Flow {
        let limit = self.settings.client_query_buffer_limit as usize;
        let flags = self.flags_of(at, request.args, command);
        let Some(transaction) = &mut self.clients[at].session.multi else { return Flow::Done };
        transaction.bytes += request.args.iter().map(|arg| arg.len() + 24).sum::<usize>();
        if transaction.bytes > limit {
            return self.refuse(at, request, Error::new("ERR transaction exceeds client-query-buffer-limit"));
        }
        // What allows counts if all of them have it, what forbids if any has.
        const ALLOWS: u32 = flag::STALE | flag::LOADING;
        let before = if transaction.commands.is_empty() { ALLOWS } else { transaction.flags };
        transaction.flags = (before | flags) & !ALLOWS | before & flags & ALLOWS;
        transaction.commands.push_back(request.args.iter().map(|arg| arg.to_vec()).collect());
        self.reply(at).simple("QUEUED");
        Flow::Done
    }

    /// Whether the slot of the client's transaction, if it has one, is another node's.
    pub(super) fn is_elsewhere(&self, at: u32, bump: &Bump) -> bool {
        self.settings.cluster_enabled && self.cores_needed(at, bump).is_err()
    }

    /// The cores whose stores the client's transaction needs, ascending; in a cluster, also its slot.
    fn cores_needed(&self, at: u32, bump: &Bump) -> Result<(Vec<CoreId>, Option<Slot>), Error> {
        let session = &self.clients[at].session;
        let Some(transaction) = &session.multi else { return Ok((Vec::new(), None)) };
        let mut cores = BTreeSet::new();
        let mut keys: Vec<&[u8]> = Vec::new();
        for command in &transaction.commands {
            let args: &[&[u8]] = bump.alloc_slice_fill_iter(command.iter().map(|arg| &*bump.alloc_slice_copy(arg)));
            let request = self.resolve(args, bump);
            match request.command.map(|command| (&command.run, command)) {
                Some((Run::Keyed(_) | Run::Script, command)) => {
                    cores.extend(self.routes.cores_of(command, args));
                    keys.extend(command.key_indexes(args).into_iter().map(|index| args[index]));
                }
                Some((Run::Node(_), _)) => cores.extend(self.all_cores()),
                _ => {}
            }
            match request.command.filter(|command| matches!(command.run, Run::Script)) {
                Some(command) if self.is_wide(args, command) => cores.extend(self.all_cores()),
                // The interpreter is this core's.
                Some(_) => cores.extend([self.core()]),
                None => {}
            }
        }
        for watch in &session.watches {
            cores.insert(self.routes.owners().of(Slot::of_key(&watch.key)));
        }
        self.routes.one_slot(&keys, self.transaction_manner(at), &self.topology)?;
        let slot = keys.first().filter(|_| self.settings.cluster_enabled).map(|key| Slot::of_key(key));
        Ok((cores.into_iter().collect(), slot))
    }

    /// How a client says EXEC.
    fn transaction_manner(&self, at: u32) -> Manner {
        let session = &self.clients[at].session;
        let flags = session.multi.as_ref().map_or(0, |transaction| transaction.flags);
        let (readonly, asking) = (session.readonly, session.asking);
        Manner { write: flags & flag::WRITE != 0, readonly, asking, ..Manner::default() }
    }

    /// Whether the transaction's slot, if it has one, is served still, and all keys are here if that matters. Its
    /// stores are here.
    fn check_transaction(&mut self, at: u32) -> Result<(), Error> {
        let slot = self.clients[at].session.multi.as_ref().and_then(|transaction| transaction.slot);
        let Some(slot) = slot.filter(|slot| self.routes.core(*slot).is_none()) else { return Ok(()) };
        let service = self.routes.service(slot, self.transaction_manner(at), &self.topology)?;
        let Some(transaction) = self.clients[at].session.multi.take() else { return Ok(()) };
        let mut keys: Vec<&[u8]> = Vec::new();
        for command in &transaction.commands {
            let args: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
            if let Some(found) = self.registry.find(&args).filter(|found| matches!(found.run, Run::Keyed(_))) {
                keys.extend(command_keys(found, &args));
            }
        }
        let checked = self.check_keys(service, &keys);
        self.clients[at].session.multi = Some(transaction);
        checked
    }

    /// All stores are here: compare versions, then execute.
    pub(super) fn begin_transaction(&mut self, at: u32, cores: Vec<CoreId>, bump: &Bump) -> Flow {
        // From here on the clock is its commands'.
        self.clock_out(at);
        let changed = self.watched_keys_changed(at);
        self.forget_watches(at);
        let flags = self.clients[at].session.multi.as_ref().map_or(0, |transaction| transaction.flags);
        let lacks_room = self.lacks_room(flags, &cores);
        let served = self.check_transaction(at);
        let Some(transaction) = &mut self.clients[at].session.multi else { return Flow::Done };
        transaction.running = Some(cores);
        if let Err(error) = served {
            transaction.commands.clear();
            self.reply_error(at, &error);
        } else if lacks_room {
            transaction.commands.clear();
            self.reply_error(at, &aborted(&Error::OutOfMemory));
        } else if changed {
            transaction.commands.clear();
            self.reply(at).null_array();
        } else {
            let count = transaction.commands.len();
            self.reply(at).array(count);
        }
        self.continue_transaction(at, bump)
    }

    /// Executes what is left of a running transaction.
    pub(super) fn continue_transaction(&mut self, at: u32, bump: &Bump) -> Flow {
        if let Some(transaction) = &mut self.clients[at].session.multi {
            self.log.resume(std::mem::take(&mut transaction.unit));
        }
        let flow = self.execute_transaction(at, bump);
        let unit = self.log.suspend();
        if let Some(transaction) = &mut self.clients[at].session.multi {
            transaction.unit = unit;
        }
        if flow == Flow::Done {
            if let Some(word) = self.clients[at].session.multi.as_mut().and_then(|multi| multi.said.take()) {
                self.show_exec(at, &word);
            }
            self.end_transaction(at);
            self.serve_ready(bump);
        }
        flow
    }

    fn execute_transaction(&mut self, at: u32, bump: &Bump) -> Flow {
        loop {
            let Some(transaction) = &mut self.clients[at].session.multi else { return Flow::Done };
            let Some(command) = transaction.commands.pop_front() else { break };
            let args: &[&[u8]] = bump.alloc_slice_fill_iter(command.iter().map(|arg| &*bump.alloc_slice_copy(arg)));
            let request = self.resolve(args, bump);
            let Some(command) = request.command else { continue };
            if let Err(error) = self.admit_queued(at, &request, command) {
                self.reply_error(at, &error);
                continue;
            }
            if self.monitors.is_on() {
                self.show(at, request.args, command);
                self.monitors.keep();
            }
            let flow = match &command.run {
                Run::Keyed(handler) => {
                    let flow = self.execute(at, &request, *handler);
                    self.remember_read(at, &request);
                    flow
                }
                Run::Script => self.execute_script(at, &request, Vec::new()),
                Run::Session(handler) | Run::Node(handler) => self.session(at, &request, *handler),
            };
            self.account(at, &[request]);
            if flow == Flow::Wait {
                return Flow::Wait;
            }
        }
        Flow::Done
    }

    /// Forgets the transaction and gives back what it holds.
    pub(super) fn end_transaction(&mut self, at: u32) {
        let client = &mut self.clients[at];
        let transaction = client.session.multi.take();
        client.session.asking = false;
        client.refresh_plain();
        let reference = client.reference;
        if let Some(mut transaction) = transaction {
            if let Some(running) = &mut transaction.running {
                self.orphan_script(reference, running, &mut transaction.unit);
                self.orphan_migration(reference, running);
            }
            self.log.end(transaction.unit);
            self.give_back(&transaction.running.unwrap_or_default());
        }
    }

    fn watched_keys_changed(&mut self, at: u32) -> bool {
        let now = self.now.unix_ms;
        let watches = std::mem::take(&mut self.clients[at].session.watches);
        let changed = watches.iter().any(|watch| {
            let key = self.options.hasher.key(&watch.key);
            self.stores.of(key.slot).watch_version(watch.db, &key, now) + 1 != watch.version
        });
        self.clients[at].session.watches = watches;
        changed
    }

    /// The versions, from 1 on, of those of `keys` that live on the store of core `core`, 0 for others; watches them.
    pub(super) fn watch_here(&mut self, core: usize, db: usize, keys: &[Box<[u8]>]) -> Vec<u64> {
        let now = self.now.unix_ms;
        keys.iter()
            .map(|bytes| {
                let key = self.options.hasher.key(bytes);
                if self.routes.owners().of(key.slot).index() != core {
                    return 0;
                }
                self.stores.of(key.slot).watch(db, &key, now) + 1
            })
            .collect()
    }

    /// Takes back the client's interest in all keys it watches.
    pub(super) fn forget_watches(&mut self, at: u32) {
        let watches = std::mem::take(&mut self.clients[at].session.watches);
        if !watches.is_empty() {
            self.unwatch(watches.into_iter().map(|watch| (watch.db, watch.key)));
        }
    }

    /// Takes back one client's interest in these keys.
    pub(super) fn unwatch(&mut self, keys: impl Iterator<Item = (usize, Box<[u8]>)>) {
        let mut by_core: Vec<Vec<(usize, Box<[u8]>)>> = vec![Vec::new(); self.options.cores];
        for (db, key) in keys {
            let core = self.routes.owners().of(Slot::of_key(&key));
            by_core[core.index()].push((db, key));
        }
        for (core, keys) in by_core.into_iter().enumerate().filter(|(_, keys)| !keys.is_empty()) {
            if self.stores.at(CoreId(core as u8)).is_some() {
                self.unwatch_here(&keys);
            } else {
                self.send(CoreId(core as u8).into(), Message::Tell(Notice::Unwatch(keys)));
            }
        }
    }

    /// Takes back interest in keys whose stores are here.
    pub(super) fn unwatch_here(&mut self, keys: &[(usize, Box<[u8]>)]) {
        for (db, bytes) in keys {
            let key = self.options.hasher.key(bytes);
            let core = self.routes.owners().of(key.slot);
            if let Some(store) = self.stores.at(core) {
                store.unwatch(*db, &key);
            }
        }
    }
}

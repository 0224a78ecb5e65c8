//! The commands that a running script calls. Part of [`script`](super::script).
//!
//! Commands on keys are executed as a client's are. Those that need a connection run as a client that has no socket,
//! whose replies wait behind one that never comes ([`Owed::Waiting`]), where they are fetched.

use super::Plane;
use super::claim::not_now;
use super::client::{Client, ClientRef, Owed, SCRIPT_CLIENT, Session};
use super::dispatch::{Flow, Outcome, Request};
use super::redirect::command_keys;
use super::script::NO_ENGINE;
use super::tracking::reads;
use super::transaction::Transaction;
use crate::base::ids::ClientId;
use crate::contract::log::Audience;
use crate::data::command::spec::flag;
use crate::data::command::{Command, Run};
use crate::data::exec::Exec;
use crate::data::route::Manner;
use crate::data::script::Engine;
use crate::data::script::known::Flags;
use crate::resp::{Error, Proto, Reply};
use crate::slot::Slot;
use bumpalo::Bump;

const NOT_FROM_SCRIPT: &str = "ERR This Redis command is not allowed from script";

/// What a script is told that names a key which is not on this node.
const NOT_LOCAL: &str = "ERR Script attempted to access a non local key in a cluster node";

impl Plane {
    /// Executes the command that the script calls; none: the answer comes later.
    pub(super) fn call_from_script(&mut self) -> Option<Vec<u8>> {
        let mut bump = std::mem::take(&mut self.scripts.bump);
        bump.reset();
        let reply = self.call_in(&bump);
        self.scripts.bump = bump;
        reply
    }

    /// Whether the command that the script asks about would be allowed.
    pub(super) fn check_call(&mut self) -> Vec<u8> {
        let Some(engine) = self.scripts.engine.as_deref() else { return Vec::new() };
        let arguments = engine.arguments();
        let args: Vec<&[u8]> = arguments.iter().collect();
        self.check_for_script(&args)
    }

    fn call_in(&mut self, bump: &Bump) -> Option<Vec<u8>> {
        let engine = self.scripts.engine.as_deref()?;
        let proto = if engine.reads_resp3() { Proto::Resp3 } else { Proto::Resp2 };
        let audience = engine.audience();
        let args: &[&[u8]] =
            bump.alloc_slice_fill_iter(engine.arguments().iter().map(|arg| &*bump.alloc_slice_copy(arg)));
        let request = self.resolve(args, bump);
        if self.scripts.job.as_ref().is_some_and(|job| job.begins_anew) {
            return Some(not_now());
        }
        let command = match self.admit_call(&request) {
            Ok(command) => command,
            Err(error) => {
                if let Some(command) = request.command {
                    self.commands.rejected(command.id());
                }
                return Some(self.error_reply(&error, proto));
            }
        };
        if self.options.cores > 1 && self.lacks_stores(&request, command) {
            self.claim(bump);
            return None;
        }
        if let Some(job) = &mut self.scripts.job {
            job.acted |= !command.spec.is(flag::READONLY);
        }
        if self.monitors.is_on() {
            self.show_of_script(self.scripts.job.as_ref().map_or(0, |job| job.db), args, command);
        }
        let began = (self.options.clock)();
        let failed = match &command.run {
            Run::Keyed(handler) => {
                let (db, now) = self.scripts.job.as_ref().map(|job| (job.db, job.began_ms))?;
                let undone = self.scripts.job.as_ref().is_some_and(|job| job.is_undone());
                if undone {
                    self.remember_keys(db, args, command);
                }
                let mut reply = self.scripts.engine.as_deref().map_or_else(Vec::new, Engine::buffer);
                let mut exec = Exec {
                    stores: &mut self.stores,
                    db,
                    now,
                    reply: Reply::new(&mut reply, proto),
                    settings: &self.settings,
                    hasher: self.options.hasher,
                    effects: &mut self.effects,
                    scratch: bump,
                    may_block: false,
                    woken: None,
                    routed: request.key,
                };
                let result = handler(&mut exec, args);
                if let Err(error) = &result {
                    exec.reply.truncate(0);
                    exec.reply.error(error);
                    self.errors.replied(error.to_string().as_bytes());
                }
                if undone {
                    self.forget_effects();
                }
                self.settle_call(db, args, audience);
                if reads(command) {
                    self.remember_script_keys();
                }
                self.count_script(command.id(), began, result.is_err());
                return Some(reply);
            }
            Run::Session(handler) | Run::Node(handler) => {
                let at = self.script_client(proto);
                let flow = self.session(at, &request, *handler);
                if let Some(job) = &mut self.scripts.job {
                    // SELECT holds for the rest of the script.
                    job.db = self.clients[at].session.db;
                    if matches!(flow, Flow::Wait | Flow::Retry(_) | Flow::Blocked) {
                        job.awaits = Some(command);
                        return None;
                    }
                }
                request.outcome.get() == Outcome::Failed
            }
            Run::Script => return Some(self.error_reply(&Error::new(NOT_FROM_SCRIPT), proto)),
        };
        self.count_script(command.id(), began, failed);
        Some(self.take_script_reply(command))
    }

    /// Deals with what a command of a script changed.
    fn settle_call(&mut self, db: usize, args: &[&[u8]], audience: Option<Audience>) {
        let on = self.log.is_on();
        match audience {
            Some(audience) => self.log.set_audience(audience),
            None => self.log.set_on(false),
        }
        let origin = self.scripts.job.as_ref().map(|job| job.origin);
        self.settle(db, args, origin);
        self.log.set_on(on);
        self.log.set_audience(Audience::All);
    }

    /// A script of a client that tracks has read: all keys that it was called with count, as in Redis.
    fn remember_script_keys(&mut self) {
        let Some(job) = &mut self.scripts.job else { return };
        let Some(keys) = job.tracked.take() else { return };
        let origin = job.origin;
        self.remember_reader(origin, keys.iter().map(|key| &**key));
        if let Some(job) = &mut self.scripts.job {
            job.tracked = Some(keys);
        }
    }

    /// Whether a script may call this command now. Texts and order are Redis's (`script.c`, `scriptCall`).
    fn admit_call(&mut self, request: &Request<'_>) -> Result<&'static Command, Error> {
        let Some(command) = request.command else {
            return Err(Error::new("ERR Unknown Redis command called from script"));
        };
        if !command.spec.arity_fits(request.args.len()) {
            return Err(Error::new("ERR Wrong number of args calling Redis command from script"));
        }
        if command.spec.is(flag::NOSCRIPT) && !self.scripts_may_all {
            return Err(Error::new(NOT_FROM_SCRIPT));
        }
        if command.spec.name().starts_with("xread") && waits(request.args) {
            let name = command.spec.name();
            return Err(Error::new(format!("ERR {name} command is not allowed with BLOCK option from scripts")));
        }
        let stale = self.standing.replica && !self.standing.link_up && !self.settings.replica_serve_stale_data;
        if stale && !command.spec.is(flag::STALE) {
            return Err(Error::new("ERR Can not execute the command on a stale replica"));
        }
        self.admit_in_script(request, command)?;
        self.admit_undone(command)?;
        let Some(job) = &self.scripts.job else { return Err(Error::new(NO_ENGINE)) };
        let (wrote, flags) = (job.wrote, job.flags);
        if job.read_only && command.spec.flags() & (flag::WRITE | flag::MAY_REPLICATE) != 0 {
            return Err(Error::new("ERR Write commands are not allowed from read-only scripts."));
        }
        if command.spec.is(flag::WRITE) && !wrote && !self.applying {
            if self.standing.is_read_only() && self.settings.replica_read_only {
                return Err(Error::new("READONLY You can't write against a read only replica."));
            }
            self.admit_to_disk()?;
            if self.lacks_replicas {
                return Err(Error::NotEnoughReplicas);
            }
        }
        let may_be_short = self.applying || wrote || !flags.any(Flags::COMPATIBLE) && flags.any(Flags::ALLOW_OOM);
        if !may_be_short && self.lacks_room(command.spec.flags(), &[self.core()]) {
            return Err(Error::OutOfMemory);
        }
        if let Some(job) = &mut self.scripts.job {
            job.wrote |= command.spec.is(flag::WRITE);
        }
        self.admit_keys(request, command)?;
        Ok(command)
    }

    /// Whether the keys of a script's command are here.
    fn admit_keys(&mut self, request: &Request<'_>, command: &Command) -> Result<(), Error> {
        if !self.settings.cluster_enabled || !command.spec.has_keys() || self.applying {
            return Ok(());
        }
        self.admit_open_slot(request, command)?;
        for index in command.key_indexes(request.args) {
            let slot = Slot::of_key(request.args[index]);
            let Some(job) = &mut self.scripts.job else { continue };
            let across = job.flags.any(Flags::COMPATIBLE) || job.flags.any(Flags::ALLOW_CROSS_SLOT);
            if !across && *job.slot.get_or_insert(slot) != slot {
                return Err(Error::new("ERR Script attempted to access keys that do not hash to the same slot"));
            }
        }
        Ok(())
    }

    /// Whether the node serves the keys of a script's command, if it does not simply serve their slot.
    fn admit_open_slot(&mut self, request: &Request<'_>, command: &Command) -> Result<(), Error> {
        let manner = self.scripts.job.as_ref().map(|job| job.manner).unwrap_or_default();
        let manner = Manner { write: command.spec.is(flag::WRITE), ..manner };
        let keys = command_keys(command, request.args);
        let Some(slot) = keys.first().map(|key| Slot::of_key(key)) else { return Ok(()) };
        if self.routes.core(slot).is_some() {
            return Ok(());
        }
        let down = !self.topology.cluster_ok() && self.topology.owner(slot).is_some();
        let served = self.routes.service(slot, manner, &self.topology);
        let here = served.and_then(|service| self.check_keys_here(service, &keys));
        here.map_err(|_| {
            Error::new(match (down, self.settings.cluster_allow_reads_when_down) {
                (true, true) if manner.write => {
                    "ERR Script attempted to execute a write command while the cluster is down and readonly"
                }
                (true, false) => "ERR Script attempted to execute a command while the cluster is down",
                _ => NOT_LOCAL,
            })
        })
    }

    /// The client without a socket that executes a script's commands.
    fn script_client(&mut self, proto: Proto) -> u32 {
        let reference = ClientRef { index: SCRIPT_CLIENT, generation: self.scripts.begun };
        let (db, cores) = match &self.scripts.job {
            Some(job) => (job.db, self.stores.iter_mut().map(|(core, _)| core).collect()),
            None => (0, Vec::new()),
        };
        if self.clients.get(reference).is_none() {
            let id = ClientId::new(0, self.core());
            let mut session = Session::new(id, self.now.unix_ms, self.user_of_script());
            session.authenticated = true;
            // It holds what a transaction would.
            session.multi = Some(Box::new(Transaction { running: Some(cores), ..Transaction::default() }));
            let mut client = Client::new(reference, session);
            client.queue.push_back(Owed::Waiting);
            self.clients.insert(client);
        }
        let session = &mut self.clients[SCRIPT_CLIENT].session;
        session.db = db;
        session.proto = proto;
        SCRIPT_CLIENT
    }

    /// What the script's client was answered.
    pub(super) fn take_script_reply(&mut self, command: &Command) -> Vec<u8> {
        let reference = ClientRef { index: SCRIPT_CLIENT, generation: self.scripts.begun };
        let reply = self.clients.get_mut(reference).and_then(|client| match client.queue.pop_back() {
            Some(Owed::Ready(reply)) => Some(reply),
            Some(owed) => {
                client.queue.push_back(owed);
                None
            }
            None => None,
        });
        reply.unwrap_or_else(|| format!("-ERR {} has no reply\r\n", command.spec.full_name()).into_bytes())
    }
}

/// Whether XREAD or XREADGROUP has the option BLOCK.
fn waits(args: &[&[u8]]) -> bool {
    let options = args.iter().take_while(|word| !word.eq_ignore_ascii_case(b"streams"));
    options.skip(1).any(|word| word.eq_ignore_ascii_case(b"block"))
}

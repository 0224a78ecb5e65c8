//! Slots that this node does not simply serve: how a client says its commands, and whether the keys that decide are here.
//!
//! Owned by the data core. [`Routes`](crate::data::route::Routes) decides from the topology alone; the rest of the
//! decision is made here, on the core that has the keys, right before the command is executed.

use super::Plane;
use super::ask::Next;
use super::client::{Client, Hold};
use super::dispatch::{Flow, Request};
use super::message::{Answer, Inquiry};
use crate::base::ids::CoreId;
use crate::data::command::spec::flag;
use crate::data::command::{Command, Run};
use crate::data::route::{Manner, Service};
use crate::data::script::known::{Flags, shebang};
use crate::resp::Error;
use crate::slot::Slot;
use bumpalo::Bump;

impl Plane {
    /// How client `at` says `command`.
    pub(super) fn manner(&self, at: u32, command: &Command) -> Manner {
        let session = &self.clients[at].session;
        Manner {
            write: self.flags_in_effect(at, command) & flag::WRITE != 0,
            readonly: session.readonly,
            asking: session.asking || command.spec.is(flag::ASKING),
            channels: false,
            migrates: command.spec.full_name() == "migrate",
        }
    }

    /// The same for a script, which writes if it says something of itself, and not that it doesn't.
    pub(super) fn script_manner(&self, at: u32, args: &[&[u8]], command: &Command) -> Manner {
        let flags = self.declared_flags(args, command);
        let writes = |flags: Flags| !flags.any(Flags::NO_WRITES);
        Manner { write: flags.is_some_and(writes), ..self.manner(at, command) }
    }

    /// What a script says of itself, if it is known and says anything.
    fn declared_flags(&self, args: &[&[u8]], command: &Command) -> Option<Flags> {
        let (name, scripts) = (command.spec.full_name(), &self.scripts);
        let flags = match args.get(1)? {
            function if name.starts_with("fcall") => scripts.libraries.function(function).map(|found| found.flags),
            sha if name.starts_with("evalsha") => scripts.known.find(sha).map(|(_, script)| script.flags),
            body => shebang(body).ok().map(|(flags, _)| flags),
        };
        flags.filter(|flags| !flags.any(Flags::COMPATIBLE))
    }

    /// The flags of a command, or of what it stands for: a transaction, or a script that says something of itself.
    pub(super) fn flags_of(&self, at: u32, args: &[&[u8]], command: &Command) -> u32 {
        let flags = self.flags_in_effect(at, command);
        if !matches!(command.run, Run::Script) {
            return flags;
        }
        let Some(declared) = self.declared_flags(args, command) else { return flags };
        let or = |missing: Flags, flag: u32| if declared.any(missing) { 0 } else { flag };
        let kept = flags & !(flag::STALE | flag::DENYOOM | flag::WRITE | flag::MAY_REPLICATE);
        let stale = if declared.any(Flags::ALLOW_STALE) { flag::STALE } else { 0 };
        kept | or(Flags::NO_WRITES, flag::WRITE) | or(Flags::ALLOW_OOM, flag::DENYOOM) | stale
    }

    /// Whether this node serves the slot of a command's keys to client `at`.
    pub(super) fn admit_slot(&mut self, at: u32, request: &Request<'_>, command: &Command) -> Result<(), Error> {
        if !self.settings.cluster_enabled {
            return Ok(());
        }
        let manner = match command.run {
            Run::Script => self.script_manner(at, request.args, command),
            _ => self.manner(at, command),
        };
        let service = self.routes.check(command, request, manner, &self.topology)?;
        if service == Service::Whole {
            return Ok(());
        }
        self.check_keys_here(service, &command_keys(command, request.args))
    }

    /// Queues a command of a transaction. Where it depends on keys of another core, that is asked first.
    pub(super) fn queue_where_keys_are(&mut self, at: u32, request: &Request<'_>, command: &'static Command) -> Flow {
        let Some((owner, question)) = self.question_of_keys(at, command, &command_keys(command, request.args)) else {
            return self.queue_command(at, request, command);
        };
        if !self.clients[at].queue.is_empty() {
            return Flow::Retry(Hold::Drain);
        }
        let args: Vec<Vec<u8>> = request.args.iter().map(|arg| arg.to_vec()).collect();
        let next: Next = Box::new(move |plane, at, answers| {
            let error = refusal_in(answers);
            let Some(transaction) = &mut plane.clients[at].session.multi else { return Ok(Flow::Done) };
            if let Some(error) = error {
                transaction.broken = true;
                return Err(error);
            }
            let bump = Bump::new();
            let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
            Ok(plane.queue_command(at, &plane.resolve(&args, &bump), command))
        });
        self.ask_then(at, std::iter::once(owner.into()), question, next).unwrap_or(Flow::Done)
    }

    /// What to ask which core before `command` is executed with these keys; nothing, if their slot is not open or their
    /// store is here.
    pub(super) fn question_of_keys(&self, at: u32, command: &Command, keys: &[&[u8]]) -> Option<(CoreId, Inquiry)> {
        let slot = Slot::of_key(keys.first()?);
        let owner = self.routes.owners().of(slot);
        if !self.settings.cluster_enabled || owner == self.core() || self.routes.core(slot).is_some() {
            return None;
        }
        let service = self.routes.service(slot, self.manner(at, command), &self.topology).ok()?;
        let keys = keys.iter().map(|key| Box::from(*key)).collect();
        (service != Service::Whole).then_some((owner, Inquiry::CheckKeys(service, keys)))
    }

    /// Like [`check_keys`](Plane::check_keys), if the store of the keys is here: otherwise that is for later.
    pub(super) fn check_keys_here(&mut self, service: Service, keys: &[&[u8]]) -> Result<(), Error> {
        let core = keys.first().map(|key| self.routes.owners().of(Slot::of_key(key)));
        let here = core.is_some_and(|core| self.stores.at(core).is_some());
        if here { self.check_keys(service, keys) } else { Ok(()) }
    }

    /// Whether the keys that an open slot's service depends on are on this node. Their store must be on this core.
    pub(super) fn check_keys(&mut self, service: Service, keys: &[&[u8]]) -> Result<(), Error> {
        let Some((first, rest)) = keys.split_first().filter(|_| service != Service::Whole) else { return Ok(()) };
        let (slot, hasher, now) = (Slot::of_key(first), self.options.hasher, self.now.unix_ms);
        let store = self.stores.of(slot);
        let existing = keys.iter().filter(|bytes| store.peek(0, &hasher.key(bytes), now).is_some()).count();
        let all = keys.len();
        let several = rest.iter().any(|key| key != first);
        let try_again = || Error::new("TRYAGAIN Multiple keys request during rehashing of slot");
        match (service, self.topology.migrating_to(slot)) {
            (Service::Leaving, Some(target)) if existing == 0 => {
                Err(Error::new(format!("ASK {} {}", slot.number(), target.endpoint)))
            }
            (Service::Leaving, _) if existing < all => Err(try_again()),
            (Service::Coming, _) if several && existing < all => Err(try_again()),
            _ => Ok(()),
        }
    }

    /// Deletes the keys of those of `slots` that core `core` owns: they are another node's now. Replicas are told key by
    /// key, as from Redis 7.2 (those of 7.0 keep such keys); subscribers and watchers are not, as the keys go on
    /// elsewhere.
    pub(super) fn drop_slots(&mut self, core: CoreId, slots: &[Slot]) {
        let Some(store) = self.stores.at(core) else { return };
        for slot in slots.iter().filter(|slot| self.routes.owners().of(**slot) == core) {
            if self.log.is_on() {
                store.slot_keys(0, *slot, usize::MAX, |key| self.log.command(0, &[b"DEL", key]));
            }
            self.stats.changed += store.slot_len(0, *slot) as u64;
            store.flush_slot(*slot);
        }
    }

    /// A command is done: the client's ASKING counts for one, or for one transaction.
    pub(super) fn forget_asking(&mut self, at: u32) {
        let outside = |client: &&Client| client.session.asking && client.session.multi.is_none();
        if let Some(client) = self.clients.at(at).filter(outside) {
            let client = client.reference;
            if let Some(client) = self.clients.get_mut(client) {
                client.session.asking = false;
                client.refresh_plain();
            }
        }
    }
}

/// Why the core that was asked refuses the keys.
pub(super) fn refusal_in(answers: Vec<Answer>) -> Option<Error> {
    answers.into_iter().find_map(|answer| if let Answer::Reply(Err(error)) = answer { Some(error) } else { None })
}

/// A command's keys.
pub(super) fn command_keys<'a>(command: &Command, args: &[&'a [u8]]) -> Vec<&'a [u8]> {
    command.key_indexes(args).into_iter().map(|index| args[index]).collect()
}

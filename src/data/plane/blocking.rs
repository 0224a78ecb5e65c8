//! Waiting commands: BLPOP and its kin, from the moment they find nothing to their reply.
//!
//! ```text
//!  home core: has the client                       owner core: has the keys
//!    client.waiting: how it waits     <-- deferred --  store.waits: the command in the queues of its keys
//!    deadline, CLIENT UNBLOCK, close  --  Cancel  -->  takes it out, and says so with the reply it was given
//!    the reply, in its place          <-- Answered --  key ready: runs it again, and it found something
//! ```
//!
//! Who holds the store decides, so an element is never taken for a client that was told something else. Often both are
//! one core, and nothing travels. A *wide* command, whose keys lie on several cores (standalone nodes only), waits in the
//! queues of all of them; whether it still waits is for the store of the first to say. It is run again where all stores
//! are that it needs.
//!
//! Ready keys are served when the command, transaction or script that made them ready is over, before anybody else
//! touches the store: first come, first served, for each key. A command that finds nothing keeps its place. So that this
//! holds for wide commands too, a write of a key that one waits for borrows all stores before it is executed
//! (`wakes_widely`), and serves who waits before it gives them back, and is answered. Keys that become ready otherwise, by
//! what the primary sends or when they expire, stand still until somebody has borrowed all stores for their sake.
//!
//! Invariants: a client waits for at most one command, and runs no other meanwhile; each waiting command has one
//! client that lives, or a `Cancel` is on its way to it.

use super::Plane;
use super::client::{ClientRef, Hold};
use super::dispatch::{Flow, Request};
use super::hop::{Deferred, HopCommand};
use super::message::{Message, Notice, Peer};
use super::redirect::command_keys;
use crate::base::ids::{ClientId, CoreId};
use crate::data::command::spec::flag;
use crate::data::command::{Command, Run};
use crate::data::exec::{Block, Exec, TimeoutReply};
use crate::data::key::Key;
use crate::data::origin::Origin;
use crate::data::route::Manner;
use crate::data::waiter::{Waiter, WaiterId};
use crate::resp::{Error, Reply};
use crate::slot::Slot;
use bumpalo::Bump;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How a client's command waits, as its home core knows it.
pub struct Waiting {
    /// The place of its reply.
    number: u32,
    /// The cores whose stores it needs, in whose queues it is.
    cores: Vec<CoreId>,
    /// The slot of its first key.
    slot: Option<Slot>,
    deadline: Option<u64>,
    timeout_reply: TimeoutReply,
}

/// What a command did not do quickly: in how many microseconds, and its arguments.
pub type Slow = (u64, Vec<Box<[u8]>>);

/// What a plane remembers of its waiting clients.
#[derive(Default)]
pub struct Blocking {
    /// How many clients of this core wait.
    pub count: usize,
    deadlines: BTreeSet<(u64, ClientRef)>,
    /// Clients that have their reply, and go on before the turn is over.
    answered: Vec<ClientRef>,
    /// Keys whose queues stand still until all stores are here.
    parked: Vec<Parked>,
}

/// The first command in the queue of a ready key needs the stores of several cores.
pub struct Parked {
    /// Whose key it is.
    core: CoreId,
    key: Box<[u8]>,
    db: usize,
    /// Its place in the queue.
    place: u64,
}

impl Plane {
    // ---- The owner's side: queues and ready keys.

    /// Puts a command of another core into the queues of its keys.
    pub(super) fn queue_hop(&mut self, from: Peer, entry: &HopCommand, args: &[&[u8]], block: Block) {
        let id = WaiterId { home: CoreId(from.0 as u8), client: entry.client, number: entry.number };
        self.enqueue(Waiter {
            id,
            command: entry.command,
            db: entry.db as usize,
            proto: entry.proto,
            args: block.again.unwrap_or_else(|| args.iter().map(|arg| Box::from(*arg)).collect()),
            cores: vec![self.core()],
            keys: block.keys,
            on_deletion: block.on_deletion,
        });
    }

    /// Puts a command into the queues of its keys; their stores are here.
    fn enqueue(&mut self, waiter: Waiter) {
        let waiter = Arc::new(waiter);
        let owners = self.routes.owners();
        for core in &waiter.cores {
            if let Some(store) = self.stores.at(*core) {
                store.add_waiter(&waiter, |key| owners.of(key.slot) == *core);
            }
        }
    }

    /// Runs again what waits for keys of this core that are ready.
    #[inline]
    pub(super) fn serve_ready(&mut self, bump: &Bump) {
        if self.has_ready() {
            self.serve_home(bump);
        }
    }

    /// Whether keys of this core are ready, and no script or transaction stands in between.
    #[inline]
    fn has_ready(&self) -> bool {
        !self.locked && self.stores.home().has_ready() && self.scripts.job.is_none()
    }

    #[cold]
    fn serve_home(&mut self, bump: &Bump) {
        self.serve_held(&[self.core()], bump);
    }

    /// Runs again what waits for ready keys of the cores `held`, whose stores are here.
    pub(super) fn serve_held(&mut self, held: &[CoreId], bump: &Bump) {
        while let Some((core, db, key)) = self.next_ready(held) {
            self.serve_key(core, db, &key, held, bump);
        }
    }

    fn next_ready(&mut self, held: &[CoreId]) -> Option<(CoreId, usize, Box<[u8]>)> {
        held.iter().find_map(|core| {
            let (db, key) = self.stores.at(*core)?.take_ready()?;
            Some((*core, db, key))
        })
    }

    /// Whether keys of the cores `held` are ready, whose stores are here, and no script stands in between.
    pub(super) fn holds_ready(&mut self, held: &[CoreId]) -> bool {
        self.scripts.job.is_none()
            && held.iter().any(|core| self.stores.at(*core).is_some_and(|store| store.has_ready()))
    }

    /// Runs again what waits for one key of core `core`; the stores of the cores `held` are here.
    fn serve_key(&mut self, core: CoreId, db: usize, bytes: &[u8], held: &[CoreId], bump: &Bump) {
        let key = self.options.hasher.key(bytes);
        let now = self.now.unix_ms;
        let mut from = 0;
        while let Some(store) = self.stores.at(core) {
            let there = store.peek(db, &key, now).is_some();
            let Some((place, waiter)) = store.next_waiter(db, &key, from, there) else { return };
            if waiter.cores.iter().any(|core| !held.contains(core)) {
                store.park(db, &key, place);
                self.blocking.parked.push(Parked { core, key: bytes.into(), db, place });
                return;
            }
            // If it waits no more, word of that is on its way to this queue.
            if self.stores.at(waiter.cores[0]).is_some_and(|store| store.has_waiter(&waiter.id)) {
                self.run_again(&waiter, &key, bump);
            }
            from = place + 1;
        }
    }

    /// Whether a command is to have all stores, because a wide one waits for a key that it writes, in a store that is
    /// here.
    pub(super) fn wakes_widely(&mut self, db: usize, command: &Command, args: &[&[u8]]) -> bool {
        command.spec.is(flag::WRITE)
            && command_keys(command, args).into_iter().any(|bytes| {
                let key = self.options.hasher.key(bytes);
                let core = self.routes.owners().of(key.slot);
                self.stores.at(core).is_some_and(|store| store.is_awaited_widely(db, &key))
            })
    }

    /// Whether any wide command waits for keys of this core.
    pub(super) fn is_awaited_widely(&mut self) -> bool {
        let me = self.core();
        self.stores.at(me).is_some_and(|store| store.has_wide_waiters())
    }

    /// Runs a waiting command again, for the sake of `key`; answers it unless it goes on waiting.
    fn run_again(&mut self, waiter: &Waiter, key: &Key<'_>, bump: &Bump) {
        let Run::Keyed(handler) = &self.registry.by_id(waiter.command).run else { return };
        let args = bump.alloc_slice_fill_iter(waiter.args.iter().map(|arg| &**arg));
        let mut out = Vec::new();
        let mut exec = Exec {
            stores: &mut self.stores,
            db: waiter.db,
            now: self.now.unix_ms,
            reply: Reply::new(&mut out, waiter.proto),
            settings: &self.settings,
            hasher: self.options.hasher,
            effects: &mut self.effects,
            scratch: bump,
            may_block: true,
            woken: Some(key.bytes),
            routed: Some(*key),
        };
        let result = handler(&mut exec, args);
        if let Err(error) = &result {
            exec.reply.truncate(0);
            exec.reply.error(error);
            self.errors.replied(error.to_string().as_bytes());
        }
        let goes_on = self.effects.block.take().is_some();
        self.settle(waiter.db, args, Some(Origin { core: waiter.id.home, client: waiter.id.client }));
        if goes_on {
            return;
        }
        for core in &waiter.cores {
            if let Some(store) = self.stores.at(*core) {
                store.remove_waiter(&waiter.id);
            }
        }
        let now = (self.options.clock)();
        let elapsed = now.saturating_sub(self.now.mono_ns);
        self.now.mono_ns = now;
        self.stats.commands += 1;
        self.commands.called(waiter.command, 1, elapsed, result.is_err(), self.settings.latency_tracking);
        let slow = self.is_slow(elapsed / 1000).then(|| (elapsed / 1000, waiter.args.clone()));
        self.reply_to(&waiter.id, out, slow);
    }

    fn reply_to(&mut self, id: &WaiterId, reply: Vec<u8>, slow: Option<Slow>) {
        let notice = Notice::Answered { client: id.client, number: id.number, reply, slow };
        if id.home == self.core() { self.told(notice) } else { self.send(id.home.into(), Message::Tell(notice)) }
    }

    /// A command that waits in the queues of this core is to wait no longer. With a reply it is answered, unless it
    /// was meanwhile; without one its home core has done that.
    pub(super) fn cancelled(&mut self, id: &WaiterId, reply: Option<Vec<u8>>) {
        let Some(waiter) = self.stores.at(self.options.core).and_then(|store| store.remove_waiter(id)) else { return };
        if waiter.is_wide() {
            self.refresh();
        }
        let Some(reply) = reply else { return };
        for core in &waiter.cores[1..] {
            self.notify_queue(*core, *id, None);
        }
        self.reply_to(id, reply, None);
    }

    // ---- The home's side: the client and its reply.

    /// The command just executed here found nothing, and waits.
    pub(super) fn wait_here(&mut self, at: u32, request: &Request<'_>, block: Block) -> Flow {
        let Some(command) = request.command else { return Flow::Done };
        let home = self.core();
        let owners = self.routes.owners();
        let slot = block.keys.first().map(|key| Slot::of_key(key));
        let keys = command.key_indexes(request.args).into_iter();
        let cores: BTreeSet<CoreId> = keys.map(|index| owners.of(Slot::of_key(request.args[index]))).collect();
        let cores: Vec<CoreId> = cores.into_iter().collect();
        let client = &mut self.clients[at];
        let id = WaiterId { home, client: client.reference, number: client.owe() };
        let (deadline, timeout_reply) = (block.deadline, block.timeout_reply);
        let waiting = Waiting { number: id.number, cores: cores.clone(), slot, deadline, timeout_reply };
        let (db, proto) = (client.session.db, client.session.proto);
        self.enqueue(Waiter {
            id,
            command: command.id(),
            db,
            proto,
            args: block.again.unwrap_or_else(|| request.args.iter().map(|arg| Box::from(*arg)).collect()),
            keys: block.keys,
            cores,
            on_deletion: block.on_deletion,
        });
        self.wait(at, waiting);
        Flow::Blocked
    }

    /// The core `from` says that a command it was sent waits there.
    pub(super) fn deferred(&mut self, from: Peer, entry: &HopCommand, deferred: &Deferred) {
        let core = CoreId(from.0 as u8);
        match self.clients.get(entry.client) {
            Some(client) if client.is_owed(entry.number) => {
                let (deadline, timeout_reply) = (deferred.deadline, deferred.timeout_reply);
                let cores = vec![core];
                let waiting = Waiting { number: entry.number, cores, slot: Some(entry.slot), deadline, timeout_reply };
                self.wait(entry.client.index, waiting);
            }
            // Its reply has come already.
            Some(_) => {}
            None => {
                let id = WaiterId { home: self.core(), client: entry.client, number: entry.number };
                self.notify_queue(core, id, None);
            }
        }
    }

    fn wait(&mut self, at: u32, waiting: Waiting) {
        let client = &mut self.clients[at];
        if let Some(deadline) = waiting.deadline {
            self.blocking.deadlines.insert((deadline, client.reference));
        }
        self.blocking.count += 1;
        client.waiting = Some(Box::new(waiting));
    }

    /// Forgets that a client waits.
    fn wait_no_more(&mut self, at: u32) -> Option<Box<Waiting>> {
        let client = &mut self.clients[at];
        let waiting = client.waiting.take()?;
        if let Some(deadline) = waiting.deadline {
            self.blocking.deadlines.remove(&(deadline, client.reference));
        }
        self.blocking.count -= 1;
        Some(waiting)
    }

    /// The reply of a command that waited.
    pub(super) fn answer_waiting(&mut self, to: ClientRef, number: u32, reply: &[u8], slow: Option<Slow>) {
        self.deliver(to, number, reply);
        if self.clients.get(to).is_none() {
            return;
        }
        if let Some((took, args)) = slow {
            let args: Vec<&[u8]> = args.iter().map(|arg| &**arg).collect();
            if let Some(command) = self.registry.find(&args) {
                self.note_slowness(to.index, command, &args, took);
            }
        }
        let client = &self.clients[to.index];
        if client.waiting.as_ref().is_some_and(|waiting| waiting.number == number) {
            self.wait_no_more(to.index);
        }
        self.blocking.answered.push(to);
    }

    /// Gives a client that waits another reply than it waits for, unless that is on its way already.
    fn unblock(&mut self, at: u32, write: impl FnOnce(&mut Reply<'_>)) {
        let mut reply = Vec::new();
        write(&mut Reply::new(&mut reply, self.proto(at)));
        let client = &mut self.clients[at];
        let Some(waiting) = &mut client.waiting else { return };
        if let Some(deadline) = waiting.deadline.take() {
            self.blocking.deadlines.remove(&(deadline, client.reference));
        }
        let id = WaiterId { home: self.options.core, client: client.reference, number: waiting.number };
        // The store of the first core says whether it waits still.
        let first = waiting.cores[0];
        self.notify_queue(first, id, Some(reply));
    }

    fn unblock_with(&mut self, at: u32, error: &Error) {
        self.errors.replied(error.to_string().as_bytes());
        self.unblock(at, |reply| reply.error(error));
    }

    /// A client waits no more, and gets no reply.
    pub(super) fn leave_queues(&mut self, at: u32) {
        let Some(waiting) = self.wait_no_more(at) else { return };
        let id = WaiterId { home: self.core(), client: self.clients[at].reference, number: waiting.number };
        for core in waiting.cores {
            self.notify_queue(core, id, None);
        }
    }

    fn notify_queue(&mut self, core: CoreId, id: WaiterId, reply: Option<Vec<u8>>) {
        let notice = Message::Tell(Notice::Cancel(id, reply));
        if core != self.core() {
            self.send(core.into(), notice);
        } else if self.locked {
            self.stalled.push((core.into(), notice));
        } else if let Message::Tell(notice) = notice {
            self.told(notice);
        }
    }

    /// When the next client has waited long enough: Unix time in milliseconds.
    pub fn next_deadline(&self) -> Option<u64> {
        // A deadline is over when it lies in the past, as in Redis.
        self.blocking.deadlines.first().map(|(deadline, _)| deadline + 1)
    }

    /// Answers clients that have waited long enough.
    pub fn end_waits(&mut self) {
        while let Some(&(deadline, client)) = self.blocking.deadlines.first() {
            if deadline >= self.now.unix_ms {
                return;
            }
            self.blocking.deadlines.remove(&(deadline, client));
            let Some(waiting) = self.clients.get(client).and_then(|client| client.waiting.as_ref()) else { continue };
            let timeout_reply = waiting.timeout_reply;
            self.unblock(client.index, |reply| timeout_reply.write(reply));
        }
    }

    /// CLIENT UNBLOCK: whether that client waited.
    pub(super) fn unblock_client(&mut self, id: ClientId, with_error: bool) -> bool {
        let Some(client) = self.clients.iter().find(|client| client.session.id == id) else { return false };
        let at = client.reference.index;
        let Some(waiting) = &client.waiting else { return self.end_wait_for_bus(at, with_error) };
        let timeout_reply = waiting.timeout_reply;
        if with_error {
            self.unblock_with(at, &Error::new("UNBLOCKED client unblocked via CLIENT UNBLOCK"));
        } else {
            self.unblock(at, |reply| timeout_reply.write(reply));
        }
        // Either way the command counts as one that failed, as in Redis.
        if let Some(spec) = self.clients.at(at).and_then(|client| client.session.last) {
            self.commands.called(spec.id() as u16, 1, 0, true, self.settings.latency_tracking);
        }
        true
    }

    /// The node has become a replica: nothing will come to those who wait. As in Redis they are closed, too.
    pub(super) fn unblock_all(&mut self) {
        let error =
            Error::new("UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)");
        for client in self.waiting_clients() {
            self.unblock_with(client.index, &error);
            self.say_goodbye(client.index);
        }
    }

    /// The topology has changed: redirects those who wait for keys that this node does not serve any more.
    pub(super) fn redirect_waiting(&mut self) {
        for client in self.waiting_clients() {
            let session = &self.clients[client.index].session;
            let write = session.last.is_none_or(|command| command.is(flag::WRITE));
            let manner = Manner { write, readonly: session.readonly, ..Manner::default() };
            let slot = self.clients[client.index].waiting.as_ref().and_then(|waiting| waiting.slot);
            if let Some(Err(error)) = slot.map(|slot| self.routes.may_wait(slot, manner, &self.topology)) {
                self.unblock_with(client.index, &error);
            }
        }
    }

    fn waiting_clients(&self) -> Vec<ClientRef> {
        if self.blocking.count == 0 {
            return Vec::new();
        }
        self.clients.iter().filter(|client| client.waiting.is_some()).map(|client| client.reference).collect()
    }

    /// The queue of a parked key goes on: all stores are here.
    pub(super) fn unpark(&mut self, parked: &Parked) {
        let key = self.options.hasher.key(&parked.key);
        if let Some(store) = self.stores.at(parked.core) {
            store.unpark(parked.db, &key, parked.place);
        }
    }

    // ---- What the turn has left.

    /// Whether no client of this core waits.
    #[cfg(any(test, fuzzing))]
    pub(super) fn blocking_is_at_rest(&self) -> bool {
        let Blocking { count, deadlines, answered, parked } = &self.blocking;
        *count == 0 && deadlines.is_empty() && answered.is_empty() && parked.is_empty()
    }

    /// Whether the turn has left something to do for its end.
    pub fn has_leftovers(&self) -> bool {
        let unblocked = !self.blocking.answered.is_empty() || !self.blocking.parked.is_empty();
        self.has_ready() || unblocked || self.has_waiting_borrowers()
    }

    /// Serves keys that no client's command made ready, lets clients go on that waited and those who want the store.
    pub fn take_up_leftovers(&mut self, bump: &Bump) {
        self.serve_ready(bump);
        for parked in std::mem::take(&mut self.blocking.parked) {
            self.gather_parked(parked, bump);
        }
        for client in std::mem::take(&mut self.blocking.answered) {
            if self.clients.get(client).is_some_and(|client| client.queue.is_empty()) {
                self.release(client.index, Hold::Blocked, bump);
            }
        }
        self.after_unlock(bump);
    }
}

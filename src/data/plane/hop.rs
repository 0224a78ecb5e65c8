//! Hops: commands that another core of this node executes.
//!
//! All commands of a turn for one core travel in one batch, which comes back with the replies. A batch
//! is a value: whoever holds it owns it. Commands keep their order within a batch, and batches theirs
//! within a queue, so two commands of a client for one core are executed in the order they were sent.

use super::Plane;
use super::acl::Behalf;
use super::client::{ClientRef, Hold, Owed};
use super::dispatch::{Flow, Outcome, Request};
use super::message::{Message, Peer};
use super::redirect::command_keys;
use super::tracking::reads;
use crate::base::ids::CoreId;
use crate::base::limits;
use crate::data::command::spec::flag;
use crate::data::command::{Command, Run};
use crate::data::exec::{Exec, TimeoutReply};
use crate::data::key::Key;
use crate::data::origin::Origin;
use crate::data::route::Manner;
use crate::resp::parse::Span;
use crate::resp::{Error, Proto, Reply};
use crate::slot::Slot;
use bumpalo::Bump;

/// One command of a batch.
#[derive(Clone, Copy, Debug)]
pub struct HopCommand {
    /// Whose command it is.
    pub client: ClientRef,
    /// The place of its reply in the client's order.
    pub number: u32,
    /// Dense id of the command.
    pub command: u16,
    /// The client's database.
    pub db: u16,
    /// How many arguments.
    pub argc: u32,
    /// The slot and table hash of its first key.
    pub slot: Slot,
    /// See `slot`.
    pub hash: u64,
    /// Which argument the first key is.
    pub key: u32,
    /// How to write the reply.
    pub proto: Proto,
    /// Whether the keys it reads are to be remembered.
    pub tracks: bool,
    /// How the client says it, for slots that the node does not simply serve.
    pub manner: Manner,
}

/// Commands of one core for another, and later their replies.
#[derive(Default)]
pub struct HopBatch {
    /// The commands, in order.
    pub commands: Vec<HopCommand>,
    /// All arguments one after the other.
    bytes: Vec<u8>,
    /// Where each argument lies.
    spans: Vec<Span>,
    /// All replies one after the other.
    pub replies: Vec<u8>,
    /// Where each reply ends.
    pub ends: Vec<usize>,
    /// The commands that took long for themselves, and how many microseconds.
    pub slow: Vec<(usize, u64)>,
    /// Whose rights a script has that is sent alone, if not all.
    pub behalf: Option<Box<Behalf>>,
    /// The commands that wait for a key, whose replies come later.
    pub deferred: Vec<Deferred>,
    /// Whether it is what was left of a batch.
    is_rest: bool,
}

/// A command of a batch that has no reply yet.
pub struct Deferred {
    /// Which one.
    pub index: usize,
    /// Unix time in milliseconds when it has waited long enough; none: never.
    pub deadline: Option<u64>,
    /// What its client gets then.
    pub timeout_reply: TimeoutReply,
}

impl HopBatch {
    /// Adds a command.
    pub fn push(&mut self, command: HopCommand, args: &[&[u8]]) {
        for arg in args {
            self.spans.push(Span { start: self.bytes.len(), len: arg.len() });
            self.bytes.extend_from_slice(arg);
        }
        self.commands.push(command);
    }

    /// Bytes of arguments it holds.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// All arguments of all commands, in order.
    pub fn args<'a>(&'a self, bump: &'a Bump) -> &'a [&'a [u8]] {
        bump.alloc_slice_fill_iter(self.spans.iter().map(|span| span.of(&self.bytes)))
    }

    /// The key a command was routed by.
    pub fn key<'a>(command: &HopCommand, args: &[&'a [u8]]) -> Key<'a> {
        Key { bytes: args[command.key as usize], slot: command.slot, hash: command.hash }
    }

    /// Forgets commands and replies, keeping a bounded amount of memory for the next use.
    pub fn reset(&mut self) {
        const KEEP: usize = 256 * 1024;
        self.commands.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEEP);
        self.spans.clear();
        self.replies.clear();
        self.replies.shrink_to(KEEP);
        self.ends.clear();
        self.deferred.clear();
        self.slow.clear();
        self.behalf = None;
        self.is_rest = false;
    }

    /// Whether all of it is executed.
    fn is_done(&self) -> bool {
        self.ends.len() == self.commands.len()
    }

    /// Forgets the commands that have replies, with these.
    fn forget_answered(&mut self) {
        let answered = self.ends.len();
        let spans: usize = self.commands[..answered].iter().map(|command| command.argc as usize).sum();
        self.spans.drain(..spans);
        self.commands.drain(..answered);
        self.replies.clear();
        self.ends.clear();
        self.deferred.clear();
        self.slow.clear();
        self.is_rest = true;
    }
}

impl Plane {
    /// The batch of this turn for `core`.
    pub(super) fn batch_for(&mut self, core: CoreId) -> &mut HopBatch {
        let spare = &mut self.spare_batches;
        self.hops[core.index()].get_or_insert_with(|| spare.pop().unwrap_or_default())
    }

    /// Whether other cores owe this one replies or answers.
    pub fn awaits_others(&self) -> bool {
        self.batches_away > 0 || !self.asks.is_empty() || self.locked
    }

    /// How many pieces of work of this core's clients may change a store still: batches on other cores, and commands
    /// and transactions that wait for stores or hold them.
    pub(super) fn writes_under_way(&self) -> usize {
        self.batches_away
            + self.hops.iter().flatten().count()
            + self.gathers.under_way()
            + usize::from(self.locked)
            + self.migrations.under_way()
    }

    /// Sends off a command alone, behind what is for the same core already: it can take long, and is answered later.
    fn send_alone(&mut self, core: CoreId, command: HopCommand, args: &[&[u8]], behalf: Option<Box<Behalf>>) {
        let mut alone = self.spare_batches.pop().unwrap_or_default();
        alone.behalf = behalf;
        alone.push(command, args);
        for batch in [self.hops[core.index()].take(), Some(alone)].into_iter().flatten() {
            self.stats.hops += batch.commands.len() as u64;
            self.batches_away += 1;
            self.outgoing.push((core.into(), Message::Hop(batch)));
        }
    }

    /// Sends a command to `core` with the rest of this turn's commands for it.
    pub(super) fn hop(
        &mut self,
        at: u32,
        request: &Request<'_>,
        command: &'static Command,
        manner: Manner,
        core: CoreId,
    ) -> Flow {
        let client = &mut self.clients[at];
        if client.queue.len() >= limits::MAX_OWED_REPLIES {
            return Flow::Retry(Hold::Backlog);
        }
        let tracks = !client.plain && self.tracks_reads(at);
        let client = &mut self.clients[at];
        let key = request.key.expect("a hop is routed by a key");
        let index = command.first_key(request.args).unwrap_or(1) as u32;
        let entry = HopCommand {
            client: client.reference,
            number: client.owe(),
            command: command.id(),
            db: client.session.db as u16,
            argc: request.args.len() as u32,
            slot: key.slot,
            hash: key.hash,
            key: index,
            proto: client.session.proto,
            tracks,
            manner,
        };
        if matches!(command.run, Run::Script) {
            let behalf = self.behalf_of(at);
            self.send_alone(core, entry, request.args, behalf);
            return Flow::Done;
        }
        self.batch_for(core).push(entry, request.args);
        if command.spec.is(flag::BLOCKING) { Flow::Blocked } else { Flow::Done }
    }

    /// Sends off this turn's batches.
    pub fn flush_hops(&mut self) {
        self.flush_lines();
        for (core, batch) in self.hops.iter_mut().enumerate() {
            if let Some(batch) = batch.take() {
                self.stats.hops += batch.commands.len() as u64;
                self.batches_away += 1;
                self.outgoing.push((Peer(core as u16), Message::Hop(batch)));
            }
        }
    }

    /// Executes another core's batch and sends it back.
    pub(super) fn execute_batch(&mut self, from: Peer, batch: Box<HopBatch>, bump: &Bump) {
        if let Some(behind) = self.unfinished.get_mut(&from)
            && !batch.is_rest
        {
            behind.push(batch);
            return;
        }
        if self.scripts.is_busy() && !self.scripts.is_ending() {
            return self.refuse_batch(from, batch, bump);
        }
        if self.must_stall() {
            self.stalled.push((from, Message::Hop(batch)));
            return;
        }
        if let [entry] = batch.commands.as_slice()
            && matches!(self.registry.by_id(entry.command).run, Run::Script)
        {
            self.execute_script_batch(from, batch, Vec::new(), bump);
            return;
        }
        self.run_batch(from, batch, &[], bump);
    }

    /// Executes what is left of a batch, up to a command that needs all stores unless they are here (`held`), and sends
    /// it back when it is done or its replies are many.
    pub(super) fn run_batch(&mut self, from: Peer, mut batch: Box<HopBatch>, held: &[CoreId], bump: &Bump) {
        let mut replies = std::mem::take(&mut batch.replies);
        let mut ends = std::mem::take(&mut batch.ends);
        let mut deferred = std::mem::take(&mut batch.deferred);
        let mut slow = std::mem::take(&mut batch.slow);
        let args = batch.args(bump);
        let mut outcomes = bumpalo::collections::Vec::with_capacity_in(batch.commands.len(), bump);
        self.prefetch_batch(&batch, args);
        let done = ends.len();
        let mut first = batch.commands[..done].iter().map(|entry| entry.argc as usize).sum();
        let mut wakes = false;
        for entry in &batch.commands[done..] {
            let last = first + entry.argc as usize;
            let args = &args[first..last];
            let command = self.registry.by_id(entry.command);
            wakes = held.is_empty() && self.is_awaited_widely() && self.wakes_widely(entry.db as usize, command, args);
            if wakes {
                break;
            }
            let alone = self.precise || !command.quick;
            let began = if alone { (self.options.clock)() } else { 0 };
            outcomes.push(self.execute_hop(from, entry, args, &mut replies, bump));
            ends.push(replies.len());
            let took = if alone { (self.options.clock)().saturating_sub(began) / 1000 } else { 0 };
            if alone && self.effects.block.is_none() && self.is_slow(took) {
                slow.push((ends.len() - 1, took));
            }
            if let Some(block) = self.effects.block.take() {
                let (deadline, timeout_reply) = (block.deadline, block.timeout_reply);
                deferred.push(Deferred { index: ends.len() - 1, deadline, timeout_reply });
                self.queue_hop(from, entry, args, block);
            }
            if self.holds_ready(held) {
                self.serve_held(held, bump);
            }
            self.serve_ready(bump);
            first = last;
            if replies.len() >= limits::HOP_REPLIES {
                break;
            }
        }
        let now = (self.options.clock)();
        let each = now.saturating_sub(self.now.mono_ns) / outcomes.len().max(1) as u64;
        self.now.mono_ns = now;
        let track = self.settings.latency_tracking;
        for (entry, outcome) in batch.commands[done..].iter().zip(outcomes) {
            if outcome != Outcome::Not {
                self.stats.commands += 1;
                self.commands.called(entry.command, 1, each, outcome == Outcome::Failed, track);
            }
        }
        batch.replies = replies;
        batch.ends = ends;
        batch.deferred = deferred;
        batch.slow = slow;
        if wakes {
            return self.gather_batch(from, batch, bump);
        }
        self.send_back(from, batch, bump);
    }

    /// Sends a batch back with its replies. One that is not done comes again when its core has handed these to its clients,
    /// so that clients who do not read are seen in time, and no more replies lie about than that. Batches of that core
    /// that come meanwhile wait, for they may be of the same clients.
    pub(super) fn send_back(&mut self, from: Peer, batch: Box<HopBatch>, bump: &Bump) {
        let is_done = batch.is_done();
        self.outgoing.push((from, Message::HopDone(batch)));
        if !is_done {
            self.unfinished.entry(from).or_default();
            return;
        }
        for behind in self.unfinished.remove(&from).into_iter().flatten() {
            self.execute_batch(from, behind, bump);
        }
    }

    fn prefetch_batch(&self, batch: &HopBatch, args: &[&[u8]]) {
        let store = self.stores.home();
        for entry in &batch.commands {
            store.prefetch_slot(entry.db as usize, entry.slot);
        }
        let keys = || {
            let mut first = 0;
            batch.commands.iter().map(move |entry| {
                let key = HopBatch::key(entry, &args[first..]);
                first += entry.argc as usize;
                (entry.db as usize, key)
            })
        };
        keys().for_each(|(db, key)| store.prefetch_line(db, &key));
        keys().for_each(|(db, key)| store.prefetch_entry(db, &key));
    }

    /// Whether a command may be executed here.
    pub(super) fn admit_hop(&mut self, entry: &HopCommand, args: &[&[u8]]) -> Result<(), Error> {
        let command = self.registry.by_id(entry.command);
        if self.routes.core(entry.slot) != Some(self.options.core) {
            // The slot is open, or it went away while the command travelled.
            let service = self.routes.service(entry.slot, entry.manner, &self.topology)?;
            self.check_keys(service, &command_keys(command, args))?;
        }
        if self.lacks_room(command.spec.flags(), &[self.core()]) {
            return Err(Error::OutOfMemory);
        }
        Ok(())
    }

    fn execute_hop(
        &mut self,
        from: Peer,
        entry: &HopCommand,
        args: &[&[u8]],
        replies: &mut Vec<u8>,
        bump: &Bump,
    ) -> Outcome {
        let start = replies.len();
        let handler = match (self.admit_hop(entry, args), &self.registry.by_id(entry.command).run) {
            (Ok(()), Run::Keyed(handler)) => *handler,
            (Ok(()), _) => return Outcome::Not,
            (Err(error), _) => {
                self.commands.rejected(entry.command);
                self.errors.replied(error.to_string().as_bytes());
                Reply::new(replies, entry.proto).error(&error);
                return Outcome::Not;
            }
        };
        let mut outcome = Outcome::Done;
        let mut exec = Exec {
            stores: &mut self.stores,
            db: entry.db as usize,
            now: self.now.unix_ms,
            reply: Reply::new(replies, entry.proto),
            settings: &self.settings,
            hasher: self.options.hasher,
            effects: &mut self.effects,
            scratch: bump,
            may_block: true,
            woken: None,
            routed: Some(HopBatch::key(entry, args)),
        };
        if let Err(error) = handler(&mut exec, args) {
            exec.reply.truncate(start);
            exec.reply.error(&error);
            self.errors.replied(error.to_string().as_bytes());
            outcome = Outcome::Failed;
        }
        let origin = Origin { core: CoreId(from.0 as u8), client: entry.client };
        self.settle(entry.db as usize, args, Some(origin));
        if entry.tracks && reads(self.registry.by_id(entry.command)) {
            let command = self.registry.by_id(entry.command);
            self.remember_reader(origin, command_keys(command, args).into_iter());
        }
        if self.effects.block.is_some() { Outcome::Not } else { outcome }
    }

    /// Hands the replies of a batch that came back to its clients.
    pub(super) fn batch_done(&mut self, from: Peer, mut batch: Box<HopBatch>, bump: &Bump) {
        if !batch.slow.is_empty() {
            self.note_slow_hops(&batch, bump);
        }
        let mut start = 0;
        let mut deferred = batch.deferred.iter().peekable();
        for (index, (entry, end)) in batch.commands.iter().zip(&batch.ends).enumerate() {
            match deferred.next_if(|deferred| deferred.index == index) {
                Some(deferred) => self.deferred(from, entry, deferred),
                None => self.deliver(entry.client, entry.number, &batch.replies[start..*end]),
            }
            start = *end;
        }
        for entry in &batch.commands {
            for hold in [Hold::Blocked, Hold::Drain] {
                if self.clients.get(entry.client).is_some_and(|client| client.queue.is_empty()) {
                    self.release(entry.client.index, hold, bump);
                }
            }
            if self.clients.get(entry.client).is_some_and(|client| client.queue.len() < limits::MAX_OWED_REPLIES / 2) {
                self.release(entry.client.index, Hold::Backlog, bump);
            }
        }
        if !batch.is_done() {
            batch.forget_answered();
            self.outgoing.push((from, Message::Hop(batch)));
            return;
        }
        self.batches_away -= 1;
        if self.spare_batches.len() < 2 * self.options.cores {
            batch.reset();
            self.spare_batches.push(batch);
        }
    }

    /// Logs commands of a batch that took long where they were executed.
    #[cold]
    fn note_slow_hops(&mut self, batch: &HopBatch, bump: &Bump) {
        let args = batch.args(bump);
        let mut first = 0;
        let mut slow = batch.slow.iter().peekable();
        for (index, entry) in batch.commands.iter().enumerate() {
            let last = first + entry.argc as usize;
            if let Some((_, took)) = slow.next_if(|(slow, _)| *slow == index)
                && self.clients.get(entry.client).is_some()
            {
                let command = self.registry.by_id(entry.command);
                self.note_slowness(entry.client.index, command, &args[first..last], *took);
            }
            first = last;
        }
    }

    /// Puts the reply number `number` of a client in its place; sends what has become ready.
    pub(super) fn deliver(&mut self, to: ClientRef, number: u32, reply: &[u8]) {
        let Some(client) = self.clients.get_mut(to) else { return };
        let place = number.wrapping_sub(client.front) as usize;
        let Some(owed) = client.queue.get_mut(place) else { return };
        let reply = if matches!(owed, Owed::Unwanted) { b"" } else { reply };
        if place > 0 {
            *owed = Owed::Ready(reply.to_vec());
            return;
        }
        self.out.open(client);
        self.out.bytes.extend_from_slice(reply);
        client.queue.pop_front();
        client.front = client.front.wrapping_add(1);
        while let Some(Owed::Ready(bytes)) = client.queue.front() {
            self.out.bytes.extend_from_slice(bytes);
            client.queue.pop_front();
            client.front = client.front.wrapping_add(1);
        }
    }
}

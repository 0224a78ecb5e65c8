//! Borrowing: a command whose keys lie on several cores (only a standalone node has such) is executed
//! where it arrived, on stores that their cores lend for its duration.
//!
//! A store is a value that moves: while it is away nobody else can touch it, so the command is atomic
//! without any lock. Stores are asked for in the order of their cores, this core's own in its place, so
//! two borrowers never wait for each other. A core whose store is away stalls what needs it. A running script may ask
//! out of this order, and goes before all others then: see [`claim`](super::claim).

use super::Plane;
use super::blocking::Parked;
use super::claim::Claim;
use super::client::{ClientRef, Hold};
use super::dispatch::{Flow, Request};
use super::hop::HopBatch;
use super::message::{Message, Order, Peer};
use super::script::Caller;
use crate::base::ids::CoreId;
use crate::contract::log::LogMark;
use crate::data::command::Run;
use crate::data::store::Store;
use crate::resp::Error;
use bumpalo::Bump;
use std::collections::{HashMap, VecDeque};

/// What the stores are wanted for.
enum Purpose {
    /// This command of a client.
    Command(ClientRef, Vec<Vec<u8>>),
    /// A client's transaction.
    Transaction(ClientRef),
    /// A part of a client's command.
    Work(ClientRef, Work),
    /// Those who wait for this key.
    Parked(Parked),
    /// A client's MIGRATE, and its number.
    Migration(ClientRef, u64),
    /// An order of the bus core, and its number.
    Order(u64, Box<Order>),
    /// The script that this core runs.
    Claim,
    /// The script of another core's client, which came alone in a batch and begins anew.
    Script(Peer, Box<HopBatch>),
    /// What is left of a batch of another core: its next command wakes one that needs several stores.
    Batch(Peer, Box<HopBatch>),
}

/// What a command does when it has every store.
pub type Work = Box<dyn FnOnce(&mut Plane, u32)>;

impl Purpose {
    /// The client that waits for this, and for nothing else.
    fn client(&self) -> Option<ClientRef> {
        match self {
            Purpose::Command(client, _) | Purpose::Transaction(client) | Purpose::Work(client, _) => Some(*client),
            Purpose::Migration(client, _) => Some(*client),
            Purpose::Parked(_) | Purpose::Order(..) | Purpose::Claim => None,
            Purpose::Script(..) | Purpose::Batch(..) => None,
        }
    }
}

struct Gather {
    /// The cores whose stores are wanted, ascending.
    cores: Vec<CoreId>,
    /// How many of them are here.
    here: usize,
    purpose: Purpose,
}

/// Borrowings under way, and those who wait for this core's store.
#[derive(Default)]
pub struct Gathers {
    pending: HashMap<u64, Gather>,
    last: u64,
    waiting: VecDeque<(Peer, u64)>,
    /// Those of them that are scripts which run already.
    pub(super) claims: VecDeque<Claim>,
    /// Whether one of them is for the rest of a batch: later batches wait, for they may be of the same clients.
    batch_waits: bool,
    /// The core that has this core's store, and its gather; none: it is here for no gather's sake.
    pub(super) holder: Option<(Peer, u64)>,
}

impl Gathers {
    /// How many commands and transactions wait for stores.
    pub(super) fn under_way(&self) -> usize {
        self.pending.len()
    }
}

#[cfg(any(test, fuzzing))]
impl Gathers {
    /// Whether nothing is borrowed or wanted.
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.waiting.is_empty() && self.claims.is_empty()
    }
}

impl Plane {
    /// Executes a command when the stores of `cores` (ascending) are here, all earlier ones of its client being done.
    pub(super) fn span(&mut self, at: u32, request: &Request<'_>, cores: Vec<CoreId>) -> Flow {
        if !self.clients[at].queue.is_empty() {
            return Flow::Retry(Hold::Drain);
        }
        let args = request.args.iter().map(|arg| arg.to_vec()).collect();
        self.gather(cores, Purpose::Command(self.clients[at].reference, args), request.bump)
    }

    /// Executes the client's transaction when the stores of `cores` (ascending) are here.
    pub(super) fn gather_transaction(&mut self, at: u32, cores: Vec<CoreId>, bump: &Bump) -> Flow {
        self.gather(cores, Purpose::Transaction(self.clients[at].reference), bump)
    }

    /// Does `work`, which writes the client's reply, when all stores are here: at one point in time for the whole node.
    pub(super) fn with_all_stores(&mut self, at: u32, bump: &Bump, work: Work) -> Flow {
        if self.transacting(at) {
            work(self, at);
            return Flow::Done;
        }
        self.gather(self.all_cores(), Purpose::Work(self.clients[at].reference, work), bump)
    }

    /// Carries out an order of the bus core when all stores are here.
    pub(super) fn ordered(&mut self, number: u64, order: Box<Order>, bump: &Bump) {
        self.gather(self.all_cores(), Purpose::Order(number, order), bump);
    }

    pub(super) fn all_cores(&self) -> Vec<CoreId> {
        (0..self.options.cores as u8).map(CoreId).collect()
    }

    /// Serves those who wait for a parked key when all stores are here: who is served may wake others in turn.
    pub(super) fn gather_parked(&mut self, parked: Parked, bump: &Bump) {
        self.gather(self.all_cores(), Purpose::Parked(parked), bump);
    }

    /// Executes the rest of a batch when all stores are here.
    pub(super) fn gather_batch(&mut self, from: Peer, batch: Box<HopBatch>, bump: &Bump) {
        self.gathers.batch_waits = true;
        self.gather(self.all_cores(), Purpose::Batch(from, batch), bump);
    }

    /// Goes on with a client's MIGRATE when the stores of `cores` (ascending) are here.
    pub(super) fn gather_migration(&mut self, client: ClientRef, number: u64, cores: Vec<CoreId>, bump: &Bump) -> Flow {
        self.gather(cores, Purpose::Migration(client, number), bump)
    }

    /// Goes on with the running script when the stores of `cores`, none of them this core's, are here. Returns the
    /// number under which they are asked for.
    pub(super) fn gather_claim(&mut self, cores: Vec<CoreId>, bump: &Bump) -> u64 {
        self.gather(cores, Purpose::Claim, bump);
        self.gathers.last
    }

    /// Runs a script again, with all stores from the start.
    pub(super) fn gather_script(&mut self, caller: Caller, args: Vec<Vec<u8>>, bump: &Bump) {
        let purpose = match caller {
            Caller::Client(client) => Purpose::Command(client, args),
            Caller::Batch(from, batch) => Purpose::Script(from, batch),
            Caller::Primary => return,
        };
        self.gather(self.all_cores(), purpose, bump);
    }

    fn gather(&mut self, cores: Vec<CoreId>, purpose: Purpose, bump: &Bump) -> Flow {
        self.gathers.last += 1;
        let number = self.gathers.last;
        self.gathers.pending.insert(number, Gather { cores, here: 0, purpose });
        self.collect(number, bump)
    }

    /// Gives back what the gather of this number has got so far, if it is still waiting, and lets it ask again: a script
    /// goes before it.
    pub(super) fn begin_anew(&mut self, number: u64, bump: &Bump) {
        let Some(mut gather) = self.gathers.pending.remove(&number) else { return };
        self.send_home(&gather.cores[..gather.here]);
        gather.here = 0;
        self.gathers.last += 1;
        let number = self.gathers.last;
        self.gathers.pending.insert(number, gather);
        self.collect_and_go_on(number, bump);
    }

    /// Gives back what the claim of this number has got so far, and forgets it.
    pub(super) fn give_up(&mut self, number: u64) {
        if let Some(gather) = self.gathers.pending.remove(&number) {
            self.send_home(&gather.cores[..gather.here]);
        }
    }

    /// Whether the gather of this number waits for stores, and is no script's.
    pub(super) fn may_begin_anew(&self, number: u64) -> bool {
        self.gathers.pending.get(&number).is_some_and(|gather| !matches!(gather.purpose, Purpose::Claim))
    }

    /// Asks for the next store that is missing; executes when none is.
    fn collect(&mut self, number: u64, bump: &Bump) -> Flow {
        while let Some(gather) = self.gathers.pending.get_mut(&number) {
            let Some(core) = gather.cores.get(gather.here).copied() else {
                if self.needs_more(number) {
                    return self.begin_anew_with_all(number, bump);
                }
                return self.execute_gathered(number, bump);
            };
            if core != self.options.core {
                let acted = self.scripts.job.as_ref().is_some_and(|job| job.acted);
                let claims = matches!(gather.purpose, Purpose::Claim);
                let wanted = if claims { Message::Claim { number, acted } } else { Message::Borrow(number) };
                self.send(core.into(), wanted);
                return Flow::Wait;
            }
            if self.locked {
                self.gathers.waiting.push_back((self.core().into(), number));
                return Flow::Wait;
            }
            gather.here += 1;
            self.locked = true;
            self.gathers.holder = Some((self.core().into(), number));
            self.refresh();
        }
        Flow::Done
    }

    /// Whether what has got its stores needs all others, too, for those whom it wakes.
    fn needs_more(&mut self, number: u64) -> bool {
        let Some(Gather { cores, purpose, .. }) = self.gathers.pending.get(&number) else { return false };
        let waited_for = cores.iter().any(|core| self.stores.at(*core).is_some_and(|store| store.has_wide_waiters()));
        if !waited_for || cores.len() == self.options.cores {
            return false;
        }
        let client = purpose.client().and_then(|client| self.clients.get(client));
        let commands: Vec<Vec<Vec<u8>>> = match (purpose, client.map(|client| &client.session)) {
            (Purpose::Command(_, args), Some(_)) => vec![args.clone()],
            (Purpose::Transaction(_), Some(session)) => {
                session.multi.iter().flat_map(|multi| multi.commands.iter().cloned()).collect()
            }
            _ => return false,
        };
        let db = client.map_or(0, |client| client.session.db);
        commands.iter().any(|args| {
            let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
            self.registry.find(&args).is_some_and(|command| self.wakes_widely(db, command, &args))
        })
    }

    /// Gives back what a gather has, and asks for all stores, in their order.
    fn begin_anew_with_all(&mut self, number: u64, bump: &Bump) -> Flow {
        let Some(gather) = self.gathers.pending.remove(&number) else { return Flow::Done };
        self.send_home(&gather.cores);
        self.gather(self.all_cores(), gather.purpose, bump)
    }

    fn execute_gathered(&mut self, number: u64, bump: &Bump) -> Flow {
        let Some(gather) = self.gathers.pending.remove(&number) else { return Flow::Done };
        let client = gather.purpose.client();
        let gone = client.is_some_and(|client| self.clients.get(client).is_none());
        let mut flow = Flow::Done;
        match gather.purpose {
            Purpose::Claim => {
                self.claim_granted(&gather.cores, bump);
                return Flow::Done;
            }
            Purpose::Migration(_, number) if gone => self.forget_migration(number),
            _ if gone => {}
            Purpose::Migration(_, number) => {
                let stay;
                (flow, stay) = self.migration_has_stores(number, &gather.cores);
                if stay {
                    return flow;
                }
                if let Some(client) = client {
                    self.clock_out(client.index);
                }
            }
            Purpose::Order(number, order) => self.carry_out(number, *order),
            Purpose::Work(client, work) => {
                work(self, client.index);
                self.clock_out(client.index);
            }
            Purpose::Command(client, args) => {
                let at = client.index;
                let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
                let args = bump.alloc_slice_copy(&args);
                let args: &[&[u8]] = bump.alloc_slice_fill_iter(args.iter().map(|arg| &*bump.alloc_slice_copy(arg)));
                let request = self.resolve(args, bump);
                match request.command.map(|command| (&command.run, command.spec.flags())) {
                    Some((_, flags)) if self.lacks_room(flags, &gather.cores) => {
                        self.refuse(at, &request, Error::OutOfMemory);
                    }
                    Some((Run::Keyed(handler), _)) => {
                        flow = self.execute(at, &request, *handler);
                        self.remember_read(at, &request);
                    }
                    Some((Run::Script, _)) => {
                        flow = self.execute_wide_script(at, &request, gather.cores.clone());
                        if flow == Flow::Wait {
                            return flow;
                        }
                    }
                    _ => {}
                }
                self.account(at, &[request]);
            }
            Purpose::Parked(parked) => self.unpark(&parked),
            Purpose::Batch(from, batch) => {
                self.gathers.batch_waits = false;
                self.run_batch(from, batch, &gather.cores, bump);
            }
            Purpose::Script(from, batch) => {
                flow = self.execute_script_batch(from, batch, gather.cores.clone(), bump);
                if flow == Flow::Wait {
                    return flow;
                }
            }
            Purpose::Transaction(client) => {
                if self.begin_transaction(client.index, gather.cores.clone(), bump) == Flow::Wait {
                    return Flow::Wait;
                }
                return Flow::Done;
            }
        }
        self.give_back(&gather.cores);
        self.serve_ready(bump);
        flow
    }

    /// Serves those who wait for what was done to borrowed stores, returns these and frees this core's own if it is
    /// among `cores`.
    pub(super) fn give_back(&mut self, cores: &[CoreId]) {
        if self.holds_ready(cores) {
            self.serve_held(cores, &Bump::new());
        }
        if self.stores.has_changes() {
            // What was done here is told from here, once.
            self.note_changes(None);
        }
        self.send_home(cores);
    }

    fn send_home(&mut self, cores: &[CoreId]) {
        for core in cores {
            if *core == self.options.core {
                self.unlock();
            } else if let Some(store) = self.stores.take(*core) {
                self.send((*core).into(), Message::Returned(store, self.log.mark()));
            }
        }
    }

    /// This core's store is free: for the next script that claims it, if there is one, or for everybody.
    pub(super) fn unlock(&mut self) {
        self.gathers.holder = None;
        self.locked = !self.gathers.claims.is_empty();
        self.refresh();
    }

    /// Another core wants this core's store.
    pub(super) fn borrow_requested(&mut self, from: Peer, number: u64) {
        if self.locked {
            self.gathers.waiting.push_back((from, number));
        } else {
            self.lend(from, number);
        }
    }

    pub(super) fn lend(&mut self, to: Peer, number: u64) {
        if let Some(store) = self.stores.take(self.options.core) {
            self.locked = true;
            self.gathers.holder = Some((to, number));
            self.refresh();
            self.send(to, Message::Lent(number, store, self.log.mark()));
        }
    }

    /// Lends this core's store to the script that was the first to claim it; the others wait for that one now.
    fn lend_to_claim(&mut self) {
        let Some(Claim { from, number, .. }) = self.gathers.claims.pop_front() else { return };
        self.lend(from, number);
        for claim in &self.gathers.claims {
            self.outgoing.push((from, Message::Recall { gather: number, claim: *claim }));
        }
    }

    /// Whether this core's store is kept for a script that claims it.
    fn is_claimed(&self) -> bool {
        self.gathers.holder.is_none() && !self.gathers.claims.is_empty() && !self.scripts.has_store()
    }

    /// A store this core asked for is here.
    pub(super) fn lent(&mut self, from: Peer, number: u64, mut store: Box<Store>, mark: LogMark, bump: &Bump) {
        self.log.follow(mark);
        let Some(gather) = self.gathers.pending.get_mut(&number) else {
            // It has begun anew, or given up.
            return self.send(from, Message::Returned(store, self.log.mark()));
        };
        gather.here += 1;
        self.tell_prefixes(&mut store);
        self.stores.put(CoreId(from.0 as u8), store);
        self.collect_and_go_on(number, bump);
    }

    /// This core's store is home again.
    pub(super) fn returned(&mut self, store: Box<Store>, mark: LogMark, bump: &Bump) {
        self.log.follow(mark);
        self.stores.put(self.options.core, store);
        // Settings may have changed while it was away: `unlock` sees to them.
        self.unlock();
        self.serve_ready(bump);
        self.after_unlock(bump);
    }

    /// Serves what waited for this core's store: first everybody who stalled, then the next borrower.
    pub fn after_unlock(&mut self, bump: &Bump) {
        if self.is_claimed() {
            return self.lend_to_claim();
        }
        if self.locked {
            return;
        }
        for (from, message) in std::mem::take(&mut self.stalled) {
            self.message(from, message, bump);
        }
        self.release_held(bump);
        if self.locked {
            return;
        }
        while let Some((peer, number)) = self.gathers.waiting.pop_front() {
            if peer != self.core().into() {
                return self.lend(peer, number);
            }
            // One that has begun anew has another number, and another place in the queue.
            if self.gathers.pending.contains_key(&number) {
                return self.collect_and_go_on(number, bump);
            }
        }
    }

    /// Whether what needs this core's store must wait: it is away, or somebody came earlier.
    pub(super) fn must_stall(&self) -> bool {
        self.locked || self.writes_wait() || self.waits_for_cores() || !self.stalled.is_empty()
    }

    /// Whether somebody waits for this core's store though it is free. Those who wait for the end of a pause, for the
    /// log or for room, are no reason to look again at once: a core would spin all the while.
    pub(super) fn has_waiting_borrowers(&self) -> bool {
        let stalled = !self.writes_wait() && !self.waits_for_cores() && !self.stalled.is_empty();
        self.is_claimed()
            || !self.locked
                && (!self.gathers.waiting.is_empty() || stalled || self.held.iter().any(|held| self.may_go_on(*held)))
    }

    /// Whether writes wait for those who want the log, or for room.
    fn writes_wait(&self) -> bool {
        self.log_waits || self.room.waits
    }

    /// Whether work of other cores waits for these: for stores, or for word of a busy script.
    fn waits_for_cores(&self) -> bool {
        self.gathers.batch_waits || self.scripts.is_ending()
    }

    fn may_go_on(&self, held: ClientRef) -> bool {
        match self.clients.get(held).and_then(|client| client.hold) {
            Some(Hold::Pause) => !self.is_paused(),
            Some(Hold::Store) => !self.writes_wait() && !self.scripts.is_ending(),
            _ => true,
        }
    }

    fn collect_and_go_on(&mut self, number: u64, bump: &Bump) {
        let Some(client) = self.gathers.pending.get(&number).map(|gather| gather.purpose.client()) else { return };
        let flow = self.collect(number, bump);
        match client.and_then(|client| self.clients.get_mut(client)) {
            Some(client) if flow == Flow::Done => {
                let at = client.reference.index;
                self.release(at, Hold::Answer, bump);
            }
            Some(client) if flow == Flow::Blocked => client.hold = Some(Hold::Blocked),
            _ => {}
        }
    }
}

//! Questions that several cores answer: DBSIZE, KEYS, PUBLISH, INFO, CLIENT LIST ...
//!
//! The core that received the command asks, puts the answers in the order of the cores and finishes the
//! command; its client waits meanwhile. What this core can answer itself it answers on the spot, so a
//! node with one data core never waits.

use super::Plane;
use super::claim::Claim;
use super::client::{ClientRef, Hold, SCRIPT_CLIENT};
use super::dispatch::Flow;
use super::message::{Answer, Inquiry, Message, Notice, Peer, Scope};
use crate::base::ids::CoreId;
use crate::data::command::digest;
use crate::data::command::keyspace::{self, KeyBatch, ScanOptions};
use crate::data::store::Store;
use crate::resp::Error;
use bumpalo::Bump;
use std::collections::HashMap;
use std::sync::Arc;

/// What to do with the answers; they are in the order of those asked.
pub type Finish = Box<dyn FnOnce(&mut Plane, u32, Vec<Answer>)>;

/// The same, for a command that may fail then, or have to wait for something else.
pub type Next = Box<dyn FnOnce(&mut Plane, u32, Vec<Answer>) -> Result<Flow, Error>>;

type Keys = Arc<[Box<[u8]>]>;

struct Pending {
    client: ClientRef,
    asked: Vec<Peer>,
    answers: Vec<Option<Answer>>,
    next: Next,
    /// The keys that WATCH asks about, and their database.
    watched: Option<(usize, Keys)>,
}

/// Questions under way, by number.
#[derive(Default)]
pub struct Asks {
    pending: HashMap<u64, Pending>,
    last: u64,
}

impl Asks {
    /// Whether no question is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}

impl Plane {
    /// Asks `whom` and calls `finish` when all have answered: at once if only this core is asked.
    pub fn ask(
        &mut self,
        at: u32,
        whom: impl Iterator<Item = Peer>,
        inquiry: Inquiry,
        finish: Finish,
    ) -> Result<Flow, Error> {
        let next: Next = Box::new(|plane, at, answers| {
            finish(plane, at, answers);
            Ok(Flow::Done)
        });
        self.ask_then(at, whom, inquiry, next)
    }

    /// Asks `whom` and goes on with `next` when all have answered.
    pub fn ask_then(
        &mut self,
        at: u32,
        whom: impl Iterator<Item = Peer>,
        inquiry: Inquiry,
        next: Next,
    ) -> Result<Flow, Error> {
        let mut asked: Vec<Peer> = whom.collect();
        if inquiry.is_for_store() && self.transacting(at) {
            // A transaction holds every store it needs.
            let answers = asked.drain(..).map(|peer| self.answer_of(peer, &inquiry)).collect();
            return next(self, at, answers);
        }
        if inquiry.is_for_store() && self.locked && asked.contains(&self.core().into()) {
            return Ok(Flow::Retry(Hold::Store));
        }
        self.asks.last += 1;
        let number = self.asks.last;
        let mut answers = Vec::with_capacity(asked.len());
        for peer in &asked {
            if *peer == self.core().into() {
                answers.push(Some(self.answer(&inquiry)));
            } else {
                self.send(*peer, Message::Ask(number, inquiry.clone()));
                answers.push(None);
            }
        }
        let client = self.clients[at].reference;
        if answers.iter().all(Option::is_some) {
            return next(self, at, answers.into_iter().flatten().collect());
        }
        let watched = if let Inquiry::Watch(db, keys) = inquiry { Some((db, keys)) } else { None };
        self.asks.pending.insert(number, Pending { client, asked, answers, next, watched });
        Ok(Flow::Wait)
    }

    /// Asks the bus core to execute a command, and passes its reply on.
    pub fn ask_bus(&mut self, at: u32, args: &[&[u8]]) -> Result<Flow, Error> {
        let keys = self.transacting(at).then(|| self.keys_for_bus(args));
        let answered_ns = self.clients[at].answered_at();
        let session = &self.clients[at].session;
        let command = super::message::BusCommand {
            args: args.iter().map(|arg| arg.to_vec()).collect(),
            proto: session.proto,
            client: session.id,
            local: session.local,
            reached: host_of(&session.laddr).to_owned(),
            keys,
            answered_ns,
        };
        let next: Next = Box::new(|plane, at, answers| match answers.into_iter().next() {
            Some(Answer::Reply(reply)) => {
                plane.reply(at).raw(&reply?);
                Ok(Flow::Done)
            }
            _ => Ok(Flow::Done),
        });
        self.ask_then(at, std::iter::once(self.bus()), Inquiry::Command(Box::new(command)), next)
    }

    /// How many keys a command for the bus core may depend on: of its slot if it names one, or of all.
    fn keys_for_bus(&mut self, args: &[&[u8]]) -> u64 {
        let slot = match args {
            [_, subcommand, slot, ..] if subcommand.eq_ignore_ascii_case(b"setslot") => std::str::from_utf8(slot).ok(),
            _ => None,
        };
        let inquiry = match slot.and_then(|slot| slot.parse().ok()) {
            Some(slot) => Inquiry::SlotKeys { slot, limit: 0 },
            None => Inquiry::Size(Scope::One(0)),
        };
        let count = |answer| match answer {
            Answer::Count(count) | Answer::Scan(count, _) => count,
            _ => 0,
        };
        self.answer_for_all(&inquiry).into_iter().map(count).sum()
    }

    /// An answer came.
    pub(super) fn answered(&mut self, from: Peer, number: u64, answer: Answer, bump: &Bump) {
        let Some(pending) = self.asks.pending.get_mut(&number) else { return };
        if let Some(place) = pending.asked.iter().position(|peer| *peer == from) {
            pending.answers[place] = Some(answer);
        }
        if pending.answers.iter().any(Option::is_none) {
            return;
        }
        let Some(pending) = self.asks.pending.remove(&number) else { return };
        if self.clients.get(pending.client).is_none() {
            if let Some((db, keys)) = pending.watched {
                self.unwatch(keys.iter().map(|key| (db, key.clone())));
            }
            return;
        }
        let at = pending.client.index;
        let answers = pending.answers.into_iter().flatten().collect();
        if self.resume(at, |plane| (pending.next)(plane, at, answers)) != Flow::Wait {
            self.go_on(at, bump);
        }
    }

    /// A command that waited is done: on with its transaction or its input.
    pub(super) fn go_on(&mut self, at: u32, bump: &Bump) {
        if at == SCRIPT_CLIENT {
            return self.script_answered(bump);
        }
        if self.transacting(at) && self.continue_transaction(at, bump) == Flow::Wait {
            return;
        }
        self.release(at, Hold::Answer, bump);
    }

    /// A question came.
    pub(super) fn asked(&mut self, from: Peer, number: u64, inquiry: Inquiry) {
        if self.locked && inquiry.is_for_store() {
            self.stalled.push((from, Message::Ask(number, inquiry)));
            return;
        }
        let answer = self.answer(&inquiry);
        if from == self.bus() {
            // What was done before the answer is in the log before it.
            self.flush_log();
        }
        self.send(from, Message::Answer(number, answer));
    }

    fn answer_of(&mut self, peer: Peer, inquiry: &Inquiry) -> Answer {
        if peer == self.core().into() { self.answer(inquiry) } else { self.answer_from_store(peer.0 as usize, inquiry) }
    }

    /// The answers of all stores, which are here.
    pub(super) fn answer_for_all(&mut self, inquiry: &Inquiry) -> Vec<Answer> {
        (0..self.options.cores).map(|core| self.answer_from_store(core, inquiry)).collect()
    }

    /// This core's answer.
    pub(super) fn answer(&mut self, inquiry: &Inquiry) -> Answer {
        match inquiry {
            Inquiry::Publish { channel, message, sharded } => {
                Answer::Count(self.deliver_message(channel, message, *sharded) as u64)
            }
            Inquiry::PubSub(question) => self.pubsub.answer(question),
            Inquiry::ClientList(filter) => Answer::Clients(self.client_lines(filter)),
            Inquiry::ClientKill(filter) => Answer::Count(self.kill_clients(filter)),
            Inquiry::AdoptUsers(users, asked_by) => {
                self.adopt_users(users.clone(), *asked_by);
                Answer::Done
            }
            Inquiry::Monitor(core) => {
                self.monitored_by(*core, true);
                Answer::Done
            }
            Inquiry::Denials => Answer::Denials(self.denials.entries()),
            Inquiry::DenialsReset => {
                self.denials.reset();
                Answer::Done
            }
            Inquiry::Pause(pause) => {
                self.pause = *pause;
                self.refresh();
                Answer::Done
            }
            Inquiry::PauseWrites(until) => {
                self.failover_pause = *until;
                self.refresh();
                Answer::Done
            }
            Inquiry::WritesUnderWay => Answer::Count(self.writes_under_way() as u64),
            Inquiry::LoadScript(body) => Answer::Reply(self.load_script(body)),
            Inquiry::FlushScripts => {
                self.scripts.flush();
                Answer::Done
            }
            Inquiry::KillScript { function } => Answer::Kill(self.kill_script(*function)),
            Inquiry::Figures => Answer::Figures(Box::new(self.figures())),
            Inquiry::Changes => Answer::Count(self.stats.changed),
            Inquiry::ResetStats => {
                self.reset_stats();
                Answer::Done
            }
            Inquiry::SlowLog => Answer::SlowLog(self.slowlog.entries(usize::MAX).cloned().collect()),
            Inquiry::SlowLogReset => {
                self.slowlog.reset();
                Answer::Done
            }
            Inquiry::Latency => Answer::Latency(Box::new(self.latency.clone())),
            Inquiry::LatencyReset(events) => {
                let events: Vec<&[u8]> = events.iter().map(|event| &**event).collect();
                Answer::Names(self.latency.reset(&events))
            }
            Inquiry::Sleep(time) => {
                std::thread::sleep(*time);
                Answer::Done
            }
            Inquiry::ActiveExpire(on) => {
                self.active_expire = *on;
                Answer::Done
            }
            Inquiry::PauseCron(on) => {
                self.cron_paused = *on;
                Answer::Done
            }
            Inquiry::ScriptsMayAll(on) => {
                self.scripts_may_all = *on;
                Answer::Done
            }
            Inquiry::Stand(standing) => {
                self.stand(standing.clone());
                Answer::Done
            }
            Inquiry::Unblock { id, with_error } => Answer::Count(u64::from(self.unblock_client(*id, *with_error))),
            Inquiry::FindClient(id) => {
                let found = self.clients.iter().find(|client| client.session.id == *id);
                Answer::Client(found.map(|client| client.reference))
            }
            Inquiry::HearOf(core, prefixes) => {
                self.note_prefixes(*core, prefixes.clone());
                Answer::Done
            }
            Inquiry::Adopt(settings, topology) => {
                self.adopt(settings.clone(), topology.clone());
                Answer::Done
            }
            Inquiry::EvictClients => {
                self.evict_clients();
                self.show_taken();
                Answer::Count(self.stats.evicted_clients)
            }
            Inquiry::Barrier | Inquiry::Command(_) => Answer::Done,
            store => self.answer_from_store(self.core().index(), store),
        }
    }

    /// The answer of the store of core number `core`, which is here.
    pub(super) fn answer_from_store(&mut self, core: usize, inquiry: &Inquiry) -> Answer {
        let now = self.now.unix_ms;
        if let Inquiry::CheckKeys(service, keys) = inquiry {
            let keys: Vec<&[u8]> = keys.iter().map(|key| &**key).collect();
            return Answer::Reply(self.check_keys(*service, &keys).map(|()| Vec::new()));
        }
        if let Inquiry::Watch(db, keys) = inquiry {
            return Answer::Counts(self.watch_here(core, *db, keys));
        }
        let core = CoreId(core as u8);
        if let Inquiry::DropSlots(slots) = inquiry {
            self.drop_slots(core, slots);
            return Answer::Done;
        }
        let (_, end) = self.routes.owners().range(core);
        let Some(store) = self.stores.at(core) else { return Answer::Done };
        match inquiry {
            Inquiry::Size(scope) => Answer::Count(size(store, *scope)),
            Inquiry::Keys { db, pattern } => Answer::Keys(keyspace::keys(store, *db, pattern, now)),
            Inquiry::Flush(scope) => {
                let keys = size(store, *scope);
                store.flush(match scope {
                    Scope::All => None,
                    Scope::One(db) => Some(*db),
                });
                if matches!(scope, Scope::All) && core == CoreId(0) && !self.standing.disk.loading {
                    self.send(self.bus(), Message::Tell(Notice::FlushedAll));
                }
                Answer::Count(keys)
            }
            Inquiry::Swap(a, b) => {
                store.swap(*a, *b, now);
                Answer::Done
            }
            Inquiry::RandomKey { db } => Answer::Sample(keyspace::random_key(store, *db, now)),
            Inquiry::Scan(part) => {
                let options = ScanOptions {
                    pattern: part.pattern.as_deref(),
                    count: part.count,
                    type_filter: part.type_filter.as_deref(),
                };
                let (cursor, keys) = keyspace::scan(store, part.db, part.cursor, end, &options, now);
                Answer::Scan(cursor, keys)
            }
            Inquiry::SlotKeys { slot, limit } => {
                let Some(slot) = crate::slot::Slot::new(*slot) else { return Answer::Done };
                let mut keys = KeyBatch::default();
                if *limit > 0 {
                    store.slot_keys(0, slot, *limit, |key| keys.push(key));
                }
                Answer::Scan(store.slot_len(0, slot) as u64, keys)
            }
            Inquiry::DebugObject { db, key } => {
                let key = self.options.hasher.key(key);
                let line = crate::data::command::debug::object_line(store, *db, &key, &self.settings, now);
                Answer::Strings(line.into_iter().map(String::into_bytes).collect())
            }
            Inquiry::DebugListpack { db, key } => {
                let text = crate::data::command::debug::listpack_text(store, *db, &self.options.hasher.key(key));
                Answer::Reply(text.map(String::into_bytes))
            }
            Inquiry::TableLines(db) => Answer::Counts(store.table_lines(*db)),
            Inquiry::Digest => Answer::Digests((0..store.databases()).map(|db| digest::database(store, db)).collect()),
            Inquiry::DigestValues(db, keys) => {
                let mut digest = |key: &[u8]| {
                    let handle = store.peek(*db, &self.options.hasher.key(key), 0)?;
                    let mut digest = digest::Digest::default();
                    digest::value(store, handle, &mut digest);
                    Some(digest)
                };
                Answer::Digests(keys.iter().map(|key| digest(key)).collect())
            }
            Inquiry::Populate(populate) => {
                let (routes, hasher) = (&self.routes, self.options.hasher);
                populate.fill(store, hasher, now, |slot| routes.owners().of(slot) == core);
                Answer::Done
            }
            _ => Answer::Done,
        }
    }

    /// Takes over new settings or a new topology.
    fn adopt(
        &mut self,
        settings: Option<Arc<crate::contract::settings::Settings>>,
        topology: Option<Arc<crate::contract::topology::Topology>>,
    ) {
        if let Some(settings) = settings {
            self.precise = settings.slowlog_log_slower_than >= 0 && settings.slowlog_log_slower_than < 1000;
            self.settings = settings;
            self.refresh();
            self.limit_readers();
            // Who is too large for a new limit is closed when all cores have shown what they have taken.
            self.count_weights();
            self.show_taken();
            self.evict_soon();
        }
        let was_replica = self.topology.myself().is_replica();
        if let Some(topology) = topology {
            self.topology = topology;
        }
        self.routes.refresh(&self.settings, &self.topology);
        if !was_replica && self.topology.myself().is_replica() {
            self.unblock_all();
        }
        self.redirect_waiting();
        self.leave_lost_channels();
    }

    /// Any message of the mesh.
    pub fn message(&mut self, from: Peer, message: Message, bump: &Bump) {
        match message {
            Message::Hop(batch) => self.execute_batch(from, batch, bump),
            Message::HopDone(batch) => self.batch_done(from, batch, bump),
            Message::Ask(number, inquiry) => self.asked(from, number, inquiry),
            Message::Answer(number, answer) => self.answered(from, number, answer, bump),
            Message::Borrow(number) => self.borrow_requested(from, number),
            Message::Claim { number, acted } => self.claimed(Claim { from, number, acted }, bump),
            Message::Recall { gather, claim } => self.recalled(gather, claim, bump),
            Message::Denied(number) => self.denied(number, bump),
            Message::Lent(number, store, mark) => self.lent(from, number, store, mark, bump),
            Message::Returned(store, mark) => self.returned(store, mark, bump),
            Message::Order(number, order) => self.ordered(number, order, bump),
            Message::Tell(
                notice @ (Notice::Unwatch(_)
                | Notice::Cancel(..)
                | Notice::MakePart(_)
                | Notice::EndSnapshot
                | Notice::MakeRoom),
            ) if self.locked => {
                self.stalled.push((from, Message::Tell(notice)));
            }
            Message::Tell(Notice::BusyScript(news)) => self.heard_of_script(from, news, bump),
            Message::Tell(Notice::Readers(size)) => self.note_readers(CoreId(from.0 as u8), size),
            Message::Tell(Notice::MakeRoom) => self.asked_for_room(from),
            Message::Tell(Notice::HearOf(prefixes)) => self.note_prefixes(CoreId(from.0 as u8), prefixes),
            Message::Tell(notice) => self.told(notice),
            Message::Apply(batch) => self.apply(from, batch),
            Message::Report(number, report) => self.reported(number, report, bump),
            // The driver, or the bus core, takes these.
            Message::Adopt(_) | Message::Listen(_) | Message::Errand(..) => {}
            Message::Log(_) | Message::Applied(_) | Message::Snapshot(_) | Message::Depart(_) => {}
        }
        self.serve_ready(bump);
    }

    pub(super) fn told(&mut self, notice: Notice) {
        match notice {
            Notice::Unwatch(keys) => self.unwatch_here(&keys),
            Notice::Publish { channel, message, sharded } => {
                self.deliver_message(&channel, &message, sharded);
            }
            Notice::Clients(count) => self.node_clients = count,
            Notice::Lines(lines) => self.lines_came(&lines),
            Notice::MonitorsNoMore(core) => self.monitored_by(core, false),
            Notice::Close(client) => {
                if self.clients.get(client).is_some() {
                    self.close(client.index);
                }
            }
            Notice::Functions(change) => {
                if let Err(error) = self.change_functions(&change) {
                    log::error!("Core {} can't follow a change of functions: {error}", self.core().0);
                }
            }
            Notice::CountAnew(_) => self.stats.changed = 0,
            Notice::Script(body) => self.scripts.known.learn(body),
            Notice::WideScript(name) => {
                self.scripts.wide.insert(&name);
            }
            Notice::Answered { client, number, reply, slow } => self.answer_waiting(client, number, &reply, slow),
            Notice::Cancel(id, reply) => self.cancelled(&id, reply),
            Notice::Room(made) => self.room_made(made),
            Notice::EvictClients => self.evict_clients(),
            Notice::MakePart(number) => self.want_part(number),
            Notice::EndSnapshot => self.end_snapshot(),
            Notice::Invalidate(what) => self.invalidate(&what),
            Notice::Redirected { from, to, keys } => self.redirected(from, to, keys),
            Notice::RedirectionBroke(client) => self.redirection_broke(client),
            // Those depend on who says them. The others the driver, or the bus core, takes.
            Notice::Readers(_) | Notice::HearOf(_) | Notice::MakeRoom | Notice::BusyScript(_) => {}
            Notice::Said(_) | Notice::Written(_) => {}
            Notice::Logged(_) | Notice::HoldWrites(_) | Notice::FlushedAll | Notice::PauseCron(_) => {}
            Notice::Stop
            | Notice::WaitNoMore(_)
            | Notice::CannotApply(..)
            | Notice::EndWait(..)
            | Notice::Broadcast { .. } => {}
        }
    }
}

impl Inquiry {
    /// Whether the answer comes from a store, which may be lent.
    pub fn is_for_store(&self) -> bool {
        matches!(
            self,
            Inquiry::Size(_)
                | Inquiry::Keys { .. }
                | Inquiry::Flush(_)
                | Inquiry::Swap(..)
                | Inquiry::RandomKey { .. }
                | Inquiry::Scan(_)
                | Inquiry::SlotKeys { .. }
                | Inquiry::DropSlots(_)
                | Inquiry::CheckKeys(..)
                | Inquiry::Watch(..)
                | Inquiry::DebugObject { .. }
                | Inquiry::DebugListpack { .. }
                | Inquiry::TableLines(_)
                | Inquiry::Digest
                | Inquiry::DigestValues(..)
                | Inquiry::Populate(_)
        )
    }
}

/// How many keys there are.
fn size(store: &Store, scope: Scope) -> u64 {
    match scope {
        Scope::All => (0..store.databases()).map(|db| store.len(db) as u64).sum(),
        Scope::One(db) => store.len(db) as u64,
    }
}

/// The host of `host:port`; brackets of an IPv6 address are not part of it. A Unix socket has none.
pub(super) fn host_of(address: &str) -> &str {
    match address.rsplit_once(':') {
        Some((host, _)) if !host.starts_with(['/', '?']) => host.trim_matches(['[', ']']),
        _ => "",
    }
}

//! The data plane of one core: bytes of clients in, replies and messages to other cores out.
//!
//! A [`Plane`] belongs to one data core's thread. It is sans-I/O: the driver (`cores::data_core`) feeds
//! it received bytes and messages, and carries away what it leaves in [`Plane::out`], `outgoing` and
//! `actions`. It never blocks, never reads a clock and never touches a socket.
//!
//! Reading order: [`client`] (a connection), [`dispatch`] (bytes to commands to replies), [`hop`]
//! (commands for other cores), [`ask`] (questions to other cores), [`gather`] (borrowing stores for
//! commands that span cores; [`claim`]: for scripts that run), [`transaction`], [`blocking`], [`pubsub`];
//! then the families of commands that live here because they need more than a key: [`connection`],
//! [`server`], [`introspection`].
//!
//! Invariants:
//! - A command executes on stores that are here: this core's own, or borrowed ones. While this core's
//!   store is lent or reserved (`locked`), no other command touches it.
//! - Replies of a client leave in the order of its commands.
//! - Everything a client can make grow has a bound (`base::limits`).

pub mod account;
pub mod acl;
pub mod apply;
pub mod ask;
pub mod blocking;
pub mod busy_script;
pub mod claim;
pub mod client;
pub mod client_filter;
pub mod connection;
pub mod debug;
pub mod debugger;
pub mod dispatch;
pub mod figures;
pub mod functions;
pub mod gather;
pub mod hold;
pub mod hop;
pub mod info;
pub mod introspection;
pub mod invalidation;
pub mod log;
pub mod memory;
pub mod message;
pub mod migrate;
pub mod monitor;
pub mod pubsub;
mod redirect;
pub mod replica;
pub mod room;
pub mod script;
pub mod script_call;
mod script_lookup;
pub mod scripting;
pub mod server;
pub mod share;
pub mod snapshot;
pub mod standing;
pub mod tracking;
pub mod transaction;
pub mod upkeep;
pub mod weight;

#[cfg(any(test, fuzzing))]
pub mod any_command;
#[cfg(any(test, fuzzing))]
pub mod any_payload;
#[cfg(test)]
mod blocking_tests;
#[cfg(test)]
mod claim_tests;
#[cfg(test)]
mod debugger_tests;
#[cfg(test)]
mod exploit_tests;
#[cfg(test)]
mod room_tests;
#[cfg(test)]
mod standing_tests;
#[cfg(any(test, fuzzing))]
pub mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tracking_tests;

use crate::base::ids::CoreId;
use crate::contract::settings::Settings;
use crate::contract::standing::{Standing, Waits};
use crate::contract::topology::Topology;
use crate::data::acl::{DenialLog, Users};
use crate::data::command::stats::{CommandStats, ErrorStats};
use crate::data::command::{Registry, latency, slowlog::SlowLog};
use crate::data::exec::Effects;
use crate::data::key::KeyHasher;
use crate::data::route::Routes;
use crate::data::store::{Store, Stores};
use crate::resp::parse::{Args, Span};
use crate::resp::{Proto, Reply};
use client::{Client, ClientRef, Clients, NO_SEGMENT};
use message::{Message, Peer};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The time of a turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// Unix time in milliseconds.
    pub unix_ms: u64,
    /// Nanoseconds on a clock that never goes back.
    pub mono_ns: u64,
}

/// CLIENT PAUSE as it stands.
#[derive(Clone, Copy, Debug)]
pub struct Pause {
    /// Unix time in ms when it ends.
    pub until: u64,
    /// Whether reads wait too.
    pub all: bool,
}

/// Something only the driver can do.
#[derive(Debug)]
pub enum Action {
    /// Close the socket; `remove` was called already.
    Close(ClientRef),
    /// Take the socket from the ring and give it to the bus core; `depart` was called already.
    Depart(ClientRef, Box<replica::Departure>),
    /// Stop reading from the socket.
    PauseReading(ClientRef),
    /// Read from it again.
    ResumeReading(ClientRef),
}

/// One client's replies within the outbox of a turn.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// Who gets them.
    pub client: ClientRef,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// The replies of a turn.
#[derive(Default)]
pub struct Out {
    /// All of them one after the other.
    pub bytes: Vec<u8>,
    /// Whose is what; one segment a client.
    pub segments: Vec<Segment>,
    /// The segment being written, whose end is the end of `bytes`.
    open: Option<u32>,
}

/// How the node was started, as far as a data core must know.
#[derive(Clone)]
pub struct PlaneOptions {
    /// Which core this is.
    pub core: CoreId,
    /// How many data cores there are.
    pub cores: usize,
    /// The process's key hash.
    pub hasher: KeyHasher,
    /// Nanoseconds on a clock that never goes back: the driver's, so that the plane reads none itself.
    pub clock: fn() -> u64,
    /// Seed of this core's random choices.
    pub seed: u64,
    /// Unix time in microseconds.
    pub wall_clock: fn() -> u64,
    /// What INFO and others say of the node as a whole.
    pub facts: Arc<NodeFacts>,
    /// What all cores share.
    pub common: share::Common,
}

/// Facts of the node that never change.
#[derive(Debug)]
pub struct NodeFacts {
    /// 40 hex digits that differ at every start.
    pub run_id: String,
    /// The system, as `uname` tells it.
    pub os: String,
    /// Path of the program.
    pub executable: String,
    /// Path of the configuration file, empty without one.
    pub config_file: String,
    /// The process id.
    pub pid: u32,
    /// Unix time of the start, ms.
    pub started: u64,
    /// Total memory of the machine in bytes.
    pub total_memory: u64,
}

/// One data core's clients, store and everything between them.
pub struct Plane {
    /// How the node was started.
    pub options: PlaneOptions,
    /// The time of this turn.
    pub now: Now,
    /// Settings by which this core goes.
    pub settings: Arc<Settings>,
    /// Who sees all commands.
    pub monitors: monitor::Monitors,
    /// Users whom this core knows.
    pub users: Arc<Users>,
    /// What was denied here lately.
    pub denials: DenialLog,
    /// Topology by which this core goes.
    pub topology: Arc<Topology>,
    /// For each slot, the core that serves it; made from `topology`.
    pub routes: Routes,
    /// This core's store and those lent to it.
    pub stores: Stores,
    /// Whether this core's store is lent or reserved.
    pub locked: bool,
    /// Clients of this core.
    pub clients: Clients,
    /// All commands.
    pub registry: &'static Registry,
    /// Subscribers of this core.
    pub pubsub: pubsub::PubSub,
    /// Clients that track keys, and what they are to be told.
    pub invalidations: invalidation::Invalidations,
    /// What clients weigh.
    pub weights: weight::Weights,
    /// What the cores have taken of the limits of memory.
    shares: share::Shares,
    /// Where room is to come from.
    room: room::Room,
    /// DEBUG PAUSE-CRON.
    pub cron_paused: bool,
    /// DEBUG SET-DISABLE-DENY-SCRIPTS.
    pub scripts_may_all: bool,
    /// Bytes that were sent to the bus core for other nodes since it last said that it has them.
    broadcast_bytes: usize,
    /// Replies of this turn.
    pub out: Out,
    /// Messages to other threads, to be sent in this order.
    pub outgoing: Vec<(Peer, Message)>,
    /// Clients to close once they have their replies.
    pub goodbyes: Vec<ClientRef>,
    /// What the driver is to do.
    pub actions: Vec<Action>,
    /// Counters.
    pub stats: figures::Counters,
    /// Calls, time and errors by command.
    pub commands: CommandStats,
    /// Error replies by code.
    pub errors: ErrorStats,
    /// The interpreter, and what it runs.
    pub scripts: script::Scripts,
    /// Slow commands.
    pub slowlog: SlowLog,
    /// Latency events.
    pub latency: latency::Monitor,
    /// CLIENT PAUSE.
    pub pause: Option<Pause>,
    /// Unix time in ms until which writes wait for a manual failover, whatever CLIENT UNPAUSE says.
    pub failover_pause: Option<u64>,
    /// How the node stands in replication.
    pub standing: Arc<Standing>,
    /// Whether writes wait because nobody takes what they log.
    log_waits: bool,
    /// What the snapshot that this core has begun for all of them says of functions, until its first part is made.
    snapshot_functions: Vec<u8>,
    /// Parts of a snapshot that the bus core wants of this core.
    wanted_parts: snapshot::WantedParts,
    /// Whether what is being executed is the primary's.
    applying: bool,
    /// Keys to which clients of a writable replica gave deadlines: nobody else will delete them.
    own_deadlines: HashSet<(usize, Box<[u8]>)>,
    /// Whether writes are refused for `min-replicas-to-write`.
    pub lacks_replicas: bool,
    /// Whether commands may be executed without looking at `locked`, `pause`, `lacks_replicas`, `monitors` and
    /// who waits.
    pub free: bool,
    /// Whether every command is timed for itself (a sharp slow log), or quick ones together.
    pub precise: bool,
    /// Clients of all cores together, as last heard.
    pub node_clients: usize,
    /// DEBUG SET-ACTIVE-EXPIRE.
    pub active_expire: bool,
    /// Replies nobody wants: CLIENT REPLY OFF and SKIP.
    unwanted: Vec<u8>,
    random: Xoshiro256PlusPlus,
    effects: Effects,
    log: log::Log,
    hops: Vec<Option<Box<hop::HopBatch>>>,
    #[expect(clippy::vec_box, reason = "batches travel in boxes, which are what is spared")]
    spare_batches: Vec<Box<hop::HopBatch>>,
    batches_away: usize,
    /// Cores that have replies of a batch of theirs which is not done, and their batches behind that.
    #[expect(clippy::vec_box, reason = "batches travel in boxes")]
    unfinished: HashMap<Peer, Vec<Box<hop::HopBatch>>>,
    asks: ask::Asks,
    gathers: gather::Gathers,
    migrations: migrate::Migrations,
    blocking: blocking::Blocking,
    stalled: Vec<(Peer, Message)>,
    /// What the primary has sent during a pause.
    paused_applies: Vec<(Peer, Box<apply::ApplyBatch>)>,
    held: Vec<ClientRef>,
    spans: Args,
    next_serial: u64,
    warned_of_http: u64,
    upkeep: upkeep::Upkeep,
}

impl Plane {
    /// A core without clients.
    pub fn new(
        options: PlaneOptions,
        settings: Arc<Settings>,
        topology: Arc<Topology>,
        registry: &'static Registry,
        store: Store,
    ) -> Plane {
        use rand_xoshiro::rand_core::SeedableRng;
        let routes = Routes::new(&settings, &topology, options.cores);
        let stores = Stores::new(options.core, routes.owners().clone(), options.cores, store);
        let mut plane = Plane {
            now: Now::default(),
            routes,
            stores,
            locked: false,
            clients: Clients::default(),
            registry,
            pubsub: pubsub::PubSub::default(),
            invalidations: invalidation::Invalidations::new(options.cores),
            weights: weight::Weights::default(),
            shares: share::Shares::new(&options.common, options.core),
            room: room::Room::default(),
            cron_paused: false,
            scripts_may_all: false,
            broadcast_bytes: 0,
            out: Out::default(),
            outgoing: Vec::new(),
            goodbyes: Vec::new(),
            actions: Vec::new(),
            stats: figures::Counters::default(),
            commands: CommandStats::new(registry.len() as u16),
            scripts: script::Scripts::default(),
            slowlog: SlowLog::new(options.common.slow_commands.clone()),
            latency: latency::Monitor::default(),
            errors: ErrorStats::default(),
            pause: None,
            failover_pause: None,
            standing: Arc::default(),
            log_waits: false,
            snapshot_functions: Vec::new(),
            wanted_parts: snapshot::WantedParts::default(),
            applying: false,
            own_deadlines: HashSet::new(),
            lacks_replicas: false,
            free: true,
            precise: settings.slowlog_log_slower_than >= 0 && settings.slowlog_log_slower_than < 1000,
            node_clients: 0,
            active_expire: true,
            unwanted: Vec::new(),
            random: Xoshiro256PlusPlus::seed_from_u64(options.seed),
            effects: Effects::default(),
            log: log::Log::new(options.core),
            hops: (0..options.cores).map(|_| None).collect(),
            spare_batches: Vec::new(),
            batches_away: 0,
            unfinished: HashMap::new(),
            asks: ask::Asks::default(),
            gathers: gather::Gathers::default(),
            migrations: migrate::Migrations::default(),
            blocking: blocking::Blocking::default(),
            stalled: Vec::new(),
            paused_applies: Vec::new(),
            held: Vec::new(),
            spans: vec![Span { start: 0, len: 0 }; 0],
            next_serial: 1,
            warned_of_http: 0,
            upkeep: upkeep::Upkeep::default(),
            users: Arc::new(Users::new(b"")),
            denials: DenialLog::default(),
            monitors: monitor::Monitors::default(),
            settings,
            topology,
            options,
        };
        plane.refresh();
        plane
    }

    /// This core.
    pub fn core(&self) -> CoreId {
        self.options.core
    }

    /// The mesh place of the bus core.
    pub fn bus(&self) -> Peer {
        Peer(self.options.cores as u16)
    }

    /// All data cores, this one among them.
    pub fn data_cores(&self) -> impl Iterator<Item = Peer> + use<> {
        (0..self.options.cores as u16).map(Peer)
    }

    /// All data cores but this one.
    fn other_cores(&self) -> impl Iterator<Item = Peer> + use<> {
        let me = Peer::from(self.core());
        self.data_cores().filter(move |peer| *peer != me)
    }

    /// All data cores and the bus core.
    pub fn everybody(&self) -> impl Iterator<Item = Peer> + use<> {
        (0..=self.options.cores as u16).map(Peer)
    }

    /// A writer for the next reply of client `at`.
    pub fn reply(&mut self, at: u32) -> Reply<'_> {
        let client = &mut self.clients[at];
        let proto = client.session.proto;
        Reply::new(self.out.buffer_for(client, &mut self.unwanted), proto)
    }

    /// The same for a message: CLIENT REPLY does not silence those.
    pub fn message_to(&mut self, at: u32) -> Reply<'_> {
        let client = &mut self.clients[at];
        let proto = client.session.proto;
        if client.waiting.is_some() && client.queue.len() == 1 {
            // It waits for a key: that may take long, and its reply is still to be made.
            self.out.open(client);
            return Reply::new(&mut self.out.bytes, proto);
        }
        Reply::new(self.out.ordered_buffer_for(client), proto)
    }

    /// The protocol client `at` speaks.
    pub fn proto(&self, at: u32) -> Proto {
        self.clients[at].session.proto
    }

    fn send(&mut self, to: Peer, message: Message) {
        self.outgoing.push((to, message));
    }

    /// Whether clients' writes, at least, are held back.
    fn is_paused(&self) -> bool {
        self.pause.is_some() || self.failover_pause.is_some() || self.standing.waits != Waits::Nobody
    }

    /// Works out what follows from `locked`, `pause`, `standing` and the settings; call after any change of them.
    fn refresh(&mut self) {
        let Standing { log, replica, good_replicas, .. } = *self.standing;
        let wanted = if self.settings.min_replicas_max_lag > 0 { self.settings.min_replicas_to_write } else { 0 };
        self.lacks_replicas = !replica && good_replicas < wanted;
        self.free = !self.locked
            && !self.monitors.is_on()
            && !self.is_paused()
            && !self.lacks_replicas
            && !self.standing.restricts()
            && !self.log_waits
            && !self.room.waits
            && !self.scripts.is_busy()
            && !self.is_awaited_widely();
        self.weights.matter = self.settings.maxmemory_clients != 0 || self.settings.maxmemory != 0;
        self.log.set_on(log);
        self.log.set_of_replica(replica);
        self.effects.logged = log;
        let (core, paused) = (self.core(), self.is_paused());
        if let Some(store) = self.stores.at(core) {
            store.configure(&self.settings);
            store.record_removed |= log;
            store.keep_expired = paused || replica;
            store.set_heard_prefixes(self.invalidations.every_prefix());
        }
    }
}

impl Out {
    /// Where the client's next reply goes.
    #[inline]
    pub fn buffer_for<'o>(&'o mut self, client: &'o mut Client, unwanted: &'o mut Vec<u8>) -> &'o mut Vec<u8> {
        if client.session.reply_mode.is_silent() { unwanted } else { self.ordered_buffer_for(client) }
    }

    /// Straight to the turn's replies, or behind those still owed to the client.
    #[inline]
    fn ordered_buffer_for<'o>(&'o mut self, client: &'o mut Client) -> &'o mut Vec<u8> {
        if !client.queue.is_empty() {
            return client.tail();
        }
        self.open(client);
        &mut self.bytes
    }

    /// Makes the end of `bytes` a part of the client's segment.
    #[inline]
    pub fn open(&mut self, client: &mut Client) {
        if self.open == Some(client.segment) {
            return;
        }
        self.close();
        if client.segment == NO_SEGMENT {
            client.segment = self.segments.len() as u32;
            let start = self.bytes.len();
            self.segments.push(Segment { client: client.reference, start, end: start });
        } else {
            // It wrote earlier in this turn: its bytes move to the end, to stay in one piece.
            let segment = &mut self.segments[client.segment as usize];
            let start = self.bytes.len();
            self.bytes.extend_from_within(segment.start..segment.end);
            segment.start = start;
        }
        self.open = Some(client.segment);
    }

    /// Fixes the end of the segment being written.
    pub fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.segments[open as usize].end = self.bytes.len();
        }
    }

    /// Forgets all of it, keeping a bounded amount of memory.
    pub fn clear(&mut self) {
        const KEEP: usize = 1 << 20;
        self.bytes.clear();
        self.bytes.shrink_to(KEEP);
        self.segments.clear();
        self.open = None;
    }
}

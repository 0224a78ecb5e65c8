//! A test bench of whole data planes: some cores with their queues, and no thread, socket or clock.
//!
//! A schedule, drawn from a seed, says whose turn it is and how many messages it takes, so that one seed is one
//! interleaving of the cores; as in the real loop, queues keep their order and a turn is never interrupted.

use super::client::{ClientRef, NO_SEGMENT};
use super::message::{Answer, Inquiry, Message, Peer, SnapshotPart};
use super::migrate::{Errand, Report};
use super::share::Common;
use super::{Action, NodeFacts, Now, Plane, PlaneOptions};
use crate::base::ids::CoreId;
use crate::base::limits::SLOTS;
use crate::contract::log::LogBatch;
use crate::contract::settings::Settings;
use crate::contract::topology::{CoreRange, NO_NODE, NodeFlags, NodeId, NodeView, Topology};
use crate::data::command::Registry;
use crate::data::command::spec::Spec;
use crate::data::command::testing::START;
use crate::data::key::KeyHasher;
use crate::data::store::{Store, StoreOptions};
use crate::resp::Error;
use crate::slot::Slot;
use crate::slot::owner::OwnerMap;
use bumpalo::Bump;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock};

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::new);

/// A connection: its core and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Connection {
    /// Where it is served.
    pub core: usize,
    /// Which client of that core it is.
    pub client: ClientRef,
}

/// Some data cores of one node.
pub struct Node {
    /// The cores.
    pub planes: Vec<Plane>,
    /// What each core (by receiver, then sender) has not taken yet.
    queues: Vec<Vec<VecDeque<Message>>>,
    /// What each core logged, and nobody has taken yet.
    pub logs: Vec<VecDeque<Box<LogBatch>>>,
    /// Parts of snapshots.
    pub parts: Vec<SnapshotPart>,
    /// All that each connection was sent.
    replies: HashMap<Connection, Vec<u8>>,
    schedule: Xoshiro256PlusPlus,
    connections: u32,
    bump: Bump,
}

impl Node {
    /// A node of `cores` cores whose turns are drawn from `seed`.
    pub fn new(cores: usize, seed: u64, settings: Settings) -> Node {
        // No bus core saves what FLUSHALL leaves here: it is answered at once.
        let settings = Arc::new(Settings { has_save_points: false, ..settings });
        let topology = Arc::new(topology(cores));
        let common = Common::new(cores);
        let plane = |core: usize| {
            let hasher = KeyHasher::new(0);
            let options = PlaneOptions {
                core: CoreId(core as u8),
                cores,
                hasher,
                clock: || 0,
                seed: 1,
                wall_clock: || START * 1000,
                facts: Arc::new(facts()),
                common: common.clone(),
            };
            let store = Store::new(StoreOptions { databases: settings.databases, hasher, ..StoreOptions::default() });
            let mut plane = Plane::new(options, settings.clone(), topology.clone(), &REGISTRY, store);
            plane.now = Now { unix_ms: START, mono_ns: 0 };
            plane
        };
        Node {
            planes: (0..cores).map(plane).collect(),
            queues: (0..cores).map(|_| (0..=cores).map(|_| VecDeque::new()).collect()).collect(),
            logs: (0..cores).map(|_| VecDeque::new()).collect(),
            parts: Vec::new(),
            replies: HashMap::new(),
            schedule: Xoshiro256PlusPlus::seed_from_u64(seed),
            connections: 0,
            bump: Bump::new(),
        }
    }

    /// Whether there is code for exactly this command.
    pub fn has(&self, spec: &Spec) -> bool {
        REGISTRY.runs(spec)
    }

    /// A new client of core `core`.
    pub fn connect(&mut self, core: usize) -> Connection {
        let client = ClientRef { index: self.connections, generation: 1 };
        self.connections += 1;
        self.planes[core].connected(client, "127.0.0.1:1".into(), "127.0.0.1:2".into(), true, 3);
        let connection = Connection { core, client };
        self.replies.insert(connection, Vec::new());
        connection
    }

    /// The bus core sends a message.
    pub fn bus_says(&mut self, to: Peer, message: Message) {
        let bus = self.planes.len();
        self.queues[to.0 as usize][bus].push_back(message);
    }

    /// The client goes away, whatever it waits for.
    pub fn disconnect(&mut self, who: Connection) {
        if self.planes[who.core].clients.get(who.client).is_some() {
            self.planes[who.core].close(who.client.index);
        }
        self.end_turn(who.core);
    }

    /// Bytes come from a client, if it is still there; its core's turn ends after them.
    pub fn send(&mut self, who: Connection, bytes: &[u8]) {
        let plane = &mut self.planes[who.core];
        if plane.clients.get(who.client).is_some_and(|client| !client.session.closing) {
            plane.received(who.client.index, bytes, &self.bump);
        }
        self.end_turn(who.core);
    }

    /// One turn of a core drawn by lot. Returns whether that core found anything to do.
    pub fn turn(&mut self) -> bool {
        let core = self.draw(self.planes.len());
        let mut worked = false;
        for from in 0..=self.planes.len() {
            for _ in 0..self.draw(4) {
                let Some(message) = self.queues[core][from].pop_front() else { break };
                self.planes[core].message(Peer(from as u16), message, &self.bump);
                worked = true;
            }
        }
        if self.planes[core].has_leftovers() {
            self.planes[core].take_up_leftovers(&self.bump);
            worked = true;
        }
        worked |= self.planes[core].wants_parts();
        self.planes[core].make_part();
        self.end_turn(core);
        worked
    }

    /// Turns of all cores until nobody has anything left to do.
    pub fn settle(&mut self) {
        for _ in 0..1_000_000 {
            let waiting = self.planes.iter().any(|plane| plane.has_leftovers() || plane.wants_parts());
            if !waiting && self.queues.iter().flatten().all(VecDeque::is_empty) {
                return;
            }
            self.turn();
        }
        panic!("the cores talk to each other without end");
    }

    /// What a connection was sent since last asked.
    pub fn take_replies(&mut self, who: Connection) -> Vec<u8> {
        std::mem::take(self.replies.get_mut(&who).expect("a connection of this node"))
    }

    /// Time passes.
    pub fn pass(&mut self, milliseconds: u64) {
        for core in 0..self.planes.len() {
            self.planes[core].now.unix_ms += milliseconds;
            self.planes[core].end_waits();
            self.planes[core].tick(&self.bump);
            self.end_turn(core);
        }
    }

    /// The clients there are.
    pub fn connections(&self) -> Vec<Connection> {
        let clients = |(core, plane): (usize, &Plane)| {
            plane.clients.references().into_iter().map(move |client| Connection { core, client }).collect::<Vec<_>>()
        };
        self.planes.iter().enumerate().flat_map(clients).collect()
    }

    /// Sends one command and returns its reply, everybody else's work done too.
    pub fn call(&mut self, who: Connection, line: &str) -> String {
        self.send(who, &encode(line));
        self.settle();
        String::from_utf8_lossy(&self.take_replies(who)).into_owned()
    }

    /// Panics where something is held, owed or under way although everybody's work is done.
    pub fn assert_at_rest(&mut self) {
        let watching =
            self.planes.iter().any(|plane| plane.clients.iter().any(|client| !client.session.watches.is_empty()));
        for plane in &mut self.planes {
            let core = plane.core();
            assert!(!plane.locked && plane.stores.at(core).is_some(), "the store of {core:?} is away or reserved");
            assert!(plane.asks.is_empty() && plane.gathers.is_empty(), "{core:?} still waits for answers");
            assert!(plane.unfinished.is_empty(), "{core:?} still has a part of a batch to do");
            assert!(plane.stalled.is_empty() && plane.held.is_empty(), "{core:?} still holds work back");
            let watched = plane.stores.at(core).is_some_and(|store| store.is_watched());
            assert!(!watched || watching, "keys of {core:?} are watched for nobody");
            assert!(plane.stores.at(core).is_none_or(|store| !store.is_awaited()), "somebody still waits at {core:?}");
            assert!(plane.blocking_is_at_rest(), "{core:?} still thinks of clients that wait");
            for client in plane.clients.iter() {
                assert!(client.hold.is_none() && client.queue.is_empty(), "a client of {core:?} is owed something");
            }
        }
    }

    /// A number below `bound`, by lot.
    pub fn draw(&mut self, bound: usize) -> usize {
        (self.schedule.next_u64() % bound as u64) as usize
    }

    /// What the driver does at the end of a turn: messages and replies leave, clients that said goodbye go.
    fn end_turn(&mut self, core: usize) {
        let cores = self.planes.len();
        let plane = &mut self.planes[core];
        plane.show_taken();
        plane.tell_changes();
        plane.flush_hops();
        plane.flush_log();
        for (to, message) in plane.take_outgoing() {
            match self.queues.get_mut(to.0 as usize) {
                Some(queues) => queues[core].push_back(message),
                None => match message {
                    Message::Log(batch) => self.logs[core].push_back(batch),
                    Message::Snapshot(part) => self.parts.push(part),
                    message => self.queues[core][cores].extend(bus_answer(message)),
                },
            }
        }
        plane.out.close();
        let out = std::mem::take(&mut plane.out);
        for segment in &out.segments {
            if let Some(client) = plane.clients.get_mut(segment.client) {
                client.segment = NO_SEGMENT;
                let who = Connection { core, client: segment.client };
                let replies = self.replies.get_mut(&who).expect("a connection of this node");
                replies.extend_from_slice(&out.bytes[segment.start..segment.end]);
            }
        }
        for client in std::mem::take(&mut plane.goodbyes) {
            match plane.clients.get(client) {
                Some(_) if plane.may_close(client.index) => plane.close(client.index),
                Some(_) => plane.goodbyes.push(client),
                None => {}
            }
        }
        plane.actions.retain(|action| !matches!(action, Action::Close(_)));
        self.bump.reset();
    }
}

/// The bus core of the bench says OK to everything, and reaches no other node.
fn bus_answer(message: Message) -> Option<Message> {
    match message {
        Message::Ask(number, Inquiry::Command(_)) => {
            Some(Message::Answer(number, Answer::Reply(Ok(b"+OK\r\n".to_vec()))))
        }
        Message::Ask(number, Inquiry::ClientList(_)) => Some(Message::Answer(number, Answer::Clients(Vec::new()))),
        Message::Ask(number, Inquiry::ResetStats | Inquiry::Sleep(_)) => Some(Message::Answer(number, Answer::Done)),
        Message::Ask(number, Inquiry::ClientKill(_)) => Some(Message::Answer(number, Answer::Count(0))),
        Message::Errand(number, errand) => match *errand {
            Errand::Connect(_) => {
                let error = Error::new("IOERR error or timeout connecting to the client");
                Some(Message::Report(number, Report::Connected(Err(error))))
            }
            Errand::Send(_) | Errand::Forget => None,
        },
        Message::Ask(number, Inquiry::Figures) => Some(Message::Answer(number, Answer::Replication(Box::default()))),
        _ => None,
    }
}

/// A command as a client sends it, its words parted by blanks.
pub fn encode(line: &str) -> Vec<u8> {
    encode_words(&line.split(' ').collect::<Vec<_>>())
}

/// The same, given as words, which may have any bytes.
pub fn encode_words(words: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words.iter().map(AsRef::as_ref) {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// How many whole RESP2 replies `bytes` are, and nothing else.
pub fn count_replies(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while !bytes.is_empty() {
        bytes = after_reply(bytes);
        count += 1;
    }
    count
}

/// The RESP2 replies that `bytes` are.
pub fn replies(mut bytes: &[u8]) -> Vec<String> {
    let mut replies = Vec::new();
    while !bytes.is_empty() {
        let rest = after_reply(bytes);
        replies.push(String::from_utf8_lossy(&bytes[..bytes.len() - rest.len()]).into_owned());
        bytes = rest;
    }
    replies
}

fn after_reply(bytes: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'\n', bytes).expect("a whole line") + 1;
    let number = || std::str::from_utf8(&bytes[1..end - 2]).ok().and_then(|text| text.parse::<i64>().ok());
    let mut rest = &bytes[end..];
    match bytes[0] {
        b'+' | b'-' | b':' => {}
        b'$' => rest = number().map_or(rest, |length| if length < 0 { rest } else { &rest[length as usize + 2..] }),
        b'*' => (0..number().expect("a count")).for_each(|_| rest = after_reply(rest)),
        other => panic!("no reply begins with {:?}", other as char),
    }
    rest
}

/// One node that serves every slot.
fn topology(cores: usize) -> Topology {
    let owners = OwnerMap::even(cores);
    let slot = |index: usize| Slot::new(index as u16).expect("a slot");
    let ranges = (0..cores as u8).map(CoreId).map(|core| {
        let (start, end) = owners.range(core);
        CoreRange { start: slot(start), end: slot(end - 1), core }
    });
    let me = NodeView {
        id: NodeId::parse(&[b'a'; 40]).expect("an id"),
        ip: "127.0.0.1".into(),
        hostname: "".into(),
        port: 7000,
        bus_port: 17000,
        flags: NodeFlags::PRIMARY.with(NodeFlags::MYSELF),
        replicaof: NO_NODE,
        config_epoch: 0,
        endpoint: "127.0.0.1:7000".into(),
    };
    Topology {
        me: 0,
        nodes: vec![me],
        owners: Box::new([0; SLOTS]),
        migrating: Vec::new(),
        importing: Vec::new(),
        down: None,
        core_port_base: None,
        cores: ranges.collect(),
    }
}

fn facts() -> NodeFacts {
    NodeFacts {
        run_id: "0".repeat(40),
        os: "test".into(),
        executable: String::new(),
        config_file: String::new(),
        pid: 1,
        started: START,
        total_memory: 1 << 30,
    }
}

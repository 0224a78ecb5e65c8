//! The office's work for replication: does what [`Replication`] wants done, and executes its commands.
//!
//! A step towards the data cores is one message to each, or an order to core 0, which borrows the stores of the others.

mod transfer;
mod waiting;

use super::connections::Connections;
use super::shutdown::Ending;
use super::{NodeOffice, Then, answer, now};
use crate::base::ids::{ClientId, CoreId};
use crate::cluster;
use crate::cores::bus_core::Outgoing;
use crate::cores::streams::StreamCommand;
use crate::cores::wake::Bell;
use crate::data::command::spec::flag;
use crate::data::command::{Registry, Run};
use crate::data::key::KeyHasher;
use crate::data::plane::apply::ApplyBatch;
use crate::data::plane::client_filter::ClientFilter;
use crate::data::plane::figures::NodeFigures;
use crate::data::plane::message::{Answer, BusCommand, Inquiry, Message, Notice, Order, Peer, Scope, SnapshotPart};
use crate::data::plane::replica::Departure;
use crate::data::rdb::load::{Facts, Loaded};
use crate::data::store::Progress;
use crate::node::config::Config;
use crate::node::loader::SnapshotLoader;
use crate::replication::feed::{Piece, Target};
use crate::replication::options::{Load, Options};
use crate::replication::primary::Remark;
use crate::replication::{Action, LinkId, Replication, SnapshotFacts};
use crate::resp::Error;
use crate::slot::Slot;
use crate::slot::owner::OwnerMap;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// What a snapshot tells of its place in the stream, and the keys, with their databases, that died before it was loaded.
pub type Resumption = (Facts, Vec<(usize, Vec<u8>)>);

/// What the office has for replication.
pub struct ReplicationDesk {
    /// The state machine.
    pub replication: Replication,
    loader: Option<SnapshotLoader>,
    /// The database that is selected behind the snapshot that is being put in place.
    replacing: Option<(u64, usize)>,
    /// How many times the data cores were told to delete keys and have not all done so, and the snapshot that waits for
    /// them: a late one would empty the new stores.
    emptying: usize,
    loaded: Option<Box<Loaded>>,
    /// A snapshot for replicas that must be told its length first.
    kept: Option<File>,
    /// For each piece that the cores execute, how many have not answered.
    pieces: HashMap<u64, usize>,
    /// Commands that are answered when the node stands as they want it to.
    pub(super) pending: Vec<(Peer, u64)>,
    /// Connections of replicas that came while this node is about to become a primary.
    arriving: Vec<Departure>,
    /// Who waits for replicas.
    waiting: HashMap<u64, (Peer, u64)>,
    /// The connection to the primary, if it is to be read.
    upstream: Option<LinkId>,
    hasher: KeyHasher,
    /// The commands there are.
    pub(super) registry: &'static Registry,
    bell: Bell,
    /// The connections there are, as clients are told of them.
    connections: Connections,
    /// Whether the primary that is configured was told.
    begun: bool,
    /// What the snapshot that was loaded at the start tells of the stream, and the keys that died before.
    pub resumption: Option<Resumption>,
}

impl ReplicationDesk {
    /// The desk of a node with `cores` data cores.
    pub fn new(
        config: &Config,
        cores: usize,
        registry: &'static Registry,
        hasher: KeyHasher,
        random: Xoshiro256PlusPlus,
        bell: Bell,
    ) -> ReplicationDesk {
        let owners = OwnerMap::even(cores);
        let target = Box::new(move |args: &[&[u8]]| target(registry, &owners, args));
        ReplicationDesk {
            replication: Replication::new(
                options(config),
                cores,
                random,
                header,
                target,
                Box::new(|args| remark(registry, args)),
            ),
            loader: None,
            replacing: None,
            emptying: 0,
            loaded: None,
            kept: None,
            pieces: HashMap::new(),
            pending: Vec::new(),
            arriving: Vec::new(),
            waiting: HashMap::new(),
            upstream: None,
            hasher,
            registry,
            bell,
            connections: Connections::default(),
            begun: false,
            resumption: None,
        }
    }
}

/// Who executes a command of the primary.
pub(super) fn target(registry: &Registry, owners: &OwnerMap, args: &[&[u8]]) -> Target {
    let Some(command) = registry.find(args) else { return Target::Core(CoreId(0)) };
    if matches!(command.run, Run::Script) || command.reaches_any_key(args) {
        // It may use keys that it does not name.
        return Target::Several;
    }
    let fits = command.spec.arity_fits(args.len());
    if command.single_key > 0 && fits {
        return Target::Core(owners.of(Slot::of_key(args[usize::from(command.single_key)])));
    }
    let positions = if fits { command.key_indexes(args) } else { Vec::new() };
    let cores: BTreeSet<CoreId> =
        positions.into_iter().map(|position| owners.of(Slot::of_key(args[position]))).collect();
    match (cores.len(), cores.first(), &command.run) {
        (1, Some(core), _) => Target::Core(*core),
        (0, ..) if matches!(command.run, Run::Keyed(_)) => Target::Core(CoreId(0)),
        (0, ..) => Target::All,
        _ => Target::Several,
    }
}

/// What is to be said of a command of a replica.
fn remark(registry: &Registry, args: &[&[u8]]) -> Option<Remark> {
    let Some(command) = registry.find(args) else {
        return Some(Remark { name: "unknown", error: Some("ERR unknown command") });
    };
    let name = command.spec.full_name();
    let silent: &[&[u8]] = &[b"ack", b"getack"];
    match name {
        "replconf" if args.get(1).is_some_and(|word| silent.contains(&&*word.to_ascii_lowercase())) => None,
        "psync" | "sync" => None,
        _ if command.spec.is(flag::WRITE | flag::READONLY) => {
            Some(Remark { name, error: Some("ERR Replica can't interact with the keyspace") })
        }
        _ => Some(Remark { name, error: None }),
    }
}

/// The beginning of a snapshot for replicas.
fn header(facts: &SnapshotFacts) -> Vec<u8> {
    super::saving::header(Some(facts), false)
}

/// The place in a stream that a snapshot says it is of.
fn place_of(facts: &Facts) -> Option<SnapshotFacts> {
    let offset = u64::try_from(facts.replication_offset?).ok()?;
    Some(SnapshotFacts { db: facts.replication_db.unwrap_or(0), id: facts.replication_id.clone()?, offset })
}

/// The directives of replication.
pub fn options(config: &Config) -> Options {
    let seconds = |name: &str| config.number::<u64>(name) * 1000;
    Options {
        port: config.number("port"),
        user: config.text("masteruser").to_vec(),
        password: config.text("masterauth").to_vec(),
        announce_ip: config.text("replica-announce-ip").to_vec(),
        announce_port: config.number("replica-announce-port"),
        timeout: seconds("repl-timeout"),
        ping_period: seconds("repl-ping-replica-period"),
        backlog_size: config.number("repl-backlog-size"),
        backlog_ttl: seconds("repl-backlog-ttl"),
        diskless: config.flag("repl-diskless-sync"),
        sync_delay: seconds("repl-diskless-sync-delay"),
        sync_replicas: config.number("repl-diskless-sync-max-replicas"),
        load: match config.choice("repl-diskless-load") {
            "swapdb" => Load::Beside,
            "on-empty-db" => Load::DirectIfEmpty,
            _ => Load::Spooled,
        },
        priority: config.number("replica-priority"),
        read_only: config.flag("replica-read-only"),
        announced: config.flag("replica-announced"),
        min_replicas: config.number("min-replicas-to-write"),
        max_lag: config.number("min-replicas-max-lag"),
        output_limit: config.settings().output_limit_replica,
    }
}

impl NodeOffice {
    /// The regular work.
    pub(super) fn tick_replication(&mut self, outgoing: &mut Outgoing) {
        if !self.desk_of_replication.begun && !self.is_loading() {
            self.desk_of_replication.begun = true;
            let primary = self.config.replica_of();
            let primary = primary.map(|(host, port)| (String::from_utf8_lossy(host).into_owned(), port));
            let replica = self.starts_as_replica();
            self.with_replication(outgoing, |replication| replication.follow(primary));
            // A cluster's replica goes on from what it has itself, as one does that was a primary before.
            let configured = self.desk_of_replication.replication.is_replica() && !self.config.flag("cluster-enabled");
            let resumption = self.desk_of_replication.resumption.take();
            let place = resumption.and_then(|(facts, expired)| Some((place_of(&facts)?, expired)));
            self.with_replication(outgoing, |replication| match place {
                Some((place, expired)) => replication.resume(place, replica, &expired),
                None if configured => replication.start_anew(),
                None => {}
            });
        }
        let held = self.writes_are_held();
        self.with_replication(outgoing, |replication| {
            replication.tick(now().mono_ms);
            replication.advance_failover(held);
        });
        self.drain.set_role(if self.desk_of_replication.replication.is_replica() { 'S' } else { 'M' });
    }

    /// Whether this node is a replica by its configuration, or by what its cluster knows of it.
    pub(super) fn starts_as_replica(&self) -> bool {
        self.config.replica_of().is_some() || self.desk.as_ref().is_some_and(|desk| desk.cluster.is_replica())
    }

    /// What INFO tells of it.
    pub(super) fn node_figures(&self) -> NodeFigures {
        let replication = &self.desk_of_replication.replication;
        let [stream_bytes, backlog_bytes, replica_bytes] = replication.memory();
        let ending = self.ending.as_ref();
        let waiting = replication.waiting_clients() + ending.map_or(0, Ending::clients);
        NodeFigures {
            replication: replication.info(),
            syncs: replication.counters.all(),
            stream_bytes,
            backlog_bytes,
            replica_bytes,
            link_bytes: self.desk.as_ref().map_or(0, |desk| desk.cluster.link_bytes()),
            waiting: waiting as u64,
            unexpected_errors: self.obeying.unexpected_errors,
            ends_in: ending.map(Ending::left),
            couriers: self.courier.kept(),
        }
    }

    /// Feeds replication something and does what it wants done.
    pub(super) fn with_replication(&mut self, outgoing: &mut Outgoing, feed: impl FnOnce(&mut Replication)) {
        feed(&mut self.desk_of_replication.replication);
        loop {
            let actions = self.desk_of_replication.replication.take_actions();
            if actions.is_empty() {
                break;
            }
            actions.into_iter().for_each(|action| self.carry_out(action, outgoing));
        }
        self.answer_pending(outgoing);
        if !self.desk_of_replication.replication.is_leaving() {
            for departure in std::mem::take(&mut self.desk_of_replication.arriving) {
                self.arrived(departure, outgoing);
            }
        }
        self.begin_loading(outgoing);
    }

    /// Answers commands that wanted the node to stand as it does now.
    fn answer_pending(&mut self, outgoing: &mut Outgoing) {
        let desk = &mut self.desk_of_replication;
        if !desk.pending.is_empty() && desk.replication.is_calm() {
            for (to, number) in desk.pending.drain(..) {
                outgoing.push((to, Message::Answer(number, Answer::Reply(Ok(b"+OK\r\n".to_vec())))));
            }
        }
    }

    fn carry_out(&mut self, action: Action, outgoing: &mut Outgoing) {
        let desk = &mut self.desk_of_replication;
        match action {
            Action::Stand(standing) => {
                if let Err(error) = self.adjust_oom_score() {
                    log::warn!("Unable to write oom_score_adj: {error}");
                }
                if standing.followed && self.appending.is_off() {
                    self.acknowledge_all(outgoing);
                }
                self.ask_all(&Inquiry::Stand(Arc::new(standing)), Then::Stood, outgoing);
            }
            Action::Cut(number) => outgoing.push((Peer(0), Message::Order(0, Box::new(Order::Cut(number))))),
            Action::FileCut(number, facts) => self.place_told(number, facts),
            Action::Abandon => {
                for core in 0..self.cores as u16 {
                    outgoing.push((Peer(core), Message::Tell(Notice::EndSnapshot)));
                }
            }
            Action::Proceed(core, number) => {
                outgoing.push((core.into(), Message::Tell(Notice::MakePart(number))));
            }
            Action::Connect(link, host, port) => {
                desk.upstream = Some(link);
                desk.connections.add(link, None, format!("{host}:{port}"), String::new());
                let source = String::from_utf8_lossy(self.config.text("bind-source-addr")).parse().ok();
                outgoing.streams.push(StreamCommand::Connect(link, host, port, source));
            }
            Action::Send(link, bytes) => outgoing.streams.push(StreamCommand::Send(link, bytes)),
            Action::SendKept(link, from, count) => match desk.read_kept(from, count) {
                Ok(bytes) => outgoing.streams.push(StreamCommand::Send(link, bytes)),
                Err(error) => log::warn!("The snapshot for a replica can't be read back: {error}"),
            },
            Action::Keep(bytes) => {
                let folder = self.config.dir();
                if let Err(error) = desk.keep(&bytes, || tempfile::tempfile_in(folder)) {
                    log::warn!("The snapshot for a replica can't be kept in a file: {error}");
                }
            }
            Action::ForgetKept => desk.kept = None,
            Action::Close(link) => {
                desk.connections.remove(link);
                outgoing.streams.push(StreamCommand::Close(link));
            }
            Action::HearOut(link) => outgoing.streams.push(StreamCommand::HearOut(link)),
            Action::Pause(link, pause) => outgoing.streams.push(StreamCommand::Pause(link, pause)),
            Action::Empty => self.empty(&Inquiry::Flush(Scope::All), outgoing),
            Action::BeginLoad { spooled } => self.begin_load(spooled, outgoing),
            Action::CountKeys => self.ask_all(&Inquiry::Size(Scope::All), Then::Counted, outgoing),
            Action::HoldWrites(hold) => self.pause_writes(hold.then_some(u64::MAX), outgoing),
            Action::Copy(primary) => self.copy(primary, None, outgoing),
            Action::Load(bytes) => self.load(bytes, outgoing),
            Action::EndLoad => {
                if let Some(loader) = &mut desk.loader {
                    loader.end();
                }
            }
            Action::AbortLoad => {
                desk.loader = None;
                desk.replacing = None;
                desk.loaded = None;
            }
            Action::Apply(number, piece) => {
                self.check_disk_for_primary();
                self.apply(number, piece, outgoing);
            }
            Action::Record(batch) => self.record(&batch, outgoing),
            Action::Waited(ticket, count) => {
                if let Some((to, number)) = desk.waiting.remove(&ticket) {
                    let reply = format!(":{count}\r\n").into_bytes();
                    outgoing.push((to, Message::Answer(number, Answer::Reply(Ok(reply)))));
                }
            }
        }
    }

    /// Spreads a piece over the cores it concerns.
    pub(super) fn apply(&mut self, number: u64, piece: Piece, outgoing: &mut Outgoing) {
        let messages = spread(number, piece, self.cores);
        self.desk_of_replication.pieces.insert(number, messages.len());
        outgoing.messages.extend(messages);
    }

    /// A core has executed its part of a piece.
    pub(super) fn applied(&mut self, batch: &ApplyBatch, outgoing: &mut Outgoing) {
        let pieces = &mut self.desk_of_replication.pieces;
        let Some(missing) = pieces.get_mut(&batch.window) else { return };
        *missing -= 1;
        if *missing == 0 {
            pieces.remove(&batch.window);
            if self.piece_loaded(batch.window, outgoing) {
                return;
            }
            self.with_replication(outgoing, |replication| replication.applied(batch.window));
        }
    }

    pub(super) fn snapshot_part(&mut self, part: SnapshotPart, outgoing: &mut Outgoing) {
        let SnapshotPart { number, core, bytes, step } = part;
        self.with_replication(outgoing, |replication| match step.progress {
            Progress::Lost => replication.snapshot_lost(number),
            Progress::More => replication.snapshot_part(number, core, bytes, false),
            Progress::Complete => replication.snapshot_part(number, core, bytes, true),
        });
    }

    /// A connection has ended by itself.
    pub(super) fn stream_lost(&mut self, link: LinkId, reason: &str, outgoing: &mut Outgoing) {
        self.desk_of_replication.connections.remove(link);
        self.with_replication(outgoing, |replication| replication.closed(link, reason));
    }

    /// CLIENT LIST: the lines of connections of replication.
    pub(super) fn client_lines(&self, filter: &ClientFilter) -> Vec<(ClientId, String)> {
        self.desk_of_replication.connections.lines(filter)
    }

    /// CLIENT KILL: closes connections of replication; how many there were.
    pub(super) fn kill_clients(&mut self, filter: &ClientFilter, outgoing: &mut Outgoing) -> u64 {
        let links = self.desk_of_replication.connections.matching(filter);
        self.close_streams(&links, outgoing);
        links.len() as u64
    }

    /// Closes the connections of replicas whose user is no more.
    pub(super) fn close_lost_users(&mut self, outgoing: &mut Outgoing) {
        let links = self.desk_of_replication.connections.of_lost_users(&self.users);
        self.close_streams(&links, outgoing);
    }

    fn close_streams(&mut self, links: &[LinkId], outgoing: &mut Outgoing) {
        for link in links {
            outgoing.streams.push(StreamCommand::Close(*link));
            self.stream_lost(*link, "closed by a client", outgoing);
        }
    }

    /// A connection is a replica's.
    pub(super) fn arrived(&mut self, departure: Departure, outgoing: &mut Outgoing) {
        let Departure { id, user, addr, laddr, introduction, mut command, said, fd } = departure;
        let Some(fd) = fd else { return };
        if let [_, id, _, word, ..] = command.as_slice()
            && word.eq_ignore_ascii_case(b"failover")
        {
            log::warn!("Failover request received for replid {}.", String::from_utf8_lossy(id));
            let replication = &self.desk_of_replication.replication;
            if !replication.is_replica() {
                return refuse(fd, "ERR PSYNC FAILOVER can't be sent to a master.");
            }
            if !replication.is_history(id) {
                return refuse(fd, "ERR PSYNC FAILOVER replid must match my replid.");
            }
            self.copy(None, None, outgoing);
            log::info!("MASTER MODE enabled (failover request from '{addr}')");
            // If it has to wait, it comes once more, when there is no replica any more.
            command.truncate(3);
        }
        let nodelay = !self.config.flag("repl-disable-tcp-nodelay");
        let replication = &mut self.desk_of_replication.replication;
        if replication.is_leaving() {
            // What its primary has sent is still being executed.
            let departure = Departure { id, user, addr, laddr, introduction, command, said, fd: Some(fd) };
            return self.desk_of_replication.arriving.push(departure);
        }
        let link = replication.new_link();
        let next = command.get(2).and_then(|text| std::str::from_utf8(text).ok()?.parse::<i64>().ok());
        let from = command.get(1).zip(next).map(|(id, next)| (id.as_slice(), next));
        if let Some(refusal) = replication.refusal() {
            return refuse(fd, refusal);
        }
        self.desk_of_replication.connections.add(link, Some((id, user)), addr, laddr);
        outgoing.streams.push(StreamCommand::Adopt(link, fd, nodelay));
        self.with_replication(outgoing, |replication| replication.synchronise(link, introduction, from, &said));
    }

    /// REPLICAOF.
    pub(super) fn replicaof(&mut self, from: Peer, number: u64, command: &BusCommand, outgoing: &mut Outgoing) {
        let refused = |error: &str| Err(Error::new(error.to_owned()));
        if self.config.flag("cluster-enabled") {
            return answer(from, number, command, outgoing, |_| refused("ERR REPLICAOF not allowed in cluster mode."));
        }
        let (host, port) = (&command.args[1], &command.args[2]);
        if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
            return self.copy(None, Some((from, number)), outgoing);
        }
        if self.desk_of_replication.replication.is_failing_over() {
            return answer(from, number, command, outgoing, |_| {
                refused("ERR REPLICAOF not allowed while failing over.")
            });
        }
        let host = String::from_utf8_lossy(host).into_owned();
        let port = std::str::from_utf8(port).ok().and_then(|text| text.parse::<i64>().ok());
        let port = match port {
            None => return answer(from, number, command, outgoing, |_| Err(Error::NotAnInteger)),
            Some(port) => u16::try_from(port),
        };
        let Ok(port) = port else {
            return answer(from, number, command, outgoing, |_| refused("ERR Invalid master port"));
        };
        let upstream = self.desk_of_replication.replication.upstream();
        if upstream.is_some_and(|upstream| upstream.host().eq_ignore_ascii_case(&host) && upstream.port() == port) {
            return answer(from, number, command, outgoing, |reply| {
                reply.simple("OK Already connected to specified master");
                Ok(())
            });
        }
        self.copy(Some((host, port)), Some((from, number)), outgoing);
    }

    /// Copies that node from now on, or nobody; answers the command when it is so.
    pub(super) fn copy(
        &mut self,
        primary: Option<(String, u16)>,
        command: Option<(Peer, u64)>,
        outgoing: &mut Outgoing,
    ) {
        self.config.set_primary(primary.clone());
        self.desk_of_replication.pending.extend(command);
        // What the node has itself is loaded first; then it asks to go on from there.
        if self.desk_of_replication.begun {
            self.with_replication(outgoing, |replication| replication.follow(primary));
        }
    }
}

impl ReplicationDesk {
    /// Wakes the bus core.
    pub(super) fn wake(&self) {
        self.bell.ring();
    }

    /// The data's state, for the control plane.
    pub(super) fn standing_for_cluster(&self, writes_paused: bool) -> cluster::Replication {
        let upstream = self.replication.upstream();
        cluster::Replication {
            offset: self.replication.offset_of_data(),
            data_missing: !self.replication.has_data(),
            primary_silent_ms: upstream.and_then(|upstream| upstream.silent_for(now().mono_ms)),
            link_up: upstream.is_some_and(|upstream| upstream.is_up()),
            writes_paused,
        }
    }

    fn keep(&mut self, bytes: &[u8], open: impl FnOnce() -> io::Result<File>) -> io::Result<()> {
        let file = match &mut self.kept {
            Some(file) => file,
            None => self.kept.insert(open()?),
        };
        file.write_all(bytes)
    }

    fn read_kept(&self, from: u64, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        let file = self.kept.as_ref().ok_or(io::ErrorKind::NotFound)?;
        file.read_exact_at(&mut bytes, from)?;
        Ok(bytes)
    }
}

/// The messages by which `cores` data cores execute piece `number`.
fn spread(number: u64, piece: Piece, cores: usize) -> Vec<(Peer, Message)> {
    let fresh = || ApplyBatch { window: number, stream: piece.stream.clone(), ..ApplyBatch::default() };
    if piece.together {
        let commands = piece.commands.iter().map(|command| (command.db, command.args, command.follows)).collect();
        let batch = ApplyBatch { spans: piece.spans, commands, ..fresh() };
        return vec![(Peer(0), Message::Order(0, Box::new(Order::Apply(Box::new(batch)))))];
    }
    let mut batches: Vec<Option<Box<ApplyBatch>>> = (0..cores).map(|_| None).collect();
    let mut spans = piece.spans.as_slice();
    for command in &piece.commands {
        let (args, rest) = spans.split_at(command.args);
        spans = rest;
        let concerned = match command.target {
            Target::Core(core) => core.index()..core.index() + 1,
            Target::All | Target::Several => 0..cores,
        };
        for batch in &mut batches[concerned] {
            let batch = batch.get_or_insert_with(|| Box::new(fresh()));
            batch.spans.extend_from_slice(args);
            batch.commands.push((command.db, command.args, command.follows));
        }
    }
    let messages = batches.into_iter().enumerate();
    messages.filter_map(|(core, batch)| Some((Peer(core as u16), Message::Apply(batch?)))).collect()
}

/// Tells a replica why it can't be synchronised now, and closes its connection.
fn refuse(fd: OwnedFd, reason: &str) {
    let mut stream = std::net::TcpStream::from(fd);
    let _ = stream.set_nonblocking(true);
    let _ = stream.write_all(format!("-{reason}\r\n").as_bytes());
}

#[cfg(test)]
mod tests;

//! What a core counts, and the sum over all cores that INFO is made of.

use super::Plane;
use super::client::Hold;
use super::message::Answer;
use crate::data::command::keyspace::KeyspaceCounts;
use crate::data::command::stats::{CommandStats, ErrorStats};
use crate::data::store::StoreStats;

/// Counters of one core since the start or CONFIG RESETSTAT.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Commands executed here, hops of other cores among them.
    pub commands: u64,
    /// Commands sent to other cores.
    pub hops: u64,
    /// Pieces of input received.
    pub reads: u64,
    /// Pieces of output sent.
    pub writes: u64,
    /// Bytes received.
    pub net_input: u64,
    /// Bytes sent.
    pub net_output: u64,
    /// Connections taken.
    pub connections: u64,
    /// Connections refused for `maxclients`.
    pub rejected_connections: u64,
    /// Changes to the data set.
    pub changed: u64,
    /// Wrong passwords.
    pub denied_auths: u64,
    /// Commands that users may not use.
    pub denied_commands: u64,
    /// Keys that users may not touch.
    pub denied_keys: u64,
    /// Channels that users may not use.
    pub denied_channels: u64,
    /// Clients closed for `client-query-buffer-limit`.
    pub query_buffer_limit_disconnections: u64,
    /// Clients closed for `client-output-buffer-limit`.
    pub output_buffer_limit_disconnections: u64,
    /// Clients closed for `maxmemory-clients`.
    pub evicted_clients: u64,
    /// The longest turn, ns; with what other threads took of the CPU meanwhile.
    pub longest_turn_ns: u64,
    /// The most CPU that a turn took, ns; measured while `latency-monitor-threshold` is not 0.
    pub longest_turn_cpu_ns: u64,
    /// The longest turn by the store's own work (expiry, eviction, freeing), ns.
    pub longest_upkeep_ns: u64,
    /// Turns of the loop.
    pub turns: u64,
}

/// Figures of one core, or the sum over several.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Counters.
    pub counters: Counters,
    /// Commands a second, lately.
    pub ops_per_second: u64,
    /// Bytes received a second, lately.
    pub input_per_second: u64,
    /// Bytes sent a second, lately.
    pub output_per_second: u64,
    /// Connected clients.
    pub clients: u64,
    /// Subscribers among them.
    pub subscribers: u64,
    /// Those that track keys.
    pub trackers: u64,
    /// Keys that have readers, and readers of keys.
    pub read: (usize, usize),
    /// Large values that wait to be freed, and those that were.
    pub freed_later: (usize, u64),
    /// Keys whose deadlines clients of a writable replica have set.
    pub own_deadlines: u64,
    /// What there is for scripts.
    pub scripts: ScriptFacts,
    /// Those that wait for the end of a pause.
    pub blocked: u64,
    /// Bytes of clients' buffers.
    pub client_bytes: u64,
    /// The largest input buffer.
    pub longest_input: u64,
    /// The largest output buffer.
    pub longest_output: u64,
    /// Bytes of data by the store's own count.
    pub used_bytes: u64,
    /// Hits, misses, expired, evicted.
    pub store: StoreStats,
    /// Sizes of the databases.
    pub databases: Vec<KeyspaceCounts>,
    /// Channels, patterns and shard channels with subscribers.
    pub pubsub: (usize, usize, usize),
    /// Calls by command.
    pub commands: CommandStats,
    /// Error replies by code.
    pub errors: ErrorStats,
    /// Replication, and what else the bus core tells.
    pub node: NodeFigures,
    /// Snapshots in a file.
    pub saves: SaveFacts,
    /// Each core's share: clients, commands, keys, bytes of data.
    pub cores: Vec<(u64, u64, u64, u64)>,
}

/// What a core has for scripts.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScriptFacts {
    /// Scripts it knows.
    pub scripts: u64,
    /// Bytes of their texts.
    pub bytes: u64,
    /// Bytes of its interpreter.
    pub interpreter_bytes: u64,
    /// Libraries of functions.
    pub libraries: u64,
    /// Functions in them.
    pub functions: u64,
}

/// What only the bus core knows.
#[derive(Clone, Debug, Default)]
pub struct NodeFigures {
    /// The fields of INFO replication.
    pub replication: String,
    /// Full, partial and refused synchronisations.
    pub syncs: [u64; 3],
    /// Bytes of the stream that are kept for replicas.
    pub stream_bytes: u64,
    /// Those of them that are the backlog's.
    pub backlog_bytes: u64,
    /// Bytes that connections of replicas have taken and not sent.
    pub replica_bytes: u64,
    /// Bytes that wait to be sent to other nodes of the cluster.
    pub link_bytes: u64,
    /// Clients that wait for replicas.
    pub waiting: u64,
    /// Commands of the primary or the append-only log that could not be executed.
    pub unexpected_errors: u64,
    /// Milliseconds until the node ends without waiting for replicas any longer, if it is about to end.
    pub ends_in: Option<u64>,
    /// Connections that are kept for MIGRATE.
    pub couriers: usize,
}

/// What INFO tells of the node's own disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct SaveFacts {
    /// Whether a snapshot is being made in a file.
    pub under_way: bool,
    /// Whether another is to be made when that is possible.
    pub scheduled: bool,
    /// Whether the last one failed.
    pub failed: bool,
    /// How many were made.
    pub saves: u64,
    /// Unix time in seconds of the last one; that of the start, if there was none.
    pub last: u64,
    /// How much had changed by then.
    pub changed: u64,
    /// Seconds that the last one took; -1: there was none.
    pub took: i64,
    /// How the one under way is coming on, if there is one; the log's base counts.
    pub progress: Option<SaveProgress>,
    /// Keys of the snapshot that was loaded last: those that live, and those that had died.
    pub loaded: (u64, u64),
    /// Files of whole data that were begun.
    pub begun: u64,
    /// The append-only log.
    pub log: LogFacts,
    /// The data that is being loaded from disk, if it is.
    pub loading: Option<LoadFacts>,
}

/// How a file of whole data is coming on.
#[derive(Clone, Copy, Debug)]
pub struct SaveProgress {
    /// Whether it is for the append-only log.
    pub for_log: bool,
    /// Unix time in seconds of its beginning.
    pub began: u64,
    /// Keys written.
    pub keys: u64,
    /// Keys there were at its beginning.
    pub of: u64,
}

/// What INFO tells of the append-only log.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogFacts {
    /// Whether there is one, or will be when it has a base.
    pub enabled: bool,
    /// Whether it is to be rewritten when that is possible.
    pub scheduled: bool,
    /// Whether it has been rewritten, and its base is being put in place.
    pub placing: bool,
    /// Whether the last rewrite failed.
    pub failed: bool,
    /// How often it was rewritten, or tried to be.
    pub rewrites: u64,
    /// How often that failed since it last did not.
    pub failures: u64,
    /// Seconds that the last rewrite took; -1: there was none.
    pub took: i64,
    /// Whether writing fails.
    pub write_failed: bool,
    /// Bytes of the log.
    pub current: u64,
    /// Bytes it had when it was last rewritten.
    pub base: u64,
    /// Bytes that are not written yet.
    pub buffer: u64,
    /// Whether it is being synced.
    pub syncing: bool,
    /// Writes that could not wait for a sync.
    pub delayed: u64,
}

/// What INFO tells of data that is being loaded.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadFacts {
    /// Unix time in seconds when that began.
    pub began: u64,
    /// Bytes to load, and those that are.
    pub total: u64,
    /// Bytes loaded.
    pub loaded: u64,
}

impl Figures {
    /// The sum of the cores' answers.
    pub fn merged(answers: Vec<Answer>) -> Figures {
        let mut parts = Vec::new();
        let mut told = None;
        for answer in answers {
            match answer {
                Answer::Figures(figures) => parts.push(*figures),
                Answer::Replication(replication) => told = Some(*replication),
                _ => {}
            }
        }
        let mut parts = parts.into_iter();
        let mut sum = parts.next().expect("this core always answers");
        parts.for_each(|part| sum.add(part));
        (sum.node, sum.saves) = told.unwrap_or_default();
        sum
    }

    fn add(&mut self, other: Figures) {
        self.counters.add(&other.counters);
        self.ops_per_second += other.ops_per_second;
        self.input_per_second += other.input_per_second;
        self.output_per_second += other.output_per_second;
        self.clients += other.clients;
        self.subscribers += other.subscribers;
        self.blocked += other.blocked;
        self.own_deadlines += other.own_deadlines;
        // Every core has the same scripts and functions, each with an interpreter of its own: the largest is told.
        self.scripts.bytes += other.scripts.bytes;
        self.scripts.interpreter_bytes = self.scripts.interpreter_bytes.max(other.scripts.interpreter_bytes);
        self.trackers += other.trackers;
        self.read = (self.read.0 + other.read.0, self.read.1 + other.read.1);
        let (waiting, freed) = other.freed_later;
        self.freed_later = (self.freed_later.0 + waiting, self.freed_later.1 + freed);
        self.client_bytes += other.client_bytes;
        self.longest_input = self.longest_input.max(other.longest_input);
        self.longest_output = self.longest_output.max(other.longest_output);
        self.used_bytes += other.used_bytes;
        self.store.hits += other.store.hits;
        self.store.misses += other.store.misses;
        self.store.expired += other.store.expired;
        self.store.evicted += other.store.evicted;
        for (mine, theirs) in self.databases.iter_mut().zip(&other.databases) {
            mine.merge(*theirs);
        }
        let (a, b, c) = other.pubsub;
        self.pubsub = (self.pubsub.0 + a, self.pubsub.1 + b, self.pubsub.2 + c);
        self.commands.merge(&other.commands);
        self.errors.merge(&other.errors);
        self.cores.extend(other.cores);
    }
}

impl Counters {
    fn add(&mut self, other: &Counters) {
        self.commands += other.commands;
        self.hops += other.hops;
        self.reads += other.reads;
        self.writes += other.writes;
        self.net_input += other.net_input;
        self.net_output += other.net_output;
        self.connections += other.connections;
        self.rejected_connections += other.rejected_connections;
        self.changed += other.changed;
        self.denied_auths += other.denied_auths;
        self.denied_commands += other.denied_commands;
        self.denied_keys += other.denied_keys;
        self.denied_channels += other.denied_channels;
        self.query_buffer_limit_disconnections += other.query_buffer_limit_disconnections;
        self.output_buffer_limit_disconnections += other.output_buffer_limit_disconnections;
        self.evicted_clients += other.evicted_clients;
        self.longest_turn_ns = self.longest_turn_ns.max(other.longest_turn_ns);
        self.longest_turn_cpu_ns = self.longest_turn_cpu_ns.max(other.longest_turn_cpu_ns);
        self.longest_upkeep_ns = self.longest_upkeep_ns.max(other.longest_upkeep_ns);
        self.turns += other.turns;
    }

    /// A turn is over; the CPU it took, if that was measured.
    pub fn took_turn(&mut self, wall_ns: u64, cpu_ns: Option<u64>) {
        self.turns += 1;
        self.longest_turn_ns = self.longest_turn_ns.max(wall_ns);
        self.longest_turn_cpu_ns = self.longest_turn_cpu_ns.max(cpu_ns.unwrap_or(0));
    }
}

impl Plane {
    /// This core's figures.
    pub(super) fn figures(&mut self) -> Figures {
        let core = self.core();
        let [ops_per_second, input_per_second, output_per_second] = self.upkeep.rates();
        let mut figures = Figures {
            counters: self.stats.clone(),
            ops_per_second,
            input_per_second,
            output_per_second,
            clients: self.clients.len() as u64,
            subscribers: 0,
            own_deadlines: self.own_deadlines.len() as u64,
            scripts: ScriptFacts {
                scripts: self.scripts.known.len() as u64,
                bytes: self.scripts.known.bytes() as u64,
                interpreter_bytes: self.scripts.memory() as u64,
                libraries: self.scripts.libraries.libraries.len() as u64,
                functions: self.scripts.libraries.count() as u64,
            },
            trackers: self.invalidations.clients.len() as u64,
            read: (0, 0),
            freed_later: (0, 0),
            blocked: 0,
            client_bytes: 0,
            longest_input: 0,
            longest_output: 0,
            used_bytes: 0,
            store: StoreStats::default(),
            databases: vec![KeyspaceCounts::default(); self.settings.databases],
            pubsub: self.pubsub.counts(),
            commands: self.commands.clone(),
            errors: self.errors.clone(),
            node: NodeFigures::default(),
            saves: SaveFacts::default(),
            cores: Vec::new(),
        };
        for client in self.clients.iter() {
            figures.subscribers += u64::from(client.session.subscriptions.is_some());
            figures.blocked += u64::from(client.hold == Some(Hold::Pause) || client.waiting.is_some());
            figures.client_bytes += client.memory() as u64;
            figures.longest_input = figures.longest_input.max(client.input.len() as u64);
            figures.longest_output = figures.longest_output.max(client.output_bytes() as u64);
        }
        // A store that is lent is counted by nobody for this once.
        if let Some(store) = self.stores.at(core) {
            figures.used_bytes = store.used_bytes() as u64;
            figures.store = store.stats;
            figures.read = store.read_counts();
            figures.freed_later = store.freed_later();
            figures.databases = (0..store.databases()).map(|db| KeyspaceCounts::of(store, db)).collect();
        }
        let keys = figures.databases.iter().map(|database| database.keys).sum();
        figures.cores = vec![(figures.clients, figures.counters.commands, keys, figures.used_bytes)];
        figures
    }

    pub(super) fn reset_stats(&mut self) {
        // What has changed since the last snapshot stays so.
        self.stats = Counters { changed: self.stats.changed, ..Counters::default() };
        self.commands.reset();
        self.errors.reset();
        let core = self.core();
        if let Some(store) = self.stores.at(core) {
            store.stats = StoreStats::default();
            store.forget_freed();
        }
    }
}

//! What a core counts, and the sum over all cores that INFO is made of.

use super::Plane;
use super::message::Answer;
use crate::data::command::stats::CommandStats;
use crate::data::store::StoreStats;

/// Counters of one core since the start or CONFIG RESETSTAT.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Commands executed here, hops of other cores among them.
    pub commands: u64,
    /// Commands sent to other cores.
    pub hops: u64,
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
    /// Clients closed for `client-query-buffer-limit`.
    pub query_buffer_limit_disconnections: u64,
    /// Clients closed for `client-output-buffer-limit`.
    pub output_buffer_limit_disconnections: u64,
    /// Error replies.
    pub error_replies: u64,
    /// The longest turn, ns.
    pub longest_turn_ns: u64,
    /// The longest turn by the store's own work (expiry, eviction, freeing), ns.
    pub longest_upkeep_ns: u64,
    /// Turns of the loop.
    pub turns: u64,
}

/// One database's size.
#[derive(Clone, Copy, Debug, Default)]
pub struct DatabaseSize {
    /// Keys.
    pub keys: u64,
    /// Keys with a deadline.
    pub volatile: u64,
    /// Mean time to live of a sample, ms.
    pub average_ttl: u64,
}

/// Figures of one core, or the sum over several.
#[derive(Clone, Debug, Default)]
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
    pub databases: Vec<DatabaseSize>,
    /// Channels, patterns and shard channels with subscribers.
    pub pubsub: (usize, usize, usize),
    /// Calls by command.
    pub commands: CommandStats,
    /// Each core's share: clients, commands, keys, bytes of data.
    pub cores: Vec<(u64, u64, u64, u64)>,
}

impl Figures {
    /// The sum of the cores' answers.
    pub fn merged(answers: Vec<Answer>) -> Figures {
        let mut parts = answers.into_iter().filter_map(|answer| match answer {
            Answer::Figures(figures) => Some(*figures),
            _ => None,
        });
        let Some(mut sum) = parts.next() else { return Figures::default() };
        parts.for_each(|part| sum.add(part));
        sum
    }

    fn add(&mut self, other: Figures) {
        self.counters.add(&other.counters);
        self.ops_per_second += other.ops_per_second;
        self.input_per_second += other.input_per_second;
        self.output_per_second += other.output_per_second;
        self.clients += other.clients;
        self.subscribers += other.subscribers;
        self.client_bytes += other.client_bytes;
        self.longest_input = self.longest_input.max(other.longest_input);
        self.longest_output = self.longest_output.max(other.longest_output);
        self.used_bytes += other.used_bytes;
        self.store.add(&other.store);
        for (mine, theirs) in self.databases.iter_mut().zip(&other.databases) {
            let volatile = mine.volatile + theirs.volatile;
            if volatile > 0 {
                mine.average_ttl =
                    (mine.average_ttl * mine.volatile + theirs.average_ttl * theirs.volatile) / volatile;
            }
            mine.keys += theirs.keys;
            mine.volatile = volatile;
        }
        let (a, b, c) = other.pubsub;
        self.pubsub = (self.pubsub.0 + a, self.pubsub.1 + b, self.pubsub.2 + c);
        self.commands.add(&other.commands);
        self.cores.extend(other.cores);
    }
}

impl Counters {
    fn add(&mut self, other: &Counters) {
        self.commands += other.commands;
        self.hops += other.hops;
        self.net_input += other.net_input;
        self.net_output += other.net_output;
        self.connections += other.connections;
        self.rejected_connections += other.rejected_connections;
        self.changed += other.changed;
        self.denied_auths += other.denied_auths;
        self.query_buffer_limit_disconnections += other.query_buffer_limit_disconnections;
        self.output_buffer_limit_disconnections += other.output_buffer_limit_disconnections;
        self.error_replies += other.error_replies;
        self.longest_turn_ns = self.longest_turn_ns.max(other.longest_turn_ns);
        self.longest_upkeep_ns = self.longest_upkeep_ns.max(other.longest_upkeep_ns);
        self.turns += other.turns;
    }
}

impl Plane {
    /// This core's figures.
    pub(super) fn figures(&mut self) -> Figures {
        let now = self.now.unix_ms;
        let core = self.core().index();
        let mut figures = Figures {
            counters: self.stats.clone(),
            clients: self.clients.len() as u64,
            pubsub: self.pubsub.counts(),
            commands: self.commands.clone(),
            ..self.upkeep.rates()
        };
        for client in self.clients.iter() {
            figures.subscribers += u64::from(client.session.subscriptions.is_some());
            figures.client_bytes += (size_of_val(client) + client.input.capacity() + client.output_bytes()) as u64;
            figures.longest_input = figures.longest_input.max(client.input.len() as u64);
            figures.longest_output = figures.longest_output.max(client.output_bytes() as u64);
        }
        // A store that is lent is counted by nobody for this once.
        if let Some(store) = self.stores.at(core) {
            figures.used_bytes = store.used_bytes() as u64;
            figures.store = store.stats.clone();
            figures.databases = (0..store.databases())
                .map(|db| DatabaseSize {
                    keys: store.len(db) as u64,
                    volatile: store.volatile_len(db) as u64,
                    average_ttl: store.average_ttl(db, now),
                })
                .collect();
        }
        let keys = figures.databases.iter().map(|database| database.keys).sum();
        figures.cores = vec![(figures.clients, figures.counters.commands, keys, figures.used_bytes)];
        figures
    }

    pub(super) fn reset_stats(&mut self) {
        self.stats = Counters::default();
        self.commands.reset();
        let core = self.core().index();
        if let Some(store) = self.stores.at(core) {
            store.stats = StoreStats::default();
        }
    }
}

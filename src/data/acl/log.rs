//! ACL LOG: what was denied lately, alike denials as one entry.
//!
//! Each core keeps its own log; whoever is asked merges them.

use crate::resp::Reply;
use std::collections::VecDeque;

/// Denials further apart than this are two entries. Source: Redis 7.0 `ACL_LOG_GROUPING_MAX_TIME_DELTA`.
const GROUPING_MS: u64 = 60_000;

/// How many entries are looked at for one that is alike. Source: Redis 7.0 `addACLLogEntry`.
const LOOKED_AT: usize = 10;

/// The longest object that is kept whole.
const MAX_OBJECT: usize = 4096;

/// What was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A command.
    Command,
    /// A key.
    Key,
    /// A channel.
    Channel,
    /// A password.
    Auth,
}

/// Where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// By itself.
    TopLevel,
    /// In a transaction.
    Multi,
    /// In a script.
    Lua,
}

/// Denials that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How many.
    pub count: u64,
    /// What was denied.
    pub reason: Reason,
    /// Where.
    pub context: Context,
    /// The command, key or channel.
    pub object: Vec<u8>,
    /// To whom.
    pub user: Box<[u8]>,
    /// When the last time, Unix milliseconds.
    pub at: u64,
    /// The line of the client, as CLIENT LIST shows it.
    pub client: String,
}

impl Entry {
    fn is_like(&self, other: &Entry) -> bool {
        let about = |entry: &Entry| (entry.reason, entry.context);
        about(self) == about(other)
            && self.at.abs_diff(other.at) <= GROUPING_MS
            && self.object == other.object
            && self.user == other.user
    }
}

/// One core's log.
#[derive(Clone, Debug, Default)]
pub struct DenialLog {
    newest_first: VecDeque<Entry>,
}

impl DenialLog {
    /// Adds a denial, and forgets the oldest entries beyond `limit`.
    pub fn record(&mut self, mut entry: Entry, limit: usize) {
        entry.object.truncate(MAX_OBJECT);
        let alike = self.newest_first.iter().take(LOOKED_AT).position(|known| known.is_like(&entry));
        if let Some(known) = alike.and_then(|place| self.newest_first.remove(place)) {
            entry.count += known.count;
        }
        self.newest_first.push_front(entry);
        self.newest_first.truncate(limit);
    }

    /// ACL LOG RESET.
    pub fn reset(&mut self) {
        self.newest_first.clear();
    }

    /// All entries, newest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.newest_first.iter().cloned().collect()
    }

    /// The logs of all cores as one.
    pub fn merge(logs: impl IntoIterator<Item = Vec<Entry>>, limit: usize) -> DenialLog {
        let mut entries: Vec<Entry> = logs.into_iter().flat_map(|log| log.into_iter().rev()).collect();
        entries.sort_by_key(|entry| entry.at);
        let mut merged = DenialLog::default();
        entries.into_iter().for_each(|entry| merged.record(entry, limit));
        merged
    }

    /// Writes the newest `count` entries.
    pub fn write(&self, count: usize, now: u64, reply: &mut Reply<'_>) {
        reply.array(count.min(self.newest_first.len()));
        for entry in self.newest_first.iter().take(count) {
            reply.map(7);
            reply.bulk(b"count");
            reply.int(entry.count as i64);
            reply.bulk(b"reason");
            reply.bulk(match entry.reason {
                Reason::Command => b"command",
                Reason::Key => b"key",
                Reason::Channel => b"channel",
                Reason::Auth => b"auth",
            });
            reply.bulk(b"context");
            reply.bulk(match entry.context {
                Context::TopLevel => b"toplevel",
                Context::Multi => b"multi",
                Context::Lua => b"lua",
            });
            reply.bulk(b"object");
            reply.bulk(&entry.object);
            reply.bulk(b"username");
            reply.bulk(&entry.user);
            reply.bulk(b"age-seconds");
            reply.double(now.saturating_sub(entry.at) as f64 / 1000.0);
            reply.bulk(b"client-info");
            reply.bulk(entry.client.as_bytes());
        }
    }
}

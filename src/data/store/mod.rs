//! The stores of the data cores: keys, values, deadlines and access clocks.
//!
//! One [`Store`] holds what one data core owns, in each of the logical databases; only that core's thread touches it,
//! unless it is lent to another as a whole. Nothing here reads a clock or does input or output: time comes in as
//! `now`, Unix milliseconds.
//!
//! ```text
//! Store ── Database ── one SlotTable a slot ── lines of handles ─┐
//!   │                                                            │ both in the Arena
//!   │          entry: header, deadline?, key, value  <───────────┘
//!   └───────── objects, long keys: what is too large for a cell
//! ```
//!
//! To read: `arena` (memory), `entry` (an entry's bytes), `table` (handles by hash), `parts`, `database`, then `lookup`
//! and `write`. Invariants: every entry is in exactly one table; an entry with a deadline is at its position in its
//! database's `volatile`; an object belongs to one entry. Whatever could take long is left to the graveyard and freed
//! in small steps by [`Store::reclaim`].
//!
//! A replica that applies its primary's stream does so with `now` 0: then no key is past its deadline.

mod arena;
mod entry;
mod parts;
mod table;

mod clock;
mod database;
mod eviction;
mod expiry;
mod graveyard;
mod keyspace;
mod lookup;
mod object;
mod objects;
mod outside;
mod scan;
mod slab;
mod snapshot;
mod stores;
mod strings;
mod tracking;
mod waits;
mod watch;
mod write;

#[cfg(test)]
mod model_tests;

pub use clock::AccessClock;
pub use entry::Kind;
pub use object::{Object, Value};
pub use objects::{Collection, OtherType};
pub use scan::{Stretch, cursor_at, slot_of_cursor};
pub use snapshot::{Progress, Step};
pub use stores::Stores;
pub use tracking::{Cause, Change, Changes, Prefixes};
pub use write::Taken;

use super::key::KeyHasher;
use crate::base::notify::Class;
use crate::base::random::Random;
use crate::contract::settings::{EvictionPolicy, Settings};
use arena::Arena;
use database::Database;
use entry::Header;
use eviction::Pool;
use graveyard::Graveyard;
use outside::{At, Outside};
use slab::Slab;
use snapshot::Snapshot;
use tracking::Tracking;
use waits::Waits;
use watch::Watches;

/// An entry. Valid until the next change of its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle(u32);

/// What a write does to its key's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// Leaves it as it is.
    Keep,
    /// Removes it.
    Clear,
    /// Sets it to this Unix time in milliseconds.
    At(u64),
}

/// What a store is made with.
#[derive(Clone, Copy)]
pub struct StoreOptions {
    /// Logical databases.
    pub databases: usize,
    /// The process's key hash.
    pub hasher: KeyHasher,
    /// What random choices follow from.
    pub seed: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions { databases: 16, hasher: KeyHasher::new(0), seed: 0 }
    }
}

/// What a store counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Lookups that found a key.
    pub hits: u64,
    /// Lookups that did not.
    pub misses: u64,
    /// Keys deleted because they were past their deadline.
    pub expired: u64,
    /// Keys evicted.
    pub evicted: u64,
}

/// A key that is gone though no command deleted it: to be replicated and announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The database it was in.
    pub db: usize,
    /// The key.
    pub key: Box<[u8]>,
    /// Whether its memory was needed; otherwise it was past its deadline.
    pub evicted: bool,
}

/// One data core's keys. See the module's description.
pub struct Store {
    arena: Arena,
    databases: Vec<Database>,
    objects: Outside,
    long_keys: Slab<Box<[u8]>>,
    /// Bytes the objects and long keys have on the heap.
    heap: usize,
    /// Bytes of the databases' own bookkeeping that grow with their keys.
    bookkeeping: usize,
    hasher: KeyHasher,
    random: Random,
    watches: Watches,
    tracking: Tracking,
    snapshot: Option<Box<Snapshot>>,
    /// Whether writes are to be told: keys are watched or were read, or a snapshot is under way. One question on the way of a write.
    observed: bool,
    waits: Waits,
    graveyard: Graveyard,
    removed: Vec<Removed>,
    pool: Pool,
    /// The database active expiry and eviction look at next.
    expire_next: usize,
    evict_next: usize,
    /// What was counted so far.
    pub stats: StoreStats,
    /// What access clocks mean. Changing it does not change those of existing keys, as in Redis.
    pub clock: AccessClock,
    /// Keys past their deadline are only treated as absent, not deleted: for replicas, and while clients are paused.
    pub keep_expired: bool,
    /// The shortest element of a list that gets a node of its own. DEBUG QUICKLIST-PACKED-THRESHOLD changes it.
    pub large_element: usize,
    /// RESTORE looks at no checksum. DEBUG SET-SKIP-CHECKSUM-VALIDATION changes it, for tests of damaged payloads.
    pub trusts_checksums: bool,
    /// Whether [`take_removed`](Store::take_removed) is wanted.
    pub record_removed: bool,
}

impl Store {
    /// An empty store. Takes address space, but memory only as it is filled.
    pub fn new(options: StoreOptions) -> Store {
        Store {
            arena: Arena::new(),
            databases: (0..options.databases).map(|_| Database::default()).collect(),
            objects: Outside::default(),
            long_keys: Slab::new(),
            heap: 0,
            bookkeeping: 0,
            hasher: options.hasher,
            random: Random::new(options.seed),
            watches: Watches::default(),
            tracking: Tracking::default(),
            snapshot: None,
            observed: false,
            waits: Waits::default(),
            graveyard: Graveyard::default(),
            removed: Vec::new(),
            pool: Pool::default(),
            expire_next: 0,
            evict_next: 0,
            stats: StoreStats::default(),
            clock: AccessClock::default(),
            keep_expired: false,
            large_element: crate::data::types::list::LARGE,
            trusts_checksums: false,
            record_removed: false,
        }
    }

    /// Takes over what the settings say about access clocks.
    pub fn configure(&mut self, settings: &Settings) {
        use EvictionPolicy::*;
        self.clock = AccessClock {
            lfu: matches!(settings.maxmemory_policy, AllKeysLfu | VolatileLfu),
            log_factor: settings.lfu_log_factor,
            decay_minutes: settings.lfu_decay_time,
            at_zero: self.clock.at_zero,
        };
        self.record_removed = settings.notify.contains(Class::EXPIRED) || settings.notify.contains(Class::EVICTED);
    }

    /// A random source for one command, which may use it while it reads the store.
    pub fn fork_random(&mut self) -> Random {
        self.random.fork()
    }

    /// The kind of an entry's value.
    #[inline]
    pub fn kind(&self, handle: Handle) -> Kind {
        self.header(handle).kind()
    }

    /// How many lines of a database's tables have 0, 1 ... entries, and last, how many keys have deadlines.
    pub fn table_lines(&self, db: usize) -> Vec<u64> {
        let database = &self.databases[db];
        let mut counts = database.line_counts(self.arena.memory()).to_vec();
        counts.push(database.volatile.len() as u64);
        counts
    }

    /// An entry's key.
    #[inline]
    pub fn key_of(&self, handle: Handle) -> &[u8] {
        lookup::key_at(self.arena.memory(), &self.long_keys, handle.0)
    }

    /// An entry's value.
    #[inline]
    pub fn value(&self, handle: Handle) -> Value<'_> {
        let (memory, header) = (self.arena.memory(), self.header(handle));
        if !header.has(entry::OUTSIDE) {
            return Value::Bytes(entry::value_part(memory, handle.0, header));
        }
        let number = entry::object_number(memory, handle.0, header);
        self.objects.value(At { kind: header.kind(), number })
    }

    /// Where an entry's value is, if that is outside of its cell.
    fn outside(&self, handle: Handle) -> Option<At> {
        let (memory, header) = (self.arena.memory(), self.header(handle));
        let at = || At { kind: header.kind(), number: entry::object_number(memory, handle.0, header) };
        header.has(entry::OUTSIDE).then(at)
    }

    /// An entry's value if it is a string.
    #[inline]
    pub fn string(&self, handle: Handle) -> Option<&[u8]> {
        match self.value(handle) {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// When an entry dies, in Unix milliseconds.
    #[inline]
    pub fn deadline(&self, handle: Handle) -> Option<u64> {
        let memory = self.arena.memory();
        self.header(handle).has(entry::VOLATILE).then(|| entry::deadline(memory, handle.0))
    }

    /// Seconds since an entry was last used.
    pub fn idle_seconds(&self, handle: Handle, now: u64) -> u64 {
        self.clock.idle_seconds(self.header(handle).clock(), now)
    }

    /// How often an entry was used, on Redis's logarithmic scale; 0 unless the policy is LFU.
    pub fn frequency(&self, handle: Handle, now: u64) -> u8 {
        self.clock.frequency(self.header(handle).clock(), now)
    }

    /// Makes an entry look as if last used `seconds` ago.
    pub fn set_idle_seconds(&mut self, handle: Handle, seconds: u64, now: u64) {
        let clock = self.clock.idle_since(seconds, now);
        self.header(handle).with_clock(clock).write(self.arena.memory_mut(), handle.0);
    }

    /// Sets an entry's use counter.
    pub fn set_frequency(&mut self, handle: Handle, frequency: u8, now: u64) {
        let clock = self.clock.with_frequency(frequency, now);
        self.header(handle).with_clock(clock).write(self.arena.memory_mut(), handle.0);
    }

    /// Bytes an entry takes, with its part of the tables and what it has outside.
    pub fn memory_usage(&self, handle: Handle) -> usize {
        let header = self.header(handle);
        let mut bytes = arena::cell_size(header.class()) + table::BYTES_AN_ENTRY;
        if let Some(at) = self.outside(handle) {
            bytes += Outside::place_bytes(at.kind) + self.objects.heap_bytes(at);
        }
        if header.has(entry::LONG_KEY) {
            bytes += size_of::<Box<[u8]>>() + self.key_of(handle).len();
        }
        if header.has(entry::VOLATILE) {
            bytes += size_of::<u32>();
        }
        bytes
    }

    /// Bytes in use: what maxmemory is judged by. Counts what the graveyard holds of the entries of flushed slots and
    /// databases until it is freed, so [`reclaim`](Store::reclaim) before evicting. O(1).
    pub fn used_bytes(&self) -> usize {
        let slabs = self.objects.overhead() + self.long_keys.overhead();
        self.arena.live() + self.arena.overhead() + slabs + self.heap + self.bookkeeping
    }

    /// Whether the core's address space for keys and short values (32 GiB, or what the system granted) is used up but
    /// for a reserve. A write without any room aborts the process, so ordinary writes are refused from here on.
    #[inline]
    pub fn is_nearly_full(&self) -> bool {
        self.arena.is_nearly_full()
    }

    /// Whether keys expired or were evicted since last asked, or those who have read keys have something to hear.
    #[inline(always)]
    pub fn has_news(&self) -> bool {
        !self.removed.is_empty() | self.has_changes()
    }

    /// The keys that expired or were evicted since last asked, oldest first.
    pub fn take_removed(&mut self) -> Vec<Removed> {
        std::mem::take(&mut self.removed)
    }

    #[inline(always)]
    fn header(&self, handle: Handle) -> Header {
        Header::read(self.arena.memory(), handle.0)
    }
}

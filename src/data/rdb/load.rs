//! From a stream to stores: what a node loads at its start, and a replica at a full sync.
//!
//! A [`Loader`] makes new stores, one for each data core, and touches none that serve: so it can run on any thread, and
//! the stores change hands when all is there.

use super::Error;
use super::read::{Item, Reader, Record};
use super::value::Built;
use crate::base::ids::CoreId;
use crate::contract::settings::Settings;
use crate::data::key::KeyHasher;
use crate::data::store::{Deadline, Object, Store, StoreOptions};
use crate::slot::owner::OwnerMap;
use std::sync::Arc;

/// Empty keys that the log names, of all that a file has.
const EMPTY_KEYS_TOLD: u64 = 10;

/// What the stores are to be like.
#[derive(Clone)]
pub struct Plan {
    /// How many data cores there are.
    pub cores: usize,
    /// Which of them owns which slot.
    pub owners: OwnerMap,
    /// The process's key hash.
    pub hasher: KeyHasher,
    /// What the stores' random choices follow from.
    pub seed: u64,
    /// Unix time in milliseconds.
    pub now: u64,
    /// Keys past their deadline are loaded as well: a replica's, because its primary tells when they are gone.
    pub keep_expired: bool,
    /// A key that comes again replaces the one before it, instead of being an error.
    pub replace: bool,
}

/// What was loaded.
pub struct Loaded {
    /// The stores, by core.
    pub stores: Vec<Store>,
    /// The sources of the libraries of functions.
    pub functions: Vec<Vec<u8>>,
    /// What was told about the data as a whole.
    pub facts: Facts,
    /// How many keys it is.
    pub keys: u64,
    /// Keys left out because they were past their deadline, with their databases.
    pub expired: Vec<(usize, Vec<u8>)>,
    /// Keys left out because they had no elements.
    pub empty: u64,
}

/// What the fields about the data as a whole tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The version of the server that wrote it.
    pub version: Option<String>,
    /// When it was written, Unix time in seconds.
    pub made: Option<u64>,
    /// The id of the replication stream it belongs to.
    pub replication_id: Option<String>,
    /// How far that stream had come.
    pub replication_offset: Option<i64>,
    /// The database the stream was in; -1: none yet.
    pub replication_db: Option<i64>,
}

/// See the module's description.
pub struct Loader {
    plan: Plan,
    databases: usize,
    reader: Reader,
    loaded: Loaded,
}

impl Loader {
    /// A loader that has got nothing yet.
    pub fn new(plan: Plan, settings: &Settings) -> Loader {
        let store = |core| {
            let seed = plan.seed ^ core as u64;
            let options = StoreOptions { databases: settings.databases, hasher: plan.hasher, seed };
            let mut store = Store::new(options);
            store.configure(settings);
            store
        };
        Loader {
            databases: settings.databases,
            reader: Reader::new(settings.encodings, plan.hasher, settings.rdb_checksum),
            loaded: Loaded {
                stores: (0..plan.cores).map(store).collect(),
                functions: Vec::new(),
                facts: Facts::default(),
                keys: 0,
                expired: Vec::new(),
                empty: 0,
            },
            plan,
        }
    }

    /// Takes the next bytes; true: that was all, [`finish`](Loader::finish) it. After an error the loader is of no more use.
    pub fn push(&mut self, bytes: &[u8]) -> Result<bool, Error> {
        self.reader.push(bytes);
        while let Some(item) = self.reader.item()? {
            match item {
                Item::Aux(name, value) => self.loaded.facts.learn(&name, &value),
                Item::Function(source) => self.loaded.functions.push(source),
                Item::Record(record) => self.insert(record)?,
                Item::End => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Bytes loaded so far.
    pub fn position(&self) -> u64 {
        self.reader.position()
    }

    /// Keys loaded so far.
    pub fn keys(&self) -> u64 {
        self.loaded.keys
    }

    /// What came after the end.
    pub fn rest(&self) -> &[u8] {
        self.reader.rest()
    }

    /// What was loaded, if the end was reached.
    pub fn finish(self) -> Result<Loaded, Error> {
        if self.reader.is_ended() { Ok(self.loaded) } else { Err(Error::Truncated) }
    }

    fn insert(&mut self, record: Record) -> Result<(), Error> {
        let Record { db, key: bytes, value, deadline, idle, frequency } = record;
        if db >= self.databases {
            return Err(Error::Databases(self.databases));
        }
        let Built::Value(value) = value else {
            if self.loaded.empty < EMPTY_KEYS_TOLD {
                log::info!("Loading RDB: skipping empty key: {}", String::from_utf8_lossy(&bytes));
            }
            self.loaded.empty += 1;
            return Ok(());
        };
        let now = self.plan.now;
        if !self.plan.keep_expired && deadline.is_some_and(|deadline| deadline < now) {
            self.loaded.expired.push((db, bytes));
            return Ok(());
        }
        let key = self.plan.hasher.key(&bytes);
        let CoreId(core) = self.plan.owners.of(key.slot);
        let store = &mut self.loaded.stores[usize::from(core)];
        // With time 0 nothing is past its deadline.
        if !self.plan.replace && store.peek(db, &key, 0).is_some() {
            return Err(Error::Duplicate { db, key: bytes });
        }
        let deadline = deadline.map_or(Deadline::Clear, Deadline::At);
        let handle = match value {
            Object::String(value) => store.set_string_owned(db, &key, Arc::unwrap_or_clone(value), deadline, now),
            object => store.set_object(db, &key, object, deadline, now),
        };
        match (store.clock.lfu, frequency, idle) {
            (true, Some(frequency), _) => store.set_frequency(handle, frequency, now),
            (false, _, Some(idle)) => store.set_idle_seconds(handle, idle, now),
            _ => {}
        }
        self.loaded.keys += 1;
        Ok(())
    }
}

impl Facts {
    fn learn(&mut self, name: &[u8], value: &[u8]) {
        let Ok(value) = std::str::from_utf8(value) else { return };
        match name.to_ascii_lowercase().as_slice() {
            b"redis-ver" => self.version = Some(value.into()),
            b"ctime" => self.made = value.parse().ok(),
            b"repl-id" if value.len() == 40 => self.replication_id = Some(value.into()),
            b"repl-offset" => self.replication_offset = value.parse().ok(),
            b"repl-stream-db" => self.replication_db = value.parse().ok(),
            _ => {}
        }
    }
}

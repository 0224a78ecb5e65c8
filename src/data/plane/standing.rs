//! How a data core goes by the node's standing in replication: what it refuses, and the bus core's orders.

use super::Plane;
use super::message::{Answer, Message, Order};
use crate::base::limits;
use crate::contract::introduction::without;
use crate::contract::settings::EvictionPolicy;
use crate::contract::standing::{Disk, DiskError, Standing};
use crate::data::command::Command;
use crate::data::command::spec::flag;
use crate::data::rdb::write::{Style, Usage};
use crate::data::script::functions::Policy;
use crate::data::store::Store;
use crate::resp::Error;
use std::sync::Arc;

/// Whether the control plane answers this command, and it changes nothing: it has no data to wait for. Redis, whose one
/// thread loads, refuses these too, but hardly ever comes to read one meanwhile.
fn tells_of_cluster(command: &Command) -> bool {
    command.spec.group() == "cluster" && command.spec.is(flag::STALE) && !command.spec.is(flag::ADMIN)
}

/// Why a write is refused. Source: Redis 7.0 `writeCommandsGetDiskErrorMessage`.
fn disk_error(error: &DiskError) -> Error {
    match error {
        DiskError::Snapshot => Error::new(
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands \
             that may modify the data set are disabled, because this instance is configured to report errors during \
             writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for \
             details about the RDB error.",
        ),
        DiskError::Log(reason) => Error::new(format!("MISCONF Errors writing to the AOF file: {reason}")),
    }
}

impl Plane {
    /// There is something to load before this core serves, or not: it need not be told that by the bus core.
    pub fn begin_loading(&mut self, loads: bool) {
        let disk = Disk { loading: loads, ..Disk::default() };
        self.standing = Arc::new(Standing { loading: loads, disk, ..Standing::default() });
        self.refresh();
    }

    /// Goes by `standing` from now on.
    pub(super) fn stand(&mut self, standing: Arc<Standing>) {
        if self.standing.log != standing.log || self.standing.replica != standing.replica {
            // The last of it still goes to the bus core, which knows what to do with it.
            self.flush_log();
        }
        let demoted = standing.replica && !self.standing.replica;
        self.standing = standing;
        self.refresh();
        if demoted {
            self.unblock_all();
        }
    }

    /// Whether what is written could be saved.
    pub(super) fn admit_to_disk(&self) -> Result<(), Error> {
        self.standing.disk.error.as_ref().map_or(Ok(()), |error| Err(disk_error(error)))
    }

    /// Whether the node's standing allows this command to a client, which says it with these flags in effect.
    pub(super) fn admit_standing(&self, command: &Command, flags: u32) -> Result<(), Error> {
        let standing = &self.standing;
        if flags & flag::WRITE != 0 || command.spec.full_name() == "ping" {
            self.admit_to_disk()?;
        }
        if standing.is_read_only() && self.settings.replica_read_only && flags & flag::WRITE != 0 {
            return Err(Error::new("READONLY You can't write against a read only replica."));
        }
        let stale = standing.replica && !standing.link_up && !self.settings.replica_serve_stale_data;
        if stale && flags & flag::STALE == 0 {
            return Err(Error::new("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."));
        }
        if standing.loading_beside && command.spec.is(flag::NO_ASYNC_LOADING) {
            return Err(Error::new("LOADING Redis is loading the dataset in memory"));
        }
        if standing.loading && flags & flag::LOADING == 0 && !tells_of_cluster(command) {
            return Err(Error::new("LOADING Redis is loading the dataset in memory"));
        }
        Ok(())
    }

    /// Remembers the keys that a client of a writable replica gave a deadline: the primary knows nothing of them.
    #[cold]
    pub(super) fn note_own_deadlines(&mut self, db: usize, args: &[&[u8]]) {
        let Some(command) = self.registry.find(args).filter(|_| !self.applying) else { return };
        for position in command.key_indexes(args) {
            let key = self.options.hasher.key(args[position]);
            let core = self.routes.owners().of(key.slot);
            let Some(store) = self.stores.at(core) else { continue };
            let dies = store.peek(db, &key, 0).is_some_and(|handle| store.deadline(handle).is_some());
            if dies && self.own_deadlines.len() < limits::MAX_OWN_DEADLINES {
                self.own_deadlines.insert((db, args[position].into()));
            }
        }
    }

    /// Deletes those of these keys that are past their deadline.
    pub(super) fn expire_own(&mut self) {
        if self.own_deadlines.is_empty() || self.locked {
            return;
        }
        if !self.standing.replica {
            return self.own_deadlines.clear();
        }
        let (now, hasher, store) = (self.now.unix_ms, self.options.hasher, self.stores.home_mut());
        self.own_deadlines.retain(|(db, bytes)| {
            let Some(handle) = store.peek(*db, &hasher.key(bytes), 0) else { return false };
            let deadline = store.deadline(handle);
            let over = deadline.is_some_and(|deadline| deadline < now);
            if over {
                store.expire_now(*db, handle);
            }
            deadline.is_some() && !over
        });
        self.settle_removed();
    }

    /// Carries out an order: all stores are here.
    pub(super) fn carry_out(&mut self, number: u64, order: Order) {
        match order {
            Order::Cut(snapshot) => self.cut(snapshot),
            Order::Replace(stores, functions) => {
                let answer = match self.replace_functions(functions) {
                    Ok(()) => Answer::Stores(self.replace(stores)),
                    Err(error) => Answer::Reply(Err(error)),
                };
                return self.send(self.bus(), Message::Answer(number, answer));
            }
            Order::Add { stores, functions, replaces } => {
                let answer = match self.add(stores, functions, replaces) {
                    Ok(used) => Answer::Stores(used),
                    Err(error) => Answer::Reply(Err(error)),
                };
                return self.send(self.bus(), Message::Answer(number, answer));
            }
            Order::Apply(batch) => {
                self.apply_here(&batch);
                self.send(self.bus(), Message::Applied(batch));
                return;
            }
        }
        self.flush_log();
        self.send(self.bus(), Message::Answer(number, Answer::Done));
    }

    /// Begins a snapshot of all stores, and notes in the log that it is here.
    fn cut(&mut self, number: u64) {
        use EvictionPolicy::{AllKeysLfu, AllKeysLru, VolatileLfu, VolatileLru};
        let usage = match self.settings.maxmemory_policy {
            AllKeysLru | VolatileLru => Usage::Idle,
            AllKeysLfu | VolatileLfu => Usage::Frequency,
            _ => Usage::None,
        };
        let style = Style { compressed: self.settings.rdb_compression, usage };
        if number & without::DATA == 0 {
            for (_, store) in self.stores.iter_mut() {
                store.snapshot_begin(style, self.now.unix_ms);
            }
        }
        if number & without::FUNCTIONS == 0 {
            self.snapshot_functions = self.functions_for_snapshot(style);
        }
        // Also where nobody wants the log: a replica's snapshot begins where this comes, between two parts of its stream.
        self.log.cut(number);
    }

    /// Puts new stores in the place of all, and returns the old ones.
    #[expect(clippy::vec_box, reason = "stores travel in boxes")]
    fn replace(&mut self, new: Vec<Box<Store>>) -> Vec<Box<Store>> {
        self.stores.iter_mut().zip(new).map(|((_, store), new)| store.replace(new)).collect()
    }

    /// Copies what is in `new` to the stores, and returns it to be freed; with an error nothing has changed.
    #[expect(clippy::vec_box, reason = "stores travel in boxes")]
    fn add(&mut self, new: Vec<Box<Store>>, functions: Vec<Vec<u8>>, replaces: bool) -> Result<Vec<Box<Store>>, Error> {
        let (hasher, databases) = (self.options.hasher, self.settings.databases);
        let mut keys = vec![Vec::new(); new.len()];
        for (((_, store), new), keys) in self.stores.iter_mut().zip(&new).zip(&mut keys) {
            for db in 0..databases {
                // With time 0 nothing is past its deadline.
                new.keys(db, 0, |bytes, handle| keys.push((db, Box::<[u8]>::from(bytes), handle)));
            }
            let is_there = |(db, bytes, _): &(usize, Box<[u8]>, _)| store.peek(*db, &hasher.key(bytes), 0).is_some();
            if !replaces && keys.iter().any(is_there) {
                return Err(Error::new("ERR a key of the file is there already"));
            }
        }
        self.restore_functions(functions, if replaces { Policy::Replace } else { Policy::Append })?;
        for (((_, store), new), keys) in self.stores.iter_mut().zip(&new).zip(keys) {
            for (db, bytes, handle) in keys {
                let key = hasher.key(&bytes);
                store.remove(db, &key, 0);
                store.put(db, &key, new.copy_of(handle), 0);
            }
        }
        Ok(new)
    }
}

//! MIGRATE: keys of this node move to another one.
//!
//! ```text
//! client's core                        bus core's courier             target
//!   are there such keys? -> NOKEY
//!   -- connect ----------------------------> connects  -------------->
//!   <------------------------------ connected
//!   borrow the stores, serialise the keys
//!   -- send -------------------------------> RESTORE ... ------------->
//!   <---------------------------- delivered  <-------------------------
//!   delete what the target has, give the stores back, answer
//! ```
//!
//! The keys' stores stay borrowed while the keys are under way, so that no write is lost and no client finds a key on
//! both nodes or on neither: what needs those stores waits, as for a transaction; the cores themselves go on serving
//! everything else. Redis holds the whole node meanwhile. Connecting, which can take as long as the timeout when the
//! target is down, comes before. In a transaction or a script, which hold their stores anyway, it does not.
//!
//! A pause for a failover waits for all of it, so that the successor hears which keys have left. Where the node is made a
//! replica without one, its keys are its new primary's: none is sent any more, and none that was is deleted.

use super::Plane;
use super::client::{ClientRef, SCRIPT_CLIENT};
use super::dispatch::{Flow, Request};
use super::log::Unit;
use super::message::Message;
use super::script::Caller;
use crate::base::ids::CoreId;
use crate::base::limits;
use crate::base::notify::Class;
use crate::data::command::SessionHandler;
use crate::data::command::number::parse_i64;
use crate::data::exec::Event;
use crate::data::rdb::dump;
use crate::resp::{Error, Proto, Reply};
use bumpalo::Bump;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// Handlers of this file.
pub const NODE_HANDLERS: &[(&str, SessionHandler)] = &[("migrate", migrate)];

/// What MIGRATE waits for at most, if it is told no sensible time.
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(1000);

/// What a data core wants of the bus core's courier, who talks to other nodes.
pub enum Errand {
    /// Connect to this node.
    Connect(Address),
    /// Send what is to be sent, and read the replies.
    Send(Cargo),
    /// Nothing is to be sent after all.
    Forget,
}

/// A node to connect to.
pub struct Address {
    /// Its name or IP address.
    pub host: String,
    /// Its port; 0: what was given is none.
    pub port: u16,
    /// How long connecting, each write and each read may take.
    pub timeout: Duration,
}

/// What is to be sent, each command with one line of reply.
pub struct Cargo {
    /// AUTH, if the target wants it.
    pub auth: Option<Vec<u8>>,
    /// The database, and SELECT for it.
    pub db: (i64, Vec<u8>),
    /// A RESTORE for each key.
    pub commands: Vec<u8>,
    /// How many.
    pub count: usize,
}

/// What the courier tells.
pub enum Report {
    /// There is a connection, or why there is none.
    Connected(Result<(), Error>),
    /// For each key the target has answered for, whether it has it now; and the first error.
    Delivered(Vec<bool>, Option<Error>),
}

/// What a MIGRATE wants.
struct Wish {
    address: Address,
    db: i64,
    copy: bool,
    replace: bool,
    auth: Option<Vec<u8>>,
    keys: Vec<Vec<u8>>,
}

/// A MIGRATE that waits for something.
struct Migration {
    client: ClientRef,
    /// The database the keys are in.
    db: usize,
    wish: Wish,
    /// Whether there is a connection.
    connected: bool,
    /// Whether the node copied another when the command came, and was writable all the same.
    of_replica: bool,
    /// Whether it is part of a transaction or a script, which holds the stores.
    is_part: bool,
    /// The cores whose stores are borrowed while the keys are under way.
    cores: Vec<CoreId>,
}

/// The commands under way, by number.
#[derive(Default)]
pub struct Migrations {
    pending: HashMap<u64, Migration>,
    last: u64,
}

impl Migrations {
    /// How many there are.
    pub fn under_way(&self) -> usize {
        self.pending.len()
    }
}

fn migrate(plane: &mut Plane, at: u32, request: &Request<'_>) -> Result<Flow, Error> {
    let wish = Wish::parse(request.args)?;
    if let Some(command) = request.command {
        plane.routes.check(command, request, plane.manner(at, command), &plane.topology)?;
    }
    if plane.migrations.pending.len() >= limits::MIGRATIONS {
        return Err(Error::new("ERR too many MIGRATE commands at the same time"));
    }
    let (client, db) = (plane.clients[at].reference, plane.clients[at].session.db);
    let cores = plane.cores_of_keys(&wish.keys);
    let is_part = plane.transacting(at);
    plane.migrations.last += 1;
    let number = plane.migrations.last;
    let of_replica = plane.standing.replica;
    let migration = Migration { client, db, wish, connected: false, of_replica, is_part, cores: Vec::new() };
    plane.migrations.pending.insert(number, migration);
    if is_part {
        return Ok(plane.migration_has_stores(number, &[]).0);
    }
    Ok(plane.gather_migration(client, number, cores, request.bump))
}

impl Plane {
    fn cores_of_keys(&self, keys: &[Vec<u8>]) -> Vec<CoreId> {
        let cores: BTreeSet<CoreId> =
            keys.iter().map(|key| self.routes.owners().of(self.options.hasher.key(key).slot)).collect();
        cores.into_iter().collect()
    }

    /// The stores of the keys are here. True: they are to stay.
    pub(super) fn migration_has_stores(&mut self, number: u64, cores: &[CoreId]) -> (Flow, bool) {
        let Some(mut migration) = self.migrations.pending.remove(&number) else { return (Flow::Done, false) };
        if migration.connected {
            let cargo = self.load(&mut migration);
            self.send(self.bus(), Message::Errand(number, Box::new(Errand::Send(cargo))));
            migration.cores = cores.to_vec();
            self.migrations.pending.insert(number, migration);
            return (Flow::Wait, true);
        }
        let (now, db) = (self.now.unix_ms, migration.db);
        migration.wish.keys.retain(|key| {
            let key = self.options.hasher.key(key);
            self.stores.of(key.slot).find(db, &key, now).is_some()
        });
        if migration.wish.keys.is_empty() {
            self.reply(migration.client.index).simple("NOKEY");
            return (Flow::Done, false);
        }
        let Address { host, port, timeout } = &migration.wish.address;
        let address = Address { host: host.clone(), port: *port, timeout: *timeout };
        self.send(self.bus(), Message::Errand(number, Box::new(Errand::Connect(address))));
        self.migrations.pending.insert(number, migration);
        (Flow::Wait, false)
    }

    /// Serialises the keys; those that are gone meanwhile are left out.
    fn load(&mut self, migration: &mut Migration) -> Cargo {
        let (now, db) = (self.now.unix_ms, migration.db);
        let name: &[u8] = if self.settings.cluster_enabled { b"RESTORE-ASKING" } else { b"RESTORE" };
        let compressed = self.settings.rdb_compression;
        let wish = &mut migration.wish;
        let mut commands = Vec::new();
        wish.keys.retain(|bytes| {
            let key = self.options.hasher.key(bytes);
            let store = self.stores.of(key.slot);
            let Some(handle) = store.peek(db, &key, now) else { return false };
            // 0 would be no deadline.
            let ttl = store.deadline(handle).map_or(0, |deadline| deadline.saturating_sub(now).max(1));
            let payload = dump::dump(store.value(handle), compressed);
            let mut command = Reply::new(&mut commands, Proto::Resp2);
            command.array(if wish.replace { 5 } else { 4 });
            [name, bytes, ttl.to_string().as_bytes(), &payload].into_iter().for_each(|arg| command.bulk(arg));
            if wish.replace {
                command.bulk(b"REPLACE");
            }
            true
        });
        let mut select = Vec::new();
        let mut command = Reply::new(&mut select, Proto::Resp2);
        command.array(2);
        command.bulk(b"SELECT");
        command.bulk(wish.db.to_string().as_bytes());
        Cargo { auth: wish.auth.take(), db: (wish.db, select), commands, count: wish.keys.len() }
    }

    /// The courier has news.
    pub(super) fn reported(&mut self, number: u64, report: Report, bump: &Bump) {
        let Some(migration) = self.migrations.pending.get_mut(&number) else { return };
        let client = migration.client;
        let is_demoted = self.standing.replica && !migration.of_replica;
        match report {
            Report::Connected(Ok(())) if is_demoted => {
                self.forget_migration(number);
                self.answer_migration(client, Some(demoted()), bump);
            }
            Report::Connected(Ok(())) if self.clients.get(client).is_some() => {
                migration.connected = true;
                if migration.is_part {
                    self.migration_has_stores(number, &[]);
                    return;
                }
                let keys = migration.wish.keys.clone();
                let cores = self.cores_of_keys(&keys);
                self.gather_migration(client, number, cores, bump);
            }
            Report::Connected(Ok(())) => self.forget_migration(number),
            Report::Connected(Err(error)) => {
                self.migrations.pending.remove(&number);
                self.answer_migration(client, Some(error), bump);
            }
            Report::Delivered(mut arrived, mut error) => {
                let Some(migration) = self.migrations.pending.remove(&number) else { return };
                if is_demoted {
                    arrived.clear();
                    error = Some(demoted());
                }
                if migration.is_part {
                    self.in_unit_of(client.index, |plane| plane.unload(&migration, &arrived));
                } else {
                    self.unload(&migration, &arrived);
                    self.give_back(&migration.cores);
                }
                self.answer_migration(client, error, bump);
            }
        }
    }

    /// Does `work` as part of what client `at`, a script's or one in a transaction, has logged so far.
    fn in_unit_of(&mut self, at: u32, work: impl FnOnce(&mut Plane)) {
        let Some(unit) = self.unit_of(at).map(std::mem::take) else { return work(self) };
        self.log.resume(unit);
        work(self);
        let unit = self.log.suspend();
        if let Some(place) = self.unit_of(at) {
            *place = unit;
        }
    }

    fn unit_of(&mut self, at: u32) -> Option<&mut Unit> {
        let mut owner = self.clients.at(at)?.reference;
        if let Some(job) = self.scripts.job.as_mut().filter(|_| at == SCRIPT_CLIENT) {
            match job.caller {
                Caller::Client(caller) if job.in_transaction => owner = caller,
                _ => return job.unit.as_mut(),
            }
        }
        let transaction = self.clients.get_mut(owner)?.session.multi.as_mut();
        transaction.map(|transaction| &mut transaction.unit)
    }

    /// The client of a transaction is gone while keys are under way: their stores stay until the target has answered.
    pub(super) fn orphan_migration(&mut self, client: ClientRef, cores: &mut Vec<CoreId>) {
        let mut pending = self.migrations.pending.values_mut();
        let under_way = |migration: &&mut Migration| migration.client == client && migration.is_part;
        if let Some(migration) = pending.find(under_way).filter(|migration| migration.connected) {
            migration.is_part = false;
            migration.cores = std::mem::take(cores);
        }
    }

    /// Deletes the keys that the target has.
    fn unload(&mut self, migration: &Migration, arrived: &[bool]) {
        if migration.wish.copy {
            return;
        }
        let (now, db) = (self.now.unix_ms, migration.db);
        let mut deleted: Vec<Box<[u8]>> = vec![Box::from(&b"DEL"[..])];
        for (bytes, _) in migration.wish.keys.iter().zip(arrived).filter(|(_, arrived)| **arrived) {
            let key = self.options.hasher.key(bytes);
            self.stores.of(key.slot).remove(db, &key, now);
            if self.settings.notify.contains(Class::GENERIC) {
                let key = bytes.as_slice().into();
                self.effects.events.push(Event { class: Class::GENERIC, event: "del", key, db });
            }
            deleted.push(bytes.as_slice().into());
        }
        self.effects.changed += deleted.len() as u64 - 1;
        let args: Vec<&[u8]> = deleted.iter().map(|arg| &**arg).collect();
        self.settle(db, &args, None);
    }

    fn answer_migration(&mut self, client: ClientRef, error: Option<Error>, bump: &Bump) {
        if self.clients.get(client).is_none() {
            return;
        }
        let at = client.index;
        self.resume(at, |plane| {
            error.map_or(Ok(()), Err)?;
            plane.reply(at).ok();
            Ok(Flow::Done)
        });
        self.go_on(at, bump);
    }

    /// Nothing will be sent: the client is gone, or the node is no primary any more.
    pub(super) fn forget_migration(&mut self, number: u64) {
        if self.migrations.pending.remove(&number).is_some() {
            self.send(self.bus(), Message::Errand(number, Box::new(Errand::Forget)));
        }
    }
}

impl Wish {
    fn parse(args: &[&[u8]]) -> Result<Wish, Error> {
        let [_, host, port, key, db, timeout, rest @ ..] = args else { return Err(Error::Arity("migrate".into())) };
        let address = Address {
            host: String::from_utf8_lossy(host).into_owned(),
            port: std::str::from_utf8(port).ok().and_then(|port| port.parse().ok()).unwrap_or(0),
            timeout: DEFAULT_TIMEOUT,
        };
        let keys = vec![key.to_vec()];
        let mut wish = Wish { address, db: 0, copy: false, replace: false, auth: None, keys };
        wish.options(rest, key)?;
        let timeout = parse_i64(timeout).ok_or(Error::NotAnInteger)?;
        if let Ok(timeout @ 1..) = u64::try_from(timeout) {
            wish.address.timeout = Duration::from_millis(timeout);
        }
        wish.db = parse_i64(db).ok_or(Error::NotAnInteger)?;
        Ok(wish)
    }

    fn options(&mut self, mut rest: &[&[u8]], key: &[u8]) -> Result<(), Error> {
        loop {
            rest = match rest {
                [] => return Ok(()),
                [word, rest @ ..] if word.eq_ignore_ascii_case(b"copy") => {
                    self.copy = true;
                    rest
                }
                [word, rest @ ..] if word.eq_ignore_ascii_case(b"replace") => {
                    self.replace = true;
                    rest
                }
                [word, password, rest @ ..] if word.eq_ignore_ascii_case(b"auth") => {
                    self.auth = Some(auth(&[password]));
                    rest
                }
                [word, user, password, rest @ ..] if word.eq_ignore_ascii_case(b"auth2") => {
                    self.auth = Some(auth(&[user, password]));
                    rest
                }
                [word, keys @ ..] if word.eq_ignore_ascii_case(b"keys") => {
                    if !key.is_empty() {
                        return Err(Error::new(
                            "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
                        ));
                    }
                    self.keys = keys.iter().map(|key| key.to_vec()).collect();
                    return Ok(());
                }
                _ => return Err(Error::Syntax),
            };
        }
    }
}

fn demoted() -> Error {
    Error::new("READONLY You can't write against a read only replica.")
}

/// AUTH with these words.
fn auth(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut command = Reply::new(&mut bytes, Proto::Resp2);
    command.array(words.len() + 1);
    command.bulk(b"AUTH");
    words.iter().for_each(|word| command.bulk(word));
    bytes
}

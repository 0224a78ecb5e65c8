//! String commands, by family. Run on the core that owns the key's slot.
//!
//! The hot path is [`set::set`] with three arguments and [`get::get`]: one lookup, no allocation.
//! A handler judges its arguments in Redis's order, since a client can see which error comes first.

pub mod counter;
pub mod get;
pub mod lcs;
pub mod multi;
pub mod range;
pub mod set;

#[cfg(test)]
mod tests;

use crate::base::notify::Class;
use crate::data::exec::{Exec, Handler};
use crate::data::key::Key;
use crate::data::store::{Deadline, Stores};
use crate::resp::Error;

/// The string commands by name.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("append", range::append),
    ("decr", counter::decr),
    ("decrby", counter::decrby),
    ("get", get::get),
    ("getdel", get::getdel),
    ("getex", get::getex),
    ("getrange", range::getrange),
    ("getset", get::getset),
    ("incr", counter::incr),
    ("incrby", counter::incrby),
    ("incrbyfloat", counter::incrbyfloat),
    ("lcs", lcs::lcs),
    ("mget", multi::mget),
    ("mset", multi::mset),
    ("msetnx", multi::msetnx),
    ("psetex", set::psetex),
    ("set", set::set),
    ("setex", set::setex),
    ("setnx", set::setnx),
    ("setrange", range::setrange),
    ("strlen", range::strlen),
    ("substr", range::getrange),
];

/// The string at `key` for a command that reads: counts a hit or a miss and marks the key used.
/// The caller announces the miss ([`missed`]).
#[inline]
pub fn read<'s>(stores: &'s mut Stores, db: usize, key: &Key<'_>, now: u64) -> Result<Option<&'s [u8]>, Error> {
    let store = stores.of(key.slot);
    match store.find(db, key, now) {
        Some(entry) => store.string(entry).map(Some).ok_or(Error::WrongType),
        None => Ok(None),
    }
}

/// The string at `key` for a command that writes: as Redis, neither a hit nor a miss.
#[inline]
pub fn current<'s>(stores: &'s mut Stores, db: usize, key: &Key<'_>, now: u64) -> Result<Option<&'s [u8]>, Error> {
    let store = stores.of(key.slot);
    match store.peek(db, key, now) {
        Some(entry) => store.string(entry).map(Some).ok_or(Error::WrongType),
        None => Ok(None),
    }
}

/// Announces that a command that reads found no `key`.
#[inline]
pub fn missed(exec: &mut Exec<'_>, key: &Key<'_>) {
    exec.notify(Class::KEY_MISS, "keymiss", key);
}

/// Whether there is something at `key`, for a command that writes.
fn exists(exec: &mut Exec<'_>, key: &Key<'_>) -> bool {
    let (db, now) = (exec.db, exec.now);
    exec.store(key.slot).peek(db, key, now).is_some()
}

/// Announces `key` as new when it is about to be and somebody wants to know: only then is it looked up twice.
#[inline]
pub fn announce_new(exec: &mut Exec<'_>, key: &Key<'_>) {
    if exec.settings.notify.contains(Class::NEW) && !exists(exec, key) {
        exec.notify(Class::NEW, "new", key);
    }
}

/// Gives `key` the string `value`, counts the change and announces it as `event`.
#[inline]
fn write(exec: &mut Exec<'_>, key: &Key<'_>, value: &[u8], deadline: Deadline, event: &'static str) {
    announce_new(exec, key);
    let (db, now) = (exec.db, exec.now);
    exec.store(key.slot).set_string(db, key, value, deadline, now);
    exec.changed(1);
    exec.notify(Class::STRING, event, key);
}

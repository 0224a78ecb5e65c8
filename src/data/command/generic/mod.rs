//! Commands on keys of any type: whether they are there, for how long, under which name.
//!
//! Handlers run on the core that owns the key's slot. A command with several keys reaches each key's
//! store through its slot, so that on a node that is not in a cluster the keys may lie on different cores.

pub mod copy;
pub mod delete;
pub mod dump;
pub mod expire;
pub mod object;
pub mod rename;
pub mod ttl;

use super::number::parse_i64;
use crate::base::notify::Class;
use crate::data::exec::{Exec, Handler};
use crate::data::key::Key;
use crate::data::store::Handle;
use crate::resp::Error;

/// The handlers by lower-case name; a subcommand's follows its container's and a `|`.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("copy", copy::copy),
    ("del", delete::del),
    ("dump", dump::dump),
    ("exists", delete::exists),
    ("expire", expire::expire),
    ("expireat", expire::expireat),
    ("expiretime", ttl::expiretime),
    ("move", rename::move_key),
    ("object|encoding", object::encoding),
    ("object|freq", object::freq),
    ("object|help", object::help),
    ("object|idletime", object::idletime),
    ("object|refcount", object::refcount),
    ("persist", ttl::persist),
    ("pexpire", expire::pexpire),
    ("pexpireat", expire::pexpireat),
    ("pexpiretime", ttl::pexpiretime),
    ("pttl", ttl::pttl),
    ("rename", rename::rename),
    ("renamenx", rename::renamenx),
    ("restore", dump::restore),
    ("restore-asking", dump::restore),
    ("touch", delete::touch),
    ("ttl", ttl::ttl),
    ("type", object::type_name),
    ("unlink", delete::unlink),
];

/// Looks `key` up to read it, and says so when it is missing.
fn read(exec: &mut Exec<'_>, key: &Key<'_>) -> Option<Handle> {
    let found = exec.find(key);
    if found.is_none() {
        exec.notify(Class::KEY_MISS, "keymiss", key);
    }
    found
}

/// Looks at `key` without using it: its access clock stays, but it counts as a hit or a miss.
fn glance(exec: &mut Exec<'_>, key: &Key<'_>) -> Option<Handle> {
    let found = inspect(exec, key);
    if found.is_none() {
        exec.notify(Class::KEY_MISS, "keymiss", key);
    }
    found
}

/// As [`glance`], but nobody is told of a miss.
fn inspect(exec: &mut Exec<'_>, key: &Key<'_>) -> Option<Handle> {
    let found = peek(exec, key);
    let stats = &mut exec.store(key.slot).stats;
    match found {
        Some(_) => stats.hits += 1,
        None => stats.misses += 1,
    }
    found
}

/// Looks `key` up to change it: neither a hit nor a miss.
fn peek(exec: &mut Exec<'_>, key: &Key<'_>) -> Option<Handle> {
    let (db, now) = (exec.db, exec.now);
    exec.store(key.slot).peek(db, key, now)
}

/// [`Exec::notify`] for a key of database `db`.
fn notify_in(exec: &mut Exec<'_>, db: usize, class: Class, event: &'static str, key: &Key<'_>) {
    let selected = std::mem::replace(&mut exec.db, db);
    exec.notify(class, event, key);
    exec.db = selected;
}

/// The index of another database as MOVE and COPY name it.
fn database(text: &[u8], databases: usize) -> Result<usize, Error> {
    let index = parse_i64(text).ok_or(Error::NotAnInteger)?;
    if i32::try_from(index).is_err() {
        return Err(Error::new("ERR value is out of range, value must between -2147483648 and 2147483647"));
    }
    usize::try_from(index).ok().filter(|index| *index < databases).ok_or(Error::new("ERR DB index is out of range"))
}

#[cfg(test)]
mod tests;

//! The list commands. Run on the core that owns the key's slot.
//!
//! A handler judges its arguments in Redis's order, since a client can see which error comes first.

mod blocking;
mod modify;
mod pop;
mod push;
mod read;
mod transfer;

#[cfg(test)]
mod tests;

use super::collection::{edit_or_create, remove_emptied};
use crate::base::notify::Class;
use crate::data::exec::{Exec, Handler};
use crate::data::key::Key;
use crate::data::types::list::{End, Limits, List};
use crate::resp::{Error, Reply};

/// The list commands by name.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("blmove", blocking::blmove),
    ("blmpop", blocking::blmpop),
    ("blpop", blocking::blpop),
    ("brpop", blocking::brpop),
    ("brpoplpush", blocking::brpoplpush),
    ("lindex", read::lindex),
    ("linsert", modify::linsert),
    ("llen", read::llen),
    ("lmove", transfer::lmove),
    ("lmpop", pop::lmpop),
    ("lpop", pop::lpop),
    ("lpos", read::lpos),
    ("lpush", push::lpush),
    ("lpushx", push::lpushx),
    ("lrange", read::lrange),
    ("lrem", modify::lrem),
    ("lset", modify::lset),
    ("ltrim", modify::ltrim),
    ("rpop", pop::rpop),
    ("rpoplpush", transfer::rpoplpush),
    ("rpush", push::rpush),
    ("rpushx", push::rpushx),
];

type Done = Result<(), Error>;

/// Whether there is a list at `key`, for a command that writes: neither a hit nor a miss.
fn exists(exec: &mut Exec<'_>, key: &Key<'_>) -> Result<bool, Error> {
    let (db, now) = (exec.db, exec.now);
    let store = exec.store(key.slot);
    let Some(handle) = store.peek(db, key, now) else { return Ok(false) };
    store.collection::<List>(handle)?;
    Ok(true)
}

/// Changes the list at `key`, and may write a reply meanwhile; none: there is none. `change` also tells whether it
/// changed anything.
fn edit<R>(
    exec: &mut Exec<'_>,
    key: &Key<'_>,
    change: impl FnOnce(&mut List, &mut Reply<'_>) -> (R, bool),
) -> Result<Option<R>, Error> {
    let (db, now, reply) = (exec.db, exec.now, &mut exec.reply);
    Ok(exec.stores.of(key.slot).edit(db, key, now, |list| change(list, reply))?)
}

/// What nodes may hold by the settings.
pub fn limits(exec: &mut Exec<'_>, key: &Key<'_>) -> Limits {
    let encodings = &exec.settings.encodings;
    let (fill, depth) = (encodings.list_size, encodings.list_compress_depth);
    Limits { fill, large: exec.store(key.slot).large_element, depth }
}

/// Adds elements at an end of the list at `key`, which comes into being if there is none. Returns its length.
fn push(exec: &mut Exec<'_>, key: &Key<'_>, end: End, elements: &[&[u8]]) -> Result<usize, Error> {
    let limits = limits(exec, key);
    let length = edit_or_create(exec, key, |list: &mut List| {
        elements.iter().for_each(|element| list.push(end, element, &limits));
        (list.len(), true)
    })?;
    exec.signal_ready(key);
    Ok(length)
}

/// Tells that elements were taken from an end of `key`, and deletes it if none is left.
fn popped(exec: &mut Exec<'_>, key: &Key<'_>, end: End, left: usize) {
    exec.notify(Class::LIST, if end == End::Head { "lpop" } else { "rpop" }, key);
    if left == 0 {
        remove_emptied(exec, key);
    }
}

/// `LEFT` or `RIGHT`.
fn parse_end(word: &[u8]) -> Result<End, Error> {
    if word.eq_ignore_ascii_case(b"left") {
        Ok(End::Head)
    } else if word.eq_ignore_ascii_case(b"right") {
        Ok(End::Tail)
    } else {
        Err(Error::Syntax)
    }
}

/// What LPOP and RPOP are called on the wire to replicas.
fn pop_name(end: End) -> &'static [u8] {
    if end == End::Head { b"LPOP" } else { b"RPOP" }
}

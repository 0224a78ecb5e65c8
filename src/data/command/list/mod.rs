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

use crate::base::notify::Class;
use crate::data::exec::{Exec, Handler};
use crate::data::key::Key;
use crate::data::store::{Deadline, Handle, Object, Store, Value};
use crate::data::types::list::{End, Limits, List};
use crate::resp::Error;

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

/// The list in an entry.
fn list_in(store: &Store, handle: Handle) -> Result<&List, Error> {
    match store.value(handle) {
        Value::Object(Object::List(list)) => Ok(list),
        _ => Err(Error::WrongType),
    }
}

/// Where the list at `key` is, for a command that writes: neither a hit nor a miss.
fn find(exec: &mut Exec<'_>, key: &Key<'_>) -> Result<Option<Handle>, Error> {
    let (db, now) = (exec.db, exec.now);
    let store = exec.store(key.slot);
    let Some(handle) = store.peek(db, key, now) else { return Ok(None) };
    list_in(store, handle)?;
    Ok(Some(handle))
}

/// Changes the list in the entry that was just found at `key`, and tells the new length.
fn edit<R>(exec: &mut Exec<'_>, key: &Key<'_>, handle: Handle, change: impl FnOnce(&mut List) -> R) -> Option<R> {
    let (db, now) = (exec.db, exec.now);
    exec.store(key.slot).edit(db, key, handle, now, |object| as_list(object).map(change)).flatten()
}

fn as_list(object: &mut Object) -> Option<&mut List> {
    if let Object::List(list) = object { Some(list) } else { None }
}

/// What nodes may hold by the settings.
fn limits(exec: &mut Exec<'_>, key: &Key<'_>) -> Limits {
    Limits { fill: exec.settings.encodings.list_size, large: exec.store(key.slot).large_element }
}

/// Adds elements at an end of the list at `key`, which comes into being if `handle` is none. Returns its length.
fn push(exec: &mut Exec<'_>, key: &Key<'_>, handle: Option<Handle>, end: End, elements: &[&[u8]]) -> usize {
    let limits = limits(exec, key);
    let add = |list: &mut List| {
        elements.iter().for_each(|element| list.push(end, element, &limits));
        list.len()
    };
    if let Some(handle) = handle {
        let length = edit(exec, key, handle, add).unwrap_or(0);
        exec.signal_ready(key);
        return length;
    }
    let mut list = List::default();
    let length = add(&mut list);
    exec.notify(Class::NEW, "new", key);
    let (db, now) = (exec.db, exec.now);
    exec.store(key.slot).set_object(db, key, Object::List(list), Deadline::Clear, now);
    length
}

/// Tells that elements were taken from an end of `key`, and deletes it if none is left.
fn popped(exec: &mut Exec<'_>, key: &Key<'_>, end: End, left: usize) {
    exec.notify(Class::LIST, if end == End::Head { "lpop" } else { "rpop" }, key);
    if left == 0 {
        delete(exec, key);
    }
}

/// Deletes `key`, whose list has no elements any more.
fn delete(exec: &mut Exec<'_>, key: &Key<'_>) {
    let (db, now) = (exec.db, exec.now);
    exec.store(key.slot).remove(db, key, now);
    exec.notify(Class::GENERIC, "del", key);
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

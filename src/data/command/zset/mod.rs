//! The sorted set commands. Run on the core that owns the key's slot.
//!
//! A handler judges its arguments in Redis's order, since a client can see which error comes first. All ranges become
//! ranges of ranks ([`bounds`]); what a command reads is written to the reply while it is read.

pub mod add;
pub mod bounds;
pub mod lookup;
pub mod pop;
pub mod range;
pub mod remove;

#[cfg(test)]
mod tests;

use crate::base::notify::Class;
use crate::data::exec::{Exec, Handler};
use crate::data::key::Key;
use crate::data::store::{Deadline, Object, Stores, Value};
use crate::data::types::zset::{Pair, Zset};
use crate::resp::{Error, Proto, Reply};

/// The sorted set commands by name.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("bzmpop", pop::bzmpop),
    ("bzpopmax", pop::bzpopmax),
    ("bzpopmin", pop::bzpopmin),
    ("zadd", add::zadd),
    ("zcard", lookup::zcard),
    ("zcount", lookup::zcount),
    ("zincrby", add::zincrby),
    ("zlexcount", lookup::zlexcount),
    ("zmpop", pop::zmpop),
    ("zmscore", lookup::zmscore),
    ("zpopmax", pop::zpopmax),
    ("zpopmin", pop::zpopmin),
    ("zrange", range::zrange),
    ("zrangebylex", range::zrangebylex),
    ("zrangebyscore", range::zrangebyscore),
    ("zrangestore", range::zrangestore),
    ("zrank", lookup::zrank),
    ("zrem", remove::zrem),
    ("zremrangebylex", remove::zremrangebylex),
    ("zremrangebyrank", remove::zremrangebyrank),
    ("zremrangebyscore", remove::zremrangebyscore),
    ("zrevrange", range::zrevrange),
    ("zrevrangebylex", range::zrevrangebylex),
    ("zrevrangebyscore", range::zrevrangebyscore),
    ("zrevrank", lookup::zrevrank),
    ("zscore", lookup::zscore),
];

/// What a value that should be a sorted set is.
pub fn as_zset(value: Value<'_>) -> Result<&Zset, Error> {
    match value {
        Value::Object(Object::Zset(zset)) => Ok(zset),
        _ => Err(Error::WrongType),
    }
}

/// The sorted set at `key` for a command that reads: counts a hit or a miss and marks the key used.
/// The caller announces the miss ([`missed`]).
pub fn read<'s>(stores: &'s mut Stores, db: usize, key: &Key<'_>, now: u64) -> Result<Option<&'s Zset>, Error> {
    let store = stores.of(key.slot);
    match store.find(db, key, now) {
        Some(entry) => as_zset(store.value(entry)).map(Some),
        None => Ok(None),
    }
}

/// The sorted set at `key` for a command that writes: as Redis, neither a hit nor a miss.
fn current<'s>(stores: &'s mut Stores, db: usize, key: &Key<'_>, now: u64) -> Result<Option<&'s Zset>, Error> {
    let store = stores.of(key.slot);
    match store.peek(db, key, now) {
        Some(entry) => as_zset(store.value(entry)).map(Some),
        None => Ok(None),
    }
}

/// Announces that a command that reads found no `key`.
pub fn missed(exec: &mut Exec<'_>, key: &Key<'_>) {
    exec.notify(Class::KEY_MISS, "keymiss", key);
}

/// Changes the sorted set at `key`, which is there; `change` says besides whether it has changed anything.
fn edit<R>(exec: &mut Exec<'_>, key: &Key<'_>, change: impl FnOnce(&mut Zset) -> (R, bool)) -> Option<R> {
    let (db, now) = (exec.db, exec.now);
    let edited = exec.store(key.slot).object_mut_if(db, key, now, |object| match object {
        Object::Zset(zset) => {
            let (result, changed) = change(zset);
            (Some(result), changed)
        }
        _ => (None, false),
    });
    edited.flatten()
}

/// Deletes `key`, which has lost its last member, and announces it.
fn delete(exec: &mut Exec<'_>, key: &Key<'_>) {
    let (db, now) = (exec.db, exec.now);
    if exec.store(key.slot).remove(db, key, now) {
        exec.notify(Class::GENERIC, "del", key);
    }
}

/// Gives `key` the sorted set that is a command's result, or deletes it when that is empty.
pub fn store_result(exec: &mut Exec<'_>, key: &Key<'_>, zset: Zset, event: &'static str) {
    let (db, now) = (exec.db, exec.now);
    let existed = exec.store(key.slot).peek(db, key, now).is_some();
    if zset.is_empty() {
        if existed {
            delete(exec, key);
            exec.changed(1);
        }
        return;
    }
    create(exec, key, zset, !existed);
    exec.notify(Class::ZSET, event, key);
    exec.changed(1);
}

/// Gives `key` a sorted set, whatever it was; says so to those who wait for one.
fn create(exec: &mut Exec<'_>, key: &Key<'_>, zset: Zset, is_new: bool) {
    let (db, now) = (exec.db, exec.now);
    if is_new {
        exec.notify(Class::NEW, "new", key);
    }
    exec.store(key.slot).set_object(db, key, Object::Zset(zset), Deadline::Clear, now);
    exec.signal_ready(key);
}

/// How elements are written.
#[derive(Clone, Copy, PartialEq)]
pub enum Shape {
    /// An array of members.
    Members,
    /// An array of members and scores by turns.
    Flat,
    /// An array of pairs.
    Nested,
    /// Members and scores by turns, as part of an array that was begun.
    Items,
}

impl Shape {
    /// What WITHSCORES means to this client.
    pub fn of(with_scores: bool, reply: &Reply<'_>) -> Shape {
        match (with_scores, reply.proto()) {
            (false, _) => Shape::Members,
            (true, Proto::Resp2) => Shape::Flat,
            (true, Proto::Resp3) => Shape::Nested,
        }
    }
}

/// Writes elements.
pub fn write_pairs<'z>(reply: &mut Reply<'_>, shape: Shape, pairs: impl ExactSizeIterator<Item = Pair<'z>>) {
    match shape {
        Shape::Members | Shape::Nested => reply.array(pairs.len()),
        Shape::Flat => reply.array(2 * pairs.len()),
        Shape::Items => {}
    }
    for (member, score) in pairs {
        if shape == Shape::Nested {
            reply.array(2);
        }
        reply.bulk(member.text(&mut itoa::Buffer::new()));
        if shape != Shape::Members {
            reply.double(score);
        }
    }
}

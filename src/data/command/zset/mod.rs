//! The sorted set commands. Run on the core that owns the key's slot.
//!
//! A handler judges its arguments in Redis's order, since a client can see which error comes first. All ranges become
//! ranges of ranks ([`bounds`]); what a command reads is written to the reply while it is read.

pub mod add;
pub mod bounds;
pub mod combine;
pub mod lookup;
pub mod pop;
pub mod range;
pub mod remove;
pub mod sample;

#[cfg(test)]
mod tests;

use crate::base::notify::Class;
use crate::data::command::collection::{remove_emptied, write_entry};
use crate::data::exec::{Exec, Handler};
use crate::data::key::Key;
use crate::data::store::{Collection, Deadline, Stores};
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
    ("zdiff", combine::zdiff),
    ("zdiffstore", combine::zdiffstore),
    ("zincrby", add::zincrby),
    ("zinter", combine::zinter),
    ("zintercard", combine::zintercard),
    ("zinterstore", combine::zinterstore),
    ("zlexcount", lookup::zlexcount),
    ("zmpop", pop::zmpop),
    ("zmscore", lookup::zmscore),
    ("zpopmax", pop::zpopmax),
    ("zpopmin", pop::zpopmin),
    ("zrandmember", sample::zrandmember),
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
    ("zscan", sample::zscan),
    ("zscore", lookup::zscore),
    ("zunion", combine::zunion),
    ("zunionstore", combine::zunionstore),
];

/// The sorted set at `key` for a command that writes: as Redis, neither a hit nor a miss.
pub fn current<'s>(stores: &'s mut Stores, db: usize, key: &Key<'_>, now: u64) -> Result<Option<&'s Zset>, Error> {
    let store = stores.of(key.slot);
    match store.peek(db, key, now) {
        Some(handle) => Ok(Some(store.collection(handle)?)),
        None => Ok(None),
    }
}

/// Changes the sorted set at `key`; `change` says besides whether it has changed anything. `None`: there is none.
fn edit<R>(
    exec: &mut Exec<'_>,
    key: &Key<'_>,
    change: impl FnOnce(&mut Zset) -> (R, bool),
) -> Result<Option<R>, Error> {
    let (db, now) = (exec.db, exec.now);
    Ok(exec.store(key.slot).edit(db, key, now, change)?)
}

/// Gives `key` the sorted set that is a command's result, or deletes it when that is empty.
pub fn store_result(exec: &mut Exec<'_>, key: &Key<'_>, zset: Zset, event: &'static str) {
    let (db, now) = (exec.db, exec.now);
    let existed = exec.store(key.slot).peek(db, key, now).is_some();
    if zset.is_empty() {
        if existed {
            remove_emptied(exec, key);
            exec.changed(1);
        }
        return;
    }
    exec.store(key.slot).set_object(db, key, zset.into_object(), Deadline::Clear, now);
    if !existed {
        exec.notify(Class::NEW, "new", key);
    }
    exec.signal_ready(key);
    exec.notify(Class::ZSET, event, key);
    exec.changed(1);
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

    /// Writes what comes before `count` elements.
    pub fn begin(self, reply: &mut Reply<'_>, count: usize) {
        match self {
            Shape::Members | Shape::Nested => reply.array(count),
            Shape::Flat => reply.array(2 * count),
            Shape::Items => {}
        }
    }
}

/// Writes elements.
pub fn write_pairs<'z>(reply: &mut Reply<'_>, shape: Shape, pairs: impl ExactSizeIterator<Item = Pair<'z>>) {
    shape.begin(reply, pairs.len());
    pairs.for_each(|pair| write_pair(reply, shape, pair));
}

/// Writes one element.
fn write_pair(reply: &mut Reply<'_>, shape: Shape, (member, score): Pair<'_>) {
    if shape == Shape::Nested {
        reply.array(2);
    }
    write_entry(reply, member);
    if shape != Shape::Members {
        reply.double(score);
    }
}

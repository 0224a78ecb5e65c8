//! The stream commands. Run on the core that owns the key's slot.

pub mod add;
pub mod args;
pub mod claim;
pub mod group;
pub mod info;
pub mod pending;
pub mod range;
pub mod read;
pub mod trim;

use crate::data::exec::{Exec, Handler};
use crate::data::key::Key;
use crate::data::types::stream::{Group, Id, Stream, View};
use crate::resp::{Error, Reply};
use std::ops::ControlFlow;

/// The stream commands by name.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("xack", pending::xack),
    ("xadd", add::xadd),
    ("xautoclaim", claim::xautoclaim),
    ("xclaim", claim::xclaim),
    ("xdel", trim::xdel),
    ("xgroup|create", group::create),
    ("xgroup|createconsumer", group::create_consumer),
    ("xgroup|delconsumer", group::delete_consumer),
    ("xgroup|destroy", group::destroy),
    ("xgroup|help", group::help),
    ("xgroup|setid", group::set_id),
    ("xinfo|consumers", info::consumers),
    ("xinfo|groups", info::groups),
    ("xinfo|help", info::help),
    ("xinfo|stream", info::stream),
    ("xlen", range::xlen),
    ("xpending", pending::xpending),
    ("xrange", range::xrange),
    ("xread", read::xread),
    ("xreadgroup", read::xreadgroup),
    ("xrevrange", range::xrevrange),
    ("xsetid", trim::xsetid),
    ("xtrim", trim::xtrim),
];

type Done = Result<(), Error>;

/// Lets `edit` change the stream at `key`; it also tells whether it changed anything. None: there is no such key.
fn edit<R>(
    exec: &mut Exec<'_>,
    key: &Key<'_>,
    edit: impl FnOnce(&mut Stream, &mut Reply<'_>) -> (R, bool),
) -> Result<Option<R>, Error> {
    let (db, now, reply) = (exec.db, exec.now, &mut exec.reply);
    Ok(exec.stores.of(key.slot).edit(db, key, now, |stream: &mut Stream| edit(stream, reply))?)
}

/// Replies an id.
fn write_id(reply: &mut Reply<'_>, id: Id) {
    reply.bulk(id.to_string().as_bytes());
}

/// Replies an entry: its id, and names and values in turn.
fn write_entry(reply: &mut Reply<'_>, view: &View<'_>) {
    reply.array(2);
    write_id(reply, view.id);
    reply.array(view.fields * 2);
    let mut buffer = itoa::Buffer::new();
    view.texts().for_each(|text| reply.bulk(text.text(&mut buffer)));
}

/// Replies at most `count` entries (0: all) from `start` to `end`, without a header; how many.
fn write_entries(reply: &mut Reply<'_>, stream: &Stream, (start, end): (Id, Id), count: usize, back: bool) -> usize {
    let mut written = 0;
    stream.each(start, end, back, |view| {
        write_entry(reply, &view);
        written += 1;
        if written == count { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    written
}

/// The same with a header.
fn write_array(reply: &mut Reply<'_>, stream: &Stream, range: (Id, Id), count: usize, back: bool) {
    let mut entries = Vec::new();
    let written = write_entries(&mut Reply::new(&mut entries, reply.proto()), stream, range, count, back);
    reply.array(written);
    reply.raw(&entries);
}

/// There is no such key, or no such group of it.
fn no_group(key: &[u8], group: &[u8]) -> Error {
    Error::Bytes([b"NOGROUP No such key '", key, b"' or consumer group '", group, b"'"].concat())
}

/// Replicates that `id` is now pending as the group says.
fn replicate_claim(exec: &mut Exec<'_>, key: &[u8], name: &[u8], claim: &Claimed) {
    exec.changed(1);
    let (id, last) = (claim.id.to_string(), claim.last_id.to_string());
    let (time, count) = (claim.delivered.to_string(), claim.count.to_string());
    exec.replicate_as(&[
        b"XCLAIM",
        key,
        name,
        &claim.consumer,
        b"0",
        id.as_bytes(),
        b"TIME",
        time.as_bytes(),
        b"RETRYCOUNT",
        count.as_bytes(),
        b"FORCE",
        b"JUSTID",
        b"LASTID",
        last.as_bytes(),
    ]);
}

/// Replicates how far a group has come.
fn replicate_group(exec: &mut Exec<'_>, key: &[u8], name: &[u8], last_id: Id, read: Option<u64>) {
    exec.changed(1);
    let read = read.map_or("-1".to_owned(), |read| read.to_string());
    let last = last_id.to_string();
    exec.replicate_as(&[b"XGROUP", b"SETID", key, name, last.as_bytes(), b"ENTRIESREAD", read.as_bytes()]);
}

/// What is to be replicated of an entry that was given to a consumer.
struct Claimed {
    id: Id,
    consumer: Vec<u8>,
    delivered: u64,
    count: u64,
    last_id: Id,
}

impl Claimed {
    /// Of the pending entry `id`.
    fn of(group: &Group, id: Id) -> Option<Claimed> {
        let pending = group.pending().get(&id)?;
        let consumer = group.consumer(pending.consumer).name.clone();
        Some(Claimed { id, consumer, delivered: pending.delivered, count: pending.count, last_id: group.last_id })
    }
}

//! XINFO: what there is to know of a stream, its groups and their consumers.

use super::{Done, write_array, write_entries, write_id};
use crate::data::command::collection;
use crate::data::command::help::{self as usage, syntax_error};
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::data::types::stream::{Group, Id, Stream};
use crate::resp::{Error, Reply};

const ALL: (Id, Id) = (Id::ZERO, Id::MAX);

fn read<'s>(exec: &'s mut Exec<'_>, args: &[&[u8]]) -> Result<(&'s Stream, u64), Error> {
    let (key, now) = (exec.key(args[2]), exec.now);
    let stream = collection::read::<Stream>(exec.stores, exec.db, &key, now)?;
    stream.map(|stream| (stream, now)).ok_or(Error::NoSuchKey)
}

/// Writes into a buffer what needs the stream, which the store has, and then replies it.
fn reply_of(exec: &mut Exec<'_>, args: &[&[u8]], write: impl FnOnce(&Stream, u64, &mut Reply<'_>) -> Done) -> Done {
    let mut bytes = Vec::new();
    let proto = exec.reply.proto();
    let (stream, now) = read(exec, args)?;
    write(stream, now, &mut Reply::new(&mut bytes, proto))?;
    exec.reply.raw(&bytes);
    Ok(())
}

/// `XINFO STREAM key [FULL [COUNT count]]`
pub fn stream(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    reply_of(exec, args, |stream, _, reply| {
        let full = match &args[3..] {
            [] => None,
            [word] if word.eq_ignore_ascii_case(b"full") => Some(10),
            [word, count, number] if word.eq_ignore_ascii_case(b"full") && count.eq_ignore_ascii_case(b"count") => {
                let count = parse_i64(number).ok_or(Error::NotAnInteger)?;
                Some(usize::try_from(count).unwrap_or(10))
            }
            _ => return Err(syntax_error(args)),
        };
        reply.map(if full.is_some() { 9 } else { 10 });
        for (name, value) in [
            ("length", stream.len()),
            ("radix-tree-keys", stream.node_count() as u64),
            ("radix-tree-nodes", stream.node_count() as u64 + 1),
        ] {
            reply.bulk(name.as_bytes());
            reply.int(value as i64);
        }
        reply.bulk(b"last-generated-id");
        write_id(reply, stream.last_id);
        reply.bulk(b"max-deleted-entry-id");
        write_id(reply, stream.max_deleted_id);
        reply.bulk(b"entries-added");
        reply.int(stream.entries_added as i64);
        reply.bulk(b"recorded-first-entry-id");
        write_id(reply, stream.first_id());
        match full {
            None => ends(stream, reply),
            Some(count) => whole(stream, count, reply),
        }
        Ok(())
    })
}

fn ends(stream: &Stream, reply: &mut Reply<'_>) {
    reply.bulk(b"groups");
    reply.int(stream.groups.len() as i64);
    for (name, back) in [("first-entry", false), ("last-entry", true)] {
        reply.bulk(name.as_bytes());
        if write_entries(reply, stream, ALL, 1, back) == 0 {
            reply.null();
        }
    }
}

fn whole(stream: &Stream, count: usize, reply: &mut Reply<'_>) {
    let most = if count == 0 { usize::MAX } else { count };
    reply.bulk(b"entries");
    write_array(reply, stream, ALL, count, false);
    reply.bulk(b"groups");
    reply.array(stream.groups.len());
    for (name, group) in &stream.groups {
        reply.map(7);
        reply.bulk(b"name");
        reply.bulk(name);
        progress(stream, group, reply);
        reply.bulk(b"pel-count");
        reply.int(group.pending().len() as i64);
        reply.bulk(b"pending");
        reply.array(group.pending().len().min(most));
        for (id, pending) in group.pending().iter().take(most) {
            reply.array(4);
            write_id(reply, *id);
            reply.bulk(&group.consumer(pending.consumer).name);
            reply.int(pending.delivered as i64);
            reply.int(pending.count as i64);
        }
        reply.bulk(b"consumers");
        reply.array(group.consumers().len());
        for consumer in group.consumers() {
            reply.map(4);
            reply.bulk(b"name");
            reply.bulk(&consumer.name);
            reply.bulk(b"seen-time");
            reply.int(consumer.seen as i64);
            reply.bulk(b"pel-count");
            reply.int(consumer.pending.len() as i64);
            reply.bulk(b"pending");
            reply.array(consumer.pending.len().min(most));
            for id in consumer.pending.iter().take(most) {
                let pending = group.pending().get(id);
                reply.array(3);
                write_id(reply, *id);
                reply.int(pending.map_or(0, |pending| pending.delivered) as i64);
                reply.int(pending.map_or(0, |pending| pending.count) as i64);
            }
        }
    }
}

/// How far a group has come.
fn progress(stream: &Stream, group: &Group, reply: &mut Reply<'_>) {
    reply.bulk(b"last-delivered-id");
    write_id(reply, group.last_id);
    reply.bulk(b"entries-read");
    match group.entries_read {
        Some(read) => reply.int(read as i64),
        None => reply.null(),
    }
    reply.bulk(b"lag");
    match stream.lag(group) {
        Some(lag) => reply.int(lag),
        None => reply.null(),
    }
}

/// `XINFO GROUPS key`
pub fn groups(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    reply_of(exec, args, |stream, _, reply| {
        reply.array(stream.groups.len());
        for (name, group) in &stream.groups {
            reply.map(6);
            reply.bulk(b"name");
            reply.bulk(name);
            reply.bulk(b"consumers");
            reply.int(group.consumers().len() as i64);
            reply.bulk(b"pending");
            reply.int(group.pending().len() as i64);
            progress(stream, group, reply);
        }
        Ok(())
    })
}

/// `XINFO CONSUMERS key group`
pub fn consumers(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    reply_of(exec, args, |stream, now, reply| {
        let group = stream.groups.get(args[3]).ok_or_else(|| {
            Error::Bytes([b"NOGROUP No such consumer group '", args[3], b"' for key name '", args[2], b"'"].concat())
        })?;
        reply.array(group.consumers().len());
        for consumer in group.consumers() {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(&consumer.name);
            reply.bulk(b"pending");
            reply.int(consumer.pending.len() as i64);
            reply.bulk(b"idle");
            reply.int(now.saturating_sub(consumer.seen) as i64);
        }
        Ok(())
    })
}

/// `XINFO HELP`
pub fn help(exec: &mut Exec<'_>, _: &[&[u8]]) -> Done {
    usage::write(&mut exec.reply, "XINFO", HELP);
    Ok(())
}

const HELP: &[&str] = &[
    "CONSUMERS <key> <groupname>",
    "    Show consumers of <groupname>.",
    "GROUPS <key>",
    "    Show the stream consumer groups.",
    "STREAM <key> [FULL [COUNT <count>]",
    "    Show information about the stream.",
];

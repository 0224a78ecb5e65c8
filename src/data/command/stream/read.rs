//! XREAD and XREADGROUP: what is new in streams, now or once there is something.

use super::args;
use super::{Claimed, Done, edit, replicate_claim, replicate_group, write_array, write_entry, write_id};
use crate::base::notify::Class;
use crate::data::command::number::parse_i64;
use crate::data::command::{collection, timeout};
use crate::data::exec::{Block, Exec, TimeoutReply};
use crate::data::types::stream::{Id, Pending, Stream};
use crate::resp::{Error, Proto, Reply};
use std::ops::ControlFlow;

/// Entries of each stream that a command gets which has waited and named no COUNT. Source: Redis 7.0
/// `XREAD_BLOCKED_DEFAULT_COUNT`.
const COUNT_AFTER_WAIT: usize = 1000;

/// From where a stream is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    /// After this id; of a group: what its consumer has already, after this id.
    After(Id),
    /// `>`: what the group has given to nobody yet.
    New,
}

struct Options<'a> {
    /// BLOCK, and until when.
    block: Option<Option<u64>>,
    /// 0: all.
    count: usize,
    group: Option<(&'a [u8], &'a [u8])>,
    no_ack: bool,
    /// Where the keys begin; as many ids follow as there are keys.
    first_key: usize,
}

impl<'a> Options<'a> {
    fn parse(args: &[&'a [u8]], of_group: bool, now: u64) -> Result<Options<'a>, Error> {
        let mut options = Options { block: None, count: 0, group: None, no_ack: false, first_key: 0 };
        let mut place = 1;
        while place < args.len() {
            let more = args.len() - place - 1;
            match args[place].to_ascii_lowercase().as_slice() {
                b"block" if more > 0 => {
                    place += 1;
                    options.block = Some(timeout::in_milliseconds(args[place], now)?);
                }
                b"count" if more > 0 => {
                    place += 1;
                    options.count = parse_i64(args[place]).ok_or(Error::NotAnInteger)?.max(0) as usize;
                }
                b"streams" if more > 0 => {
                    if more % 2 != 0 {
                        return Err(Error::new(
                            "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
                        ));
                    }
                    options.first_key = place + 1;
                    break;
                }
                b"group" if more >= 2 => {
                    if !of_group {
                        return Err(Error::new(
                            "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
                        ));
                    }
                    options.group = Some((args[place + 1], args[place + 2]));
                    place += 2;
                }
                b"noack" => {
                    if !of_group {
                        return Err(Error::new(
                            "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
                        ));
                    }
                    options.no_ack = true;
                }
                _ => return Err(Error::Syntax),
            }
            place += 1;
        }
        if options.first_key == 0 {
            return Err(Error::Syntax);
        }
        if of_group && options.group.is_none() {
            return Err(Error::new("ERR Missing GROUP option for XREADGROUP"));
        }
        Ok(options)
    }
}

/// `XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]`
pub fn xread(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    read(exec, args, false)
}

/// `XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] id [id ...]`
pub fn xreadgroup(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    read(exec, args, true)
}

fn read(exec: &mut Exec<'_>, args: &[&[u8]], of_group: bool) -> Done {
    let mut options = Options::parse(args, of_group, exec.now)?;
    if exec.woken.is_some() && options.count == 0 {
        options.count = COUNT_AFTER_WAIT;
    }
    let (keys, ids) = args[options.first_key..].split_at((args.len() - options.first_key) / 2);
    let mut starts = Vec::with_capacity(keys.len());
    for (key, id) in keys.iter().zip(ids) {
        starts.push(if exec.looks_at(key) { start(exec, &options, key, id)? } else { From::New });
    }
    let (mut served, mut body) = (0, Vec::new());
    for (key, start) in keys.iter().zip(&starts) {
        if exec.looks_at(key) && serve(exec, &options, key, *start, &mut body)? {
            served += 1;
        }
    }
    if served > 0 {
        match exec.reply.proto() {
            Proto::Resp2 => exec.reply.array(served),
            Proto::Resp3 => exec.reply.map(served),
        }
        exec.reply.raw(&body);
        return Ok(());
    }
    match options.block {
        Some(deadline) if exec.may_block => {
            // `$` means the last entry of now, not of when it runs again.
            let mut again: Vec<Box<[u8]>> = args.iter().map(|arg| Box::from(*arg)).collect();
            let first_id = options.first_key + keys.len();
            for (place, start) in starts.iter().enumerate() {
                if let (From::After(id), b"$") = (start, ids[place]) {
                    again[first_id + place] = id.to_string().into_bytes().into();
                }
            }
            let block = Block::on(keys, deadline, TimeoutReply::NullArray);
            exec.block(Block { again: Some(again), on_deletion: of_group, ..block });
        }
        _ => exec.reply.null_array(),
    }
    Ok(())
}

/// From where to read one stream.
fn start(exec: &mut Exec<'_>, options: &Options<'_>, bytes: &[u8], id: &[u8]) -> Result<From, Error> {
    let key = exec.key(bytes);
    let woken = exec.woken.is_some();
    let stream = match collection::read::<Stream>(exec.stores, exec.db, &key, exec.now) {
        // A command that waits does not mind what else comes to lie there.
        Err(Error::WrongType) if woken => None,
        stream => stream?,
    };
    if woken && options.group.is_some() && stream.is_none() {
        return Err(Error::new("UNBLOCKED the stream key no longer exists"));
    }
    if let Some((group, _)) = options.group
        && woken
        && stream.is_some_and(|stream| !stream.groups.contains_key(group))
    {
        return Err(Error::new("NOGROUP the consumer group this client was blocked on no longer exists"));
    }
    if let Some((group, _)) = options.group
        && stream.is_none_or(|stream| !stream.groups.contains_key(group))
    {
        return Err(Error::Bytes(
            [b"NOGROUP No such key '", bytes, b"' or consumer group '", group, b"' in XREADGROUP with GROUP option"]
                .concat(),
        ));
    }
    match id {
        b"$" if options.group.is_some() => Err(Error::new(
            "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer \
             by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty \
             result set.",
        )),
        b"$" => Ok(From::After(stream.map_or(Id::ZERO, |stream| stream.last_id))),
        b">" if options.group.is_none() => Err(Error::new(
            "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
        )),
        b">" => Ok(From::New),
        id => Ok(From::After(args::id(id, 0)?)),
    }
}

/// Reads one stream into `body`; whether there is anything to tell of it.
fn serve(
    exec: &mut Exec<'_>,
    options: &Options<'_>,
    bytes: &[u8],
    start: From,
    body: &mut Vec<u8>,
) -> Result<bool, Error> {
    let key = exec.key(bytes);
    let mut reply = Reply::new(body, exec.reply.proto());
    let header = |reply: &mut Reply<'_>| {
        if reply.proto() == Proto::Resp2 {
            reply.array(2);
        }
        reply.bulk(bytes);
    };
    let Some((group, consumer)) = options.group else {
        let stream = match collection::read::<Stream>(exec.stores, exec.db, &key, exec.now) {
            Err(Error::WrongType) if exec.woken.is_some() => None,
            stream => stream?,
        };
        let From::After(id) = start else { return Ok(false) };
        let (Some(stream), Some(first)) = (stream, id.next()) else { return Ok(false) };
        if stream.last_entry_id().is_none_or(|last| last <= id) {
            return Ok(false);
        }
        header(&mut reply);
        write_array(&mut reply, stream, (first, Id::MAX), options.count, false);
        return Ok(true);
    };
    let (now, no_ack, count) = (exec.now, options.no_ack, options.count);
    let read = edit(exec, &key, |stream, _| {
        let something = match (start, stream.groups.get(group)) {
            (From::After(_), Some(_)) => true,
            (From::New, Some(group)) => stream.last_entry_id().is_some_and(|last| last > group.last_id),
            (_, None) => false,
        };
        if !something {
            return (None, false);
        }
        header(&mut reply);
        let given = match start {
            From::New => give(stream, group, consumer, count, no_ack, now, &mut reply),
            From::After(id) => history(stream, group, consumer, id, count, now, &mut reply),
        };
        (Some(given), true)
    })?;
    let Some(given) = read.flatten() else { return Ok(false) };
    if given.created {
        exec.notify(Class::STREAM, "xgroup-createconsumer", &key);
        if no_ack {
            exec.changed(1);
            exec.replicate_as(&[b"XGROUP", b"CREATECONSUMER", bytes, group, consumer]);
        }
    }
    given.claimed.iter().for_each(|claimed| replicate_claim(exec, bytes, group, claimed));
    if let Some((last, read)) = given.moved {
        replicate_group(exec, bytes, group, last, read);
    }
    Ok(true)
}

/// What a consumer was given.
#[derive(Default)]
struct Given {
    /// Whether the consumer is new.
    created: bool,
    claimed: Vec<Claimed>,
    /// How far the group has come, if nothing else tells it.
    moved: Option<(Id, Option<u64>)>,
}

/// Gives what nobody has had yet.
fn give(
    stream: &mut Stream,
    name: &[u8],
    consumer: &[u8],
    count: usize,
    no_ack: bool,
    now: u64,
    reply: &mut Reply<'_>,
) -> Given {
    let Some(mut group) = stream.groups.remove(name) else { return Given::default() };
    let (number, created) = group.consumer_named(consumer, now);
    let mut given = Given { created, ..Given::default() };
    let (mut entries, mut written) = (Vec::new(), 0);
    let mut out = Reply::new(&mut entries, reply.proto());
    let from = group.last_id.next().unwrap_or(Id::MAX);
    let mut ids = Vec::new();
    stream.each(from, Id::MAX, false, |view| {
        write_entry(&mut out, &view);
        ids.push(view.id);
        written += 1;
        if written == count { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    for id in ids {
        group.entries_read = stream.entries_read(&group, id);
        group.last_id = id;
        if !no_ack {
            group.give(id, Pending { consumer: number, delivered: now, count: 1 });
            given.claimed.extend(Claimed::of(&group, id));
        }
    }
    if no_ack && written > 0 {
        given.moved = Some((group.last_id, group.entries_read));
    }
    reply.array(written);
    reply.raw(&entries);
    stream.groups.insert(name.to_vec(), group);
    given
}

/// Replies what the consumer has already, after `id`.
fn history(
    stream: &mut Stream,
    name: &[u8],
    consumer: &[u8],
    id: Id,
    count: usize,
    now: u64,
    reply: &mut Reply<'_>,
) -> Given {
    let Some(mut group) = stream.groups.remove(name) else { return Given::default() };
    let (number, created) = group.consumer_named(consumer, now);
    let most = if count == 0 { usize::MAX } else { count };
    let from = id.next().unwrap_or(Id::MAX);
    let ids: Vec<Id> = group.consumer(number).pending.range(from..).take(most).copied().collect();
    reply.array(ids.len());
    for id in ids {
        let mut found = false;
        stream.each(id, id, false, |view| {
            write_entry(reply, &view);
            found = true;
            ControlFlow::Break(())
        });
        if !found {
            // It was deleted from the stream, but not acknowledged.
            reply.array(2);
            write_id(reply, id);
            reply.null_array();
        } else if let Some(pending) = group.pending_mut(id) {
            pending.delivered = now;
            pending.count += 1;
        }
    }
    stream.groups.insert(name.to_vec(), group);
    Given { created, ..Given::default() }
}

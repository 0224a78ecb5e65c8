//! XPENDING and XACK: what consumers have been given.

use super::args;
use super::{Done, edit, no_group, write_id};
use crate::data::command::collection;
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::data::types::stream::{Group, Id, Pending, Stream};
use crate::resp::{Error, Reply};

/// `XACK key group id [id ...]`
pub fn xack(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let key = exec.key(args[1]);
    let there = edit(exec, &key, |stream, _| (stream.groups.contains_key(args[2]), false))?.unwrap_or_default();
    if !there {
        exec.reply.int(0);
        return Ok(());
    }
    let ids = args[3..].iter().map(|text| args::id(text, 0)).collect::<Result<Vec<Id>, Error>>()?;
    let done = edit(exec, &key, |stream, _| {
        let Some(group) = stream.groups.get_mut(args[2]) else { return (0, false) };
        let done = ids.iter().filter(|id| group.acknowledge(**id)).count();
        (done, done > 0)
    })?;
    let done = done.unwrap_or_default();
    exec.changed(done as u64);
    exec.reply.int(done as i64);
    Ok(())
}

/// Which pending entries XPENDING is to show.
struct Shown<'a> {
    idle: u64,
    range: (Id, Id),
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Shown<'a> {
    fn parse(args: &[&'a [u8]]) -> Result<Shown<'a>, Error> {
        if !(6..=9).contains(&args.len()) {
            return Err(Error::Syntax);
        }
        let (mut idle, mut rest) = (0, &args[3..]);
        if args[3].eq_ignore_ascii_case(b"idle") {
            idle = parse_i64(args[4]).ok_or(Error::NotAnInteger)?.max(0) as u64;
            if args.len() < 8 {
                return Err(Error::Syntax);
            }
            rest = &args[5..];
        }
        let count = parse_i64(rest[2]).ok_or(Error::NotAnInteger)?.max(0) as usize;
        let range = (args::start(rest[0])?, args::end(rest[1])?);
        Ok(Shown { idle, range, count, consumer: rest.get(3).copied() })
    }
}

/// `XPENDING key group [[IDLE min-idle-time] start end count [consumer]]`
pub fn xpending(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let shown = if args.len() == 3 { None } else { Some(Shown::parse(args)?) };
    let (key, now) = (exec.key(args[1]), exec.now);
    let stream = collection::read::<Stream>(exec.stores, exec.db, &key, exec.now)?;
    let Some(group) = stream.and_then(|stream| stream.groups.get(args[2])) else {
        return Err(Error::Bytes(
            [b"NOGROUP No such key '", args[1], b"' or consumer group '", args[2], b"'"].concat(),
        ));
    };
    match shown {
        None => summary(group, &mut exec.reply),
        Some(shown) => show(group, &shown, now, &mut exec.reply),
    }
    Ok(())
}

fn summary(group: &Group, reply: &mut Reply<'_>) {
    let pending = group.pending();
    reply.array(4);
    reply.int(pending.len() as i64);
    match (pending.first_key_value(), pending.last_key_value()) {
        (Some((first, _)), Some((last, _))) => {
            write_id(reply, *first);
            write_id(reply, *last);
            let busy: Vec<_> = group.consumers().filter(|consumer| !consumer.pending.is_empty()).collect();
            reply.array(busy.len());
            for consumer in busy {
                reply.array(2);
                reply.bulk(&consumer.name);
                reply.bulk_int(consumer.pending.len() as i64);
            }
        }
        _ => {
            reply.null();
            reply.null();
            reply.null_array();
        }
    }
}

fn show(group: &Group, shown: &Shown<'_>, now: u64, reply: &mut Reply<'_>) {
    let (start, end) = shown.range;
    let owner = match shown.consumer {
        None => None,
        Some(name) => match group.find(name) {
            Some(number) => Some(number),
            None => return reply.array(0),
        },
    };
    let long_enough = |pending: &Pending| now.saturating_sub(pending.delivered) >= shown.idle;
    let found: Vec<(Id, Pending)> = if start > end {
        Vec::new()
    } else if let Some(owner) = owner {
        let ids = group.consumer(owner).pending.range(start..=end);
        let entries = ids.filter_map(|id| group.pending().get(id).map(|pending| (*id, *pending)));
        entries.filter(|(_, pending)| long_enough(pending)).take(shown.count).collect()
    } else {
        let entries = group.pending().range(start..=end).map(|(id, pending)| (*id, *pending));
        entries.filter(|(_, pending)| long_enough(pending)).take(shown.count).collect()
    };
    reply.array(found.len());
    for (id, pending) in found {
        reply.array(4);
        write_id(reply, id);
        reply.bulk(&group.consumer(pending.consumer).name);
        reply.int(now.saturating_sub(pending.delivered) as i64);
        reply.int(pending.count as i64);
    }
}

/// The group of a command that needs one.
pub fn group_of<'s>(stream: &'s mut Stream, args: &[&[u8]]) -> Result<&'s mut Group, Error> {
    stream.groups.get_mut(args[2]).ok_or_else(|| no_group(args[1], args[2]))
}

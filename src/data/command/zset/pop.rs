//! Taking the lowest or highest members: ZPOPMIN, ZPOPMAX, ZMPOP and the forms of them that wait.

use super::remove::remove_ranks;
use super::{Shape, current, write_pairs};
use crate::data::command::number::parse_i64;
use crate::data::command::timeout;
use crate::data::exec::{Block, Exec, TimeoutReply};
use crate::data::key::Key;
use crate::resp::{Error, Proto};

/// Which end of a sorted set.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Min,
    Max,
}

impl End {
    fn event(self) -> &'static str {
        match self {
            End::Min => "zpopmin",
            End::Max => "zpopmax",
        }
    }

    fn command(self) -> &'static [u8] {
        match self {
            End::Min => b"ZPOPMIN",
            End::Max => b"ZPOPMAX",
        }
    }
}

/// `ZPOPMIN key [count]`
pub fn zpopmin(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    pop_from_one(exec, args, End::Min)
}

/// `ZPOPMAX key [count]`
pub fn zpopmax(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    pop_from_one(exec, args, End::Max)
}

fn pop_from_one(exec: &mut Exec<'_>, args: &[&[u8]], end: End) -> Result<(), Error> {
    let count = match args[2..] {
        [] => None,
        [count] => {
            let count = parse_i64(count).and_then(|count| usize::try_from(count).ok());
            Some(count.ok_or(Error::new("ERR value is out of range, must be positive"))?)
        }
        _ => return Err(Error::Syntax),
    };
    let key = exec.key(args[1]);
    let length = current(exec.stores, exec.db, &key, exec.now)?.map_or(0, |zset| zset.len());
    let wanted = count.unwrap_or(1).min(length);
    if wanted == 0 {
        exec.reply.array(0);
        return Ok(());
    }
    let nested = count.is_some() && exec.reply.proto() == Proto::Resp3;
    pop(exec, &key, end, wanted, if nested { Shape::Nested } else { Shape::Flat })
}

/// `ZMPOP numkeys key [key ...] MIN | MAX [COUNT count]`
pub fn zmpop(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let asked = Asked::parse(&args[1..])?;
    if !pop_from_first(exec, &asked)? {
        exec.reply.null_array();
    }
    Ok(())
}

/// `BZMPOP timeout numkeys key [key ...] MIN | MAX [COUNT count]`
pub fn bzmpop(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let asked = Asked::parse(&args[2..])?;
    pop_or_wait(exec, &asked, args[1])
}

/// `BZPOPMIN key [key ...] timeout`
pub fn bzpopmin(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let (keys, timeout) = (&args[1..args.len() - 1], args[args.len() - 1]);
    pop_or_wait(exec, &Asked { keys, end: End::Min, count: None }, timeout)
}

/// `BZPOPMAX key [key ...] timeout`
pub fn bzpopmax(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let (keys, timeout) = (&args[1..args.len() - 1], args[args.len() - 1]);
    pop_or_wait(exec, &Asked { keys, end: End::Max, count: None }, timeout)
}

/// What is to be popped from the first of several keys that has something.
struct Asked<'a> {
    keys: &'a [&'a [u8]],
    end: End,
    /// `None`: one, and the reply is flat.
    count: Option<usize>,
}

impl<'a> Asked<'a> {
    /// Reads `numkeys key [key ...] MIN | MAX [COUNT count]`.
    fn parse(args: &'a [&'a [u8]]) -> Result<Asked<'a>, Error> {
        let keys = positive(args[0], "ERR numkeys should be greater than 0")?;
        let rest = args[1..].get(keys..).unwrap_or_default();
        let [end, options @ ..] = rest else { return Err(Error::Syntax) };
        let mut options: &[&[u8]] = options;
        let end = match end.to_ascii_lowercase().as_slice() {
            b"min" => End::Min,
            b"max" => End::Max,
            _ => return Err(Error::Syntax),
        };
        let mut count = None;
        while let [word, rest @ ..] = options {
            match rest {
                [number, rest @ ..] if count.is_none() && word.eq_ignore_ascii_case(b"COUNT") => {
                    count = Some(positive(number, "ERR count should be greater than 0")?);
                    options = rest;
                }
                _ => return Err(Error::Syntax),
            }
        }
        Ok(Asked { keys: &args[1..=keys], end, count: Some(count.unwrap_or(1)) })
    }
}

fn positive(text: &[u8], refusal: &'static str) -> Result<usize, Error> {
    let number = parse_i64(text).and_then(|number| usize::try_from(number).ok()).filter(|&number| number > 0);
    number.ok_or(Error::new(refusal))
}

/// Pops, or leaves the client waiting until it can or time is up.
fn pop_or_wait(exec: &mut Exec<'_>, asked: &Asked<'_>, timeout: &[u8]) -> Result<(), Error> {
    let deadline = timeout::in_seconds(timeout, exec.now)?;
    if pop_from_first(exec, asked)? {
        return Ok(());
    }
    if exec.may_block {
        exec.block(Block::on(asked.keys, deadline, TimeoutReply::NullArray));
    } else {
        exec.reply.null_array();
    }
    Ok(())
}

/// Pops from the first key that has something; false: none has.
fn pop_from_first(exec: &mut Exec<'_>, asked: &Asked<'_>) -> Result<bool, Error> {
    for bytes in asked.keys.iter().filter(|key| exec.looks_at(key)).copied().collect::<Vec<_>>() {
        let key = exec.key(bytes);
        let length = match current(exec.stores, exec.db, &key, exec.now) {
            Ok(zset) => zset.map_or(0, |zset| zset.len()),
            // Who waits is not woken by another type.
            Err(_) if exec.woken.is_some() => 0,
            Err(error) => return Err(error),
        };
        if length == 0 {
            continue;
        }
        let wanted = asked.count.unwrap_or(1).min(length);
        if asked.count.is_some() {
            exec.reply.array(2);
            exec.reply.bulk(bytes);
            pop(exec, &key, asked.end, wanted, Shape::Nested)?;
            let mut digits = itoa::Buffer::new();
            exec.replicate_as(&[asked.end.command(), bytes, digits.format(wanted).as_bytes()]);
        } else {
            exec.reply.array(3);
            exec.reply.bulk(bytes);
            pop(exec, &key, asked.end, wanted, Shape::Items)?;
            exec.replicate_as(&[asked.end.command(), bytes]);
        }
        return Ok(true);
    }
    Ok(false)
}

/// Takes `count` elements, which are there, from one end of the sorted set at `key`, and replies with them.
fn pop(exec: &mut Exec<'_>, key: &Key<'_>, end: End, count: usize, shape: Shape) -> Result<(), Error> {
    let Some(zset) = current(exec.stores, exec.db, key, exec.now)? else { return Ok(()) };
    let ranks = match end {
        End::Min => 0..count,
        End::Max => zset.len() - count..zset.len(),
    };
    write_pairs(&mut exec.reply, shape, zset.range(ranks.clone(), end == End::Max));
    exec.changed(count as u64);
    remove_ranks(exec, key, ranks, end.event())
}

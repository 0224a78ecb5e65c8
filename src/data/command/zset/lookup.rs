//! Commands that ask for numbers: ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK, ZCOUNT, ZLEXCOUNT.

use super::bounds::Bounds;
use crate::data::command::collection::{missed, read};
use crate::data::exec::Exec;
use crate::data::types::zset::Zset;
use crate::resp::{Error, Reply};

/// `ZCARD key`
pub fn zcard(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let zset = read::<Zset>(exec.stores, exec.db, &key, exec.now)?;
    exec.reply.int(zset.map_or(0, |zset| zset.len() as i64));
    if zset.is_none() {
        missed(exec, &key);
    }
    Ok(())
}

/// `ZSCORE key member`
pub fn zscore(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let zset = read::<Zset>(exec.stores, exec.db, &key, exec.now)?;
    match zset.and_then(|zset| zset.score(args[2])) {
        Some(score) => exec.reply.double(score),
        None => exec.reply.null(),
    }
    if zset.is_none() {
        missed(exec, &key);
    }
    Ok(())
}

/// `ZMSCORE key member [member ...]`
pub fn zmscore(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    each_score(exec, args, |reply, score| match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    })
}

/// Replies an array: what `write` makes of the score of each member from the third argument on.
pub fn each_score(
    exec: &mut Exec<'_>,
    args: &[&[u8]],
    write: impl Fn(&mut Reply<'_>, Option<f64>),
) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let zset = read::<Zset>(exec.stores, exec.db, &key, exec.now)?;
    exec.reply.array(args.len() - 2);
    for member in &args[2..] {
        write(&mut exec.reply, zset.and_then(|zset| zset.score(member)));
    }
    if zset.is_none() {
        missed(exec, &key);
    }
    Ok(())
}

/// `ZRANK key member`
pub fn zrank(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    rank(exec, args, false)
}

/// `ZREVRANK key member`
pub fn zrevrank(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    rank(exec, args, true)
}

fn rank(exec: &mut Exec<'_>, args: &[&[u8]], reverse: bool) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let zset = read::<Zset>(exec.stores, exec.db, &key, exec.now)?;
    match zset.and_then(|zset| zset.rank(args[2]).map(|rank| if reverse { zset.len() - 1 - rank } else { rank })) {
        Some(rank) => exec.reply.int(rank as i64),
        None => exec.reply.null(),
    }
    if zset.is_none() {
        missed(exec, &key);
    }
    Ok(())
}

/// `ZCOUNT key min max`
pub fn zcount(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    count(exec, args, Bounds::scores(args[2], args[3])?)
}

/// `ZLEXCOUNT key min max`
pub fn zlexcount(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    count(exec, args, Bounds::members(args[2], args[3])?)
}

fn count(exec: &mut Exec<'_>, args: &[&[u8]], bounds: Bounds<'_>) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let zset = read::<Zset>(exec.stores, exec.db, &key, exec.now)?;
    exec.reply.int(zset.map_or(0, |zset| bounds.range(zset, false).len() as i64));
    if zset.is_none() {
        missed(exec, &key);
    }
    Ok(())
}

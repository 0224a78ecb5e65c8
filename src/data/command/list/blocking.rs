//! BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH: as the commands without B if there is something; otherwise they wait.
//!
//! A command that waited is run again for one key. That may hold another type by then, which is no error of its: it
//! goes on waiting, as in Redis.

use super::pop::{ManyPop, take_one};
use super::transfer::{Ends, transfer};
use super::{Done, exists, pop_name};
use crate::data::command::timeout;
use crate::data::exec::{Block, Exec, TimeoutReply};
use crate::data::key::Key;
use crate::data::types::list::End;
use crate::resp::Error;

/// `BLPOP key [key ...] timeout`
pub fn blpop(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    pop(exec, args, End::Head)
}

/// `BRPOP key [key ...] timeout`
pub fn brpop(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    pop(exec, args, End::Tail)
}

fn pop(exec: &mut Exec<'_>, args: &[&[u8]], end: End) -> Done {
    let keys = &args[1..args.len() - 1];
    let deadline = timeout::in_seconds(args[args.len() - 1], exec.now)?;
    match first_list(exec, keys)? {
        Some(key) => {
            exec.reply.array(2);
            exec.reply.bulk(key.bytes);
            take_one(exec, &key, end)?;
            exec.replicate_as(&[pop_name(end), key.bytes]);
        }
        None if exec.may_block => exec.block(Block::on(keys, deadline, TimeoutReply::NullArray)),
        None => exec.reply.null_array(),
    }
    Ok(())
}

/// `BLMPOP timeout numkeys key [key ...] LEFT|RIGHT [COUNT count]`
pub fn blmpop(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let many = ManyPop::parse(&args[2..])?;
    let deadline = timeout::in_seconds(args[1], exec.now)?;
    match first_list(exec, many.keys)? {
        Some(key) => drop(many.take(exec, &key)?),
        None if exec.may_block => exec.block(Block::on(many.keys, deadline, TimeoutReply::NullArray)),
        None => exec.reply.null_array(),
    }
    Ok(())
}

/// The first of the keys this run is for that holds a list.
fn first_list<'k>(exec: &mut Exec<'_>, keys: &[&'k [u8]]) -> Result<Option<Key<'k>>, Error> {
    for bytes in keys {
        let key = exec.key(bytes);
        if exec.looks_at(bytes) && is_there(exec, &key)? {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// Whether there is a list at `key`. That it holds something else is an error only for a command that did not wait.
fn is_there(exec: &mut Exec<'_>, key: &Key<'_>) -> Result<bool, Error> {
    match exists(exec, key) {
        Err(Error::WrongType) if exec.woken.is_some() => Ok(false),
        found => found,
    }
}

/// `BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout`
pub fn blmove(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let ends = Ends::parse(args[3], args[4])?;
    wait_and_transfer(exec, args, ends, &[b"LMOVE", args[1], args[2], args[3], args[4]])
}

/// `BRPOPLPUSH source destination timeout`
pub fn brpoplpush(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    wait_and_transfer(exec, args, Ends::RPOPLPUSH, &[b"RPOPLPUSH", args[1], args[2]])
}

fn wait_and_transfer(exec: &mut Exec<'_>, args: &[&[u8]], ends: Ends, replicated: &[&[u8]]) -> Done {
    let deadline = timeout::in_seconds(args[args.len() - 1], exec.now)?;
    let (source, target) = (exec.key(args[1]), exec.key(args[2]));
    if is_there(exec, &source)? {
        transfer(exec, &source, &target, ends)?;
        exec.replicate_as(replicated);
    } else if exec.may_block {
        exec.block(Block::on(&args[1..2], deadline, TimeoutReply::NullArray));
    } else {
        exec.reply.null();
    }
    Ok(())
}

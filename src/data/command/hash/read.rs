//! Reading hashes: HGET, HMGET, HGETALL, HKEYS, HVALS, HLEN, HSTRLEN and HEXISTS.

use crate::data::command::collection::{missed, read, write_entry};
use crate::data::exec::Exec;
use crate::data::types::hash::Hash;
use crate::data::types::listpack::Entry;
use crate::resp::{Error, Reply};

/// `HGET key field`
pub fn hget(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    match read::<Hash>(exec.stores, exec.db, &key, exec.now)? {
        Some(hash) => write_or_null(&mut exec.reply, hash.get(args[2])),
        None => {
            exec.reply.null();
            missed(exec, &key);
        }
    }
    Ok(())
}

/// `HMGET key field [field ...]`
pub fn hmget(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let hash = read::<Hash>(exec.stores, exec.db, &key, exec.now)?;
    let is_missing = hash.is_none();
    exec.reply.array(args.len() - 2);
    for field in &args[2..] {
        write_or_null(&mut exec.reply, hash.and_then(|hash| hash.get(field)));
    }
    if is_missing {
        missed(exec, &key);
    }
    Ok(())
}

/// `HGETALL key`
pub fn hgetall(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    match read::<Hash>(exec.stores, exec.db, &key, exec.now)? {
        Some(hash) => {
            exec.reply.map(hash.len());
            for (field, value) in hash.iter() {
                write_entry(&mut exec.reply, field);
                write_entry(&mut exec.reply, value);
            }
        }
        None => {
            exec.reply.map(0);
            missed(exec, &key);
        }
    }
    Ok(())
}

/// `HKEYS key`
pub fn hkeys(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    one_of_each_pair(exec, args[1], |(field, _)| field)
}

/// `HVALS key`
pub fn hvals(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    one_of_each_pair(exec, args[1], |(_, value)| value)
}

fn one_of_each_pair(
    exec: &mut Exec<'_>,
    key: &[u8],
    choose: for<'h> fn((Entry<'h>, Entry<'h>)) -> Entry<'h>,
) -> Result<(), Error> {
    let key = exec.key(key);
    match read::<Hash>(exec.stores, exec.db, &key, exec.now)? {
        Some(hash) => {
            exec.reply.array(hash.len());
            hash.iter().for_each(|pair| write_entry(&mut exec.reply, choose(pair)));
        }
        None => {
            exec.reply.array(0);
            missed(exec, &key);
        }
    }
    Ok(())
}

/// `HLEN key`
pub fn hlen(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    number_of(exec, args[1], Hash::len)
}

/// `HSTRLEN key field`
pub fn hstrlen(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    number_of(exec, args[1], |hash| hash.get(args[2]).map_or(0, Entry::text_len))
}

/// `HEXISTS key field`
pub fn hexists(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    number_of(exec, args[1], |hash| usize::from(hash.contains(args[2])))
}

/// Replies a number that a hash has, 0 for none.
fn number_of(exec: &mut Exec<'_>, key: &[u8], number: impl FnOnce(&Hash) -> usize) -> Result<(), Error> {
    let key = exec.key(key);
    let hash = read::<Hash>(exec.stores, exec.db, &key, exec.now)?;
    let is_missing = hash.is_none();
    exec.reply.int(hash.map_or(0, number) as i64);
    if is_missing {
        missed(exec, &key);
    }
    Ok(())
}

fn write_or_null(reply: &mut Reply<'_>, entry: Option<Entry<'_>>) {
    match entry {
        Some(entry) => write_entry(reply, entry),
        None => reply.null(),
    }
}

//! Single members: SADD, SREM, SMOVE, SISMEMBER, SMISMEMBER, SCARD, SMEMBERS.

use crate::base::notify::Class;
use crate::data::command::collection::{edit_or_create, missed, read, remove_emptied, write_entry};
use crate::data::exec::Exec;
use crate::data::key::Key;
use crate::data::types::set::Set;
use crate::resp::Error;

/// `SADD key member [member ...]`
pub fn sadd(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let added = insert(exec, &key, &args[2..])?;
    exec.changed(added);
    exec.reply.int(added as i64);
    Ok(())
}

/// Puts members in; returns how many were not in.
fn insert(exec: &mut Exec<'_>, key: &Key<'_>, members: &[&[u8]]) -> Result<u64, Error> {
    let forms = exec.forms();
    let added = edit_or_create(exec, key, |set: &mut Set| {
        let added = members.iter().filter(|member| set.insert(member, forms)).count() as u64;
        (added, added > 0)
    })?;
    if added > 0 {
        exec.notify(Class::SET, "sadd", key);
    }
    Ok(added)
}

/// `SREM key member [member ...]`
pub fn srem(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let removed = remove(exec, &key, &args[2..])?;
    exec.changed(removed);
    exec.reply.int(removed as i64);
    Ok(())
}

/// Takes members out, and deletes the set if none are left; returns how many were in.
fn remove(exec: &mut Exec<'_>, key: &Key<'_>, members: &[&[u8]]) -> Result<u64, Error> {
    let (db, now) = (exec.db, exec.now);
    let removed = exec.store(key.slot).edit(db, key, now, |set: &mut Set| {
        let removed = members.iter().filter(|member| set.remove(member)).count() as u64;
        ((removed, set.is_empty()), removed > 0)
    })?;
    let (removed, is_empty) = removed.unwrap_or((0, false));
    if removed > 0 {
        exec.notify(Class::SET, "srem", key);
    }
    if is_empty {
        remove_emptied(exec, key);
    }
    Ok(removed)
}

/// `SMOVE source destination member`
pub fn smove(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let (from, to, member) = (exec.key(args[1]), exec.key(args[2]), args[3]);
    let Some(is_in) = look(exec, &from, |set| set.contains(member))? else {
        exec.reply.int(0);
        return Ok(());
    };
    look(exec, &to, |_| ())?;
    exec.reply.int(i64::from(is_in));
    if is_in && from.bytes != to.bytes {
        remove(exec, &from, &[member])?;
        let added = insert(exec, &to, &[member])?;
        exec.changed(1 + added);
    }
    Ok(())
}

/// Looks at the set at `key` for a command that writes: neither a hit nor a miss.
fn look<R>(exec: &mut Exec<'_>, key: &Key<'_>, look: impl FnOnce(&Set) -> R) -> Result<Option<R>, Error> {
    let (db, now) = (exec.db, exec.now);
    Ok(exec.store(key.slot).edit(db, key, now, |set: &mut Set| (look(set), false))?)
}

/// `SISMEMBER key member`
pub fn sismember(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    number_of(exec, args[1], |set| usize::from(set.contains(args[2])))
}

/// `SCARD key`
pub fn scard(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    number_of(exec, args[1], Set::len)
}

/// Replies a number that a set has, 0 for none.
fn number_of(exec: &mut Exec<'_>, key: &[u8], number: impl FnOnce(&Set) -> usize) -> Result<(), Error> {
    let key = exec.key(key);
    let set = read::<Set>(exec.stores, exec.db, &key, exec.now)?;
    let is_missing = set.is_none();
    exec.reply.int(set.map_or(0, number) as i64);
    if is_missing {
        missed(exec, &key);
    }
    Ok(())
}

/// `SMISMEMBER key member [member ...]`
pub fn smismember(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let set = read::<Set>(exec.stores, exec.db, &key, exec.now)?;
    let is_missing = set.is_none();
    exec.reply.array(args.len() - 2);
    for member in &args[2..] {
        exec.reply.int(i64::from(set.is_some_and(|set| set.contains(member))));
    }
    if is_missing {
        missed(exec, &key);
    }
    Ok(())
}

/// `SMEMBERS key`
pub fn smembers(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    match read::<Set>(exec.stores, exec.db, &key, exec.now)? {
        Some(set) => {
            exec.reply.set(set.len());
            set.iter().for_each(|member| write_entry(&mut exec.reply, member));
        }
        None => {
            exec.reply.set(0);
            missed(exec, &key);
        }
    }
    Ok(())
}

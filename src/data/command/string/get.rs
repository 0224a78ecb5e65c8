//! GET, and the commands that read a string and change or remove it: GETSET, GETDEL, GETEX.

use super::set::reply_old_value;
use super::{missed, read, write};
use crate::base::notify::Class;
use crate::data::command::expiry_args::{Base, Expiry, deadline};
use crate::data::exec::Exec;
use crate::data::key::Key;
use crate::data::store::Deadline;
use crate::resp::Error;

/// `GET key`
pub fn get(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    reply_old_value(exec, &key)
}

/// `GETSET key value`
pub fn getset(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    reply_old_value(exec, &key)?;
    write(exec, &key, args[2], Deadline::Clear, "set");
    exec.replicate_as(&[b"SET", args[1], args[2]]);
    Ok(())
}

/// `GETDEL key`
pub fn getdel(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    reply_old_value(exec, &key)?;
    let command = if exec.settings.lazyfree_user_del { "UNLINK" } else { "DEL" };
    remove(exec, &key, command);
    Ok(())
}

/// `GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST]`
pub fn getex(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let expiry = getex_options(&args[2..])?;
    let key = exec.key(args[1]);
    let Some(value) = read(exec.stores, exec.db, &key, exec.now)? else {
        exec.reply.null();
        missed(exec, &key);
        return Ok(());
    };
    let until = match expiry {
        Expiry::At(number, unit, base) => Some((deadline(number, unit, base, exec.now, "getex")?, base)),
        _ => None,
    };
    exec.reply.bulk(value);
    match until {
        Some((until, Base::Epoch)) if until <= exec.now => remove(exec, &key, "DEL"),
        Some((until, _)) => live_until(exec, &key, until),
        None if expiry == Expiry::Persist => live_forever(exec, &key),
        None => {}
    }
    Ok(())
}

fn getex_options<'a>(mut options: &[&'a [u8]]) -> Result<Expiry<'a>, Error> {
    let mut expiry = Expiry::default();
    while !options.is_empty() {
        options = &options[expiry.read(options)?..];
    }
    match expiry {
        Expiry::Keep => Err(Error::Syntax),
        expiry => Ok(expiry),
    }
}

/// Removes `key` if it exists; replicates that as `command`.
fn remove(exec: &mut Exec<'_>, key: &Key<'_>, command: &str) {
    let (db, now) = (exec.db, exec.now);
    if exec.store(key.slot).remove(db, key, now) {
        exec.changed(1);
        exec.notify(Class::GENERIC, "del", key);
        exec.replicate_as(&[command.as_bytes(), key.bytes]);
    }
}

fn live_until(exec: &mut Exec<'_>, key: &Key<'_>, until: u64) {
    let (db, now) = (exec.db, exec.now);
    exec.store(key.slot).set_deadline(db, key, Some(until), now);
    exec.changed(1);
    exec.notify(Class::GENERIC, "expire", key);
    let mut digits = itoa::Buffer::new();
    exec.replicate_as(&[b"PEXPIREAT", key.bytes, digits.format(until).as_bytes()]);
}

fn live_forever(exec: &mut Exec<'_>, key: &Key<'_>) {
    let (db, now) = (exec.db, exec.now);
    let store = exec.store(key.slot);
    if store.peek(db, key, now).is_none_or(|entry| store.deadline(entry).is_none()) {
        return;
    }
    store.set_deadline(db, key, None, now);
    exec.changed(1);
    exec.notify(Class::GENERIC, "persist", key);
    exec.replicate_as(&[b"PERSIST", key.bytes]);
}

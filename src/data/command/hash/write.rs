//! Writing hashes: HSET, HSETNX, HMSET, HDEL, HINCRBY and HINCRBYFLOAT.

use crate::base::notify::Class;
use crate::data::command::collection::{edit_or_create, remove_emptied};
use crate::data::command::number::{LongDouble, parse_i64};
use crate::data::exec::Exec;
use crate::data::types::hash::Hash;
use crate::resp::Error;

/// `HSET key field value [field value ...]`
pub fn hset(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let created = set_all(exec, args, "hset")?;
    exec.reply.int(created);
    Ok(())
}

/// `HMSET key field value [field value ...]`
pub fn hmset(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    set_all(exec, args, "hmset")?;
    exec.reply.ok();
    Ok(())
}

/// How many fields were new.
fn set_all(exec: &mut Exec<'_>, args: &[&[u8]], name: &'static str) -> Result<i64, Error> {
    if args.len() % 2 == 1 {
        return Err(Error::Arity(name.into()));
    }
    let (key, forms) = (exec.key(args[1]), exec.forms());
    let pairs = args[2..].chunks_exact(2);
    let created = edit_or_create(exec, &key, |hash: &mut Hash| {
        let created = pairs.map(|pair| i64::from(hash.set(pair[0], pair[1], forms))).sum();
        (created, true)
    })?;
    exec.notify(Class::HASH, "hset", &key);
    exec.changed((args.len() as u64 - 2) / 2);
    Ok(created)
}

/// `HSETNX key field value`
pub fn hsetnx(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let (key, forms) = (exec.key(args[1]), exec.forms());
    let is_new = edit_or_create(exec, &key, |hash: &mut Hash| {
        let is_new = !hash.contains(args[2]);
        if is_new {
            hash.set(args[2], args[3], forms);
        }
        (is_new, is_new)
    })?;
    if is_new {
        exec.notify(Class::HASH, "hset", &key);
        exec.changed(1);
    }
    exec.reply.int(i64::from(is_new));
    Ok(())
}

/// `HDEL key field [field ...]`
pub fn hdel(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let (db, now) = (exec.db, exec.now);
    let removed = exec.store(key.slot).edit(db, &key, now, |hash: &mut Hash| {
        let removed = args[2..].iter().filter(|field| hash.remove(field)).count() as u64;
        ((removed, hash.is_empty()), removed > 0)
    })?;
    let (removed, is_empty) = removed.unwrap_or((0, false));
    if removed > 0 {
        exec.notify(Class::HASH, "hdel", &key);
        exec.changed(removed);
    }
    if is_empty {
        remove_emptied(exec, &key);
    }
    exec.reply.int(removed as i64);
    Ok(())
}

/// `HINCRBY key field increment`
pub fn hincrby(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let increment = parse_i64(args[3]).ok_or(Error::NotAnInteger)?;
    let (key, forms) = (exec.key(args[1]), exec.forms());
    let sum = edit_or_create(exec, &key, |hash: &mut Hash| {
        let old = match hash.get(args[2]) {
            Some(value) => value.as_int().ok_or_else(|| Error::new("ERR hash value is not an integer")),
            None => Ok(0),
        };
        let sum = old.and_then(|old| old.checked_add(increment).ok_or(Error::Overflow));
        if let Ok(sum) = sum {
            hash.set(args[2], itoa::Buffer::new().format(sum).as_bytes(), forms);
        }
        let changed = sum.is_ok();
        (sum, changed)
    })??;
    exec.notify(Class::HASH, "hincrby", &key);
    exec.changed(1);
    exec.reply.int(sum);
    Ok(())
}

/// `HINCRBYFLOAT key field increment`
pub fn hincrbyfloat(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let increment = LongDouble::parse(args[3]).ok_or(Error::NotAFloat)?;
    if matches!(increment, LongDouble::Infinite { .. }) {
        return Err(Error::new("ERR value is NaN or Infinity"));
    }
    let (key, forms) = (exec.key(args[1]), exec.forms());
    let text = edit_or_create(exec, &key, |hash: &mut Hash| {
        let sum = sum_with(hash, args[2], increment);
        if let Ok(text) = &sum {
            hash.set(args[2], text, forms);
        }
        let changed = sum.is_ok();
        (sum, changed)
    })??;
    exec.notify(Class::HASH, "hincrbyfloat", &key);
    exec.changed(1);
    // By its result, so that no difference in arithmetic can part a replica from us.
    exec.replicate_as(&[b"HSET", args[1], args[2], &text]);
    exec.reply.bulk(&text);
    Ok(())
}

/// The text of a field's value and `increment` together.
fn sum_with(hash: &Hash, field: &[u8], increment: LongDouble) -> Result<Vec<u8>, Error> {
    let old = match hash.get(field) {
        Some(value) => LongDouble::parse(value.text(&mut itoa::Buffer::new()))
            .ok_or_else(|| Error::new("ERR hash value is not a float"))?,
        None => LongDouble::ZERO,
    };
    let sum = old.checked_add(increment);
    Ok(sum.ok_or_else(|| Error::new("ERR increment would produce NaN or Infinity"))?.write().to_vec())
}

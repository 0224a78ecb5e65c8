//! Counters: INCR, INCRBY, DECR, DECRBY and INCRBYFLOAT.

use super::{current, write};
use crate::data::command::number::{LongDouble, parse_i64};
use crate::data::exec::Exec;
use crate::data::store::Deadline;
use crate::resp::Error;

/// `INCR key`
pub fn incr(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    add(exec, args[1], 1)
}

/// `DECR key`
pub fn decr(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    add(exec, args[1], -1)
}

/// `INCRBY key increment`
pub fn incrby(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    add(exec, args[1], parse_i64(args[2]).ok_or(Error::NotAnInteger)?)
}

/// `DECRBY key decrement`
pub fn decrby(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let decrement = parse_i64(args[2]).ok_or(Error::NotAnInteger)?;
    add(exec, args[1], decrement.checked_neg().ok_or_else(|| Error::new("ERR decrement would overflow"))?)
}

fn add(exec: &mut Exec<'_>, key: &[u8], increment: i64) -> Result<(), Error> {
    let key = exec.key(key);
    let value = match current(exec.stores, exec.db, &key, exec.now)? {
        Some(text) => parse_i64(text).ok_or(Error::NotAnInteger)?,
        None => 0,
    };
    let value = value.checked_add(increment).ok_or(Error::Overflow)?;
    let mut digits = itoa::Buffer::new();
    write(exec, &key, digits.format(value).as_bytes(), Deadline::Keep, "incrby");
    exec.reply.int(value);
    Ok(())
}

/// `INCRBYFLOAT key increment`
pub fn incrbyfloat(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let value = match current(exec.stores, exec.db, &key, exec.now)? {
        Some(text) => LongDouble::parse(text).ok_or(Error::NotAFloat)?,
        None => LongDouble::ZERO,
    };
    let increment = LongDouble::parse(args[2]).ok_or(Error::NotAFloat)?;
    let sum = value.checked_add(increment);
    let text = sum.ok_or_else(|| Error::new("ERR increment would produce NaN or Infinity"))?.write();
    write(exec, &key, &text, Deadline::Keep, "incrbyfloat");
    // By its result, so that no difference in arithmetic can part a replica from us.
    exec.replicate_as(&[b"SET", args[1], &text, b"KEEPTTL"]);
    exec.reply.bulk(&text);
    Ok(())
}

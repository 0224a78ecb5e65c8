//! LSET, LINSERT, LREM, LTRIM.

use super::read::range;
use super::{Done, delete, edit, find, limits, list_in};
use crate::base::notify::Class;
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::data::store::Object;
use crate::data::types::list::End;
use crate::resp::Error;

/// `LSET key index element`
pub fn lset(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let key = exec.key(args[1]);
    let handle = find(exec, &key)?.ok_or(Error::NoSuchKey)?;
    let index = parse_i64(args[2]).ok_or(Error::NotAnInteger)?;
    let length = list_in(exec.store(key.slot), handle)?.len() as i64;
    if !(-length..length).contains(&index) {
        return Err(Error::IndexOutOfRange);
    }
    let limits = limits(exec, &key);
    edit(exec, &key, handle, |list| list.set(index, args[3], &limits));
    exec.changed(1);
    exec.notify(Class::LIST, "lset", &key);
    exec.reply.ok();
    Ok(())
}

/// `LINSERT key BEFORE|AFTER pivot element`
pub fn linsert(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let behind = match args[2] {
        word if word.eq_ignore_ascii_case(b"after") => 1,
        word if word.eq_ignore_ascii_case(b"before") => 0,
        _ => return Err(Error::Syntax),
    };
    let key = exec.key(args[1]);
    let Some(handle) = find(exec, &key)? else {
        exec.reply.int(0);
        return Ok(());
    };
    let pivot = list_in(exec.store(key.slot), handle)?.iter(0).position(|element| element.is(args[3]));
    let Some(pivot) = pivot else {
        exec.reply.int(-1);
        return Ok(());
    };
    let limits = limits(exec, &key);
    let length = edit(exec, &key, handle, |list| {
        list.insert(pivot + behind, args[4], &limits);
        list.len()
    });
    exec.changed(1);
    exec.notify(Class::LIST, "linsert", &key);
    exec.reply.int(length.unwrap_or(0) as i64);
    Ok(())
}

/// `LREM key count element`: from the tail if `count` is below zero, all if it is zero.
pub fn lrem(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let count = parse_i64(args[2]).ok_or(Error::NotAnInteger)?;
    let key = exec.key(args[1]);
    let Some(handle) = find(exec, &key)? else {
        exec.reply.int(0);
        return Ok(());
    };
    if !list_in(exec.store(key.slot), handle)?.iter(0).any(|element| element.is(args[3])) {
        // Nothing changes, also for those who watch the key.
        exec.reply.int(0);
        return Ok(());
    }
    let from = if count < 0 { End::Tail } else { End::Head };
    let limit = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
    let (removed, left) =
        edit(exec, &key, handle, |list| (list.delete_equal(from, args[3], limit), list.len())).unwrap_or_default();
    exec.changed(removed as u64);
    exec.notify(Class::LIST, "lrem", &key);
    if left == 0 {
        delete(exec, &key);
    }
    exec.reply.int(removed as i64);
    Ok(())
}

/// `LTRIM key start stop`
pub fn ltrim(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let start = parse_i64(args[2]).ok_or(Error::NotAnInteger)?;
    let stop = parse_i64(args[3]).ok_or(Error::NotAnInteger)?;
    let key = exec.key(args[1]);
    let Some(handle) = find(exec, &key)? else {
        exec.reply.ok();
        return Ok(());
    };
    let length = list_in(exec.store(key.slot), handle)?.len();
    let (first, count) = range(start, stop, length);
    let dead = edit(exec, &key, handle, |list| [list.delete(first + count, length), list.delete(0, first)]);
    for list in dead.into_iter().flatten() {
        exec.store(key.slot).bury(Object::List(list));
    }
    exec.changed((length - count) as u64);
    exec.notify(Class::LIST, "ltrim", &key);
    if count == 0 {
        delete(exec, &key);
    }
    exec.reply.ok();
    Ok(())
}

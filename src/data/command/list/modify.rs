//! LSET, LINSERT, LREM, LTRIM.

use super::read::range;
use super::{Done, edit, limits};
use crate::base::notify::Class;
use crate::data::command::collection::remove_emptied;
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::data::store::Object;
use crate::data::types::list::End;
use crate::resp::Error;

/// `LSET key index element`
pub fn lset(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let key = exec.key(args[1]);
    let limits = limits(exec, &key);
    let index = parse_i64(args[2]).ok_or(Error::NotAnInteger);
    let set = edit(exec, &key, |list, _| {
        let set = index.map(|index| list.set(index, args[3], &limits));
        let changed = matches!(set, Ok(true));
        (set, changed)
    })?;
    if !set.ok_or(Error::NoSuchKey)?? {
        return Err(Error::IndexOutOfRange);
    }
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
    let limits = limits(exec, &key);
    let length = edit(exec, &key, |list, _| {
        let Some(pivot) = list.find(args[3]) else { return (-1, false) };
        list.insert(pivot + behind, args[4], &limits);
        (list.len() as i64, true)
    })?
    .unwrap_or(0);
    if length > 0 {
        exec.changed(1);
        exec.notify(Class::LIST, "linsert", &key);
    }
    exec.reply.int(length);
    Ok(())
}

/// `LREM key count element`: from the tail if `count` is below zero, all if it is zero.
pub fn lrem(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let count = parse_i64(args[2]).ok_or(Error::NotAnInteger)?;
    let key = exec.key(args[1]);
    let from = if count < 0 { End::Tail } else { End::Head };
    let limit = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
    let (removed, left) = edit(exec, &key, |list, _| {
        let removed = list.delete_equal(from, args[3], limit);
        ((removed, list.len()), removed > 0)
    })?
    .unwrap_or_default();
    if removed > 0 {
        exec.changed(removed as u64);
        exec.notify(Class::LIST, "lrem", &key);
        if left == 0 {
            remove_emptied(exec, &key);
        }
    }
    exec.reply.int(removed as i64);
    Ok(())
}

/// `LTRIM key start stop`
pub fn ltrim(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let start = parse_i64(args[2]).ok_or(Error::NotAnInteger)?;
    let stop = parse_i64(args[3]).ok_or(Error::NotAnInteger)?;
    let key = exec.key(args[1]);
    let trimmed = edit(exec, &key, |list, _| {
        let length = list.len();
        let (first, count) = range(start, stop, length);
        let dead = [list.delete(first + count, length), list.delete(0, first)];
        ((length - count, count, dead), true)
    })?;
    if let Some((deleted, left, dead)) = trimmed {
        dead.into_iter().for_each(|list| exec.store(key.slot).bury(Object::List(list)));
        exec.changed(deleted as u64);
        exec.notify(Class::LIST, "ltrim", &key);
        if left == 0 {
            remove_emptied(exec, &key);
        }
    }
    exec.reply.ok();
    Ok(())
}

//! Parts of strings: APPEND, STRLEN, GETRANGE (and its old name SUBSTR), SETRANGE.

use super::{announce_new, current, missed, read, write};
use crate::base::notify::Class;
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::data::store::Deadline;
use crate::resp::Error;

/// `APPEND key value`
pub fn append(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let tail = args[2];
    let Some(length) = current(exec.stores, exec.db, &key, exec.now)?.map(<[u8]>::len) else {
        // As SET: a number appended to nothing is stored as a number.
        write(exec, &key, tail, Deadline::Clear, "append");
        exec.reply.int(tail.len() as i64);
        return Ok(());
    };
    check_length(exec, length, tail.len())?;
    let (db, now) = (exec.db, exec.now);
    let length = exec.store(key.slot).append(db, &key, tail, now);
    exec.changed(1);
    exec.notify(Class::STRING, "append", &key);
    exec.reply.int(length as i64);
    Ok(())
}

/// `STRLEN key`
pub fn strlen(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let value = read(exec.stores, exec.db, &key, exec.now)?;
    exec.reply.int(value.map_or(0, <[u8]>::len) as i64);
    if value.is_none() {
        missed(exec, &key);
    }
    Ok(())
}

/// `GETRANGE key start end`
pub fn getrange(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let start = parse_i64(args[2]).ok_or(Error::NotAnInteger)?;
    let end = parse_i64(args[3]).ok_or(Error::NotAnInteger)?;
    let key = exec.key(args[1]);
    match read(exec.stores, exec.db, &key, exec.now)? {
        Some(value) => exec.reply.bulk(slice(value, start, end)),
        None => {
            exec.reply.bulk(b"");
            missed(exec, &key);
        }
    }
    Ok(())
}

/// The bytes from `start` to `end`, both included; below zero they count from the end. Out of range is cut off.
fn slice(value: &[u8], start: i64, end: i64) -> &[u8] {
    let length = value.len() as i64;
    if start < 0 && end < 0 && start > end {
        return b"";
    }
    let from_front = |index: i64| if index < 0 { (length + index).max(0) } else { index };
    let (start, end) = (from_front(start), from_front(end).min(length - 1));
    if start > end { b"" } else { &value[start as usize..=end as usize] }
}

/// `SETRANGE key offset value`
pub fn setrange(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let offset = parse_i64(args[2]).ok_or(Error::NotAnInteger)?;
    let offset = usize::try_from(offset).map_err(|_| Error::OffsetOutOfRange)?;
    let part = args[3];
    let key = exec.key(args[1]);
    let length = current(exec.stores, exec.db, &key, exec.now)?.map_or(0, <[u8]>::len);
    if part.is_empty() {
        exec.reply.int(length as i64);
        return Ok(());
    }
    check_length(exec, offset, part.len())?;
    announce_new(exec, &key);
    let (db, now) = (exec.db, exec.now);
    let length = exec.store(key.slot).set_range(db, &key, offset, part, now);
    exec.changed(1);
    exec.notify(Class::STRING, "setrange", &key);
    exec.reply.int(length as i64);
    Ok(())
}

/// Refuses a string of `length + more` bytes when no client could ever be sent it.
fn check_length(exec: &Exec<'_>, length: usize, more: usize) -> Result<(), Error> {
    match (length as u64).checked_add(more as u64) {
        Some(total) if total <= exec.settings.proto_max_bulk_len => Ok(()),
        _ => Err(Error::StringTooLong),
    }
}

#[cfg(test)]
mod tests {
    use super::slice;
    use proptest::prelude::*;

    #[test]
    fn the_borders_of_64_bits_are_cut_off() {
        assert_eq!(slice(b"abc", i64::MIN, i64::MAX), b"abc");
        assert_eq!(slice(b"abc", i64::MAX, i64::MIN), b"");
        assert_eq!(slice(b"abc", i64::MIN, i64::MIN), b"a"); // as Redis: both are cut to the first byte
        assert_eq!(slice(b"abc", i64::MAX, i64::MAX), b"");
        assert_eq!(slice(b"", 0, -1), b"");
    }

    proptest! {
        #[test]
        fn any_range_is_a_part(value: Vec<u8>, start: i64, end: i64) {
            prop_assert!(slice(&value, start, end).len() <= value.len());
        }

        #[test]
        fn a_range_inside_is_what_it_says(value in prop::collection::vec(any::<u8>(), 1..50), at in 0usize..50, more in 0usize..50) {
            let start = at % value.len();
            let end = (start + more).min(value.len() - 1);
            let length = value.len() as i64;
            prop_assert_eq!(slice(&value, start as i64, end as i64), &value[start..=end]);
            prop_assert_eq!(slice(&value, start as i64 - length, end as i64 - length), &value[start..=end]);
        }
    }
}

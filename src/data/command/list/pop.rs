//! LPOP, RPOP, LMPOP.

use super::read::{not_negative, write};
use super::{Done, edit, exists, parse_end, pop_name, popped};
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::data::key::Key;
use crate::data::store::Object;
use crate::data::types::list::End;
use crate::resp::Error;

/// `LPOP key [count]`
pub fn lpop(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    pop(exec, args, End::Head, "lpop")
}

/// `RPOP key [count]`
pub fn rpop(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    pop(exec, args, End::Tail, "rpop")
}

fn pop(exec: &mut Exec<'_>, args: &[&[u8]], end: End, name: &'static str) -> Done {
    let count = match args {
        [_, _] => None,
        [_, _, count] => Some(not_negative(count, "ERR value is out of range, must be positive")?),
        _ => return Err(Error::Arity(name.into())),
    };
    let key = exec.key(args[1]);
    match count {
        None if take_one(exec, &key, end)? => {}
        None => exec.reply.null(),
        Some(0) if exists(exec, &key)? => exec.reply.array(0),
        Some(count) if take_some(exec, &key, end, count)?.is_some() => {}
        Some(_) => exec.reply.null_array(),
    }
    Ok(())
}

/// Pops one element and writes it; false: there is none.
pub(super) fn take_one(exec: &mut Exec<'_>, key: &Key<'_>, end: End) -> Result<bool, Error> {
    let left = edit(exec, key, |list, reply| {
        list.pop(end, |element| write(reply, element));
        (list.len(), true)
    })?;
    if let Some(left) = left {
        popped(exec, key, end, left);
        exec.changed(1);
    }
    Ok(left.is_some())
}

/// Pops up to `count` elements and writes them as an array; returns how many they were. None: there are none.
pub(super) fn take_some(exec: &mut Exec<'_>, key: &Key<'_>, end: End, count: u64) -> Result<Option<usize>, Error> {
    let taken = edit(exec, key, |list, reply| {
        let length = list.len();
        let count = length.min(usize::try_from(count).unwrap_or(usize::MAX));
        reply.array(count);
        let dead = match end {
            End::Head => {
                list.each(end, 0..count, |element| write(reply, element));
                list.delete(0, count)
            }
            End::Tail => {
                list.each(end, 0..count, |element| write(reply, element));
                list.delete(length - count, count)
            }
        };
        ((count, list.len(), dead), true)
    })?;
    let Some((taken, left, dead)) = taken else { return Ok(None) };
    exec.store(key.slot).bury(Object::List(dead));
    popped(exec, key, end, left);
    exec.changed(taken as u64);
    Ok(Some(taken))
}

/// What LMPOP and BLMPOP are asked for.
pub(super) struct ManyPop<'a> {
    pub keys: &'a [&'a [u8]],
    pub end: End,
    pub count: u64,
}

impl<'a> ManyPop<'a> {
    /// `numkeys key [key ...] LEFT|RIGHT [COUNT count]`
    pub fn parse(args: &'a [&'a [u8]]) -> Result<ManyPop<'a>, Error> {
        let at_least_one = |text: &[u8], error| match parse_i64(text) {
            Some(number @ 1..) => Ok(number as u64),
            _ => Err(Error::new(error)),
        };
        let number = at_least_one(args[0], "ERR numkeys should be greater than 0")?;
        let keys = usize::try_from(number).ok().and_then(|number| args.get(1..1 + number)).ok_or(Error::Syntax)?;
        let (word, mut options) = args[1 + keys.len()..].split_first().ok_or(Error::Syntax)?;
        let end = parse_end(word)?;
        let mut count = None;
        while let [option, value, rest @ ..] = options
            && count.is_none()
            && option.eq_ignore_ascii_case(b"count")
        {
            count = Some(at_least_one(value, "ERR count should be greater than 0")?);
            options = rest;
        }
        if options.is_empty() { Ok(ManyPop { keys, end, count: count.unwrap_or(1) }) } else { Err(Error::Syntax) }
    }

    /// Pops from `key`, and writes it and the elements; false: there are none.
    pub fn take(&self, exec: &mut Exec<'_>, key: &Key<'_>) -> Result<bool, Error> {
        let start = exec.reply.position();
        exec.reply.array(2);
        exec.reply.bulk(key.bytes);
        let Some(taken) = take_some(exec, key, self.end, self.count)? else {
            exec.reply.truncate(start);
            return Ok(false);
        };
        exec.replicate_as(&[pop_name(self.end), key.bytes, itoa::Buffer::new().format(taken).as_bytes()]);
        Ok(true)
    }
}

/// `LMPOP numkeys key [key ...] LEFT|RIGHT [COUNT count]`
pub fn lmpop(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let many = ManyPop::parse(&args[1..])?;
    for bytes in many.keys {
        let key = exec.key(bytes);
        if many.take(exec, &key)? {
            return Ok(());
        }
    }
    exec.reply.null_array();
    Ok(())
}

//! LPOP, RPOP, LMPOP.

use super::read::{not_negative, write};
use super::{Done, as_list, find, parse_end, pop_name, popped};
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::data::key::Key;
use crate::data::store::{Handle, Object};
use crate::data::types::list::{End, List};
use crate::resp::{Error, Reply};

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
    match (find(exec, &key)?, count) {
        (None, None) => exec.reply.null(),
        (None, Some(_)) => exec.reply.null_array(),
        (Some(_), Some(0)) => exec.reply.array(0),
        (Some(handle), None) => take_one(exec, &key, handle, end),
        (Some(handle), Some(count)) => drop(take_some(exec, &key, handle, end, count)),
    }
    Ok(())
}

/// Pops one element and writes it.
pub(super) fn take_one(exec: &mut Exec<'_>, key: &Key<'_>, handle: Handle, end: End) {
    let left = change(exec, key, handle, |list, reply| {
        list.pop(end, |element| write(reply, element));
        list.len()
    });
    popped(exec, key, end, left);
    exec.changed(1);
}

/// Pops up to `count` elements and writes them as an array; returns how many.
pub(super) fn take_some(exec: &mut Exec<'_>, key: &Key<'_>, handle: Handle, end: End, count: u64) -> usize {
    let (taken, left, dead) = change(exec, key, handle, |list, reply| {
        let length = list.len();
        let count = length.min(usize::try_from(count).unwrap_or(usize::MAX));
        reply.array(count);
        let dead = match end {
            End::Head => {
                list.iter(0).take(count).for_each(|element| write(reply, element));
                list.delete(0, count)
            }
            End::Tail => {
                list.iter_back(0).take(count).for_each(|element| write(reply, element));
                list.delete(length - count, count)
            }
        };
        (count, list.len(), dead)
    });
    exec.store(key.slot).bury(Object::List(dead));
    popped(exec, key, end, left);
    exec.changed(taken as u64);
    taken
}

/// Changes the list of an entry that was just found, and writes a reply meanwhile.
fn change<R: Default>(
    exec: &mut Exec<'_>,
    key: &Key<'_>,
    handle: Handle,
    change: impl FnOnce(&mut List, &mut Reply<'_>) -> R,
) -> R {
    let (db, now, reply) = (exec.db, exec.now, &mut exec.reply);
    let store = exec.stores.of(key.slot);
    let result = store.edit(db, key, handle, now, |object| as_list(object).map(|list| change(list, reply)));
    result.flatten().unwrap_or_default()
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

    /// Pops from `key`, whose list is in the entry `handle`, and writes the key and the elements.
    pub fn take(&self, exec: &mut Exec<'_>, key: &Key<'_>, handle: Handle) {
        exec.reply.array(2);
        exec.reply.bulk(key.bytes);
        let taken = take_some(exec, key, handle, self.end, self.count);
        exec.replicate_as(&[pop_name(self.end), key.bytes, itoa::Buffer::new().format(taken).as_bytes()]);
    }
}

/// `LMPOP numkeys key [key ...] LEFT|RIGHT [COUNT count]`
pub fn lmpop(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let many = ManyPop::parse(&args[1..])?;
    for bytes in many.keys {
        let key = exec.key(bytes);
        if let Some(handle) = find(exec, &key)? {
            many.take(exec, &key, handle);
            return Ok(());
        }
    }
    exec.reply.null_array();
    Ok(())
}

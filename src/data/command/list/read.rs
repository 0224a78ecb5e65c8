//! LLEN, LINDEX, LRANGE, LPOS.

use super::Done;
use crate::data::command::collection::{missed, read};
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::data::key::Key;
use crate::data::types::list::{End, List};
use crate::data::types::listpack::Entry;
use crate::resp::{Error, Reply};
use std::ops::ControlFlow;

/// Writes an element as a byte string.
pub(super) fn write(reply: &mut Reply<'_>, element: Entry<'_>) {
    match element {
        Entry::Bytes(bytes) => reply.bulk(bytes),
        Entry::Int(value) => reply.bulk_int(value),
    }
}

/// Answers from the list at `key`, or if there is none in its own way.
fn answer(
    exec: &mut Exec<'_>,
    key: &Key<'_>,
    absent: impl FnOnce(&mut Reply<'_>),
    answer: impl FnOnce(&List, &mut Reply<'_>) -> Done,
) -> Done {
    match read::<List>(exec.stores, exec.db, key, exec.now)? {
        Some(list) => answer(list, &mut exec.reply),
        None => {
            absent(&mut exec.reply);
            missed(exec, key);
            Ok(())
        }
    }
}

/// `LLEN key`
pub fn llen(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let key = exec.key(args[1]);
    answer(
        exec,
        &key,
        |reply| reply.int(0),
        |list, reply| {
            reply.int(list.len() as i64);
            Ok(())
        },
    )
}

/// `LINDEX key index`
pub fn lindex(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let key = exec.key(args[1]);
    answer(
        exec,
        &key,
        |reply| reply.null(),
        |list, reply| {
            let index = parse_i64(args[2]).ok_or(Error::NotAnInteger)?;
            if list.get(index, |element| write(reply, element)).is_none() {
                reply.null();
            }
            Ok(())
        },
    )
}

/// `LRANGE key start stop`
pub fn lrange(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let start = parse_i64(args[2]).ok_or(Error::NotAnInteger)?;
    let stop = parse_i64(args[3]).ok_or(Error::NotAnInteger)?;
    let key = exec.key(args[1]);
    answer(
        exec,
        &key,
        |reply| reply.array(0),
        |list, reply| {
            let (start, count) = range(start, stop, list.len());
            reply.array(count);
            list.each(End::Head, start..start + count, |element| write(reply, element));
            Ok(())
        },
    )
}

/// `LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]`
pub fn lpos(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let search = Search::parse(&args[3..])?;
    let key = exec.key(args[1]);
    let several = search.count.is_some();
    let absent = |reply: &mut Reply<'_>| if several { reply.array(0) } else { reply.null() };
    answer(exec, &key, absent, |list, reply| {
        let found = search.run(list, args[2]);
        match found.first() {
            _ if several => {
                reply.array(found.len());
                found.into_iter().for_each(|index| reply.int(index as i64));
            }
            Some(index) => reply.int(*index as i64),
            None => reply.null(),
        }
        Ok(())
    })
}

/// The indexes from `start` to `stop`, both included, of a list of `length`: the first, and how many.
pub(super) fn range(start: i64, stop: i64, length: usize) -> (usize, usize) {
    let length = length as i64;
    let from_end = |index: i64| if index < 0 { index.saturating_add(length) } else { index };
    let (start, stop) = (from_end(start).max(0), from_end(stop).min(length - 1));
    if start > stop { (0, 0) } else { (start as usize, (stop - start + 1) as usize) }
}

/// What LPOS looks for.
struct Search {
    /// How many matches to pass; from the end if `backwards`.
    pass: u64,
    backwards: bool,
    /// How many to tell of; 0: all.
    count: Option<u64>,
    /// How many elements to look at; 0: all.
    elements: u64,
}

impl Search {
    fn parse(mut options: &[&[u8]]) -> Result<Search, Error> {
        let mut search = Search { pass: 0, backwards: false, count: None, elements: 0 };
        while let [option, value, rest @ ..] = options {
            if option.eq_ignore_ascii_case(b"rank") {
                let rank = parse_i64(value).ok_or(Error::NotAnInteger)?;
                if rank == 0 {
                    return Err(Error::new(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
                    ));
                }
                if rank == i64::MIN {
                    return Err(Error::new(
                        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
                    ));
                }
                search.backwards = rank < 0;
                search.pass = rank.unsigned_abs() - 1;
            } else if option.eq_ignore_ascii_case(b"count") {
                search.count = Some(not_negative(value, "ERR COUNT can't be negative")?);
            } else if option.eq_ignore_ascii_case(b"maxlen") {
                search.elements = not_negative(value, "ERR MAXLEN can't be negative")?;
            } else {
                return Err(Error::Syntax);
            }
            options = rest;
        }
        if options.is_empty() { Ok(search) } else { Err(Error::Syntax) }
    }

    /// The indexes of the matches, in the order in which they are found.
    fn run(&self, list: &List, text: &[u8]) -> Vec<usize> {
        let look_at = if self.elements == 0 { usize::MAX } else { self.elements as usize };
        let tell = match self.count {
            None => 1,
            Some(0) => usize::MAX,
            Some(count) => count as usize,
        };
        // Reading the text as a number once spares doing so for each element that is one.
        let number = parse_i64(text);
        let matches = |element: Entry<'_>| match element {
            Entry::Int(value) => number == Some(value),
            Entry::Bytes(bytes) => bytes == text,
        };
        let from = if self.backwards { End::Tail } else { End::Head };
        let (mut looked_at, mut pass, mut found) = (0, self.pass, Vec::new());
        list.each_until(from, 0, |element| {
            if matches(element) && pass > 0 {
                pass -= 1;
            } else if matches(element) {
                found.push(if self.backwards { list.len() - 1 - looked_at } else { looked_at });
            }
            looked_at += 1;
            if looked_at < look_at && found.len() < tell { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        found
    }
}

/// A number that is not below zero, or this error.
pub(super) fn not_negative(text: &[u8], error: &'static str) -> Result<u64, Error> {
    parse_i64(text).and_then(|number| u64::try_from(number).ok()).ok_or(Error::new(error))
}

//! MEMORY, as far as it asks about a key.

use super::help;
use super::number::parse_i64;
use crate::data::exec::{Exec, Handler};
use crate::resp::Error;

/// The handlers by lower-case name.
pub const HANDLERS: &[(&str, Handler)] = &[("memory|help", help), ("memory|usage", usage)];

/// `MEMORY USAGE key [SAMPLES count]`: bytes of the key, its value and their share of the tables.
///
/// SAMPLES is checked and has no effect: a value here knows its own size, so nothing is estimated.
fn usage(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let mut options = &args[3..];
    while let [word, count, rest @ ..] = options {
        if !word.eq_ignore_ascii_case(b"SAMPLES") {
            return Err(Error::Syntax);
        }
        if parse_i64(count).ok_or(Error::NotAnInteger)? < 0 {
            return Err(Error::Syntax);
        }
        options = rest;
    }
    if !options.is_empty() {
        return Err(Error::Syntax);
    }

    let key = exec.key(args[2]);
    let (db, now) = (exec.db, exec.now);
    let store = exec.store(key.slot);
    match store.peek(db, &key, now).map(|handle| store.memory_usage(handle)) {
        Some(bytes) => exec.reply.int(bytes as i64),
        None => exec.reply.null(),
    }
    Ok(())
}

/// `MEMORY HELP`
fn help(exec: &mut Exec<'_>, _args: &[&[u8]]) -> Result<(), Error> {
    help::write(&mut exec.reply, "MEMORY", HELP);
    Ok(())
}

const HELP: &[&str] = &[
    "DOCTOR",
    "    Return memory problems reports.",
    "MALLOC-STATS",
    "    Return internal statistics report from the memory allocator.",
    "PURGE",
    "    Attempt to purge dirty pages for reclamation by the allocator.",
    "STATS",
    "    Return information about the memory usage of the server.",
    "USAGE <key> [SAMPLES <count>]",
    "    Return memory in bytes used by <key> and its value. Nested values are",
    "    sampled up to <count> times (default: 5, 0 means sample all).",
];

//! COPY: a second key with the same value and deadline, in this database or another.

use super::{database, notify_in, read};
use crate::base::notify::Class;
use crate::data::exec::Exec;
use crate::data::key::Key;
use crate::resp::Error;

/// `COPY source destination [DB index] [REPLACE]`
pub fn copy(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let Options { target, replace } = Options::parse(exec, &args[3..])?;
    if exec.settings.cluster_enabled && (exec.db != 0 || target != 0) {
        return Err(Error::new("ERR Copying to another database is not allowed in cluster mode"));
    }
    if target == exec.db && args[1] == args[2] {
        return Err(Error::new("ERR source and destination objects are the same"));
    }

    let (from, to) = (exec.key(args[1]), exec.key(args[2]));
    let copied = copy_value(exec, &from, &to, target, replace);
    exec.reply.int(i64::from(copied));
    if copied {
        notify_in(exec, target, Class::NEW, "new", &to);
        notify_in(exec, target, Class::GENERIC, "copy_to", &to);
        exec.changed(1);
    }
    Ok(())
}

/// False when there is nothing to copy, or something in the way that may not be replaced.
fn copy_value(exec: &mut Exec<'_>, from: &Key<'_>, to: &Key<'_>, target: usize, replace: bool) -> bool {
    let now = exec.now;
    let Some(source) = read(exec, from) else { return false };
    let value = exec.store(from.slot).copy_of(source);
    let store = exec.store(to.slot);
    if store.peek(target, to, now).is_some() {
        if !replace {
            return false;
        }
        store.remove(target, to, now);
    }
    store.put(target, to, value, now);
    true
}

struct Options {
    target: usize,
    replace: bool,
}

impl Options {
    fn parse(exec: &Exec<'_>, args: &[&[u8]]) -> Result<Options, Error> {
        let mut options = Options { target: exec.db, replace: false };
        let mut rest = args;
        loop {
            rest = match rest {
                [] => return Ok(options),
                [word, rest @ ..] if word.eq_ignore_ascii_case(b"REPLACE") => {
                    options.replace = true;
                    rest
                }
                [word, index, rest @ ..] if word.eq_ignore_ascii_case(b"DB") => {
                    // A cluster node has one database, but refuses the others for what they are.
                    let databases = if exec.settings.cluster_enabled { usize::MAX } else { exec.settings.databases };
                    options.target = database(index, databases)?;
                    rest
                }
                _ => return Err(Error::Syntax),
            };
        }
    }
}

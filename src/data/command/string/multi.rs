//! Several keys at once: MGET, MSET, MSETNX.

use super::{exists, missed, write};
use crate::data::exec::Exec;
use crate::data::store::Deadline;
use crate::resp::Error;

/// `MGET key [key ...]`
pub fn mget(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    exec.reply.array(args.len() - 1);
    for bytes in &args[1..] {
        let key = exec.key(bytes);
        let store = exec.stores.of(key.slot);
        match store.find(exec.db, &key, exec.now) {
            // Another type is no error here, but null.
            Some(entry) => exec.reply.bulk_or_null(store.string(entry)),
            None => {
                exec.reply.null();
                missed(exec, &key);
            }
        }
    }
    Ok(())
}

/// `MSET key value [key value ...]`
pub fn mset(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let pairs = pairs(args, "mset")?;
    write_all(exec, pairs);
    exec.reply.ok();
    Ok(())
}

/// `MSETNX key value [key value ...]`: all of them, or none if any key exists.
pub fn msetnx(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let pairs = pairs(args, "msetnx")?;
    let mut absent = true;
    for pair in pairs {
        let key = exec.key(pair[0]);
        if exists(exec, &key) {
            absent = false;
            break;
        }
    }
    if absent {
        write_all(exec, pairs);
    }
    exec.reply.int(i64::from(absent));
    Ok(())
}

fn pairs<'a, 'b>(args: &'a [&'b [u8]], command: &'static str) -> Result<&'a [[&'b [u8]; 2]], Error> {
    match args[1..].as_chunks() {
        (pairs, []) => Ok(pairs),
        _ => Err(Error::Arity(command.into())),
    }
}

fn write_all(exec: &mut Exec<'_>, pairs: &[[&[u8]; 2]]) {
    for [bytes, value] in pairs {
        let key = exec.key(bytes);
        write(exec, &key, value, Deadline::Clear, "set");
    }
}

//! Several keys at once: MGET, MSET, MSETNX.
//!
//! Keys are worked on in batches: first where all of a batch lie is brought nearer, then one after the other is
//! looked up. So the waits for memory overlap.

use super::{exists, missed, write};
use crate::data::exec::Exec;
use crate::data::key::Key;
use crate::data::store::Deadline;
use crate::resp::Error;
use bumpalo::Bump;

/// Keys in a batch: about as many cache misses as a CPU core can wait for at once.
const BATCH: usize = 16;

/// `MGET key [key ...]`
pub fn mget(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    exec.reply.array(args.len() - 1);
    for batch in args[1..].chunks(BATCH) {
        for key in bring_near(exec, batch.iter().copied()) {
            let store = exec.stores.of(key.slot);
            match store.find(exec.db, key, exec.now) {
                // Another type is no error here, but null.
                Some(entry) => exec.reply.bulk_or_null(store.string(entry)),
                None => {
                    exec.reply.null();
                    missed(exec, key);
                }
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
    for batch in pairs.chunks(BATCH) {
        let keys = bring_near(exec, batch.iter().map(|pair| pair[0]));
        for (key, [_, value]) in keys.iter().zip(batch) {
            write(exec, key, value, Deadline::Clear, "set");
        }
    }
}

/// The keys of a batch, with the memory they will be looked for in on its way to the cache.
fn bring_near<'k, 't: 'k>(exec: &mut Exec<'t>, batch: impl ExactSizeIterator<Item = &'k [u8]>) -> &'k [Key<'k>] {
    let (scratch, db): (&'k Bump, usize) = (exec.scratch, exec.db);
    let keys = scratch.alloc_slice_fill_iter(batch.map(|bytes| exec.key(bytes)));
    if keys.len() > 1 {
        keys.iter().for_each(|key| exec.store(key.slot).prefetch_slot(db, key.slot));
        keys.iter().for_each(|key| exec.store(key.slot).prefetch_line(db, key));
        keys.iter().for_each(|key| exec.store(key.slot).prefetch_entry(db, key));
    }
    keys
}

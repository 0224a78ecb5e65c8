//! The HyperLogLog commands: they keep their data in a string. Run on the core that owns the key's slot.

pub mod debug;

#[cfg(test)]
mod tests;

use super::string::{announce_new, current, missed, read};
use crate::base::notify::Class;
use crate::data::exec::{Exec, Handler};
use crate::data::key::Key;
use crate::data::store::Deadline;
use crate::data::types::hyperloglog::{self as hll, Corrupt, Encoding, REGISTERS};
use crate::resp::Error;

/// The HyperLogLog commands by name.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("pfadd", pfadd),
    ("pfcount", pfcount),
    ("pfdebug", debug::pfdebug),
    ("pfmerge", pfmerge),
    ("pfselftest", debug::pfselftest),
];

impl From<Corrupt> for Error {
    fn from(_: Corrupt) -> Error {
        Error::new("INVALIDOBJ Corrupted HLL object detected")
    }
}

/// What encoding a string has that should be a HyperLogLog.
fn encoding_of(value: &[u8]) -> Result<Encoding, Error> {
    hll::encoding(value).ok_or(Error::new("WRONGTYPE Key is not a valid HyperLogLog string value."))
}

/// `PFADD key [element ...]`
pub fn pfadd(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let (key, elements) = (exec.key(args[1]), &args[2..]);
    let (db, now, sparse_max) = (exec.db, exec.now, exec.settings.encodings.hll_sparse_bytes);
    let value = current(exec.stores, db, &key, now)?;
    let existing = value.map(|value| encoding_of(value).map(|encoding| (encoding, value))).transpose()?;
    let changed = match existing {
        // Dense registers are changed where they are.
        Some((Encoding::Dense, value)) => {
            let length = value.len();
            exec.store(key.slot).edit_string_if(db, &key, length, now, |bytes| {
                let changed = elements.iter().filter(|element| hll::add_dense(bytes, element)).count();
                if changed > 0 {
                    hll::forget_cached_count(bytes);
                }
                (changed, changed > 0)
            })
        }
        existing => {
            let is_new = existing.is_none();
            let mut bytes = existing.map_or_else(hll::new, |(_, value)| value.to_vec());
            let mut changed = usize::from(is_new);
            for element in elements {
                changed += usize::from(hll::add(&mut bytes, element, sparse_max)?);
            }
            if changed > 0 {
                hll::forget_cached_count(&mut bytes);
                announce_new(exec, &key);
                exec.store(key.slot).set_string_owned(db, &key, bytes, Deadline::Keep, now);
            }
            changed
        }
    };
    if changed > 0 {
        exec.changed(changed as u64);
        exec.notify(Class::STRING, "pfadd", &key);
    }
    exec.reply.int(i64::from(changed > 0));
    Ok(())
}

/// `PFCOUNT key [key ...]`
pub fn pfcount(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let [_, bytes] = args else {
        let most = most_of(exec, &args[1..])?.most;
        exec.reply.int(hll::count_registers(&most) as i64);
        return Ok(());
    };
    let key = exec.key(bytes);
    let Some(value) = read(exec.stores, exec.db, &key, exec.now)? else {
        exec.reply.int(0);
        missed(exec, &key);
        return Ok(());
    };
    encoding_of(value)?;
    let count = match hll::cached_count(value) {
        Some(count) => count,
        None => {
            // Remembering the count changes the string, which replicas are to know.
            let (count, length) = (hll::count(value)?, value.len());
            let (db, now) = (exec.db, exec.now);
            let remember = |bytes: &mut [u8]| hll::set_cached_count(bytes, count);
            exec.store(key.slot).edit_string(db, &key, length, now, remember);
            exec.changed(1);
            count
        }
    };
    exec.reply.int(count as i64);
    Ok(())
}

/// `PFMERGE destination [source ...]`
pub fn pfmerge(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let merged = most_of(exec, &args[1..])?;
    let key = exec.key(args[1]);
    let (db, now, sparse_max) = (exec.db, exec.now, exec.settings.encodings.hll_sparse_bytes);
    let mut bytes = current(exec.stores, db, &key, now)?.map_or_else(hll::new, <[u8]>::to_vec);
    if merged.any_dense {
        hll::make_dense(&mut bytes)?;
    }
    for (index, &value) in merged.most.iter().enumerate().filter(|(_, value)| **value > 0) {
        hll::raise(&mut bytes, index, value, sparse_max)?;
    }
    hll::forget_cached_count(&mut bytes);
    announce_new(exec, &key);
    exec.store(key.slot).set_string_owned(db, &key, bytes, Deadline::Keep, now);
    exec.changed(1);
    exec.notify(Class::STRING, "pfadd", &key);
    exec.reply.ok();
    Ok(())
}

/// Several HyperLogLogs in one.
struct Merged {
    most: Box<[u8; REGISTERS]>,
    any_dense: bool,
}

fn most_of(exec: &mut Exec<'_>, keys: &[&[u8]]) -> Result<Merged, Error> {
    let mut merged = Merged { most: Box::new([0; REGISTERS]), any_dense: false };
    for bytes in keys {
        let key: Key<'_> = exec.key(bytes);
        match read(exec.stores, exec.db, &key, exec.now)? {
            Some(value) => {
                merged.any_dense |= encoding_of(value)? == Encoding::Dense;
                hll::merge_into(&mut merged.most, value)?;
            }
            None => missed(exec, &key),
        }
    }
    Ok(merged)
}

//! Single bits: SETBIT, GETBIT.

use super::{mask, parse_offset};
use crate::base::notify::Class;
use crate::data::command::number::parse_i64;
use crate::data::command::string::{announce_new, current, missed, read};
use crate::data::exec::Exec;
use crate::resp::Error;

/// `SETBIT key offset value`
pub fn setbit(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let offset = parse_offset(exec, args[2], None)?;
    let on = match parse_i64(args[3]) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(Error::new("ERR bit is not an integer or out of range")),
    };
    let key = exec.key(args[1]);
    let (byte, mask) = ((offset >> 3) as usize, mask(offset));
    let old = current(exec.stores, exec.db, &key, exec.now)?.and_then(|value| value.get(byte).copied());
    let was_on = old.is_some_and(|old| old & mask != 0);
    if old.is_none() || was_on != on {
        announce_new(exec, &key);
        let (db, now) = (exec.db, exec.now);
        exec.store(key.slot).edit_string(db, &key, byte + 1, now, |bytes| {
            bytes[byte] = bytes[byte] & !mask | if on { mask } else { 0 };
        });
        exec.changed(1);
        exec.notify(Class::STRING, "setbit", &key);
    }
    exec.reply.int(i64::from(was_on));
    Ok(())
}

/// `GETBIT key offset`
pub fn getbit(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let offset = parse_offset(exec, args[2], None)?;
    let key = exec.key(args[1]);
    let value = read(exec.stores, exec.db, &key, exec.now)?;
    let byte = value.and_then(|value| value.get((offset >> 3) as usize));
    exec.reply.int(i64::from(byte.is_some_and(|byte| byte & mask(offset) != 0)));
    if value.is_none() {
        missed(exec, &key);
    }
    Ok(())
}

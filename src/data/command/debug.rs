//! DEBUG, as far as it asks about a key.

use super::help;
use crate::data::exec::{Exec, Handler};
use crate::resp::Error;

/// The handlers by lower-case name.
pub const HANDLERS: &[(&str, Handler)] = &[("debug|object", object)];

/// `DEBUG OBJECT key`: one line of `name:value` words, in Redis's order.
///
/// No address is told, only that there is one; the serialized length is that of an RDB string that is
/// neither compressed nor written as an integer.
fn object(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let [_, _, name] = *args else { return Err(help::syntax_error(args)) };
    let key = exec.key(name);
    let (db, now) = (exec.db, exec.now);
    let store = exec.store(key.slot);
    let handle = store.peek(db, &key, now).ok_or(Error::NoSuchKey)?;
    let encoding = store.encoding(handle);
    let length = store.string(handle).map_or(0, |value| value.len() + length_prefix(value.len()));
    let idle = store.idle_seconds(handle, now);
    let clock = (now / 1000).saturating_sub(idle) & LRU_CLOCK_MAX;
    exec.reply.simple(&format!(
        "Value at:0x0 refcount:1 encoding:{encoding} serializedlength:{length} lru:{clock} lru_seconds_idle:{idle}"
    ));
    Ok(())
}

/// Redis keeps the time of the last access in 24 bits of seconds.
const LRU_CLOCK_MAX: u64 = (1 << 24) - 1;

/// The bytes an RDB file spends on the length of a string.
fn length_prefix(length: usize) -> usize {
    match length {
        0..64 => 1,
        64..16_384 => 2,
        _ if u32::try_from(length).is_ok() => 5,
        _ => 9,
    }
}

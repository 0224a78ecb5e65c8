//! DEBUG, as far as it asks about a key.

use crate::data::key::Key;
use crate::data::store::Store;

/// `DEBUG OBJECT key`: one line of `name:value` words, in Redis's order; none if there is no such key.
///
/// No address is told, only that there is one; the serialized length is that of an RDB string that is
/// neither compressed nor written as an integer.
pub fn object_line(store: &mut Store, db: usize, key: &Key<'_>, now: u64) -> Option<String> {
    let handle = store.peek(db, key, now)?;
    let encoding = store.encoding(handle);
    let length = store.string(handle).map_or(0, |value| value.len() + length_prefix(value.len()));
    let idle = store.idle_seconds(handle, now);
    let clock = (now / 1000).saturating_sub(idle) & LRU_CLOCK_MAX;
    Some(format!(
        "Value at:0x0 refcount:1 encoding:{encoding} serializedlength:{length} lru:{clock} lru_seconds_idle:{idle}"
    ))
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

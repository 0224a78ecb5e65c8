//! DEBUG, as far as it asks about a key.

use super::number::parse_i64;
use crate::data::key::Key;
use crate::data::store::Store;

/// `DEBUG OBJECT key`: one line of `name:value` words, in Redis's order; none if there is no such key.
///
/// No address is told, only that there is one; the serialized length is that of an RDB string that is
/// neither compressed nor written as an integer.
pub fn object_line(store: &mut Store, db: usize, key: &Key<'_>, now: u64) -> Option<String> {
    // Whether or not it is past its deadline: with time 0 nothing is.
    let handle = store.peek(db, key, 0)?;
    let encoding = store.encoding(handle);
    let length = store.string(handle).map_or(0, serialized_length);
    let idle = store.idle_seconds(handle, now);
    let clock = (now / 1000).saturating_sub(idle) & LRU_CLOCK_MAX;
    Some(format!(
        "Value at:0x0 refcount:1 encoding:{encoding} serializedlength:{length} lru:{clock} lru_seconds_idle:{idle}"
    ))
}

/// Redis keeps the time of the last access in 24 bits of seconds.
const LRU_CLOCK_MAX: u64 = (1 << 24) - 1;

/// The bytes a string takes in an RDB file: integers of up to 32 bits are written as such.
fn serialized_length(value: &[u8]) -> usize {
    const TAG: usize = 1;
    match parse_i64(value) {
        Some(integer) if i8::try_from(integer).is_ok() => TAG + 1,
        Some(integer) if i16::try_from(integer).is_ok() => TAG + 2,
        Some(integer) if i32::try_from(integer).is_ok() => TAG + 4,
        _ => length_prefix(value.len()) + value.len(),
    }
}

fn length_prefix(length: usize) -> usize {
    match length {
        0..64 => 1,
        64..16_384 => 2,
        _ if u32::try_from(length).is_ok() => 5,
        _ => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_takes_what_redis_says_it_takes() {
        let lengths =
            ["", "1", "-128", "128", "32768", "2147483648", "hello"].map(|text| serialized_length(text.as_bytes()));
        assert_eq!(lengths, [1, 2, 2, 3, 5, 11, 6]);
        assert_eq!((serialized_length(&[b'x'; 64]), serialized_length(&[b'x'; 16_384])), (66, 16_389));
    }
}

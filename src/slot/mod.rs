//! Hash slots: which slot a key belongs to. Pure functions, owned by no thread.

mod crc;

pub mod owner;

use crate::base::limits::SLOTS;

/// One of the 16384 hash slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// The slot with this number, or `None` when it is out of range.
    pub fn new(number: u16) -> Option<Slot> {
        ((number as usize) < SLOTS).then_some(Slot(number))
    }

    /// The slot of `key`: CRC16 (XMODEM) of its hash tag, or of all of it, modulo 16384.
    /// Source: the cluster specification, "Key distribution model".
    #[inline]
    pub fn of_key(key: &[u8]) -> Slot {
        Slot(crc::crc16(hash_tag(key)) % SLOTS as u16)
    }

    /// Its number, 0..16384.
    pub fn number(self) -> u16 {
        self.0
    }

    /// Its index in per-slot arrays.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// All slots in order.
    pub fn all() -> impl Iterator<Item = Slot> {
        (0..SLOTS as u16).map(Slot)
    }
}

/// What of a key is hashed: the part between the first `{` and the next `}` when it is not empty.
#[inline]
pub fn hash_tag(key: &[u8]) -> &[u8] {
    if has(b'{', key) { tagged_part(key) } else { key }
}

#[inline(never)]
fn tagged_part(key: &[u8]) -> &[u8] {
    let Some(open) = memchr::memchr(b'{', key) else { return key };
    match memchr::memchr(b'}', &key[open + 1..]) {
        None | Some(0) => key,
        Some(length) => &key[open + 1..open + 1 + length],
    }
}

/// Whether `byte` is in `key`, eight bytes at a time: most keys are too short for memchr to be quick.
#[inline]
fn has(byte: u8, key: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // The highest bit of each byte that is zero; perhaps also of one next to it, which is no matter.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let found = |bytes: &[u8; 8]| zeros(u64::from_ne_bytes(*bytes) ^ (ONES * u64::from(byte)));
    let Some(first) = key.first_chunk() else { return key.contains(&byte) };
    key.as_rchunks().1.iter().fold(found(first), |sum, bytes| sum | found(bytes)) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_in_braces_is_what_counts_wherever_it_is() {
        for length in 0..40 {
            let plain = vec![b'x'; length];
            assert_eq!(hash_tag(&plain), plain);
            for at in 0..length {
                let mut key = plain.clone();
                key[at] = b'{';
                assert_eq!(hash_tag(&key), key, "no end: {at} of {length}");
                key.extend_from_slice(b"y}z");
                assert_eq!(hash_tag(&key), &key[at + 1..key.len() - 2]);
            }
        }
        assert_eq!(hash_tag(b"a{}b{c}"), b"a{}b{c}");
        assert_eq!(hash_tag(b"\x80\x7a\x7c\xfb\x00\x01\xff\x7b}"), b"\x80\x7a\x7c\xfb\x00\x01\xff\x7b}");
    }
}

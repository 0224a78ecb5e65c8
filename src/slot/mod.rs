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
pub fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = memchr::memchr(b'{', key) else { return key };
    match memchr::memchr(b'}', &key[open + 1..]) {
        None | Some(0) => key,
        Some(length) => &key[open + 1..open + 1 + length],
    }
}

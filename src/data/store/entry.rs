//! How an entry lies in its cell.
//!
//! ```text
//! byte  0            1..4          4..6        6..8
//!       kind, flags  access clock  key length  value length
//! then, only with VOLATILE:  deadline (8 bytes), position in the database's list of volatile keys (4)
//! then the key; with LONG_KEY, its number among the long keys (4 bytes)
//! then the value; with OUTSIDE, its number among the objects (4 bytes)
//! ```
//!
//! The cell's size follows from the header, so nothing else needs to know it. All numbers are little-endian and
//! unaligned. Functions over bytes; no state, no thread.

use super::arena::{self, Class};

/// What kind of value a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Bytes.
    String = 0,
    /// A list.
    List = 1,
    /// A set.
    Set = 2,
    /// A sorted set.
    Zset = 3,
    /// A hash.
    Hash = 4,
    /// A stream.
    Stream = 5,
}

impl Kind {
    /// The word TYPE answers with.
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::List => "list",
            Kind::Set => "set",
            Kind::Zset => "zset",
            Kind::Hash => "hash",
            Kind::Stream => "stream",
        }
    }

    fn from_bits(bits: u64) -> Kind {
        match bits & KIND {
            0 => Kind::String,
            1 => Kind::List,
            2 => Kind::Set,
            3 => Kind::Zset,
            4 => Kind::Hash,
            _ => Kind::Stream,
        }
    }
}

const KIND: u64 = 0b111;
/// The entry has a deadline.
pub const VOLATILE: u64 = 1 << 3;
/// The value is one of the store's objects.
pub const OUTSIDE: u64 = 1 << 4;
/// The key is one of the store's long keys.
pub const LONG_KEY: u64 = 1 << 5;
/// A string made by APPEND or SETRANGE: its encoding is "raw" whatever it looks like.
pub const RAW: u64 = 1 << 6;

const CLOCK_SHIFT: u32 = 8;
const KEY_SHIFT: u32 = 32;
const VALUE_SHIFT: u32 = 48;
const CLOCK: u64 = 0xff_ffff;

/// Bytes of the header.
pub const HEADER: usize = 8;
/// Bytes of what a volatile entry has in addition.
pub const VOLATILE_PART: usize = 12;
/// Bytes of the number of an object or a long key.
pub const NUMBER: usize = 4;
/// The longest key that is kept in its entry's cell.
pub const LONGEST_KEY: usize = arena::LARGEST_ENTRY - HEADER - VOLATILE_PART - NUMBER;

/// An entry's first eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header(u64);

impl Header {
    /// A header; `key` and `value` are their lengths in the cell.
    pub fn new(kind: Kind, flags: u64, clock: u32, key: usize, value: usize) -> Header {
        debug_assert!(key <= LONGEST_KEY && value <= arena::LARGEST_ENTRY);
        Header(
            kind as u64
                | flags
                | (u64::from(clock) & CLOCK) << CLOCK_SHIFT
                | (key as u64) << KEY_SHIFT
                | (value as u64) << VALUE_SHIFT,
        )
    }

    /// The header of the entry `handle`.
    #[inline(always)]
    pub fn read(memory: &[u8], handle: u32) -> Header {
        Header(read_u64(memory, arena::offset(handle)))
    }

    /// Writes it over the header of the entry `handle`.
    #[inline(always)]
    pub fn write(self, memory: &mut [u8], handle: u32) {
        write_u64(memory, arena::offset(handle), self.0);
    }

    /// Whether all of `flags` are set.
    #[inline(always)]
    pub fn has(self, flags: u64) -> bool {
        self.0 & flags == flags
    }

    /// The same with `flags` set to `on`.
    #[inline(always)]
    pub fn with(self, flags: u64, on: bool) -> Header {
        Header(if on { self.0 | flags } else { self.0 & !flags })
    }

    /// The kind of the value.
    #[inline(always)]
    pub fn kind(self) -> Kind {
        Kind::from_bits(self.0)
    }

    /// Whether it is a string whose bytes are in the cell.
    #[inline(always)]
    pub fn is_inline_string(self) -> bool {
        self.0 & (KIND | OUTSIDE) == Kind::String as u64
    }

    /// The access clock, 24 bits.
    #[inline(always)]
    pub fn clock(self) -> u32 {
        (self.0 >> CLOCK_SHIFT & CLOCK) as u32
    }

    /// The same with this access clock.
    #[inline(always)]
    pub fn with_clock(self, clock: u32) -> Header {
        Header(self.0 & !(CLOCK << CLOCK_SHIFT) | (u64::from(clock) & CLOCK) << CLOCK_SHIFT)
    }

    /// The same with this length of the value in the cell.
    #[inline(always)]
    pub fn with_value_len(self, length: usize) -> Header {
        debug_assert!(length <= arena::LARGEST_ENTRY);
        Header(self.0 & !(0xffff << VALUE_SHIFT) | (length as u64) << VALUE_SHIFT)
    }

    /// Bytes the key takes in the cell.
    #[inline(always)]
    pub fn key_len(self) -> usize {
        (self.0 >> KEY_SHIFT) as usize & 0xffff
    }

    /// Bytes the value takes in the cell.
    #[inline(always)]
    pub fn value_len(self) -> usize {
        (self.0 >> VALUE_SHIFT) as usize
    }

    /// Where in the cell the key starts.
    #[inline(always)]
    pub fn key_start(self) -> usize {
        HEADER + if self.has(VOLATILE) { VOLATILE_PART } else { 0 }
    }

    /// Where in the cell the value starts.
    #[inline(always)]
    pub fn value_start(self) -> usize {
        self.key_start() + self.key_len()
    }

    /// Bytes the entry needs.
    #[inline(always)]
    pub fn size(self) -> usize {
        self.value_start() + self.value_len()
    }

    /// The class of its cell.
    #[inline(always)]
    pub fn class(self) -> Class {
        arena::class_of(self.size())
    }
}

/// What the cell holds as the key: the key itself, or with LONG_KEY its number.
#[inline(always)]
pub fn key_part(memory: &[u8], handle: u32, header: Header) -> &[u8] {
    let start = arena::offset(handle) + header.key_start();
    &memory[start..start + header.key_len()]
}

/// What the cell holds as the value: the value itself, or with OUTSIDE its object's number.
#[inline(always)]
pub fn value_part(memory: &[u8], handle: u32, header: Header) -> &[u8] {
    let start = arena::offset(handle) + header.value_start();
    &memory[start..start + header.value_len()]
}

/// The same, to write.
#[inline(always)]
pub fn value_part_mut(memory: &mut [u8], handle: u32, header: Header) -> &mut [u8] {
    let start = arena::offset(handle) + header.value_start();
    &mut memory[start..start + header.value_len()]
}

/// The number of the object of an entry with OUTSIDE.
#[inline]
pub fn object_number(memory: &[u8], handle: u32, header: Header) -> u32 {
    read_u32(memory, arena::offset(handle) + header.value_start())
}

/// The number of the key of an entry with LONG_KEY.
#[inline]
pub fn long_key_number(memory: &[u8], handle: u32, header: Header) -> u32 {
    read_u32(memory, arena::offset(handle) + header.key_start())
}

/// The deadline of an entry with VOLATILE.
#[inline(always)]
pub fn deadline(memory: &[u8], handle: u32) -> u64 {
    read_u64(memory, arena::offset(handle) + HEADER)
}

/// Writes the deadline of an entry with VOLATILE.
#[inline(always)]
pub fn set_deadline(memory: &mut [u8], handle: u32, deadline: u64) {
    write_u64(memory, arena::offset(handle) + HEADER, deadline);
}

/// The position of an entry with VOLATILE in its database's list.
#[inline]
pub fn position(memory: &[u8], handle: u32) -> usize {
    read_u32(memory, arena::offset(handle) + HEADER + 8) as usize
}

/// Writes it.
#[inline]
pub fn set_position(memory: &mut [u8], handle: u32, position: usize) {
    let at = arena::offset(handle) + HEADER + 8;
    memory[at..at + 4].copy_from_slice(&(position as u32).to_le_bytes());
}

#[inline(always)]
fn read_u32(memory: &[u8], at: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&memory[at..at + 4]);
    u32::from_le_bytes(bytes)
}

#[inline(always)]
fn read_u64(memory: &[u8], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&memory[at..at + 8]);
    u64::from_le_bytes(bytes)
}

#[inline(always)]
fn write_u64(memory: &mut [u8], at: usize, value: u64) {
    memory[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_keeps_its_fields_apart() {
        let header = Header::new(Kind::Zset, VOLATILE | RAW, 0xabcdef, 1234, 2000);
        assert_eq!(header.kind(), Kind::Zset);
        assert!(header.has(VOLATILE | RAW) && !header.has(OUTSIDE));
        assert_eq!((header.clock(), header.key_len(), header.value_len()), (0xabcdef, 1234, 2000));
        let changed = header.with_clock(7).with_value_len(5).with(VOLATILE, false);
        assert_eq!((changed.clock(), changed.key_len(), changed.value_len()), (7, 1234, 5));
        assert_eq!(changed.size(), HEADER + 1234 + 5);
        assert!(!changed.is_inline_string() && Header::new(Kind::String, RAW, 0, 1, 1).is_inline_string());
    }

    #[test]
    fn an_entry_reads_back_what_was_written() {
        let mut memory = vec![0; 256];
        let header = Header::new(Kind::String, VOLATILE, 1, 3, 5);
        header.write(&mut memory, 2);
        set_deadline(&mut memory, 2, u64::MAX - 1);
        set_position(&mut memory, 2, 77);
        value_part_mut(&mut memory, 2, header).copy_from_slice(b"value");
        assert_eq!(Header::read(&memory, 2), header);
        assert_eq!((deadline(&memory, 2), position(&memory, 2)), (u64::MAX - 1, 77));
        assert_eq!(value_part(&memory, 2, header), b"value");
        assert_eq!(key_part(&memory, 2, header), [0; 3]);
    }
}

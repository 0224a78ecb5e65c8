//! The listpack: short strings and integers one after the other in one piece of memory, in Redis 7.0's own format, so
//! that it is dumped and loaded as it is.
//!
//! ```text
//! bytes in all: u32 | entries: u16, 65535 = not known | entry ... | 0xFF
//! entry: encoding, value | length of those, 7 bits a byte, to be read backwards
//!
//! 0xxxxxxx               integer 0..=127          11110000 u32      string up to 4 GiB
//! 10llllll               string up to 63 bytes    11110001 i16      11110010 i24
//! 110xxxxx xxxxxxxx      integer of 13 bits       11110011 i32      11110100 i64
//! 1110llll llllllll      string up to 4095 bytes  11111111          the end
//! ```
//!
//! What reads like an integer is one: it takes less room and is written back as the same text. Invariant: the bytes are
//! valid, whoever made them; [`from_bytes`](Listpack::from_bytes) checks all of it. All integers are little-endian.

use super::block::Block;
use crate::data::command::number::parse_i64;

const HEADER: usize = 6;
const END: u8 = 0xFF;
/// One without entries.
const EMPTY: [u8; HEADER + 1] = [HEADER as u8 + 1, 0, 0, 0, 0, 0, END];
const COUNT_UNKNOWN: u16 = u16::MAX;
/// The largest a listpack is allowed to grow. Source: Redis 7.0 `LISTPACK_MAX_SAFETY_SIZE`.
const LARGEST: usize = 1 << 30;

/// See the module's description. A new one has no memory until something is put in.
#[derive(Clone, Default)]
pub struct Listpack {
    bytes: Block,
}

/// Where an entry is. Valid until the next change of its listpack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(usize);

/// An entry's value.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'l> {
    /// A string that reads like an integer.
    Int(i64),
    /// Any string.
    Bytes(&'l [u8]),
}

/// An entry as it lies there.
pub struct RawEntry<'l> {
    /// Its value.
    pub value: Entry<'l>,
    /// Its bytes.
    pub entry: std::ops::Range<usize>,
    /// How many of them, at the end, are their length.
    pub back: usize,
}

impl<'l> Entry<'l> {
    /// The value as text; an integer is written to `buffer`.
    pub fn text<'t>(self, buffer: &'t mut itoa::Buffer) -> &'t [u8]
    where
        'l: 't,
    {
        match self {
            Entry::Int(value) => buffer.format(value).as_bytes(),
            Entry::Bytes(bytes) => bytes,
        }
    }

    /// Whether the value's text is `text`.
    pub fn is(self, text: &[u8]) -> bool {
        match self {
            Entry::Int(value) => parse_i64(text) == Some(value),
            Entry::Bytes(bytes) => bytes == text,
        }
    }

    /// The value as an integer, if its text is one.
    pub fn as_int(self) -> Option<i64> {
        match self {
            Entry::Int(value) => Some(value),
            Entry::Bytes(bytes) => parse_i64(bytes),
        }
    }

    /// The value's text, copied.
    pub fn to_vec(self) -> Vec<u8> {
        self.text(&mut itoa::Buffer::new()).to_vec()
    }

    /// Bytes of the value's text.
    pub fn text_len(self) -> usize {
        self.text(&mut itoa::Buffer::new()).len()
    }
}

impl PartialEq for Entry<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text(&mut itoa::Buffer::new()) == other.text(&mut itoa::Buffer::new())
    }
}

impl PartialEq for Listpack {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl std::fmt::Debug for Listpack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Listpack {
    /// An empty one.
    pub fn new() -> Listpack {
        Listpack::default()
    }

    /// Takes bytes that came from elsewhere, if they are a listpack to the last bit.
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Listpack> {
        let end = bytes.len().checked_sub(1).filter(|&end| end >= HEADER && bytes[end] == END)?;
        let told = u32::from_le_bytes(bytes[..4].try_into().ok()?);
        if told as usize != bytes.len() {
            return None;
        }
        let (mut at, mut count) = (HEADER, 0);
        while at < end {
            let length = checked_length(&bytes[at..end])?;
            let (back, back_len) = back_length(length);
            if bytes.get(at + length..(at + length + back_len).min(end))? != &back[..back_len] {
                return None;
            }
            at += length + back_len;
            count += 1;
        }
        let listpack = Listpack { bytes: Block::of(bytes) };
        let told = listpack.told_count();
        (told == COUNT_UNKNOWN || usize::from(told) == count).then_some(listpack)
    }

    /// Its bytes, as Redis stores and sends them.
    pub fn as_bytes(&self) -> &[u8] {
        if self.bytes.is_empty() { &EMPTY } else { &self.bytes[..self.end() + 1] }
    }

    /// Bytes it has on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.bytes.heap_bytes()
    }

    /// How many entries it has. O(1) up to 65534.
    pub fn len(&self) -> usize {
        match self.told_count() {
            COUNT_UNKNOWN => self.iter().count(),
            count => usize::from(count),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.end() == HEADER
    }

    /// Whether `bytes` more can be put in without its growing beyond all bounds.
    pub fn may_add(&self, bytes: usize) -> bool {
        self.end() + 1 + bytes <= LARGEST
    }

    /// Adds `text` at the end.
    pub fn push_back(&mut self, text: &[u8]) {
        self.splice(self.end(), 0, &Encoded::text(text), 1);
    }

    /// Adds the text of `value` at the end.
    pub fn push_back_int(&mut self, value: i64) {
        self.splice(self.end(), 0, &Encoded::int(value), 1);
    }

    /// Adds `text` at the start.
    pub fn push_front(&mut self, text: &[u8]) {
        self.splice(HEADER, 0, &Encoded::text(text), 1);
    }

    /// Puts `text` before the entry at `place`; returns where it is.
    pub fn insert_before(&mut self, place: Place, text: &[u8]) -> Place {
        self.splice(place.0, 0, &Encoded::text(text), 1);
        place
    }

    /// Puts `text` behind the entry at `place`; returns where it is.
    pub fn insert_after(&mut self, place: Place, text: &[u8]) -> Place {
        let after = self.after(place.0);
        self.insert_before(Place(after), text)
    }

    /// Makes the entry at `place` be `text`. It stays at its place.
    pub fn replace(&mut self, place: Place, text: &[u8]) {
        self.splice(place.0, self.after(place.0) - place.0, &Encoded::text(text), 0);
    }

    /// Makes the entry at `place` be the text of `value`. It stays at its place.
    pub fn replace_int(&mut self, place: Place, value: i64) {
        self.splice(place.0, self.after(place.0) - place.0, &Encoded::int(value), 0);
    }

    /// Deletes the entry at `place`; returns where the next one is then.
    pub fn delete(&mut self, place: Place) -> Option<Place> {
        self.delete_at(place, 1)
    }

    /// Deletes the entry at `place` and those behind it, `count` together or as many as there are; returns where the
    /// next one is then.
    pub fn delete_at(&mut self, place: Place, count: usize) -> Option<Place> {
        let (mut at, mut deleted) = (place.0, 0);
        while deleted < count && at < self.end() {
            at = self.after(at);
            deleted += 1;
        }
        self.splice(place.0, at - place.0, &Encoded::NOTHING, -(deleted as isize));
        self.existing(place.0)
    }

    /// Deletes `count` entries from `index` on, or as many as there are; negative indexes count from the end.
    pub fn delete_range(&mut self, index: i64, count: usize) {
        if let Some(place) = self.seek(index) {
            self.delete_at(place, count);
        }
    }

    /// Adds the entries of `other` at the end.
    pub fn append(&mut self, other: &Listpack) {
        let entries = &other.as_bytes()[HEADER..other.end()];
        let added = Encoded { head: [0; 9], head_len: 0, body: entries, back: [0; 5], back_len: 0 };
        self.splice(self.end(), 0, &added, other.len() as isize);
    }

    /// Where the first entry is.
    pub fn first(&self) -> Option<Place> {
        self.existing(HEADER)
    }

    /// Where the last entry is.
    pub fn last(&self) -> Option<Place> {
        self.prev(Place(self.end()))
    }

    /// Where the entry behind `place` is.
    pub fn next(&self, place: Place) -> Option<Place> {
        self.existing(self.after(place.0))
    }

    /// Where the entry before `place` is.
    pub fn prev(&self, place: Place) -> Option<Place> {
        (place.0 > HEADER).then(|| Place(self.before(place.0)))
    }

    /// Where the entry with this index is; -1 is the last one.
    pub fn seek(&self, index: i64) -> Option<Place> {
        let length = self.len() as i64;
        let index = if index < 0 { index + length } else { index };
        if !(0..length).contains(&index) {
            return None;
        }
        let mut at;
        if index <= length / 2 {
            at = HEADER;
            (0..index).for_each(|_| at = self.after(at));
        } else {
            at = self.end();
            (index..length).for_each(|_| at = self.before(at));
        }
        Some(Place(at))
    }

    /// The entry at `place`.
    pub fn get(&self, place: Place) -> Entry<'_> {
        self.decode(place.0).0
    }

    /// Looks for `text` from `place` on; passes `skip` entries after each it looks at.
    pub fn find(&self, place: Place, text: &[u8], skip: usize) -> Option<Place> {
        let number = parse_i64(text);
        let mut at = place.0;
        while at < self.end() {
            let (entry, length) = self.decode(at);
            let found = match entry {
                Entry::Int(value) => number == Some(value),
                Entry::Bytes(bytes) => bytes == text,
            };
            if found {
                return Some(Place(at));
            }
            at += length + back_length_len(length);
            for _ in 0..skip {
                if at < self.end() {
                    at = self.after(at);
                }
            }
        }
        None
    }

    /// Its entries in order; from the end too.
    pub fn iter(&self) -> Iter<'_> {
        Iter { listpack: self, front: HEADER, back: self.end() }
    }

    /// Its entries as they lie there.
    pub fn raw_entries(&self) -> impl Iterator<Item = RawEntry<'_>> {
        let mut at = HEADER;
        std::iter::from_fn(move || {
            (at < self.end()).then(|| {
                let (value, length) = self.decode(at);
                let back = back_length_len(length);
                let entry = at..at + length + back;
                at = entry.end;
                RawEntry { value, entry, back }
            })
        })
    }

    fn told_count(&self) -> u16 {
        self.bytes.get(4..6).map_or(0, |count| u16::from_le_bytes([count[0], count[1]]))
    }

    /// Where the last byte is.
    fn end(&self) -> usize {
        self.bytes.first_chunk().map_or(HEADER, |told| u32::from_le_bytes(*told) as usize - 1)
    }

    fn existing(&self, at: usize) -> Option<Place> {
        (at < self.end()).then_some(Place(at))
    }

    fn after(&self, at: usize) -> usize {
        let length = entry_length(&self.bytes[at..]);
        at + length + back_length_len(length)
    }

    fn before(&self, at: usize) -> usize {
        let (mut length, mut shift, mut read) = (0, 0, at);
        loop {
            read -= 1;
            length |= usize::from(self.bytes[read] & 0x7F) << shift;
            if self.bytes[read] & 0x80 == 0 {
                return read - length;
            }
            shift += 7;
        }
    }

    /// An entry, and its length without that behind it.
    fn decode(&self, at: usize) -> (Entry<'_>, usize) {
        let bytes = &self.bytes[at..];
        let (first, length) = (bytes[0], entry_length(bytes));
        let entry = match first {
            0..0x80 => Entry::Int(i64::from(first)),
            0x80..0xC0 => Entry::Bytes(&bytes[1..length]),
            0xC0..0xE0 => Entry::Int(sign_extended(u64::from(first & 0x1F) << 8 | u64::from(bytes[1]), 13)),
            0xE0..0xF0 => Entry::Bytes(&bytes[2..length]),
            0xF0 => Entry::Bytes(&bytes[5..length]),
            _ => {
                let mut value = [0; 8];
                value[..length - 1].copy_from_slice(&bytes[1..length]);
                Entry::Int(sign_extended(u64::from_le_bytes(value), 8 * (length as u32 - 1)))
            }
        };
        (entry, length)
    }

    /// Puts `added` in place of the `removed` bytes at `at`, and corrects the header: the one place where bytes move.
    fn splice(&mut self, at: usize, removed: usize, added: &Encoded<'_>, count: isize) {
        let (old, size) = (self.end() + 1, added.len());
        let new = old - removed + size;
        if self.bytes.is_empty() {
            self.bytes = Block::with_room(new);
            self.bytes[..old].copy_from_slice(&EMPTY);
        }
        self.bytes.splice(old, at, removed, size);
        added.write(&mut self.bytes[at..at + size]);
        self.bytes[..4].copy_from_slice(&(new as u32).to_le_bytes());
        let told = self.told_count();
        if told != COUNT_UNKNOWN {
            let told = u16::try_from(told as isize + count).unwrap_or(COUNT_UNKNOWN);
            self.bytes[4..6].copy_from_slice(&told.to_le_bytes());
        }
    }
}

/// See [`Listpack::iter`].
#[derive(Clone)]
pub struct Iter<'l> {
    listpack: &'l Listpack,
    front: usize,
    back: usize,
}

impl<'l> Iterator for Iter<'l> {
    type Item = Entry<'l>;

    fn next(&mut self) -> Option<Entry<'l>> {
        if self.front >= self.back {
            return None;
        }
        let (entry, length) = self.listpack.decode(self.front);
        self.front += length + back_length_len(length);
        Some(entry)
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        self.back = self.listpack.before(self.back);
        Some(self.listpack.decode(self.back).0)
    }
}

/// An entry as it is to be written.
struct Encoded<'t> {
    head: [u8; 9],
    head_len: usize,
    body: &'t [u8],
    back: [u8; 5],
    back_len: usize,
}

impl<'t> Encoded<'t> {
    const NOTHING: Encoded<'static> = Encoded { head: [0; 9], head_len: 0, body: &[], back: [0; 5], back_len: 0 };

    fn text(text: &'t [u8]) -> Encoded<'t> {
        if let Some(value) = parse_i64(text) {
            return Encoded::int(value);
        }
        let length = text.len();
        let size = (length as u32).to_le_bytes();
        match length {
            0..64 => Encoded::new(&[0x80 | length as u8], text),
            64..4096 => Encoded::new(&[0xE0 | (length >> 8) as u8, length as u8], text),
            _ => Encoded::new(&[0xF0, size[0], size[1], size[2], size[3]], text),
        }
    }

    fn int(value: i64) -> Encoded<'t> {
        const I24: std::ops::RangeInclusive<i64> = -0x80_0000..=0x7F_FFFF;
        let bytes = value.to_le_bytes();
        let fixed = |kind: u8, size: usize| {
            let mut head = [kind; 9];
            head[1..=size].copy_from_slice(&bytes[..size]);
            Encoded::new(&head[..=size], &[])
        };
        match value {
            0..=127 => Encoded::new(&[value as u8], &[]),
            -4096..=4095 => Encoded::new(&[0xC0 | (value >> 8) as u8 & 0x1F, value as u8], &[]),
            _ if i16::try_from(value).is_ok() => fixed(0xF1, 2),
            _ if I24.contains(&value) => fixed(0xF2, 3),
            _ if i32::try_from(value).is_ok() => fixed(0xF3, 4),
            _ => fixed(0xF4, 8),
        }
    }

    fn new(head: &[u8], body: &'t [u8]) -> Encoded<'t> {
        let mut room = [0; 9];
        room[..head.len()].copy_from_slice(head);
        let (back, back_len) = back_length(head.len() + body.len());
        Encoded { head: room, head_len: head.len(), body, back, back_len }
    }

    fn len(&self) -> usize {
        self.head_len + self.body.len() + self.back_len
    }

    fn write(&self, out: &mut [u8]) {
        let (head, out) = out.split_at_mut(self.head_len);
        let (body, back) = out.split_at_mut(self.body.len());
        head.copy_from_slice(&self.head[..self.head_len]);
        body.copy_from_slice(self.body);
        back.copy_from_slice(&self.back[..self.back_len]);
    }
}

/// Length of the valid entry that `bytes` start with, without the length behind it.
fn entry_length(bytes: &[u8]) -> usize {
    match bytes[0] {
        0..0x80 => 1,
        0x80..0xC0 => 1 + usize::from(bytes[0] & 0x3F),
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 2 + (usize::from(bytes[0] & 0x0F) << 8 | usize::from(bytes[1])),
        0xF0 => 5 + u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]) as usize,
        0xF1 => 3,
        0xF2 => 4,
        0xF3 => 5,
        _ => 9,
    }
}

/// The same for bytes that may be anything.
fn checked_length(bytes: &[u8]) -> Option<usize> {
    let needed = match bytes.first()? {
        0xE0..0xF0 => 2,
        0xF0 => 5,
        0xF5.. => return None,
        _ => 1,
    };
    (bytes.len() >= needed).then(|| entry_length(bytes)).filter(|&length| length < bytes.len())
}

/// An entry's length as it is written behind it, the most significant part first.
fn back_length(length: usize) -> ([u8; 5], usize) {
    let size = back_length_len(length);
    let mut bytes = [0; 5];
    for (place, byte) in bytes[..size].iter_mut().enumerate() {
        let part = (length >> (7 * (size - 1 - place))) as u8 & 0x7F;
        *byte = if place == 0 { part } else { part | 0x80 };
    }
    (bytes, size)
}

/// How many bytes that takes. The borders are Redis's, one less than they could be.
fn back_length_len(length: usize) -> usize {
    match length {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

fn sign_extended(value: u64, bits: u32) -> i64 {
    (value << (64 - bits)) as i64 >> (64 - bits)
}

#[cfg(test)]
mod tests;

//! The ziplist: what small collections were before Redis 7. Only read; nothing here writes one.
//!
//! ```text
//! bytes in all: u32 | offset of the last entry: u32 | entries: u16, 65535 = not known | entry ... | 0xFF
//! entry: length of the entry before, 1 byte or 0xFE and 4 | encoding | value
//!
//! 00llllll           string up to 63 bytes        11000000 i16    11010000 i32    11100000 i64
//! 01llllll x         up to 16383, big-endian      11110000 i24    11111110 i8
//! 10...... u32       any, big-endian              1111vvvv        0..=12, plus one
//! ```

use crate::data::types::listpack::Entry;

const HEADER: usize = 10;
const END: u8 = 0xFF;
const COUNT_UNKNOWN: usize = 65_535;

/// Its entries, if `bytes` are a ziplist to the last bit.
pub fn entries(bytes: &[u8]) -> Option<Vec<Entry<'_>>> {
    let word = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?) as usize);
    let (told_bytes, told_last) = (word(0)?, word(4)?);
    let told_count = usize::from(u16::from_le_bytes(*bytes.get(8..)?.first_chunk()?));
    let (&end, _) = bytes.split_last()?;
    if told_bytes != bytes.len() || bytes.len() <= HEADER || end != END {
        return None;
    }
    let body = &bytes[..bytes.len() - 1];
    let (mut entries, mut at, mut last, mut length) = (Vec::new(), HEADER, HEADER, 0);
    while at < body.len() {
        let (entry, size) = entry(&body[at..], length)?;
        entries.push(entry);
        (last, length) = (at, size);
        at += size;
    }
    let is_whole = told_last == last && (told_count == COUNT_UNKNOWN || told_count == entries.len());
    is_whole.then_some(entries)
}

/// The entry at the start of `bytes`, and its length, if the one before it is told to be `before` long.
fn entry(bytes: &[u8], before: usize) -> Option<(Entry<'_>, usize)> {
    let (told, head) = match *bytes.first()? {
        0xfe => (u32::from_le_bytes(*bytes.get(1..)?.first_chunk()?) as usize, 5),
        END => return None,
        length => (usize::from(length), 1),
    };
    if told != before {
        return None;
    }
    let (&encoding, rest) = bytes.get(head..)?.split_first()?;
    let (value, length) = match encoding >> 6 {
        0 => string(rest, 0, usize::from(encoding))?,
        1 => string(rest, 1, usize::from(encoding & 0x3f) << 8 | usize::from(*rest.first()?))?,
        2 => string(rest, 4, u32::from_be_bytes(*rest.first_chunk()?) as usize)?,
        _ => integer(encoding, rest)?,
    };
    Some((value, head + 1 + length))
}

/// The string of `length` bytes behind `skip` others; and how long both are together.
fn string(bytes: &[u8], skip: usize, length: usize) -> Option<(Entry<'_>, usize)> {
    let end = skip.checked_add(length)?;
    Some((Entry::Bytes(bytes.get(skip..end)?), end))
}

fn integer(encoding: u8, bytes: &[u8]) -> Option<(Entry<'_>, usize)> {
    let (value, length) = match encoding {
        0xc0 => (i64::from(i16::from_le_bytes(*bytes.first_chunk()?)), 2),
        0xd0 => (i64::from(i32::from_le_bytes(*bytes.first_chunk()?)), 4),
        0xe0 => (i64::from_le_bytes(*bytes.first_chunk()?), 8),
        0xf0 => {
            let [low, middle, high] = *bytes.first_chunk()?;
            (i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8), 3)
        }
        0xfe => (i64::from(i8::from_le_bytes(*bytes.first_chunk()?)), 1),
        0xf1..=0xfd => (i64::from(encoding & 0x0f) - 1, 0),
        _ => return None,
    };
    Some((Entry::Int(value), length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The entries as text.
    fn texts(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
        Some(entries(bytes)?.into_iter().map(Entry::to_vec).collect())
    }

    #[test]
    fn strings_and_integers_of_each_encoding_are_read() {
        let mut bytes = vec![0, 0, 0, 0, 0, 0, 0, 0, 9, 0];
        let mut last = 0;
        let long = [&[0x40 | 1, 0][..], &[b'x'; 256]].concat();
        let values: [&[u8]; 9] = [
            b"\x03abc",
            &long,
            b"\x80\x00\x00\x00\x01y",
            b"\xc0\xff\x7f",
            b"\xd0\x00\x00\x00\x80",
            b"\xe0\xff\xff\xff\xff\xff\xff\xff\x7f",
            b"\xf0\x00\x00\x80",
            b"\xfe\x80",
            b"\xfd",
        ];
        for value in values {
            let before = if last == 0 { 0 } else { bytes.len() - last };
            last = bytes.len();
            if before < 254 {
                bytes.push(before as u8);
            } else {
                bytes.push(0xfe);
                bytes.extend((before as u32).to_le_bytes());
            }
            bytes.extend(value);
        }
        bytes.push(END);
        let length = bytes.len() as u32;
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        bytes[4..8].copy_from_slice(&(last as u32).to_le_bytes());
        let read = texts(&bytes).unwrap();
        let expected: [&[u8]; 9] =
            [b"abc", &[b'x'; 256], b"y", b"32767", b"-2147483648", b"9223372036854775807", b"-8388608", b"-128", b"12"];
        assert_eq!(read, expected);
        for at in [0, 4, 8, 10, 11, bytes.len() - 1] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(texts(&damaged), None, "{at}");
        }
    }

    #[test]
    fn an_empty_one_has_no_entries() {
        assert_eq!(texts(b"\x0b\0\0\0\x0a\0\0\0\0\0\xff"), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm(body in prop::collection::vec(any::<u8>(), 0..60), count in 0..10_u8) {
            let length = body.len() as u8 + 11;
            let bytes = [&[length, 0, 0, 0, 10, 0, 0, 0, count, 0][..], &body, &[END]].concat();
            entries(&bytes);
            entries(&body);
        }
    }
}

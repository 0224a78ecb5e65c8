//! Numbers and strings as Redis's serialised data has them, written.

use lzf_rust::compress;

/// Lengths: the upper two bits of the first byte tell which form it is. Source: Redis 7.0 `rdb.h`.
pub const BITS_6: u8 = 0;
pub const BITS_14: u8 = 1;
pub const BITS_32: u8 = 0x80;
pub const BITS_64: u8 = 0x81;
/// Not a length: one of the forms of a string below.
pub const ENCODED: u8 = 3;

/// Forms of a string.
pub const INT_8: u8 = 0;
pub const INT_16: u8 = 1;
pub const INT_32: u8 = 2;
pub const LZF: u8 = 3;

/// Strings of at least this length are compressed if that saves this many bytes. Redis begins at 21; the library clears
/// 256 KiB for each string, 35 us, which a store of short ones would be held up by for minutes.
const SHORTEST_COMPRESSED: usize = 1024;
const LEAST_SAVED: usize = 4;
/// What compressing a text takes beside the text itself, as bytes that could be written meanwhile.
const COMPRESSING: usize = 8 * 1024;
/// The longest text that can be a 32-bit integer.
const LONGEST_INT: usize = 11;

/// Writes a length.
pub fn put_length(out: &mut Vec<u8>, length: u64) {
    match length {
        0..0x40 => out.push(BITS_6 << 6 | length as u8),
        0x40..0x4000 => out.extend([BITS_14 << 6 | (length >> 8) as u8, length as u8]),
        0x4000..=0xffff_ffff => {
            out.push(BITS_32);
            out.extend((length as u32).to_be_bytes());
        }
        _ => {
            out.push(BITS_64);
            out.extend(length.to_be_bytes());
        }
    }
}

/// What writing texts of `bytes` in all takes, `longest` bytes the longest of them, as bytes written as they are. What
/// compresses well takes its time, however little comes of it.
pub fn work_of(bytes: usize, longest: usize, compressed: bool) -> usize {
    if compressed && longest >= SHORTEST_COMPRESSED { bytes + COMPRESSING * bytes.div_ceil(longest) } else { bytes }
}

/// Writes a string: as an integer if it reads like one, compressed if that is wanted and saves something.
pub fn put_string(out: &mut Vec<u8>, text: &[u8], compressed: bool) {
    if text.len() <= LONGEST_INT
        && let Some(value) = small_int(text)
    {
        return put_small_int(out, value);
    }
    if compressed && text.len() >= SHORTEST_COMPRESSED && put_compressed(out, text) {
        return;
    }
    put_length(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// The integer of 32 bits that `text` is the only way to write.
fn small_int(text: &[u8]) -> Option<i32> {
    let value: i32 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (itoa::Buffer::new().format(value).as_bytes() == text).then_some(value)
}

fn put_small_int(out: &mut Vec<u8>, value: i32) {
    let form = |form| ENCODED << 6 | form;
    if let Ok(value) = i8::try_from(value) {
        out.extend([form(INT_8), value as u8]);
    } else if let Ok(value) = i16::try_from(value) {
        out.push(form(INT_16));
        out.extend(value.to_le_bytes());
    } else {
        out.push(form(INT_32));
        out.extend(value.to_le_bytes());
    }
}

/// Writes `text` compressed; false, and nothing is written: that would not save enough.
fn put_compressed(out: &mut Vec<u8>, text: &[u8]) -> bool {
    let mut room = vec![0; text.len() - LEAST_SAVED];
    let Ok(length) = compress(text, &mut room) else { return false };
    put_lzf(out, &room[..length], text.len());
    true
}

/// Writes what was compressed already, of a text of `length` bytes.
pub fn put_lzf(out: &mut Vec<u8>, compressed: &[u8], length: usize) {
    out.push(ENCODED << 6 | LZF);
    put_length(out, compressed.len() as u64);
    put_length(out, length as u64);
    out.extend_from_slice(compressed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compresses_well_takes_its_time_however_little_comes_of_it() {
        let text = [b'x'; 4096];
        let mut out = Vec::new();
        put_string(&mut out, &text, true);
        assert!(out.len() < 100 && work_of(text.len(), text.len(), true) == text.len() + COMPRESSING);
        assert_eq!(work_of(4 * 4096, 4096, true), 4 * (4096 + COMPRESSING));
        assert_eq!((work_of(4096, 100, true), work_of(4096, 4096, false)), (4096, 4096));
    }
}

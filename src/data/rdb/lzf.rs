//! Compression by LZF, the one that Redis's serialised data uses.
//!
//! ```text
//! 000lllll                      l + 1 bytes follow as they are
//! lllddddd dddddddd             the l + 2 bytes that began d + 1 bytes ago, again; l is 1..=6
//! 111ddddd llllllll dddddddd    the same for l + 9 bytes
//! ```
//!
//! Most texts are short, and the library clears a table of 256 KiB for each. Here that has the size of the text, about;
//! the library does the long ones, and all of unpacking.

/// The farthest that a repetition may be from what it repeats.
const FARTHEST: usize = 1 << 13;
/// The longest repetition.
const LONGEST: usize = 264;
/// The most bytes in a row as they are.
const LITERALS: usize = 32;

/// Compresses `text` into `room`; how long that is, or none: there is not enough room.
pub fn compress(text: &[u8], room: &mut [u8]) -> Option<usize> {
    match text.len() {
        ..=512 => pack::<9, 512>(text, room),
        ..=0xffff => pack::<13, 8192>(text, room),
        _ => lzf_rust::compress(text, room).ok(),
    }
}

/// The same for texts up to 64 KiB, with a table of `SLOTS` = 2^`BITS` places that were seen.
fn pack<const BITS: u32, const SLOTS: usize>(text: &[u8], room: &mut [u8]) -> Option<usize> {
    // Where a group of three bytes was seen last, by its hash. What was not, or has the hash of another, is found not to
    // be the same.
    let mut seen = [0_u16; SLOTS];
    let mut packed = Packed { room, length: 0 };
    let (mut at, mut written) = (1, 0);
    while at + 2 < text.len() {
        let group = u32::from_le_bytes([text[at], text[at + 1], text[at + 2], 0]);
        let slot = (group.wrapping_mul(0x9e37_79b1) >> (u32::BITS - BITS)) as usize;
        let before = usize::from(std::mem::replace(&mut seen[slot], at as u16));
        if at - before > FARTHEST || text[before..before + 3] != text[at..at + 3] {
            at += 1;
            continue;
        }
        let most = text.len().min(at + LONGEST);
        let more = text[at + 3..most].iter().zip(&text[before + 3..]).take_while(|(one, other)| one == other).count();
        packed.literals(&text[written..at])?;
        packed.repetition(at - before - 1, 3 + more)?;
        at += 3 + more;
        written = at;
    }
    packed.literals(&text[written..])?;
    Some(packed.length)
}

struct Packed<'r> {
    room: &'r mut [u8],
    length: usize,
}

impl Packed<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.length + bytes.len();
        self.room.get_mut(self.length..end)?.copy_from_slice(bytes);
        self.length = end;
        Some(())
    }

    fn literals(&mut self, bytes: &[u8]) -> Option<()> {
        bytes.chunks(LITERALS).try_for_each(|some| {
            self.put(&[some.len() as u8 - 1])?;
            self.put(some)
        })
    }

    fn repetition(&mut self, distance: usize, length: usize) -> Option<()> {
        let (high, low) = ((distance >> 8) as u8, distance as u8);
        match length - 2 {
            short @ 1..=6 => self.put(&[(short as u8) << 5 | high, low]),
            long => self.put(&[7 << 5 | high, (long - 7) as u8, low]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text() -> impl Strategy<Value = Vec<u8>> {
        let word = prop::collection::vec(0..4_u8, 1..40);
        let piece = (word, 1..60_usize).prop_map(|(word, times)| word.repeat(times));
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn it_is_unpacked_to_what_it_was(text in text(), random in prop::collection::vec(any::<u8>(), 0..9000)) {
            for text in [&text, &random, &[&text[..], &random, &text].concat()] {
                let mut room = vec![0; text.len() + text.len() / LITERALS + 1];
                let length = compress(text, &mut room).unwrap();
                if !text.is_empty() {
                    prop_assert_eq!(&lzf_rust::decompress_into_vec(&room[..length], text.len()).unwrap(), text);
                    prop_assert_eq!(compress(text, &mut room[..length - 1]), None);
                }
            }
        }
    }

    #[test]
    fn repetitions_save_room() {
        let mut room = [0; 100];
        assert!(compress(&[b'v'; 100], &mut room).is_some_and(|length| length < 8));
        assert_eq!(compress(b"nothing here twice", &mut room[..18]), None);
    }
}

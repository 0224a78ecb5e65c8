//! A bucket: some eight items, one after the other in one piece of memory.
//!
//! ```text
//! item  key length + 1: u8 | value length: u8, if it varies | key | value
//! large 255 | number of the large item: u32 | part of its key's hash: u32
//! then zeroes
//! ```

use crate::base::heap::rounded;

/// The longest key or value that lies in its bucket. Moving some of these is still quick.
pub const LONGEST: usize = 250;
/// Bytes of a large item in its bucket.
const REFERENCE: usize = 9;
const LARGE: u8 = 255;

/// See the module's description.
#[derive(Clone, Default)]
pub struct Bucket(Box<[u8]>);

/// What is at one place.
#[derive(Clone, Copy)]
pub enum Item<'b> {
    /// Key and value.
    Small(&'b [u8], &'b [u8]),
    /// The large item with this number, and part of its key's hash.
    Large(u32, u32),
}

impl Bucket {
    /// The item at `place`, and the place of the next one; `None`: this is the end. `fixed` is the length of all
    /// values, if they have one.
    #[inline]
    pub fn item(&self, place: usize, fixed: Option<usize>) -> Option<(Item<'_>, usize)> {
        let bytes = self.0.get(place..)?;
        let key_len = match *bytes.first()? {
            0 => return None,
            LARGE => {
                let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
                return Some((Item::Large(word(1), word(5)), place + REFERENCE));
            }
            length => usize::from(length) - 1,
        };
        let (start, value_len) = match fixed {
            Some(length) => (1, length),
            None => (2, usize::from(bytes[1])),
        };
        let (key, end) = (start + key_len, start + key_len + value_len);
        Some((Item::Small(&bytes[start..key], &bytes[key..end]), place + end))
    }

    /// Where a small item's value is.
    pub fn value_mut(&mut self, place: usize, fixed: Option<usize>) -> &mut [u8] {
        let key_len = usize::from(self.0[place]) - 1;
        let (start, length) = match fixed {
            Some(length) => (place + 1 + key_len, length),
            None => (place + 2 + key_len, usize::from(self.0[place + 1])),
        };
        &mut self.0[start..start + length]
    }

    /// Gives the large item at `place` another number.
    pub fn renumber(&mut self, place: usize, number: u32) {
        self.0[place + 1..place + 5].copy_from_slice(&number.to_le_bytes());
    }

    /// Adds a small item at the end, which is at `end`.
    pub fn push(&mut self, end: usize, key: &[u8], value: &[u8], fixed: Option<usize>) {
        let head = [key.len() as u8 + 1, value.len() as u8];
        self.write(end, &[&head[..1 + usize::from(fixed.is_none())], key, value]);
    }

    /// Adds a large one.
    pub fn push_large(&mut self, end: usize, number: u32, hash: u32) {
        self.write(end, &[&[LARGE], &number.to_le_bytes(), &hash.to_le_bytes()]);
    }

    /// Adds items as they lie in other buckets.
    pub fn push_raw(&mut self, end: usize, items: &[u8]) {
        self.write(end, &[items]);
    }

    /// The bytes of the items from `start` to `end`.
    pub fn raw(&self, start: usize, end: usize) -> &[u8] {
        &self.0[start..end]
    }

    /// Takes away what is from `start` to `next`. The end of all items is at `end`.
    pub fn remove(&mut self, start: usize, next: usize, end: usize) {
        let left = end - (next - start);
        self.0.copy_within(next..end, start);
        self.0[left..end].fill(0);
        if self.0.len() > rounded(left) + left / 4 {
            let mut bytes = std::mem::take(&mut self.0).into_vec();
            bytes.truncate(rounded(left));
            self.0 = bytes.into_boxed_slice();
        }
    }

    /// Bytes it takes besides its place in the directory.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }

    fn write(&mut self, end: usize, parts: &[&[u8]]) {
        let size = end + parts.iter().map(|part| part.len()).sum::<usize>();
        if size > self.0.len() {
            let mut bytes = std::mem::take(&mut self.0).into_vec();
            bytes.reserve_exact(rounded(size) - bytes.len());
            bytes.resize(rounded(size), 0);
            self.0 = bytes.into_boxed_slice();
        }
        let mut at = end;
        for part in parts {
            self.0[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
    }
}

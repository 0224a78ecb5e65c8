//! The intset: integers in ascending order in one piece of memory, in Redis's own format.
//!
//! ```text
//! bytes an integer (2, 4 or 8): u32 | integers: u32 | integer ...     all little-endian
//! ```
//!
//! All have the size the largest one ever put in needs; it never shrinks, as in Redis.

use super::block::Block;

const HEADER: usize = 8;
/// One without integers.
const EMPTY: [u8; HEADER] = [2, 0, 0, 0, 0, 0, 0, 0];

/// See the module's description. A new one has no memory until something is put in.
#[derive(Clone, Default)]
pub struct Intset {
    bytes: Block,
}

impl std::fmt::Debug for Intset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Intset {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Intset {
    /// An empty one.
    pub fn new() -> Intset {
        Intset::default()
    }

    /// Takes bytes that came from elsewhere, if they are an intset that is not empty and in order.
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Intset> {
        let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize);
        let (width, count) = (word(0)?, word(4)?);
        if !matches!(width, 2 | 4 | 8) || count == 0 || Some(bytes.len() - HEADER) != count.checked_mul(width) {
            return None;
        }
        let set = Intset { bytes: Block::of(bytes) };
        (1..count).all(|index| set.at(index - 1) < set.at(index)).then_some(set)
    }

    /// Its bytes, as Redis stores and sends them.
    pub fn as_bytes(&self) -> &[u8] {
        if self.bytes.is_empty() { &EMPTY } else { &self.bytes[..self.offset(self.len())] }
    }

    /// Bytes it has on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.bytes.heap_bytes()
    }

    /// How many integers it has.
    pub fn len(&self) -> usize {
        self.bytes
            .get(4..HEADER)
            .map_or(0, |count| u32::from_le_bytes([count[0], count[1], count[2], count[3]]) as usize)
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The integer with this index in ascending order.
    pub fn get(&self, index: usize) -> Option<i64> {
        (index < self.len()).then(|| self.at(index))
    }

    /// Its integers, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + Clone + '_ {
        (0..self.len()).map(|index| self.at(index))
    }

    /// Whether `value` is in it.
    pub fn contains(&self, value: i64) -> bool {
        self.search(value).is_ok()
    }

    /// Puts `value` in; false: it was in already.
    pub fn insert(&mut self, value: i64) -> bool {
        if width_of(value) > self.width() {
            self.widen(width_of(value));
        }
        let Err(index) = self.search(value) else { return false };
        let (count, width) = (self.len(), self.width());
        if self.bytes.is_empty() {
            self.bytes = Block::with_room(HEADER + width);
            self.bytes[..HEADER].copy_from_slice(&EMPTY);
        }
        self.bytes.splice(self.offset(count), self.offset(index), 0, width);
        self.write(index, value);
        self.write_count(count + 1);
        true
    }

    /// Takes `value` out; false: it was not in.
    pub fn remove(&mut self, value: i64) -> bool {
        let Ok(index) = self.search(value) else { return false };
        let (count, width) = (self.len(), self.width());
        self.bytes.splice(self.offset(count), self.offset(index), width, 0);
        self.write_count(count - 1);
        true
    }

    fn width(&self) -> usize {
        usize::from(*self.bytes.first().unwrap_or(&EMPTY[0]))
    }

    fn offset(&self, index: usize) -> usize {
        HEADER + index * self.width()
    }

    fn at(&self, index: usize) -> i64 {
        let (at, width) = (self.offset(index), self.width());
        let mut bytes = [0; 8];
        bytes[8 - width..].copy_from_slice(&self.bytes[at..at + width]);
        i64::from_le_bytes(bytes) >> (64 - 8 * width)
    }

    /// Where `value` is, or would be.
    fn search(&self, value: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        // Often integers come in ascending order.
        if high > 0 && self.at(high - 1) < value {
            return Err(high);
        }
        while low < high {
            let middle = low.midpoint(high);
            match self.at(middle).cmp(&value) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    fn write(&mut self, index: usize, value: i64) {
        let (at, width) = (self.offset(index), self.width());
        self.bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
    }

    fn write_count(&mut self, count: usize) {
        self.bytes[4..HEADER].copy_from_slice(&(count as u32).to_le_bytes());
    }

    /// Gives all its integers more bytes, and makes room for one more.
    fn widen(&mut self, width: usize) {
        let mut wide = Intset { bytes: Block::with_room(HEADER + (self.len() + 1) * width) };
        wide.bytes[0] = width as u8;
        wide.write_count(self.len());
        self.iter().enumerate().for_each(|(index, value)| wide.write(index, value));
        *self = wide;
    }
}

/// Bytes an integer needs.
fn width_of(value: i64) -> usize {
    if i16::try_from(value).is_ok() {
        2
    } else if i32::try_from(value).is_ok() {
        4
    } else {
        8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_bytes_are_those_redis_writes() {
        let mut set = Intset::new();
        [5, -1, 300].into_iter().for_each(|value| assert!(set.insert(value)));
        assert_eq!(set.as_bytes(), b"\x02\0\0\0\x03\0\0\0\xff\xff\x05\0\x2c\x01");
        assert!(set.insert(70_000));
        assert_eq!(&set.as_bytes()[..12], b"\x04\0\0\0\x04\0\0\0\xff\xff\xff\xff");
    }

    #[test]
    fn what_is_no_intset_is_refused() {
        for bytes in [
            &b""[..],
            b"\x02\0\0\0\0\0\0",
            b"\x02\0\0\0\0\0\0\0",
            b"\x03\0\0\0\x01\0\0\0\x01\0\0",
            b"\x02\0\0\0\x02\0\0\0\x01\0",
            b"\x02\0\0\0\x02\0\0\0\x01\0\x01\0",
            b"\x02\0\0\0\x02\0\0\0\x02\0\x01\0",
            b"\x02\0\0\0\x01\0\0\0\x01\0\0",
        ] {
            assert_eq!(Intset::from_bytes(bytes.to_vec()), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn it_is_an_ordered_set(steps in proptest::collection::vec((any::<bool>(), prop_oneof![
            -20i64..20, any::<i16>().prop_map(i64::from), any::<i32>().prop_map(i64::from), any::<i64>()
        ]), 0..200)) {
            let (mut set, mut model) = (Intset::new(), BTreeSet::new());
            for (insert, value) in steps {
                if insert {
                    prop_assert_eq!(set.insert(value), model.insert(value));
                } else {
                    prop_assert_eq!(set.remove(value), model.remove(&value));
                }
                prop_assert_eq!(set.contains(value), model.contains(&value));
                prop_assert_eq!(set.len(), model.len());
            }
            prop_assert!(set.iter().eq(model.iter().copied()));
            if !model.is_empty() {
                prop_assert_eq!(Intset::from_bytes(set.as_bytes().to_vec()), Some(set));
            }
        }
    }
}

//! Things too large for a cell, each with a number that stays the same while it lives.

use crate::base::chunks::Chunks;

/// Places. One that is free holds the default, which is to have no memory of its own.
pub struct Slab<T> {
    places: Chunks<T>,
    /// The numbers of the free places.
    free: Chunks<u32>,
}

impl<T: Default> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab::new()
    }
}

impl<T: Default> Slab<T> {
    /// An empty one, without memory.
    pub const fn new() -> Slab<T> {
        Slab { places: Chunks::new(), free: Chunks::new() }
    }

    /// Keeps `thing`; returns its number.
    pub fn insert(&mut self, thing: T) -> u32 {
        let Some(number) = self.free.pop() else { return self.append(thing) };
        *self.get_mut(number) = thing;
        number
    }

    fn append(&mut self, thing: T) -> u32 {
        let number = self.places.len();
        assert!(number < u32::MAX as usize, "out of memory: four billion large values");
        self.places.push(thing);
        number as u32
    }

    /// Takes out what has `number`.
    ///
    /// # Panics
    /// When there never was such a number, as do the next two: numbers come from entries, which would be corrupt.
    pub fn remove(&mut self, number: u32) -> T {
        debug_assert!((0..self.free.len().min(64)).all(|at| self.free[at] != number), "nothing has number {number}");
        let thing = std::mem::take(self.get_mut(number));
        self.free.push(number);
        thing
    }

    /// What has `number`.
    #[inline]
    pub fn get(&self, number: u32) -> &T {
        &self.places[number as usize]
    }

    /// What has `number`, to change.
    #[inline]
    pub fn get_mut(&mut self, number: u32) -> &mut T {
        &mut self.places[number as usize]
    }

    /// Takes the last place off, whatever it holds. For a slab that is being dismantled: free places are forgotten.
    pub fn pop(&mut self) -> Option<T> {
        self.free.pop();
        self.places.pop()
    }

    /// How many places there are, free ones too.
    pub fn places(&self) -> usize {
        self.places.len()
    }

    /// Whether no place is left.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Bytes of the places themselves.
    pub fn overhead(&self) -> usize {
        self.places.bytes() + self.free.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::chunks::CHUNK;

    #[test]
    fn numbers_are_reused_and_never_shared() {
        let mut slab = Slab::new();
        let [a, b, c] = ["a", "b", "c"].map(|thing| slab.insert(thing));
        assert_eq!(slab.remove(b), "b");
        assert_eq!(slab.remove(a), "a");
        assert_eq!([slab.insert("d"), slab.insert("e"), slab.insert("f")], [a, b, 3]);
        assert_eq!((*slab.get(a), *slab.get(b), *slab.get(c), *slab.get(3)), ("d", "e", "c", "f"));
    }

    #[test]
    fn many_are_kept_in_chunks_and_none_is_left_when_all_were_taken_off() {
        let mut slab = Slab::new();
        let count = 3 * CHUNK as u32 + 5;
        (0..count).for_each(|number| assert_eq!(slab.insert(number), number));
        assert_eq!((slab.remove(CHUNK as u32), slab.insert(7)), (CHUNK as u32, CHUNK as u32));
        assert!((0..count).all(|number| *slab.get(number) == if number == CHUNK as u32 { 7 } else { number }));
        assert!(slab.overhead() < (4 * CHUNK + 100) * size_of::<u32>());
        assert_eq!(std::iter::from_fn(|| slab.pop()).count(), count as usize);
        assert!(slab.is_empty());
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "nothing has number 0")]
    fn a_number_is_not_freed_twice() {
        let mut slab = Slab::new();
        slab.insert(1);
        slab.remove(0);
        slab.remove(0);
    }
}

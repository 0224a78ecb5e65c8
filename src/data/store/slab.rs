//! Things too large for a cell, each with a number that stays the same while it lives.

/// How many places are had at once. Growing adds a chunk and moves nothing, and leaves no more than a chunk unused.
const CHUNK: usize = 1024;

/// Chunks of places. One that is free holds the default, which is to have no memory of its own.
pub struct Slab<T> {
    /// All but the last are full.
    chunks: Vec<Vec<T>>,
    /// The numbers of the free places.
    free: Vec<u32>,
}

impl<T: Default> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab::new()
    }
}

impl<T: Default> Slab<T> {
    /// An empty one, without memory.
    pub const fn new() -> Slab<T> {
        Slab { chunks: Vec::new(), free: Vec::new() }
    }

    /// Keeps `thing`; returns its number.
    pub fn insert(&mut self, thing: T) -> u32 {
        let Some(number) = self.free.pop() else { return self.append(thing) };
        *self.get_mut(number) = thing;
        number
    }

    fn append(&mut self, thing: T) -> u32 {
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            // The first grows by itself: a store of a few things is to be small.
            let room = if self.chunks.is_empty() { 0 } else { CHUNK };
            self.chunks.push(Vec::with_capacity(room));
        }
        let full = (self.chunks.len() - 1) * CHUNK;
        let last = self.chunks.last_mut().expect("one was pushed if there was none");
        let number = full + last.len();
        assert!(number < u32::MAX as usize, "out of memory: four billion large values");
        last.push(thing);
        number as u32
    }

    /// Takes out what has `number`.
    ///
    /// # Panics
    /// When there never was such a number, as do the next two: numbers come from entries, which would be corrupt.
    pub fn remove(&mut self, number: u32) -> T {
        debug_assert!(!self.free.contains(&number) || self.free.len() > 64, "nothing has number {number}");
        let thing = std::mem::take(self.get_mut(number));
        self.free.push(number);
        thing
    }

    /// What has `number`.
    #[inline]
    pub fn get(&self, number: u32) -> &T {
        &self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }

    /// What has `number`, to change.
    #[inline]
    pub fn get_mut(&mut self, number: u32) -> &mut T {
        &mut self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }

    /// Takes the last place off, whatever it holds. For a slab that is being dismantled: free places are forgotten.
    pub fn pop(&mut self) -> Option<T> {
        self.free = Vec::new();
        let last = self.chunks.last_mut()?;
        let thing = last.pop();
        if last.is_empty() {
            self.chunks.pop();
        }
        thing
    }

    /// How many places there are, free ones too.
    pub fn places(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// Whether no place is left.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Bytes of the places themselves.
    pub fn overhead(&self) -> usize {
        let Some(last) = self.chunks.last() else { return 0 };
        let places = (self.chunks.len() - 1) * CHUNK + last.capacity();
        let lists = self.chunks.capacity() * size_of::<Vec<T>>() + self.free.capacity() * size_of::<u32>();
        lists + places * size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

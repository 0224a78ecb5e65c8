//! Things too large for a cell, each with a number that stays the same while it lives.

/// How many places are had at once. Growing adds a chunk and moves nothing, and leaves no more than a chunk unused.
const CHUNK: usize = 1024;

/// Chunks of places, with a list of the free ones.
pub struct Slab<T> {
    /// All but the last are full.
    chunks: Vec<Vec<Place<T>>>,
    /// The first free place; NONE: there is none.
    free: u32,
}

enum Place<T> {
    Taken(T),
    /// With the next free place.
    Free(u32),
}

const NONE: u32 = u32::MAX;

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab::new()
    }
}

impl<T> Slab<T> {
    /// An empty one, without memory.
    pub const fn new() -> Slab<T> {
        Slab { chunks: Vec::new(), free: NONE }
    }

    /// Keeps `thing`; returns its number.
    pub fn insert(&mut self, thing: T) -> u32 {
        let place = Place::Taken(thing);
        if self.free == NONE {
            return self.append(place);
        }
        let number = self.free;
        if let Place::Free(next) = std::mem::replace(self.place_mut(number), place) {
            self.free = next;
        }
        number
    }

    fn append(&mut self, place: Place<T>) -> u32 {
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            // The first grows by itself: a store of a few things is to be small.
            let room = if self.chunks.is_empty() { 0 } else { CHUNK };
            self.chunks.push(Vec::with_capacity(room));
        }
        let full = (self.chunks.len() - 1) * CHUNK;
        let last = self.chunks.last_mut().expect("one was pushed if there was none");
        let number = full + last.len();
        assert!(number < NONE as usize, "out of memory: four billion large values");
        last.push(place);
        number as u32
    }

    fn place_mut(&mut self, number: u32) -> &mut Place<T> {
        &mut self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }

    /// Takes out what has `number`.
    ///
    /// # Panics
    /// When there is none: numbers come from entries, which would be corrupt.
    pub fn remove(&mut self, number: u32) -> T {
        let free = Place::Free(self.free);
        match std::mem::replace(self.place_mut(number), free) {
            Place::Taken(thing) => {
                self.free = number;
                thing
            }
            Place::Free(_) => panic!("nothing has number {number}"),
        }
    }

    /// What has `number`; panics like [`remove`](Slab::remove).
    pub fn get(&self, number: u32) -> &T {
        match &self.chunks[number as usize / CHUNK][number as usize % CHUNK] {
            Place::Taken(thing) => thing,
            Place::Free(_) => panic!("nothing has number {number}"),
        }
    }

    /// What has `number`, to change; panics like [`remove`](Slab::remove).
    pub fn get_mut(&mut self, number: u32) -> &mut T {
        match self.place_mut(number) {
            Place::Taken(thing) => thing,
            Place::Free(_) => panic!("nothing has number {number}"),
        }
    }

    /// Takes the last place off, whatever it holds. For a slab that is being dismantled: free places are not kept track of.
    pub fn pop(&mut self) -> Option<Option<T>> {
        let last = self.chunks.last_mut()?;
        let place = last.pop();
        if last.is_empty() {
            self.chunks.pop();
        }
        place.map(|place| match place {
            Place::Taken(thing) => Some(thing),
            Place::Free(_) => None,
        })
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
        self.chunks.capacity() * size_of::<Vec<Place<T>>>() + places * size_of::<Place<T>>()
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
        assert!(slab.overhead() < (4 * CHUNK + 100) * size_of::<Place<u32>>());
        assert_eq!(std::iter::from_fn(|| slab.pop()).flatten().count(), count as usize);
        assert!(slab.is_empty());
    }

    #[test]
    #[should_panic(expected = "nothing has number 0")]
    fn a_freed_number_is_not_readable() {
        let mut slab = Slab::new();
        slab.insert(1);
        slab.remove(0);
        slab.get(0);
    }
}

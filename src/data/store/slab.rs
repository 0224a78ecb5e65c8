//! Things too large for a cell, each with a number that stays the same while it lives.

/// A vector with a list of its free places.
pub struct Slab<T> {
    places: Vec<Place<T>>,
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
        Slab { places: Vec::new(), free: NONE }
    }

    /// Keeps `thing`; returns its number.
    pub fn insert(&mut self, thing: T) -> u32 {
        let place = Place::Taken(thing);
        if self.free == NONE {
            assert!(self.places.len() < NONE as usize, "out of memory: four billion large values");
            self.places.push(place);
            return (self.places.len() - 1) as u32;
        }
        let number = self.free;
        if let Place::Free(next) = std::mem::replace(&mut self.places[number as usize], place) {
            self.free = next;
        }
        number
    }

    /// Takes out what has `number`.
    ///
    /// # Panics
    /// When there is none: numbers come from entries, which would be corrupt.
    pub fn remove(&mut self, number: u32) -> T {
        match std::mem::replace(&mut self.places[number as usize], Place::Free(self.free)) {
            Place::Taken(thing) => {
                self.free = number;
                thing
            }
            Place::Free(_) => panic!("nothing has number {number}"),
        }
    }

    /// What has `number`; panics like [`remove`](Slab::remove).
    pub fn get(&self, number: u32) -> &T {
        match &self.places[number as usize] {
            Place::Taken(thing) => thing,
            Place::Free(_) => panic!("nothing has number {number}"),
        }
    }

    /// What has `number`, to change; panics like [`remove`](Slab::remove).
    pub fn get_mut(&mut self, number: u32) -> &mut T {
        match &mut self.places[number as usize] {
            Place::Taken(thing) => thing,
            Place::Free(_) => panic!("nothing has number {number}"),
        }
    }

    /// Takes the last place off, whatever it holds. For a slab that is being dismantled: free places are not kept track of.
    pub fn pop(&mut self) -> Option<Option<T>> {
        self.places.pop().map(|place| match place {
            Place::Taken(thing) => Some(thing),
            Place::Free(_) => None,
        })
    }

    /// How many places there are, free ones too.
    pub fn places(&self) -> usize {
        self.places.len()
    }

    /// Whether no place is left.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Gives memory back when the places take much less than is reserved. For the same.
    pub fn shed(&mut self) {
        super::graveyard::shed(&mut self.places);
    }

    /// Bytes of the places themselves.
    pub fn overhead(&self) -> usize {
        self.places.capacity() * size_of::<Place<T>>()
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
    #[should_panic(expected = "nothing has number 0")]
    fn a_freed_number_is_not_readable() {
        let mut slab = Slab::new();
        slab.insert(1);
        slab.remove(0);
        slab.get(0);
    }
}

//! A vector in chunks: growing adds one and moves nothing, whatever the size, and leaves no more than a chunk unused.

/// Elements of a chunk.
pub const CHUNK: usize = 1024;

/// See the module's description.
#[derive(Clone, Debug)]
pub struct Chunks<T> {
    /// None is empty, and all but the last are full.
    chunks: Vec<Vec<T>>,
}

impl<T> Default for Chunks<T> {
    fn default() -> Chunks<T> {
        Chunks::new()
    }
}

impl<T> Chunks<T> {
    /// An empty one, without memory.
    pub const fn new() -> Chunks<T> {
        Chunks { chunks: Vec::new() }
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The element at `index`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    /// Adds an element.
    pub fn push(&mut self, element: T) {
        match self.chunks.last_mut().filter(|last| last.len() < CHUNK) {
            Some(last) => last.push(element),
            None => {
                // The first grows by itself: a store of a few things is to be small.
                let mut chunk = Vec::with_capacity(if self.chunks.is_empty() { 0 } else { CHUNK });
                chunk.push(element);
                self.chunks.push(chunk);
            }
        }
    }

    /// Takes the last element away.
    pub fn pop(&mut self) -> Option<T> {
        let last = self.chunks.last_mut()?;
        let element = last.pop();
        if last.is_empty() {
            self.chunks.pop();
        }
        element
    }

    /// Takes the last chunk away; false: there is none.
    pub fn pop_chunk(&mut self) -> bool {
        self.chunks.pop().is_some()
    }

    /// Takes the element at `index` away; the last one takes its place.
    pub fn swap_remove(&mut self, index: usize) -> Option<T> {
        let last = self.pop()?;
        if index == self.len() { Some(last) } else { Some(std::mem::replace(&mut self[index], last)) }
    }

    /// Bytes of the chunks.
    pub fn bytes(&self) -> usize {
        let Some(last) = self.chunks.last() else { return 0 };
        let places = (self.chunks.len() - 1) * CHUNK + last.capacity();
        self.chunks.capacity() * size_of::<Vec<T>>() + places * size_of::<T>()
    }
}

impl<T> std::ops::Index<usize> for Chunks<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        &self.chunks[index / CHUNK][index % CHUNK]
    }
}

impl<T> std::ops::IndexMut<usize> for Chunks<T> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.chunks[index / CHUNK][index % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_vector_that_leaves_no_more_than_a_chunk_unused() {
        let (mut chunks, mut model) = (Chunks::new(), Vec::new());
        for number in 0..3 * CHUNK + 5 {
            chunks.push(number);
            model.push(number);
            assert_eq!((chunks.len(), chunks.get(number), chunks.get(number + 1)), (number + 1, Some(&number), None));
        }
        assert!(chunks.bytes() < (4 * CHUNK + 100) * size_of::<usize>());
        assert_eq!((chunks.swap_remove(7), chunks.swap_remove(3 * CHUNK + 3)), (Some(7), Some(3 * CHUNK + 3)));
        assert_eq!((model.swap_remove(7), model.swap_remove(3 * CHUNK + 3)), (7, 3 * CHUNK + 3));
        assert!(model.iter().enumerate().all(|(at, element)| chunks[at] == *element));
        while let Some(element) = model.pop() {
            assert_eq!(chunks.pop(), Some(element));
        }
        (0..CHUNK + 1).for_each(|number| chunks.push(number));
        assert!(chunks.pop_chunk() && chunks.len() == CHUNK && chunks.pop_chunk() && !chunks.pop_chunk());
        assert_eq!((chunks.pop(), chunks.len(), chunks.is_empty(), chunks.swap_remove(0)), (None, 0, true, None));
    }
}

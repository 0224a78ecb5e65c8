//! A vector that never moves more than a few kilobytes when it grows.

/// Elements of one segment.
const SEGMENT: usize = 512;

/// See the module's description.
#[derive(Clone)]
pub struct Segments<T> {
    /// All but the last are full, and none is empty.
    segments: Vec<Vec<T>>,
}

impl<T> Segments<T> {
    /// An empty one.
    pub fn new() -> Self {
        Segments { segments: Vec::new() }
    }

    /// How many elements it has.
    #[inline]
    pub fn len(&self) -> usize {
        self.segments.last().map_or(0, |last| (self.segments.len() - 1) * SEGMENT + last.len())
    }

    /// Bytes it has on the heap, without those of its elements.
    pub fn heap_bytes(&self) -> usize {
        let elements = self.segments.last().map_or(0, |last| (self.segments.len() - 1) * SEGMENT + last.capacity());
        self.segments.capacity() * size_of::<Vec<T>>() + elements * size_of::<T>()
    }

    /// Adds an element.
    pub fn push(&mut self, element: T) {
        match self.segments.last_mut() {
            Some(last) if last.len() < SEGMENT => {
                if last.len() == last.capacity() {
                    // The first one grows; the others are made whole.
                    last.reserve_exact(last.len().min(SEGMENT - last.len()));
                }
                last.push(element);
            }
            last => {
                let mut segment = Vec::with_capacity(if last.is_some() { SEGMENT } else { 1 });
                segment.push(element);
                if self.segments.is_empty() {
                    // Most dicts have one.
                    self.segments.reserve_exact(1);
                }
                self.segments.push(segment);
            }
        }
    }

    /// Takes the last element away.
    pub fn pop(&mut self) -> Option<T> {
        let last = self.segments.last_mut()?;
        let element = last.pop();
        if last.is_empty() {
            self.segments.pop();
        } else if self.segments.len() == 1 && self.segments[0].len() * 4 <= self.segments[0].capacity() {
            let twice = self.segments[0].len() * 2;
            self.segments[0].shrink_to(twice);
        }
        element
    }

    /// Takes the element at `index` away; the last one takes its place.
    pub fn swap_remove(&mut self, index: usize) -> Option<T> {
        let last = self.pop()?;
        if index == self.len() { Some(last) } else { Some(std::mem::replace(&mut self[index], last)) }
    }

    /// Its elements in order.
    pub fn iter(&self) -> std::iter::Flatten<std::slice::Iter<'_, Vec<T>>> {
        self.segments.iter().flatten()
    }
}

impl<T> std::ops::Index<usize> for Segments<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        &self.segments[index / SEGMENT][index % SEGMENT]
    }
}

impl<T> std::ops::IndexMut<usize> for Segments<T> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.segments[index / SEGMENT][index % SEGMENT]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_vector() {
        let mut segments = Segments::new();
        for number in 0..2000 {
            segments.push(number);
            assert_eq!((segments.len(), segments[number / 2]), (number + 1, number / 2));
        }
        assert_eq!(segments.swap_remove(3), Some(3));
        assert_eq!((segments[3], segments.len()), (1999, 1999));
        assert_eq!(segments.swap_remove(1998), Some(1998));
        for left in (0..1998).rev() {
            assert!(segments.pop().is_some());
            assert_eq!((segments.len(), segments.iter().count()), (left, left));
        }
        assert!(segments.pop().is_none() && segments.heap_bytes() < 200);
    }
}

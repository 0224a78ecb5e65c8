//! A vector in segments, for collections of any size: it never moves more than a few kilobytes when it grows, and a copy
//! of it costs one count a segment.
//!
//! A copy shares all segments; whichever of the two changes first copies the segment that it changes. That is how a
//! snapshot has a large collection as it was, while the collection goes on changing. Invariants: all segments but the
//! only one have `SEGMENT` places, and places behind the last element hold `T::default()`.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// Bytes of a segment beside its elements: the counts of those who share it.
const COUNTS: usize = 2 * size_of::<usize>();

/// See the module's description. A segment has `SEGMENT` elements: few where copying one takes long, since a write may
/// have to copy three segments; many where there are many, since a copy of all costs a count a segment.
#[derive(Clone, Debug)]
pub struct Segments<T, const SEGMENT: usize = 128> {
    segments: List<T>,
    len: usize,
}

/// Most collections have one segment, and need no list of them.
#[derive(Clone, Debug)]
enum List<T> {
    One(Arc<[T]>),
    Many(Vec<Arc<[T]>>),
}

impl<T> List<T> {
    fn push(&mut self, segment: Arc<[T]>) {
        match self {
            List::Many(list) if list.is_empty() => *self = List::One(segment),
            List::Many(list) => list.push(segment),
            List::One(only) => *self = List::Many(vec![only.clone(), segment]),
        }
    }

    fn pop(&mut self) {
        match self {
            List::One(_) => *self = List::Many(Vec::new()),
            List::Many(list) => {
                list.pop();
                if list.capacity() > 4 * list.len() + 8 {
                    list.shrink_to(2 * list.len());
                }
            }
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            List::One(_) => 0,
            List::Many(list) => list.capacity() * size_of::<Arc<[T]>>(),
        }
    }
}

impl<T> Deref for List<T> {
    type Target = [Arc<[T]>];

    #[inline]
    fn deref(&self) -> &[Arc<[T]>] {
        match self {
            List::One(only) => std::slice::from_ref(only),
            List::Many(list) => list,
        }
    }
}

impl<T> DerefMut for List<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [Arc<[T]>] {
        match self {
            List::One(only) => std::slice::from_mut(only),
            List::Many(list) => list,
        }
    }
}

impl<T, const SEGMENT: usize> Default for Segments<T, SEGMENT> {
    fn default() -> Self {
        Segments { segments: List::Many(Vec::new()), len: 0 }
    }
}

impl<T: Clone + Default, const SEGMENT: usize> Segments<T, SEGMENT> {
    /// How many elements it has.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes it has on the heap, without those of its elements.
    pub fn heap_bytes(&self) -> usize {
        self.segments.heap_bytes() + self.segments.len() * COUNTS + self.places() * size_of::<T>()
    }

    /// Adds an element.
    pub fn push(&mut self, element: T) {
        if self.len == self.places() {
            match &self.segments[..] {
                [] => self.segments.push(places(1, std::iter::empty())),
                [only] if only.len() < SEGMENT => self.resize_only(2 * self.len),
                _ => self.segments.push(places(SEGMENT, std::iter::empty())),
            }
        }
        self.len += 1;
        let last = self.len - 1;
        self[last] = element;
    }

    /// Takes the last element away.
    pub fn pop(&mut self) -> Option<T> {
        let last = self.len.checked_sub(1)?;
        let element = std::mem::take(&mut self[last]);
        self.len = last;
        if last.is_multiple_of(SEGMENT) {
            self.segments.pop();
        } else if self.segments.len() == 1 && last * 4 <= self.places() {
            self.resize_only(last * 2);
        }
        Some(element)
    }

    /// Takes the element at `index` away; the last one takes its place.
    pub fn swap_remove(&mut self, index: usize) -> Option<T> {
        let last = self.pop()?;
        if index == self.len { Some(last) } else { Some(std::mem::replace(&mut self[index], last)) }
    }

    /// Takes the last segment away if others share it: then that frees nothing that is to be accounted for.
    pub fn pop_shared(&mut self) -> bool {
        let shared = self.segments.last().is_some_and(|last| Arc::strong_count(last) > 1);
        if shared {
            self.segments.pop();
            self.len = self.segments.len() * SEGMENT;
        }
        shared
    }

    /// Its elements in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.segments.iter().flat_map(|segment| segment.iter()).take(self.len)
    }

    fn places(&self) -> usize {
        match &self.segments[..] {
            [only] => only.len(),
            segments => segments.len() * SEGMENT,
        }
    }

    fn resize_only(&mut self, count: usize) {
        let old = Arc::make_mut(&mut self.segments[0]);
        self.segments[0] = places(count, old.iter_mut().take(self.len.min(count)).map(std::mem::take));
    }
}

/// A segment of `count` places that begins with `elements`.
fn places<T: Default>(count: usize, mut elements: impl Iterator<Item = T>) -> Arc<[T]> {
    (0..count).map(|_| elements.next().unwrap_or_default()).collect()
}

impl<T, const SEGMENT: usize> std::ops::Index<usize> for Segments<T, SEGMENT> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        &self.segments[index / SEGMENT][index % SEGMENT]
    }
}

impl<T: Clone, const SEGMENT: usize> std::ops::IndexMut<usize> for Segments<T, SEGMENT> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut Arc::make_mut(&mut self.segments[index / SEGMENT])[index % SEGMENT]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_a_vector() {
        let mut segments: Segments<_> = Segments::default();
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
        assert!(segments.pop().is_none() && segments.heap_bytes() < 400);
    }

    proptest! {
        #[test]
        fn a_copy_stays_what_it_was(
            before in 0..1200_u32, changes in prop::collection::vec((0..3_u8, 0..1200_usize), 1..50)
        ) {
            let mut segments: Segments<_> = Segments::default();
            (0..before).for_each(|number| segments.push(number));
            let copy = segments.clone();
            let mut model: Vec<u32> = (0..before).collect();
            for (kind, at) in changes {
                match kind {
                    0 => {
                        segments.push(9999);
                        model.push(9999);
                    }
                    1 => prop_assert_eq!(segments.pop(), model.pop()),
                    _ if at < model.len() => {
                        prop_assert_eq!(segments.swap_remove(at), Some(model.swap_remove(at)));
                    }
                    _ => {}
                }
                prop_assert!(segments.iter().eq(&model));
            }
            prop_assert!(copy.iter().copied().eq(0..before) && copy.len() == before as usize);
        }
    }
}

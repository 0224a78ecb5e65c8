//! A vector in segments, for collections of any size: it never moves more than a few kilobytes when it grows, and a copy
//! of it costs one count for each branch, which is some thousand elements.
//!
//! ```text
//! branches  [ 64 segments | 64 segments | ... ]     shared with copies as a whole
//! tail      [ segment | segment | ... ]             up to 64 more
//! ```
//!
//! A copy shares everything; whichever of the two changes first copies the list of its branch, and the segment that it
//! changes. That is how a snapshot has a large collection as it was, while the collection goes on changing. (Counting for
//! each segment took 0.4 us, 4 ms for a million elements: their memory is cold.) Invariants: every branch has `FAN` segments;
//! all segments but the only one have `SEGMENT` places, and places behind the last element hold `T::default()`.

use std::sync::Arc;

/// Elements of one segment: few, since a write may have to copy one.
const SEGMENT: usize = 128;
/// Segments of one branch. Tests' collections are small.
const FAN: usize = if cfg!(test) { 4 } else { 64 };
/// Bytes of a segment or a branch beside what is in it: the counts of those who share it.
const COUNTS: usize = 2 * size_of::<usize>();

type Segment<T> = Arc<[T]>;
type Branch<T> = Arc<Vec<Segment<T>>>;

/// See the module's description.
#[derive(Clone, Debug)]
pub struct Segments<T> {
    branches: Vec<Branch<T>>,
    tail: Vec<Segment<T>>,
    len: usize,
}

impl<T> Default for Segments<T> {
    fn default() -> Self {
        Segments { branches: Vec::new(), tail: Vec::new(), len: 0 }
    }
}

impl<T: Clone + Default> Segments<T> {
    /// How many elements it has.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes it has on the heap, without those of its elements.
    pub fn heap_bytes(&self) -> usize {
        let branch = size_of::<Branch<T>>() + COUNTS + size_of::<Vec<Segment<T>>>() + FAN * size_of::<Segment<T>>();
        let lists = self.branches.len() * branch + self.tail.capacity() * size_of::<Segment<T>>();
        lists + self.segments() * COUNTS + self.places() * size_of::<T>()
    }

    /// Adds an element.
    pub fn push(&mut self, element: T) {
        if self.len == self.places() {
            match &*self.tail {
                [] if self.branches.is_empty() => {
                    // Most collections have one segment.
                    self.tail.reserve_exact(1);
                    self.tail.push(places(1, std::iter::empty()));
                }
                [only] if only.len() < SEGMENT => self.resize_only(2 * self.len),
                _ => {
                    if self.tail.len() == FAN {
                        self.branches.push(Arc::new(std::mem::take(&mut self.tail)));
                    }
                    self.tail.push(places(SEGMENT, std::iter::empty()));
                }
            }
        }
        self.len += 1;
        let last = self.len - 1;
        self[last] = element;
    }

    /// Takes the last element away.
    pub fn pop(&mut self) -> Option<T> {
        let last = self.len.checked_sub(1)?;
        self.refill_tail();
        let element = std::mem::take(&mut self[last]);
        self.len = last;
        if last.is_multiple_of(SEGMENT) {
            self.tail.pop();
            self.refill_tail();
        } else if self.segments() == 1 && last * 4 <= self.places() {
            self.resize_only(last * 2);
        }
        Some(element)
    }

    /// Takes the element at `index` away; the last one takes its place.
    pub fn swap_remove(&mut self, index: usize) -> Option<T> {
        let last = self.pop()?;
        if index == self.len { Some(last) } else { Some(std::mem::replace(&mut self[index], last)) }
    }

    /// Takes the last segment away, or the last branch, if others share it: then that frees nothing that is to be
    /// accounted for.
    pub fn pop_shared(&mut self) -> bool {
        if self.tail.is_empty() && self.branches.pop_if(|last| Arc::strong_count(last) > 1).is_some() {
            self.len = self.segments() * SEGMENT;
            return true;
        }
        self.refill_tail();
        let shared = self.tail.pop_if(|last| Arc::strong_count(last) > 1).is_some();
        if shared {
            self.len = self.segments() * SEGMENT;
        }
        shared
    }

    /// Its elements in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let segments = self.branches.iter().flat_map(|branch| branch.iter()).chain(&self.tail);
        segments.flat_map(|segment| segment.iter()).take(self.len)
    }

    fn segments(&self) -> usize {
        self.branches.len() * FAN + self.tail.len()
    }

    fn places(&self) -> usize {
        match &*self.tail {
            [only] if self.branches.is_empty() => only.len(),
            _ => self.segments() * SEGMENT,
        }
    }

    /// The last segment is in the tail, if there is one.
    fn refill_tail(&mut self) {
        if self.tail.is_empty()
            && let Some(branch) = self.branches.pop()
        {
            self.tail = Arc::unwrap_or_clone(branch);
        }
    }

    fn resize_only(&mut self, count: usize) {
        let old = Arc::make_mut(&mut self.tail[0]);
        self.tail[0] = places(count, old.iter_mut().take(self.len.min(count)).map(std::mem::take));
    }
}

/// A segment of `count` places that begins with `elements`.
fn places<T: Default>(count: usize, mut elements: impl Iterator<Item = T>) -> Segment<T> {
    (0..count).map(|_| elements.next().unwrap_or_default()).collect()
}

impl<T> std::ops::Index<usize> for Segments<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        let number = index / SEGMENT;
        let segment = match self.branches.get(number / FAN) {
            Some(branch) => &branch[number % FAN],
            None => &self.tail[number - self.branches.len() * FAN],
        };
        &segment[index % SEGMENT]
    }
}

impl<T: Clone> std::ops::IndexMut<usize> for Segments<T> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        let number = index / SEGMENT;
        let in_branches = self.branches.len() * FAN;
        let segment = match self.branches.get_mut(number / FAN) {
            Some(branch) => &mut Arc::make_mut(branch)[number % FAN],
            None => &mut self.tail[number - in_branches],
        };
        &mut Arc::make_mut(segment)[index % SEGMENT]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_a_vector() {
        let mut segments = Segments::default();
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

    #[test]
    fn a_copy_that_is_let_go_frees_what_only_it_has() {
        let mut segments = Segments::default();
        (0..5000).for_each(|number| segments.push(number));
        let mut copy = segments.clone();
        segments[10] = 0;
        let (mut shared, mut own) = (0, 0);
        while copy.len() > 0 {
            if copy.pop_shared() {
                shared += 1;
            } else {
                own += usize::from(copy.pop().is_some());
            }
        }
        // 5000 elements are nine branches and four segments; of the first branch, whose list is a copy, one segment is.
        assert_eq!((shared, own), (9 - 1 + 4 + FAN - 1, SEGMENT));
        assert_eq!((segments.len(), segments[10], segments[4999]), (5000, 0, 4999));
    }

    proptest! {
        #[test]
        fn a_copy_stays_what_it_was(
            before in 0..1200_u32, changes in prop::collection::vec((0..3_u8, 0..1200_usize), 1..50)
        ) {
            let mut segments = Segments::default();
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

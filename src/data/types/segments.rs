//! A vector in segments, for collections of any size: it never moves more than a few kilobytes when it grows, and a copy
//! of it costs one count for each branch of many segments.
//!
//! ```text
//! few   [segment segment ...]                                   at most `BRANCH`
//! many  [branch branch ...]    branch: [segment segment ...]    all but the last have `BRANCH`
//! ```
//!
//! A copy shares all branches and segments; whichever of the two changes first copies the list of the branch and the segment
//! that it changes. That is how a snapshot has a large collection as it was, while the collection goes on changing.
//! Invariants: all segments but the only one have `SEGMENT` places, and places behind the last element hold `T::default()`.

use std::sync::Arc;

/// Segments of a branch: as many counts are touched when one that is shared changes.
const BRANCH: usize = 64;
/// Bytes of a segment beside its elements, and of a branch: the counts of those who share it.
const COUNTS: usize = 2 * size_of::<usize>();

/// See the module's description. A segment has `SEGMENT` elements: few where copying one takes long, since a write may
/// have to copy three segments.
#[derive(Clone, Debug)]
pub struct Segments<T, const SEGMENT: usize = 128> {
    segments: List<T>,
    len: usize,
}

/// Most collections have one segment, and need no list of them; few need more than a branch.
#[derive(Clone, Debug)]
enum List<T> {
    One(Arc<[T]>),
    Few(Vec<Arc<[T]>>),
    Many(Vec<Arc<Vec<Arc<[T]>>>>),
}

impl<T> Default for List<T> {
    fn default() -> Self {
        List::Few(Vec::new())
    }
}

impl<T> List<T> {
    fn len(&self) -> usize {
        match self {
            List::One(_) => 1,
            List::Few(list) => list.len(),
            List::Many(branches) => branches.last().map_or(0, |last| (branches.len() - 1) * BRANCH + last.len()),
        }
    }

    #[inline]
    fn get(&self, number: usize) -> &Arc<[T]> {
        match self {
            List::One(only) => only,
            List::Few(list) => &list[number],
            List::Many(branches) => &branches[number / BRANCH][number % BRANCH],
        }
    }

    #[inline]
    fn get_mut(&mut self, number: usize) -> &mut Arc<[T]> {
        match self {
            List::One(only) => only,
            List::Few(list) => &mut list[number],
            List::Many(branches) => &mut Arc::make_mut(&mut branches[number / BRANCH])[number % BRANCH],
        }
    }

    fn push(&mut self, segment: Arc<[T]>) {
        match self {
            List::Few(list) if list.is_empty() => *self = List::One(segment),
            List::One(only) => *self = List::Few(vec![only.clone(), segment]),
            List::Few(list) if list.len() < BRANCH => list.push(segment),
            List::Few(list) => *self = List::Many(vec![Arc::new(std::mem::take(list)), Arc::new(vec![segment])]),
            List::Many(branches) => match branches.last_mut().filter(|last| last.len() < BRANCH) {
                Some(last) => Arc::make_mut(last).push(segment),
                None => branches.push(Arc::new(vec![segment])),
            },
        }
    }

    fn pop(&mut self) {
        match self {
            List::One(_) => *self = List::default(),
            List::Few(list) => pop_from(list),
            List::Many(branches) => match branches.last_mut().filter(|last| last.len() > 1) {
                Some(last) => pop_from(Arc::make_mut(last)),
                None => pop_from(branches),
            },
        }
        self.simplify();
    }

    /// Takes the last segment away, or the last branch, if others share it.
    fn pop_shared(&mut self) -> bool {
        if let List::Many(branches) = self
            && branches.last().is_some_and(|last| Arc::strong_count(last) > 1)
        {
            pop_from(branches);
            self.simplify();
            return true;
        }
        let last = self.len().checked_sub(1).map(|last| self.get(last));
        let shared = last.is_some_and(|last| Arc::strong_count(last) > 1);
        if shared {
            self.pop();
        }
        shared
    }

    /// Gives it the form for fewer segments, when it has come to that.
    fn simplify(&mut self) {
        match self {
            List::Many(branches) if branches.len() == 1 => {
                *self = List::Few(branches.pop().map(Arc::unwrap_or_clone).unwrap_or_default());
            }
            List::Few(list) if list.len() == 1 => *self = list.pop().map_or_else(List::default, List::One),
            _ => {}
        }
    }

    fn heap_bytes(&self) -> usize {
        let list = |list: &Vec<_>| list.capacity() * size_of::<Arc<[T]>>();
        match self {
            List::One(_) => 0,
            List::Few(few) => list(few),
            List::Many(branches) => {
                let each = COUNTS + size_of::<Vec<Arc<[T]>>>();
                let full = branches.len().saturating_sub(1) * BRANCH * size_of::<Arc<[T]>>();
                let last = branches.last().map_or(0, |last| list(last));
                branches.capacity() * size_of::<usize>() + branches.len() * each + full + last
            }
        }
    }
}

/// Takes the last away, and gives back what the list does not need.
fn pop_from<T>(list: &mut Vec<T>) {
    list.pop();
    if list.capacity() > 4 * list.len() + 8 {
        list.shrink_to(2 * list.len());
    }
}

impl<T, const SEGMENT: usize> Default for Segments<T, SEGMENT> {
    fn default() -> Self {
        Segments { segments: List::default(), len: 0 }
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
            match self.len {
                0 => self.segments.push(places(1, std::iter::empty())),
                len if len < SEGMENT => self.resize_only(2 * len),
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
        let shared = self.segments.pop_shared();
        if shared {
            self.len = self.segments.len() * SEGMENT;
        }
        shared
    }

    /// Its elements in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.segments.len()).flat_map(|number| self.segments.get(number).iter()).take(self.len)
    }

    fn places(&self) -> usize {
        match &self.segments {
            List::One(only) => only.len(),
            segments => segments.len() * SEGMENT,
        }
    }

    fn resize_only(&mut self, count: usize) {
        if let List::One(only) = &mut self.segments {
            let old = Arc::make_mut(only);
            *only = places(count, old.iter_mut().take(self.len.min(count)).map(std::mem::take));
        }
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
        &self.segments.get(index / SEGMENT)[index % SEGMENT]
    }
}

impl<T: Clone, const SEGMENT: usize> std::ops::IndexMut<usize> for Segments<T, SEGMENT> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut Arc::make_mut(self.segments.get_mut(index / SEGMENT))[index % SEGMENT]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_a_vector() {
        let mut segments: Segments<_> = Segments::default();
        for number in 0..20_000 {
            segments.push(number);
            assert_eq!((segments.len(), segments[number / 2]), (number + 1, number / 2));
        }
        assert_eq!(segments.swap_remove(3), Some(3));
        assert_eq!((segments[3], segments.len()), (19_999, 19_999));
        assert_eq!(segments.swap_remove(19_998), Some(19_998));
        assert!(segments.iter().skip(4).copied().eq(4..19_998));
        for left in (0..19_998).rev() {
            assert_eq!(segments.pop(), Some(if left == 3 { 19_999 } else { left }));
            assert_eq!(segments.len(), left);
        }
        assert!(segments.pop().is_none() && segments.heap_bytes() < 400);
    }

    proptest! {
        #[test]
        fn a_copy_stays_what_it_was(
            before in 0..1200_u32, changes in prop::collection::vec((0..3_u8, 0..1200_usize), 1..50)
        ) {
            // Few elements a segment: a branch is 256 of them.
            let mut segments: Segments<_, 4> = Segments::default();
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

//! The sorted set: members with scores, in order of score and then of bytes.
//!
//! Small ones are a listpack (`compact`), as zset-max-listpack-entries and zset-max-listpack-value say; one that has
//! outgrown it is never made compact again. Large ones (`large`) keep their elements by number (`elements`), with an
//! index of the members (`index`) and a counted B+ tree of the order (`tree`, walked by `iter`).
//!
//! All ranges are ranges of ranks: a border by score or by member is a [`Cut`], and [`count_before`](Zset::count_before)
//! makes it a rank. Scores are never NaN.

mod compact;
mod elements;
mod index;
mod iter;
mod large;
mod tree;

#[cfg(test)]
mod tests;

pub use elements::Elements as StoredElements;
pub use tree::Cut;

use super::listpack::{Entry, Listpack};
use crate::contract::settings::EncodingLimits;
use compact::{Compact, CompactWalk};
use iter::Walk;
use large::Large;
use std::ops::Range;

/// A sorted set.
#[derive(Clone, Debug)]
pub struct Zset(Form);

#[derive(Clone, Debug)]
enum Form {
    Compact(Compact),
    Large(Box<Large>),
}

/// A member and its score.
pub type Pair<'z> = (Entry<'z>, f64);

impl Default for Zset {
    fn default() -> Self {
        Zset(Form::Compact(Compact::default()))
    }
}

impl PartialEq for Zset {
    fn eq(&self, other: &Self) -> bool {
        self.encoding() == other.encoding() && self.iter().eq(other.iter())
    }
}

impl Zset {
    /// Takes a listpack of members and scores that came from elsewhere, if it is a sorted set.
    pub fn from_listpack(listpack: Listpack) -> Option<Zset> {
        Compact::from_listpack(listpack).map(|compact| Zset(Form::Compact(compact)))
    }

    /// Its listpack, if it is one.
    pub fn listpack(&self) -> Option<&Listpack> {
        match &self.0 {
            Form::Compact(compact) => Some(compact.listpack()),
            Form::Large(_) => None,
        }
    }

    /// Its elements in no order, unless it is a listpack. A copy of them costs little.
    pub fn elements(&self) -> Option<&StoredElements> {
        match &self.0 {
            Form::Compact(_) => None,
            Form::Large(large) => Some(large.elements()),
        }
    }

    /// How many members it has. O(1).
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Compact(compact) => compact.len(),
            Form::Large(large) => large.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A member's score.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.0 {
            Form::Compact(compact) => compact.score(member),
            Form::Large(large) => large.score(member),
        }
    }

    /// Gives a member a score; the old one, if it was there.
    pub fn set(&mut self, member: &[u8], score: f64, limits: &EncodingLimits) -> Option<f64> {
        debug_assert!(!score.is_nan());
        if let Form::Compact(compact) = &self.0 {
            let full = compact.len() >= limits.zset_entries;
            let too_long = member.len() > limits.zset_value || !compact.may_add(member.len());
            if (full || too_long) && compact.score(member).is_none() {
                self.enlarge();
            }
        }
        match &mut self.0 {
            Form::Compact(compact) => compact.set(member, score),
            Form::Large(large) => large.set(member, score),
        }
    }

    /// Gives it the form that has no limit.
    fn enlarge(&mut self) {
        let mut large = Box::<Large>::default();
        for (member, score) in self.iter() {
            large.set(member.text(&mut itoa::Buffer::new()), score);
        }
        self.0 = Form::Large(large);
    }

    /// Removes a member; its score, if it was there.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match &mut self.0 {
            Form::Compact(compact) => compact.remove(member),
            Form::Large(large) => large.remove(member),
        }
    }

    /// Removes the elements at these ranks, which are below the length.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) {
        match &mut self.0 {
            Form::Compact(compact) => compact.remove_ranks(ranks),
            Form::Large(large) => large.remove_ranks(ranks),
        }
    }

    /// How many members are before this one, if it is there.
    pub fn rank(&self, member: &[u8]) -> Option<usize> {
        match &self.0 {
            Form::Compact(compact) => compact.rank(member),
            Form::Large(large) => large.rank(member),
        }
    }

    /// How many members are before a place: the rank of the first one behind it.
    pub fn count_before(&self, cut: Cut<'_>) -> usize {
        match &self.0 {
            Form::Compact(compact) => compact.count_before(cut),
            Form::Large(large) => large.count_before(cut),
        }
    }

    /// All elements, in ascending order.
    pub fn iter(&self) -> Elements<'_> {
        self.range(0..self.len(), false)
    }

    /// The elements at these ranks, the lowest first, or the highest if `reverse`.
    pub fn range(&self, ranks: Range<usize>, reverse: bool) -> Elements<'_> {
        let ranks = ranks.start..ranks.end.min(self.len());
        let from = if reverse { ranks.end.saturating_sub(1) } else { ranks.start };
        let walk = match &self.0 {
            Form::Compact(compact) => AnyWalk::Compact(compact.walk(from, reverse)),
            Form::Large(large) => AnyWalk::Large(large.walk(from, ranks.len(), reverse)),
        };
        Elements { walk, left: ranks.len() }
    }

    /// The element with a number below the length: each has one, in no order, until the next change. To choose one at
    /// random.
    pub fn nth(&self, number: usize) -> Option<Pair<'_>> {
        match &self.0 {
            Form::Compact(compact) => compact.walk(number, false).next(),
            Form::Large(large) if number < large.len() => {
                let element = large.nth_stored(number);
                Some((Entry::Bytes(element.member()), element.score))
            }
            Form::Large(_) => None,
        }
    }

    /// One step of a walk over all elements that may change meanwhile: visits some from `cursor` on, and returns where
    /// to go on; it starts and ends with 0. What is there from the start to the end is visited at least once.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Pair<'_>)) -> u64 {
        match &self.0 {
            Form::Compact(_) => {
                self.iter().for_each(visit);
                0
            }
            Form::Large(large) => {
                // Downwards, because an element's number only ever gets lower.
                let length = large.len() as u64;
                let from = if cursor == 0 { length } else { cursor.min(length) };
                let to = from.saturating_sub(count.max(1) as u64);
                (to..from).rev().filter_map(|number| self.nth(number as usize)).for_each(&mut visit);
                to
            }
        }
    }

    /// Bytes it has on the heap. O(1).
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Compact(compact) => compact.heap_bytes(),
            Form::Large(large) => size_of::<Large>() + large.heap_bytes(),
        }
    }

    /// The word OBJECT ENCODING answers with.
    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Form::Compact(_) => "listpack",
            Form::Large(_) => "skiplist",
        }
    }

    /// Frees at most about `budget` elements; whether any are left. Only good for being released further then.
    pub fn release(&mut self, budget: usize) -> bool {
        match &mut self.0 {
            Form::Compact(_) => false,
            Form::Large(large) => large.release(budget),
        }
    }
}

/// Elements in order, of either form.
pub struct Elements<'z> {
    walk: AnyWalk<'z>,
    left: usize,
}

enum AnyWalk<'z> {
    Compact(CompactWalk<'z>),
    Large(Walk<'z>),
}

impl<'z> Iterator for Elements<'z> {
    type Item = Pair<'z>;

    fn next(&mut self) -> Option<Pair<'z>> {
        self.left = self.left.checked_sub(1)?;
        match &mut self.walk {
            AnyWalk::Compact(walk) => walk.next(),
            AnyWalk::Large(walk) => walk.next().map(|element| (Entry::Bytes(element.member()), element.score)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Elements<'_> {}

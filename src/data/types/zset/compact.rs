//! The form of a small sorted set: a listpack of members and scores, in ascending order, as Redis has it.

use super::tree::Cut;
use crate::base::double;
use crate::data::types::listpack::{Entry, Iter, Listpack, Place};
use std::ops::Range;

/// Integers up to here are written as such, whatever `%.17g` would say. Source: Redis 7.0 `double2ll`.
const LARGEST_INTEGER: f64 = (i64::MAX / 2) as f64;

/// See the module's description.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compact(Listpack);

impl Compact {
    /// Takes a listpack that came from elsewhere, if it is a sorted set.
    pub fn from_listpack(listpack: Listpack) -> Option<Compact> {
        if !listpack.len().is_multiple_of(2) {
            return None;
        }
        let compact = Compact(listpack);
        let mut before: Option<(f64, Vec<u8>)> = None;
        let mut members = hashbrown::HashSet::new();
        for (member, score) in compact.pairs() {
            let key = (score_of(score)?, member.to_vec());
            let in_order = before.is_none_or(|(score, member)| (score, &member) < (key.0, &key.1));
            if !in_order || !members.insert(key.1.clone()) {
                return None;
            }
            before = Some(key);
        }
        Some(compact)
    }

    pub fn listpack(&self) -> &Listpack {
        &self.0
    }

    pub fn len(&self) -> usize {
        self.0.len() / 2
    }

    pub fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }

    /// Whether a member of this length can be added.
    pub fn may_add(&self, length: usize) -> bool {
        self.0.may_add(length)
    }

    pub fn score(&self, member: &[u8]) -> Option<f64> {
        self.find(member).map(|(_, score)| score)
    }

    /// Sets a member's score; the old one, if it was there.
    pub fn set(&mut self, member: &[u8], score: f64) -> Option<f64> {
        let found = self.find(member);
        if let Some((place, old)) = found {
            if old == score {
                return Some(old);
            }
            self.0.delete_at(place, 2);
        }
        self.insert(member, score);
        found.map(|(_, old)| old)
    }

    fn insert(&mut self, member: &[u8], score: f64) {
        let (mut integer, mut double) = (itoa::Buffer::new(), double::Buffer::new());
        let text = if score.abs() <= LARGEST_INTEGER && score.trunc() == score {
            integer.format(score as i64).as_bytes()
        } else {
            double.format(score)
        };
        match self.place_at(self.count_before(Cut::BeforeKey(score, member))) {
            Some(place) => {
                let place = self.0.insert_before(place, member);
                self.0.insert_after(place, text);
            }
            None => {
                self.0.push_back(member);
                self.0.push_back(text);
            }
        }
    }

    /// Removes a member; its score, if it was there.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let (place, score) = self.find(member)?;
        self.0.delete_at(place, 2);
        Some(score)
    }

    /// Removes the elements at these ranks.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) {
        self.0.delete_range(2 * ranks.start as i64, 2 * ranks.len());
    }

    /// A member's rank.
    pub fn rank(&self, member: &[u8]) -> Option<usize> {
        self.0.iter().step_by(2).position(|entry| entry.is(member))
    }

    /// How many elements are before a place.
    pub fn count_before(&self, cut: Cut<'_>) -> usize {
        let is_before = |(member, score): &(Entry<'_>, Entry<'_>)| {
            let mut buffer = itoa::Buffer::new();
            cut.follows(known_score(*score), || member.text(&mut buffer))
        };
        self.pairs().take_while(is_before).count()
    }

    /// All elements from `rank` on, upwards or downwards.
    pub fn walk(&self, rank: usize, reverse: bool) -> CompactWalk<'_> {
        let mut entries = self.0.iter();
        let passed = if reverse { self.len().saturating_sub(rank + 1) } else { rank };
        for _ in 0..2 * passed {
            if reverse {
                entries.next_back()
            } else {
                entries.next()
            };
        }
        CompactWalk { entries, reverse }
    }

    fn pairs(&self) -> impl Iterator<Item = (Entry<'_>, Entry<'_>)> {
        let mut entries = self.0.iter();
        std::iter::from_fn(move || Some((entries.next()?, entries.next()?)))
    }

    /// Where a member is, and its score.
    fn find(&self, member: &[u8]) -> Option<(Place, f64)> {
        let place = self.0.find(self.0.first()?, member, 1)?;
        let score = self.0.next(place)?;
        Some((place, known_score(self.0.get(score))))
    }

    /// Where the member of this rank is.
    fn place_at(&self, rank: usize) -> Option<Place> {
        self.0.seek(2 * rank as i64)
    }
}

/// A score as it is written; `None` if it is none.
fn score_of(entry: Entry<'_>) -> Option<f64> {
    match entry {
        Entry::Int(value) => Some(value as f64),
        Entry::Bytes(text) => double::parse_loosely(text),
    }
}

/// The same for one that was checked, or written here.
fn known_score(entry: Entry<'_>) -> f64 {
    score_of(entry).unwrap_or_default()
}

/// See [`Compact::walk`].
pub struct CompactWalk<'z> {
    entries: Iter<'z>,
    reverse: bool,
}

impl<'z> Iterator for CompactWalk<'z> {
    type Item = (Entry<'z>, f64);

    fn next(&mut self) -> Option<(Entry<'z>, f64)> {
        let (member, score) = if self.reverse {
            let score = self.entries.next_back()?;
            (self.entries.next_back()?, score)
        } else {
            (self.entries.next()?, self.entries.next()?)
        };
        Some((member, known_score(score)))
    }
}

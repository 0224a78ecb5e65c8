//! Which offset the stream had when: so that WAIT waits for what its client has written, not for what others write.
//!
//! A data core stamps its batches with the time. What a client was answered up to some time is in the stream up to the
//! end of the last batch made by then. Batches that came a long time ago count as made before any time that is asked for,
//! which may only make a client wait for more.

use crate::base::limits;
use std::collections::VecDeque;

/// Nanoseconds within which batches count as made at once: when the first of them was.
const RESOLUTION: u64 = 1_000_000;

/// See the module's header.
#[derive(Debug, Default)]
pub struct Moments {
    /// When batches were made, and the offset behind them; both rise.
    known: VecDeque<(u64, u64)>,
    /// The offset behind all that came before those.
    before: u64,
}

impl Moments {
    /// Nothing is known of a stream that has come to `offset`.
    pub fn from(offset: u64) -> Moments {
        Moments { known: VecDeque::new(), before: offset }
    }

    /// A batch was made at `made`, and `end` is the offset behind it.
    pub fn record(&mut self, made: u64, end: u64) {
        // The clocks of cores that wait for each other's batches are no reason to forget what is behind this one.
        let mut made = made;
        while let Some((last, _)) = self.known.back()
            && made < last + RESOLUTION
        {
            made = made.min(*last);
            self.known.pop_back();
        }
        self.known.push_back((made, end));
        if self.known.len() > limits::MOMENTS {
            self.before = self.known.pop_front().map_or(self.before, |(_, end)| end);
        }
    }

    /// The offset behind all that was made up to `time`.
    pub fn offset_at(&self, time: u64) -> u64 {
        let made = self.known.partition_point(|(made, _)| *made <= time);
        made.checked_sub(1).map_or(self.before, |last| self.known[last].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn what_was_made_by_then_counts_and_what_was_made_later_does_not() {
        let mut moments = Moments::from(5);
        moments.record(10 * MS, 100);
        moments.record(20 * MS, 200);
        assert_eq!(moments.offset_at(9 * MS), 5);
        assert_eq!(moments.offset_at(10 * MS), 100);
        assert_eq!(moments.offset_at(19 * MS), 100);
        assert_eq!(moments.offset_at(u64::MAX), 200);
    }

    #[test]
    fn a_batch_that_waited_for_those_of_other_cores_counts_from_when_it_was_made() {
        let mut moments = Moments::default();
        moments.record(10 * MS, 100);
        moments.record(30 * MS, 200);
        moments.record(20 * MS, 300);
        assert_eq!(moments.offset_at(15 * MS), 100);
        assert_eq!(moments.offset_at(20 * MS), 300, "what is in front of it has to be there too");
    }

    #[test]
    fn what_is_long_ago_may_count_for_too_much_but_never_for_too_little() {
        let mut moments = Moments::default();
        (1..=2 * limits::MOMENTS as u64).for_each(|number| moments.record(number * 2 * MS, number));
        assert_eq!(moments.known.len(), limits::MOMENTS);
        assert_eq!(moments.offset_at(2 * MS), limits::MOMENTS as u64);
    }
}

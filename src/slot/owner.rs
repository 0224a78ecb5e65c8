//! Which data core owns which slot of this process.

use super::Slot;
use crate::base::ids::CoreId;
use crate::base::limits::{MAX_CORES, SLOTS};
use std::ops::Range;
use std::sync::Arc;

/// The owner of every slot. Clones share the map until one of them is changed.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnerMap(Arc<[u8; SLOTS]>);

impl OwnerMap {
    /// All slots spread over `cores` cores in contiguous ranges of nearly the same size.
    pub fn even(cores: usize) -> OwnerMap {
        assert!((1..=MAX_CORES).contains(&cores));
        let mut owners = [0; SLOTS];
        for core in 0..cores {
            owners[SLOTS * core / cores..SLOTS * (core + 1) / cores].fill(core as u8);
        }
        OwnerMap(Arc::new(owners))
    }

    /// The owner of a slot.
    #[inline(always)]
    pub fn of(&self, slot: Slot) -> CoreId {
        CoreId(self.0[slot.index()])
    }

    /// Gives a slot to a core.
    pub fn set(&mut self, slot: Slot, core: CoreId) {
        Arc::make_mut(&mut self.0)[slot.index()] = core.0;
    }

    /// From a core's first slot to behind its last; with nothing between them that isn't its own unless slots have moved.
    pub fn range(&self, core: CoreId) -> (usize, usize) {
        let first = self.0.iter().position(|&owner| owner == core.0);
        let last = self.0.iter().rposition(|&owner| owner == core.0);
        first.zip(last).map_or((0, 0), |(first, last)| (first, last + 1))
    }

    /// Runs of slots with the same owner, in order.
    pub fn ranges(&self) -> impl Iterator<Item = (Range<usize>, CoreId)> + '_ {
        let mut start = 0;
        self.0.chunk_by(|a, b| a == b).map(move |run| {
            let range = start..start + run.len();
            start = range.end;
            (range, CoreId(run[0]))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_spread_evenly_and_can_move() {
        let mut map = OwnerMap::even(3);
        let ranges: Vec<_> = map.ranges().collect();
        assert_eq!(ranges, [(0..5461, CoreId(0)), (5461..10922, CoreId(1)), (10922..16384, CoreId(2))]);
        assert_eq!((map.range(CoreId(1)), map.range(CoreId(3))), ((5461, 10922), (0, 0)));
        map.set(Slot::new(100).unwrap(), CoreId(2));
        assert_eq!(map.of(Slot::new(100).unwrap()), CoreId(2));
        assert_eq!(map.ranges().count(), 5);
    }
}

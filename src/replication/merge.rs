//! From the logs of the cores to one order: batches of a core as they come, after those that they say come first.

#[cfg(test)]
use crate::base::ids::CoreId;
use crate::contract::log::LogBatch;
use std::collections::VecDeque;

/// The logs of all cores, as far as they wait for each other.
pub struct Merge {
    cores: Vec<Log>,
}

#[derive(Default)]
struct Log {
    /// The number of the last batch that was given out.
    done: u64,
    waiting: VecDeque<Box<LogBatch>>,
}

impl Merge {
    /// The logs of `cores` cores.
    pub fn new(cores: usize) -> Merge {
        Merge { cores: (0..cores).map(|_| Log::default()).collect() }
    }

    /// How many cores there are.
    pub fn cores(&self) -> usize {
        self.cores.len()
    }

    /// The number of the last batch of that core that was given out.
    #[cfg(test)]
    pub fn done(&self, core: CoreId) -> u64 {
        self.cores[core.index()].done
    }

    /// Whether no batch waits for another.
    pub fn is_empty(&self) -> bool {
        self.cores.iter().all(|log| log.waiting.is_empty())
    }

    /// Takes a batch.
    pub fn push(&mut self, batch: Box<LogBatch>) {
        self.cores[batch.core.index()].waiting.push_back(batch);
    }

    /// The next batch in the one order, if it is known.
    #[expect(clippy::should_implement_trait, reason = "it ends only for now")]
    pub fn next(&mut self) -> Option<Box<LogBatch>> {
        let ready = |log: &Log| {
            let batch = log.waiting.front()?;
            batch.after.iter().all(|mark| self.cores[mark.core.index()].done >= mark.number).then_some(batch.core)
        };
        let core = self.cores.iter().find_map(ready)?;
        let log = &mut self.cores[core.index()];
        let batch = log.waiting.pop_front()?;
        log.done = batch.number;
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::log::LogMark;

    fn batch(core: u8, number: u64, after: &[(u8, u64)]) -> Box<LogBatch> {
        let after = after.iter().map(|(core, number)| LogMark { core: CoreId(*core), number: *number }).collect();
        let (core, of_replica) = (CoreId(core), false);
        Box::new(LogBatch { core, number, of_replica, made_ns: 0, after, bytes: Vec::new(), parts: Vec::new() })
    }

    #[test]
    fn a_batch_waits_for_those_it_comes_after() {
        let mut merge = Merge::new(3);
        merge.push(batch(0, 1, &[(1, 2)]));
        merge.push(batch(0, 2, &[]));
        merge.push(batch(1, 1, &[(2, 1)]));
        merge.push(batch(1, 2, &[]));
        assert!(merge.next().is_none());
        merge.push(batch(2, 1, &[]));
        let order: Vec<(u8, u64)> =
            std::iter::from_fn(|| merge.next()).map(|batch| (batch.core.0, batch.number)).collect();
        assert_eq!(order, [(2, 1), (1, 1), (1, 2), (0, 1), (0, 2)]);
    }
}

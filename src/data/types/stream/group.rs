//! Consumer groups: who has been given what, and has not said that it is done.

use super::Id;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// An entry that a consumer was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The consumer that has it.
    pub consumer: ConsumerNumber,
    /// When it was given last, Unix ms.
    pub delivered: u64,
    /// How often.
    pub count: u64,
}

/// A consumer's number within its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConsumerNumber(pub u32);

/// A consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Its name.
    pub name: Vec<u8>,
    /// When it last asked for something, Unix ms.
    pub seen: u64,
    /// The entries it has.
    pub pending: BTreeSet<Id>,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The last entry it gave to anybody.
    pub last_id: Id,
    /// How many entries of the stream's history it has read, if that is known.
    pub entries_read: Option<u64>,
    pending: BTreeMap<Id, Pending>,
    consumers: BTreeMap<ConsumerNumber, Consumer>,
    by_name: BTreeMap<Vec<u8>, ConsumerNumber>,
    next: u32,
}

/// Bytes of an entry in the two lists of pending ones, about.
const PENDING_BYTES: usize = 64;
/// Bytes of a consumer without its name.
const CONSUMER_BYTES: usize = 128;

impl Group {
    /// A group that has given nothing to anybody.
    pub fn new(last_id: Id, entries_read: Option<u64>) -> Group {
        Group {
            last_id,
            entries_read,
            pending: BTreeMap::new(),
            consumers: BTreeMap::new(),
            by_name: BTreeMap::new(),
            next: 0,
        }
    }

    /// Bytes it has on the heap, about.
    pub fn heap_bytes(&self) -> usize {
        size_of::<Group>() + self.pending.len() * PENDING_BYTES + self.consumers.len() * CONSUMER_BYTES
    }

    /// All pending entries, in order.
    pub fn pending(&self) -> &BTreeMap<Id, Pending> {
        &self.pending
    }

    /// The consumers by name, in its order.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.by_name.values().map(|number| &self.consumers[number])
    }

    /// The consumer behind the one with this name, or the first.
    pub fn consumer_after(&self, name: Option<&[u8]>) -> Option<&Consumer> {
        let after = name.map_or(Bound::Unbounded, Bound::Excluded);
        let mut next = self.by_name.range::<[u8], _>((after, Bound::Unbounded));
        next.next().map(|(_, number)| &self.consumers[number])
    }

    /// The number of the consumer with this name.
    pub fn find(&self, name: &[u8]) -> Option<ConsumerNumber> {
        self.by_name.get(name).copied()
    }

    /// A consumer that is there.
    pub fn consumer(&self, number: ConsumerNumber) -> &Consumer {
        &self.consumers[&number]
    }

    /// The consumer with this name, made if there is none; whether it was, too. It was seen `now`.
    pub fn consumer_named(&mut self, name: &[u8], now: u64) -> (ConsumerNumber, bool) {
        if let Some(number) = self.find(name) {
            if let Some(consumer) = self.consumers.get_mut(&number) {
                consumer.seen = now;
            }
            return (number, false);
        }
        let number = ConsumerNumber(self.next);
        self.next += 1;
        self.consumers.insert(number, Consumer { name: name.to_vec(), seen: now, pending: BTreeSet::new() });
        self.by_name.insert(name.to_vec(), number);
        (number, true)
    }

    /// Takes a consumer away with all that it has; how many entries that were.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let consumer = self.consumers.remove(&self.by_name.remove(name)?)?;
        for id in &consumer.pending {
            self.pending.remove(id);
        }
        Some(consumer.pending.len())
    }

    /// Gives an entry to a consumer, whoever had it before.
    pub fn give(&mut self, id: Id, pending: Pending) {
        if let Some(old) = self.pending.insert(id, pending)
            && let Some(consumer) = self.consumers.get_mut(&old.consumer)
        {
            consumer.pending.remove(&id);
        }
        if let Some(consumer) = self.consumers.get_mut(&pending.consumer) {
            consumer.pending.insert(id);
        }
    }

    /// Somebody is done with an entry; false: it is not pending.
    pub fn acknowledge(&mut self, id: Id) -> bool {
        let Some(old) = self.pending.remove(&id) else { return false };
        if let Some(consumer) = self.consumers.get_mut(&old.consumer) {
            consumer.pending.remove(&id);
        }
        true
    }

    /// A pending entry, to change when and how often it was given.
    pub fn pending_mut(&mut self, id: Id) -> Option<&mut Pending> {
        self.pending.get_mut(&id)
    }

    /// Frees up to `budget` pending entries; whether any are left.
    pub fn release(&mut self, budget: usize) -> bool {
        for _ in 0..budget {
            let Some(id) = self.pending.keys().next_back().copied() else { break };
            self.acknowledge(id);
        }
        !self.pending.is_empty()
    }
}

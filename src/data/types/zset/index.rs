//! Finds the number of a large sorted set's member.
//!
//! Linear hashing: many small tables, and one of them is split when they get full, merged when they get empty. So the
//! index grows with no pause that grows with it.

use super::elements::{Elements, Id};
use crate::base::chunks::Chunks;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hasher};

/// Members a table has on average at most; at least a quarter of it.
const TARGET: usize = 128;

/// See the module's description.
#[derive(Clone, Debug, Default)]
pub struct Index {
    shards: Chunks<HashTable<Id>>,
    length: usize,
    /// Bytes of the tables.
    bytes: usize,
    state: RandomState,
}

impl Index {
    pub fn hash(&self, member: &[u8]) -> u64 {
        let mut hasher = self.state.build_hasher();
        hasher.write(member);
        hasher.finish()
    }

    /// The number of the member with this hash.
    pub fn find(&self, hash: u64, member: &[u8], elements: &Elements) -> Option<Id> {
        let shard = self.shards.get(shard_of(hash, self.shards.len()))?;
        shard.find(hash, |id| elements.get(*id).member() == member).copied()
    }

    /// Adds a member that is not there; `elements` has it already.
    pub fn insert(&mut self, hash: u64, id: Id, elements: &Elements) {
        if self.length >= self.shards.len() * TARGET {
            self.split(elements);
        }
        let shard = shard_of(hash, self.shards.len());
        self.insert_into(shard, hash, id, elements);
        self.length += 1;
    }

    /// Removes the entry of a number; `elements` still has its member.
    pub fn remove(&mut self, hash: u64, id: Id, elements: &Elements) {
        let shard = shard_of(hash, self.shards.len());
        if let Ok(entry) = self.shards[shard].find_entry(hash, |entry| *entry == id) {
            entry.remove();
            self.length -= 1;
        }
        if self.shards.len() > 1 && self.length < self.shards.len() * (TARGET / 4) {
            self.merge(elements);
        }
    }

    /// Gives a member another number.
    pub fn renumber(&mut self, hash: u64, from: Id, to: Id) {
        let shard = shard_of(hash, self.shards.len());
        if let Some(entry) = self.shards[shard].find_mut(hash, |entry| *entry == from) {
            *entry = to;
        }
    }

    fn insert_into(&mut self, shard: usize, hash: u64, id: Id, elements: &Elements) {
        let state = self.state.clone();
        let table = &mut self.shards[shard];
        self.bytes -= table.allocation_size();
        table.insert_unique(hash, id, |id| {
            let mut hasher = state.build_hasher();
            hasher.write(elements.get(*id).member());
            hasher.finish()
        });
        self.bytes += table.allocation_size();
    }

    /// Adds a table, which takes about half of another's members.
    fn split(&mut self, elements: &Elements) {
        let new = self.shards.len();
        self.shards.push(HashTable::new());
        if new == 0 {
            return;
        }
        let mut moved = Vec::new();
        let mut old = std::mem::take(&mut self.shards[parent_of(new)]);
        old.retain(|&mut id| {
            let hash = self.hash(elements.get(id).member());
            let stays = shard_of(hash, new + 1) != new;
            if !stays {
                moved.push((hash, id));
            }
            stays
        });
        self.shards[parent_of(new)] = old;
        moved.into_iter().for_each(|(hash, id)| self.insert_into(new, hash, id, elements));
    }

    /// Takes the last table away; its members go where they came from.
    fn merge(&mut self, elements: &Elements) {
        let Some(table) = self.pop_shard() else { return };
        for id in table {
            self.insert_into(parent_of(self.shards.len()), self.hash(elements.get(id).member()), id, elements);
        }
    }

    fn pop_shard(&mut self) -> Option<HashTable<Id>> {
        let table = self.shards.pop()?;
        self.bytes -= table.allocation_size();
        Some(table)
    }

    /// Frees about `budget` members; whether any are left. Nothing can be found any more.
    pub fn release(&mut self, budget: usize) -> bool {
        (0..=budget / TARGET).for_each(|_| drop(self.pop_shard()));
        !self.shards.is_empty()
    }

    /// Bytes on the heap. O(1).
    pub fn heap_bytes(&self) -> usize {
        self.shards.bytes() + self.bytes
    }
}

/// Which of `count` tables has the members with this hash. The hash's low bits and its highest seven have their use
/// within the table.
fn shard_of(hash: u64, count: usize) -> usize {
    let bits = (hash >> 24) as usize & ((1 << 32) - 1);
    let mask = count.next_power_of_two() - 1;
    match bits & mask {
        shard if shard < count => shard,
        shard => shard & (mask >> 1),
    }
}

/// Which table a table was split from.
fn parent_of(shard: usize) -> usize {
    shard - (shard + 1).next_power_of_two() / 2
}

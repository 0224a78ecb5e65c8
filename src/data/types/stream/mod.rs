//! The stream: entries by id in nodes (`node`), and its groups of consumers (`group`).
//!
//! The nodes are a persistent map: a copy of the stream, as a snapshot makes one, costs the same whatever their number, but
//! for its groups. A node's key is the id that its first entry had when it was made; entries are only added at the end. A node without
//! entries is gone. Invariants: `length` is the sum of the nodes' entries; `first_id` is the id of the first of them.

mod group;
mod id;
mod node;

#[cfg(test)]
mod tests;

pub use group::{Consumer, ConsumerNumber, Group, Pending};
pub use id::Id;
pub use node::{Node, View};

use imbl::OrdMap;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

/// When a node is full.
#[derive(Clone, Copy, Debug)]
pub struct NodeLimits {
    /// Bytes; 0: no limit.
    pub bytes: usize,
    /// Entries; 0: no limit.
    pub entries: usize,
}

/// What to keep of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// At most so many entries.
    Length(u64),
    /// Nothing before this id.
    From(Id),
}

/// A stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stream {
    nodes: OrdMap<Id, Arc<Node>>,
    length: u64,
    first_id: Id,
    /// The last id that was given to an entry.
    pub last_id: Id,
    /// The greatest id of a deleted entry.
    pub max_deleted_id: Id,
    /// Entries there ever were.
    pub entries_added: u64,
    /// The groups by name.
    pub groups: BTreeMap<Vec<u8>, Group>,
    /// Bytes of the nodes.
    node_bytes: usize,
}

/// Bytes of a node beside its listpack.
const NODE_BYTES: usize = size_of::<(Id, Node)>() + 8;

impl Stream {
    /// How many entries it has.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether it has none. A stream can be empty.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Bytes it has on the heap, about. O(groups).
    pub fn heap_bytes(&self) -> usize {
        self.node_bytes + self.groups.iter().map(|(name, group)| name.len() + group.heap_bytes()).sum::<usize>()
    }

    /// The word OBJECT ENCODING answers with.
    pub fn encoding(&self) -> &'static str {
        "stream"
    }

    /// Frees at most about `budget` nodes and pending entries; whether any are left.
    pub fn release(&mut self, budget: usize) -> bool {
        for _ in 0..budget {
            let Some(&(key, _)) = self.nodes.get_max() else { break };
            let Some(node) = self.nodes.remove(&key) else { break };
            self.node_bytes -= node.heap_bytes() + NODE_BYTES;
        }
        if let Some(mut group) = self.groups.last_entry()
            && !group.get_mut().release(budget)
        {
            group.remove();
        }
        !self.nodes.is_empty() || !self.groups.is_empty()
    }

    /// The id of its first entry; zero if it has none.
    pub fn first_id(&self) -> Id {
        self.first_id
    }

    /// The id of its last entry.
    pub fn last_entry_id(&self) -> Option<Id> {
        let mut last = None;
        self.each(Id::ZERO, Id::MAX, true, |view| {
            last = Some(view.id);
            ControlFlow::Break(())
        });
        last
    }

    /// How many nodes it has.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The node behind the one with this key, or the first, and its key.
    pub fn node_after(&self, key: Option<Id>) -> Option<(Id, &Node)> {
        let after = key.map_or(Bound::Unbounded, Bound::Excluded);
        self.nodes.range((after, Bound::Unbounded)).next().map(|(key, node)| (*key, &**node))
    }

    /// A stream out of a dump: its nodes, which are well-formed; `length` as told. None: that does not add up.
    pub fn from_nodes(nodes: Vec<(Id, Node)>, length: u64) -> Option<Stream> {
        let mut stream = Stream::default();
        for (key, node) in nodes {
            let follows = stream.nodes.get_max().is_none_or(|(last, _)| *last < key);
            if !follows || node.live() == 0 {
                return None;
            }
            stream.length += node.live() as u64;
            stream.node_bytes += node.heap_bytes() + NODE_BYTES;
            stream.nodes.insert(key, Arc::new(node));
        }
        stream.find_first();
        (stream.length == length).then_some(stream)
    }

    /// Adds an entry with an id greater than `last_id`; `pairs`: names and values in turn.
    pub fn push(&mut self, id: Id, pairs: &[&[u8]], limits: NodeLimits) {
        let bytes: usize = pairs.iter().map(|text| text.len()).sum();
        let last = self.nodes.get_max().filter(|(_, node)| {
            let (entries, size) = (node.all(), node.heap_bytes());
            (limits.entries == 0 || entries < limits.entries)
                && (limits.bytes == 0 || size + bytes < limits.bytes)
                && node.listpack().may_add(bytes)
        });
        let last = last.map(|(key, _)| *key);
        match last.and_then(|key| Some((key, self.nodes.get_mut(&key)?))) {
            Some((key, node)) => {
                let before = node.heap_bytes();
                let node = Arc::make_mut(node);
                node.push(key, id, pairs);
                self.node_bytes = self.node_bytes - before + node.heap_bytes();
            }
            None => {
                let mut node = Node::new(pairs);
                node.push(id, id, pairs);
                self.node_bytes += node.heap_bytes() + NODE_BYTES;
                self.nodes.insert(id, Arc::new(node));
            }
        }
        self.length += 1;
        self.entries_added += 1;
        self.last_id = id;
        if self.length == 1 {
            self.first_id = id;
        }
    }

    /// Shows `visit` the entries from `start` to `end`, in order or backwards, until it breaks.
    pub fn each(&self, start: Id, end: Id, backwards: bool, mut visit: impl FnMut(View<'_>) -> ControlFlow<()>) {
        if start > end {
            return;
        }
        // The entries of a node are at or after its key.
        let first = self.nodes.range(..=start).next_back().map_or(start, |(key, _)| *key);
        let nodes = self.nodes.range(first..=end);
        let within = |view: &View<'_>| view.id >= start && view.id <= end;
        if !backwards {
            for (key, node) in nodes {
                if node.entries(*key).filter(within).try_for_each(&mut visit).is_break() {
                    return;
                }
            }
            return;
        }
        for (key, node) in nodes.rev() {
            let views: Vec<View<'_>> = node.entries(*key).filter(within).collect();
            if views.into_iter().rev().try_for_each(&mut visit).is_break() {
                return;
            }
        }
    }

    /// Whether there is an entry with this id.
    pub fn has(&self, id: Id) -> bool {
        let mut found = false;
        self.each(id, id, false, |_| {
            found = true;
            ControlFlow::Break(())
        });
        found
    }

    /// Deletes an entry; false: there is none with this id.
    pub fn delete(&mut self, id: Id) -> bool {
        let Some((&key, node)) = self.nodes.get_prev_mut(&id) else { return false };
        let before = node.heap_bytes();
        let node = Arc::make_mut(node);
        if !node.delete(key, id) {
            return false;
        }
        self.node_bytes = self.node_bytes - before + node.heap_bytes();
        if node.live() == 0 {
            self.node_bytes -= node.heap_bytes() + NODE_BYTES;
            self.nodes.remove(&key);
        }
        self.length -= 1;
        self.max_deleted_id = self.max_deleted_id.max(id);
        if id == self.first_id {
            self.find_first();
        }
        true
    }

    fn find_first(&mut self) {
        let first = self.nodes.get_min().and_then(|(key, node)| node.entries(*key).next());
        self.first_id = first.map_or(Id::ZERO, |view| view.id);
    }

    /// Deletes from the front what is not to be kept; how many entries that were. `whole_nodes`: leaves what is in a
    /// node with others. `limit`: deletes at most so many, 0: any number. Trimmed entries are no gaps: unlike deleted
    /// ones they leave `max_deleted_id` as it is.
    pub fn trim(&mut self, keep: Keep, whole_nodes: bool, limit: u64) -> u64 {
        let mut deleted = 0;
        while let Some((key, first)) = self.nodes.get_min() {
            let (key, count) = (*key, first.live() as u64);
            let excess = match keep {
                Keep::Length(length) => self.length.saturating_sub(length),
                Keep::From(id) => first.entries(key).take_while(|view| view.id < id).count() as u64,
            };
            if excess == 0 || limit > 0 && deleted + count > limit {
                break;
            }
            if excess >= count {
                self.node_bytes -= first.heap_bytes() + NODE_BYTES;
                self.nodes.remove(&key);
                self.length -= count;
                deleted += count;
                continue;
            }
            if whole_nodes {
                break;
            }
            let before = first.heap_bytes();
            let ids: Vec<Id> = first.entries(key).take(excess as usize).map(|view| view.id).collect();
            let Some(first) = self.nodes.get_mut(&key).map(Arc::make_mut) else { break };
            for id in ids {
                first.delete(key, id);
            }
            self.node_bytes = self.node_bytes - before + first.heap_bytes();
            self.length -= excess;
            deleted += excess;
            break;
        }
        if deleted > 0 {
            self.find_first();
        }
        deleted
    }

    /// Whether an entry between `start` and the end was deleted, as far as is known.
    fn has_gaps_from(&self, start: Id) -> bool {
        let gone = self.max_deleted_id;
        self.length > 0 && gone != Id::ZERO && self.first_id <= gone && start <= gone
    }

    /// The number of the entry `id` in the stream's whole history, if that can be told.
    pub fn place_in_history(&self, id: Id) -> Option<u64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        if self.length == 0 && id <= self.last_id || id == self.last_id {
            return Some(self.entries_added);
        }
        if id > self.last_id {
            return None;
        }
        if self.max_deleted_id == Id::ZERO || self.max_deleted_id < self.first_id {
            if id < self.first_id {
                return Some(self.entries_added - self.length);
            }
            if id == self.first_id {
                return Some(self.entries_added - self.length + 1);
            }
        }
        None
    }

    /// How many entries a group has yet to read, if that can be told.
    pub fn lag(&self, group: &Group) -> Option<i64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        let read = match group.entries_read {
            Some(read) if !self.has_gaps_from(group.last_id) => Some(read),
            _ => self.place_in_history(group.last_id),
        };
        read.map(|read| self.entries_added as i64 - read as i64)
    }

    /// What a group has read once it has read the entry `id`, which follows what it had read.
    pub fn entries_read(&self, group: &Group, id: Id) -> Option<u64> {
        match group.entries_read {
            Some(read) if !self.has_gaps_from(id) => Some(read + 1),
            read if self.entries_added == 0 => read,
            _ => self.place_in_history(id),
        }
    }
}

//! What was deleted and would take long to free: freed a little at a time.
//!
//! Each step is bounded: some hundred entries, or a megabyte given back to the system.

use super::outside::Outside;
use super::table::SlotTable;
use super::{Object, Slab, Store};
use crate::base::chunks::Chunks;
use crate::base::limits;
use crate::data::rdb::frozen::Frozen;
use std::sync::Arc;

/// A value with more on the heap than this is not freed at once.
const LARGE: usize = 64 * 1024;
/// Nor is a stream of more nodes. Source: Redis's `LAZYFREE_THRESHOLD`.
const NODES: usize = 64;
/// How much of a large vector is given back in one step.
const PIECE: usize = limits::FREED_AT_ONCE;
/// How many entries or objects are freed in one step.
const ENTRIES: usize = 256;
/// How many chunks of a list are freed in one step.
const CHUNKS: usize = 64;
/// How many empty tables are passed in one step.
const TABLES: usize = 4096;

/// See the module's description.
#[derive(Default)]
pub struct Graveyard {
    /// Large objects.
    objects: Vec<Object>,
    /// What a snapshot had of large values.
    frozen: Vec<Frozen>,
    /// How many of the large objects were freed so far.
    freed: u64,
    /// Tables whose entries are still in the arena.
    doomed: Vec<Doomed>,
    /// The slabs of stores that were flushed.
    slabs: Vec<Outside>,
    long_keys: Vec<Slab<Box<[u8]>>>,
    /// Lists of volatile keys, of databases that were flushed.
    lists: Vec<Chunks<u32>>,
    /// Tables that have nothing in the arena any more.
    tables: Vec<Vec<SlotTable>>,
}

/// Tables that were flushed alone, while the arena goes on.
pub struct Doomed {
    tables: Vec<SlotTable>,
    /// How far it has come: table and line.
    table: usize,
    line: usize,
    /// The database in whose list of volatile keys the entries with deadlines still are.
    listed: Option<usize>,
}

impl Doomed {
    /// `tables` to be freed. `listed`: see there.
    pub fn new(tables: Vec<SlotTable>, listed: Option<usize>) -> Doomed {
        Doomed { tables, table: 0, line: 0, listed }
    }
}

impl Graveyard {
    /// Frees an object, later if it is large.
    pub fn bury(&mut self, object: Object) {
        if is_large(&object) {
            self.objects.push(object);
        }
    }

    /// Leaves what a snapshot had of a value to be freed.
    pub fn bury_frozen(&mut self, frozen: impl IntoIterator<Item = Frozen>) {
        self.frozen.extend(frozen);
    }

    /// Leaves a list of volatile keys to be freed.
    pub fn bury_list(&mut self, list: Chunks<u32>) {
        if !list.is_empty() {
            self.lists.push(list);
        }
    }

    /// Leaves tables to be freed that have nothing in the arena.
    pub fn bury_tables(&mut self, tables: Vec<SlotTable>) {
        if !tables.is_empty() {
            self.tables.push(tables);
        }
    }

    /// Takes over what another one was left.
    pub fn inherit(&mut self, other: &mut Graveyard) {
        let Graveyard { objects, frozen, freed, doomed, slabs, long_keys, lists, tables } = other;
        debug_assert!(doomed.is_empty(), "entries stay with their arena");
        self.objects.append(objects);
        self.frozen.append(frozen);
        self.freed += std::mem::take(freed);
        self.slabs.append(slabs);
        self.long_keys.append(long_keys);
        self.lists.append(lists);
        self.tables.append(tables);
    }

    /// Leaves the slabs of a flushed store to be freed.
    pub fn bury_slabs(&mut self, objects: Outside, long_keys: Slab<Box<[u8]>>) {
        self.slabs.push(objects);
        self.long_keys.push(long_keys);
    }

    /// Leaves tables to be freed, with all their entries.
    pub fn doom(&mut self, doomed: Doomed) {
        if !doomed.tables.is_empty() {
            self.doomed.push(doomed);
        }
    }

    /// Database `db` has lost its list of volatile keys.
    pub fn unlist(&mut self, db: usize) {
        self.doomed.iter_mut().filter(|doomed| doomed.listed == Some(db)).for_each(|doomed| doomed.listed = None);
    }

    /// Two databases have changed places.
    pub fn swap(&mut self, a: usize, b: usize) {
        for listed in self.doomed.iter_mut().filter_map(|doomed| doomed.listed.as_mut()) {
            *listed = if *listed == a {
                b
            } else if *listed == b {
                a
            } else {
                *listed
            };
        }
    }

    /// The arena was cleared: nothing of the doomed tables is left in it.
    pub fn forget_doomed(&mut self) {
        self.tables.extend(self.doomed.drain(..).map(|doomed| doomed.tables));
    }

    /// Frees something that is not in the arena; false: there is nothing.
    fn step(&mut self) -> bool {
        if let Some(object) = self.objects.last_mut() {
            if shrink(object) {
                self.objects.pop();
                self.freed += 1;
            }
            return true;
        }
        if let Some(frozen) = self.frozen.last_mut() {
            if !frozen.release(ENTRIES) {
                self.frozen.pop();
            }
            return true;
        }
        if let Some(list) = self.lists.last_mut() {
            if (0..CHUNKS).any(|_| !list.pop_chunk()) {
                self.lists.pop();
            }
            return true;
        }
        if let Some(slab) = self.slabs.last_mut() {
            for _ in 0..ENTRIES {
                match slab.pop() {
                    Some(object) if is_large(&object) => {
                        self.objects.push(object);
                        break;
                    }
                    Some(_) => {}
                    None => {
                        self.slabs.pop();
                        break;
                    }
                }
            }
            return true;
        }
        if let Some(slab) = self.long_keys.last_mut() {
            (0..ENTRIES).for_each(|_| drop(slab.pop()));
            if slab.is_empty() {
                self.long_keys.pop();
            }
            return true;
        }
        self.tables.pop().is_some()
    }
}

impl Store {
    /// Frees a little of what was deleted, in at most `steps` steps of well under 200 us each; true: more is left.
    pub fn reclaim(&mut self, steps: usize) -> bool {
        let mut step = || self.graveyard.step() || self.bury_doomed() || self.arena.trim() || self.tracking.free_some();
        (0..steps).all(|_| step())
    }

    /// How much waits to be freed (large values, and what flushed stores have left), and how many large values were freed
    /// since last asked to forget them.
    pub fn freed_later(&self) -> (usize, u64) {
        let Graveyard { objects, slabs, doomed, freed, .. } = &self.graveyard;
        (objects.len() + doomed.len() + slabs.iter().map(Outside::places).sum::<usize>(), *freed)
    }

    /// Forgets how many were.
    pub fn forget_freed(&mut self) {
        self.graveyard.freed = 0;
    }

    /// Frees some entries of doomed tables; false: there are none.
    fn bury_doomed(&mut self) -> bool {
        let Some(mut doomed) = self.graveyard.doomed.pop() else { return false };
        let mut entries = 0;
        for _ in 0..TABLES {
            let Some(table) = doomed.tables.get(doomed.table).copied() else { break };
            while doomed.line < table.lines() && entries < ENTRIES {
                let mut line = [0; super::table::PLACES];
                let mut count = 0;
                for (_, handle) in table.in_line(self.arena.memory(), doomed.line) {
                    line[count] = handle;
                    count += 1;
                }
                line[..count].iter().for_each(|&handle| self.discard(doomed.listed, handle));
                entries += count;
                doomed.line += 1;
            }
            if doomed.line < table.lines() {
                break;
            }
            doomed.tables[doomed.table].clear(&mut self.arena);
            (doomed.table, doomed.line) = (doomed.table + 1, 0);
        }
        if doomed.table < doomed.tables.len() {
            self.graveyard.doomed.push(doomed);
        } else {
            self.graveyard.bury_tables(doomed.tables);
        }
        true
    }
}

fn is_large(object: &Object) -> bool {
    object.heap_bytes() > LARGE || matches!(object, Object::Stream(stream) if stream.node_count() > NODES)
}

/// Frees a piece of an object; true: so little is left that it can be dropped.
fn shrink(object: &mut Object) -> bool {
    match object {
        Object::String(bytes) => {
            // A snapshot that has it, too, frees it.
            let Some(bytes) = Arc::get_mut(bytes) else { return true };
            // Shrinking such a large vector gives pages back where it lies, without a copy.
            let kept = bytes.capacity().saturating_sub(PIECE);
            bytes.truncate(kept);
            bytes.shrink_to(kept);
            kept <= PIECE
        }
        Object::List(list) => !list.release(ENTRIES),
        Object::Set(set) => !set.release(ENTRIES),
        Object::Zset(zset) => !zset.release(ENTRIES),
        Object::Hash(hash) => !hash.release(ENTRIES),
        Object::Stream(stream) => !stream.release(ENTRIES),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Deadline;
    use super::super::model_tests::store;
    use super::*;
    use crate::contract::settings::EncodingLimits;
    use crate::data::key::KeyHasher;
    use crate::data::types::Forms;
    use crate::data::types::hash::Hash;
    use crate::data::types::list::{End, LARGE as LARGE_ELEMENT, Limits, List};
    use crate::data::types::set::Set;
    use crate::data::types::stream::{Id, NodeLimits, Stream};
    use crate::data::types::zset::Zset;

    /// Sets `count` keys in each of two databases, every third with a deadline.
    fn filled(count: usize) -> (Store, KeyHasher) {
        let (mut store, hasher) = store(2);
        for number in 0..count * 2 {
            let deadline = if number % 3 == 0 { Deadline::At(1000) } else { Deadline::Clear };
            let key = format!("{}", number / 2).into_bytes();
            store.set_string(number % 2, &hasher.key(&key), &vec![1; number % 4000], deadline, 1);
        }
        (store, hasher)
    }

    #[test]
    fn one_flushed_database_is_freed_in_steps_and_the_other_stays() {
        let count = if cfg!(miri) { 20 } else { 5000 };
        let (mut store, hasher) = filled(count);
        let before = store.arena.live();
        store.flush(Some(0));
        assert_eq!((store.len(0), store.volatile_len(0), store.len(1)), (0, 0, count));
        let mut steps = 0;
        loop {
            let live = store.arena.live();
            let more = store.reclaim(1);
            // An entry and its part of a line.
            assert!(live - store.arena.live() <= (ENTRIES + 10) * (2048 + 64));
            steps += 1;
            if !more {
                break;
            }
        }
        assert!(steps > count / ENTRIES && store.arena.live() < before * 6 / 10);
        for number in 0..count {
            assert!(store.peek(1, &hasher.key(format!("{number}").as_bytes()), 1).is_some());
        }
    }

    #[test]
    fn flushing_all_counts_at_once_and_is_freed_in_steps() {
        let (mut store, _) = filled(if cfg!(miri) { 20 } else { 2000 });
        // What waits to be freed piece by piece goes with the rest.
        store.flush(Some(1));
        store.flush(None);
        assert_eq!((store.len(0), store.len(1), store.arena.live(), store.heap, store.bookkeeping), (0, 0, 0, 0, 0));
        assert!(store.reclaim(1));
        while store.reclaim(1) {}
        let left = &store.graveyard;
        assert!(left.slabs.is_empty() && left.lists.is_empty() && left.tables.is_empty() && left.doomed.is_empty());
    }

    #[test]
    fn a_large_value_shrinks_by_pieces() {
        let mut graveyard = Graveyard::default();
        graveyard.bury(Object::string(vec![1; 5 * PIECE]));
        for left in (1..5).rev() {
            assert!(graveyard.step());
            assert_eq!(graveyard.objects.first().map(Object::heap_bytes), (left > 1).then_some(left * PIECE));
        }
        assert!(!graveyard.step());
        graveyard.bury(Object::string(vec![1; LARGE]));
        assert!(!graveyard.step(), "this one is freed at once");
    }

    #[test]
    fn a_collection_of_any_type_is_freed_in_steps_that_do_not_grow_with_it() {
        /// No element of these takes more with its part of the structure.
        const EACH: usize = 256;
        let limits = EncodingLimits::default();
        let forms = Forms { limits: &limits, hasher: KeyHasher::new(1) };
        let (mut list, mut zset) = (List::default(), Zset::default());
        let (mut set, mut hash, mut stream) = (Set::new(), Hash::new(), Stream::default());
        for number in 0..if cfg!(miri) { 3000 } else { 50_000 } {
            let text = format!("{number:030}").into_bytes();
            list.push(End::Tail, &text, &Limits { fill: 1, large: LARGE_ELEMENT, depth: 0 });
            zset.set(&text, number as f64, &limits);
            set.insert(&text, forms);
            hash.set(&text, &text, forms);
            let id = Id { ms: 1, seq: number + 1 };
            stream.push(id, &[&text, &text], NodeLimits { bytes: 0, entries: 1 });
        }
        let objects = [
            Object::List(list),
            Object::Zset(zset),
            Object::Set(set),
            Object::Hash(hash),
            Object::Stream(Box::new(stream)),
        ];
        for object in objects {
            let mut graveyard = Graveyard::default();
            graveyard.bury(object);
            while let Some(before) = graveyard.objects.first().map(Object::heap_bytes) {
                assert!(graveyard.step());
                let after = graveyard.objects.first().map_or(0, Object::heap_bytes);
                assert!(before - after <= ENTRIES * EACH + PIECE, "{before} {after}");
            }
        }
    }

    #[test]
    fn entries_of_a_flushed_slot_keep_their_deadlines_apart_from_later_databases() {
        let (mut store, hasher) = store(2);
        let key = hasher.key(b"k");
        store.set_string(0, &key, b"v", Deadline::At(9), 1);
        store.set_string(1, &key, b"v", Deadline::At(9), 1);
        store.flush_slot(key.slot);
        store.swap(0, 1, 0);
        store.set_string(1, &hasher.key(b"other"), b"v", Deadline::At(9), 1);
        store.flush(Some(0));
        while store.reclaim(1) {}
        assert_eq!((store.volatile_len(0), store.volatile_len(1), store.len(1)), (0, 1, 1));
    }
}

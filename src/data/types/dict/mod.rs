//! The dict: byte strings by byte strings, for collections of any size.
//!
//! Linear hashing: a growing dict splits one bucket an insertion, a shrinking one joins two a removal, so no operation
//! moves more than a few items, whatever the size. Items lie packed in their buckets: most take a few bytes more than
//! their key and value, and looking one up reads one short piece of memory.
//!
//! ```text
//! n buckets: item of hash h is in bucket h mod 2^(L+1) if there is one, else in h mod 2^L        2^L <= n < 2^(L+1)
//! bucket  item item item ...          (see `bucket`)
//! large   hash: u64 | key length: u32 | key | value       each a piece of its own, if key or value are long
//! ```
//!
//! A copy shares what it is made of with the original until one of them changes it (`segments`).
//!
//! [`scan`](Dict::scan) walks over the hashes themselves in the order of their reversed bits: there each bucket is one
//! interval, however many buckets there are, so that an item present during a whole scan is visited exactly once.

mod bucket;
mod large;

use super::segments::Segments;
use crate::base::random::Random;
use crate::data::key::KeyHasher;
use bucket::{Bucket, Item, LONGEST};
use large::Large;
use std::marker::PhantomData;

/// Items a bucket has on average before the next one is split.
const LOAD: usize = 8;
/// Buckets of a segment: copying one takes 0.2 ms, with items of 100 bytes.
const SEGMENT: usize = 32;
/// Items a bucket has on average before two are joined.
const LEAST_LOAD: usize = 3;
/// Bits of a hash that a cursor tells: it stays under 2^53, because some clients keep cursors in floating point.
const CURSOR_BITS: u32 = 48;
/// Places of a bucket that a random choice is made among; more items than this are very rare.
const CHOICES: usize = 4 * LOAD;
/// Bytes of a large item before its key.
const LARGE_HEAD: usize = 12;

/// What a dict maps its keys to: `()` or [`Bytes`].
pub trait Value {
    /// A value, as it is put in and read.
    type Of<'v>: Raw;
    /// How many bytes each value has, if all have as many.
    const SIZE: Option<usize>;

    /// The value of `bytes`.
    fn read(bytes: &[u8]) -> Self::Of<'_>;
}

/// What has bytes to be kept.
pub trait Raw: Copy {
    /// Holds them.
    type Bytes: AsRef<[u8]>;

    /// The bytes of a value.
    fn raw(self) -> Self::Bytes;
}

/// No value: the dict is a set.
impl Value for () {
    type Of<'v> = ();
    const SIZE: Option<usize> = Some(0);

    fn read(_: &[u8]) {}
}

impl Raw for () {
    type Bytes = [u8; 0];

    fn raw(self) -> [u8; 0] {
        []
    }
}

/// A byte string of any length.
#[derive(Clone, Copy, Debug)]
pub struct Bytes;

impl Value for Bytes {
    type Of<'v> = &'v [u8];
    const SIZE: Option<usize> = None;

    fn read(bytes: &[u8]) -> &[u8] {
        bytes
    }
}

impl<'v> Raw for &'v [u8] {
    type Bytes = &'v [u8];

    fn raw(self) -> &'v [u8] {
        self
    }
}

/// See the module's description.
#[derive(Clone)]
pub struct Dict<V> {
    hasher: KeyHasher,
    buckets: Segments<Bucket, SEGMENT>,
    /// Most have none.
    large: Option<Box<Segments<Large>>>,
    len: usize,
    /// Bytes of the buckets and large items.
    bytes: usize,
    value: PhantomData<V>,
}

/// Where an item is: its bucket and its place there, and the place of the next one.
struct Found {
    bucket: usize,
    place: usize,
    next: usize,
    /// Its number if it is a large one.
    large: Option<u32>,
}

impl<V: Value> Dict<V> {
    /// An empty one, without memory of its own.
    pub fn new(hasher: KeyHasher) -> Self {
        Dict { hasher, buckets: Segments::default(), large: None, len: 0, bytes: 0, value: PhantomData }
    }

    /// How many items it has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes it has on the heap. O(1).
    pub fn heap_bytes(&self) -> usize {
        let large = self.large.as_ref().map_or(0, |large| size_of::<Segments<Large>>() + large.heap_bytes());
        self.bytes + self.buckets.heap_bytes() + large
    }

    /// The value of `key`.
    #[inline]
    pub fn get(&self, key: &[u8]) -> Option<V::Of<'_>> {
        let found = self.find(key, self.hasher.hash(key))?;
        Some(self.item(found.bucket, found.place)?.1)
    }

    /// Whether there is a `key`.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.find(key, self.hasher.hash(key)).is_some()
    }

    /// Gives `key` a value; false: it had one, which is replaced.
    pub fn insert(&mut self, key: &[u8], value: V::Of<'_>) -> bool {
        let (hash, raw) = (self.hasher.hash(key), value.raw());
        let found = self.find(key, hash);
        let is_new = found.is_none();
        if let Some(found) = found {
            if found.large.is_none() {
                let old = self.buckets[found.bucket].value_mut(found.place, V::SIZE);
                if old.len() == raw.as_ref().len() {
                    old.copy_from_slice(raw.as_ref());
                    return false;
                }
            }
            self.take_out(&found);
        }
        self.put_in(key, hash, raw.as_ref());
        if self.len > self.buckets.len() * LOAD {
            self.split();
        }
        is_new
    }

    /// Takes `key` out; false: there is none.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let Some(found) = self.find(key, self.hasher.hash(key)) else { return false };
        self.take_out(&found);
        if self.buckets.len() > 1 && self.len < self.buckets.len() * LEAST_LOAD {
            self.join();
        }
        true
    }

    /// An item, each with the same probability.
    pub fn random(&self, random: &mut Random) -> Option<(&[u8], V::Of<'_>)> {
        if self.len == 0 {
            return None;
        }
        if self.buckets.len() == 1 {
            return self.items(&self.buckets[0]).nth(random.index(self.len));
        }
        loop {
            let (bucket, place) = (random.index(self.buckets.len()), random.index(CHOICES));
            if let Some(item) = self.items(&self.buckets[bucket]).nth(place) {
                return Some(item);
            }
        }
    }

    /// Visits the items of the bucket that `cursor` has come to; returns where to go on, 0: nowhere. From 0 on to 0,
    /// every item that is there all the time is visited, whatever is put in and taken out in between.
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(&[u8], V::Of<'_>)) -> u64 {
        let count = self.buckets.len();
        if count == 0 {
            return 0;
        }
        let cursor = cursor & ((1 << CURSOR_BITS) - 1);
        let bucket = self.bucket_of(place_in_order(cursor));
        let level = 1 << count.ilog2();
        let bits = count.ilog2() + u32::from(bucket >= level || bucket + level < count);
        let start = place_in_order(bucket as u64);
        for (key, value) in self.items(&self.buckets[bucket]) {
            // The cursor is within the bucket if this one was joined from two since.
            if cursor == start || place_in_order(self.hasher.hash(key)) >= cursor {
                visit(key, value);
            }
        }
        (start + (1 << (CURSOR_BITS - bits))) & ((1 << CURSOR_BITS) - 1)
    }

    /// All items, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], V::Of<'_>)> {
        self.buckets.iter().flat_map(|bucket| self.items(bucket))
    }

    /// How many pieces it has, some eight items each.
    pub fn pieces(&self) -> usize {
        self.buckets.len()
    }

    /// The items of one of them.
    pub fn piece(&self, number: usize) -> impl Iterator<Item = (&[u8], V::Of<'_>)> {
        self.items(&self.buckets[number])
    }

    /// Frees about `budget` items; whether any are left. Nothing else can be done with it after the first call.
    pub fn release(&mut self, budget: usize) -> bool {
        let mut freed = 0;
        while freed < budget {
            let large = self.large.get_or_insert_default();
            if large.pop_shared() || self.buckets.pop_shared() {
                // What a snapshot has, too, it frees, and the account of its bytes ends here.
                self.bytes = 0;
                freed += LOAD;
            } else if let Some(item) = large.pop() {
                freed += 1;
                self.bytes = self.bytes.saturating_sub(item.len());
                if let Some(left) = item.shrunk() {
                    self.bytes += left.len();
                    large.push(left);
                    return true;
                }
            } else if let Some(bucket) = self.buckets.pop() {
                self.bytes = self.bytes.saturating_sub(bucket.bytes());
                freed += LOAD;
            } else {
                break;
            }
        }
        self.len = self.buckets.len() * LOAD;
        self.len > 0
    }

    /// The items of one bucket.
    fn items<'d>(&'d self, bucket: &'d Bucket) -> impl Iterator<Item = (&'d [u8], V::Of<'d>)> {
        let mut place = 0;
        std::iter::from_fn(move || {
            let (item, next) = bucket.item(place, V::SIZE)?;
            place = next;
            Some(self.pair(item))
        })
    }

    fn item(&self, bucket: usize, place: usize) -> Option<(&[u8], V::Of<'_>)> {
        Some(self.pair(self.buckets[bucket].item(place, V::SIZE)?.0))
    }

    #[inline]
    fn pair<'d>(&'d self, item: Item<'d>) -> (&'d [u8], V::Of<'d>) {
        let (key, value) = match item {
            Item::Small(key, value) => (key, value),
            Item::Large(number, _) => parts(self.large_item(number)),
        };
        (key, V::read(value))
    }

    fn large_item(&self, number: u32) -> &Large {
        &self.large.as_ref().expect("a bucket names it")[number as usize]
    }

    #[inline]
    fn bucket_of(&self, hash: u64) -> usize {
        let count = self.buckets.len();
        let level = 1 << count.ilog2();
        let bucket = hash as usize & (2 * level - 1);
        if bucket < count { bucket } else { bucket & (level - 1) }
    }

    #[inline]
    fn find(&self, key: &[u8], hash: u64) -> Option<Found> {
        if self.len == 0 {
            return None;
        }
        let number = self.bucket_of(hash);
        let (bucket, mut place) = (&self.buckets[number], 0);
        while let Some((item, next)) = bucket.item(place, V::SIZE) {
            let (same, large) = match item {
                Item::Small(small, _) => (small == key, None),
                Item::Large(number, part) => {
                    (part == hash_part(hash) && parts(self.large_item(number)).0 == key, Some(number))
                }
            };
            if same {
                return Some(Found { bucket: number, place, next, large });
            }
            place = next;
        }
        None
    }

    fn end_of(&self, bucket: usize) -> usize {
        let mut end = 0;
        while let Some((_, next)) = self.buckets[bucket].item(end, V::SIZE) {
            end = next;
        }
        end
    }

    /// Changes one bucket and keeps the account of its bytes.
    fn change(&mut self, bucket: usize, change: impl FnOnce(&mut Bucket)) {
        let bucket = &mut self.buckets[bucket];
        self.bytes -= bucket.bytes();
        change(bucket);
        self.bytes += bucket.bytes();
    }

    /// Adds an item whose key there is not yet.
    fn put_in(&mut self, key: &[u8], hash: u64, value: &[u8]) {
        if self.buckets.len() == 0 {
            self.buckets.push(Bucket::default());
        }
        let bucket = self.bucket_of(hash);
        let end = self.end_of(bucket);
        if key.len() <= LONGEST && value.len() <= LONGEST {
            self.change(bucket, |bucket| bucket.push(end, key, value, V::SIZE));
        } else {
            let large = self.large.get_or_insert_default();
            let number = large.len() as u32;
            let item = [&hash.to_le_bytes()[..], &(key.len() as u32).to_le_bytes(), key, value].concat();
            self.bytes += item.len();
            large.push(item.into());
            self.change(bucket, |bucket| bucket.push_large(end, number, hash_part(hash)));
        }
        self.len += 1;
    }

    fn take_out(&mut self, found: &Found) {
        let end = self.end_of(found.bucket);
        self.change(found.bucket, |bucket| bucket.remove(found.place, found.next, end));
        self.len -= 1;
        if let Some(number) = found.large
            && let Some(large) = &mut self.large
            && let Some(item) = large.swap_remove(number as usize)
        {
            self.bytes -= item.len();
            let moved = large.len() as u32;
            if number < moved {
                self.renumber(moved, number);
            }
        }
    }

    /// The large item `old` has become `new`: its bucket is to know.
    fn renumber(&mut self, old: u32, new: u32) {
        let bucket = self.bucket_of(large_hash(self.large_item(new)));
        let mut place = 0;
        while let Some((item, next)) = self.buckets[bucket].item(place, V::SIZE) {
            if matches!(item, Item::Large(number, _) if number == old) {
                self.buckets[bucket].renumber(place, new);
                return;
            }
            place = next;
        }
    }

    /// Adds a bucket, which takes its items from the one that had them so far.
    fn split(&mut self) {
        let new = self.buckets.len();
        let old = new - (1 << new.ilog2());
        let bucket = std::mem::take(&mut self.buckets[old]);
        self.bytes -= bucket.bytes();
        self.buckets.push(Bucket::default());
        let mut halves = [(old, Vec::new()), (new, Vec::new())];
        let mut place = 0;
        while let Some((item, next)) = bucket.item(place, V::SIZE) {
            let hash = match item {
                Item::Small(key, _) => self.hasher.hash(key),
                Item::Large(number, _) => large_hash(self.large_item(number)),
            };
            let half = usize::from(self.bucket_of(hash) == new);
            halves[half].1.extend_from_slice(bucket.raw(place, next));
            place = next;
        }
        for (number, items) in halves {
            self.change(number, |bucket| bucket.push_raw(0, &items));
        }
    }

    /// Takes the last bucket away; the one it was split from takes its items.
    fn join(&mut self) {
        let last = self.buckets.len() - 1;
        let items = self.end_of(last);
        let Some(bucket) = self.buckets.pop() else { return };
        self.bytes -= bucket.bytes();
        let into = last - (1 << last.ilog2());
        let end = self.end_of(into);
        self.change(into, |into| into.push_raw(end, bucket.raw(0, items)));
    }
}

impl<V: Value> PartialEq for Dict<V>
where
    for<'v> V::Of<'v>: PartialEq,
{
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().all(|(key, value)| other.get(key).is_some_and(|found| found == value))
    }
}

impl<V: Value> std::fmt::Debug for Dict<V>
where
    for<'v> V::Of<'v>: std::fmt::Debug,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Where a hash comes in the order of scans. Its own inverse, but for the bits that a cursor does not tell.
fn place_in_order(hash: u64) -> u64 {
    hash.reverse_bits() >> (u64::BITS - CURSOR_BITS)
}

/// The part of a hash that a bucket keeps of a large item: not the bits it is chosen by.
fn hash_part(hash: u64) -> u32 {
    (hash >> 32) as u32
}

fn large_hash(item: &[u8]) -> u64 {
    u64::from_le_bytes(item[..8].try_into().expect("large items have a head"))
}

/// Key and value of a large item.
fn parts(item: &[u8]) -> (&[u8], &[u8]) {
    let key_len = u32::from_le_bytes([item[8], item[9], item[10], item[11]]) as usize;
    item[LARGE_HEAD..].split_at(key_len)
}

#[cfg(test)]
mod tests;

//! Kinds of keyspace event.

/// The kinds of keyspace event, as bits; letters are those of `notify-keyspace-events`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Class(pub u32);

impl Class {
    /// K: publish to `__keyspace@db__:key`.
    pub const KEYSPACE: Class = Class(1 << 0);
    /// E: publish to `__keyevent@db__:event`.
    pub const KEYEVENT: Class = Class(1 << 1);
    /// g: generic commands.
    pub const GENERIC: Class = Class(1 << 2);
    /// $: strings.
    pub const STRING: Class = Class(1 << 3);
    /// l: lists.
    pub const LIST: Class = Class(1 << 4);
    /// s: sets.
    pub const SET: Class = Class(1 << 5);
    /// h: hashes.
    pub const HASH: Class = Class(1 << 6);
    /// z: sorted sets.
    pub const ZSET: Class = Class(1 << 7);
    /// x: expired keys.
    pub const EXPIRED: Class = Class(1 << 8);
    /// e: evicted keys.
    pub const EVICTED: Class = Class(1 << 9);
    /// t: streams.
    pub const STREAM: Class = Class(1 << 10);
    /// m: misses.
    pub const KEY_MISS: Class = Class(1 << 11);
    /// d: modules.
    pub const MODULE: Class = Class(1 << 13);
    /// n: new keys.
    pub const NEW: Class = Class(1 << 14);

    /// Whether any of `other`'s kinds is among these.
    pub fn contains(self, other: Class) -> bool {
        self.0 & other.0 != 0
    }
}

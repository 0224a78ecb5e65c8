//! Redis's serialised data (RDB, version 10): values to bytes and back, for files, full syncs, DUMP and MIGRATE.
//!
//! ```text
//! "REDIS0010" | aux fields | functions | records | EOF | checksum (8 bytes)
//! record:  [deadline] [idle time or frequency] type | key | value          SELECTDB where the database changes
//! dump:    type | value | version (2 bytes) | checksum (8 bytes)           what DUMP answers and RESTORE takes
//! ```
//!
//! To read: `encode` and `input` (numbers and strings), [`write`](mod@write), [`frozen`] (large values, in steps) and [`value`]
//! (what each type looks like), then [`read`] (a stream that comes in pieces), [`load`] (from a stream to stores) and [`dump`]. Bytes in, bytes out:
//! no file, no socket, no thread of its own. Invariants: what is read may be hostile; it makes an [`Error`], never a panic,
//! and never memory out of proportion to its size.

pub mod checksum;
pub mod dump;
mod encode;
pub mod frozen;
mod input;
pub mod load;
pub mod read;
pub mod rewrite;
mod stream;
pub mod value;
pub mod write;
mod ziplist;
mod zipmap;

#[cfg(test)]
mod tests;

/// The version of the format that is written, and the newest that is read.
pub const VERSION: u16 = 10;

/// What can begin where a record could begin. Source: Redis 7.0 `rdb.h`.
mod opcode {
    pub const FUNCTION2: u8 = 245;
    pub const FUNCTION: u8 = 246;
    pub const MODULE_AUX: u8 = 247;
    pub const IDLE: u8 = 248;
    pub const FREQ: u8 = 249;
    pub const AUX: u8 = 250;
    pub const RESIZE_DB: u8 = 251;
    pub const DEADLINE_MS: u8 = 252;
    pub const DEADLINE_SECONDS: u8 = 253;
    pub const SELECT_DB: u8 = 254;
    pub const END: u8 = 255;
}

/// How a value is written. Source: Redis 7.0 `rdb.h`.
mod kind {
    pub const STRING: u8 = 0;
    pub const LIST: u8 = 1;
    pub const SET: u8 = 2;
    pub const ZSET: u8 = 3;
    pub const HASH: u8 = 4;
    pub const ZSET_2: u8 = 5;
    pub const MODULE: u8 = 6;
    pub const MODULE_2: u8 = 7;
    pub const HASH_ZIPMAP: u8 = 9;
    pub const LIST_ZIPLIST: u8 = 10;
    pub const SET_INTSET: u8 = 11;
    pub const ZSET_ZIPLIST: u8 = 12;
    pub const HASH_ZIPLIST: u8 = 13;
    pub const QUICKLIST: u8 = 14;
    pub const STREAM: u8 = 15;
    pub const HASH_LISTPACK: u8 = 16;
    pub const ZSET_LISTPACK: u8 = 17;
    pub const QUICKLIST_2: u8 = 18;
    pub const STREAM_2: u8 = 19;

    /// What a node of a [`QUICKLIST_2`] is: one large element, or a listpack of them.
    pub const PLAIN_NODE: u64 = 1;
    pub const PACKED_NODE: u64 = 2;
}

/// The name that a module type's number spells: nine characters of six bits each. Source: Redis 7.0 `module.c`.
fn module_name(id: u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..9).map(|letter| char::from(LETTERS[(id >> (58 - 6 * letter)) as usize & 0x3f])).collect()
}

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It does not begin like one.
    #[error("Wrong signature trying to load DB from file")]
    Signature,
    /// Written by something newer.
    #[error("Can't handle RDB format version {0}")]
    Version(u32),
    /// The checksum is that of other bytes.
    #[error("Wrong RDB checksum expected: ({expected:x}) but got ({got:x}). Aborting now. RDB CRC error")]
    Checksum {
        /// That of the bytes that came.
        expected: u64,
        /// What was told.
        got: u64,
    },
    /// It needs a module, and there are none here.
    #[error("The RDB file contains module data I can't load: no matching module type '{0}'")]
    Module(String),
    /// A database that is not there.
    #[error("Data file was created with a Redis server configured to handle more than {0} databases")]
    Databases(usize),
    /// The same key twice.
    #[error("RDB has duplicated key '{}' in DB {db}", String::from_utf8_lossy(key))]
    Duplicate {
        /// The database.
        db: usize,
        /// The key.
        key: Vec<u8>,
    },
    /// It contradicts itself; which part.
    #[error("{0}")]
    Corrupt(&'static str),
    /// It ends in the middle.
    #[error("Unexpected EOF reading RDB file")]
    Truncated,
}

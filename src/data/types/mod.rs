//! The collections: what lists, hashes, sets, sorted sets and streams are made of. Pure data structures; they know no
//! store, no command and no clock.
//!
//! Each has a compact form while it is small and one for any size, as Redis's directives say, and tells
//! - `heap_bytes()`, O(1): what it has on the heap;
//! - `release(budget)`: frees at most about `budget` elements and says whether any are left, so that deleting a large
//!   collection never holds a turn.

mod block;
pub mod dict;
pub mod hash;
pub mod hyperloglog;
pub mod intset;
pub mod list;
pub mod listpack;
mod segments;
pub mod set;
pub mod stream;
pub mod zset;

use crate::contract::settings::EncodingLimits;
use crate::data::key::KeyHasher;

/// What decides on the form of a collection that is written.
#[derive(Clone, Copy)]
pub struct Forms<'s> {
    /// Up to which size collections keep their compact forms.
    pub limits: &'s EncodingLimits,
    /// What dicts keep their keys by.
    pub hasher: KeyHasher,
}

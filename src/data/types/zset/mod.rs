//! The zset: its forms and what can be done with each.

/// A zset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Zset {}

impl Zset {
    /// Bytes it has on the heap. O(1).
    pub fn heap_bytes(&self) -> usize {
        0
    }

    /// The word OBJECT ENCODING answers with.
    pub fn encoding(&self) -> &'static str {
        "listpack"
    }

    /// Frees at most about `budget` elements; whether any are left.
    pub fn release(&mut self, _budget: usize) -> bool {
        false
    }
}

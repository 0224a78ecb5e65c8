//! The set: its forms and what can be done with each.

/// A set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Set {}

impl Set {
    /// Bytes it has on the heap. O(1).
    pub fn heap_bytes(&self) -> usize {
        0
    }

    /// The word OBJECT ENCODING answers with.
    pub fn encoding(&self) -> &'static str {
        "hashtable"
    }

    /// Frees at most about `budget` elements; whether any are left.
    pub fn release(&mut self, _budget: usize) -> bool {
        false
    }
}

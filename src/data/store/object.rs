//! Values too large for an entry's cell.

use super::entry::Kind;

/// A value outside of its entry's cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// A long string.
    String(Vec<u8>),
}

impl Object {
    /// What kind of value it is.
    pub fn kind(&self) -> Kind {
        match self {
            Object::String(_) => Kind::String,
        }
    }

    /// Bytes it has on the heap. O(1).
    pub fn heap_bytes(&self) -> usize {
        match self {
            Object::String(bytes) => bytes.capacity(),
        }
    }
}

//! A block: bytes in one piece of memory with a little room to spare, in a pointer and a length. What listpacks and intsets
//! are kept in. How many of its bytes are in use they tell themselves; a vector would keep that a second time, for each of
//! millions of small collections.

use crate::base::heap::rounded;
use std::ops::{Deref, DerefMut};

/// See the module's description. The default has no memory.
#[derive(Clone, Default)]
pub struct Block(Box<[u8]>);

impl Block {
    /// A block with room for `size` bytes, and for what the allocator gives beyond.
    pub fn with_room(size: usize) -> Block {
        Block(vec![0; rounded(size)].into_boxed_slice())
    }

    /// Exactly these bytes.
    pub fn of(bytes: Vec<u8>) -> Block {
        Block(bytes.into_boxed_slice())
    }

    /// Puts `added` bytes, to be written, in place of the `removed` ones at `at`, of those that are in use.
    pub fn splice(&mut self, in_use: usize, at: usize, removed: usize, added: usize) {
        let new = in_use - removed + added;
        if new > self.0.len() {
            self.resize(rounded(new));
        }
        self.0.copy_within(at + removed..in_use, at + added);
        if self.0.len() > 2 * new + 32 {
            self.resize(rounded(new));
        }
    }

    /// Bytes of memory that it takes.
    pub fn heap_bytes(&self) -> usize {
        rounded(self.0.len())
    }

    fn resize(&mut self, size: usize) {
        let mut bytes = std::mem::take(&mut self.0).into_vec();
        bytes.reserve_exact(size.saturating_sub(bytes.len()));
        bytes.resize(size, 0);
        self.0 = bytes.into_boxed_slice();
    }
}

impl Deref for Block {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Block {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_move_apart_and_together_and_room_follows() {
        let mut block = Block::of(b"abcdef".to_vec());
        block.splice(6, 2, 1, 3);
        block[2..5].copy_from_slice(b"123");
        assert_eq!((&block[..8], block.len()), (&b"ab123def"[..], 8));
        block.splice(8, 8, 0, 1000);
        assert_eq!((block.len(), block.heap_bytes()), (1024, 1024));
        block.splice(1008, 8, 1000, 0);
        assert_eq!((&block[..], size_of::<Block>()), (&b"ab123def"[..], 16));
    }
}

//! The stream of this node: its length is the replication offset, and its end is kept for replicas, those that lag and
//! those that come back (the backlog).
//!
//! Invariant: a byte's place counts from 0, so `end` is both the offset and the place of the next byte. (PSYNC counts
//! bytes from 1.)

use std::collections::VecDeque;

/// Bytes of a block: what is let go at once. It is the least that `repl-backlog-size` can be.
const BLOCK: usize = 16 * 1024;

/// See the module's header.
#[derive(Default)]
pub struct Stream {
    blocks: VecDeque<Vec<u8>>,
    start: u64,
    end: u64,
    /// Whether anything is kept.
    active: bool,
}

impl Stream {
    /// The replication offset.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The place of the first byte that is kept.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Bytes that are kept.
    pub fn kept(&self) -> u64 {
        self.end - self.start
    }

    /// Whether there is a backlog.
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// Keeps what is appended from now on.
    pub fn activate(&mut self) {
        if !self.active {
            self.active = true;
            self.start = self.end;
        }
    }

    /// Lets go what is kept, and keeps no more.
    pub fn deactivate(&mut self) {
        *self = Stream { end: self.end, start: self.end, ..Stream::default() };
    }

    /// Goes on at place `end`, with nothing kept.
    pub fn restart(&mut self, end: u64) {
        *self = Stream { start: end, end, active: self.active, ..Stream::default() };
    }

    /// Adds bytes.
    pub fn append(&mut self, mut bytes: &[u8]) {
        self.end += bytes.len() as u64;
        if !self.active {
            self.start = self.end;
            return;
        }
        while !bytes.is_empty() {
            if self.blocks.back().is_none_or(|block| block.len() == BLOCK) {
                self.blocks.push_back(Vec::with_capacity(BLOCK.min(bytes.len().max(1024))));
            }
            let Some(block) = self.blocks.back_mut() else { return };
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - block.len()));
            block.extend_from_slice(now);
            bytes = later;
        }
    }

    /// Lets go of whole blocks, but keeps `size` bytes and all from place `needed` on.
    pub fn trim(&mut self, size: u64, needed: u64) {
        let keep_from = self.end.saturating_sub(size).min(needed);
        while let Some(block) = self.blocks.front() {
            if self.blocks.len() == 1 || self.start + block.len() as u64 > keep_from {
                return;
            }
            self.start += block.len() as u64;
            self.blocks.pop_front();
        }
    }

    /// Whether the bytes from `place` on are there.
    pub fn has(&self, place: u64) -> bool {
        self.active && (self.start..=self.end).contains(&place)
    }

    /// At most `most` bytes from `place` on, which is kept.
    pub fn copy(&self, place: u64, most: usize) -> Vec<u8> {
        let at = (place - self.start) as usize;
        let mut bytes = Vec::with_capacity(most.min((self.end - place) as usize));
        // All blocks but the last are full.
        let mut from = at % BLOCK;
        for block in self.blocks.iter().skip(at / BLOCK) {
            let to = block.len().min(from.saturating_add(most - bytes.len()));
            bytes.extend_from_slice(&block[from..to]);
            if bytes.len() == most {
                break;
            }
            from = 0;
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_can_be_read_from_any_place() {
        let mut stream = Stream::default();
        stream.append(b"before");
        assert!(!stream.has(6) && stream.end() == 6);
        stream.activate();
        let bytes: Vec<u8> = (0..300_000_u32).map(|number| number as u8).collect();
        bytes.chunks(777).for_each(|part| stream.append(part));
        assert_eq!(stream.copy(6, 400_000), bytes);
        assert_eq!(stream.copy(100_006, 3), bytes[100_000..100_003]);
        stream.trim(100_000, u64::MAX);
        assert!(!stream.has(6) && stream.has(200_006) && stream.kept() < 100_000 + 2 * BLOCK as u64);
        assert_eq!(stream.copy(250_006, usize::MAX), bytes[250_000..]);
        stream.trim(0, 250_006);
        assert!(stream.has(250_006));
        stream.restart(7);
        assert!(stream.has(7) && stream.copy(7, 1).is_empty());
        stream.deactivate();
        assert!(!stream.has(7) && stream.end() == 7);
    }
}

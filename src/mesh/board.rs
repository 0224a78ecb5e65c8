//! What nodes of the mesh know of each other without a message: a [`Sequence`] that numbers for all of them, and a
//! [`Board`] on which each shows some figures of its own.
//!
//! Nothing here orders anything else: who is to act on what it reads is sent a message.

use super::sync::{Arc, AtomicU64, Ordering, Padded};

/// Numbers that no two nodes are given. For what is rare: each number moves a cache line.
#[derive(Clone)]
pub struct Sequence(Arc<Padded<AtomicU64>>);

impl Default for Sequence {
    fn default() -> Sequence {
        Sequence(Arc::new(Padded(AtomicU64::new(0))))
    }
}

impl Sequence {
    /// The next number, from 0 on. Whoever takes one because of what another node did gets a higher one than that node.
    pub fn take(&self) -> u64 {
        // Relaxed: one counter alone has one order, which agrees with that of the messages.
        self.0.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// `N` figures of each node. A node writes its own row, on cache lines that nobody else writes, and may read all.
#[derive(Clone)]
pub struct Board<const N: usize>(Arc<Box<[Padded<[AtomicU64; N]>]>>);

impl<const N: usize> Board<N> {
    /// A board of so many rows, all zero.
    pub fn new(rows: usize) -> Board<N> {
        Board(Arc::new((0..rows).map(|_| Padded(std::array::from_fn(|_| AtomicU64::new(0)))).collect()))
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.0.len()
    }

    /// Shows these figures in a row.
    pub fn show(&self, row: usize, figures: [u64; N]) {
        for (place, figure) in self.0[row].0.iter().zip(figures) {
            // Relaxed: each figure is true for itself, and about.
            place.store(figure, Ordering::Relaxed);
        }
    }

    /// What was shown in a row; some of it may be newer than the rest.
    pub fn see(&self, row: usize) -> [u64; N] {
        std::array::from_fn(|place| self.0[row].0[place].load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::super::sync::{model, thread};
    use super::*;

    #[test]
    fn two_nodes_are_never_given_the_same_number() {
        model(|| {
            let sequence = Sequence::default();
            let other = sequence.clone();
            let theirs = thread::spawn(move || other.take());
            let mine = sequence.take();
            let mut numbers = [mine, theirs.join().unwrap(), sequence.take()];
            numbers[..2].sort_unstable();
            assert_eq!(numbers, [0, 1, 2]);
        });
    }

    #[test]
    fn a_row_is_seen_as_it_was_shown() {
        model(|| {
            let board: Board<2> = Board::new(2);
            board.show(1, [3, 4]);
            assert_eq!((board.rows(), board.see(0), board.see(1)), (2, [0, 0], [3, 4]));
        });
    }
}

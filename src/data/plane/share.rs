//! What the cores show each other of the memory they have taken: `maxmemory` and `maxmemory-clients` are limits of the
//! node, and each core judges by the sum of all.
//!
//! Owned by the data core. While there is such a limit, a core shows at the end of a turn what it has taken, and looks in
//! each turn at most once at what the others show. So all of them together may be above a limit by what they take in one
//! turn.

use super::Plane;
use crate::base::ids::CoreId;
use crate::mesh::board::{Board, Sequence};
use std::ops::Add;

/// What the data cores of a node have in common.
#[derive(Clone)]
pub struct Common {
    /// Numbers entries of the slow log.
    pub slow_commands: Sequence,
    /// What each core has taken.
    taken: Board<FIGURES>,
}

impl Common {
    /// For so many data cores.
    pub fn new(cores: usize) -> Common {
        Common { slow_commands: Sequence::default(), taken: Board::new(cores) }
    }
}

const FIGURES: usize = 4;

/// Memory that a core has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Bytes of its store.
    pub keys: u64,
    /// Bytes of its clients.
    pub clients: u64,
    /// The class of the largest of those that may be evicted; see [`weight::class`](super::weight::class).
    pub largest_client: u64,
    /// Whether the policy may evict a key of its store.
    pub evictable: bool,
}

impl Taken {
    /// All its bytes.
    pub fn bytes(self) -> u64 {
        self.keys + self.clients
    }
}

impl Add for Taken {
    type Output = Taken;

    fn add(self, other: Taken) -> Taken {
        Taken {
            keys: self.keys + other.keys,
            clients: self.clients + other.clients,
            largest_client: self.largest_client.max(other.largest_client),
            evictable: self.evictable | other.evictable,
        }
    }
}

/// What this core shows of itself and has seen of the others.
pub struct Shares {
    board: Board<FIGURES>,
    core: CoreId,
    shown: Taken,
    /// All others together, if this core has looked in this turn.
    others: Option<Taken>,
}

impl Shares {
    /// Of core `core`, which has taken nothing yet.
    pub fn new(common: &Common, core: CoreId) -> Shares {
        Shares { board: common.taken.clone(), core, shown: Taken::default(), others: None }
    }

    /// What core `core` shows.
    pub fn of(&self, core: CoreId) -> Taken {
        let [keys, clients, largest_client, evictable] = self.board.see(core.index());
        Taken { keys, clients, largest_client, evictable: evictable > 0 }
    }

    /// The other cores, and what they show.
    pub fn of_others(&self) -> impl Iterator<Item = (CoreId, Taken)> {
        let cores = (0..self.board.rows() as u8).map(CoreId);
        cores.filter(|core| *core != self.core).map(|core| (core, self.of(core)))
    }

    /// What the others show together, as this core saw it first in this turn.
    #[inline]
    pub fn others(&mut self) -> Taken {
        match self.others {
            Some(others) => others,
            None => self.look(),
        }
    }

    /// Looks again at what the others show.
    pub fn look(&mut self) -> Taken {
        *self.others.insert(self.of_others().fold(Taken::default(), |sum, (_, taken)| sum + taken))
    }

    fn show(&mut self, taken: Taken) {
        self.others = None;
        if taken != self.shown {
            self.shown = taken;
            let Taken { keys, clients, largest_client, evictable } = taken;
            self.board.show(self.core.index(), [keys, clients, largest_client, u64::from(evictable)]);
        }
    }
}

impl Plane {
    /// Shows the other cores what this one has taken; at the end of every turn.
    #[inline]
    pub fn show_taken(&mut self) {
        if self.weights.matter {
            self.room.turn_over();
            let (core, policy) = (self.core(), self.settings.maxmemory_policy);
            let clients = self.weights.total;
            let largest_client = self.weights.largest();
            // A store that another core has borrowed is as large as it was.
            let Taken { keys, evictable, .. } = self.shares.shown;
            let (keys, evictable) = self
                .stores
                .at(core)
                .map_or((keys, evictable), |store| (store.used_bytes() as u64, store.has_victims(policy)));
            self.shares.show(Taken { keys, clients, largest_client, evictable });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_sees_what_the_others_have_taken_once_in_a_turn() {
        let common = Common::new(3);
        let mut cores: Vec<Shares> = (0..3).map(|core| Shares::new(&common, CoreId(core))).collect();
        let taken = |keys, evictable| Taken { keys, clients: 1, largest_client: keys, evictable };
        cores[1].show(taken(10, false));
        cores[2].show(taken(20, true));
        let both = Taken { keys: 30, clients: 2, largest_client: 20, evictable: true };
        assert_eq!((cores[0].others(), cores[0].others().bytes()), (both, 32));
        cores[1].show(taken(15, false));
        assert_eq!((cores[0].others().keys, cores[0].look().keys), (30, 35));
        cores[2].show(taken(21, true));
        cores[0].show(taken(1, true));
        assert_eq!((cores[0].others().keys, cores[0].of(CoreId(0)).keys), (36, 1));
    }
}

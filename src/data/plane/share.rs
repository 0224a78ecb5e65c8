//! How the cores divide `maxmemory` and `maxmemory-clients`: what one of them leaves, the others may take.
//!
//! Owned by the data core. While there is such a limit, each core tells the others what it has taken: at every tick, and
//! in between when it has taken much more, or its clients much less. From what all have told, each works out what it may
//! take:
//! - while there is room, what it has and an equal part of the room, so that all together stay within the limit;
//! - when there is none, but a policy that chooses among all keys, at least an equal part of the whole: the cores that
//!   have more evict as much as the others come to need;
//! - without such a policy, what is too much is everybody's, in proportion.
//!
//! All of them together may be above the limit by what they have not told yet, [`limits::UNTOLD_MEMORY`] each, and by what
//! the cores that have more have yet to evict.

use super::Plane;
use super::message::{Message, Notice};
use crate::base::ids::CoreId;
use crate::base::limits;
use crate::contract::settings::EvictionPolicy;

/// Bytes of memory that a core has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// By its store.
    pub keys: u64,
    /// By its clients.
    pub clients: u64,
    /// By the largest of those that may be evicted.
    pub largest_client: u64,
}

impl Taken {
    fn total(self) -> u64 {
        self.keys + self.clients
    }
}

/// What every core has told.
pub struct Shares(Vec<Taken>);

impl Shares {
    /// Of that many cores, which have nothing yet.
    pub fn new(cores: usize) -> Shares {
        Shares(vec![Taken::default(); cores])
    }

    /// What core `core` has told.
    pub fn of(&self, core: CoreId) -> Taken {
        self.0[core.index()]
    }

    /// What core `core` may take of `limit`.
    fn share(&self, core: CoreId, limit: u64, policy: EvictionPolicy) -> u64 {
        let (mine, cores) = (self.of(core).total(), self.0.len() as u64);
        let all: u64 = self.0.iter().map(|taken| taken.total()).sum();
        let (even, any_key) = (limit / cores, chooses_among_all(policy));
        if let Some(room) = limit.checked_sub(all) {
            let share = mine + room / cores;
            return if any_key { share.max(even) } else { share };
        }
        // Of what is too much, the same part as `above` is of what all have above.
        let cut = |excess: u64, above: u64, all_above: u64| {
            mine - (u128::from(excess) * u128::from(above) / u128::from(all_above.max(1))) as u64
        };
        let excess = all - limit;
        if !any_key {
            return cut(excess, mine, all);
        }
        let above = |taken: &Taken| taken.total().saturating_sub(even);
        let mine_above = mine.saturating_sub(even);
        let all_above: u64 = self.0.iter().map(above).sum();
        if mine_above == 0 { even } else { cut(excess.min(all_above), mine_above, all_above) }
    }

    fn others(&self, core: CoreId) -> impl Iterator<Item = (usize, &Taken)> {
        self.0.iter().enumerate().filter(move |(at, _)| *at != core.index())
    }

    /// What the clients of all cores but `core` have taken.
    pub fn clients_of_others(&self, core: CoreId) -> u64 {
        self.others(core).map(|(_, taken)| taken.clients).sum()
    }

    /// Whether no other core's clients go before one of core `core` that weighs so much.
    pub fn is_largest(&self, core: CoreId, weight: u64) -> bool {
        self.others(core).all(|(at, taken)| (weight, core.index()) > (taken.largest_client, at))
    }
}

fn chooses_among_all(policy: EvictionPolicy) -> bool {
    matches!(policy, EvictionPolicy::AllKeysLru | EvictionPolicy::AllKeysLfu | EvictionPolicy::AllKeysRandom)
}

impl Plane {
    /// What the store of core `core` may take of `maxmemory`.
    pub(super) fn share_of_keys(&mut self, core: CoreId) -> u64 {
        let limit = self.settings.maxmemory;
        if limit == 0 {
            return u64::MAX;
        }
        let (policy, own) = (self.settings.maxmemory_policy, core == self.core());
        let share = self.shares.share(core, limit, policy);
        let told = self.shares.of(core);
        if !own {
            return share.saturating_sub(told.clients);
        }
        let grown = self.taken().total().saturating_sub(told.total());
        let left = share.saturating_sub(told.total());
        if grown < limits::UNTOLD_MEMORY.min((left / 2).max(limits::UNTOLD_MEMORY / 256)) {
            return share.saturating_sub(self.weights.total);
        }
        self.tell_taken();
        self.shares.share(core, limit, policy).saturating_sub(self.weights.total)
    }

    /// What this core has taken, but for the largest client.
    fn taken(&mut self) -> Taken {
        let core = self.core();
        let told = self.shares.of(core);
        // A store that another core has borrowed is as large as it was.
        let keys = self.stores.at(core).map_or(told.keys, |store| store.used_bytes() as u64);
        Taken { keys, clients: self.weights.total, largest_client: told.largest_client }
    }

    /// Tells the other cores what this one has taken, if that has changed.
    pub(super) fn tell_taken(&mut self) {
        self.weights.freed = 0;
        let core = self.core();
        let taken = Taken { largest_client: self.largest_client(), ..self.taken() };
        if self.weights.matter && taken != self.shares.of(core) {
            self.shares.0[core.index()] = taken;
            for peer in self.other_cores() {
                self.send(peer, Message::Tell(Notice::Taken(taken)));
            }
        }
    }

    /// Core `core` has taken so much.
    pub(super) fn note_taken(&mut self, core: CoreId, taken: Taken) {
        self.shares.0[core.index()] = taken;
        self.evict_clients();
        self.evict_soon();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shares(taken: &[u64], limit: u64, policy: EvictionPolicy) -> Vec<u64> {
        let all = Shares(taken.iter().map(|keys| Taken { keys: *keys, ..Taken::default() }).collect());
        (0..taken.len()).map(|core| all.share(CoreId(core as u8), limit, policy)).collect()
    }

    #[test]
    fn a_core_alone_may_take_the_limit() {
        for policy in [EvictionPolicy::NoEviction, EvictionPolicy::AllKeysLru] {
            for taken in [0, 99, 100, 150] {
                assert_eq!(shares(&[taken], 100, policy), [100]);
            }
        }
    }

    #[test]
    fn what_one_core_leaves_another_may_take() {
        assert_eq!(shares(&[0, 90], 100, EvictionPolicy::NoEviction), [5, 95]);
        assert_eq!(shares(&[0, 98], 100, EvictionPolicy::VolatileTtl), [1, 99]);
    }

    #[test]
    fn a_core_with_little_gets_its_part_back_from_one_that_can_evict() {
        assert_eq!(shares(&[10, 90], 100, EvictionPolicy::AllKeysLfu), [50, 90]);
        assert_eq!(shares(&[30, 90], 100, EvictionPolicy::AllKeysLfu), [50, 70]);
        assert_eq!(shares(&[10, 90], 100, EvictionPolicy::NoEviction), [10, 90]);
    }

    #[test]
    fn a_lower_limit_cuts_all_in_proportion() {
        assert_eq!(shares(&[20, 80], 50, EvictionPolicy::NoEviction), [10, 40]);
        assert_eq!(shares(&[20, 80], 50, EvictionPolicy::AllKeysLru), [25, 30]);
    }

    proptest! {
        #[test]
        fn without_a_policy_for_all_keys_the_shares_are_within_the_limit(
            taken in prop::collection::vec(0..u64::MAX >> 8, 1..9), limit in 1..u64::MAX >> 8,
        ) {
            let sum: u64 = shares(&taken, limit, EvictionPolicy::NoEviction).iter().sum();
            prop_assert!(sum <= limit + taken.len() as u64, "{sum}");
        }

        #[test]
        fn cores_that_take_what_they_may_come_to_the_limit(
            taken in prop::collection::vec(0..1000u64, 1..9), limit in 1000..100_000u64,
        ) {
            for policy in [EvictionPolicy::NoEviction, EvictionPolicy::AllKeysLru] {
                let mut taken = taken.clone();
                (0..200).for_each(|_| taken = shares(&taken, limit, policy));
                let sum: u64 = taken.iter().sum();
                prop_assert!(sum.abs_diff(limit) <= 2 * taken.len() as u64, "{taken:?}");
            }
        }
    }
}

//! The stores a core can reach: its own, and now and then those of other cores that were lent to it.

use super::{Removed, Store};
use crate::base::ids::CoreId;
use crate::slot::Slot;
use crate::slot::owner::OwnerMap;

/// One core's own store and those lent to it. Lending is how commands that concern the whole node run on one core.
pub struct Stores {
    home: CoreId,
    owners: OwnerMap,
    /// By core.
    here: Vec<Option<Box<Store>>>,
    /// How many of them are other cores'.
    lent: usize,
}

impl Stores {
    /// The stores of core `home` among `cores` cores: its own.
    pub fn new(home: CoreId, owners: OwnerMap, cores: usize, store: Store) -> Stores {
        let mut here: Vec<_> = (0..cores).map(|_| None).collect();
        here[home.index()] = Some(Box::new(store));
        Stores { home, owners, here, lent: 0 }
    }

    /// The store of a process that has one core.
    pub fn single(store: Store) -> Stores {
        Stores::new(CoreId(0), OwnerMap::even(1), 1, store)
    }

    /// Whose stores these are.
    pub fn home_core(&self) -> CoreId {
        self.home
    }

    /// Which core owns which slot.
    pub fn owners(&self) -> &OwnerMap {
        &self.owners
    }

    /// Takes note that slots have moved.
    pub fn set_owners(&mut self, owners: OwnerMap) {
        self.owners = owners;
    }

    /// The store that holds `slot`.
    ///
    /// # Panics
    /// When it isn't here: routing sent a command to the wrong core, or the store is lent to another.
    #[inline(always)]
    pub fn of(&mut self, slot: Slot) -> &mut Store {
        let core = if self.lent == 0 { self.home } else { self.owners.of(slot) };
        self.at(core).expect(ELSEWHERE)
    }

    /// The same, to look at.
    pub fn see(&self, slot: Slot) -> &Store {
        let core = if self.lent == 0 { self.home } else { self.owners.of(slot) };
        self.here[core.index()].as_deref().expect(ELSEWHERE)
    }

    /// The store of this core; panics like [`of`](Stores::of).
    #[inline(always)]
    pub fn home(&self) -> &Store {
        self.here[self.home.index()].as_deref().expect(ELSEWHERE)
    }

    /// The same, to change.
    #[inline(always)]
    pub fn home_mut(&mut self) -> &mut Store {
        self.at(self.home).expect(ELSEWHERE)
    }

    /// The store of a core, if it is here.
    #[inline(always)]
    pub fn at(&mut self, core: CoreId) -> Option<&mut Store> {
        self.here[core.index()].as_deref_mut()
    }

    /// All stores that are here, in the order of their cores.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (CoreId, &mut Store)> {
        let stores = self.here.iter_mut().enumerate();
        stores.filter_map(|(core, store)| Some((CoreId(core as u8), store.as_deref_mut()?)))
    }

    /// Gives a store away: the own one to a core that borrows it, or a borrowed one back. `None`: it isn't here.
    pub fn take(&mut self, core: CoreId) -> Option<Box<Store>> {
        let store = self.here[core.index()].take()?;
        self.lent -= usize::from(core != self.home);
        Some(store)
    }

    /// Takes a store: the own one back, or another core's as a loan.
    pub fn put(&mut self, core: CoreId, store: Box<Store>) {
        let before = self.here[core.index()].replace(store);
        debug_assert!(before.is_none(), "each core has one store");
        self.lent += usize::from(core != self.home);
    }

    /// Whether stores of other cores are here.
    #[inline(always)]
    pub fn has_lent(&self) -> bool {
        self.lent > 0
    }

    /// Whether keys are gone from a store that is here though no command deleted them, or somebody is to be told of
    /// keys that have changed.
    #[inline(always)]
    pub fn has_news(&self) -> bool {
        if self.lent == 0 {
            return self.here[self.home.index()].as_ref().is_some_and(|store| store.has_news());
        }
        self.here.iter().flatten().any(|store| store.has_news())
    }

    /// Whether somebody is to be told of keys that have changed.
    pub fn has_changes(&self) -> bool {
        self.here.iter().flatten().any(|store| store.has_changes())
    }

    /// Those keys, since last asked.
    pub fn take_removed(&mut self) -> Vec<Removed> {
        self.here.iter_mut().flatten().flat_map(|store| store.take_removed()).collect()
    }
}

const ELSEWHERE: &str = "the store of the slot's core is here";

#[cfg(test)]
mod tests {
    use super::super::model_tests::store;
    use super::*;

    #[test]
    fn a_lent_store_serves_its_slots_until_it_goes_back() {
        let owners = OwnerMap::even(2);
        let (mut first, _) = store(1);
        first.stats.hits = 1;
        let (mut second, _) = store(1);
        second.stats.hits = 2;
        let mut stores = Stores::new(CoreId(0), owners, 2, first);
        let (low, high) = (Slot::new(0).unwrap(), Slot::new(16383).unwrap());
        assert_eq!(stores.of(low).stats.hits, 1);
        stores.put(CoreId(1), Box::new(second));
        assert_eq!((stores.of(low).stats.hits, stores.of(high).stats.hits), (1, 2));
        assert_eq!(stores.iter_mut().count(), 2);
        assert_eq!(stores.take(CoreId(1)).unwrap().stats.hits, 2);
        assert!(stores.take(CoreId(1)).is_none());
        assert_eq!(stores.home().stats.hits, 1);
    }
}

//! The slot map: who owns each slot, and which slots are open, that is on their way to or from this node.

use super::nodes::NodeIx;
use super::wire::SlotBits;
use crate::base::limits::SLOTS;
use crate::contract::topology::NO_NODE;
use crate::slot::Slot;
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// Consecutive slots of one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first slot.
    pub start: Slot,
    /// The last slot.
    pub end: Slot,
    /// Who owns them.
    pub owner: NodeIx,
}

/// Which way an open slot goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Away from this node.
    Migrating,
    /// To this node.
    Importing,
}

/// The map. What each node owns is kept also the other way round, as the bus's packets have it, so that comparing a
/// packet with the map is no walk over all slots.
#[derive(Clone, Debug)]
pub struct SlotMap {
    owners: Box<[u16; SLOTS]>,
    /// By the owner's place.
    owned: Vec<Option<Owned>>,
    /// Slots whose owner no longer claims them. They stay its own until another node does: clients would get errors
    /// in the meantime. But this node does not spread the word.
    disclaimed: Box<SlotBits>,
    /// The runs, as long as the owners are what they were when somebody last asked.
    runs: OnceCell<Vec<Run>>,
    migrating: BTreeMap<Slot, NodeIx>,
    importing: BTreeMap<Slot, NodeIx>,
    /// How often open slots have changed.
    version: u64,
}

/// What one node owns; never nothing.
#[derive(Clone, Debug)]
struct Owned {
    count: usize,
    bits: Box<SlotBits>,
}

/// No slots.
const NO_SLOTS: &SlotBits = &[0; 2048];

/// Whether `slot` is in `bits`.
pub fn has_slot(bits: &SlotBits, slot: Slot) -> bool {
    bits[slot.index() / 8] & bit_of(slot) != 0
}

/// The slots in `bits`, of which there are usually few.
pub fn slots_in(bits: &SlotBits) -> impl Iterator<Item = Slot> {
    let bytes = bits.iter().enumerate().filter(|(_, byte)| **byte != 0);
    let slots = bytes.flat_map(|(index, _)| (8 * index..8 * index + 8).filter_map(|slot| Slot::new(slot as u16)));
    slots.filter(|slot| has_slot(bits, *slot))
}

fn bit_of(slot: Slot) -> u8 {
    1 << (slot.index() % 8)
}

impl Default for SlotMap {
    fn default() -> SlotMap {
        SlotMap {
            owners: Box::new([NO_NODE; SLOTS]),
            owned: Vec::new(),
            disclaimed: Box::new([0; 2048]),
            runs: OnceCell::new(),
            migrating: BTreeMap::new(),
            importing: BTreeMap::new(),
            version: 0,
        }
    }
}

impl SlotMap {
    /// Who owns `slot`.
    pub fn owner(&self, slot: Slot) -> Option<NodeIx> {
        let owner = self.owners[slot.index()];
        (owner != NO_NODE).then_some(NodeIx(owner))
    }

    /// Makes `owner` the owner of `slot`, whoever had it.
    pub fn assign(&mut self, slot: Slot, owner: NodeIx) {
        self.unassign(slot);
        self.runs.take();
        self.owners[slot.index()] = owner.0;
        if self.owned.len() <= owner.index() {
            self.owned.resize(owner.index() + 1, None);
        }
        let none = || Owned { count: 0, bits: Box::new(*NO_SLOTS) };
        let owned = self.owned[owner.index()].get_or_insert_with(none);
        owned.count += 1;
        owned.bits[slot.index() / 8] |= bit_of(slot);
    }

    /// Leaves `slot` without an owner.
    pub fn unassign(&mut self, slot: Slot) {
        let Some(owner) = self.owner(slot) else { return };
        self.runs.take();
        self.owners[slot.index()] = NO_NODE;
        self.set_claimed(slot, true);
        let entry = &mut self.owned[owner.index()];
        let owned = entry.as_mut().expect("an owner of a slot is counted");
        owned.count -= 1;
        owned.bits[slot.index() / 8] &= !bit_of(slot);
        if owned.count == 0 {
            *entry = None;
        }
    }

    /// Leaves every slot of `owner` without one.
    pub fn unassign_all_of(&mut self, owner: NodeIx) {
        for slot in Slot::all() {
            if self.owner(slot) == Some(owner) {
                self.unassign(slot);
            }
        }
    }

    /// Takes note whether the owner of `slot` still claims it.
    pub fn set_claimed(&mut self, slot: Slot, claimed: bool) {
        let byte = &mut self.disclaimed[slot.index() / 8];
        *byte = if claimed { *byte & !bit_of(slot) } else { *byte | bit_of(slot) };
    }

    /// Who owns `slot` and claims it.
    pub fn claimed_owner(&self, slot: Slot) -> Option<NodeIx> {
        self.owner(slot).filter(|_| !has_slot(&self.disclaimed, slot))
    }

    fn owned_by(&self, node: NodeIx) -> Option<&Owned> {
        self.owned.get(node.index())?.as_ref()
    }

    /// How many slots `node` owns.
    pub fn count(&self, node: NodeIx) -> usize {
        self.owned_by(node).map_or(0, |owned| owned.count)
    }

    /// The slots `node` owns.
    pub fn bits(&self, node: NodeIx) -> &SlotBits {
        self.owned_by(node).map_or(NO_SLOTS, |owned| &*owned.bits)
    }

    /// The slots `node` owns and claims.
    pub fn claimed_bits(&self, node: NodeIx) -> Box<SlotBits> {
        let mut bits = Box::new(*self.bits(node));
        bits.iter_mut().zip(self.disclaimed.iter()).for_each(|(owned, disclaimed)| *owned &= !disclaimed);
        bits
    }

    /// The nodes that own slots.
    pub fn owners(&self) -> impl Iterator<Item = NodeIx> {
        let placed = self.owned.iter().enumerate();
        placed.filter(|(_, owned)| owned.is_some()).map(|(place, _)| NodeIx(place as u16))
    }

    /// How many slots have an owner.
    pub fn assigned(&self) -> usize {
        self.owned.iter().flatten().map(|owned| owned.count).sum()
    }

    /// The owned slots as runs of one owner each, in slot order.
    pub fn runs(&self) -> &[Run] {
        self.runs.get_or_init(|| {
            let slot = |index: usize| Slot::new(index as u16).expect("runs are of slots");
            let mut start = 0;
            let mut runs = Vec::new();
            for same in self.owners.chunk_by(|one, next| one == next) {
                if same[0] != NO_NODE {
                    runs.push(Run { start: slot(start), end: slot(start + same.len() - 1), owner: NodeIx(same[0]) });
                }
                start += same.len();
            }
            runs
        })
    }

    /// Opens `slot`, or turns it to another node.
    pub fn open(&mut self, slot: Slot, direction: Direction, other: NodeIx) {
        let changes = self.side_mut(direction).insert(slot, other) != Some(other);
        self.version += u64::from(changes);
    }

    /// Closes `slot` in one direction.
    pub fn close(&mut self, slot: Slot, direction: Direction) {
        let changes = self.side_mut(direction).remove(&slot).is_some();
        self.version += u64::from(changes);
    }

    /// Closes every slot.
    pub fn close_all(&mut self) {
        self.retain_open(|_| false);
    }

    /// Open slots that come from `old` or go to it come from `new` or go to it. Returns whether there are any.
    pub fn redirect(&mut self, old: NodeIx, new: NodeIx) -> bool {
        let all = self.migrating.values_mut().chain(self.importing.values_mut());
        let count = all.filter(|other| **other == old).map(|other| *other = new).count();
        self.version += count as u64;
        count > 0
    }

    /// How often open slots have changed so far: as long as it is the same, they are.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The other node of `slot`, if it is open in `direction`.
    pub fn opened(&self, slot: Slot, direction: Direction) -> Option<NodeIx> {
        self.side(direction).get(&slot).copied()
    }

    /// The slots open in `direction`, in slot order.
    pub fn all_open(&self, direction: Direction) -> impl Iterator<Item = (Slot, NodeIx)> {
        self.side(direction).iter().map(|(slot, node)| (*slot, *node))
    }

    /// Erases every trace of `node`.
    pub fn forget(&mut self, node: NodeIx) {
        self.unassign_all_of(node);
        self.retain_open(|other| other != node);
    }

    fn retain_open(&mut self, wanted: impl Fn(NodeIx) -> bool) {
        let before = self.migrating.len() + self.importing.len();
        self.migrating.retain(|_, other| wanted(*other));
        self.importing.retain(|_, other| wanted(*other));
        self.version += (before - self.migrating.len() - self.importing.len()) as u64;
    }

    fn side(&self, direction: Direction) -> &BTreeMap<Slot, NodeIx> {
        match direction {
            Direction::Migrating => &self.migrating,
            Direction::Importing => &self.importing,
        }
    }

    fn side_mut(&mut self, direction: Direction) -> &mut BTreeMap<Slot, NodeIx> {
        match direction {
            Direction::Migrating => &mut self.migrating,
            Direction::Importing => &mut self.importing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slot(number: u16) -> Slot {
        Slot::new(number).unwrap()
    }

    #[test]
    fn a_run_ends_where_the_owner_changes_or_is_missing() {
        let mut map = SlotMap::default();
        for number in [0, 1, 3, 4, 16383] {
            map.assign(slot(number), NodeIx(7));
        }
        map.assign(slot(4), NodeIx(8));
        let runs: Vec<_> = map.runs().iter().map(|run| (run.start.number(), run.end.number(), run.owner.0)).collect();
        assert_eq!(runs, [(0, 1, 7), (3, 3, 7), (4, 4, 8), (16383, 16383, 7)]);
    }

    #[test]
    fn a_forgotten_node_owns_nothing_and_opens_nothing() {
        let mut map = SlotMap::default();
        map.assign(slot(1), NodeIx(1));
        map.open(slot(2), Direction::Migrating, NodeIx(1));
        map.open(slot(3), Direction::Importing, NodeIx(1));
        map.forget(NodeIx(1));
        assert_eq!(map.assigned(), 0);
        assert_eq!(map.all_open(Direction::Migrating).count() + map.all_open(Direction::Importing).count(), 0);
    }

    proptest! {
        #[test]
        fn counts_and_runs_agree_with_the_owners(changes in prop::collection::vec((0u16..64, prop::option::of(0u16..4)), 0..200)) {
            let mut map = SlotMap::default();
            for (number, owner) in changes {
                match owner {
                    Some(owner) => map.assign(slot(number), NodeIx(owner)),
                    None => map.unassign(slot(number)),
                }
            }
            for node in (0..4).map(NodeIx) {
                let owned = Slot::all().filter(|slot| map.owner(*slot) == Some(node)).count();
                let in_runs: usize = map.runs().iter().filter(|run| run.owner == node)
                    .map(|run| usize::from(run.end.number() - run.start.number()) + 1).sum();
                prop_assert_eq!(map.count(node), owned);
                prop_assert_eq!(in_runs, owned);
                prop_assert!(Slot::all().all(|slot| has_slot(map.bits(node), slot) == (map.owner(slot) == Some(node))));
            }
        }
    }
}

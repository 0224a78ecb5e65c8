//! `maxmemory`: whether there is room for a write, and how some is made.
//!
//! Owned by the data core. The limit is the node's: a core judges by what it has itself and what the others show (see
//! [`share`](super::share)). While the node is above it,
//! - a core that has at least as many bytes of keys as the others on average evicts; only those count in this that have
//!   keys which the policy may evict, so there always is one unless there are no such keys at all;
//! - any other evicts as much as it adds, and asks those that have more for room, so that it can get its part;
//! - one that has nothing to evict asks as well, and its writes wait for the answers. Each is room, or that there is none.
//!   Where none makes any, or nobody can, writes are refused.
//!
//! So all together may be above the limit by what each core takes in one turn, and nobody waits for somebody who waits:
//! who is asked answers at once.

use super::Plane;
use super::message::{Message, Notice, Peer};
use crate::base::ids::CoreId;
use crate::base::limits;
use crate::contract::settings::EvictionPolicy;
use crate::data::command::spec::flag;
use crate::data::store::Store;

/// What a core has asked the others for.
#[derive(Default)]
pub struct Room {
    /// Whether the store may have to be made smaller.
    pub(super) look: bool,
    /// How many have not answered yet.
    asked: usize,
    /// Whether one that has answered made room.
    made: bool,
    /// Whether all said lately that they have nothing to evict.
    denied: bool,
    /// Whether writes wait for the answers.
    pub(super) waits: bool,
    /// Whether all clients were weighed in this turn.
    weighed: bool,
}

impl Room {
    /// The turn is over.
    pub(super) fn turn_over(&mut self) {
        self.weighed = false;
    }

    /// Those who had nothing to evict are worth asking again.
    pub(super) fn forget_denial(&mut self) {
        self.denied = false;
    }
}

impl Plane {
    /// Looks before the turn is over whether keys have to be evicted.
    #[inline]
    pub(super) fn evict_soon(&mut self) {
        self.room.look = self.settings.maxmemory != 0 && !self.is_paused() && !self.leaves_eviction();
    }

    /// Whether evicting is the primary's business.
    fn leaves_eviction(&self) -> bool {
        self.standing.replica && self.settings.replica_ignore_maxmemory
    }

    /// Whether there is no room for a command with these flags on the stores of `cores`, even after eviction.
    #[inline]
    pub(super) fn lacks_room(&mut self, flags: u32, cores: &[CoreId]) -> bool {
        flags & flag::DENYOOM != 0
            && (self.settings.maxmemory != 0 || self.is_nearly_full(cores))
            && !self.finds_room(cores)
    }

    #[inline]
    fn is_nearly_full(&mut self, cores: &[CoreId]) -> bool {
        cores.iter().any(|core| self.stores.at(*core).is_some_and(|store| store.is_nearly_full()))
    }

    fn finds_room(&mut self, cores: &[CoreId]) -> bool {
        // What the command adds may be too much.
        self.evict_soon();
        if self.leaves_eviction() {
            return true;
        }
        if self.is_nearly_full(cores) && !cores.iter().all(|core| self.shrink(*core, u64::MAX)) {
            return false;
        }
        self.make_room_on(cores) || self.make_room_of_clients(cores) || self.waits_for_room()
    }

    /// Whether one of these stores has room now: it is everybody's.
    fn make_room_on(&mut self, cores: &[CoreId]) -> bool {
        cores.iter().any(|core| self.make_room(*core))
    }

    /// Clients may have taken their replies, or left, since they were weighed.
    fn make_room_of_clients(&mut self, cores: &[CoreId]) -> bool {
        if std::mem::replace(&mut self.room.weighed, true) {
            return false;
        }
        self.count_weights();
        self.make_room_on(cores)
    }

    /// Whether a write of this core may be executed because others have been asked for room. Those after it wait.
    fn waits_for_room(&mut self) -> bool {
        let waits = self.room.asked > 0;
        if waits && !self.room.waits {
            self.room.waits = true;
            self.refresh();
        }
        waits
    }

    /// Whether a command with these flags has to wait for room.
    pub(super) fn must_wait_for_room(&self, flags: u32) -> bool {
        self.room.waits && flags & flag::DENYOOM != 0
    }

    /// Makes room in the store of core `core`, if the node has none and the store is to give some; whether a write may
    /// be executed.
    #[inline]
    pub(super) fn make_room(&mut self, core: CoreId) -> bool {
        let Some(limit) = Some(self.settings.maxmemory).filter(|limit| *limit > 0) else { return true };
        let allowed = limit.saturating_sub(self.taken_beside(core));
        match self.stores.at(core) {
            Some(store) if store.used_bytes() as u64 > allowed => self.make_room_above(core, allowed),
            _ => true,
        }
    }

    /// Bytes that all have taken but for the store of core `core`.
    #[inline]
    fn taken_beside(&mut self, core: CoreId) -> u64 {
        if core == self.core() && !self.stores.has_lent() {
            return self.shares.others().bytes() + self.weights.total;
        }
        let clients: u64 = self.shares.of_others().map(|(_, taken)| taken.clients).sum();
        let mut keys = 0;
        for other in self.all_cores().into_iter().filter(|other| *other != core) {
            // What is shown of a borrowed store is what it was.
            let shown = self.shares.of(other).keys;
            keys += self.stores.at(other).map_or(shown, |store| store.used_bytes() as u64);
        }
        self.weights.total + clients + keys
    }

    #[cold]
    fn make_room_above(&mut self, core: CoreId, allowed: u64) -> bool {
        let own = self.stores.at(core).map_or(0, |store| store.used_bytes() as u64);
        let (count, sum) = self.evictable_beside(core);
        let shrinks = own * (count + 1) >= own + sum;
        let target = if shrinks { allowed } else { allowed.max(self.shares.of(core).keys) };
        let made = self.shrink(core, target);
        if !(made && shrinks) {
            self.ask_for_room();
        }
        made
    }

    /// How many other stores have keys that may be evicted, and how many bytes these take.
    fn evictable_beside(&self, core: CoreId) -> (u64, u64) {
        let all = self.all_cores().into_iter().filter(|other| *other != core);
        let evictable = all.map(|other| self.shares.of(other)).filter(|taken| taken.evictable);
        evictable.fold((0, 0), |(count, sum), taken| (count + 1, sum + taken.keys))
    }

    /// Frees and evicts until the store of core `core` is within `target` bytes, a bounded number of steps; whether it is,
    /// or will be.
    fn shrink(&mut self, core: CoreId, target: u64) -> bool {
        let policy = self.settings.maxmemory_policy;
        let (samples, now) = (self.settings.maxmemory_samples, self.now.unix_ms);
        let Some(store) = self.stores.at(core) else { return true };
        let made = shrink(store, target, policy, samples, now);
        self.settle_removed();
        made
    }

    /// Asks the cores for room that have most to evict, unless they are asked already or have none.
    fn ask_for_room(&mut self) {
        if self.room.asked > 0 || self.room.denied {
            return;
        }
        let (count, sum) = self.evictable_beside(self.core());
        let asked: Vec<CoreId> = self
            .shares
            .of_others()
            .filter(|(_, taken)| taken.evictable && taken.keys * count >= sum)
            .map(|(core, _)| core)
            .collect();
        self.room.asked = asked.len();
        self.room.made = false;
        for core in asked {
            self.send(core.into(), Message::Tell(Notice::MakeRoom));
        }
    }

    /// Another core asks for room: it gets some more than the node lacks, so that it need not ask soon again.
    pub(super) fn asked_for_room(&mut self, from: Peer) {
        let ahead = (self.settings.maxmemory / 256).min(limits::ROOM_AHEAD);
        let core = self.core();
        self.shares.look();
        let allowed = self.settings.maxmemory.saturating_sub(self.taken_beside(core));
        let evicted = |plane: &mut Plane| plane.stores.at(core).map_or(0, |store| store.stats.evicted);
        let before = evicted(self);
        let fits =
            self.settings.maxmemory == 0 || self.stores.at(core).is_none_or(|s| s.used_bytes() as u64 <= allowed);
        // Even if all fits: the other may have evicted what it added, and so lack room all the same.
        if self.settings.maxmemory != 0 && !self.is_paused() && !self.leaves_eviction() {
            self.shrink(core, allowed.saturating_sub(ahead));
        }
        let made = fits || evicted(self) > before;
        // What is shown is what the other will see.
        self.show_taken();
        self.send(from, Message::Tell(Notice::Room(made)));
    }

    /// A core that was asked for room has made some, or could not.
    pub(super) fn room_made(&mut self, made: bool) {
        self.room.asked = self.room.asked.saturating_sub(1);
        self.room.made |= made;
        if self.room.asked > 0 {
            return;
        }
        self.room.denied = !self.room.made;
        self.shares.look();
        if self.room.made && self.room.waits {
            // Still none? Then it has been asked for again.
            self.make_room(self.core());
        }
        if self.room.asked == 0 && std::mem::take(&mut self.room.waits) {
            self.refresh();
        }
    }
}

/// Frees and evicts until `store` is within `target` bytes, a bounded number of steps; whether it is, or will be.
fn shrink(store: &mut Store, target: u64, policy: EvictionPolicy, samples: usize, now: u64) -> bool {
    let fits = |store: &Store| store.used_bytes() as u64 <= target && !store.is_nearly_full();
    for _ in 0..limits::EVICT_PER_COMMAND {
        if fits(store) {
            return true;
        }
        // What was deleted counts until it is freed, so that goes first.
        let more = store.reclaim(limits::RECLAIM_PER_TURN);
        if more || fits(store) {
            continue;
        }
        if policy == EvictionPolicy::NoEviction || !store.evict_one(policy, samples, now) {
            return false;
        }
    }
    true
}

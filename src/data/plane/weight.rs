//! The memory of clients, and `maxmemory-clients`: the largest clients are closed until the rest fit.
//!
//! Owned by the data core. While there is such a limit, or one for all memory (`maxmemory`), the clients that got input or
//! output in a turn are weighed, so that a client which grows is closed in the turn in which it is too large. All cores
//! have one limit. Clients are classed by size, as in Redis: the core with clients of the largest class goes first, and of
//! two such cores the one with the higher number. A core that is not the first tells the one that is.

use super::Plane;
use super::client::ClientRef;
use super::message::{Message, Notice};

/// What this core's clients weigh.
#[derive(Default)]
pub struct Weights {
    /// Whether there is a limit that they count for.
    pub matter: bool,
    /// Bytes of memory of all of them, as last weighed.
    pub total: u64,
    /// How many may be evicted, by [`class`].
    classes: Classes,
    /// Those that have to be weighed again.
    changed: Vec<ClientRef>,
}

struct Classes([u32; u64::BITS as usize + 1]);

impl Default for Classes {
    fn default() -> Classes {
        Classes([0; u64::BITS as usize + 1])
    }
}

/// What a client weighed when it was last weighed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Its bytes of memory.
    pub bytes: u64,
    /// Whether it counts among those that may be evicted.
    evictable: bool,
}

/// The class of so many bytes: within one, the largest is less than twice as large as the smallest.
pub fn class(bytes: u64) -> u64 {
    u64::from(u64::BITS - bytes.leading_zeros())
}

impl Weights {
    /// The class of the largest client that may be evicted; 0: there is none.
    pub fn largest(&self) -> u64 {
        self.classes.0.iter().rposition(|clients| *clients > 0).unwrap_or(0) as u64
    }

    /// A client that weighed `before` weighs `now`.
    pub(super) fn replace(&mut self, before: Weight, now: Weight) {
        self.total = (self.total + now.bytes).saturating_sub(before.bytes);
        if before.evictable {
            self.classes.0[class(before.bytes) as usize] -= 1;
        }
        if now.evictable {
            self.classes.0[class(now.bytes) as usize] += 1;
        }
    }
}

impl Plane {
    /// Client `at` may have grown or shrunk.
    #[inline]
    pub fn weigh(&mut self, at: u32) {
        if self.weights.matter
            && let Some(client) = self.clients.at(at)
        {
            self.weights.changed.push(client.reference);
        }
    }

    /// Whether client `at` has been closed because its input, which it would be rid of in a moment, is too large.
    pub(super) fn evicts_for_input(&mut self, at: u32) -> bool {
        let client = &self.clients[at];
        let limit = self.settings.maxmemory_clients;
        if limit == 0 || client.input.len() as u64 <= limit {
            return false;
        }
        let reference = client.reference;
        self.weigh_now(reference);
        self.evict_clients();
        self.clients.get(reference).is_none()
    }

    /// Closes the largest clients if those that have changed are too large now.
    #[inline]
    pub fn weigh_changed(&mut self) {
        if !self.weights.changed.is_empty() {
            for client in std::mem::take(&mut self.weights.changed) {
                self.weigh_now(client);
            }
            self.evict_clients();
            self.evict_soon();
        }
    }

    /// Weighs all clients.
    pub(super) fn count_weights(&mut self) {
        for client in self.clients.references() {
            self.weigh_now(client);
        }
    }

    fn weigh_now(&mut self, client: ClientRef) {
        if let Some(client) = self.clients.get_mut(client) {
            let weight = Weight { bytes: client.memory() as u64, evictable: !client.session.no_evict };
            self.weights.replace(std::mem::replace(&mut client.weight, weight), weight);
        }
    }

    /// Closes the largest clients of the node, if they are this core's, until the rest are within `maxmemory-clients`.
    pub(super) fn evict_clients(&mut self) {
        let limit = self.settings.maxmemory_clients;
        if limit == 0 {
            return;
        }
        let others = self.shares.look();
        if self.weights.total + others.clients <= limit {
            return;
        }
        let evictable = self.clients.iter().filter(|client| client.weight.evictable);
        let mut sizes: Vec<(u64, u32)> =
            evictable.map(|client| (client.weight.bytes, client.reference.index)).collect();
        sizes.sort_unstable();
        while let (true, Some((bytes, at))) = (self.weights.total + others.clients > limit, sizes.pop()) {
            if !self.goes_first(class(bytes)) {
                break;
            }
            log::info!("Evicting client: {}", self.client_line(at));
            self.stats.evicted_clients += 1;
            self.close(at);
        }
        if self.weights.total + others.clients > limit {
            self.pass_client_eviction_on();
        }
    }

    /// Whether clients of this class go before those of all other cores.
    fn goes_first(&self, class: u64) -> bool {
        let me = self.core();
        self.shares.of_others().all(|(core, taken)| (class, me) > (taken.largest_client, core))
    }

    /// Tells the core whose clients go first, if it is another one.
    fn pass_client_eviction_on(&mut self) {
        let first = self.shares.of_others().map(|(core, taken)| (taken.largest_client, core)).max();
        if let Some((class, core)) = first
            && class > 0
            && !self.goes_first(self.weights.largest())
        {
            self.send(core.into(), Message::Tell(Notice::EvictClients));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_of_clients_less_than_twice_as_large() {
        assert_eq!([0, 1, 2, 3, 4, 1 << 20, u64::MAX].map(class), [0, 1, 2, 2, 3, 21, 64]);
    }

    #[test]
    fn weights_know_the_largest_that_may_be_evicted() {
        let mut weights = Weights::default();
        let (small, large) = (Weight { bytes: 10, evictable: true }, Weight { bytes: 1000, evictable: true });
        let spared = Weight { evictable: false, ..large };
        weights.replace(Weight::default(), small);
        weights.replace(Weight::default(), large);
        assert_eq!((weights.total, weights.largest()), (1010, class(1000)));
        weights.replace(large, spared);
        assert_eq!((weights.total, weights.largest()), (1010, class(10)));
        weights.replace(small, Weight::default());
        assert_eq!((weights.total, weights.largest()), (1000, 0));
    }
}

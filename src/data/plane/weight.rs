//! The memory of clients, and `maxmemory-clients`: the largest clients are closed until the rest fit.
//!
//! Owned by the data core. While there is such a limit, or one for all memory (`maxmemory`), the clients that got input or output in a turn are weighed, so that a
//! client which grows is closed in the turn in which it is too large. All cores have one limit (see [`super::share`]): one
//! whose clients are not the largest leaves it to the others, which hear of them within a tick.

use super::Plane;
use super::client::ClientRef;
use crate::base::limits;

/// What this core's clients weigh.
#[derive(Default)]
pub struct Weights {
    /// Whether there is a limit that they count for.
    pub matter: bool,
    /// Bytes of memory of all of them, as last weighed.
    pub total: u64,
    /// Bytes that clients had who are gone, since the other cores were told.
    pub(super) freed: u64,
    /// Those that have to be weighed again.
    changed: Vec<ClientRef>,
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
        if self.weights.freed >= limits::UNTOLD_MEMORY {
            // At once: another core would close clients of its own for want of this room.
            self.tell_taken();
        }
    }

    /// Weighs all clients, and closes the largest if they are too large.
    pub(super) fn weigh_all(&mut self) {
        self.count_weights();
        self.evict_clients();
    }

    /// Weighs all clients.
    pub(super) fn count_weights(&mut self) {
        for client in self.clients.references() {
            self.weigh_now(client);
        }
    }

    fn weigh_now(&mut self, client: ClientRef) {
        if let Some(client) = self.clients.get_mut(client) {
            let weight = client.memory() as u64;
            self.weights.total = (self.weights.total + weight).saturating_sub(client.weight);
            client.weight = weight;
        }
    }

    /// What the largest client weighs that may be evicted.
    pub(super) fn largest_client(&self) -> u64 {
        let evictable = self.clients.iter().filter(|client| !client.session.no_evict);
        evictable.map(|client| client.weight).max().unwrap_or(0)
    }

    /// Closes the largest clients of all cores, if they are this core's, until the rest are within `maxmemory-clients`.
    pub(super) fn evict_clients(&mut self) {
        let (core, limit) = (self.core(), self.settings.maxmemory_clients);
        let others = self.shares.clients_of_others(core);
        if limit == 0 || self.weights.total + others <= limit {
            return;
        }
        let evictable = self.clients.iter().filter(|client| !client.session.no_evict);
        let mut sizes: Vec<(u64, u32)> = evictable.map(|client| (client.weight, client.reference.index)).collect();
        sizes.sort_unstable();
        while let (true, Some((weight, at))) = (self.weights.total + others > limit, sizes.pop()) {
            if !self.shares.is_largest(core, weight) {
                break;
            }
            log::info!("Evicting client: {}", self.client_line(at));
            self.stats.evicted_clients += 1;
            self.close(at);
        }
        self.tell_taken();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::CoreId;
    use crate::contract::settings::Settings;
    use crate::data::plane::testing::Node;

    #[test]
    fn the_room_that_a_large_client_leaves_is_known_to_the_other_cores_at_once() {
        let settings = Settings { maxmemory_clients: 10 << 20, ..Settings::default() };
        let mut node = Node::new(2, 1, settings);
        let large = node.connect(0);
        let length = 4 << 20;
        node.send(large, &[format!("*1\r\n${}\r\n", length + 1).into_bytes(), vec![b'v'; length]].concat());
        node.pass(100);
        node.settle();
        let known = |node: &Node| node.planes[1].shares.clients_of_others(CoreId(1));
        assert!(known(&node) > length as u64);
        node.disconnect(large);
        node.settle();
        assert!(known(&node) < 1 << 20, "{}", known(&node));
    }
}

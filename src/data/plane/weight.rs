//! The memory of clients, and `maxmemory-clients`: the largest clients are closed until the rest fit.
//!
//! Owned by the data core. While there is such a limit, or one for all memory (`maxmemory`), the clients that got input or output in a turn are weighed, so that a
//! client which grows is closed in the turn in which it is too large. Each core keeps its clients within its share.

use super::Plane;
use super::client::ClientRef;

/// What this core's clients weigh.
#[derive(Default)]
pub struct Weights {
    /// Whether there is a limit that they count for.
    pub matter: bool,
    /// Bytes of memory of all of them, as last weighed.
    pub total: u64,
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
        if self.share_of_clients().is_none_or(|share| client.input.len() as u64 <= share) {
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

    /// This core's share of `maxmemory-clients`, if there is a limit.
    fn share_of_clients(&self) -> Option<u64> {
        let limit = self.settings.maxmemory_clients;
        (limit > 0).then(|| limit / self.options.cores as u64)
    }

    fn weigh_now(&mut self, client: ClientRef) {
        if let Some(client) = self.clients.get_mut(client) {
            let weight = client.memory() as u64;
            self.weights.total = (self.weights.total + weight).saturating_sub(client.weight);
            client.weight = weight;
        }
    }

    /// Closes the largest clients until the rest are within this core's share of `maxmemory-clients`.
    fn evict_clients(&mut self) {
        let Some(share) = self.share_of_clients().filter(|share| self.weights.total > *share) else { return };
        let evictable = self.clients.iter().filter(|client| !client.session.no_evict);
        let mut sizes: Vec<(u64, u32)> = evictable.map(|client| (client.weight, client.reference.index)).collect();
        sizes.sort_unstable();
        while let (true, Some((_, at))) = (self.weights.total > share, sizes.pop()) {
            log::info!("Evicting client: {}", self.client_line(at));
            self.stats.evicted_clients += 1;
            self.close(at);
        }
    }
}

//! The background work of a core, in bounded pieces: expiry, eviction, freeing, idle clients, rates.
//!
//! Owned by the data core. The driver calls [`Plane::tick`] about `hz` times a second and
//! [`Plane::idle_work`] after every turn; neither takes longer than a few hundred microseconds.

use super::client::{Client, ClientRef, Session};
use super::message::Message;
use super::{Action, Plane};
use crate::base::ids::ClientId;
use crate::base::limits;
use crate::base::notify::Class;
use crate::contract::settings::EvictionPolicy;
use crate::data::exec::Event;
use bumpalo::Bump;

/// Samples a rate is the mean of, as Redis's 16 of 100 ms.
const SAMPLES: usize = 16;

/// Rates and what else the background work remembers.
#[derive(Default)]
pub struct Upkeep {
    ticks: u64,
    sampled_ns: u64,
    last: [u64; 3],
    rates: [[u64; SAMPLES]; 3],
    /// Whether the last pass of active expiry found so much that it should go on soon.
    more_to_expire: bool,
    /// Whether the graveyard holds memory to free.
    more_to_free: bool,
}

impl Upkeep {
    /// Commands, bytes received and bytes sent a second.
    pub fn rates(&self) -> [u64; 3] {
        let mean = |samples: &[u64; SAMPLES]| samples.iter().sum::<u64>() / SAMPLES as u64;
        [mean(&self.rates[0]), mean(&self.rates[1]), mean(&self.rates[2])]
    }

    fn sample(&mut self, now_ns: u64, totals: [u64; 3]) {
        let elapsed = now_ns.saturating_sub(self.sampled_ns);
        if elapsed < 100_000_000 {
            return;
        }
        self.sampled_ns = now_ns;
        let place = (self.ticks as usize) % SAMPLES;
        self.ticks += 1;
        for (kind, total) in totals.into_iter().enumerate() {
            let grown = total.saturating_sub(self.last[kind]);
            self.last[kind] = total;
            self.rates[kind][place] = (u128::from(grown) * 1_000_000_000 / u128::from(elapsed)) as u64;
        }
    }
}

impl Plane {
    /// The regular work. Returns whether [`idle_work`](Self::idle_work) has something to do.
    pub fn tick(&mut self, bump: &Bump) -> bool {
        self.upkeep.sample(self.now.mono_ns, [self.stats.commands, self.stats.net_input, self.stats.net_output]);
        if self.pause.is_some_and(|pause| pause.until <= self.now.unix_ms) {
            self.pause = None;
            self.refresh_free();
        }
        if self.pause.is_none() {
            self.release_held(bump);
        }
        self.after_unlock(bump);
        self.check_clients();
        self.upkeep.more_to_expire = true;
        self.upkeep.more_to_free = true;
        self.idle_work()
    }

    /// A bounded piece of expiry and freeing; whether there is more.
    pub fn idle_work(&mut self) -> bool {
        if self.locked || !(self.upkeep.more_to_expire || self.upkeep.more_to_free) {
            return false;
        }
        let started = (self.options.clock)();
        let now = self.now.unix_ms;
        let paused = self.pause.is_some();
        let effort = self.settings.active_expire_effort as usize;
        let store = self.stores.home_mut();
        if self.upkeep.more_to_expire {
            self.upkeep.more_to_expire =
                self.active_expire && !paused && store.expire_some(now, limits::EXPIRE_PER_TURN * effort);
        }
        if self.upkeep.more_to_free {
            self.upkeep.more_to_free = store.reclaim(limits::RECLAIM_PER_TURN);
        }
        if self.stores.has_removed() {
            self.announce_removed();
        }
        let took = (self.options.clock)().saturating_sub(started);
        self.stats.longest_upkeep_ns = self.stats.longest_upkeep_ns.max(took);
        self.upkeep.more_to_expire || self.upkeep.more_to_free
    }

    /// Evicts until this core is within its share of `maxmemory`; whether there is room for a write.
    pub(super) fn make_room(&mut self) -> bool {
        let share = self.settings.maxmemory / self.options.cores as u64;
        let policy = self.settings.maxmemory_policy;
        let (samples, now) = (self.settings.maxmemory_samples, self.now.unix_ms);
        let core = self.core();
        let Some(store) = self.stores.at(core) else { return true };
        let mut evicted = 0;
        while store.used_bytes() as u64 > share {
            if policy == EvictionPolicy::NoEviction || evicted >= limits::EVICT_PER_COMMAND {
                break;
            }
            if !store.evict_one(policy, samples, now) {
                break;
            }
            evicted += 1;
        }
        let room = store.used_bytes() as u64 <= share || evicted > 0;
        if evicted > 0 && self.stores.has_removed() {
            self.announce_removed();
        }
        room
    }

    /// Announces keys that expired or were evicted.
    pub(super) fn announce_removed(&mut self) {
        let notify = self.settings.notify;
        let mut events = Vec::new();
        for removed in self.stores.take_removed() {
            let (class, event) =
                if removed.evicted { (Class::EVICTED, "evicted") } else { (Class::EXPIRED, "expired") };
            if notify.contains(class) {
                events.push(Event { class, event, key: removed.key, db: removed.db });
            }
        }
        self.announce(events);
    }

    /// Makes the store follow the settings.
    pub(super) fn apply_settings(&mut self) {
        let settings = self.settings.clone();
        let core = self.core();
        if let Some(store) = self.stores.at(core) {
            store.configure(&settings);
        }
    }

    fn check_clients(&mut self) {
        let now = self.now.unix_ms;
        let timeout = self.settings.timeout * 1000;
        for reference in self.clients.references() {
            let client = &self.clients[reference.index];
            let idle = timeout > 0
                && client.session.subscriptions.is_none()
                && client.hold.is_none()
                && now.saturating_sub(client.session.active) > timeout;
            if idle || self.over_output_limit(reference.index) {
                self.close(reference.index);
            }
        }
    }

    /// Whether a client owes its closing to `client-output-buffer-limit`.
    pub fn over_output_limit(&mut self, at: u32) -> bool {
        let now = self.now.unix_ms;
        let client = &mut self.clients[at];
        let limit = if client.session.subscriptions.is_some() {
            self.settings.output_limit_pubsub
        } else {
            self.settings.output_limit_normal
        };
        if limit.hard == 0 && limit.soft == 0 {
            return false;
        }
        let bytes = client.output_bytes() as u64;
        let over_hard = limit.hard > 0 && bytes > limit.hard;
        let over_soft = limit.soft > 0 && bytes > limit.soft;
        if !over_soft {
            client.over_soft_since = 0;
        } else if client.over_soft_since == 0 {
            client.over_soft_since = now;
        }
        let too_long = over_soft && now.saturating_sub(client.over_soft_since) > limit.soft_seconds * 1000;
        if over_hard || too_long {
            self.stats.output_buffer_limit_disconnections += 1;
        }
        over_hard || too_long
    }

    /// Takes a new connection; what to tell and close it with if it can't be had.
    pub fn connected(&mut self, reference: ClientRef, addr: String, laddr: String, local: bool, fd: i32) {
        let id = ClientId::new(self.next_serial, self.options.core);
        self.next_serial += 1;
        self.stats.connections += 1;
        let now = self.now.unix_ms;
        let session = Session {
            id,
            name: Vec::new(),
            addr,
            laddr,
            local,
            fd,
            db: 0,
            proto: Default::default(),
            authenticated: self.settings.requirepass.is_empty(),
            reply_mode: Default::default(),
            no_evict: false,
            readonly: false,
            asking: false,
            created: now,
            active: now,
            last: None,
            closing: false,
            multi: None,
            watches: Vec::new(),
            subscriptions: None,
        };
        self.clients.insert(Client::new(reference, session));
    }

    /// Forgets a client and has its socket closed.
    pub fn close(&mut self, at: u32) {
        self.end_transaction(at);
        self.forget_watches(at);
        self.drop_subscriptions(at);
        let reference = self.clients[at].reference;
        if self.clients.remove(reference).is_some() {
            self.actions.push(Action::Close(reference));
        }
    }

    /// A client sends no more: it is closed, but not before it has what it asked for.
    pub fn input_ended(&mut self, at: u32) {
        let client = &mut self.clients[at];
        client.ended = true;
        if self.may_close(at) {
            self.close(at);
        } else {
            let reference = self.clients[at].reference;
            self.goodbyes.push(reference);
        }
    }

    /// Closes a client once it has its replies; executes nothing more of it.
    pub(super) fn say_goodbye(&mut self, at: u32) {
        let client = &mut self.clients[at];
        client.session.closing = true;
        client.refresh_plain();
        self.goodbyes.push(client.reference);
    }

    /// Whether nothing more is to be sent to a client that is to be closed.
    pub fn may_close(&self, at: u32) -> bool {
        let client = &self.clients[at];
        let over = client.session.closing || client.ended && client.hold.is_none();
        over && client.queue.is_empty() && client.unsent.is_empty() && client.in_flight == 0
    }

    /// Messages for others, if there are any.
    pub fn take_outgoing(&mut self) -> Vec<(super::message::Peer, Message)> {
        std::mem::take(&mut self.outgoing)
    }
}

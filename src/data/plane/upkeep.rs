//! The background work of a core, in bounded pieces: expiry, eviction, freeing, idle clients, rates.
//!
//! Owned by the data core. The driver calls [`Plane::tick`] about `hz` times a second and
//! [`Plane::idle_work`] after every turn; neither takes longer than a few hundred microseconds.

use super::client::{Client, ClientRef, Hold, Session};
use super::message::Message;
use super::weight::Weight;
use super::{Action, Plane};
use crate::base::ids::ClientId;
use crate::base::limits;
use crate::base::notify::Class;
use crate::data::exec::Event;
use crate::data::store::Removed;
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
    /// How many keys of this core's store have readers, as the other cores were told.
    pub(super) readers_told: usize,
}

impl Upkeep {
    /// Commands, bytes received and bytes sent a second.
    pub fn rates(&self) -> [u64; 3] {
        let mean = |samples: &[u64; SAMPLES]| samples.iter().sum::<u64>() / SAMPLES as u64;
        [mean(&self.rates[0]), mean(&self.rates[1]), mean(&self.rates[2])]
    }

    fn has_more(&self) -> bool {
        self.more_to_expire || self.more_to_free
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
    /// This process did not run for a while, and another node may have its slots by now: a cluster node's writes wait
    /// until the bus core, which goes on at the same time, has told what is so.
    pub fn was_stopped(&mut self) {
        if self.settings.cluster_enabled {
            let until = self.now.unix_ms + limits::DOUBT_MS;
            self.failover_pause = Some(self.failover_pause.map_or(until, |pause| pause.max(until)));
            self.refresh();
        }
    }

    /// The regular work. Returns whether [`idle_work`](Self::idle_work) has something to do.
    pub fn tick(&mut self, bump: &Bump) -> bool {
        self.upkeep.sample(self.now.mono_ns, [self.stats.commands, self.stats.net_input, self.stats.net_output]);
        if self.pause.is_some_and(|pause| pause.until <= self.now.unix_ms) {
            self.pause = None;
            self.refresh();
        }
        if self.failover_pause.is_some_and(|until| until <= self.now.unix_ms) {
            self.failover_pause = None;
            self.refresh();
        }
        if !self.is_paused() {
            self.release_held(bump);
        }
        self.apply_after_pause();
        if self.cron_paused {
            return self.idle_work();
        }
        self.after_unlock(bump);
        self.expire_own();
        self.tend_readers();
        self.check_clients();
        self.upkeep.more_to_expire = true;
        self.upkeep.more_to_free = true;
        self.room.forget_denial();
        self.evict_soon();
        self.idle_work()
    }

    /// A bounded piece of expiry and freeing; whether there is more.
    pub fn idle_work(&mut self) -> bool {
        if self.scripts.wants_time() {
            self.continue_script(&Bump::new());
            return true;
        }
        if self.locked {
            return false;
        }
        self.make_part();
        if !self.upkeep.has_more() && !self.room.look {
            return self.wants_parts();
        }
        let started = (self.options.clock)();
        let now = self.now.unix_ms;
        let paused = self.is_paused();
        let effort = self.settings.active_expire_effort as usize;
        if self.upkeep.more_to_expire {
            let (store, budget) = (self.stores.home_mut(), limits::EXPIRE_PER_TURN * effort);
            self.upkeep.more_to_expire = self.active_expire && !paused && store.expire_some(now, budget);
            let took = (self.options.clock)().saturating_sub(started) / 1_000_000;
            self.latency.record("expire-cycle", took, self.settings.latency_monitor_threshold, now);
        }
        if self.upkeep.more_to_free {
            self.upkeep.more_to_free = self.stores.home_mut().reclaim(limits::RECLAIM_PER_TURN);
        }
        self.settle_removed();
        if self.room.look {
            let before = self.stores.home().stats.evicted;
            self.make_room(self.core());
            self.room.look = self.stores.home().stats.evicted - before >= limits::EVICT_PER_COMMAND as u64;
        }
        let took = (self.options.clock)().saturating_sub(started);
        self.stats.longest_upkeep_ns = self.stats.longest_upkeep_ns.max(took);
        self.upkeep.has_more() || self.room.look || self.wants_parts()
    }

    /// Announces keys that expired or were evicted.
    pub(super) fn announce_removed(&mut self, removed: Vec<Removed>) {
        let notify = self.settings.notify;
        let mut events = Vec::new();
        for removed in removed {
            let (class, event) =
                if removed.evicted { (Class::EVICTED, "evicted") } else { (Class::EXPIRED, "expired") };
            if notify.contains(class) {
                events.push(Event { class, event, key: removed.key, db: removed.db });
            }
        }
        self.announce(events);
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
            if idle || self.over_output_limit(reference.index, 0) {
                self.close(reference.index);
            }
        }
        self.count_weights();
        self.evict_clients();
    }

    /// Whether a client owes its closing to `client-output-buffer-limit`; `fresh`: bytes of replies that are about to
    /// be sent.
    pub fn over_output_limit(&mut self, at: u32, fresh: usize) -> bool {
        let now = self.now.unix_ms;
        let client = &mut self.clients[at];
        let mut limit = if client.session.subscriptions.is_some() || client.session.monitors {
            self.settings.output_limit_pubsub
        } else {
            self.settings.output_limit_normal
        };
        if limit.hard == 0 && limit.soft == 0 && client.session.authenticated {
            return false;
        }
        if !client.session.authenticated {
            limit.hard = limits::MAX_STRANGER_OUTPUT;
        }
        let bytes = (client.output_bytes() + fresh) as u64;
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
        let fresh = Session::new(id, now, self.users.default_user().clone());
        let session = Session { addr, laddr, local, fd, ..fresh };
        self.clients.insert(Client::new(reference, session));
    }

    /// Forgets a client and has its socket closed.
    pub fn close(&mut self, at: u32) {
        let reference = self.clients[at].reference;
        self.forget_client(at);
        self.actions.push(Action::Close(reference));
    }

    /// Forgets a client.
    pub(super) fn forget_client(&mut self, at: u32) {
        self.leave_debugger(at);
        self.leave_queues(at);
        self.end_transaction(at);
        self.forget_watches(at);
        self.drop_subscriptions(at);
        self.stop_tracking(at);
        self.stop_monitoring(at);
        self.stop_waiting_for_bus(at);
        let reference = self.clients[at].reference;
        if let Some(client) = self.clients.remove(reference) {
            self.weights.replace(client.weight, Weight::default());
        }
    }

    /// A client sends no more: it is closed, but not before it has what it asked for.
    pub fn input_ended(&mut self, at: u32) {
        self.leave_debugger(at);
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
        if client.ended && client.waiting.is_some() {
            return true;
        }
        let session_over = client.session.closing && client.hold != Some(Hold::Answer);
        let over = session_over || client.ended && client.hold.is_none() || client.departure.is_some();
        over && client.queue.is_empty() && client.unsent.is_empty() && client.in_flight == 0
    }

    /// Messages for others, if there are any.
    pub fn take_outgoing(&mut self) -> Vec<(super::message::Peer, Message)> {
        std::mem::take(&mut self.outgoing)
    }
}

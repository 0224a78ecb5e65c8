//! Telling clients that keys they have read, or want to hear of, have changed.
//!
//! ```text
//! store: who read which key, what keys begin with that somebody wants to hear of
//!   | a command is over: what it changed, and whose command it was    `note_changes`
//!   v
//! this plane's list of the turn                                       `tell_changes`, at the end of the turn
//!   | one message for each core whose clients are concerned
//!   v
//! the core of the client: writes it, or hands it on to the client it is redirected to
//! ```
//!
//! Why nobody keeps a stale value: what a client has read is either in its turn's output, or owed to it. What it is told
//! comes after the first, since a turn's changes are told when its commands are done, and behind the second, in the
//! client's own queue. So no reply with an old value can come after the word that it is old. For the same reason a
//! client hears of its own changes after the reply of the command, script or transaction that made them.
//!
//! Owned by the data core. Costs one look at [`Stores::has_news`](crate::data::store::Stores::has_news) a command while
//! nobody tracks.

use super::Plane;
use super::client::ClientRef;
use super::message::{Message, Notice};
use super::tracking::Mode;
use crate::base::ids::CoreId;
use crate::base::limits;
use crate::data::origin::Origin;
use crate::data::store::{Cause, Change, Prefixes, Store};
use crate::resp::Proto;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The channel on which a subscriber of RESP2 hears of keys.
const CHANNEL: &[u8] = b"__redis__:invalidate";

type Keys = Option<Vec<Arc<[u8]>>>;

/// What a core knows of clients that track keys.
#[derive(Default)]
pub struct Invalidations {
    /// This core's clients that track.
    pub clients: BTreeSet<ClientRef>,
    /// For each core, what keys begin with that its clients want to hear of.
    prefixes: Vec<Prefixes>,
    /// The same of all cores together.
    every_prefix: Prefixes,
    /// For each core, how many keys of its store have readers, as last heard.
    sizes: Vec<usize>,
    /// What has changed in this turn, and by whose command.
    changes: Vec<(Change, Option<Origin>)>,
    all: bool,
    /// What clients are to be told that are in the middle of a reply.
    held: Vec<(ClientRef, Keys, bool)>,
}

/// A key that has changed, and by whose command.
type ChangedKey = (Arc<[u8]>, Option<Origin>);

/// What the clients of one core are to be told.
#[derive(Default)]
pub struct Invalidation {
    /// Keys that clients have read, and whether the client has changed it itself.
    reads: Vec<(Arc<[u8]>, ClientRef, bool)>,
    /// Keys that have changed, with who changed them, for clients that want to hear of every key with some prefix.
    broadcast: Arc<[ChangedKey]>,
    /// All keys may have changed.
    all: bool,
}

impl Invalidations {
    /// What a core knows when the node starts.
    pub fn new(cores: usize) -> Invalidations {
        Invalidations {
            prefixes: (0..cores).map(|_| Prefixes::default()).collect(),
            sizes: vec![0; cores],
            ..Invalidations::default()
        }
    }

    /// What keys begin with that clients of all cores want to hear of.
    pub fn every_prefix(&self) -> &Prefixes {
        &self.every_prefix
    }

    /// The clients of core `core` want to hear of keys that begin with `prefixes`, and of no others.
    pub fn set_prefixes(&mut self, core: CoreId, prefixes: Prefixes) {
        self.prefixes[core.index()] = prefixes;
        let every: BTreeSet<&Box<[u8]>> = self.prefixes.iter().flat_map(|prefixes| prefixes.iter()).collect();
        self.every_prefix = every.into_iter().cloned().collect();
    }
}

impl Plane {
    // ---- Where keys are.

    /// Takes note of what was changed, by whose command if by one.
    #[cold]
    pub(super) fn note_changes(&mut self, origin: Option<Origin>) {
        for (_, store) in self.stores.iter_mut().filter(|(_, store)| store.has_changes()) {
            let changes = store.take_changes();
            self.invalidations.all |= changes.all;
            self.invalidations.changes.extend(changes.keys.into_iter().map(|change| {
                let by = origin.filter(|_| change.cause == Cause::Written);
                (change, by)
            }));
        }
    }

    /// Tells clients what has changed in this turn.
    pub fn tell_changes(&mut self) {
        if self.stores.has_changes() {
            self.note_changes(None);
        }
        let Invalidations { changes, all, held, .. } = &mut self.invalidations;
        if changes.is_empty() && held.is_empty() && !*all {
            return;
        }
        let (changes, all) = (std::mem::take(changes), std::mem::take(all));
        for (client, keys, redirected) in std::mem::take(held) {
            self.push_keys(client, keys, redirected);
        }
        for (core, invalidation) in self.address(changes, all) {
            if core == self.core() {
                self.invalidate(&invalidation);
            } else {
                self.send(core.into(), Message::Tell(Notice::Invalidate(Box::new(invalidation))));
            }
        }
    }

    /// Sorts what has changed by the cores whose clients are to be told.
    fn address(&self, changes: Vec<(Change, Option<Origin>)>, all: bool) -> Vec<(CoreId, Invalidation)> {
        let mut cores: Vec<Invalidation> = (0..self.options.cores).map(|_| Invalidation::default()).collect();
        let mut broadcast = BTreeMap::new();
        for (change, by) in changes {
            for reader in change.readers {
                let own = by == Some(reader);
                cores[reader.core.index()].reads.push((change.key.clone(), reader.client, own));
            }
            if change.cause != Cause::Forgotten {
                broadcast.insert(change.key, by);
            }
        }
        let broadcast: Arc<[_]> = broadcast.into_iter().collect();
        let hears = |core: usize| !self.invalidations.prefixes[core].is_empty();
        for (core, invalidation) in cores.iter_mut().enumerate() {
            invalidation.all = all;
            if hears(core) {
                invalidation.broadcast = broadcast.clone();
            }
        }
        let worth = |invalidation: &Invalidation| {
            invalidation.all || !invalidation.reads.is_empty() || !invalidation.broadcast.is_empty()
        };
        let cores = cores.into_iter().enumerate().map(|(core, invalidation)| (CoreId(core as u8), invalidation));
        cores.filter(|(_, invalidation)| worth(invalidation)).collect()
    }

    /// Remembers who has read these keys, as far as their stores are here.
    pub(super) fn remember_reader<'k>(&mut self, reader: Origin, keys: impl Iterator<Item = &'k [u8]>) {
        for key in keys {
            let core = self.routes.owners().of(crate::slot::Slot::of_key(key));
            if let Some(store) = self.stores.at(core) {
                store.remember_reader(key, reader);
            }
        }
        self.limit_readers();
    }

    /// Keeps the table of this core's store within what `tracking-table-max-keys` leaves to it: all, as long as the
    /// node has no more in all, and else its part.
    pub(super) fn limit_readers(&mut self) {
        let (core, max) = (self.core(), self.settings.tracking_table_max_keys);
        let Some(store) = self.stores.at(core) else { return };
        let size = store.read_counts().0;
        self.invalidations.sizes[core.index()] = size;
        let total: usize = self.invalidations.sizes.iter().sum();
        if max > 0 && total > max {
            let cores = self.options.cores;
            let part = max / cores + usize::from(core.index() < max % cores);
            let beyond = size.saturating_sub(part).min(total - max);
            store.forget_readers(beyond.min(limits::READERS_FORGOTTEN));
            self.invalidations.sizes[core.index()] = store.read_counts().0;
        }
    }

    /// Tells the other cores how large this one's table is, if that is news, and keeps it within bounds.
    pub(super) fn tend_readers(&mut self) {
        let core = self.core();
        self.limit_readers();
        let size = self.invalidations.sizes[core.index()];
        if size != self.upkeep.readers_told {
            self.upkeep.readers_told = size;
            for peer in self.other_cores() {
                self.send(peer, Message::Tell(Notice::Readers(size)));
            }
        }
    }

    /// The table of core `core` has that size.
    pub(super) fn note_readers(&mut self, core: CoreId, size: usize) {
        self.invalidations.sizes[core.index()] = size;
    }

    /// The clients of core `core` want to hear of keys that begin with these.
    pub(super) fn note_prefixes(&mut self, core: CoreId, prefixes: Prefixes) {
        self.invalidations.set_prefixes(core, prefixes);
        for (_, store) in self.stores.iter_mut() {
            store.set_heard_prefixes(&self.invalidations.every_prefix);
        }
    }

    /// Tells a store that was elsewhere what clients want to hear of.
    pub(super) fn tell_prefixes(&self, store: &mut Store) {
        store.set_heard_prefixes(&self.invalidations.every_prefix);
    }

    // ---- Where clients are.

    /// Tells this core's clients.
    pub(super) fn invalidate(&mut self, what: &Invalidation) {
        for (key, client, own) in &what.reads {
            let tracking = self.clients.get(*client).and_then(|client| client.session.tracking.as_deref());
            // Its table is of the time when it tracked, or in another mode.
            let told = |mode: &Mode| matches!(mode, Mode::Reads(_));
            if tracking.is_some_and(|tracking| told(&tracking.mode) && !(*own && tracking.no_loop)) {
                self.tell_keys(*client, Some(vec![key.clone()]));
            }
        }
        if what.all {
            // The tables are empty; those that are not will say so.
            self.invalidations.sizes.fill(0);
            self.upkeep.readers_told = usize::MAX;
            for client in self.invalidations.clients.clone() {
                self.tell_keys(client, None);
            }
        }
        if !what.broadcast.is_empty() {
            self.broadcast_keys(&what.broadcast);
        }
    }

    /// Tells clients of keys with the prefixes they want to hear of, one message for each prefix.
    fn broadcast_keys(&mut self, changed: &[ChangedKey]) {
        let core = self.core();
        for client in self.invalidations.clients.clone() {
            let Some(tracking) = self.clients.get(client).and_then(|client| client.session.tracking.as_deref()) else {
                continue;
            };
            let Mode::Broadcast(prefixes) = &tracking.mode else { continue };
            let own = Some(Origin { core, client }).filter(|_| tracking.no_loop);
            let of_others = |by: Option<Origin>| own.is_none() || by != own;
            let heard: Vec<Vec<_>> = prefixes
                .iter()
                .map(|prefix| changed.iter().filter(|(key, by)| key.starts_with(prefix) && of_others(*by)))
                .map(|keys| keys.map(|(key, _)| key.clone()).collect())
                .collect();
            for keys in heard.into_iter().filter(|keys: &Vec<_>| !keys.is_empty()) {
                self.tell_keys(client, Some(keys));
            }
        }
    }

    /// Tells a client of keys (none: all), or the client that it has named for that.
    fn tell_keys(&mut self, client: ClientRef, keys: Keys) {
        let Some(tracking) = self.clients.get(client).and_then(|client| client.session.tracking.as_deref()) else {
            return;
        };
        match tracking.redirect.as_ref().map(|redirect| redirect.to) {
            None => self.push_keys(client, keys, false),
            Some(to) if to.core == self.core() => {
                if self.clients.get(to.client).is_some() {
                    self.push_keys(to.client, keys, true);
                } else {
                    self.redirection_broke(client);
                }
            }
            Some(to) => {
                let from = Origin { core: self.core(), client };
                self.send(to.core.into(), Message::Tell(Notice::Redirected { from, to: to.client, keys }));
            }
        }
    }

    /// A client of another core has named one of this core to be told in its place.
    pub(super) fn redirected(&mut self, from: Origin, to: ClientRef, keys: Keys) {
        if self.clients.get(to).is_some() {
            self.push_keys(to, keys, true);
        } else {
            self.send(from.core.into(), Message::Tell(Notice::RedirectionBroke(from.client)));
        }
    }

    /// The client is gone that `client` has named to be told in its place.
    pub(super) fn redirection_broke(&mut self, client: ClientRef) {
        let tracking = self.clients.get_mut(client).and_then(|client| client.session.tracking.as_deref_mut());
        let Some(redirect) = tracking.and_then(|tracking| tracking.redirect.as_mut()) else { return };
        redirect.broken = true;
        let id = redirect.id;
        if self.proto(client.index) == Proto::Resp3 && !self.transacting(client.index) {
            let mut reply = self.message_to(client.index);
            reply.push(2);
            reply.bulk(b"tracking-redir-broken");
            reply.int(id.0 as i64);
        }
    }

    /// Writes to a client that keys (none: all) have changed, now or when it is no longer in the middle of a reply. In
    /// RESP2 only a subscriber can hear of it, and of others' keys only.
    fn push_keys(&mut self, to: ClientRef, keys: Keys, redirected: bool) {
        let Some(client) = self.clients.get(to) else { return };
        let proto = client.session.proto;
        if proto == Proto::Resp2 && !(redirected && client.session.subscriptions.is_some()) {
            return;
        }
        if self.transacting(to.index) {
            self.invalidations.held.push((to, keys, redirected));
            return;
        }
        let mut reply = self.message_to(to.index);
        if proto == Proto::Resp3 {
            reply.push(2);
            reply.bulk(b"invalidate");
        } else {
            reply.push(3);
            reply.bulk(b"message");
            reply.bulk(CHANNEL);
        }
        match keys {
            None => reply.null(),
            Some(keys) => {
                reply.array(keys.len());
                keys.iter().for_each(|key| reply.bulk(key));
            }
        }
    }
}

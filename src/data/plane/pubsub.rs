//! Publish and subscribe. Each core knows the subscriptions of its own connections; a message visits all
//! cores, and every core writes it to its subscribers. Owned by the data core.

use super::Plane;
use super::ask::Finish;
use super::dispatch::{Flow, Request};
use super::message::{Answer, Inquiry, Message, Notice, Peer, PubSubQuestion};
use crate::base::glob::{self, Case};
use crate::base::limits;
use crate::base::notify::Class;
use crate::data::acl::User;
use crate::data::command::{Command, SessionHandler, help};
use crate::data::exec::Event;
use crate::data::route::Manner;
use crate::resp::{Error, Proto, Reply};
use crate::slot::Slot;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Handlers of this file.
pub const HANDLERS: &[(&str, SessionHandler)] = &[
    ("subscribe", |plane, at, request| plane.subscribe(at, request, Kind::Channel)),
    ("psubscribe", |plane, at, request| plane.subscribe(at, request, Kind::Pattern)),
    ("ssubscribe", ssubscribe),
    ("unsubscribe", |plane, at, request| plane.unsubscribe(at, request, Kind::Channel)),
    ("punsubscribe", |plane, at, request| plane.unsubscribe(at, request, Kind::Pattern)),
    ("sunsubscribe", sunsubscribe),
];

/// Handlers that wait for all earlier replies of their client.
pub const NODE_HANDLERS: &[(&str, SessionHandler)] = &[
    ("publish", |plane, at, request| publish(plane, at, request, false)),
    ("spublish", |plane, at, request| publish(plane, at, request, true)),
    ("pubsub|channels", |plane, at, request| channels(plane, at, request, false)),
    ("pubsub|shardchannels", |plane, at, request| channels(plane, at, request, true)),
    ("pubsub|numsub", |plane, at, request| subscribers(plane, at, request, false)),
    ("pubsub|shardnumsub", |plane, at, request| subscribers(plane, at, request, true)),
    ("pubsub|numpat", patterns),
    ("pubsub|help", pubsub_help),
];

/// The three kinds of subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SUBSCRIBE.
    Channel,
    /// PSUBSCRIBE.
    Pattern,
    /// SSUBSCRIBE.
    Shard,
}

impl Kind {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Kind::Channel => ("subscribe", "unsubscribe"),
            Kind::Pattern => ("psubscribe", "punsubscribe"),
            Kind::Shard => ("ssubscribe", "sunsubscribe"),
        }
    }
}

/// What one client listens to.
#[derive(Default)]
pub struct Subscriptions {
    channels: BTreeSet<Arc<[u8]>>,
    patterns: BTreeSet<Arc<[u8]>>,
    shards: BTreeSet<Arc<[u8]>>,
}

impl Subscriptions {
    fn of(&mut self, kind: Kind) -> &mut BTreeSet<Arc<[u8]>> {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shards,
        }
    }

    /// How many channels, patterns and shard channels.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.channels.len(), self.patterns.len(), self.shards.len())
    }

    /// Bytes of memory they take, about.
    pub fn memory(&self) -> usize {
        const EACH: usize = 64;
        let all = self.channels.iter().chain(&self.patterns).chain(&self.shards);
        all.map(|channel| channel.len() + EACH).sum()
    }

    /// Whether a user may hear all of them.
    pub fn all_allowed(&self, user: &User) -> bool {
        let mut channels = self.channels.iter().chain(&self.shards);
        channels.all(|channel| user.may_hear(channel, false))
            && self.patterns.iter().all(|pattern| user.may_hear(pattern, true))
    }

    /// The number a (un)subscribe message tells: shard channels are counted apart.
    fn told(&self, kind: Kind) -> usize {
        if kind == Kind::Shard { self.shards.len() } else { self.channels.len() + self.patterns.len() }
    }

    fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.patterns.is_empty() && self.shards.is_empty()
    }
}

/// Who of this core's clients listens to what.
#[derive(Default)]
pub struct PubSub {
    channels: HashMap<Arc<[u8]>, BTreeSet<u32>>,
    patterns: HashMap<Arc<[u8]>, BTreeSet<u32>>,
    shards: HashMap<Arc<[u8]>, BTreeSet<u32>>,
}

impl PubSub {
    fn of(&mut self, kind: Kind) -> &mut HashMap<Arc<[u8]>, BTreeSet<u32>> {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shards,
        }
    }

    /// How many channels, patterns and shard channels have subscribers here.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.channels.len(), self.patterns.len(), self.shards.len())
    }

    /// This core's part of the answer to PUBSUB.
    pub fn answer(&self, question: &PubSubQuestion) -> Answer {
        let table = |sharded: bool| if sharded { &self.shards } else { &self.channels };
        match question {
            PubSubQuestion::Channels { pattern, sharded } => Answer::Strings(
                table(*sharded)
                    .keys()
                    .filter(|channel| {
                        pattern.as_ref().is_none_or(|pattern| glob::matches(pattern, channel, Case::Sensitive))
                    })
                    .map(|channel| channel.to_vec())
                    .collect(),
            ),
            PubSubQuestion::Subscribers { channels, sharded } => Answer::Counts(
                channels
                    .iter()
                    .map(|channel| table(*sharded).get(&**channel).map_or(0, |set| set.len() as u64))
                    .collect(),
            ),
            PubSubQuestion::Patterns => Answer::Strings(self.patterns.keys().map(|pattern| pattern.to_vec()).collect()),
        }
    }
}

fn ssubscribe(plane: &mut Plane, at: u32, request: &Request<'_>) -> Result<Flow, Error> {
    plane.check_channels(at, &request.args[1..])?;
    plane.subscribe(at, request, Kind::Shard)
}

fn sunsubscribe(plane: &mut Plane, at: u32, request: &Request<'_>) -> Result<Flow, Error> {
    plane.check_channels(at, &request.args[1..])?;
    plane.unsubscribe(at, request, Kind::Shard)
}

fn publish(plane: &mut Plane, at: u32, request: &Request<'_>, sharded: bool) -> Result<Flow, Error> {
    if sharded {
        plane.check_channels(at, &request.args[1..2])?;
    }
    if !plane.settings.cluster_enabled {
        // In a cluster it reaches replicas over the bus.
        plane.log_as_sent(plane.clients[at].session.db, request.args);
    }
    let (channel, message): (Arc<[u8]>, Arc<[u8]>) = (request.args[1].into(), request.args[2].into());
    let mut whom: Vec<Peer> = plane.data_cores().collect();
    let waits_for_bus = plane.broadcast(&channel, &message, sharded);
    if waits_for_bus {
        whom.push(plane.bus());
    }
    let finish: Finish = Box::new(move |plane, at, answers| {
        if waits_for_bus {
            plane.broadcast_bytes = 0;
        }
        let receivers: u64 =
            answers.iter().map(|answer| if let Answer::Count(count) = answer { *count } else { 0 }).sum();
        plane.reply(at).int(receivers as i64);
    });
    plane.ask(at, whom.into_iter(), Inquiry::Publish { channel, message, sharded }, finish)
}

fn merged_strings(answers: Vec<Answer>) -> BTreeSet<Vec<u8>> {
    answers
        .into_iter()
        .flat_map(|answer| if let Answer::Strings(strings) = answer { strings } else { Vec::new() })
        .collect()
}

fn channels(plane: &mut Plane, at: u32, request: &Request<'_>, sharded: bool) -> Result<Flow, Error> {
    let pattern = request.args.get(2).map(|pattern| Arc::from(*pattern));
    let finish: Finish = Box::new(|plane, at, answers| {
        let channels = merged_strings(answers);
        let mut reply = plane.reply(at);
        reply.array(channels.len());
        channels.iter().for_each(|channel| reply.bulk(channel));
    });
    let inquiry = Inquiry::PubSub(PubSubQuestion::Channels { pattern, sharded });
    plane.ask(at, plane.data_cores(), inquiry, finish)
}

fn subscribers(plane: &mut Plane, at: u32, request: &Request<'_>, sharded: bool) -> Result<Flow, Error> {
    let channels: Arc<[Box<[u8]>]> = request.args[2..].iter().map(|channel| Box::from(*channel)).collect();
    let asked = channels.clone();
    let finish: Finish = Box::new(move |plane, at, answers| {
        let mut sums = vec![0; asked.len()];
        for answer in answers {
            let Answer::Counts(counts) = answer else { continue };
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        let mut reply = plane.reply(at);
        reply.array(2 * asked.len());
        for (channel, sum) in asked.iter().zip(sums) {
            reply.bulk(channel);
            reply.int(sum as i64);
        }
    });
    let inquiry = Inquiry::PubSub(PubSubQuestion::Subscribers { channels, sharded });
    plane.ask(at, plane.data_cores(), inquiry, finish)
}

fn patterns(plane: &mut Plane, at: u32, _: &Request<'_>) -> Result<Flow, Error> {
    let finish: Finish = Box::new(|plane, at, answers| {
        let count = merged_strings(answers).len();
        plane.reply(at).int(count as i64);
    });
    plane.ask(at, plane.data_cores(), Inquiry::PubSub(PubSubQuestion::Patterns), finish)
}

fn pubsub_help(plane: &mut Plane, at: u32, _: &Request<'_>) -> Result<Flow, Error> {
    help::write(
        &mut plane.reply(at),
        "PUBSUB",
        &[
            "CHANNELS [<pattern>]",
            "    Return the currently active channels matching a <pattern> (default: '*').",
            "NUMPAT",
            "    Return number of subscriptions to patterns.",
            "NUMSUB [<channel> ...]",
            "    Return the number of subscribers for the specified channels, excluding",
            "    pattern subscriptions(default: no channels).",
            "SHARDCHANNELS [<pattern>]",
            "    Return the currently active shard level channels matching a <pattern> (default: '*').",
            "SHARDNUMSUB [<shardchannel> ...]",
            "    Return the number of subscribers for the specified shard level channel(s)",
        ],
    );
    Ok(Flow::Done)
}

fn write_subscription(reply: &mut Reply<'_>, word: &str, channel: Option<&[u8]>, count: usize) {
    reply.push(3);
    reply.bulk(word.as_bytes());
    reply.bulk_or_null(channel);
    reply.int(count as i64);
}

impl Plane {
    /// Whether this node serves these shard channels.
    fn check_channels(&self, at: u32, channels: &[&[u8]]) -> Result<(), Error> {
        let manner = Manner { channels: true, asking: self.clients[at].session.asking, ..Manner::default() };
        self.routes.one_slot(channels, manner, &self.topology).map(drop)
    }

    fn subscribe(&mut self, at: u32, request: &Request<'_>, kind: Kind) -> Result<Flow, Error> {
        for channel in &request.args[1..] {
            let channel: Arc<[u8]> = Arc::from(*channel);
            let subscriptions = self.clients[at].session.subscriptions.get_or_insert_default();
            if subscriptions.of(kind).len() >= limits::MAX_SUBSCRIPTIONS {
                return Err(Error::new("ERR too many subscriptions"));
            }
            if subscriptions.of(kind).insert(channel.clone()) {
                self.pubsub.of(kind).entry(channel.clone()).or_default().insert(at);
            }
            let count = subscriptions.told(kind);
            write_subscription(&mut self.message_to(at), kind.words().0, Some(&channel), count);
        }
        self.clients[at].refresh_plain();
        Ok(Flow::Done)
    }

    fn unsubscribe(&mut self, at: u32, request: &Request<'_>, kind: Kind) -> Result<Flow, Error> {
        let mut subscriptions = self.clients[at].session.subscriptions.take().unwrap_or_default();
        let named: Vec<Arc<[u8]>> = match &request.args[1..] {
            [] => subscriptions.of(kind).iter().cloned().collect(),
            channels => channels.iter().map(|channel| Arc::from(*channel)).collect(),
        };
        if named.is_empty() {
            write_subscription(&mut self.message_to(at), kind.words().1, None, subscriptions.told(kind));
        }
        for channel in named {
            if subscriptions.of(kind).remove(&channel) {
                self.remove_listener(kind, &channel, at);
            }
            write_subscription(&mut self.message_to(at), kind.words().1, Some(&channel), subscriptions.told(kind));
        }
        if !subscriptions.is_empty() {
            self.clients[at].session.subscriptions = Some(subscriptions);
        }
        self.clients[at].refresh_plain();
        Ok(Flow::Done)
    }

    fn remove_listener(&mut self, kind: Kind, channel: &Arc<[u8]>, at: u32) {
        let table = self.pubsub.of(kind);
        if let Some(listeners) = table.get_mut(channel) {
            listeners.remove(&at);
            if listeners.is_empty() {
                table.remove(channel);
            }
        }
    }

    /// The topology has changed: shard channels that are another shard's now are left, and their subscribers told.
    pub(super) fn leave_lost_channels(&mut self) {
        let kept = |channel: &Arc<[u8]>| self.routes.has_channels(Slot::of_key(channel), &self.topology);
        let lost: Vec<Arc<[u8]>> = self.pubsub.shards.keys().filter(|channel| !kept(channel)).cloned().collect();
        for channel in lost {
            for at in self.pubsub.shards.remove(&channel).unwrap_or_default() {
                let Some(mut subscriptions) = self.clients[at].session.subscriptions.take() else { continue };
                subscriptions.shards.remove(&channel);
                write_subscription(
                    &mut self.message_to(at),
                    "sunsubscribe",
                    Some(&channel),
                    subscriptions.shards.len(),
                );
                if !subscriptions.is_empty() {
                    self.clients[at].session.subscriptions = Some(subscriptions);
                }
                self.clients[at].refresh_plain();
            }
        }
    }

    /// Ends all subscriptions of a client without telling it: it leaves, or says RESET.
    pub(super) fn drop_subscriptions(&mut self, at: u32) {
        let Some(mut subscriptions) = self.clients[at].session.subscriptions.take() else { return };
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            for channel in std::mem::take(subscriptions.of(kind)) {
                self.remove_listener(kind, &channel, at);
            }
        }
    }

    /// Sends a message to the other nodes. Now and then, instead, the client is to wait until the bus core has taken it
    /// and so all before it: that keeps what clients publish from piling up. Then this returns true.
    fn broadcast(&mut self, channel: &Arc<[u8]>, message: &Arc<[u8]>, sharded: bool) -> bool {
        const EACH: usize = 64;
        if !self.settings.cluster_enabled || self.topology.nodes.len() < 2 {
            return false;
        }
        self.broadcast_bytes += channel.len() + message.len() + EACH;
        if self.broadcast_bytes > limits::BROADCAST_AHEAD {
            return true;
        }
        let (channel, message) = (channel.clone(), message.clone());
        self.send(self.bus(), Message::Tell(Notice::Broadcast { channel, message, sharded }));
        false
    }

    /// Writes a message to this core's subscribers; how many there are.
    pub(super) fn deliver_message(&mut self, channel: &[u8], message: &[u8], sharded: bool) -> usize {
        let table = if sharded { &self.pubsub.shards } else { &self.pubsub.channels };
        let direct: Vec<u32> = table.get(channel).map(|set| set.iter().copied().collect()).unwrap_or_default();
        for at in &direct {
            let mut reply = self.message_to(*at);
            reply.push(3);
            reply.bulk(if sharded { b"smessage" } else { b"message" });
            reply.bulk(channel);
            reply.bulk(message);
        }
        let mut count = direct.len();
        if !sharded && !self.pubsub.patterns.is_empty() {
            let matching: Vec<(Arc<[u8]>, u32)> = self
                .pubsub
                .patterns
                .iter()
                .filter(|(pattern, _)| glob::matches(pattern, channel, Case::Sensitive))
                .flat_map(|(pattern, listeners)| listeners.iter().map(|at| (pattern.clone(), *at)))
                .collect();
            count += matching.len();
            for (pattern, at) in matching {
                let mut reply = self.message_to(at);
                reply.push(4);
                reply.bulk(b"pmessage");
                reply.bulk(&pattern);
                reply.bulk(channel);
                reply.bulk(message);
            }
        }
        count
    }

    /// Whether a subscriber may use this command: in RESP2 only a few, since messages look like replies.
    pub(super) fn admit_subscriber(&self, at: u32, command: &Command) -> Result<(), Error> {
        const ALLOWED: [&str; 9] = [
            "ping",
            "subscribe",
            "ssubscribe",
            "unsubscribe",
            "sunsubscribe",
            "psubscribe",
            "punsubscribe",
            "quit",
            "reset",
        ];
        let session = &self.clients[at].session;
        if session.subscriptions.is_none()
            || session.proto == Proto::Resp3
            || ALLOWED.contains(&command.spec.full_name())
        {
            return Ok(());
        }
        Err(Error::new(format!(
            "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
            command.spec.full_name()
        )))
    }

    /// Publishes keyspace events on all cores.
    pub(super) fn announce(&mut self, events: Vec<Event>) {
        let notify = self.settings.notify;
        for Event { class: _, event, key, db } in events {
            if notify.contains(Class::KEYSPACE) {
                let channel = [format!("__keyspace@{db}__:").as_bytes(), &key].concat();
                self.announce_on(channel, event.as_bytes());
            }
            if notify.contains(Class::KEYEVENT) {
                self.announce_on(format!("__keyevent@{db}__:{event}").into_bytes(), &key);
            }
        }
    }

    fn announce_on(&mut self, channel: Vec<u8>, message: &[u8]) {
        for peer in self.data_cores().filter(|peer| *peer != self.core().into()).collect::<Vec<_>>() {
            let notice =
                Notice::Publish { channel: channel.as_slice().into(), message: message.into(), sharded: false };
            self.send(peer, Message::Tell(notice));
        }
        self.deliver_message(&channel, message, false);
    }
}

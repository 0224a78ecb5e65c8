//! A connection as the data plane sees it: who it is, what it sent, what it is owed.
//!
//! Owned by the core that accepted it. The driver (`cores`) owns the socket; here are only bytes.
//! Invariant: `queue` is empty unless a reply is owed by somebody else (another core, the bus core);
//! replies that can be written at once go straight to the turn's outbox and never pass through here.

use super::blocking::Waiting;
use super::debugger::Debugging;
use super::pubsub::Subscriptions;
use super::replica::Departure;
use super::tracking::{Mode, Tracking};
use super::transaction::Transaction;
use super::weight::Weight;
use crate::base::ids::ClientId;
use crate::contract::introduction::Introduction;
use crate::data::acl::User;
use crate::data::command::Command;
use crate::data::command::spec::Spec;
use crate::resp::Proto;
use crate::resp::parse::ParseState;
use std::collections::VecDeque;
use std::sync::Arc;

/// A client's place in its core's table, with a generation that tells it from earlier users of the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientRef {
    /// Index in the table; the driver's socket slot is the same number.
    pub index: u32,
    /// Lives of this place so far.
    pub generation: u32,
}

/// The place of the client that executes the commands of a script, beyond all that sockets can have.
pub const SCRIPT_CLIENT: u32 = u32::MAX;

/// What CLIENT REPLY asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyMode {
    /// Every reply is sent.
    #[default]
    On,
    /// None is.
    Off,
    /// The reply of the next command is not sent.
    SkipNext,
    /// The reply of this command is not sent.
    Skip,
}

impl ReplyMode {
    /// The mode of the next command.
    pub fn of_next(self) -> ReplyMode {
        match self {
            ReplyMode::On | ReplyMode::Skip => ReplyMode::On,
            ReplyMode::SkipNext => ReplyMode::Skip,
            ReplyMode::Off => ReplyMode::Off,
        }
    }

    /// Whether replies made now are thrown away.
    pub fn is_silent(self) -> bool {
        matches!(self, ReplyMode::Off | ReplyMode::Skip)
    }
}

/// Why a client's input is not being executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It waits for the answer of a command that others must take part in.
    Answer,
    /// Nothing more of it runs before all of its replies have left: its last command may wait for a key.
    Blocked,
    /// Its next command needs all earlier replies first.
    Drain,
    /// It has too many replies outstanding.
    Backlog,
    /// This core's store is lent to another core.
    Store,
    /// CLIENT PAUSE.
    Pause,
    /// The turn has made so much output that it is to be sent first.
    Output,
}

/// One place in the order of replies.
pub enum Owed {
    /// Bytes that wait for an earlier reply.
    Ready(Vec<u8>),
    /// The reply of a command that is being executed on another core.
    Waiting,
    /// The same, of a client that wants no reply to it.
    Unwanted,
}

/// What a connection says of itself and is told by CLIENT LIST.
pub struct Session {
    /// CLIENT ID.
    pub id: ClientId,
    /// CLIENT SETNAME.
    pub name: Vec<u8>,
    /// The peer's address, as CLIENT LIST shows it.
    pub addr: String,
    /// Our end's address.
    pub laddr: String,
    /// Whether the peer is on this machine.
    pub local: bool,
    /// The descriptor number it was accepted with (shown only).
    pub fd: i32,
    /// The selected database.
    pub db: usize,
    /// RESP2 or RESP3.
    pub proto: Proto,
    /// As whom it acts.
    pub user: Arc<User>,
    /// Whether it has said so with a password, or needed none when it came.
    pub identified: bool,
    /// Whether it may use commands that need a password: it is identified, or the default user needs none now.
    pub authenticated: bool,
    /// CLIENT REPLY.
    pub reply_mode: ReplyMode,
    /// CLIENT NO-EVICT.
    pub no_evict: bool,
    /// MONITOR was said.
    pub monitors: bool,
    /// READONLY was said.
    pub readonly: bool,
    /// ASKING was said for the next command.
    pub asking: bool,
    /// Unix time of the connect, ms.
    pub created: u64,
    /// Unix time of the last command, ms.
    pub active: u64,
    /// The last command.
    pub last: Option<&'static Spec>,
    /// The session command being executed, which may wait.
    pub executing: Option<&'static Command>,
    /// Whether it is to be closed once its replies are sent.
    pub closing: bool,
    /// Its transaction, from MULTI to EXEC.
    pub multi: Option<Box<Transaction>>,
    /// Keys it watches.
    pub watches: Vec<super::transaction::Watch>,
    /// What it has said of itself as a replica.
    pub introduction: Option<Box<Introduction>>,
    /// Channels and patterns it listens to.
    pub subscriptions: Option<Box<Subscriptions>>,
    /// Its command that waits for others, for the slow log.
    pub clocked: Option<Box<super::account::Clocked>>,
    /// How it tracks keys.
    pub tracking: Option<Box<Tracking>>,
    /// How its scripts are debugged, if they are.
    pub debugging: Option<Debugging>,
}

/// One connection.
pub struct Client {
    /// Its place and life.
    pub reference: ClientRef,
    /// Who it is.
    pub session: Session,
    /// Bytes that came and were not executed yet.
    pub input: Vec<u8>,
    /// Bytes being executed, which are not in `input` then.
    pub reading: usize,
    /// Where the parser stands in `input`.
    pub parse: ParseState,
    /// Replies owed in order, from the first that is not ready.
    pub queue: VecDeque<Owed>,
    /// The number of the reply at the front of `queue`.
    pub front: u32,
    /// Why its input waits, if it does.
    pub hold: Option<Hold>,
    /// How its last command waits for a key, if it does.
    pub waiting: Option<Box<Waiting>>,
    /// Whether the common case holds: a command can be executed without looking at the session.
    pub plain: bool,
    /// Its part of this turn's outbox, by index; `u32::MAX`: none yet.
    pub segment: u32,
    /// When its last reply left: a time on the monotonic clock, in ns, by which all is logged that it is about.
    pub answered_ns: u64,
    /// Bytes that its socket did not take yet.
    pub unsent: Vec<u8>,
    /// Bytes of memory it took when it was last weighed.
    pub weight: Weight,
    /// Bytes of replies in flight to its slow socket, beyond `unsent`.
    pub in_flight: usize,
    /// Unix time, ms, since which the soft output limit is exceeded; 0: it is not.
    pub over_soft_since: u64,
    /// Whether it will send no more, but is owed replies.
    pub ended: bool,
    /// Set when it is to leave for the bus core, as soon as it has its replies.
    pub departure: Option<Box<Departure>>,
    /// Whether the driver was told to stop reading from it.
    pub reading_paused: bool,
}

/// `segment` of a client that has none.
pub const NO_SEGMENT: u32 = u32::MAX;

impl Session {
    /// A session that has said nothing yet.
    pub fn new(id: ClientId, now: u64, user: Arc<User>) -> Session {
        let open = user.is_open();
        Session {
            id,
            name: Vec::new(),
            addr: String::new(),
            laddr: String::new(),
            local: true,
            fd: -1,
            db: 0,
            proto: Proto::default(),
            user,
            identified: open,
            authenticated: open,
            reply_mode: ReplyMode::default(),
            no_evict: false,
            monitors: false,
            readonly: false,
            asking: false,
            created: now,
            active: now,
            last: None,
            executing: None,
            closing: false,
            multi: None,
            watches: Vec::new(),
            introduction: None,
            subscriptions: None,
            clocked: None,
            tracking: None,
            debugging: None,
        }
    }

    /// It acts as this user from now on.
    pub fn become_user(&mut self, user: Arc<User>) {
        (self.user, self.identified, self.authenticated) = (user, true, true);
    }
}

impl Client {
    /// A new connection.
    pub fn new(reference: ClientRef, session: Session) -> Client {
        let mut client = Client {
            reference,
            session,
            input: Vec::new(),
            reading: 0,
            parse: ParseState::default(),
            queue: VecDeque::new(),
            front: 0,
            hold: None,
            waiting: None,
            plain: false,
            segment: NO_SEGMENT,
            answered_ns: 0,
            unsent: Vec::new(),
            weight: Weight::default(),
            in_flight: 0,
            over_soft_since: 0,
            ended: false,
            departure: None,
            reading_paused: false,
        };
        client.refresh_plain();
        client
    }

    /// Recomputes `plain`; call after any change of the session that could touch it.
    pub fn refresh_plain(&mut self) {
        let session = &self.session;
        self.plain = session.authenticated
            && !session.closing
            && !session.asking
            && session.multi.is_none()
            && session.reply_mode == ReplyMode::On
            && session.subscriptions.is_none()
            && session.tracking.is_none()
            && !session.monitors
            && session.user.is_unrestricted();
    }

    /// When all was done that it has been answered for; `u64::MAX`: just now.
    pub fn answered_at(&self) -> u64 {
        if self.segment == NO_SEGMENT { self.answered_ns } else { u64::MAX }
    }

    /// Takes the next place in the order of replies for a reply that others will make; its number.
    pub fn owe(&mut self) -> u32 {
        let silent = self.session.reply_mode.is_silent();
        if silent {
            self.answered_ns = u64::MAX;
        }
        self.queue.push_back(if silent { Owed::Unwanted } else { Owed::Waiting });
        self.front.wrapping_add(self.queue.len() as u32 - 1)
    }

    /// Whether reply number `number` is still owed by others.
    pub fn is_owed(&self, number: u32) -> bool {
        let place = number.wrapping_sub(self.front) as usize;
        matches!(self.queue.get(place), Some(Owed::Waiting | Owed::Unwanted))
    }

    /// The buffer for a reply that is ready but has earlier ones to wait for.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        if !matches!(self.queue.back(), Some(Owed::Ready(_))) {
            self.queue.push_back(Owed::Ready(Vec::new()));
        }
        match self.queue.back_mut() {
            Some(Owed::Ready(bytes)) => bytes,
            _ => unreachable!("pushed above"),
        }
    }

    /// Bytes of memory it takes, about.
    pub fn memory(&self) -> usize {
        let session = &self.session;
        let queued = session.multi.as_ref().map_or(0, |transaction| transaction.bytes);
        let watched: usize = session.watches.iter().map(|watch| size_of_val(watch) + watch.key.len()).sum();
        let heard = session.subscriptions.as_ref().map_or(0, |subscriptions| subscriptions.memory());
        let prefixes = match session.tracking.as_deref().map(|tracking| &tracking.mode) {
            // Once here, once for all of its core's clients, and its part of what every core knows.
            Some(Mode::Broadcast(prefixes)) => {
                prefixes.iter().map(|prefix| 3 * (size_of_val(prefix) + prefix.len())).sum()
            }
            _ => 0,
        };
        let input = self.input.len() + self.reading;
        size_of_val(self) + session.name.len() + input + self.output_bytes() + queued + watched + heard + prefixes
    }

    /// Bytes of replies that wait for the socket or for earlier replies.
    pub fn output_bytes(&self) -> usize {
        let queued: usize =
            self.queue.iter().map(|owed| if let Owed::Ready(bytes) = owed { bytes.len() } else { 0 }).sum();
        self.unsent.len() + self.in_flight + queued
    }
}

/// The clients of one core, by index.
#[derive(Default)]
pub struct Clients {
    places: Vec<Option<Box<Client>>>,
    count: usize,
    /// The one at [`SCRIPT_CLIENT`], which is none of the others' business.
    script: Option<Box<Client>>,
}

impl Clients {
    /// Puts a client at its reference's index.
    pub fn insert(&mut self, client: Client) {
        if client.reference.index == SCRIPT_CLIENT {
            self.script = Some(Box::new(client));
            return;
        }
        let index = client.reference.index as usize;
        if self.places.len() <= index {
            self.places.resize_with(index + 1, || None);
        }
        self.count += usize::from(self.places[index].is_none());
        self.places[index] = Some(Box::new(client));
    }

    /// Takes the one at [`SCRIPT_CLIENT`] out.
    pub fn remove_script_client(&mut self) {
        self.script = None;
    }

    /// Takes a client out.
    pub fn remove(&mut self, reference: ClientRef) -> Option<Box<Client>> {
        self.get(reference)?;
        self.count -= 1;
        self.places[reference.index as usize].take()
    }

    /// The client with this reference, if it still lives.
    pub fn get(&self, reference: ClientRef) -> Option<&Client> {
        self.at(reference.index).filter(|client| client.reference == reference)
    }

    /// The client at this index.
    pub fn at(&self, index: u32) -> Option<&Client> {
        match self.places.get(index as usize) {
            Some(place) => place.as_deref(),
            None if index == SCRIPT_CLIENT => self.script.as_deref(),
            None => None,
        }
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, reference: ClientRef) -> Option<&mut Client> {
        self.at_mut(reference.index).filter(|client| client.reference == reference)
    }

    fn at_mut(&mut self, index: u32) -> Option<&mut Client> {
        match self.places.get_mut(index as usize) {
            Some(place) => place.as_deref_mut(),
            None if index == SCRIPT_CLIENT => self.script.as_deref_mut(),
            None => None,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Client> {
        self.places.iter().filter_map(|place| place.as_deref())
    }

    /// References of all of them, for loops that change the table.
    pub fn references(&self) -> Vec<ClientRef> {
        self.iter().map(|client| client.reference).collect()
    }
}

impl std::ops::Index<u32> for Clients {
    type Output = Client;

    fn index(&self, index: u32) -> &Client {
        self.at(index).expect("a client that is being served lives")
    }
}

impl std::ops::IndexMut<u32> for Clients {
    fn index_mut(&mut self, index: u32) -> &mut Client {
        self.at_mut(index).expect("a client that is being served lives")
    }
}

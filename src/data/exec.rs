//! What a keyed command may touch while it runs on the core that owns its slot.

use super::key::{Key, KeyHasher};
use super::store::{Handle, Store, Stores};
use super::types::Forms;
use crate::base::notify::Class;
use crate::contract::settings::Settings;
use crate::resp::{Error, Reply};
use crate::slot::Slot;
use bumpalo::Bump;

/// A keyed command's code: `args[0]` is the name. Either it has written exactly one reply, or it
/// returns an error and the caller takes back what it wrote.
pub type Handler = fn(&mut Exec<'_>, &[&[u8]]) -> Result<(), Error>;

/// The surroundings of one command's execution. Lives for one command.
pub struct Exec<'t> {
    /// The stores this command can reach: that of its own core, and those lent to it.
    pub stores: &'t mut Stores,
    /// The selected database.
    pub db: usize,
    /// The time of this turn: Unix time in milliseconds. Does not move within a command.
    pub now: u64,
    /// Where the reply goes.
    pub reply: Reply<'t>,
    /// The node's settings, as of this turn.
    pub settings: &'t Settings,
    /// The process's key hash.
    pub hasher: KeyHasher,
    /// What the command changed, for those who must know: replication, watchers, subscribers.
    pub effects: &'t mut Effects,
    /// Memory that lives until the end of the turn.
    pub scratch: &'t Bump,
    /// Whether the command may leave its client waiting ([`block`](Exec::block)): not inside MULTI or a script.
    pub may_block: bool,
    /// The key whose readiness made a waiting command run again; none: it runs for the first time.
    pub woken: Option<&'t [u8]>,
    /// The command's first key if routing has hashed it already.
    pub routed: Option<Key<'t>>,
}

impl<'t> Exec<'t> {
    /// `bytes` as a key; free of cost for the key the command was routed by.
    pub fn key<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        match self.routed {
            Some(key) if key.bytes.as_ptr() == bytes.as_ptr() && key.bytes.len() == bytes.len() => {
                Key { bytes, slot: key.slot, hash: key.hash }
            }
            _ => self.hasher.key(bytes),
        }
    }

    /// The store that holds `slot`.
    pub fn store(&mut self, slot: Slot) -> &mut Store {
        self.stores.of(slot)
    }

    /// Looks `key` up in the selected database; marks it used.
    pub fn find(&mut self, key: &Key<'_>) -> Option<Handle> {
        let (db, now) = (self.db, self.now);
        self.store(key.slot).find(db, key, now)
    }

    /// What decides on the form of a collection.
    pub fn forms(&self) -> Forms<'t> {
        Forms { limits: &self.settings.encodings, hasher: self.hasher }
    }

    /// Says that the command changed `count` things (Redis's `server.dirty`): more than none makes it replicate.
    pub fn changed(&mut self, count: u64) {
        self.effects.changed += count;
    }

    /// Says what happened to a key, for keyspace notifications.
    pub fn notify(&mut self, class: Class, event: &'static str, key: &Key<'_>) {
        if self.settings.notify.contains(class) {
            self.effects.events.push(Event { class, event, key: key.bytes.into(), db: self.db });
        }
    }

    /// Says that a command which waits for `key` may find something there now. To be called when a list, sorted set or
    /// stream at `key` gets elements. (That a value comes into being, or a stream goes, the store notes by itself.)
    pub fn signal_ready(&mut self, key: &Key<'_>) {
        let db = self.db;
        self.store(key.slot).mark_ready(db, key);
    }

    /// Whether a command that waits for several keys is to look at `key` this time: it is run again for one key, and
    /// what it would find at others is not its turn's, nor any error there.
    pub fn looks_at(&self, key: &[u8]) -> bool {
        self.woken.is_none_or(|woken| woken == key)
    }

    /// Leaves the client waiting: the same command runs again when one of its keys is ready, with `woken` set; when
    /// time is up the client gets `block.timeout_reply`. The handler returns without having written a reply. Only if
    /// `may_block`. A command that was run again goes on waiting by calling this again; its first deadline holds.
    pub fn block(&mut self, block: Block) {
        debug_assert!(self.may_block);
        self.effects.block = Some(block);
    }

    /// Replicates `commands` in place of the command as it was sent: by effect, where sending it
    /// again would not do the same (relative expiry, random choice, floats).
    pub fn replicate_as(&mut self, command: &[&[u8]]) {
        if !self.effects.logged {
            return;
        }
        self.effects.rewritten.push(command.iter().map(|arg| Box::from(*arg)).collect());
    }
}

/// What one command changed.
#[derive(Default)]
pub struct Effects {
    /// Whether anybody wants to know what to replicate.
    pub logged: bool,
    /// How many things changed; 0 means that the command only read.
    pub changed: u64,
    /// Keyspace events, in order.
    pub events: Vec<Event>,
    /// The command waits, and has written no reply.
    pub block: Option<Block>,
    /// The commands to replicate instead; empty means the command as it was sent.
    pub rewritten: Vec<Box<[Box<[u8]>]>>,
}

/// How a command waits.
#[derive(Default)]
pub struct Block {
    /// The keys it waits for.
    pub keys: Vec<Box<[u8]>>,
    /// Unix time in milliseconds when it has waited long enough; none: never.
    pub deadline: Option<u64>,
    /// What its client gets then.
    pub timeout_reply: TimeoutReply,
    /// What is to run again, if not the command as it was sent (XREAD's `$` means an entry of now).
    pub again: Option<Vec<Box<[u8]>>>,
    /// Whether it is to run again also when a key is gone (XREADGROUP fails then).
    pub on_deletion: bool,
}

/// What a client gets that waited in vain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeoutReply {
    /// A null array (`*-1` in RESP2).
    #[default]
    NullArray,
    /// A null string.
    Null,
}

impl Block {
    /// Waiting for `keys`.
    pub fn on(keys: &[&[u8]], deadline: Option<u64>, timeout_reply: TimeoutReply) -> Block {
        Block { keys: keys.iter().map(|key| Box::from(*key)).collect(), deadline, timeout_reply, ..Block::default() }
    }
}

impl TimeoutReply {
    /// Writes it.
    pub fn write(self, reply: &mut Reply<'_>) {
        match self {
            TimeoutReply::NullArray => reply.null_array(),
            TimeoutReply::Null => reply.null(),
        }
    }
}

/// One keyspace event.
pub struct Event {
    /// Which kind, as notify-keyspace-events selects them.
    pub class: Class,
    /// Its name (`set`, `expired` ...).
    pub event: &'static str,
    /// The key it happened to.
    pub key: Box<[u8]>,
    /// The database the key is in.
    pub db: usize,
}

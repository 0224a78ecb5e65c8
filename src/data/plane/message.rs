//! What the cores of one node say to each other. Every message is a value that moves to its receiver.

use super::apply::ApplyBatch;
use super::blocking::Slow;
use super::claim::Claim;
use super::client::ClientRef;
use super::figures::{NodeFigures, SaveFacts};
use super::hop::HopBatch;
use super::invalidation::Invalidation;
use super::migrate::{Errand, Report};
use super::replica::Departure;
use crate::base::ids::{ClientId, CoreId};
use crate::contract::log::{LogBatch, LogMark};
use crate::contract::settings::Settings;
use crate::contract::standing::Standing;
use crate::contract::topology::Topology;
use crate::data::acl::{Entry, Users};
use crate::data::command::digest;
use crate::data::command::keyspace::KeyBatch;
use crate::data::origin::Origin;
use crate::data::route::Service;
use crate::data::store::{Prefixes, Step, Store};
use crate::data::waiter::WaiterId;
use crate::resp::{Error, Proto};
use crate::slot::Slot;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// A thread of the node, by its place in the mesh: the data cores in order, then the bus core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer(pub u16);

impl From<CoreId> for Peer {
    fn from(core: CoreId) -> Peer {
        Peer(u16::from(core.0))
    }
}

/// One message.
pub enum Message {
    /// Commands to execute for another core's clients.
    Hop(Box<HopBatch>),
    /// The same batch, executed.
    HopDone(Box<HopBatch>),
    /// A question; the answer carries the same number.
    Ask(u64, Inquiry),
    /// The answer to question number `.0`.
    Answer(u64, Answer),
    /// Wants to borrow the receiver's store.
    Borrow(u64),
    /// The same, of a script that runs already: before everybody else.
    Claim {
        /// The number under which it is asked for.
        number: u64,
        /// Whether the script has done something that can't be done again.
        acted: bool,
    },
    /// This claim waits for a store that the receiver has for the gather of this number.
    Recall {
        /// The receiver's gather.
        gather: u64,
        /// The claim.
        claim: Claim,
    },
    /// The claim of this number comes to nothing: two scripts want each other's stores.
    Denied(u64),
    /// The store asked for under this number. It must come back. What its borrower logs comes after the mark.
    Lent(u64, Box<Store>, LogMark),
    /// A borrowed store comes home.
    Returned(Box<Store>, LogMark),
    /// A part of the sender's share of a snapshot, for the bus core.
    Snapshot(SnapshotPart),
    /// A connection that is a replica's, for the bus core.
    Depart(Box<Departure>),
    /// What the sender logged in this turn, for the bus core.
    Log(Box<LogBatch>),
    /// Commands of this node's primary to execute.
    Apply(Box<ApplyBatch>),
    /// The same, executed.
    Applied(Box<ApplyBatch>),
    /// To be carried out when the stores of all cores are at the receiver; answered under this number.
    Order(u64, Box<Order>),
    /// Something for the bus core's courier to do, under this number.
    Errand(u64, Box<Errand>),
    /// How far the errand with this number is.
    Report(u64, Report),
    /// An accepted connection for the receiver to serve.
    Adopt(Box<NewClient>),
    /// What the receiver is to accept connections on from now on; true: they are handed out to all cores.
    Listen(Vec<(OwnedFd, bool)>),
    /// Something to deliver or do; no answer.
    Tell(Notice),
}

/// An accepted connection on its way to the core that will serve it.
pub struct NewClient {
    /// The socket.
    pub fd: OwnedFd,
    /// The peer's address.
    pub addr: String,
    /// Our end's address.
    pub laddr: String,
    /// Whether the peer is on this machine.
    pub local: bool,
}

/// A part of a core's share of a snapshot.
#[derive(Debug)]
pub struct SnapshotPart {
    /// Which snapshot.
    pub number: u64,
    /// Whose share.
    pub core: CoreId,
    /// Records.
    pub bytes: Vec<u8>,
    /// What they are.
    pub step: Step,
}

/// What the bus core wants done at one point in time for the whole node.
pub enum Order {
    /// Begin the snapshot with this number, and say so in the log.
    Cut(u64),
    /// Put these stores in the place of those of the cores, in their order, and these libraries of functions in the
    /// place of all.
    Replace(Vec<Box<Store>>, Vec<Vec<u8>>),
    /// Add what is in these stores, and these libraries of functions, to what there is (DEBUG RELOAD NOFLUSH). What is
    /// there already is replaced if that is said; if not, nothing is changed.
    Add {
        /// The stores, in the order of the cores.
        stores: Vec<Box<Store>>,
        /// The sources of the libraries.
        functions: Vec<Vec<u8>>,
        /// Whether what is there is replaced.
        replaces: bool,
    },
    /// Execute commands of the primary whose keys lie on several cores.
    Apply(Box<ApplyBatch>),
}

/// Which database something is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// This one.
    One(usize),
}

/// A question to another core (or to oneself).
#[derive(Clone)]
pub enum Inquiry {
    // ---- to the store
    /// DBSIZE.
    Size(Scope),
    /// KEYS.
    Keys {
        /// Which database.
        db: usize,
        /// The glob.
        pattern: Arc<[u8]>,
    },
    /// FLUSHALL and FLUSHDB. Answered when the keys can't be seen any more; memory is freed later.
    Flush(Scope),
    /// SWAPDB.
    Swap(usize, usize),
    /// RANDOMKEY: how many keys there are, and one at random.
    RandomKey {
        /// Which database.
        db: usize,
    },
    /// SCAN of one core's part.
    Scan(Box<ScanPart>),
    /// COUNTKEYSINSLOT and GETKEYSINSLOT.
    SlotKeys {
        /// Which slot.
        slot: u16,
        /// How many keys to return.
        limit: usize,
    },
    /// Delete the keys of these slots: they are another node's now.
    DropSlots(Arc<[Slot]>),
    /// Whether the keys of a command on an open slot are there as it needs them.
    CheckKeys(Service, Arc<[Box<[u8]>]>),
    /// WATCH: the versions of those of the keys that live here, 0 for others.
    Watch(usize, Arc<[Box<[u8]>]>),
    /// DEBUG OBJECT: its line, if there is such a key.
    DebugObject {
        /// Which database.
        db: usize,
        /// The key.
        key: Arc<[u8]>,
    },
    /// DEBUG LISTPACK: what it tells of the key.
    DebugListpack {
        /// Which database.
        db: usize,
        /// The key.
        key: Arc<[u8]>,
    },
    /// DEBUG HTSTATS of a database: how many lines have 0, 1 ... entries, and how many keys have deadlines.
    TableLines(usize),
    /// DEBUG DIGEST.
    Digest,
    /// DEBUG DIGEST-VALUE: the digests of those of the keys that belong here.
    DigestValues(usize, Arc<[Box<[u8]>]>),
    /// DEBUG POPULATE: makes those of the keys that belong here.
    Populate(Arc<super::debug::Populate>),
    // ---- to the plane
    /// Deliver a message; the answer is the number of receivers.
    Publish {
        /// The channel.
        channel: Arc<[u8]>,
        /// The message.
        message: Arc<[u8]>,
        /// SPUBLISH.
        sharded: bool,
    },
    /// PUBSUB CHANNELS, NUMSUB, NUMPAT and their sharded forms.
    PubSub(PubSubQuestion),
    /// CLIENT LIST: the lines of the clients that match.
    ClientList(Arc<super::client_filter::ClientFilter>),
    /// CLIENT KILL: how many were.
    ClientKill(Arc<super::client_filter::ClientFilter>),
    /// A new table of users to go by, and the client who made it, if one did.
    AdoptUsers(Arc<Users>, Option<ClientId>),
    /// That core has clients who monitor.
    Monitor(CoreId),
    /// ACL LOG.
    Denials,
    /// ACL LOG RESET.
    DenialsReset,
    /// CLIENT PAUSE and UNPAUSE.
    Pause(Option<super::Pause>),
    /// Hold back writes until this time (Unix, ms), for a manual failover; none: no longer.
    PauseWrites(Option<u64>),
    /// How many writes of this core's clients may be under way on other cores.
    WritesUnderWay,
    /// SCRIPT LOAD: its SHA-1.
    LoadScript(Arc<[u8]>),
    /// SCRIPT FLUSH.
    FlushScripts,
    /// SCRIPT KILL and FUNCTION KILL.
    KillScript {
        /// Which of the two.
        function: bool,
    },
    /// The figures INFO and others are made of.
    Figures,
    /// How much this core's commands have changed so far.
    Changes,
    /// CONFIG RESETSTAT.
    ResetStats,
    /// SLOWLOG GET.
    SlowLog,
    /// SLOWLOG RESET.
    SlowLogReset,
    /// LATENCY in all its forms.
    Latency,
    /// LATENCY RESET of these events (none: of all).
    LatencyReset(Arc<[Box<[u8]>]>),
    /// DEBUG SLEEP.
    Sleep(std::time::Duration),
    /// DEBUG SET-ACTIVE-EXPIRE.
    ActiveExpire(bool),
    /// DEBUG PAUSE-CRON.
    PauseCron(bool),
    /// DEBUG SET-DISABLE-DENY-SCRIPTS.
    ScriptsMayAll(bool),
    /// How the node stands in replication from now on.
    Stand(Arc<Standing>),
    /// CLIENT UNBLOCK: whether that client waited.
    Unblock {
        /// The client.
        id: ClientId,
        /// Whether it is to get an error, not what it gets when its time is up.
        with_error: bool,
    },
    /// Where the client with this number is.
    FindClient(ClientId),
    /// What keys begin with that the clients of a core want to hear of from now on.
    HearOf(CoreId, Prefixes),
    /// New settings or a new topology to go by.
    Adopt(Option<Arc<Settings>>, Option<Arc<Topology>>),
    /// Close clients while the node is above `maxmemory-clients` and the receiver has the largest; how many the receiver
    /// has closed for that so far.
    EvictClients,
    /// Answers when everything sent before has been seen.
    Barrier,
    // ---- to the bus core
    /// A command the bus core executes.
    Command(Box<BusCommand>),
}

/// One core's part of a SCAN.
#[derive(Clone)]
pub struct ScanPart {
    /// Which database.
    pub db: usize,
    /// Where to go on.
    pub cursor: u64,
    /// MATCH.
    pub pattern: Option<Box<[u8]>>,
    /// COUNT.
    pub count: usize,
    /// TYPE.
    pub type_filter: Option<Box<[u8]>>,
}

/// What PUBSUB asks.
#[derive(Clone)]
pub enum PubSubQuestion {
    /// The channels that match, all if there is no pattern.
    Channels {
        /// The glob.
        pattern: Option<Arc<[u8]>>,
        /// PUBSUB SHARDCHANNELS.
        sharded: bool,
    },
    /// How many listen to each of these.
    Subscribers {
        /// The channels.
        channels: Arc<[Box<[u8]>]>,
        /// PUBSUB SHARDNUMSUB.
        sharded: bool,
    },
    /// The patterns.
    Patterns,
}

/// A command on its way to the bus core.
#[derive(Clone)]
pub struct BusCommand {
    /// The whole command.
    pub args: Vec<Vec<u8>>,
    /// How to write the reply.
    pub proto: Proto,
    /// Who asks.
    pub client: ClientId,
    /// Whether the client is on this machine.
    pub local: bool,
    /// The address by which it reached this node, without the port.
    pub reached: String,
    /// Inside a transaction, which holds every store so that nobody else can count: how many keys there are, for a
    /// command on one slot in that slot.
    pub keys: Option<u64>,
    /// When all was done that the client has been answered for; `u64::MAX`: just now.
    pub answered_ns: u64,
}

/// An answer.
pub enum Answer {
    /// Done.
    Done,
    /// A number.
    Count(u64),
    /// Byte strings.
    Strings(Vec<Vec<u8>>),
    /// Keys.
    Keys(KeyBatch),
    /// A key at random and how many it stands for.
    Sample(Option<(usize, Box<[u8]>)>),
    /// A SCAN cursor and keys.
    Scan(u64, KeyBatch),
    /// A number for each thing asked for.
    Counts(Vec<u64>),
    /// CLIENT LIST lines.
    Clients(Vec<(ClientId, String)>),
    /// The client that was asked for.
    Client(Option<ClientRef>),
    /// What INFO is made of.
    Figures(Box<super::figures::Figures>),
    /// The fields of INFO replication, and the full, partial and refused synchronisations, from the bus core.
    Replication(Box<(NodeFigures, SaveFacts)>),
    /// Slow log entries.
    SlowLog(Vec<crate::data::command::slowlog::Entry>),
    /// What was denied.
    Denials(Vec<Entry>),
    /// Latency events.
    Latency(Box<crate::data::command::latency::Monitor>),
    /// Digests of databases or values, where there are any.
    Digests(Vec<Option<digest::Digest>>),
    /// Names of latency events.
    Names(Vec<&'static str>),
    /// Stores whose data was replaced, to be freed.
    Stores(Vec<Box<Store>>),
    /// What a kill came to.
    Kill(super::busy_script::Kill),
    /// A reply as it goes on the wire, or why there is none.
    Reply(Result<Vec<u8>, Error>),
}

/// Something told without an answer.
pub enum Notice {
    /// Reference counts of watched keys to take back.
    Unwatch(Vec<(usize, Box<[u8]>)>),
    /// A message for subscribers: keyspace events, and what clients of other nodes published.
    Publish {
        /// The channel.
        channel: Arc<[u8]>,
        /// The message.
        message: Arc<[u8]>,
        /// SPUBLISH.
        sharded: bool,
    },
    /// What clients of the receiver are to be told of keys that have changed.
    Invalidate(Box<Invalidation>),
    /// Keys (none: all) have changed of which another client is to be told in the place of one of the sender's.
    Redirected {
        /// The client that has named the other.
        from: Origin,
        /// The other.
        to: ClientRef,
        /// The keys.
        keys: Option<Vec<Arc<[u8]>>>,
    },
    /// That client has named one to be told in its place which is gone.
    RedirectionBroke(ClientRef),
    /// How many keys of the sender's store have readers.
    Readers(usize),
    /// The node is above `maxmemory`: the sender wants the receiver to evict keys, and to be told.
    MakeRoom,
    /// Whether there is room now, or some more.
    Room(bool),
    /// The node is above `maxmemory-clients`, and the receiver has the largest clients.
    EvictClients,
    /// What keys begin with that the sender's clients want to hear of from now on.
    HearOf(Prefixes),
    /// A change of the libraries of functions, made by the sender.
    Functions(super::functions::Change),
    /// Make the next part of the snapshot with this number.
    MakePart(u64),
    /// FLUSHALL was executed: the bus core may want to save that.
    FlushedAll,
    /// FLUSHALL was executed where there are save points: what has changed is counted from now on. For the bus core, the
    /// client of the sender that is to be answered when that is saved, and the place of its reply.
    CountAnew(Option<(ClientRef, u32)>),
    /// The snapshot under way is wanted no more.
    EndSnapshot,
    /// The sender could not execute this command of the piece with that number, for the bus core.
    CannotApply(u64, String),
    /// That client does not wait for replicas any more, for the bus core.
    WaitNoMore(ClientId),
    /// Word of a busy script.
    BusyScript(super::busy_script::News),
    /// Its client waits for replicas no longer: it is to be answered, or told that it was unblocked.
    EndWait(ClientId, bool),
    /// A script that the sender has compiled.
    Script(Arc<[u8]>),
    /// A script or function that uses keys of several cores without naming them.
    WideScript(Box<[u8]>),
    /// A message that a client of the sender published, for the other nodes of the cluster.
    Broadcast {
        /// The channel.
        channel: Arc<[u8]>,
        /// The message.
        message: Arc<[u8]>,
        /// SPUBLISH.
        sharded: bool,
    },
    /// The append-only log has what the receiver logged up to the batch with this number.
    Logged(u64),
    /// The sender has said something in the log, for the bus core: it wants to be told when that is written, under this
    /// number.
    Said(u64),
    /// What the receiver said up to this number is written.
    Written(u64),
    /// DEBUG PAUSE-CRON, for the bus core.
    PauseCron(bool),
    /// Whether writes have to wait: the append-only log does not take them as fast as they come.
    HoldWrites(bool),
    /// Stop serving; answered to nobody.
    Stop,
    /// The number of clients of the whole node, for `maxclients`.
    Clients(usize),
    /// The sender's commands, for clients who monitor.
    Lines(Arc<[super::monitor::Line]>),
    /// That core has no clients who monitor any more.
    MonitorsNoMore(CoreId),
    /// A client, to be closed.
    Close(ClientRef),
    /// The reply of a command that waited for a key of the sender.
    Answered {
        /// Whose command it was.
        client: ClientRef,
        /// The place of its reply.
        number: u32,
        /// The reply.
        reply: Vec<u8>,
        /// The command, if it was slow.
        slow: Option<Slow>,
    },
    /// A command that is to wait no longer, and the reply it then gets; none: its client has one, or is gone.
    Cancel(WaiterId, Option<Vec<u8>>),
}

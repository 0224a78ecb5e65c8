//! Replication, both sides of it: the stream that this node feeds its replicas with, and the primary it copies, if any.
//!
//! Owned by the bus core. Sans-I/O: it is told what came over which link, what the data cores did and what time it is
//! (milliseconds of a clock that never goes back), and leaves [`Action`]s.
//!
//! To read: `history` and `stream` (what replicas go on from), `merge` (one order out of many cores), [`primary`] (the
//! replicas and their snapshots; [`moments`] for WAIT), `feed` and [`upstream`] (the other side), [`report`] (INFO, ROLE).
//!
//! ```text
//! primary:  cores' logs -> merge -> stream -> replicas            snapshot: a cut in the logs of all cores at once
//! replica:  primary -> feed -> pieces -> cores -> done -> stream -> its own replicas
//! ```
//!
//! Invariants:
//! - The stream of a primary is what its cores logged; that of a replica is what its primary sent, byte by byte, as far as
//!   it has been executed. So the offset of a replica is what its data is.
//! - A data core logs if and only if it has been told to by a [`Standing`]: for replicas, or for the append-only log; nothing is done that depends on it before all
//!   have answered.
//! - What a replica does not take is bounded by `client-output-buffer-limit`, what the cores do not take by
//!   [`limits::PIECES_UNDER_WAY`].

pub mod failover;
pub mod feed;
pub mod history;
pub mod merge;
pub mod moments;
pub mod options;
pub mod primary;
pub mod report;
pub mod stream;
pub mod upstream;

use crate::base::ids::CoreId;
use crate::base::limits;
use crate::contract::log::{Audience, LogBatch, LogPart};
use crate::contract::standing::{Disk, Standing, Waits};
use failover::Failover;
use feed::{Piece, Target};
use history::History;
use merge::Merge;
use moments::Moments;
use options::Options;
use primary::{FileCut, Remark, Replica, Snapshot, Waiter};
use rand_xoshiro::Xoshiro256PlusPlus;
use stream::Stream;
use upstream::Upstream;

/// A connection to another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// What the owner has to do, in this order.
#[derive(Debug)]
pub enum Action {
    /// Tell this to every data core; when all have answered, call [`Replication::stood`].
    Stand(Standing),
    /// Begin the snapshot with this number at one point in time on all cores, and let them log where that is.
    Cut(u64),
    /// The snapshot with this number, for a file, is of this point in time.
    FileCut(u64, Option<SnapshotFacts>),
    /// The snapshot that is being made is wanted no more.
    Abandon,
    /// Let this core make the next part of the snapshot with this number.
    Proceed(CoreId, u64),
    /// Connect to this address, and call it so.
    Connect(LinkId, String, u16),
    /// Send this; what has left is told by [`Replication::sent`].
    Send(LinkId, Vec<u8>),
    /// Send this part of the kept snapshot.
    SendKept(LinkId, u64, usize),
    /// Keep a part of the snapshot, for replicas that must be told its length first.
    Keep(Vec<u8>),
    /// Forget what was kept.
    ForgetKept,
    /// Close it.
    Close(LinkId),
    /// Close it when all has come that was sent over it; its end is told.
    HearOut(LinkId),
    /// Stop reading from it, or go on.
    Pause(LinkId, bool),
    /// Delete all keys.
    Empty,
    /// Bytes of a snapshot to load begin to come. They are kept in a file until they are all there, or loaded at once.
    BeginLoad {
        /// Kept.
        spooled: bool,
    },
    /// Count the keys there are, and call [`Replication::counted`].
    CountKeys,
    /// Load this.
    Load(Vec<u8>),
    /// That was all: put it in the place of the data, then call [`Replication::loaded`].
    EndLoad,
    /// No more will come: forget what was loaded.
    AbortLoad,
    /// Let the cores execute this; when they have, call [`Replication::applied`] with its number.
    Apply(u64, Piece),
    /// Have clients' writes wait, or go on.
    HoldWrites(bool),
    /// Copy that node from now on, or nobody.
    Copy(Option<(String, u16)>),
    /// Answer the WAIT with this number: so many replicas have it.
    Waited(u64, usize),
    /// This is next in the one order of all cores: for the append-only log, and for who wants to know of a cut.
    Record(Box<LogBatch>),
}

/// One node's part in replication.
pub struct Replication {
    /// The directives.
    options: Options,
    history: History,
    stream: Stream,
    merge: Merge,
    moments: Moments,
    /// The database that is selected at the end of the stream; none: a SELECT must come first.
    selected: Option<usize>,
    replicas: Vec<Replica>,
    snapshot: Option<Snapshot>,
    file_cut: FileCut,
    /// Whether no snapshot may begin now.
    held: bool,
    snapshots: u64,
    waiters: Vec<Waiter>,
    upstream: Option<Upstream>,
    failover: Option<Failover>,
    /// What the data cores were told last, and how many times they have not answered yet.
    standing: Standing,
    standing_asked: usize,
    links: u64,
    /// Since when there is no replica.
    alone_since: u64,
    /// What this node's own disk means for the data cores.
    disk: Disk,
    pinged_at: u64,
    ticked_at: u64,
    now: u64,
    /// What INFO counts.
    pub counters: Counters,
    actions: Vec<Action>,
    header: fn(&SnapshotFacts) -> Vec<u8>,
    target: TargetOf,
    remark: RemarkOn,
}

/// Who executes a command.
pub type TargetOf = Box<dyn Fn(&[&[u8]]) -> Target>;

/// What is to be said of a command that came from a replica; nothing: it gets no reply.
pub type RemarkOn = Box<dyn Fn(&[&[u8]]) -> Option<Remark>>;

/// What INFO stats tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Full synchronisations.
    pub full: u64,
    /// Replicas that could go on.
    pub partial_ok: u64,
    /// Replicas that wanted to, but could not.
    pub partial_err: u64,
}

/// What a snapshot for replicas says of the stream.
#[derive(Clone, Debug)]
pub struct SnapshotFacts {
    /// The database that the stream goes on with; -1: it begins with a SELECT.
    pub db: i64,
    /// The history's name.
    pub id: String,
    /// The offset.
    pub offset: u64,
}

impl Counters {
    /// All of them, in order.
    pub fn all(self) -> [u64; 3] {
        [self.full, self.partial_ok, self.partial_err]
    }
}

impl Replication {
    /// A primary without replicas, with `cores` data cores. `header` writes the start of a snapshot, `target`
    /// knows who executes a command.
    pub fn new(
        options: Options,
        cores: usize,
        random: Xoshiro256PlusPlus,
        header: fn(&SnapshotFacts) -> Vec<u8>,
        target: TargetOf,
        remark: RemarkOn,
    ) -> Replication {
        Replication {
            options,
            history: History::new(random),
            stream: Stream::default(),
            merge: Merge::new(cores),
            moments: Moments::default(),
            selected: None,
            replicas: Vec::new(),
            snapshot: None,
            file_cut: FileCut::None,
            held: false,
            snapshots: 0,
            waiters: Vec::new(),
            upstream: None,
            failover: None,
            standing: Standing::default(),
            standing_asked: 0,
            links: 0,
            alone_since: 0,
            disk: Disk::default(),
            pinged_at: 0,
            ticked_at: 0,
            now: 0,
            counters: Counters::default(),
            actions: Vec::new(),
            header,
            target,
            remark,
        }
    }

    /// What is to be done.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Directives changed.
    pub fn configure(&mut self, options: Options) {
        self.options = options;
        self.trim();
        self.stand();
    }

    /// Whether this node copies another.
    pub fn is_replica(&self) -> bool {
        self.upstream.is_some()
    }

    /// Whether the data is being replaced by that of a primary.
    pub fn is_loading(&self) -> bool {
        self.upstream.as_ref().is_some_and(|upstream| upstream.is_loading() || upstream.is_loading_beside())
    }

    /// Whether data cores were told that replicas get the stream.
    pub fn is_followed(&self) -> bool {
        self.standing.followed
    }

    /// Whether this is the name of the history.
    pub fn is_history(&self, id: &[u8]) -> bool {
        id.eq_ignore_ascii_case(self.history.id.as_bytes())
    }

    /// The replication offset.
    pub fn offset(&self) -> u64 {
        self.stream.end()
    }

    /// DEBUG CHANGE-REPL-ID: nobody can go on from here any more.
    pub fn change_id(&mut self) {
        self.history.renew();
    }

    /// A number for a new connection.
    pub fn new_link(&mut self) -> LinkId {
        self.links += 1;
        LinkId(self.links)
    }

    /// A data core logged something.
    pub fn logged(&mut self, batch: Box<LogBatch>) {
        self.merge.push(batch);
        while let Some(batch) = self.merge.next() {
            let mut start = 0;
            for part in &batch.parts {
                match *part {
                    LogPart::Commands { db, to, end } => {
                        if !batch.of_replica && to != Audience::Disk {
                            self.append_on(db, &batch.bytes[start..end]);
                        }
                        start = end;
                    }
                    LogPart::Cut(number) => self.cut_made(number),
                }
            }
            if !batch.of_replica && self.stream.is_active() {
                self.moments.record(batch.made_ns, self.stream.end());
            }
            self.actions.push(Action::Record(batch));
        }
        self.feed_replicas();
    }

    /// Adds commands on a database to a primary's stream.
    fn append_on(&mut self, db: usize, commands: &[u8]) {
        if !self.stream.is_active() {
            return;
        }
        if self.selected != Some(db) {
            self.selected = Some(db);
            let number = db.to_string();
            self.stream.append(format!("*2\r\n$6\r\nSELECT\r\n${}\r\n{number}\r\n", number.len()).as_bytes());
        }
        self.stream.append(commands);
    }

    /// Lets go of what no replica needs and the backlog is too small for.
    fn trim(&mut self) {
        let needed = self.replicas.iter().filter_map(Replica::needs).min().unwrap_or(u64::MAX);
        self.stream.trim(self.options.backlog_size, needed);
    }

    /// This node's own disk means this for the data cores from now on.
    pub fn set_disk(&mut self, disk: Disk) {
        self.disk = disk;
        self.stand();
    }

    /// Tells the data cores how the node stands, if that has changed.
    fn stand(&mut self) {
        let mut standing = Standing {
            log: self.upstream.is_none() && self.stream.is_active() && !self.disk.loading || self.disk.logs,
            replica: self.upstream.is_some(),
            link_up: self.upstream.as_ref().is_some_and(Upstream::is_up),
            loading: self.upstream.as_ref().is_some_and(Upstream::is_loading) || self.disk.loading,
            loading_beside: self.upstream.as_ref().is_some_and(Upstream::is_loading_beside),
            disk: self.disk.clone(),
            followed: self.upstream.is_none() && self.replicas.iter().any(Replica::is_online),
            good_replicas: self.good_replicas(),
            waits: Waits::Nobody,
        };
        let until_told = if self.is_settled() { Waits::Nobody } else { self.standing.waits };
        let until_heard_out = if self.is_leaving() { Waits::Writers } else { Waits::Nobody };
        standing.waits = standing.opens_to(&self.standing).max(until_told).max(until_heard_out);
        if standing != self.standing {
            self.standing = standing.clone();
            self.standing_asked += 1;
            self.actions.push(Action::Stand(standing));
        }
    }

    /// All data cores go by the standing they were told.
    pub fn stood(&mut self) {
        self.standing_asked -= 1;
        // Who waited for that may go on.
        self.stand();
        self.advance();
    }

    /// Whether the data cores go by what they were told last.
    pub fn is_settled(&self) -> bool {
        self.standing_asked == 0
    }

    /// Does what has become possible.
    fn advance(&mut self) {
        if self.is_settled() {
            self.connect_upstream();
            self.begin_snapshot();
        }
        self.begin_file_cut();
    }

    /// Whether a snapshot is being made.
    pub fn has_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Begins no snapshot until it may again: the data cores make another one.
    pub fn hold_snapshots(&mut self, held: bool) {
        self.held = held;
    }

    /// The regular work, ten times a second.
    pub fn tick(&mut self, now: u64) {
        self.now = now;
        if now.saturating_sub(self.ticked_at) >= 1000 {
            self.ticked_at = now;
            self.tend_replicas();
            self.tend_upstream();
        }
        self.end_waits();
        self.limit_output();
        self.stand();
        self.advance();
    }

    /// Bytes came over a link.
    pub fn received(&mut self, link: LinkId, bytes: &[u8]) {
        if self.upstream.as_ref().is_some_and(|upstream| upstream.is_link(link)) {
            self.upstream_received(bytes);
        } else if self.replicas.iter().any(|replica| replica.link == link) {
            self.replica_received(link, bytes);
        }
        self.stand();
    }

    /// A link is closed, by the other side or because it could not be made.
    pub fn closed(&mut self, link: LinkId, reason: &str) {
        if self.upstream.as_ref().is_some_and(|upstream| upstream.is_link(link)) {
            self.upstream_lost(reason);
        } else {
            self.replica_gone(link, reason);
        }
        self.stand();
        self.advance();
    }

    /// So many bytes of what was to be sent over a link have left.
    pub fn sent(&mut self, link: LinkId, count: usize) {
        let Some(replica) = self.replicas.iter_mut().find(|replica| replica.link == link) else { return };
        replica.taken(count, self.now);
        self.proceed();
        self.feed_replicas();
    }
}

const _: () = assert!(limits::PIECES_UNDER_WAY > 1);

#[cfg(test)]
mod tests;

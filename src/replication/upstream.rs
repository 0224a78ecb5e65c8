//! The replica's side: the link to its primary.
//!
//! ```text
//! Idle -> Connecting -> Greeting: PING, AUTH, REPLCONF, PSYNC -> +CONTINUE:                          Up
//!                                                             -> +FULLRESYNC: Receiving -> Loading -> Up
//! ```
//!
//! The stream is handed to the cores in pieces. All whole commands that came before the link was lost are still executed,
//! before this node connects again and before it becomes a primary: its primary may have answered for them. So a link
//! that is up when this node is promoted is read until nothing comes any more. Then the offset says what to go on from.

mod following;
mod greeting;

use super::feed::{Feed, Piece};
use super::options::Load;
use super::{Action, LinkId, Replication};
use crate::base::limits;
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of the mark at the end of a snapshot of unknown length.
const END_MARK: usize = 40;

/// The longest line of a primary's greeting.
const LONGEST_LINE: usize = 1024;

/// How far the link is.
#[derive(Debug)]
enum State {
    Idle,
    Connecting,
    /// What was asked and not answered yet, in order.
    Greeting(VecDeque<Asked>),
    /// The snapshot is coming.
    Receiving(Transfer),
    /// It is here, and is not yet in the place of the data.
    Loading,
    Up,
}

/// What a primary is asked before it sends anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Ping,
    Auth,
    Port,
    Address,
    Capabilities,
    Psync,
}

/// A snapshot that is coming.
#[derive(Debug)]
struct Transfer {
    id: String,
    offset: u64,
    end: End,
    /// Bytes that came.
    read: u64,
}

#[derive(Debug)]
enum End {
    /// Not told yet.
    Unknown,
    /// After so many bytes.
    After(u64),
    /// With this mark. The last bytes that came may be it.
    Mark(Vec<u8>, Vec<u8>),
}

/// What becomes of the old data while the new comes. See [`Load`](super::options::Load).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It serves while the new comes to a file, and goes before it is loaded.
    Spooled,
    /// It is gone.
    Direct,
    /// It stays until the new is loaded; it serves meanwhile if it is of the same history.
    Beside { serves: bool },
}

/// A part of the stream that the cores are executing.
struct UnderWay {
    number: u64,
    bytes: Arc<Vec<u8>>,
    wants_ack: bool,
    together: bool,
    done: bool,
}

/// The primary that this node copies.
pub struct Upstream {
    host: String,
    port: u16,
    state: State,
    link: Option<LinkId>,
    /// When something last came.
    heard_at: u64,
    /// Since when it is not up.
    down_since: Option<u64>,
    /// Not before this time is the next try to connect.
    retry_at: u64,
    /// Whether it was up since this node copies it.
    was_up: bool,
    /// Whether the data is what the stream says, so that it can be gone on from.
    consistent: bool,
    way: Way,
    /// How many keys there are, if that matters and is known.
    keys: Option<u64>,
    input: Vec<u8>,
    /// Where the stream goes on after the snapshot, under which name.
    target: Option<(String, u64)>,
    feed: Feed,
    /// The database selected behind all that was handed to the cores.
    db: usize,
    /// A piece that waits until all before it is done.
    next: Option<Piece>,
    under_way: VecDeque<UnderWay>,
    pieces: u64,
    /// Whether the cores get no more for now, because of a snapshot.
    held: bool,
    paused: bool,
    /// Whether this node is to be a primary once everything under way is done.
    leaving: bool,
}

impl Upstream {
    /// Its address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the stream comes.
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Up)
    }

    /// Whether the data is being replaced, and nothing is answered from the old meanwhile.
    pub fn is_loading(&self) -> bool {
        match self.way {
            Way::Spooled => matches!(self.state, State::Loading),
            Way::Direct | Way::Beside { serves: false } => self.target.is_some() && self.is_synchronising(),
            Way::Beside { serves: true } => false,
        }
    }

    /// Whether it is being replaced while the old serves.
    pub fn is_loading_beside(&self) -> bool {
        self.target.is_some() && self.is_synchronising() && self.way == Way::Beside { serves: true }
    }

    /// Whether a snapshot is coming or being loaded.
    pub fn is_synchronising(&self) -> bool {
        matches!(self.state, State::Receiving(_) | State::Loading)
    }

    /// Whether the cores may get what came: from a stream that comes, or the rest of one that has ended.
    fn executes(&self) -> bool {
        matches!(self.state, State::Up | State::Idle)
    }

    /// Whether all whole commands that came are executed.
    fn is_drained(&self) -> bool {
        self.link.is_none() && self.under_way.is_empty() && self.next.is_none() && self.feed.is_exhausted()
    }

    /// The word of ROLE for its state.
    pub fn state_name(&self) -> &'static str {
        match self.state {
            State::Idle => "connect",
            State::Connecting => "connecting",
            State::Greeting(_) => "handshake",
            State::Receiving(_) | State::Loading => "sync",
            State::Up => "connected",
        }
    }

    /// Bytes of the snapshot: how many there are, if that is known, and how many came.
    pub fn progress(&self) -> (u64, u64) {
        match &self.state {
            State::Receiving(Transfer { end: End::After(left), read, .. }) => (left + read, *read),
            State::Receiving(transfer) => (0, transfer.read),
            _ => (0, 0),
        }
    }

    /// Milliseconds since something came.
    pub fn silence(&self, now: u64) -> u64 {
        now.saturating_sub(self.heard_at)
    }

    /// Milliseconds since it was last heard as a primary, none if it never was.
    pub fn silent_for(&self, now: u64) -> Option<u64> {
        self.was_up.then(|| self.down_for(now).unwrap_or_else(|| self.silence(now)))
    }

    /// Milliseconds since it is not up; none: it is.
    pub fn down_for(&self, now: u64) -> Option<u64> {
        self.down_since.map(|since| now.saturating_sub(since))
    }

    /// Bytes of the stream that came but are not executed yet.
    pub fn unexecuted(&self) -> usize {
        self.feed.waiting() + self.under_way.iter().map(|piece| piece.bytes.len()).sum::<usize>()
    }

    pub(super) fn is_link(&self, link: LinkId) -> bool {
        self.link == Some(link)
    }

    /// Whether the data is what the stream says.
    pub(super) fn is_consistent(&self) -> bool {
        self.consistent
    }

    /// The database that is selected at the end of what was executed.
    pub(super) fn db(&self) -> usize {
        self.db
    }

    fn new(host: String, port: u16, now: u64) -> Upstream {
        Upstream {
            host,
            port,
            state: State::Idle,
            link: None,
            heard_at: now,
            down_since: Some(now),
            retry_at: now,
            was_up: false,
            consistent: true,
            way: Way::Spooled,
            keys: None,
            input: Vec::new(),
            target: None,
            feed: Feed::default(),
            db: 0,
            next: None,
            under_way: VecDeque::new(),
            pieces: 0,
            held: false,
            paused: false,
            leaving: false,
        }
    }
}

impl Replication {
    /// Whether the data is that of the history: a replica in the middle of a synchronisation has none.
    pub fn has_data(&self) -> bool {
        self.upstream.as_ref().is_none_or(|upstream| upstream.consistent)
    }

    /// The offset, if there is data.
    pub fn offset_of_data(&self) -> u64 {
        if self.has_data() { self.stream.end() } else { 0 }
    }

    /// The primary that is copied, if one is.
    pub fn upstream(&self) -> Option<&Upstream> {
        self.upstream.as_ref().filter(|upstream| !upstream.leaving)
    }

    /// Connects if it is time to, and nothing is under way any more.
    pub(super) fn connect_upstream(&mut self) {
        self.links += 1;
        let link = LinkId(self.links);
        let now = self.now;
        let Some(upstream) = &mut self.upstream else { return };
        let idle = matches!(upstream.state, State::Idle) && !upstream.leaving && !upstream.held;
        if !idle || !upstream.is_drained() || now < upstream.retry_at {
            return;
        }
        upstream.state = State::Connecting;
        upstream.link = Some(link);
        upstream.heard_at = now;
        upstream.retry_at = now + 1000;
        upstream.paused = false;
        upstream.input.clear();
        // What is left is a part of a command, which comes again.
        upstream.feed = Feed::new(upstream.db);
        self.actions.push(Action::Connect(link, upstream.host.clone(), upstream.port));
    }

    /// The connection that was asked for is there.
    pub fn opened(&mut self, link: LinkId) {
        let now = self.now;
        let Some(upstream) = self.upstream.as_mut().filter(|upstream| upstream.is_link(link)) else { return };
        log::info!("MASTER <-> REPLICA sync started");
        upstream.heard_at = now;
        upstream.state = State::Greeting([Asked::Ping].into());
        upstream.keys = None;
        if self.options.load == Load::DirectIfEmpty {
            self.actions.push(Action::CountKeys);
        }
        self.say(&[b"PING"]);
    }

    /// How many keys there are.
    pub fn counted(&mut self, keys: u64) {
        if let Some(upstream) = &mut self.upstream {
            upstream.keys = Some(keys);
        }
    }

    /// The snapshot is in the place of the data, with this database selected at its end; or it can't be loaded.
    pub fn loaded(&mut self, result: Result<usize, String>) {
        let Some(upstream) = &mut self.upstream else { return };
        match (result, upstream.target.take()) {
            (Ok(db), Some((id, offset))) if matches!(upstream.state, State::Loading) => {
                log::info!("MASTER <-> REPLICA sync: Finished with success");
                self.disconnect_replicas("this node has another history now");
                let Some(upstream) = &mut self.upstream else { return };
                self.history.id = id;
                self.history.forget_former();
                self.stream.restart(offset);
                self.stream.activate();
                upstream.feed = Feed::new(db);
                upstream.db = db;
                upstream.next = None;
                let rest = std::mem::take(&mut upstream.input);
                upstream.feed.push(&rest);
                self.up();
                self.dispatch();
            }
            (Err(reason), _) if upstream.is_synchronising() => {
                self.fail(&format!("Failed trying to load the MASTER synchronization DB: {reason}"));
            }
            _ => {}
        }
    }

    /// Hands the cores what can be executed now.
    fn dispatch(&mut self) {
        loop {
            let Some(upstream) = &mut self.upstream else { return };
            let busy = upstream.under_way.len() >= limits::PIECES_UNDER_WAY
                || upstream.under_way.iter().any(|piece| piece.together);
            if upstream.held || busy || !upstream.executes() {
                break;
            }
            let piece =
                match upstream.next.take().map_or_else(|| upstream.feed.next(&self.target), |piece| Ok(Some(piece))) {
                    Ok(Some(piece)) => piece,
                    Ok(None) => break,
                    Err(error) => {
                        upstream.consistent = false;
                        upstream.feed = Feed::new(upstream.db);
                        return self.fail(&format!("Protocol error from the primary: {error}"));
                    }
                };
            if piece.together && !upstream.under_way.is_empty() {
                upstream.next = Some(piece);
                break;
            }
            upstream.pieces += 1;
            upstream.db = piece.db;
            upstream.under_way.push_back(UnderWay {
                number: upstream.pieces,
                bytes: piece.stream.clone(),
                wants_ack: piece.wants_ack,
                together: piece.together,
                done: piece.commands.is_empty(),
            });
            if !piece.commands.is_empty() {
                self.actions.push(Action::Apply(upstream.pieces, piece));
            }
            self.take_done();
        }
        self.pause_reading();
    }

    /// Does not read on while the cores have much to do.
    fn pause_reading(&mut self) {
        let Some(upstream) = &mut self.upstream else { return };
        let waits = upstream.held || !upstream.under_way.is_empty();
        let pause = waits && upstream.feed.waiting() > limits::LINK_INPUT;
        if let Some(link) = upstream.link.filter(|_| upstream.paused != pause) {
            upstream.paused = pause;
            self.actions.push(Action::Pause(link, pause));
        }
    }

    /// The cores have executed the piece with this number.
    pub fn applied(&mut self, number: u64) {
        let Some(upstream) = &mut self.upstream else { return };
        if let Some(piece) = upstream.under_way.iter_mut().find(|piece| piece.number == number) {
            piece.done = true;
        }
        self.take_done();
        self.dispatch();
        self.leave_upstream();
        self.feed_replicas();
        self.advance();
    }

    /// What was executed belongs to this node's stream.
    fn take_done(&mut self) {
        let mut wants_ack = false;
        while let Some(upstream) = &mut self.upstream
            && upstream.under_way.front().is_some_and(|piece| piece.done)
            && let Some(piece) = upstream.under_way.pop_front()
        {
            self.stream.append(&piece.bytes);
            wants_ack |= piece.wants_ack;
        }
        if wants_ack {
            self.acknowledge();
        }
    }

    /// Tells the primary how far this node is.
    fn acknowledge(&mut self) {
        if self.upstream.as_ref().is_some_and(Upstream::is_up) {
            let offset = self.stream.end().to_string();
            self.say(&[b"REPLCONF", b"ACK", offset.as_bytes()]);
        }
    }

    /// Whether the data is at a point in the stream that a snapshot can be taken at. A replica's is when nothing is under
    /// way; if something is, no more is begun.
    pub(super) fn may_cut(&mut self) -> bool {
        match &mut self.upstream {
            None => true,
            Some(upstream) => {
                upstream.held = true;
                upstream.under_way.is_empty()
            }
        }
    }

    /// The snapshot's point in time has passed, or nobody wants it any more.
    pub(super) fn go_on_executing(&mut self) {
        if let Some(upstream) = self.upstream.as_mut().filter(|upstream| upstream.held) {
            upstream.held = false;
            self.dispatch();
            self.leave_upstream();
        }
    }

    fn fail(&mut self, reason: &str) {
        if let Some(link) = self.upstream.as_ref().and_then(|upstream| upstream.link) {
            self.actions.push(Action::Close(link));
        }
        self.upstream_lost(reason);
    }

    /// The link is no more.
    pub(super) fn upstream_lost(&mut self, reason: &str) {
        let now = self.now;
        let Some(upstream) = &mut self.upstream else { return };
        if upstream.leaving {
            log::info!("The link to the former master is closed: {reason}");
        } else if upstream.is_up() {
            log::warn!("Connection with master lost: {reason}");
            log::info!("Reconnecting to MASTER {}:{}", upstream.host, upstream.port);
        } else {
            log::warn!("Connection with the master {}:{} failed: {reason}", upstream.host, upstream.port);
        }
        if upstream.is_up() || upstream.is_synchronising() {
            // It may have been closed on purpose: for its new name.
            upstream.retry_at = now;
        }
        if upstream.is_synchronising() {
            if upstream.way != Way::Spooled && matches!(upstream.state, State::Receiving(_)) {
                let (_, read) = upstream.progress();
                log::warn!("Internal error in RDB reading offset {read}: the link was lost");
            }
            self.actions.push(Action::AbortLoad);
        }
        upstream.link = None;
        upstream.state = State::Idle;
        upstream.target = None;
        upstream.down_since.get_or_insert(now);
        upstream.input.clear();
        self.stand();
        self.dispatch();
        self.leave_upstream();
    }

    /// The regular work, once a second: acknowledgement, timeouts.
    pub(super) fn tend_upstream(&mut self) {
        let Some(upstream) = &self.upstream else { return };
        let late = upstream.link.is_some() && upstream.silence(self.now) > self.options.timeout && !upstream.paused;
        let reason = match upstream.state {
            State::Idle | State::Loading => None,
            State::Connecting | State::Greeting(_) => Some("Timeout connecting to the MASTER..."),
            State::Receiving(_) => Some(
                "Timeout receiving bulk data from MASTER... If the problem persists try to set the 'repl-timeout' \
                 parameter in redis.conf to a larger value.",
            ),
            State::Up => Some("MASTER timeout: no data nor PING received..."),
        };
        if let Some(reason) = reason.filter(|_| late) {
            return self.fail(reason);
        }
        if matches!(upstream.state, State::Loading) {
            // It takes its time: the primary is to know that this node is still there.
            let link = upstream.link;
            self.actions.extend(link.map(|link| Action::Send(link, b"\n".to_vec())));
        }
        self.acknowledge();
    }
}

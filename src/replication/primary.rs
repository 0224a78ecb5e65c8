//! The primary's side (and that of a replica with replicas of its own): who they are, what they have, their snapshots.
//!
//! ```text
//! PSYNC  -> the stream is kept from its place on: +CONTINUE, Online
//!        -> or not: Waiting -> a cut: +FULLRESYNC, Receiving -> snapshot over: Settling -> first ACK: Online
//! ```
//!
//! Replicas that wait at the same time share a snapshot. One that does not know the end mark (`capa eof`) is told the
//! length first, so its snapshot is kept in a file until it is whole.

mod snapshot;
mod wait;

use super::{Action, LinkId, Replication};
use crate::base::limits;
use crate::contract::introduction::Introduction;
use crate::resp::parse::{self, Limits, ParseState, Parsed};
pub use snapshot::{FileCut, Snapshot};
pub use wait::Waiter;

/// How far a replica is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// For the next snapshot.
    Waiting,
    /// It gets the snapshot as it is made.
    Receiving,
    /// The snapshot is kept until its length is known.
    Kept,
    /// It gets the snapshot from what was kept, of which so much is under way or there.
    Sending(u64),
    /// It has the snapshot, and has not said so yet.
    Settling,
    /// It gets the stream.
    Online,
    /// It wanted a snapshot only, and has been sent all of it.
    Done,
}

/// A replica.
pub struct Replica {
    /// Its connection.
    pub link: LinkId,
    who: Introduction,
    state: State,
    /// The place in the stream of the next byte to send to it.
    place: u64,
    /// The offset it has acknowledged.
    acked: u64,
    /// When it was last heard.
    heard_at: u64,
    /// Bytes that its socket has not taken yet.
    in_flight: usize,
    /// When it last took some of what it asked for, or asked.
    took_at: u64,
    over_soft_since: Option<u64>,
    input: Vec<u8>,
    state_of_parser: ParseState,
}

impl Replica {
    /// The first byte of the stream it has not got, if it will want it.
    pub fn needs(&self) -> Option<u64> {
        (!matches!(self.state, State::Waiting | State::Done) && !self.who.snapshot_only).then_some(self.place)
    }

    pub(super) fn taken(&mut self, count: usize, now: u64) {
        self.in_flight = self.in_flight.saturating_sub(count);
        // While it waits for a snapshot, that is the time it asked, from which the delay of the snapshot counts.
        if self.state != State::Waiting {
            self.took_at = now;
        }
    }

    fn name(&self) -> String {
        format!("{}:{}", self.ip(), self.who.port)
    }

    /// The address it is known by.
    pub fn ip(&self) -> &str {
        self.who.announced_ip.as_deref().unwrap_or(&self.who.ip)
    }

    /// The port it is known by.
    pub fn port(&self) -> u16 {
        self.who.port
    }

    /// Whether this is its address.
    pub fn is_at(&self, ip: &str, port: u16) -> bool {
        self.ip() == ip && self.who.port == port
    }

    /// Its state, in INFO's word.
    pub fn state_name(&self) -> &'static str {
        match self.state {
            State::Waiting | State::Kept | State::Receiving => "wait_bgsave",
            State::Sending(_) => "send_bulk",
            State::Settling | State::Online | State::Done => "online",
        }
    }

    /// Whether it gets the stream.
    pub fn is_online(&self) -> bool {
        matches!(self.state, State::Settling | State::Online)
    }

    /// The offset it has acknowledged.
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// Seconds since it was heard.
    pub fn lag(&self, now: u64) -> u64 {
        now.saturating_sub(self.heard_at) / 1000
    }
}

impl Replication {
    /// A connection asks to be synchronised, from the byte `next` (from 1) of history `id` on if possible. `rest` is
    /// what it has said after that.
    pub fn synchronise(&mut self, link: LinkId, who: Introduction, from: Option<(&[u8], i64)>, rest: &[u8]) {
        let mut replica = Replica {
            link,
            who,
            state: State::Waiting,
            place: 0,
            acked: 0,
            heard_at: self.now,
            in_flight: 0,
            took_at: self.now,
            over_soft_since: None,
            input: Vec::new(),
            state_of_parser: ParseState::default(),
        };
        log::info!("Replica {} asks for synchronization", replica.name());
        match from {
            Some((id, next)) if self.continues(id, next) => {
                replica.state = State::Online;
                replica.place = (next - 1) as u64;
                self.counters.partial_ok += 1;
                let missing = self.stream.end() - replica.place;
                log::info!(
                    "Partial resynchronization request from {} accepted. Sending {missing} bytes of backlog starting \
                     from offset {next}.",
                    replica.name()
                );
                let id = if replica.who.psync2 { format!(" {}", self.history.id) } else { String::new() };
                self.replicas.push(replica);
                self.send(link, format!("+CONTINUE{id}\r\n").into_bytes());
            }
            _ => {
                self.counters.partial_err += u64::from(from.is_some_and(|(id, _)| id.first() != Some(&b'?')));
                self.counters.full += 1;
                self.replicas.push(replica);
                if !self.stream.is_active() {
                    if self.upstream.is_none() {
                        self.history.renew();
                        log::info!("Replication backlog created, my new replication ID is '{}'", self.history.id);
                    }
                    self.stream.activate();
                }
            }
        }
        self.replica_received(link, rest);
        self.stand();
        self.advance();
        self.feed_replicas();
    }

    /// Why no replica can be synchronised now, if that is so.
    pub fn refusal(&self) -> Option<&'static str> {
        if self.failover.is_some() {
            return Some("NOMASTERLINK Can't SYNC while failing over");
        }
        let lost = self.upstream.as_ref().is_some_and(|upstream| !upstream.is_up());
        lost.then_some("NOMASTERLINK Can't SYNC while not connected with my master")
    }

    /// Whether a replica can go on from the byte `next` (from 1) of history `id`.
    fn continues(&self, id: &[u8], next: i64) -> bool {
        if id.first() == Some(&b'?') {
            return false;
        }
        let id_text = String::from_utf8_lossy(id);
        if !self.history.covers(id, next) {
            log::info!(
                "Partial resynchronization not accepted: Replica asked for '{id_text}' from {next} on, my replication \
                 IDs are '{}' and '{}' (up to {})",
                self.history.id,
                self.history.former,
                self.history.second_offset
            );
            return false;
        }
        let there = next > 0 && self.stream.has((next - 1) as u64);
        if !there {
            log::info!("Unable to partial resync with a replica for lack of backlog (Replica request was: {next}).");
        }
        there
    }

    fn send(&mut self, link: LinkId, bytes: Vec<u8>) {
        if let Some(replica) = self.replicas.iter_mut().find(|replica| replica.link == link) {
            replica.in_flight += bytes.len();
        }
        self.actions.push(Action::Send(link, bytes));
    }

    /// Sends replicas what they have not got of the stream, as far as their sockets take it.
    pub(super) fn feed_replicas(&mut self) {
        let end = self.stream.end();
        let mut more_online = false;
        for replica in &mut self.replicas {
            while replica.state == State::Online && replica.place < end && replica.in_flight < limits::LINK_OUTPUT {
                let bytes = self.stream.copy(replica.place, limits::LINK_OUTPUT);
                replica.place += bytes.len() as u64;
                replica.in_flight += bytes.len();
                self.actions.push(Action::Send(replica.link, bytes));
            }
            if let (State::Sending(sent), Some(snapshot)) = (&mut replica.state, &self.snapshot) {
                while *sent < snapshot.kept && replica.in_flight < limits::LINK_OUTPUT {
                    let count = (snapshot.kept - *sent).min(limits::LINK_OUTPUT as u64) as usize;
                    self.actions.push(Action::SendKept(replica.link, *sent, count));
                    *sent += count as u64;
                    replica.in_flight += count;
                }
                if *sent == snapshot.kept {
                    // The stream follows on its heels: the length tells where it begins.
                    replica.state = if replica.who.snapshot_only { State::Done } else { State::Online };
                    more_online |= replica.is_online();
                    replica.heard_at = self.now;
                    replica.acked = replica.place;
                    log::info!("Synchronization with replica {} succeeded", replica.name());
                }
            }
        }
        self.dismiss();
        self.forget_snapshot();
        self.trim();
        if more_online {
            // Before anybody can have heard of it: who writes then counts on a replica.
            self.stand();
        }
    }

    /// Lets go of those that wanted a snapshot only, when it has left.
    fn dismiss(&mut self) {
        let over = |replica: &Replica| replica.state == State::Done && replica.in_flight == 0;
        while let Some(replica) = self.replicas.iter().find(|replica| over(replica)) {
            log::info!("RDB transfer completed, rdb only replica ({}) is disconnected", replica.name());
            self.close_replica(replica.link, "it wanted no stream");
        }
    }

    /// A replica says something: it can only be an acknowledgement.
    pub(super) fn replica_received(&mut self, link: LinkId, bytes: &[u8]) {
        let Some(replica) = self.replicas.iter_mut().find(|replica| replica.link == link) else { return };
        replica.input.extend_from_slice(bytes);
        let (mut used, mut spans) = (0, Vec::new());
        let mut malformed = replica.input.len() > limits::MAX_INLINE;
        loop {
            spans.clear();
            let input = &replica.input[used..];
            match parse::parse(input, &mut replica.state_of_parser, &Limits::new(1024, true), &mut spans) {
                Parsed::Command { consumed } => {
                    let args: Vec<&[u8]> = spans.iter().map(|span| span.of(input)).collect();
                    if let Some(remark) = (self.remark)(&args) {
                        remark.tell(&replica.name());
                        malformed = true;
                        break;
                    }
                    if let Some(offset) = acknowledged(&args) {
                        replica.acked = replica.acked.max(offset);
                        replica.heard_at = self.now;
                        if replica.state == State::Settling {
                            replica.state = State::Online;
                            log::info!("Synchronization with replica {} succeeded", replica.name());
                        }
                    }
                    used += consumed;
                }
                Parsed::Empty { consumed } => {
                    // It is loading, and there.
                    replica.heard_at = self.now;
                    used += consumed;
                }
                Parsed::Inline { consumed, args } => {
                    let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
                    if let Some(remark) = (self.remark)(&args) {
                        remark.tell(&replica.name());
                        malformed = true;
                        break;
                    }
                    used += consumed;
                }
                Parsed::Incomplete { .. } => break,
                Parsed::Error(_) => {
                    malformed = true;
                    break;
                }
            }
        }
        replica.input.drain(..used);
        if malformed {
            return self.close_replica(link, "protocol error");
        }
        self.feed_replicas();
        self.end_waits();
    }

    fn close_replica(&mut self, link: LinkId, reason: &str) {
        self.actions.push(Action::Close(link));
        self.replica_gone(link, reason);
    }

    pub(super) fn replica_gone(&mut self, link: LinkId, reason: &str) {
        let Some(at) = self.replicas.iter().position(|replica| replica.link == link) else { return };
        let replica = self.replicas.remove(at);
        log::info!("Connection with replica {} lost: {reason}", replica.name());
        if self.replicas.is_empty() {
            self.alone_since = self.now;
        }
        self.forget_snapshot();
        self.proceed();
        self.trim();
    }

    /// Closes the connections of all replicas.
    pub(super) fn disconnect_replicas(&mut self, reason: &str) {
        let links: Vec<LinkId> = self.replicas.iter().map(|replica| replica.link).collect();
        links.into_iter().for_each(|link| self.close_replica(link, reason));
    }

    /// Closes the connections of the replicas that `matches`; how many there were.
    pub fn close_replicas(&mut self, matches: impl Fn(&Replica) -> bool) -> usize {
        let links: Vec<LinkId> =
            self.replicas.iter().filter(|replica| matches(replica)).map(|replica| replica.link).collect();
        links.iter().for_each(|link| self.close_replica(*link, "closed by a client"));
        links.len()
    }

    /// The regular work, once a second: pings, timeouts, the end of an unused backlog.
    pub(super) fn tend_replicas(&mut self) {
        let (now, timeout) = (self.now, self.options.timeout);
        let streaming = self.upstream.is_none();
        if now >= self.pinged_at + self.options.ping_period {
            let quiet = self.replicas.is_empty() || self.failover.is_some() || self.pinged_at == 0;
            self.pinged_at = now;
            if streaming && !quiet {
                self.stream.append(b"*1\r\n$4\r\nPING\r\n");
            }
        }
        let mut late = Vec::new();
        for replica in &mut self.replicas {
            match replica.state {
                State::Waiting | State::Kept => {
                    replica.in_flight += 1;
                    self.actions.push(Action::Send(replica.link, b"\n".to_vec()));
                }
                State::Receiving | State::Sending(_) if replica.in_flight > 0 && now > replica.took_at + timeout => {
                    late.push((replica.link, "full sync"));
                }
                State::Settling | State::Online if !replica.who.is_old && now > replica.heard_at + timeout => {
                    late.push((replica.link, "streaming sync"));
                }
                _ => {}
            }
        }
        for (link, reason) in late {
            let name = self.replicas.iter().find(|replica| replica.link == link).map(Replica::name);
            log::warn!("Disconnecting timedout replica ({reason}): {}", name.unwrap_or_default());
            self.close_replica(link, "timeout");
        }
        let unused = streaming && self.replicas.is_empty() && self.stream.is_active();
        let ttl = self.options.backlog_ttl;
        if unused && ttl > 0 && now > self.alone_since + ttl {
            log::info!("Replication backlog freed after {} seconds without connected replicas.", ttl / 1000);
            self.history.renew();
            self.stream.deactivate();
            self.selected = None;
        }
        self.feed_replicas();
    }

    /// Closes replicas that let too much of the stream wait.
    pub(super) fn limit_output(&mut self) {
        let (limit, end, now) = (self.options.output_limit, self.stream.end(), self.now);
        let mut over = Vec::new();
        for replica in &mut self.replicas {
            let waits = replica.needs().map_or(0, |place| end - place) + replica.in_flight as u64;
            let over_soft = limit.soft > 0 && waits > limit.soft;
            let since = *replica.over_soft_since.get_or_insert(now);
            if !over_soft {
                replica.over_soft_since = None;
            }
            let hard = limit.hard > 0 && waits > limit.hard.max(self.options.backlog_size);
            if hard || over_soft && now - since > limit.soft_seconds * 1000 {
                over.push(replica.link);
            }
        }
        over.into_iter().for_each(|link| self.close_replica(link, "client-output-buffer-limit"));
    }

    /// Replicas that have not acknowledged all of the stream.
    pub fn lagging_replicas(&self) -> usize {
        let end = self.stream.end();
        self.replicas.iter().filter(|replica| replica.is_online() && replica.acked < end).count()
    }

    /// Replicas that have acknowledged something lately.
    pub(super) fn good_replicas(&self) -> usize {
        let good = |replica: &&Replica| replica.is_online() && replica.lag(self.now) <= self.options.max_lag;
        if self.options.min_replicas == 0 { 0 } else { self.replicas.iter().filter(good).count() }
    }

    /// Bytes of the stream that are kept, those of them that are the backlog's, and bytes that are on their way to
    /// replicas.
    pub fn memory(&self) -> [u64; 3] {
        let (kept, in_flight) =
            (self.stream.kept(), self.replicas.iter().map(|replica| replica.in_flight as u64).sum());
        [kept, kept.min(self.options.backlog_size), in_flight]
    }

    /// The replicas.
    pub fn replicas(&self) -> &[Replica] {
        &self.replicas
    }
}

/// What a command of a replica would have made of it, had it been a client's. Replicas get no replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The command.
    pub name: &'static str,
    /// The error it is answered with, if it is.
    pub error: Option<&'static str>,
}

impl Remark {
    fn tell(self, replica: &str) {
        let name = self.name;
        if let Some(error) = self.error {
            log::warn!(
                "== CRITICAL == This master is sending an error to its replica: '{error}' after processing the command \
                 '{name}'"
            );
        }
        log::warn!("Replica generated a reply to command '{name}', disconnecting it: {replica}");
    }
}

/// The offset of REPLCONF ACK.
fn acknowledged(args: &[&[u8]]) -> Option<u64> {
    match args {
        [name, word, offset, ..] if name.eq_ignore_ascii_case(b"REPLCONF") && word.eq_ignore_ascii_case(b"ACK") => {
            std::str::from_utf8(offset).ok()?.parse().ok()
        }
        _ => None,
    }
}

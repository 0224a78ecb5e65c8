//! Replication's commands, as far as the core of their connection has a part in them: REPLCONF, PSYNC and SYNC, by which
//! a connection becomes a replica's and leaves for the bus core; WAIT; and what the bus core is asked (REPLICAOF, ROLE).

use super::Plane;
use super::client::{ClientRef, Hold};
use super::dispatch::{Flow, Request};
use super::message::{Message, Notice};
use crate::base::ids::ClientId;
use crate::contract::introduction::{Introduction, without};
use crate::data::acl::User;
use crate::data::command::{SessionHandler, number};
use crate::resp::Error;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Handlers of this file; all wait for all earlier replies of their client.
pub const NODE_HANDLERS: &[(&str, SessionHandler)] = &[
    ("replicaof", |plane, at, request| plane.ask_bus(at, request.args)),
    ("slaveof", |plane, at, request| plane.ask_bus(at, request.args)),
    ("failover", |plane, at, request| plane.ask_bus(at, request.args)),
    ("role", |plane, at, request| plane.ask_bus(at, request.args)),
    ("wait", wait),
    ("replconf", replconf),
    ("psync", psync),
    ("sync", psync),
];

type Done = Result<Flow, Error>;

/// A connection on its way to the bus core: it is a replica's.
#[derive(Debug)]
pub struct Departure {
    /// Its client id.
    pub id: ClientId,
    /// As whom it acts.
    pub user: Arc<User>,
    /// The peer's address.
    pub addr: String,
    /// Our end's address.
    pub laddr: String,
    /// What the replica said of itself.
    pub introduction: Introduction,
    /// PSYNC with its arguments, or SYNC.
    pub command: Vec<Vec<u8>>,
    /// What it said after that.
    pub said: Vec<u8>,
    /// The socket, once the ring has given it up.
    pub fd: Option<OwnedFd>,
}

/// The longest address a replica may announce. Source: Redis's `NET_HOST_STR_LEN`.
const LONGEST_HOST: usize = 256;

fn wait(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let integer = |arg: &[u8]| number::parse_i64(arg).ok_or(Error::NotAnInteger);
    if plane.standing.replica {
        return Err(Error::new(
            "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.",
        ));
    }
    integer(request.args[1])?;
    match number::parse_i64(request.args[2]) {
        None => return Err(Error::new("ERR timeout is not an integer or out of range")),
        Some(..0) => return Err(Error::new("ERR timeout is negative")),
        Some(_) => {}
    }
    // A transaction waits for nobody: it is told how it stands.
    let [wanted, timeout] =
        if plane.transacting(at) { [b"0".as_slice(); 2] } else { [request.args[1], request.args[2]] };
    plane.ask_bus(at, &[b"WAIT", wanted, timeout])
}

fn replconf(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    if request.args.len().is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    for pair in request.args[1..].chunks_exact(2) {
        let value = String::from_utf8_lossy(pair[1]);
        let said = plane.clients[at].session.introduction.get_or_insert_default();
        match pair[0].to_ascii_lowercase().as_slice() {
            b"listening-port" => {
                said.port = value.parse().map_err(|_| Error::NotAnInteger)?;
            }
            b"ip-address" if pair[1].len() < LONGEST_HOST => said.announced_ip = Some(value.into_owned()),
            b"ip-address" => {
                let length = pair[1].len();
                let text = format!("ERR REPLCONF ip-address provided by replica instance is too long: {length} bytes");
                return Err(Error::new(text));
            }
            b"capa" => {
                said.knows_end_mark |= pair[1].eq_ignore_ascii_case(b"eof");
                said.psync2 |= pair[1].eq_ignore_ascii_case(b"psync2");
            }
            b"rdb-only" => said.snapshot_only = value == "1",
            b"rdb-filter-only" => said.without = filter(&value)?,
            // These are said by replicas, and to them; they get no reply.
            b"ack" | b"getack" => return Ok(Flow::Done),
            _ => {
                let name = String::from_utf8_lossy(pair[0]);
                return Err(Error::new(format!("ERR Unrecognized REPLCONF option: {name}")));
            }
        }
    }
    plane.reply(at).ok();
    Ok(Flow::Done)
}

/// What is left out if only this is to be in a snapshot.
fn filter(words: &str) -> Result<u64, Error> {
    let mut without = without::DATA | without::FUNCTIONS;
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        if !word.eq_ignore_ascii_case("functions") {
            return Err(Error::new(format!("ERR Unsupported rdb-filter-only option: {word}")));
        }
        without &= !without::FUNCTIONS;
    }
    Ok(without)
}

fn psync(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let is_sync = request.args.len() == 1;
    if !is_sync && number::parse_i64(request.args[2]).is_none() {
        let replica = &plane.clients[at].session.addr;
        log::warn!("Replica {replica} asks for synchronization but with a wrong offset");
        // The bus core refuses it: it writes the log first, where whoever gets the error may look for the reason.
        return plane.ask_bus(at, request.args);
    }
    if plane.locked {
        // In Redis nobody comes between two commands of a transaction: not a replica, either, that one of them sent away.
        return Ok(Flow::Retry(Hold::Store));
    }
    let client = &mut plane.clients[at];
    let mut introduction = client.session.introduction.take().map(|said| *said).unwrap_or_default();
    introduction.ip = super::ask::host_of(&client.session.addr).to_owned();
    introduction.is_old = is_sync;
    client.departure = Some(Box::new(Departure {
        id: client.session.id,
        user: client.session.user.clone(),
        addr: client.session.addr.clone(),
        laddr: client.session.laddr.clone(),
        introduction,
        command: request.args.iter().map(|arg| arg.to_vec()).collect(),
        said: Vec::new(),
        fd: None,
    }));
    let reference = client.reference;
    plane.goodbyes.push(reference);
    // Nothing of it is executed here any more.
    Ok(Flow::Wait)
}

impl Plane {
    /// Forgets a client that leaves for the bus core, once it has all its replies.
    pub fn depart(&mut self, reference: ClientRef) -> Option<Box<Departure>> {
        let client = self.clients.get_mut(reference)?;
        let mut departure = client.departure.take()?;
        departure.said = std::mem::take(&mut client.input);
        self.forget_client(reference.index);
        Some(departure)
    }

    /// The client waits for the bus core no more.
    pub(super) fn stop_waiting_for_bus(&mut self, at: u32) {
        if let Some(id) = self.waits_for_replicas(at) {
            self.send(self.bus(), Message::Tell(Notice::WaitNoMore(id)));
        }
    }

    /// CLIENT UNBLOCK of one that waits for replicas; whether it does.
    pub(super) fn end_wait_for_bus(&mut self, at: u32, with_error: bool) -> bool {
        let id = self.waits_for_replicas(at);
        if let Some(id) = id {
            self.send(self.bus(), Message::Tell(Notice::EndWait(id, with_error)));
        }
        id.is_some()
    }

    fn waits_for_replicas(&self, at: u32) -> Option<ClientId> {
        let client = &self.clients[at];
        let waits = client.session.executing.is_some_and(|command| command.spec.full_name() == "wait");
        (waits && client.hold == Some(Hold::Answer)).then_some(client.session.id)
    }
}

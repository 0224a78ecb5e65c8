//! The courier: talks to other nodes for MIGRATE, beside the bus core's thread, which must not wait for them.
//!
//! Each errand has a thread of its own for as long as it takes: it connects, waits for what is to be sent, sends it, reads
//! the replies and ends. Connections are kept for the next errand to the same node for some seconds.

use crate::cores::wake::Bell;
use crate::data::plane::message::Peer;
use crate::data::plane::migrate::{Address, Cargo, Errand, Report};
use crate::resp::Error;
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// How long an unused connection is kept. Source: Redis 7.0 `MIGRATE_SOCKET_CACHE_TTL`.
const KEPT_FOR: Duration = Duration::from_secs(10);
/// How many are kept. Source: Redis 7.0 `MIGRATE_SOCKET_CACHE_ITEMS`.
const KEPT: usize = 64;
/// The longest reply that is read.
const LONGEST_LINE: u64 = 1024;

/// An errand: who wants it, and their number for it.
type Ticket = (Peer, u64);

/// The bus core's end.
pub struct Courier {
    /// What is to be sent, to the threads that wait for it.
    cargo: HashMap<Ticket, Sender<Cargo>>,
    kept: HashMap<(String, u16), Connection>,
    outgoing: Sender<News>,
    news: Receiver<News>,
    bell: Bell,
}

enum News {
    Report(Ticket, Report),
    /// A thread leaves its connection, and ends.
    Left((String, u16), Connection),
}

/// A connection to another node.
struct Connection {
    stream: BufReader<TcpStream>,
    /// The database that is selected; none: it is not known.
    db: Option<i64>,
    used: Instant,
}

impl Courier {
    /// A courier without work, who rings `bell` when there is news.
    pub fn new(bell: Bell) -> Courier {
        let (outgoing, news) = channel();
        Courier { cargo: HashMap::new(), kept: HashMap::new(), outgoing, news, bell }
    }

    /// Does what core `from` wants under this number.
    pub fn take(&mut self, from: Peer, number: u64, errand: Errand) {
        let ticket = (from, number);
        match errand {
            Errand::Connect(address) => self.start(ticket, address),
            Errand::Send(cargo) => {
                if let Some(thread) = self.cargo.remove(&ticket) {
                    // A thread that is gone has said why.
                    let _ = thread.send(cargo);
                }
            }
            Errand::Forget => drop(self.cargo.remove(&ticket)),
        }
    }

    fn start(&mut self, ticket: Ticket, address: Address) {
        let kept = self.kept.remove(&(address.host.clone(), address.port));
        let (sender, cargo) = channel();
        let (outgoing, bell) = (self.outgoing.clone(), self.bell.try_clone());
        let thread = bell.and_then(|bell| {
            std::thread::Builder::new().name("courier".into()).spawn(move || {
                let tell = |news| {
                    // The node ends if nobody listens.
                    let _ = outgoing.send(news);
                    bell.ring();
                };
                run(ticket, &address, kept, &cargo, tell);
            })
        });
        match thread {
            Ok(_) => drop(self.cargo.insert(ticket, sender)),
            Err(error) => {
                let error = Error::new(format!("IOERR no thread to be had: {error}"));
                let _ = self.outgoing.send(News::Report(ticket, Report::Connected(Err(error))));
                self.bell.ring();
            }
        }
    }

    /// What there is to tell, and whom.
    pub fn reports(&mut self) -> Vec<(Peer, u64, Report)> {
        let mut reports = Vec::new();
        while let Ok(news) = self.news.try_recv() {
            match news {
                News::Report((to, number), report) => {
                    if let Report::Connected(Err(_)) = report {
                        self.cargo.remove(&(to, number));
                    }
                    reports.push((to, number, report));
                }
                News::Left(address, connection) if self.kept.len() < KEPT => {
                    self.kept.insert(address, connection);
                }
                News::Left(..) => {}
            }
        }
        reports
    }

    /// How many connections are kept.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Closes connections that were not used for a while.
    pub fn tick(&mut self) {
        self.kept.retain(|_, connection| connection.used.elapsed() < KEPT_FOR);
    }
}

/// One errand. The connection, if it is still good, is left before the report: who hears that may have the next errand.
fn run(ticket: Ticket, address: &Address, kept: Option<Connection>, cargo: &Receiver<Cargo>, tell: impl Fn(News)) {
    let was_kept = kept.is_some();
    let connection = kept.map_or_else(|| connect(address), |kept| prepare(kept, address));
    let mut connection = match connection {
        Ok(connection) => connection,
        Err(_) => {
            let error = Error::new("IOERR error or timeout connecting to the client");
            return tell(News::Report(ticket, Report::Connected(Err(error))));
        }
    };
    tell(News::Report(ticket, Report::Connected(Ok(()))));
    let leave = |connection| tell(News::Left((address.host.clone(), address.port), connection));
    let Ok(cargo) = cargo.recv() else { return leave(connection) };
    let mut delivery = deliver(&mut connection, &cargo);
    if was_kept && delivery.may_retry() {
        // The target has closed the connection since it was last used, most probably.
        if let Ok(fresh) = connect(address) {
            connection = fresh;
            delivery = deliver(&mut connection, &cargo);
        }
    }
    if delivery.failure.is_none() {
        leave(connection);
    }
    let error = delivery.refusal.or(delivery.failure.map(|it| it.0));
    tell(News::Report(ticket, Report::Delivered(delivery.arrived, error)));
}

fn connect(address: &Address) -> io::Result<Connection> {
    let mut last = io::Error::from(io::ErrorKind::InvalidInput);
    for candidate in (address.host.as_str(), address.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&candidate, address.timeout) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                let connection = Connection { stream: BufReader::new(stream), db: None, used: Instant::now() };
                return prepare(connection, address);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn prepare(connection: Connection, address: &Address) -> io::Result<Connection> {
    let stream = connection.stream.get_ref();
    stream.set_read_timeout(Some(address.timeout))?;
    stream.set_write_timeout(Some(address.timeout))?;
    Ok(connection)
}

/// What came of sending.
#[derive(Default)]
struct Delivery {
    /// For each key that was answered, whether the target has it.
    arrived: Vec<bool>,
    /// The first error that the target answered.
    refusal: Option<Error>,
    /// What happened to the connection, and whether it was merely too slow.
    failure: Option<(Error, bool)>,
}

impl Delivery {
    /// Whether the target has surely done nothing, and may do better if it is asked again.
    fn may_retry(&self) -> bool {
        self.arrived.is_empty() && self.failure.as_ref().is_some_and(|(_, slow)| !slow)
    }

    fn fail(mut self, doing: &str, error: &io::Error) -> Delivery {
        let slow = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
        self.failure = Some((Error::new(format!("IOERR error or timeout {doing} to target instance")), slow));
        self
    }

    fn refuse(&mut self, reply: &str) {
        let text = format!("ERR Target instance replied with error: {reply}");
        self.refusal.get_or_insert_with(|| Error::new(text));
    }
}

fn deliver(connection: &mut Connection, cargo: &Cargo) -> Delivery {
    let mut delivery = Delivery::default();
    let (db, select) = &cargo.db;
    let select = (connection.db != Some(*db)).then_some(select);
    connection.db = None;
    connection.used = Instant::now();
    let before: Vec<&Vec<u8>> = cargo.auth.iter().chain(select).collect();
    for bytes in before.iter().copied().chain([&cargo.commands]) {
        if let Err(error) = connection.stream.get_mut().write_all(bytes) {
            return delivery.fail("writing", &error);
        }
    }
    let mut prelude = None;
    for _ in before {
        match read_line(&mut connection.stream) {
            Ok(reply) => prelude = prelude.or(refusal_of(&reply)),
            Err(error) => return delivery.fail("reading", &error),
        }
    }
    for _ in 0..cargo.count {
        match read_line(&mut connection.stream) {
            Ok(reply) => {
                // A key is not where it should be when the database could not be selected.
                let refusal = prelude.clone().or(refusal_of(&reply));
                delivery.arrived.push(refusal.is_none());
                refusal.inspect(|refusal| delivery.refuse(refusal));
            }
            Err(error) => return delivery.fail("reading", &error),
        }
    }
    if delivery.refusal.is_none() {
        connection.db = Some(*db);
    }
    delivery
}

/// The text of an error reply.
fn refusal_of(reply: &str) -> Option<String> {
    reply.strip_prefix('-').map(str::to_owned)
}

/// A line without its end.
fn read_line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = Vec::new();
    let mut limited = io::Read::take(stream, LONGEST_LINE);
    limited.read_until(b'\n', &mut line)?;
    match line.strip_suffix(b"\n") {
        Some(line) => Ok(String::from_utf8_lossy(line).trim_end_matches('\r').to_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

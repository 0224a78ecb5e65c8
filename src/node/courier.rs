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
const LONGEST_LINE: usize = 1024;
/// How much is written within one timeout. Source: Redis 7.0 `migrateCommand`.
const CHUNK: usize = 64 * 1024;

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
    /// How long a line, or a chunk, may take altogether: a target that sends a byte now and then is as bad as a silent one.
    timeout: Duration,
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
    let connection = kept.map_or_else(|| connect(address), |kept| Ok(Connection { timeout: address.timeout, ..kept }));
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
                let (stream, timeout) = (BufReader::new(stream), address.timeout);
                return Ok(Connection { stream, db: None, timeout, used: Instant::now() });
            }
            Err(error) => last = error,
        }
    }
    Err(last)
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
        if let Err(error) = connection.write(bytes) {
            return delivery.fail("writing", &error);
        }
    }
    let mut prelude = None;
    for _ in before {
        match connection.read_line() {
            Ok(reply) => prelude = prelude.or(refusal_of(&reply)),
            Err(error) => return delivery.fail("reading", &error),
        }
    }
    for _ in 0..cargo.count {
        match connection.read_line() {
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

impl Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.stream.get_mut();
        for mut chunk in bytes.chunks(CHUNK) {
            let end = Instant::now() + self.timeout;
            while !chunk.is_empty() {
                stream.set_write_timeout(Some(left_until(end)?))?;
                chunk = &chunk[stream.write(chunk)?..];
            }
        }
        Ok(())
    }

    /// A line without its end.
    fn read_line(&mut self) -> io::Result<String> {
        let (end, mut line) = (Instant::now() + self.timeout, Vec::new());
        while line.len() < LONGEST_LINE {
            if self.stream.buffer().is_empty() {
                self.stream.get_ref().set_read_timeout(Some(left_until(end)?))?;
            }
            let came = self.stream.fill_buf()?;
            let taken = memchr::memchr(b'\n', came).map_or(came.len(), |at| at + 1);
            if taken == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            line.extend_from_slice(&came[..taken]);
            self.stream.consume(taken);
            if let Some(line) = line.strip_suffix(b"\n") {
                return Ok(String::from_utf8_lossy(line).trim_end_matches('\r').to_owned());
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }
}

fn left_until(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

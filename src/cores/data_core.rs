//! The loop of a data core: one `io_uring_enter` a turn.
//!
//! A turn: take completions; feed received bytes to the plane; take messages of the other cores; run what
//! background work is due; hand over messages; send every client's replies and sleep, in one system call.
//! The thread sleeps only when nothing is left to do, and says so to the mesh before it does, so that
//! whoever has something for it wakes it.

use super::clock;
use super::doors::Doors;
use super::sockets::{Sockets, client_of, socket_of};
use super::wake::{Bell, Ear};
use super::words;
use crate::base::limits;
use crate::data::plane::message::{Message, NewClient, Notice, Peer};
use crate::data::plane::{Action, Plane};
use crate::mesh::Port;
use crate::ring::{Completion, Outbox, Ring, Socket, Wait};
use bumpalo::Bump;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// The watch number of the bell.
const EAR: u16 = 0;

/// The watch number of the doors.
const DOORS: u16 = 1;

/// What a data core is made of. Made on its own thread, since a ring can't move.
pub struct DataCore {
    plane: Plane,
    ring: Ring,
    port: Port<Message>,
    sockets: Sockets,
    /// The listeners this core accepts on.
    doors: Doors,
    /// Whether they are shut until the data is loaded, or is told to take long.
    doors_shut: bool,
    /// Whether accepting failed and must be tried again.
    doors_stuck: bool,
    next_core: u16,
    /// The rings of the data cores, to wake them.
    rings: Vec<RawFd>,
    bus_bell: Bell,
    ear: Ear,
    bump: Bump,
    outbox: Outbox,
    completions: VecDeque<Completion>,
    fresh: Vec<Completion>,
    /// Messages that found a full queue.
    backlog: VecDeque<(Peer, Message)>,
    /// Whether the append-only log is far behind.
    log_full: bool,
    withheld: Withheld,
    next_tick_ns: u64,
    /// When the last turn's work was done.
    rests_since: u64,
    /// A time by which all is in the core's log that the replies of this turn are about; `u64::MAX`: it is not yet.
    logged_by: u64,
    /// When something last completed.
    last_work_ns: u64,
    stopping: bool,
    clients_told: usize,
    connections: Vec<usize>,
    busy: Busy,
    /// Sockets to close once this turn's replies have left.
    to_close: Vec<Socket>,
    departures: Departures,
}

/// The parts the start of the node provides.
pub struct Parts {
    /// The plane, with its store.
    pub plane: Plane,
    /// This thread's ring.
    pub ring: Ring,
    /// Its ends of the mesh.
    pub port: Port<Message>,
    /// The listeners it accepts on.
    pub doors: Doors,
    /// The rings of all data cores.
    pub rings: Vec<RawFd>,
    /// Wakes the bus core.
    pub bus_bell: Bell,
    /// Hears the bus core.
    pub ear: Ear,
    /// Sockets it can have.
    pub sockets: u32,
}

impl DataCore {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> DataCore {
        let cores = parts.rings.len();
        DataCore {
            plane: parts.plane,
            ring: parts.ring,
            port: parts.port,
            sockets: Sockets::new(parts.sockets),
            doors: parts.doors,
            doors_shut: true,
            doors_stuck: false,
            next_core: 0,
            rings: parts.rings,
            bus_bell: parts.bus_bell,
            ear: parts.ear,
            bump: Bump::new(),
            outbox: Outbox::default(),
            completions: VecDeque::new(),
            fresh: Vec::new(),
            backlog: VecDeque::new(),
            log_full: false,
            withheld: Withheld::default(),
            next_tick_ns: 0,
            rests_since: u64::MAX,
            logged_by: u64::MAX,
            last_work_ns: 0,
            stopping: false,
            clients_told: 0,
            connections: vec![0; cores],
            busy: Busy::default(),
            to_close: Vec::new(),
            departures: Departures::default(),
        }
    }

    /// Accepts on these from now on, and on no others.
    fn listen(&mut self, share: Vec<(OwnedFd, bool)>) {
        if let Err(error) = self.doors.replace(share) {
            log::warn!("Accepting client connections: {error}");
        }
    }

    /// Runs until the node stops.
    ///
    /// # Errors
    /// When the ring becomes unusable.
    pub fn run(mut self) -> io::Result<()> {
        self.ring.watch(self.ear.raw_fd(), EAR);
        while !self.stopping {
            self.turn()?;
        }
        Ok(())
    }

    fn turn(&mut self) -> io::Result<()> {
        let started = clock::monotonic_ns();
        // A system call of half a microsecond: for those who look for latency.
        let cpu = (self.plane.settings.latency_monitor_threshold > 0).then(clock::thread_cpu_ns);
        self.busy.at(started);
        self.logged_by = u64::MAX;
        self.plane.now.mono_ns = started;
        self.plane.now.unix_ms = clock::unix_us() / 1000;
        if started.saturating_sub(self.rests_since) > limits::STOP_NS {
            self.plane.was_stopped();
        }
        if !self.completions.is_empty() {
            self.last_work_ns = started;
        }
        self.plane.weigh_changed();
        while !self.withheld.is_full()
            && let Some(completion) = self.completions.pop_front()
        {
            self.complete(completion)?;
        }
        self.take_messages(started)?;
        self.unlock_doors();
        self.plane.end_waits();
        let mut more = self.plane.has_leftovers();
        if more {
            self.plane.take_up_leftovers(&self.bump);
        }
        self.plane.weigh_changed();
        more |= self.upkeep(started);
        self.plane.show_taken();
        self.act();
        self.hand_over();
        self.rests_since = clock::monotonic_ns();
        self.logged_by = self.rests_since;
        let took = self.rests_since.saturating_sub(started);
        self.plane.stats.took_turn(took, cpu.map(|cpu| clock::thread_cpu_ns().saturating_sub(cpu)));
        if took > limits::STOP_NS {
            // Stopped in mid-turn: the next one's writes wait.
            self.plane.now.unix_ms = clock::unix_us() / 1000;
            self.plane.was_stopped();
        }
        let wait = self.plan_wait(more);
        self.flush(wait)?;
        self.port.get_up();
        if self.bump.allocated_bytes() > limits::KEEP_ARENA {
            self.bump = Bump::new();
        } else {
            self.bump.reset();
        }
        Ok(())
    }

    /// Deals with one completion.
    fn complete(&mut self, completion: Completion) -> io::Result<()> {
        match completion {
            Completion::Received(socket, buffer, length) => {
                self.busy.saw(socket.slot);
                let client = client_of(socket);
                self.departures.hear(socket, self.ring.buffer(&buffer, length));
                if self.plane.clients.get(client).is_some_and(|client| !client.session.closing) {
                    self.plane.received(client.index, self.ring.buffer(&buffer, length), &self.bump);
                }
                self.ring.release(buffer);
                self.flush_large_output()?;
            }
            Completion::ReceiveEnded(socket, result) => {
                self.sockets.receive_ended(&mut self.ring, socket);
                match result {
                    _ if self.departures.has(socket) => self.ring.install(socket),
                    // Buffers ran out, or a pause is over or beginning: the socket decides whether to go on.
                    Err(error) if matches!(error.raw_os_error(), Some(libc::ENOBUFS | libc::ECANCELED)) => {
                        self.sockets.receive(&mut self.ring, socket);
                    }
                    Ok(_) => {
                        let client = client_of(socket);
                        if self.plane.clients.get(client).is_some() {
                            self.plane.input_ended(client.index);
                        }
                    }
                    Err(_) => self.peer_is_gone(socket),
                }
            }
            Completion::Sent(socket, bytes, result) => {
                self.sockets.sent(&mut self.ring, socket);
                let client = client_of(socket);
                if let Some(client) = self.plane.clients.get_mut(client) {
                    client.in_flight = client.in_flight.saturating_sub(bytes.len());
                    if result.is_err() {
                        self.peer_is_gone(socket);
                    } else {
                        self.send_rest(socket);
                    }
                }
            }
            Completion::Installed(socket, fd) => self.departed(socket, fd),
            Completion::Readable(DOORS) => self.open_doors(),
            Completion::Readable(_) => {
                self.ear.hush();
                self.ring.watch(self.ear.raw_fd(), EAR);
            }
            Completion::Woken | Completion::SendShort(..) => {}
        }
        Ok(())
    }

    fn peer_is_gone(&mut self, socket: Socket) {
        let client = client_of(socket);
        if self.plane.clients.get(client).is_some() {
            self.plane.close(client.index);
        }
    }

    /// Nobody is let in while the data is being loaded, unless that takes long: then they are told so.
    fn unlock_doors(&mut self) {
        let disk = &self.plane.standing.disk;
        if self.doors_shut && (!disk.loading || disk.loads_long) {
            self.doors_shut = false;
            self.ring.watch(self.doors.raw_fd(), DOORS);
        }
    }

    /// Takes the connections that wait.
    fn open_doors(&mut self) {
        let mut new = Vec::new();
        match self.doors.open(|fd, hand_out| new.push((fd, hand_out))) {
            Ok(()) => self.ring.watch(self.doors.raw_fd(), DOORS),
            Err(error) => {
                // The next tick tries again; until then the kernel keeps who waits.
                log::warn!("Accepting client connection: {error}");
                self.doors_stuck = true;
            }
        }
        new.into_iter().for_each(|(fd, hand_out)| self.accepted(hand_out, fd));
    }

    /// Takes a connection, or hands it to the core whose turn it is.
    fn accepted(&mut self, hand_out: bool, fd: OwnedFd) {
        let new = Box::new(describe(fd));
        let me = self.plane.core().0 as u16;
        let core = if hand_out { self.next_core } else { me };
        if hand_out {
            self.next_core = (self.next_core + 1) % self.rings.len() as u16;
            let clients: usize = self.connections.iter().sum();
            self.connections[core as usize] += 1;
            if clients >= self.plane.settings.maxclients {
                self.plane.stats.rejected_connections += 1;
                self.connections[core as usize] -= 1;
                refuse(*new, "-ERR max number of clients reached\r\n");
                return;
            }
        }
        if core == me {
            self.adopt(*new);
        } else {
            self.plane.outgoing.push((Peer(core), Message::Adopt(new)));
        }
    }

    fn adopt(&mut self, new: NewClient) {
        let settings = &self.plane.settings;
        if settings.protected_mode && self.plane.users.default_user().is_without_password() && !new.local {
            refuse(new, PROTECTED);
            return;
        }
        let room = self.plane.clients.len() < settings.maxclients;
        let Some(socket) = room.then(|| self.sockets.open()).flatten() else {
            self.plane.stats.rejected_connections += 1;
            refuse(new, "-ERR max number of clients reached\r\n");
            return;
        };
        let number = new.fd.as_raw_fd();
        let keepalive = settings.tcp_keepalive;
        prepare(&new.fd, keepalive);
        if !self.ring.can_install() {
            self.departures.keep(socket, &new.fd);
        }
        if let Err(error) = self.ring.adopt(socket, new.fd) {
            log::warn!("A connection could not be taken over: {error}");
            self.sockets.close(&mut self.ring, socket);
            return;
        }
        self.plane.connected(client_of(socket), new.addr, new.laddr, new.local, number);
        self.sockets.receive(&mut self.ring, socket);
    }

    /// Takes what other threads sent, a bounded number from each.
    fn take_messages(&mut self, started: u64) -> io::Result<()> {
        for peer in 0..self.port.nodes() {
            for _ in 0..limits::MESSAGES_PER_TURN {
                let Some(message) = self.port.pop(peer) else { break };
                match message {
                    Message::Adopt(new) => {
                        self.adopt(*new);
                        // Core 0 has counted it in advance: it must be told, also if it was refused.
                        self.clients_told = usize::MAX;
                    }
                    Message::Listen(share) => self.listen(share),
                    Message::Tell(Notice::Stop) => self.stopping = true,
                    Message::Tell(Notice::Logged(number)) => self.withheld.logged(number),
                    Message::Tell(Notice::Written(number)) => self.withheld.written(number),
                    Message::Tell(Notice::HoldWrites(full)) => self.log_full = full,
                    Message::Tell(Notice::Clients(count)) => self.connections[peer] = count,
                    Message::Apply(batch) => {
                        self.plane.message(Peer(peer as u16), Message::Apply(batch), &self.bump);
                        if clock::monotonic_ns().saturating_sub(started) > limits::APPLY_NS {
                            break;
                        }
                    }
                    message => self.plane.message(Peer(peer as u16), message, &self.bump),
                }
                self.flush_large_output()?;
            }
        }
        Ok(())
    }

    /// Sends what there is in the middle of a turn, if that is much.
    fn flush_large_output(&mut self) -> io::Result<()> {
        if self.plane.out.bytes.len() <= limits::FLUSH_OUTPUT {
            return Ok(());
        }
        self.heed_words();
        self.flush(Wait::Poll)
    }

    /// Has what this core has said in the log written before the replies leave that follow from it.
    fn heed_words(&mut self) {
        if words::take() {
            let number = self.withheld.said();
            self.plane.outgoing.push((self.plane.bus(), Message::Tell(Notice::Said(number))));
        }
    }

    /// Background work that is due; whether there is more that should not wait.
    fn upkeep(&mut self, now: u64) -> bool {
        self.tell_clients();
        if now < self.next_tick_ns {
            return self.plane.idle_work();
        }
        self.next_tick_ns = now + 1_000_000_000 / u64::from(self.plane.settings.hz.max(1));
        self.plane.tick(&self.bump)
    }

    /// Tells core 0, which watches over `maxclients`, how many clients are here.
    fn tell_clients(&mut self) {
        let clients = self.plane.clients.len();
        if self.plane.core().0 == 0 {
            self.connections[0] = clients;
        } else if clients != self.clients_told {
            self.clients_told = clients;
            self.plane.outgoing.push((Peer(0), Message::Tell(Notice::Clients(clients))));
        }
    }

    /// Looks for messages for a while: a core that is awake answers sooner than this one could fall asleep.
    fn look_for_messages(&mut self, nanoseconds: u64) -> bool {
        let until = clock::monotonic_ns() + nanoseconds;
        while clock::monotonic_ns() < until {
            if self.port.has_messages() {
                return true;
            }
            std::hint::spin_loop();
        }
        false
    }

    /// Does what the plane asks for.
    fn act(&mut self) {
        for action in std::mem::take(&mut self.plane.actions) {
            match action {
                Action::Close(client) => self.close_later(socket_of(client)),
                Action::Depart(client, departure) => self.depart(socket_of(client), departure),
                Action::PauseReading(client) => self.sockets.pause(&mut self.ring, socket_of(client), true),
                Action::ResumeReading(client) => self.sockets.pause(&mut self.ring, socket_of(client), false),
            }
        }
    }

    /// Messages to others: into the queues, and a wake-up for those who sleep.
    fn hand_over(&mut self) {
        self.heed_words();
        self.plane.tell_changes();
        self.plane.flush_hops();
        let awaited = self.plane.awaited_batch();
        self.plane.flush_log();
        let bus = self.plane.bus();
        self.withheld.messages(awaited, self.plane.outgoing.drain(..), bus, &mut self.backlog);
        while let Some((peer, message)) = self.backlog.pop_front() {
            if let Err(message) = self.port.push(peer.0 as usize, message) {
                // Full: order between two cores must hold, so everything behind it waits too.
                self.backlog.push_front((peer, message));
                break;
            }
        }
        self.plane.hold_writes(self.backlog.len() > limits::MAX_UNSENT || self.log_full);
        let (ring, rings, bell) = (&mut self.ring, &self.rings, &self.bus_bell);
        self.port.flush(|peer| match rings.get(peer) {
            Some(target) => ring.wake(*target),
            None => bell.ring(),
        });
    }

    /// How long this turn may sleep. Before it does, others are told that it must be woken.
    fn plan_wait(&mut self, more: bool) -> Wait {
        if more
            || self.plane.monitors.holds_lines()
            || self.stopping
            || !self.backlog.is_empty()
            || !self.completions.is_empty()
        {
            return Wait::Poll;
        }
        let awaits_others = self.plane.awaits_others();
        let polls = u64::from(self.plane.settings.busy_poll_us) * 1000;
        if awaits_others && self.look_for_messages(u64::from(self.plane.settings.hop_spin_us) * 1000)
            || clock::monotonic_ns().saturating_sub(self.last_work_ns) < polls
            || !self.port.lie_down()
        {
            return Wait::Poll;
        }
        let mut time = Duration::from_nanos(self.next_tick_ns.saturating_sub(clock::monotonic_ns()).max(1000));
        if let Some(deadline) = self.plane.next_deadline() {
            let left = (deadline * 1000).saturating_sub(clock::unix_us());
            time = time.min(Duration::from_micros(left.max(1)));
        }
        let patience = Duration::from_micros(u64::from(self.plane.settings.batch_wait_us));
        let events = self.busy.expected();
        // The clients whose replies are withheld will not send anything before.
        let withholds = self.withheld.must_wait(self.plane.awaited_batch());
        if events <= 1 || patience.is_zero() || awaits_others || withholds {
            return Wait::AtMost(time);
        }
        Wait::Gather { events, patience, time: time.max(patience) }
    }
}

mod busy;
mod departures;
mod output;
mod withheld;

use busy::Busy;
use departures::Departures;
use withheld::Withheld;

/// Closes a connection that is not taken, with the reason.
fn refuse(new: NewClient, reason: &str) {
    use std::io::Write;
    let mut stream = std::net::TcpStream::from(new.fd);
    let _ = stream.set_nonblocking(true);
    let _ = stream.write_all(reason.as_bytes());
}

fn prepare(fd: &OwnedFd, keepalive: u32) {
    let socket = socket2::SockRef::from(fd);
    let _ = socket.set_tcp_nodelay(true);
    if keepalive > 0 {
        // As Redis: probes after the interval, then every third of it, three times.
        let interval = Duration::from_secs(u64::from(keepalive));
        let keepalive = socket2::TcpKeepalive::new()
            .with_time(interval)
            .with_interval((interval / 3).max(Duration::from_secs(1)))
            .with_retries(3);
        let _ = socket.set_tcp_keepalive(&keepalive);
    }
}

/// Who is at the other end.
fn describe(fd: OwnedFd) -> NewClient {
    let socket = socket2::SockRef::from(&fd);
    let name = |address: io::Result<socket2::SockAddr>| address.ok().and_then(|address| address.as_socket());
    let (peer, here) = (name(socket.peer_addr()), name(socket.local_addr()));
    let local = peer.is_none_or(|peer| peer.ip().to_canonical().is_loopback());
    let unix = socket.local_addr().ok().and_then(|address| Some(address.as_pathname()?.display().to_string()));
    let text = |address: Option<std::net::SocketAddr>| match address {
        Some(address) => std::net::SocketAddr::new(address.ip().to_canonical(), address.port()).to_string(),
        None => format!("{}:0", unix.as_deref().unwrap_or("?")),
    };
    let (addr, laddr) = (text(peer), text(here));
    NewClient { fd, addr, laddr, local }
}

const PROTECTED: &str = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n";

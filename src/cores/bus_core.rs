//! The bus core: the thread that does everything that is not a client's command.
//!
//! It runs on glommio, whose timers and tasks keep control-plane code short. This file is its frame: it
//! takes messages from the mesh, owns the links of the cluster bus (`bus_links`), keeps time and
//! hears signals; what they mean is for its [`Office`] to say.
//! Client load can't starve it: it has its own thread and, where there are enough, its own CPU.

use super::bus_links::{self, LinkCommand, Links};
use super::clock;
use super::outbox::Outbox;
use super::streams::{self, StreamCommand, Streams};
use super::wake::{Bell, Ear};
use crate::base::limits;
use crate::cluster::stats::MessageKind;
use crate::cluster::wire::{Packet, codec};
use crate::cluster::{LinkEnd, LinkId};
use crate::data::plane::message::{Message, Notice, Peer};
use crate::mesh::Port;
use crate::replication;
use futures_lite::AsyncReadExt;
use futures_lite::future::yield_now;
use glommio::net::UnixStream;
use glommio::timer::sleep;
use glommio::{LocalExecutorBuilder, Placement};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::rc::{Rc, Weak};
use std::time::Duration;

/// What the office wants done, in order.
#[derive(Default)]
pub struct Outgoing {
    /// Messages to other threads.
    pub messages: Vec<(Peer, Message)>,
    /// What is to be done with links of the cluster bus.
    pub links: Vec<LinkCommand>,
    /// What is to be done with connections of replication.
    pub streams: Vec<StreamCommand>,
    /// Sleep so long when all that is done: DEBUG SLEEP.
    pub sleep: Option<Duration>,
}

impl Outgoing {
    /// Adds a message to another thread.
    pub fn push(&mut self, message: (Peer, Message)) {
        self.messages.push(message);
    }
}

/// A signal that ends the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM.
    Terminate,
    /// SIGINT.
    Interrupt,
    /// SIGABRT, sent by somebody else: what aborts in here does not wait for it to be heard.
    Abort,
}

/// What the bus core works for.
pub trait Office {
    /// A message from a data core.
    fn message(&mut self, from: Peer, message: Message, outgoing: &mut Outgoing);
    /// The regular work, ten times a second. `loads`: bytes that wait to be sent over each link.
    fn tick(&mut self, loads: &[(LinkId, usize)], outgoing: &mut Outgoing);
    /// When, by the monotonic clock in ms, there is something to do that should not wait for the next regular work.
    fn alarm_at(&self) -> Option<u64>;
    /// That time has come, or is past.
    fn alarm(&mut self, outgoing: &mut Outgoing);
    /// The thread was woken: perhaps by one of the office's own helpers.
    fn woken(&mut self, outgoing: &mut Outgoing);
    /// What follows from all this is about to leave: whoever sees it may look into the log for the reason.
    fn before_sending(&mut self);
    /// A link of the bus is open between the node at `ip` and our address `local`.
    fn opened(&mut self, link: LinkId, ip: &str, local: &str, outgoing: &mut Outgoing);
    /// A link has ended, or could not be made.
    fn closed(&mut self, link: LinkId, end: LinkEnd, outgoing: &mut Outgoing);
    /// A link was closed because it had too much to send.
    fn overfull(&mut self, link: LinkId, outgoing: &mut Outgoing);
    /// A packet came from the node at `ip`.
    fn received(&mut self, link: LinkId, packet: Packet, ip: &str, outgoing: &mut Outgoing);
    /// A packet came from the node at `ip` that makes no sense.
    fn malformed(&mut self, kind: Option<MessageKind>, ip: &str, error: codec::Malformed);
    /// A connection of replication that was asked for is there.
    fn stream_opened(&mut self, link: replication::LinkId, outgoing: &mut Outgoing);
    /// Bytes came over a connection of replication.
    fn stream_received(&mut self, link: replication::LinkId, bytes: &[u8], outgoing: &mut Outgoing);
    /// So many bytes have left over a connection of replication.
    fn stream_sent(&mut self, link: replication::LinkId, count: usize, outgoing: &mut Outgoing);
    /// A connection of replication has ended.
    fn stream_ended(&mut self, link: replication::LinkId, reason: &str, outgoing: &mut Outgoing);
    /// A signal to end the node came.
    fn signalled(&mut self, signal: Signal, outgoing: &mut Outgoing);
    /// Whether the node is to end now.
    fn is_over(&self) -> bool;
}

/// The parts the start of the node provides.
pub struct Parts {
    /// What to work for.
    pub office: Box<dyn Office>,
    /// This thread's ends of the mesh.
    pub port: Port<Message>,
    /// Wakes the data cores, in their order.
    pub bells: Vec<Bell>,
    /// Wakes this thread.
    pub bell: Bell,
    /// Hears the data cores.
    pub ear: Ear,
    /// Where other nodes connect to the cluster bus.
    pub doors: Vec<std::net::TcpListener>,
    /// Each gets a byte for every signal of its kind.
    pub signals: Vec<(Signal, std::os::unix::net::UnixStream)>,
    /// The CPU to run on, if one is set aside.
    pub cpu: Option<usize>,
}

/// Why the bus core can't run.
#[derive(Debug, thiserror::Error)]
#[error("the bus core can't start: {0}. Cure: at least 512 KiB of locked memory (ulimit -l, LimitMEMLOCK)")]
pub struct Unavailable(String);

struct Bus {
    office: Box<dyn Office>,
    port: Port<Message>,
    bells: Vec<Bell>,
    outgoing: Outgoing,
    backlog: VecDeque<(Peer, Message)>,
    links: Links,
    streams: Streams,
    /// The alarm that is set.
    alarm: Option<u64>,
    /// Itself, for the tasks of links to come.
    me: Handle,
}

/// What the tasks have of the bus.
#[derive(Clone)]
struct Handle(Weak<RefCell<Bus>>);

/// Runs the bus core on this thread until the node is over.
///
/// # Errors
/// [`Unavailable`] when the executor can't be had.
pub fn run(parts: Parts, started: impl FnOnce()) -> Result<(), Unavailable> {
    let placement = parts.cpu.map_or(Placement::Unbound, Placement::Fixed);
    let executor =
        LocalExecutorBuilder::new(placement).name("bus").make().map_err(|error| Unavailable(error.to_string()))?;
    started();
    executor.run(async move {
        let bell = parts.bell;
        let bus = Rc::new_cyclic(|me| {
            RefCell::new(Bus {
                office: parts.office,
                port: parts.port,
                bells: parts.bells,
                outgoing: Outgoing::default(),
                backlog: VecDeque::new(),
                links: Links::default(),
                streams: Streams::default(),
                alarm: None,
                me: Handle(me.clone()),
            })
        });
        for door in parts.doors {
            let listener = bus.borrow().me.clone();
            glommio::spawn_local(bus_links::accept(adopt(door), listener)).detach();
        }
        let (ticking, heard) = (bus.clone(), bus.clone());
        glommio::spawn_local(async move {
            loop {
                ticking.borrow_mut().tick();
                sleep(Duration::from_millis(100)).await;
            }
        })
        .detach();
        let bell = Rc::new(bell);
        for (signal, stream) in parts.signals {
            let (mut stream, heard, bell): (UnixStream, _, _) = (adopt(stream), Rc::clone(&heard), Rc::clone(&bell));
            glommio::spawn_local(async move {
                let mut byte = [0; 1];
                while stream.read_exact(&mut byte).await.is_ok() {
                    heard.borrow_mut().signalled(signal);
                    bell.ring();
                }
            })
            .detach();
        }
        let mut ear: UnixStream = adopt(parts.ear.into_stream());
        let mut rings = [0; 64];
        while !bus.borrow().office.is_over() {
            let sleeps = bus.borrow_mut().work();
            if bus.borrow().office.is_over() {
                break;
            }
            if sleeps {
                let heard = ear.read(&mut rings).await;
                bus.borrow_mut().port.get_up();
                if heard.is_err() {
                    break;
                }
            } else {
                glommio::yield_if_needed().await;
            }
        }
        bus.borrow_mut().stop_everybody();
    });
    Ok(())
}

/// Gives a socket to glommio, as one of its types.
#[allow(unsafe_code)] // glommio takes foreign descriptors only this way.
pub(super) fn adopt<T: FromRawFd>(socket: impl IntoRawFd) -> T {
    // SAFETY: `into_raw_fd` gives up the only owner of an open descriptor, which the new value becomes.
    unsafe { T::from_raw_fd(socket.into_raw_fd()) }
}

impl Handle {
    /// Has `work` done, and sends what follows from it.
    fn tell(&self, work: impl FnOnce(&mut Bus)) {
        if let Some(bus) = self.0.upgrade() {
            let mut bus = bus.borrow_mut();
            work(&mut bus);
            bus.send();
        }
    }
}

impl streams::Listener for Handle {
    fn stream_opened(&self, link: replication::LinkId) {
        self.tell(|bus| bus.office.stream_opened(link, &mut bus.outgoing));
    }

    fn stream_received(&self, link: replication::LinkId, bytes: &[u8]) {
        self.tell(|bus| bus.office.stream_received(link, bytes, &mut bus.outgoing));
    }

    fn stream_sent(&self, link: replication::LinkId, count: usize) {
        self.tell(|bus| bus.office.stream_sent(link, count, &mut bus.outgoing));
    }

    fn stream_ended(&self, link: replication::LinkId, reason: &str) {
        self.tell(|bus| {
            if bus.streams.ended(link) {
                bus.office.stream_ended(link, reason, &mut bus.outgoing);
            }
        });
    }
}

impl bus_links::Listener for Handle {
    fn opened(&self, link: LinkId, ip: &str, local: &str) {
        self.tell(|bus| bus.office.opened(link, ip, local, &mut bus.outgoing));
    }

    fn ended(&self, link: LinkId, end: LinkEnd) {
        self.tell(|bus| {
            if bus.links.ended(link) {
                bus.office.closed(link, end, &mut bus.outgoing);
            }
        });
    }

    fn received(&self, link: LinkId, ip: &str, frame: &[u8]) {
        self.tell(|bus| match codec::decode(frame) {
            Ok(packet) => bus.office.received(link, packet, ip, &mut bus.outgoing),
            Err(error) => bus.office.malformed(codec::kind(frame), ip, error),
        });
    }

    fn accepted(&self, outbox: Rc<Outbox>) -> Option<LinkId> {
        self.0.upgrade()?.borrow_mut().links.accept(outbox)
    }
}

impl Bus {
    /// Takes messages and sends what follows; whether the thread may sleep now.
    fn work(&mut self) -> bool {
        for peer in 0..self.port.nodes() {
            for _ in 0..limits::MESSAGES_PER_TURN {
                let Some(message) = self.port.pop(peer) else { break };
                self.office.message(Peer(peer as u16), message, &mut self.outgoing);
            }
        }
        self.office.woken(&mut self.outgoing);
        self.send();
        self.backlog.is_empty() && self.port.lie_down()
    }

    fn tick(&mut self) {
        for link in self.links.close_overfull() {
            self.office.overfull(link, &mut self.outgoing);
        }
        let loads: Vec<(LinkId, usize)> = self.links.loads().collect();
        self.office.tick(&loads, &mut self.outgoing);
        self.send();
    }

    fn signalled(&mut self, signal: Signal) {
        self.office.signalled(signal, &mut self.outgoing);
        self.send();
    }

    fn send(&mut self) {
        self.office.before_sending();
        let me = self.me.clone();
        for command in self.outgoing.links.drain(..) {
            self.links.carry_out(command, &me);
        }
        self.links.rest();
        self.send_streams();
        self.backlog.extend(self.outgoing.messages.drain(..));
        while let Some((peer, message)) = self.backlog.pop_front() {
            if let Err(message) = self.port.push(peer.0 as usize, message) {
                self.backlog.push_front((peer, message));
                break;
            }
        }
        let bells = &self.bells;
        self.port.flush(|peer| {
            if let Some(bell) = bells.get(peer) {
                bell.ring();
            }
        });
        self.set_alarm();
        if let Some(time) = self.outgoing.sleep.take() {
            std::thread::sleep(time);
        }
    }

    /// Does what is to be done with connections of replication, also what follows from what leaves at once.
    fn send_streams(&mut self) {
        let me = self.me.clone();
        while !self.outgoing.streams.is_empty() {
            for command in std::mem::take(&mut self.outgoing.streams) {
                if let Some((link, sent)) = self.streams.carry_out(command, &me) {
                    self.office.stream_sent(link, sent, &mut self.outgoing);
                }
            }
        }
    }

    /// Sees to it that the office is called when it wants to be. An alarm that is not wanted any more does no harm.
    fn set_alarm(&mut self) {
        let wanted = self.office.alarm_at();
        if std::mem::replace(&mut self.alarm, wanted) == wanted {
            return;
        }
        if let Some(at) = wanted {
            let (me, now) = (self.me.clone(), clock::monotonic_ns() / 1_000_000);
            glommio::spawn_local(async move {
                // A new task runs at once, in the midst of its maker, until it waits for the first time.
                yield_now().await;
                sleep(Duration::from_millis(at.saturating_sub(now))).await;
                me.tell(|bus| bus.office.alarm(&mut bus.outgoing));
            })
            .detach();
        }
    }

    fn stop_everybody(&mut self) {
        self.links.close_all();
        self.streams.close_all();
        for core in 0..self.bells.len() as u16 {
            self.outgoing.push((Peer(core), Message::Tell(Notice::Stop)));
        }
        self.send();
    }
}

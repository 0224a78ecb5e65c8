//! The links of the cluster bus: their sockets, from frames of bytes to packets and back.
//!
//! Owned by the bus core. Each link is one task, which connects, reads and writes until one of these ends or the link
//! is closed; the table of links holds the other end of its outbox. What a link has to say goes to the
//! [`Bus`](super::bus_core), and what the control plane wants done with links comes as [`LinkCommand`]s.
//!
//! Invariants: after a link is closed by command nothing more is heard of it; every other end is told exactly once.
//! What waits to be sent is bounded for each link, what was received by the longest packet.

use super::bus_core::adopt;
use super::outbox::Outbox;
use crate::base::limits;
use crate::cluster::wire::{Packet, codec};
use crate::cluster::{LinkEnd, LinkId};
use futures_lite::future::{or, yield_now};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use glommio::net::{TcpListener, TcpStream};
use glommio::timer::sleep;
use socket2::{Domain, Socket, TcpKeepalive, Type};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Something to do with a link, in order.
#[derive(Debug)]
pub enum LinkCommand {
    /// Go by these settings from now on.
    Configure(LinkSettings),
    /// Connect to a node's bus.
    Connect {
        /// What the link is called.
        link: LinkId,
        /// The node's address.
        ip: String,
        /// Its bus port.
        port: u16,
    },
    /// Send a packet, if the link is still there.
    Send(LinkId, Arc<Packet>),
    /// Close the link, if it is still there.
    Close(LinkId),
}

/// What links go by.
#[derive(Clone, Debug, Default)]
pub struct LinkSettings {
    /// The local address of connections that this node makes.
    pub source: Option<IpAddr>,
    /// Bytes that may wait to be sent over one link; 0: as many as [`limits::MAX_LINK_OUTPUT`].
    pub output_limit: usize,
}

/// What links tell.
pub(super) trait Listener: Clone + 'static {
    /// A link is open; `ip` is the other end's address, `local` this one's.
    fn opened(&self, link: LinkId, ip: &str, local: &str);
    /// A link has ended.
    fn ended(&self, link: LinkId, end: LinkEnd);
    /// A frame came.
    fn received(&self, link: LinkId, ip: &str, frame: &[u8]);
    /// Another node made a link: its outbox, and the name it gets.
    fn accepted(&self, outbox: Rc<Outbox>) -> Option<LinkId>;
}

/// All links there are.
#[derive(Default)]
pub(super) struct Links {
    outboxes: BTreeMap<LinkId, Rc<Outbox>>,
    settings: LinkSettings,
    next_inbound: u64,
    /// The frame that was made last: a packet for all is encoded once.
    encoded: Option<(Arc<Packet>, Rc<[u8]>)>,
}

impl Links {
    /// Does what the control plane wants done.
    pub fn carry_out(&mut self, command: LinkCommand, listener: &impl Listener) {
        match command {
            LinkCommand::Configure(settings) => self.settings = settings,
            LinkCommand::Connect { link, ip, port } => self.connect(link, ip, port, listener.clone()),
            LinkCommand::Send(link, packet) => self.send(link, packet),
            LinkCommand::Close(link) => self.close(link),
        }
    }

    /// Closes the links that have more to send than they may.
    pub fn close_overfull(&mut self) -> Vec<LinkId> {
        let limit = match self.settings.output_limit {
            0 => limits::MAX_LINK_OUTPUT,
            limit => limit.min(limits::MAX_LINK_OUTPUT),
        };
        let overfull: Vec<LinkId> = self.loads().filter(|(_, bytes)| *bytes > limit).map(|(link, _)| link).collect();
        for link in &overfull {
            self.close(*link);
        }
        overfull
    }

    /// Bytes that wait to be sent over each link.
    pub fn loads(&self) -> impl Iterator<Item = (LinkId, usize)> {
        self.outboxes.iter().map(|(link, outbox)| (*link, outbox.bytes()))
    }

    /// Takes in a link that another node made; none if there are too many.
    pub fn accept(&mut self, outbox: Rc<Outbox>) -> Option<LinkId> {
        if self.outboxes.len() >= limits::MAX_LINKS {
            return None;
        }
        let link = LinkId(LinkId::INBOUND + self.next_inbound);
        self.next_inbound += 1;
        self.outboxes.insert(link, outbox);
        Some(link)
    }

    /// A link has ended by itself; whether it was still there.
    pub fn ended(&mut self, link: LinkId) -> bool {
        self.outboxes.remove(&link).is_some()
    }

    /// Closes everything.
    pub fn close_all(&mut self) {
        std::mem::take(&mut self.outboxes).values().for_each(|outbox| outbox.close());
    }

    fn close(&mut self, link: LinkId) {
        if let Some(outbox) = self.outboxes.remove(&link) {
            outbox.close();
        }
    }

    fn connect(&mut self, link: LinkId, ip: String, port: u16, listener: impl Listener) {
        let outbox = Rc::new(Outbox::default());
        self.outboxes.insert(link, outbox.clone());
        let source = self.settings.source;
        spawn(outbox.clone(), link, listener.clone(), async move {
            let stream = match dial(ip.clone(), port, source).await {
                Ok(stream) => stream,
                Err(error) => {
                    log::debug!("Unable to connect to cluster node [{ip}]:{port} -> {error}");
                    return end_of(&error);
                }
            };
            converse(stream, link, &ip, &outbox, &listener).await
        });
    }

    /// Has a packet sent. A link that is full beyond measure takes none: it is about to be closed for it.
    fn send(&mut self, link: LinkId, packet: Arc<Packet>) {
        let Some(outbox) = self.outboxes.get(&link).cloned() else { return };
        if outbox.bytes() <= limits::MAX_LINK_OUTPUT {
            outbox.push(self.encode(packet));
        }
    }

    fn encode(&mut self, packet: Arc<Packet>) -> Rc<[u8]> {
        if let Some((last, frame)) = &self.encoded
            && Arc::ptr_eq(last, &packet)
        {
            return frame.clone();
        }
        let mut bytes = Vec::new();
        codec::encode(&packet, &mut bytes);
        let frame: Rc<[u8]> = bytes.into();
        self.encoded = Some((packet, frame.clone()));
        frame
    }

    /// Lets go of what only helps within a turn.
    pub fn rest(&mut self) {
        self.encoded = None;
    }
}

/// Runs the life of a link until it ends or is closed.
fn spawn(outbox: Rc<Outbox>, link: LinkId, listener: impl Listener, life: impl Future<Output = LinkEnd> + 'static) {
    let task = async move {
        // glommio polls a new task at once, while whoever makes it holds the bus.
        yield_now().await;
        let end = or(async { Some(life.await) }, async {
            outbox.closed().await;
            None
        });
        if let Some(end) = end.await {
            listener.ended(link, end);
        }
    };
    glommio::spawn_local(task).detach();
}

/// Takes the links that other nodes make, for as long as the node runs.
pub(super) async fn accept(listening: TcpListener, listener: impl Listener) {
    loop {
        match listening.accept().await {
            Ok(stream) => take_in(stream, listener.clone()),
            Err(error) => {
                // Most likely no descriptor is left. The kernel keeps who waits.
                log::warn!("Error accepting cluster node: {error}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn take_in(stream: TcpStream, listener: impl Listener) {
    let outbox = Rc::new(Outbox::default());
    let Some(link) = listener.accepted(outbox.clone()) else { return };
    spawn(outbox.clone(), link, listener.clone(), async move {
        let Ok(peer) = stream.peer_addr() else { return LinkEnd::Lost };
        let ip = peer.ip().to_canonical().to_string();
        converse(stream, link, &ip, &outbox, &listener).await
    });
}

/// The address of a host. A name is looked up beside this thread.
async fn resolve(host: String, port: u16) -> io::Result<IpAddr> {
    if let Ok(ip) = host.parse() {
        return Ok(ip);
    }
    let found = glommio::executor().spawn_blocking(move || (host.as_str(), port).to_socket_addrs()).await?;
    // IPv4 first: what a node is told to listen on by default is more often that.
    let addresses = found.map(|address| address.ip());
    addresses.min_by_key(IpAddr::is_ipv6).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such host"))
}

/// Connects to a host: nodes may announce a name in place of their address. Where the source address can't be had, it
/// goes without, as in Redis.
pub(super) async fn dial(host: String, port: u16, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let ip = resolve(host, port).await?;
    let address = SocketAddr::new(ip, port);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&keepalive())?;
    if let Some(source) = source.filter(|source| source.is_ipv4() == ip.is_ipv4())
        && let Err(error) = socket.bind(&SocketAddr::new(source, 0).into())
    {
        log::warn!("Connecting to a cluster node from {source}: {error}");
    }
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
        _ => {}
    }
    let mut stream: TcpStream = adopt(socket);
    // A socket can be written to once it is connected, even if it is nothing.
    stream.write(&[]).await?;
    Ok(stream)
}

/// How a dead peer is found out where nobody speaks.
pub fn keepalive() -> TcpKeepalive {
    const SECONDS: Duration = Duration::from_secs(30);
    TcpKeepalive::new().with_time(SECONDS).with_interval(SECONDS / 3)
}

fn end_of(error: &io::Error) -> LinkEnd {
    if error.raw_os_error() == Some(libc::ECONNREFUSED) { LinkEnd::Refused } else { LinkEnd::Lost }
}

/// Reads and writes until either ends.
async fn converse(stream: TcpStream, link: LinkId, ip: &str, outbox: &Outbox, listener: &impl Listener) -> LinkEnd {
    let local = stream.local_addr().map(|address| address.ip().to_canonical().to_string()).unwrap_or_default();
    let (mut reading, mut writing) = futures_lite::io::split(stream);
    listener.opened(link, ip, &local);
    let read = async {
        if let Err(error) = read(&mut reading, link, ip, outbox, listener).await {
            log::debug!("Cluster bus link from or to {ip}: {error}");
        }
    };
    let write = async {
        while let Some(frame) = outbox.next().await {
            if writing.write_all(&frame).await.is_err() {
                break;
            }
            outbox.sent(frame.len());
        }
    };
    or(read, write).await;
    LinkEnd::Lost
}

async fn read(
    reading: &mut (impl AsyncReadExt + Unpin),
    link: LinkId,
    ip: &str,
    outbox: &Outbox,
    listener: &impl Listener,
) -> io::Result<()> {
    let mut input = Vec::new();
    let mut chunk = vec![0; limits::LINK_READ];
    loop {
        let count = reading.read(&mut chunk).await?;
        if count == 0 {
            return Ok(());
        }
        input.extend_from_slice(&chunk[..count]);
        let mut used = 0;
        while !outbox.is_closed() {
            let rest = &input[used..];
            let need = codec::need(rest).map_err(io::Error::other)?;
            let Some(frame) = rest.get(..need) else { break };
            listener.received(link, ip, frame);
            used += need;
        }
        if outbox.is_closed() {
            return Ok(());
        }
        input.drain(..used);
        if input.is_empty() {
            input.shrink_to(limits::LINK_READ);
        }
        glommio::yield_if_needed().await;
    }
}

//! The sockets the node listens on: which there are, for which core, and how they change while it runs.
//!
//! Owned by the bus core, which binds them. The data cores accept on duplicates: core 0 on the canonical port and the
//! Unix socket, whose connections are handed out to all cores in turn; each core on its own port, if core ports are on.
//!
//! CONFIG SET of `port` and `bind`: the old listeners are shut first, since new ones may want the same addresses, and
//! listen again if the new ones can't be had. Whatever comes of it, every core is told what to accept on now.

use super::boot::StartError;
use super::config::Config;
use crate::cores::bus_links;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the start waits for an address that is in use. Of a process that was killed, the kernel closes what its rings
/// had some ten milliseconds after it has gone, and whoever starts nodes may be quicker.
const PREDECESSOR: Duration = Duration::from_secs(1);

/// What one data core accepts on; true: connections are handed out to all cores.
pub type Share = Vec<(OwnedFd, bool)>;

/// All listeners of the node.
pub struct Listeners {
    tcp: Vec<Listener>,
    unix: Option<(UnixListener, PathBuf)>,
    cores: usize,
}

struct Listener {
    socket: TcpListener,
    /// The core that accepts on it.
    core: usize,
    handed_out: bool,
}

impl Listeners {
    /// Binds all that the configuration asks for.
    ///
    /// # Errors
    /// Names the address that can't be had.
    pub fn open(config: &Config, cores: usize) -> Result<Listeners, StartError> {
        let tcp = bind_all(config, cores, PREDECESSOR)?;
        let unix = match config.path("unixsocket") {
            Some(path) => Some((bind_unix(&path, config.number("unixsocketperm"))?, path)),
            None => None,
        };
        // While it runs, a node may be told to listen nowhere (`bind ""`).
        if config.number::<u16>("port") != 0 && unix.is_none() && !tcp.iter().any(|listener| listener.handed_out) {
            return Err("Configured to not listen anywhere, exiting.".into());
        }
        Ok(Listeners { tcp, unix, cores })
    }

    /// Duplicates for the data cores, in their order.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn shares(&self) -> io::Result<Vec<Share>> {
        let mut shares: Vec<Share> = (0..self.cores).map(|_| Vec::new()).collect();
        for listener in &self.tcp {
            shares[listener.core].push((listener.socket.try_clone()?.into(), listener.handed_out));
        }
        if let Some((socket, _)) = &self.unix {
            shares[0].push((socket.try_clone()?.into(), true));
        }
        Ok(shares)
    }

    /// Follows a change of `port` or `bind`. After an error the old listeners listen again.
    ///
    /// # Errors
    /// Names the address that can't be had.
    pub fn reopen(&mut self, config: &Config) -> Result<(), StartError> {
        self.shut();
        match bind_all(config, self.cores, Duration::ZERO) {
            Ok(tcp) => self.tcp = tcp,
            Err(error) => {
                for listener in &self.tcp {
                    socket2::SockRef::from(&listener.socket).listen(config.number("tcp-backlog"))?;
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes no more connections, also where a data core has a duplicate: whoever finds its connection closed, which
    /// another core does perhaps before that one, is to find nobody listening. The Unix socket's file goes.
    pub fn close(&mut self) {
        self.shut();
        self.tcp.clear();
        if let Some((_, path)) = self.unix.take() {
            let _ = std::fs::remove_file(path);
        }
    }

    fn shut(&self) {
        for listener in &self.tcp {
            // One that is not listening any more has what it should have.
            let _ = socket2::SockRef::from(&listener.socket).shutdown(Shutdown::Both);
        }
    }
}

fn bind_all(config: &Config, cores: usize, patience: Duration) -> Result<Vec<Listener>, StartError> {
    let port: u16 = config.number("port");
    let backlog: i32 = config.number("tcp-backlog");
    let base: u16 = config.number("core-port-base");
    let mut all = Vec::new();
    for address in config.bind() {
        let address = String::from_utf8_lossy(address);
        if port != 0
            && let Some(socket) = bind(&address, port, backlog, patience)?
        {
            all.push(Listener { socket, core: 0, handed_out: true });
        }
        for core in (0..cores).filter(|_| base != 0) {
            let port = base.checked_add(core as u16).ok_or("core-port-base is too high for this many data cores")?;
            if let Some(socket) = bind(&address, port, backlog, patience)? {
                all.push(Listener { socket, core, handed_out: false });
            }
        }
    }
    Ok(all)
}

/// A listener; none if the address may be missing (`-::1`) and is.
fn bind(address: &str, port: u16, backlog: i32, patience: Duration) -> Result<Option<TcpListener>, StartError> {
    const PAUSE: Duration = Duration::from_millis(5);
    let (name, optional) = address.strip_prefix('-').map_or((address, false), |name| (name, true));
    let end = Instant::now() + patience;
    let mut bound = try_bind(name, port, backlog);
    while matches!(&bound, Err(error) if error.kind() == io::ErrorKind::AddrInUse) && Instant::now() < end {
        std::thread::sleep(PAUSE);
        bound = try_bind(name, port, backlog);
    }
    match bound {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if optional && error.kind() != io::ErrorKind::AddrInUse => Ok(None),
        Err(error) => {
            let cure = match error.kind() {
                io::ErrorKind::AddrInUse => {
                    " Cure: stop what uses the port, or choose others (port, core-port-base, cluster-port)."
                }
                io::ErrorKind::AddrNotAvailable => " Cure: let bind name addresses that this host has.",
                _ => "",
            };
            Err(format!(
                "Could not create server TCP listening socket {name}:{port}: bind: {error}.{cure} \
                 Failed listening on port {port} (TCP), aborting."
            )
            .into())
        }
    }
}

fn try_bind(name: &str, port: u16, backlog: i32) -> io::Result<TcpListener> {
    let address: SocketAddr = match name {
        "*" => SocketAddr::from(([0, 0, 0, 0], port)),
        "::*" => SocketAddr::from(([0u16; 8], port)),
        name => (name, port).to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?,
    };
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// The listeners of the cluster bus, which stay as they are for as long as the node runs. What is accepted from them
/// has their options.
///
/// # Errors
/// Names the address that can't be had.
pub fn bind_bus(config: &Config, port: u16) -> Result<Vec<TcpListener>, StartError> {
    const BACKLOG: i32 = 511;
    let mut listeners = Vec::new();
    for address in config.bind() {
        let address = String::from_utf8_lossy(address);
        let Some(listener) = bind(&address, port, BACKLOG, PREDECESSOR)? else { continue };
        let socket = socket2::SockRef::from(&listener);
        socket.set_tcp_nodelay(true)?;
        socket.set_tcp_keepalive(&bus_links::keepalive())?;
        listeners.push(listener);
    }
    if listeners.is_empty() {
        return Err(format!("Failed listening on port {port} (cluster), aborting.").into());
    }
    Ok(listeners)
}

/// The Unix socket. A file that is in the way is taken for a dead node's, as Redis does.
fn bind_unix(path: &Path, mode: u32) -> Result<UnixListener, StartError> {
    let refused = |error| format!("Failed opening Unix socket {}: bind: {error}", path.display());
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path).map_err(refused)?;
    if mode != 0 {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).map_err(refused)?;
    }
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    fn config(lines: String) -> Config {
        let mut config = Config::default();
        config.load_text(lines.as_bytes()).unwrap();
        config
    }

    /// Two ports that nobody has; they stay bound until dropped.
    fn two_ports() -> (TcpListener, TcpListener, u16, u16) {
        let (first, second) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let (a, b) = (first.local_addr().unwrap().port(), second.local_addr().unwrap().port());
        (first, second, a, b)
    }

    #[test]
    fn a_port_that_is_taken_leaves_the_old_listener_listening() {
        let (first, taken, port, other) = two_ports();
        drop(first);
        let mut listeners = Listeners::open(&config(format!("bind 127.0.0.1\nport {port}\n")), 2).unwrap();
        let error = listeners.reopen(&config(format!("bind 127.0.0.1\nport {other}\n"))).unwrap_err();
        assert!(error.to_string().contains(&other.to_string()), "{error}");
        assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
        drop(taken);
        listeners.reopen(&config(format!("bind 127.0.0.1\nport {other}\n"))).unwrap();
        assert!(TcpStream::connect(("127.0.0.1", other)).is_ok() && TcpStream::connect(("127.0.0.1", port)).is_err());
    }

    #[test]
    fn a_node_that_ends_listens_no_more_though_its_data_cores_have_their_duplicates() {
        let (first, _second, port, _) = two_ports();
        drop(first);
        let mut listeners = Listeners::open(&config(format!("bind 127.0.0.1\nport {port}\n")), 2).unwrap();
        let shares = listeners.shares().unwrap();
        assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
        listeners.close();
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        drop(shares);
    }

    #[test]
    fn a_node_that_starts_waits_for_the_sockets_of_one_that_was_killed() {
        let (taken, _second, port, _) = two_ports();
        let starting =
            std::thread::spawn(move || Listeners::open(&config(format!("bind 127.0.0.1\nport {port}\n")), 1));
        drop(taken);
        assert!(starting.join().unwrap().is_ok());
    }

    #[test]
    fn an_address_may_become_wider_on_the_same_port() {
        let (first, _second, port, _) = two_ports();
        drop(first);
        let mut listeners = Listeners::open(&config(format!("bind 127.0.0.1\nport {port}\n")), 1).unwrap();
        listeners.reopen(&config(format!("bind *\nport {port}\n"))).unwrap();
        assert!(TcpStream::connect(("127.0.0.2", port)).is_ok());
        assert_eq!(listeners.shares().unwrap()[0].len(), 1);
    }

    #[test]
    fn a_unix_socket_is_for_core_0_and_goes_with_the_node() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let lines = format!("port 0\nunixsocket {}\nunixsocketperm 700\n", path.display());
        let mut listeners = Listeners::open(&config(lines), 2).unwrap();
        let shares: Vec<usize> = listeners.shares().unwrap().iter().map(Vec::len).collect();
        assert_eq!(shares, [1, 0]);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        listeners.close();
        assert!(!path.exists());
    }
}

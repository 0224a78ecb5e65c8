//! Where the node listens: binds what the configuration says, and follows it while the node runs.
//!
//! Owned by the bus core. A data core accepts on a duplicate of each socket; shutting the socket down here
//! ends its accepting there (`accept` then fails with EINVAL), so nothing has to be agreed on.

use super::config::Config;
use crate::base::ids::CoreId;
use socket2::SockRef;
use std::net::{Shutdown, SocketAddr, TcpListener, ToSocketAddrs};

/// Why the node can't listen as it is told.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// An address can't be bound.
    #[error("Could not create server TCP listening socket {name}:{port}: bind: {error}. Cure: stop what uses the port, or choose another with --port")]
    Bind {
        /// The address, as it is configured.
        name: String,
        /// The port.
        port: u16,
        /// The kernel's reason.
        error: std::io::Error,
    },
    /// The last core's port would be beyond 65535.
    #[error("core-port-base is too high for this many data cores")]
    CorePorts,
    /// None of the configured addresses exists on this machine.
    #[error("Configured to not listen anywhere, exiting.")]
    Nowhere,
}

/// An address of the node, and who serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    name: String,
    port: u16,
    core: CoreId,
    /// Whether its connections are handed out to all cores.
    hand_out: bool,
}

/// A socket on its way to the data core that will accept on it.
pub struct Accepting {
    /// The core.
    pub core: CoreId,
    /// The socket.
    pub socket: TcpListener,
    /// Whether its connections are handed out to all cores.
    pub hand_out: bool,
}

/// The sockets the node listens on.
#[derive(Default)]
pub struct Listeners {
    bound: Vec<(Place, TcpListener)>,
}

impl Listeners {
    /// Binds all that `config` names; the sockets to accept on.
    pub fn open(config: &Config, cores: usize) -> Result<(Listeners, Vec<Accepting>), Refusal> {
        let mut listeners = Listeners::default();
        let accepting = listeners.bind(&places(config, cores)?, config.number("tcp-backlog"))?;
        let somewhere = config.number::<u16>("port") == 0 || config.bind().is_empty() || !accepting.is_empty();
        if somewhere { Ok((listeners, accepting)) } else { Err(Refusal::Nowhere) }
    }

    /// Follows a changed configuration; the sockets to accept on, and whether that is a success. After a failure they
    /// are those that had to be closed for the attempt and are open again.
    pub fn follow(&mut self, config: &Config, cores: usize) -> (Vec<Accepting>, Result<(), Refusal>) {
        let wanted = match places(config, cores) {
            Ok(wanted) => wanted,
            Err(refusal) => return (Vec::new(), Err(refusal)),
        };
        let backlog = config.number("tcp-backlog");
        let is_new = |place: &&Place| self.bound.iter().all(|(bound, _)| bound != *place);
        let fresh: Vec<Place> = wanted.iter().filter(is_new).cloned().collect();
        // What is new is bound beside what goes, so that nobody is refused meanwhile; unless they overlap, as `*` and
        // an address of the same port do.
        let beside = self.bind(&fresh, backlog);
        let gone = self.close_others(&wanted);
        match beside.or_else(|_| self.bind(&fresh, backlog)) {
            Ok(accepting) => (accepting, Ok(())),
            Err(refusal) => (self.bind(&gone, backlog).unwrap_or_default(), Err(refusal)),
        }
    }

    /// Binds all of `places`, or none.
    fn bind(&mut self, places: &[Place], backlog: i32) -> Result<Vec<Accepting>, Refusal> {
        let mut fresh = Vec::new();
        let mut accepting = Vec::new();
        for place in places {
            let (name, optional) = place.name.strip_prefix('-').map_or((&*place.name, false), |name| (name, true));
            let both = try_bind(name, place.port, backlog).and_then(|socket| Ok((socket.try_clone()?, socket)));
            match both {
                Ok((socket, ours)) => {
                    accepting.push(Accepting { core: place.core, socket, hand_out: place.hand_out });
                    fresh.push((place.clone(), ours));
                }
                Err(error) if optional && error.kind() != std::io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(Refusal::Bind { name: name.to_owned(), port: place.port, error }),
            }
        }
        self.bound.extend(fresh);
        Ok(accepting)
    }

    /// Ends the listening at places other than these; where that was.
    fn close_others(&mut self, places: &[Place]) -> Vec<Place> {
        let others = self.bound.extract_if(.., |(place, _)| !places.contains(place));
        let hang_up = |(place, socket): (Place, TcpListener)| {
            if let Err(error) = SockRef::from(&socket).shutdown(Shutdown::Both) {
                log::warn!("Port {} could not be closed: {error}", place.port);
            }
            place
        };
        others.map(hang_up).collect()
    }
}

/// The places `config` names.
fn places(config: &Config, cores: usize) -> Result<Vec<Place>, Refusal> {
    let port: u16 = config.number("port");
    let base: u16 = config.number("core-port-base");
    let mut places = Vec::new();
    for name in config.bind() {
        let name = String::from_utf8_lossy(name).into_owned();
        if port != 0 {
            places.push(Place { name: name.clone(), port, core: CoreId(0), hand_out: true });
        }
        for core in (0..cores as u8).filter(|_| base != 0) {
            let port = base.checked_add(u16::from(core)).ok_or(Refusal::CorePorts)?;
            places.push(Place { name: name.clone(), port, core: CoreId(core), hand_out: false });
        }
    }
    Ok(places)
}

fn try_bind(name: &str, port: u16, backlog: i32) -> std::io::Result<TcpListener> {
    let address: SocketAddr = match name {
        "*" => SocketAddr::from(([0, 0, 0, 0], port)),
        "::*" => SocketAddr::from(([0u16; 8], port)),
        name => (name, port).to_socket_addrs()?.next().ok_or(std::io::ErrorKind::AddrNotAvailable)?,
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::net::TcpStream;

    fn at(name: &str, port: u16) -> Place {
        Place { name: name.to_owned(), port, core: CoreId(0), hand_out: true }
    }

    #[test]
    fn a_place_that_is_closed_refuses_though_a_data_core_still_has_its_socket() {
        let mut listeners = Listeners::default();
        let accepting = listeners.bind(&[at("127.0.0.1", 0)], 1).unwrap();
        let port = accepting[0].socket.local_addr().unwrap();
        TcpStream::connect(port).unwrap();
        assert_eq!(listeners.close_others(&[]).len(), 1);
        assert_eq!(TcpStream::connect(port).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(accepting[0].socket.accept().and_then(|_| accepting[0].socket.accept()).unwrap_err().raw_os_error(), Some(libc::EINVAL));
    }

    #[test]
    fn of_several_places_all_are_bound_or_none() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let mut listeners = Listeners::default();
        assert!(listeners.bind(&[at("127.0.0.1", 0), at("127.0.0.1", port)], 1).is_err());
        assert!(listeners.bound.is_empty());
    }
}

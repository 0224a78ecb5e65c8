//! Connections that leave this core for the bus core: those of replicas.
//!
//! A socket is in the ring's file table. First its receive must have ended, so that no byte is lost; then the ring makes a
//! descriptor of it, which goes to the bus core with all that was received. Kernels before 6.8 can't do that: there a
//! second descriptor of each connection is kept from its start.

use super::DataCore;
use crate::data::plane::message::Message;
use crate::data::plane::replica::Departure;
use crate::ring::Socket;
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;

/// See the module's header.
#[derive(Default)]
pub(super) struct Departures {
    leaving: HashMap<Socket, Box<Departure>>,
    /// Second descriptors, where the ring can't make them.
    spares: HashMap<Socket, OwnedFd>,
}

impl Departures {
    /// Whether this socket is leaving.
    pub fn has(&self, socket: Socket) -> bool {
        !self.leaving.is_empty() && self.leaving.contains_key(&socket)
    }

    /// Bytes came from a socket, which may be leaving.
    pub fn hear(&mut self, socket: Socket, bytes: &[u8]) {
        if !self.leaving.is_empty()
            && let Some(departure) = self.leaving.get_mut(&socket)
        {
            departure.said.extend_from_slice(bytes);
        }
    }

    /// Keeps a second descriptor of a new connection.
    pub fn keep(&mut self, socket: Socket, fd: &OwnedFd) {
        if let Ok(fd) = fd.try_clone() {
            self.spares.insert(socket, fd);
        }
    }

    /// A socket is being closed.
    pub fn forget(&mut self, socket: Socket) {
        self.spares.remove(&socket);
    }
}

impl DataCore {
    /// A client has become a replica, and has all its replies.
    pub(super) fn depart(&mut self, socket: Socket, departure: Box<Departure>) {
        self.departures.leaving.insert(socket, departure);
        if self.sockets.stop(&mut self.ring, socket) {
            self.ring.install(socket);
        }
    }

    /// The descriptor is here, or can't be had.
    pub(super) fn departed(&mut self, socket: Socket, fd: io::Result<OwnedFd>) {
        let Some(mut departure) = self.departures.leaving.remove(&socket) else { return };
        let spare = self.departures.spares.remove(&socket);
        match fd.or_else(|error| spare.ok_or(error)) {
            Ok(fd) => {
                departure.fd = Some(fd);
                let bus = self.plane.bus();
                self.plane.outgoing.push((bus, Message::Depart(departure)));
            }
            Err(error) => log::warn!("A replica's connection can't be taken from the ring: {error}"),
        }
        self.sockets.close(&mut self.ring, socket);
    }
}

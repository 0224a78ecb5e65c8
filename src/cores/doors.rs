//! The doors of a data core: the listeners it accepts on.
//!
//! They are watched through one epoll descriptor, and the ring watches that. The ring must not hold a listener itself:
//! what a ring holds outlives a killed process for a moment, and for that long the port would be taken and clients
//! would connect to nobody. An epoll descriptor keeps none of the sockets in it alive.

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use socket2::Socket;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Connections taken from one listener before others get their turn.
const AT_ONCE: usize = 64;

/// See the module's header.
pub struct Doors {
    epoll: OwnedFd,
    listeners: Vec<(Socket, bool)>,
}

impl Doors {
    /// No doors yet.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new() -> io::Result<Doors> {
        Ok(Doors { epoll: epoll::create(CreateFlags::CLOEXEC)?, listeners: Vec::new() })
    }

    /// Accepts on these from now on, and on no others; true: connections are handed out to all cores.
    pub fn replace(&mut self, listeners: Vec<(OwnedFd, bool)>) -> io::Result<()> {
        for (listener, _) in self.listeners.drain(..) {
            // Other descriptors of the socket may stay open, so it does not leave by itself.
            let _ = epoll::delete(&self.epoll, &listener);
        }
        for (fd, hand_out) in listeners {
            let listener = Socket::from(fd);
            listener.set_nonblocking(true)?;
            epoll::add(&self.epoll, &listener, EventData::new_u64(0), EventFlags::IN)?;
            self.listeners.push((listener, hand_out));
        }
        Ok(())
    }

    /// The descriptor that is readable when somebody is at a door.
    pub fn raw_fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }

    /// Lets in who is at the doors, some at once.
    ///
    /// # Errors
    /// When connections can't be taken (no descriptor left): try again later.
    pub fn open(&mut self, mut let_in: impl FnMut(OwnedFd, bool)) -> io::Result<()> {
        let mut trouble = Ok(());
        self.listeners.retain(|(listener, hand_out)| {
            for _ in 0..AT_ONCE {
                match listener.accept() {
                    Ok((socket, _)) => let_in(socket.into(), *hand_out),
                    Err(error) => match error.kind() {
                        ErrorKind::WouldBlock => break,
                        ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                        // It was shut, to be replaced.
                        ErrorKind::InvalidInput => {
                            let _ = epoll::delete(&self.epoll, listener);
                            return false;
                        }
                        _ => {
                            trouble = Err(error);
                            break;
                        }
                    },
                }
            }
            true
        });
        trouble
    }
}

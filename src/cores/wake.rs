//! Waking threads that sleep in the kernel. A data core is woken by another data core through its ring,
//! and by the bus core through a socket that its ring watches; the bus core by writing to its socket.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

/// The end that is written to.
#[derive(Debug)]
pub struct Bell(UnixStream);

/// The end that becomes readable.
#[derive(Debug)]
pub struct Ear(UnixStream);

/// A bell and the ear that hears it.
pub fn bell() -> io::Result<(Bell, Ear)> {
    let (bell, ear) = UnixStream::pair()?;
    bell.set_nonblocking(true)?;
    ear.set_nonblocking(true)?;
    Ok((Bell(bell), Ear(ear)))
}

impl Bell {
    /// Wakes the listener. A full socket is fine: then it is awake or about to be.
    pub fn ring(&self) {
        let _ = (&self.0).write(&[1]);
    }

    /// Another handle on the same bell.
    pub fn try_clone(&self) -> io::Result<Bell> {
        self.0.try_clone().map(Bell)
    }

    /// The descriptor, for a ring to write to.
    pub fn raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Ear {
    /// The descriptor, for a ring to watch.
    pub fn raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Forgets all rings so far.
    pub fn hush(&self) {
        let mut sink = [0; 64];
        while matches!((&self.0).read(&mut sink), Ok(count) if count == sink.len()) {}
    }

    /// The stream itself.
    pub fn into_stream(self) -> UnixStream {
        self.0
    }
}

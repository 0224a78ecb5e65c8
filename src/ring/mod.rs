//! io_uring for one data core: the only module that talks to the kernel's ring.
//!
//! A [`Ring`] belongs to the thread that made it (`SINGLE_ISSUER`) and never leaves it. Each loop turn
//! makes one `io_uring_enter`: it hands over all sends of the turn and waits for the next completions.
//!
//! Shapes worth knowing:
//! - **Receiving**: one multishot receive a socket, into buffers that the kernel takes from a shared
//!   pool (`buffers`) only when data is there. An idle connection holds no buffer.
//! - **Sending**: all replies of a turn lie in one buffer ([`Outbox`]). Its sends are `MSG_DONTWAIT |
//!   MSG_WAITALL` with `IOSQE_CQE_SKIP_SUCCESS`: the kernel either takes everything while it processes
//!   the submission, and then says nothing, or reports at once how much it took. Either way nobody but
//!   us holds the buffer when the enter returns, so the next turn reuses it. What a full socket left
//!   over is sent from a buffer of its own ([`Ring::send_owned`]) that the ring keeps until it is done.
//! - **Sockets** are direct descriptors: slot `i` of the ring's file table is connection `i`.
#![allow(unsafe_code)] // Submission entries carry raw addresses; every one is proved where it is pushed.

mod buffers;
mod setup;

pub use buffers::BufferId;
pub use setup::{RingOptions, Unavailable};

use buffers::BufferPool;
use io_uring::squeue::Flags;
use io_uring::{IoUring, cqueue, opcode, squeue, types};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// A connection as the ring knows it: its slot in the file table and a generation that tells it from
/// earlier users of the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Socket {
    /// Slot in the ring's file table.
    pub slot: u32,
    /// Lives of this slot so far, modulo 2^24.
    pub generation: u32,
}

/// What the kernel finished.
#[derive(Debug)]
pub enum Completion {
    /// Bytes from a socket: buffer and length. Give the buffer back with [`Ring::release`].
    Received(Socket, BufferId, usize),
    /// The socket's receive has ended: by the peer's end of stream (`Ok`), by an error, or because no
    /// buffer was free (`ENOBUFS`). It is no longer armed.
    ReceiveEnded(Socket, io::Result<()>),
    /// A planned send of the last turn took only this many bytes (0: none); or failed.
    SendShort(u32, io::Result<usize>),
    /// An owned send is over; the buffer comes back, all of it sent or an error.
    Sent(Socket, Vec<u8>, io::Result<()>),
    /// A socket is here as a descriptor of its own; or not.
    Installed(Socket, io::Result<OwnedFd>),
    /// Another core rang.
    Woken,
    /// The descriptor given to [`Ring::watch`] is readable.
    Readable(u16),
}

/// The replies of one turn and who gets which part of them.
#[derive(Default)]
pub struct Outbox {
    /// All bytes to send.
    pub bytes: Vec<u8>,
    /// Parts of `bytes`, one a socket at most.
    pub sends: Vec<PlannedSend>,
}

/// One socket's part of an [`Outbox`].
#[derive(Clone, Copy, Debug)]
pub struct PlannedSend {
    /// Who gets it.
    pub socket: Socket,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Outbox {
    /// Empties it, keeping a bounded amount of memory.
    pub fn clear(&mut self, keep: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(keep);
        self.sends.clear();
    }
}

/// How long a turn may sleep.
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    /// Not at all.
    Poll,
    /// Until something completes or this much time has passed.
    AtMost(Duration),
    /// The same, but while fewer than `events` have completed, sleep on for `patience`: fewer and fuller turns.
    /// On kernels before 6.12, which can't, the same as `AtMost`.
    Gather {
        /// How many completions end the sleep at once.
        events: usize,
        /// How long fewer than that may be kept waiting.
        patience: Duration,
        /// How long to sleep at most while nothing completes.
        time: Duration,
    },
}

/// One core's ring.
pub struct Ring {
    uring: IoUring,
    buffers: BufferPool,
    /// Buffers of owned sends in flight, by index; the kernel reads them until their completion.
    owned: Vec<Option<(Socket, Vec<u8>)>>,
    owned_free: Vec<u32>,
    can_install: bool,
}

/// What a completion answers, in the top byte of its user data.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Op {
    Ignore = 0,
    Receive = 2,
    Send = 3,
    OwnedSend = 4,
    Wake = 5,
    Watch = 6,
    Install = 7,
}

const GENERATION_BITS: u32 = 24;

fn user_data(op: Op, generation: u32, low: u32) -> u64 {
    (op as u64) << 56 | u64::from(generation & ((1 << GENERATION_BITS) - 1)) << 32 | u64::from(low)
}

impl Ring {
    /// Sets up a ring for the calling thread.
    ///
    /// # Errors
    /// [`Unavailable`] says why there is none and what helps (old kernel, seccomp, limits).
    pub fn new(options: RingOptions) -> Result<Ring, Unavailable> {
        let (uring, can_install) = setup::build(&options)?;
        let buffers = BufferPool::register(&uring, options.buffers, options.buffer_size)?;
        Ok(Ring { uring, buffers, owned: Vec::new(), owned_free: Vec::new(), can_install })
    }

    /// The descriptor other rings ring at.
    pub fn raw_fd(&self) -> RawFd {
        self.uring.as_raw_fd()
    }

    /// Reports once when `fd` becomes readable.
    pub fn watch(&mut self, fd: RawFd, number: u16) {
        let entry = opcode::PollAdd::new(types::Fd(fd), libc::POLLIN as u32).build().user_data(user_data(
            Op::Watch,
            0,
            u32::from(number),
        ));
        self.push(entry);
    }

    /// Puts `fd` into the file table as `socket`; the table then is its only owner.
    pub fn adopt(&mut self, socket: Socket, fd: OwnedFd) -> io::Result<()> {
        self.uring.submitter().register_files_update(socket.slot, &[fd.as_raw_fd()]).map(drop)
    }

    /// Receives from `socket` until [`Completion::ReceiveEnded`].
    pub fn receive(&mut self, socket: Socket) {
        let entry = opcode::RecvMulti::new(types::Fixed(socket.slot), BufferPool::GROUP).build().user_data(user_data(
            Op::Receive,
            socket.generation,
            socket.slot,
        ));
        self.push(entry);
    }

    /// Ends a receive early; its [`Completion::ReceiveEnded`] still comes.
    pub fn stop_receiving(&mut self, socket: Socket) {
        self.cancel(user_data(Op::Receive, socket.generation, socket.slot));
    }

    /// Sends all of `bytes`, however long it takes; [`Completion::Sent`] gives the buffer back.
    pub fn send_owned(&mut self, socket: Socket, bytes: Vec<u8>) {
        let index = self.owned_free.pop().unwrap_or_else(|| {
            self.owned.push(None);
            self.owned.len() as u32 - 1
        });
        let entry = opcode::Send::new(types::Fixed(socket.slot), bytes.as_ptr(), bytes.len() as u32)
            .flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL)
            .build()
            .user_data(user_data(Op::OwnedSend, socket.generation, index));
        self.owned[index as usize] = Some((socket, bytes));
        // The heap block of `bytes` stays where it is: it is kept, unchanged, in `owned` until the
        // completion with this index, and `Ring`'s drop ends the kernel's use before `owned` is freed.
        self.push(entry);
    }

    /// Ends both directions of `socket`, so that a send in flight fails soon.
    pub fn shutdown(&mut self, socket: Socket) {
        let entry = opcode::Shutdown::new(types::Fixed(socket.slot), libc::SHUT_RDWR).build().user_data(user_data(
            Op::Ignore,
            0,
            0,
        ));
        self.push(entry.flags(Flags::SKIP_SUCCESS));
    }

    /// Makes a descriptor of its own for the connection of `socket`: see [`Completion::Installed`]. The socket stays in
    /// the file table until it is closed there. Needs Linux 6.8 ([`can_install`](Ring::can_install)).
    pub fn install(&mut self, socket: Socket) {
        let data = user_data(Op::Install, socket.generation, socket.slot);
        self.push(opcode::FixedFdInstall::new(types::Fixed(socket.slot), 0).build().user_data(data));
    }

    /// Whether [`install`](Ring::install) works here.
    pub fn can_install(&self) -> bool {
        self.can_install
    }

    /// Closes `socket`. No receive or send of it may be in flight.
    pub fn close(&mut self, socket: Socket) {
        let entry = opcode::Close::new(types::Fixed(socket.slot)).build().user_data(user_data(Op::Ignore, 0, 0));
        self.push(entry.flags(Flags::SKIP_SUCCESS));
    }

    /// Wakes the thread that sleeps in the ring `target`.
    pub fn wake(&mut self, target: RawFd) {
        let entry = opcode::MsgRingData::new(types::Fd(target), 0, user_data(Op::Wake, 0, 0), None)
            .build()
            .user_data(user_data(Op::Ignore, 0, 0));
        self.push(entry.flags(Flags::SKIP_SUCCESS));
    }

    /// Writes the 8 bytes of `one` to `eventfd`: wakes a thread that sleeps on it.
    pub fn signal(&mut self, eventfd: RawFd) {
        static ONE: u64 = 1;
        let entry = opcode::Write::new(types::Fd(eventfd), (&raw const ONE).cast(), 8).build().user_data(user_data(
            Op::Ignore,
            0,
            0,
        ));
        self.push(entry.flags(Flags::SKIP_SUCCESS));
    }

    /// The bytes of a received buffer.
    pub fn buffer(&self, buffer: &BufferId, length: usize) -> &[u8] {
        self.buffers.bytes(buffer, length)
    }

    /// Gives a buffer back to the kernel.
    pub fn release(&mut self, buffer: BufferId) {
        self.buffers.release(buffer);
    }

    /// One turn: hands over everything pushed and the sends of `outbox`, then waits as told.
    ///
    /// When it returns, no send refers to `outbox` any more; short ones are among the completions.
    ///
    /// # Errors
    /// Only what makes the ring unusable.
    pub fn turn(&mut self, outbox: &Outbox, wait: Wait) -> io::Result<()> {
        for (index, send) in outbox.sends.iter().enumerate() {
            let bytes = &outbox.bytes[send.start..send.end];
            let entry = opcode::Send::new(types::Fixed(send.socket.slot), bytes.as_ptr(), bytes.len() as u32)
                .flags(libc::MSG_DONTWAIT | libc::MSG_WAITALL | libc::MSG_NOSIGNAL)
                .build()
                .flags(Flags::SKIP_SUCCESS)
                .user_data(user_data(Op::Send, send.socket.generation, index as u32));
            // MSG_DONTWAIT makes the kernel finish with `bytes` while it processes the submission, and
            // this function does not return before the submission queue is empty (see `enter`).
            self.push(entry);
        }
        self.buffers.publish();
        self.enter(wait)
    }

    /// Takes all completions there are, in order.
    pub fn completions(&mut self, out: &mut Vec<Completion>) {
        // The queue borrows the ring; a completion's bookkeeping needs the rest of it. The buffer pool and
        // the owned sends are separate fields, so split the borrow by hand.
        let Ring { uring, buffers, owned, owned_free, .. } = self;
        for entry in uring.completion() {
            decode(&entry, buffers, owned, owned_free, out);
        }
    }

    fn push(&mut self, entry: squeue::Entry) {
        loop {
            // SAFETY: every address in `entry` is valid until its completion:
            // - planned sends: see `turn`; owned sends: see `send_owned`; `signal`: a static;
            // - receives name only the buffer group, whose memory lives as long as the ring.
            if unsafe { self.uring.submission().push(&entry) }.is_ok() {
                return;
            }
            // Full: hand over what is there. An error here shows again, and is reported, in `enter`.
            let _ = self.uring.submit();
        }
    }

    fn cancel(&mut self, target: u64) {
        let entry = opcode::AsyncCancel::new(target).build().user_data(user_data(Op::Ignore, 0, 0));
        self.push(entry.flags(Flags::SKIP_SUCCESS));
    }

    fn enter(&mut self, wait: Wait) -> io::Result<()> {
        let mut wait = wait;
        loop {
            let result = match wait {
                Wait::Poll => self.uring.submit(),
                Wait::AtMost(time) => {
                    let time = types::Timespec::from(time);
                    self.uring.submitter().submit_with_args(1, &types::SubmitArgs::new().timespec(&time))
                }
                Wait::Gather { events, patience, time } => {
                    let events = if self.uring.params().is_feature_min_timeout() { events } else { 1 };
                    let time = types::Timespec::from(time);
                    let args = types::SubmitArgs::new().timespec(&time).min_wait_usec(patience.as_micros() as u32);
                    self.uring.submitter().submit_with_args(events, &args)
                }
            };
            match result {
                Ok(_) => {}
                Err(error) => match error.raw_os_error() {
                    Some(libc::ETIME | libc::EINTR | libc::EAGAIN | libc::EBUSY) => {}
                    _ => return Err(error),
                },
            }
            if self.uring.submission().is_empty() {
                return Ok(());
            }
            // Not everything was taken (a signal, or completions must be reaped first): no sleep on the retry.
            wait = Wait::Poll;
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // Owned sends may be in flight: their buffers must outlive the kernel's use of them.
        let cancel = types::CancelBuilder::any();
        let _ = self.uring.submitter().register_sync_cancel(None, cancel);
    }
}

fn decode(
    entry: &cqueue::Entry,
    buffers: &mut BufferPool,
    owned: &mut [Option<(Socket, Vec<u8>)>],
    owned_free: &mut Vec<u32>,
    out: &mut Vec<Completion>,
) {
    let data = entry.user_data();
    let (op, low) = ((data >> 56) as u8, data as u32);
    let socket = Socket { slot: low, generation: (data >> 32) as u32 & ((1 << GENERATION_BITS) - 1) };
    let result = match entry.result() {
        error if error < 0 => Err(io::Error::from_raw_os_error(-error)),
        count => Ok(count as usize),
    };
    let more = cqueue::more(entry.flags());
    match op {
        op if op == Op::Receive as u8 => {
            if let Some(id) = cqueue::buffer_select(entry.flags()) {
                let id = BufferId(id);
                match result {
                    Ok(length) if length > 0 => out.push(Completion::Received(socket, id, length)),
                    _ => buffers.release(id),
                }
            }
            if !more {
                let ended = match result {
                    // Data came and the kernel stopped the multishot: as if buffers had run out.
                    Ok(length) if length > 0 => Err(io::Error::from_raw_os_error(libc::ENOBUFS)),
                    other => other.map(drop),
                };
                out.push(Completion::ReceiveEnded(socket, ended));
            }
        }
        op if op == Op::Send as u8 => {
            let result = match result {
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => Ok(0),
                other => other,
            };
            out.push(Completion::SendShort(low, result));
        }
        op if op == Op::OwnedSend as u8 => {
            let Some((socket, bytes)) = owned.get_mut(low as usize).and_then(Option::take) else { return };
            owned_free.push(low);
            let result = match result {
                Ok(count) if count == bytes.len() => Ok(()),
                Ok(_) => Err(io::ErrorKind::WriteZero.into()),
                Err(error) => Err(error),
            };
            out.push(Completion::Sent(socket, bytes, result));
        }
        op if op == Op::Install as u8 => {
            // SAFETY: a success is the number of a descriptor that the kernel just opened for us, and nobody else has.
            let fd = result.map(|number| unsafe { OwnedFd::from_raw_fd(number as RawFd) });
            out.push(Completion::Installed(socket, fd));
        }
        op if op == Op::Wake as u8 => out.push(Completion::Woken),
        op if op == Op::Watch as u8 => out.push(Completion::Readable(low as u16)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;

//! The plain floor: what io_uring and TCP alone cost here. A server that answers without reading what it is asked.
//!
//! It has the data core's ring and its turn (all that came, one send a client, one system call), and nothing else: no
//! parser, no store. It counts the asterisks that come: `*2` begins a GET and gets `VALUE` bytes, `*3` a SET and gets OK.
//! So it is right only for a load generator whose keys and values hold no asterisk, and a request that comes in two
//! pieces is answered at its first. `scripts/bench --floor` puts it beside the servers: what a server takes above it is
//! the server's own.
//!
//! `cargo run --release --example floor -- --port 7300`; other options of a server are taken and mean nothing.

use coreslot::ring::{Completion, Outbox, PlannedSend, Ring, RingOptions, Socket, Wait};
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// Bytes of a value.
const VALUE: usize = 64;

/// How a data core waits (`cores::data_core::busy`, `batch-wait-us`): for a quarter of those who are connected.
const SHARE: usize = 4;
const FEWEST: usize = 4;
const MOST: usize = 32;
const PATIENCE: Duration = Duration::from_micros(50);
const IDLE: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Floor {
    clients: usize,
    /// SETs so far, for DBSIZE.
    sets: u64,
    /// For each socket, whether its bytes so far end with an asterisk.
    begun: Vec<bool>,
}

impl Floor {
    /// The replies to `input`, behind those to others.
    fn answer(&mut self, slot: usize, input: &[u8], out: &mut Vec<u8>) {
        const GET: [u8; VALUE + 7] = get_reply();
        let begun = self.begun[slot].then_some(0);
        self.begun[slot] = input.last() == Some(&b'*');
        let counts = memchr::memchr_iter(b'*', input).map(|asterisk| asterisk + 1);
        for at in begun.into_iter().chain(counts).filter(|at| *at < input.len()) {
            match (input[at], input.get(at + 4)) {
                (b'2', _) => out.extend_from_slice(&GET),
                // Only DBSIZE is as long as that and alone.
                (b'1', Some(b'6')) => write!(out, ":{}\r\n", self.sets).expect("a Vec takes all"),
                (kind, _) => {
                    self.sets += u64::from(kind == b'3');
                    out.extend_from_slice(b"+OK\r\n");
                }
            }
        }
    }

    /// How long to sleep.
    fn wait(&self) -> Wait {
        match self.clients / SHARE {
            0..FEWEST => Wait::AtMost(IDLE),
            share => Wait::Gather { events: share.min(MOST), patience: PATIENCE, time: IDLE },
        }
    }
}

const fn get_reply() -> [u8; VALUE + 7] {
    let mut reply = [b'x'; VALUE + 7];
    let (head, tail) = (*b"$64\r\n", *b"\r\n");
    let mut at = 0;
    while at < head.len() {
        reply[at] = head[at];
        at += 1;
    }
    (reply[VALUE + 5], reply[VALUE + 6]) = (tail[0], tail[1]);
    reply
}

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let port =
        args.iter().position(|arg| arg == "--port").and_then(|at| args.get(at + 1)?.parse().ok()).unwrap_or(7300);
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    listener.set_nonblocking(true)?;
    let mut ring = Ring::new(RingOptions::default()).map_err(io::Error::other)?;
    ring.watch(listener.as_raw_fd(), 0);
    let (mut floor, mut outbox, mut completions) = (Floor::default(), Outbox::default(), Vec::new());
    loop {
        ring.turn(&outbox, floor.wait())?;
        outbox.clear(1 << 20);
        ring.completions(&mut completions);
        for completion in completions.drain(..) {
            match completion {
                Completion::Received(socket, buffer, length) => {
                    let start = outbox.bytes.len();
                    floor.answer(socket.slot as usize, ring.buffer(&buffer, length), &mut outbox.bytes);
                    outbox.sends.push(PlannedSend { socket, start, end: outbox.bytes.len() });
                    ring.release(buffer);
                }
                Completion::ReceiveEnded(socket, Err(error)) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    ring.receive(socket);
                }
                Completion::ReceiveEnded(socket, _) => {
                    floor.clients -= 1;
                    ring.close(socket);
                }
                Completion::Readable(_) => {
                    while let Ok((stream, _)) = listener.accept() {
                        stream.set_nodelay(true)?;
                        let socket = Socket { slot: floor.begun.len() as u32, generation: 0 };
                        floor.begun.push(false);
                        floor.clients += 1;
                        ring.adopt(socket, OwnedFd::from(stream))?;
                        ring.receive(socket);
                    }
                    ring.watch(listener.as_raw_fd(), 0);
                }
                // A client that does not take its replies loses them: the load is read by who sent it.
                _ => {}
            }
        }
    }
}

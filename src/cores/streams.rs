//! The connections of replication: to this node's primary, and those of its replicas. Bytes in, bytes out.
//!
//! Owned by the bus core. Each is one task, which (connects,) reads and writes until one of these ends or it is closed;
//! what it has to say goes to the [`Bus`](super::bus_core), what is to be done with it comes as [`StreamCommand`]s.
//!
//! Invariants: after a stream is closed by command nothing more is heard of it; every other end is told exactly once. A
//! paused stream is not read, so that the other side has to wait; what was being read when the pause began is told when it
//! is over. One that is to be heard out is read until nothing comes any more, and then ends by itself. What a replica is sent leaves at once, before anything that follows in the same step, as long as its socket
//! takes it.

use super::bus_core::adopt;
use super::bus_links::dial;
use super::outbox::Outbox;
use crate::base::limits;
use crate::replication::LinkId;
use futures_lite::future::or;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use glommio::net::TcpStream;
use glommio::timer::sleep;
use socket2::Socket;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// What a side has sent that is no more comes as soon as there is room for it, and so without a pause as long as this.
const SILENCE: Duration = Duration::from_millis(20);

const HEARD_OUT: &str = "it has been heard out";

/// Something to do with a stream, in order.
#[derive(Debug)]
pub enum StreamCommand {
    /// Connect to this host, from this address if one is given.
    Connect(LinkId, String, u16, Option<IpAddr>),
    /// Take over a connection, without delay of small packets or with it.
    Adopt(LinkId, OwnedFd, bool),
    /// Send this, if it is still there.
    Send(LinkId, Vec<u8>),
    /// Stop reading, or go on.
    Pause(LinkId, bool),
    /// Stop reading from all that there are, or go on with those that are not paused besides.
    HoldAll(bool),
    /// Close it, if it is still there.
    Close(LinkId),
    /// Close it when all has come that was sent over it; its end is told.
    HearOut(LinkId),
}

/// What streams tell.
pub(super) trait Listener: Clone + 'static {
    /// A connection that was asked for is there.
    fn stream_opened(&self, link: LinkId);
    /// Bytes came.
    fn stream_received(&self, link: LinkId, bytes: &[u8]);
    /// So many bytes have left.
    fn stream_sent(&self, link: LinkId, count: usize);
    /// It has ended.
    fn stream_ended(&self, link: LinkId, reason: &str);
}

/// All streams there are.
#[derive(Default)]
pub(super) struct Streams(BTreeMap<LinkId, Rc<Stream>>);

#[derive(Default)]
struct Stream {
    outbox: Outbox<Vec<u8>>,
    paused: Cell<bool>,
    /// By a command for all.
    held: Cell<bool>,
    /// Bytes that are read at most, if it is to be heard out.
    left: Cell<Option<usize>>,
    /// Its reader, which waits for the end of a pause, or for more.
    waker: RefCell<Option<Waker>>,
    /// The socket, if what is to be sent may leave at once.
    socket: Option<Socket>,
}

impl Stream {
    /// Sends this, or leaves it to the stream's task; how much of it has left already.
    fn send(&self, mut bytes: Vec<u8>) -> usize {
        let mut taken = 0;
        if let Some(socket) =
            self.socket.as_ref().filter(|_| self.outbox.bytes() == 0 && bytes.len() <= limits::SENT_AT_ONCE)
        {
            // If it fails, so will the task.
            taken = socket.send_with_flags(&bytes, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL).unwrap_or(0);
        }
        if taken < bytes.len() {
            bytes.drain(..taken);
            self.outbox.push(bytes);
        }
        taken
    }

    fn set<T>(&self, flag: &Cell<T>, value: T) {
        flag.set(value);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Returns when it may be read.
    async fn readable(&self) {
        self.until(|| !self.paused.get() && !self.held.get()).await;
    }

    /// Returns when it is to be heard out, and nothing came for a while.
    async fn silence(&self) {
        self.until(|| self.left.get().is_some()).await;
        sleep(SILENCE).await;
    }

    async fn until(&self, condition: impl Fn() -> bool) {
        poll_fn(|context| {
            if condition() {
                return Poll::Ready(());
            }
            self.waker.replace(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

impl Streams {
    /// Does what replication wants done. Returns what has left at once, if that is so.
    pub fn carry_out(&mut self, command: StreamCommand, listener: &impl Listener) -> Option<(LinkId, usize)> {
        match command {
            StreamCommand::Connect(link, host, port, source) => {
                self.begin(link, Stream::default(), listener, async move { dial(host, port, source).await });
            }
            StreamCommand::Adopt(link, fd, nodelay) => {
                let connection = Socket::from(fd);
                let _ = connection.set_tcp_nodelay(nodelay);
                let stream = Stream { socket: connection.try_clone().ok(), ..Stream::default() };
                self.begin(link, stream, listener, async move { Ok(adopt(connection)) });
            }
            StreamCommand::Send(link, bytes) => {
                if let Some(stream) = self.0.get(&link) {
                    let sent = stream.send(bytes);
                    return (sent > 0).then_some((link, sent));
                }
            }
            StreamCommand::Pause(link, paused) => {
                if let Some(stream) = self.0.get(&link) {
                    stream.set(&stream.paused, paused);
                }
            }
            StreamCommand::HoldAll(paused) => {
                self.0.values().for_each(|stream| stream.set(&stream.held, paused));
            }
            StreamCommand::Close(link) => {
                if let Some(stream) = self.0.remove(&link) {
                    stream.outbox.close();
                }
            }
            StreamCommand::HearOut(link) => {
                if let Some(stream) = self.0.get(&link) {
                    // The other side may go on talking for ever.
                    stream.set(&stream.left, Some(limits::LAST_WORDS));
                }
            }
        }
        None
    }

    /// A stream has ended by itself; whether it was still there.
    pub fn ended(&mut self, link: LinkId) -> bool {
        self.0.remove(&link).is_some()
    }

    /// Closes everything.
    pub fn close_all(&mut self) {
        std::mem::take(&mut self.0).values().for_each(|stream| stream.outbox.close());
    }

    /// Runs the life of a stream, whose connection `connect` makes, until it ends or is closed.
    fn begin(
        &mut self,
        link: LinkId,
        stream: Stream,
        listener: &impl Listener,
        connect: impl Future<Output = io::Result<TcpStream>> + 'static,
    ) {
        let stream = Rc::new(stream);
        self.0.insert(link, stream.clone());
        let listener = listener.clone();
        let task = async move {
            // A task's first steps are taken at once, while the bus is busy with us.
            futures_lite::future::yield_now().await;
            let life = async {
                match connect.await {
                    Ok(connection) => {
                        listener.stream_opened(link);
                        Some(converse(connection, link, &stream, &listener).await)
                    }
                    Err(error) => Some(error.to_string()),
                }
            };
            let end = or(life, async {
                stream.outbox.closed().await;
                None
            });
            if let Some(reason) = end.await {
                listener.stream_ended(link, &reason);
            }
        };
        glommio::spawn_local(task).detach();
    }
}

/// Reads and writes until either ends; why.
async fn converse(connection: TcpStream, link: LinkId, stream: &Stream, listener: &impl Listener) -> String {
    let (mut reading, mut writing) = futures_lite::io::split(connection);
    let read = async {
        let mut chunk = vec![0; limits::STREAM_READ];
        loop {
            stream.readable().await;
            if stream.left.get() == Some(0) {
                return HEARD_OUT.to_owned();
            }
            let silence = async {
                stream.silence().await;
                Err(io::Error::other(HEARD_OUT))
            };
            match or(reading.read(&mut chunk), silence).await {
                Ok(0) => return "the other side closed it".to_owned(),
                Ok(count) => {
                    stream.readable().await;
                    listener.stream_received(link, &chunk[..count]);
                    stream.left.set(stream.left.get().map(|left| left.saturating_sub(count)));
                }
                Err(error) => return error.to_string(),
            }
            if stream.outbox.is_closed() {
                return String::new();
            }
            glommio::yield_if_needed().await;
        }
    };
    let write = async {
        while let Some(bytes) = stream.outbox.next().await {
            if let Err(error) = writing.write_all(&bytes).await {
                return error.to_string();
            }
            stream.outbox.sent(bytes.len());
            listener.stream_sent(link, bytes.len());
        }
        std::future::pending().await
    };
    or(read, write).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    /// Hears nothing: no task of a stream has its turn in these tests.
    #[derive(Clone)]
    struct Deaf;

    impl Listener for Deaf {
        fn stream_opened(&self, _: LinkId) {}
        fn stream_received(&self, _: LinkId, _: &[u8]) {}
        fn stream_sent(&self, _: LinkId, _: usize) {}
        fn stream_ended(&self, _: LinkId, _: &str) {}
    }

    #[test]
    fn what_a_replica_is_sent_is_in_its_socket_before_anything_else_is_done() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut replica = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let ours = OwnedFd::from(listener.accept().unwrap().0);
        glommio::LocalExecutor::default().run(async move {
            let (mut streams, link) = (Streams::default(), LinkId(1));
            streams.carry_out(StreamCommand::Adopt(link, ours, true), &Deaf);
            let sent = streams.carry_out(StreamCommand::Send(link, b"written".to_vec()), &Deaf);
            assert_eq!(sent, Some((link, 7)));
            let mut bytes = [0; 7];
            replica.read_exact(&mut bytes).unwrap();
            assert_eq!(&bytes, b"written");
            streams.close_all();
        });
    }

    /// Keeps what it hears.
    #[derive(Clone, Default)]
    struct Ear(Rc<Heard>);

    #[derive(Default)]
    struct Heard {
        bytes: RefCell<Vec<u8>>,
        ends: RefCell<Vec<String>>,
        waker: RefCell<Option<Waker>>,
    }

    impl Heard {
        fn wake(&self) {
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
        }

        async fn until(&self, condition: impl Fn(&Heard) -> bool) {
            poll_fn(|context| {
                self.waker.replace(Some(context.waker().clone()));
                if condition(self) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
    }

    impl Listener for Ear {
        fn stream_opened(&self, _: LinkId) {}
        fn stream_received(&self, _: LinkId, bytes: &[u8]) {
            self.0.bytes.borrow_mut().extend_from_slice(bytes);
            self.0.wake();
        }
        fn stream_sent(&self, _: LinkId, _: usize) {}
        fn stream_ended(&self, _: LinkId, reason: &str) {
            self.0.ends.borrow_mut().push(reason.to_owned());
            self.0.wake();
        }
    }

    #[test]
    fn a_link_that_is_heard_out_tells_all_that_was_sent_and_ends_though_the_other_side_does_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut primary = listener.accept().unwrap().0;
        let spoken: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
        glommio::LocalExecutor::default().run(async move {
            let (mut streams, link, ear) = (Streams::default(), LinkId(1), Ear::default());
            streams.carry_out(StreamCommand::Adopt(link, OwnedFd::from(ours), true), &ear);
            primary.write_all(&spoken[..10]).unwrap();
            ear.0.until(|heard| heard.bytes.borrow().len() == 10).await;
            streams.carry_out(StreamCommand::Pause(link, true), &ear);
            primary.write_all(&spoken[10..]).unwrap();
            streams.carry_out(StreamCommand::HearOut(link), &ear);
            streams.carry_out(StreamCommand::Pause(link, false), &ear);
            ear.0.until(|heard| !heard.ends.borrow().is_empty()).await;
            assert!(*ear.0.bytes.borrow() == spoken, "{} of {} bytes", ear.0.bytes.borrow().len(), spoken.len());
            assert_eq!(*ear.0.ends.borrow(), [HEARD_OUT]);
        });
    }
}

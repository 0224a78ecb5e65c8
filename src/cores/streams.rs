//! The connections of replication: to this node's primary, and those of its replicas. Bytes in, bytes out.
//!
//! Owned by the bus core. Each is one task, which (connects,) reads and writes until one of these ends or it is closed;
//! what it has to say goes to the [`Bus`](super::bus_core), what is to be done with it comes as [`StreamCommand`]s.
//!
//! Invariants: after a stream is closed by command nothing more is heard of it; every other end is told exactly once. A
//! paused stream is not read, so that the other side has to wait; what was being read when the pause began is told when it
//! is over. One that is to be heard out is read to the end of what lies in its socket, and then ends by itself. What a replica is sent leaves at once, before anything that follows in the same step, as long as its socket
//! takes it.

use super::bus_core::adopt;
use super::bus_links::{call, connected};
use super::outbox::Outbox;
use crate::base::limits;
use crate::replication::LinkId;
use futures_lite::future::or;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use glommio::net::TcpStream;
use socket2::Socket;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Shutdown};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::{Poll, Waker};

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
    /// Read what has come over it already, then close it; its end is told.
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
    /// Its reader, which waits for the end of a pause.
    waker: RefCell<Option<Waker>>,
    /// Once there is a connection.
    socket: OnceCell<Socket>,
    /// Bytes that are read at most, if it is to be heard out.
    left: Cell<Option<usize>>,
}

impl Stream {
    /// Sends this, or leaves it to the stream's task; how much of it has left already.
    fn send(&self, mut bytes: Vec<u8>) -> usize {
        let mut taken = 0;
        if let Some(socket) =
            self.socket.get().filter(|_| self.outbox.bytes() == 0 && bytes.len() <= limits::SENT_AT_ONCE)
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

    fn set(&self, flag: &Cell<bool>, paused: bool) {
        flag.set(paused);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Has it end when all that lies in its socket has been read.
    fn hear_out(&self) {
        let Some(socket) = self.socket.get() else { return self.left.set(Some(0)) };
        self.left.set(Some(limits::LAST_WORDS));
        // What came can still be read; behind it, the socket says that it is over.
        let _ = socket.shutdown(Shutdown::Read);
    }

    /// Returns when it may be read.
    async fn readable(&self) {
        poll_fn(|context| {
            if !self.paused.get() && !self.held.get() {
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
                let stream = Rc::new(Stream::default());
                self.begin(link, stream.clone(), listener, async move {
                    let socket = call(host, port, source).await?;
                    let _ = stream.socket.set(socket.try_clone()?);
                    connected(socket).await
                });
            }
            StreamCommand::Adopt(link, fd, nodelay) => {
                let socket = Socket::from(fd);
                let _ = socket.set_tcp_nodelay(nodelay);
                let stream = Stream::default();
                if let Ok(second) = socket.try_clone() {
                    let _ = stream.socket.set(second);
                }
                self.begin(link, Rc::new(stream), listener, async move { Ok(adopt(socket)) });
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
                    stream.hear_out();
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
        stream: Rc<Stream>,
        listener: &impl Listener,
        connect: impl Future<Output = io::Result<TcpStream>> + 'static,
    ) {
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
            let bound = stream.left.get().unwrap_or(chunk.len()).min(chunk.len());
            match reading.read(&mut chunk[..bound]).await {
                Ok(0) if stream.left.get().is_some() => return "it has been heard out".to_owned(),
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
    struct Ear(Rc<RefCell<(Vec<u8>, Vec<String>)>>);

    impl Listener for Ear {
        fn stream_opened(&self, _: LinkId) {}
        fn stream_received(&self, _: LinkId, bytes: &[u8]) {
            self.0.borrow_mut().0.extend_from_slice(bytes);
        }
        fn stream_sent(&self, _: LinkId, _: usize) {}
        fn stream_ended(&self, _: LinkId, reason: &str) {
            self.0.borrow_mut().1.push(reason.to_owned());
        }
    }

    #[test]
    fn a_link_that_is_heard_out_tells_all_that_lies_in_its_socket_and_ends_though_the_other_side_goes_on() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        glommio::LocalExecutor::default().run(async move {
            let (mut streams, link, ear) = (Streams::default(), LinkId(1), Ear::default());
            streams.carry_out(StreamCommand::Connect(link, "127.0.0.1".into(), port, None), &ear);
            let spoken: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
            let mut primary = listener.accept().unwrap().0;
            primary.write_all(&spoken[..10]).unwrap();
            while ear.0.borrow().0.is_empty() {
                futures_lite::future::yield_now().await;
            }
            streams.carry_out(StreamCommand::Pause(link, true), &ear);
            primary.write_all(&spoken[10..]).unwrap();
            streams.carry_out(StreamCommand::HearOut(link), &ear);
            streams.carry_out(StreamCommand::Pause(link, false), &ear);
            while ear.0.borrow().1.is_empty() {
                futures_lite::future::yield_now().await;
            }
            let (heard, ends) = &*ear.0.borrow();
            assert!(*heard == spoken, "{} of {} bytes", heard.len(), spoken.len());
            assert_eq!(ends, &["it has been heard out"]);
        });
    }
}

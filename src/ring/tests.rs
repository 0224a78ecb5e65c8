//! The ring against the kernel's own sockets.

use super::*;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::net::TcpStream;

/// A ring with one adopted socket and its peer.
fn pair() -> (Ring, Socket, TcpStream) {
    let options = RingOptions { entries: 64, sockets: 16, buffers: 8, buffer_size: 1024 };
    let mut ring = Ring::new(options).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    let socket = Socket { slot: 3, generation: 7 };
    ring.adopt(socket, accepted.into()).unwrap();
    (ring, socket, peer)
}

fn turn(ring: &mut Ring, outbox: &Outbox) -> Vec<Completion> {
    let mut out = Vec::new();
    ring.turn(outbox, Wait::AtMost(Duration::from_millis(200))).unwrap();
    ring.completions(&mut out);
    out
}

fn one_send(socket: Socket, bytes: Vec<u8>) -> Outbox {
    let end = bytes.len();
    Outbox { bytes, sends: vec![PlannedSend { socket, start: 0, end }] }
}

#[test]
fn what_a_peer_writes_is_received_and_its_end_is_told() {
    let (mut ring, socket, mut peer) = pair();
    ring.receive(socket);
    peer.write_all(b"hello").unwrap();
    match turn(&mut ring, &Outbox::default()).pop() {
        Some(Completion::Received(from, buffer, length)) => {
            assert_eq!((from, ring.buffer(&buffer, length)), (socket, &b"hello"[..]));
            ring.release(buffer);
        }
        other => panic!("{other:?}"),
    }
    drop(peer);
    let ended = turn(&mut ring, &Outbox::default()).pop();
    assert!(matches!(ended, Some(Completion::ReceiveEnded(from, Ok(()))) if from == socket), "{ended:?}");
}

#[test]
fn a_planned_send_that_fits_completes_in_silence() {
    let (mut ring, socket, mut peer) = pair();
    assert!(turn(&mut ring, &one_send(socket, b"+OK\r\n".to_vec())).is_empty());
    let mut got = [0; 5];
    peer.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"+OK\r\n");
}

#[test]
fn a_planned_send_to_a_full_socket_says_at_once_what_it_took() {
    let (mut ring, socket, mut peer) = pair();
    let size = 64 << 20;
    let first = turn(&mut ring, &one_send(socket, vec![1; size])).pop();
    let Some(Completion::SendShort(0, Ok(taken))) = first else { panic!("{first:?}") };
    assert!(taken > 0 && taken < size);
    let second = turn(&mut ring, &one_send(socket, vec![1; 10])).pop();
    assert!(matches!(second, Some(Completion::SendShort(0, Ok(0)))), "{second:?}");
    ring.send_owned(socket, vec![2; size - taken]);
    let reader = std::thread::spawn(move || {
        let mut all = vec![0; size];
        peer.read_exact(&mut all).unwrap();
        all.iter().filter(|byte| **byte == 2).count()
    });
    let sent = loop {
        if let Some(sent) = turn(&mut ring, &Outbox::default()).pop() {
            break sent;
        }
    };
    assert!(matches!(sent, Completion::Sent(to, _, Ok(())) if to == socket));
    assert_eq!(reader.join().unwrap(), size - taken);
}

#[test]
fn a_stopped_receive_ends_and_can_be_armed_again() {
    let (mut ring, socket, mut peer) = pair();
    ring.receive(socket);
    turn(&mut ring, &Outbox::default());
    ring.stop_receiving(socket);
    let ended = turn(&mut ring, &Outbox::default()).pop();
    assert!(
        matches!(ended, Some(Completion::ReceiveEnded(_, Err(ref error)))
        if error.raw_os_error() == Some(libc::ECANCELED)),
        "{ended:?}"
    );
    ring.receive(socket);
    peer.write_all(b"x").unwrap();
    assert!(matches!(turn(&mut ring, &Outbox::default())[..], [Completion::Received(_, _, 1)]));
}

#[test]
fn running_out_of_buffers_ends_the_receive_and_loses_nothing() {
    let (mut ring, socket, mut peer) = pair();
    ring.receive(socket);
    peer.write_all(&vec![5; 9 * 1024]).unwrap();
    let mut got = 0;
    while got < 9 * 1024 {
        for completion in turn(&mut ring, &Outbox::default()) {
            match completion {
                Completion::Received(_, buffer, length) => {
                    got += length;
                    ring.release(buffer);
                }
                Completion::ReceiveEnded(socket, Err(error)) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    ring.receive(socket);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn one_ring_wakes_another() {
    let (mut ring, ..) = pair();
    let (sender, receiver) = std::sync::mpsc::channel();
    let sleeper = std::thread::spawn(move || {
        let mut ring = Ring::new(RingOptions { entries: 8, sockets: 1, buffers: 2, buffer_size: 64 }).unwrap();
        sender.send(ring.raw_fd()).unwrap();
        ring.turn(&Outbox::default(), Wait::AtMost(Duration::from_secs(20))).unwrap();
        let mut out = Vec::new();
        ring.completions(&mut out);
        matches!(out[..], [Completion::Woken])
    });
    ring.wake(receiver.recv().unwrap());
    turn(&mut ring, &Outbox::default());
    assert!(sleeper.join().unwrap());
}

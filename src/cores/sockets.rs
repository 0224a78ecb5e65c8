//! The sockets of one data core: which slots of the ring's file table are in use, and by whom.
//!
//! A socket is closed in steps, because the kernel may still hold requests for it: its receive must have
//! ended and its owned send be over before the descriptor goes; and the slot is used again only after the
//! close has been handed to the kernel.

use crate::data::plane::client::ClientRef;
use crate::ring::{Ring, Socket};

#[derive(Clone, Copy, Debug, Default)]
struct State {
    generation: u32,
    open: bool,
    receiving: bool,
    sending: bool,
    closing: bool,
    paused: bool,
}

/// The sockets of one core.
pub struct Sockets {
    states: Vec<State>,
    free: Vec<u32>,
    /// Closed in this turn; free once the kernel has been told.
    closed: Vec<u32>,
    limit: u32,
}

impl Sockets {
    /// Room for `limit` sockets.
    pub fn new(limit: u32) -> Sockets {
        Sockets { states: Vec::new(), free: Vec::new(), closed: Vec::new(), limit }
    }

    /// Takes a free slot, if there is one.
    pub fn open(&mut self) -> Option<Socket> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if (self.states.len() as u32) < self.limit => {
                self.states.push(State::default());
                self.states.len() as u32 - 1
            }
            None => return None,
        };
        let state = &mut self.states[slot as usize];
        *state = State { generation: (state.generation + 1) & 0xff_ffff, open: true, ..State::default() };
        Some(Socket { slot, generation: state.generation })
    }

    fn state(&mut self, socket: Socket) -> Option<&mut State> {
        self.states.get_mut(socket.slot as usize).filter(|state| state.open && state.generation == socket.generation)
    }

    /// Starts receiving, unless the socket is being closed, paused, or receives already.
    pub fn receive(&mut self, ring: &mut Ring, socket: Socket) {
        if let Some(state) = self.state(socket)
            && !state.receiving
            && !state.closing
            && !state.paused
        {
            state.receiving = true;
            ring.receive(socket);
        }
    }

    /// Stops or resumes reading.
    pub fn pause(&mut self, ring: &mut Ring, socket: Socket, paused: bool) {
        let Some(state) = self.state(socket) else { return };
        state.paused = paused;
        if paused && state.receiving {
            ring.stop_receiving(socket);
        }
        if !paused {
            self.receive(ring, socket);
        }
    }

    /// Stops reading from a socket that is to be given away; whether nothing was being received any more.
    pub fn stop(&mut self, ring: &mut Ring, socket: Socket) -> bool {
        self.pause(ring, socket, true);
        self.state(socket).is_some_and(|state| !state.receiving)
    }

    /// The kernel has ended the receive.
    pub fn receive_ended(&mut self, ring: &mut Ring, socket: Socket) {
        if let Some(state) = self.state(socket) {
            state.receiving = false;
            self.finish_close(ring, socket);
        }
    }

    /// Whether an owned send is under way.
    pub fn is_sending(&mut self, socket: Socket) -> bool {
        self.state(socket).is_some_and(|state| state.sending)
    }

    /// Whether the socket is open and not being closed.
    pub fn is_usable(&mut self, socket: Socket) -> bool {
        self.state(socket).is_some_and(|state| !state.closing)
    }

    /// Sends `bytes` in the ring's own time.
    pub fn send_owned(&mut self, ring: &mut Ring, socket: Socket, bytes: Vec<u8>) {
        if let Some(state) = self.state(socket) {
            state.sending = true;
            ring.send_owned(socket, bytes);
        }
    }

    /// An owned send is over.
    pub fn sent(&mut self, ring: &mut Ring, socket: Socket) {
        if let Some(state) = self.state(socket) {
            state.sending = false;
            self.finish_close(ring, socket);
        }
    }

    /// Begins to close a socket.
    pub fn close(&mut self, ring: &mut Ring, socket: Socket) {
        let Some(state) = self.state(socket) else { return };
        if std::mem::replace(&mut state.closing, true) {
            return;
        }
        if state.sending {
            ring.shutdown(socket);
        }
        if state.receiving {
            ring.stop_receiving(socket);
        }
        self.finish_close(ring, socket);
    }

    fn finish_close(&mut self, ring: &mut Ring, socket: Socket) {
        let Some(state) = self.state(socket) else { return };
        if state.closing && !state.receiving && !state.sending {
            state.open = false;
            ring.close(socket);
            self.closed.push(socket.slot);
        }
    }

    /// The kernel has been handed all closes so far.
    pub fn turn_over(&mut self) {
        self.free.append(&mut self.closed);
    }
}

/// The client of a socket.
pub fn client_of(socket: Socket) -> ClientRef {
    ClientRef { index: socket.slot, generation: socket.generation }
}

/// The socket of a client.
pub fn socket_of(client: ClientRef) -> Socket {
    Socket { slot: client.index, generation: client.generation }
}

//! The bus core: the thread that does everything that is not a client's command.
//!
//! It runs on glommio, whose timers and tasks keep control-plane code short. This file is its frame: it
//! takes messages from the mesh, keeps time and hears signals; what they mean is for its [`Office`] to say.
//! Client load can't starve it: it has its own thread and, where there are enough, its own CPU.

use super::wake::{Bell, Ear};
use crate::base::limits;
use crate::data::plane::message::{Message, Notice, Peer};
use crate::mesh::Port;
use futures_lite::AsyncReadExt;
use glommio::net::UnixStream;
use glommio::timer::sleep;
use glommio::{LocalExecutorBuilder, Placement};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::rc::Rc;
use std::time::Duration;

/// Messages to other threads, in order.
pub type Outgoing = Vec<(Peer, Message)>;

/// What the bus core works for.
pub trait Office {
    /// A message from a data core.
    fn message(&mut self, from: Peer, message: Message, outgoing: &mut Outgoing);
    /// The regular work, ten times a second.
    fn tick(&mut self, outgoing: &mut Outgoing);
    /// A signal to end the node came.
    fn signalled(&mut self, outgoing: &mut Outgoing);
    /// Whether the node is to end now.
    fn is_over(&self) -> bool;
}

/// The parts the start of the node provides.
pub struct Parts {
    /// What to work for.
    pub office: Box<dyn Office>,
    /// This thread's ends of the mesh.
    pub port: Port<Message>,
    /// Wakes the data cores, in their order.
    pub bells: Vec<Bell>,
    /// Wakes this thread.
    pub bell: Bell,
    /// Hears the data cores.
    pub ear: Ear,
    /// Gets a byte for every signal that ends the node.
    pub signals: std::os::unix::net::UnixStream,
    /// The CPU to run on, if one is set aside.
    pub cpu: Option<usize>,
}

/// Why the bus core can't run.
#[derive(Debug, thiserror::Error)]
#[error("the bus core can't start: {0}. Cure: at least 512 KiB of locked memory (ulimit -l, LimitMEMLOCK)")]
pub struct Unavailable(String);

struct Bus {
    office: Box<dyn Office>,
    port: Port<Message>,
    bells: Vec<Bell>,
    outgoing: Outgoing,
    backlog: VecDeque<(Peer, Message)>,
}

/// Runs the bus core on this thread until the node is over.
///
/// # Errors
/// [`Unavailable`] when the executor can't be had.
pub fn run(parts: Parts, started: impl FnOnce()) -> Result<(), Unavailable> {
    let placement = parts.cpu.map_or(Placement::Unbound, Placement::Fixed);
    let executor =
        LocalExecutorBuilder::new(placement).name("bus").make().map_err(|error| Unavailable(error.to_string()))?;
    started();
    executor.run(async move {
        let bell = parts.bell;
        let bus = Rc::new(RefCell::new(Bus {
            office: parts.office,
            port: parts.port,
            bells: parts.bells,
            outgoing: Vec::new(),
            backlog: VecDeque::new(),
        }));
        let (ticking, heard) = (bus.clone(), bus.clone());
        glommio::spawn_local(async move {
            loop {
                ticking.borrow_mut().tick();
                sleep(Duration::from_millis(100)).await;
            }
        })
        .detach();
        let mut signals = adopt(parts.signals);
        glommio::spawn_local(async move {
            let mut byte = [0; 1];
            while signals.read_exact(&mut byte).await.is_ok() {
                heard.borrow_mut().signalled();
                bell.ring();
            }
        })
        .detach();
        let mut ear = adopt(parts.ear.into_stream());
        let mut rings = [0; 64];
        while !bus.borrow().office.is_over() {
            let sleeps = bus.borrow_mut().work();
            if bus.borrow().office.is_over() {
                break;
            }
            if sleeps {
                let heard = ear.read(&mut rings).await;
                bus.borrow_mut().port.get_up();
                if heard.is_err() {
                    break;
                }
            } else {
                glommio::yield_if_needed().await;
            }
        }
        bus.borrow_mut().stop_everybody();
    });
    Ok(())
}

/// Gives a stream to glommio.
#[allow(unsafe_code)] // glommio takes foreign descriptors only this way.
fn adopt(stream: std::os::unix::net::UnixStream) -> UnixStream {
    // SAFETY: `into_raw_fd` gives up the only owner of an open descriptor, which the new stream becomes.
    unsafe { UnixStream::from_raw_fd(stream.into_raw_fd()) }
}

impl Bus {
    /// Takes messages and sends what follows; whether the thread may sleep now.
    fn work(&mut self) -> bool {
        for peer in 0..self.port.nodes() {
            for _ in 0..limits::MESSAGES_PER_TURN {
                let Some(message) = self.port.pop(peer) else { break };
                self.office.message(Peer(peer as u16), message, &mut self.outgoing);
            }
        }
        self.send();
        self.backlog.is_empty() && self.port.lie_down()
    }

    fn tick(&mut self) {
        self.office.tick(&mut self.outgoing);
        self.send();
    }

    fn signalled(&mut self) {
        self.office.signalled(&mut self.outgoing);
        self.send();
    }

    fn send(&mut self) {
        self.backlog.extend(self.outgoing.drain(..));
        while let Some((peer, message)) = self.backlog.pop_front() {
            if let Err(message) = self.port.push(peer.0 as usize, message) {
                self.backlog.push_front((peer, message));
                break;
            }
        }
        let bells = &self.bells;
        self.port.flush(|peer| {
            if let Some(bell) = bells.get(peer) {
                bell.ring();
            }
        });
    }

    fn stop_everybody(&mut self) {
        for core in 0..self.bells.len() as u16 {
            self.outgoing.push((Peer(core), Message::Tell(Notice::Stop)));
        }
        self.send();
    }
}

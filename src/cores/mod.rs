//! The threads of a node: the loop of a data core, and the bus core. Here, and only here, planes meet
//! sockets, queues and clocks.

pub mod bus_core;
pub mod bus_links;
pub mod clock;
pub mod data_core;
pub mod doors;
mod outbox;
pub mod sockets;
pub mod streams;
pub mod wake;
pub mod words;

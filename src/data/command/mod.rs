//! Commands: what each is ([`spec`]), what this node can run ([`registry`]), and the code of those that
//! need only their keys. Commands that need the core and the connection are in [`crate::data::plane`].

pub mod registry;
pub mod spec;

pub mod bitmap;
pub mod generic;
pub mod geo;
pub mod hash;
pub mod hyperloglog;
pub mod list;
pub mod memory;
pub mod set;
pub mod sort;
pub mod stream;
pub mod string;
pub mod zset;

#[cfg(any(test, fuzzing))]
pub mod arbitrary;
pub mod collection;
pub mod debug;
pub mod digest;
pub mod expiry_args;
pub mod help;
pub mod histogram;
pub mod keyspace;
pub mod latency;
pub mod number;
#[cfg(test)]
pub mod recorded;
pub mod redact;
pub mod sample;
pub mod scan;
pub mod slowlog;
pub mod stats;
#[cfg(any(test, fuzzing))]
pub mod testing;
pub mod timeout;

pub use registry::{Command, Registry, Run, SessionHandler};

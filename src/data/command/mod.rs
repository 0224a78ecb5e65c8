//! Commands: what each is and what it does.

pub mod debug;
pub mod expiry_args;
pub mod generic;
pub mod help;
pub mod histogram;
pub mod keyspace;
pub mod latency;
pub mod memory;
pub mod number;
#[cfg(test)]
pub mod recorded;
pub mod slowlog;
pub mod stats;
pub mod string;
#[cfg(test)]
pub mod testing;

//! coreslot: a Redis Cluster node, one pinned thread per CPU core.
#![warn(missing_docs)]

pub mod base;
pub mod cluster;
pub mod contract;
pub mod cores;
pub mod data;
pub mod mesh;
pub mod node;
pub mod resp;
pub mod ring;
pub mod slot;

//! The append-only log on the disk: every change of the data, in the one order of all cores, as Redis 7.0 has it.
//!
//! ```text
//! data cores: log --> bus core: merge -+-> replication's stream
//!                                      +-> office/appending --> writer's thread --> appendonlydir/*.incr.aof
//! rewrite: a cut in the logs of all cores:  before it -> the base, from their snapshots    behind it -> a new file
//! start:   manifest -> base -> stores;  changes -> pieces -> data cores, as if a primary had sent them
//! ```
//!
//! To read: [`manifest`], [`directory`], [`writer`] (the thread that owns both), [`scan`] and [`reader`] (the way back).
//! Invariant: replies leave a data core when the writer has what they are about (see `Standing::durable`): with
//! `appendfsync always` that is on the disk, otherwise with the kernel.

pub mod directory;
pub mod manifest;
pub mod reader;
pub mod scan;
pub mod writer;

//! Names and numbers everything else is built on. Imports nothing of ours; owned by no thread.

pub mod chunks;
pub mod double;
pub mod environment;
pub mod glob;
pub mod heap;
pub mod ids;
pub mod limits;
pub mod notify;
pub mod pages;
pub mod prefetch;
pub mod random;

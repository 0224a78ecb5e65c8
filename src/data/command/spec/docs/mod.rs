//! What COMMAND DOCS tells, one file a group, in the order of the group's rows.
//!
//! The summaries are our own. Complexity, history and remarks are what Redis 7.0.15 answers, to the letter, so that
//! whoever makes a reference from these replies gets the same one.

pub(super) mod bitmap;
pub(super) mod cluster;
pub(super) mod connection;
pub(super) mod generic;
pub(super) mod geo;
pub(super) mod hash;
pub(super) mod hyperloglog;
pub(super) mod list;
pub(super) mod pubsub;
pub(super) mod scripting;
pub(super) mod server;
pub(super) mod set;
pub(super) mod sorted_set;
pub(super) mod stream;
pub(super) mod string;
pub(super) mod transactions;

//! The log: what the commands of a data core changed, on its way to the bus core, which merges the logs of all cores into
//! the one stream that replicas and the append-only log get.
//!
//! A core sends one batch a turn. Batches of one core keep their order; those of two cores have none, since each
//! core's slots are its own, but where a store was lent: then [`after`](LogBatch::after) says which batches come first.

use crate::base::ids::CoreId;

/// What one core logged in one turn.
#[derive(Debug)]
pub struct LogBatch {
    /// Whose it is.
    pub core: CoreId,
    /// Its place among the batches of that core, counted from 1.
    pub number: u64,
    /// Whether its node copied another: then it is for the node's own disk only, and replicas have it from elsewhere.
    pub of_replica: bool,
    /// When it was made, by the monotonic clock in ns.
    pub made_ns: u64,
    /// Batches of other cores that come before it.
    pub after: Vec<LogMark>,
    /// Commands in RESP, without SELECT.
    pub bytes: Vec<u8>,
    /// What `bytes` are, in order.
    pub parts: Vec<LogPart>,
}

/// A place in the log of a core: behind the batch with this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogMark {
    /// Whose log.
    pub core: CoreId,
    /// The batch; 0: before the first.
    pub number: u64,
}

/// Who is to have commands of the log: all, but where a script says otherwise (`redis.set_repl`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Audience {
    /// Replicas and the append-only log.
    #[default]
    All,
    /// The append-only log.
    Disk,
    /// Replicas.
    Replicas,
}

/// A part of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogPart {
    /// Commands on one database and for the same audience, up to this byte.
    Commands {
        /// The database.
        db: usize,
        /// Who is to have them.
        to: Audience,
        /// One past their last byte.
        end: usize,
    },
    /// The point in time of the snapshot with this number: all before it is in the snapshot, nothing behind it is.
    Cut(u64),
}

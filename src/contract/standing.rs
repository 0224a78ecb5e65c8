//! How the node stands in replication, as far as its data cores must know: an immutable snapshot that the bus core makes.

/// Why nothing can be saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// The last snapshot failed, and `stop-writes-on-bgsave-error` is on.
    Snapshot,
    /// The append-only log can't be written, for this reason.
    Log(String),
}

/// Whose commands wait for the next standing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Waits {
    /// Nobody's.
    #[default]
    Nobody,
    /// Those that write.
    Writers,
    /// All.
    Everybody,
}

/// What this node's own disk means for its data cores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Whether the append-only log wants to know what changes.
    pub logs: bool,
    /// Whether replies wait until the append-only log has what they are about.
    pub durable: bool,
    /// Whether the data is being loaded.
    pub loading: bool,
    /// Whether that takes long: clients are let in, and told of it.
    pub loads_long: bool,
    /// Why writes are refused, if they are.
    pub error: Option<DiskError>,
}

/// What the data cores go by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether somebody wants the log of what commands change.
    pub log: bool,
    /// Whether this node copies another.
    pub replica: bool,
    /// A replica's: whether it is connected to its primary and has its data.
    pub link_up: bool,
    /// Whether the data is being loaded or replaced by a snapshot, and nothing is to be answered from the old.
    pub loading: bool,
    /// Whether it is being replaced while the old serves.
    pub loading_beside: bool,
    /// This node's own disk.
    pub disk: Disk,
    /// Whether replicas get the stream: replies wait until it has been sent to them.
    pub followed: bool,
    /// Replicas that have lately acknowledged the stream.
    pub good_replicas: usize,
    /// Who waits. A standing that allows more than the one before has those wait who profit, until all cores go by it:
    /// what one core would have another do already, that one would not log yet, and a client that was served by one
    /// would be refused by another. Writers wait, too, while a replica that is to be a primary hears its former one out.
    pub waits: Waits,
}

impl Standing {
    /// Whether there are commands that may not be executed now.
    pub fn restricts(&self) -> bool {
        self.replica || self.loading || self.disk.error.is_some()
    }

    /// Whether clients' writes are refused because this node is a replica: not if it is about to be none.
    pub fn is_read_only(&self) -> bool {
        self.replica && self.waits == Waits::Nobody
    }

    /// Who profits from this standing in the place of `before`.
    pub fn opens_to(&self, before: &Standing) -> Waits {
        if before.loading && !self.loading {
            Waits::Everybody
        } else if before.replica && !self.replica {
            Waits::Writers
        } else {
            Waits::Nobody
        }
    }
}

//! How the node stands in replication, as far as its data cores must know: an immutable snapshot that the bus core makes.

/// What the data cores go by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether somebody wants the log of what commands change.
    pub log: bool,
    /// Whether this node copies another.
    pub replica: bool,
    /// A replica's: whether it is connected to its primary and has its data.
    pub link_up: bool,
    /// Whether the data is being replaced by a snapshot, and nothing is to be answered from the old.
    pub loading: bool,
    /// Whether it is being replaced while the old serves.
    pub loading_beside: bool,
    /// Replicas that have lately acknowledged the stream.
    pub good_replicas: usize,
}

impl Standing {
    /// Whether there are commands that may not be executed now.
    pub fn restricts(&self) -> bool {
        self.replica || self.loading
    }
}

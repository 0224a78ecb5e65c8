//! What a replica says of itself to its primary before it asks to be synchronised (REPLCONF).

/// What a snapshot leaves out: bits of its number, by which the data cores know.
pub mod without {
    /// The keys.
    pub const DATA: u64 = 1 << 62;
    /// The libraries of functions.
    pub const FUNCTIONS: u64 = 1 << 61;
}

/// See the module's header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Introduction {
    /// The address its connection comes from.
    pub ip: String,
    /// `ip-address`.
    pub announced_ip: Option<String>,
    /// `listening-port`.
    pub port: u16,
    /// `capa eof`.
    pub knows_end_mark: bool,
    /// `capa psync2`.
    pub psync2: bool,
    /// It said SYNC: it acknowledges nothing.
    pub is_old: bool,
    /// `rdb-only`: it wants no stream.
    pub snapshot_only: bool,
    /// `rdb-filter-only`: bits of [`without`].
    pub without: u64,
}

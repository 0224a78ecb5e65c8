//! The directives that replication goes by.

use crate::contract::settings::OutputLimit;

/// `repl-diskless-load`: when the data of a snapshot is made, and what becomes of the old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// `disabled`: the snapshot goes to a file first. The old data serves until that is whole, and goes before the new
    /// is loaded.
    Spooled,
    /// `on-empty-db`: as it comes, if there is no old data; otherwise as above.
    DirectIfEmpty,
    /// `swapdb`: as it comes, beside the old data, which stays until the new is whole.
    Beside,
}

/// See the module's header.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port that clients, and replicas, reach this node by.
    pub port: u16,
    /// `masteruser`.
    pub user: Vec<u8>,
    /// `masterauth`.
    pub password: Vec<u8>,
    /// `replica-announce-ip`, empty: none.
    pub announce_ip: Vec<u8>,
    /// `replica-announce-port`, 0: the real one.
    pub announce_port: u16,
    /// `repl-timeout`, ms.
    pub timeout: u64,
    /// `repl-ping-replica-period`, ms.
    pub ping_period: u64,
    /// `repl-backlog-size`.
    pub backlog_size: u64,
    /// `repl-backlog-ttl`, ms; 0: for ever.
    pub backlog_ttl: u64,
    /// `repl-diskless-sync`.
    pub diskless: bool,
    /// `repl-diskless-sync-delay`, ms.
    pub sync_delay: u64,
    /// `repl-diskless-sync-max-replicas`; 0: does not matter.
    pub sync_replicas: usize,
    /// `repl-diskless-load`.
    pub load: Load,
    /// `replica-priority`.
    pub priority: i64,
    /// `replica-read-only`.
    pub read_only: bool,
    /// `replica-announced`.
    pub announced: bool,
    /// `min-replicas-to-write`.
    pub min_replicas: usize,
    /// `min-replicas-max-lag`, seconds.
    pub max_lag: u64,
    /// `client-output-buffer-limit replica`.
    pub output_limit: OutputLimit,
}

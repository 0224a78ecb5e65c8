//! Every bound of the program in one place, with assertions between those that depend on each other.

/// Hash slots of a Redis Cluster. Source: the cluster specification.
pub const SLOTS: usize = 16384;

/// Data cores one process can have.
pub const MAX_CORES: usize = 128;

/// Logical databases a standalone node can have at most.
pub const MAX_DATABASES: usize = 16384;

/// Arguments one command can have. Source: Redis 7.0 `processMultibulkBuffer`.
pub const MAX_ARGS: usize = 1024 * 1024;

/// The longest inline command or protocol line, in bytes. Source: Redis 7.0 `PROTO_INLINE_MAX_SIZE`.
pub const MAX_INLINE: usize = 64 * 1024;

const _: () = assert!(MAX_CORES <= 1 << crate::base::ids::ClientId::CORE_BITS);

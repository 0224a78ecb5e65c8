//! Identities that cross module borders, each its own type so that they cannot be mixed up.

/// A data core of this process: 0-based, dense. The bus core has no `CoreId`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoreId(pub u8);

impl CoreId {
    /// The index of this core in per-core arrays.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A client connection's id, as CLIENT ID tells it: unique for the life of the process, across cores.
///
/// The low [`CORE_BITS`](ClientId::CORE_BITS) bits name the core that owns the connection, so an id
/// alone is enough to send something to its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

impl ClientId {
    /// How many low bits hold the owning core.
    pub const CORE_BITS: u32 = 8;

    /// The `serial`-th client of `core`.
    pub fn new(serial: u64, core: CoreId) -> Self {
        ClientId(serial << Self::CORE_BITS | u64::from(core.0))
    }

    /// The core that owns this connection.
    pub fn core(self) -> CoreId {
        CoreId((self.0 & ((1 << Self::CORE_BITS) - 1)) as u8)
    }
}

//! Where a command came from: all that it takes to tell its client something, from any core.

use super::plane::client::ClientRef;
use crate::base::ids::CoreId;

/// A client of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The core that has it.
    pub core: CoreId,
    /// Its place there.
    pub client: ClientRef,
}

//! A command that waits for a key: all that it takes to run it again, wherever that is.

use super::plane::client::ClientRef;
use crate::base::ids::CoreId;
use crate::resp::Proto;

/// Which waiting command it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WaiterId {
    /// The core that has the client.
    pub home: CoreId,
    /// The client.
    pub client: ClientRef,
    /// The place of the reply in the client's order.
    pub number: u32,
}

/// A command that waits.
pub struct Waiter {
    /// Which one.
    pub id: WaiterId,
    /// Dense id of the command.
    pub command: u16,
    /// The client's database.
    pub db: usize,
    /// How to write the reply.
    pub proto: Proto,
    /// The command, as it is to run again.
    pub args: Vec<Box<[u8]>>,
    /// The keys it waits for.
    pub keys: Vec<Box<[u8]>>,
    /// The cores whose stores it needs, ascending.
    pub cores: Vec<CoreId>,
    /// Whether it is run again also when a key is no longer there.
    pub on_deletion: bool,
}

impl Waiter {
    /// Whether it needs the stores of several cores.
    pub fn is_wide(&self) -> bool {
        self.cores.len() > 1
    }
}

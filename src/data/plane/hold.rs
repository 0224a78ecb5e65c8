//! Clients whose input waits, and what lets them go on.

use super::Plane;
use super::client::Hold;
use bumpalo::Bump;

impl Plane {
    /// Keeps a client's input waiting.
    pub(super) fn hold(&mut self, at: u32, hold: Hold) {
        let client = &mut self.clients[at];
        client.hold = Some(hold);
        if matches!(hold, Hold::Store | Hold::Pause | Hold::Output) {
            self.held.push(client.reference);
        }
    }

    /// Lets a client go on, if `hold` is what it waits for.
    pub fn release(&mut self, at: u32, hold: Hold, bump: &Bump) {
        let client = &mut self.clients[at];
        if client.hold != Some(hold) {
            return;
        }
        client.hold = None;
        if client.session.closing {
            return;
        }
        if client.input.is_empty() {
            self.limit_input(at);
        } else {
            self.run_input(at, bump);
        }
    }

    /// Tries all clients again that wait for the store, the end of a pause, or for output to leave.
    pub fn release_held(&mut self, bump: &Bump) {
        for reference in std::mem::take(&mut self.held) {
            if let Some(hold @ (Hold::Store | Hold::Pause | Hold::Output)) =
                self.clients.get(reference).and_then(|client| client.hold)
            {
                self.release(reference.index, hold, bump);
            }
        }
    }
}

//! WAIT: clients that want to know how many replicas have what they wrote.

use super::{Replica, State};
use crate::replication::{Action, Replication};

/// A client that waits for replicas to acknowledge what it wrote.
pub struct Waiter {
    ticket: u64,
    offset: u64,
    wanted: usize,
    /// When it has waited long enough; none: never.
    deadline: Option<u64>,
}

impl Replication {
    /// WAIT: answers with [`Action::Waited`] when `wanted` replicas have all that was in the stream at time `answered`,
    /// when the client got its last answer, or at `timeout` ms, if that is not 0.
    pub fn wait(&mut self, ticket: u64, wanted: usize, timeout: u64, answered: u64) {
        let deadline = (timeout > 0).then(|| self.now + timeout);
        let offset = self.moments.offset_at(answered);
        self.waiters.push(Waiter { ticket, offset, wanted, deadline });
        self.end_waits();
        if self.waiters.iter().any(|waiter| waiter.ticket == ticket) {
            self.ask_for_acks();
        }
    }

    /// Has the replicas say at once how far they are.
    pub fn ask_for_acks(&mut self) {
        if !self.replicas.is_empty() && self.upstream.is_none() {
            self.stream.append(b"*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n");
            self.feed_replicas();
        }
    }

    /// CLIENT UNBLOCK: answers with how many have it by now.
    pub fn end_wait(&mut self, ticket: u64) {
        let mut waiters = self.waiters.iter_mut();
        if let Some(waiter) = waiters.find(|waiter| waiter.ticket == ticket) {
            waiter.wanted = 0;
        }
        self.end_waits();
    }

    /// How many clients wait.
    pub fn waiting_clients(&self) -> usize {
        self.waiters.len()
    }

    /// Whether every replica that gets the stream has acknowledged all of it.
    pub fn is_all_there(&self) -> bool {
        let end = self.stream.end();
        self.replicas.iter().filter(|replica| replica.is_online()).all(|replica| replica.acked() == end)
    }

    /// Tells the log, at the end of this node, how far its replicas are.
    pub fn report_lagging(&self) {
        let end = self.stream.end();
        let lagging: Vec<&Replica> = self.replicas.iter().filter(|replica| replica.acked() != end).collect();
        for replica in &lagging {
            let (name, behind, lag) = (replica.name(), end.saturating_sub(replica.acked()), replica.lag(self.now));
            let state = replica.state_name();
            log::warn!("Lagging replica {name} reported offset {behind} behind master, lag={lag}, state={state}.");
        }
        let count = self.replicas.len();
        if count > 0 {
            log::info!("{} of {count} replicas are in sync when shutting down.", count - lagging.len());
        }
    }

    /// The client that waits is gone.
    pub fn wait_no_more(&mut self, ticket: u64) {
        self.waiters.retain(|waiter| waiter.ticket != ticket);
    }

    pub(in crate::replication) fn end_waits(&mut self) {
        let (replicas, now) = (&self.replicas, self.now);
        let actions = &mut self.actions;
        self.waiters.retain(|waiter| {
            let has_it = |replica: &&Replica| replica.state == State::Online && replica.acked >= waiter.offset;
            let count = replicas.iter().filter(has_it).count();
            let over = count >= waiter.wanted || waiter.deadline.is_some_and(|deadline| now >= deadline);
            if over {
                actions.push(Action::Waited(waiter.ticket, count));
            }
            !over
        });
    }
}

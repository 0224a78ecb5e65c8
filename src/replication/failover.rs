//! FAILOVER: a primary and one of its replicas change places, and nothing is lost.
//!
//! ```text
//! writes held -> Waiting: until the replica has all there is -> Handing over: this node copies it, and asks it by
//!                         PSYNC .. FAILOVER to be the primary -> it says yes: over; no: this node is the primary again
//!                time is up: forced, it hands over; otherwise it gives up
//! ```

use super::primary::Replica;
use super::{Action, Replication};

/// A failover under way.
pub struct Failover {
    /// The replica that is to be the primary; none: any.
    target: Option<(String, u16)>,
    /// When it has waited long enough, and whether it hands over nevertheless.
    deadline: Option<u64>,
    force: bool,
    /// Whether it copies its replica by now.
    handing_over: bool,
}

impl Failover {
    fn state(&self) -> &'static str {
        if self.handing_over { "failover-in-progress" } else { "waiting-for-sync" }
    }

    fn name(&self) -> String {
        self.target.as_ref().map(|(host, port)| format!(" to {host}:{port}")).unwrap_or_default()
    }

    fn is_to(&self, replica: &Replica) -> bool {
        self.target.as_ref().is_none_or(|(host, port)| replica.is_at(host, *port))
    }
}

impl Replication {
    /// INFO's word for it.
    pub(super) fn failover_state(&self) -> &'static str {
        self.failover.as_ref().map_or("no-failover", Failover::state)
    }

    /// Whether one is under way.
    pub fn is_failing_over(&self) -> bool {
        self.failover.is_some()
    }

    /// Whether the primary that is copied is still to be told to be one.
    pub(super) fn is_handing_over(&self) -> bool {
        self.failover.as_ref().is_some_and(|failover| failover.handing_over)
    }

    /// FAILOVER: to this replica or any, within so many ms.
    ///
    /// # Errors
    /// Says why it can't be.
    pub fn fail_over(
        &mut self,
        target: Option<(String, u16)>,
        timeout: Option<u64>,
        force: bool,
    ) -> Result<(), &'static str> {
        if self.failover.is_some() {
            return Err("FAILOVER already in progress.");
        }
        if self.upstream.is_some() {
            return Err("FAILOVER is not valid when server is a replica.");
        }
        if self.replicas.is_empty() {
            return Err("FAILOVER requires connected replicas.");
        }
        if force && (timeout.is_none() || target.is_none()) {
            return Err("FAILOVER with force option requires both a timeout and target HOST and IP.");
        }
        if let Some((host, port)) = &target {
            let replica = self.replicas.iter().find(|replica| replica.is_at(host, *port));
            let replica = replica.ok_or("FAILOVER target HOST and PORT is not a replica.")?;
            if !replica.is_online() {
                return Err("FAILOVER target replica is not online.");
            }
        }
        let deadline = timeout.map(|timeout| self.now + timeout);
        let failover = Failover { target, deadline, force, handing_over: false };
        log::info!("FAILOVER requested{}.", failover.name());
        self.failover = Some(failover);
        self.actions.push(Action::HoldWrites(true));
        self.ask_for_acks();
        Ok(())
    }

    /// FAILOVER ABORT.
    ///
    /// # Errors
    /// There is none.
    pub fn abort_failover(&mut self) -> Result<(), &'static str> {
        if self.failover.is_none() {
            return Err("No failover in progress.");
        }
        self.give_up_failover("Failover manually aborted");
        Ok(())
    }

    /// Gives it up: this node is the primary as before.
    pub(super) fn give_up_failover(&mut self, reason: &str) {
        let Some(failover) = self.failover.take() else { return };
        let (name, state) = (failover.name(), failover.state());
        log::info!("Aborting failover{name} while in state: {state}, error: {reason}");
        if failover.handing_over {
            self.actions.push(Action::Copy(None));
        }
        self.actions.push(Action::HoldWrites(false));
    }

    /// The other node is the primary now.
    pub(super) fn end_failover(&mut self) {
        if self.failover.take().is_some() {
            self.actions.push(Action::HoldWrites(false));
        }
    }

    /// Hands over if the replica has all there is, or the time is up. `held`: whether nothing is written any more.
    pub fn advance_failover(&mut self, held: bool) {
        let (end, now) = (self.stream.end(), self.now);
        let Some(failover) = self.failover.as_mut().filter(|failover| !failover.handing_over) else { return };
        let late = failover.deadline.is_some_and(|deadline| now >= deadline);
        if late && !failover.force {
            return self.give_up_failover("Replica never caught up before timeout");
        }
        let has_all = |replica: &&Replica| replica.is_online() && replica.acked() == end;
        let ready = self.replicas.iter().filter(has_all).find(|replica| held && failover.is_to(replica));
        let (host, port) = match (ready, &failover.target) {
            (Some(replica), _) => (replica.ip().to_owned(), replica.port()),
            (None, Some(target)) if late => target.clone(),
            _ => return,
        };
        let why = if ready.is_some() { "is synced" } else { "time out exceeded" };
        log::info!("Failover target {host}:{port} {why}, failing over.");
        failover.target = Some((host.clone(), port));
        failover.handing_over = true;
        self.actions.push(Action::Copy(Some((host, port))));
    }
}

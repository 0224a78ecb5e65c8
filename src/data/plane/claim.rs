//! A running script takes the stores of other cores. Part of [`script`](super::script) and [`gather`](super::gather).
//!
//! A script may use keys that it has not named, of any slot that the node has. It learns of them as it runs, when it
//! holds stores already, so it can't ask for others in the order that keeps borrowers from waiting for each other; and
//! what it has written can't be taken back. So it goes before everybody else:
//!
//! ```text
//! script's core        core of a store                     who has that store
//!   -- Claim(number) --> away: -- Recall(gather, claim) ----> a gather that still waits: gives back what it has, and begins anew
//!                                                        ----> what executes: it gives back when it is done, as always
//!                                                        ----> a script that claims, too: one of the two gives way
//!   <-- Lent(number) --- as soon as it is home, before anybody else
//! ```
//!
//! Of two scripts that want each other's stores one that has done something already gets them, and of two such, or of two
//! others, the one on the core with the lower number. A script that gives way before it has done anything begins anew,
//! and borrows all stores, in their order, before it runs. Only if both have done something, the call of one fails. That
//! is rare: a script that was seen to claim is *wide*, and from then on it borrows all stores from the start.
//!
//! Why claims end: a claim waits only for what executes, which ends by itself, or for another claim. Whoever is the
//! last to wait in a ring of claims makes its holder hear of it while that waits, and then one of the two gives up.

use super::Plane;
use super::dispatch::Request;
use super::message::{Message, Notice, Peer};
use super::redirect::command_keys;
use super::script::Job;
use crate::base::ids::CoreId;
use crate::base::limits;
use crate::data::command::spec::acl;
use crate::data::command::{Command, Run};
use crate::data::script::known::sha_of;
use crate::resp::{Error, Proto};
use crate::slot::Slot;
use bumpalo::Bump;
use std::collections::HashSet;

/// Scripts and functions that use keys of several cores without naming them, as far as is known. To forget one costs
/// time only.
#[derive(Default)]
pub struct WideScripts(HashSet<Box<[u8]>>);

impl WideScripts {
    /// Whether the script or function that a command calls is one of them.
    pub(super) fn calls_one(&self, args: &[&[u8]], command: &Command) -> bool {
        let Some(called) = args.get(1).filter(|_| !self.0.is_empty()) else { return false };
        match command.spec.name() {
            name if name.starts_with("fcall") => self.0.contains(*called),
            name if name.starts_with("evalsha") => self.0.contains(&*called.to_ascii_lowercase()),
            _ => self.0.contains(&sha_of(called)[..]),
        }
    }

    /// Takes note of one. True: it is new.
    pub(super) fn insert(&mut self, name: &[u8]) -> bool {
        if self.0.len() >= limits::WIDE_SCRIPTS {
            self.0.clear();
        }
        self.0.insert(name.into())
    }
}

/// What a running script wants a store by.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Its core.
    pub from: Peer,
    /// The number there.
    pub number: u64,
    /// Whether it has done something that can't be done again.
    pub acted: bool,
}

impl Claim {
    /// Whether it is the other that gives way. While scripts wait nothing of this changes, so there is no ring of them.
    fn goes_before(self, other: Claim) -> bool {
        (!self.acted, self.from) < (!other.acted, other.from)
    }
}

impl Plane {
    /// Whether a script's command needs a store that is not here.
    pub(super) fn lacks_stores(&mut self, request: &Request<'_>, command: &Command) -> bool {
        if matches!(command.run, Run::Node(_)) && concerns_all_keys(command) {
            return !self.cores_away().is_empty();
        }
        let keys = command_keys(command, request.args);
        keys.into_iter().any(|key| self.stores.at(self.routes.owners().of(Slot::of_key(key))).is_none())
    }

    fn cores_away(&mut self) -> Vec<CoreId> {
        self.all_cores().into_iter().filter(|core| self.stores.at(*core).is_none()).collect()
    }

    /// The running script has called a command that needs a store which is not here. It claims all that are not: a second
    /// claim could be denied when it has written already.
    pub(super) fn claim(&mut self, bump: &Bump) {
        let cores = self.cores_away();
        let number = self.gather_claim(cores, bump);
        let Some(job) = &mut self.scripts.job else { return };
        job.claim = Some(number);
        let name = job.name().to_vec();
        if self.scripts.wide.insert(&name) {
            for peer in self.other_cores().collect::<Vec<_>>() {
                self.send(peer, Message::Tell(Notice::WideScript(name.as_slice().into())));
            }
        }
    }

    /// Another core's script wants this core's store, before everybody else.
    pub(super) fn claimed(&mut self, claim: Claim, bump: &Bump) {
        if !self.locked {
            return self.lend(claim.from, claim.number);
        }
        self.gathers.claims.push_back(claim);
        self.recall_for(claim, bump);
    }

    /// Asks for this core's store back on behalf of a claim.
    pub(super) fn recall_for(&mut self, claim: Claim, bump: &Bump) {
        let (holder, gather) = self.gathers.holder.unwrap_or((self.core().into(), 0));
        if holder == self.core().into() {
            self.recalled(gather, claim, bump);
        } else {
            self.send(holder, Message::Recall { gather, claim });
        }
    }

    /// A claim waits for a store that this core has for the gather of this number, or for its script.
    pub(super) fn recalled(&mut self, gather: u64, claim: Claim, bump: &Bump) {
        let from = self.core().into();
        let own = |job: &Job| job.claim.map(|number| Claim { from, number, acted: job.acted });
        match self.scripts.job.as_deref().and_then(own) {
            _ if self.may_begin_anew(gather) => self.begin_anew(gather, bump),
            Some(mine) if claim.goes_before(mine) => self.denied(mine.number, bump),
            Some(_) => self.send(claim.from, Message::Denied(claim.number)),
            None => {}
        }
    }

    /// The stores that the running script has claimed are here.
    pub(super) fn claim_granted(&mut self, cores: &[CoreId], bump: &Bump) {
        if let Some(job) = &mut self.scripts.job {
            job.claim = None;
        }
        self.keep_for_script(cores);
        self.call_again(bump);
    }

    /// The running script does not get what it has claimed under this number.
    pub(super) fn denied(&mut self, number: u64, bump: &Bump) {
        let Some(job) = self.scripts.job.as_mut().filter(|job| job.claim == Some(number)) else { return };
        job.claim = None;
        job.begins_anew = job.may_begin_anew();
        let begins_anew = job.begins_anew;
        self.give_up(number);
        let reply = match self.scripts.engine.as_deref_mut().filter(|_| begins_anew) {
            Some(engine) => {
                engine.kill();
                not_now()
            }
            None => self.error_reply(&Error::new(DENIED), Proto::Resp2),
        };
        self.answer_call(reply, bump);
    }
}

/// Whether a command without keys depends on all keys of the node.
fn concerns_all_keys(command: &Command) -> bool {
    command.spec.categories() & acl::KEYSPACE != 0 || command.spec.full_name().starts_with("cluster|")
}

/// What a script hears that is to end and begin anew.
pub(super) fn not_now() -> Vec<u8> {
    format!("-{DENIED}\r\n").into_bytes()
}

/// What a script is told that has to give way.
const DENIED: &str = "TRYAGAIN Script attempted to access keys that another script is using; \
                      scripts should name the keys they use";

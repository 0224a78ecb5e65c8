//! Banned names: a node that was forgotten is not learnt again by the gossip of those who still know it.

use crate::base::limits::MAX_BANS;
use crate::cluster::now::Now;
use crate::contract::topology::NodeId;
use std::collections::BTreeMap;

/// How long a ban holds. Source: Redis 7.0 `CLUSTER_BLACKLIST_TTL`.
const BAN_MS: u64 = 60_000;

/// The banned names, each with the time of the ban.
#[derive(Debug, Default)]
pub struct Bans(BTreeMap<NodeId, Now>);

impl Bans {
    /// Bans `id` from now on. If there are too many bans, the oldest ends.
    pub fn add(&mut self, id: NodeId, now: Now) {
        self.0.retain(|_, since| now.since(*since) < BAN_MS);
        if self.0.len() == MAX_BANS {
            let oldest = self.0.iter().min_by_key(|(_, since)| since.mono_ms).map(|(id, _)| *id);
            oldest.and_then(|id| self.0.remove(&id));
        }
        self.0.insert(id, now);
    }

    /// Whether `id` is banned.
    pub fn holds(&self, id: NodeId, now: Now) -> bool {
        self.0.get(&id).is_some_and(|since| now.since(*since) < BAN_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_holds_for_a_minute() {
        let mut bans = Bans::default();
        let id = NodeId::parse(&[b'a'; 40]).unwrap();
        let at = |mono_ms| Now { unix_ms: 0, mono_ms };
        bans.add(id, at(5));
        assert!(bans.holds(id, at(60_004)));
        assert!(!bans.holds(id, at(60_005)));
    }

    #[test]
    fn when_there_are_too_many_bans_the_oldest_ends() {
        let mut bans = Bans::default();
        let at = |mono_ms| Now { unix_ms: 0, mono_ms };
        let id = |number: usize| NodeId::parse(format!("{number:040}").as_bytes()).unwrap();
        (0..=MAX_BANS).for_each(|number| bans.add(id(number), at(number as u64)));
        let last = at(MAX_BANS as u64);
        assert!(!bans.holds(id(0), last) && bans.holds(id(1), last) && bans.holds(id(MAX_BANS), last));
    }
}

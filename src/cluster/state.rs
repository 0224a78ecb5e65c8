//! The cluster's state: whether data commands may be served.
//!
//! ```text
//!            2 s after the first look, all covered, majority
//!  Starting ------------------------------------------------> ok
//!     |                                                       | ^
//!     | 2 s, but uncovered / minority     uncovered, minority | | covered, and with the majority
//!     v                                                       v | for clamp(node timeout, 0.5 s, 5 s)
//!  SlotsUncovered, Minority <-------------------------------- fail (Rejoining meanwhile)
//! ```
//!
//! The waits are a primary's only: it gives the cluster the time to tell it that it lost its slots, before it takes
//! writes that would be lost. All waits are by the monotonic clock, so that a clock jump cannot shorten one.
//!
//! A process that was stopped for long (SIGSTOP, a virtual machine that was moved) may have been replaced meanwhile, and
//! what it knows looks as good as ever. It counts as in the minority until a majority has answered it again.

use super::nodes::{Node, NodeTable};
use super::now::Now;
use super::options::Options;
use super::slots::SlotMap;
use crate::base::limits::SLOTS;
use crate::contract::topology::{DownReason, NodeFlags};

/// How long a primary stays down after its first look. Source: Redis 7.0 `CLUSTER_WRITABLE_DELAY`.
const WRITABLE_DELAY_MS: u64 = 2000;
/// Bounds of the wait of a primary that is back with the majority. Source: Redis 7.0 `CLUSTER_*_REJOIN_DELAY`.
const MIN_REJOIN_DELAY_MS: u64 = 500;
const MAX_REJOIN_DELAY_MS: u64 = 5000;
/// A stop that is no stop, whatever the node timeout: a machine under load lets a tick wait as long.
const SHORTEST_STOP_MS: u64 = 500;

/// The state, and what its waits are measured from.
#[derive(Clone, Debug)]
pub struct State {
    down: Option<DownReason>,
    size: usize,
    first_look: Option<Now>,
    last_in_minority: Option<Now>,
    /// When it was last seen that the process runs.
    last_awake: Option<Now>,
    /// When the process went on after a long stop; until a majority has answered since.
    resumed: Option<Now>,
}

impl Default for State {
    fn default() -> State {
        // Redis says 1 until it first looks.
        State {
            down: Some(DownReason::Starting),
            size: 1,
            first_look: None,
            last_in_minority: None,
            last_awake: None,
            resumed: None,
        }
    }
}

impl State {
    /// Why the cluster is down; `None` when it is not.
    pub fn down(&self) -> Option<DownReason> {
        self.down
    }

    /// Primaries with slots, when this node last looked.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Takes note that the process runs. Returns whether it was stopped for so long that it may have been replaced: half
    /// a node timeout, which the others cannot have taken for its end, but not less than a few ticks.
    pub fn awake(&mut self, options: &Options, now: Now) -> bool {
        let longest = (options.node_timeout_ms / 2).max(SHORTEST_STOP_MS);
        let stopped = self.last_awake.replace(now).is_some_and(|last| now.since(last) > longest);
        if stopped {
            log::warn!("This process was stopped for more than {longest} ms: asking the others before taking writes");
            self.resumed = Some(now);
            self.last_in_minority = Some(now);
        }
        stopped
    }

    /// Whether this node can know if it still is what it takes itself for. One that cannot must not vote: together
    /// with its successor it would have two votes.
    pub fn is_in_touch(&self, options: &Options, now: Now) -> bool {
        let has_started = self.first_look.is_some_and(|first| now.since(first) >= WRITABLE_DELAY_MS);
        has_started && self.resumed.is_none() && !self.must_wait_to_rejoin(options, now)
    }

    /// Looks again. Returns whether the state, or the reason for it, has changed.
    pub fn look(&mut self, nodes: &NodeTable, slots: &SlotMap, options: &Options, am_primary: bool, now: Now) -> bool {
        let first_look = *self.first_look.get_or_insert(now);
        if am_primary && self.down.is_some() && now.since(first_look) < WRITABLE_DELAY_MS {
            return false;
        }
        let uncovered = options.require_full_coverage && !all_covered(nodes, slots);
        let minority = !self.majority_reachable(nodes, slots);
        if self.resumed.is_some_and(|resumed| majority_answered_since(nodes, slots, resumed)) {
            self.resumed = None;
        }
        if minority || self.resumed.is_some() {
            self.last_in_minority = Some(now);
        }
        let down = if uncovered {
            Some(DownReason::SlotsUncovered)
        } else if minority {
            Some(DownReason::Minority)
        } else if am_primary
            && (self.resumed.is_some() || self.down.is_some() && self.must_wait_to_rejoin(options, now))
        {
            Some(DownReason::Rejoining)
        } else {
            None
        };
        self.turn(down)
    }

    fn turn(&mut self, down: Option<DownReason>) -> bool {
        if down.is_some() != self.down.is_some() {
            log::warn!("Cluster state changed: {}", if down.is_some() { "fail" } else { "ok" });
        }
        std::mem::replace(&mut self.down, down) != down
    }

    fn majority_reachable(&mut self, nodes: &NodeTable, slots: &SlotMap) -> bool {
        let voters = || slots.owners().map(|owner| &nodes[owner]).filter(|node| node.is_primary());
        self.size = voters().count();
        let reachable = voters().filter(|node| !node.flags.any(NodeFlags::PFAIL.with(NodeFlags::FAIL))).count();
        reachable > self.size / 2
    }

    fn must_wait_to_rejoin(&self, options: &Options, now: Now) -> bool {
        let delay = options.node_timeout_ms.clamp(MIN_REJOIN_DELAY_MS, MAX_REJOIN_DELAY_MS);
        self.last_in_minority.is_some_and(|last| now.since(last) < delay)
    }
}

/// Whether a majority of the primaries with slots, this node included, answered a ping that was sent after `moment`:
/// the links are younger than that, so nothing on them is older.
fn majority_answered_since(nodes: &NodeTable, slots: &SlotMap, moment: Now) -> bool {
    let answered = |node: &Node| {
        let link_is_new = node.link.is_some_and(|link| link.created.mono_ms >= moment.mono_ms);
        link_is_new && node.pong_received.is_some_and(|pong| pong.mono_ms >= moment.mono_ms)
    };
    let voters = || slots.owners().map(|owner| &nodes[owner]).filter(|node| node.is_primary());
    voters().filter(|node| node.is_myself() || answered(node)).count() > voters().count() / 2
}

fn all_covered(nodes: &NodeTable, slots: &SlotMap) -> bool {
    slots.assigned() == SLOTS && slots.owners().all(|owner| !nodes[owner].has_failed())
}

#[cfg(test)]
mod tests {
    use super::super::LinkId;
    use super::super::nodes::{Link, NodeIx};
    use super::*;
    use crate::contract::topology::NodeId;
    use crate::slot::Slot;

    struct World {
        nodes: NodeTable,
        slots: SlotMap,
        options: Options,
        state: State,
    }

    impl World {
        /// `primaries` nodes that share all slots.
        fn of(primaries: u8) -> World {
            let mut world = World {
                nodes: NodeTable::default(),
                slots: SlotMap::default(),
                options: Options::default(),
                state: State::default(),
            };
            for letter in 0..primaries {
                let id = NodeId::parse(&[b'a' + letter; 40]).unwrap();
                world.nodes.insert(Node::new(id, NodeFlags::PRIMARY)).unwrap();
            }
            for slot in Slot::all() {
                world.slots.assign(slot, NodeIx(slot.number() % u16::from(primaries)));
            }
            world
        }

        fn down_at(&mut self, mono_ms: u64) -> Option<DownReason> {
            self.state.look(&self.nodes, &self.slots, &self.options, true, Now { unix_ms: 0, mono_ms });
            self.state.down()
        }

        fn mark(&mut self, node: u16, flags: NodeFlags) {
            self.nodes[NodeIx(node)].flags = NodeFlags::PRIMARY.with(flags);
        }
    }

    #[test]
    fn a_primary_is_down_for_two_seconds_from_its_first_look() {
        let mut world = World::of(1);
        assert_eq!(world.down_at(10_000), Some(DownReason::Starting));
        assert_eq!(world.down_at(11_999), Some(DownReason::Starting));
        assert_eq!(world.down_at(12_000), None);
    }

    #[test]
    fn a_replica_does_not_wait_after_its_start() {
        let mut world = World::of(1);
        assert!(world.state.look(&world.nodes, &world.slots, &world.options, false, Now::default()));
        assert_eq!(world.state.down(), None);
    }

    #[test]
    fn an_uncovered_slot_takes_the_cluster_down_unless_partial_coverage_will_do() {
        let mut world = World::of(1);
        world.down_at(0);
        world.slots.unassign(Slot::new(5).unwrap());
        assert_eq!(world.down_at(2000), Some(DownReason::SlotsUncovered));
        world.options.require_full_coverage = false;
        assert_eq!(world.down_at(2001), None);
    }

    #[test]
    fn a_failed_owner_covers_nothing() {
        let mut world = World::of(3);
        world.down_at(0);
        assert_eq!(world.down_at(2000), None);
        world.mark(2, NodeFlags::PFAIL);
        assert_eq!(world.down_at(2001), None, "one node's opinion does not take the slots down");
        world.mark(2, NodeFlags::FAIL);
        assert_eq!(world.down_at(2002), Some(DownReason::SlotsUncovered));
    }

    #[test]
    fn a_primary_back_from_the_minority_waits_before_it_takes_writes() {
        let mut world = World::of(3);
        world.down_at(0);
        world.mark(1, NodeFlags::PFAIL);
        world.mark(2, NodeFlags::PFAIL);
        assert_eq!(world.down_at(3000), Some(DownReason::Minority));
        world.mark(2, NodeFlags::default());
        assert_eq!(world.down_at(3001), Some(DownReason::Rejoining));
        assert_eq!(world.down_at(7999), Some(DownReason::Rejoining));
        assert_eq!(world.down_at(8000), None, "the wait is 5 s at most, whatever the node timeout");
    }

    #[test]
    fn a_process_that_was_stopped_waits_for_a_majority_to_answer_and_then_for_news() {
        let mut world = World::of(3);
        world.mark(0, NodeFlags::MYSELF);
        let at = |mono_ms| Now { unix_ms: 0, mono_ms };
        world.down_at(0);
        assert_eq!(world.down_at(2000), None);
        assert!(!world.state.awake(&world.options, at(2000)));
        assert!(!world.state.awake(&world.options, at(9500)), "half a node timeout is no stop");
        assert!(world.state.awake(&world.options, at(17_001)));
        assert_eq!(world.down_at(17_001), Some(DownReason::Rejoining));
        let pong = |world: &mut World, node, created, answered| {
            let link = Link::new(LinkId(u64::from(node)), at(created));
            (world.nodes[NodeIx(node)].link, world.nodes[NodeIx(node)].pong_received) =
                (Some(link), Some(at(answered)));
        };
        pong(&mut world, 1, 100, 30_000);
        assert_eq!(world.down_at(30_000), Some(DownReason::Rejoining), "an old link can hold old answers");
        assert!(!world.state.is_in_touch(&world.options, at(30_000)));
        pong(&mut world, 1, 17_001, 31_000);
        assert_eq!(world.down_at(31_000), Some(DownReason::Rejoining));
        assert_eq!(world.down_at(35_000), None);
        assert!(world.state.is_in_touch(&world.options, at(35_000)));
    }

    #[test]
    fn the_size_counts_primaries_with_slots() {
        let mut world = World::of(3);
        assert_eq!(world.state.size(), 1);
        world.down_at(0);
        world.down_at(2000);
        assert_eq!(world.state.size(), 3);
    }
}

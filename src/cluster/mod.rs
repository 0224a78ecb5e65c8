//! The control plane: what this node knows of its cluster, and the CLUSTER command.
//!
//! Owned by the bus core, which feeds it commands and the time and carries out the [`Action`]s it answers with; the
//! simulator does the same. Everything that data cores need of it reaches them as a
//! [`Topology`].
//!
//! To read in this order: `nodes`, `slots` and `epochs` (what is known), `state` (may data be served), `nodes_conf`,
//! `describe` and `load` (to and from the file), `snapshot` (for the data cores), `command`.
//!
//! Invariants:
//! - No socket, no file, no clock, no random source but the generator it is given: the same calls from the same
//!   seed give the same actions.
//! - `me` is always in the node table, and is the only node flagged MYSELF.
//! - A change of the node table, the slot map or the epochs leaves a call only together with the
//!   [`Action::SaveConfig`] that makes it survive a crash; that comes before the [`Action::PublishTopology`] by which
//!   it takes effect. But for slots that move between nodes under epochs that are known already: [`Action::WriteConfig`]
//!   will do, which a crash of the process does not undo. What a crash of the machine does is heard again, but for the
//!   marks of a slot that is on its way, which `redis-cli --cluster fix` restores. And but for others' failures, and
//!   current epochs that were only heard of: these are written and published with the next tick.

pub mod command;
pub mod describe;
pub mod epochs;
pub mod failover;
pub mod gossip;
pub mod load;
pub mod nodes;
pub mod nodes_conf;
pub mod now;
pub mod options;
pub mod slots;
pub mod snapshot;
pub mod state;
pub mod stats;
pub mod wire;

use crate::contract::topology::{NodeFlags, NodeId, Topology};
use crate::slot::Slot;
use epochs::Epochs;
use failover::Failover;
use gossip::Bus;
pub use gossip::LinkFigures;
use nodes::{Node, NodeIx, NodeTable};
use now::Now;
use options::{Options, OptionsError};
use rand_xoshiro::Xoshiro256PlusPlus;
use slots::{Direction, SlotMap};
use state::State;
use stats::BusStats;
use std::sync::Arc;
use wire::Packet;

/// What the owner of the control plane has to do, in this order, before the reply of the command leaves.
#[derive(Clone, Debug)]
pub enum Action {
    /// Stop replicating and serve as a primary.
    StopReplication,
    /// Become a replica of the node at this address.
    Replicate {
        /// The primary's address.
        ip: String,
        /// The primary's port for clients.
        port: u16,
    },
    /// Delete every key of the node.
    FlushAll,
    /// Write nodes.conf, and have it on the disk. If that fails, the rest of the list must not be done: a vote or a claim
    /// that a crash would make forgotten could be given twice. The text is [`Cluster::nodes_conf`], now or when it can be
    /// written: several lists may share one.
    SaveConfig,
    /// Write nodes.conf, so that it outlives the process, and have it on the disk soon. If that fails, the rest of the
    /// list must not be done.
    WriteConfig,
    /// Send this to every data core.
    PublishTopology(Arc<Topology>),
    /// Connect to a node's bus and call it this; answer with [`Cluster::opened`] or [`Cluster::closed`].
    Connect {
        /// What the link will be called.
        link: LinkId,
        /// The node's address.
        ip: String,
        /// Its bus port.
        port: u16,
    },
    /// Send a packet over a link, if it is still open.
    Send(LinkId, Arc<Packet>),
    /// Close a link, if it is still open; it is not answered with [`Cluster::closed`].
    Close(LinkId),
    /// Delete the keys of these slots: they are another node's now.
    DropSlots(Vec<Slot>),
    /// Hold back the clients' writes until this time (Unix, ms), for a manual failover; none: no longer.
    PauseWrites(Option<u64>),
    /// Hand a message to the subscribers on this node.
    Deliver {
        /// Whether the channel is a shard's.
        sharded: bool,
        /// The channel.
        channel: Vec<u8>,
        /// The message.
        message: Vec<u8>,
    },
}

/// A connection of the bus. Links that others made to this node are numbered by the owner of the sockets from
/// [`LinkId::INBOUND`] on; those this node makes, by the control plane, below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

impl LinkId {
    /// The first number of a link that another node made.
    pub const INBOUND: u64 = 1 << 63;

    /// Whether another node made it.
    pub fn is_inbound(self) -> bool {
        self.0 >= LinkId::INBOUND
    }
}

/// Why a link is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkEnd {
    /// The other side refused the connection: nothing listens on its bus port, so its process is most likely dead.
    Refused,
    /// Anything else: closed, reset, unreachable, too much to send, a malformed packet.
    Lost,
}

/// What the owner of the data knows, as of now, for the regular work of the control plane.
#[derive(Clone, Copy, Debug, Default)]
pub struct Replication {
    /// This node's replication offset; 0 while the data is missing.
    pub offset: u64,
    /// Whether a replica's data is being replaced: it does not stand for election, as all would be lost.
    pub data_missing: bool,
    /// A replica's: milliseconds since its primary was last heard, `None` if it never was since the start.
    pub primary_silent_ms: Option<u64>,
    /// Whether a replica's link to its primary is up and it has the primary's data.
    pub link_up: bool,
    /// A primary's, after [`Action::PauseWrites`]: whether every data core holds its writes back, and `offset` counts
    /// all that were executed before.
    pub writes_paused: bool,
}

/// The control plane of one node.
pub struct Cluster {
    options: Options,
    random: Xoshiro256PlusPlus,
    nodes: NodeTable,
    slots: SlotMap,
    epochs: Epochs,
    state: State,
    stats: BusStats,
    bus: Bus,
    failover: Failover,
    /// What the owner of the data last told.
    replication: Replication,
    /// The primary's address by which the owner of the data was last told to replicate.
    following: Option<(String, u16)>,
    me: NodeIx,
    pending: Pending,
    later: Later,
    /// Whether the last attempt to save failed.
    saves_fail: bool,
}

/// What is to be done with the next tick: nobody waits for it, and where nodes fail by the dozen it is done once for all.
#[derive(Debug, Default)]
struct Later {
    write: bool,
    publish: bool,
}

/// What the call under way has changed, and so has to be done before it returns.
#[derive(Debug, Default)]
struct Pending {
    /// What comes before the change is saved and takes effect.
    actions: Vec<Action>,
    /// What comes after: what others are told must survive a crash, and keys go when no client finds them any more.
    outgoing: Vec<Action>,
    save: bool,
    write: bool,
    publish: bool,
    look: bool,
    /// Whether every node is to be sent a pong.
    announce: bool,
}

impl Cluster {
    /// A node that knows nobody, owns nothing, and has a new random name.
    pub fn new(options: Options, mut random: Xoshiro256PlusPlus) -> Result<Cluster, OptionsError> {
        let mut nodes = NodeTable::default();
        let myself = Node::new(nodes::random_id(&mut random), NodeFlags::MYSELF.with(NodeFlags::PRIMARY));
        let me = nodes.insert(myself).expect("an empty table has room");
        Cluster::assemble(options, random, nodes, SlotMap::default(), Epochs::default(), me)
    }

    fn assemble(
        options: Options,
        random: Xoshiro256PlusPlus,
        nodes: NodeTable,
        slots: SlotMap,
        epochs: Epochs,
        me: NodeIx,
    ) -> Result<Cluster, OptionsError> {
        options.check()?;
        let suspects = nodes.iter().filter(|(_, node)| node.is_suspected()).map(|(ix, _)| ix).collect();
        let mut cluster = Cluster {
            options,
            random,
            nodes,
            slots,
            epochs,
            state: State::default(),
            stats: BusStats::default(),
            bus: Bus::suspecting(suspects),
            failover: Failover::default(),
            replication: Replication::default(),
            following: None,
            me,
            pending: Pending::default(),
            later: Later::default(),
            saves_fail: false,
        };
        cluster.announce();
        cluster.config_changed();
        Ok(cluster)
    }

    /// Takes over changed directives (CONFIG SET).
    pub fn reconfigure(&mut self, options: Options, now: Now) -> Result<Vec<Action>, OptionsError> {
        options.check()?;
        let announced_before = self.options.announce_ip.is_some();
        self.options = options;
        if announced_before && self.options.announce_ip.is_none() {
            // What was announced is no longer true; the bus finds the address out again.
            self.nodes[self.me].ip.clear();
        }
        let before = self.announcement();
        self.announce();
        if self.announcement() != before {
            self.announce_change();
        }
        self.config_changed();
        Ok(self.settle(now))
    }

    /// The time-driven part, to be called ten times a second. The first call saves and publishes the start's state.
    pub fn tick(&mut self, now: Now) -> Vec<Action> {
        self.notice_stop(now);
        self.converse(now);
        self.failover_tick(now);
        self.pending.look |= self.state.down().is_some();
        self.pending.write |= self.later.write;
        self.pending.publish |= self.later.publish;
        self.settle(now)
    }

    /// What was to be saved was not: it is to be saved, and to take effect, with the next call. Until then commands change
    /// nothing more.
    pub fn save_failed(&mut self) {
        self.saves_fail = true;
        self.config_changed();
    }

    /// All that was to be saved up to some call is.
    pub fn saved(&mut self) {
        self.saves_fail = false;
    }

    /// Brings the slot map into line with the keys that were loaded from disk: `populated` are the slots that hold
    /// any. A slot of nobody becomes this node's; a slot of another node is marked as imported from it, so that the
    /// keys are not lost and `redis-cli --cluster fix` sees them.
    pub fn adopt_loaded(&mut self, populated: impl IntoIterator<Item = Slot>, now: Now) -> Vec<Action> {
        if self.nodes[self.me].is_replica() {
            return Vec::new(); // A replica's keys are its primary's business.
        }
        for slot in populated {
            let number = slot.number();
            match self.slots.owner(slot) {
                Some(owner) if owner == self.me => continue,
                Some(_) if self.slots.opened(slot, Direction::Importing).is_some() => continue,
                Some(owner) => {
                    log::warn!(
                        "I have keys for slot {number}, but the slot is assigned to another node. \
                         Setting it to importing state."
                    );
                    self.slots.open(slot, Direction::Importing, owner);
                }
                None => {
                    log::warn!("I have keys for unassigned slot {number}. Taking responsibility for it.");
                    self.assign(slot, self.me);
                }
            }
            self.config_changed();
        }
        self.settle(now)
    }

    /// This node's name.
    pub fn my_id(&self) -> NodeId {
        self.myself().id
    }

    /// Whether this node knows a node of this name that a majority takes for failed.
    pub fn has_failed(&self, id: NodeId) -> bool {
        self.nodes.find(id).is_some_and(|node| self.nodes[node].has_failed())
    }

    /// Whether this node copies another.
    pub fn is_replica(&self) -> bool {
        self.myself().replicaof.is_some()
    }

    /// Writes our own entry as the directives announce it.
    fn announce(&mut self) {
        let (options, myself) = (&self.options, &mut self.nodes[self.me]);
        myself.port = options.client_port();
        myself.bus_port = options.announced_bus_port();
        if let Some(ip) = &options.announce_ip {
            myself.ip.clone_from(ip);
        }
        myself.hostname = options.announce_hostname.clone().unwrap_or_default();
        myself.flags = myself.flags.without(NodeFlags::NO_FAILOVER);
        if options.replica_no_failover {
            myself.flags = myself.flags.with(NodeFlags::NO_FAILOVER);
        }
    }

    /// What others are told of our own entry.
    fn announcement(&self) -> (String, String, u16, u16, NodeFlags) {
        let Node { ip, hostname, port, bus_port, flags, .. } = self.myself();
        (ip.clone(), hostname.clone(), *port, *bus_port, *flags)
    }

    fn myself(&self) -> &Node {
        &self.nodes[self.me]
    }

    /// Gives `slot` to `owner`. A primary's first slot makes it a target for migrating replicas, if there are any:
    /// in a cluster with replicas it would otherwise stay without one.
    fn assign(&mut self, slot: Slot, owner: NodeIx) {
        self.slots.assign(slot, owner);
        if self.slots.count(owner) == 1 && self.nodes.iter().any(|(_, node)| node.replicaof.is_some()) {
            let owner = &mut self.nodes[owner];
            owner.flags = owner.flags.with(NodeFlags::MIGRATE_TO);
        }
    }

    /// Removes every trace of a node.
    fn forget(&mut self, node: NodeIx) {
        assert!(node != self.me, "a node does not forget itself");
        self.disconnect(node);
        self.disconnect_inbound(node);
        self.leave_primary(node);
        self.slots.forget(node);
        let was_known = self.nodes.remove(node).is_some_and(|node| !node.is_in_handshake());
        if was_known {
            self.config_changed();
        }
    }

    fn become_primary(&mut self) {
        self.set_primary(self.me);
    }

    fn become_replica_of(&mut self, primary: NodeIx) {
        assert!(primary != self.me, "a node does not replicate itself");
        assert!(self.slots.count(self.me) == 0, "a replica owns no slots");
        self.reset_manual_failover();
        if self.myself().is_primary() {
            self.slots.close_all(); // Migration state is a primary's.
        }
        if self.myself().replicaof != Some(primary) {
            self.inheritance(); // It was another primary's.
        }
        self.set_replica_of(self.me, primary);
    }

    /// Takes note that `node` is a primary, by its own word or by its slots.
    fn set_primary(&mut self, node: NodeIx) {
        if self.nodes[node].is_primary() {
            return;
        }
        let was_replica = self.leave_primary(node);
        let entry = &mut self.nodes[node];
        entry.flags = entry.flags.without(NodeFlags::REPLICA).with(NodeFlags::PRIMARY);
        if was_replica && node != self.me {
            // It took over from a primary that had replicas, so it is to have some.
            entry.flags = entry.flags.with(NodeFlags::MIGRATE_TO);
        }
        self.config_changed();
    }

    /// Takes note that `node` replicates `primary`.
    fn set_replica_of(&mut self, node: NodeIx, primary: NodeIx) {
        assert!(node != primary, "a node does not replicate itself");
        self.leave_primary(node);
        let entry = &mut self.nodes[node];
        entry.flags = entry.flags.without(NodeFlags::PRIMARY.with(NodeFlags::MIGRATE_TO)).with(NodeFlags::REPLICA);
        entry.replicaof = Some(primary);
        if let Some(link) = &mut entry.link {
            link.told_open = None;
        }
        let primary = &mut self.nodes[primary];
        primary.flags = primary.flags.with(NodeFlags::MIGRATE_TO);
        self.config_changed();
    }

    /// Takes `node` from the replicas of its primary. Returns whether it had one.
    fn leave_primary(&mut self, node: NodeIx) -> bool {
        let Some(primary) = self.nodes[node].replicaof.take() else { return false };
        if self.nodes.replicas_of(primary).next().is_none() {
            let primary = &mut self.nodes[primary];
            primary.flags = primary.flags.without(NodeFlags::MIGRATE_TO);
        }
        true
    }

    /// Says that the node table, the slot map or the epochs have changed.
    fn config_changed(&mut self) {
        self.pending.save = true;
        self.routing_changed();
    }

    /// Says that slots are on their way from one node to another, or have arrived, under epochs that are known already.
    fn slots_moved(&mut self) {
        self.pending.write = true;
        self.routing_changed();
    }

    fn routing_changed(&mut self) {
        self.pending.publish = true;
        self.pending.look = true;
    }

    /// Says that the majority's opinion of a node has changed.
    fn failure_changed(&mut self) {
        self.later.write = true;
        self.health_changed();
    }

    /// Says that this node's opinion of others has changed, which need not survive a crash. Unless the cluster's state
    /// changes with it, no command goes another way for it.
    fn health_changed(&mut self) {
        self.later.publish = true;
        self.pending.look = true;
    }

    /// Turns what is pending into actions, in the order they have to be done.
    fn settle(&mut self, now: Now) -> Vec<Action> {
        self.follow_primary();
        if std::mem::take(&mut self.pending.look) {
            let am_primary = self.myself().is_primary();
            self.pending.publish |= self.state.look(&self.nodes, &self.slots, &self.options, am_primary, now);
        }
        if std::mem::take(&mut self.pending.announce) {
            self.pong_everybody();
        }
        if self.pending.publish {
            self.tell_open_slots();
        }
        let pending = std::mem::take(&mut self.pending);
        self.later.write &= !(pending.save || pending.write);
        self.later.publish &= !pending.publish;
        let mut actions = pending.actions;
        if pending.save {
            actions.push(Action::SaveConfig);
        } else if pending.write {
            actions.push(Action::WriteConfig);
        }
        if pending.publish {
            actions.push(Action::PublishTopology(Arc::new(self.topology())));
        }
        actions.extend(pending.outgoing);
        actions
    }

    /// Has the owner of the data replicate whom the node table says, if it does not yet. While the primary's address
    /// is not known, it goes on as it does.
    fn follow_primary(&mut self) {
        let wanted = match self.myself().replicaof.map(|primary| &self.nodes[primary]) {
            Some(primary) if primary.ip.is_empty() => return,
            Some(primary) => Some((primary.ip.clone(), primary.port)),
            None if self.myself().is_replica() => return,
            None => None,
        };
        if self.following == wanted {
            return;
        }
        // Either way clients are redirected in between, and never told that this node, theirs by the topology, is read
        // only.
        match wanted.clone() {
            Some((ip, port)) => self.pending.outgoing.insert(0, Action::Replicate { ip, port }),
            None => self.pending.actions.insert(0, Action::StopReplication),
        }
        self.following = wanted;
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

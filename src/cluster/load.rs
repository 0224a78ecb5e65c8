//! A node out of its nodes.conf, and back into one.

use super::Cluster;
use super::describe::Describer;
use super::epochs::Epochs;
use super::nodes::{Node, NodeIx, NodeTable};
use super::nodes_conf::{Corrupt, NodeLine, NodesConf, Problem};
use super::now::Now;
use super::options::{Options, OptionsError};
use super::slots::SlotMap;
use crate::contract::topology::{NodeFlags, NodeId};
use crate::slot::Slot;
use rand_xoshiro::Xoshiro256PlusPlus;

/// Why a node cannot start from its nodes.conf.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The file is not one.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// The directives cannot be.
    #[error(transparent)]
    Options(#[from] OptionsError),
}

impl Cluster {
    /// The node that wrote `text`. What the directives announce goes before what the text says of this node.
    pub fn load(options: Options, random: Xoshiro256PlusPlus, text: &str, now: Now) -> Result<Cluster, LoadError> {
        let conf = NodesConf::parse(text)?;
        let nodes = load_nodes(&conf, now)?;
        let slots = load_slots(&conf, &nodes)?;
        let me = find_myself(&nodes)?;
        let mut epochs = Epochs { current: conf.current_epoch, last_vote: conf.last_vote_epoch };
        epochs.catch_up(&nodes);
        log::info!("Node configuration loaded, I'm {}", nodes[me].id);
        Ok(Cluster::assemble(options, random, nodes, slots, epochs, me)?)
    }

    /// The text of this node's nodes.conf. Nodes in handshake have no real name yet and stay out.
    pub fn nodes_conf(&self) -> String {
        let lines = Describer::new(&self.nodes, &self.slots).all(NodeFlags::HANDSHAKE);
        let Epochs { current, last_vote } = self.epochs;
        format!("{lines}vars currentEpoch {current} lastVoteEpoch {last_vote}\n")
    }
}

/// The nodes that have a line, and those that are only named by one. Lines may name nodes of later lines.
fn load_nodes(conf: &NodesConf, now: Now) -> Result<NodeTable, Corrupt> {
    let mut nodes = NodeTable::default();
    for line in &conf.nodes {
        if nodes.find(line.id).is_some() {
            return Err(Corrupt::file(Problem::NodeTwice));
        }
        insert(&mut nodes, node_of(line, now))?;
    }
    for line in &conf.nodes {
        for (_, _, other) in &line.open {
            find_or_insert(&mut nodes, *other)?;
        }
        let Some(primary) = line.replicaof else { continue };
        let primary = find_or_insert(&mut nodes, primary)?;
        let replica = find_or_insert(&mut nodes, line.id)?;
        if primary == replica {
            return Err(Corrupt::file(Problem::OwnPrimary));
        }
        nodes[replica].replicaof = Some(primary);
    }
    Ok(nodes)
}

fn node_of(line: &NodeLine, now: Now) -> Node {
    let mut node = Node::new(line.id, line.flags);
    node.ip.clone_from(&line.address.ip);
    node.hostname.clone_from(&line.address.hostname);
    node.port = line.address.port;
    node.bus_port = line.address.bus_port;
    // The moments themselves are of another life of the process; that there were any is what counts.
    node.ping_sent = line.pinged.then_some(now);
    node.pong_received = line.answered.then_some(now);
    node.failed_at = node.has_failed().then_some(now);
    node.config_epoch = line.config_epoch; // A replica's line holds its primary's.
    node
}

fn load_slots(conf: &NodesConf, nodes: &NodeTable) -> Result<SlotMap, Corrupt> {
    let known = |id: NodeId| nodes.find(id).expect("every node that a line names is in the table");
    let mut slots = SlotMap::default();
    for line in &conf.nodes {
        for (start, end) in &line.slots {
            for slot in (start.number()..=end.number()).filter_map(Slot::new) {
                if slots.owner(slot).is_some() {
                    return Err(Corrupt::file(Problem::SlotTwice));
                }
                slots.assign(slot, known(line.id));
            }
        }
        for (slot, direction, other) in &line.open {
            slots.open(*slot, *direction, known(*other));
        }
    }
    Ok(slots)
}

fn find_myself(nodes: &NodeTable) -> Result<NodeIx, Corrupt> {
    let mut mine = nodes.iter().filter(|(_, node)| node.is_myself());
    match (mine.next(), mine.next()) {
        (Some((me, _)), None) => Ok(me),
        (None, _) => Err(Corrupt::file(Problem::NoMyself)),
        _ => Err(Corrupt::file(Problem::MyselfTwice)),
    }
}

fn find_or_insert(nodes: &mut NodeTable, id: NodeId) -> Result<NodeIx, Corrupt> {
    match nodes.find(id) {
        Some(ix) => Ok(ix),
        None => insert(nodes, Node::new(id, NodeFlags::default())),
    }
}

fn insert(nodes: &mut NodeTable, node: Node) -> Result<NodeIx, Corrupt> {
    nodes.insert(node).map_err(|_| Corrupt::file(Problem::TooManyNodes))
}

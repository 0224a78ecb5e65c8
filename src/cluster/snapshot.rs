//! The topology that data cores route by, made out of what the control plane knows.

use super::Cluster;
use super::nodes::{Node, NodeIx};
use super::slots::Direction;
use crate::base::limits::SLOTS;
use crate::contract::topology::{NO_NODE, NodeView, Topology};

impl Cluster {
    /// The present state as a snapshot. Node indices are the snapshot's own: the table may have gaps, it has none.
    pub fn topology(&self) -> Topology {
        let mut dense = vec![NO_NODE; self.nodes.places()];
        self.nodes.iter().zip(0..).for_each(|((ix, _), number)| dense[ix.index()] = number);
        let index = |ix: Option<NodeIx>| ix.map_or(NO_NODE, |ix| dense[ix.index()]);
        let open = |direction| self.slots.all_open(direction).map(|(slot, ix)| (slot, dense[ix.index()])).collect();
        Topology {
            me: dense[self.me.index()],
            nodes: self.nodes.iter().map(|(_, node)| self.view(node, index(node.replicaof))).collect(),
            owners: self.owners(index),
            migrating: open(Direction::Migrating),
            importing: open(Direction::Importing),
            down: self.state.down(),
            core_port_base: self.options.core_port_base,
            cores: self.options.cores.clone(),
        }
    }

    fn owners(&self, index: impl Fn(Option<NodeIx>) -> u16) -> Box<[u16; SLOTS]> {
        let mut owners = Box::new([NO_NODE; SLOTS]);
        for run in self.slots.runs() {
            owners[run.start.index()..=run.end.index()].fill(index(Some(run.owner)));
        }
        owners
    }

    fn view(&self, node: &Node, replicaof: u16) -> NodeView {
        NodeView {
            id: node.id,
            ip: node.ip.as_str().into(),
            hostname: node.hostname.as_str().into(),
            port: node.port,
            bus_port: node.bus_port,
            flags: node.flags,
            replicaof,
            config_epoch: self.nodes.effective_epoch(node),
            endpoint: format!("{}:{}", node.endpoint(self.options.endpoint), node.port).into(),
        }
    }
}

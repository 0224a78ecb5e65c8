//! Epochs: the logical clock by which nodes agree whose claim to a slot is the newer one.

use super::nodes::{NodeIx, NodeTable};

/// What this node knows of the cluster's time. Both only ever grow, but for CLUSTER RESET HARD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epochs {
    /// The greatest epoch this node has seen.
    pub current: u64,
    /// The epoch of the last election this node voted in.
    pub last_vote: u64,
}

impl Epochs {
    /// Catches up with the configuration epochs of `nodes`: a file edited by hand may be behind them.
    pub fn catch_up(&mut self, nodes: &NodeTable) {
        self.current = self.greatest(nodes);
    }

    /// Gives `node` a configuration epoch greater than all others, without asking anybody. Returns whether it
    /// needed one: a node that already has the greatest keeps it.
    ///
    /// Two nodes that do this at once get the same epoch; the collision rule of the bus sorts them out.
    pub fn bump_without_consensus(&mut self, nodes: &mut NodeTable, node: NodeIx) -> bool {
        let own = nodes[node].config_epoch;
        if own != 0 && own == self.greatest(nodes) {
            return false;
        }
        self.current = self.current.saturating_add(1);
        nodes[node].config_epoch = self.current;
        log::warn!("New configEpoch set to {}", self.current);
        true
    }

    fn greatest(&self, nodes: &NodeTable) -> u64 {
        nodes.iter().map(|(_, node)| node.config_epoch).fold(self.current, u64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::super::nodes::Node;
    use super::*;
    use crate::contract::topology::{NodeFlags, NodeId};

    #[test]
    fn only_a_node_without_the_greatest_epoch_is_bumped() {
        let mut nodes = NodeTable::default();
        let a = nodes.insert(Node::new(NodeId::parse(&[b'a'; 40]).unwrap(), NodeFlags::PRIMARY)).unwrap();
        let b = nodes.insert(Node::new(NodeId::parse(&[b'b'; 40]).unwrap(), NodeFlags::PRIMARY)).unwrap();
        let mut epochs = Epochs::default();
        assert!(epochs.bump_without_consensus(&mut nodes, a), "zero is no epoch");
        assert!(!epochs.bump_without_consensus(&mut nodes, a));
        assert!(epochs.bump_without_consensus(&mut nodes, b));
        assert!(epochs.bump_without_consensus(&mut nodes, a));
        assert_eq!((nodes[a].config_epoch, nodes[b].config_epoch, epochs.current), (3, 2, 3));
    }
}

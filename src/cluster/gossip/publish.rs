//! PUBLISH and SPUBLISH over the bus: messages reach the subscribers of other nodes.

use crate::cluster::now::Now;
use crate::cluster::wire::{Body, Packet};
use crate::cluster::{Action, Cluster};
use std::sync::Arc;

impl Cluster {
    /// A client of this node published a message: to all nodes, or, `sharded`, to those of this node's shard.
    pub fn publish(&mut self, sharded: bool, channel: Vec<u8>, message: Vec<u8>, now: Now) -> Vec<Action> {
        let packet = self.packet(Body::Publish { sharded, channel, message });
        if sharded {
            self.send_to_shard(Arc::new(packet));
        } else {
            self.broadcast(packet);
        }
        self.settle(now)
    }

    fn send_to_shard(&mut self, packet: Arc<Packet>) {
        let primary = self.myself().replicaof.unwrap_or(self.me);
        let shard = self.nodes.iter().filter(|(ix, node)| *ix == primary || node.replicaof == Some(primary));
        let links: Vec<_> = shard.filter_map(|(_, node)| Some(node.link?.id)).collect();
        for link in links {
            self.send(link, packet.clone());
        }
    }
}

//! SLOTS and SHARDS: where clients find each slot.
//!
//! With core ports, a range of slots that this node serves is cut where its data core changes, and each piece names
//! this node with that core's port, so that a client that knows the cluster talks to the owning core without a hop.
//! CLUSTER NODES, which other nodes' operators read, keeps the canonical port; the slots are the same in all three.

use super::Call;
use crate::cluster::Cluster;
use crate::cluster::nodes::{Node, NodeIx};
use crate::cluster::options::{EndpointType, Options};
use crate::resp::{Error, Reply};
use crate::slot::Slot;
use std::collections::BTreeMap;

/// CLUSTER SLOTS
pub(super) fn slots(cluster: &mut Cluster, call: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    let pieces: Vec<(Piece, NodeIx)> = cluster
        .slots
        .runs()
        .iter()
        .flat_map(|run| pieces(cluster, run.owner, run.start, run.end).into_iter().map(move |piece| (piece, run.owner)))
        .collect();
    let teller = Teller { cluster, offset: call.facts.replication_offset, reached: &call.facts.reached };
    let replicas = replicas_by_primary(cluster);
    reply.array(pieces.len());
    for (piece, owner) in pieces {
        let replicas = replicas.get(&owner).into_iter().flatten().filter(|replica| teller.is_available(**replica));
        reply.array(3 + replicas.clone().count());
        reply.int(i64::from(piece.start.number()));
        reply.int(i64::from(piece.end.number()));
        teller.write_endpoint(reply, owner, piece.port);
        for replica in replicas {
            teller.write_endpoint(reply, *replica, piece.port);
        }
    }
    Ok(())
}

/// CLUSTER SHARDS
pub(super) fn shards(cluster: &mut Cluster, call: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    let mut shards = Vec::new();
    let mut runs: BTreeMap<NodeIx, Vec<Piece>> = BTreeMap::new();
    for run in cluster.slots.runs() {
        runs.entry(run.owner).or_default().extend(pieces(cluster, run.owner, run.start, run.end));
    }
    for (primary, _) in cluster.nodes.iter().filter(|(_, node)| node.is_primary()) {
        let by_port = group_by_port(runs.remove(&primary).unwrap_or_default());
        shards.extend(by_port.into_iter().map(|(port, pieces)| (primary, port, pieces)));
    }
    let teller = Teller { cluster, offset: call.facts.replication_offset, reached: &call.facts.reached };
    let replicas = replicas_by_primary(cluster);
    reply.array(shards.len());
    for (primary, port, pieces) in shards {
        reply.map(2);
        reply.bulk(b"slots");
        reply.array(2 * pieces.len());
        for piece in pieces {
            reply.int(i64::from(piece.start.number()));
            reply.int(i64::from(piece.end.number()));
        }
        reply.bulk(b"nodes");
        let replicas = replicas.get(&primary).into_iter().flatten();
        reply.array(1 + replicas.clone().count());
        for node in std::iter::once(&primary).chain(replicas) {
            teller.write_details(reply, *node, port);
        }
    }
    Ok(())
}

/// Consecutive slots that are found at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    start: Slot,
    end: Slot,
    /// The port at which this node serves them, when it is not its canonical one.
    port: Option<u16>,
}

/// Cuts a run of slots at this node's core borders, if this node serves it: as its owner or as a replica of it.
fn pieces(cluster: &Cluster, owner: NodeIx, start: Slot, end: Slot) -> Vec<Piece> {
    let served_here = owner == cluster.me || cluster.myself().replicaof == Some(owner);
    match cluster.options.core_port_base {
        Some(base) if served_here => cut_by_core(&cluster.options, base, start, end),
        _ => vec![Piece { start, end, port: None }],
    }
}

fn cut_by_core(options: &Options, base: u16, start: Slot, end: Slot) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut next = Some(start);
    while let Some(from) = next.filter(|slot| *slot <= end) {
        let range = options.cores.iter().find(|range| from <= range.end);
        let (last, port) = match range {
            Some(range) if range.start <= from => (range.end, base.checked_add(u16::from(range.core.0))),
            Some(range) => (Slot::new(range.start.number() - 1).unwrap_or(end), None),
            None => (end, None),
        };
        let last = last.min(end);
        match pieces.last_mut() {
            Some(piece) if piece.port == port => piece.end = last,
            _ => pieces.push(Piece { start: from, end: last, port }),
        }
        next = Slot::new(last.number() + 1);
    }
    pieces
}

/// A shard without slots is still a shard.
fn group_by_port(pieces: Vec<Piece>) -> BTreeMap<Option<u16>, Vec<Piece>> {
    if pieces.is_empty() {
        return BTreeMap::from([(None, pieces)]);
    }
    let mut groups: BTreeMap<Option<u16>, Vec<Piece>> = BTreeMap::new();
    for piece in pieces {
        groups.entry(piece.port).or_default().push(piece);
    }
    groups
}

fn replicas_by_primary(cluster: &Cluster) -> BTreeMap<NodeIx, Vec<NodeIx>> {
    let mut replicas: BTreeMap<NodeIx, Vec<NodeIx>> = BTreeMap::new();
    for (ix, node) in cluster.nodes.iter() {
        if let Some(primary) = node.replicaof {
            replicas.entry(primary).or_default().push(ix);
        }
    }
    replicas
}

/// Writes nodes as the two replies show them.
struct Teller<'c> {
    cluster: &'c Cluster,
    /// This node's own replication offset: its entry in the table does not hold it.
    offset: u64,
    /// See [`Facts::reached`](super::Facts::reached).
    reached: &'c str,
}

impl Teller<'_> {
    fn ip<'n>(&'n self, node: &'n Node) -> &'n str {
        if node.is_myself() && node.ip.is_empty() { self.reached } else { &node.ip }
    }

    fn endpoint<'n>(&'n self, node: &'n Node) -> &'n str {
        match self.cluster.options.endpoint {
            EndpointType::Ip => self.ip(node),
            preferred => node.endpoint(preferred),
        }
    }

    fn offset_of(&self, node: &Node) -> u64 {
        if node.is_myself() { self.offset } else { node.replication_offset }
    }

    fn port_of(&self, ix: NodeIx, core_port: Option<u16>) -> i64 {
        let own = core_port.filter(|_| ix == self.cluster.me);
        i64::from(own.unwrap_or(self.cluster.nodes[ix].port))
    }

    /// Whether a replica has data to read: clients need not hear of it before.
    fn is_available(&self, ix: NodeIx) -> bool {
        let node = &self.cluster.nodes[ix];
        !node.has_failed() && self.offset_of(node) != 0
    }

    /// `[endpoint, port, id, {what else is known of the address}]`
    fn write_endpoint(&self, reply: &mut Reply<'_>, ix: NodeIx, core_port: Option<u16>) {
        let (node, preferred) = (&self.cluster.nodes[ix], self.cluster.options.endpoint);
        reply.array(4);
        match preferred {
            EndpointType::Unknown => reply.null(),
            _ => reply.bulk(self.endpoint(node).as_bytes()),
        }
        reply.int(self.port_of(ix, core_port));
        reply.bulk(node.id.as_bytes());
        let ip = (preferred != EndpointType::Ip).then_some(("ip", self.ip(node)));
        let has_other_name = preferred != EndpointType::Hostname && !node.hostname.is_empty();
        let hostname = has_other_name.then_some(("hostname", node.hostname.as_str()));
        let rest = ip.into_iter().chain(hostname);
        reply.map(rest.clone().count());
        for (name, value) in rest {
            reply.bulk(name.as_bytes());
            reply.bulk(value.as_bytes());
        }
    }

    fn write_details(&self, reply: &mut Reply<'_>, ix: NodeIx, core_port: Option<u16>) {
        let node = &self.cluster.nodes[ix];
        let port = self.port_of(ix, core_port);
        let text = |reply: &mut Reply<'_>, name: &str, value: &str| {
            reply.bulk(name.as_bytes());
            reply.bulk(value.as_bytes());
        };
        reply.map(6 + usize::from(port != 0) + usize::from(!node.hostname.is_empty()));
        text(reply, "id", node.id.as_str());
        if port != 0 {
            reply.bulk(b"port");
            reply.int(port);
        }
        text(reply, "ip", self.ip(node));
        text(reply, "endpoint", self.endpoint(node));
        if !node.hostname.is_empty() {
            text(reply, "hostname", &node.hostname);
        }
        text(reply, "role", if node.is_replica() { "replica" } else { "master" });
        reply.bulk(b"replication-offset");
        reply.int(self.offset_of(node) as i64);
        text(reply, "health", self.health(node));
    }

    fn health(&self, node: &Node) -> &'static str {
        if node.has_failed() {
            "fail"
        } else if node.is_replica() && self.offset_of(node) == 0 {
            "loading"
        } else {
            "online"
        }
    }
}

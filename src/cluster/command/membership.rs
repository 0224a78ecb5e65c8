//! Subcommands on who belongs to the cluster, and who replicates whom.

use super::{Call, Refusal, parse_integer, shown, shown_short};
use crate::cluster::Cluster;
use crate::cluster::nodes::NodeIx;
use crate::cluster::options::BUS_PORT_OFFSET;
use crate::contract::topology::NodeId;
use crate::resp::{Error, Reply};
use std::net::IpAddr;

/// CLUSTER MEET ip port [bus-port]
pub(super) fn meet(cluster: &mut Cluster, call: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    let (ip, port, bus_port) = match *call.parameters() {
        [ip, port] => (ip, port, None),
        [ip, port, bus_port] => (ip, port, Some(bus_port)),
        _ => return Err(Refusal::Grammar(shown_short(call.args[1])).into()),
    };
    let base = parse_integer(port).ok_or_else(|| Refusal::InvalidBasePort(shown(port)))?;
    let bus = match bus_port {
        Some(text) => parse_integer(text).ok_or_else(|| Refusal::InvalidBusPort(shown(text)))?,
        None => base.saturating_add(i64::from(BUS_PORT_OFFSET)),
    };
    let address: Option<IpAddr> = std::str::from_utf8(ip).ok().and_then(|ip| ip.parse().ok());
    let (Some(address), Some(base), Some(bus)) = (address, port_number(base), port_number(bus)) else {
        return Err(Refusal::InvalidAddress(shown(ip), shown(port)).into());
    };
    cluster.shake_hands(&address.to_string(), base, bus, true, call.now);
    reply.ok();
    Ok(())
}

/// CLUSTER FORGET id
pub(super) fn forget(cluster: &mut Cluster, call: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    let node = find(cluster, call.parameters()[0])?;
    if node == cluster.me {
        return Err(Refusal::ForgetMyself.into());
    }
    if cluster.myself().replicaof == Some(node) {
        return Err(Refusal::ForgetMyPrimary.into());
    }
    cluster.ban(node, call.now);
    cluster.forget(node);
    reply.ok();
    Ok(())
}

/// CLUSTER REPLICATE id
pub(super) fn replicate(cluster: &mut Cluster, call: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    let primary = find(cluster, call.parameters()[0])?;
    if primary == cluster.me {
        return Err(Refusal::ReplicateMyself.into());
    }
    if cluster.nodes[primary].is_replica() {
        return Err(Refusal::ReplicateReplica.into());
    }
    let is_in_use = cluster.slots.count(cluster.me) != 0 || call.facts.keys != 0;
    if cluster.myself().is_primary() && is_in_use {
        return Err(Refusal::ReplicateWithData.into());
    }
    cluster.become_replica_of(primary);
    reply.ok();
    Ok(())
}

fn find(cluster: &Cluster, id: &[u8]) -> Result<NodeIx, Refusal> {
    NodeId::parse(id).and_then(|id| cluster.nodes.find(id)).ok_or_else(|| Refusal::UnknownNode(shown(id)))
}

fn port_number(number: i64) -> Option<u16> {
    u16::try_from(number).ok().filter(|port| *port != 0)
}

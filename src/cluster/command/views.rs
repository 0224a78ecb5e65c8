//! Subcommands that only tell what this node knows; the slots' whereabouts are told by [`shards`](super::shards).

use super::{Call, Refusal, shown};
use crate::cluster::Cluster;
use crate::cluster::describe::Describer;
use crate::cluster::nodes::{Link, NodeIx};
use crate::cluster::stats::MessageCounts;
use crate::contract::topology::{NodeFlags, NodeId};
use crate::resp::{Error, Reply};
use crate::slot::Slot;

/// CLUSTER MYID
pub(super) fn my_id(cluster: &mut Cluster, _: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    reply.bulk(cluster.my_id().as_bytes());
    Ok(())
}

/// CLUSTER KEYSLOT key
pub(super) fn key_slot(_: &mut Cluster, call: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    reply.int(i64::from(Slot::of_key(call.parameters()[0]).number()));
    Ok(())
}

/// CLUSTER NODES
pub(super) fn nodes(cluster: &mut Cluster, _: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    let lines = Describer::new(&cluster.nodes, &cluster.slots).all(NodeFlags::default());
    reply.verbatim(lines.as_bytes());
    Ok(())
}

/// CLUSTER REPLICAS id, and by its old name CLUSTER SLAVES id
pub(super) fn replicas(cluster: &mut Cluster, call: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    let primary = find(cluster, call.parameters()[0])?;
    if cluster.nodes[primary].is_replica() {
        return Err(Refusal::NotPrimary.into());
    }
    let describer = Describer::new(&cluster.nodes, &cluster.slots);
    reply.array(cluster.nodes.replicas_of(primary).count());
    for (replica, _) in cluster.nodes.replicas_of(primary) {
        reply.bulk(describer.line(replica).as_bytes());
    }
    Ok(())
}

/// CLUSTER COUNT-FAILURE-REPORTS id
pub(super) fn count_failure_reports(
    cluster: &mut Cluster,
    call: &Call<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), Error> {
    let node = &cluster.nodes[find(cluster, call.parameters()[0])?];
    reply.int(node.count_failure_reports(call.now, cluster.options.node_timeout_ms) as i64);
    Ok(())
}

fn find(cluster: &Cluster, id: &[u8]) -> Result<NodeIx, Refusal> {
    NodeId::parse(id).and_then(|id| cluster.nodes.find(id)).ok_or_else(|| Refusal::UnknownNode(shown(id)))
}

impl Cluster {
    /// Bytes that wait on all links to be sent.
    pub fn link_bytes(&self) -> u64 {
        let links = self.nodes.iter().flat_map(|(_, node)| node.link.into_iter().chain(node.inbound_link));
        links.map(|link| link.send_buffer_allocated).sum()
    }
}

/// CLUSTER LINKS
pub(super) fn links(cluster: &mut Cluster, _: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    let links = || {
        cluster.nodes.iter().flat_map(|(_, node)| {
            let outbound = node.link.map(|link| ("to", node.id, link));
            outbound.into_iter().chain(node.inbound_link.map(|link| ("from", node.id, link)))
        })
    };
    reply.array(links().count());
    for (direction, id, link) in links() {
        write_link(reply, direction, id, link);
    }
    Ok(())
}

fn write_link(reply: &mut Reply<'_>, direction: &str, id: NodeId, link: Link) {
    reply.map(6);
    reply.bulk(b"direction");
    reply.bulk(direction.as_bytes());
    reply.bulk(b"node");
    reply.bulk(id.as_bytes());
    reply.bulk(b"create-time");
    reply.int(link.created.unix_ms as i64);
    reply.bulk(b"events");
    reply.bulk(match (link.reading, link.writing) {
        (true, true) => b"rw",
        (true, false) => b"r",
        (false, true) => b"w",
        (false, false) => b"",
    });
    reply.bulk(b"send-buffer-allocated");
    reply.int(link.send_buffer_allocated as i64);
    reply.bulk(b"send-buffer-used");
    reply.int(link.send_buffer_used as i64);
}

/// CLUSTER INFO
pub(super) fn info(cluster: &mut Cluster, _: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    let state = if cluster.state.down().is_some() { "fail" } else { "ok" };
    let health = SlotHealth::of(cluster);
    let mut text = format!(
        "cluster_state:{state}\r\n\
         cluster_slots_assigned:{}\r\n\
         cluster_slots_ok:{}\r\n\
         cluster_slots_pfail:{}\r\n\
         cluster_slots_fail:{}\r\n\
         cluster_known_nodes:{}\r\n\
         cluster_size:{}\r\n\
         cluster_current_epoch:{}\r\n\
         cluster_my_epoch:{}\r\n",
        cluster.slots.assigned(),
        health.ok,
        health.pfail,
        health.fail,
        cluster.nodes.len(),
        cluster.state.size(),
        cluster.epochs.current,
        cluster.nodes.effective_epoch(cluster.myself()),
    );
    text += &messages(&cluster.stats.sent, "sent");
    text += &messages(&cluster.stats.received, "received");
    if cluster.stats.ignored > 0 {
        text += &format!("cluster_stats_messages_ignored:{}\r\n", cluster.stats.ignored);
    }
    text += &format!("total_cluster_links_buffer_limit_exceeded:{}\r\n", cluster.stats.links_over_buffer_limit);
    reply.verbatim(text.as_bytes());
    Ok(())
}

/// How many slots have an owner in which health.
#[derive(Default)]
struct SlotHealth {
    ok: usize,
    pfail: usize,
    fail: usize,
}

impl SlotHealth {
    fn of(cluster: &Cluster) -> SlotHealth {
        let mut health = SlotHealth::default();
        for owner in cluster.slots.owners() {
            let node = &cluster.nodes[owner];
            let slots = cluster.slots.count(owner);
            if node.has_failed() {
                health.fail += slots;
            } else if node.flags.any(NodeFlags::PFAIL) {
                health.pfail += slots;
            } else {
                health.ok += slots;
            }
        }
        health
    }
}

fn messages(counts: &MessageCounts, direction: &str) -> String {
    let mut lines = String::new();
    for (kind, count) in counts.by_kind() {
        lines += &format!("cluster_stats_messages_{}_{direction}:{count}\r\n", kind.name());
    }
    lines + &format!("cluster_stats_messages_{direction}:{}\r\n", counts.total())
}

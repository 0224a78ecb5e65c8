//! Redis Cluster.

use super::{INT, LONG, NO_TLS, PORT, ULONG};
use crate::node::config::directive::{Directive, choice, flag, memory, number, text};
use crate::node::config::value::Value;

const ENDPOINTS: &[&str] = &["ip", "hostname", "unknown-endpoint"];

pub(super) const ROWS: &[Directive] = &[
    flag("cluster-enabled", "no", "Be a node of a Redis Cluster.").immutable(),
    text("cluster-config-file", "nodes.conf", "The file in which the node keeps what it knows of the cluster.")
        .immutable(),
    number(
        "cluster-node-timeout",
        0,
        LONG,
        "15000",
        "Milliseconds of silence after which a node is suspected to fail.",
    ),
    number("cluster-port", 0, PORT, "0", "The port of the cluster bus; 0 means port plus 10000.").immutable(),
    text("cluster-announce-ip", "", "The address that others are told, where it is not the one they see."),
    text("cluster-announce-hostname", "", "The host name that others are told.").check(hostname),
    number("cluster-announce-port", 0, PORT, "0", "The client port that others are told; 0 means the real one."),
    number("cluster-announce-tls-port", 0, PORT, "0", "The TLS port that others are told; 0 means the real one.")
        .without_effect(NO_TLS),
    number("cluster-announce-bus-port", 0, PORT, "0", "The bus port that others are told; 0 means the real one."),
    choice("cluster-preferred-endpoint-type", ENDPOINTS, "ip", "How redirections and CLUSTER SLOTS name nodes."),
    flag("cluster-require-full-coverage", "yes", "Refuse all queries while a slot has no owner."),
    flag("cluster-allow-reads-when-down", "no", "Answer reads while the cluster is down."),
    flag("cluster-allow-pubsubshard-when-down", "yes", "Serve shard channels while the cluster is down."),
    flag("cluster-replica-no-failover", "no", "As a replica, never try to become primary by itself.")
        .alias("cluster-slave-no-failover"),
    number(
        "cluster-replica-validity-factor",
        0,
        INT,
        "10",
        "A replica that lagged longer than so many node timeouts does not try a failover; 0 means it always may.",
    )
    .alias("cluster-slave-validity-factor"),
    flag(
        "cluster-fast-failover",
        "yes",
        "Replicas start elections as soon as is safe, instead of after the fixed delays of Redis.",
    ),
    number(
        "cluster-migration-barrier",
        0,
        INT,
        "1",
        "Replicas a primary must keep before one may leave for an orphan.",
    ),
    flag("cluster-allow-replica-migration", "yes", "Let this node's replicas move to orphaned primaries."),
    flag("cluster-fast-failure-detection", "yes", "Suspect a node that refuses connections without further delay."),
    memory("cluster-link-sendbuf-limit", 0, ULONG, "0", "Cut a bus link that has more unsent bytes; 0 is no limit."),
];

fn hostname(value: &Value) -> Result<(), &'static str> {
    const LONGEST: usize = 256;
    let name = value.bytes();
    if name.len() >= LONGEST {
        return Err("Hostnames must be less than 256 characters");
    }
    if !name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')) {
        return Err("Hostnames may only contain alphanumeric characters, hyphens or dots");
    }
    Ok(())
}

//! Replication, both sides of it.

use super::{FREED_IN_STEPS, INT, LONG, PORT};
use crate::node::config::directive::{Directive, Kind, choice, flag, memory, number, special, text};

const LOADS: &[&str] = &["disabled", "on-empty-db", "swapdb"];
const ON_ERROR: &[&str] = &["ignore", "panic", "panic-on-replicas"];

pub(super) const ROWS: &[Directive] = &[
    special("replicaof", Kind::ReplicaOf, "", "The primary to copy, outside of a cluster.")
        .alias("slaveof")
        .immutable(),
    text("masteruser", "", "The user name to give to the primary.").sensitive(),
    text("masterauth", "", "The password to give to the primary.").sensitive(),
    flag("replica-serve-stale-data", "yes", "Answer from old data while the primary is away.")
        .alias("slave-serve-stale-data"),
    flag("replica-read-only", "yes", "Refuse writes of clients on a replica.").alias("slave-read-only"),
    flag("replica-ignore-maxmemory", "yes", "Leave eviction to the primary.").alias("slave-ignore-maxmemory"),
    flag("replica-lazy-flush", "no", "Free the old data in the background before a full synchronisation.")
        .alias("slave-lazy-flush")
        .without_effect(FREED_IN_STEPS),
    number("replica-priority", 0, INT, "100", "Sentinel prefers the replica with the lowest; 0 is never.")
        .alias("slave-priority"),
    flag("replica-announced", "yes", "Let Sentinel tell of this replica."),
    text("replica-announce-ip", "", "The address that the primary is told.").alias("slave-announce-ip"),
    number("replica-announce-port", 0, PORT, "0", "The port that the primary is told; 0 means the real one.")
        .alias("slave-announce-port"),
    flag("replica-ignore-disk-write-errors", "no", "Go on as a replica when the disk cannot be written."),
    number("min-replicas-to-write", 0, INT, "0", "Refuse writes with fewer good replicas; 0 is off.")
        .alias("min-slaves-to-write"),
    number("min-replicas-max-lag", 0, INT, "10", "Seconds of silence up to which a replica counts as good.")
        .alias("min-slaves-max-lag"),
    memory("repl-backlog-size", 1, LONG, "1mb", "How much of the stream is kept for replicas that reconnect.")
        .clamped(16 * 1024, LONG),
    number("repl-backlog-ttl", 0, LONG, "3600", "Seconds without a replica after which that is freed; 0 is never."),
    number("repl-timeout", 1, INT, "60", "Seconds of silence after which a replication link is cut."),
    number("repl-ping-replica-period", 1, INT, "10", "Seconds between a primary's pings to its replicas.")
        .alias("repl-ping-slave-period"),
    flag("repl-disable-tcp-nodelay", "no", "Trade delay for fewer packets to replicas."),
    flag("repl-diskless-sync", "yes", "Send snapshots to replicas without a file in between."),
    number("repl-diskless-sync-delay", 0, INT, "5", "Seconds to wait for more replicas before a snapshot is sent."),
    number("repl-diskless-sync-max-replicas", 0, INT, "0", "Do not wait longer once so many replicas are there."),
    choice("repl-diskless-load", LOADS, "disabled", "When a replica loads a snapshot straight from the socket.")
        .not_while_loading(),
    choice("propagation-error-behavior", ON_ERROR, "ignore", "What a replica does when a replicated command fails."),
];

//! Commands on the cluster.

use super::flags::acl;
use super::flags::flag::{ADMIN, FAST, LOADING, NO_ASYNC_LOADING, NOSCRIPT, STALE};
use super::row::{Row, container, row};

pub(super) const ROWS: &[Row] = &[
    row("asking", 1, FAST).acl(acl::CONNECTION),
    container("cluster").subcommands(&[
        row("cluster|addslots", -3, ADMIN | STALE | NO_ASYNC_LOADING),
        row("cluster|addslotsrange", -4, ADMIN | STALE | NO_ASYNC_LOADING),
        row("cluster|bumpepoch", 2, ADMIN | STALE | NO_ASYNC_LOADING).tips(&["nondeterministic_output"]),
        row("cluster|count-failure-reports", 3, ADMIN | STALE).tips(&["nondeterministic_output"]),
        row("cluster|countkeysinslot", 3, STALE),
        row("cluster|delslots", -3, ADMIN | STALE | NO_ASYNC_LOADING),
        row("cluster|delslotsrange", -4, ADMIN | STALE | NO_ASYNC_LOADING),
        row("cluster|failover", -2, ADMIN | STALE | NO_ASYNC_LOADING),
        row("cluster|flushslots", 2, ADMIN | STALE | NO_ASYNC_LOADING),
        row("cluster|forget", 3, ADMIN | STALE | NO_ASYNC_LOADING),
        row("cluster|getkeysinslot", 4, STALE).tips(&["nondeterministic_output"]),
        row("cluster|help", 2, LOADING | STALE),
        row("cluster|info", 2, STALE).tips(&["nondeterministic_output"]),
        row("cluster|keyslot", 3, STALE),
        row("cluster|links", 2, STALE).tips(&["nondeterministic_output"]),
        row("cluster|meet", -4, ADMIN | STALE | NO_ASYNC_LOADING),
        row("cluster|myid", 2, STALE),
        row("cluster|nodes", 2, STALE).tips(&["nondeterministic_output"]),
        row("cluster|replicas", 3, ADMIN | STALE).tips(&["nondeterministic_output"]),
        row("cluster|replicate", 3, ADMIN | STALE | NO_ASYNC_LOADING),
        row("cluster|reset", -2, ADMIN | NOSCRIPT | STALE),
        row("cluster|saveconfig", 2, ADMIN | STALE | NO_ASYNC_LOADING),
        row("cluster|set-config-epoch", 3, ADMIN | STALE | NO_ASYNC_LOADING),
        row("cluster|setslot", -4, ADMIN | STALE | NO_ASYNC_LOADING),
        row("cluster|shards", 2, STALE).tips(&["nondeterministic_output"]),
        row("cluster|slaves", 3, ADMIN | STALE).tips(&["nondeterministic_output"]),
        row("cluster|slots", 2, STALE).tips(&["nondeterministic_output"]),
    ]),
    row("readonly", 1, LOADING | STALE | FAST).acl(acl::CONNECTION),
    row("readwrite", 1, LOADING | STALE | FAST).acl(acl::CONNECTION),
];

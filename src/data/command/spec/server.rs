//! Commands on the server.

use super::flags::access::{OW, RO, UPDATE};
use super::flags::acl;
use super::flags::flag::{
    ADMIN, ALLOW_BUSY, ASKING, DENYOOM, FAST, LOADING, NO_ASYNC_LOADING, NO_MULTI, NOSCRIPT, PROTECTED, READONLY,
    STALE, WRITE,
};
use super::row::{Row, at, container, row};

pub(super) const ROWS: &[Row] = &[
    container("acl").subcommands(&[
        row("acl|cat", -2, NOSCRIPT | LOADING | STALE),
        row("acl|deluser", -3, ADMIN | NOSCRIPT | LOADING | STALE),
        row("acl|dryrun", -4, ADMIN | NOSCRIPT | LOADING | STALE),
        row("acl|genpass", -2, NOSCRIPT | LOADING | STALE),
        row("acl|getuser", 3, ADMIN | NOSCRIPT | LOADING | STALE),
        row("acl|help", 2, LOADING | STALE),
        row("acl|list", 2, ADMIN | NOSCRIPT | LOADING | STALE),
        row("acl|load", 2, ADMIN | NOSCRIPT | LOADING | STALE),
        row("acl|log", -2, ADMIN | NOSCRIPT | LOADING | STALE),
        row("acl|save", 2, ADMIN | NOSCRIPT | LOADING | STALE),
        row("acl|setuser", -3, ADMIN | NOSCRIPT | LOADING | STALE),
        row("acl|users", 2, ADMIN | NOSCRIPT | LOADING | STALE),
        row("acl|whoami", 2, NOSCRIPT | LOADING | STALE),
    ]),
    row("bgrewriteaof", 1, ADMIN | NOSCRIPT | NO_ASYNC_LOADING),
    row("bgsave", -1, ADMIN | NOSCRIPT | NO_ASYNC_LOADING),
    row("command", -1, LOADING | STALE).acl(acl::CONNECTION).tips(&["nondeterministic_output_order"]).subcommands(&[
        row("command|count", 2, LOADING | STALE).acl(acl::CONNECTION),
        row("command|docs", -2, LOADING | STALE).acl(acl::CONNECTION).tips(&["nondeterministic_output_order"]),
        row("command|getkeys", -4, LOADING | STALE).acl(acl::CONNECTION),
        row("command|getkeysandflags", -4, LOADING | STALE).acl(acl::CONNECTION),
        row("command|help", 2, LOADING | STALE).acl(acl::CONNECTION),
        row("command|info", -2, LOADING | STALE).acl(acl::CONNECTION).tips(&["nondeterministic_output_order"]),
        row("command|list", -2, LOADING | STALE).acl(acl::CONNECTION).tips(&["nondeterministic_output_order"]),
    ]),
    container("config").subcommands(&[
        row("config|get", -3, ADMIN | NOSCRIPT | LOADING | STALE),
        row("config|help", 2, LOADING | STALE),
        row("config|resetstat", 2, ADMIN | NOSCRIPT | LOADING | STALE),
        row("config|rewrite", 2, ADMIN | NOSCRIPT | LOADING | STALE),
        row("config|set", -4, ADMIN | NOSCRIPT | LOADING | STALE)
            .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    ]),
    row("dbsize", 1, READONLY | FAST)
        .acl(acl::KEYSPACE)
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"]),
    row("debug", -2, ADMIN | NOSCRIPT | LOADING | STALE | PROTECTED),
    row("failover", -1, ADMIN | NOSCRIPT | STALE),
    row("flushall", -1, WRITE)
        .acl(acl::KEYSPACE | acl::DANGEROUS)
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    row("flushdb", -1, WRITE)
        .acl(acl::KEYSPACE | acl::DANGEROUS)
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    row("info", -1, LOADING | STALE).acl(acl::DANGEROUS).tips(&[
        "nondeterministic_output",
        "request_policy:all_shards",
        "response_policy:special",
    ]),
    row("lastsave", 1, LOADING | STALE | FAST).acl(acl::ADMIN | acl::DANGEROUS).tips(&["nondeterministic_output"]),
    container("latency").subcommands(&[
        row("latency|doctor", 2, ADMIN | NOSCRIPT | LOADING | STALE).tips(&[
            "nondeterministic_output",
            "request_policy:all_nodes",
            "response_policy:special",
        ]),
        row("latency|graph", 3, ADMIN | NOSCRIPT | LOADING | STALE).tips(&[
            "nondeterministic_output",
            "request_policy:all_nodes",
            "response_policy:special",
        ]),
        row("latency|help", 2, LOADING | STALE),
        row("latency|histogram", -2, ADMIN | NOSCRIPT | LOADING | STALE).tips(&[
            "nondeterministic_output",
            "request_policy:all_nodes",
            "response_policy:special",
        ]),
        row("latency|history", 3, ADMIN | NOSCRIPT | LOADING | STALE).tips(&[
            "nondeterministic_output",
            "request_policy:all_nodes",
            "response_policy:special",
        ]),
        row("latency|latest", 2, ADMIN | NOSCRIPT | LOADING | STALE).tips(&[
            "nondeterministic_output",
            "request_policy:all_nodes",
            "response_policy:special",
        ]),
        row("latency|reset", -2, ADMIN | NOSCRIPT | LOADING | STALE)
            .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    ]),
    row("lolwut", -1, READONLY | FAST),
    container("memory").subcommands(&[
        row("memory|doctor", 2, 0).tips(&[
            "nondeterministic_output",
            "request_policy:all_shards",
            "response_policy:special",
        ]),
        row("memory|help", 2, LOADING | STALE),
        row("memory|malloc-stats", 2, 0).tips(&[
            "nondeterministic_output",
            "request_policy:all_shards",
            "response_policy:special",
        ]),
        row("memory|purge", 2, 0).tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
        row("memory|stats", 2, 0).tips(&[
            "nondeterministic_output",
            "request_policy:all_shards",
            "response_policy:special",
        ]),
        row("memory|usage", -3, READONLY).keys(&[at(2, RO)]),
    ]),
    container("module").subcommands(&[
        row("module|help", 2, LOADING | STALE),
        row("module|list", 2, ADMIN | NOSCRIPT).tips(&["nondeterministic_output_order"]),
        row("module|load", -3, ADMIN | NOSCRIPT | PROTECTED | NO_ASYNC_LOADING),
        row("module|loadex", -3, ADMIN | NOSCRIPT | PROTECTED | NO_ASYNC_LOADING),
        row("module|unload", 3, ADMIN | NOSCRIPT | PROTECTED | NO_ASYNC_LOADING),
    ]),
    row("monitor", 1, ADMIN | NOSCRIPT | LOADING | STALE),
    row("psync", -3, ADMIN | NOSCRIPT | NO_ASYNC_LOADING | NO_MULTI),
    row("replconf", -1, ADMIN | NOSCRIPT | LOADING | STALE | ALLOW_BUSY),
    row("replicaof", 3, ADMIN | NOSCRIPT | STALE | NO_ASYNC_LOADING),
    row("restore-asking", -4, WRITE | DENYOOM | ASKING).acl(acl::KEYSPACE | acl::DANGEROUS).keys(&[at(1, OW | UPDATE)]),
    row("role", 1, NOSCRIPT | LOADING | STALE | FAST).acl(acl::ADMIN | acl::DANGEROUS),
    row("save", 1, ADMIN | NOSCRIPT | NO_ASYNC_LOADING | NO_MULTI),
    row("shutdown", -1, ADMIN | NOSCRIPT | LOADING | STALE | NO_MULTI | ALLOW_BUSY),
    row("slaveof", 3, ADMIN | NOSCRIPT | STALE | NO_ASYNC_LOADING),
    container("slowlog").subcommands(&[
        row("slowlog|get", -2, ADMIN | LOADING | STALE).tips(&["request_policy:all_nodes", "nondeterministic_output"]),
        row("slowlog|help", 2, LOADING | STALE),
        row("slowlog|len", 2, ADMIN | LOADING | STALE).tips(&[
            "request_policy:all_nodes",
            "response_policy:agg_sum",
            "nondeterministic_output",
        ]),
        row("slowlog|reset", 2, ADMIN | LOADING | STALE)
            .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    ]),
    row("swapdb", 3, WRITE | FAST).acl(acl::KEYSPACE | acl::DANGEROUS),
    row("sync", 1, ADMIN | NOSCRIPT | NO_ASYNC_LOADING | NO_MULTI),
    row("time", 1, LOADING | STALE | FAST).tips(&["nondeterministic_output"]),
];

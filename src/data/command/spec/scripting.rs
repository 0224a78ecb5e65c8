//! Commands on scripts and functions.

use super::flags::access::{ACCESS, RO, RW, UPDATE};
use super::flags::acl;
use super::flags::flag::{
    ALLOW_BUSY, DENYOOM, LOADING, MAY_REPLICATE, NO_MANDATORY_KEYS, NOSCRIPT, READONLY, SKIP_MONITOR, STALE, WRITE,
};
use super::keys;
use super::row::{Row, container, counted, row};

pub(super) const ROWS: &[Row] = &[
    row("eval", -3, NOSCRIPT | STALE | SKIP_MONITOR | MAY_REPLICATE | NO_MANDATORY_KEYS)
        .acl(acl::SCRIPTING)
        .keys(&[counted(2, RW | ACCESS | UPDATE)
            .note("We cannot tell how the keys will be used so we assume the worst, RW and UPDATE")])
        .get_keys(keys::counted_at_2),
    row("eval_ro", -3, READONLY | NOSCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS)
        .acl(acl::SCRIPTING)
        .keys(&[counted(2, RO | ACCESS)
            .note("We cannot tell how the keys will be used so we assume the worst, RO and ACCESS")])
        .get_keys(keys::counted_at_2),
    row("evalsha", -3, NOSCRIPT | STALE | SKIP_MONITOR | MAY_REPLICATE | NO_MANDATORY_KEYS)
        .acl(acl::SCRIPTING)
        .keys(&[counted(2, RW | ACCESS | UPDATE)])
        .get_keys(keys::counted_at_2),
    row("evalsha_ro", -3, READONLY | NOSCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS)
        .acl(acl::SCRIPTING)
        .keys(&[counted(2, RO | ACCESS)])
        .get_keys(keys::counted_at_2),
    row("fcall", -3, NOSCRIPT | STALE | SKIP_MONITOR | MAY_REPLICATE | NO_MANDATORY_KEYS)
        .acl(acl::SCRIPTING)
        .keys(&[counted(2, RW | ACCESS | UPDATE)
            .note("We cannot tell how the keys will be used so we assume the worst, RW and UPDATE")])
        .get_keys(keys::counted_at_2),
    row("fcall_ro", -3, READONLY | NOSCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS)
        .acl(acl::SCRIPTING)
        .keys(&[counted(2, RO | ACCESS)
            .note("We cannot tell how the keys will be used so we assume the worst, RO and ACCESS")])
        .get_keys(keys::counted_at_2),
    container("function").subcommands(&[
        row("function|delete", 3, WRITE | NOSCRIPT)
            .acl(acl::SCRIPTING)
            .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
        row("function|dump", 2, NOSCRIPT).acl(acl::SCRIPTING),
        row("function|flush", -2, WRITE | NOSCRIPT)
            .acl(acl::SCRIPTING)
            .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
        row("function|help", 2, LOADING | STALE).acl(acl::SCRIPTING),
        row("function|kill", 2, NOSCRIPT | ALLOW_BUSY)
            .acl(acl::SCRIPTING)
            .tips(&["request_policy:all_shards", "response_policy:one_succeeded"]),
        row("function|list", -2, NOSCRIPT).acl(acl::SCRIPTING).tips(&["nondeterministic_output_order"]),
        row("function|load", -3, WRITE | DENYOOM | NOSCRIPT)
            .acl(acl::SCRIPTING)
            .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
        row("function|restore", -3, WRITE | DENYOOM | NOSCRIPT)
            .acl(acl::SCRIPTING)
            .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
        row("function|stats", 2, NOSCRIPT | ALLOW_BUSY).acl(acl::SCRIPTING).tips(&[
            "nondeterministic_output",
            "request_policy:all_shards",
            "response_policy:special",
        ]),
    ]),
    container("script").subcommands(&[
        row("script|debug", 3, NOSCRIPT).acl(acl::SCRIPTING),
        row("script|exists", -3, NOSCRIPT)
            .acl(acl::SCRIPTING)
            .tips(&["request_policy:all_shards", "response_policy:agg_logical_and"]),
        row("script|flush", -2, NOSCRIPT)
            .acl(acl::SCRIPTING)
            .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
        row("script|help", 2, LOADING | STALE).acl(acl::SCRIPTING),
        row("script|kill", 2, NOSCRIPT | ALLOW_BUSY)
            .acl(acl::SCRIPTING)
            .tips(&["request_policy:all_shards", "response_policy:one_succeeded"]),
        row("script|load", 3, NOSCRIPT | STALE)
            .acl(acl::SCRIPTING)
            .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    ]),
];

//! Commands on keys of any type.

use super::flags::access::{ACCESS, DELETE, INCOMPLETE, INSERT, OW, RM, RO, RW, UPDATE};
use super::flags::acl;
use super::flags::flag::{DENYOOM, FAST, LOADING, NOSCRIPT, READONLY, STALE, TOUCHES_ARBITRARY_KEYS, WRITE};
use super::keys;
use super::row::{Row, after, at, container, from, row, unknown};

pub(super) const ROWS: &[Row] = &[
    row("copy", -3, WRITE | DENYOOM).acl(acl::KEYSPACE).keys(&[at(1, RO | ACCESS), at(2, OW | UPDATE)]),
    row("del", -2, WRITE)
        .acl(acl::KEYSPACE)
        .keys(&[from(1, RM | DELETE)])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
    row("dump", 2, READONLY).acl(acl::KEYSPACE).keys(&[at(1, RO | ACCESS)]).tips(&["nondeterministic_output"]),
    row("exists", -2, READONLY | FAST)
        .acl(acl::KEYSPACE)
        .keys(&[from(1, RO)])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
    row("expire", -3, WRITE | FAST).acl(acl::KEYSPACE).keys(&[at(1, RW | UPDATE)]),
    row("expireat", -3, WRITE | FAST).acl(acl::KEYSPACE).keys(&[at(1, RW | UPDATE)]),
    row("expiretime", 2, READONLY | FAST).acl(acl::KEYSPACE).keys(&[at(1, RO | ACCESS)]),
    row("keys", 2, READONLY)
        .acl(acl::KEYSPACE | acl::DANGEROUS)
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"]),
    row("migrate", -6, WRITE)
        .acl(acl::KEYSPACE | acl::DANGEROUS)
        .keys(&[at(3, RW | ACCESS | DELETE), after("KEYS", -2, -1, RW | ACCESS | DELETE | INCOMPLETE)])
        .get_keys(keys::migrate)
        .tips(&["nondeterministic_output"]),
    row("move", 3, WRITE | FAST).acl(acl::KEYSPACE).keys(&[at(1, RW | ACCESS | UPDATE)]),
    container("object").subcommands(&[
        row("object|encoding", 3, READONLY).acl(acl::KEYSPACE).keys(&[at(2, RO)]).tips(&["nondeterministic_output"]),
        row("object|freq", 3, READONLY).acl(acl::KEYSPACE).keys(&[at(2, RO)]).tips(&["nondeterministic_output"]),
        row("object|help", 2, LOADING | STALE).acl(acl::KEYSPACE),
        row("object|idletime", 3, READONLY).acl(acl::KEYSPACE).keys(&[at(2, RO)]).tips(&["nondeterministic_output"]),
        row("object|refcount", 3, READONLY).acl(acl::KEYSPACE).keys(&[at(2, RO)]).tips(&["nondeterministic_output"]),
    ]),
    row("persist", 2, WRITE | FAST).acl(acl::KEYSPACE).keys(&[at(1, RW | UPDATE)]),
    row("pexpire", -3, WRITE | FAST).acl(acl::KEYSPACE).keys(&[at(1, RW | UPDATE)]),
    row("pexpireat", -3, WRITE | FAST).acl(acl::KEYSPACE).keys(&[at(1, RW | UPDATE)]),
    row("pexpiretime", 2, READONLY | FAST).acl(acl::KEYSPACE).keys(&[at(1, RO | ACCESS)]),
    row("pttl", 2, READONLY | FAST).acl(acl::KEYSPACE).keys(&[at(1, RO | ACCESS)]).tips(&["nondeterministic_output"]),
    row("randomkey", 1, READONLY | TOUCHES_ARBITRARY_KEYS)
        .acl(acl::KEYSPACE)
        .tips(&["request_policy:all_shards", "nondeterministic_output"]),
    row("rename", 3, WRITE).acl(acl::KEYSPACE).keys(&[at(1, RW | ACCESS | DELETE), at(2, OW | UPDATE)]),
    row("renamenx", 3, WRITE | FAST).acl(acl::KEYSPACE).keys(&[at(1, RW | ACCESS | DELETE), at(2, OW | INSERT)]),
    row("restore", -4, WRITE | DENYOOM).acl(acl::KEYSPACE | acl::DANGEROUS).keys(&[at(1, OW | UPDATE)]),
    row("scan", -2, READONLY | TOUCHES_ARBITRARY_KEYS)
        .acl(acl::KEYSPACE)
        .tips(&["nondeterministic_output", "request_policy:special"]),
    row("sort", -2, WRITE | DENYOOM)
        .acl(acl::SET | acl::SORTEDSET | acl::LIST | acl::DANGEROUS)
        .keys(&[
            at(1, RO | ACCESS),
            unknown(RO | ACCESS).note(
                "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the \
                content of the key we sort",
            ),
            unknown(OW | UPDATE).note(
                "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in \
                the argument array",
            ),
        ])
        .get_keys(keys::sort),
    row("sort_ro", -2, READONLY)
        .acl(acl::SET | acl::SORTEDSET | acl::LIST | acl::DANGEROUS)
        .keys(&[
            at(1, RO | ACCESS),
            unknown(RO | ACCESS).note(
                "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the \
                content of the key we sort",
            ),
        ])
        .get_keys(keys::sort_ro),
    row("touch", -2, READONLY | FAST)
        .acl(acl::KEYSPACE)
        .keys(&[from(1, RO)])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
    row("ttl", 2, READONLY | FAST).acl(acl::KEYSPACE).keys(&[at(1, RO | ACCESS)]).tips(&["nondeterministic_output"]),
    row("type", 2, READONLY | FAST).acl(acl::KEYSPACE).keys(&[at(1, RO)]),
    row("unlink", -2, WRITE | FAST)
        .acl(acl::KEYSPACE)
        .keys(&[from(1, RM | DELETE)])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
    row("wait", 3, NOSCRIPT).acl(acl::CONNECTION).tips(&["request_policy:all_shards", "response_policy:agg_min"]),
];

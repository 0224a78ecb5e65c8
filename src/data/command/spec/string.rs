//! Commands on strings.

use super::flags::access::{ACCESS, DELETE, INSERT, OW, RO, RW, UPDATE, VARIABLE_FLAGS};
use super::flags::acl;
use super::flags::flag::{DENYOOM, FAST, READONLY, WRITE};
use super::keys;
use super::row::{Row, at, from, range, row};

pub(super) const ROWS: &[Row] = &[
    row("append", 3, WRITE | DENYOOM | FAST).acl(acl::STRING).keys(&[at(1, RW | INSERT)]),
    row("decr", 2, WRITE | DENYOOM | FAST).acl(acl::STRING).keys(&[at(1, RW | ACCESS | UPDATE)]),
    row("decrby", 3, WRITE | DENYOOM | FAST).acl(acl::STRING).keys(&[at(1, RW | ACCESS | UPDATE)]),
    row("get", 2, READONLY | FAST).acl(acl::STRING).keys(&[at(1, RO | ACCESS)]),
    row("getdel", 2, WRITE | FAST).acl(acl::STRING).keys(&[at(1, RW | ACCESS | DELETE)]),
    row("getex", -2, WRITE | FAST)
        .acl(acl::STRING)
        .keys(&[at(1, RW | ACCESS | UPDATE).note("RW and UPDATE because it changes the TTL")]),
    row("getrange", 4, READONLY).acl(acl::STRING).keys(&[at(1, RO | ACCESS)]),
    row("getset", 3, WRITE | DENYOOM | FAST).acl(acl::STRING).keys(&[at(1, RW | ACCESS | UPDATE)]),
    row("incr", 2, WRITE | DENYOOM | FAST).acl(acl::STRING).keys(&[at(1, RW | ACCESS | UPDATE)]),
    row("incrby", 3, WRITE | DENYOOM | FAST).acl(acl::STRING).keys(&[at(1, RW | ACCESS | UPDATE)]),
    row("incrbyfloat", 3, WRITE | DENYOOM | FAST).acl(acl::STRING).keys(&[at(1, RW | ACCESS | UPDATE)]),
    row("lcs", -3, READONLY).acl(acl::STRING).keys(&[range(1, 1, 1, RO | ACCESS)]),
    row("mget", -2, READONLY | FAST)
        .acl(acl::STRING)
        .keys(&[from(1, RO | ACCESS)])
        .tips(&["request_policy:multi_shard"]),
    row("mset", -3, WRITE | DENYOOM)
        .acl(acl::STRING)
        .keys(&[range(1, -1, 2, OW | UPDATE)])
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"]),
    row("msetnx", -3, WRITE | DENYOOM)
        .acl(acl::STRING)
        .keys(&[range(1, -1, 2, OW | INSERT)])
        .tips(&["request_policy:multi_shard", "response_policy:agg_min"]),
    row("psetex", 4, WRITE | DENYOOM).acl(acl::STRING).keys(&[at(1, OW | UPDATE)]),
    row("set", -3, WRITE | DENYOOM)
        .acl(acl::STRING)
        .keys(&[at(1, RW | ACCESS | UPDATE | VARIABLE_FLAGS).note("RW and ACCESS due to the optional `GET` argument")])
        .get_keys(keys::set),
    row("setex", 4, WRITE | DENYOOM).acl(acl::STRING).keys(&[at(1, OW | UPDATE)]),
    row("setnx", 3, WRITE | DENYOOM | FAST).acl(acl::STRING).keys(&[at(1, OW | INSERT)]),
    row("setrange", 4, WRITE | DENYOOM).acl(acl::STRING).keys(&[at(1, RW | UPDATE)]),
    row("strlen", 2, READONLY | FAST).acl(acl::STRING).keys(&[at(1, RO)]),
    row("substr", 4, READONLY).acl(acl::STRING).keys(&[at(1, RO | ACCESS)]),
];

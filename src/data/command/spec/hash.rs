//! Commands on hashes.

use super::flags::access::{ACCESS, DELETE, INSERT, RO, RW, UPDATE};
use super::flags::acl;
use super::flags::flag::{DENYOOM, FAST, READONLY, WRITE};
use super::row::{Row, at, row};

pub(super) const ROWS: &[Row] = &[
    row("hdel", -3, WRITE | FAST).acl(acl::HASH).keys(&[at(1, RW | DELETE)]),
    row("hexists", 3, READONLY | FAST).acl(acl::HASH).keys(&[at(1, RO)]),
    row("hget", 3, READONLY | FAST).acl(acl::HASH).keys(&[at(1, RO | ACCESS)]),
    row("hgetall", 2, READONLY).acl(acl::HASH).keys(&[at(1, RO | ACCESS)]).tips(&["nondeterministic_output_order"]),
    row("hincrby", 4, WRITE | DENYOOM | FAST).acl(acl::HASH).keys(&[at(1, RW | ACCESS | UPDATE)]),
    row("hincrbyfloat", 4, WRITE | DENYOOM | FAST).acl(acl::HASH).keys(&[at(1, RW | ACCESS | UPDATE)]),
    row("hkeys", 2, READONLY).acl(acl::HASH).keys(&[at(1, RO | ACCESS)]).tips(&["nondeterministic_output_order"]),
    row("hlen", 2, READONLY | FAST).acl(acl::HASH).keys(&[at(1, RO)]),
    row("hmget", -3, READONLY | FAST).acl(acl::HASH).keys(&[at(1, RO | ACCESS)]),
    row("hmset", -4, WRITE | DENYOOM | FAST).acl(acl::HASH).keys(&[at(1, RW | UPDATE)]),
    row("hrandfield", -2, READONLY).acl(acl::HASH).keys(&[at(1, RO | ACCESS)]).tips(&["nondeterministic_output"]),
    row("hscan", -3, READONLY).acl(acl::HASH).keys(&[at(1, RO | ACCESS)]).tips(&["nondeterministic_output"]),
    row("hset", -4, WRITE | DENYOOM | FAST).acl(acl::HASH).keys(&[at(1, RW | UPDATE)]),
    row("hsetnx", 4, WRITE | DENYOOM | FAST).acl(acl::HASH).keys(&[at(1, RW | INSERT)]),
    row("hstrlen", 3, READONLY | FAST).acl(acl::HASH).keys(&[at(1, RO)]),
    row("hvals", 2, READONLY).acl(acl::HASH).keys(&[at(1, RO | ACCESS)]).tips(&["nondeterministic_output_order"]),
];

//! Commands on sets.

use super::flags::access::{ACCESS, DELETE, INSERT, OW, RO, RW, UPDATE};
use super::flags::acl;
use super::flags::flag::{DENYOOM, FAST, READONLY, WRITE};
use super::keys;
use super::row::{Row, at, counted, from, row};

pub(super) const ROWS: &[Row] = &[
    row("sadd", -3, WRITE | DENYOOM | FAST).acl(acl::SET).keys(&[at(1, RW | INSERT)]),
    row("scard", 2, READONLY | FAST).acl(acl::SET).keys(&[at(1, RO)]),
    row("sdiff", -2, READONLY).acl(acl::SET).keys(&[from(1, RO | ACCESS)]).tips(&["nondeterministic_output_order"]),
    row("sdiffstore", -3, WRITE | DENYOOM).acl(acl::SET).keys(&[at(1, OW | UPDATE), from(2, RO | ACCESS)]),
    row("sinter", -2, READONLY).acl(acl::SET).keys(&[from(1, RO | ACCESS)]).tips(&["nondeterministic_output_order"]),
    row("sintercard", -3, READONLY).acl(acl::SET).keys(&[counted(1, RO | ACCESS)]).get_keys(keys::counted_at_1),
    row("sinterstore", -3, WRITE | DENYOOM).acl(acl::SET).keys(&[at(1, RW | UPDATE), from(2, RO | ACCESS)]),
    row("sismember", 3, READONLY | FAST).acl(acl::SET).keys(&[at(1, RO)]),
    row("smembers", 2, READONLY).acl(acl::SET).keys(&[at(1, RO | ACCESS)]).tips(&["nondeterministic_output_order"]),
    row("smismember", -3, READONLY | FAST).acl(acl::SET).keys(&[at(1, RO | ACCESS)]),
    row("smove", 4, WRITE | FAST).acl(acl::SET).keys(&[at(1, RW | ACCESS | DELETE), at(2, RW | INSERT)]),
    row("spop", -2, WRITE | FAST).acl(acl::SET).keys(&[at(1, RW | ACCESS | DELETE)]).tips(&["nondeterministic_output"]),
    row("srandmember", -2, READONLY).acl(acl::SET).keys(&[at(1, RO | ACCESS)]).tips(&["nondeterministic_output"]),
    row("srem", -3, WRITE | FAST).acl(acl::SET).keys(&[at(1, RW | DELETE)]),
    row("sscan", -3, READONLY).acl(acl::SET).keys(&[at(1, RO | ACCESS)]).tips(&["nondeterministic_output"]),
    row("sunion", -2, READONLY).acl(acl::SET).keys(&[from(1, RO | ACCESS)]).tips(&["nondeterministic_output_order"]),
    row("sunionstore", -3, WRITE | DENYOOM).acl(acl::SET).keys(&[at(1, OW | UPDATE), from(2, RO | ACCESS)]),
];

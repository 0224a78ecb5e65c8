//! Commands on HyperLogLogs.

use super::flags::access::{ACCESS, INSERT, RO, RW};
use super::flags::acl;
use super::flags::flag::{ADMIN, DENYOOM, FAST, MAY_REPLICATE, READONLY, WRITE};
use super::row::{Row, at, from, row};

pub(super) const ROWS: &[Row] = &[
    row("pfadd", -2, WRITE | DENYOOM | FAST).acl(acl::HYPERLOGLOG).keys(&[at(1, RW | INSERT)]),
    row("pfcount", -2, READONLY | MAY_REPLICATE).acl(acl::HYPERLOGLOG).keys(&[from(1, RW | ACCESS)
        .note("RW because it may change the internal representation of the key, and propagate to replicas")]),
    row("pfdebug", 3, WRITE | DENYOOM | ADMIN).acl(acl::HYPERLOGLOG).keys(&[at(2, RW | ACCESS)]),
    row("pfmerge", -2, WRITE | DENYOOM)
        .acl(acl::HYPERLOGLOG)
        .keys(&[at(1, RW | ACCESS | INSERT), from(2, RO | ACCESS)]),
    row("pfselftest", 1, ADMIN).acl(acl::HYPERLOGLOG),
];

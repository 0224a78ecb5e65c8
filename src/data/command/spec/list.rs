//! Commands on lists.

use super::flags::access::{ACCESS, DELETE, INSERT, RO, RW, UPDATE};
use super::flags::acl;
use super::flags::flag::{BLOCKING, DENYOOM, FAST, NOSCRIPT, READONLY, WRITE};
use super::keys;
use super::row::{Row, at, counted, range, row};

pub(super) const ROWS: &[Row] = &[
    row("blmove", 6, WRITE | DENYOOM | NOSCRIPT | BLOCKING)
        .acl(acl::LIST)
        .keys(&[at(1, RW | ACCESS | DELETE), at(2, RW | INSERT)]),
    row("blmpop", -5, WRITE | BLOCKING)
        .acl(acl::LIST)
        .keys(&[counted(2, RW | ACCESS | DELETE)])
        .get_keys(keys::counted_at_2),
    row("blpop", -3, WRITE | NOSCRIPT | BLOCKING).acl(acl::LIST).keys(&[range(1, -2, 1, RW | ACCESS | DELETE)]),
    row("brpop", -3, WRITE | NOSCRIPT | BLOCKING).acl(acl::LIST).keys(&[range(1, -2, 1, RW | ACCESS | DELETE)]),
    row("brpoplpush", 4, WRITE | DENYOOM | NOSCRIPT | BLOCKING)
        .acl(acl::LIST)
        .keys(&[at(1, RW | ACCESS | DELETE), at(2, RW | INSERT)]),
    row("lindex", 3, READONLY).acl(acl::LIST).keys(&[at(1, RO | ACCESS)]),
    row("linsert", 5, WRITE | DENYOOM).acl(acl::LIST).keys(&[at(1, RW | INSERT)]),
    row("llen", 2, READONLY | FAST).acl(acl::LIST).keys(&[at(1, RO)]),
    row("lmove", 5, WRITE | DENYOOM).acl(acl::LIST).keys(&[at(1, RW | ACCESS | DELETE), at(2, RW | INSERT)]),
    row("lmpop", -4, WRITE).acl(acl::LIST).keys(&[counted(1, RW | ACCESS | DELETE)]).get_keys(keys::counted_at_1),
    row("lpop", -2, WRITE | FAST).acl(acl::LIST).keys(&[at(1, RW | ACCESS | DELETE)]),
    row("lpos", -3, READONLY).acl(acl::LIST).keys(&[at(1, RO | ACCESS)]),
    row("lpush", -3, WRITE | DENYOOM | FAST).acl(acl::LIST).keys(&[at(1, RW | INSERT)]),
    row("lpushx", -3, WRITE | DENYOOM | FAST).acl(acl::LIST).keys(&[at(1, RW | INSERT)]),
    row("lrange", 4, READONLY).acl(acl::LIST).keys(&[at(1, RO | ACCESS)]),
    row("lrem", 4, WRITE).acl(acl::LIST).keys(&[at(1, RW | DELETE)]),
    row("lset", 4, WRITE | DENYOOM).acl(acl::LIST).keys(&[at(1, RW | UPDATE)]),
    row("ltrim", 4, WRITE).acl(acl::LIST).keys(&[at(1, RW | DELETE)]),
    row("rpop", -2, WRITE | FAST).acl(acl::LIST).keys(&[at(1, RW | ACCESS | DELETE)]),
    row("rpoplpush", 3, WRITE | DENYOOM).acl(acl::LIST).keys(&[at(1, RW | ACCESS | DELETE), at(2, RW | INSERT)]),
    row("rpush", -3, WRITE | DENYOOM | FAST).acl(acl::LIST).keys(&[at(1, RW | INSERT)]),
    row("rpushx", -3, WRITE | DENYOOM | FAST).acl(acl::LIST).keys(&[at(1, RW | INSERT)]),
];

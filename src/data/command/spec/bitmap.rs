//! Commands on strings seen as bits.

use super::flags::access::{ACCESS, OW, RO, RW, UPDATE, VARIABLE_FLAGS};
use super::flags::acl;
use super::flags::flag::{DENYOOM, FAST, READONLY, WRITE};
use super::keys;
use super::row::{Row, at, from, row};

pub(super) const ROWS: &[Row] = &[
    row("bitcount", -2, READONLY).acl(acl::BITMAP).keys(&[at(1, RO | ACCESS)]),
    row("bitfield", -2, WRITE | DENYOOM)
        .acl(acl::BITMAP)
        .keys(&[at(1, RW | ACCESS | UPDATE | VARIABLE_FLAGS)
            .note("This command allows both access and modification of the key")])
        .get_keys(keys::bitfield),
    row("bitfield_ro", -2, READONLY | FAST).acl(acl::BITMAP).keys(&[at(1, RO | ACCESS)]),
    row("bitop", -4, WRITE | DENYOOM).acl(acl::BITMAP).keys(&[at(2, OW | UPDATE), from(3, RO | ACCESS)]),
    row("bitpos", -3, READONLY).acl(acl::BITMAP).keys(&[at(1, RO | ACCESS)]),
    row("getbit", 3, READONLY | FAST).acl(acl::BITMAP).keys(&[at(1, RO | ACCESS)]),
    row("setbit", 4, WRITE | DENYOOM).acl(acl::BITMAP).keys(&[at(1, RW | ACCESS | UPDATE)]),
];

//! Commands on streams.

use super::flags::access::{ACCESS, DELETE, INSERT, RO, RW, UPDATE};
use super::flags::acl;
use super::flags::flag::{BLOCKING, DENYOOM, FAST, LOADING, READONLY, STALE, WRITE};
use super::keys;
use super::row::{Row, after, at, container, row};

pub(super) const ROWS: &[Row] = &[
    row("xack", -4, WRITE | FAST).acl(acl::STREAM).keys(&[at(1, RW | UPDATE)]),
    row("xadd", -5, WRITE | DENYOOM | FAST)
        .acl(acl::STREAM)
        .keys(&[at(1, RW | UPDATE).note("UPDATE instead of INSERT because of the optional trimming feature")])
        .tips(&["nondeterministic_output"]),
    row("xautoclaim", -6, WRITE | FAST).acl(acl::STREAM).keys(&[at(1, RW | DELETE)]).tips(&["nondeterministic_output"]),
    row("xclaim", -6, WRITE | FAST).acl(acl::STREAM).keys(&[at(1, RW | UPDATE)]).tips(&["nondeterministic_output"]),
    row("xdel", -3, WRITE | FAST).acl(acl::STREAM).keys(&[at(1, RW | DELETE)]),
    container("xgroup").subcommands(&[
        row("xgroup|create", -5, WRITE | DENYOOM).acl(acl::STREAM).keys(&[at(2, RW | INSERT)]),
        row("xgroup|createconsumer", 5, WRITE | DENYOOM).acl(acl::STREAM).keys(&[at(2, RW | INSERT)]),
        row("xgroup|delconsumer", 5, WRITE).acl(acl::STREAM).keys(&[at(2, RW | DELETE)]),
        row("xgroup|destroy", 4, WRITE).acl(acl::STREAM).keys(&[at(2, RW | DELETE)]),
        row("xgroup|help", 2, LOADING | STALE).acl(acl::STREAM),
        row("xgroup|setid", -5, WRITE).acl(acl::STREAM).keys(&[at(2, RW | UPDATE)]),
    ]),
    container("xinfo").subcommands(&[
        row("xinfo|consumers", 4, READONLY)
            .acl(acl::STREAM)
            .keys(&[at(2, RO | ACCESS)])
            .tips(&["nondeterministic_output"]),
        row("xinfo|groups", 3, READONLY).acl(acl::STREAM).keys(&[at(2, RO | ACCESS)]),
        row("xinfo|help", 2, LOADING | STALE).acl(acl::STREAM),
        row("xinfo|stream", -3, READONLY).acl(acl::STREAM).keys(&[at(2, RO | ACCESS)]),
    ]),
    row("xlen", 2, READONLY | FAST).acl(acl::STREAM).keys(&[at(1, RO)]),
    row("xpending", -3, READONLY).acl(acl::STREAM).keys(&[at(1, RO | ACCESS)]).tips(&["nondeterministic_output"]),
    row("xrange", -4, READONLY).acl(acl::STREAM).keys(&[at(1, RO | ACCESS)]),
    row("xread", -4, READONLY | BLOCKING)
        .acl(acl::STREAM)
        .keys(&[after("STREAMS", 1, -1, RO | ACCESS).first_half()])
        .get_keys(keys::xread),
    row("xreadgroup", -7, WRITE | BLOCKING)
        .acl(acl::STREAM)
        .keys(&[after("STREAMS", 4, -1, RO | ACCESS).first_half()])
        .get_keys(keys::xread),
    row("xrevrange", -4, READONLY).acl(acl::STREAM).keys(&[at(1, RO | ACCESS)]),
    row("xsetid", -3, WRITE | DENYOOM | FAST).acl(acl::STREAM).keys(&[at(1, RW | UPDATE)]),
    row("xtrim", -4, WRITE).acl(acl::STREAM).keys(&[at(1, RW | DELETE)]).tips(&["nondeterministic_output"]),
];

//! Commands on sorted sets.

use super::flags::access::{ACCESS, DELETE, OW, RO, RW, UPDATE};
use super::flags::acl;
use super::flags::flag::{BLOCKING, DENYOOM, FAST, NOSCRIPT, READONLY, WRITE};
use super::keys;
use super::row::{Row, at, counted, range, row};

pub(super) const ROWS: &[Row] = &[
    row("bzmpop", -5, WRITE | BLOCKING)
        .acl(acl::SORTEDSET)
        .keys(&[counted(2, RW | ACCESS | DELETE)])
        .get_keys(keys::counted_at_2),
    row("bzpopmax", -3, WRITE | NOSCRIPT | BLOCKING | FAST).acl(acl::SORTEDSET).keys(&[range(
        1,
        -2,
        1,
        RW | ACCESS | DELETE,
    )]),
    row("bzpopmin", -3, WRITE | NOSCRIPT | BLOCKING | FAST).acl(acl::SORTEDSET).keys(&[range(
        1,
        -2,
        1,
        RW | ACCESS | DELETE,
    )]),
    row("zadd", -4, WRITE | DENYOOM | FAST).acl(acl::SORTEDSET).keys(&[at(1, RW | UPDATE)]),
    row("zcard", 2, READONLY | FAST).acl(acl::SORTEDSET).keys(&[at(1, RO)]),
    row("zcount", 4, READONLY | FAST).acl(acl::SORTEDSET).keys(&[at(1, RO | ACCESS)]),
    row("zdiff", -3, READONLY).acl(acl::SORTEDSET).keys(&[counted(1, RO | ACCESS)]).get_keys(keys::counted_at_1),
    row("zdiffstore", -4, WRITE | DENYOOM)
        .acl(acl::SORTEDSET)
        .keys(&[at(1, OW | UPDATE), counted(2, RO | ACCESS)])
        .get_keys(keys::destination_then_counted),
    row("zincrby", 4, WRITE | DENYOOM | FAST).acl(acl::SORTEDSET).keys(&[at(1, RW | ACCESS | UPDATE)]),
    row("zinter", -3, READONLY).acl(acl::SORTEDSET).keys(&[counted(1, RO | ACCESS)]).get_keys(keys::counted_at_1),
    row("zintercard", -3, READONLY).acl(acl::SORTEDSET).keys(&[counted(1, RO | ACCESS)]).get_keys(keys::counted_at_1),
    row("zinterstore", -4, WRITE | DENYOOM)
        .acl(acl::SORTEDSET)
        .keys(&[at(1, OW | UPDATE), counted(2, RO | ACCESS)])
        .get_keys(keys::destination_then_counted),
    row("zlexcount", 4, READONLY | FAST).acl(acl::SORTEDSET).keys(&[at(1, RO | ACCESS)]),
    row("zmpop", -4, WRITE).acl(acl::SORTEDSET).keys(&[counted(1, RW | ACCESS | DELETE)]).get_keys(keys::counted_at_1),
    row("zmscore", -3, READONLY | FAST).acl(acl::SORTEDSET).keys(&[at(1, RO | ACCESS)]),
    row("zpopmax", -2, WRITE | FAST).acl(acl::SORTEDSET).keys(&[at(1, RW | ACCESS | DELETE)]),
    row("zpopmin", -2, WRITE | FAST).acl(acl::SORTEDSET).keys(&[at(1, RW | ACCESS | DELETE)]),
    row("zrandmember", -2, READONLY).acl(acl::SORTEDSET).keys(&[at(1, RO | ACCESS)]).tips(&["nondeterministic_output"]),
    row("zrange", -4, READONLY).acl(acl::SORTEDSET).keys(&[at(1, RO | ACCESS)]),
    row("zrangebylex", -4, READONLY).acl(acl::SORTEDSET).keys(&[at(1, RO | ACCESS)]),
    row("zrangebyscore", -4, READONLY).acl(acl::SORTEDSET).keys(&[at(1, RO | ACCESS)]),
    row("zrangestore", -5, WRITE | DENYOOM).acl(acl::SORTEDSET).keys(&[at(1, OW | UPDATE), at(2, RO | ACCESS)]),
    row("zrank", 3, READONLY | FAST).acl(acl::SORTEDSET).keys(&[at(1, RO | ACCESS)]),
    row("zrem", -3, WRITE | FAST).acl(acl::SORTEDSET).keys(&[at(1, RW | DELETE)]),
    row("zremrangebylex", 4, WRITE).acl(acl::SORTEDSET).keys(&[at(1, RW | DELETE)]),
    row("zremrangebyrank", 4, WRITE).acl(acl::SORTEDSET).keys(&[at(1, RW | DELETE)]),
    row("zremrangebyscore", 4, WRITE).acl(acl::SORTEDSET).keys(&[at(1, RW | DELETE)]),
    row("zrevrange", -4, READONLY).acl(acl::SORTEDSET).keys(&[at(1, RO | ACCESS)]),
    row("zrevrangebylex", -4, READONLY).acl(acl::SORTEDSET).keys(&[at(1, RO | ACCESS)]),
    row("zrevrangebyscore", -4, READONLY).acl(acl::SORTEDSET).keys(&[at(1, RO | ACCESS)]),
    row("zrevrank", 3, READONLY | FAST).acl(acl::SORTEDSET).keys(&[at(1, RO | ACCESS)]),
    row("zscan", -3, READONLY).acl(acl::SORTEDSET).keys(&[at(1, RO | ACCESS)]).tips(&["nondeterministic_output"]),
    row("zscore", 3, READONLY | FAST).acl(acl::SORTEDSET).keys(&[at(1, RO | ACCESS)]),
    row("zunion", -3, READONLY).acl(acl::SORTEDSET).keys(&[counted(1, RO | ACCESS)]).get_keys(keys::counted_at_1),
    row("zunionstore", -4, WRITE | DENYOOM)
        .acl(acl::SORTEDSET)
        .keys(&[at(1, OW | UPDATE), counted(2, RO | ACCESS)])
        .get_keys(keys::destination_then_counted),
];

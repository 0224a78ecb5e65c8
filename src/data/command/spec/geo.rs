//! Commands on geospatial indexes.

use super::flags::access::{ACCESS, OW, RO, RW, UPDATE};
use super::flags::acl;
use super::flags::flag::{DENYOOM, READONLY, WRITE};
use super::keys;
use super::row::{Row, after, at, row};

pub(super) const ROWS: &[Row] = &[
    row("geoadd", -5, WRITE | DENYOOM).acl(acl::GEO).keys(&[at(1, RW | UPDATE)]),
    row("geodist", -4, READONLY).acl(acl::GEO).keys(&[at(1, RO | ACCESS)]),
    row("geohash", -2, READONLY).acl(acl::GEO).keys(&[at(1, RO | ACCESS)]),
    row("geopos", -2, READONLY).acl(acl::GEO).keys(&[at(1, RO | ACCESS)]),
    row("georadius", -6, WRITE | DENYOOM)
        .acl(acl::GEO)
        .keys(&[at(1, RO | ACCESS), after("STORE", 6, 0, OW | UPDATE), after("STOREDIST", 6, 0, OW | UPDATE)])
        .get_keys(keys::georadius),
    row("georadius_ro", -6, READONLY).acl(acl::GEO).keys(&[at(1, RO | ACCESS)]),
    row("georadiusbymember", -5, WRITE | DENYOOM)
        .acl(acl::GEO)
        .keys(&[at(1, RO | ACCESS), after("STORE", 5, 0, OW | UPDATE), after("STOREDIST", 5, 0, OW | UPDATE)])
        .get_keys(keys::georadius),
    row("georadiusbymember_ro", -5, READONLY).acl(acl::GEO).keys(&[at(1, RO | ACCESS)]),
    row("geosearch", -7, READONLY).acl(acl::GEO).keys(&[at(1, RO | ACCESS)]),
    row("geosearchstore", -8, WRITE | DENYOOM).acl(acl::GEO).keys(&[at(1, OW | UPDATE), at(2, RO | ACCESS)]),
];

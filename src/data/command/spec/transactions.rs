//! Commands on transactions.

use super::flags::access::RO;
use super::flags::acl;
use super::flags::flag::{ALLOW_BUSY, FAST, LOADING, NOSCRIPT, SKIP_SLOWLOG, STALE};
use super::row::{Row, from, row};

pub(super) const ROWS: &[Row] = &[
    row("discard", 1, NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY).acl(acl::TRANSACTION),
    row("exec", 1, NOSCRIPT | LOADING | STALE | SKIP_SLOWLOG).acl(acl::TRANSACTION),
    row("multi", 1, NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY).acl(acl::TRANSACTION),
    row("unwatch", 1, NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY).acl(acl::TRANSACTION),
    row("watch", -2, NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY).acl(acl::TRANSACTION).keys(&[from(1, RO)]),
];

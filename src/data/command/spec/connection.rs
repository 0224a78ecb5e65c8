//! Commands on the connection itself.

use super::flags::acl;
use super::flags::flag::{ADMIN, ALLOW_BUSY, FAST, LOADING, NO_AUTH, NOSCRIPT, STALE};
use super::row::{Row, container, row};

pub(super) const ROWS: &[Row] = &[
    row("auth", -2, NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY).acl(acl::CONNECTION),
    container("client").subcommands(&[
        row("client|caching", 3, NOSCRIPT | LOADING | STALE).acl(acl::CONNECTION),
        row("client|getname", 2, NOSCRIPT | LOADING | STALE).acl(acl::CONNECTION),
        row("client|getredir", 2, NOSCRIPT | LOADING | STALE).acl(acl::CONNECTION),
        row("client|help", 2, LOADING | STALE).acl(acl::CONNECTION),
        row("client|id", 2, NOSCRIPT | LOADING | STALE).acl(acl::CONNECTION),
        row("client|info", 2, NOSCRIPT | LOADING | STALE).acl(acl::CONNECTION).tips(&["nondeterministic_output"]),
        row("client|kill", -3, ADMIN | NOSCRIPT | LOADING | STALE).acl(acl::CONNECTION),
        row("client|list", -2, ADMIN | NOSCRIPT | LOADING | STALE)
            .acl(acl::CONNECTION)
            .tips(&["nondeterministic_output"]),
        row("client|no-evict", 3, ADMIN | NOSCRIPT | LOADING | STALE).acl(acl::CONNECTION),
        row("client|pause", -3, ADMIN | NOSCRIPT | LOADING | STALE).acl(acl::CONNECTION),
        row("client|reply", 3, NOSCRIPT | LOADING | STALE).acl(acl::CONNECTION),
        row("client|setname", 3, NOSCRIPT | LOADING | STALE).acl(acl::CONNECTION),
        row("client|tracking", -3, NOSCRIPT | LOADING | STALE).acl(acl::CONNECTION),
        row("client|trackinginfo", 2, NOSCRIPT | LOADING | STALE).acl(acl::CONNECTION),
        row("client|unblock", -3, ADMIN | NOSCRIPT | LOADING | STALE).acl(acl::CONNECTION),
        row("client|unpause", 2, ADMIN | NOSCRIPT | LOADING | STALE).acl(acl::CONNECTION),
    ]),
    row("echo", 2, LOADING | STALE | FAST).acl(acl::CONNECTION),
    row("hello", -1, NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY).acl(acl::CONNECTION),
    row("ping", -1, FAST).acl(acl::CONNECTION).tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    row("quit", -1, NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY).acl(acl::CONNECTION),
    row("reset", 1, NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY).acl(acl::CONNECTION),
    row("select", 2, LOADING | STALE | FAST).acl(acl::CONNECTION),
];

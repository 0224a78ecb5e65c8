//! Commands on publish/subscribe.

use super::flags::access::NOT_KEY;
use super::flags::flag::{FAST, LOADING, MAY_REPLICATE, NOSCRIPT, PUBSUB, STALE};
use super::row::{Row, at, container, from, row};

pub(super) const ROWS: &[Row] = &[
    row("psubscribe", -2, PUBSUB | NOSCRIPT | LOADING | STALE),
    row("publish", 3, PUBSUB | LOADING | STALE | FAST | MAY_REPLICATE),
    container("pubsub").subcommands(&[
        row("pubsub|channels", -2, PUBSUB | LOADING | STALE),
        row("pubsub|help", 2, LOADING | STALE),
        row("pubsub|numpat", 2, PUBSUB | LOADING | STALE),
        row("pubsub|numsub", -2, PUBSUB | LOADING | STALE),
        row("pubsub|shardchannels", -2, PUBSUB | LOADING | STALE),
        row("pubsub|shardnumsub", -2, PUBSUB | LOADING | STALE),
    ]),
    row("punsubscribe", -1, PUBSUB | NOSCRIPT | LOADING | STALE),
    row("spublish", 3, PUBSUB | LOADING | STALE | FAST | MAY_REPLICATE).keys(&[at(1, NOT_KEY)]),
    row("ssubscribe", -2, PUBSUB | NOSCRIPT | LOADING | STALE).keys(&[from(1, NOT_KEY)]),
    row("subscribe", -2, PUBSUB | NOSCRIPT | LOADING | STALE),
    row("sunsubscribe", -1, PUBSUB | NOSCRIPT | LOADING | STALE).keys(&[from(1, NOT_KEY)]),
    row("unsubscribe", -1, PUBSUB | NOSCRIPT | LOADING | STALE),
];

//! Up to which size collections keep their compact encodings.

use super::{INT, INT_MIN, LONG};
use crate::node::config::directive::{Directive, memory, number};

pub(super) const ROWS: &[Directive] = &[
    number("hash-max-listpack-entries", 0, LONG, "512", "A hash of at most so many fields is a listpack.")
        .alias("hash-max-ziplist-entries"),
    memory("hash-max-listpack-value", 0, LONG, "64", "A hash whose fields and values are no longer is a listpack.")
        .alias("hash-max-ziplist-value"),
    number(
        "list-max-listpack-size",
        INT_MIN,
        INT,
        "-2",
        "How large one node of a list may be: entries, or from -1 (4 KiB) to -5 (64 KiB) bytes.",
    )
    .alias("list-max-ziplist-size"),
    number("list-compress-depth", 0, INT, "0", "Compress all nodes of a list but so many at each end; 0 is none.")
        .without_effect("lists are kept as they are"),
    number("set-max-intset-entries", 0, LONG, "512", "A set of at most so many integers is an intset."),
    number("zset-max-listpack-entries", 0, LONG, "128", "A sorted set of at most so many members is a listpack.")
        .alias("zset-max-ziplist-entries"),
    memory("zset-max-listpack-value", 0, LONG, "64", "A sorted set whose members are no longer is a listpack.")
        .alias("zset-max-ziplist-value"),
    memory("hll-sparse-max-bytes", 0, LONG, "3000", "A HyperLogLog of at most so many bytes stays sparse."),
    memory("stream-node-max-bytes", 0, LONG, "4kb", "The most bytes of one node of a stream; 0 is no limit."),
    number("stream-node-max-entries", 0, LONG, "100", "The most entries of one node of a stream; 0 is no limit."),
];

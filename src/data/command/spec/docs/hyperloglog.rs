//! Documentation of the commands on HyperLogLogs.

use super::super::doc::{Doc, doc, key, string};

pub(in super::super) const DOCS: &[Doc] = &[
    doc("pfadd", "2.8.9", "Counts elements in a HyperLogLog, creating it if need be.")
        .complexity("O(1) to add every element.")
        .args(&[key("key", 0), string("element").optional().multiple()]),
    doc("pfcount", "2.8.9", "Estimates how many different elements HyperLogLogs have seen together.")
        .complexity(
            "O(1) with a very small average constant time when called with a single key. O(N) with N being \
            the number of keys, and much bigger constant times, when called with multiple keys.",
        )
        .args(&[key("key", 0).multiple()]),
    doc("pfdebug", "2.8.9", "Shows the inside of a HyperLogLog, for developers.")
        .complexity("N/A")
        .internal()
        .args(&[string("subcommand"), key("key", 0)]),
    doc("pfmerge", "2.8.9", "Merges HyperLogLogs into one.")
        .complexity("O(N) to merge N HyperLogLogs, but with high constant times.")
        .args(&[key("destkey", 0), key("sourcekey", 1).multiple()]),
    doc("pfselftest", "2.8.9", "Tests the HyperLogLog code, for developers.").complexity("N/A").internal(),
];

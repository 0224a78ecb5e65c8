//! Documentation of the commands on transactions.

use super::super::doc::{Doc, doc, key};

pub(in super::super) const DOCS: &[Doc] = &[
    doc("discard", "2.0.0", "Gives up a transaction.").complexity("O(N), when N is the number of queued commands"),
    doc("exec", "1.2.0", "Runs the commands of a transaction.").complexity("Depends on commands in the transaction"),
    doc("multi", "1.2.0", "Starts a transaction.").complexity("O(1)"),
    doc("unwatch", "2.2.0", "Stops watching keys.").complexity("O(1)"),
    doc("watch", "2.2.0", "Makes the next transaction depend on keys staying as they are.")
        .complexity("O(1) for every key.")
        .args(&[key("key", 0).multiple()]),
];

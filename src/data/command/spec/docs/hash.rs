//! Documentation of the commands on hashes.

use super::super::doc::{Doc, block, doc, double, integer, key, pattern, string, word};

pub(in super::super) const DOCS: &[Doc] = &[
    doc("hdel", "2.0.0", "Deletes fields of a hash.")
        .complexity("O(N) where N is the number of fields to be removed.")
        .history(&[("2.4.0", "Accepts multiple `field` arguments.")])
        .args(&[key("key", 0), string("field").multiple()]),
    doc("hexists", "2.0.0", "Tells whether a hash has a field.")
        .complexity("O(1)")
        .args(&[key("key", 0), string("field")]),
    doc("hget", "2.0.0", "Tells the value of a field.").complexity("O(1)").args(&[key("key", 0), string("field")]),
    doc("hgetall", "2.0.0", "Tells all fields of a hash and their values.")
        .complexity("O(N) where N is the size of the hash.")
        .args(&[key("key", 0)]),
    doc("hincrby", "2.0.0", "Adds a number to the integer a field holds.").complexity("O(1)").args(&[
        key("key", 0),
        string("field"),
        integer("increment"),
    ]),
    doc("hincrbyfloat", "2.6.0", "Adds a number to the floating-point number a field holds.")
        .complexity("O(1)")
        .args(&[key("key", 0), string("field"), double("increment")]),
    doc("hkeys", "2.0.0", "Tells the names of all fields of a hash.")
        .complexity("O(N) where N is the size of the hash.")
        .args(&[key("key", 0)]),
    doc("hlen", "2.0.0", "Tells how many fields a hash has.").complexity("O(1)").args(&[key("key", 0)]),
    doc("hmget", "2.0.0", "Tells the values of several fields.")
        .complexity("O(N) where N is the number of fields being requested.")
        .args(&[key("key", 0), string("field").multiple()]),
    doc("hmset", "2.0.0", "Sets fields of a hash, creating it if need be.")
        .complexity("O(N) where N is the number of fields being set.")
        .deprecated("4.0.0", "`HSET` with multiple field-value pairs")
        .args(&[key("key", 0), block("field_value").multiple().of(&[string("field"), string("value")])]),
    doc("hrandfield", "6.2.0", "Tells random fields of a hash.")
        .complexity("O(N) where N is the number of fields returned")
        .args(&[
            key("key", 0),
            block("options").optional().of(&[integer("count"), word("withvalues", "WITHVALUES").optional()]),
        ]),
    doc("hscan", "2.8.0", "Walks through the fields of a hash in steps.")
        .complexity(
            "O(1) for every call. O(N) for a complete iteration, including enough command calls for the \
            cursor to return back to 0. N is the number of elements inside the collection..",
        )
        .args(&[
            key("key", 0),
            integer("cursor"),
            pattern("pattern").token("MATCH").optional(),
            integer("count").token("COUNT").optional(),
        ]),
    doc("hset", "2.0.0", "Sets fields of a hash, creating it if need be.")
        .complexity(
            "O(1) for each field/value pair added, so O(N) to add N field/value pairs when the command is \
            called with multiple field/value pairs.",
        )
        .history(&[("4.0.0", "Accepts multiple `field` and `value` arguments.")])
        .args(&[key("key", 0), block("field_value").multiple().of(&[string("field"), string("value")])]),
    doc("hsetnx", "2.0.0", "Sets a field of a hash unless the field exists.").complexity("O(1)").args(&[
        key("key", 0),
        string("field"),
        string("value"),
    ]),
    doc("hstrlen", "3.2.0", "Tells how many bytes the value of a field has.")
        .complexity("O(1)")
        .args(&[key("key", 0), string("field")]),
    doc("hvals", "2.0.0", "Tells the values of all fields of a hash.")
        .complexity("O(N) where N is the size of the hash.")
        .args(&[key("key", 0)]),
];

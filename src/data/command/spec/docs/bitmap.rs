//! Documentation of the commands on strings seen as bits.

use super::super::doc::{Doc, block, doc, integer, key, one_of, string, word};

pub(in super::super) const DOCS: &[Doc] = &[
    doc("bitcount", "2.6.0", "Counts the bits that are set in a string.")
        .complexity("O(N)")
        .history(&[("7.0.0", "Added the `BYTE|BIT` option.")])
        .args(&[
            key("key", 0),
            block("index").optional().of(&[
                integer("start"),
                integer("end"),
                one_of("index_unit").optional().since("7.0.0").of(&[word("byte", "BYTE"), word("bit", "BIT")]),
            ]),
        ]),
    doc("bitfield", "3.2.0", "Reads and changes integers of any width inside a string.")
        .complexity("O(1) for each subcommand specified")
        .args(&[
            key("key", 0),
            one_of("operation").optional().multiple().of(&[
                block("encoding_offset").token("GET").of(&[string("encoding"), integer("offset")]),
                block("write").of(&[
                    one_of("wrap_sat_fail").token("OVERFLOW").optional().of(&[
                        word("wrap", "WRAP"),
                        word("sat", "SAT"),
                        word("fail", "FAIL"),
                    ]),
                    one_of("write_operation").of(&[
                        block("encoding_offset_value").token("SET").of(&[
                            string("encoding"),
                            integer("offset"),
                            integer("value"),
                        ]),
                        block("encoding_offset_increment").token("INCRBY").of(&[
                            string("encoding"),
                            integer("offset"),
                            integer("increment"),
                        ]),
                    ]),
                ]),
            ]),
        ]),
    doc("bitfield_ro", "6.0.0", "Reads integers of any width inside a string.")
        .complexity("O(1) for each subcommand specified")
        .args(&[
            key("key", 0),
            block("encoding_offset")
                .token("GET")
                .optional()
                .multiple_token()
                .of(&[string("encoding"), integer("offset")]),
        ]),
    doc("bitop", "2.6.0", "Combines strings bit by bit and stores the result.").complexity("O(N)").args(&[
        string("operation"),
        key("destkey", 0),
        key("key", 1).multiple(),
    ]),
    doc("bitpos", "2.8.7", "Finds the first bit of a string that is set, or clear.")
        .complexity("O(N)")
        .history(&[("7.0.0", "Added the `BYTE|BIT` option.")])
        .args(&[
            key("key", 0),
            integer("bit"),
            block("index").optional().of(&[
                integer("start"),
                block("end_index").optional().of(&[
                    integer("end"),
                    one_of("index_unit").optional().since("7.0.0").of(&[word("byte", "BYTE"), word("bit", "BIT")]),
                ]),
            ]),
        ]),
    doc("getbit", "2.2.0", "Tells one bit of a string.").complexity("O(1)").args(&[key("key", 0), integer("offset")]),
    doc("setbit", "2.2.0", "Sets or clears one bit of a string, creating it if need be.").complexity("O(1)").args(&[
        key("key", 0),
        integer("offset"),
        integer("value"),
    ]),
];

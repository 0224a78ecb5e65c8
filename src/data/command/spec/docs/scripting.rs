//! Documentation of the commands on scripts and functions.

use super::super::doc::{Doc, doc, integer, key, one_of, string, word};

pub(in super::super) const DOCS: &[Doc] = &[
    doc("eval", "2.6.0", "Runs a Lua script.").complexity("Depends on the script that is executed.").args(&[
        string("script"),
        integer("numkeys"),
        key("key", 0).optional().multiple(),
        string("arg").optional().multiple(),
    ]),
    doc("eval_ro", "7.0.0", "Runs a Lua script that only reads.")
        .complexity("Depends on the script that is executed.")
        .args(&[
            string("script"),
            integer("numkeys"),
            key("key", 0).optional().multiple(),
            string("arg").optional().multiple(),
        ]),
    doc("evalsha", "2.6.0", "Runs a Lua script the server knows, by its SHA1 digest.")
        .complexity("Depends on the script that is executed.")
        .args(&[
            string("sha1"),
            integer("numkeys"),
            key("key", 0).optional().multiple(),
            string("arg").optional().multiple(),
        ]),
    doc("evalsha_ro", "7.0.0", "Runs a Lua script the server knows, by its SHA1 digest, if it only reads.")
        .complexity("Depends on the script that is executed.")
        .args(&[
            string("sha1"),
            integer("numkeys"),
            key("key", 0).optional().multiple(),
            string("arg").optional().multiple(),
        ]),
    doc("fcall", "7.0.0", "Calls a function.").complexity("Depends on the function that is executed.").args(&[
        string("function"),
        integer("numkeys"),
        key("key", 0).optional().multiple(),
        string("arg").optional().multiple(),
    ]),
    doc("fcall_ro", "7.0.0", "Calls a function that only reads.")
        .complexity("Depends on the function that is executed.")
        .args(&[
            string("function"),
            integer("numkeys"),
            key("key", 0).optional().multiple(),
            string("arg").optional().multiple(),
        ]),
    doc("function", "7.0.0", "Container of commands about functions.")
        .complexity("Depends on subcommand.")
        .subcommands(&[
            doc("function|delete", "7.0.0", "Deletes a library and its functions.")
                .complexity("O(1)")
                .args(&[string("library-name")]),
            doc("function|dump", "7.0.0", "Serializes all libraries.")
                .complexity("O(N) where N is the number of functions"),
            doc("function|flush", "7.0.0", "Deletes all libraries.")
                .complexity("O(N) where N is the number of functions deleted")
                .args(&[one_of("async").optional().of(&[word("async", "ASYNC"), word("sync", "SYNC")])]),
            doc("function|help", "7.0.0", "Lists the subcommands.").complexity("O(1)"),
            doc("function|kill", "7.0.0", "Stops the function that is running.").complexity("O(1)"),
            doc("function|list", "7.0.0", "Lists the libraries and their functions.")
                .complexity("O(N) where N is the number of functions")
                .args(&[
                    string("library-name-pattern").token("LIBRARYNAME").optional(),
                    word("withcode", "WITHCODE").optional(),
                ]),
            doc("function|load", "7.0.0", "Creates a library.")
                .complexity("O(1) (considering compilation time is redundant)")
                .args(&[word("replace", "REPLACE").optional(), string("function-code")]),
            doc("function|restore", "7.0.0", "Creates libraries from what FUNCTION DUMP has serialized.")
                .complexity("O(N) where N is the number of functions on the payload")
                .args(&[
                    string("serialized-value"),
                    one_of("policy").optional().of(&[
                        word("flush", "FLUSH"),
                        word("append", "APPEND"),
                        word("replace", "REPLACE"),
                    ]),
                ]),
            doc("function|stats", "7.0.0", "Tells which function is running, and how many there are.")
                .complexity("O(1)"),
        ]),
    doc("script", "2.6.0", "Container of commands about Lua scripts.")
        .complexity("Depends on subcommand.")
        .subcommands(&[
            doc("script|debug", "3.2.0", "Sets how EVAL debugs the scripts of this connection.")
                .complexity("O(1)")
                .args(&[one_of("mode").of(&[word("yes", "YES"), word("sync", "SYNC"), word("no", "NO")])]),
            doc("script|exists", "2.6.0", "Tells for each SHA1 digest whether the server knows its script.")
                .complexity(
                    "O(N) with N being the number of scripts to check (so checking a single script is an \
                    O(1) operation).",
                )
                .args(&[string("sha1").multiple()]),
            doc("script|flush", "2.6.0", "Forgets all Lua scripts.")
                .complexity("O(N) with N being the number of scripts in cache")
                .history(&[("6.2.0", "Added the `ASYNC` and `SYNC` flushing mode modifiers.")])
                .args(&[one_of("async").optional().since("6.2.0").of(&[word("async", "ASYNC"), word("sync", "SYNC")])]),
            doc("script|help", "5.0.0", "Lists the subcommands.").complexity("O(1)"),
            doc("script|kill", "2.6.0", "Stops the script that is running.").complexity("O(1)"),
            doc("script|load", "2.6.0", "Makes a Lua script known to the server without running it.")
                .complexity("O(N) with N being the length in bytes of the script body.")
                .args(&[string("script")]),
        ]),
];

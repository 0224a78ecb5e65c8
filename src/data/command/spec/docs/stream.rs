//! Documentation of the commands on streams.

use super::super::doc::{Doc, block, doc, integer, key, one_of, string, unix_time, word};

pub(in super::super) const DOCS: &[Doc] = &[
    doc("xack", "5.0.0", "Marks messages as done by a consumer group.")
        .complexity("O(1) for each message ID processed.")
        .args(&[key("key", 0), string("group"), string("id").multiple()]),
    doc("xadd", "5.0.0", "Appends an entry to a stream, creating it if need be.")
        .complexity("O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted.")
        .history(&[
            ("6.2.0", "Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option."),
            ("7.0.0", "Added support for the `<ms>-*` explicit ID form."),
        ])
        .args(&[
            key("key", 0),
            word("nomkstream", "NOMKSTREAM").optional().since("6.2.0"),
            block("trim").optional().of(&[
                one_of("strategy").of(&[word("maxlen", "MAXLEN"), word("minid", "MINID").since("6.2.0")]),
                one_of("operator").optional().of(&[word("equal", "="), word("approximately", "~")]),
                string("threshold"),
                integer("count").token("LIMIT").optional().since("6.2.0"),
            ]),
            one_of("id_or_auto").of(&[word("auto_id", "*"), string("id")]),
            block("field_value").multiple().of(&[string("field"), string("value")]),
        ]),
    doc("xautoclaim", "6.2.0", "Hands pending messages that nobody works on to another consumer, in steps.")
        .complexity("O(1) if COUNT is small.")
        .history(&[(
            "7.0.0",
            "Added an element to the reply array, containing deleted entries the command cleared from the \
            PEL",
        )])
        .args(&[
            key("key", 0),
            string("group"),
            string("consumer"),
            string("min-idle-time"),
            string("start"),
            integer("count").token("COUNT").optional(),
            word("justid", "JUSTID").optional(),
        ]),
    doc("xclaim", "5.0.0", "Hands pending messages to another consumer.")
        .complexity("O(log N) with N being the number of messages in the PEL of the consumer group.")
        .args(&[
            key("key", 0),
            string("group"),
            string("consumer"),
            string("min-idle-time"),
            string("id").multiple(),
            integer("ms").token("IDLE").optional(),
            unix_time("unix-time-milliseconds").token("TIME").optional(),
            integer("count").token("RETRYCOUNT").optional(),
            word("force", "FORCE").optional(),
            word("justid", "JUSTID").optional(),
            string("id").token("LASTID").optional(),
        ]),
    doc("xdel", "5.0.0", "Deletes entries from a stream.")
        .complexity("O(1) for each single item to delete in the stream, regardless of the stream size.")
        .args(&[key("key", 0), string("id").multiple()]),
    doc("xgroup", "5.0.0", "Container of commands that change consumer groups.")
        .complexity("Depends on subcommand.")
        .subcommands(&[
            doc("xgroup|create", "5.0.0", "Creates a consumer group.")
                .complexity("O(1)")
                .history(&[("7.0.0", "Added the `entries_read` named argument.")])
                .args(&[
                    key("key", 0),
                    string("groupname"),
                    one_of("id").of(&[string("id"), word("new_id", "$")]),
                    word("mkstream", "MKSTREAM").optional(),
                    integer("entries_read").token("ENTRIESREAD").optional(),
                ]),
            doc("xgroup|createconsumer", "6.2.0", "Creates a consumer of a group.").complexity("O(1)").args(&[
                key("key", 0),
                string("groupname"),
                string("consumername"),
            ]),
            doc("xgroup|delconsumer", "5.0.0", "Deletes a consumer of a group.").complexity("O(1)").args(&[
                key("key", 0),
                string("groupname"),
                string("consumername"),
            ]),
            doc("xgroup|destroy", "5.0.0", "Deletes a consumer group.")
                .complexity("O(N) where N is the number of entries in the group's pending entries list (PEL).")
                .args(&[key("key", 0), string("groupname")]),
            doc("xgroup|help", "5.0.0", "Lists the subcommands.").complexity("O(1)"),
            doc("xgroup|setid", "5.0.0", "Sets the last entry a consumer group has been given.")
                .complexity("O(1)")
                .history(&[("7.0.0", "Added the optional `entries_read` argument.")])
                .args(&[
                    key("key", 0),
                    string("groupname"),
                    one_of("id").of(&[string("id"), word("new_id", "$")]),
                    integer("entries_read").token("ENTRIESREAD").optional(),
                ]),
        ]),
    doc("xinfo", "5.0.0", "Container of commands that tell about streams.")
        .complexity("Depends on subcommand.")
        .subcommands(&[
            doc("xinfo|consumers", "5.0.0", "Lists the consumers of a group.")
                .complexity("O(1)")
                .args(&[key("key", 0), string("groupname")]),
            doc("xinfo|groups", "5.0.0", "Lists the consumer groups of a stream.")
                .complexity("O(1)")
                .history(&[("7.0.0", "Added the `entries-read` and `lag` fields")])
                .args(&[key("key", 0)]),
            doc("xinfo|help", "5.0.0", "Lists the subcommands.").complexity("O(1)"),
            doc("xinfo|stream", "5.0.0", "Tells the state of a stream.")
                .complexity("O(1)")
                .history(&[
                    ("6.0.0", "Added the `FULL` modifier."),
                    (
                        "7.0.0",
                        "Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, \
                        `entries-read` and `lag` fields",
                    ),
                ])
                .args(&[
                    key("key", 0),
                    block("full").token("FULL").optional().of(&[integer("count").token("COUNT").optional()]),
                ]),
        ]),
    doc("xlen", "5.0.0", "Tells how many entries a stream has.").complexity("O(1)").args(&[key("key", 0)]),
    doc("xpending", "5.0.0", "Tells which messages of a consumer group are pending.")
        .complexity(
            "O(N) with N being the number of elements returned, so asking for a small fixed number of \
            entries per call is O(1). O(M), where M is the total number of entries scanned when used with the IDLE \
            filter. When the command returns just the summary and the list of consumers is small, it runs in O(1) \
            time; otherwise, an additional O(N) time for iterating every consumer.",
        )
        .history(&[("6.2.0", "Added the `IDLE` option and exclusive range intervals.")])
        .args(&[
            key("key", 0),
            string("group"),
            block("filters").optional().of(&[
                integer("min-idle-time").token("IDLE").optional().since("6.2.0"),
                string("start"),
                string("end"),
                integer("count"),
                string("consumer").optional(),
            ]),
        ]),
    doc("xrange", "5.0.0", "Tells the entries of a stream between two IDs.")
        .complexity(
            "O(N) with N being the number of elements being returned. If N is constant (e.g. always asking \
            for the first 10 elements with COUNT), you can consider it O(1).",
        )
        .history(&[("6.2.0", "Added exclusive ranges.")])
        .args(&[key("key", 0), string("start"), string("end"), integer("count").token("COUNT").optional()]),
    doc("xread", "5.0.0", "Tells the entries of streams after given IDs, waiting for some if asked to.")
        .complexity(
            "For each stream mentioned: O(N) with N being the number of elements being returned, it means \
            that XREAD-ing with a fixed COUNT is O(1). Note that when the BLOCK option is used, XADD will pay O(M) \
            time in order to serve the M clients blocked on the stream getting new data.",
        )
        .args(&[
            integer("count").token("COUNT").optional(),
            integer("milliseconds").token("BLOCK").optional(),
            block("streams").token("STREAMS").of(&[key("key", 0).multiple(), string("id").multiple()]),
        ]),
    doc("xreadgroup", "5.0.0", "Gives new or pending entries of streams to a consumer of a group.")
        .complexity(
            "For each stream mentioned: O(M) with M being the number of elements returned. If M is constant \
            (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1). On the other side \
            when XREADGROUP blocks, XADD will pay the O(N) time in order to serve the N clients blocked on the \
            stream getting new data.",
        )
        .args(&[
            block("group_consumer").token("GROUP").of(&[string("group"), string("consumer")]),
            integer("count").token("COUNT").optional(),
            integer("milliseconds").token("BLOCK").optional(),
            word("noack", "NOACK").optional(),
            block("streams").token("STREAMS").of(&[key("key", 0).multiple(), string("id").multiple()]),
        ]),
    doc("xrevrange", "5.0.0", "Tells the entries of a stream between two IDs, newest first.")
        .complexity(
            "O(N) with N being the number of elements returned. If N is constant (e.g. always asking for the \
            first 10 elements with COUNT), you can consider it O(1).",
        )
        .history(&[("6.2.0", "Added exclusive ranges.")])
        .args(&[key("key", 0), string("end"), string("start"), integer("count").token("COUNT").optional()]),
    doc("xsetid", "5.0.0", "Sets the last ID of a stream, for replication.")
        .complexity("O(1)")
        .history(&[("7.0.0", "Added the `entries_added` and `max_deleted_entry_id` arguments.")])
        .args(&[
            key("key", 0),
            string("last-id"),
            integer("entries_added").token("ENTRIESADDED").optional().since("7.0.0"),
            string("max_deleted_entry_id").token("MAXDELETEDID").optional().since("7.0.0"),
        ]),
    doc("xtrim", "5.0.0", "Removes the oldest entries of a stream.")
        .complexity(
            "O(N), with N being the number of evicted entries. Constant times are very small however, since \
            entries are organized in macro nodes containing multiple entries that can be released with a single \
            deallocation.",
        )
        .history(&[("6.2.0", "Added the `MINID` trimming strategy and the `LIMIT` option.")])
        .args(&[
            key("key", 0),
            block("trim").of(&[
                one_of("strategy").of(&[word("maxlen", "MAXLEN"), word("minid", "MINID").since("6.2.0")]),
                one_of("operator").optional().of(&[word("equal", "="), word("approximately", "~")]),
                string("threshold"),
                integer("count").token("LIMIT").optional().since("6.2.0"),
            ]),
        ]),
];

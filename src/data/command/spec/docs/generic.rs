//! Documentation of the commands on keys of any type.

use super::super::doc::{Doc, block, doc, integer, key, one_of, pattern, string, unix_time, word};

pub(in super::super) const DOCS: &[Doc] = &[
    doc("copy", "6.2.0", "Copies a key's value to another key.")
        .complexity(
            "O(N) worst case for collections, where N is the number of nested items. O(1) for string \
            values.",
        )
        .args(&[
            key("source", 0),
            key("destination", 1),
            integer("destination-db").token("DB").optional(),
            word("replace", "REPLACE").optional(),
        ]),
    doc("del", "1.0.0", "Deletes keys.")
        .complexity(
            "O(N) where N is the number of keys that will be removed. When a key to remove holds a value \
            other than a string, the individual complexity for this key is O(M) where M is the number of elements in \
            the list, set, sorted set or hash. Removing a single key that holds a string value is O(1).",
        )
        .args(&[key("key", 0).multiple()]),
    doc("dump", "2.6.0", "Serializes the value of a key.")
        .complexity(
            "O(1) to access the key and additional O(N*M) to serialize it, where N is the number of Redis \
            objects composing the value and M their average size. For small string values the time complexity is \
            thus O(1)+O(1*M) where M is small, so simply O(1).",
        )
        .args(&[key("key", 0)]),
    doc("exists", "1.0.0", "Tells how many of the keys exist.")
        .complexity("O(N) where N is the number of keys to check.")
        .history(&[("3.0.3", "Accepts multiple `key` arguments.")])
        .args(&[key("key", 0).multiple()]),
    doc("expire", "1.0.0", "Sets after how many seconds a key expires.")
        .complexity("O(1)")
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .args(&[
            key("key", 0),
            integer("seconds"),
            one_of("condition").optional().since("7.0.0").of(&[
                word("nx", "NX"),
                word("xx", "XX"),
                word("gt", "GT"),
                word("lt", "LT"),
            ]),
        ]),
    doc("expireat", "1.2.0", "Sets at which Unix time in seconds a key expires.")
        .complexity("O(1)")
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .args(&[
            key("key", 0),
            unix_time("unix-time-seconds"),
            one_of("condition").optional().since("7.0.0").of(&[
                word("nx", "NX"),
                word("xx", "XX"),
                word("gt", "GT"),
                word("lt", "LT"),
            ]),
        ]),
    doc("expiretime", "7.0.0", "Tells at which Unix time in seconds a key expires.")
        .complexity("O(1)")
        .args(&[key("key", 0)]),
    doc("keys", "1.0.0", "Lists the keys that match a pattern.")
        .complexity(
            "O(N) with N being the number of keys in the database, under the assumption that the key names \
            in the database and the given pattern have limited length.",
        )
        .args(&[pattern("pattern")]),
    doc("migrate", "2.6.0", "Moves keys to another server as one step.")
        .complexity(
            "This command actually executes a DUMP+DEL in the source instance, and a RESTORE in the target \
            instance. See the pages of these commands for time complexity. Also an O(N) data transfer between the \
            two instances is performed.",
        )
        .history(&[
            ("3.0.0", "Added the `COPY` and `REPLACE` options."),
            ("3.0.6", "Added the `KEYS` option."),
            ("4.0.7", "Added the `AUTH` option."),
            ("6.0.0", "Added the `AUTH2` option."),
        ])
        .args(&[
            string("host"),
            integer("port"),
            one_of("key_or_empty_string").of(&[key("key", 0), word("empty_string", "")]),
            integer("destination-db"),
            integer("timeout"),
            word("copy", "COPY").optional().since("3.0.0"),
            word("replace", "REPLACE").optional().since("3.0.0"),
            one_of("authentication").optional().of(&[
                string("password").token("AUTH").optional().since("4.0.7"),
                block("username_password")
                    .token("AUTH2")
                    .optional()
                    .since("6.0.0")
                    .of(&[string("username"), string("password")]),
            ]),
            key("key", 1).token("KEYS").optional().multiple().since("3.0.6"),
        ]),
    doc("move", "1.0.0", "Moves a key to another database.").complexity("O(1)").args(&[key("key", 0), integer("db")]),
    doc("object", "2.2.3", "Container of commands about how a value is kept.")
        .complexity("Depends on subcommand.")
        .subcommands(&[
            doc("object|encoding", "2.2.3", "Tells which encoding a value is kept in.")
                .complexity("O(1)")
                .args(&[key("key", 0)]),
            doc("object|freq", "4.0.0", "Tells how often a key is used, on a logarithmic scale.")
                .complexity("O(1)")
                .args(&[key("key", 0)]),
            doc("object|help", "6.2.0", "Lists the subcommands.").complexity("O(1)"),
            doc("object|idletime", "2.2.3", "Tells for how many seconds a key has not been used.")
                .complexity("O(1)")
                .args(&[key("key", 0)]),
            doc("object|refcount", "2.2.3", "Tells how many references to a value there are.")
                .complexity("O(1)")
                .args(&[key("key", 0)]),
        ]),
    doc("persist", "2.2.0", "Removes the expiry of a key.").complexity("O(1)").args(&[key("key", 0)]),
    doc("pexpire", "2.6.0", "Sets after how many milliseconds a key expires.")
        .complexity("O(1)")
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .args(&[
            key("key", 0),
            integer("milliseconds"),
            one_of("condition").optional().since("7.0.0").of(&[
                word("nx", "NX"),
                word("xx", "XX"),
                word("gt", "GT"),
                word("lt", "LT"),
            ]),
        ]),
    doc("pexpireat", "2.6.0", "Sets at which Unix time in milliseconds a key expires.")
        .complexity("O(1)")
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .args(&[
            key("key", 0),
            unix_time("unix-time-milliseconds"),
            one_of("condition").optional().since("7.0.0").of(&[
                word("nx", "NX"),
                word("xx", "XX"),
                word("gt", "GT"),
                word("lt", "LT"),
            ]),
        ]),
    doc("pexpiretime", "7.0.0", "Tells at which Unix time in milliseconds a key expires.")
        .complexity("O(1)")
        .args(&[key("key", 0)]),
    doc("pttl", "2.6.0", "Tells after how many milliseconds a key expires.")
        .complexity("O(1)")
        .history(&[("2.8.0", "Added the -2 reply.")])
        .args(&[key("key", 0)]),
    doc("randomkey", "1.0.0", "Tells the name of some key.").complexity("O(1)"),
    doc("rename", "1.0.0", "Gives a key another name, replacing what had it.")
        .complexity("O(1)")
        .args(&[key("key", 0), key("newkey", 1)]),
    doc("renamenx", "1.0.0", "Gives a key another name, unless that is taken.")
        .complexity("O(1)")
        .history(&[("3.2.0", "The command no longer returns an error when source and destination names are the same.")])
        .args(&[key("key", 0), key("newkey", 1)]),
    doc("restore", "2.6.0", "Creates a key from a serialized value.")
        .complexity(
            "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N \
            is the number of Redis objects composing the value and M their average size. For small string values the \
            time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted set values the \
            complexity is O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).",
        )
        .history(&[
            ("3.0.0", "Added the `REPLACE` modifier."),
            ("5.0.0", "Added the `ABSTTL` modifier."),
            ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
        ])
        .args(&[
            key("key", 0),
            integer("ttl"),
            string("serialized-value"),
            word("replace", "REPLACE").optional().since("3.0.0"),
            word("absttl", "ABSTTL").optional().since("5.0.0"),
            integer("seconds").token("IDLETIME").optional().since("5.0.0"),
            integer("frequency").token("FREQ").optional().since("5.0.0"),
        ]),
    doc("scan", "2.8.0", "Walks through the keys of the database in steps.")
        .complexity(
            "O(1) for every call. O(N) for a complete iteration, including enough command calls for the \
            cursor to return back to 0. N is the number of elements inside the collection.",
        )
        .history(&[("6.0.0", "Added the `TYPE` subcommand.")])
        .args(&[
            integer("cursor"),
            pattern("pattern").token("MATCH").optional(),
            integer("count").token("COUNT").optional(),
            string("type").token("TYPE").optional().since("6.0.0"),
        ]),
    doc("sort", "1.0.0", "Sorts the elements of a list, set or sorted set, and tells or stores them.")
        .complexity(
            "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of \
            returned elements. When the elements are not sorted, complexity is O(N).",
        )
        .args(&[
            key("key", 0),
            pattern("pattern").key_spec(1).token("BY").optional(),
            block("offset_count").token("LIMIT").optional().of(&[integer("offset"), integer("count")]),
            pattern("pattern").key_spec(1).token("GET").optional().multiple_token(),
            one_of("order").optional().of(&[word("asc", "ASC"), word("desc", "DESC")]),
            word("sorting", "ALPHA").optional(),
            key("destination", 2).token("STORE").optional(),
        ]),
    doc("sort_ro", "7.0.0", "Sorts the elements of a list, set or sorted set and tells them.")
        .complexity(
            "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of \
            returned elements. When the elements are not sorted, complexity is O(N).",
        )
        .args(&[
            key("key", 0),
            pattern("pattern").key_spec(1).token("BY").optional(),
            block("offset_count").token("LIMIT").optional().of(&[integer("offset"), integer("count")]),
            pattern("pattern").key_spec(1).token("GET").optional().multiple_token(),
            one_of("order").optional().of(&[word("asc", "ASC"), word("desc", "DESC")]),
            word("sorting", "ALPHA").optional(),
        ]),
    doc("touch", "3.2.1", "Marks keys as just used and tells how many exist.")
        .complexity("O(N) where N is the number of keys that will be touched.")
        .args(&[key("key", 0).multiple()]),
    doc("ttl", "1.0.0", "Tells after how many seconds a key expires.")
        .complexity("O(1)")
        .history(&[("2.8.0", "Added the -2 reply.")])
        .args(&[key("key", 0)]),
    doc("type", "1.0.0", "Tells which type of value a key holds.").complexity("O(1)").args(&[key("key", 0)]),
    doc("unlink", "4.0.0", "Deletes keys; their memory is freed in the background.")
        .complexity(
            "O(1) for each key removed regardless of its size. Then the command does O(N) work in a \
            different thread in order to reclaim memory, where N is the number of allocations the deleted objects \
            where composed of.",
        )
        .args(&[key("key", 0).multiple()]),
    doc("wait", "3.0.0", "Waits until enough replicas have this connection's writes.")
        .complexity("O(1)")
        .args(&[integer("numreplicas"), integer("timeout")]),
];

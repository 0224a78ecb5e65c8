//! Documentation of the commands on the server.

use super::super::doc::{Doc, block, doc, integer, key, one_of, pattern, string, word};

pub(in super::super) const DOCS: &[Doc] = &[
    doc("acl", "6.0.0", "Container of commands about access rules.").complexity("Depends on subcommand.").subcommands(
        &[
            doc("acl|cat", "6.0.0", "Lists the categories of commands, or the commands of one.")
                .complexity("O(1) since the categories and commands are a fixed set.")
                .args(&[string("categoryname").optional()]),
            doc("acl|deluser", "6.0.0", "Deletes users and closes their connections.")
                .complexity("O(1) amortized time considering the typical user.")
                .args(&[string("username").multiple()]),
            doc("acl|dryrun", "7.0.0", "Tells whether a user would be allowed a command, without running it.")
                .complexity("O(1).")
                .args(&[string("username"), string("command"), string("arg").optional().multiple()]),
            doc("acl|genpass", "6.0.0", "Makes up a strong password.")
                .complexity("O(1)")
                .args(&[integer("bits").optional()]),
            doc("acl|getuser", "6.0.0", "Tells the rules of a user.")
                .complexity("O(N). Where N is the number of password, command and pattern rules that the user has.")
                .history(&[
                    ("6.2.0", "Added Pub/Sub channel patterns."),
                    (
                        "7.0.0",
                        "Added selectors and changed the format of key and channel patterns from a list to \
                        their rule representation.",
                    ),
                ])
                .args(&[string("username")]),
            doc("acl|help", "6.0.0", "Lists the subcommands.").complexity("O(1)"),
            doc("acl|list", "6.0.0", "Lists the rules of all users as a configuration file has them.")
                .complexity("O(N). Where N is the number of configured users."),
            doc("acl|load", "6.0.0", "Reads the rules again from the ACL file.")
                .complexity("O(N). Where N is the number of configured users."),
            doc("acl|log", "6.0.0", "Tells, or forgets, what was refused lately by access rules.")
                .complexity("O(N) with N being the number of entries shown.")
                .args(&[one_of("operation").optional().of(&[integer("count"), word("reset", "RESET")])]),
            doc("acl|save", "6.0.0", "Writes the rules to the ACL file.")
                .complexity("O(N). Where N is the number of configured users."),
            doc("acl|setuser", "6.0.0", "Creates a user or changes its rules.")
                .complexity("O(N). Where N is the number of rules provided.")
                .history(&[
                    ("6.2.0", "Added Pub/Sub channel patterns."),
                    ("7.0.0", "Added selectors and key based permissions."),
                ])
                .args(&[string("username"), string("rule").optional().multiple()]),
            doc("acl|users", "6.0.0", "Lists the names of all users.")
                .complexity("O(N). Where N is the number of configured users."),
            doc("acl|whoami", "6.0.0", "Tells the user this connection is authenticated as.").complexity("O(1)"),
        ],
    ),
    doc("bgrewriteaof", "1.0.0", "Rewrites the append-only file in the background.").complexity("O(1)"),
    doc("bgsave", "1.0.0", "Saves a snapshot in the background.")
        .complexity("O(1)")
        .history(&[("3.2.2", "Added the `SCHEDULE` option.")])
        .args(&[word("schedule", "SCHEDULE").optional().since("3.2.2")]),
    doc("command", "2.8.13", "Tells the facts about all commands.")
        .complexity("O(N) where N is the total number of Redis commands")
        .subcommands(&[
            doc("command|count", "2.8.13", "Tells how many commands there are.").complexity("O(1)"),
            doc("command|docs", "7.0.0", "Tells the documentation of commands.")
                .complexity("O(N) where N is the number of commands to look up")
                .args(&[string("command-name").optional().multiple()]),
            doc("command|getkeys", "2.8.13", "Tells which arguments of a command are keys.")
                .complexity("O(N) where N is the number of arguments to the command"),
            doc(
                "command|getkeysandflags",
                "7.0.0",
                "Tells which arguments of a command are keys and what it does with them.",
            )
            .complexity("O(N) where N is the number of arguments to the command"),
            doc("command|help", "5.0.0", "Lists the subcommands.").complexity("O(1)"),
            doc("command|info", "2.8.13", "Tells the facts about some commands, or about all.")
                .complexity("O(N) where N is the number of commands to look up")
                .history(&[("7.0.0", "Allowed to be called with no argument to get info on all commands.")])
                .args(&[string("command-name").optional().multiple()]),
            doc("command|list", "7.0.0", "Lists the names of commands.")
                .complexity("O(N) where N is the total number of Redis commands")
                .args(&[one_of("filterby").token("FILTERBY").optional().of(&[
                    string("module-name").token("MODULE"),
                    string("category").token("ACLCAT"),
                    pattern("pattern").token("PATTERN"),
                ])]),
        ]),
    doc("config", "2.0.0", "Container of commands about the configuration.")
        .complexity("Depends on subcommand.")
        .subcommands(&[
            doc("config|get", "2.0.0", "Tells the values of settings.")
                .complexity("O(N) when N is the number of configuration parameters provided")
                .history(&[("7.0.0", "Added the ability to pass multiple pattern parameters in one call")])
                .args(&[block("parameter").multiple().of(&[string("parameter")])]),
            doc("config|help", "5.0.0", "Lists the subcommands.").complexity("O(1)"),
            doc("config|resetstat", "2.0.0", "Sets the counters that INFO tells back to zero.").complexity("O(1)"),
            doc("config|rewrite", "2.8.0", "Writes the settings in force to the configuration file.")
                .complexity("O(1)"),
            doc("config|set", "2.0.0", "Changes settings while the server runs.")
                .complexity("O(N) when N is the number of configuration parameters provided")
                .history(&[("7.0.0", "Added the ability to set multiple parameters in one call.")])
                .args(&[block("parameter_value").multiple().of(&[string("parameter"), string("value")])]),
        ]),
    doc("dbsize", "1.0.0", "Tells how many keys the database has.").complexity("O(1)"),
    doc("debug", "1.0.0", "Container of commands for developers and tests.")
        .complexity("Depends on subcommand.")
        .internal(),
    doc("failover", "6.2.0", "Hands the role of primary to one of the replicas.").complexity("O(1)").args(&[
        block("target").token("TO").optional().of(&[
            string("host"),
            integer("port"),
            word("force", "FORCE").optional(),
        ]),
        word("abort", "ABORT").optional(),
        integer("milliseconds").token("TIMEOUT").optional(),
    ]),
    doc("flushall", "1.0.0", "Deletes all keys of all databases.")
        .complexity("O(N) where N is the total number of keys in all databases")
        .history(&[
            ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
            ("6.2.0", "Added the `SYNC` flushing mode modifier."),
        ])
        .args(&[one_of("async")
            .optional()
            .of(&[word("async", "ASYNC").since("4.0.0"), word("sync", "SYNC").since("6.2.0")])]),
    doc("flushdb", "1.0.0", "Deletes all keys of the database.")
        .complexity("O(N) where N is the number of keys in the selected database")
        .history(&[
            ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
            ("6.2.0", "Added the `SYNC` flushing mode modifier."),
        ])
        .args(&[one_of("async")
            .optional()
            .of(&[word("async", "ASYNC").since("4.0.0"), word("sync", "SYNC").since("6.2.0")])]),
    doc("info", "1.0.0", "Tells the state of the server, and statistics.")
        .complexity("O(1)")
        .history(&[("7.0.0", "Added support for taking multiple section arguments.")])
        .args(&[string("section").optional().multiple()]),
    doc("lastsave", "1.0.0", "Tells the Unix time of the last snapshot saved.").complexity("O(1)"),
    doc("latency", "2.8.13", "Container of commands about latency.").complexity("Depends on subcommand.").subcommands(
        &[
            doc("latency|doctor", "2.8.13", "Tells in words what makes the server slow.").complexity("O(1)"),
            doc("latency|graph", "2.8.13", "Draws how the latency of an event went.")
                .complexity("O(1)")
                .args(&[string("event")]),
            doc("latency|help", "2.8.13", "Lists the subcommands.").complexity("O(1)"),
            doc("latency|histogram", "7.0.0", "Tells how the times that commands took are spread.")
                .complexity("O(N) where N is the number of commands with latency information being retrieved.")
                .args(&[string("command").optional().multiple()]),
            doc("latency|history", "2.8.13", "Tells when an event was slow, and how slow.")
                .complexity("O(1)")
                .args(&[string("event")]),
            doc("latency|latest", "2.8.13", "Tells the latest latency of every event.").complexity("O(1)"),
            doc("latency|reset", "2.8.13", "Forgets the latency of some events, or of all.")
                .complexity("O(1)")
                .args(&[string("event").optional().multiple()]),
        ],
    ),
    doc("lolwut", "5.0.0", "Draws a piece of computer art and tells the version.")
        .args(&[integer("version").token("VERSION").optional()]),
    doc("memory", "4.0.0", "Container of commands about memory.").complexity("Depends on subcommand.").subcommands(&[
        doc("memory|doctor", "4.0.0", "Tells in words what is wrong with the use of memory.").complexity("O(1)"),
        doc("memory|help", "4.0.0", "Lists the subcommands.").complexity("O(1)"),
        doc("memory|malloc-stats", "4.0.0", "Tells the statistics of the memory allocator.")
            .complexity("Depends on how much memory is allocated, could be slow"),
        doc("memory|purge", "4.0.0", "Asks the memory allocator to give back what it can.")
            .complexity("Depends on how much memory is allocated, could be slow"),
        doc("memory|stats", "4.0.0", "Tells what the memory is used for.").complexity("O(1)"),
        doc("memory|usage", "4.0.0", "Tells how many bytes a key and its value take.")
            .complexity("O(N) where N is the number of samples.")
            .args(&[key("key", 0), integer("count").token("SAMPLES").optional()]),
    ]),
    doc("module", "4.0.0", "Container of commands about modules.").complexity("Depends on subcommand.").subcommands(&[
        doc("module|help", "5.0.0", "Lists the subcommands.").complexity("O(1)"),
        doc("module|list", "4.0.0", "Lists the modules that are loaded.")
            .complexity("O(N) where N is the number of loaded modules."),
        doc("module|load", "4.0.0", "Loads a module.")
            .complexity("O(1)")
            .args(&[string("path"), string("arg").optional().multiple()]),
        doc("module|loadex", "7.0.0", "Loads a module with settings and arguments.").complexity("O(1)").args(&[
            string("path"),
            block("configs").token("CONFIG").optional().multiple_token().of(&[string("name"), string("value")]),
            block("args").token("ARGS").optional().multiple().of(&[string("arg")]),
        ]),
        doc("module|unload", "4.0.0", "Unloads a module.").complexity("O(1)").args(&[string("name")]),
    ]),
    doc("monitor", "1.0.0", "Shows every command the server runs, as it comes."),
    doc("psync", "2.8.0", "Asks a primary for its replication stream.")
        .args(&[string("replicationid"), integer("offset")]),
    doc("replconf", "3.0.0", "Tells the other end of a replication link about this end.").complexity("O(1)").internal(),
    doc("replicaof", "5.0.0", "Makes the server a replica of another, or a primary.").complexity("O(1)").args(&[
        one_of("args").of(&[
            block("host-port").of(&[string("host"), integer("port")]),
            block("no-one").of(&[word("no", "NO"), word("one", "ONE")]),
        ]),
    ]),
    doc("restore-asking", "3.0.0", "Creates a key from a serialized value, in a slot that is being imported.")
        .complexity(
            "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N \
            is the number of Redis objects composing the value and M their average size. For small string values the \
            time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted set values the \
            complexity is O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).",
        )
        .internal()
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
    doc("role", "2.8.12", "Tells the server's part in replication.").complexity("O(1)"),
    doc("save", "1.0.0", "Saves a snapshot while nothing else runs.")
        .complexity("O(N) where N is the total number of keys in all databases"),
    doc("shutdown", "1.0.0", "Saves the data set if need be and ends the server.")
        .complexity(
            "O(N) when saving, where N is the total number of keys in all databases when saving data, \
            otherwise O(1)",
        )
        .history(&[("7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers.")])
        .args(&[
            one_of("nosave_save").optional().of(&[word("nosave", "NOSAVE"), word("save", "SAVE")]),
            word("now", "NOW").optional().since("7.0.0"),
            word("force", "FORCE").optional().since("7.0.0"),
            word("abort", "ABORT").optional().since("7.0.0"),
        ]),
    doc("slaveof", "1.0.0", "Makes the server a replica of another, or a primary.")
        .complexity("O(1)")
        .deprecated("5.0.0", "`REPLICAOF`")
        .args(&[one_of("args").of(&[
            block("host-port").of(&[string("host"), integer("port")]),
            block("no-one").of(&[word("no", "NO"), word("one", "ONE")]),
        ])]),
    doc("slowlog", "2.2.12", "Container of commands about the slow log.")
        .complexity("Depends on subcommand.")
        .subcommands(&[
            doc("slowlog|get", "2.2.12", "Tells the entries of the slow log.")
                .complexity("O(N) where N is the number of entries returned")
                .history(&[("4.0.0", "Added client IP address, port and name to the reply.")])
                .args(&[integer("count").optional()]),
            doc("slowlog|help", "6.2.0", "Lists the subcommands.").complexity("O(1)"),
            doc("slowlog|len", "2.2.12", "Tells how many entries the slow log has.").complexity("O(1)"),
            doc("slowlog|reset", "2.2.12", "Empties the slow log.")
                .complexity("O(N) where N is the number of entries in the slowlog"),
        ]),
    doc("swapdb", "4.0.0", "Exchanges two databases.")
        .complexity("O(N) where N is the count of clients watching or blocking on keys from both databases.")
        .args(&[integer("index1"), integer("index2")]),
    doc("sync", "1.0.0", "Asks a primary for its replication stream, the old way."),
    doc("time", "2.6.0", "Tells the server's time.").complexity("O(1)"),
];

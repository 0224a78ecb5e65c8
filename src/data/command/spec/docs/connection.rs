//! Documentation of the commands on the connection itself.

use super::super::doc::{Doc, block, doc, integer, one_of, string, word};

pub(in super::super) const DOCS: &[Doc] = &[
    doc("auth", "1.0.0", "Authenticates the connection.")
        .complexity("O(N) where N is the number of passwords defined for the user")
        .history(&[("6.0.0", "Added ACL style (username and password).")])
        .args(&[string("username").optional().since("6.0.0"), string("password")]),
    doc("client", "2.4.0", "Container of commands about connections.")
        .complexity("Depends on subcommand.")
        .subcommands(&[
            doc("client|caching", "6.0.0", "Says whether the keys of the next command are tracked.")
                .complexity("O(1)")
                .args(&[one_of("mode").of(&[word("yes", "YES"), word("no", "NO")])]),
            doc("client|getname", "2.6.9", "Tells the name of this connection.").complexity("O(1)"),
            doc("client|getredir", "6.0.0", "Tells which connection gets this one's invalidation messages.")
                .complexity("O(1)"),
            doc("client|help", "5.0.0", "Lists the subcommands.").complexity("O(1)"),
            doc("client|id", "5.0.0", "Tells the id of this connection.").complexity("O(1)"),
            doc("client|info", "6.2.0", "Tells the state of this connection.").complexity("O(1)"),
            doc("client|kill", "2.4.0", "Closes connections.")
                .complexity("O(N) where N is the number of client connections")
                .history(&[
                    ("2.8.12", "Added new filter format."),
                    ("2.8.12", "`ID` option."),
                    ("3.2.0", "Added `master` type in for `TYPE` option."),
                    (
                        "5.0.0",
                        "Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward \
                        compatibility.",
                    ),
                    ("6.2.0", "`LADDR` option."),
                ])
                .args(&[one_of("filter").of(&[
                    string("ip:port").deprecated_since("2.8.12"),
                    one_of("new-format").multiple().of(&[
                        integer("client-id").token("ID").optional().since("2.8.12"),
                        one_of("normal_master_slave_pubsub").token("TYPE").optional().since("2.8.12").of(&[
                            word("normal", "NORMAL"),
                            word("master", "MASTER").since("3.2.0"),
                            word("slave", "SLAVE"),
                            word("replica", "REPLICA").since("5.0.0"),
                            word("pubsub", "PUBSUB"),
                        ]),
                        string("username").token("USER").optional(),
                        string("ip:port").token("ADDR").optional(),
                        string("ip:port").token("LADDR").optional().since("6.2.0"),
                        string("yes/no").token("SKIPME").optional(),
                    ]),
                ])]),
            doc("client|list", "2.4.0", "Lists the connections.")
                .complexity("O(N) where N is the number of client connections")
                .history(&[
                    ("2.8.12", "Added unique client `id` field."),
                    ("5.0.0", "Added optional `TYPE` filter."),
                    ("6.0.0", "Added `user` field."),
                    (
                        "6.2.0",
                        "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` \
                        filter.",
                    ),
                    ("7.0.0", "Added `resp`, `multi-mem`, `rbs` and `rbp` fields."),
                    ("7.0.3", "Added `ssub` field."),
                ])
                .args(&[
                    one_of("normal_master_replica_pubsub").token("TYPE").optional().since("5.0.0").of(&[
                        word("normal", "NORMAL"),
                        word("master", "MASTER"),
                        word("replica", "REPLICA"),
                        word("pubsub", "PUBSUB"),
                    ]),
                    block("id").token("ID").optional().since("6.2.0").of(&[integer("client-id").multiple()]),
                ]),
            doc("client|no-evict", "7.0.0", "Says whether this connection may be closed for lack of memory.")
                .complexity("O(1)")
                .args(&[one_of("enabled").of(&[word("on", "ON"), word("off", "OFF")])]),
            doc("client|pause", "2.9.50", "Holds back the commands of all clients for a while.")
                .complexity("O(1)")
                .history(&[("6.2.0", "`CLIENT PAUSE WRITE` mode added along with the `mode` option.")])
                .args(&[
                    integer("timeout"),
                    one_of("mode").optional().since("6.2.0").of(&[word("write", "WRITE"), word("all", "ALL")]),
                ]),
            doc("client|reply", "3.2.0", "Says whether this connection gets replies.")
                .complexity("O(1)")
                .args(&[one_of("on_off_skip").of(&[word("on", "ON"), word("off", "OFF"), word("skip", "SKIP")])]),
            doc("client|setname", "2.6.9", "Gives this connection a name.")
                .complexity("O(1)")
                .args(&[string("connection-name")]),
            doc("client|tracking", "6.0.0", "Says whether keys this connection reads are tracked, for its cache.")
                .complexity("O(1). Some options may introduce additional complexity.")
                .args(&[
                    one_of("status").of(&[word("on", "ON"), word("off", "OFF")]),
                    integer("client-id").token("REDIRECT").optional(),
                    string("prefix").token("PREFIX").optional().multiple_token(),
                    word("bcast", "BCAST").optional(),
                    word("optin", "OPTIN").optional(),
                    word("optout", "OPTOUT").optional(),
                    word("noloop", "NOLOOP").optional(),
                ]),
            doc("client|trackinginfo", "6.2.0", "Tells how this connection's keys are tracked.").complexity("O(1)"),
            doc("client|unblock", "5.0.0", "Ends the waiting of another connection.")
                .complexity("O(log N) where N is the number of client connections")
                .args(&[
                    integer("client-id"),
                    one_of("timeout_error").optional().of(&[word("timeout", "TIMEOUT"), word("error", "ERROR")]),
                ]),
            doc("client|unpause", "6.2.0", "Ends the pause of all clients.")
                .complexity("O(N) Where N is the number of paused clients"),
        ]),
    doc("echo", "1.0.0", "Tells what it was given.").complexity("O(1)").args(&[string("message")]),
    doc("hello", "6.0.0", "Chooses the protocol version, and can authenticate and name the connection.")
        .complexity("O(1)")
        .history(&[(
            "6.2.0",
            "`protover` made optional; when called without arguments the command reports the current \
            connection's context.",
        )])
        .args(&[block("arguments").optional().of(&[
            integer("protover"),
            block("username_password").token("AUTH").optional().of(&[string("username"), string("password")]),
            string("clientname").token("SETNAME").optional(),
        ])]),
    doc("ping", "1.0.0", "Answers, to show that the server lives.")
        .complexity("O(1)")
        .args(&[string("message").optional()]),
    doc("quit", "1.0.0", "Closes the connection.").complexity("O(1)"),
    doc("reset", "6.2.0", "Brings the connection back to how it began.").complexity("O(1)"),
    doc("select", "1.0.0", "Chooses the database of the connection.").complexity("O(1)").args(&[integer("index")]),
];

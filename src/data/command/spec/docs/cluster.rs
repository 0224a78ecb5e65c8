//! Documentation of the commands on the cluster.

use super::super::doc::{Doc, block, doc, integer, one_of, string, word};

pub(in super::super) const DOCS: &[Doc] = &[
    doc("asking", "3.0.0", "Lets the next command use a slot that is being imported.").complexity("O(1)"),
    doc("cluster", "3.0.0", "Container of commands about the cluster.")
        .complexity("Depends on subcommand.")
        .subcommands(&[
            doc("cluster|addslots", "3.0.0", "Makes this node the owner of slots.")
                .complexity("O(N) where N is the total number of hash slot arguments")
                .args(&[integer("slot").multiple()]),
            doc("cluster|addslotsrange", "7.0.0", "Makes this node the owner of ranges of slots.")
                .complexity(
                    "O(N) where N is the total number of the slots between the start slot and end slot \
                    arguments.",
                )
                .args(&[block("start-slot_end-slot").multiple().of(&[integer("start-slot"), integer("end-slot")])]),
            doc("cluster|bumpepoch", "3.0.0", "Moves the node to a new configuration epoch.").complexity("O(1)"),
            doc("cluster|count-failure-reports", "3.0.0", "Tells how many nodes hold another for failed.")
                .complexity("O(N) where N is the number of failure reports")
                .args(&[string("node-id")]),
            doc("cluster|countkeysinslot", "3.0.0", "Tells how many keys a slot has.")
                .complexity("O(1)")
                .args(&[integer("slot")]),
            doc("cluster|delslots", "3.0.0", "Makes this node forget who owns slots.")
                .complexity("O(N) where N is the total number of hash slot arguments")
                .args(&[integer("slot").multiple()]),
            doc("cluster|delslotsrange", "7.0.0", "Makes this node forget who owns ranges of slots.")
                .complexity(
                    "O(N) where N is the total number of the slots between the start slot and end slot \
                    arguments.",
                )
                .args(&[block("start-slot_end-slot").multiple().of(&[integer("start-slot"), integer("end-slot")])]),
            doc("cluster|failover", "3.0.0", "Makes this replica take the place of its primary.")
                .complexity("O(1)")
                .args(&[one_of("options").optional().of(&[word("force", "FORCE"), word("takeover", "TAKEOVER")])]),
            doc("cluster|flushslots", "3.0.0", "Makes this node forget who owns its slots.").complexity("O(1)"),
            doc("cluster|forget", "3.0.0", "Removes a node from this node's view of the cluster.")
                .complexity("O(1)")
                .args(&[string("node-id")]),
            doc("cluster|getkeysinslot", "3.0.0", "Lists keys of a slot.")
                .complexity("O(log(N)) where N is the number of requested keys")
                .args(&[integer("slot"), integer("count")]),
            doc("cluster|help", "5.0.0", "Lists the subcommands.").complexity("O(1)"),
            doc("cluster|info", "3.0.0", "Tells the state of the cluster as this node sees it.").complexity("O(1)"),
            doc("cluster|keyslot", "3.0.0", "Tells the slot of a key.")
                .complexity("O(N) where N is the number of bytes in the key")
                .args(&[string("key")]),
            doc("cluster|links", "7.0.0", "Lists the links of the cluster bus to and from other nodes.")
                .complexity("O(N) where N is the total number of Cluster nodes"),
            doc("cluster|meet", "3.0.0", "Makes this node join another's cluster.")
                .complexity("O(1)")
                .history(&[("4.0.0", "Added the optional `cluster_bus_port` argument.")])
                .args(&[string("ip"), integer("port"), integer("cluster_bus_port").optional().since("4.0.0")]),
            doc("cluster|myid", "3.0.0", "Tells the id of this node.").complexity("O(1)"),
            doc("cluster|nodes", "3.0.0", "Lists the nodes of the cluster as nodes.conf has them.")
                .complexity("O(N) where N is the total number of Cluster nodes"),
            doc("cluster|replicas", "5.0.0", "Lists the replicas of a primary.")
                .complexity("O(1)")
                .args(&[string("node-id")]),
            doc("cluster|replicate", "3.0.0", "Makes this node a replica of a primary.")
                .complexity("O(1)")
                .args(&[string("node-id")]),
            doc("cluster|reset", "3.0.0", "Makes this node leave its cluster and forget it.")
                .complexity(
                    "O(N) where N is the number of known nodes. The command may execute a FLUSHALL as a side \
                    effect.",
                )
                .args(&[one_of("hard_soft").optional().of(&[word("hard", "HARD"), word("soft", "SOFT")])]),
            doc("cluster|saveconfig", "3.0.0", "Writes the cluster's state to nodes.conf.").complexity("O(1)"),
            doc("cluster|set-config-epoch", "3.0.0", "Sets the configuration epoch of a new node.")
                .complexity("O(1)")
                .args(&[integer("config-epoch")]),
            doc("cluster|setslot", "3.0.0", "Says that a slot is migrating, importing, stable, or owned by a node.")
                .complexity("O(1)")
                .args(&[
                    integer("slot"),
                    one_of("subcommand").of(&[
                        string("node-id").token("IMPORTING"),
                        string("node-id").token("MIGRATING"),
                        string("node-id").token("NODE"),
                        word("stable", "STABLE"),
                    ]),
                ]),
            doc("cluster|shards", "7.0.0", "Lists the shards: slots with their primary and replicas.")
                .complexity("O(N) where N is the total number of cluster nodes"),
            doc("cluster|slaves", "3.0.0", "Lists the replicas of a primary.")
                .complexity("O(1)")
                .deprecated("5.0.0", "`CLUSTER REPLICAS`")
                .args(&[string("node-id")]),
            doc("cluster|slots", "3.0.0", "Lists which nodes serve which ranges of slots.")
                .complexity("O(N) where N is the total number of Cluster nodes")
                .deprecated("7.0.0", "`CLUSTER SHARDS`")
                .history(&[("4.0.0", "Added node IDs."), ("7.0.0", "Added additional networking metadata field.")]),
        ]),
    doc("readonly", "3.0.0", "Lets this connection read from a replica's slots.").complexity("O(1)"),
    doc("readwrite", "3.0.0", "Sends this connection's reads to the primary again.").complexity("O(1)"),
];

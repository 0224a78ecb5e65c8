//! Documentation of the commands on publish/subscribe.

use super::super::doc::{Doc, block, doc, pattern, string};

pub(in super::super) const DOCS: &[Doc] = &[
    doc("psubscribe", "2.0.0", "Subscribes to all channels that match patterns.")
        .complexity("O(N) where N is the number of patterns the client is already subscribed to.")
        .args(&[block("pattern").multiple().of(&[pattern("pattern")])]),
    doc("publish", "2.0.0", "Sends a message to a channel.")
        .complexity(
            "O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total \
            number of subscribed patterns (by any client).",
        )
        .args(&[string("channel"), string("message")]),
    doc("pubsub", "2.8.0", "Container of commands that tell about subscriptions.")
        .complexity("Depends on subcommand.")
        .subcommands(&[
            doc("pubsub|channels", "2.8.0", "Lists the channels that have subscribers.")
                .complexity(
                    "O(N) where N is the number of active channels, and assuming constant time pattern \
                    matching (relatively short channels and patterns)",
                )
                .args(&[pattern("pattern").optional()]),
            doc("pubsub|help", "6.2.0", "Lists the subcommands.").complexity("O(1)"),
            doc("pubsub|numpat", "2.8.0", "Tells how many patterns are subscribed to.").complexity("O(1)"),
            doc("pubsub|numsub", "2.8.0", "Tells how many subscribers channels have.")
                .complexity("O(N) for the NUMSUB subcommand, where N is the number of requested channels")
                .args(&[string("channel").optional().multiple()]),
            doc("pubsub|shardchannels", "7.0.0", "Lists the shard channels that have subscribers.")
                .complexity(
                    "O(N) where N is the number of active shard channels, and assuming constant time pattern \
                    matching (relatively short shard channels).",
                )
                .args(&[pattern("pattern").optional()]),
            doc("pubsub|shardnumsub", "7.0.0", "Tells how many subscribers shard channels have.")
                .complexity("O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels")
                .args(&[string("shardchannel").optional().multiple()]),
        ]),
    doc("punsubscribe", "2.0.0", "Ends the subscription to patterns, or to all.")
        .complexity(
            "O(N+M) where N is the number of patterns the client is already subscribed and M is the number \
            of total patterns subscribed in the system (by any client).",
        )
        .args(&[pattern("pattern").optional().multiple()]),
    doc("spublish", "7.0.0", "Sends a message to a shard channel.")
        .complexity("O(N) where N is the number of clients subscribed to the receiving shard channel.")
        .args(&[string("shardchannel"), string("message")]),
    doc("ssubscribe", "7.0.0", "Subscribes to shard channels.")
        .complexity("O(N) where N is the number of shard channels to subscribe to.")
        .args(&[string("shardchannel").multiple()]),
    doc("subscribe", "2.0.0", "Subscribes to channels.")
        .complexity("O(N) where N is the number of channels to subscribe to.")
        .args(&[string("channel").multiple()]),
    doc("sunsubscribe", "7.0.0", "Ends the subscription to shard channels, or to all.")
        .complexity("O(N) where N is the number of clients already subscribed to a shard channel.")
        .args(&[string("shardchannel").optional().multiple()]),
    doc("unsubscribe", "2.0.0", "Ends the subscription to channels, or to all.")
        .complexity("O(N) where N is the number of clients already subscribed to a channel.")
        .args(&[string("channel").optional().multiple()]),
];

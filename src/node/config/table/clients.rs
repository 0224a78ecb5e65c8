//! Clients: how many, how much they may use, and who may do what.

use super::{LONG, MIB, NO_MODULES, UINT};
use crate::node::config::directive::{Directive, Kind, choice, flag, memory, number, special, text};

const PROTECTED: &[&str] = &["no", "yes", "local"];

pub(super) const ROWS: &[Directive] = &[
    text("requirepass", "", "The password that clients must give; empty means none.").sensitive(),
    text("aclfile", "", "The file that defines the ACL users.").immutable(),
    choice(
        "acl-pubsub-default",
        &["allchannels", "resetchannels"],
        "resetchannels",
        "Which channels a new ACL user may use.",
    ),
    number("acllog-max-len", 0, LONG, "128", "How many refusals ACL LOG keeps."),
    choice("enable-protected-configs", PROTECTED, "no", "Who may change protected parameters with CONFIG SET.")
        .immutable(),
    choice("enable-debug-command", PROTECTED, "no", "Who may use DEBUG.").immutable(),
    choice("enable-module-command", PROTECTED, "no", "Who may use MODULE.").immutable().without_effect(NO_MODULES),
    number("maxclients", 1, UINT, "10000", "How many clients the node serves, all cores together."),
    special(
        "maxmemory-clients",
        Kind::MemoryOrPercent(LONG),
        "0",
        "How much memory all clients together may use; 0 is no limit.",
    ),
    special(
        "client-output-buffer-limit",
        Kind::OutputLimits,
        "normal 0 0 0 slave 256mb 64mb 60 pubsub 32mb 8mb 60",
        "Close a client of this class whose unsent replies are beyond the hard limit, or so long beyond the soft one.",
    ),
    memory("client-query-buffer-limit", MIB, LONG, "1gb", "How much unparsed input a client may have."),
    memory("proto-max-bulk-len", MIB, LONG, "512mb", "The longest single string a client may send."),
    number(
        "tracking-table-max-keys",
        0,
        LONG,
        "1000000",
        "How many keys client-side caching remembers; 0 is no limit.",
    ),
    number("busy-reply-threshold", 0, LONG, "5000", "After so many milliseconds of a script, clients are told BUSY.")
        .alias("lua-time-limit"),
    flag("lua-enable-deprecated-api", "no", "Let scripts see what they should not touch.").immutable().hidden(),
    special("notify-keyspace-events", Kind::Notify, "", "Which events of keys are published, as letters."),
];

//! Listening and connections.

use super::{INT, NOT_BUILT, PORT, UINT};
use crate::node::config::directive::{Directive, Kind, flag, number, special, text};

pub(super) const ROWS: &[Directive] = &[
    number("port", 0, PORT, "6379", "The TCP port for clients; 0 means none."),
    special(
        "bind",
        Kind::Bind,
        "* -::*",
        "The local addresses to listen on; one with a leading - may be missing from the machine.",
    ),
    text("bind-source-addr", "", "The local address of connections that this node opens."),
    flag("protected-mode", "yes", "Without a password, answer only clients of this machine."),
    number("tcp-backlog", 0, INT, "511", "How many new connections the kernel may hold ready for each listener.")
        .immutable(),
    number("tcp-keepalive", 0, INT, "300", "Seconds between TCP keepalive probes to clients; 0 is off."),
    number("timeout", 0, INT, "0", "Close a client that was idle for so many seconds; 0 means never."),
    text("unixsocket", "", "The path of a Unix socket to listen on as well.").immutable(),
    special("unixsocketperm", Kind::Octal(0, 0o777), "0", "The mode of the Unix socket, in octal.").immutable(),
    number("socket-mark-id", 0, UINT, "0", "The firewall mark to put on listening sockets; 0 is none.")
        .immutable()
        .without_effect(NOT_BUILT),
];

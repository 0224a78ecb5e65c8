//! Our own directives: how the machine's CPUs are used.

use super::{INT, PORT};
use crate::base::limits::MAX_CORES;
use crate::node::config::directive::{Directive, Kind, flag, number, special};

pub(super) const ROWS: &[Directive] = &[
    number(
        "data-cores",
        0,
        MAX_CORES as i128,
        "0",
        "How many cores serve clients, each with its own part of the slots; 0 means every CPU but one.",
    )
    .immutable(),
    number(
        "core-port-base",
        0,
        PORT,
        "0",
        "Data core i also listens on this port plus i, so that cluster clients reach it without a hop; 0 is off.",
    )
    .immutable(),
    flag("pin-cores", "yes", "Pin each data core, and the bus core if bus-cpu names one, to a CPU of its own.")
        .immutable(),
    special(
        "cpu-list",
        Kind::CpuList,
        "",
        "The CPUs for the data cores, in order, such as 1-3,6; empty means any the process may use.",
    )
    .immutable(),
    number("bus-cpu", -1, 4095, "-1", "The CPU for the bus core; -1 means one that no data core has.").immutable(),
    number(
        "hop-spin-us",
        0,
        INT,
        "5",
        "How many microseconds a core that waits for other cores' answers looks at its queues before it sleeps.",
    ),
    number(
        "batch-wait-us",
        0,
        1000,
        "50",
        "How many microseconds a core that many clients keep busy waits for more requests before it serves those it \
         has; 0 serves at once. A core with one or two active clients never waits.",
    ),
    number(
        "busy-poll-us",
        0,
        INT,
        "0",
        "How many microseconds an idle core looks for work before it sleeps; worth it on isolated CPUs only.",
    ),
];

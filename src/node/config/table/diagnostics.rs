//! Slow log and latency.

use super::LONG;
use crate::node::config::directive::{Directive, Kind, flag, number, special};

pub(super) const ROWS: &[Directive] = &[
    number("slowlog-log-slower-than", -1, LONG, "10000", "Log commands that take more microseconds; 0 all, -1 none."),
    number("slowlog-max-len", 0, LONG, "128", "How many commands the slow log keeps."),
    number("latency-monitor-threshold", 0, LONG, "0", "Record events that take as many milliseconds; 0 is off."),
    flag("latency-tracking", "yes", "Keep a histogram of the latency of every command."),
    special(
        "latency-tracking-info-percentiles",
        Kind::Percentiles,
        "50 99 99.9",
        "The percentiles that INFO latencystats tells.",
    ),
];

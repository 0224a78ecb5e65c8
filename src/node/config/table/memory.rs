//! Memory limits, eviction, expiry and freeing.

use super::{FREED_IN_STEPS, INT, LONG, OWN_TABLES, ULONG};
use crate::node::config::directive::{Directive, choice, flag, memory, number};
use crate::node::config::value::Value;

const POLICIES: &[&str] = &[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
];

pub(super) const ROWS: &[Directive] = &[
    memory("maxmemory", 0, ULONG, "0", "How much memory data may use, all cores together; 0 is no limit."),
    choice("maxmemory-policy", POLICIES, "noeviction", "Which keys are evicted when memory is full."),
    number("maxmemory-samples", 1, INT, "5", "How many keys are compared to choose one to evict."),
    number("maxmemory-eviction-tenacity", 0, 100, "10", "How long eviction may hold up clients; 100 is without end.")
        .without_effect(FREED_IN_STEPS),
    number("lfu-log-factor", 0, INT, "10", "How slowly the access counter of LFU grows."),
    number("lfu-decay-time", 0, INT, "1", "Minutes after which the access counter of LFU is lowered."),
    number("hz", 0, INT, "10", "How many times a second background work runs, 1 to 500.").clamped(1, 500),
    flag("dynamic-hz", "yes", "Run background work more often when there are many clients.").without_effect(OWN_TABLES),
    number("active-expire-effort", 1, 10, "1", "How hard to look for expired keys, 1 to 10."),
    flag("lazyfree-lazy-eviction", "no", "Free evicted values in the background.").without_effect(FREED_IN_STEPS),
    flag("lazyfree-lazy-expire", "no", "Free expired values in the background.").without_effect(FREED_IN_STEPS),
    flag("lazyfree-lazy-server-del", "no", "Free values that a command replaces in the background.")
        .without_effect(FREED_IN_STEPS),
    flag("lazyfree-lazy-user-del", "no", "Let DEL do what UNLINK does.").without_effect(FREED_IN_STEPS),
    flag("lazyfree-lazy-user-flush", "no", "Let FLUSHALL and FLUSHDB be ASYNC unless told SYNC.")
        .without_effect(FREED_IN_STEPS),
    flag("activerehashing", "yes", "Use idle time to resize hash tables.").without_effect(OWN_TABLES),
    flag("jemalloc-bg-thread", "yes", "Return freed memory to the system in the background, on the bus core's CPU."),
    flag("activedefrag", "no", "Move values to reduce fragmentation.").check(no_defrag).without_effect(OWN_TABLES),
    memory("active-defrag-ignore-bytes", 1, LONG, "100mb", "Do not defragment for less waste than this.")
        .without_effect(OWN_TABLES),
    number("active-defrag-threshold-lower", 0, 1000, "10", "Percent of waste at which defragmentation starts.")
        .without_effect(OWN_TABLES),
    number("active-defrag-threshold-upper", 0, 1000, "100", "Percent of waste at which it uses most effort.")
        .without_effect(OWN_TABLES),
    number("active-defrag-cycle-min", 1, 99, "1", "The least percent of CPU for defragmentation.")
        .without_effect(OWN_TABLES),
    number("active-defrag-cycle-max", 1, 99, "25", "The most percent of CPU for defragmentation.")
        .without_effect(OWN_TABLES),
    number("active-defrag-max-scan-fields", 1, LONG, "1000", "Fields of a collection that are defragmented in one go.")
        .without_effect(OWN_TABLES),
];

/// Redis's words where its allocator cannot do it either; its test suite knows them.
fn no_defrag(value: &Value) -> Result<(), &'static str> {
    match value {
        Value::Bool(true) => {
            Err("Active defragmentation cannot be enabled: it requires a Redis server compiled with a \
                                  modified Jemalloc like the one shipped by default with the Redis source distribution")
        }
        _ => Ok(()),
    }
}

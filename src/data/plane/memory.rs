//! What is told of memory: INFO memory, and MEMORY STATS, DOCTOR and MALLOC-STATS. Made of the figures of all cores.
//!
//! Redis's fields about its allocator tell here of what the stores and the clients count (used), and of what the system
//! has given the process (resident).

use super::Plane;
use super::ask::Finish;
use super::dispatch::{Flow, Request};
use super::figures::Figures;
use super::info::field;
use super::message::Inquiry;
use crate::contract::settings::EvictionPolicy;
use crate::data::command::SessionHandler;
use crate::resp::Error;
use std::fmt::Display;

/// Handlers of this file; all wait for all earlier replies of their client.
pub const NODE_HANDLERS: &[(&str, SessionHandler)] =
    &[("memory|doctor", memory_doctor), ("memory|malloc-stats", malloc_stats), ("memory|stats", memory_stats)];

type Done = Result<Flow, Error>;

/// The sums that all tell.
struct Sums {
    used: u64,
    resident: u64,
    scripts: u64,
    interpreters: u64,
    /// What is not the data: of clients, replication, the append-only log, the cluster's links, and scripts.
    overhead: u64,
}

impl Sums {
    fn of(figures: &Figures) -> Sums {
        let (scripts, interpreters) = (figures.scripts.bytes, figures.scripts.interpreter_bytes);
        let (log, node) = (figures.saves.log.buffer, &figures.node);
        let overhead = figures.client_bytes + node.stream_bytes + node.link_bytes + log + scripts;
        Sums { used: figures.used_bytes + overhead, resident: resident(), scripts, interpreters, overhead }
    }
}

fn ratio(a: u64, b: u64) -> f64 {
    if b == 0 { 0.0 } else { a as f64 / b as f64 }
}

fn percent(a: u64, b: u64) -> String {
    format!("{:.2}%", 100.0 * ratio(a, b))
}

fn human(bytes: u64) -> String {
    let units = [(1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, letter)) => format!("{:.2}{letter}", bytes as f64 / unit as f64),
        None => format!("{bytes}B"),
    }
}

/// Resident bytes of this process; 0 where /proc can't be read.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

/// The fields of INFO memory.
pub fn info(out: &mut String, plane: &Plane, figures: &Figures) {
    let Sums { used, resident, scripts, interpreters, overhead } = Sums::of(figures);
    // Scripts and functions share an interpreter, which counts as that of functions if there is nothing else for it.
    let functions_alone = figures.scripts.scripts == 0 && figures.scripts.libraries > 0;
    let (of_scripts, of_functions) = if functions_alone { (0, interpreters) } else { (interpreters, 0) };
    let (total, maxmemory) = (plane.options.facts.total_memory, plane.settings.maxmemory);
    let peak = used.max(resident);
    both(out, "used_memory", used);
    both(out, "used_memory_rss", resident);
    both(out, "used_memory_peak", peak);
    field(out, "used_memory_peak_perc", percent(used, peak));
    field(out, "used_memory_overhead", overhead);
    field(out, "used_memory_startup", 0);
    field(out, "used_memory_dataset", figures.used_bytes);
    field(out, "used_memory_dataset_perc", percent(figures.used_bytes, used));
    allocator(used, resident, |name, value| field(out, &name.replace(['.', '-'], "_"), value));
    both(out, "total_system_memory", total);
    both(out, "used_memory_lua", of_scripts);
    both(out, "used_memory_vm_total", interpreters);
    both(out, "used_memory_scripts", scripts);
    both(out, "maxmemory", maxmemory);
    field(out, "used_memory_vm_eval", of_scripts);
    field(out, "used_memory_scripts_eval", scripts);
    field(out, "number_of_cached_scripts", figures.scripts.scripts);
    field(out, "number_of_functions", figures.scripts.functions);
    field(out, "number_of_libraries", figures.scripts.libraries);
    field(out, "used_memory_vm_functions", of_functions);
    field(out, "used_memory_functions", 0);
    field(out, "maxmemory_policy", policy_name(plane.settings.maxmemory_policy));
    field(out, "mem_fragmentation_ratio", format!("{:.2}", ratio(resident, used)));
    field(out, "mem_fragmentation_bytes", resident as i64 - used as i64);
    // `maxmemory` is for data and clients.
    field(out, "mem_not_counted_for_evict", figures.node.stream_bytes + figures.saves.log.buffer);
    field(out, "mem_replication_backlog", figures.node.backlog_bytes);
    field(out, "mem_total_replication_buffers", figures.node.stream_bytes);
    field(out, "mem_clients_slaves", figures.node.replica_bytes);
    field(out, "mem_clients_normal", figures.client_bytes);
    field(out, "mem_cluster_links", figures.node.link_bytes);
    field(out, "mem_aof_buffer", figures.saves.log.buffer);
    field(out, "mem_allocator", "slots");
    field(out, "active_defrag_running", 0);
    field(out, "lazyfree_pending_objects", figures.freed_later.0);
    field(out, "lazyfreed_objects", figures.freed_later.1);
}

/// A number of bytes, and the same for people.
fn both(out: &mut String, name: &str, bytes: u64) {
    field(out, name, bytes);
    field(out, &format!("{name}_human"), human(bytes));
}

/// Shows what Redis tells of its allocator.
fn allocator(used: u64, resident: u64, mut show: impl FnMut(&str, &dyn Display)) {
    show("allocator.allocated", &used);
    show("allocator.active", &used);
    show("allocator.resident", &resident);
    show("allocator-fragmentation.ratio", &"1.00");
    show("allocator-fragmentation.bytes", &0);
    show("allocator-rss.ratio", &format!("{:.2}", ratio(resident, used)));
    show("allocator-rss.bytes", &(resident as i64 - used as i64));
    show("rss-overhead.ratio", &"1.00");
    show("rss-overhead.bytes", &0);
}

fn policy_name(policy: EvictionPolicy) -> &'static str {
    match policy {
        EvictionPolicy::NoEviction => "noeviction",
        EvictionPolicy::AllKeysLru => "allkeys-lru",
        EvictionPolicy::AllKeysLfu => "allkeys-lfu",
        EvictionPolicy::AllKeysRandom => "allkeys-random",
        EvictionPolicy::VolatileLru => "volatile-lru",
        EvictionPolicy::VolatileLfu => "volatile-lfu",
        EvictionPolicy::VolatileRandom => "volatile-random",
        EvictionPolicy::VolatileTtl => "volatile-ttl",
    }
}

fn memory_doctor(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    let finish: Finish = Box::new(|plane, at, answers| {
        let figures = Figures::merged(answers);
        let text = if figures.used_bytes < 5 << 20 {
            "Hi Sam, this instance is empty or is using very little memory, my issues detector can't be used in these conditions. Please, leave for your mission on Earth and fill it with some data. The new Sam and I will be back to our programming as soon as I finished rebooting.\n"
        } else {
            "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n"
        };
        plane.reply(at).verbatim(text.as_bytes());
    });
    plane.ask(at, plane.data_cores(), Inquiry::Figures, finish)
}

fn malloc_stats(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    plane.reply(at).bulk(b"Stats not supported for the current allocator");
    Ok(Flow::Done)
}

fn memory_stats(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    let finish: Finish = Box::new(|plane, at, answers| {
        let figures = Figures::merged(answers);
        let Sums { used, resident, scripts, overhead, .. } = Sums::of(&figures);
        let (keys, peak) = (figures.databases.iter().map(|database| database.keys).sum::<u64>(), used.max(resident));
        let before: [(&str, u64); 12] = [
            ("peak.allocated", peak),
            ("total.allocated", used),
            ("startup.allocated", 0),
            ("replication.backlog", figures.node.backlog_bytes),
            ("clients.slaves", figures.node.replica_bytes),
            ("clients.normal", figures.client_bytes),
            ("cluster.links", figures.node.link_bytes),
            ("aof.buffer", figures.saves.log.buffer),
            ("lua.caches", scripts),
            ("functions.caches", 0),
            ("overhead.total", overhead),
            ("keys.count", keys),
        ];
        let per_key = figures.used_bytes.checked_div(keys).unwrap_or(0);
        let parts = [("dataset.percentage", ratio(figures.used_bytes, used)), ("peak.percentage", ratio(used, peak))];
        let after: [(&str, u64); 5] = [
            ("allocator.allocated", used),
            ("allocator.active", used),
            ("allocator.resident", resident),
            ("allocator-fragmentation.bytes", 0),
            ("rss-overhead.bytes", 0),
        ];
        let (rss, one) = (ratio(resident, used), 1.0);
        let ratios = [
            ("allocator-fragmentation.ratio", one),
            ("allocator-rss.ratio", rss),
            ("rss-overhead.ratio", one),
            ("fragmentation", rss),
        ];
        let databases: Vec<_> =
            figures.databases.iter().enumerate().filter(|(_, database)| database.keys > 0).collect();
        let mut reply = plane.reply(at);
        reply.map(before.len() + databases.len() + 2 + parts.len() + after.len() + ratios.len() + 2);
        let number = |reply: &mut crate::resp::Reply<'_>, name: &str, value: i64| {
            reply.bulk(name.as_bytes());
            reply.int(value);
        };
        before.iter().for_each(|(name, value)| number(&mut reply, name, *value as i64));
        for (db, _) in databases {
            // The tables of keys are part of what each key takes.
            reply.bulk(format!("db.{db}").as_bytes());
            reply.map(3);
            for name in ["overhead.hashtable.main", "overhead.hashtable.expires", "overhead.hashtable.slot-to-keys"] {
                number(&mut reply, name, 0);
            }
        }
        number(&mut reply, "keys.bytes-per-key", per_key as i64);
        number(&mut reply, "dataset.bytes", figures.used_bytes as i64);
        for (name, part) in parts {
            reply.bulk(name.as_bytes());
            reply.double(100.0 * part);
        }
        after.iter().for_each(|(name, value)| number(&mut reply, name, *value as i64));
        for (name, ratio) in ratios {
            reply.bulk(name.as_bytes());
            reply.double(ratio);
        }
        for name in ["allocator-rss.bytes", "fragmentation.bytes"] {
            number(&mut reply, name, resident as i64 - used as i64);
        }
    });
    plane.ask(at, plane.everybody(), Inquiry::Figures, finish)
}

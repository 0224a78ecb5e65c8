//! The text of INFO: Redis's sections and fields, made of the figures of all cores, and a section of our
//! own (`coreslot`) with what Redis has no field for. Owned by the core that was asked.

use super::Plane;
use super::figures::Figures;
use super::memory;
use crate::base::limits::REDIS_VERSION;
use crate::data::command::spec;
use std::fmt::Write;

/// Which sections are asked for.
pub struct Sections(Vec<String>);

const DEFAULT: &[&str] = &[
    "server",
    "clients",
    "memory",
    "persistence",
    "stats",
    "replication",
    "cpu",
    "modules",
    "errorstats",
    "cluster",
    "keyspace",
    "coreslot",
];
const MORE: &[&str] = &["commandstats", "latencystats"];

impl Sections {
    /// The arguments of INFO.
    pub fn parse(args: &[&[u8]]) -> Sections {
        let mut sections = Vec::new();
        for arg in args {
            match String::from_utf8_lossy(arg).to_ascii_lowercase().as_str() {
                "default" => sections.extend(DEFAULT.iter().map(|name| name.to_string())),
                "all" | "everything" => sections.extend(DEFAULT.iter().chain(MORE).map(|name| name.to_string())),
                name => sections.push(name.to_owned()),
            }
        }
        if args.is_empty() {
            sections = DEFAULT.iter().map(|name| name.to_string()).collect();
        }
        Sections(sections)
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|section| section == name)
    }
}

type Section = fn(&mut String, &Plane, &Figures);

const SECTIONS: &[(&str, &str, Section)] = &[
    ("server", "Server", server),
    ("clients", "Clients", clients),
    ("memory", "Memory", memory::info),
    ("persistence", "Persistence", persistence),
    ("stats", "Stats", stats),
    ("replication", "Replication", replication),
    ("cpu", "CPU", cpu),
    ("modules", "Modules", |_, _, _| {}),
    ("commandstats", "Commandstats", |out, _, figures| figures.commands.info(command_name, out)),
    ("errorstats", "Errorstats", |out, _, figures| figures.errors.info(out)),
    ("latencystats", "Latencystats", |out, plane, figures| {
        figures.commands.info_latency(&plane.settings.latency_percentiles, command_name, out);
    }),
    ("cluster", "Cluster", |out, plane, _| field(out, "cluster_enabled", u8::from(plane.settings.cluster_enabled))),
    ("keyspace", "Keyspace", keyspace),
    ("coreslot", "Coreslot", coreslot),
];

/// The text of INFO with these sections.
pub fn text(plane: &Plane, sections: &Sections, figures: &Figures) -> String {
    let mut out = String::new();
    for (_, title, section) in SECTIONS.iter().filter(|(name, ..)| sections.has(name)) {
        if !out.is_empty() {
            out.push_str("\r\n");
        }
        let _ = write!(out, "# {title}\r\n");
        section(&mut out, plane, figures);
    }
    out
}

/// The full name of the command with this number.
pub(super) fn command_name(id: u16) -> &'static str {
    spec::all()[id as usize].full_name()
}

pub(super) fn field(out: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = write!(out, "{name}:{value}\r\n");
}

fn server(out: &mut String, plane: &Plane, figures: &Figures) {
    let facts = &plane.options.facts;
    let uptime = plane.now.unix_ms.saturating_sub(facts.started) / 1000;
    field(out, "redis_version", REDIS_VERSION);
    field(out, "redis_git_sha1", "00000000");
    field(out, "redis_git_dirty", 0);
    field(out, "redis_build_id", "c0de5107");
    field(out, "redis_mode", if plane.settings.cluster_enabled { "cluster" } else { "standalone" });
    field(out, "coreslot_version", env!("CARGO_PKG_VERSION"));
    field(out, "os", &facts.os);
    field(out, "arch_bits", 64);
    field(out, "monotonic_clock", "POSIX clock_gettime");
    field(out, "multiplexing_api", "io_uring");
    field(out, "atomicvar_api", "none");
    field(out, "gcc_version", "0.0.0");
    field(out, "process_id", facts.pid);
    field(out, "process_supervised", "no");
    field(out, "run_id", &facts.run_id);
    field(out, "tcp_port", plane.settings.port);
    field(out, "server_time_usec", (plane.options.wall_clock)());
    field(out, "uptime_in_seconds", uptime);
    field(out, "uptime_in_days", uptime / 86_400);
    field(out, "hz", plane.settings.hz);
    field(out, "configured_hz", plane.settings.hz);
    field(out, "lru_clock", (plane.now.unix_ms / 1000) & 0xff_ffff);
    field(out, "executable", &facts.executable);
    field(out, "config_file", &facts.config_file);
    field(out, "io_threads_active", 0);
    if let Some(milliseconds) = figures.node.ends_in {
        field(out, "shutdown_in_milliseconds", milliseconds);
    }
}

fn clients(out: &mut String, plane: &Plane, figures: &Figures) {
    field(out, "connected_clients", figures.clients);
    field(out, "cluster_connections", 0);
    field(out, "maxclients", plane.settings.maxclients);
    field(out, "client_recent_max_input_buffer", figures.longest_input);
    field(out, "client_recent_max_output_buffer", figures.longest_output);
    field(out, "blocked_clients", figures.blocked + figures.node.waiting);
    field(out, "tracking_clients", figures.trackers);
    field(out, "clients_in_timeout_table", 0);
}

fn persistence(out: &mut String, plane: &Plane, figures: &Figures) {
    let (saves, log) = (figures.saves, figures.saves.log);
    let now = plane.now.unix_ms / 1000;
    let result = |failed: bool| if failed { "err" } else { "ok" };
    let progress = |for_log: bool| saves.progress.filter(|progress| progress.for_log == for_log);
    let seconds = |for_log| progress(for_log).map_or(-1, |progress| now.saturating_sub(progress.began) as i64);
    let (keys, of) = saves.progress.map_or((0, 0), |progress| (progress.keys, progress.of));
    field(out, "loading", u8::from(plane.standing.loading));
    field(out, "async_loading", u8::from(plane.standing.loading_beside));
    // Nothing forks here, so nothing is copied.
    field(out, "current_cow_peak", 0);
    field(out, "current_cow_size", 0);
    field(out, "current_cow_size_age", 0);
    field(out, "current_fork_perc", format!("{:.2}", if of == 0 { 0.0 } else { keys as f64 * 100.0 / of as f64 }));
    field(out, "current_save_keys_processed", keys);
    field(out, "current_save_keys_total", of);
    field(out, "rdb_changes_since_last_save", figures.counters.changed.saturating_sub(saves.changed));
    field(out, "rdb_bgsave_in_progress", u8::from(saves.under_way));
    field(out, "rdb_last_save_time", saves.last);
    field(out, "rdb_last_bgsave_status", result(saves.failed));
    field(out, "rdb_last_bgsave_time_sec", saves.took);
    field(out, "rdb_current_bgsave_time_sec", seconds(false));
    field(out, "rdb_saves", saves.saves);
    field(out, "rdb_last_cow_size", 0);
    field(out, "rdb_last_load_keys_expired", saves.loaded.1);
    field(out, "rdb_last_load_keys_loaded", saves.loaded.0);
    field(out, "aof_enabled", u8::from(log.enabled));
    field(out, "aof_rewrite_in_progress", u8::from(progress(true).is_some() || log.placing));
    field(out, "aof_rewrite_scheduled", u8::from(log.scheduled));
    field(out, "aof_last_rewrite_time_sec", log.took);
    field(out, "aof_current_rewrite_time_sec", seconds(true));
    field(out, "aof_last_bgrewrite_status", result(log.failed));
    field(out, "aof_rewrites", log.rewrites);
    field(out, "aof_rewrites_consecutive_failures", log.failures);
    field(out, "aof_last_write_status", result(log.write_failed));
    field(out, "aof_last_cow_size", 0);
    field(out, "module_fork_in_progress", 0);
    field(out, "module_fork_last_cow_size", 0);
    if log.enabled {
        field(out, "aof_current_size", log.current);
        field(out, "aof_base_size", log.base);
        field(out, "aof_pending_rewrite", u8::from(log.scheduled));
        field(out, "aof_buffer_length", log.buffer);
        field(out, "aof_pending_bio_fsync", u8::from(log.syncing));
        field(out, "aof_delayed_fsync", log.delayed);
    }
    if let Some(loading) = saves.loading {
        let (total, loaded) = (loading.total, loading.loaded);
        let elapsed = now.saturating_sub(loading.began);
        let left = (elapsed * total.saturating_sub(loaded)).checked_div(loaded).unwrap_or(1);
        field(out, "loading_start_time", loading.began);
        field(out, "loading_total_bytes", total);
        field(out, "loading_rdb_used_mem", 0);
        field(out, "loading_loaded_bytes", loaded);
        field(out, "loading_loaded_perc", format!("{:.2}", loaded as f64 * 100.0 / total.max(1) as f64));
        field(out, "loading_eta_seconds", left);
    }
}

fn stats(out: &mut String, plane: &Plane, figures: &Figures) {
    let counters = &figures.counters;
    field(out, "total_connections_received", counters.connections);
    field(out, "total_commands_processed", counters.commands);
    field(out, "instantaneous_ops_per_sec", figures.ops_per_second);
    field(out, "total_net_input_bytes", counters.net_input);
    field(out, "total_net_output_bytes", counters.net_output);
    field(out, "instantaneous_input_kbps", format!("{:.2}", figures.input_per_second as f64 / 1024.0));
    field(out, "instantaneous_output_kbps", format!("{:.2}", figures.output_per_second as f64 / 1024.0));
    field(out, "total_net_repl_input_bytes", 0);
    field(out, "total_net_repl_output_bytes", 0);
    field(out, "instantaneous_input_repl_kbps", "0.00");
    field(out, "instantaneous_output_repl_kbps", "0.00");
    field(out, "rejected_connections", counters.rejected_connections);
    field(out, "sync_full", figures.node.syncs[0]);
    field(out, "sync_partial_ok", figures.node.syncs[1]);
    field(out, "sync_partial_err", figures.node.syncs[2]);
    field(out, "expired_keys", figures.store.expired);
    field(out, "expired_stale_perc", "0.00");
    field(out, "expired_time_cap_reached_count", 0);
    field(out, "expire_cycle_cpu_milliseconds", 0);
    field(out, "evicted_keys", figures.store.evicted);
    field(out, "evicted_clients", counters.evicted_clients);
    field(out, "total_eviction_exceeded_time", 0);
    field(out, "current_eviction_exceeded_time", 0);
    field(out, "keyspace_hits", figures.store.hits);
    field(out, "keyspace_misses", figures.store.misses);
    field(out, "pubsub_channels", figures.pubsub.0);
    field(out, "pubsub_patterns", figures.pubsub.1);
    field(out, "pubsubshard_channels", figures.pubsub.2);
    field(out, "latest_fork_usec", 0);
    field(out, "total_forks", figures.saves.begun);
    field(out, "migrate_cached_sockets", figures.node.couriers);
    field(out, "slave_expires_tracked_keys", figures.own_deadlines);
    field(out, "active_defrag_hits", 0);
    field(out, "active_defrag_misses", 0);
    field(out, "active_defrag_key_hits", 0);
    field(out, "active_defrag_key_misses", 0);
    field(out, "total_active_defrag_time", 0);
    field(out, "current_active_defrag_time", 0);
    field(out, "tracking_total_keys", figures.read.0);
    field(out, "tracking_total_items", figures.read.1);
    field(out, "tracking_total_prefixes", plane.invalidations.every_prefix().len());
    field(out, "unexpected_error_replies", figures.node.unexpected_errors);
    field(out, "total_error_replies", figures.errors.total());
    field(out, "dump_payload_sanitizations", 0);
    field(out, "total_reads_processed", counters.reads);
    field(out, "total_writes_processed", counters.writes);
    field(out, "io_threaded_reads_processed", 0);
    field(out, "io_threaded_writes_processed", 0);
    field(out, "acl_access_denied_auth", counters.denied_auths);
    field(out, "acl_access_denied_cmd", counters.denied_commands);
    field(out, "acl_access_denied_key", counters.denied_keys);
    field(out, "acl_access_denied_channel", counters.denied_channels);
    field(out, "client_query_buffer_limit_disconnections", counters.query_buffer_limit_disconnections);
    field(out, "client_output_buffer_limit_disconnections", counters.output_buffer_limit_disconnections);
    field(out, "reply_buffer_shrinks", 0);
    field(out, "reply_buffer_expands", 0);
}

fn replication(out: &mut String, _: &Plane, figures: &Figures) {
    out.push_str(&figures.node.replication);
}

fn cpu(out: &mut String, _: &Plane, _: &Figures) {
    // Fields 14 and 15 of /proc/self/stat, in ticks of 10 ms; the name before them may hold spaces.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks =
        |place: usize| after_name.split(' ').nth(place).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    field(out, "used_cpu_sys", format!("{:.6}", ticks(13) / 100.0));
    field(out, "used_cpu_user", format!("{:.6}", ticks(12) / 100.0));
    field(out, "used_cpu_sys_children", "0.000000");
    field(out, "used_cpu_user_children", "0.000000");
}

fn keyspace(out: &mut String, _: &Plane, figures: &Figures) {
    figures.databases.iter().enumerate().for_each(|(db, counts)| counts.info(db, out));
}

fn coreslot(out: &mut String, plane: &Plane, figures: &Figures) {
    field(out, "data_cores", plane.options.cores);
    field(out, "hops", figures.counters.hops);
    field(out, "loop_turns", figures.counters.turns);
    field(out, "longest_turn_usec", figures.counters.longest_turn_ns / 1000);
    field(out, "longest_turn_cpu_usec", figures.counters.longest_turn_cpu_ns / 1000);
    field(out, "longest_upkeep_usec", figures.counters.longest_upkeep_ns / 1000);
    for (core, (clients, commands, keys, bytes)) in figures.cores.iter().enumerate() {
        field(out, &format!("core{core}"), format!("clients={clients},commands={commands},keys={keys},bytes={bytes}"));
    }
}

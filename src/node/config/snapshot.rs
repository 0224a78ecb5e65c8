//! The part of the configuration that the data plane reads, as the immutable value it gets.

use super::Config;
use super::value::Value;
use crate::base::notify::Class;
use crate::cluster::options::EndpointType;
use crate::contract::settings::{EncodingLimits, EvictionPolicy, Fsync, OutputLimit, Settings};

impl Config {
    /// The settings for the data cores as of now.
    pub fn settings(&self) -> Settings {
        let [output_limit_normal, output_limit_replica, output_limit_pubsub] = self.output_limits();
        let cluster_enabled = self.flag("cluster-enabled");
        Settings {
            cluster_enabled,
            port: self.number("port"),
            databases: if cluster_enabled { 1 } else { self.number("databases") },
            has_save_points: matches!(self.value("save"), Value::Save(points) if !points.is_empty()),
            protected_mode: self.flag("protected-mode"),
            maxclients: self.number("maxclients"),
            timeout: self.number("timeout"),
            tcp_keepalive: self.number("tcp-keepalive"),
            proto_max_bulk_len: self.number("proto-max-bulk-len"),
            client_query_buffer_limit: self.number("client-query-buffer-limit"),
            output_limit_normal,
            output_limit_pubsub,
            output_limit_replica,
            maxmemory: self.number("maxmemory"),
            maxmemory_policy: self.eviction_policy(),
            maxmemory_samples: self.number("maxmemory-samples"),
            maxmemory_eviction_tenacity: self.number("maxmemory-eviction-tenacity"),
            maxmemory_clients: self.maxmemory_clients(),
            lfu_log_factor: self.number("lfu-log-factor"),
            lfu_decay_time: self.number("lfu-decay-time"),
            hz: self.number("hz"),
            active_expire_effort: self.number("active-expire-effort"),
            lazyfree_user_flush: self.flag("lazyfree-lazy-user-flush"),
            lazyfree_user_del: self.flag("lazyfree-lazy-user-del"),
            lazyfree_server_del: self.flag("lazyfree-lazy-server-del"),
            lazyfree_expire: self.flag("lazyfree-lazy-expire"),
            lazyfree_eviction: self.flag("lazyfree-lazy-eviction"),
            encodings: self.encodings(),
            notify: self.notify(),
            slowlog_log_slower_than: self.number("slowlog-log-slower-than"),
            slowlog_max_len: self.number("slowlog-max-len"),
            latency_monitor_threshold: self.number("latency-monitor-threshold"),
            latency_tracking: self.flag("latency-tracking"),
            latency_percentiles: self.latency_percentiles(),
            busy_reply_threshold: self.number("busy-reply-threshold"),
            lua_enable_deprecated_api: self.flag("lua-enable-deprecated-api"),
            tracking_table_max_keys: self.number("tracking-table-max-keys"),
            acllog_max_len: self.number("acllog-max-len"),
            enable_debug_command: self.debug_command(),
            rdb_compression: self.flag("rdbcompression"),
            rdb_checksum: self.flag("rdbchecksum"),
            key_load_delay: self.number("key-load-delay"),
            appendonly: self.flag("appendonly"),
            appendfsync: self.appendfsync(),
            rdb_key_save_delay: self.number("rdb-key-save-delay"),
            replica_read_only: self.flag("replica-read-only"),
            replica_serve_stale_data: self.flag("replica-serve-stale-data"),
            replica_ignore_maxmemory: self.flag("replica-ignore-maxmemory"),
            min_replicas_to_write: self.number("min-replicas-to-write"),
            min_replicas_max_lag: self.number("min-replicas-max-lag"),
            core_port_base: self.number("core-port-base"),
            hop_spin_us: self.number("hop-spin-us"),
            batch_wait_us: self.number("batch-wait-us"),
            busy_poll_us: self.number("busy-poll-us"),
            cluster_require_full_coverage: self.flag("cluster-require-full-coverage"),
            cluster_allow_reads_when_down: self.flag("cluster-allow-reads-when-down"),
            cluster_allow_pubsubshard_when_down: self.flag("cluster-allow-pubsubshard-when-down"),
        }
    }

    fn encodings(&self) -> EncodingLimits {
        EncodingLimits {
            hash_entries: self.number("hash-max-listpack-entries"),
            hash_value: self.number("hash-max-listpack-value"),
            list_size: self.number("list-max-listpack-size"),
            list_compress_depth: self.number("list-compress-depth"),
            set_intset_entries: self.number("set-max-intset-entries"),
            zset_entries: self.number("zset-max-listpack-entries"),
            zset_value: self.number("zset-max-listpack-value"),
            hll_sparse_bytes: self.number("hll-sparse-max-bytes"),
            stream_node_bytes: self.number("stream-node-max-bytes"),
            stream_node_entries: self.number("stream-node-max-entries"),
        }
    }

    fn eviction_policy(&self) -> EvictionPolicy {
        match self.choice("maxmemory-policy") {
            "allkeys-lru" => EvictionPolicy::AllKeysLru,
            "allkeys-lfu" => EvictionPolicy::AllKeysLfu,
            "allkeys-random" => EvictionPolicy::AllKeysRandom,
            "volatile-lru" => EvictionPolicy::VolatileLru,
            "volatile-lfu" => EvictionPolicy::VolatileLfu,
            "volatile-random" => EvictionPolicy::VolatileRandom,
            "volatile-ttl" => EvictionPolicy::VolatileTtl,
            _ => EvictionPolicy::NoEviction,
        }
    }

    /// A percentage is one of `maxmemory`.
    fn maxmemory_clients(&self) -> u64 {
        match self.value("maxmemory-clients") {
            Value::Percent(percent) => self.number::<u64>("maxmemory") / 100 * u64::from(*percent),
            _ => self.number("maxmemory-clients"),
        }
    }

    fn debug_command(&self) -> u8 {
        match self.choice("enable-debug-command") {
            "yes" => 2,
            "local" => 1,
            _ => 0,
        }
    }

    fn appendfsync(&self) -> Fsync {
        match self.choice("appendfsync") {
            "always" => Fsync::Always,
            "no" => Fsync::No,
            _ => Fsync::EverySecond,
        }
    }

    /// How redirections and CLUSTER SLOTS name nodes. The control plane needs it, not the data plane.
    pub fn endpoint_type(&self) -> EndpointType {
        match self.choice("cluster-preferred-endpoint-type") {
            "hostname" => EndpointType::Hostname,
            "unknown-endpoint" => EndpointType::Unknown,
            _ => EndpointType::Ip,
        }
    }

    fn output_limits(&self) -> [OutputLimit; 3] {
        match self.value("client-output-buffer-limit") {
            Value::OutputLimits(limits) => *limits,
            _ => Default::default(),
        }
    }

    fn notify(&self) -> Class {
        match self.value("notify-keyspace-events") {
            Value::Notify(classes) => *classes,
            _ => Class::default(),
        }
    }

    fn latency_percentiles(&self) -> Box<[f64]> {
        match self.value("latency-tracking-info-percentiles") {
            Value::Percentiles(percentiles) => percentiles.as_slice().into(),
            _ => Box::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_table_and_settings_are_the_same() {
        assert_eq!(Config::default().settings(), Settings::default());
    }

    #[test]
    fn a_value_of_each_kind_arrives() {
        let mut config = Config::default();
        let text = "cluster-enabled yes\nmaxmemory 200\nmaxmemory-clients 50%\n\
                    maxmemory-policy volatile-ttl\nenable-debug-command local\nnotify-keyspace-events Kx\n\
                    client-output-buffer-limit pubsub 3 2 1\nappendfsync always\n\
                    cluster-preferred-endpoint-type hostname\nslowlog-log-slower-than -1";
        config.load_text(text.as_bytes()).unwrap();
        let settings = config.settings();
        assert_eq!(settings.databases, 1);
        assert_eq!((settings.maxmemory_clients, settings.enable_debug_command), (100, 1));
        assert_eq!(settings.maxmemory_policy, EvictionPolicy::VolatileTtl);
        assert!(settings.notify.contains(Class::EXPIRED) && !settings.notify.contains(Class::KEYEVENT));
        assert_eq!(settings.output_limit_pubsub, OutputLimit { hard: 3, soft: 2, soft_seconds: 1 });
        assert_eq!((settings.appendfsync, settings.slowlog_log_slower_than), (Fsync::Always, -1));
        assert_eq!(config.endpoint_type(), EndpointType::Hostname);
    }

    #[test]
    fn the_largest_values_the_table_allows_fit() {
        let mut config = Config::default();
        for row in super::super::table::all() {
            use super::super::directive::Kind;
            if let Kind::Number(min, max) | Kind::Memory(min, max) = row.kind {
                for bound in [min, max] {
                    let line = format!("{} {bound}", row.name);
                    let asks_what_is_refused = config.load_text(line.as_bytes()).is_err();
                    assert!(!asks_what_is_refused || row.name == "tls-port", "{line}");
                    config.settings();
                }
            }
        }
    }
}

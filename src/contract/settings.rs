//! The node's settings as the data plane reads them: an immutable snapshot.
//!
//! The bus core makes a new one whenever CONFIG SET changes something and sends every data core an
//! `Arc` of it; a data core reads its copy without asking anybody. Directives that only the control
//! plane or the start of the node needs are not here but in the config table (`node::config`), and the
//! table's rows say what each directive means.

use crate::base::notify::Class;

/// How a victim is chosen when memory is full. Source: redis.conf, `maxmemory-policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EvictionPolicy {
    /// Refuse writes.
    #[default]
    NoEviction,
    /// Any key, least recently used.
    AllKeysLru,
    /// Any key, least frequently used.
    AllKeysLfu,
    /// Any key at random.
    AllKeysRandom,
    /// Keys with a deadline, least recently used.
    VolatileLru,
    /// Keys with a deadline, least frequently used.
    VolatileLfu,
    /// Keys with a deadline, at random.
    VolatileRandom,
    /// Keys with a deadline, the soonest to die.
    VolatileTtl,
}

/// `client-output-buffer-limit` of one client class; 0 means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Bytes at which the client is closed at once.
    pub hard: u64,
    /// Bytes that may not be exceeded for longer than `soft_seconds`.
    pub soft: u64,
    /// How long `soft` may be exceeded, in seconds.
    pub soft_seconds: u64,
}

/// When logged writes are synced to disk. Source: redis.conf, `appendfsync`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fsync {
    /// Once a second.
    #[default]
    EverySecond,
    /// Before the reply.
    Always,
    /// When the kernel likes.
    No,
}

/// Up to which size collections keep their compact encodings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodingLimits {
    /// Fields of a hash that is a listpack.
    pub hash_entries: usize,
    /// Bytes of a field or value of a hash that is a listpack.
    pub hash_value: usize,
    /// `list-max-listpack-size`: entries of a list node if positive, a class of bytes if negative.
    pub list_size: i32,
    /// List nodes at each end that are not compressed; 0: none are.
    pub list_compress_depth: usize,
    /// Members of a set that is an intset.
    pub set_intset_entries: usize,
    /// Members of a sorted set that is a listpack.
    pub zset_entries: usize,
    /// Bytes of a member of a sorted set that is a listpack.
    pub zset_value: usize,
    /// Bytes of a HyperLogLog that is sparse.
    pub hll_sparse_bytes: usize,
    /// Bytes of a stream node; 0: no limit.
    pub stream_node_bytes: usize,
    /// Entries of a stream node; 0: no limit.
    pub stream_node_entries: usize,
}

/// What a data core needs to know of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Whether this is a cluster node.
    pub cluster_enabled: bool,
    /// The port for clients.
    pub port: u16,
    /// Logical databases; 1 in a cluster.
    pub databases: usize,
    /// Whether there are save points (`save`).
    pub has_save_points: bool,
    /// Refuse clients from outside when no password and no bind is given.
    pub protected_mode: bool,
    /// Clients the node accepts, all cores together.
    pub maxclients: usize,
    /// Seconds after which an idle client is closed; 0: never.
    pub timeout: u64,
    /// Seconds between TCP keepalive probes; 0: off.
    pub tcp_keepalive: u32,
    /// The longest bulk a client may send, in bytes.
    pub proto_max_bulk_len: u64,
    /// The most unparsed input a client may have, in bytes.
    pub client_query_buffer_limit: u64,
    /// Output limits of normal clients.
    pub output_limit_normal: OutputLimit,
    /// Output limits of subscribers.
    pub output_limit_pubsub: OutputLimit,
    /// Output limits of replicas.
    pub output_limit_replica: OutputLimit,
    /// Bytes of memory for data, all cores together; 0: no limit.
    pub maxmemory: u64,
    /// How victims are chosen.
    pub maxmemory_policy: EvictionPolicy,
    /// How many keys are looked at for each victim.
    pub maxmemory_samples: usize,
    /// How long eviction may hold up clients, 0..=100; 100: without end.
    pub maxmemory_eviction_tenacity: u32,
    /// Bytes all clients together may use; 0: no limit.
    pub maxmemory_clients: u64,
    /// Redis's `lfu-log-factor`.
    pub lfu_log_factor: u32,
    /// Redis's `lfu-decay-time`, minutes.
    pub lfu_decay_time: u32,
    /// Redis's `hz`: turns of the background work a second.
    pub hz: u32,
    /// Redis's `active-expire-effort`, 1..=10.
    pub active_expire_effort: u32,
    /// FLUSHALL and FLUSHDB are ASYNC unless told otherwise.
    pub lazyfree_user_flush: bool,
    /// DEL behaves as UNLINK.
    pub lazyfree_user_del: bool,
    /// Values that a command overwrites are freed in the background.
    pub lazyfree_server_del: bool,
    /// Expired values are freed in the background.
    pub lazyfree_expire: bool,
    /// Evicted values are freed in the background.
    pub lazyfree_eviction: bool,
    /// Sizes of compact encodings.
    pub encodings: EncodingLimits,
    /// The events that are announced.
    pub notify: Class,
    /// Commands slower than this many microseconds are logged; negative: none.
    pub slowlog_log_slower_than: i64,
    /// Entries the slow log keeps.
    pub slowlog_max_len: usize,
    /// Milliseconds from which the latency monitor records; 0: off.
    pub latency_monitor_threshold: u64,
    /// Whether LATENCY HISTOGRAM counts.
    pub latency_tracking: bool,
    /// The percentiles that INFO latencystats tells.
    pub latency_percentiles: Box<[f64]>,
    /// Milliseconds of a script after which clients are told BUSY; 0: never.
    pub busy_reply_threshold: u64,
    /// `lua-enable-deprecated-api`.
    pub lua_enable_deprecated_api: bool,
    /// Keys that client-side caching remembers; 0: no limit.
    pub tracking_table_max_keys: usize,
    /// Entries ACL LOG keeps.
    pub acllog_max_len: usize,
    /// Whether DEBUG may be used: 0 no, 1 from this machine, 2 yes.
    pub enable_debug_command: u8,
    /// Long strings are compressed when they are serialised.
    pub rdb_compression: bool,
    /// Snapshots end with a checksum, and it is verified.
    pub rdb_checksum: bool,
    /// `rdb-key-save-delay`, in microseconds a key; less than 0: one for so many keys.
    pub rdb_key_save_delay: i64,
    /// `key-load-delay`, the same.
    pub key_load_delay: i64,
    /// Whether writes are logged to disk.
    pub appendonly: bool,
    /// When they are synced.
    pub appendfsync: Fsync,
    /// Refuse clients' writes on a replica.
    pub replica_read_only: bool,
    /// Answer from old data while the primary is away.
    pub replica_serve_stale_data: bool,
    /// A replica leaves eviction to its primary.
    pub replica_ignore_maxmemory: bool,
    /// Refuse writes with fewer good replicas; 0: off.
    pub min_replicas_to_write: usize,
    /// Seconds of silence up to which a replica is good.
    pub min_replicas_max_lag: u64,
    /// First port of the core ports: data core i also listens on this + i; 0: off.
    pub core_port_base: u16,
    /// Microseconds a core that waits for hops looks at its queues before it sleeps.
    pub hop_spin_us: u32,
    /// Microseconds a busy core waits for more requests before it serves those it has; 0: none.
    pub batch_wait_us: u32,
    /// Microseconds an idle core looks at its ring before it sleeps.
    pub busy_poll_us: u32,
    /// Answer no data commands while slots are uncovered.
    pub cluster_require_full_coverage: bool,
    /// Serve reads while the cluster is down.
    pub cluster_allow_reads_when_down: bool,
    /// Serve shard channels while the cluster is down.
    pub cluster_allow_pubsubshard_when_down: bool,
}

impl Default for EncodingLimits {
    fn default() -> Self {
        EncodingLimits {
            hash_entries: 512,
            hash_value: 64,
            list_size: -2,
            list_compress_depth: 0,
            set_intset_entries: 512,
            zset_entries: 128,
            zset_value: 64,
            hll_sparse_bytes: 3000,
            stream_node_bytes: 4096,
            stream_node_entries: 100,
        }
    }
}

impl Default for Settings {
    /// The defaults of the config table, which a test holds these to.
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Settings {
            cluster_enabled: false,
            port: 6379,
            databases: 16,
            has_save_points: true,
            protected_mode: true,
            maxclients: 10_000,
            timeout: 0,
            tcp_keepalive: 300,
            proto_max_bulk_len: 512 * MIB,
            client_query_buffer_limit: 1024 * MIB,
            output_limit_normal: OutputLimit::default(),
            output_limit_pubsub: OutputLimit { hard: 32 * MIB, soft: 8 * MIB, soft_seconds: 60 },
            output_limit_replica: OutputLimit { hard: 256 * MIB, soft: 64 * MIB, soft_seconds: 60 },
            maxmemory: 0,
            maxmemory_policy: EvictionPolicy::NoEviction,
            maxmemory_samples: 5,
            maxmemory_eviction_tenacity: 10,
            maxmemory_clients: 0,
            lfu_log_factor: 10,
            lfu_decay_time: 1,
            hz: 10,
            active_expire_effort: 1,
            lazyfree_user_flush: false,
            lazyfree_user_del: false,
            lazyfree_server_del: false,
            lazyfree_expire: false,
            lazyfree_eviction: false,
            encodings: EncodingLimits::default(),
            notify: Class::default(),
            slowlog_log_slower_than: 10_000,
            slowlog_max_len: 128,
            latency_monitor_threshold: 0,
            latency_tracking: true,
            latency_percentiles: Box::new([50.0, 99.0, 99.9]),
            busy_reply_threshold: 5000,
            lua_enable_deprecated_api: false,
            tracking_table_max_keys: 1_000_000,
            acllog_max_len: 128,
            enable_debug_command: 0,
            rdb_compression: true,
            rdb_checksum: true,
            rdb_key_save_delay: 0,
            key_load_delay: 0,
            appendonly: false,
            appendfsync: Fsync::EverySecond,
            replica_read_only: true,
            replica_serve_stale_data: true,
            replica_ignore_maxmemory: true,
            min_replicas_to_write: 0,
            min_replicas_max_lag: 10,
            core_port_base: 0,
            hop_spin_us: 5,
            batch_wait_us: 50,
            busy_poll_us: 0,
            cluster_require_full_coverage: true,
            cluster_allow_reads_when_down: false,
            cluster_allow_pubsubshard_when_down: true,
        }
    }
}

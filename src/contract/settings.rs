//! The node's settings as the data plane reads them: an immutable snapshot.
//!
//! The bus core makes a new one whenever CONFIG SET changes something and sends every data core an
//! `Arc` of it; a data core reads its copy without asking anybody. Directives that only the control
//! plane or the start of the node needs are not here but in the config table (`node::config`).

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

/// What a data core needs to know of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether this is a cluster node.
    pub cluster_enabled: bool,
    /// Logical databases; 1 in a cluster.
    pub databases: usize,
    /// The password of the default user, empty for none.
    pub requirepass: String,
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
    /// Redis's `lfu-log-factor`.
    pub lfu_log_factor: u32,
    /// Redis's `lfu-decay-time`, minutes.
    pub lfu_decay_time: u32,
    /// Redis's `hz`: turns of the background work a second.
    pub hz: u32,
    /// Redis's `active-expire-effort`, 1..=10.
    pub active_expire_effort: u32,
    /// Free overwritten and deleted values in the background.
    pub lazyfree_user_flush: bool,
    /// DEL behaves as UNLINK.
    pub lazyfree_user_del: bool,
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
    /// Whether DEBUG may be used: 0 no, 1 from this machine, 2 yes.
    pub enable_debug_command: u8,
    /// First port of the core ports: data core i also listens on this + i; 0: off.
    pub core_port_base: u16,
    /// Microseconds a core that waits for hops looks at its queues before it sleeps.
    pub hop_spin_us: u32,
    /// Microseconds an idle core looks at its ring before it sleeps.
    pub busy_poll_us: u32,
    /// Answer data commands though slots are uncovered.
    pub cluster_require_full_coverage: bool,
    /// Serve reads while the cluster is down.
    pub cluster_allow_reads_when_down: bool,
}

impl Default for Settings {
    /// The defaults of Redis 7.0's redis.conf; ours where the directive is our own.
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Settings {
            cluster_enabled: false,
            databases: 16,
            requirepass: String::new(),
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
            lfu_log_factor: 10,
            lfu_decay_time: 1,
            hz: 10,
            active_expire_effort: 1,
            lazyfree_user_flush: false,
            lazyfree_user_del: false,
            notify: Class::default(),
            slowlog_log_slower_than: 10_000,
            slowlog_max_len: 128,
            latency_monitor_threshold: 0,
            latency_tracking: true,
            enable_debug_command: 0,
            core_port_base: 0,
            hop_spin_us: 5,
            busy_poll_us: 0,
            cluster_require_full_coverage: true,
            cluster_allow_reads_when_down: false,
        }
    }
}

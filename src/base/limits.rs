//! Every bound of the program in one place, with assertions between those that depend on each other.

/// Hash slots of a Redis Cluster. Source: the cluster specification.
pub const SLOTS: usize = 16384;

/// Data cores one process can have.
pub const MAX_CORES: usize = 128;

/// Logical databases a standalone node can have at most.
pub const MAX_DATABASES: usize = 16384;

/// Arguments one command can have. Source: Redis 7.0 `processMultibulkBuffer`.
pub const MAX_ARGS: usize = 1024 * 1024;

/// Bytes of replies that a client without a password may leave unread. Source: Redis's fix of CVE-2025-21605.
pub const MAX_STRANGER_OUTPUT: u64 = 1024;

/// How many `*` of a glob pattern a text may need. Source: Redis 7.0 `stringmatchlen_impl`.
pub const MAX_STARS: usize = 1000;

/// The longest inline command or protocol line, in bytes. Source: Redis 7.0 `PROTO_INLINE_MAX_SIZE`.
pub const MAX_INLINE: usize = 64 * 1024;

/// The version of Redis whose behaviour this node has, as INFO and HELLO tell it.
pub const REDIS_VERSION: &str = "7.0.15";

/// Unexecuted input, in bytes, from which a waiting client is not read from.
pub const PAUSE_INPUT: usize = 1024 * 1024;

/// Input buffer, in bytes, that a client keeps when it is empty.
pub const KEEP_INPUT: usize = 64 * 1024;

/// Replies one client can be owed by other cores before its input waits.
pub const MAX_OWED_REPLIES: usize = 4096;

/// Bytes of replies from which a core sends a batch of another core's back though not all of it is executed. The tests have
/// such batches all the time.
pub const HOP_REPLIES: usize = if cfg!(test) { 16 } else { 8 << 20 };

/// Output of a turn, in bytes, from which it is sent before the turn is over.
pub const FLUSH_OUTPUT: usize = 1024 * 1024;

/// Memory of the per-turn arena that is kept from turn to turn.
pub const KEEP_ARENA: usize = 4 * 1024 * 1024;

/// Messages taken from one other thread in a turn.
pub const MESSAGES_PER_TURN: usize = 64;

/// Messages a queue between two threads holds.
pub const MESH_CAPACITY: usize = 1024;

/// Pieces of its primary's stream that a replica's cores have to execute at a time.
pub const PIECES_UNDER_WAY: usize = 16;

/// Nanoseconds after which a turn takes no more pieces of the primary's stream: clients want to read meanwhile.
pub const APPLY_NS: u64 = 300_000;

/// Bytes of its primary's stream, not handed to the cores yet, from which a replica does not read on.
pub const LINK_INPUT: usize = 1024 * 1024;

/// Bytes that a replica still reads of its primary when it is promoted: more than the sockets of both sides hold.
pub const LAST_WORDS: usize = 64 * 1024 * 1024;

/// Bytes that wait for the socket of a replica, from which it gets no more.
pub const LINK_OUTPUT: usize = 256 * 1024;

/// Bytes, about, of a part of a snapshot that a core makes at once.
pub const SNAPSHOT_PART: usize = 64 * 1024;

/// Bytes of a value on the heap up to which a snapshot has it written at once, and texts compressed.
/// Tests' values are small.
pub const WRITTEN_AT_ONCE: usize = if cfg!(test) { 600 } else { 128 * 1024 };

/// Bytes of one piece of memory that are given back to the system at once.
pub const FREED_AT_ONCE: usize = 1 << 20;

/// Parts of a snapshot that each core may make before those it made are taken.
pub const PARTS_AHEAD: usize = 8;

/// Bytes read at once from a connection of replication.
pub const STREAM_READ: usize = 64 * 1024;

/// Messages that find no room in the queue of another thread, from which a core takes no more writes.
pub const MAX_UNSENT: usize = 256;

/// Bytes of the append-only log that may wait for the disk before writes wait as well.
pub const LOG_UNWRITTEN: usize = 64 * 1024 * 1024;

/// Bytes of replies a core may keep until the append-only log has what they are about; beyond, it executes nothing new.
pub const WITHHELD_OUTPUT: usize = 64 * 1024 * 1024;

/// Keys with deadlines that a core of a writable replica remembers to delete itself.
pub const MAX_OWN_DEADLINES: usize = 10_000;

/// Keys one client can watch.
pub const MAX_WATCHES: usize = 65_536;

/// Channels, patterns or shard channels one client can listen to.
pub const MAX_SUBSCRIPTIONS: usize = 1_000_000;

/// Prefixes of keys of which one client can want to hear.
pub const MAX_PREFIXES: usize = 65_536;

/// Keys whose readers are forgotten at once, where there are more than `tracking-table-max-keys`.
pub const READERS_FORGOTTEN: usize = 1000;

/// Keys active expiry looks at in one turn, for each point of `active-expire-effort`.
pub const EXPIRE_PER_TURN: usize = 200;

/// Steps in which the store frees its graveyard in one turn, each of about 0.2 ms.
pub const RECLAIM_PER_TURN: usize = 2;

/// Nanoseconds for which a node that starts may load without anybody noticing: who connects meanwhile waits, and is not
/// told that it is loading. Nor is he before it has loaded `loading-process-events-interval-bytes`, as in Redis.
pub const LOAD_UNSEEN_NS: u64 = 500_000_000;

/// The same, for a load that does not come so far.
pub const STUCK_LOAD_UNSEEN_NS: u64 = 10_000_000_000;

/// Bytes of room that a core makes for one that asks for some, beyond what is lacking.
pub const ROOM_AHEAD: u64 = 256 * 1024;

/// Keys evicted to make room for one command.
pub const EVICT_PER_COMMAND: usize = 64;

/// Links of the cluster bus whose makers have not yet said who they are.
pub const MAX_STRANGER_LINKS: usize = 4096;

/// Handshakes with other nodes under way at once.
pub const MAX_HANDSHAKES: usize = 1024;

/// Names of forgotten nodes that are kept from being learnt again.
pub const MAX_BANS: usize = 4096;

/// Suspected nodes that one packet of the cluster bus tells of, beside those it tells of anyway.
pub const MAX_SUSPECTS_TOLD: usize = 256;

/// Bytes of one packet of the cluster bus: room for a PUBLISH whose channel and message are as long as
/// `proto-max-bulk-len` lets them be.
pub const MAX_BUS_PACKET: usize = 1025 * 1024 * 1024;

/// MIGRATE commands under way at the same time from one core: each has a thread while it lasts.
pub const MIGRATIONS: usize = 64;

/// Bytes of a core's snapshot that may wait to be taken away; beyond, the snapshot is lost.
pub const SNAPSHOT_WAITING: usize = 256 * 1024 * 1024;

/// Members of one sorted set, which numbers them in 32 bits. So many take 200 GiB.
pub const MAX_ZSET_MEMBERS: usize = u32::MAX as usize;

/// Elements one command chooses at random with repetition, where the client's output is not limited.
pub const MAX_SAMPLES: u64 = 10_000_000;

/// Bytes for a replica that are given to its socket at once; more is left to the connection's task.
pub const SENT_AT_ONCE: usize = 64 * 1024;

/// Times at which the replication offset is known, for WAIT: a few seconds of a busy node.
pub const MOMENTS: usize = 4096;

/// Bytes of published messages that a data core hands to the bus core before it waits until they are taken.
pub const BROADCAST_AHEAD: usize = 64 * 1024;

/// Bytes that can wait to be sent over one link of the cluster bus, whatever `cluster-link-sendbuf-limit` allows.
pub const MAX_LINK_OUTPUT: usize = 2 * MAX_BUS_PACKET;

/// Links of the cluster bus, of both directions.
pub const MAX_LINKS: usize = 8192;

/// Bytes read at once from a link of the cluster bus, and kept for the next.
pub const LINK_READ: usize = 16 * 1024;

const _: () = assert!(MAX_CORES <= 1 << crate::base::ids::ClientId::CORE_BITS);

/// Bytes of memory that the scripts of one core may take together. Also what keeps texts from being so long that Lua 5.1's
/// parser counts in them until its ints overflow (CVE-2025-46819).
pub const SCRIPT_MEMORY: usize = 1 << 30;

const _: () = assert!(SCRIPT_MEMORY < i32::MAX as usize);

/// Bytes that a script can have outside of that memory: of the words of a command it calls, of what it encodes. One value that
/// it repeats can be many there. Tests' values are small.
pub const SCRIPT_OUTPUT: usize = if cfg!(test) { 1 << 20 } else { 1 << 30 };

/// Bytes of a script's reply from which nothing is added to it.
pub const SCRIPT_REPLY: usize = if cfg!(test) { 1 << 20 } else { 512 << 20 };

/// How deep values are nested that become JSON, or are made of it.
pub const SCRIPT_NESTING: usize = 1000;

/// The most memory of an interpreter that is closed at once when nothing is left of its scripts: some tens of milliseconds.
pub const SCRIPT_MEMORY_TO_CLOSE: usize = 64 << 20;

/// Bytes of a script's own stack: Lua keeps calls of native functions within 200.
pub const SCRIPT_STACK: usize = 16 << 20;

/// Bytes of memory that words and replies of scripts keep for the next ones.
pub const SCRIPT_KEPT: usize = 64 * 1024;

/// Instructions of Lua between two looks at the clock.
pub const SCRIPT_INSTRUCTIONS: u32 = 10_000;

/// Bytes of a command for the debugger of scripts.
pub const DEBUGGER_INPUT: usize = 1 << 20;

/// Milliseconds that a debugged script runs without a stop, where `busy-reply-threshold` says nothing.
pub const DEBUGGER_LIMIT_MS: u64 = 5000;

/// Nanoseconds a script thinks before others have their turn.
pub const SCRIPT_SLICE_NS: u64 = 1_000_000;

/// Scripts that are remembered to use keys of several cores without naming them.
pub const WIDE_SCRIPTS: usize = 10_000;

/// Nanoseconds the text of a library of functions may run when it is loaded. Source: Redis 7.0 `LOAD_TIMEOUT_MS`.
pub const LIBRARY_LOAD_NS: u64 = 500_000_000;

/// A data core that rests for longer was stopped, with its process: it wakes at least once a second. So with a shorter node
/// timeout than this, another node may take over from one that was stopped before that notices.
pub const STOP_NS: u64 = 1_500_000_000;

/// How long its writes wait then: the bus core has to hear from the others first, on a busy machine, too.
pub const DOUBT_MS: u64 = 2_000;

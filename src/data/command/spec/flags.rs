//! The bits of the command table, with the names replies give them.
//!
//! Plain integers, so that a row can join them with `|` in a constant.

/// What a command is and when it may run.
pub mod flag {
    /// May change the data set.
    pub const WRITE: u32 = 1 << 0;
    /// Only reads the data set.
    pub const READONLY: u32 = 1 << 1;
    /// Refused when memory is used up.
    pub const DENYOOM: u32 = 1 << 2;
    /// For administrators.
    pub const ADMIN: u32 = 1 << 3;
    /// Part of publish/subscribe.
    pub const PUBSUB: u32 = 1 << 4;
    /// Not to be called by scripts.
    pub const NOSCRIPT: u32 = 1 << 5;
    /// May block its client.
    pub const BLOCKING: u32 = 1 << 6;
    /// Allowed while the data set is being loaded.
    pub const LOADING: u32 = 1 << 7;
    /// Allowed on a replica that has lost its primary and serves no stale data.
    pub const STALE: u32 = 1 << 8;
    /// Not shown to MONITOR.
    pub const SKIP_MONITOR: u32 = 1 << 9;
    /// Not entered in the slow log.
    pub const SKIP_SLOWLOG: u32 = 1 << 10;
    /// Runs on an importing slot as if ASKING came before it.
    pub const ASKING: u32 = 1 << 11;
    /// Constant or logarithmic time.
    pub const FAST: u32 = 1 << 12;
    /// Allowed before authentication.
    pub const NO_AUTH: u32 = 1 << 13;
    /// May replicate though it is no write (PUBLISH, EVAL, PFCOUNT). Not shown in replies.
    pub const MAY_REPLICATE: u32 = 1 << 14;
    /// Having no key at all is fine (EVAL).
    pub const NO_MANDATORY_KEYS: u32 = 1 << 15;
    /// Off unless a setting allows it (DEBUG, MODULE). Not shown in replies.
    pub const PROTECTED: u32 = 1 << 16;
    /// Refused while a replica loads beside serving.
    pub const NO_ASYNC_LOADING: u32 = 1 << 17;
    /// Refused inside MULTI.
    pub const NO_MULTI: u32 = 1 << 18;
    /// Its keys are not all in one fixed range; computed from the key specs.
    pub const MOVABLE_KEYS: u32 = 1 << 19;
    /// Allowed while a script has run too long.
    pub const ALLOW_BUSY: u32 = 1 << 20;
    /// Touches keys that are not arguments (SCAN, RANDOMKEY). Not shown in replies.
    pub const TOUCHES_ARBITRARY_KEYS: u32 = 1 << 21;

    /// The flags COMMAND INFO shows, in its order.
    pub const NAMES: &[(u32, &str)] = &[
        (WRITE, "write"),
        (READONLY, "readonly"),
        (DENYOOM, "denyoom"),
        (ADMIN, "admin"),
        (PUBSUB, "pubsub"),
        (NOSCRIPT, "noscript"),
        (BLOCKING, "blocking"),
        (LOADING, "loading"),
        (STALE, "stale"),
        (SKIP_MONITOR, "skip_monitor"),
        (SKIP_SLOWLOG, "skip_slowlog"),
        (ASKING, "asking"),
        (FAST, "fast"),
        (NO_AUTH, "no_auth"),
        (NO_MANDATORY_KEYS, "no_mandatory_keys"),
        (NO_ASYNC_LOADING, "no_async_loading"),
        (NO_MULTI, "no_multi"),
        (MOVABLE_KEYS, "movablekeys"),
        (ALLOW_BUSY, "allow_busy"),
    ];
}

/// The categories ACL rules name with `@`.
#[expect(missing_docs, reason = "each constant is the category of its name")]
pub mod acl {
    pub const KEYSPACE: u32 = 1 << 0;
    pub const READ: u32 = 1 << 1;
    pub const WRITE: u32 = 1 << 2;
    pub const SET: u32 = 1 << 3;
    pub const SORTEDSET: u32 = 1 << 4;
    pub const LIST: u32 = 1 << 5;
    pub const HASH: u32 = 1 << 6;
    pub const STRING: u32 = 1 << 7;
    pub const BITMAP: u32 = 1 << 8;
    pub const HYPERLOGLOG: u32 = 1 << 9;
    pub const GEO: u32 = 1 << 10;
    pub const STREAM: u32 = 1 << 11;
    pub const PUBSUB: u32 = 1 << 12;
    pub const ADMIN: u32 = 1 << 13;
    pub const FAST: u32 = 1 << 14;
    pub const SLOW: u32 = 1 << 15;
    pub const BLOCKING: u32 = 1 << 16;
    pub const DANGEROUS: u32 = 1 << 17;
    pub const CONNECTION: u32 = 1 << 18;
    pub const TRANSACTION: u32 = 1 << 19;
    pub const SCRIPTING: u32 = 1 << 20;

    /// All categories, in the order of ACL CAT.
    pub const NAMES: &[(u32, &str)] = &[
        (KEYSPACE, "keyspace"),
        (READ, "read"),
        (WRITE, "write"),
        (SET, "set"),
        (SORTEDSET, "sortedset"),
        (LIST, "list"),
        (HASH, "hash"),
        (STRING, "string"),
        (BITMAP, "bitmap"),
        (HYPERLOGLOG, "hyperloglog"),
        (GEO, "geo"),
        (STREAM, "stream"),
        (PUBSUB, "pubsub"),
        (ADMIN, "admin"),
        (FAST, "fast"),
        (SLOW, "slow"),
        (BLOCKING, "blocking"),
        (DANGEROUS, "dangerous"),
        (CONNECTION, "connection"),
        (TRANSACTION, "transaction"),
        (SCRIPTING, "scripting"),
    ];

    /// The category called `name` (without `@`), in any case.
    pub fn by_name(name: &[u8]) -> Option<u32> {
        NAMES.iter().find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(name)).map(|&(bit, _)| bit)
    }

    /// The categories that follow from a command's flags, and those the row names.
    pub(in super::super) const fn implied(named: u32, flags: u32) -> u32 {
        use super::flag;
        let mut all = named;
        if flags & flag::WRITE != 0 {
            all |= WRITE;
        }
        if flags & flag::READONLY != 0 && named & SCRIPTING == 0 {
            all |= READ;
        }
        if flags & flag::ADMIN != 0 {
            all |= ADMIN | DANGEROUS;
        }
        if flags & flag::PUBSUB != 0 {
            all |= PUBSUB;
        }
        if flags & flag::BLOCKING != 0 {
            all |= BLOCKING;
        }
        all | if flags & flag::FAST != 0 { FAST } else { SLOW }
    }
}

/// What a command does with a key.
pub mod access {
    /// Reads the value, does not change it.
    pub const RO: u16 = 1 << 0;
    /// Changes the value.
    pub const RW: u16 = 1 << 1;
    /// Replaces the value, whatever it was.
    pub const OW: u16 = 1 << 2;
    /// Deletes the key.
    pub const RM: u16 = 1 << 3;
    /// Tells, copies or uses the data in the value.
    pub const ACCESS: u16 = 1 << 4;
    /// Changes data in the value.
    pub const UPDATE: u16 = 1 << 5;
    /// Adds data without changing what is there.
    pub const INSERT: u16 = 1 << 6;
    /// Deletes data from the value on purpose.
    pub const DELETE: u16 = 1 << 7;
    /// No key, but routed like one (a shard channel).
    pub const NOT_KEY: u16 = 1 << 8;
    /// The key spec may miss keys.
    pub const INCOMPLETE: u16 = 1 << 9;
    /// What is done depends on other arguments.
    pub const VARIABLE_FLAGS: u16 = 1 << 10;

    /// Every access bit, in the order of replies.
    pub const NAMES: &[(u16, &str)] = &[
        (RO, "RO"),
        (RW, "RW"),
        (OW, "OW"),
        (RM, "RM"),
        (ACCESS, "access"),
        (UPDATE, "update"),
        (INSERT, "insert"),
        (DELETE, "delete"),
        (NOT_KEY, "not_key"),
        (INCOMPLETE, "incomplete"),
        (VARIABLE_FLAGS, "variable_flags"),
    ];
}

//! Open files: each client needs one, and a login shell usually allows 1024.
//!
//! As Redis does, the node raises its own limit as far as it may, and where that is not enough it takes fewer
//! clients and says so.

use super::config::{Caller, Config};

/// Files a node needs beside its clients'. Source: Redis 7.0 `CONFIG_MIN_RESERVED_FDS`, and room for rings and queues.
pub const RESERVED: u64 = 64;

/// Files for the links of the cluster bus: two for each other node of the largest cluster that is recommended.
const BUS_LINKS: u64 = 2 * 1000;
/// Where files are few, this part of them at most is for links: at the usual 1024, enough for 64 nodes.
const BUS_SHARE: u64 = 8;

/// Raises the limit for `maxclients`, or lowers `maxclients` to what the limit allows.
pub fn adjust(config: &mut Config) {
    let wanted: u64 = config.number("maxclients");
    let links = if config.flag("cluster-enabled") { BUS_LINKS } else { 0 };
    let needed = wanted + RESERVED + links;
    let Ok((soft, hard)) = rlimit::Resource::NOFILE.get() else { return };
    if soft >= needed {
        return;
    }
    // Beyond the hard limit only with privilege.
    let raised = rlimit::Resource::NOFILE.set(needed, hard.max(needed)).is_ok()
        || rlimit::Resource::NOFILE.set(needed.min(hard), hard).is_ok() && hard >= needed;
    if raised {
        log::info!("Increased maximum number of open files to {needed} (it was originally set to {soft}).");
        return;
    }
    let allowed = rlimit::Resource::NOFILE.get().map_or(soft, |(soft, _)| soft);
    let clients = allowed.saturating_sub(RESERVED + links.min(allowed / BUS_SHARE)).max(1);
    if clients >= wanted {
        return;
    }
    log::warn!("You requested maxclients of {wanted} requiring at least {needed} max file descriptors.");
    log::warn!(
        "Current maximum open files is {allowed}. maxclients has been reduced to {clients} to compensate for low \
         ulimit. If you need higher maxclients increase 'ulimit -n'."
    );
    let clients = clients.to_string();
    if let Err(error) = config.set(&[b"maxclients", clients.as_bytes()], Caller { local: true, loading: true }) {
        log::warn!("maxclients can't be reduced: {error}");
    }
}

//! The conversation of several control planes, and of one with whoever can reach its bus port.

mod claims;
mod detection;
mod hostile;
mod membership;

use crate::cluster::options::Options;
use crate::cluster::testing::Network;

fn quick() -> Options {
    Options { node_timeout_ms: 2000, ..Options::default() }
}

/// Without the quick way to suspicion: what is timed is Redis's way.
fn patient() -> Options {
    Options { fast_failure_detection: false, ..quick() }
}

/// The line of `other` in CLUSTER NODES of `member`.
fn line(network: &mut Network, member: usize, other: usize) -> String {
    let id = network.id(other).to_string();
    let nodes = network.says(member, "CLUSTER NODES");
    nodes.split(['|', '\n']).find(|line| line.starts_with(&id)).unwrap_or_default().to_string()
}

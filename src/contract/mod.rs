//! What the two planes say to each other. Plain data, no behaviour, owned by no thread.

pub mod settings;
pub mod topology;

//! What the two planes say to each other. Plain data, no behaviour, owned by no thread.

pub mod introduction;
pub mod log;
pub mod settings;
pub mod standing;
pub mod topology;

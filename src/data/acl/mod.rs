//! ACL: who may use which commands on which keys and channels.
//!
//! [`Users`] is an immutable table: whoever changes a user makes a new one. The bus core does that and sends every data
//! core an `Arc` of it; each connection there holds an `Arc` of its own [`User`], so that checking a command asks nobody.
//!
//! ```text
//! Users -> User: on/off, passwords
//!            -> Selector (the root): commands, key patterns, channel patterns
//!            -> Selector "(...)": the same again; a command needs one selector that allows all of it
//! ```
//!
//! Plain data and pure functions, owned by no thread. The facts, the texts and their order are those of Redis 7.0.15.

mod check;
mod commands;
mod log;
mod selector;
mod user;
mod users;

#[cfg(test)]
mod tests;

pub use check::{Denied, sort_refusal};
pub use commands::Commands;
pub use log::{Context, DenialLog, Entry, Reason};
pub use selector::{RuleError, Selector};
pub use user::User;
pub use users::{DEFAULT, Users, merge_selectors};

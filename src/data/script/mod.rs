//! Scripts and functions: the Lua interpreter of one data core, the sandbox it runs scripts in, and what it knows.
//!
//! ```text
//! EVAL -> Engine::start -> a coroutine with a stack of its own: prelude.lua, the script
//!                            | redis.call(...)          | too long
//!         Step::Call  <------+                          |
//!         Step::Slice <---------------------------------+
//!         Step::Done  <- the script's value as a reply
//! ```
//!
//! The engine never sees the core's data. A script that calls a command steps out of its coroutine, the core executes
//! the command and resumes it with the reply; one that has thought for too long steps out too, so that the core can
//! see to others. Owned by the data core's thread; a script runs on the core that owns its keys, and every core has
//! every script.
//!
//! Invariants: at most one script runs in an engine. Scripts see nothing that they could change for others
//! (`prelude.lua`). What they take is bounded: memory by `SCRIPT_MEMORY`, depth by Lua and by the stack.

pub mod api;
pub mod bridge;
mod call;
mod convert;
pub mod debugger;
pub mod engine;
#[cfg(test)]
mod exploits;
pub mod functions;
pub mod known;
pub mod library;
mod stack;

pub use engine::{Engine, Invocation, Outcome, Step};

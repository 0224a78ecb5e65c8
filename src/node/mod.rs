//! The node as a program: its configuration and its log.

pub mod config;
pub mod log;

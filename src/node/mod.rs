//! A node put together: its configuration, its log, its files.

pub mod config;
pub mod log;
pub mod nodes_file;

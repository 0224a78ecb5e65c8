//! A node put together: configuration, files, threads.

pub mod aof;
pub mod boot;
pub mod config;
pub mod courier;
pub mod listeners;
pub mod loader;
pub mod log;
pub mod nodes_file;
pub mod office;
pub mod open_files;
pub mod pid_file;
pub mod saver;
pub mod snapshot_file;
pub mod title;

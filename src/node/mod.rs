//! node

pub mod nodes_file;

//! The data plane: what a data core does with its clients and its slots.

pub mod acl;
pub mod command;
pub mod exec;
pub mod key;
pub mod origin;
pub mod plane;
pub mod rdb;
pub mod route;
pub mod script;
pub mod store;
pub mod types;
pub mod waiter;

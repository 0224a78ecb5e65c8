//! The rules of failover.

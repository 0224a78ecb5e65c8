//! Commands: what each is and what it does.
pub mod spec;

//! Commands: what each is and what it does.

pub mod debug;
pub mod expiry_args;
pub mod generic;
pub mod help;
pub mod memory;
pub mod number;
pub mod string;
#[cfg(test)]
pub mod recorded;
#[cfg(test)]
pub mod testing;

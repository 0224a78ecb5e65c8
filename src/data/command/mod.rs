//! Commands: what each is and what it does.

pub mod expiry_args;
pub mod number;
pub mod string;
#[cfg(test)]
pub mod testing;

//! The wire protocol of clients: RESP2 and RESP3. Pure code over byte slices, owned by no thread.

pub mod double;
pub mod error;
pub mod inline;
pub mod parse;
pub mod quote;
pub mod reply;

pub use error::Error;
pub use reply::{Proto, Reply};

//! The hash commands, by family. Run on the core that owns the key's slot.

pub mod read;
pub mod sample;
pub mod write;

#[cfg(test)]
mod tests;

use crate::data::exec::{Exec, Handler};
use crate::data::types::hash::Hash;
use crate::resp::Error;

/// The hash commands by name.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("hdel", write::hdel),
    ("hexists", read::hexists),
    ("hget", read::hget),
    ("hgetall", read::hgetall),
    ("hincrby", write::hincrby),
    ("hincrbyfloat", write::hincrbyfloat),
    ("hkeys", read::hkeys),
    ("hlen", read::hlen),
    ("hmget", read::hmget),
    ("hmset", write::hmset),
    ("hrandfield", sample::hrandfield),
    ("hscan", hscan),
    ("hset", write::hset),
    ("hsetnx", write::hsetnx),
    ("hstrlen", read::hstrlen),
    ("hvals", read::hvals),
];

/// `HSCAN key cursor [MATCH pattern] [COUNT count]`
pub fn hscan(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    super::scan::scan(exec, args, |hash: &Hash, cursor, visit| {
        hash.scan(cursor, |field, value| visit(field, Some(value)))
    })
}

//! The set commands, by family. Run on the core that owns the key's slot, or on one that holds the stores of all keys.

pub mod combine;
pub mod member;
pub mod pop;

#[cfg(test)]
mod tests;

use crate::data::exec::{Exec, Handler};
use crate::data::types::set::Set;
use crate::resp::Error;

/// The set commands by name.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("sadd", member::sadd),
    ("scard", member::scard),
    ("sdiff", combine::sdiff),
    ("sdiffstore", combine::sdiffstore),
    ("sinter", combine::sinter),
    ("sintercard", combine::sintercard),
    ("sinterstore", combine::sinterstore),
    ("sismember", member::sismember),
    ("smembers", member::smembers),
    ("smismember", member::smismember),
    ("smove", member::smove),
    ("spop", pop::spop),
    ("srandmember", pop::srandmember),
    ("srem", member::srem),
    ("sscan", sscan),
    ("sunion", combine::sunion),
    ("sunionstore", combine::sunionstore),
];

/// `SSCAN key cursor [MATCH pattern] [COUNT count]`
pub fn sscan(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    super::scan::scan(exec, args, |set: &Set, cursor, visit| set.scan(cursor, |member| visit(member, None)))
}

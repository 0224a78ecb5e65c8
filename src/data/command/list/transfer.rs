//! LMOVE, RPOPLPUSH: an element from one list to another, or to the other end of the same.

use super::{Done, edit, exists, parse_end, popped, push};
use crate::base::notify::Class;
use crate::data::exec::Exec;
use crate::data::key::Key;
use crate::data::types::list::End;
use crate::resp::Error;

/// From where to where.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub from: End,
    pub to: End,
}

impl Ends {
    /// Those of RPOPLPUSH.
    pub const RPOPLPUSH: Ends = Ends { from: End::Tail, to: End::Head };

    /// `LEFT|RIGHT LEFT|RIGHT`
    pub fn parse(from: &[u8], to: &[u8]) -> Result<Ends, Error> {
        Ok(Ends { from: parse_end(from)?, to: parse_end(to)? })
    }
}

/// `LMOVE source destination LEFT|RIGHT LEFT|RIGHT`
pub fn lmove(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let ends = Ends::parse(args[3], args[4])?;
    transfer_if_there(exec, args, ends)
}

/// `RPOPLPUSH source destination`
pub fn rpoplpush(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    transfer_if_there(exec, args, Ends::RPOPLPUSH)
}

fn transfer_if_there(exec: &mut Exec<'_>, args: &[&[u8]], ends: Ends) -> Done {
    if !transfer(exec, &exec.key(args[1]), &exec.key(args[2]), ends)? {
        exec.reply.null();
    }
    Ok(())
}

/// Moves an element of the list at `source`, and writes it; false: there is none.
pub(super) fn transfer(exec: &mut Exec<'_>, source: &Key<'_>, target: &Key<'_>, ends: Ends) -> Result<bool, Error> {
    if !exists(exec, source)? {
        return Ok(false);
    }
    exists(exec, target)?;
    let taken = edit(exec, source, |list, _| ((list.pop(ends.from, |element| element.to_vec()), list.len()), true))?;
    let Some((Some(element), mut left)) = taken else { return Ok(false) };
    let length = push(exec, target, ends.to, &[&element])?;
    if source.bytes == target.bytes {
        left = length;
    }
    exec.notify(Class::LIST, if ends.to == End::Head { "lpush" } else { "rpush" }, target);
    exec.reply.bulk(&element);
    popped(exec, source, ends.from, left);
    exec.changed(1);
    Ok(true)
}

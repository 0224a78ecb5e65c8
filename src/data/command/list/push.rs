//! LPUSH, RPUSH, LPUSHX, RPUSHX.

use super::{Done, exists, push};
use crate::base::notify::Class;
use crate::data::exec::Exec;
use crate::data::types::list::End;

/// `LPUSH key element [element ...]`
pub fn lpush(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    push_all(exec, args, End::Head, false)
}

/// `RPUSH key element [element ...]`
pub fn rpush(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    push_all(exec, args, End::Tail, false)
}

/// `LPUSHX key element [element ...]`
pub fn lpushx(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    push_all(exec, args, End::Head, true)
}

/// `RPUSHX key element [element ...]`
pub fn rpushx(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    push_all(exec, args, End::Tail, true)
}

fn push_all(exec: &mut Exec<'_>, args: &[&[u8]], end: End, only_existing: bool) -> Done {
    let key = exec.key(args[1]);
    if only_existing && !exists(exec, &key)? {
        exec.reply.int(0);
        return Ok(());
    }
    let elements = &args[2..];
    let length = push(exec, &key, end, elements)?;
    exec.changed(elements.len() as u64);
    exec.notify(Class::LIST, if end == End::Head { "lpush" } else { "rpush" }, &key);
    exec.reply.int(length as i64);
    Ok(())
}

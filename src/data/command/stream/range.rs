//! XLEN, XRANGE and XREVRANGE.

use super::Done;
use super::args;
use crate::data::command::collection;
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::data::types::stream::Stream;
use crate::resp::Error;

/// `XLEN key`
pub fn xlen(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let key = exec.key(args[1]);
    let found = collection::read::<Stream>(exec.stores, exec.db, &key, exec.now)?;
    let length = found.map(Stream::len);
    exec.reply.int(length.unwrap_or_default() as i64);
    if length.is_none() {
        collection::missed(exec, &key);
    }
    Ok(())
}

/// `XRANGE key start end [COUNT count]`
pub fn xrange(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    range(exec, args, false)
}

/// `XREVRANGE key end start [COUNT count]`
pub fn xrevrange(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    range(exec, args, true)
}

fn range(exec: &mut Exec<'_>, args: &[&[u8]], back: bool) -> Done {
    let (from, to) = if back { (args[3], args[2]) } else { (args[2], args[3]) };
    let bounds = (args::start(from)?, args::end(to)?);
    let mut count = None;
    for option in args[4..].chunks(2) {
        match option {
            [word, number] if word.eq_ignore_ascii_case(b"count") => {
                count = Some(parse_i64(number).ok_or(Error::NotAnInteger)?.max(0) as usize);
            }
            _ => return Err(Error::Syntax),
        }
    }
    let key = exec.key(args[1]);
    match collection::read::<Stream>(exec.stores, exec.db, &key, exec.now)? {
        None => {
            exec.reply.array(0);
            collection::missed(exec, &key);
        }
        Some(_) if count == Some(0) => exec.reply.null_array(),
        Some(stream) => super::write_array(&mut exec.reply, stream, bounds, count.unwrap_or(0), back),
    }
    Ok(())
}

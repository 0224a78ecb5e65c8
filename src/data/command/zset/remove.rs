//! ZREM and ZREMRANGEBYRANK, -BYSCORE, -BYLEX.

use super::bounds::Bounds;
use super::{current, edit};
use crate::base::notify::Class;
use crate::data::command::collection::remove_emptied;
use crate::data::exec::Exec;
use crate::data::key::Key;
use crate::resp::Error;
use std::ops::Range;

/// `ZREM key member [member ...]`
pub fn zrem(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let removal = edit(exec, &key, |zset| {
        let removed = args[2..].iter().filter(|member| zset.remove(member).is_some()).count();
        ((removed, zset.is_empty()), removed > 0)
    });
    let (removed, is_empty) = removal?.unwrap_or_default();
    exec.reply.int(removed as i64);
    if removed > 0 {
        exec.changed(removed as u64);
        exec.notify(Class::ZSET, "zrem", &key);
        if is_empty {
            remove_emptied(exec, &key);
        }
    }
    Ok(())
}

/// `ZREMRANGEBYRANK key start stop`
pub fn zremrangebyrank(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    remove_range(exec, args, Bounds::ranks(args[2], args[3])?, "zremrangebyrank")
}

/// `ZREMRANGEBYSCORE key min max`
pub fn zremrangebyscore(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    remove_range(exec, args, Bounds::scores(args[2], args[3])?, "zremrangebyscore")
}

/// `ZREMRANGEBYLEX key min max`
pub fn zremrangebylex(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    remove_range(exec, args, Bounds::members(args[2], args[3])?, "zremrangebylex")
}

fn remove_range(exec: &mut Exec<'_>, args: &[&[u8]], bounds: Bounds<'_>, event: &'static str) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let ranks = match current(exec.stores, exec.db, &key, exec.now)? {
        Some(zset) => bounds.range(zset, false),
        None => 0..0,
    };
    exec.reply.int(ranks.len() as i64);
    if !ranks.is_empty() {
        exec.changed(ranks.len() as u64);
        remove_ranks(exec, &key, ranks, event)?;
    }
    Ok(())
}

/// Removes the elements at these ranks, of which there is one at least, and announces it.
pub fn remove_ranks(exec: &mut Exec<'_>, key: &Key<'_>, ranks: Range<usize>, event: &'static str) -> Result<(), Error> {
    exec.notify(Class::ZSET, event, key);
    let all = edit(exec, key, |zset| {
        let all = ranks.len() == zset.len();
        if !all {
            zset.remove_ranks(ranks);
        }
        (all, true)
    })?;
    // When nothing is left the key goes as it is, to be freed in small steps.
    if all == Some(true) {
        remove_emptied(exec, key);
    }
    Ok(())
}

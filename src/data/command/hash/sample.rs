//! HRANDFIELD: random fields.

use crate::data::command::collection::{missed, read, write_entry};
use crate::data::command::sample::{Wanted, sample};
use crate::data::exec::Exec;
use crate::data::types::hash::Hash;
use crate::resp::{Error, Proto};

/// `HRANDFIELD key [count [WITHVALUES]]`
pub fn hrandfield(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let wanted = match args.get(2) {
        Some(count) => Some(parse(count, &args[3..])?),
        None => None,
    };
    let end = wanted.map_or(Ok(usize::MAX), |(wanted, _)| wanted.end_of_reply(exec));
    let mut random = exec.store(key.slot).fork_random();
    match (read::<Hash>(exec.stores, exec.db, &key, exec.now)?, wanted) {
        (Some(hash), Some((wanted, values))) => {
            let (count, end) = (wanted.of(hash.len()), end?);
            let flat = values && exec.reply.proto() == Proto::Resp2;
            exec.reply.array(if flat { count * 2 } else { count });
            sample(hash, wanted, &mut random, |(field, value)| {
                if values && !flat {
                    exec.reply.array(2);
                }
                write_entry(&mut exec.reply, field);
                if values {
                    write_entry(&mut exec.reply, value);
                }
                exec.reply.position() < end
            });
        }
        (Some(hash), None) => {
            if let Some((field, _)) = hash.random(&mut random) {
                write_entry(&mut exec.reply, field);
            }
        }
        (None, wanted) => {
            if wanted.is_some() {
                exec.reply.array(0);
            } else {
                exec.reply.null();
            }
            missed(exec, &key);
        }
    }
    Ok(())
}

/// How many fields, and whether with their values.
fn parse(count: &[u8], options: &[&[u8]]) -> Result<(Wanted, bool), Error> {
    let wanted = Wanted::parse(count)?;
    match options {
        [] => Ok((wanted, false)),
        [word] if word.eq_ignore_ascii_case(b"WITHVALUES") => Ok((wanted.in_pairs()?, true)),
        _ => Err(Error::Syntax),
    }
}

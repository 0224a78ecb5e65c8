//! HRANDFIELD: random fields.

use crate::data::command::collection::{read, write_entry};
use crate::data::command::sample::{Wanted, draw_none, sample};
use crate::data::exec::Exec;
use crate::data::types::hash::Hash;
use crate::resp::{Error, Proto};

/// `HRANDFIELD key [count [WITHVALUES]]`
pub fn hrandfield(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let wanted = Wanted::parse_in_pairs(&args[2..], "WITHVALUES")?;
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
        (None, wanted) => draw_none(exec, &key, wanted.is_some()),
    }
    Ok(())
}

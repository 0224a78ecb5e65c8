//! HRANDFIELD: random fields.

use super::read::write_entry;
use crate::base::limits::MAX_SAMPLES;
use crate::base::random::Random;
use crate::data::command::collection::{missed, read};
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::data::types::hash::{Hash, Pair};
use crate::resp::{Error, Proto, Reply};
use std::collections::HashSet;

/// `HRANDFIELD key [count [WITHVALUES]]`
pub fn hrandfield(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let asked = match args.get(2) {
        Some(count) => Some(Asked::parse(count, &args[3..])?),
        None => None,
    };
    let mut random = exec.store(key.slot).fork_random();
    match (read::<Hash>(exec.stores, exec.db, &key, exec.now)?, asked) {
        (Some(hash), Some(asked)) => write_fields(&mut exec.reply, hash, asked, &mut random),
        (Some(hash), None) => {
            if let Some((field, _)) = hash.random(&mut random) {
                write_entry(&mut exec.reply, field);
            }
        }
        (None, asked) => {
            if asked.is_some() {
                exec.reply.array(0)
            } else {
                exec.reply.null()
            }
            missed(exec, &key);
        }
    }
    Ok(())
}

/// How many fields, and whether with their values.
#[derive(Clone, Copy)]
struct Asked {
    count: usize,
    /// None twice.
    unique: bool,
    values: bool,
}

impl Asked {
    fn parse(count: &[u8], options: &[&[u8]]) -> Result<Asked, Error> {
        let out_of_range = || Error::new("ERR value is out of range");
        let count = parse_i64(count).ok_or(Error::NotAnInteger)?;
        if count == i64::MIN {
            return Err(out_of_range());
        }
        let values = match options {
            [] => false,
            [word] if word.eq_ignore_ascii_case(b"WITHVALUES") => true,
            _ => return Err(Error::Syntax),
        };
        let (unique, count) = (count >= 0, count.unsigned_abs());
        if values && count > i64::MAX as u64 / 2 || !unique && count > MAX_SAMPLES {
            return Err(out_of_range());
        }
        Ok(Asked { count: count as usize, unique, values })
    }
}

fn write_fields(reply: &mut Reply<'_>, hash: &Hash, asked: Asked, random: &mut Random) {
    let size = hash.len();
    let count = if asked.unique { asked.count.min(size) } else { asked.count };
    let flat = asked.values && reply.proto() == Proto::Resp2;
    reply.array(if flat { count * 2 } else { count });
    let mut write = |(field, value): Pair<'_>| {
        if asked.values && !flat {
            reply.array(2);
        }
        write_entry(reply, field);
        if asked.values {
            write_entry(reply, value);
        }
    };
    if asked.unique && count == size {
        hash.iter().for_each(write);
    } else if matches!(hash, Hash::Listpack(_)) || asked.unique && count * 3 > size {
        // Going through all once is cheaper than looking each up.
        let mut pairs: Vec<_> = hash.iter().collect();
        for chosen in 0..count {
            if asked.unique {
                let other = chosen + random.index(size - chosen);
                pairs.swap(chosen, other);
                write(pairs[chosen]);
            } else {
                write(pairs[random.index(size)]);
            }
        }
    } else if asked.unique {
        let mut chosen = HashSet::with_capacity(count);
        while chosen.len() < count {
            let Some(pair) = hash.random(random) else { return };
            if chosen.insert(pair.0.to_vec()) {
                write(pair);
            }
        }
    } else {
        (0..count).filter_map(|_| hash.random(random)).for_each(write);
    }
}

//! ZRANDMEMBER and ZSCAN.

use super::{Shape, write_pair};
use crate::base::double;
use crate::data::command::collection::{read, write_entry};
use crate::data::command::sample::{Wanted, draw_none, sample};
use crate::data::command::scan::scan;
use crate::data::exec::Exec;
use crate::data::types::zset::Zset;
use crate::resp::Error;

/// `ZRANDMEMBER key [count [WITHSCORES]]`
pub fn zrandmember(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let wanted = Wanted::parse_in_pairs(&args[2..], "WITHSCORES")?;
    let end = wanted.map_or(Ok(usize::MAX), |(wanted, _)| wanted.end_of_reply(exec));
    let mut random = exec.store(key.slot).fork_random();
    match (read::<Zset>(exec.stores, exec.db, &key, exec.now)?, wanted) {
        (Some(zset), Some((wanted, with_scores))) => {
            let (shape, end) = (Shape::of(with_scores, &exec.reply), end?);
            shape.begin(&mut exec.reply, wanted.of(zset.len()));
            sample(zset, wanted, &mut random, |pair| {
                write_pair(&mut exec.reply, shape, pair);
                exec.reply.position() < end
            });
        }
        (Some(zset), None) => {
            if let Some((member, _)) = zset.nth(random.index(zset.len())) {
                write_entry(&mut exec.reply, member);
            }
        }
        (None, wanted) => draw_none(exec, &key, wanted.is_some()),
    }
    Ok(())
}

/// `ZSCAN key cursor [MATCH pattern] [COUNT count]`
pub fn zscan(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    scan(exec, args, |zset: &Zset, cursor, visit| match zset.listpack() {
        // Scores are shown as they are written there, as by Redis.
        Some(listpack) => {
            let mut entries = listpack.iter();
            while let (Some(member), Some(score)) = (entries.next(), entries.next()) {
                visit(member.text(&mut itoa::Buffer::new()), Some(score.text(&mut itoa::Buffer::new())));
            }
            0
        }
        None => zset.scan(cursor, 1, |(member, score)| {
            visit(member.text(&mut itoa::Buffer::new()), Some(double::Buffer::new().format(score)));
        }),
    })
}

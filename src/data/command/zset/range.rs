//! ZRANGE in all its forms, its older names, and ZRANGESTORE.

use super::bounds::{Bounds, Limit};
use super::{Shape, store_result, write_pairs};
use crate::data::command::collection::{missed, read};
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::data::types::zset::Zset;
use crate::resp::Error;

#[derive(Clone, Copy, PartialEq)]
enum By {
    Rank,
    Score,
    Member,
}

/// `ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]`
pub fn zrange(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    reply_range(exec, args, None, None)
}

/// `ZREVRANGE key start stop [WITHSCORES]`
pub fn zrevrange(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    reply_range(exec, args, Some(By::Rank), Some(true))
}

/// `ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]`
pub fn zrangebyscore(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    reply_range(exec, args, Some(By::Score), Some(false))
}

/// `ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]`
pub fn zrevrangebyscore(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    reply_range(exec, args, Some(By::Score), Some(true))
}

/// `ZRANGEBYLEX key min max [LIMIT offset count]`
pub fn zrangebylex(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    reply_range(exec, args, Some(By::Member), Some(false))
}

/// `ZREVRANGEBYLEX key max min [LIMIT offset count]`
pub fn zrevrangebylex(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    reply_range(exec, args, Some(By::Member), Some(true))
}

/// `ZRANGESTORE dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]`
pub fn zrangestore(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let range = RangeArgs::parse(&args[2..], None, None, true)?;
    let (to, from) = (exec.key(args[1]), exec.key(args[2]));
    let settings = exec.settings;
    let limits = &settings.encodings;
    let source = read::<Zset>(exec.stores, exec.db, &from, exec.now)?;
    let mut result = Zset::default();
    if let Some(zset) = source {
        for (member, score) in zset.range(range.ranks(zset), false) {
            result.set(member.text(&mut itoa::Buffer::new()), score, limits);
        }
    }
    exec.reply.int(result.len() as i64);
    if source.is_none() {
        missed(exec, &from);
    }
    store_result(exec, &to, result, "zrangestore");
    Ok(())
}

/// Replies with a range. `by` and `reverse` are given by the command's name, else to be asked for.
fn reply_range(exec: &mut Exec<'_>, args: &[&[u8]], by: Option<By>, reverse: Option<bool>) -> Result<(), Error> {
    let range = RangeArgs::parse(&args[1..], by, reverse, false)?;
    let key = exec.key(args[1]);
    match read::<Zset>(exec.stores, exec.db, &key, exec.now)? {
        Some(zset) => {
            let shape = Shape::of(range.with_scores, &exec.reply);
            write_pairs(&mut exec.reply, shape, zset.range(range.ranks(zset), range.reverse));
        }
        None => {
            exec.reply.array(0);
            missed(exec, &key);
        }
    }
    Ok(())
}

/// What of a sorted set a command wants.
struct RangeArgs<'a> {
    bounds: Bounds<'a>,
    limit: Limit,
    reverse: bool,
    with_scores: bool,
}

impl<'a> RangeArgs<'a> {
    /// Reads `key min max [option ...]`.
    fn parse(args: &[&'a [u8]], by: Option<By>, reverse: Option<bool>, stores: bool) -> Result<RangeArgs<'a>, Error> {
        let (mut asked_by, mut asked_reverse) = (by, reverse);
        let (mut limit, mut with_scores) = (Limit::NONE, false);
        let mut options = &args[3..];
        while let [word, rest @ ..] = options {
            options = rest;
            match (word.to_ascii_lowercase().as_slice(), rest) {
                (b"withscores", _) if !stores => with_scores = true,
                (b"limit", [offset, count, rest @ ..]) => {
                    let number = |text| parse_i64(text).ok_or(Error::NotAnInteger);
                    limit = Limit { offset: number(offset)?, count: number(count)? };
                    options = rest;
                }
                (b"rev", _) if asked_reverse.is_none() => asked_reverse = Some(true),
                (b"bylex", _) if asked_by.is_none() => asked_by = Some(By::Member),
                (b"byscore", _) if asked_by.is_none() => asked_by = Some(By::Score),
                _ => return Err(Error::Syntax),
            }
        }
        let (by, reverse) = (asked_by.unwrap_or(By::Rank), asked_reverse.unwrap_or(false));
        if limit.count != -1 && by == By::Rank {
            return Err(Error::new(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if with_scores && by == By::Member {
            return Err(Error::new("ERR syntax error, WITHSCORES not supported in combination with BYLEX"));
        }
        let bounds = match (by, reverse) {
            (By::Rank, _) => Bounds::ranks(args[1], args[2]),
            (By::Score, false) => Bounds::scores(args[1], args[2]),
            (By::Score, true) => Bounds::scores(args[2], args[1]),
            (By::Member, false) => Bounds::members(args[1], args[2]),
            (By::Member, true) => Bounds::members(args[2], args[1]),
        }?;
        let limit = if by == By::Rank { Limit::NONE } else { limit };
        Ok(RangeArgs { bounds, limit, reverse, with_scores })
    }

    /// The ranks wanted, counted from the lowest.
    fn ranks(&self, zset: &Zset) -> std::ops::Range<usize> {
        self.limit.apply(self.bounds.range(zset, self.reverse), self.reverse)
    }
}

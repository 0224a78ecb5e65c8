//! The ends of ranges: by score (`5`, `(5`, `-inf`), by member (`[a`, `(a`, `-`, `+`) and by rank (`0`, `-1`).

use crate::base::double;
use crate::data::command::number::parse_i64;
use crate::data::types::zset::{Cut, Zset};
use crate::resp::Error;
use std::ops::Range;

/// What a range is measured in, and from where to where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bounds<'a> {
    /// By rank, both ends included; negative ones count from the highest.
    Ranks(i64, i64),
    /// Between two places.
    Cuts(Cut<'a>, Cut<'a>),
}

impl<'a> Bounds<'a> {
    /// Ranks.
    pub fn ranks(start: &[u8], end: &[u8]) -> Result<Bounds<'a>, Error> {
        let start = parse_i64(start).ok_or(Error::NotAnInteger)?;
        Ok(Bounds::Ranks(start, parse_i64(end).ok_or(Error::NotAnInteger)?))
    }

    /// Scores.
    pub fn scores(min: &[u8], max: &[u8]) -> Result<Bounds<'a>, Error> {
        let end = |text: &[u8]| {
            let (text, excluded) = text.strip_prefix(b"(").map_or((text, false), |text| (text, true));
            let score = double::parse_loosely(text).ok_or(Error::new("ERR min or max is not a float"))?;
            Ok::<_, Error>((score, excluded))
        };
        let ((min, min_excluded), (max, max_excluded)) = (end(min)?, end(max)?);
        Ok(Bounds::Cuts(
            if min_excluded { Cut::AfterScore(min) } else { Cut::BeforeScore(min) },
            if max_excluded { Cut::BeforeScore(max) } else { Cut::AfterScore(max) },
        ))
    }

    /// Members.
    pub fn members(min: &'a [u8], max: &'a [u8]) -> Result<Bounds<'a>, Error> {
        Ok(Bounds::Cuts(member_end(min, false)?, member_end(max, true)?))
    }

    /// The ranks in `zset` it stands for, counted from the lowest, or from the highest if `reverse`.
    pub fn range(self, zset: &Zset, reverse: bool) -> Range<usize> {
        let length = zset.len();
        match self {
            Bounds::Cuts(min, max) => {
                let start = zset.count_before(min);
                start..zset.count_before(max).max(start)
            }
            Bounds::Ranks(start, end) => {
                let length = length as i64;
                let from_front = |rank: i64| if rank < 0 { length + rank } else { rank };
                let (start, end) = (from_front(start).max(0), from_front(end).min(length - 1));
                if start > end {
                    return 0..0;
                }
                let (start, end) = (start as usize, end as usize + 1);
                if reverse { length as usize - end..length as usize - start } else { start..end }
            }
        }
    }
}

/// One end of a range of members; `is_max`: the upper one.
fn member_end(text: &[u8], is_max: bool) -> Result<Cut<'_>, Error> {
    // As for a C string, what follows a zero byte does not count.
    match text {
        [b'-'] | [b'-', 0, ..] => Ok(Cut::Start),
        [b'+'] | [b'+', 0, ..] => Ok(Cut::End),
        [b'(', member @ ..] => Ok(if is_max { Cut::BeforeMember(member) } else { Cut::AfterMember(member) }),
        [b'[', member @ ..] => Ok(if is_max { Cut::AfterMember(member) } else { Cut::BeforeMember(member) }),
        _ => Err(Error::new("ERR min or max not valid string range item")),
    }
}

/// `LIMIT offset count` of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// How many to pass; a negative one passes all.
    pub offset: i64,
    /// How many to take; a negative one takes all.
    pub count: i64,
}

impl Limit {
    /// No limit.
    pub const NONE: Limit = Limit { offset: 0, count: -1 };

    /// The part of `ranks` it leaves, seen from the lower end, or from the upper one if `reverse`.
    pub fn apply(self, ranks: Range<usize>, reverse: bool) -> Range<usize> {
        let passed = usize::try_from(self.offset).map_or(ranks.len(), |offset| offset.min(ranks.len()));
        let left = ranks.len() - passed;
        let taken = usize::try_from(self.count).map_or(left, |count| count.min(left));
        if reverse {
            ranks.end - passed - taken..ranks.end - passed
        } else {
            ranks.start + passed..ranks.start + passed + taken
        }
    }
}

//! Random elements of a collection: what HRANDFIELD, SRANDMEMBER and ZRANDMEMBER have in common.

use super::collection::missed;
use super::number::parse_i64;
use crate::base::limits::MAX_SAMPLES;
use crate::base::random::Random;
use crate::data::exec::Exec;
use crate::data::key::Key;
use crate::data::types::hash::{Hash, Pair};
use crate::data::types::listpack::Entry;
use crate::data::types::set::Set;
use crate::data::types::zset::{self, Zset};
use crate::resp::Error;
use std::collections::HashSet;

/// Up to how many times as many elements as are wanted a collection is gone through as a whole.
const THROUGH_ALL: usize = 3;

/// How many elements a command wants.
#[derive(Clone, Copy)]
pub struct Wanted {
    count: u64,
    /// None twice; that was a count that is not negative.
    unique: bool,
}

impl Wanted {
    /// Reads a count: if it is negative, an element may come more than once.
    pub fn parse(text: &[u8]) -> Result<Wanted, Error> {
        let count = parse_i64(text).ok_or(Error::NotAnInteger)?;
        let wanted = Wanted { count: count.unsigned_abs(), unique: count >= 0 };
        if count == i64::MIN {
            return Err(Error::new(
                "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ));
        }
        Ok(wanted)
    }

    /// Where in the reply to stop, though not all is there: Redis makes as many as are wanted, until it closes the client
    /// for `client-output-buffer-limit`. Where there is none, nor a client, too many are refused.
    pub fn end_of_reply(self, exec: &Exec<'_>) -> Result<usize, Error> {
        let limit = exec.settings.output_limit_normal.hard;
        match limit {
            _ if self.unique || self.count <= MAX_SAMPLES => Ok(usize::MAX),
            1.. if exec.may_block => Ok(exec.reply.position().saturating_add(limit as usize)),
            _ => Err(out_of_range()),
        }
    }

    /// Reads what may come behind a key, `[count [pairs]]`: how many are wanted, and whether each with what belongs to it.
    pub fn parse_in_pairs(words: &[&[u8]], pairs: &str) -> Result<Option<(Wanted, bool)>, Error> {
        let [count, options @ ..] = words else { return Ok(None) };
        let wanted = Wanted::parse(count)?;
        match options {
            [] => Ok(Some((wanted, false))),
            [word] if word.eq_ignore_ascii_case(pairs.as_bytes()) => Ok(Some((wanted.in_pairs()?, true))),
            _ => Err(Error::Syntax),
        }
    }

    /// The same for a command that replies two words for each.
    fn in_pairs(self) -> Result<Wanted, Error> {
        if self.count > i64::MAX as u64 / 2 { Err(out_of_range()) } else { Ok(self) }
    }

    /// How many there will be from a collection of `size` elements.
    pub fn of(self, size: usize) -> usize {
        if self.unique { self.count.min(size as u64) as usize } else { self.count as usize }
    }
}

fn out_of_range() -> Error {
    Error::new("ERR value is out of range")
}

/// What elements can be drawn from.
pub trait Source {
    /// An element.
    type Item<'s>: Copy
    where
        Self: 's;

    /// How many there are.
    fn size(&self) -> usize;
    /// Whether going through all is cheaper than drawing a few.
    fn is_small(&self) -> bool;
    /// All of them.
    fn all(&self) -> Vec<Self::Item<'_>>;
    /// One of them, each with the same probability.
    fn draw(&self, random: &mut Random) -> Option<Self::Item<'_>>;
    /// What tells one from another.
    fn identity(item: Self::Item<'_>) -> Vec<u8>;
}

impl Source for Hash {
    type Item<'s> = Pair<'s>;

    fn size(&self) -> usize {
        self.len()
    }

    fn is_small(&self) -> bool {
        matches!(self, Hash::Listpack(_))
    }

    fn all(&self) -> Vec<Pair<'_>> {
        self.iter().collect()
    }

    fn draw(&self, random: &mut Random) -> Option<Pair<'_>> {
        self.random(random)
    }

    fn identity((field, _): Pair<'_>) -> Vec<u8> {
        field.to_vec()
    }
}

impl Source for Set {
    type Item<'s> = Entry<'s>;

    fn size(&self) -> usize {
        self.len()
    }

    fn is_small(&self) -> bool {
        false
    }

    fn all(&self) -> Vec<Entry<'_>> {
        self.iter().collect()
    }

    fn draw(&self, random: &mut Random) -> Option<Entry<'_>> {
        self.random(random)
    }

    fn identity(member: Entry<'_>) -> Vec<u8> {
        member.to_vec()
    }
}

impl Source for Zset {
    type Item<'s> = zset::Pair<'s>;

    fn size(&self) -> usize {
        self.len()
    }

    fn is_small(&self) -> bool {
        self.listpack().is_some()
    }

    fn all(&self) -> Vec<zset::Pair<'_>> {
        self.iter().collect()
    }

    fn draw(&self, random: &mut Random) -> Option<zset::Pair<'_>> {
        self.nth(random.index(self.len()))
    }

    fn identity((member, _): zset::Pair<'_>) -> Vec<u8> {
        member.to_vec()
    }
}

/// Replies to a draw from no `key`; `counted` says whether the command gave a count.
pub fn draw_none(exec: &mut Exec<'_>, key: &Key<'_>, counted: bool) {
    if counted {
        exec.reply.array(0);
    } else {
        exec.reply.null();
    }
    missed(exec, key);
}

/// Chooses what is wanted, [`Wanted::of`] elements. With repetition it ends earlier when `write` says no.
pub fn sample<'s, S: Source>(
    source: &'s S,
    wanted: Wanted,
    random: &mut Random,
    mut write: impl FnMut(S::Item<'s>) -> bool,
) {
    let size = source.size();
    let count = wanted.of(size);
    if !wanted.unique && source.is_small() {
        let all = source.all();
        (0..count).all(|_| write(all[random.index(size)]));
    } else if !wanted.unique || count == 1 {
        (0..count).map_while(|_| source.draw(random)).all(write);
    } else if source.is_small() || count * THROUGH_ALL > size {
        let mut all = source.all();
        for chosen in 0..count {
            // All of them are in their order, as Redis replies them.
            if count < size {
                all.swap(chosen, chosen + random.index(size - chosen));
            }
            write(all[chosen]);
        }
    } else {
        let mut seen = HashSet::with_capacity(count);
        while seen.len() < count {
            let Some(item) = source.draw(random) else { return };
            if seen.insert(S::identity(item)) {
                write(item);
            }
        }
    }
}

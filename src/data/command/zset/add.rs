//! ZADD and ZINCRBY.

use super::current;
use crate::base::double;
use crate::base::limits::MAX_ZSET_MEMBERS;
use crate::base::notify::Class;
use crate::contract::settings::EncodingLimits;
use crate::data::command::collection::edit_or_create;
use crate::data::exec::Exec;
use crate::data::types::zset::Zset;
use crate::resp::Error;

/// `ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]`
pub fn zadd(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    add(exec, args, Options::default())
}

/// `ZINCRBY key increment member`
pub fn zincrby(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    add(exec, args, Options { increment: true, ..Options::default() })
}

#[derive(Clone, Copy, Default)]
struct Options {
    only_new: bool,
    only_existing: bool,
    only_greater: bool,
    only_less: bool,
    count_changed: bool,
    increment: bool,
}

impl Options {
    /// Takes an option, if `word` is one.
    fn take(&mut self, word: &[u8]) -> bool {
        let flag = match word.to_ascii_lowercase().as_slice() {
            b"nx" => &mut self.only_new,
            b"xx" => &mut self.only_existing,
            b"gt" => &mut self.only_greater,
            b"lt" => &mut self.only_less,
            b"ch" => &mut self.count_changed,
            b"incr" => &mut self.increment,
            _ => return false,
        };
        *flag = true;
        true
    }

    fn check(self, pairs: usize) -> Result<(), Error> {
        if self.only_new && self.only_existing {
            return Err(Error::new("ERR XX and NX options at the same time are not compatible"));
        }
        if [self.only_greater, self.only_less, self.only_new].into_iter().filter(|&set| set).count() > 1 {
            return Err(Error::new("ERR GT, LT, and/or NX options at the same time are not compatible"));
        }
        if self.increment && pairs > 1 {
            return Err(Error::new("ERR INCR option supports a single increment-element pair"));
        }
        Ok(())
    }
}

/// What a sorted set that is full says.
pub const TOO_MANY: &str = "ERR a sorted set can have at most 4294967295 members";

/// What became of the pairs.
#[derive(Default)]
struct Outcome {
    added: u64,
    updated: u64,
    /// The last score that was set; `None`: the options forbade it.
    score: Option<f64>,
}

fn add(exec: &mut Exec<'_>, args: &[&[u8]], mut options: Options) -> Result<(), Error> {
    // ZINCRBY too takes options in place of its increment, and then lacks an argument.
    let first = 2 + args[2..].iter().take_while(|word| options.take(word)).count();
    let pairs = &args[first..];
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    options.check(pairs.len() / 2)?;
    let scores = exec.scratch.alloc_slice_fill_copy(pairs.len() / 2, 0.0);
    for (score, pair) in scores.iter_mut().zip(pairs.chunks(2)) {
        *score = double::parse(pair[0]).ok_or(Error::NotAFloat)?;
    }
    let members = || scores.iter().zip(pairs.chunks(2)).map(|(score, pair)| (pair[1], *score));

    let key = exec.key(args[1]);
    let settings = exec.settings;
    let limits = &settings.encodings;
    let exists = current(exec.stores, exec.db, &key, exec.now)?.is_some();
    let outcome = if !exists && options.only_existing {
        Outcome::default()
    } else {
        edit_or_create(exec, &key, |zset: &mut Zset| {
            if zset.len() + scores.len() > MAX_ZSET_MEMBERS {
                return (Err(Error::new(TOO_MANY)), false);
            }
            let outcome = add_all(zset, members(), options, limits);
            let changed = outcome.as_ref().is_ok_and(|outcome| outcome.added + outcome.updated > 0);
            (outcome, changed)
        })??
    };

    match (options.increment, outcome.score) {
        (true, Some(score)) => exec.reply.double(score),
        (true, None) => exec.reply.null(),
        (false, _) if options.count_changed => exec.reply.int((outcome.added + outcome.updated) as i64),
        (false, _) => exec.reply.int(outcome.added as i64),
    }
    if outcome.added + outcome.updated > 0 {
        exec.changed(outcome.added + outcome.updated);
        exec.notify(Class::ZSET, if options.increment { "zincr" } else { "zadd" }, &key);
        exec.signal_ready(&key);
    }
    Ok(())
}

fn add_all<'m>(
    zset: &mut Zset,
    pairs: impl Iterator<Item = (&'m [u8], f64)>,
    options: Options,
    limits: &EncodingLimits,
) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    for (member, score) in pairs {
        let old = zset.score(member);
        let score = match old {
            Some(old) if options.increment => old + score,
            _ => score,
        };
        let allowed = match old {
            Some(_) if options.only_new => false,
            Some(_) if score.is_nan() => return Err(Error::new("ERR resulting score is not a number (NaN)")),
            Some(old) => !(options.only_less && score >= old || options.only_greater && score <= old),
            None => !options.only_existing,
        };
        if !allowed {
            continue;
        }
        outcome.score = Some(score);
        match old {
            None => outcome.added += 1,
            Some(old) if old != score => outcome.updated += 1,
            Some(_) => continue,
        }
        zset.set(member, score, limits);
    }
    Ok(outcome)
}

//! Several sorted sets, or sets, whose members all have score 1: ZUNION, ZINTER, ZDIFF, each also with STORE, and
//! ZINTERCARD.

use super::add::TOO_MANY;
use super::{Shape, store_result, write_pair};
use crate::base::double;
use crate::base::limits::MAX_ZSET_MEMBERS;
use crate::data::command::collection::missed;
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::data::store::{Handle, Stores, Value};
use crate::data::types::listpack::Entry;
use crate::data::types::set::Set;
use crate::data::types::zset::Zset;
use crate::resp::Error;
use crate::slot::Slot;
use bumpalo::Bump;
use hashbrown::HashMap;
use std::cmp::Ordering;

/// `ZUNION numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]`
pub fn zunion(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    reply_combined(exec, args, Operation::Union, "zunion")
}

/// `ZINTER numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]`
pub fn zinter(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    reply_combined(exec, args, Operation::Intersection, "zinter")
}

/// `ZDIFF numkeys key [key ...] [WITHSCORES]`
pub fn zdiff(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    reply_combined(exec, args, Operation::Difference, "zdiff")
}

/// `ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM | MIN | MAX]`
pub fn zunionstore(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    store_combined(exec, args, Operation::Union, "zunionstore")
}

/// `ZINTERSTORE destination numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM | MIN | MAX]`
pub fn zinterstore(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    store_combined(exec, args, Operation::Intersection, "zinterstore")
}

/// `ZDIFFSTORE destination numkeys key [key ...]`
pub fn zdiffstore(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    store_combined(exec, args, Operation::Difference, "zdiffstore")
}

/// `ZINTERCARD numkeys key [key ...] [LIMIT limit]`
pub fn zintercard(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let (sources, mut options) = Sources::find(exec, &args[1..], "zintercard")?;
    let mut limit = 0;
    while let [word, number, rest @ ..] = options {
        if !word.eq_ignore_ascii_case(b"LIMIT") {
            return Err(Error::Syntax);
        }
        let number = parse_i64(number).and_then(|number| usize::try_from(number).ok());
        limit = number.ok_or(Error::new("ERR LIMIT can't be negative"))?;
        options = rest;
    }
    if !options.is_empty() {
        return Err(Error::Syntax);
    }
    let mut count = 0;
    let weights = vec![1.0; sources.0.len()];
    intersect(&sources.read(exec.stores, &weights), Aggregate::Sum, |_, _| {
        count += 1;
        count != limit
    });
    exec.reply.int(count as i64);
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// How scores of one member become one.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            Aggregate::Sum => no_nan(one + other),
            Aggregate::Min => {
                if other < one {
                    other
                } else {
                    one
                }
            }
            Aggregate::Max => {
                if other > one {
                    other
                } else {
                    one
                }
            }
        }
    }
}

/// Infinity less infinity, or times zero, is nothing.
fn no_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

fn reply_combined(exec: &mut Exec<'_>, args: &[&[u8]], operation: Operation, name: &'static str) -> Result<(), Error> {
    let (sources, rest) = Sources::find(exec, &args[1..], name)?;
    let options = Options::parse(rest, sources.0.len(), operation, true)?;
    let result = combine(&sources.read(exec.stores, &options.weights), operation, options.aggregate, exec.scratch);
    let shape = Shape::of(options.with_scores, &exec.reply);
    shape.begin(&mut exec.reply, result.len());
    for (member, score) in result {
        write_pair(&mut exec.reply, shape, (Entry::Bytes(member), score));
    }
    Ok(())
}

fn store_combined(exec: &mut Exec<'_>, args: &[&[u8]], operation: Operation, name: &'static str) -> Result<(), Error> {
    let (sources, rest) = Sources::find(exec, &args[2..], name)?;
    let options = Options::parse(rest, sources.0.len(), operation, false)?;
    let mut zset = Zset::default();
    let sources = sources.read(exec.stores, &options.weights);
    for (member, score) in combine(&sources, operation, options.aggregate, exec.scratch) {
        if zset.len() == MAX_ZSET_MEMBERS {
            return Err(Error::new(TOO_MANY));
        }
        zset.set(member, score, &exec.settings.encodings);
    }
    exec.reply.int(zset.len() as i64);
    let key = exec.key(args[1]);
    store_result(exec, &key, zset, name);
    Ok(())
}

/// What follows the keys.
struct Options {
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
}

impl Options {
    fn parse(mut args: &[&[u8]], keys: usize, operation: Operation, replies: bool) -> Result<Options, Error> {
        let mut options = Options { weights: vec![1.0; keys], aggregate: Aggregate::Sum, with_scores: false };
        let weighs = operation != Operation::Difference;
        while let [word, rest @ ..] = args {
            args = match (word.to_ascii_lowercase().as_slice(), rest) {
                (b"weights", weights) if weighs && weights.len() >= keys => {
                    for (weight, text) in options.weights.iter_mut().zip(weights) {
                        *weight = double::parse(text).ok_or(Error::new("ERR weight value is not a float"))?;
                    }
                    &weights[keys..]
                }
                (b"aggregate", [how, rest @ ..]) if weighs => {
                    options.aggregate = match how.to_ascii_lowercase().as_slice() {
                        b"sum" => Aggregate::Sum,
                        b"min" => Aggregate::Min,
                        b"max" => Aggregate::Max,
                        _ => return Err(Error::Syntax),
                    };
                    rest
                }
                (b"withscores", rest) if replies => {
                    options.with_scores = true;
                    rest
                }
                _ => return Err(Error::Syntax),
            };
        }
        Ok(options)
    }
}

/// Where a command's inputs are.
struct Sources(Vec<Option<(Slot, Handle)>>);

impl Sources {
    /// Looks up the keys of `numkeys key [key ...]`, and sees that they hold what has members; also what follows them.
    fn find<'a>(
        exec: &mut Exec<'_>,
        args: &'a [&'a [u8]],
        name: &'static str,
    ) -> Result<(Sources, &'a [&'a [u8]]), Error> {
        let count = parse_i64(args[0]).ok_or(Error::NotAnInteger)?;
        if count < 1 {
            return Err(Error::new(format!("ERR at least 1 input key is needed for '{name}' command")));
        }
        let split = usize::try_from(count).ok().and_then(|count| args[1..].split_at_checked(count));
        let (keys, rest) = split.ok_or(Error::Syntax)?;
        for bytes in keys {
            let key = exec.key(bytes);
            match exec.find(&key) {
                Some(handle) => _ = Source::of(exec.store(key.slot).value(handle))?,
                None => missed(exec, &key),
            }
        }
        // Nothing expires any more: from here on the stores stay as they are.
        let (db, now) = (exec.db, exec.now);
        let found = keys.iter().map(|bytes| {
            let key = exec.key(bytes);
            Some((key.slot, exec.store(key.slot).peek(db, &key, now)?))
        });
        Ok((Sources(found.collect()), rest))
    }

    /// The inputs in the order of their keys, with their weights.
    fn read<'s>(&self, stores: &'s Stores, weights: &[f64]) -> Vec<Input<'s>> {
        let source = |found: &Option<(Slot, Handle)>| {
            let (slot, handle) = (*found)?;
            Source::of(stores.see(slot).value(handle)).ok()
        };
        let inputs = self.0.iter().zip(weights);
        inputs.map(|(found, &weight)| Input { source: source(found).unwrap_or(Source::Nothing), weight }).collect()
    }
}

#[derive(Clone, Copy)]
enum Source<'s> {
    Nothing,
    Zset(&'s Zset),
    Set(&'s Set),
}

#[derive(Clone, Copy)]
struct Input<'s> {
    source: Source<'s>,
    weight: f64,
}

impl<'s> Source<'s> {
    fn of(value: Value<'s>) -> Result<Source<'s>, Error> {
        match value {
            Value::Zset(zset) => Ok(Source::Zset(zset)),
            Value::Set(set) => Ok(Source::Set(set)),
            _ => Err(Error::WrongType),
        }
    }

    fn len(self) -> usize {
        match self {
            Source::Nothing => 0,
            Source::Zset(zset) => zset.len(),
            Source::Set(set) => set.len(),
        }
    }

    fn is(self, other: Source<'_>) -> bool {
        match (self, other) {
            (Source::Zset(one), Source::Zset(other)) => std::ptr::eq(one, other),
            (Source::Set(one), Source::Set(other)) => std::ptr::eq(one, other),
            _ => false,
        }
    }

    fn score(self, member: Entry<'_>) -> Option<f64> {
        match self {
            Source::Nothing => None,
            Source::Zset(zset) => zset.score(member.text(&mut itoa::Buffer::new())),
            Source::Set(set) => set.has(member).then_some(1.0),
        }
    }

    fn iter(self) -> Box<dyn Iterator<Item = (Entry<'s>, f64)> + 's> {
        match self {
            Source::Nothing => Box::new(std::iter::empty()),
            Source::Zset(zset) => Box::new(zset.iter()),
            Source::Set(set) => Box::new(set.iter().map(|member| (member, 1.0))),
        }
    }
}

/// A result in ascending order. Members that are integers in their set become text in `scratch`.
fn combine<'s>(
    inputs: &[Input<'s>],
    operation: Operation,
    aggregate: Aggregate,
    scratch: &'s Bump,
) -> Vec<(&'s [u8], f64)> {
    let text = |member: Entry<'s>| match member {
        Entry::Bytes(bytes) => bytes,
        Entry::Int(value) => &*scratch.alloc_slice_copy(itoa::Buffer::new().format(value).as_bytes()),
    };
    let mut result: Vec<(&[u8], f64)> = Vec::new();
    match operation {
        Operation::Union => {
            let mut scores = HashMap::new();
            for input in smallest_first(inputs) {
                for (member, score) in input.source.iter() {
                    let score = no_nan(input.weight * score);
                    let known = scores.entry(text(member));
                    known.and_modify(|known| *known = aggregate.of(*known, score)).or_insert(score);
                }
            }
            result.extend(scores);
        }
        Operation::Intersection => intersect(inputs, aggregate, |member, score| {
            result.push((text(member), score));
            true
        }),
        Operation::Difference => {
            let Some((first, others)) = inputs.split_first() else { return result };
            if others.iter().any(|other| other.source.is(first.source)) {
                return result;
            }
            let is_alone = |member| !others.iter().any(|other| other.source.score(member).is_some());
            let alone = first.source.iter().filter(|(member, _)| is_alone(*member));
            result.extend(alone.map(|(member, score)| (text(member), score)));
        }
    }
    result.sort_unstable_by(|one, other| (one.1, one.0).partial_cmp(&(other.1, other.0)).unwrap_or(Ordering::Equal));
    result
}

/// Visits the members that all inputs have, until `visit` says no.
fn intersect<'s>(inputs: &[Input<'s>], aggregate: Aggregate, mut visit: impl FnMut(Entry<'s>, f64) -> bool) {
    let inputs = smallest_first(inputs);
    let Some((first, others)) = inputs.split_first() else { return };
    for (member, own) in first.source.iter() {
        let combined = others.iter().try_fold(no_nan(first.weight * own), |score, other| {
            let value = if other.source.is(first.source) { own } else { other.source.score(member)? };
            Some(aggregate.of(score, value * other.weight))
        });
        if let Some(score) = combined
            && !visit(member, score)
        {
            return;
        }
    }
}

/// The order in which scores are added, and that is quickest.
fn smallest_first<'s>(inputs: &[Input<'s>]) -> Vec<Input<'s>> {
    let mut inputs = inputs.to_vec();
    inputs.sort_by_key(|input| input.source.len());
    inputs
}

//! Which arguments of a command are keys, and what it does with them.
//!
//! Two answers exist, as in Redis. [`key_positions`] goes by the key specs and knows what is done with each key: it is
//! what ACL rules and COMMAND GETKEYS need. [`routing_positions`] goes by the table's fixed range or the command's own
//! function: it is what a cluster routes by, counts shard channels as keys, and is cheaper. They differ only for
//! malformed commands. Neither refuses anything: where arguments are malformed no key is found, and the command itself
//! says what is wrong.

use super::Spec;
use super::flags::access::{ACCESS, DELETE, NOT_KEY, OW, RO, RW, UPDATE, VARIABLE_FLAGS};
use super::row::{Begin, Find, KeySpec};
use crate::data::command::number::parse_i64;

/// One argument that is a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// Which argument; the command's name is 0.
    pub position: usize,
    /// What is done with it: [`access`](super::access) bits. 0 where that is not known.
    pub access: u16,
}

/// Adds a command's keys to a list.
pub type GetKeys = fn(&[&[u8]], &mut Vec<KeyUse>);

/// The first key of a command by which it can be routed. Touches the heap only for commands with movable keys.
#[inline]
pub fn first_key(spec: &Spec, args: &[&[u8]]) -> Option<usize> {
    if !spec.has_movable_keys() {
        let first = spec.range.first as usize;
        return (first != 0 && first < args.len()).then_some(first);
    }
    let mut found = Vec::new();
    routing_positions(spec, args, &mut found);
    found.first().map(|key| key.position)
}

/// Adds the keys of a command to `out`, as COMMAND GETKEYSANDFLAGS tells them.
pub fn key_positions(spec: &Spec, args: &[&[u8]], out: &mut Vec<KeyUse>) {
    if !spec.arity_fits(args.len()) {
        return;
    }
    let specs = spec.key_specs();
    let start = out.len();
    let reliable = specs.iter().all(|keys| keys.access & VARIABLE_FLAGS == 0);
    if reliable && by_specs(specs, args, out).is_some() {
        return;
    }
    out.truncate(start);
    if let Some(get_keys) = spec.get_keys() {
        get_keys(args, out);
    }
}

/// Adds the keys of a command to `out`, as a cluster routes by them. They come without their access bits.
pub fn routing_positions(spec: &Spec, args: &[&[u8]], out: &mut Vec<KeyUse>) {
    match spec.get_keys() {
        _ if !spec.arity_fits(args.len()) => {}
        Some(get_keys) => get_keys(args, out),
        None => out.extend(fixed_positions(spec, args.len()).map(|position| KeyUse { position, access: 0 })),
    }
}

/// The keys of a command with `argc` arguments, where they are all in the table's fixed range.
#[inline]
pub fn fixed_positions(spec: &Spec, argc: usize) -> impl Iterator<Item = usize> + use<> {
    let range = spec.range;
    let first = range.first as usize;
    let end = if range.last < 0 {
        (argc + 1).saturating_sub(range.last.unsigned_abs().into())
    } else {
        range.last as usize + 1
    };
    let none = first == 0 || end > argc;
    (if none { 0..0 } else { first..end }).step_by((range.step as usize).max(1))
}

/// Goes by the key specs. `None`: they do not fit these arguments, or cannot tell everything.
fn by_specs(specs: &[KeySpec], args: &[&[u8]], out: &mut Vec<KeyUse>) -> Option<()> {
    for spec in specs.iter().filter(|spec| spec.access & NOT_KEY == 0) {
        let begin = match spec.begin {
            Begin::Index(index) => index as usize,
            Begin::Keyword(keyword, start) => match keyword_end(args, keyword, start) {
                Some(begin) => begin,
                None => continue,
            },
            Begin::Unknown => return None,
        };
        let (first, last, step) = bounds(spec, begin, args)?;
        if first > last || last >= args.len() {
            return None;
        }
        out.extend((first..=last).step_by(step.into()).map(|position| KeyUse { position, access: spec.access }));
        if spec.access & super::access::INCOMPLETE != 0 {
            return None;
        }
    }
    Some(())
}

/// The argument after `keyword`, looked for from `start` on. A keyword that is the last argument does not count.
fn keyword_end(args: &[&[u8]], keyword: &str, start: i8) -> Option<usize> {
    let is_keyword = |&index: &usize| args[index].eq_ignore_ascii_case(keyword.as_bytes());
    let found = if start > 0 {
        (start as usize..args.len().saturating_sub(1)).find(is_keyword)
    } else {
        let from = args.len().checked_sub(start.unsigned_abs().into())?;
        (2..=from).rev().find(is_keyword)
    };
    found.map(|index| index + 1)
}

/// The first and the last key of `spec` and the step between keys; may lie beyond the arguments.
fn bounds(spec: &KeySpec, begin: usize, args: &[&[u8]]) -> Option<(usize, usize, u8)> {
    match spec.find {
        Find::Range { last, step, .. } if last >= 0 => Some((begin, begin + last as usize, step)),
        Find::Range { last, step, limit } => {
            let from_end = usize::from(last.unsigned_abs());
            let end = if limit > 1 { begin + args.len().checked_sub(begin)? / usize::from(limit) } else { args.len() };
            Some((begin, end.checked_sub(from_end)?, step))
        }
        Find::Counted { count, first, step } => {
            let digits = args.get(begin + count as usize).filter(|arg| matches!(arg.first(), Some(b'1'..=b'9')))?;
            let keys: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
            let first = begin + first as usize;
            Some((first, first.checked_add(keys)? - 1, step))
        }
        Find::Unknown => None,
    }
}

/// Keys after their number, which is argument 1: ZUNION, LMPOP.
pub(super) fn counted_at_1(args: &[&[u8]], out: &mut Vec<KeyUse>) {
    counted(args, 1, out);
}

/// Keys after their number, which is argument 2: EVAL, BLMPOP.
pub(super) fn counted_at_2(args: &[&[u8]], out: &mut Vec<KeyUse>) {
    counted(args, 2, out);
}

/// A destination, then the number of keys and the keys: ZUNIONSTORE. The destination comes last.
pub(super) fn destination_then_counted(args: &[&[u8]], out: &mut Vec<KeyUse>) {
    let start = out.len();
    counted(args, 2, out);
    if out.len() > start {
        out.push(KeyUse { position: 1, access: 0 });
    }
}

fn counted(args: &[&[u8]], count: usize, out: &mut Vec<KeyUse>) {
    let first = count + 1;
    let number = args.get(count).map_or(0, |number| leading_integer(number));
    let fits = |&keys: &usize| keys <= args.len().saturating_sub(first);
    if let Some(keys) = usize::try_from(number).ok().filter(fits) {
        out.extend((first..first + keys).map(|position| KeyUse { position, access: 0 }));
    }
}

/// The integer `text` starts with, or 0: C's `atoi`, by which Redis counts keys here.
fn leading_integer(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let value = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0i64, |value, digit| value.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    if negative { -value } else { value }
}

/// SORT_RO: what BY and GET reach cannot be told from the arguments.
pub(super) fn sort_ro(_: &[&[u8]], out: &mut Vec<KeyUse>) {
    out.push(KeyUse { position: 1, access: RO | ACCESS });
}

/// SORT: as [`sort_ro`], and the last STORE.
pub(super) fn sort(args: &[&[u8]], out: &mut Vec<KeyUse>) {
    sort_ro(args, out);
    let store = sort_options(args).filter(|&at| args[at].eq_ignore_ascii_case(b"store") && at + 1 < args.len());
    let store = store.last().map(|at| at + 1);
    out.extend(store.map(|position| KeyUse { position, access: OW | UPDATE }));
}

/// Whether SORT's BY or GET name keys by a pattern.
pub fn has_sort_pattern(args: &[&[u8]]) -> bool {
    let is_pattern = |at: usize| args.get(at + 1).is_some_and(|pattern| pattern.contains(&b'*'));
    sort_options(args).any(|at| takes_pattern(args[at]) && is_pattern(at))
}

/// Which of SORT's options reaches keys that are no arguments: `BY` with a pattern, or `GET`. Not one behind an option
/// that is wrong: the command fails for that one then.
pub fn sort_reach(args: &[&[u8]]) -> Option<&'static str> {
    let stores = args[0].eq_ignore_ascii_case(b"sort");
    let mut rest = args.get(2..)?;
    while let [word, after @ ..] = rest {
        rest = match (word.to_ascii_lowercase().as_slice(), after) {
            (b"asc" | b"desc" | b"alpha", after) => after,
            (b"limit", [start, count, after @ ..]) => {
                parse_i64(start).and(parse_i64(count))?;
                after
            }
            (b"store", [_, after @ ..]) if stores => after,
            (b"by", [pattern, ..]) if pattern.contains(&b'*') => return Some("BY"),
            (b"by", [_, after @ ..]) => after,
            (b"get", [_, ..]) => return Some("GET"),
            _ => return None,
        };
    }
    None
}

/// Where the words of SORT's options are.
fn sort_options(args: &[&[u8]]) -> impl Iterator<Item = usize> {
    let next = |at: &usize| {
        let taken = match args[*at] {
            word if word.eq_ignore_ascii_case(b"limit") => 2,
            word if takes_pattern(word) => 1,
            _ => 0,
        };
        Some(at + 1 + taken).filter(|&at| at < args.len())
    };
    std::iter::successors(Some(2).filter(|&at| at < args.len()), next)
}

fn takes_pattern(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"get") || word.eq_ignore_ascii_case(b"by")
}

/// MIGRATE: argument 3, or all that follows KEYS if that argument is empty.
pub(super) fn migrate(args: &[&[u8]], out: &mut Vec<KeyUse>) {
    let keys = |range: std::ops::Range<usize>| range.map(|position| KeyUse { position, access: RW | ACCESS | DELETE });
    let mut at = 6;
    while let Some(arg) = args.get(at) {
        let is = |word: &[u8]| arg.eq_ignore_ascii_case(word);
        if is(b"keys") {
            // A key and KEYS at once is an error that the command will report.
            if args[3].is_empty() {
                out.extend(keys(at + 1..args.len()));
            }
            return;
        }
        at += if is(b"auth") {
            2
        } else if is(b"auth2") {
            3
        } else {
            1
        };
    }
    out.extend(keys(3..4));
}

/// GEORADIUS and GEORADIUSBYMEMBER: the source, and the last STORE or STOREDIST.
pub(super) fn georadius(args: &[&[u8]], out: &mut Vec<KeyUse>) {
    let mut store = None;
    let mut at = 5;
    while at + 1 < args.len() {
        if args[at].eq_ignore_ascii_case(b"store") || args[at].eq_ignore_ascii_case(b"storedist") {
            store = Some(at + 1);
            at += 1;
        }
        at += 1;
    }
    out.extend([Some(1), store].into_iter().flatten().map(|position| KeyUse { position, access: 0 }));
}

/// XREAD and XREADGROUP: the first half of what follows STREAMS, which only options may precede.
pub(super) fn xread(args: &[&[u8]], out: &mut Vec<KeyUse>) {
    let mut at = 1;
    while let Some(arg) = args.get(at) {
        let is = |word: &[u8]| arg.eq_ignore_ascii_case(word);
        at += if is(b"block") || is(b"count") {
            2
        } else if is(b"group") {
            3
        } else if is(b"noack") {
            1
        } else if is(b"streams") {
            break;
        } else {
            return;
        };
    }
    let Some(rest) = args.len().checked_sub(at + 1).filter(|rest| rest % 2 == 0) else { return };
    out.extend((at + 1..at + 1 + rest / 2).map(|position| KeyUse { position, access: 0 }));
}

/// SET: with GET it reads too.
pub(super) fn set(args: &[&[u8]], out: &mut Vec<KeyUse>) {
    let reads = args.iter().skip(3).any(|arg| arg.eq_ignore_ascii_case(b"get"));
    out.push(KeyUse { position: 1, access: if reads { RW | ACCESS | UPDATE } else { OW | UPDATE } });
}

/// BITFIELD: with nothing but GETs it only reads.
pub(super) fn bitfield(args: &[&[u8]], out: &mut Vec<KeyUse>) {
    let mut at = 2;
    let only_reads = loop {
        let Some(arg) = args.get(at) else { break true };
        let left = args.len() - at - 1;
        at += if arg.eq_ignore_ascii_case(b"get") && left >= 2 {
            3
        } else if arg.eq_ignore_ascii_case(b"overflow") && left >= 1 {
            2
        } else {
            break false;
        };
    };
    out.push(KeyUse { position: 1, access: if only_reads { RO | ACCESS } else { RW | ACCESS | UPDATE } });
}

#[cfg(test)]
mod tests {
    use super::super::access::{INSERT, NOT_KEY};
    use super::super::{all, lookup};
    use super::*;
    use proptest::prelude::*;

    fn words(line: &str) -> Vec<&[u8]> {
        line.split(' ').map(|word| if word == "_" { b"" } else { word.as_bytes() }).collect()
    }

    fn found(find: fn(&Spec, &[&[u8]], &mut Vec<KeyUse>), line: &str) -> Vec<(usize, u16)> {
        let mut out = Vec::new();
        find(lookup(&words(line)).expect(line), &words(line), &mut out);
        out.iter().map(|key| (key.position, key.access)).collect()
    }

    fn positions(line: &str) -> Vec<usize> {
        found(key_positions, line).iter().map(|key| key.0).collect()
    }

    /// What redis-server 7.0.15 answers to COMMAND GETKEYS.
    #[test]
    fn keys_are_those_that_redis_tells() {
        let cases: &[(&str, &[usize])] = &[
            ("GET a", &[1]),
            ("MGET a b c", &[1, 2, 3]),
            ("MSET a 1 b 2", &[1, 3]),
            ("BITOP AND d a b", &[2, 3, 4]),
            ("BLPOP a b 0", &[1, 2]),
            ("OBJECT ENCODING a", &[2]),
            ("EVAL s 2 a b c", &[3, 4]),
            ("EVAL s 0 a", &[]),
            ("EVAL s 3 a b", &[]),
            ("EVAL s 1x a", &[3]),
            ("EVAL s x a", &[]),
            ("EVAL s -1 a", &[]),
            ("EVAL s 99999999999999999999 a", &[]),
            ("ZUNIONSTORE d 2 a b WEIGHTS 1 2", &[1, 3, 4]),
            ("ZUNIONSTORE d 3 a b", &[]),
            ("ZINTER 2 a b", &[2, 3]),
            ("BLMPOP 0 2 a b LEFT", &[3, 4]),
            ("SORT a BY b GET c STORE d", &[1, 7]),
            ("SORT a STORE d STORE e", &[1, 5]),
            ("SORT a GET store STORE d", &[1, 5]),
            ("SORT_RO a BY x", &[1]),
            ("MIGRATE h 1 k 0 10", &[3]),
            ("MIGRATE h 1 _ 0 10 KEYS a b", &[7, 8]),
            ("MIGRATE h 1 _ 0 10 AUTH keys KEYS a", &[9]),
            ("MIGRATE h 1 _ 0 10 AUTH2 u keys KEYS a", &[10]),
            ("XREAD COUNT 2 STREAMS a b 0 0", &[4, 5]),
            ("XREAD STREAMS a b 1", &[2]),
            ("XREADGROUP GROUP STREAMS c STREAMS a >", &[5]),
            ("GEORADIUS k 1 2 3 m STORE d", &[1, 7]),
            ("GEORADIUS k 1 2 3 m STOREDIST e STORE d", &[1, 9, 7]),
            ("SPUBLISH a b", &[]),
            ("PING", &[]),
        ];
        for (line, expected) in cases {
            assert_eq!(positions(line), *expected, "{line}");
        }
    }

    #[test]
    fn what_is_done_with_a_key_can_depend_on_options() {
        assert_eq!(found(key_positions, "SET a b"), [(1, OW | UPDATE)]);
        assert_eq!(found(key_positions, "SET a b EX 10 get"), [(1, RW | ACCESS | UPDATE)]);
        assert_eq!(found(key_positions, "BITFIELD a GET u8 0"), [(1, RO | ACCESS)]);
        assert_eq!(found(key_positions, "BITFIELD a GET u8 0 SET u8 0 1"), [(1, RW | ACCESS | UPDATE)]);
        assert_eq!(found(key_positions, "RENAMENX a b"), [(1, RW | ACCESS | DELETE), (2, OW | INSERT)]);
    }

    #[test]
    fn routing_takes_shard_channels_for_keys() {
        assert_eq!(found(routing_positions, "SPUBLISH a b"), [(1, 0)]);
        assert_eq!(found(routing_positions, "SSUBSCRIBE a b"), [(1, 0), (2, 0)]);
        assert_eq!(lookup(&[b"spublish"]).map(|spec| spec.key_specs()[0].access), Some(NOT_KEY));
        assert_eq!(found(routing_positions, "PUBLISH a b"), []);
    }

    #[test]
    fn the_first_key_is_found_without_the_others() {
        let first = |line| first_key(lookup(&words(line)).expect(line), &words(line));
        assert_eq!(first("GET a"), Some(1));
        assert_eq!(first("OBJECT ENCODING a"), Some(2));
        assert_eq!(first("EVAL s 1 a"), Some(3));
        assert_eq!(first("EVAL s 0"), None);
        assert_eq!(first("XREAD STREAMS a 0"), Some(2));
        assert_eq!(first("PING"), None);
    }

    proptest! {
        #[test]
        fn every_key_found_is_an_argument(
            id in 0..all().len(),
            rest in proptest::collection::vec(
                proptest::sample::select(&["a", "", "0", "1", "3", "-1", "keys", "store", "streams", "by", "get", "auth"]),
                0..9,
            ),
        ) {
            let spec = &all()[id];
            let args: Vec<&[u8]> = spec.full_name().split('|').chain(rest).map(str::as_bytes).collect();
            for find in [key_positions, routing_positions] {
                let mut out = Vec::new();
                find(spec, &args, &mut out);
                prop_assert!(out.iter().all(|key| (1..args.len()).contains(&key.position)), "{:?}", out);
            }
            if let Some(first) = first_key(spec, &args) {
                prop_assert!((1..args.len()).contains(&first));
            }
        }
    }
}

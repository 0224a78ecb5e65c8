//! LCS: the longest common subsequence of two strings.
//!
//! The textbook table of all prefixes' answers, one cell for each pair of prefixes; proto-max-bulk-len bounds
//! it, as in Redis. The way back through the table prefers what Redis prefers, so that of several longest
//! subsequences the same one is found.

use super::missed;
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::resp::{Error, Reply};
use std::ops::RangeInclusive;

/// `LCS key1 key2 [LEN] [IDX] [MINMATCHLEN length] [WITHMATCHLEN]`
pub fn lcs(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let one = operand(exec, args[1]);
    let two = operand(exec, args[2]);
    let (Some(one), Some(two)) = (one, two) else {
        return Err(Error::new("ERR The specified keys must contain string values"));
    };
    let options = Options::parse(&args[3..])?;
    let table = Table::new(&one, &two, exec.settings.proto_max_bulk_len)?;
    if options.index {
        reply_index(&mut exec.reply, &table, &options);
    } else if options.length {
        exec.reply.int(i64::from(table.answer()));
    } else {
        exec.reply.bulk(&table.subsequence());
    }
    Ok(())
}

/// A copy of the string at `key`, empty when there is none; `None` for another type. The two keys may lie in
/// different stores, and beside the table a copy costs nothing.
fn operand(exec: &mut Exec<'_>, key: &[u8]) -> Option<Vec<u8>> {
    let key = exec.key(key);
    let store = exec.stores.of(key.slot);
    let Some(entry) = store.find(exec.db, &key, exec.now) else {
        missed(exec, &key);
        return Some(Vec::new());
    };
    store.string(entry).map(<[u8]>::to_vec)
}

#[derive(Default)]
struct Options {
    length: bool,
    index: bool,
    with_match_length: bool,
    shortest: i64,
}

impl Options {
    fn parse(options: &[&[u8]]) -> Result<Options, Error> {
        let mut parsed = Options::default();
        let mut rest = options.iter();
        while let Some(option) = rest.next() {
            if option.eq_ignore_ascii_case(b"IDX") {
                parsed.index = true;
            } else if option.eq_ignore_ascii_case(b"LEN") {
                parsed.length = true;
            } else if option.eq_ignore_ascii_case(b"WITHMATCHLEN") {
                parsed.with_match_length = true;
            } else if option.eq_ignore_ascii_case(b"MINMATCHLEN") {
                parsed.shortest = parse_i64(rest.next().ok_or(Error::Syntax)?).ok_or(Error::NotAnInteger)?;
            } else {
                return Err(Error::Syntax);
            }
        }
        if parsed.length && parsed.index {
            return Err(Error::new("ERR If you want both the length and indexes, please just use IDX."));
        }
        Ok(parsed)
    }
}

/// How many cells the table of two strings of these lengths has, if it is no bigger than `limit` bytes.
fn cell_count(one: usize, two: usize, limit: u64) -> Result<usize, Error> {
    const LONGEST: usize = u32::MAX as usize - 1;
    if one >= LONGEST || two >= LONGEST {
        return Err(Error::new("ERR String too long for LCS"));
    }
    let count = (one as u64 + 1) * (two as u64 + 1); // below 2^64, since neither is 2^32
    match count.checked_mul(size_of::<u32>() as u64) {
        Some(bytes) if bytes <= limit => Ok(count as usize),
        _ => Err(Error::new("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")),
    }
}

/// The lengths of the longest common subsequences of all pairs of prefixes.
struct Table<'a> {
    one: &'a [u8],
    two: &'a [u8],
    cells: Vec<u32>,
}

impl<'a> Table<'a> {
    fn new(one: &'a [u8], two: &'a [u8], limit: u64) -> Result<Self, Error> {
        let count = cell_count(one.len(), two.len(), limit)?;
        let mut cells = Vec::new();
        if cells.try_reserve_exact(count).is_err() {
            return Err(Error::new("ERR Insufficient memory, failed allocating transient memory for LCS"));
        }
        cells.resize(count, 0);
        let mut table = Table { one, two, cells };
        table.fill();
        Ok(table)
    }

    fn fill(&mut self) {
        let width = self.two.len() + 1;
        for (row, byte) in self.one.iter().enumerate() {
            let (above, here) = self.cells[row * width..].split_at_mut(width);
            for (column, other) in self.two.iter().enumerate() {
                here[column + 1] = match byte == other {
                    true => above[column] + 1,
                    false => above[column + 1].max(here[column]),
                };
            }
        }
    }

    /// The answer for the first `one` and `two` bytes.
    fn at(&self, one: usize, two: usize) -> u32 {
        self.cells[one * (self.two.len() + 1) + two]
    }

    fn answer(&self) -> u32 {
        self.at(self.one.len(), self.two.len())
    }

    /// Walks from the ends of both strings to their starts; `visit` gets each step's positions and whether the
    /// bytes there match.
    fn walk_back(&self, mut visit: impl FnMut(usize, usize, bool)) {
        let (mut one, mut two) = (self.one.len(), self.two.len());
        while one > 0 && two > 0 {
            let same = self.one[one - 1] == self.two[two - 1];
            visit(one - 1, two - 1, same);
            if same {
                (one, two) = (one - 1, two - 1);
            } else if self.at(one - 1, two) > self.at(one, two - 1) {
                one -= 1;
            } else {
                two -= 1;
            }
        }
    }

    fn subsequence(&self) -> Vec<u8> {
        let mut result = Vec::with_capacity(self.answer() as usize);
        self.walk_back(|one, _, same| {
            if same {
                result.push(self.one[one]);
            }
        });
        result.reverse();
        result
    }

    /// The stretches that match, the last one first: where they are in either string.
    fn matches(&self) -> Vec<(RangeInclusive<usize>, RangeInclusive<usize>)> {
        let mut found = Vec::new();
        let mut open: Option<(RangeInclusive<usize>, RangeInclusive<usize>)> = None;
        self.walk_back(|one, two, same| {
            if !same {
                found.extend(open.take());
                return;
            }
            // Between two matches that are not neighbours lies a mismatch, so an open stretch goes on here.
            open = Some(match open.take() {
                Some((a, b)) => (one..=*a.end(), two..=*b.end()),
                None => (one..=one, two..=two),
            });
        });
        found.extend(open);
        found
    }
}

fn reply_index(reply: &mut Reply<'_>, table: &Table<'_>, options: &Options) {
    let mut matches = table.matches();
    let length = |range: &RangeInclusive<usize>| (range.end() - range.start() + 1) as i64;
    matches.retain(|(one, _)| length(one) >= options.shortest);
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(matches.len());
    for (one, two) in &matches {
        reply.array(if options.with_match_length { 3 } else { 2 });
        for range in [one, two] {
            reply.array(2);
            reply.int(*range.start() as i64);
            reply.int(*range.end() as i64);
        }
        if options.with_match_length {
            reply.int(length(one));
        }
    }
    reply.bulk(b"len");
    reply.int(i64::from(table.answer()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_subsequence(part: &[u8], whole: &[u8]) -> bool {
        let mut rest = whole.iter();
        part.iter().all(|byte| rest.any(|other| other == byte))
    }

    #[test]
    fn lengths_whose_product_overflows_are_refused() {
        const LIMIT: u64 = i64::MAX as u64;
        let longest = u32::MAX as usize - 2;
        assert_eq!(cell_count(9, 9, 400), Ok(100));
        assert!(cell_count(9, 9, 399).is_err());
        assert!(cell_count(longest, longest, LIMIT).is_err());
        assert!(cell_count(longest, 1 << 30, LIMIT).is_err());
        assert!(cell_count(longest + 1, 0, LIMIT).is_err());
        assert!(cell_count(usize::MAX, usize::MAX, LIMIT).is_err());
    }

    proptest! {
        #[test]
        fn the_answer_is_a_subsequence_of_both_and_the_matches_make_it_up(one in "[abc]{0,20}", two in "[abc]{0,20}") {
            let (one, two) = (one.as_bytes(), two.as_bytes());
            let table = Table::new(one, two, 1 << 20).unwrap();
            let found = table.subsequence();
            prop_assert_eq!(found.len(), table.answer() as usize);
            prop_assert!(is_subsequence(&found, one) && is_subsequence(&found, two));
            let mut matches = table.matches();
            matches.reverse();
            prop_assert_eq!(matches.iter().flat_map(|(a, _)| &one[a.clone()]).copied().collect::<Vec<_>>(), found.clone());
            prop_assert_eq!(matches.iter().flat_map(|(_, b)| &two[b.clone()]).copied().collect::<Vec<_>>(), found);
        }

        #[test]
        fn a_string_that_is_a_subsequence_is_the_answer(whole in "[a-d]{0,20}", kept: u32) {
            let bytes = whole.bytes().enumerate().filter(|(index, _)| kept >> index & 1 == 1);
            let part: Vec<u8> = bytes.map(|(_, byte)| byte).collect();
            prop_assert_eq!(Table::new(whole.as_bytes(), &part, 1 << 20).unwrap().subsequence(), part);
        }
    }
}

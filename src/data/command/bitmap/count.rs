//! Bits of a range: BITCOUNT and BITPOS.

use super::mask;
use crate::data::command::number::parse_i64;
use crate::data::command::string::{missed, read};
use crate::data::exec::Exec;
use crate::resp::Error;
use std::ops::RangeInclusive;

/// `BITCOUNT key [start end [BYTE | BIT]]`
pub fn bitcount(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let Some(value) = read(exec.stores, exec.db, &key, exec.now)? else {
        exec.reply.int(0);
        missed(exec, &key);
        return Ok(());
    };
    let bits = match args[2..] {
        [] => range(0, -1, false, value.len()),
        [start, end, ref unit @ ..] if unit.len() <= 1 => {
            let (start, end) = (number(start)?, number(end)?);
            if start < 0 && end < 0 && start > end {
                // Redis does not get to the unit then.
                None
            } else {
                range(start, end, by_bit(unit)?, value.len())
            }
        }
        _ => return Err(Error::Syntax),
    };
    exec.reply.int(bits.map_or(0, |bits| count(value, bits)) as i64);
    Ok(())
}

/// `BITPOS key bit [start [end [BYTE | BIT]]]`
pub fn bitpos(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let wanted = match number(args[2])? {
        0 => false,
        1 => true,
        _ => return Err(Error::new("ERR The bit argument must be 1 or 0.")),
    };
    let key = exec.key(args[1]);
    let Some(value) = read(exec.stores, exec.db, &key, exec.now)? else {
        exec.reply.int(if wanted { -1 } else { 0 });
        missed(exec, &key);
        return Ok(());
    };
    let (bits, has_end) = match args[3..] {
        [] => (range(0, -1, false, value.len()), false),
        [start] => (range(number(start)?, -1, false, value.len()), false),
        [start, end, ref unit @ ..] if unit.len() <= 1 => {
            let start = number(start)?;
            let by_bit = by_bit(unit)?;
            (range(start, number(end)?, by_bit, value.len()), true)
        }
        _ => return Err(Error::Syntax),
    };
    let position = bits.and_then(|bits| {
        // Behind a string whose end was not given there are zeroes without end.
        let behind = (!wanted && !has_end).then_some(8 * value.len() as u64);
        find(value, bits, wanted).or(behind)
    });
    exec.reply.int(position.map_or(-1, |position| position as i64));
    Ok(())
}

fn number(text: &[u8]) -> Result<i64, Error> {
    parse_i64(text).ok_or(Error::NotAnInteger)
}

/// Whether a range is told in bits, by the word behind it.
fn by_bit(unit: &[&[u8]]) -> Result<bool, Error> {
    match unit {
        [] => Ok(false),
        [word, ..] if word.eq_ignore_ascii_case(b"bit") => Ok(true),
        [word, ..] if word.eq_ignore_ascii_case(b"byte") => Ok(false),
        _ => Err(Error::Syntax),
    }
}

/// The bits from `start` to `end`, both included; negative ones count from the end of a string of `length` bytes.
/// `None`: there are none.
fn range(start: i64, end: i64, by_bit: bool, length: usize) -> Option<RangeInclusive<u64>> {
    let total = if by_bit { 8 * length as i64 } else { length as i64 };
    let from_front = |index: i64| if index < 0 { (total + index).max(0) } else { index };
    let (start, end) = (from_front(start), from_front(end).min(total - 1));
    if start > end {
        return None;
    }
    let (start, end) = (start as u64, end as u64);
    Some(if by_bit { start..=end } else { 8 * start..=8 * end + 7 })
}

/// How many bits of a range are set.
fn count(bytes: &[u8], bits: RangeInclusive<u64>) -> u64 {
    let (start, end) = (*bits.start(), *bits.end());
    let whole = &bytes[(start >> 3) as usize..=(end >> 3) as usize];
    let mut words = whole.chunks_exact(8);
    let mut count: u64 = words.by_ref().map(|word| u64::from(ones(word))).sum();
    count += u64::from(ones(words.remainder()));
    // Bits of the first and the last byte that are not of the range.
    let before = whole[0] & !(0xFF >> (start & 7));
    let behind = whole[whole.len() - 1] & !(0xFFu16 << (7 - (end & 7))) as u8;
    count - u64::from(before.count_ones()) - u64::from(behind.count_ones())
}

/// How many bits of up to eight bytes are set.
fn ones(bytes: &[u8]) -> u32 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_ne_bytes(word).count_ones()
}

/// The first bit of a range that is as wanted.
fn find(bytes: &[u8], bits: RangeInclusive<u64>, wanted: bool) -> Option<u64> {
    const STRIDE: usize = 64;
    let (start, end) = (*bits.start(), *bits.end());
    let passed = if wanted { 0 } else { 0xFF };
    let is = |bit: &u64| (bytes[(bit >> 3) as usize] & mask(*bit) != 0) == wanted;
    // Bit by bit to the next byte, then in strides over what has none.
    let border = (start.next_multiple_of(8)).min(end + 1);
    if let Some(bit) = (start..border).find(is) {
        return Some(bit);
    }
    let last = (end >> 3) as usize + 1;
    let mut byte = (border >> 3) as usize;
    while byte + STRIDE <= last && bytes[byte..byte + STRIDE].iter().all(|byte| *byte == passed) {
        byte += STRIDE;
    }
    byte += bytes[byte.min(last)..last].iter().position(|byte| *byte != passed).unwrap_or(last);
    let first = 8 * byte as u64;
    (first.max(border)..(first + 8).min(end + 1)).find(is)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_are_counted_and_found_as_one_by_one(
            mut bytes in prop::collection::vec(prop_oneof![Just(0u8), Just(255), any::<u8>()], 1..300),
            same in prop::bool::weighted(0.3),
            from: u64,
            to: u64,
        ) {
            if same {
                let first = bytes[0];
                bytes.fill(first);
            }
            let total = 8 * bytes.len() as u64;
            let (from, to) = ((from % total).min(to % total), (from % total).max(to % total));
            let is_set = |bit: &u64| bytes[(bit >> 3) as usize] >> (7 - (bit & 7)) & 1 == 1;
            prop_assert_eq!(count(&bytes, from..=to), (from..=to).filter(is_set).count() as u64);
            prop_assert_eq!(find(&bytes, from..=to, true), (from..=to).find(is_set));
            prop_assert_eq!(find(&bytes, from..=to, false), (from..=to).find(|bit| !is_set(bit)));
        }
    }
}

//! The 80-bit `long double` of x86, which Redis computes INCRBYFLOAT and HINCRBYFLOAT in.
//!
//! Rust has no such type, so it is worked out in integers: reading, adding and writing are exact and then
//! rounded once, to nearest, ties to even, as the processor and glibc do. So every digit is the one Redis
//! would give. Differences that are left: none known.

use num_bigint::BigUint;

/// Bits of the mantissa.
const PRECISION: u64 = 64;
/// The lowest exponent: the smallest denormal is `1 * 2^LOWEST`.
const LOWEST: i64 = -16445;
/// The highest exponent of a full mantissa.
const HIGHEST: i64 = 16384 - PRECISION as i64;
/// Redis reads at most this many bytes of a float, and one less. Source: `MAX_LONG_DOUBLE_CHARS`.
const LONGEST: usize = 5 * 1024;
/// Digits after the point that Redis writes at most.
const DECIMALS: u32 = 17;

/// A long double that is not a NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongDouble {
    /// Infinity, which Redis reads (`inf`) but never stores.
    Infinite {
        /// Below zero.
        negative: bool,
    },
    /// `mantissa * 2^exponent`; the top bit of the mantissa is set unless the value is denormal or zero.
    Finite {
        /// Below zero, or minus zero.
        negative: bool,
        /// The bits.
        mantissa: u64,
        /// The power of two.
        exponent: i64,
    },
}

use LongDouble::{Finite, Infinite};

impl LongDouble {
    /// Zero, the value of an absent key.
    pub const ZERO: LongDouble = Finite { negative: false, mantissa: 0, exponent: LOWEST };

    /// Reads what `strtold` reads, under Redis's conditions: all of `text`, no space before it, neither NaN
    /// nor beyond the range; `None` otherwise.
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() >= LONGEST {
            return None;
        }
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        if text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity") {
            return Some(Infinite { negative });
        }
        let value = match text {
            [b'0', b'x' | b'X', rest @ ..] => parse_hexadecimal(negative, rest),
            _ => parse_decimal(negative, text),
        }?;
        matches!(value, Finite { .. }).then_some(value)
    }

    /// The sum, or `None` when there is no finite one.
    pub fn checked_add(self, other: LongDouble) -> Option<LongDouble> {
        let (Finite { exponent: one, .. }, Finite { exponent: two, .. }) = (self, other) else { return None };
        let (high, low) = if one >= two { (self, other) } else { (other, self) };
        let base = one.max(two) - PRECISION as i64 + 2;
        // Two bits are left for the carry and the sign; the others below the mantissa are more than the three
        // that rounding needs, so what of the lower value falls off the end may be told by its last bit alone.
        let sum = high.fixed_point(base) + low.fixed_point(base);
        let negative = sum < 0;
        let sum = round(negative, sum.unsigned_abs(), base, false);
        matches!(sum, Finite { .. }).then_some(sum)
    }

    /// The value in units of `2^base`, with everything below the last bit folded into it.
    fn fixed_point(self, base: i64) -> i128 {
        let Finite { negative, mantissa, exponent } = self else { return 0 };
        let value = match exponent - base {
            shift @ 0.. => i128::from(mantissa) << shift,
            shift => {
                let shift = shift.unsigned_abs().min(127);
                let kept = u128::from(mantissa) >> shift;
                (kept | u128::from(kept << shift != u128::from(mantissa))) as i128
            }
        };
        if negative { -value } else { value }
    }

    /// Writes the value as `%.17Lf` would, without the zeros at the end: how Redis shows and stores it.
    pub fn write(self) -> Vec<u8> {
        let (negative, mut text) = match self {
            Infinite { negative } => (negative, b"inf".to_vec()),
            Finite { negative, mantissa, exponent: shift @ 1.. } => {
                (negative, (BigUint::from(mantissa) << shift).to_string().into_bytes())
            }
            Finite { negative, mantissa, exponent } => (negative, write_fixed(mantissa, exponent.unsigned_abs())),
        };
        if negative && text != b"0" {
            text.insert(0, b'-');
        }
        text
    }
}

/// `mantissa / 2^shift` with at most [`DECIMALS`] decimals.
fn write_fixed(mantissa: u64, shift: u64) -> Vec<u8> {
    const UNIT: u128 = 10u128.pow(DECIMALS);
    let scaled = u128::from(mantissa) * UNIT; // below 2^121
    let mut units = 0;
    if shift < 128 {
        units = scaled >> shift;
        let rest = scaled - (units << shift);
        let half = (1u128 << shift) >> 1;
        if shift > 0 && (rest > half || (rest == half && units & 1 == 1)) {
            units += 1;
        }
    }
    let text = format!("{}.{:0width$}", units / UNIT, units % UNIT, width = DECIMALS as usize);
    text.trim_end_matches('0').trim_end_matches('.').as_bytes().to_vec()
}

/// `value * 2^exponent`, and a little more if `inexact`, rounded to a long double.
fn round(negative: bool, value: u128, exponent: i64, inexact: bool) -> LongDouble {
    let bits = i64::from(u128::BITS - value.leading_zeros());
    if bits == 0 {
        return Finite { negative, mantissa: 0, exponent: LOWEST };
    }
    let shift = (bits - PRECISION as i64).max(LOWEST - exponent);
    let mut exponent = exponent + shift;
    let mut mantissa = match shift {
        ..=0 => value << -shift,
        129.. => 0,
        128 => u128::from(value > 1 << 127 || (value == 1 << 127 && inexact)),
        shift => {
            let (kept, half) = (value >> shift, 1u128 << (shift - 1));
            let rest = value & ((half << 1) - 1);
            let up = rest > half || (rest == half && (inexact || kept & 1 == 1));
            kept + u128::from(up)
        }
    };
    if mantissa >> PRECISION != 0 {
        mantissa >>= 1;
        exponent += 1;
    }
    if exponent > HIGHEST {
        return Infinite { negative };
    }
    Finite { negative, mantissa: mantissa as u64, exponent }
}

/// `numerator / denominator * 2^exponent`, rounded.
fn round_ratio(negative: bool, numerator: BigUint, denominator: BigUint, exponent: i64) -> LongDouble {
    const WANTED: i64 = 100; // more bits than are kept, fewer than round() takes
    let shift = WANTED + denominator.bits() as i64 - numerator.bits() as i64;
    let (numerator, denominator) = match shift {
        0.. => (numerator << shift, denominator),
        _ => (numerator, denominator << -shift),
    };
    let quotient = &numerator / &denominator;
    let inexact = &quotient * &denominator != numerator;
    // At most 101 bits; the conversion cannot fail.
    round(negative, quotient.try_into().unwrap_or(u128::MAX), exponent - shift, inexact)
}

/// A decimal number without its sign. `None` for one that is not a number or vanishes.
fn parse_decimal(negative: bool, text: &[u8]) -> Option<LongDouble> {
    let (digits, point, exponent) = split(text, u8::is_ascii_digit, b'e')?;
    let ten_power = exponent.saturating_sub(point);
    let magnitude = ten_power.saturating_add(digits.len() as i64);
    if digits.is_empty() {
        return Some(Finite { negative, mantissa: 0, exponent: LOWEST });
    }
    if let Some(value) = round_short_decimal(negative, &digits, ten_power) {
        return Some(value);
    }
    // Far outside of the range the power of ten need not be computed: 10^4932 is the last that fits.
    match magnitude {
        ..-5000 => return None,
        5000.. => return Some(Infinite { negative }),
        _ => {}
    }
    let number = BigUint::parse_bytes(&digits, 10)?;
    let power = BigUint::from(10u32).pow(u32::try_from(ten_power.unsigned_abs()).ok()?);
    let value = match ten_power {
        0.. => round_ratio(negative, number * power, BigUint::from(1u32), 0),
        _ => round_ratio(negative, number, power, 0),
    };
    nonzero(value)
}

/// `digits * 10^ten_power` for a number as people write them: of few enough digits to need no big integers.
fn round_short_decimal(negative: bool, digits: &[u8], ten_power: i64) -> Option<LongDouble> {
    const MOST_DIGITS: usize = 19; // fit in 64 bits
    const FURTHEST: u32 = 18; // 10^18 is below 2^60, so a quotient has 4 bits more than are kept
    let power = u32::try_from(ten_power.unsigned_abs()).ok().filter(|&power| power <= FURTHEST)?;
    if digits.len() > MOST_DIGITS {
        return None;
    }
    let number = digits.iter().fold(0u128, |value, digit| value * 10 + u128::from(digit - b'0'));
    let power = 10u128.pow(power);
    if ten_power >= 0 {
        return Some(round(negative, number * power, 0, false));
    }
    let shift = number.leading_zeros();
    let numerator = number << shift;
    Some(round(negative, numerator / power, -i64::from(shift), numerator % power != 0))
}

/// A hexadecimal number without its sign and `0x`. `None` for one that is not a number or vanishes.
fn parse_hexadecimal(negative: bool, text: &[u8]) -> Option<LongDouble> {
    let (digits, point, exponent) = split(text, u8::is_ascii_hexdigit, b'p')?;
    if digits.is_empty() {
        return Some(Finite { negative, mantissa: 0, exponent: LOWEST });
    }
    let two_power = exponent.saturating_sub(4 * point).clamp(-100_000, 100_000);
    let number = BigUint::parse_bytes(&digits, 16)?;
    nonzero(round_ratio(negative, number, BigUint::from(1u32), two_power))
}

/// What was not zero before rounding must not be after: Redis refuses an underflow.
fn nonzero(value: LongDouble) -> Option<LongDouble> {
    (!matches!(value, Finite { mantissa: 0, .. })).then_some(value)
}

/// Splits `digits[.digits][marker[sign]digits]` into all its digits without leading zeros, how many of them
/// were behind the point, and the exponent. `None` when the text is not of this form.
fn split(text: &[u8], is_digit: fn(&u8) -> bool, marker: u8) -> Option<(Vec<u8>, i64, i64)> {
    let digits_at = |from: usize| text[from..].iter().take_while(|byte| is_digit(byte)).count();
    let whole = digits_at(0);
    let mut end = whole;
    let mut fraction = 0;
    if text.get(end) == Some(&b'.') {
        fraction = digits_at(end + 1);
        end += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    let exponent = match text[end..] {
        [] => 0,
        [mark, ref rest @ ..] if mark.eq_ignore_ascii_case(&marker) => parse_exponent(rest)?,
        _ => return None,
    };
    let digits = text[..end].iter().filter(|&&byte| byte != b'.').skip_while(|&&byte| byte == b'0');
    Some((digits.copied().collect(), fraction as i64, exponent))
}

/// `[sign]digits`, held within bounds far outside of the range.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    const FAR: i64 = 1_000_000_000;
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0i64, |value, digit| (value * 10 + i64::from(digit - b'0')).min(FAR));
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What INCRBYFLOAT gives for an `increment` to a key that holds `value`.
    fn sum(value: &[u8], increment: &[u8]) -> String {
        match (LongDouble::parse(value), LongDouble::parse(increment)) {
            (Some(value), Some(increment)) => match value.checked_add(increment) {
                Some(sum) => String::from_utf8(sum.write()).unwrap(),
                None => "-ERR increment would produce NaN or Infinity".into(),
            },
            _ => "-ERR value is not a valid float".into(),
        }
    }

    #[test]
    fn the_short_way_and_the_long_way_agree() {
        for (digits, ten_power) in [("1", -18), ("9999999999999999999", -18), ("123456789", 18), ("3", -17), ("7", 0)] {
            let padded = format!("{digits}{}", "0".repeat(20));
            let short = round_short_decimal(true, digits.as_bytes(), ten_power);
            let long = LongDouble::parse(format!("-{padded}e{}", ten_power - 20).as_bytes());
            assert!(short.is_some());
            assert_eq!(short, long, "{digits}e{ten_power}");
        }
    }

    /// Rows of value, increment, reply, recorded from redis-server 7.0.15 on x86-64.
    #[test]
    fn sums_are_those_of_redis() {
        for row in include_str!("long_double.tsv").lines() {
            let row = row.replace("\\x00", "\0");
            let [value, increment, expected] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
            let value = value.strip_prefix('=').unwrap_or("0");
            let increment = increment.strip_prefix('=').unwrap();
            assert_eq!(sum(value.as_bytes(), increment.as_bytes()), expected, "{value:?} + {increment:?}");
        }
    }

    #[test]
    fn a_text_of_5_kib_is_too_long() {
        let text = |length: usize| format!("{}1", "0".repeat(length - 1));
        assert!(LongDouble::parse(text(LONGEST - 1).as_bytes()).is_some());
        assert!(LongDouble::parse(text(LONGEST).as_bytes()).is_none());
    }

    proptest! {
        #[test]
        fn every_64_bit_integer_is_exact(one: i64, two: i64) {
            let expected = i128::from(one) + i128::from(two);
            if i64::try_from(expected).is_ok() {
                let (one, two) = (one.to_string(), two.to_string());
                prop_assert_eq!(sum(one.as_bytes(), two.as_bytes()), expected.to_string());
            }
        }

        #[test]
        fn what_is_written_can_be_read(mantissa in 1u64 << 63.., exponent in -100..HIGHEST, negative: bool) {
            let value = Finite { negative, mantissa, exponent };
            let written = value.write();
            let read = LongDouble::parse(&written).expect("a number");
            prop_assert_eq!(read.write(), written);
        }

        #[test]
        fn addition_does_not_depend_on_the_order(one in "-?[0-9]{1,30}(\\.[0-9]{0,20})?", two in "-?[0-9]{1,30}(e-?[0-9]{1,4})?") {
            prop_assert_eq!(sum(one.as_bytes(), two.as_bytes()), sum(two.as_bytes(), one.as_bytes()));
        }

        #[test]
        fn any_bytes_are_a_number_or_none(text: Vec<u8>) {
            LongDouble::parse(&text);
        }
    }
}

//! Floating-point numbers as text, read and written exactly as Redis does with C's `strtod` and `%.17g`. Pure functions.

use std::io::Write;

/// Significant digits Redis writes: enough that every double is read back as it was.
const DIGITS: i32 = 17;
/// The longest text: `-1.2345678901234567e-308`.
const LONGEST: usize = 24;
/// Below this the digits of an integer are those that `%.17g` writes.
const LARGEST_INTEGER: f64 = 1e17;

/// Where a number is written, so that none needs an allocation.
#[derive(Default)]
pub struct Buffer([u8; LONGEST]);

impl Buffer {
    /// An empty one.
    pub fn new() -> Buffer {
        Buffer::default()
    }

    /// `value` as `%.17g` writes it; the infinities are `inf` and `-inf`.
    pub fn format(&mut self, value: f64) -> &[u8] {
        if value.is_infinite() {
            return if value > 0.0 { b"inf" } else { b"-inf" };
        }
        if value.is_nan() {
            return b"nan";
        }
        if value == 0.0 {
            return if value.is_sign_negative() { b"-0" } else { b"0" };
        }
        if value.trunc() == value && value.abs() < LARGEST_INTEGER {
            return self.put(itoa::Buffer::new().format(value as i64).as_bytes());
        }
        self.format_general(value)
    }

    fn put(&mut self, text: &[u8]) -> &[u8] {
        self.0[..text.len()].copy_from_slice(text);
        &self.0[..text.len()]
    }

    /// A number with a fraction, or one that is very large.
    fn format_general(&mut self, value: f64) -> &[u8] {
        // `d.dddddddddddddddde-xxx`: the digits and the exponent, correctly rounded.
        let mut text = [0; LONGEST + 8];
        let mut rest = &mut text[..];
        write!(rest, "{:.*e}", DIGITS as usize - 1, value.abs()).expect("there is room for 17 digits");
        let length = LONGEST + 8 - rest.len();
        let marker = memchr::memchr(b'e', &text[..length]).expect("it was written with an exponent");
        let exponent: i32 = std::str::from_utf8(&text[marker + 1..length])
            .ok()
            .and_then(|text| text.parse().ok())
            .expect("an exponent is a short integer");
        let mut digits = [0; DIGITS as usize];
        digits[0] = text[0];
        digits[1..].copy_from_slice(&text[2..marker]);
        let kept = digits.iter().rposition(|digit| *digit != b'0').map_or(1, |last| last + 1);
        let mut out = Writer { bytes: &mut self.0, length: 0 };
        if value < 0.0 {
            out.add(b"-");
        }
        out.decimal(&digits[..kept], exponent);
        let length = out.length;
        &self.0[..length]
    }
}

struct Writer<'b> {
    bytes: &'b mut [u8; LONGEST],
    length: usize,
}

impl Writer<'_> {
    fn add(&mut self, text: &[u8]) {
        self.bytes[self.length..self.length + text.len()].copy_from_slice(text);
        self.length += text.len();
    }

    /// `digits`, with the point behind the first, times ten to the power of `exponent`; in the form `%g` chooses.
    fn decimal(&mut self, digits: &[u8], exponent: i32) {
        match exponent {
            -4..0 => {
                self.add(b"0.");
                self.add(&b"000"[..(-exponent - 1) as usize]);
                self.add(digits);
            }
            0..DIGITS => {
                let whole = exponent as usize + 1;
                self.add(&digits[..whole.min(digits.len())]);
                (digits.len()..whole).for_each(|_| self.add(b"0"));
                if digits.len() > whole {
                    self.add(b".");
                    self.add(&digits[whole..]);
                }
            }
            _ => {
                self.add(&digits[..1]);
                if digits.len() > 1 {
                    self.add(b".");
                    self.add(&digits[1..]);
                }
                self.add(if exponent < 0 { b"e-" } else { b"e+" });
                if exponent.abs() < 10 {
                    self.add(b"0");
                }
                self.add(itoa::Buffer::new().format(exponent.abs()).as_bytes());
            }
        }
    }
}

/// `text` as a number, under Redis's conditions: all of it, no space before it, neither NaN nor out of range.
pub fn parse(text: &[u8]) -> Option<f64> {
    let (value, in_range) = parse_any(text)?;
    in_range.then_some(value)
}

/// The same as bare `strtod` reads it, for the ends of ranges: spaces may come before it, nothing at all is 0, what is
/// too large is infinite and what is too small 0.
pub fn parse_loosely(text: &[u8]) -> Option<f64> {
    // C's strings end at the first zero byte.
    let text = &text[..memchr::memchr(0, text).unwrap_or(text.len())];
    let start = text.iter().position(|byte| !matches!(byte, b' ' | b'\t'..=b'\r')).unwrap_or(text.len());
    match text {
        [] => Some(0.0),
        _ => parse_any(&text[start..]).map(|(value, _)| value),
    }
}

/// A number, and whether it is within the range of doubles.
fn parse_any(text: &[u8]) -> Option<(f64, bool)> {
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    let signed = |value: f64| if negative { -value } else { value };
    if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
        return Some((signed(f64::INFINITY), true));
    }
    let (value, is_zero) = match unsigned {
        [b'0', b'x' | b'X', digits @ ..] => parse_hexadecimal(digits)?,
        // What Rust reads beyond C's decimals are names, which begin with a letter, and a second sign.
        [b'0'..=b'9' | b'.', ..] => {
            let value = std::str::from_utf8(unsigned).ok()?.parse().ok()?;
            let mantissa = unsigned.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
            (value, !mantissa.iter().any(|byte| matches!(byte, b'1'..=b'9')))
        }
        _ => return None,
    };
    Some((signed(value), value.is_finite() && (value != 0.0 || is_zero)))
}

/// A hexadecimal number without its sign and `0x`, and whether it was written as zero.
fn parse_hexadecimal(text: &[u8]) -> Option<(f64, bool)> {
    let marker = text.iter().position(|byte| matches!(byte, b'p' | b'P'));
    let power: i64 = match marker {
        None => 0,
        Some(at) => {
            let (sign, digits) = match &text[at + 1..] {
                [b'-', rest @ ..] => (-1, rest),
                [b'+', rest @ ..] | rest => (1, rest),
            };
            if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return None;
            }
            let digit = |value: i64, digit: &u8| (value * 10 + i64::from(digit - b'0')).min(1 << 40);
            sign * digits.iter().fold(0, digit)
        }
    };
    let mantissa = &text[..marker.unwrap_or(text.len())];
    // The first 60 bits, with all below them folded into the last: rounding needs no more.
    let (mut bits, mut exponent, mut digits, mut behind_point) = (0u64, power, 0, false);
    for byte in mantissa {
        let digit = match byte {
            b'.' if !behind_point => {
                behind_point = true;
                continue;
            }
            _ => u64::from((*byte as char).to_digit(16)?),
        };
        digits += 1;
        exponent -= if behind_point { 4 } else { 0 };
        if bits >> 60 == 0 {
            bits = bits << 4 | digit;
        } else {
            bits |= u64::from(digit != 0);
            exponent += 4;
        }
    }
    if digits == 0 {
        return None;
    }
    Some((scale(bits as f64, exponent), bits == 0))
}

/// `value * 2^exponent`, in steps that are within the range themselves.
fn scale(mut value: f64, exponent: i64) -> f64 {
    let mut left = exponent.clamp(-2200, 2200) as i32;
    while left != 0 {
        let step = left.clamp(-1000, 1000);
        value *= 2f64.powi(step);
        left -= step;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: f64) -> String {
        String::from_utf8(Buffer::new().format(value).to_vec()).unwrap()
    }

    #[test]
    fn numbers_are_written_as_printf_does() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-123.0, "-123"),
            (0.1, "0.10000000000000001"),
            (1.5, "1.5"),
            (100.25, "100.25"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1.5e17, "1.5e+17"),
            (123456789012345678.0, "1.2345678901234568e+17"),
            (12345678901234567.0, "12345678901234568"),
            (1e100, "1e+100"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (-5e-324, "-4.9406564584124654e-324"),
            (131073.0 / 131072.0, "1.0000076293945312"), // a tie goes to the even digit
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(text(value), expected);
        }
    }

    #[test]
    fn what_strtod_reads_whole_is_a_number() {
        for (text, value) in [
            ("1", 1.0),
            ("+1", 1.0),
            ("-1.5", -1.5),
            ("1.", 1.0),
            (".5", 0.5),
            ("1e3", 1e3),
            ("1E-2", 0.01),
            ("inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("0x10", 16.0),
            ("-0X1.8p1", -3.0),
            ("0x.8", 0.5),
            ("0x1p-1074", 5e-324),
            ("0x123456789abcdef012", 0x123456789abcdef012_u128 as f64),
            ("1e-320", 1e-320),
            ("0e-999", 0.0),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(value), "{text}");
        }
    }

    #[test]
    fn what_is_not_wholly_a_number_in_range_is_none() {
        for text in
            ["", " 1", "1 ", "nan", "-nan", "1e", "e1", ".", "1e400", "1e-400", "0x", "0x.", "0x1p", "++1", "1\0", "+"]
        {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn ends_of_ranges_are_read_loosely() {
        assert_eq!(parse_loosely(b""), Some(0.0));
        assert_eq!(parse_loosely(b" \t5"), Some(5.0));
        assert_eq!(parse_loosely(b"5\0x"), Some(5.0));
        assert_eq!(parse_loosely(b"1e400"), Some(f64::INFINITY));
        assert_eq!(parse_loosely(b"-1e-400"), Some(-0.0));
        assert_eq!((parse_loosely(b"5 "), parse_loosely(b"nan"), parse_loosely(b" ")), (None, None, None));
    }

    proptest! {
        #[test]
        fn every_number_is_read_back_as_it_was(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            prop_assert_eq!(parse(text(value).as_bytes()), Some(value));
        }

        #[test]
        fn no_text_makes_it_panic(text: Vec<u8>) {
            parse(&text);
            parse_loosely(&text);
        }
    }
}

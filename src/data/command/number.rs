//! Numbers in commands and values, read and written exactly as Redis does. Pure functions.

pub mod long_double;

pub use long_double::LongDouble;

/// `text` as an integer: only the form Redis itself writes, so no `+`, no leading zero, no `-0`, no space.
/// A text that passes is also how the integer is written.
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    const LONGEST: usize = 19; // digits of i64::MAX; any 19 digits fit in a u64
    let (negative, digits) = match text {
        b"0" => return Some(0),
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if !matches!(digits.first(), Some(b'1'..=b'9')) || digits.len() > LONGEST {
        return None;
    }
    let mut value = 0u64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    match negative {
        true if value <= i64::MIN.unsigned_abs() => Some(0i64.wrapping_sub_unsigned(value)),
        true => None,
        false => i64::try_from(value).ok(),
    }
}

/// `text` as a number of bytes, with a unit if it has one: `100`, `10b`, `64k`, `64kb`, `1g` ... As Redis, units of two
/// letters are powers of 1024, `k`, `m` and `g` alone of 1000.
pub fn parse_bytes(text: &[u8]) -> Option<u64> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let factor = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    std::str::from_utf8(digits).ok()?.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_borders_of_64_bits_are_integers_and_one_beyond_is_not() {
        assert_eq!(parse_i64(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(parse_i64(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_i64(b"9223372036854775808"), None);
        assert_eq!(parse_i64(b"-9223372036854775809"), None);
        assert_eq!(parse_i64(b"18446744073709551617"), None);
    }

    #[test]
    fn only_the_canonical_form_is_an_integer() {
        for text in
            ["", "-", "+1", "01", "-0", "-01", " 1", "1 ", "1.0", "0x1", "1e3", "99999999999999999999", "/", ":"]
        {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_integer_is_read_as_it_is_written(value: i64) {
            prop_assert_eq!(parse_i64(value.to_string().as_bytes()), Some(value));
        }

        #[test]
        fn what_is_read_is_written_the_same(text in "[-+0-9 ]{0,21}") {
            if let Some(value) = parse_i64(text.as_bytes()) {
                prop_assert_eq!(value.to_string(), text);
            }
        }
    }
}

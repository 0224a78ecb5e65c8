//! Numbers of bytes with units.

/// Units, longest first where one ends another. `kb` is 1024, `k` is 1000.
const UNITS: [(&str, u64); 8] = [
    ("kb", 1 << 10),
    ("mb", 1 << 20),
    ("gb", 1 << 30),
    ("k", 1000),
    ("m", 1_000_000),
    ("g", 1_000_000_000),
    ("b", 1),
    ("", 1),
];

/// Reads `512mb`, and nothing as 0; `None` if it is not a number of bytes or beyond 64 bits.
pub fn read(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return Some(0);
    }
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Writes `bytes` with the largest unit that divides it.
pub fn show(bytes: i128) -> String {
    let unit = [("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10)].into_iter().find(|(_, size)| bytes % size == 0);
    match unit {
        Some((name, size)) if bytes != 0 => format!("{}{name}", bytes / size),
        _ => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_redis_units() {
        for (text, bytes) in
            [("1", 1), ("1b", 1), ("1k", 1000), ("1Kb", 1024), ("2M", 2_000_000), ("2mb", 2 << 20), ("3GB", 3 << 30)]
        {
            assert_eq!(read(text.as_bytes()), Some(bytes), "{text}");
        }
        assert_eq!(read(b""), Some(0));
        for text in ["b", "-1", "1x", "1 kb", "1.5mb", "99999999999999999999", "18446744073709551615kb"] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(bytes in any::<u64>(), shift in 0u32..40) {
            let bytes = bytes >> shift << shift;
            prop_assert_eq!(read(show(bytes.into()).as_bytes()), Some(bytes));
        }
    }
}

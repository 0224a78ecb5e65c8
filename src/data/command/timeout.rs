//! The argument that says how long a command may wait for its keys.
//!
//! Pure functions; the errors are those of Redis 7.0.

use super::number::{LongDouble, parse_i64};
use crate::resp::Error;

/// When a wait of `seconds` that begins `now` (Unix milliseconds) is over; none: never. Fractions of a millisecond
/// count as a whole one.
pub fn in_seconds(seconds: &[u8], now: u64) -> Result<Option<u64>, Error> {
    let seconds = LongDouble::parse(seconds).ok_or(Error::new("ERR timeout is not a float or out of range"))?;
    deadline(milliseconds(&seconds.write()), now)
}

/// The same for a wait of whole `milliseconds`.
pub fn in_milliseconds(milliseconds: &[u8], now: u64) -> Result<Option<u64>, Error> {
    let time = parse_i64(milliseconds).ok_or(Error::new("ERR timeout is not an integer or out of range"))?;
    deadline(time, now)
}

fn deadline(milliseconds: i64, now: u64) -> Result<Option<u64>, Error> {
    match u64::try_from(milliseconds) {
        Err(_) => Err(Error::new("ERR timeout is negative")),
        Ok(0) => Ok(None),
        Ok(time) => Ok(Some(now.saturating_add(time))),
    }
}

/// Decimal seconds in milliseconds, rounded up. What is beyond 64 bits is the lowest number, as on Redis's machines.
fn milliseconds(seconds: &[u8]) -> i64 {
    let (negative, digits) = match seconds {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let (whole, fraction) = match digits.iter().position(|byte| *byte == b'.') {
        Some(point) => (&digits[..point], &digits[point + 1..]),
        None => (digits, &b""[..]),
    };
    let whole = std::str::from_utf8(whole).ok().and_then(|whole| whole.parse::<i64>().ok());
    let thousandths = (0..3).fold(0, |sum, place| {
        let digit = fraction.get(place).map_or(0, |digit| digit - b'0');
        sum * 10 + i64::from(digit)
    });
    let below = fraction.iter().skip(3).any(|digit| *digit != b'0');
    let time = whole.and_then(|whole| whole.checked_mul(1000)?.checked_add(thousandths));
    match time {
        Some(time) if negative => -time,
        Some(time) => time.saturating_add(i64::from(below)),
        None => i64::MIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_may_have_a_fraction_that_is_rounded_up_to_milliseconds() {
        let wait = |text: &str| in_seconds(text.as_bytes(), 1000).map(|deadline| deadline.map(|at| at - 1000));
        assert_eq!(wait("0"), Ok(None));
        assert_eq!(wait("1"), Ok(Some(1000)));
        assert_eq!(wait("0.01"), Ok(Some(10)));
        assert_eq!(wait("0.0001"), Ok(Some(1)));
        assert_eq!(wait("1e-1"), Ok(Some(100)));
        assert_eq!(wait("0.1"), Ok(Some(100)));
        assert_eq!(wait("2.0015"), Ok(Some(2002)));
    }

    #[test]
    fn what_is_no_time_is_refused_in_redis_words() {
        let refusal = |text: &str| in_seconds(text.as_bytes(), 1000).unwrap_err().to_string();
        assert_eq!(refusal("abc"), "ERR timeout is not a float or out of range");
        assert_eq!(refusal("-1"), "ERR timeout is negative");
        assert_eq!(refusal("inf"), "ERR timeout is negative");
        assert_eq!(refusal("1e300"), "ERR timeout is negative");
        let refusal = |text: &str| in_milliseconds(text.as_bytes(), 1000).unwrap_err().to_string();
        assert_eq!(refusal("1.5"), "ERR timeout is not an integer or out of range");
        assert_eq!(refusal("-5"), "ERR timeout is negative");
    }
}

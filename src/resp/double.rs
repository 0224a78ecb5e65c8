//! Doubles as text, as C's `%.17g` writes them: the form of scores, of RESP3 doubles and of numbers in scripts.

use crate::base::double;

/// `number` with at most `precision` significant digits, as `%.{precision}g`; infinities are `inf` and `-inf`.
pub fn general(number: f64, precision: usize) -> String {
    if number.is_nan() {
        return "nan".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf".into() } else { "-inf".into() };
    }
    let precision = precision.max(1);
    let scientific = format!("{:.*e}", precision - 1, number);
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= precision as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", without_zeros(digits), exponent.unsigned_abs());
    }
    let decimals = (precision as i32 - 1 - exponent).max(0) as usize;
    without_zeros(&format!("{number:.decimals$}")).to_owned()
}

/// `number` as Redis replies with it: `%.17g`.
pub fn text(number: f64) -> String {
    String::from_utf8_lossy(double::Buffer::new().format(number)).into_owned()
}

/// A decimal fraction without what does not count.
fn without_zeros(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_printf_writes_them() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-3.0, "-3"),
            (0.1, "0.10000000000000001"),
            (1e17, "1e+17"),
            (99999999999999984.0, "99999999999999984"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (1.5e-5, "1.5e-05"),
            (0.0001, "0.0001"),
            (1e300, "1.0000000000000001e+300"),
            (5e-324, "4.9406564584124654e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(text(number), expected);
        }
        assert_eq!(general(123456.0, 3), "1.23e+05");
        assert_eq!(general(3.0, 14), "3");
        assert_eq!(general(1.0 / 3.0, 14), "0.33333333333333");
    }
}

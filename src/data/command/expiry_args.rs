//! The arguments that say when a key dies: `EX PX EXAT PXAT KEEPTTL PERSIST` and their numbers.
//!
//! Pure functions; the errors and their order are those of Redis 7.0.

use super::number::parse_i64;
use crate::resp::Error;

/// What a time argument counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds: EX, EXAT, SETEX, EXPIRE.
    Seconds,
    /// Milliseconds: PX, PXAT, PSETEX, PEXPIRE.
    Milliseconds,
}

/// What a time argument counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The time of the command.
    Now,
    /// 1970: the argument is a Unix time.
    Epoch,
}

/// What a command's options say about the key's deadline. Its number is read later, by [`deadline`]:
/// Redis judges the grammar of all options before it judges any number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry<'a> {
    /// Nothing.
    #[default]
    Unsaid,
    /// KEEPTTL: leave it as it is.
    Keep,
    /// PERSIST: take it away.
    Persist,
    /// EX, PX, EXAT, PXAT with their argument.
    At(&'a [u8], Unit, Base),
}

impl<'a> Expiry<'a> {
    /// Reads the option at the head of `options` if it is about expiry, and returns how many arguments it took.
    ///
    /// The same option may be repeated, the last one counts; two different ones are a syntax error, and so is
    /// a time option without its number. The caller refuses KEEPTTL or PERSIST where its command knows only one.
    pub fn read(&mut self, options: &[&'a [u8]]) -> Result<usize, Error> {
        let [option, rest @ ..] = options else { return Err(Error::Syntax) };
        let (unit, base) = match option.len() {
            7 if option.eq_ignore_ascii_case(b"KEEPTTL") => return self.mark(Expiry::Keep),
            7 if option.eq_ignore_ascii_case(b"PERSIST") => return self.mark(Expiry::Persist),
            2 if option.eq_ignore_ascii_case(b"EX") => (Unit::Seconds, Base::Now),
            2 if option.eq_ignore_ascii_case(b"PX") => (Unit::Milliseconds, Base::Now),
            4 if option.eq_ignore_ascii_case(b"EXAT") => (Unit::Seconds, Base::Epoch),
            4 if option.eq_ignore_ascii_case(b"PXAT") => (Unit::Milliseconds, Base::Epoch),
            _ => return Err(Error::Syntax),
        };
        let Some(number) = rest.first() else { return Err(Error::Syntax) };
        match *self {
            Expiry::Unsaid => {}
            Expiry::At(_, unit_before, base_before) if (unit_before, base_before) == (unit, base) => {}
            _ => return Err(Error::Syntax),
        }
        *self = Expiry::At(number, unit, base);
        Ok(2)
    }

    fn mark(&mut self, meant: Expiry<'a>) -> Result<usize, Error> {
        if *self != Expiry::Unsaid && *self != meant {
            return Err(Error::Syntax);
        }
        *self = meant;
        Ok(1)
    }
}

/// The deadline, in Unix milliseconds, that `number` of SET, SETEX, PSETEX or GETEX names. It must lie after
/// 1970, not after `now`. `command` is the lower-case name for the error.
pub fn deadline(number: &[u8], unit: Unit, base: Base, now: u64, command: &'static str) -> Result<u64, Error> {
    let number = parse_i64(number).ok_or(Error::NotAnInteger)?;
    let scaled = match unit {
        Unit::Seconds => number.checked_mul(1000),
        Unit::Milliseconds => Some(number),
    };
    let start = match base {
        Base::Now => now as i64,
        Base::Epoch => 0,
    };
    match scaled.filter(|&scaled| scaled > 0).and_then(|scaled| scaled.checked_add(start)) {
        Some(deadline) => Ok(deadline as u64),
        None => Err(Error::InvalidExpire(command.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(options: &[&'a str]) -> Result<Expiry<'a>, Error> {
        let options: Vec<&[u8]> = options.iter().map(|option| option.as_bytes()).collect();
        let (mut expiry, mut at) = (Expiry::default(), 0);
        while at < options.len() {
            at += expiry.read(&options[at..])?;
        }
        Ok(expiry)
    }

    #[test]
    fn the_last_of_a_repeated_option_counts() {
        assert_eq!(read(&["EX", "1", "ex", "2"]), Ok(Expiry::At(b"2", Unit::Seconds, Base::Now)));
        assert_eq!(read(&["keepttl", "KEEPTTL"]), Ok(Expiry::Keep));
        assert_eq!(read(&[]), Ok(Expiry::Unsaid));
    }

    #[test]
    fn different_options_exclude_each_other() {
        for options in [["EX", "1", "PX", "1"], ["EXAT", "1", "EX", "1"], ["PXAT", "1", "EXAT", "1"]] {
            assert_eq!(read(&options), Err(Error::Syntax), "{options:?}");
        }
        for options in [["KEEPTTL", "EX", "1"], ["EX", "1", "KEEPTTL"], ["PX", "1", "PERSIST"]] {
            assert_eq!(read(&options), Err(Error::Syntax), "{options:?}");
        }
        assert_eq!(read(&["PERSIST", "KEEPTTL"]), Err(Error::Syntax));
    }

    #[test]
    fn a_time_option_needs_its_number() {
        assert_eq!(read(&["EX"]), Err(Error::Syntax));
        assert_eq!(read(&["EX", "1", "PXAT"]), Err(Error::Syntax));
    }

    #[test]
    fn a_deadline_lies_after_1970_and_within_63_bits() {
        let invalid = Err(Error::InvalidExpire("set".into()));
        let at = |number: &str, unit, base| deadline(number.as_bytes(), unit, base, 5, "set");
        assert_eq!(at("2", Unit::Seconds, Base::Now), Ok(2005));
        assert_eq!(at("2", Unit::Milliseconds, Base::Epoch), Ok(2));
        assert_eq!(at("0", Unit::Milliseconds, Base::Epoch), invalid);
        assert_eq!(at("-1", Unit::Seconds, Base::Now), invalid);
        assert_eq!(at("9223372036854775", Unit::Seconds, Base::Epoch), Ok(9_223_372_036_854_775_000));
        assert_eq!(at("9223372036854776", Unit::Seconds, Base::Epoch), invalid);
        assert_eq!(at("9223372036854775803", Unit::Milliseconds, Base::Now), invalid);
        assert_eq!(at("1.5", Unit::Seconds, Base::Now), Err(Error::NotAnInteger));
    }
}

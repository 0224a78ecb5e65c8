//! The arguments of stream commands: ids, intervals, and how much to keep.

use crate::data::command::number::parse_i64;
use crate::data::types::stream::{Id, Keep};
use crate::resp::Error;

const BAD_ID: Error =
    Error::Other(std::borrow::Cow::Borrowed("ERR Invalid stream ID specified as stream command argument"));

fn parse_u64(text: &[u8]) -> Option<u64> {
    let plain = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| plain)?.parse().ok()
}

/// `ms-seq`, or `ms` with `missing` as the second number.
pub fn id(text: &[u8], missing: u64) -> Result<Id, Error> {
    let parsed = match memchr::memchr(b'-', text) {
        Some(at) => parse_u64(&text[..at]).zip(parse_u64(&text[at + 1..])),
        None => parse_u64(text).map(|ms| (ms, missing)),
    };
    parsed.filter(|_| text.len() < 128).map(|(ms, seq)| Id { ms, seq }).ok_or(BAD_ID)
}

/// An id that may be `-` or `+`, the least and the greatest.
pub fn id_or_end(text: &[u8], missing: u64) -> Result<Id, Error> {
    match text {
        b"-" => Ok(Id::ZERO),
        b"+" => Ok(Id::MAX),
        text => id(text, missing),
    }
}

/// The beginning of an interval; `(` leaves the id itself out.
pub fn start(text: &[u8]) -> Result<Id, Error> {
    match text.strip_prefix(b"(") {
        Some(text) => id(text, 0)?.next().ok_or(Error::new("ERR invalid start ID for the interval")),
        None => id_or_end(text, 0),
    }
}

/// The end of an interval.
pub fn end(text: &[u8]) -> Result<Id, Error> {
    match text.strip_prefix(b"(") {
        Some(text) => id(text, u64::MAX)?.previous().ok_or(Error::new("ERR invalid end ID for the interval")),
        None => id_or_end(text, u64::MAX),
    }
}

/// The id of XADD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewId {
    /// `*`.
    Auto,
    /// `ms-*`.
    InMillisecond(u64),
    /// As it is.
    Given(Id),
}

/// How much of a stream to keep, as XADD and XTRIM say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    /// What.
    pub keep: Keep,
    /// `~`: what shares a node with others may stay.
    pub about: bool,
    /// At most so many at once; 0: any number.
    pub limit: u64,
    /// Which argument says how much.
    pub place: usize,
}

/// The options of XADD, up to its id, and of XTRIM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How much to keep.
    pub trim: Option<Trim>,
    /// NOMKSTREAM.
    pub no_new: bool,
    /// XADD's id and its place.
    pub id: Option<(NewId, usize)>,
}

/// Reads them. `node_entries`: entries of a node, by which the default limit goes.
pub fn options(args: &[&[u8]], adds: bool, node_entries: usize) -> Result<Options, Error> {
    let mut options = Options::default();
    let mut limit = None;
    let mut place = 2;
    while place < args.len() {
        let more = args.len() - 1 - place;
        match args[place].to_ascii_lowercase().as_slice() {
            b"*" if adds => {
                options.id = Some((NewId::Auto, place));
                break;
            }
            word @ (b"maxlen" | b"minid") if more > 0 => {
                if options.trim.is_some() {
                    return Err(Error::new(
                        "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
                    ));
                }
                let sign = args[place + 1];
                let signed = more >= 2 && matches!(sign, b"~" | b"=");
                place += 1 + usize::from(signed);
                let keep = if word == b"maxlen" {
                    let length = parse_i64(args[place]).ok_or(Error::NotAnInteger)?;
                    let length = u64::try_from(length);
                    Keep::Length(length.map_err(|_| Error::new("ERR The MAXLEN argument must be >= 0."))?)
                } else {
                    Keep::From(id(args[place], 0)?)
                };
                options.trim = Some(Trim { keep, about: signed && sign == b"~", limit: 0, place });
            }
            b"limit" if more > 0 => {
                place += 1;
                let number = parse_i64(args[place]).ok_or(Error::NotAnInteger)?;
                let number = u64::try_from(number);
                limit = Some(number.map_err(|_| Error::new("ERR The LIMIT argument must be >= 0."))?);
            }
            b"nomkstream" if adds => options.no_new = true,
            _ if adds => {
                let text = args[place];
                let new = match text.strip_suffix(b"-*") {
                    Some(ms) => NewId::InMillisecond(parse_u64(ms).ok_or(BAD_ID)?),
                    None => NewId::Given(id(text, 0)?),
                };
                options.id = Some((new, place));
                break;
            }
            _ => return Err(Error::Syntax),
        }
        place += 1;
    }
    finish(options, limit, adds, node_entries)
}

fn finish(mut options: Options, limit: Option<u64>, adds: bool, node_entries: usize) -> Result<Options, Error> {
    match &mut options.trim {
        None if limit.is_some_and(|limit| limit > 0) => {
            Err(Error::new("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"))
        }
        None if !adds => Err(Error::new("ERR syntax error, XTRIM must be called with a trimming strategy")),
        None => Ok(options),
        Some(trim) => {
            match limit {
                Some(_) if !trim.about => {
                    return Err(Error::new("ERR syntax error, LIMIT cannot be used without the special ~ option"));
                }
                Some(limit) => trim.limit = limit,
                // What may take long is bounded: a hundred nodes.
                None if trim.about => {
                    trim.limit = match node_entries as u64 * 100 {
                        0 => 10_000,
                        limit => limit.min(1_000_000),
                    };
                }
                None => {}
            }
            Ok(options)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_one_number_or_two() {
        assert_eq!(id(b"5", 7).unwrap(), Id { ms: 5, seq: 7 });
        assert_eq!(id(b"5-1", 7).unwrap(), Id { ms: 5, seq: 1 });
        for bad in [&b""[..], b"-", b"5-", b"-5", b"a", b"1-2-3", b"+1", b"18446744073709551616"] {
            assert!(id(bad, 0).is_err(), "{}", bad.escape_ascii());
        }
        assert_eq!(start(b"(5-1").unwrap(), Id { ms: 5, seq: 2 });
        assert!(end(b"(0-0").is_err() && start(b"(18446744073709551615-18446744073709551615").is_err());
    }

    #[test]
    fn options_end_at_the_id() {
        let args: Vec<&[u8]> = vec![b"xadd", b"k", b"maxlen", b"~", b"10", b"limit", b"5", b"7-*", b"a", b"b"];
        let options = options(&args, true, 100).unwrap();
        assert_eq!(options.id, Some((NewId::InMillisecond(7), 7)));
        assert_eq!(options.trim, Some(Trim { keep: Keep::Length(10), about: true, limit: 5, place: 4 }));
    }
}

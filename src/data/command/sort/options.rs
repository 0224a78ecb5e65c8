//! What SORT is asked for.

use crate::data::command::number::parse_i64;
use crate::resp::Error;
use std::ops::Range;

/// What elements are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By<'a> {
    /// Their own text.
    Element,
    /// What this pattern leads to.
    Pattern(&'a [u8]),
    /// Nothing: they stay in their order.
    Nothing,
}

/// See the module's description.
#[derive(Debug)]
pub struct Options<'a> {
    /// BY.
    pub by: By<'a>,
    /// DESC.
    pub descending: bool,
    /// ALPHA: as texts, not as numbers.
    pub alpha: bool,
    /// The patterns of GET.
    pub get: Vec<&'a [u8]>,
    /// STORE.
    pub store: Option<&'a [u8]>,
    start: i64,
    count: i64,
}

impl<'a> Options<'a> {
    /// Reads what follows the key. In a cluster patterns are refused: they might lead to other nodes.
    pub fn parse(args: &[&'a [u8]], may_store: bool, cluster: bool) -> Result<Options<'a>, Error> {
        let mut options = Options {
            by: By::Element,
            descending: false,
            alpha: false,
            get: Vec::new(),
            store: None,
            start: 0,
            count: -1,
        };
        let mut rest = args;
        while let [word, after @ ..] = rest {
            rest = match (word.to_ascii_lowercase().as_slice(), after) {
                (b"asc", after) => {
                    options.descending = false;
                    after
                }
                (b"desc", after) => {
                    options.descending = true;
                    after
                }
                (b"alpha", after) => {
                    options.alpha = true;
                    after
                }
                (b"limit", [start, count, after @ ..]) => {
                    options.start = parse_i64(start).ok_or(Error::NotAnInteger)?;
                    options.count = parse_i64(count).ok_or(Error::NotAnInteger)?;
                    after
                }
                (b"store", [key, after @ ..]) if may_store => {
                    options.store = Some(key);
                    after
                }
                (b"by", [pattern, after @ ..]) => {
                    options.by = if pattern.contains(&b'*') { By::Pattern(pattern) } else { By::Nothing };
                    if cluster && options.by != By::Nothing {
                        return Err(Error::new("ERR BY option of SORT denied in Cluster mode."));
                    }
                    after
                }
                (b"get", [_, ..]) if cluster => {
                    return Err(Error::new("ERR GET option of SORT denied in Cluster mode."));
                }
                (b"get", [pattern, after @ ..]) => {
                    options.get.push(pattern);
                    after
                }
                _ => return Err(Error::Syntax),
            };
        }
        Ok(options)
    }

    /// Which of `length` elements LIMIT leaves.
    pub fn range(&self, length: usize) -> Range<usize> {
        let start = usize::try_from(self.start.max(0)).map_or(length, |start| start.min(length));
        let count = usize::try_from(self.count).unwrap_or(length);
        start..start.saturating_add(count).min(length)
    }
}

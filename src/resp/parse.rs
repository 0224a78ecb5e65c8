//! The request parser: bytes of one connection in, commands out. The hot path of the whole node.
//!
//! Incremental: a command that comes in pieces is never read twice from its start, so the work is
//! linear in the bytes whatever their pieces. The caller keeps a connection's unconsumed bytes
//! contiguous and calls again with the longer buffer; a [`ParseState`] remembers where to go on.
//!
//! Invariants:
//! - A command that lies whole in the input allocates nothing: its arguments are pushed as
//!   [`Span`]s to the end of a list that the caller reuses for all connections of its core.
//! - Memory follows bytes that came, never bytes that were announced.
//! - The same bytes give the same commands and the same error however they were cut. (Redis takes
//!   an overlong line if it comes in one read; here the first [`MAX_INLINE`] bytes decide.)
//! - As in Redis, the two bytes after an argument are skipped unseen, and a line ends at CR and
//!   whatever byte follows.

use super::{Error, inline};
use crate::base::limits::MAX_INLINE;

/// Arguments an unauthenticated client may announce. Source: Redis 7.0 `processMultibulkBuffer`.
const UNAUTHENTICATED_ARGS: i64 = 10;

/// The longest argument an unauthenticated client may announce. Source: as above.
const UNAUTHENTICATED_BULK: u64 = 16 * 1024;

/// Arguments a command may announce. Source: as above (`INT_MAX`; 1024 * 1024 was before 7.0).
const ANNOUNCED_ARGS: i64 = i32::MAX as i64;

/// From which length on an argument is large. Source: Redis 7.0 `PROTO_MBULK_BIG_ARG`.
const LARGE_BODY: usize = 32 * 1024;

/// What [`Parsed::Incomplete`] asks for beyond the bytes that came while they are few.
const READ_AHEAD: usize = 16 * 1024;

/// One argument: where it lies in the `input` that [`parse`] was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first byte.
    pub start: usize,
    /// Its length.
    pub len: usize,
}

impl Span {
    /// The argument's bytes. `input` begins where the command does.
    #[inline]
    pub fn of(self, input: &[u8]) -> &[u8] {
        &input[self.start..self.start + self.len]
    }
}

/// The arguments of the commands of a batch, one command after the other.
pub type Args = Vec<Span>;

/// What a client may announce.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    args: i64,
    bulk: u64,
    max_bulk: u64,
}

impl Limits {
    /// A client that may send bulks of `max_bulk` (proto-max-bulk-len) bytes.
    ///
    /// While it is not `authenticated` it may send little. The caller must execute AUTH and HELLO
    /// before it parses what follows them, or it refuses what the client was about to be allowed.
    pub fn new(max_bulk: u64, authenticated: bool) -> Self {
        if authenticated {
            Limits { args: ANNOUNCED_ARGS, bulk: max_bulk, max_bulk }
        } else {
            Limits { args: UNAUTHENTICATED_ARGS, bulk: max_bulk.min(UNAUTHENTICATED_BULK), max_bulk }
        }
    }

    /// A primary's replication stream: its own clients were checked there.
    pub fn primary() -> Self {
        Limits::new(i64::MAX as u64, true)
    }
}

/// What a connection remembers between two calls. Small and without allocation unless a command is half here.
#[derive(Debug, Default)]
pub struct ParseState {
    /// Bytes of the line being waited for that are known to hold no line end.
    searched: usize,
    /// The command that is half here.
    partial: Option<Box<Partial>>,
}

impl ParseState {
    /// Whether a multibulk command is half here. (Bytes of an unfinished first line do not count.)
    pub fn is_partial(&self) -> bool {
        self.partial.is_some()
    }

    /// Bytes of the input that are done with while a large argument is being received, which as in Redis are not
    /// shown as input any more.
    pub fn passed(&self) -> usize {
        match self.partial.as_deref() {
            Some(Partial { cursor: Cursor { at, body: Some(LARGE_BODY..), .. }, .. }) => *at,
            _ => 0,
        }
    }
}

/// A multibulk command whose count line has come, but not all of its arguments.
#[derive(Debug)]
struct Partial {
    cursor: Cursor,
    spans: Args,
}

/// Where in a multibulk command the parser stands.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    /// The next byte to look at: an argument's header, or its body when `body` is given.
    at: usize,
    /// Arguments still to come.
    missing: usize,
    /// The length of the argument whose header has been read.
    body: Option<usize>,
}

/// What [`parse`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A command: its arguments were pushed to `out`, relative to the start of `input`.
    Command {
        /// The bytes of `input` it took.
        consumed: usize,
    },
    /// A command as a person types it. Unquoting changes bytes, so it owns its arguments.
    Inline {
        /// The bytes of `input` it took.
        consumed: usize,
        /// At least one argument.
        args: Vec<Vec<u8>>,
    },
    /// Nothing to execute and nothing to answer: `*0`, `*-1` or an empty line.
    Empty {
        /// The bytes of `input` it took.
        consumed: usize,
    },
    /// The command is not all here; call again when `input` has grown.
    Incomplete {
        /// How long to make the buffer of `input`: to the end of the argument being received, but
        /// never more than twice what has come (or a read more, while that is little).
        need: usize,
    },
    /// The bytes are no command. Answer the error and close: where the next command begins is unknown.
    Error(ProtocolError),
}

/// How a client broke the protocol. Texts are Redis 7.0's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The count of a multibulk is no number, or above 2^31 - 1.
    #[error("ERR Protocol error: invalid multibulk length")]
    InvalidMultibulkLength,
    /// No line end after the count of a multibulk.
    #[error("ERR Protocol error: too big mbulk count string")]
    TooBigMultibulkCount,
    /// An argument does not start with `$`.
    #[error("ERR Protocol error: expected '$', got '{}'", char::from(*.0))]
    ExpectedDollar(u8),
    /// An argument's length is no number, negative, or above proto-max-bulk-len.
    #[error("ERR Protocol error: invalid bulk length")]
    InvalidBulkLength,
    /// No line end after an argument's length.
    #[error("ERR Protocol error: too big bulk count string")]
    TooBigBulkCount,
    /// An inline command without line end.
    #[error("ERR Protocol error: too big inline request")]
    TooBigInline,
    /// An inline command with a quote that does not end, or ends inside a word.
    #[error("ERR Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// Too many arguments for a client that has not authenticated.
    #[error("ERR Protocol error: unauthenticated multibulk length")]
    UnauthenticatedMultibulkLength,
    /// Too long an argument for a client that has not authenticated.
    #[error("ERR Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulkLength,
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Error {
        Error::new(error.to_string())
    }
}

/// Why the parser does not go on.
enum Stop {
    /// The input ends; it should be this long.
    More(usize),
    Bad(ProtocolError),
}

impl From<Stop> for Parsed {
    fn from(stop: Stop) -> Parsed {
        match stop {
            Stop::More(need) => Parsed::Incomplete { need },
            Stop::Bad(error) => Parsed::Error(error),
        }
    }
}

/// Reads one command from the start of `input`, the unconsumed bytes of one connection, and pushes
/// its arguments to `out`. Unless it returns [`Parsed::Command`], `out` is as before.
///
/// `state` belongs to the connection. After [`Parsed::Incomplete`] the next `input` must begin with
/// the same bytes.
#[inline]
pub fn parse(input: &[u8], state: &mut ParseState, limits: &Limits, out: &mut Args) -> Parsed {
    if let Some(partial) = &mut state.partial {
        let parsed = go_on(input, partial, &mut state.searched, limits, out);
        if !matches!(parsed, Parsed::Incomplete { .. }) {
            state.partial = None;
        }
        return parsed;
    }
    match input.first() {
        Some(b'*') => multibulk(input, state, limits, out),
        Some(_) => inline_command(input, state),
        None => Parsed::Incomplete { need: READ_AHEAD },
    }
}

/// A multibulk command from its first byte.
#[inline]
fn multibulk(input: &[u8], state: &mut ParseState, limits: &Limits, out: &mut Args) -> Parsed {
    let mut cursor = match count_line(input, &mut state.searched, limits) {
        Ok(cursor) => cursor,
        Err(stop) => return stop.into(),
    };
    if cursor.missing == 0 {
        return Parsed::Empty { consumed: cursor.at };
    }
    let start = out.len();
    match arguments(input, &mut cursor, &mut state.searched, limits, out) {
        Ok(()) => Parsed::Command { consumed: cursor.at },
        Err(stop) => interrupted(stop, cursor, state, start, out),
    }
}

/// Keeps what was read of a command that is not all here.
#[cold]
fn interrupted(stop: Stop, cursor: Cursor, state: &mut ParseState, start: usize, out: &mut Args) -> Parsed {
    if matches!(stop, Stop::More(_)) {
        state.partial = Some(Box::new(Partial { cursor, spans: out[start..].to_vec() }));
    }
    out.truncate(start);
    stop.into()
}

/// A multibulk command that was interrupted.
#[cold]
fn go_on(input: &[u8], partial: &mut Partial, searched: &mut usize, limits: &Limits, out: &mut Args) -> Parsed {
    match arguments(input, &mut partial.cursor, searched, limits, &mut partial.spans) {
        Ok(()) => {
            out.append(&mut partial.spans);
            Parsed::Command { consumed: partial.cursor.at }
        }
        Err(stop) => stop.into(),
    }
}

/// Reads `*<count>`. A count of zero or less misses no arguments.
#[inline]
fn count_line(input: &[u8], searched: &mut usize, limits: &Limits) -> Result<Cursor, Stop> {
    if let Some((count, at)) = short_length(input, 0, b'*')
        && count as i64 <= limits.args
    {
        *searched = 0;
        return Ok(Cursor { at, missing: count, body: None });
    }
    let (line, at) = line(input, 0, searched, ProtocolError::TooBigMultibulkCount)?;
    let count = decimal(&line[1..])
        .filter(|count| *count <= ANNOUNCED_ARGS)
        .ok_or(Stop::Bad(ProtocolError::InvalidMultibulkLength))?;
    if count > limits.args {
        return Err(Stop::Bad(ProtocolError::UnauthenticatedMultibulkLength));
    }
    Ok(Cursor { at, missing: count.max(0) as usize, body: None })
}

/// Reads arguments until none is missing.
#[inline]
fn arguments(
    input: &[u8],
    cursor: &mut Cursor,
    searched: &mut usize,
    limits: &Limits,
    spans: &mut Args,
) -> Result<(), Stop> {
    while cursor.missing > 0 {
        let len = match cursor.body {
            Some(len) => len,
            None => bulk_length(input, &mut cursor.at, searched, limits)?,
        };
        // No overflow: `decimal` gives no length above 2^63 - 1, and no input is near that long.
        let end = cursor.at + len + 2;
        if end > input.len() {
            cursor.body = Some(len);
            return Err(Stop::More(worth_reserving(end, input.len())));
        }
        spans.push(Span { start: cursor.at, len });
        *cursor = Cursor { at: end, missing: cursor.missing - 1, body: None };
    }
    Ok(())
}

/// Reads `$<length>` and moves `at` behind it.
#[inline]
fn bulk_length(input: &[u8], at: &mut usize, searched: &mut usize, limits: &Limits) -> Result<usize, Stop> {
    let Some((len, next)) = short_length(input, *at, b'$').filter(|(len, _)| *len as u64 <= limits.bulk) else {
        return long_bulk_length(input, at, searched, limits);
    };
    *searched = 0;
    *at = next;
    Ok(len)
}

/// [`bulk_length`] of any number of digits, and with a name for what is wrong.
#[inline(never)]
fn long_bulk_length(input: &[u8], at: &mut usize, searched: &mut usize, limits: &Limits) -> Result<usize, Stop> {
    let (line, next) = line(input, *at, searched, ProtocolError::TooBigBulkCount)?;
    if input[*at] != b'$' {
        return Err(Stop::Bad(ProtocolError::ExpectedDollar(input[*at])));
    }
    let len = decimal(&line[1..])
        .and_then(|len| u64::try_from(len).ok())
        .filter(|len| *len <= limits.max_bulk)
        .ok_or(Stop::Bad(ProtocolError::InvalidBulkLength))?;
    if len > limits.bulk {
        return Err(Stop::Bad(ProtocolError::UnauthenticatedBulkLength));
    }
    *at = next;
    Ok(len as usize)
}

/// `kind`, one to three digits, CR, LF: the number and where the line ends. `None` when the line at
/// `at` looks otherwise, or too near the end of the input to be looked at as a whole.
#[inline]
fn short_length(input: &[u8], at: usize, kind: u8) -> Option<(usize, usize)> {
    let line: &[u8; 6] = input.get(at..)?.first_chunk()?;
    let digit = |index: usize| usize::from(line[index].wrapping_sub(b'0'));
    let line_ends = |index: usize| line[index] == b'\r' && line[index + 1] == b'\n';
    if line[0] != kind || digit(1) > 9 {
        return None;
    }
    if line_ends(2) {
        return Some((digit(1), at + 4));
    }
    // A number does not start with zero.
    if digit(1) == 0 || digit(2) > 9 {
        return None;
    }
    if line_ends(3) {
        return Some((10 * digit(1) + digit(2), at + 5));
    }
    (digit(3) <= 9 && line_ends(4)).then(|| (100 * digit(1) + 10 * digit(2) + digit(3), at + 6))
}

/// The line at `at` up to its CR, and where the next one begins.
fn line<'i>(
    input: &'i [u8],
    at: usize,
    searched: &mut usize,
    too_long: ProtocolError,
) -> Result<(&'i [u8], usize), Stop> {
    let len = find_line_end(&input[at..], b'\r', searched, too_long)?;
    let next = at + len + 2;
    if next > input.len() {
        return Err(Stop::More(input.len() + READ_AHEAD));
    }
    *searched = 0;
    Ok((&input[at..at + len], next))
}

/// Where in `line` the first `end` is. Looks at no byte twice, however often it is called.
fn find_line_end(line: &[u8], end: u8, searched: &mut usize, too_long: ProtocolError) -> Result<usize, Stop> {
    let window = &line[..line.len().min(MAX_INLINE + 1)];
    match memchr::memchr(end, &window[*searched..]) {
        Some(found) => {
            *searched += found;
            Ok(*searched)
        }
        None if window.len() > MAX_INLINE => Err(Stop::Bad(too_long)),
        None => {
            *searched = window.len();
            Err(Stop::More(line.len() + READ_AHEAD))
        }
    }
}

/// A line that is no multibulk: words and quotes.
#[cold]
fn inline_command(input: &[u8], state: &mut ParseState) -> Parsed {
    let newline = match find_line_end(input, b'\n', &mut state.searched, ProtocolError::TooBigInline) {
        Ok(newline) => newline,
        Err(stop) => return stop.into(),
    };
    state.searched = 0;
    let consumed = newline + 1;
    let line = input[..newline].strip_suffix(b"\r").unwrap_or(&input[..newline]);
    match inline::split_args(line) {
        None => Parsed::Error(ProtocolError::UnbalancedQuotes),
        Some(args) if args.is_empty() => Parsed::Empty { consumed },
        Some(args) => Parsed::Inline { consumed, args },
    }
}

/// A buffer length on the way to `end` that announcing alone cannot make large.
fn worth_reserving(end: usize, len: usize) -> usize {
    end.min((2 * len).max(len + READ_AHEAD))
}

/// A decimal number as Redis's `string2ll` takes it: no plus sign, no leading zeros, no blanks.
fn decimal(text: &[u8]) -> Option<i64> {
    match text {
        b"0" => Some(0),
        [b'1'..=b'9', ..] | [b'-', b'1'..=b'9', ..] => str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

//! From the primary's stream to pieces that the data cores execute.
//!
//! A piece is a run of whole commands. Its commands for one core are executed in their order, those for different cores
//! at the same time; the next piece follows in each core's queue. A command, or a transaction, that needs several cores
//! at once is a piece of its own, before and after which everything else is done ([`Piece::together`]).

use crate::base::ids::CoreId;
use crate::resp::parse::{self, Args, Limits, ParseState, Parsed, Span};
use std::sync::Arc;

/// Bytes from which a piece is not made longer: some hundred commands, which a core executes in one go.
const PIECE: usize = 16 * 1024;

/// Arguments of most commands: so many are looked at without a list on the heap.
const FEW: usize = 8;

/// Who executes a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// One core.
    Core(CoreId),
    /// Each core, for itself.
    All,
    /// One core with the stores of several.
    Several,
}

/// A command of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// Who executes it.
    pub target: Target,
    /// The database it was sent on.
    pub db: usize,
    /// How many arguments it has.
    pub args: usize,
    /// Whether it is of the same transaction as the command before it.
    pub follows: bool,
}

/// See the module's header.
#[derive(Debug, Default)]
pub struct Piece {
    /// Its part of the stream.
    pub stream: Arc<Vec<u8>>,
    /// Where the arguments of all commands lie in it.
    pub spans: Vec<Span>,
    /// The commands.
    pub commands: Vec<Command>,
    /// Whether all of them are to be executed at once, by a core that has all stores.
    pub together: bool,
    /// Whether the primary wants to hear that it is done.
    pub wants_ack: bool,
    /// The database that is selected behind it.
    pub db: usize,
}

/// Up to where the bytes are cut into commands.
#[derive(Clone, Copy, Default)]
struct Mark {
    bytes: usize,
    commands: usize,
    spans: usize,
    db: usize,
}

/// The part of the stream that came and was not given out yet.
#[derive(Default)]
pub struct Feed {
    bytes: Vec<u8>,
    state: ParseState,
    spans: Args,
    commands: Vec<Command>,
    /// The end of the last whole command.
    parsed: usize,
    /// The end of the last command or transaction that is whole.
    whole: Mark,
    /// Whether that is one that needs several cores, and all there is.
    alone: bool,
    in_transaction: bool,
    wants_ack: bool,
    db: usize,
    /// Whether more came since the last piece was asked for, or one was given.
    unread: bool,
}

impl Feed {
    /// A stream that goes on with database `db` selected.
    pub fn new(db: usize) -> Feed {
        Feed { db, ..Feed::default() }
    }

    /// Bytes that came and were not given out.
    pub fn waiting(&self) -> usize {
        self.bytes.len()
    }

    /// Whether everything whole was given out.
    pub fn is_exhausted(&self) -> bool {
        !self.unread
    }

    /// Takes bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.unread = true;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next piece, if there is one; `target` knows who executes a command.
    ///
    /// # Errors
    /// What came is not a stream of commands.
    pub fn next(&mut self, target: impl Fn(&[&[u8]]) -> Target) -> Result<Option<Piece>, String> {
        while !self.alone && !self.wants_ack && self.whole.bytes < PIECE {
            let first = self.spans.len();
            let start = self.parsed;
            match parse::parse(&self.bytes[start..], &mut self.state, &Limits::primary(), &mut self.spans) {
                Parsed::Command { consumed } => {
                    self.parsed += consumed;
                    self.spans[first..].iter_mut().for_each(|span| span.start += start);
                    if let Some(piece) = self.take(first, &target) {
                        return Ok(Some(piece));
                    }
                }
                Parsed::Empty { consumed } => {
                    self.parsed += consumed;
                    if !self.in_transaction {
                        self.whole.bytes = self.parsed;
                        self.whole.db = self.db;
                    }
                }
                Parsed::Incomplete { .. } => break,
                Parsed::Inline { args, .. } => {
                    let words: Vec<_> = args.iter().map(|arg| String::from_utf8_lossy(arg)).collect();
                    return Err(format!("an inline command: {}", words.join(" ")));
                }
                Parsed::Error(error) => return Err(error.to_string()),
            }
        }
        let piece = self.cut();
        self.unread = piece.is_some();
        Ok(piece)
    }

    /// Takes the command whose arguments begin at span `first`. Returns what came before it, if it has to stand alone.
    fn take(&mut self, first: usize, target: &impl Fn(&[&[u8]]) -> Target) -> Option<Piece> {
        let spans = &self.spans[first..];
        let (mut few, many): ([&[u8]; FEW], Vec<&[u8]>);
        let args = if spans.len() <= FEW {
            few = [&[]; FEW];
            few.iter_mut().zip(spans).for_each(|(arg, span)| *arg = span.of(&self.bytes));
            &few[..spans.len()]
        } else {
            many = spans.iter().map(|span| span.of(&self.bytes)).collect();
            &many
        };
        let is = |name: &[u8]| args[0].eq_ignore_ascii_case(name);
        let mut said = None;
        if is(b"SELECT") && args.len() == 2 {
            let number = std::str::from_utf8(args[1]).ok().and_then(|text| text.parse().ok());
            self.db = number.unwrap_or(self.db);
        } else if is(b"MULTI") {
            self.in_transaction = true;
        } else if is(b"EXEC") {
            self.in_transaction = false;
        } else if is(b"REPLCONF") {
            self.wants_ack = args.get(1).is_some_and(|word| word.eq_ignore_ascii_case(b"GETACK"));
        } else if !is(b"PING") {
            let follows = self.in_transaction && self.commands.len() > self.whole.commands;
            said = Some(Command { target: target(args), db: self.db, args: args.len(), follows });
        }
        match said {
            Some(command) => self.commands.push(command),
            None => self.spans.truncate(first),
        }
        if self.in_transaction {
            return None;
        }
        let unit = &self.commands[self.whole.commands..];
        let core = unit.first().map(|command| command.target);
        // Commands for each core are no trouble one by one.
        let together = unit.iter().any(|command| command.target == Target::Several || Some(command.target) != core)
            || unit.len() > 1 && core == Some(Target::All);
        let before = (together && self.whole.commands > 0).then(|| self.cut()).flatten();
        self.whole = Mark { bytes: self.parsed, commands: self.commands.len(), spans: self.spans.len(), db: self.db };
        self.alone = together;
        before
    }

    /// Cuts off what is whole.
    fn cut(&mut self) -> Option<Piece> {
        let Mark { bytes, commands, spans, db } = std::mem::take(&mut self.whole);
        if bytes == 0 {
            return None;
        }
        let rest = self.bytes.split_off(bytes);
        let stream = Arc::new(std::mem::replace(&mut self.bytes, rest));
        self.parsed -= bytes;
        let piece = Piece {
            stream,
            spans: self.spans.drain(..spans).collect(),
            commands: self.commands.drain(..commands).collect(),
            together: std::mem::take(&mut self.alone),
            wants_ack: std::mem::take(&mut self.wants_ack),
            db,
        };
        self.spans.iter_mut().for_each(|span| span.start -= bytes);
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(args: &[&[u8]]) -> Target {
        match args {
            [name, ..] if *name == b"FLUSHALL" => Target::All,
            [_, key] | [_, key, _] => Target::Core(CoreId(key[0] - b'0')),
            _ => Target::Several,
        }
    }

    fn encode(line: &str) -> Vec<u8> {
        let words: Vec<&str> = line.split(' ').collect();
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        words.iter().for_each(|word| bytes.extend(format!("${}\r\n{word}\r\n", word.len()).into_bytes()));
        bytes
    }

    /// The pieces as words, `!` in front of those that stand alone.
    fn pieces(lines: &[&str], step: usize) -> (Vec<String>, usize) {
        let stream: Vec<u8> = lines.iter().flat_map(|line| encode(line)).collect();
        let (mut feed, mut found, mut length, mut db) = (Feed::new(0), Vec::new(), 0, 0);
        for bytes in stream.chunks(step) {
            feed.push(bytes);
            while let Some(piece) = feed.next(target).unwrap() {
                length += piece.stream.len();
                db = piece.db;
                let mut spans = piece.spans.iter();
                let commands: Vec<String> = piece
                    .commands
                    .iter()
                    .map(|command| {
                        let args: Vec<_> = spans.by_ref().take(command.args).collect();
                        let args: Vec<_> =
                            args.iter().map(|span| String::from_utf8_lossy(span.of(&piece.stream))).collect();
                        format!("{}@{}", args.join(" "), command.db)
                    })
                    .collect();
                let mark = if piece.together { "!" } else { "" };
                let ack = if piece.wants_ack { "?" } else { "" };
                found.push(format!("{mark}{}{ack}", commands.join(", ")));
            }
        }
        assert_eq!(length, stream.len());
        (found, db)
    }

    #[test]
    fn commands_are_given_out_with_their_database_and_the_stream_whole() {
        let lines =
            ["SELECT 3", "SET 0a x", "PING", "SET 1b y", "FLUSHALL", "SELECT 1", "SET 0c z", "REPLCONF GETACK *"];
        let (found, db) = pieces(&lines, 10_000);
        assert_eq!(found, ["SET 0a x@3, SET 1b y@3, FLUSHALL@3, SET 0c z@1?"]);
        assert_eq!(db, 1);
    }

    #[test]
    fn what_needs_several_cores_stands_alone() {
        let lines = [
            "SET 0a x",
            "MSET 0a 1 1b 2",
            "SET 0c z",
            "MULTI",
            "SET 0a 1",
            "SET 0b 2",
            "EXEC",
            "MULTI",
            "SET 0a 1",
            "SET 1b 2",
            "EXEC",
            "SET 1x y",
        ];
        let expected = [
            "SET 0a x@0",
            "!MSET 0a 1 1b 2@0",
            "SET 0c z@0, SET 0a 1@0, SET 0b 2@0",
            "!SET 0a 1@0, SET 1b 2@0",
            "SET 1x y@0",
        ];
        assert_eq!(pieces(&lines, 10_000).0, expected);
    }

    #[test]
    fn a_stream_may_come_byte_by_byte() {
        let lines = ["SELECT 2", "MULTI", "SET 0a 1", "SET 1b 2", "EXEC", "MSET 0a 1 1b 2", "SET 1x y"];
        let found: Vec<String> = pieces(&lines, 1).0.into_iter().filter(|piece| !piece.is_empty()).collect();
        assert_eq!(found, ["!SET 0a 1@2, SET 1b 2@2", "!MSET 0a 1 1b 2@2", "SET 1x y@2"]);
    }

    #[test]
    fn what_is_no_stream_is_an_error() {
        let mut feed = Feed::new(0);
        feed.push(b"HELLO\r\n");
        assert!(feed.next(target).is_err());
        let mut feed = Feed::new(0);
        feed.push(b"*1\r\n:5\r\n");
        assert!(feed.next(target).is_err());
    }
}

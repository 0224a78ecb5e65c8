//! SLOWLOG: the latest commands that took longer than `slowlog-log-slower-than`.
//!
//! Each core keeps its own log; whoever is asked merges them. The cores number their entries from one sequence, so that
//! the numbers tell their order, too.

use super::help;
use super::number::parse_i64;
use crate::contract::settings::Settings;
use crate::mesh::board::Sequence;
use crate::resp::{Error, Reply};
use std::collections::VecDeque;

/// The most arguments an entry keeps; the last of them then says how many more there were.
/// Source: Redis 7.0 `SLOWLOG_ENTRY_MAX_ARGC`.
pub const MAX_ARGS: usize = 32;

/// The most bytes of an argument an entry keeps. Source: Redis 7.0 `SLOWLOG_ENTRY_MAX_STRING`.
pub const MAX_ARG_BYTES: usize = 128;

/// One slow command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number: that of the node's entry before, and one.
    pub id: u64,
    /// When it was logged, Unix milliseconds.
    pub at: u64,
    /// How long it took.
    pub microseconds: u64,
    /// The command, shortened.
    pub args: Box<[Box<[u8]>]>,
    /// The client's address.
    pub peer: Box<str>,
    /// The client's name, empty for none.
    pub name: Box<[u8]>,
}

/// One core's slow log.
pub struct SlowLog {
    newest_first: VecDeque<Entry>,
    numbers: Sequence,
}

impl SlowLog {
    /// An empty log, one of those that share `numbers`.
    pub fn new(numbers: Sequence) -> SlowLog {
        SlowLog { newest_first: VecDeque::new(), numbers }
    }

    /// Whether a command that took so long is to be logged.
    pub fn is_slow(microseconds: u64, settings: &Settings) -> bool {
        u64::try_from(settings.slowlog_log_slower_than).is_ok_and(|threshold| microseconds >= threshold)
    }

    /// Logs a command of the client at `peer`, and forgets the oldest entries beyond `slowlog-max-len`.
    pub fn record(
        &mut self,
        args: &[&[u8]],
        microseconds: u64,
        (peer, name): (&str, &[u8]),
        now: u64,
        settings: &Settings,
    ) {
        let (args, id) = (shorten(args), self.numbers.take());
        self.newest_first.push_front(Entry { id, at: now, microseconds, args, peer: peer.into(), name: name.into() });
        self.newest_first.truncate(settings.slowlog_max_len);
    }

    /// The newest `limit` entries, newest first.
    pub fn entries(&self, limit: usize) -> impl Iterator<Item = &Entry> {
        self.newest_first.iter().take(limit)
    }

    /// SLOWLOG RESET.
    pub fn reset(&mut self) {
        self.newest_first.clear();
    }
}

fn shorten(args: &[&[u8]]) -> Box<[Box<[u8]>]> {
    if args.len() <= MAX_ARGS {
        return args.iter().map(|arg| shorten_arg(arg)).collect();
    }
    let kept = MAX_ARGS - 1;
    let rest = format!("... ({} more arguments)", args.len() - kept).into_bytes().into_boxed_slice();
    args[..kept].iter().map(|arg| shorten_arg(arg)).chain([rest]).collect()
}

fn shorten_arg(arg: &[u8]) -> Box<[u8]> {
    if arg.len() <= MAX_ARG_BYTES {
        return arg.into();
    }
    let rest = format!("... ({} more bytes)", arg.len() - MAX_ARG_BYTES);
    [&arg[..MAX_ARG_BYTES], rest.as_bytes()].concat().into()
}

/// The logs of all cores as one, newest first, no longer than `slowlog-max-len`.
pub fn merge(logs: impl IntoIterator<Item = Vec<Entry>>, settings: &Settings) -> Vec<Entry> {
    let mut merged: Vec<Entry> = logs.into_iter().flatten().collect();
    merged.sort_by_key(|entry| std::cmp::Reverse(entry.id));
    merged.truncate(settings.slowlog_max_len);
    merged
}

/// Reads how many entries `SLOWLOG GET [count]` wants.
pub fn parse_count(args: &[&[u8]]) -> Result<usize, Error> {
    const DEFAULT: usize = 10;
    match args {
        [_, _] => Ok(DEFAULT),
        [_, _, count] => match parse_i64(count) {
            Some(-1) => Ok(usize::MAX),
            Some(count @ 0..) => Ok(count as usize),
            _ => Err(Error::new("ERR count should be greater than or equal to -1")),
        },
        _ => Err(help::syntax_error(args)),
    }
}

/// Writes SLOWLOG GET's reply.
pub fn write(entries: &[Entry], reply: &mut Reply<'_>) {
    reply.array(entries.len());
    for entry in entries {
        reply.array(6);
        reply.int(entry.id as i64);
        reply.int((entry.at / 1000) as i64);
        reply.int(entry.microseconds as i64);
        reply.array(entry.args.len());
        entry.args.iter().for_each(|arg| reply.bulk(arg));
        reply.bulk(entry.peer.as_bytes());
        reply.bulk(&entry.name);
    }
}

/// Writes SLOWLOG HELP's reply.
pub fn write_help(reply: &mut Reply<'_>) {
    help::write(reply, "SLOWLOG", HELP);
}

const HELP: &[&str] = &[
    "GET [<count>]",
    "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
    "    Entries are made of:",
    "    id, timestamp, time in microseconds, arguments array, client IP and port,",
    "    client name",
    "LEN",
    "    Return the length of the slowlog.",
    "RESET",
    "    Reset the slowlog.",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Proto;

    const CLIENT: (&str, &[u8]) = ("127.0.0.1:5", b"me");

    fn settings(max_len: usize) -> Settings {
        Settings { slowlog_max_len: max_len, ..Settings::default() }
    }

    fn ids(entries: &[Entry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.id).collect()
    }

    #[test]
    fn a_command_is_slow_from_the_threshold_and_never_below_zero() {
        let slow = |threshold, microseconds| {
            let settings = Settings { slowlog_log_slower_than: threshold, ..Settings::default() };
            SlowLog::is_slow(microseconds, &settings)
        };
        assert!(slow(10, 10) && !slow(10, 9) && slow(0, 0) && !slow(-1, u64::MAX));
    }

    #[test]
    fn the_oldest_entries_go_when_the_log_is_full() {
        let mut log = SlowLog::new(Sequence::default());
        (0..5).for_each(|time| log.record(&[b"GET"], 1, CLIENT, time, &settings(3)));
        assert_eq!(ids(&log.entries(9).cloned().collect::<Vec<_>>()), [4, 3, 2]);
        log.record(&[b"GET"], 1, CLIENT, 9, &settings(0));
        assert_eq!(log.entries(9).count(), 0);
    }

    #[test]
    fn long_commands_are_shortened_as_in_redis() {
        let long = vec![b'x'; 129];
        assert_eq!(&shorten(&[&long])[0][120..], b"xxxxxxxx... (1 more bytes)");
        assert_eq!(shorten(&[&long[..128]])[0].len(), 128);
        let (full, more) = ([&b"a"[..]; 32], [&b"a"[..]; 34]);
        assert_eq!(&*shorten(&full)[31], b"a");
        assert_eq!((shorten(&more).len(), &*shorten(&more)[31]), (32, &b"... (3 more arguments)"[..]));
    }

    #[test]
    fn logs_of_several_cores_merge_newest_first_by_one_sequence() {
        let numbers = Sequence::default();
        let mut logs = [SlowLog::new(numbers.clone()), SlowLog::new(numbers)];
        for (core, time) in [(0, 10), (1, 20), (1, 20), (0, 20)] {
            logs[core].record(&[b"GET"], 1, CLIENT, time, &settings(9));
        }
        let parts = || logs.iter().map(|log| log.entries(9).cloned().collect());
        assert_eq!(ids(&merge(parts(), &settings(9))), [3, 2, 1, 0]);
        assert_eq!(ids(&merge(parts(), &settings(2))), [3, 2]);
    }

    #[test]
    fn get_wants_ten_entries_or_as_many_as_said() {
        let count = |line: &str| parse_count(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
        assert_eq!((count("SLOWLOG GET"), count("SLOWLOG GET 0")), (Ok(10), Ok(0)));
        assert_eq!(count("SLOWLOG GET -1"), Ok(usize::MAX));
        for line in ["SLOWLOG GET -2", "SLOWLOG GET x", "SLOWLOG GET 1.0"] {
            let error = Error::new("ERR count should be greater than or equal to -1");
            assert_eq!(count(line), Err(error), "{line}");
        }
        let error = Error::new("ERR unknown subcommand or wrong number of arguments for 'get'. Try SLOWLOG HELP.");
        assert_eq!(count("slowlog get 1 2"), Err(error));
    }

    #[test]
    fn an_entry_is_written_as_six_fields() {
        let mut log = SlowLog::new(Sequence::default());
        log.record(&[b"GET", b"k"], 7, CLIENT, 1_700_000_000_999, &settings(9));
        let mut out = Vec::new();
        write(&merge([log.entries(10).cloned().collect()], &settings(9)), &mut Reply::new(&mut out, Proto::Resp2));
        let expected = "*1 *6 :0 :1700000000 :7 *2 $3 GET $1 k $11 127.0.0.1:5 $2 me ";
        assert_eq!(String::from_utf8(out).unwrap().replace("\r\n", " "), expected);
    }
}

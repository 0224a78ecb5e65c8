//! A test bench for command handlers: one core's stores, settings and clock, and no socket.
//!
//! A handler is run by a line as one would type it into redis-cli; afterwards the bench tells the
//! reply's bytes, the keyspace events and what would be replicated.

use crate::base::notify::Class;
use crate::contract::settings::Settings;
use crate::data::exec::{Effects, Event, Exec, Handler};
use crate::data::key::{Key, KeyHasher};
use crate::data::store::{Store, StoreOptions, Stores};
use crate::resp::{Proto, Reply};
use bumpalo::Bump;

/// A module's handlers by lower-case name.
pub type Handlers = &'static [(&'static str, Handler)];

/// The time a bench starts at: 2023-11-14 22:13:20 UTC, in milliseconds.
pub const START: u64 = 1_700_000_000_000;

/// What surrounds a command, held from one command to the next.
pub struct Bench {
    /// The data.
    pub stores: Stores,
    /// The settings commands see; every keyspace event is on.
    pub settings: Settings,
    /// The clock; only a test moves it.
    pub now: u64,
    /// The selected database.
    pub db: usize,
    /// The protocol of replies.
    pub proto: Proto,
    /// What the last command changed.
    pub effects: Effects,
    hasher: KeyHasher,
    scratch: Bump,
    handlers: Vec<Handlers>,
}

impl Bench {
    /// An empty core that knows the commands of `handlers`.
    pub fn new(handlers: &[Handlers]) -> Bench {
        let settings = Settings { notify: Class(u32::MAX), ..Settings::default() };
        let hasher = KeyHasher::new(0);
        Bench {
            stores: Stores::single(Store::new(StoreOptions { databases: 16, hasher, ..StoreOptions::default() })),
            settings,
            now: START,
            db: 0,
            proto: Proto::Resp2,
            effects: Effects::default(),
            hasher,
            scratch: Bump::new(),
            handlers: handlers.to_vec(),
        }
    }

    /// Runs `args` and returns the reply as it goes to the wire.
    pub fn run_args(&mut self, args: &[&[u8]]) -> Vec<u8> {
        let name = String::from_utf8_lossy(args[0]).to_lowercase();
        let subcommand = args.get(1).map(|word| format!("{name}|{}", String::from_utf8_lossy(word).to_lowercase()));
        let named = |row: &&(&str, Handler)| row.0 == name || subcommand.as_deref() == Some(row.0);
        let handler = self.handlers.iter().copied().flatten().find(named);
        let handler = handler.unwrap_or_else(|| panic!("no handler for '{name}'")).1;
        let mut out = Vec::new();
        self.effects = Effects { logged: true, ..Effects::default() };
        let mut exec = Exec {
            stores: &mut self.stores,
            db: self.db,
            now: self.now,
            reply: Reply::new(&mut out, self.proto),
            settings: &self.settings,
            hasher: self.hasher,
            effects: &mut self.effects,
            scratch: &self.scratch,
            may_block: false,
            woken: None,
            routed: None,
        };
        if let Err(error) = handler(&mut exec, args) {
            exec.reply.truncate(0);
            exec.reply.error(&error);
        }
        out
    }

    /// `bytes` as a key of this core.
    pub fn key<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        self.hasher.key(bytes)
    }

    /// The last command's keyspace events as `event:key`, in order.
    pub fn events(&self) -> Vec<String> {
        let text = |event: &Event| format!("{}:{}", event.event, String::from_utf8_lossy(&event.key));
        self.effects.events.iter().map(text).collect()
    }

    /// The commands the last command replicates instead of itself, arguments joined by spaces.
    pub fn replicated(&self) -> Vec<String> {
        let commands = self.effects.rewritten.iter().map(|command| command.join(&b' '));
        commands.map(|command| String::from_utf8_lossy(&command).into_owned()).collect()
    }
}

/// Runs one line on `bench` and returns the reply as it goes to the wire.
pub fn run(bench: &mut Bench, line: &str) -> Vec<u8> {
    let words = words(line);
    bench.run_args(&words.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// The words of `line` as redis-cli splits them: `"..."` may hold spaces and `\xHH`, `\n`, `\r`, `\t`, `\"`, `\\`.
pub fn words(line: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start().as_bytes();
    while let Some(&first) = rest.first() {
        let mut word = Vec::new();
        if first == b'"' {
            rest = &rest[1..];
            while rest[0] != b'"' {
                let (byte, length) = match rest {
                    [b'\\', b'x', high, low, ..] => {
                        let hex = [*high, *low];
                        (u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap(), 4)
                    }
                    [b'\\', b'n', ..] => (b'\n', 2),
                    [b'\\', b'r', ..] => (b'\r', 2),
                    [b'\\', b't', ..] => (b'\t', 2),
                    [b'\\', byte, ..] => (*byte, 2),
                    _ => (rest[0], 1),
                };
                word.push(byte);
                rest = &rest[length..];
            }
            rest = &rest[1..];
        } else {
            let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
            word.extend_from_slice(&rest[..end]);
            rest = &rest[end..];
        }
        words.push(word);
        rest = rest.trim_ascii_start();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_redis_cli_does() {
        assert_eq!(words(r#" SET a "b \x00\n\"" "" "#), [&b"SET"[..], b"a", b"b \0\n\"", b""]);
    }
}

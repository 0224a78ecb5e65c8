//! A selector: commands, key patterns and channel patterns that go together.

use super::commands::Commands;
use crate::base::glob::{self, Case};
use crate::data::command::spec::{self, access, acl};
use crate::resp::inline::split_args;

/// Why a rule is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It is no rule.
    #[error("Syntax error")]
    Syntax,
    /// It names a command or category that there is not.
    #[error("Unknown command or category name in ACL")]
    UnknownCommand,
    /// A key pattern though all keys are allowed.
    #[error(
        "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try \
         'resetkeys' to start with an empty list of patterns"
    )]
    KeysAfterAll,
    /// A channel pattern though all channels are allowed.
    #[error(
        "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. \
         Try 'resetchannels' to start with an empty list of channels"
    )]
    ChannelsAfterAll,
    /// A password to remove that there is not.
    #[error("The password you are trying to remove from the user does not exist")]
    NoSuchPassword,
    /// No SHA-256 in hex.
    #[error("The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters")]
    BadHash,
    /// A second definition in one file.
    #[error("Duplicate user found. A user can only be defined once in config files")]
    Duplicate,
    /// `+config|get|x`.
    #[error("Allowing first-arg of a subcommand is not supported")]
    FirstArgOfSubcommand,
}

/// What may be done with keys that match a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
struct KeyPattern {
    read: bool,
    write: bool,
    pattern: Box<[u8]>,
}

/// See the module's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// The commands.
    pub commands: Commands,
    all_keys: bool,
    all_channels: bool,
    keys: Vec<KeyPattern>,
    channels: Vec<Box<[u8]>>,
    /// [`Commands::describe`], once the selector is finished.
    rules: Vec<u8>,
}

impl Selector {
    /// One that allows nothing, but for all channels if `all_channels`.
    pub fn new(all_channels: bool) -> Selector {
        let (commands, rules) = (Commands::new(false), Vec::new());
        Selector { commands, all_keys: false, all_channels, keys: Vec::new(), channels: Vec::new(), rules }
    }

    /// What `(...)` says, `text` being what is between the parentheses.
    pub fn read(text: &[u8], all_channels: bool) -> Result<Selector, RuleError> {
        let mut selector = Selector::new(all_channels);
        for rule in split_args(text).ok_or(RuleError::Syntax)? {
            selector.apply(&rule)?;
        }
        Ok(selector)
    }

    /// Changes it by one rule.
    pub fn apply(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        match (rule.to_ascii_lowercase().as_slice(), rule) {
            (b"allkeys" | b"~*", _) => self.reset_keys(true),
            (b"resetkeys", _) => self.reset_keys(false),
            (b"allchannels" | b"&*", _) => self.reset_channels(true),
            (b"resetchannels", _) => self.reset_channels(false),
            (b"allcommands" | b"+@all", _) => self.commands = Commands::new(true),
            (b"nocommands" | b"-@all", _) => self.commands = Commands::new(false),
            (_, [b'~', pattern @ ..]) => self.add_key_pattern(pattern, true, true)?,
            (_, [b'%', rest @ ..]) => self.add_limited_pattern(rest)?,
            (_, [b'&', pattern @ ..]) => self.add_channel_pattern(pattern)?,
            (_, [b'+', b'@', category @ ..]) => self.change_category(category, true)?,
            (_, [b'-', b'@', category @ ..]) => self.change_category(category, false)?,
            (_, [b'+', command @ ..]) => self.allow_command(command)?,
            (_, [b'-', command @ ..]) => {
                let spec = spec::find_full(command).ok_or(RuleError::UnknownCommand)?;
                self.commands.change(spec, false);
            }
            _ => return Err(RuleError::Syntax),
        }
        Ok(())
    }

    fn reset_keys(&mut self, all: bool) {
        self.all_keys = all;
        self.keys.clear();
    }

    fn reset_channels(&mut self, all: bool) {
        self.all_channels = all;
        self.channels.clear();
    }

    /// `%R~x`, `%W~x`, `%RW~x`.
    fn add_limited_pattern(&mut self, rest: &[u8]) -> Result<(), RuleError> {
        if self.all_keys {
            return Err(RuleError::KeysAfterAll);
        }
        let (mut read, mut write) = (false, false);
        let mut rest = rest;
        while let Some((letter, after)) = rest.split_first() {
            rest = after;
            match letter.to_ascii_uppercase() {
                b'R' if !read => read = true,
                b'W' if !write => write = true,
                b'~' => break,
                _ => return Err(RuleError::Syntax),
            }
        }
        if !read && !write {
            return Err(RuleError::Syntax);
        }
        self.add_key_pattern(rest, read, write)
    }

    fn add_key_pattern(&mut self, pattern: &[u8], read: bool, write: bool) -> Result<(), RuleError> {
        if self.all_keys {
            return Err(RuleError::KeysAfterAll);
        }
        if has_blanks(pattern) {
            return Err(RuleError::Syntax);
        }
        match self.keys.iter_mut().find(|known| *known.pattern == *pattern) {
            Some(known) => {
                known.read |= read;
                known.write |= write;
            }
            None => self.keys.push(KeyPattern { read, write, pattern: pattern.into() }),
        }
        Ok(())
    }

    fn add_channel_pattern(&mut self, pattern: &[u8]) -> Result<(), RuleError> {
        if self.all_channels {
            return Err(RuleError::ChannelsAfterAll);
        }
        if has_blanks(pattern) {
            return Err(RuleError::Syntax);
        }
        if !self.channels.iter().any(|known| **known == *pattern) {
            self.channels.push(pattern.into());
        }
        Ok(())
    }

    fn change_category(&mut self, name: &[u8], allow: bool) -> Result<(), RuleError> {
        let category = acl::by_name(name).ok_or(RuleError::UnknownCommand)?;
        self.commands.change_category(category, allow);
        Ok(())
    }

    /// `+command`, `+container|subcommand`, `+command|first-arg`.
    fn allow_command(&mut self, name: &[u8]) -> Result<(), RuleError> {
        let bar = memchr::memrchr(b'|', name);
        let spec = spec::find_full(&name[..bar.unwrap_or(name.len())]).ok_or(RuleError::UnknownCommand)?;
        let Some(bar) = bar else {
            self.commands.change(spec, true);
            return Ok(());
        };
        let second = &name[bar + 1..];
        if spec.container().is_some() {
            return Err(RuleError::FirstArgOfSubcommand);
        }
        if second.is_empty() {
            return Err(RuleError::Syntax);
        }
        if spec.subcommands().is_empty() {
            let name = String::from_utf8_lossy(name);
            log::warn!(
                "Deprecation warning: Allowing a first arg of an otherwise blocked command is a misuse of ACL and may \
                 get disabled in the future (offender: +{name})"
            );
            self.commands.allow_first_arg(spec, second);
        } else {
            self.commands.change(spec.subcommand(second).ok_or(RuleError::UnknownCommand)?, true);
        }
        Ok(())
    }

    /// Works out what is told of it; to be called when no more rules come.
    pub fn finish(&mut self) {
        self.rules = self.commands.describe();
    }

    /// Whether it forbids nothing.
    pub fn is_unrestricted(&self) -> bool {
        self.commands.are_all() && self.all_keys && self.all_channels
    }

    /// Whether all channels are allowed.
    pub fn allows_all_channels(&self) -> bool {
        self.all_channels
    }

    /// Whether all keys are allowed for everything.
    pub fn allows_all_keys(&self) -> bool {
        self.all_keys
    }

    /// Whether this may be done with a key: [`access`] bits.
    pub fn allows_key(&self, key: &[u8], access: u16) -> bool {
        self.all_keys || self.patterns_for(access).any(|pattern| glob::matches(pattern, key, Case::Sensitive))
    }

    /// Whether every key there may be can be read.
    pub fn reads_all_keys(&self) -> bool {
        self.all_keys || self.patterns_for(access::ACCESS).any(|pattern| pattern == b"*")
    }

    /// The patterns that allow this.
    fn patterns_for(&self, access: u16) -> impl Iterator<Item = &[u8]> {
        let reads = access & access::ACCESS != 0;
        let writes = access & (access::INSERT | access::DELETE | access::UPDATE) != 0;
        let fitting = self.keys.iter().filter(move |key| (key.read || !reads) && (key.write || !writes));
        fitting.map(|key| &*key.pattern)
    }

    /// Whether a channel may be used; a pattern of channels only as it stands in a rule.
    pub fn allows_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        let fits = |rule: &[u8]| match is_pattern {
            true => rule == channel,
            false => glob::matches(rule, channel, Case::Sensitive),
        };
        self.all_channels || self.channels.iter().any(|rule| fits(rule))
    }

    /// The channel patterns, if not all are allowed.
    pub fn channels(&self) -> impl Iterator<Item = &[u8]> {
        self.channels.iter().map(|channel| &**channel)
    }

    /// The rules about commands.
    pub fn command_rules(&self) -> &[u8] {
        &self.rules
    }

    /// The rules about keys.
    pub fn key_rules(&self) -> Vec<u8> {
        if self.all_keys {
            return b"~*".to_vec();
        }
        let rule = |key: &KeyPattern| {
            let prefix: &[u8] = match (key.read, key.write) {
                (true, false) => b"%R~",
                (false, true) => b"%W~",
                _ => b"~",
            };
            [prefix, &*key.pattern].concat()
        };
        self.keys.iter().map(rule).collect::<Vec<_>>().join(&b' ')
    }

    /// The rules about channels.
    pub fn channel_rules(&self) -> Vec<u8> {
        if self.all_channels {
            return b"&*".to_vec();
        }
        self.channels.iter().map(|channel| [b"&", &**channel].concat()).collect::<Vec<_>>().join(&b' ')
    }

    /// All of its rules, as a line in a file has them.
    pub fn describe(&self) -> Vec<u8> {
        let mut parts = vec![self.key_rules()];
        parts.extend((!self.all_channels).then(|| b"resetchannels".to_vec()));
        parts.extend([self.channel_rules(), self.rules.clone()]);
        parts.retain(|part| !part.is_empty());
        parts.join(&b' ')
    }
}

/// Whether a name or pattern could not be told from two words in a file.
pub(super) fn has_blanks(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b' ' | b'\t'..=b'\r' | 0))
}

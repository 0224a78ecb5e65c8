//! A user: a name, passwords, and selectors.

use super::selector::{RuleError, Selector};
use super::users::DEFAULT;
use sha2::{Digest, Sha256};
use std::sync::{Arc, LazyLock};

/// A SHA-256 in hex, as files and replies have it.
type Hash = [u8; 64];

/// See the module's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: Box<[u8]>,
    /// Tells it from another user who had the same name before.
    pub born: u64,
    enabled: bool,
    without_password: bool,
    /// `sanitize-payload` or `skip-sanitize-payload`, if either was said.
    sanitize: Option<bool>,
    passwords: Vec<Hash>,
    root: Selector,
    others: Vec<Selector>,
    unrestricted: bool,
}

impl User {
    /// One who may do nothing, but for all channels if `all_channels`.
    pub fn new(name: &[u8], born: u64, all_channels: bool) -> User {
        let mut user = User {
            name: name.into(),
            born,
            enabled: false,
            without_password: false,
            sanitize: None,
            passwords: Vec::new(),
            root: Selector::new(all_channels),
            others: Vec::new(),
            unrestricted: false,
        };
        user.finish();
        user
    }

    /// The user that every connection begins as, who may do everything.
    pub fn default_user(password: &[u8]) -> User {
        let mut user = User::new(DEFAULT, 0, true);
        for rule in [&b"+@all"[..], b"~*", b"&*", b"on"] {
            let applied = user.apply(rule, true);
            debug_assert!(applied.is_ok());
        }
        user.set_only_password(password);
        user.finish();
        user
    }

    /// One who may do everything and is no user of the table: who executes scripts of those who may.
    pub fn superuser() -> Arc<User> {
        static SUPERUSER: LazyLock<Arc<User>> =
            LazyLock::new(|| Arc::new(User { name: (*b"(superuser)").into(), ..User::default_user(b"") }));
        SUPERUSER.clone()
    }

    /// `requirepass`: this password and no other; none if it is empty.
    pub fn set_only_password(&mut self, password: &[u8]) {
        self.passwords.clear();
        self.without_password = password.is_empty();
        self.passwords.extend((!password.is_empty()).then(|| hash(password)));
    }

    /// Changes it by one rule. `all_channels`: what `acl-pubsub-default` says.
    pub fn apply(&mut self, rule: &[u8], all_channels: bool) -> Result<(), RuleError> {
        match (rule.to_ascii_lowercase().as_slice(), rule) {
            (b"", _) => {}
            (b"on", _) => self.enabled = true,
            (b"off", _) => self.enabled = false,
            (b"sanitize-payload", _) => self.sanitize = Some(true),
            (b"skip-sanitize-payload", _) => self.sanitize = Some(false),
            (b"nopass", _) => self.reset_passwords(true),
            (b"resetpass", _) => self.reset_passwords(false),
            (_, [b'>', password @ ..]) => self.add_password(hash(password)),
            (_, [b'#', hash @ ..]) => self.add_password(read_hash(hash)?),
            (_, [b'<', password @ ..]) => self.remove_password(hash(password))?,
            (_, [b'!', hash @ ..]) => self.remove_password(read_hash(hash)?)?,
            (_, [b'(', rules @ .., b')']) => self.others.push(Selector::read(rules, all_channels)?),
            (b"clearselectors", _) => self.others.clear(),
            (b"reset", _) => *self = self.reset(all_channels),
            _ => self.root.apply(rule)?,
        }
        Ok(())
    }

    /// The same user without rights and passwords.
    pub fn reset(&self, all_channels: bool) -> User {
        User { sanitize: Some(true), ..User::new(&self.name, self.born, all_channels) }
    }

    /// Works out what is asked of it often; to be called when no more rules come.
    pub fn finish(&mut self) {
        self.root.finish();
        self.others.iter_mut().for_each(Selector::finish);
        let unrestricted = self.selectors().any(Selector::is_unrestricted);
        self.unrestricted = unrestricted;
    }

    fn reset_passwords(&mut self, without_password: bool) {
        self.without_password = without_password;
        self.passwords.clear();
    }

    fn add_password(&mut self, password: Hash) {
        if !self.passwords.contains(&password) {
            self.passwords.push(password);
        }
        self.without_password = false;
    }

    fn remove_password(&mut self, password: Hash) -> Result<(), RuleError> {
        let place = self.passwords.iter().position(|known| *known == password).ok_or(RuleError::NoSuchPassword)?;
        self.passwords.remove(place);
        Ok(())
    }

    /// Whether a connection may be this user with this password.
    pub fn accepts(&self, password: &[u8]) -> bool {
        if !self.enabled || self.without_password {
            return self.enabled;
        }
        let given = hash(password);
        // In a time that does not tell where they differ.
        let differs = |known: &Hash| known.iter().zip(given).fold(0, |sum, (a, b)| sum | (a ^ b)) != 0;
        self.passwords.iter().any(|known| !differs(known))
    }

    /// Whether a connection is this user without saying anything.
    pub fn is_open(&self) -> bool {
        self.enabled && self.without_password
    }

    /// Whether any password will do, if it may be used at all.
    pub fn is_without_password(&self) -> bool {
        self.without_password
    }

    /// Whether a connection may become this user.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether it may do everything, so that no command needs to be looked at.
    pub fn is_unrestricted(&self) -> bool {
        self.unrestricted
    }

    /// The rules given without parentheses.
    pub fn root(&self) -> &Selector {
        &self.root
    }

    /// The selectors that rules in parentheses made.
    pub fn others(&self) -> &[Selector] {
        &self.others
    }

    /// All selectors, the root first.
    pub fn selectors(&self) -> impl Iterator<Item = &Selector> {
        std::iter::once(&self.root).chain(&self.others)
    }

    /// The hashes of its passwords.
    pub fn passwords(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.passwords.iter().map(Hash::as_slice)
    }

    /// What is told of it beside selectors and passwords, in Redis's order.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        let flags = [
            (self.enabled, "on"),
            (!self.enabled, "off"),
            (self.without_password, "nopass"),
            (self.sanitize == Some(false), "skip-sanitize-payload"),
            (self.sanitize == Some(true), "sanitize-payload"),
        ];
        flags.into_iter().filter(|(said, _)| *said).map(|(_, flag)| flag)
    }

    /// The line that defines it in a file.
    pub fn line(&self) -> Vec<u8> {
        let mut line = [b"user ", &*self.name].concat();
        let mut add = |word: &[u8]| {
            line.push(b' ');
            line.extend_from_slice(word);
        };
        self.flags().for_each(|flag| add(flag.as_bytes()));
        self.passwords.iter().for_each(|hash| add(&[b"#", &hash[..]].concat()));
        add(&self.root.describe());
        self.others.iter().for_each(|other| add(&[b"(", &other.describe()[..], b")"].concat()));
        line
    }

    /// Whether subscriptions that `before` was allowed may be forbidden now.
    pub fn may_lose_channels_of(&self, before: &User) -> bool {
        if self.selectors().any(Selector::allows_all_channels) {
            return false;
        }
        let kept = |channel| self.selectors().any(|selector| selector.channels().any(|known| known == channel));
        before.selectors().any(|old| old.allows_all_channels() || !old.channels().all(kept))
    }

    /// Whether it may listen to a channel, or a pattern of channels.
    pub fn may_hear(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.selectors().any(|selector| selector.allows_channel(channel, is_pattern))
    }
}

/// The SHA-256 of a password, in hex.
fn hash(password: &[u8]) -> Hash {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digest = Sha256::digest(password);
    std::array::from_fn(|at| {
        let byte = digest[at / 2];
        DIGITS[usize::from(if at % 2 == 0 { byte >> 4 } else { byte & 15 })]
    })
}

fn read_hash(text: &[u8]) -> Result<Hash, RuleError> {
    let hash: Hash = text.try_into().map_err(|_| RuleError::BadHash)?;
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if hash.iter().all(is_digit) { Ok(hash) } else { Err(RuleError::BadHash) }
}

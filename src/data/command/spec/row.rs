//! How a command is declared: one [`Row`] in its group's file, built by constant functions.

use super::keys::GetKeys;

/// One command or subcommand as its group's file declares it.
pub struct Row {
    /// The full name, lower case: `get`, `config|get`.
    pub name: &'static str,
    /// How many arguments, name included; negative means at least that many.
    pub arity: i8,
    /// [`flag`](super::flag) bits.
    pub flags: u32,
    /// [`acl`](super::acl) bits beyond those the flags imply.
    pub categories: u32,
    /// Where its keys are.
    pub keys: &'static [KeySpec],
    /// Finds its keys where the key specs cannot.
    pub get_keys: Option<GetKeys>,
    /// Hints for clients and proxies.
    pub tips: &'static [&'static str],
    /// Its subcommands, which make it a container.
    pub subcommands: &'static [Row],
}

/// A command that has no keys and belongs to no category beyond those its flags imply.
pub const fn row(name: &'static str, arity: i8, flags: u32) -> Row {
    Row { name, arity, flags, categories: 0, keys: &[], get_keys: None, tips: &[], subcommands: &[] }
}

/// A command whose only use is through its subcommands.
pub const fn container(name: &'static str) -> Row {
    row(name, -2, 0)
}

impl Row {
    /// Adds ACL categories.
    pub const fn acl(self, categories: u32) -> Row {
        Row { categories, ..self }
    }

    /// Says where the keys are.
    pub const fn keys(self, keys: &'static [KeySpec]) -> Row {
        Row { keys, ..self }
    }

    /// Names the function that finds the keys where the key specs cannot.
    pub const fn get_keys(self, get_keys: GetKeys) -> Row {
        Row { get_keys: Some(get_keys), ..self }
    }

    /// Adds hints for clients and proxies.
    pub const fn tips(self, tips: &'static [&'static str]) -> Row {
        Row { tips, ..self }
    }

    /// Adds subcommands.
    pub const fn subcommands(self, subcommands: &'static [Row]) -> Row {
        Row { subcommands, ..self }
    }
}

/// Where some of a command's keys are and what is done with them.
pub struct KeySpec {
    /// [`access`](super::access) bits.
    pub access: u16,
    /// Where the search begins.
    pub begin: Begin,
    /// Which arguments from there are keys.
    pub find: Find,
    /// A remark for people; empty means none.
    pub note: &'static str,
}

/// Where the search for keys begins.
pub enum Begin {
    /// At an argument.
    Index(i8),
    /// After a keyword, looked for from an argument on; backwards from the end when that is negative.
    Keyword(&'static str, i8),
    /// The table cannot say.
    Unknown,
}

/// Which arguments are keys, from where the search began.
pub enum Find {
    /// A range of arguments.
    Range {
        /// The last key, relative to the first; counted from the end of all when negative.
        last: i8,
        /// From key to key.
        step: u8,
        /// Beyond 1: keys are only the first 1/limit of the arguments left.
        limit: u8,
    },
    /// As many as an argument says.
    Counted {
        /// Where the count is.
        count: i8,
        /// Where the first key is.
        first: i8,
        /// From key to key.
        step: u8,
    },
    /// The table cannot say.
    Unknown,
}

/// One key, at `index`.
pub const fn at(index: i8, access: u16) -> KeySpec {
    range(index, 0, 1, access)
}

/// Keys from `index` to the last argument.
pub const fn from(index: i8, access: u16) -> KeySpec {
    range(index, -1, 1, access)
}

/// Keys from `index` to `last`, every `step` arguments.
pub const fn range(index: i8, last: i8, step: u8, access: u16) -> KeySpec {
    KeySpec { access, begin: Begin::Index(index), find: Find::Range { last, step, limit: 0 }, note: "" }
}

/// As many keys as argument `index` says, following it.
pub const fn counted(index: i8, access: u16) -> KeySpec {
    let find = Find::Counted { count: 0, first: 1, step: 1 };
    KeySpec { access, begin: Begin::Index(index), find, note: "" }
}

/// `last` + 1 keys after `keyword`, which is looked for from argument `start` on.
pub const fn after(keyword: &'static str, start: i8, last: i8, access: u16) -> KeySpec {
    KeySpec { access, begin: Begin::Keyword(keyword, start), find: Find::Range { last, step: 1, limit: 0 }, note: "" }
}

/// Keys that only a function can find.
pub const fn unknown(access: u16) -> KeySpec {
    KeySpec { access, begin: Begin::Unknown, find: Find::Unknown, note: "" }
}

impl KeySpec {
    /// Only the first half of what follows are keys.
    pub const fn first_half(self) -> KeySpec {
        KeySpec { find: Find::Range { last: -1, step: 1, limit: 2 }, ..self }
    }

    /// Adds a remark for people.
    pub const fn note(self, note: &'static str) -> KeySpec {
        KeySpec { note, ..self }
    }
}

/// The range of keys that replies of old name: first and last argument (negative: from the end) and step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key; 0 means that there is none at a fixed place.
    pub first: i8,
    /// The last key.
    pub last: i8,
    /// From key to key.
    pub step: i8,
}

impl KeyRange {
    /// The range that stands for `specs`, and whether it misses some keys (the `movablekeys` flag).
    ///
    /// Adjoining ranges of step one count as one range. Whatever else there is cannot be told in this form.
    pub const fn of(specs: &[KeySpec]) -> (KeyRange, bool) {
        if let [KeySpec { begin: Begin::Index(first), find: Find::Range { last, step, .. }, access, .. }] = specs {
            let range = KeyRange { first: *first, last: absolute(*first, *last), step: *step as i8 };
            return (range, *access & super::access::INCOMPLETE != 0);
        }
        let (mut whole, mut movable) = (KeyRange { first: 0, last: 0, step: 0 }, false);
        let mut i = 0;
        while i < specs.len() {
            movable |= specs[i].access & super::access::INCOMPLETE != 0;
            match (&specs[i].begin, &specs[i].find) {
                (Begin::Index(first), Find::Range { last, step: 1, .. })
                    if whole.first == 0 || whole.last == *first - 1 =>
                {
                    let from = if whole.first == 0 { *first } else { whole.first };
                    whole = KeyRange { first: from, last: absolute(*first, *last), step: 1 };
                }
                _ => movable = true,
            }
            i += 1;
        }
        (whole, movable)
    }
}

/// A range's last key as an argument's index, from the end when negative.
const fn absolute(first: i8, last: i8) -> i8 {
    if last >= 0 { first + last } else { last }
}

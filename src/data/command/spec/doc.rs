//! What COMMAND DOCS tells about a command: [`Doc`] and the grammar of its arguments, [`Arg`].

/// The documentation of one command or subcommand.
pub struct Doc {
    /// The command's full name, as in its row.
    pub name: &'static str,
    /// The Redis version it came with.
    pub since: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// What it costs; empty where nothing can be said.
    pub complexity: &'static str,
    /// Whether only servers send it.
    pub internal: bool,
    /// Since when it is deprecated and what replaces it.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// What changed in which version.
    pub history: &'static [(&'static str, &'static str)],
    /// Its arguments.
    pub args: &'static [Arg],
    /// The documentation of its subcommands.
    pub subcommands: &'static [Doc],
}

/// The documentation of a command without arguments.
pub const fn doc(name: &'static str, since: &'static str, summary: &'static str) -> Doc {
    Doc {
        name,
        since,
        summary,
        complexity: "",
        internal: false,
        deprecated: None,
        history: &[],
        args: &[],
        subcommands: &[],
    }
}

impl Doc {
    /// Says what it costs.
    pub const fn complexity(self, complexity: &'static str) -> Doc {
        Doc { complexity, ..self }
    }

    /// Only servers send it.
    pub const fn internal(self) -> Doc {
        Doc { internal: true, ..self }
    }

    /// Says since when it is deprecated and what replaces it.
    pub const fn deprecated(self, since: &'static str, replaced_by: &'static str) -> Doc {
        Doc { deprecated: Some((since, replaced_by)), ..self }
    }

    /// Says what changed in which version.
    pub const fn history(self, history: &'static [(&'static str, &'static str)]) -> Doc {
        Doc { history, ..self }
    }

    /// Says which arguments it takes.
    pub const fn args(self, args: &'static [Arg]) -> Doc {
        Doc { args, ..self }
    }

    /// Documents its subcommands.
    pub const fn subcommands(self, subcommands: &'static [Doc]) -> Doc {
        Doc { subcommands, ..self }
    }
}

/// One argument, or a group of them.
pub struct Arg {
    /// Its name.
    pub name: &'static str,
    /// Its type, as replies name it.
    pub kind: &'static str,
    /// Which of the command's key specs finds it.
    pub key_spec: Option<u8>,
    /// The word that comes before it, or that it consists of.
    pub token: Option<&'static str>,
    /// The version it came with.
    pub since: Option<&'static str>,
    /// Since when it is deprecated.
    pub deprecated_since: Option<&'static str>,
    /// `OPTIONAL`, `MULTIPLE`, `MULTIPLE_TOKEN`.
    pub flags: u8,
    /// The members of a group.
    pub members: &'static [Arg],
}

/// The argument may be left out.
pub const OPTIONAL: u8 = 1 << 0;
/// The argument may be repeated.
pub const MULTIPLE: u8 = 1 << 1;
/// The argument may be repeated, each time with its token.
pub const MULTIPLE_TOKEN: u8 = 1 << 2;

/// Names of the flags, in the order of replies.
pub const ARG_FLAG_NAMES: &[(u8, &str)] =
    &[(OPTIONAL, "optional"), (MULTIPLE, "multiple"), (MULTIPLE_TOKEN, "multiple_token")];

const fn arg(name: &'static str, kind: &'static str) -> Arg {
    Arg { name, kind, key_spec: None, token: None, since: None, deprecated_since: None, flags: 0, members: &[] }
}

/// A key, found by the command's key spec of that number.
pub const fn key(name: &'static str, key_spec: u8) -> Arg {
    Arg { key_spec: Some(key_spec), ..arg(name, "key") }
}

/// Any bytes.
pub const fn string(name: &'static str) -> Arg {
    arg(name, "string")
}

/// An integer.
pub const fn integer(name: &'static str) -> Arg {
    arg(name, "integer")
}

/// A floating-point number.
pub const fn double(name: &'static str) -> Arg {
    arg(name, "double")
}

/// A glob pattern.
pub const fn pattern(name: &'static str) -> Arg {
    arg(name, "pattern")
}

/// A point in time.
pub const fn unix_time(name: &'static str) -> Arg {
    arg(name, "unix-time")
}

/// A word that stands for itself.
pub const fn word(name: &'static str, token: &'static str) -> Arg {
    Arg { token: Some(token), ..arg(name, "pure-token") }
}

/// One [`of`](Arg::of) several.
pub const fn one_of(name: &'static str) -> Arg {
    arg(name, "oneof")
}

/// A row [`of`](Arg::of) several.
pub const fn block(name: &'static str) -> Arg {
    arg(name, "block")
}

impl Arg {
    /// It may be left out.
    pub const fn optional(self) -> Arg {
        Arg { flags: self.flags | OPTIONAL, ..self }
    }

    /// It may be repeated.
    pub const fn multiple(self) -> Arg {
        Arg { flags: self.flags | MULTIPLE, ..self }
    }

    /// It may be repeated, each time with its token.
    pub const fn multiple_token(self) -> Arg {
        Arg { flags: self.flags | MULTIPLE | MULTIPLE_TOKEN, ..self }
    }

    /// A word comes before it.
    pub const fn token(self, token: &'static str) -> Arg {
        Arg { token: Some(token), ..self }
    }

    /// The members of a group.
    pub const fn of(self, members: &'static [Arg]) -> Arg {
        Arg { members, ..self }
    }

    /// It came with this version.
    pub const fn since(self, version: &'static str) -> Arg {
        Arg { since: Some(version), ..self }
    }

    /// It is deprecated since this version.
    pub const fn deprecated_since(self, version: &'static str) -> Arg {
        Arg { deprecated_since: Some(version), ..self }
    }

    /// The key spec that this pattern makes keys of.
    pub const fn key_spec(self, key_spec: u8) -> Arg {
        Arg { key_spec: Some(key_spec), ..self }
    }
}

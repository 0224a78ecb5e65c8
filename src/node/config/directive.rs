//! What a row of the table of directives says, and the words rows are written in.
//!
//! A row is built by a `const fn` for its type and refined by chained words:
//! `number("port", 0, 65535, "6379", "...").immutable()`. So a row reads as a sentence and the table
//! is plain static data.

use super::value::Value;

/// A rule beyond the type of a value: the error text if the value breaks it.
pub type Check = fn(&Value) -> Result<(), &'static str>;

/// One row of the table: all that is known of a directive.
pub struct Directive {
    /// Its name.
    pub name: &'static str,
    /// An older name that means the same.
    pub alias: Option<&'static str>,
    /// What its values are.
    pub kind: Kind,
    /// Its default, written as in redis.conf.
    pub default: &'static str,
    /// One sentence that says what it does.
    pub doc: &'static str,
    /// Whether it does anything here.
    pub meaning: Meaning,
    /// Whether CONFIG SET may change it.
    pub mutable: bool,
    /// CONFIG GET tells it only to those who name it in full.
    pub hidden: bool,
    /// Its value is a secret: MONITOR and the slow log must not show it.
    pub sensitive: bool,
    /// CONFIG SET needs `enable-protected-configs`.
    pub protected: bool,
    /// CONFIG SET is refused while the data set is being loaded.
    pub deny_loading: bool,
    /// A rule beyond the type.
    pub check: Option<Check>,
    /// A number within its bounds but beyond these is taken as the nearest of them.
    pub clamp: Option<(i128, i128)>,
}

/// What the values of a directive are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `yes` or `no`.
    Bool,
    /// A decimal integer within bounds.
    Number(i128, i128),
    /// A number of bytes within bounds, with units.
    Memory(i128, i128),
    /// A number of bytes, or a percentage up to 100.
    MemoryOrPercent(i128),
    /// An octal integer within bounds.
    Octal(i128, i128),
    /// Any text; empty for none.
    Text,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// Any of some words; the first means none of the others.
    Choices(&'static [&'static str]),
    /// `oom-score-adj`: a choice where `relative` is another word for `yes`.
    OomScoreAdj,
    /// A directory that exists.
    Directory,
    /// Pairs of seconds and changes.
    Save,
    /// Quadruples of client class, hard limit, soft limit, soft seconds.
    OutputLimits,
    /// Three scores: primary, replica, child.
    OomScores,
    /// Letters of event classes.
    Notify,
    /// Addresses.
    Bind,
    /// Host and port, or `no one`.
    ReplicaOf,
    /// Percentages.
    Percentiles,
    /// CPU numbers and ranges: `0-3,6`.
    CpuList,
    /// A line of the configuration file that is an order, not a value; CONFIG does not know it.
    Line(Line),
}

/// The orders a configuration file can give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Line {
    /// Read another file here.
    Include,
    /// Call a command by another name.
    RenameCommand,
    /// Define an ACL user.
    User,
    /// Load a module.
    LoadModule,
    /// Configure Sentinel.
    Sentinel,
    /// Something that Redis reads and forgets.
    Forgotten,
}

/// Whether a directive does anything here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Meaning {
    /// It does what its documentation says.
    Active,
    /// It is accepted, kept and told, with a warning, but has no effect; the text says why.
    Accepted(&'static str),
    /// A value that asks for something is an error; the text says why.
    Refused(&'static str),
}

impl Kind {
    /// Whether CONFIG SET and a quoted single argument are split at spaces.
    pub fn is_multi(self) -> bool {
        use Kind::*;
        matches!(self, Choices(_) | Save | OutputLimits | OomScores | Bind | ReplicaOf | Percentiles)
    }

    /// The value's shape, for help texts.
    pub fn shape(self) -> String {
        match self {
            Kind::Bool => "yes|no".into(),
            Kind::Number(min, max) if max < i128::from(i32::MAX) => format!("{min}..{max}"),
            Kind::Number(..) => "number".into(),
            Kind::Memory(..) => "bytes".into(),
            Kind::MemoryOrPercent(_) => "bytes|percent%".into(),
            Kind::Octal(..) => "octal".into(),
            Kind::Text => "text".into(),
            Kind::Choice(words) => words.join("|"),
            Kind::Choices(words) => words.join(" "),
            Kind::OomScoreAdj => "no|yes|relative|absolute".into(),
            Kind::Directory => "directory".into(),
            Kind::Save => "seconds changes".into(),
            Kind::OutputLimits => "class hard soft seconds".into(),
            Kind::OomScores => "primary replica child".into(),
            Kind::Notify => "letters".into(),
            Kind::Bind => "address".into(),
            Kind::ReplicaOf => "host port".into(),
            Kind::Percentiles => "percent".into(),
            Kind::CpuList => "cpus".into(),
            Kind::Line(Line::Include) => "path".into(),
            Kind::Line(Line::RenameCommand) => "command name".into(),
            Kind::Line(Line::User) => "name rules".into(),
            Kind::Line(Line::LoadModule) => "path arguments".into(),
            Kind::Line(Line::Sentinel) => "option value".into(),
            Kind::Line(Line::Forgotten) => "value".into(),
        }
    }
}

impl Directive {
    /// Whether `name` is this directive's name or alias, in any case.
    pub fn is_called(&self, name: &[u8]) -> bool {
        self.names().any(|own| own.as_bytes().eq_ignore_ascii_case(name))
    }

    /// Its name, and its alias if it has one.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.alias)
    }

    /// Whether CONFIG knows it; otherwise it is an order that only a configuration file can give.
    pub fn is_parameter(&self) -> bool {
        !matches!(self.kind, Kind::Line(_))
    }

    /// Also known as `alias`.
    pub(super) const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    /// Fixed once the node has started.
    pub(super) const fn immutable(mut self) -> Self {
        self.mutable = false;
        self
    }

    /// Not told by CONFIG GET with a pattern.
    pub(super) const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// A secret.
    pub(super) const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// Needs `enable-protected-configs`.
    pub(super) const fn protected(mut self) -> Self {
        self.protected = true;
        self
    }

    /// Not to be changed while loading.
    pub(super) const fn not_while_loading(mut self) -> Self {
        self.deny_loading = true;
        self
    }

    /// Accepted, but without effect for this reason.
    pub(super) const fn without_effect(mut self, reason: &'static str) -> Self {
        self.meaning = Meaning::Accepted(reason);
        self
    }

    /// An error for this reason, unless the value asks for nothing (`no`, 0, empty).
    pub(super) const fn refused(mut self, reason: &'static str) -> Self {
        self.meaning = Meaning::Refused(reason);
        self
    }

    /// A hint: beyond these the nearest is taken.
    pub(super) const fn clamped(mut self, min: i128, max: i128) -> Self {
        self.clamp = Some((min, max));
        self
    }

    /// With a rule beyond its type.
    pub(super) const fn check(mut self, check: Check) -> Self {
        self.check = Some(check);
        self
    }
}

/// A row of any kind.
pub(super) const fn special(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Directive {
    Directive {
        name,
        alias: None,
        kind,
        default,
        doc,
        meaning: Meaning::Active,
        mutable: true,
        hidden: false,
        sensitive: false,
        protected: false,
        deny_loading: false,
        check: None,
        clamp: None,
    }
}

/// A `yes` or `no`.
pub(super) const fn flag(name: &'static str, default: &'static str, doc: &'static str) -> Directive {
    special(name, Kind::Bool, default, doc)
}

/// A number within bounds.
pub(super) const fn number(
    name: &'static str,
    min: i128,
    max: i128,
    default: &'static str,
    doc: &'static str,
) -> Directive {
    special(name, Kind::Number(min, max), default, doc)
}

/// A number of bytes within bounds.
pub(super) const fn memory(
    name: &'static str,
    min: i128,
    max: i128,
    default: &'static str,
    doc: &'static str,
) -> Directive {
    special(name, Kind::Memory(min, max), default, doc)
}

/// A text.
pub(super) const fn text(name: &'static str, default: &'static str, doc: &'static str) -> Directive {
    special(name, Kind::Text, default, doc)
}

/// One of some words.
pub(super) const fn choice(
    name: &'static str,
    words: &'static [&'static str],
    default: &'static str,
    doc: &'static str,
) -> Directive {
    special(name, Kind::Choice(words), default, doc)
}

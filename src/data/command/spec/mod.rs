//! The command table: everything known about each command but its code.
//!
//! One file a group declares the commands ([`row`]), `docs/` what COMMAND DOCS tells about them. [`table`] puts them
//! together when the program is compiled and finds a command by its name; [`keys`] finds the keys among a command's
//! arguments; [`introspect`] answers COMMAND. Constant data and pure functions, owned by no thread.
//!
//! The facts are those of Redis 7.0.15, which tells them by COMMAND INFO and COMMAND DOCS.

mod bitmap;
mod cluster;
mod connection;
mod doc;
mod docs;
mod flags;
mod generic;
mod geo;
mod hash;
mod hyperloglog;
pub mod introspect;
pub mod keys;
mod list;
mod pubsub;
mod row;
mod scripting;
mod server;
mod set;
mod sorted_set;
mod stream;
mod string;
mod table;
mod transactions;

pub use doc::{Arg, Doc};
pub use flags::{access, acl, flag};
pub use row::{Begin, Find, KeyRange, KeySpec};
pub use table::{COUNT, TOP_LEVEL, all, commands, find};

use crate::resp::Error;
use row::Row;
use table::Folded;

/// A command or subcommand. Two references are to the same one if their [`id`](Spec::id)s are equal.
#[derive(Clone, Copy)]
pub struct Spec {
    folded: Folded,
    name: &'static str,
    flags: u32,
    categories: u32,
    id: u16,
    arity: i8,
    range: KeyRange,
    first_subcommand: u16,
    container: Option<u16>,
    row: &'static Row,
    doc: &'static Doc,
    group: &'static str,
}

impl Spec {
    const fn new(row: &'static Row, doc: &'static Doc, group: &'static str, id: usize) -> Spec {
        assert!(same(row.name, doc.name), "a group's docs come in the order of its rows");
        let name = after_bar(row.name);
        let (range, movable) = KeyRange::of(row.keys);
        Spec {
            folded: Folded::of(name.as_bytes()).expect("names have at most 24 bytes"),
            name,
            flags: row.flags | if movable { flag::MOVABLE_KEYS } else { 0 },
            categories: acl::implied(row.categories, row.flags),
            id: id as u16,
            arity: row.arity,
            range,
            first_subcommand: 0,
            container: None,
            row,
            doc,
            group,
        }
    }

    /// Its subcommands have the ids from `first` on.
    const fn with_subcommands(self, first: usize) -> Spec {
        Spec { first_subcommand: first as u16, ..self }
    }

    /// It is a subcommand of `container`.
    const fn below(self, container: &Spec) -> Spec {
        Spec { container: Some(container.id), ..self }
    }

    /// Its number: less than [`COUNT`], and less than [`TOP_LEVEL`] if it is no subcommand. For use as an array index.
    #[inline]
    pub fn id(&self) -> usize {
        self.id.into()
    }

    /// Its full name as error texts and replies show it, lower case: `get`, `config|get`.
    pub fn full_name(&self) -> &'static str {
        self.row.name
    }

    /// Its own name, lower case: `get` for both GET and CONFIG GET.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How many arguments it takes, name included; negative means at least that many.
    pub fn arity(&self) -> i8 {
        self.arity
    }

    /// Its [`flag`] bits.
    #[inline]
    pub fn flags(&self) -> u32 {
        self.flags
    }

    /// Whether it has any of these [`flag`] bits.
    #[inline]
    pub fn is(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }

    /// Its [`acl`] categories.
    pub fn categories(&self) -> u32 {
        self.categories
    }

    /// The fixed range its keys, or the first of them, are in.
    pub fn key_range(&self) -> KeyRange {
        self.range
    }

    /// Where its keys are, and what is done with them.
    pub fn key_specs(&self) -> &'static [KeySpec] {
        self.row.keys
    }

    /// Whether its keys are not all in the fixed range.
    #[inline]
    pub fn has_movable_keys(&self) -> bool {
        self.is(flag::MOVABLE_KEYS)
    }

    /// Whether it can have keys; shard channels are none.
    pub fn has_keys(&self) -> bool {
        self.row.get_keys.is_some() || self.row.keys.iter().any(|keys| keys.access & access::NOT_KEY == 0)
    }

    /// The function that finds its keys where the key specs cannot.
    fn get_keys(&self) -> Option<keys::GetKeys> {
        self.row.get_keys
    }

    /// Hints for clients and proxies.
    pub fn tips(&self) -> &'static [&'static str] {
        self.row.tips
    }

    /// The group of commands it belongs to.
    pub fn group(&self) -> &'static str {
        self.group
    }

    /// Its documentation.
    pub fn doc(&self) -> &'static Doc {
        self.doc
    }

    /// Its subcommands.
    pub fn subcommands(&self) -> &'static [Spec] {
        let first = usize::from(self.first_subcommand);
        &all()[first..first + self.row.subcommands.len()]
    }

    /// Its subcommand called `name`, in any case.
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static Spec> {
        let folded = Folded::of(name)?;
        self.subcommands().iter().find(|sub| sub.folded == folded)
    }

    /// The command it is a subcommand of.
    pub fn container(&self) -> Option<&'static Spec> {
        self.container.map(|id| &all()[usize::from(id)])
    }

    /// Whether it takes `argc` arguments, name (and container's name) included.
    #[inline]
    pub fn arity_fits(&self, argc: usize) -> bool {
        let wanted = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 { argc >= wanted } else { argc == wanted }
    }

    /// Refuses a wrong number of arguments.
    #[inline]
    pub fn check_arity(&self, argc: usize) -> Result<(), Error> {
        if self.arity_fits(argc) { Ok(()) } else { Err(Error::Arity(self.full_name().into())) }
    }
}

/// The command or subcommand that `args` call, with the right number of arguments; otherwise what the client is told.
/// `visible` says which commands this node has.
#[inline]
pub fn resolve(args: &[&[u8]], visible: impl Fn(&Spec) -> bool) -> Result<&'static Spec, Error> {
    let spec = lookup(args).filter(|spec| visible(spec)).ok_or_else(|| unknown(args, &visible))?;
    spec.check_arity(args.len())?;
    Ok(spec)
}

/// The command or subcommand that `args` begin with. A container's name alone is the container itself.
#[inline]
pub fn lookup(args: &[&[u8]]) -> Option<&'static Spec> {
    let spec = find(args.first()?)?;
    match args.get(1) {
        Some(name) if !spec.row.subcommands.is_empty() => spec.subcommand(name),
        _ => Some(spec),
    }
}

#[cold]
fn unknown(args: &[&[u8]], visible: &impl Fn(&Spec) -> bool) -> Error {
    let name = args.first().copied().unwrap_or_default();
    match (find(name).filter(|spec| visible(spec)), args.get(1)) {
        (Some(_), Some(subcommand)) => Error::unknown_subcommand(name, subcommand),
        _ => Error::unknown_command(name, args.get(1..).unwrap_or_default()),
    }
}

/// The last part of a full name.
const fn after_bar(full_name: &str) -> &str {
    let bytes = full_name.as_bytes();
    let mut start = bytes.len();
    while start > 0 && bytes[start - 1] != b'|' {
        start -= 1;
    }
    full_name.split_at(start).1
}

/// Whether two names are the same, in a constant.
const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

//! The command table: everything known about each command but its code.
//!
//! One file a group declares the commands (`row.rs`), `docs/` what COMMAND DOCS tells about them. `table.rs` puts them
//! together when the program is compiled and finds a command by its name; [`keys`] finds the keys among a command's
//! arguments; [`introspect`] answers COMMAND. Constant data and pure functions, owned by no thread.
//!
//! The facts are those of Redis 7.0.15, which tells them by COMMAND INFO and COMMAND DOCS.

mod bitmap;
mod cluster;
mod connection;
pub mod doc;
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
pub use table::{COUNT, TOP_LEVEL, all, commands, find, find_full};

use crate::resp::Error;
use row::Row;
use std::fmt;
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

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Spec").field(&self.full_name()).finish()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(line: &str) -> String {
        let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        resolve(&args, |_| true).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_call_resolves_to_a_command_or_a_subcommand() {
        let full_name = |args: &[&[u8]]| resolve(args, |_| true).map(Spec::full_name);
        assert_eq!(full_name(&[b"Get", b"key"]), Ok("get"));
        assert_eq!(full_name(&[b"CONFIG", b"GET", b"*"]), Ok("config|get"));
        assert_eq!(full_name(&[b"COMMAND"]), Ok("command"));
    }

    #[test]
    fn a_wrong_number_of_arguments_names_the_full_command() {
        assert_eq!(refusal("GET"), "ERR wrong number of arguments for 'get' command");
        assert_eq!(refusal("CONFIG GET"), "ERR wrong number of arguments for 'config|get' command");
        assert_eq!(refusal("CONFIG"), "ERR wrong number of arguments for 'config' command");
    }

    #[test]
    fn an_unknown_name_is_told_apart_from_an_unknown_subcommand() {
        assert_eq!(refusal("foo a"), "ERR unknown command 'foo', with args beginning with: 'a' ");
        assert_eq!(refusal("config foo"), "ERR unknown subcommand 'foo'. Try CONFIG HELP.");
    }

    #[test]
    fn what_the_node_does_not_have_is_unknown() {
        let hidden = |name| move |spec: &Spec| spec.full_name() != name;
        let text = |args: &[&[u8]], name| resolve(args, hidden(name)).err().map(|error| error.to_string());
        let unknown = |text: &str| Some(text.to_string());
        assert_eq!(text(&[b"GET", b"a"], "get"), unknown("ERR unknown command 'GET', with args beginning with: 'a' "));
        assert_eq!(
            text(&[b"CONFIG", b"GET", b"a"], "config|get"),
            unknown("ERR unknown subcommand 'GET'. Try CONFIG HELP.")
        );
    }

    #[test]
    fn categories_follow_from_flags() {
        let categories = |name: &[u8]| find(name).map(Spec::categories);
        assert_eq!(categories(b"get"), Some(acl::STRING | acl::READ | acl::FAST));
        assert_eq!(categories(b"blpop"), Some(acl::LIST | acl::WRITE | acl::BLOCKING | acl::SLOW));
        assert_eq!(categories(b"eval_ro"), Some(acl::SCRIPTING | acl::SLOW), "scripts are not for readers");
        assert_eq!(categories(b"monitor"), Some(acl::ADMIN | acl::DANGEROUS | acl::SLOW));
    }

    #[test]
    fn the_fixed_range_covers_what_it_can_of_the_key_specs() {
        let range = |name: &[u8]| {
            let spec = find(name).expect("a command");
            let KeyRange { first, last, step } = spec.key_range();
            (first, last, step, spec.has_movable_keys())
        };
        assert_eq!(range(b"get"), (1, 1, 1, false));
        assert_eq!(range(b"mset"), (1, -1, 2, false));
        assert_eq!(range(b"bitop"), (2, -1, 1, false));
        assert_eq!(range(b"rename"), (1, 2, 1, false));
        assert_eq!(range(b"sort"), (1, 1, 1, true));
        assert_eq!(range(b"zunionstore"), (1, 1, 1, true));
        assert_eq!(range(b"eval"), (0, 0, 0, true));
    }
}

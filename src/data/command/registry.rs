//! What this node can do: for each command of the table, the code that runs it and where.
//!
//! Built once at the start and shared by all cores; never changes.

use super::spec::{self, KeyRange, Spec, flag, keys};
use super::{bitmap, generic, geo, hash, hyperloglog, list, memory, set, sort, stream, string, zset};
use crate::data::exec::Handler;
use crate::data::plane::dispatch::{Flow, Request};
use crate::data::plane::{
    Plane, acl, connection, debug, functions, introspection, memory as plane_memory, migrate, monitor, pubsub, replica,
    script, scripting, server, tracking, transaction,
};
use crate::resp::Error;
use std::collections::HashMap;

/// Code of a command that needs the core and the connection, not just a key. It has written one reply, or
/// returns an error, or says that the client waits.
pub type SessionHandler = fn(&mut Plane, u32, &Request<'_>) -> Result<Flow, Error>;

/// Where and how a command runs.
pub enum Run {
    /// On the core that owns its keys' slot.
    Keyed(Handler),
    /// The same, but it is a script that runs.
    Script,
    /// On the core of its connection, in its turn.
    Session(SessionHandler),
    /// The same, but only when all earlier replies of its client have been written.
    Node(SessionHandler),
}

/// A command this node can run.
pub struct Command {
    /// Its row in the table.
    pub spec: &'static Spec,
    /// Its code.
    pub run: Run,
    /// Whether it takes about the same short time whatever its arguments.
    pub quick: bool,
    /// Whether it is called by two words.
    pub is_subcommand: bool,
    /// Its only key's index, when it has exactly one at a fixed place; 0 otherwise.
    pub single_key: u8,
}

/// All commands of this node.
pub struct Registry {
    commands: Vec<Option<Command>>,
    /// Names that `rename-command` changed, in lower case, and what they stand for; none: nothing any more.
    renames: HashMap<Vec<u8>, Option<Vec<u8>>>,
}

/// Quick commands that the table does not mark as fast.
const QUICK: &[&str] = &["set", "setex", "psetex", "getset"];

impl Registry {
    /// Joins the table and the families' handlers.
    ///
    /// # Panics
    /// When a handler names a command that is not in the table: a mistake in the source, found by any test.
    pub fn new() -> Registry {
        let mut commands: Vec<Option<Command>> = spec::all().iter().map(|_| None).collect();
        let mut add = |name: &'static str, run: Run| {
            let spec = by_full_name(name).unwrap_or_else(|| panic!("{name} is not in the command table"));
            let KeyRange { first, last, .. } = spec.key_range();
            let single_key = if first > 0 && first == last && !spec.has_movable_keys() { first as u8 } else { 0 };
            let quick = spec.is(flag::FAST) || QUICK.contains(&name);
            commands[spec.id()] =
                Some(Command { spec, run, quick, is_subcommand: spec.container().is_some(), single_key });
        };
        let keyed = [
            string::HANDLERS,
            generic::HANDLERS,
            memory::HANDLERS,
            list::HANDLERS,
            hash::HANDLERS,
            set::HANDLERS,
            zset::HANDLERS,
            geo::HANDLERS,
            stream::HANDLERS,
            bitmap::HANDLERS,
            hyperloglog::HANDLERS,
            sort::HANDLERS,
        ];
        for (name, handler) in keyed.into_iter().flatten() {
            add(name, Run::Keyed(*handler));
        }
        for name in script::COMMANDS {
            add(name, Run::Script);
        }
        let session = [
            acl::HANDLERS,
            connection::HANDLERS,
            transaction::HANDLERS,
            pubsub::HANDLERS,
            server::HANDLERS,
            tracking::HANDLERS,
        ];
        for (name, handler) in session.into_iter().flatten() {
            add(name, Run::Session(*handler));
        }
        let node = [
            acl::NODE_HANDLERS,
            connection::NODE_HANDLERS,
            transaction::NODE_HANDLERS,
            pubsub::NODE_HANDLERS,
            tracking::NODE_HANDLERS,
            replica::NODE_HANDLERS,
            server::NODE_HANDLERS,
            introspection::NODE_HANDLERS,
            plane_memory::NODE_HANDLERS,
            monitor::NODE_HANDLERS,
            debug::NODE_HANDLERS,
            migrate::NODE_HANDLERS,
            scripting::NODE_HANDLERS,
            functions::NODE_HANDLERS,
        ];
        for (name, handler) in node.into_iter().flatten() {
            add(name, Run::Node(*handler));
        }
        Registry { commands, renames: HashMap::new() }
    }

    /// Gives commands new names, one after the other; an empty one takes the command away.
    pub fn rename(&mut self, renames: &[(Vec<u8>, Vec<u8>)]) {
        for (old, new) in renames {
            let (old, new) = (old.to_ascii_lowercase(), new.to_ascii_lowercase());
            let real = self.real_name(&old).map(<[u8]>::to_vec);
            self.renames.insert(old, None);
            if !new.is_empty() {
                self.renames.insert(new, real);
            }
        }
    }

    /// What a name stands for.
    fn real_name<'n>(&'n self, name: &'n [u8]) -> Option<&'n [u8]> {
        match self.renames.get(&name.to_ascii_lowercase()) {
            Some(real) => real.as_deref(),
            None => Some(name),
        }
    }

    /// The command `args` call, if this node has it.
    #[inline]
    pub fn find(&self, args: &[&[u8]]) -> Option<&Command> {
        if !self.renames.is_empty() {
            return self.find_renamed(args);
        }
        self.commands[spec::lookup(args)?.id()].as_ref()
    }

    #[cold]
    fn find_renamed(&self, args: &[&[u8]]) -> Option<&Command> {
        let (name, rest) = args.split_first()?;
        let words = [self.real_name(name)?, rest.first().copied().unwrap_or_default()];
        self.commands[spec::lookup(&words[..args.len().min(2)])?.id()].as_ref()
    }

    /// The command with this number, which came from a [`Command`].
    pub fn by_id(&self, id: u16) -> &Command {
        self.commands[id as usize].as_ref().expect("ids travel only from commands that exist")
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether there are none; there always are.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// The row with this full name, in any case.
    pub fn find_by_full_name(&self, name: &[u8]) -> Option<&'static Spec> {
        spec::all().iter().find(|spec| name.eq_ignore_ascii_case(spec.full_name().as_bytes()))
    }

    /// Whether there is code for exactly this row.
    pub fn runs(&self, spec: &Spec) -> bool {
        self.commands[spec.id()].is_some()
    }

    /// Whether this node has this command, or any of its subcommands.
    pub fn has(&self, spec: &Spec) -> bool {
        self.commands[spec.id()].is_some() || spec.subcommands().iter().any(|sub| self.commands[sub.id()].is_some())
    }

    /// What a client is told who calls what this node has not.
    pub fn refusal(&self, args: &[&[u8]]) -> Error {
        if let Some((name, rest)) = args.split_first().filter(|(name, _)| self.real_name(name).is_none()) {
            return Error::unknown_command(name, rest);
        }
        match spec::resolve(args, |spec| self.has(spec)) {
            Err(error) => error,
            // A container without its subcommand.
            Ok(spec) => Error::Arity(spec.full_name().into()),
        }
    }
}

impl Default for Registry {
    fn default() -> Self {
        Registry::new()
    }
}

fn by_full_name(name: &str) -> Option<&'static Spec> {
    spec::all().iter().find(|spec| spec.full_name() == name)
}

impl Command {
    /// Its number.
    pub fn id(&self) -> u16 {
        self.spec.id() as u16
    }

    /// Whether `name` is its name, in lower or upper case.
    #[inline]
    pub fn is_called(&self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(self.spec.name().as_bytes())
    }

    /// Its first key's index in `args`, if it has a key.
    #[inline]
    pub fn first_key(&self, args: &[&[u8]]) -> Option<usize> {
        if self.single_key > 0 {
            return (args.len() > self.single_key as usize).then_some(self.single_key as usize);
        }
        keys::first_key(self.spec, args)
    }

    /// The indexes of all its keys in `args`.
    pub fn key_indexes(&self, args: &[&[u8]]) -> Vec<usize> {
        let mut uses = Vec::new();
        keys::routing_positions(self.spec, args, &mut uses);
        uses.into_iter().map(|key| key.position).collect()
    }

    /// Whether which keys it reads depends on what others hold: SORT with a pattern.
    pub fn reaches_any_key(&self, args: &[&[u8]]) -> bool {
        matches!(self.spec.full_name(), "sort" | "sort_ro") && keys::has_sort_pattern(args)
    }

    /// Whether it is executed at once between MULTI and EXEC.
    pub fn runs_inside_multi(&self) -> bool {
        matches!(self.spec.full_name(), "exec" | "discard" | "multi" | "watch" | "quit" | "reset")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_command_answers_to_its_new_name_only() {
        let mut registry = Registry::new();
        let rename = |old: &str, new: &str| (old.as_bytes().to_vec(), new.as_bytes().to_vec());
        registry.rename(&[rename("CONFIG", "setup"), rename("flushall", ""), rename("get", "set")]);
        let name = |args: &[&[u8]]| registry.find(args).map(|command| command.spec.full_name());
        assert_eq!(name(&[b"Setup", b"get", b"*"]), Some("config|get"));
        assert_eq!(name(&[b"config", b"get", b"*"]), None);
        assert_eq!(name(&[b"flushall"]), None);
        assert_eq!(name(&[b"SET", b"key"]), Some("get"));
        assert_eq!(name(&[b"dbsize"]), Some("dbsize"));
        let refusal = registry.refusal(&[b"flushall", b"async"]).to_string();
        assert_eq!(refusal, "ERR unknown command 'flushall', with args beginning with: 'async' ");
    }
}

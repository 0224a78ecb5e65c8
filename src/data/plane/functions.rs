//! FUNCTION: libraries of functions. Every core has all of them; a change is made while its core holds every store,
//! and the others hear of it before they have theirs back, so all cores see the same changes in the same order.

use super::Plane;
use super::busy_script::Slow;
use super::dispatch::{Flow, Request};
use super::message::{Message, Notice};
use super::script::Scripts;
use crate::base::glob::{self, Case};
use crate::data::command::{SessionHandler, help};
use crate::data::rdb::dump;
use crate::data::rdb::write::{self, Style};
use crate::data::script::functions::Policy;
use crate::data::script::known::Flags;
use crate::resp::{Error, Reply};
use std::sync::Arc;

/// Handlers that wait for all earlier replies of their client.
pub const NODE_HANDLERS: &[(&str, SessionHandler)] = &[
    ("function|delete", change),
    ("function|dump", dump_all),
    ("function|flush", change),
    ("function|help", function_help),
    ("function|kill", |plane, at, _| plane.kill_scripts(at, true)),
    ("function|list", list),
    ("function|load", change),
    ("function|restore", change),
    ("function|stats", stats),
];

/// A change of the libraries.
#[derive(Clone, Debug)]
pub enum Change {
    /// FUNCTION LOAD: the text, and whether it may replace a library.
    Load(Arc<[u8]>, bool),
    /// FUNCTION DELETE.
    Delete(Arc<[u8]>),
    /// FUNCTION FLUSH.
    Flush,
    /// FUNCTION RESTORE, and what a snapshot brings: the texts.
    Restore(Arc<[Vec<u8>]>, Policy),
}

impl Plane {
    /// Changes the libraries of this core.
    pub(super) fn change_functions(&mut self, change: &Change) -> Result<Vec<u8>, Error> {
        if let Change::Flush = change {
            self.scripts.libraries = Default::default();
            self.scripts.release_engine();
            return Ok(Vec::new());
        }
        self.engine()?;
        let Scripts { engine: Some(engine), libraries, .. } = &mut self.scripts else { return Ok(Vec::new()) };
        // What the change before has left: on this core perhaps no script ever runs.
        engine.collect_some();
        match change {
            Change::Load(code, replace) => return libraries.load(engine, code, *replace),
            Change::Delete(name) if !libraries.delete(name) => return Err(Error::new("ERR Library not found")),
            Change::Delete(_) | Change::Flush => {}
            Change::Restore(codes, policy) => libraries.restore(engine, codes, *policy)?,
        }
        Ok(Vec::new())
    }

    /// Has the other cores make a change that was made here.
    fn tell_of_functions(&mut self, change: &Change) {
        let me = self.core().into();
        for peer in self.data_cores().filter(|peer| *peer != me).collect::<Vec<_>>() {
            self.send(peer, Message::Tell(Notice::Functions(change.clone())));
        }
    }

    /// Puts these libraries in the place of those of all cores.
    pub(super) fn replace_functions(&mut self, codes: Vec<Vec<u8>>) -> Result<(), Error> {
        self.restore_functions(codes, Policy::Flush)
    }

    /// Gives all cores these libraries, beside those they have or in their place.
    pub(super) fn restore_functions(&mut self, codes: Vec<Vec<u8>>, policy: Policy) -> Result<(), Error> {
        if codes.is_empty() && (policy != Policy::Flush || self.scripts.libraries.libraries.is_empty()) {
            return Ok(());
        }
        let change = Change::Restore(codes.into(), policy);
        self.change_functions(&change)?;
        self.tell_of_functions(&change);
        Ok(())
    }

    /// All libraries, as a snapshot has them.
    pub(super) fn functions_for_snapshot(&self, style: Style) -> Vec<u8> {
        let mut bytes = Vec::new();
        for library in self.scripts.libraries.libraries.values() {
            write::function(&mut bytes, &library.code, style);
        }
        bytes
    }

    /// Changes the libraries of all cores, and writes the reply: what the change answers, or OK.
    fn change_all(&mut self, at: u32, request: &Request<'_>, change: Change) -> Flow {
        let args: Vec<Vec<u8>> = request.args.iter().map(|arg| arg.to_vec()).collect();
        self.with_all_stores(
            at,
            request.bump,
            Box::new(move |plane, at| match plane.change_functions(&change) {
                Err(error) => plane.reply_error(at, &error),
                Ok(answer) => {
                    plane.tell_of_functions(&change);
                    plane.stats.changed += 1;
                    if plane.log.is_on() {
                        plane.log.command(0, &args);
                    }
                    if answer.is_empty() {
                        plane.reply(at).ok();
                    } else {
                        plane.reply(at).bulk(&answer);
                    }
                }
            }),
        )
    }
}

/// The change that a command asks for.
///
/// # Errors
/// When it is none, or its arguments are wrong.
pub fn change_of(args: &[&[u8]]) -> Result<Change, Error> {
    match args[1].to_ascii_lowercase().as_slice() {
        b"load" => load_of(args),
        b"delete" => Ok(Change::Delete(args[2].into())),
        b"flush" => match args {
            [_, _] => Ok(Change::Flush),
            [_, _, mode] if mode.eq_ignore_ascii_case(b"sync") || mode.eq_ignore_ascii_case(b"async") => {
                Ok(Change::Flush)
            }
            [_, _, _, _, ..] => Err(help::syntax_error(args)),
            _ => Err(Error::new("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")),
        },
        b"restore" => restore_of(args),
        _ => Err(help::syntax_error(args)),
    }
}

fn load_of(args: &[&[u8]]) -> Result<Change, Error> {
    const MISSING: &str = "ERR Function code is missing";
    let [_, _, options @ .., code] = args else { return Err(Error::new(MISSING)) };
    for option in options {
        if !option.eq_ignore_ascii_case(b"replace") {
            return Err(Error::Bytes([b"ERR Unknown option given: ", *option].concat()));
        }
    }
    if options.is_empty() && code.eq_ignore_ascii_case(b"replace") {
        return Err(Error::new(MISSING));
    }
    Ok(Change::Load((*code).into(), !options.is_empty()))
}

fn restore_of(args: &[&[u8]]) -> Result<Change, Error> {
    if args.len() > 4 {
        return Err(help::syntax_error(args));
    }
    let policy = match args.get(3).map(|word| word.to_ascii_lowercase()).as_deref() {
        None | Some(b"append") => Policy::Append,
        Some(b"replace") => Policy::Replace,
        Some(b"flush") => Policy::Flush,
        _ => {
            return Err(Error::new("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE."));
        }
    };
    if !dump::is_intact(args[2], false) {
        return Err(Error::new("ERR DUMP payload version or checksum are wrong"));
    }
    let codes = dump::restore_libraries(args[2]).map_err(|error| Error::new(format!("ERR {error}")))?;
    Ok(Change::Restore(codes.into(), policy))
}

fn change(plane: &mut Plane, at: u32, request: &Request<'_>) -> Result<Flow, Error> {
    let change = change_of(request.args)?;
    if let Some(command) = request.command
        && plane.lacks_room(command.spec.flags(), &[plane.core()])
    {
        return Err(Error::OutOfMemory);
    }
    Ok(plane.change_all(at, request, change))
}

fn dump_all(plane: &mut Plane, at: u32, _: &Request<'_>) -> Result<Flow, Error> {
    let libraries = plane.scripts.libraries.libraries.values();
    let payload = dump::dump_libraries(libraries.map(|library| &*library.code));
    plane.reply(at).bulk(&payload);
    Ok(Flow::Done)
}

fn list(plane: &mut Plane, at: u32, request: &Request<'_>) -> Result<Flow, Error> {
    let (mut with_code, mut pattern) = (false, None);
    let mut words = request.args[2..].iter();
    while let Some(word) = words.next() {
        if !with_code && word.eq_ignore_ascii_case(b"withcode") {
            with_code = true;
        } else if pattern.is_none() && word.eq_ignore_ascii_case(b"libraryname") {
            pattern = Some(*words.next().ok_or(Error::new("ERR library name argument was not given"))?);
        } else {
            return Err(Error::Bytes([b"ERR Unknown argument ", &*one_line(word)].concat()));
        }
    }
    let proto = plane.proto(at);
    let libraries = &plane.scripts.libraries;
    let mut bytes = Vec::new();
    let mut reply = Reply::new(&mut bytes, proto);
    let matches = |name: &[u8]| pattern.is_none_or(|pattern| glob::matches(pattern, name, Case::Insensitive));
    let listed: Vec<_> = libraries.libraries.iter().filter(|(name, _)| matches(name)).collect();
    reply.array(listed.len());
    for (name, library) in listed {
        reply.map(if with_code { 4 } else { 3 });
        reply.bulk(b"library_name");
        reply.bulk(name);
        reply.bulk(b"engine");
        reply.bulk(b"LUA");
        reply.bulk(b"functions");
        reply.array(library.functions.len());
        for function in library.functions.iter().filter_map(|name| libraries.function(name)) {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(&function.name);
            reply.bulk(b"description");
            reply.bulk_or_null(function.description.as_deref());
            reply.bulk(b"flags");
            let flags: Vec<&str> =
                Flags::NAMES.iter().filter(|(_, flag)| function.flags.any(*flag)).map(|(name, _)| *name).collect();
            reply.set(flags.len());
            flags.iter().for_each(|flag| reply.simple(flag));
        }
        if with_code {
            reply.bulk(b"library_code");
            reply.bulk(&library.code);
        }
    }
    plane.reply(at).raw(&bytes);
    Ok(Flow::Done)
}

fn one_line(text: &[u8]) -> Vec<u8> {
    text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect()
}

fn stats(plane: &mut Plane, at: u32, _: &Request<'_>) -> Result<Flow, Error> {
    let running = plane.scripts.running_function()?;
    let now = (plane.options.clock)();
    let (libraries, functions) = (plane.scripts.libraries.libraries.len(), plane.scripts.libraries.count());
    let mut reply = plane.reply(at);
    reply.map(2);
    reply.bulk(b"running_script");
    match running {
        None => reply.null(),
        Some(Slow { name, args, began_ns, .. }) => {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(&name);
            reply.bulk(b"command");
            reply.array(args.len());
            args.iter().for_each(|arg| reply.bulk(arg));
            reply.bulk(b"duration_ms");
            reply.int((now.saturating_sub(began_ns) / 1_000_000) as i64);
        }
    }
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    reply.bulk(b"libraries_count");
    reply.int(libraries as i64);
    reply.bulk(b"functions_count");
    reply.int(functions as i64);
    Ok(Flow::Done)
}

fn function_help(plane: &mut Plane, at: u32, _: &Request<'_>) -> Result<Flow, Error> {
    help::write(&mut plane.reply(at), "FUNCTION", HELP);
    Ok(Flow::Done)
}

const HELP: &[&str] = &[
    "LOAD [REPLACE] <FUNCTION CODE>",
    "    Create a new library with the given library name and code.",
    "DELETE <LIBRARY NAME>",
    "    Delete the given library.",
    "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
    "    Return general information on all the libraries:",
    "    * Library name",
    "    * The engine used to run the Library",
    "    * Library description",
    "    * Functions list",
    "    * Library code (if WITHCODE is given)",
    "    It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
    "STATS",
    "    Return information about the current function running:",
    "    * Function name",
    "    * Command used to run the function",
    "    * Duration in MS that the function is running",
    "    If no function is running, return nil",
    "    In addition, returns a list of available engines.",
    "KILL",
    "    Kill the current running function.",
    "FLUSH [ASYNC|SYNC]",
    "    Delete all the libraries.",
    "    When called without the optional mode argument, the behavior is determined by the",
    "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
    "    * ASYNC: Asynchronously flush the libraries.",
    "    * SYNC: Synchronously flush the libraries.",
    "DUMP",
    "    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command",
    "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
    "    Restore the libraries represented by the given payload, it is possible to give a restore policy to",
    "    control how to handle existing libraries (default APPEND):",
    "    * FLUSH: delete all existing libraries.",
    "    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.",
    "    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old",
    "      libraries with the new libraries.",
];

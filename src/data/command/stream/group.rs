//! XGROUP: groups and their consumers.

use super::args;
use super::{Done, edit};
use crate::base::notify::Class;
use crate::data::command::collection::edit_or_create;
use crate::data::command::help::{self as usage, syntax_error};
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::data::types::stream::{Group, Id, Stream};
use crate::resp::Error;

const NO_KEY: &str = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the \
                      MKSTREAM option to create an empty stream automatically.";

fn no_group(group: &[u8], key: &[u8]) -> Error {
    Error::Bytes([b"NOGROUP No such consumer group '", group, b"' for key name '", key, b"'"].concat())
}

/// MKSTREAM, and ENTRIESREAD; `create`: the first is allowed.
fn options(args: &[&[u8]], create: bool) -> Result<(bool, Option<u64>), Error> {
    let (mut make, mut read) = (false, None);
    let mut words = args[5..].iter();
    while let Some(word) = words.next() {
        match word.to_ascii_lowercase().as_slice() {
            b"mkstream" if create => make = true,
            b"entriesread" if words.len() > 0 => {
                let number = words.next().and_then(|number| parse_i64(number)).ok_or(Error::NotAnInteger)?;
                read = match number {
                    -1 => None,
                    ..-1 => return Err(Error::new("ERR value for ENTRIESREAD must be positive or -1")),
                    number => Some(number as u64),
                };
            }
            _ => return Err(syntax_error(args)),
        }
    }
    Ok((make, read))
}

/// An id, or `$` for the last one.
fn id_or_last(text: &[u8]) -> Result<Option<Id>, Error> {
    if text == b"$" { Ok(None) } else { args::id_or_end(text, 0).map(Some) }
}

/// `XGROUP CREATE key group id|$ [MKSTREAM] [ENTRIESREAD entries-read]`
pub fn create(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let (make, read) = options(args, true)?;
    let key = exec.key(args[2]);
    let there = edit(exec, &key, |_, _| ((), false))?.is_some();
    if !there && !make {
        return Err(Error::new(NO_KEY));
    }
    let id = if args[4] == b"$" { None } else { Some(args::id(args[4], 0)?) };
    let created = edit_or_create(exec, &key, |stream: &mut Stream| {
        if stream.groups.contains_key(args[3]) {
            return (false, false);
        }
        let group = Group::new(id.unwrap_or(stream.last_id), read);
        stream.groups.insert(args[3].to_vec(), group);
        (true, true)
    })?;
    if !created {
        return Err(Error::new("BUSYGROUP Consumer Group name already exists"));
    }
    exec.reply.ok();
    exec.changed(1);
    exec.notify(Class::STREAM, "xgroup-create", &key);
    Ok(())
}

/// `XGROUP SETID key group id|$ [ENTRIESREAD entries-read]`
pub fn set_id(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let (_, read) = options(args, false)?;
    let key = exec.key(args[2]);
    let set = edit(exec, &key, |stream, _| {
        let last = stream.last_id;
        let Some(group) = stream.groups.get_mut(args[3]) else {
            return (Err(no_group(args[3], args[2])), false);
        };
        match id_or_last(args[4]) {
            Ok(id) => {
                group.last_id = id.unwrap_or(last);
                group.entries_read = read;
                (Ok(()), true)
            }
            Err(error) => (Err(error), false),
        }
    })?;
    set.ok_or(Error::new(NO_KEY))??;
    exec.reply.ok();
    exec.changed(1);
    exec.notify(Class::STREAM, "xgroup-setid", &key);
    Ok(())
}

/// `XGROUP DESTROY key group`
pub fn destroy(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let key = exec.key(args[2]);
    let destroyed = edit(exec, &key, |stream, _| {
        let destroyed = stream.groups.remove(args[3]).is_some();
        (destroyed, destroyed)
    })?;
    let destroyed = destroyed.ok_or(Error::new(NO_KEY))?;
    exec.reply.int(i64::from(destroyed));
    if destroyed {
        exec.changed(1);
        exec.notify(Class::STREAM, "xgroup-destroy", &key);
        // Who waits for entries of the group learns that it is gone.
        exec.signal_ready(&key);
    }
    Ok(())
}

/// `XGROUP CREATECONSUMER key group consumer`
pub fn create_consumer(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let (key, now) = (exec.key(args[2]), exec.now);
    let created = edit(exec, &key, |stream, _| {
        let Some(group) = stream.groups.get_mut(args[3]) else {
            return (Err(no_group(args[3], args[2])), false);
        };
        let created = group.find(args[4]).is_none();
        if created {
            group.consumer_named(args[4], now);
        }
        (Ok(created), created)
    })?;
    let created = created.ok_or(Error::new(NO_KEY))??;
    exec.reply.int(i64::from(created));
    if created {
        exec.changed(1);
        exec.notify(Class::STREAM, "xgroup-createconsumer", &key);
    }
    Ok(())
}

/// `XGROUP DELCONSUMER key group consumer`
pub fn delete_consumer(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let key = exec.key(args[2]);
    let deleted = edit(exec, &key, |stream, _| {
        let Some(group) = stream.groups.get_mut(args[3]) else {
            return (Err(no_group(args[3], args[2])), false);
        };
        let deleted = group.remove_consumer(args[4]);
        (Ok(deleted), deleted.is_some())
    })?;
    let deleted = deleted.ok_or(Error::new(NO_KEY))??;
    exec.reply.int(deleted.unwrap_or_default() as i64);
    if deleted.is_some() {
        exec.changed(1);
        exec.notify(Class::STREAM, "xgroup-delconsumer", &key);
    }
    Ok(())
}

/// `XGROUP HELP`
pub fn help(exec: &mut Exec<'_>, _: &[&[u8]]) -> Done {
    usage::write(&mut exec.reply, "XGROUP", HELP);
    Ok(())
}

const HELP: &[&str] = &[
    "CREATE <key> <groupname> <id|$> [option]",
    "    Create a new consumer group. Options are:",
    "    * MKSTREAM",
    "      Create the empty stream if it does not exist.",
    "    * ENTRIESREAD entries_read",
    "      Set the group's entries_read counter (internal use).",
    "CREATECONSUMER <key> <groupname> <consumer>",
    "    Create a new consumer in the specified group.",
    "DELCONSUMER <key> <groupname> <consumer>",
    "    Remove the specified consumer.",
    "DESTROY <key> <groupname>",
    "    Remove the specified group.",
    "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
    "    Set the current group ID and entries_read counter.",
];

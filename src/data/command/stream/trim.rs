//! XTRIM, XDEL and XSETID.

use super::Done;
use super::args::{self, Trim};
use crate::base::notify::Class;
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::data::types::stream::{Id, Keep};
use crate::resp::Error;

/// `XTRIM key MAXLEN|MINID [=|~] threshold [LIMIT count]`
pub fn xtrim(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let options = args::options(args, false, exec.settings.encodings.stream_node_entries)?;
    let Some(trim) = options.trim else { return Err(Error::Syntax) };
    let key = exec.key(args[1]);
    let trimmed = super::edit(exec, &key, |stream, _| {
        let deleted = stream.trim(trim.keep, trim.about, trim.limit);
        ((deleted, stream.len(), stream.first_id()), deleted > 0)
    })?;
    let (deleted, length, first) = trimmed.unwrap_or_default();
    exec.reply.int(deleted as i64);
    if deleted > 0 {
        exec.notify(Class::STREAM, "xtrim", &key);
        exec.changed(deleted);
        replicate_trim(exec, args, Some(trim), length, first);
    }
    Ok(())
}

/// Replicates a command that has trimmed a stream: exactly, since another node may have other nodes in it.
pub fn replicate_trim(exec: &mut Exec<'_>, command: &[&[u8]], trim: Option<Trim>, length: u64, first: Id) {
    let kept = match trim.map(|trim| trim.keep) {
        Some(Keep::From(_)) => first.to_string(),
        _ => length.to_string(),
    };
    let mut command = command.to_vec();
    if let Some(trim) = trim.filter(|trim| trim.about) {
        command[trim.place - 1] = b"=";
        command[trim.place] = kept.as_bytes();
        if let Some(limit) = command.iter().position(|word| word.eq_ignore_ascii_case(b"limit"))
            && limit > trim.place
            && limit + 1 < command.len()
            && limit <= trim.place + 1
        {
            command.drain(limit..limit + 2);
        }
    }
    exec.replicate_as(&command);
}

/// `XDEL key id [id ...]`
pub fn xdel(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let ids = args[2..].iter().map(|text| args::id(text, 0)).collect::<Result<Vec<Id>, Error>>()?;
    let key = exec.key(args[1]);
    let deleted = super::edit(exec, &key, |stream, _| {
        let deleted = ids.iter().filter(|id| stream.delete(**id)).count();
        (deleted, deleted > 0)
    })?;
    let deleted = deleted.unwrap_or_default();
    if deleted > 0 {
        exec.notify(Class::STREAM, "xdel", &key);
        exec.changed(deleted as u64);
    }
    exec.reply.int(deleted as i64);
    Ok(())
}

/// `XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]`
pub fn xsetid(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let id = args::id(args[2], 0)?;
    let (mut added, mut deleted) = (None, None);
    for pair in args[3..].chunks(2) {
        match (pair[0].to_ascii_lowercase().as_slice(), pair.get(1)) {
            (b"entriesadded", Some(number)) => {
                let number = parse_i64(number).ok_or(Error::NotAnInteger)?;
                let number = u64::try_from(number);
                added = Some(number.map_err(|_| Error::new("ERR entries_added must be positive"))?);
            }
            (b"maxdeletedid", Some(text)) => {
                let max = args::id(text, 0)?;
                if id < max {
                    return Err(Error::new(
                        "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                    ));
                }
                deleted = Some(max).filter(|id| *id != Id::ZERO);
            }
            _ => return Err(Error::Syntax),
        }
    }
    let key = exec.key(args[1]);
    let set = super::edit(exec, &key, |stream, _| {
        if stream.last_entry_id().is_some_and(|last| id < last) {
            let text = "ERR The ID specified in XSETID is smaller than the target stream top item";
            return (Err(Error::new(text)), false);
        }
        if added.is_some_and(|added| !stream.is_empty() && stream.len() > added) {
            let text = "ERR The entries_added specified in XSETID is smaller than the target stream length";
            return (Err(Error::new(text)), false);
        }
        stream.last_id = id;
        stream.entries_added = added.unwrap_or(stream.entries_added);
        stream.max_deleted_id = deleted.unwrap_or(stream.max_deleted_id);
        (Ok(()), true)
    })?;
    set.ok_or(Error::NoSuchKey)??;
    exec.reply.ok();
    exec.changed(1);
    exec.notify(Class::STREAM, "xsetid", &key);
    Ok(())
}

//! RENAME, RENAMENX, MOVE: a value keeps its type, deadline and access clock and gets another name or database.

use super::{database, notify_in, peek};
use crate::base::notify::Class;
use crate::data::exec::Exec;
use crate::resp::Error;

/// `RENAME key newkey`
pub fn rename(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    rename_unless(exec, args, false)?;
    exec.reply.ok();
    Ok(())
}

/// `RENAMENX key newkey`
pub fn renamenx(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let renamed = rename_unless(exec, args, true)?;
    exec.reply.int(i64::from(renamed));
    Ok(())
}

/// Whether the key was renamed; not when both names are the same, nor when `keep_target` and the target exists.
fn rename_unless(exec: &mut Exec<'_>, args: &[&[u8]], keep_target: bool) -> Result<bool, Error> {
    let (from, to) = (exec.key(args[1]), exec.key(args[2]));
    let (db, now) = (exec.db, exec.now);
    peek(exec, &from).ok_or(Error::NoSuchKey)?;
    if from.bytes == to.bytes || keep_target && peek(exec, &to).is_some() {
        return Ok(false);
    }

    exec.store(to.slot).remove(db, &to, now);
    let value = exec.store(from.slot).take(db, &from, now).ok_or(Error::NoSuchKey)?;
    exec.store(to.slot).put(db, &to, value, now);

    exec.notify(Class::NEW, "new", &to);
    exec.notify(Class::GENERIC, "rename_from", &from);
    exec.notify(Class::GENERIC, "rename_to", &to);
    exec.changed(1);
    Ok(true)
}

/// `MOVE key db`
pub fn move_key(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    if exec.settings.cluster_enabled {
        return Err(Error::new("ERR MOVE is not allowed in cluster mode"));
    }
    let source = exec.db;
    let target = database(args[2], exec.settings.databases)?;
    if source == target {
        return Err(Error::new("ERR source and destination objects are the same"));
    }

    let key = exec.key(args[1]);
    let now = exec.now;
    let store = exec.store(key.slot);
    let taken = match store.peek(target, &key, now) {
        Some(_) => None,
        None => store.take(source, &key, now),
    };
    let moved = taken.is_some();
    if let Some(value) = taken {
        store.put(target, &key, value, now);
        notify_in(exec, target, Class::NEW, "new", &key);
        exec.notify(Class::GENERIC, "move_from", &key);
        notify_in(exec, target, Class::GENERIC, "move_to", &key);
        exec.changed(1);
    }
    exec.reply.int(i64::from(moved));
    Ok(())
}

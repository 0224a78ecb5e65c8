//! DEL, UNLINK, EXISTS, TOUCH: over any number of keys, each answered with how many it hit.

use super::{glance, read};
use crate::base::notify::Class;
use crate::data::exec::Exec;
use crate::data::key::Key;
use crate::resp::Error;

/// `DEL key [key ...]`
pub fn del(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let removed = count(exec, &args[1..], remove);
    exec.changed(removed);
    Ok(())
}

/// `UNLINK key [key ...]`: as DEL, which here never frees a big value on the spot either.
pub fn unlink(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    del(exec, args)
}

/// `EXISTS key [key ...]`: a key named twice counts twice.
pub fn exists(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    count(exec, &args[1..], |exec, key| glance(exec, key).is_some());
    Ok(())
}

/// `TOUCH key [key ...]`
pub fn touch(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    count(exec, &args[1..], |exec, key| read(exec, key).is_some());
    Ok(())
}

/// Answers with the number of `keys` for which `hit` says yes, and returns it.
fn count(exec: &mut Exec<'_>, keys: &[&[u8]], hit: impl Fn(&mut Exec<'_>, &Key<'_>) -> bool) -> u64 {
    let hits = keys.iter().filter(|name| hit(exec, &exec.key(name))).count();
    exec.reply.int(hits as i64);
    hits as u64
}

fn remove(exec: &mut Exec<'_>, key: &Key<'_>) -> bool {
    let (db, now) = (exec.db, exec.now);
    let removed = exec.store(key.slot).remove(db, key, now);
    if removed {
        exec.notify(Class::GENERIC, "del", key);
    }
    removed
}

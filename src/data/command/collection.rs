//! What the commands on collections have in common: finding one, changing it, and what is told afterwards.

use crate::base::notify::Class;
use crate::data::exec::Exec;
use crate::data::key::Key;
use crate::data::store::{Collection, Deadline, OtherType, Stores};
use crate::data::types::listpack::Entry;
use crate::resp::{Error, Reply};

impl From<OtherType> for Error {
    fn from(_: OtherType) -> Error {
        Error::WrongType
    }
}

/// The collection at `key` for a command that reads: counts a hit or a miss and marks the key used. The caller
/// announces the miss ([`missed`]).
pub fn read<'s, C: Collection>(
    stores: &'s mut Stores,
    db: usize,
    key: &Key<'_>,
    now: u64,
) -> Result<Option<&'s C>, Error> {
    let store = stores.of(key.slot);
    match store.find(db, key, now) {
        Some(handle) => Ok(Some(store.collection(handle)?)),
        None => Ok(None),
    }
}

/// Announces that a command that reads found no `key`.
pub fn missed(exec: &mut Exec<'_>, key: &Key<'_>) {
    exec.notify(Class::KEY_MISS, "keymiss", key);
}

/// Lets `edit` change the collection at `key`, which is made if there is none; `edit` also tells whether it changed
/// anything, and a new one is only kept then.
pub fn edit_or_create<C: Collection + Default, R>(
    exec: &mut Exec<'_>,
    key: &Key<'_>,
    edit: impl FnOnce(&mut C) -> (R, bool),
) -> Result<R, Error> {
    let (db, now) = (exec.db, exec.now);
    let store = exec.store(key.slot);
    let mut edit = Some(edit);
    if let Some(result) = store.edit(db, key, now, |collection| edit.take().expect("called once")(collection))? {
        return Ok(result);
    }
    let mut collection = C::default();
    let (result, keep) = edit.take().expect("there was nothing to edit")(&mut collection);
    if keep {
        store.set_object(db, key, collection.into_object(), Deadline::Clear, now);
        exec.notify(Class::NEW, "new", key);
    }
    Ok(result)
}

/// Deletes `key`, whose collection has become empty.
pub fn remove_emptied(exec: &mut Exec<'_>, key: &Key<'_>) {
    let (db, now) = (exec.db, exec.now);
    exec.store(key.slot).remove(db, key, now);
    exec.notify(Class::GENERIC, "del", key);
}

/// Replies an entry's text.
pub fn write_entry(reply: &mut Reply<'_>, entry: Entry<'_>) {
    reply.bulk(entry.text(&mut itoa::Buffer::new()));
}

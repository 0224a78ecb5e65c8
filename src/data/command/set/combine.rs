//! Several sets: SINTER, SUNION, SDIFF, each also with STORE, and SINTERCARD.

use crate::base::notify::Class;
use crate::data::command::collection::{missed, write_entry};
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::data::store::{Collection, Deadline, Stores};
use crate::data::types::Forms;
use crate::data::types::listpack::Entry;
use crate::data::types::set::Set;
use crate::resp::{Error, Reply};

/// `SINTER key [key ...]`
pub fn sinter(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let sets = Sets::find(exec, &args[1..])?;
    let (mut members, mut count) = (Vec::new(), 0);
    let mut out = Reply::new(&mut members, exec.reply.proto());
    intersection(&sets.read(exec.stores), |member| {
        write_entry(&mut out, member);
        count += 1;
        true
    });
    exec.reply.set(count);
    exec.reply.raw(&members);
    Ok(())
}

/// `SINTERCARD numkeys key [key ...] [LIMIT limit]`
pub fn sintercard(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let count = parse_i64(args[1]).filter(|&count| count > 0);
    let count = count.ok_or_else(|| Error::new("ERR numkeys should be greater than 0"))?;
    let Some((keys, mut options)) = usize::try_from(count).ok().and_then(|count| args[2..].split_at_checked(count))
    else {
        return Err(Error::new("ERR Number of keys can't be greater than number of args"));
    };
    let mut limit = 0;
    while let [word, rest @ ..] = options {
        let [number, rest @ ..] = rest else { return Err(Error::Syntax) };
        if !word.eq_ignore_ascii_case(b"LIMIT") {
            return Err(Error::Syntax);
        }
        let number = parse_i64(number).filter(|&number| number >= 0);
        limit = number.ok_or_else(|| Error::new("ERR LIMIT can't be negative"))?;
        options = rest;
    }
    let sets = Sets::find(exec, keys)?;
    let mut count = 0;
    intersection(&sets.read(exec.stores), |_| {
        count += 1;
        count != limit
    });
    exec.reply.int(count);
    Ok(())
}

/// `SUNION key [key ...]`
pub fn sunion(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let (sets, forms) = (Sets::find(exec, &args[1..])?, exec.forms());
    let result = union(&sets.read(exec.stores), forms);
    reply_members(exec, &result);
    Ok(())
}

/// `SDIFF key [key ...]`
pub fn sdiff(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let (sets, forms) = (Sets::find(exec, &args[1..])?, exec.forms());
    let result = difference(&sets.read(exec.stores), forms);
    reply_members(exec, &result);
    Ok(())
}

/// `SINTERSTORE destination key [key ...]`
pub fn sinterstore(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let (sets, forms) = (Sets::find(exec, &args[2..])?, exec.forms());
    let mut result = Set::new();
    intersection(&sets.read(exec.stores), |member| {
        result.insert_entry(member, forms);
        true
    });
    store(exec, args[1], result, "sinterstore");
    Ok(())
}

/// `SUNIONSTORE destination key [key ...]`
pub fn sunionstore(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let (sets, forms) = (Sets::find(exec, &args[2..])?, exec.forms());
    let result = union(&sets.read(exec.stores), forms);
    store(exec, args[1], result, "sunionstore");
    Ok(())
}

/// `SDIFFSTORE destination key [key ...]`
pub fn sdiffstore(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let (sets, forms) = (Sets::find(exec, &args[2..])?, exec.forms());
    let result = difference(&sets.read(exec.stores), forms);
    store(exec, args[1], result, "sdiffstore");
    Ok(())
}

/// Where a command's sets are.
struct Sets(Vec<Option<Found>>);

type Found = (crate::slot::Slot, crate::data::store::Handle);

impl Sets {
    /// Looks all keys up, and sees that they are sets or absent.
    fn find(exec: &mut Exec<'_>, keys: &[&[u8]]) -> Result<Sets, Error> {
        for bytes in keys {
            let key = exec.key(bytes);
            match exec.find(&key) {
                Some(handle) => _ = exec.store(key.slot).collection::<Set>(handle)?,
                None => missed(exec, &key),
            }
        }
        // Nothing expires any more: from here on the stores stay as they are.
        let (db, now) = (exec.db, exec.now);
        let found = keys.iter().map(|bytes| {
            let key = exec.key(bytes);
            Some((key.slot, exec.store(key.slot).peek(db, &key, now)?))
        });
        Ok(Sets(found.collect()))
    }

    /// The sets, in the order of their keys.
    fn read<'s>(&self, stores: &'s Stores) -> Vec<Option<&'s Set>> {
        let set = |&(slot, handle)| stores.see(slot).collection(handle).ok();
        self.0.iter().map(|found| found.as_ref().and_then(set)).collect()
    }
}

/// Visits the members that all sets have, until `visit` says no.
fn intersection(sets: &[Option<&Set>], mut visit: impl FnMut(Entry<'_>) -> bool) {
    let Some(mut sets) = sets.iter().copied().collect::<Option<Vec<_>>>() else { return };
    // The smallest one decides how long it takes.
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return };
    for member in smallest.iter() {
        if others.iter().all(|other| std::ptr::eq(*other, *smallest) || other.has(member)) && !visit(member) {
            return;
        }
    }
}

/// The members that any set has.
fn union(sets: &[Option<&Set>], forms: Forms<'_>) -> Set {
    let mut result = Set::new();
    for member in sets.iter().flatten().flat_map(|set| set.iter()) {
        result.insert_entry(member, forms);
    }
    result
}

/// The members of the first set that no other has.
fn difference(sets: &[Option<&Set>], forms: Forms<'_>) -> Set {
    let mut result = Set::new();
    let Some((Some(first), others)) = sets.split_first() else { return result };
    let mut others: Vec<_> = others.iter().copied().flatten().collect();
    if others.iter().any(|other| std::ptr::eq(*other, *first)) {
        return result;
    }
    // Either each member is looked for in the other sets, or each of theirs is taken out. The first is quicker
    // when there is something in common, so it may be up to twice as much work.
    let one_by_one = first.len() * (others.len() + 1) / 2;
    let all = first.len() + others.iter().map(|other| other.len()).sum::<usize>();
    if one_by_one <= all {
        others.sort_by_key(|other| std::cmp::Reverse(other.len()));
        for member in first.iter().filter(|&member| !others.iter().any(|other| other.has(member))) {
            result.insert_entry(member, forms);
        }
    } else {
        first.iter().for_each(|member| _ = result.insert_entry(member, forms));
        for other in others {
            other.iter().for_each(|member| _ = result.remove(member.text(&mut itoa::Buffer::new())));
        }
    }
    result
}

fn reply_members(exec: &mut Exec<'_>, set: &Set) {
    exec.reply.set(set.len());
    set.iter().for_each(|member| write_entry(&mut exec.reply, member));
}

/// Makes `key` hold the result and replies its size; an empty one deletes it.
fn store(exec: &mut Exec<'_>, key: &[u8], result: Set, event: &'static str) {
    let key = exec.key(key);
    let (db, now, count) = (exec.db, exec.now, result.len());
    let store = exec.store(key.slot);
    if count == 0 {
        if store.remove(db, &key, now) {
            exec.changed(1);
            exec.notify(Class::GENERIC, "del", &key);
        }
    } else {
        let is_new = store.peek(db, &key, now).is_none();
        store.set_object(db, &key, result.into_object(), Deadline::Clear, now);
        if is_new {
            exec.notify(Class::NEW, "new", &key);
        }
        exec.changed(1);
        exec.notify(Class::SET, event, &key);
    }
    exec.reply.int(count as i64);
}

//! SORT and SORT_RO: the elements of a list, set or sorted set, by their own text or by what other keys hold.
//!
//! On a standalone node with several cores, a pattern makes [`crate::data::route`] borrow every store, since which keys
//! it leads to is known only here.

mod options;
mod pattern;

#[cfg(test)]
mod tests;

use super::collection::{missed, write_entry};
use super::list;
use crate::base::double;
use crate::base::notify::Class;
use crate::data::exec::{Exec, Handler};
use crate::data::key::Key;
use crate::data::store::{Collection, Deadline, Handle, Kind, Store};
use crate::data::types::list::{End, List};
use crate::data::types::listpack::Entry;
use crate::data::types::set::Set;
use crate::data::types::zset::Zset;
use crate::resp::Error;
use options::{By, Options};
use pattern::look_up;
use std::cmp::Ordering;
use std::ops::Range;

/// The sort commands by name.
pub const HANDLERS: &[(&str, Handler)] = &[("sort", sort), ("sort_ro", sort_ro)];

/// `SORT key [BY pattern] [LIMIT start count] [GET pattern ...] [ASC | DESC] [ALPHA] [STORE destination]`
pub fn sort(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let options = Options::parse(&args[2..], true, exec.settings.cluster_enabled)?;
    run(exec, args[1], options)
}

/// `SORT_RO key`, and as SORT but for STORE
pub fn sort_ro(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let options = Options::parse(&args[2..], false, exec.settings.cluster_enabled)?;
    run(exec, args[1], options)
}

fn run(exec: &mut Exec<'_>, key: &[u8], mut options: Options<'_>) -> Result<(), Error> {
    let key = exec.key(key);
    let Some(handle) = exec.find(&key) else {
        missed(exec, &key);
        return finish(exec, &options, Vec::new());
    };
    let store = exec.store(key.slot);
    let kind = store.kind(handle);
    if !matches!(kind, Kind::List | Kind::Set | Kind::Zset) {
        return Err(Error::WrongType);
    }
    if options.by == By::Nothing && kind == Kind::Set && (options.store.is_some() || !exec.may_block) {
        // What is written, or comes out of a script, must not depend on the order in which a set lies in memory.
        (options.by, options.alpha) = (By::Element, true);
    }
    let store = exec.store(key.slot);
    let chosen = if options.by == By::Nothing && kind != Kind::Set {
        in_their_order(store, handle, kind, &options)?
    } else {
        let mut all = elements(store, handle, kind)?;
        sort_elements(exec, &mut all, &options)?;
        let range = options.range(all.len());
        all.truncate(range.end);
        all.drain(..range.start);
        all
    };
    finish(exec, &options, chosen)
}

/// All elements, in the order in which they lie.
fn elements(store: &Store, handle: Handle, kind: Kind) -> Result<Vec<Vec<u8>>, Error> {
    Ok(match kind {
        Kind::List => store.collection::<List>(handle)?.to_vec(),
        Kind::Set => store.collection::<Set>(handle)?.iter().map(Entry::to_vec).collect(),
        _ => store.collection::<Zset>(handle)?.iter().map(|(member, _)| member.to_vec()).collect(),
    })
}

/// The wanted part of a list or sorted set that is not to be sorted.
fn in_their_order(store: &Store, handle: Handle, kind: Kind, options: &Options<'_>) -> Result<Vec<Vec<u8>>, Error> {
    if kind == Kind::Zset {
        let zset = store.collection::<Zset>(handle)?;
        let Range { start, end } = options.range(zset.len());
        let ranks = if options.descending { zset.len() - end..zset.len() - start } else { start..end };
        return Ok(zset.range(ranks, options.descending).map(|(member, _)| member.to_vec()).collect());
    }
    let list = store.collection::<List>(handle)?;
    let from = if options.descending { End::Tail } else { End::Head };
    Ok(list.texts(from, options.range(list.len())))
}

/// Sorts by what the options say, and what is equal then by the elements: the order is the same on every replica.
fn sort_elements(exec: &mut Exec<'_>, elements: &mut Vec<Vec<u8>>, options: &Options<'_>) -> Result<(), Error> {
    let directed = |order: Ordering| if options.descending { order.reverse() } else { order };
    match (options.by, options.alpha) {
        (By::Nothing, _) => {}
        (By::Element, true) => elements.sort_by(|one, other| directed(one.cmp(other))),
        (By::Pattern(pattern), true) => {
            let weigh = |element: Vec<u8>| (look_up(exec, pattern, &element), element);
            let mut weighed: Vec<_> = elements.drain(..).map(weigh).collect();
            weighed.sort_by(|one, other| directed(one.cmp(other)));
            elements.extend(weighed.into_iter().map(|(_, element)| element));
        }
        (by, false) => {
            let mut weighed = Vec::with_capacity(elements.len());
            for element in elements.drain(..) {
                let weight = match by {
                    By::Pattern(pattern) => look_up(exec, pattern, &element).map_or(Some(0.0), |text| number(&text)),
                    _ => number(&element),
                };
                let weight = weight.ok_or(Error::new("ERR One or more scores can't be converted into double"))?;
                weighed.push((weight, element));
            }
            // There is no NaN among them.
            let order = |one: &f64, other: &f64| one.partial_cmp(other).unwrap_or(Ordering::Equal);
            weighed.sort_by(|one, other| directed(order(&one.0, &other.0).then_with(|| one.1.cmp(&other.1))));
            elements.extend(weighed.into_iter().map(|(_, element)| element));
        }
    }
    Ok(())
}

/// `text` as C's `strtod` reads it, all of it: spaces may come before it, and nothing at all is 0.
fn number(text: &[u8]) -> Option<f64> {
    // C's strings end at the first zero byte.
    let text = &text[..memchr::memchr(0, text).unwrap_or(text.len())];
    if text.is_empty() { Some(0.0) } else { double::parse(text.trim_ascii_start()) }
}

/// Replies the elements, or what GET asks for in place of each; or stores that.
fn finish(exec: &mut Exec<'_>, options: &Options<'_>, elements: Vec<Vec<u8>>) -> Result<(), Error> {
    let count = elements.len() * options.get.len().max(1);
    if let Some(destination) = options.store {
        let texts = if options.get.is_empty() { elements } else { got(exec, options, &elements) };
        let destination = exec.key(destination);
        store_list(exec, &destination, &texts);
        exec.reply.int(count as i64);
        return Ok(());
    }
    exec.reply.array(count);
    for element in &elements {
        if options.get.is_empty() {
            write_entry(&mut exec.reply, Entry::Bytes(element));
        }
        for pattern in &options.get {
            let text = look_up(exec, pattern, element);
            exec.reply.bulk_or_null(text.as_deref());
        }
    }
    Ok(())
}

/// What GET asks for in place of each element; what there is not is empty.
fn got(exec: &mut Exec<'_>, options: &Options<'_>, elements: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut texts = Vec::with_capacity(elements.len() * options.get.len());
    for element in elements {
        texts.extend(options.get.iter().map(|pattern| look_up(exec, pattern, element).unwrap_or_default()));
    }
    texts
}

/// Makes `key` the list of `texts`, or deletes it if there are none.
fn store_list(exec: &mut Exec<'_>, key: &Key<'_>, texts: &[Vec<u8>]) {
    let (db, now, limits) = (exec.db, exec.now, list::limits(exec, key));
    let store = exec.store(key.slot);
    if texts.is_empty() {
        if store.remove(db, key, now) {
            exec.notify(Class::GENERIC, "del", key);
            exec.changed(1);
        }
        return;
    }
    let mut list = List::default();
    texts.iter().for_each(|text| list.push(End::Tail, text, &limits));
    let is_new = store.peek(db, key, now).is_none();
    store.set_object(db, key, list.into_object(), Deadline::Clear, now);
    if is_new {
        exec.notify(Class::NEW, "new", key);
    }
    exec.notify(Class::LIST, "sortstore", key);
    exec.signal_ready(key);
    exec.changed(texts.len() as u64);
}

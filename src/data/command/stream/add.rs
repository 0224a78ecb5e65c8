//! XADD.

use super::Done;
use super::args::{self, NewId};
use super::trim::replicate_trim;
use crate::base::notify::Class;
use crate::data::command::collection::edit_or_create;
use crate::data::exec::Exec;
use crate::data::types::stream::{Id, NodeLimits, Stream};
use crate::resp::Error;

/// `XADD key [NOMKSTREAM] [MAXLEN|MINID [=|~] threshold [LIMIT count]] *|id field value [field value ...]`
pub fn xadd(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let limits = limits(exec);
    let options = args::options(args, true, limits.entries)?;
    let pairs = options.id.map(|(_, place)| &args[place + 1..]).unwrap_or_default();
    let Some((new, place)) = options.id.filter(|_| pairs.len() >= 2 && pairs.len() % 2 == 0) else {
        return Err(Error::Arity("xadd".into()));
    };
    if new == NewId::Given(Id::ZERO) {
        return Err(Error::new("ERR The ID specified in XADD must be greater than 0-0"));
    }
    let (key, now) = (exec.key(args[1]), exec.now);
    if options.no_new && super::edit(exec, &key, |_, _| ((), false))?.is_none() {
        exec.reply.null();
        return Ok(());
    }
    let added = edit_or_create(exec, &key, |stream: &mut Stream| {
        let id = match next_id(stream, new, now) {
            Ok(id) => id,
            Err(error) => return (Err(error), false),
        };
        stream.push(id, pairs, limits);
        let trimmed = options.trim.map(|trim| (trim, stream.trim(trim.keep, trim.about, trim.limit)));
        (Ok((id, trimmed, stream.len(), stream.first_id())), true)
    })?;
    let (id, trimmed, length, first) = added?;
    super::write_id(&mut exec.reply, id);
    exec.notify(Class::STREAM, "xadd", &key);
    exec.changed(1);
    exec.signal_ready(&key);
    if let Some((_, count @ 1..)) = trimmed {
        exec.changed(count);
        exec.notify(Class::STREAM, "xtrim", &key);
    }
    let id = id.to_string();
    let mut command = args.to_vec();
    command[place] = id.as_bytes();
    replicate_trim(exec, &command, options.trim, length, first);
    Ok(())
}

/// When a node is full.
pub fn limits(exec: &Exec<'_>) -> NodeLimits {
    let limits = &exec.settings.encodings;
    NodeLimits { bytes: limits.stream_node_bytes, entries: limits.stream_node_entries }
}

/// The id of a new entry.
fn next_id(stream: &Stream, new: NewId, now: u64) -> Result<Id, Error> {
    const SMALL: &str = "ERR The ID specified in XADD is equal or smaller than the target stream top item";
    let last = stream.last_id;
    if last == Id::MAX {
        return Err(Error::new("ERR The stream has exhausted the last possible ID, unable to add more items"));
    }
    let id = match new {
        NewId::Auto if now > last.ms => Some(Id { ms: now, seq: 0 }),
        NewId::Auto => last.next(),
        NewId::InMillisecond(ms) if ms == last.ms => last.next().filter(|id| id.ms == ms),
        NewId::InMillisecond(ms) => Some(Id { ms, seq: 0 }),
        NewId::Given(id) => Some(id),
    };
    id.filter(|id| *id > last).ok_or(Error::new(SMALL))
}

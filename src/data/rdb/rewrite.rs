//! From a snapshot to commands that make the same data: the base of an append-only log without `aof-use-rdb-preamble`.
//!
//! Bytes in, bytes out. Which command makes what is Redis 7.0's `rewriteAppendOnlyFileRio`, and so is the number of
//! elements of one command.

use super::Error;
use super::read::{Item, Reader, Record};
use super::value::Built;
use crate::base::double;
use crate::contract::settings::EncodingLimits;
use crate::data::key::KeyHasher;
use crate::data::store::Object;
use crate::data::types::listpack::Entry;
use crate::data::types::stream::{Group, Id, Stream};
use crate::resp::{Proto, Reply};
use std::ops::ControlFlow;

/// Elements that one command adds. Source: Redis 7.0 `AOF_REWRITE_ITEMS_PER_CMD`.
const ELEMENTS: usize = 64;

/// See the module's header.
pub struct Rewriter {
    reader: Reader,
    db: Option<usize>,
}

impl Rewriter {
    /// A rewriter that has got nothing yet.
    pub fn new(hasher: KeyHasher) -> Rewriter {
        Rewriter { reader: Reader::new(EncodingLimits::default(), hasher, false), db: None }
    }

    /// Takes the next bytes of the snapshot, and adds the commands that they make to `out`.
    ///
    /// # Errors
    /// When they are not of a snapshot.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.reader.push(bytes);
        while let Some(item) = self.reader.item()? {
            match item {
                Item::Function(source) => command(out, &[b"FUNCTION", b"LOAD", &source]),
                Item::Record(record) => self.record(record, out),
                Item::Aux(..) | Item::End => {}
            }
        }
        Ok(())
    }

    fn record(&mut self, record: Record, out: &mut Vec<u8>) {
        let Record { db, key, value, deadline, .. } = record;
        let Built::Value(value) = value else { return };
        if self.db.replace(db) != Some(db) {
            command(out, &[b"SELECT", db.to_string().as_bytes()]);
        }
        match value {
            Object::String(bytes) => command(out, &[b"SET", &key, &bytes]),
            Object::List(list) => elements(out, b"RPUSH", &key, 1, list.to_vec().into_iter()),
            Object::Set(set) => elements(out, b"SADD", &key, 1, set.iter().map(text)),
            Object::Hash(hash) => {
                elements(out, b"HMSET", &key, 2, hash.iter().flat_map(|(field, value)| [text(field), text(value)]));
            }
            Object::Zset(zset) => {
                let pairs = zset
                    .iter()
                    .flat_map(|(member, score)| [double::Buffer::new().format(score).to_vec(), text(member)]);
                elements(out, b"ZADD", &key, 2, pairs);
            }
            Object::Stream(stream) => put_stream(out, &key, &stream),
        }
        if let Some(deadline) = deadline {
            command(out, &[b"PEXPIREAT", &key, deadline.to_string().as_bytes()]);
        }
    }
}

fn text(entry: Entry<'_>) -> Vec<u8> {
    entry.text(&mut itoa::Buffer::new()).to_vec()
}

fn command(out: &mut Vec<u8>, args: &[&[u8]]) {
    let mut reply = Reply::new(out, Proto::Resp2);
    reply.array(args.len());
    args.iter().for_each(|arg| reply.bulk(arg));
}

/// Commands that add all of `texts`, of which `width` make an element.
fn elements(out: &mut Vec<u8>, name: &[u8], key: &[u8], width: usize, texts: impl Iterator<Item = Vec<u8>>) {
    let mut texts = texts.peekable();
    while texts.peek().is_some() {
        let some: Vec<Vec<u8>> = texts.by_ref().take(ELEMENTS * width).collect();
        let args: Vec<&[u8]> = [name, key].into_iter().chain(some.iter().map(Vec::as_slice)).collect();
        command(out, &args);
    }
}

fn put_stream(out: &mut Vec<u8>, key: &[u8], stream: &Stream) {
    let number = |number: u64| number.to_string().into_bytes();
    let id = |id: Id| id.to_string().into_bytes();
    stream.each(Id::ZERO, Id { ms: u64::MAX, seq: u64::MAX }, false, |view| {
        let texts: Vec<Vec<u8>> = view.texts().map(text).collect();
        let name = id(view.id);
        let args: Vec<&[u8]> = [&b"XADD"[..], key, &name].into_iter().chain(texts.iter().map(Vec::as_slice)).collect();
        command(out, &args);
        ControlFlow::Continue(())
    });
    if stream.is_empty() {
        command(out, &[b"XADD", key, b"MAXLEN", b"0", b"0-1", b"x", b"y"]);
    }
    let (last, added, deleted) = (id(stream.last_id), number(stream.entries_added), id(stream.max_deleted_id));
    command(out, &[b"XSETID", key, &last, b"ENTRIESADDED", &added, b"MAXDELETEDID", &deleted]);
    for (name, group) in &stream.groups {
        let read = group.entries_read.map_or(b"-1".to_vec(), number);
        command(out, &[b"XGROUP", b"CREATE", key, name, &id(group.last_id), b"ENTRIESREAD", &read]);
        put_consumers(out, key, name, group);
    }
}

fn put_consumers(out: &mut Vec<u8>, key: &[u8], name: &[u8], group: &Group) {
    for consumer in group.consumers() {
        if consumer.pending.is_empty() {
            command(out, &[b"XGROUP", b"CREATECONSUMER", key, name, &consumer.name]);
        }
        for id in &consumer.pending {
            let Some(pending) = group.pending().get(id) else { continue };
            let (time, count) = (pending.delivered.to_string(), pending.count.to_string());
            let (id, time, count) = (id.to_string(), time.as_bytes(), count.as_bytes());
            let options: [&[u8]; 6] = [b"TIME", time, b"RETRYCOUNT", count, b"JUSTID", b"FORCE"];
            let args: Vec<&[u8]> =
                [b"XCLAIM", key, name, &consumer.name, b"0", id.as_bytes()].into_iter().chain(options).collect();
            command(out, &args);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::write::{self, Style};
    use super::*;
    use crate::data::types::Forms;
    use crate::data::types::hash::Hash;
    use crate::data::types::set::Set;

    fn rewritten(records: &[(usize, &str, Object, Option<u64>)]) -> String {
        let (mut snapshot, hasher) = (Vec::new(), KeyHasher::new(1));
        write::header(&mut snapshot);
        write::function(&mut snapshot, b"code", Style::default());
        for (db, key, object, deadline) in records {
            write::select(&mut snapshot, *db);
            let key = key.as_bytes();
            let record = write::Record { key, value: object.value(), deadline: *deadline, idle: 0, frequency: 0 };
            write::record(&mut snapshot, &record, Style::default());
        }
        let (mut rewriter, mut out) = (Rewriter::new(hasher), Vec::new());
        snapshot.chunks(3).for_each(|bytes| rewriter.push(bytes, &mut out).unwrap());
        let text = String::from_utf8(out).unwrap();
        let words = text.split("\r\n").filter(|word| !word.starts_with('$'));
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_value_becomes_the_commands_that_make_it() {
        let (limits, hasher) = (EncodingLimits::default(), KeyHasher::new(1));
        let forms = Forms { limits: &limits, hasher };
        let (mut set, mut hash) = (Set::new(), Hash::new());
        (0..65).for_each(|member| assert!(set.insert(member.to_string().as_bytes(), forms)));
        hash.set(b"f", b"v", forms);
        let text = rewritten(&[
            (0, "s", Object::string(b"v".to_vec()), Some(5)),
            (0, "h", Object::Hash(hash), None),
            (2, "many", Object::Set(set), None),
        ]);
        let before =
            "*3 FUNCTION LOAD code *2 SELECT 0 *3 SET s v *3 PEXPIREAT s 5 *4 HMSET h f v *2 SELECT 2 *66 SADD";
        assert!(text.starts_with(before) && text.ends_with("63 *3 SADD many 64 "), "{text}");
    }
}

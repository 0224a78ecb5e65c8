//! Values, records and the frame around them, written as Redis 7.0 writes them.

use super::encode::{put_length, put_lzf, put_string, work_of};
use super::stream::put_stream;
use super::{VERSION, kind, opcode};
use crate::data::store::Value;
use crate::data::types::hash::Hash;
use crate::data::types::list::{List, NodeRef};
use crate::data::types::set::Set;
use crate::data::types::zset::Zset;

/// Bytes, about, of the texts that a list or stream is written as.
const NODE: usize = 8 * 1024;

/// How to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Long strings are compressed (`rdbcompression`).
    pub compressed: bool,
    /// What is told about the use of keys.
    pub usage: Usage,
}

/// What is told about the use of keys, for eviction after loading; follows `maxmemory-policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Usage {
    /// Nothing.
    #[default]
    None,
    /// For how long they were not used.
    Idle,
    /// How often they are used.
    Frequency,
}

/// A key with all that belongs to it.
pub struct Record<'r> {
    /// The key.
    pub key: &'r [u8],
    /// Its value.
    pub value: Value<'r>,
    /// When it dies, in Unix milliseconds.
    pub deadline: Option<u64>,
    /// Seconds since its last use, written if the style says so.
    pub idle: u64,
    /// How often it is used, written if the style says so.
    pub frequency: u8,
}

/// Writes the beginning of a file or stream.
pub fn header(out: &mut Vec<u8>) {
    out.extend_from_slice(format!("REDIS{VERSION:04}").as_bytes());
}

/// Writes a field about the data as a whole. Whoever does not know a field skips it.
pub fn aux(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.push(opcode::AUX);
    put_string(out, name.as_bytes(), true);
    put_string(out, value, true);
}

/// Writes a library of functions: its source.
pub fn function(out: &mut Vec<u8>, source: &[u8], style: Style) {
    out.push(opcode::FUNCTION2);
    put_string(out, source, style.compressed);
}

/// Says which database the records that follow are in.
pub fn select(out: &mut Vec<u8>, db: usize) {
    out.push(opcode::SELECT_DB);
    put_length(out, db as u64);
}

/// Says how many keys the database will have, and how many of them with deadlines: a hint.
pub fn resize(out: &mut Vec<u8>, keys: usize, volatile: usize) {
    out.push(opcode::RESIZE_DB);
    put_length(out, keys as u64);
    put_length(out, volatile as u64);
}

/// Writes a key.
pub fn record(out: &mut Vec<u8>, record: &Record<'_>, style: Style) {
    record_head(out, record, style);
    value(out, record.value, style.compressed);
}

/// What writing a value takes, as bytes written as they are.
pub fn work_of_value(value: Value<'_>, compressed: bool) -> usize {
    let (bytes, longest) = match value {
        Value::Bytes(bytes) => (bytes.len(), bytes.len()),
        value => (value.heap_bytes(), value.heap_bytes().min(NODE)),
    };
    work_of(bytes, longest, compressed)
}

/// Writes a key up to its value.
pub fn record_head(out: &mut Vec<u8>, record: &Record<'_>, style: Style) {
    if let Some(deadline) = record.deadline {
        out.push(opcode::DEADLINE_MS);
        out.extend(deadline.to_le_bytes());
    }
    match style.usage {
        Usage::None => {}
        Usage::Idle => {
            out.push(opcode::IDLE);
            put_length(out, record.idle);
        }
        Usage::Frequency => out.extend([opcode::FREQ, record.frequency]),
    }
    out.push(kind_of(record.value));
    put_string(out, record.key, style.compressed);
}

/// Writes the end; the checksum of all bytes so far, this one included, is to follow, little-endian.
pub fn end(out: &mut Vec<u8>) {
    out.push(opcode::END);
}

/// A whole file without anything, its checksum left out.
pub fn nothing() -> Vec<u8> {
    let mut bytes = Vec::new();
    header(&mut bytes);
    end(&mut bytes);
    bytes.extend([0; 8]);
    bytes
}

/// The byte that tells in which form a value is written.
pub(super) fn kind_of(value: Value<'_>) -> u8 {
    match value {
        Value::Bytes(_) => kind::STRING,
        Value::List(_) => kind::QUICKLIST_2,
        Value::Set(Set::Intset(_)) => kind::SET_INTSET,
        Value::Set(Set::Dict(_)) => kind::SET,
        Value::Zset(zset) if zset.listpack().is_some() => kind::ZSET_LISTPACK,
        Value::Zset(_) => kind::ZSET_2,
        Value::Hash(Hash::Listpack(_)) => kind::HASH_LISTPACK,
        Value::Hash(Hash::Dict(_)) => kind::HASH,
        Value::Stream(_) => kind::STREAM_2,
    }
}

/// Writes a value without the byte that tells its form.
pub(super) fn value(out: &mut Vec<u8>, value: Value<'_>, compressed: bool) {
    match value {
        Value::Bytes(bytes) => put_string(out, bytes, compressed),
        Value::List(list) => put_list(out, list, compressed),
        Value::Set(Set::Intset(intset)) => put_string(out, intset.as_bytes(), compressed),
        Value::Set(Set::Dict(dict)) => {
            put_length(out, dict.len() as u64);
            dict.iter().for_each(|(member, ())| put_string(out, member, compressed));
        }
        Value::Zset(zset) => put_zset(out, zset, compressed),
        Value::Hash(Hash::Listpack(listpack)) => put_string(out, listpack.as_bytes(), compressed),
        Value::Hash(Hash::Dict(dict)) => {
            put_length(out, dict.len() as u64);
            for (field, value) in dict.iter() {
                put_string(out, field, compressed);
                put_string(out, value, compressed);
            }
        }
        Value::Stream(stream) => put_stream(out, stream, compressed),
    }
}

fn put_list(out: &mut Vec<u8>, list: &List, compressed: bool) {
    put_length(out, list.node_count() as u64);
    list.nodes().for_each(|node| put_node(out, node, &mut |out, text| put_string(out, text, compressed)));
}

/// Writes a node of a list, its bytes by `put`.
pub(super) fn put_node(out: &mut Vec<u8>, node: NodeRef<'_>, put: &mut impl FnMut(&mut Vec<u8>, &[u8])) {
    put_length(out, if let NodeRef::Plain(_) = node { kind::PLAIN_NODE } else { kind::PACKED_NODE });
    match node {
        NodeRef::Plain(bytes) => put(out, bytes),
        NodeRef::Packed(pack) => put(out, pack.as_bytes()),
        // As it is, whether or not the rest is to be compressed: so does Redis.
        NodeRef::Compressed(pack) => put_lzf(out, pack.as_bytes(), pack.size()),
    }
}

/// A large one goes from the highest score to the lowest, as Redis writes it: that is how it is read fastest.
fn put_zset(out: &mut Vec<u8>, zset: &Zset, compressed: bool) {
    if let Some(listpack) = zset.listpack() {
        return put_string(out, listpack.as_bytes(), compressed);
    }
    put_length(out, zset.len() as u64);
    let mut buffer = itoa::Buffer::new();
    for (member, score) in zset.range(0..zset.len(), true) {
        put_string(out, member.text(&mut buffer), compressed);
        out.extend(score.to_le_bytes());
    }
}

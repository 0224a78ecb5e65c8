//! Values, records and the frame around them, written as Redis 7.0 writes them.

use super::encode::{put_length, put_string};
use super::{VERSION, kind, opcode};
use crate::data::store::{Object, Value};

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
    value(out, record.value, style.compressed);
}

/// Writes the end; the checksum of all bytes so far, this one included, is to follow, little-endian.
pub fn end(out: &mut Vec<u8>) {
    out.push(opcode::END);
}

/// The byte that tells in which form a value is written.
pub(super) fn kind_of(value: Value<'_>) -> u8 {
    match value {
        Value::Bytes(_) | Value::Object(Object::String(_)) => kind::STRING,
        Value::Object(_) => unreachable!("collections cannot be made yet"),
    }
}

/// Writes a value without the byte that tells its form.
pub(super) fn value(out: &mut Vec<u8>, value: Value<'_>, compressed: bool) {
    match value {
        Value::Bytes(bytes) => put_string(out, bytes, compressed),
        Value::Object(Object::String(bytes)) => put_string(out, bytes, compressed),
        Value::Object(_) => unreachable!("collections cannot be made yet"),
    }
}

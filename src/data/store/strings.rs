//! Changing strings in part, and what encoding a string appears to have.

use super::entry::{self, Header, Kind, OUTSIDE, RAW};
use super::write::{Content, fits};
use super::{Deadline, Handle, Object, Store, Value};
use crate::data::key::Key;
use std::sync::Arc;

/// The longest string Redis embeds in its object. Source: `OBJ_ENCODING_EMBSTR_SIZE_LIMIT`.
const EMBEDDED: usize = 44;
/// Strings grow by doubling up to this, then by this much. Source: `SDS_MAX_PREALLOC`.
const LARGEST_RESERVE: usize = 1 << 20;

impl Store {
    /// Adds `tail` to the string at `key`, or makes it one; returns the new length. The caller has checked that it
    /// is a string, and the length.
    pub fn append(&mut self, db: usize, key: &Key<'_>, tail: &[u8], now: u64) -> usize {
        let Some(length) = self.string_len(db, key, now) else {
            self.set_string(db, key, tail, Deadline::Clear, now);
            return tail.len();
        };
        self.edit_string(db, key, length + tail.len(), now, |bytes| bytes[length..].copy_from_slice(tail));
        length + tail.len()
    }

    /// Overwrites a part of the string at `key`, with zeroes before it where there was nothing; returns the new
    /// length. The caller has checked that it is a string, and the length.
    pub fn set_range(&mut self, db: usize, key: &Key<'_>, offset: usize, part: &[u8], now: u64) -> usize {
        let end = offset + part.len();
        self.edit_string(db, key, end, now, |bytes| {
            bytes[offset..end].copy_from_slice(part);
            bytes.len()
        })
    }

    /// Lets `edit` change the bytes of the string at `key`, made `least` long with zeroes first if it is shorter or
    /// absent. Its encoding is "raw" from then on. Keeps the deadline. The caller has checked that it is a string.
    pub fn edit_string<R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        least: usize,
        now: u64,
        edit: impl FnOnce(&mut [u8]) -> R,
    ) -> R {
        self.edit_string_if(db, key, least, now, |bytes| (edit(bytes), true))
    }

    /// The same; `edit` also tells whether it changed anything, which a caller that lets the string grow answers with
    /// yes.
    pub fn edit_string_if<R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        least: usize,
        now: u64,
        edit: impl FnOnce(&mut [u8]) -> (R, bool),
    ) -> R {
        self.before_edit(db, key);
        let (result, changed) = self.change_string(db, key, least, now, edit);
        if changed {
            self.edited(db, key);
        }
        result
    }

    fn change_string<R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        least: usize,
        now: u64,
        edit: impl FnOnce(&mut [u8]) -> R,
    ) -> R {
        let handle = match self.locate_live(db, key, now) {
            Some((place, handle)) => {
                let old = Header::read(self.arena.memory(), handle);
                if old.is_inline_string() && fits(key.bytes, least) {
                    let clock = self.clock.used(old.clock(), now, &mut self.random);
                    let new = old.with(RAW, true).with_clock(clock).with_value_len(least.max(old.value_len()));
                    let handle = self.reshape(db, place, handle, old, new);
                    let value = entry::value_part_mut(self.arena.memory_mut(), handle, new);
                    value[old.value_len()..].fill(0);
                    return edit(value);
                }
                if old.has(OUTSIDE) && old.kind() == Kind::String {
                    let clock = self.clock.used(old.clock(), now, &mut self.random);
                    old.with(RAW, true).with_clock(clock).write(self.arena.memory_mut(), handle);
                    Handle(handle)
                } else {
                    let mut bytes = Vec::with_capacity(least);
                    if old.is_inline_string() {
                        bytes.extend_from_slice(entry::value_part(self.arena.memory(), handle, old));
                    }
                    let content = Content::Object(Object::string(bytes));
                    self.store(db, key, Some((place, handle)), content, RAW, Deadline::Keep, now)
                }
            }
            None => {
                let found = self.locate(db, key);
                let zeroes = vec![0; least];
                let content = if fits(key.bytes, least) {
                    Content::Bytes(&zeroes)
                } else {
                    Content::Object(Object::string(zeroes))
                };
                self.store(db, key, found, content, RAW, Deadline::Clear, now)
            }
        };
        self.edit_stored(handle, least, edit)
    }

    fn edit_stored<R>(&mut self, handle: Handle, least: usize, edit: impl FnOnce(&mut [u8]) -> R) -> R {
        let header = self.header(handle);
        if !header.has(OUTSIDE) {
            return edit(entry::value_part_mut(self.arena.memory_mut(), handle.0, header));
        }
        let number = entry::object_number(self.arena.memory(), handle.0, header);
        let bytes = Arc::make_mut(self.objects.string_mut(number));
        let before = bytes.capacity();
        if bytes.len() < least {
            if least > before {
                bytes.reserve_exact(least - bytes.len() + least.min(LARGEST_RESERVE));
            }
            bytes.resize(least, 0);
        }
        self.heap = self.heap - before + bytes.capacity();
        edit(bytes)
    }

    fn string_len(&mut self, db: usize, key: &Key<'_>, now: u64) -> Option<usize> {
        let handle = self.peek(db, key, now)?;
        self.string(handle).map(<[u8]>::len)
    }

    /// The word OBJECT ENCODING answers with.
    pub fn encoding(&self, handle: Handle) -> &'static str {
        let value = match self.value(handle) {
            Value::Bytes(bytes) => bytes,
            collection => return collection.encoding(),
        };
        if self.header(handle).has(RAW) || value.len() > EMBEDDED {
            "raw"
        } else if is_integer(value) {
            "int"
        } else {
            "embstr"
        }
    }
}

/// Whether `text` is how a 64-bit integer is written, and no other way of writing it.
fn is_integer(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let canonical = match digits {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', rest @ ..] => rest.len() < 19 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    canonical && std::str::from_utf8(text).is_ok_and(|text| text.parse::<i64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::super::model_tests::store;
    use super::*;

    #[test]
    fn encodings_are_those_redis_would_choose() {
        let (mut store, hasher) = store(1);
        let key = hasher.key(b"k");
        for (value, encoding) in [
            ("0", "int"),
            ("-1", "int"),
            ("9223372036854775807", "int"),
            ("-9223372036854775808", "int"),
            ("9223372036854775808", "embstr"),
            ("-0", "embstr"),
            ("01", "embstr"),
            ("+1", "embstr"),
            ("", "embstr"),
            ("-", "embstr"),
            (&"x".repeat(44), "embstr"),
            (&"x".repeat(45), "raw"),
            (&"x".repeat(5000), "raw"),
        ] {
            let handle = store.set_string(0, &key, value.as_bytes(), Deadline::Clear, 1);
            assert_eq!(store.encoding(handle), encoding, "{value}");
        }
    }

    #[test]
    fn a_string_changed_in_part_is_raw_until_it_is_set_again() {
        let (mut store, hasher) = store(1);
        let key = hasher.key(b"k");
        assert_eq!(store.append(0, &key, b"12", 1), 2);
        let handle = store.peek(0, &key, 1).unwrap();
        assert_eq!(store.encoding(handle), "int");
        assert_eq!(store.append(0, &key, b"3", 1), 3);
        let handle = store.peek(0, &key, 1).unwrap();
        assert_eq!((store.encoding(handle), store.string(handle)), ("raw", Some(&b"123"[..])));
        let handle = store.set_string(0, &key, b"123", Deadline::Keep, 1);
        assert_eq!(store.encoding(handle), "int");
    }

    #[test]
    fn a_string_grows_out_of_its_cell_and_keeps_its_bytes_and_deadline() {
        let (mut store, hasher) = store(1);
        let key = hasher.key(b"k");
        store.set_string(0, &key, b"start", Deadline::At(99), 1);
        assert_eq!(store.set_range(0, &key, 5000, b"end", 1), 5003);
        assert_eq!(store.append(0, &key, b"!", 1), 5004);
        let handle = store.peek(0, &key, 1).unwrap();
        let value = store.string(handle).unwrap();
        assert!(value.starts_with(b"start\0\0") && value.ends_with(b"\0end!"));
        assert_eq!(store.deadline(handle), Some(99));
    }
}

//! `cjson`: JSON, with the results and error texts of lua-cjson 2.1, which Redis has. (Strings are bytes, tables are
//! arrays or objects by their keys, numbers have 14 digits; a library for Rust's values knows none of this.)

use super::super::api;
use crate::base::limits;
use crate::resp::double;
use mlua::{Lua, MultiValue, Result, Table, Value};
use std::cell::Cell;
use std::rc::Rc;

/// What scripts can adjust.
#[derive(Clone, Copy)]
struct Options {
    encode_depth: usize,
    decode_depth: usize,
    precision: usize,
    /// Arrays with gaps: whether they become objects, from how many gaps for each element, from what length.
    sparse: (bool, f64, f64),
    invalid_numbers: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            encode_depth: 1000,
            decode_depth: 1000,
            precision: 14,
            sparse: (false, 2.0, 10.0),
            invalid_numbers: false,
        }
    }
}

/// The functions.
pub fn functions(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    let options = Rc::new(Cell::new(Options::default()));
    let own = options.clone();
    api::add(lua, &table, "encode", move |lua, args: MultiValue| {
        let Some(value) = args.front().filter(|_| args.len() == 1) else {
            return api::failure("bad argument #1 to 'encode' (expected 1 argument)");
        };
        let mut out = Vec::new();
        Encoder { out: &mut out, options: own.get() }.value(value, 0)?;
        lua.create_string(out).map(Value::String)
    })?;
    let own = options.clone();
    api::add(lua, &table, "decode", move |lua, args: MultiValue| {
        let text = match args.front().filter(|_| args.len() == 1).map(|text| lua.coerce_string(text.clone())) {
            Some(Ok(Some(text))) => text,
            _ => return api::failure("bad argument #1 to 'decode' (expected 1 argument)"),
        };
        let text = text.as_bytes();
        Decoder { lua, text: &text, at: 0, options: own.get() }.document()
    })?;
    setting(lua, &table, "encode_max_depth", &options, |options| &mut options.encode_depth, 1, i32::MAX as usize)?;
    setting(lua, &table, "decode_max_depth", &options, |options| &mut options.decode_depth, 1, i32::MAX as usize)?;
    setting(lua, &table, "encode_number_precision", &options, |options| &mut options.precision, 1, 14)?;
    let own = options.clone();
    api::add(lua, &table, "encode_sparse_array", move |lua, args: MultiValue| {
        let mut options = own.get();
        if let Some(Value::Boolean(convert)) = args.front() {
            options.sparse.0 = *convert;
        }
        let number = |place: usize| args.get(place).and_then(|value| lua.coerce_number(value.clone()).ok().flatten());
        options.sparse.1 = number(1).unwrap_or(options.sparse.1).max(0.0);
        options.sparse.2 = number(2).unwrap_or(options.sparse.2).max(0.0);
        own.set(options);
        Ok(Value::Boolean(options.sparse.0))
    })?;
    let own = options.clone();
    api::add(lua, &table, "encode_invalid_numbers", move |_, args: MultiValue| {
        let mut options = own.get();
        if let Some(Value::Boolean(on)) = args.front() {
            options.invalid_numbers = *on;
        }
        own.set(options);
        Ok(Value::Boolean(options.invalid_numbers))
    })?;
    api::add(lua, &table, "decode_invalid_numbers", |_, _: MultiValue| Ok(Value::Boolean(true)))?;
    api::add(lua, &table, "encode_keep_buffer", |_, _: MultiValue| Ok(Value::Boolean(true)))?;
    Ok(table)
}

/// The constants.
pub fn values(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    table.set("null", Value::NULL)?;
    table.set("_NAME", "cjson")?;
    table.set("_VERSION", "2.1.0")?;
    Ok(table)
}

/// A function that sets one of the options, if it has an argument, and tells it.
fn setting(
    lua: &Lua,
    table: &Table,
    name: &'static str,
    options: &Rc<Cell<Options>>,
    field: fn(&mut Options) -> &mut usize,
    least: usize,
    most: usize,
) -> Result<()> {
    let own = options.clone();
    api::add(lua, table, name, move |lua, args: MultiValue| {
        let mut options = own.get();
        if let Some(value) = args.front().filter(|value| !value.is_nil()) {
            let number = lua.coerce_number(value.clone()).ok().flatten().unwrap_or(-1.0);
            if !(least as f64..=most as f64).contains(&number) {
                return api::failure(format!(
                    "bad argument #1 to '{name}' (expected integer between {least} and {most})"
                ));
            }
            *field(&mut options) = number as usize;
            own.set(options);
        }
        Ok(Value::Number(*field(&mut options) as f64))
    })
}

/// The gaps of an array that are written, whatever a script says of those.
const MOST_GAPS: f64 = 1e6;

struct Encoder<'o> {
    out: &'o mut Vec<u8>,
    options: Options,
}

impl Encoder<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<()> {
        super::check_output(self.out)?;
        match value {
            Value::String(text) => self.string(&text.as_bytes()),
            Value::Integer(number) => self.number(*number as f64)?,
            Value::Number(number) => self.number(*number)?,
            Value::Boolean(true) => self.out.extend_from_slice(b"true"),
            Value::Boolean(false) => self.out.extend_from_slice(b"false"),
            Value::Nil => self.out.extend_from_slice(b"null"),
            Value::LightUserData(pointer) if pointer.0.is_null() => self.out.extend_from_slice(b"null"),
            Value::Table(table) => self.table(table, depth + 1)?,
            other => return api::failure(format!("Cannot serialise {}: type not supported", other.type_name())),
        }
        Ok(())
    }

    fn table(&mut self, table: &Table, depth: usize) -> Result<()> {
        if depth > self.options.encode_depth.min(limits::SCRIPT_NESTING) {
            return api::failure(format!("Cannot serialise, excessive depth ({depth})"));
        }
        match self.array_length(table)? {
            Some(length) if length > 0 => {
                self.out.push(b'[');
                for index in 1..=length {
                    if index > 1 {
                        self.out.push(b',');
                    }
                    self.value(&table.raw_get::<Value>(index)?, depth)?;
                }
                self.out.push(b']');
            }
            _ => self.object(table, depth)?,
        }
        Ok(())
    }

    fn object(&mut self, table: &Table, depth: usize) -> Result<()> {
        self.out.push(b'{');
        for (index, pair) in table.pairs::<Value, Value>().enumerate() {
            let (key, value) = pair?;
            if index > 0 {
                self.out.push(b',');
            }
            match key {
                Value::String(text) => self.string(&text.as_bytes()),
                Value::Integer(_) | Value::Number(_) => {
                    self.out.push(b'"');
                    self.number(api::number(&key).unwrap_or_default())?;
                    self.out.push(b'"');
                }
                other => {
                    return api::failure(format!(
                        "Cannot serialise {}: table key must be a number or string",
                        other.type_name()
                    ));
                }
            }
            self.out.push(b':');
            self.value(&value, depth)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    /// The length of the array that a table is; none: it is an object.
    fn array_length(&self, table: &Table) -> Result<Option<usize>> {
        let (mut longest, mut count) = (0.0_f64, 0.0_f64);
        for pair in table.pairs::<Value, Value>() {
            let (key, _) = pair?;
            match api::number(&key) {
                Some(number) if number.trunc() == number && number >= 1.0 => {
                    longest = longest.max(number);
                    count += 1.0;
                }
                _ => return Ok(None),
            }
        }
        let (convert, ratio, safe) = self.options.sparse;
        if ratio > 0.0 && longest > count * ratio && longest > safe || longest - count > MOST_GAPS {
            if !convert {
                return api::failure("Cannot serialise table: excessively sparse array");
            }
            return Ok(None);
        }
        Ok(Some(longest as usize))
    }

    fn number(&mut self, number: f64) -> Result<()> {
        if !number.is_finite() && !self.options.invalid_numbers {
            return api::failure("Cannot serialise number: must not be NaN or Inf");
        }
        self.out.extend_from_slice(double::general(number, self.options.precision).as_bytes());
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        self.out.push(b'"');
        for byte in text {
            match byte {
                b'"' => self.out.extend_from_slice(b"\\\""),
                b'\\' => self.out.extend_from_slice(b"\\\\"),
                b'/' => self.out.extend_from_slice(b"\\/"),
                8 => self.out.extend_from_slice(b"\\b"),
                b'\t' => self.out.extend_from_slice(b"\\t"),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                12 => self.out.extend_from_slice(b"\\f"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                0..=31 | 127 => self.out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                _ => self.out.push(*byte),
            }
        }
        self.out.push(b'"');
    }
}

struct Decoder<'t> {
    lua: &'t Lua,
    text: &'t [u8],
    at: usize,
    options: Options,
}

impl Decoder<'_> {
    fn document(mut self) -> Result<Value> {
        if self.text.len() >= 2 && (self.text[0] == 0 || self.text[1] == 0) {
            return api::failure("JSON parser does not support UTF-16 or UTF-32");
        }
        let value = self.value(0)?;
        self.skip();
        if self.at < self.text.len() { self.unexpected("the end") } else { Ok(value) }
    }

    fn skip(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// The next byte that is not a space.
    fn peek(&mut self) -> Option<u8> {
        self.skip();
        self.text.get(self.at).copied()
    }

    fn value(&mut self, depth: usize) -> Result<Value> {
        match self.peek() {
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => self.string().and_then(|text| self.lua.create_string(text).map(Value::String)),
            Some(b't') if self.word(b"true") => Ok(Value::Boolean(true)),
            Some(b'f') if self.word(b"false") => Ok(Value::Boolean(false)),
            Some(b'n') if self.word(b"null") => Ok(Value::NULL),
            Some(_) => self.number(),
            None => self.unexpected("value"),
        }
    }

    fn word(&mut self, word: &[u8]) -> bool {
        let is_next = self.text[self.at..].starts_with(word);
        self.at += if is_next { word.len() } else { 0 };
        is_next
    }

    fn descend(&self, depth: usize) -> Result<()> {
        if depth > self.options.decode_depth.min(limits::SCRIPT_NESTING) {
            return api::failure(format!("Found too many nested data structures ({depth})"));
        }
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<Value> {
        self.descend(depth)?;
        self.at += 1;
        let table = self.lua.create_table()?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Table(table));
        }
        loop {
            if self.peek() != Some(b'"') {
                return self.unexpected("object key string");
            }
            let key = self.string()?;
            if self.peek() != Some(b':') {
                return self.unexpected("colon");
            }
            self.at += 1;
            let value = self.value(depth)?;
            table.raw_set(self.lua.create_string(key)?, value)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break self.at += 1,
                _ => return self.unexpected("comma or object end"),
            }
        }
        Ok(Value::Table(table))
    }

    fn array(&mut self, depth: usize) -> Result<Value> {
        self.descend(depth)?;
        self.at += 1;
        let table = self.lua.create_table()?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Table(table));
        }
        for index in 1.. {
            let value = self.value(depth)?;
            table.raw_set(index, value)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    break;
                }
                _ => return self.unexpected("comma or array end"),
            }
        }
        Ok(Value::Table(table))
    }

    fn string(&mut self) -> Result<Vec<u8>> {
        let start = self.at;
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            match self.text.get(self.at) {
                None => return self.failure(start, "value", "unexpected end of string"),
                Some(b'"') => break,
                Some(b'\\') => self.escape(&mut bytes)?,
                Some(byte) => {
                    bytes.push(*byte);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        Ok(bytes)
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<()> {
        let start = self.at;
        let byte = match self.text.get(self.at + 1) {
            Some(b'u') => return self.unicode(bytes),
            Some(b'b') => 8,
            Some(b't') => b'\t',
            Some(b'n') => b'\n',
            Some(b'f') => 12,
            Some(b'r') => b'\r',
            Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
            _ => return self.failure(start, "value", "invalid escape code"),
        };
        bytes.push(byte);
        self.at += 2;
        Ok(())
    }

    fn unicode(&mut self, bytes: &mut Vec<u8>) -> Result<()> {
        let start = self.at;
        let unit = |at: usize| {
            let digits = self.text.get(at..at + 6).filter(|text| text.starts_with(b"\\u"))?;
            let digits = std::str::from_utf8(&digits[2..]).ok().filter(|text| !text.starts_with('+'))?;
            u16::from_str_radix(digits, 16).ok()
        };
        let first = unit(start);
        let (units, length) = match first {
            Some(high @ 0xd800..0xdc00) => (vec![Some(high), unit(start + 6)], 12),
            unit => (vec![unit], 6),
        };
        let units: Option<Vec<u16>> = units.into_iter().collect();
        match units.and_then(|units| char::decode_utf16(units).next()) {
            Some(Ok(character)) => {
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                self.at += length;
                Ok(())
            }
            _ => self.failure(start, "value", "invalid unicode escape code"),
        }
    }

    fn number(&mut self) -> Result<Value> {
        let start = self.at;
        let length = self.text[start..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
            .count();
        let text = std::str::from_utf8(&self.text[start..start + length]).unwrap_or_default();
        let starts_well = text.starts_with(|first: char| first.is_ascii_digit() || "-nNiI".contains(first));
        let number = match text.trim_start_matches('-').strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok().map(|number| number as f64),
            None => text.parse::<f64>().ok(),
        };
        match number.filter(|_| starts_well) {
            Some(number) => {
                self.at += length;
                Ok(Value::Number(number))
            }
            None => {
                self.failure(start, "value", if starts_well && length > 1 { "invalid number" } else { "invalid token" })
            }
        }
    }

    /// What is here is not what is expected.
    fn unexpected<T>(&mut self, expected: &str) -> Result<T> {
        let found = match self.peek() {
            Some(b'{') => "T_OBJ_BEGIN",
            Some(b'}') => "T_OBJ_END",
            Some(b'[') => "T_ARR_BEGIN",
            Some(b']') => "T_ARR_END",
            Some(b'"') => "T_STRING",
            Some(b':') => "T_COLON",
            Some(b',') => "T_COMMA",
            Some(b'0'..=b'9' | b'-') => "T_NUMBER",
            Some(b't' | b'f') => "T_BOOLEAN",
            Some(b'n') => "T_NULL",
            Some(_) => "invalid token",
            None => "T_END",
        };
        self.failure(self.at, expected, found)
    }

    fn failure<T>(&self, at: usize, expected: &str, found: &str) -> Result<T> {
        api::failure(format!("Expected {expected} but found {found} at character {}", at + 1))
    }
}

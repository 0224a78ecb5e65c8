//! `cmsgpack`: MessagePack, with the results of lua-cmsgpack 0.4, which Redis has.

use super::super::api;
use mlua::{Lua, MultiValue, Result, Table, Value};

/// How deep tables may be nested; what is deeper is packed as nil.
const DEEPEST: usize = 16;

/// The functions.
pub fn functions(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    api::add(lua, &table, "pack", |lua, args: MultiValue| {
        if args.is_empty() {
            return api::failure("bad argument #0 to 'pack' (MessagePack pack needs input.)");
        }
        let mut out = Vec::new();
        args.iter().try_for_each(|value| pack(value, &mut out, 0))?;
        lua.create_string(out).map(Value::String)
    })?;
    table.set("unpack", lua.create_function(|lua, args: MultiValue| unpack(lua, &args, None, false))?)?;
    table.set(
        "unpack_one",
        lua.create_function(|lua, args: MultiValue| {
            let offset = number(lua, &args, 1).unwrap_or(0.0);
            unpack(lua, &args, Some((1.0, offset)), true)
        })?,
    )?;
    table.set(
        "unpack_limit",
        lua.create_function(|lua, args: MultiValue| {
            let Some(limit) = number(lua, &args, 1) else {
                return api::failure("bad argument #2 to 'unpack_limit' (number expected)");
            };
            unpack(lua, &args, Some((limit, number(lua, &args, 2).unwrap_or(0.0))), true)
        })?,
    )?;
    Ok(table)
}

/// The constants.
pub fn values(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    table.set("_NAME", "cmsgpack")?;
    table.set("_VERSION", "lua-cmsgpack 0.4.0")?;
    table.set("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo")?;
    table.set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    Ok(table)
}

fn number(lua: &Lua, args: &MultiValue, place: usize) -> Option<f64> {
    args.get(place).and_then(|value| lua.coerce_number(value.clone()).ok().flatten())
}

fn pack(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<()> {
    super::check_output(out)?;
    match value {
        Value::String(text) => pack_text(&text.as_bytes(), out),
        Value::Boolean(value) => out.push(if *value { 0xc3 } else { 0xc2 }),
        Value::Integer(number) => pack_number(*number as f64, out),
        Value::Number(number) => pack_number(*number, out),
        Value::Table(_) if depth == DEEPEST => out.push(0xc0),
        Value::Table(table) => pack_table(table, out, depth + 1)?,
        _ => out.push(0xc0),
    }
    Ok(())
}

fn pack_text(text: &[u8], out: &mut Vec<u8>) {
    match text.len() {
        length @ 0..32 => out.push(0xa0 | length as u8),
        length @ 32..256 => out.extend([0xd9, length as u8]),
        length @ 256..65536 => {
            out.push(0xda);
            out.extend((length as u16).to_be_bytes());
        }
        length => {
            out.push(0xdb);
            out.extend((length as u32).to_be_bytes());
        }
    }
    out.extend_from_slice(text);
}

fn pack_number(number: f64, out: &mut Vec<u8>) {
    if number.trunc() != number || number.abs() >= 9.2e18 {
        if f64::from(number as f32) == number {
            out.push(0xca);
            out.extend((number as f32).to_be_bytes());
        } else {
            out.push(0xcb);
            out.extend(number.to_be_bytes());
        }
        return;
    }
    match number as i64 {
        number @ 0..=127 => out.push(number as u8),
        number @ 128..=255 => out.extend([0xcc, number as u8]),
        number @ 256..=65535 => {
            out.push(0xcd);
            out.extend((number as u16).to_be_bytes());
        }
        number @ 65536..=0xffff_ffff => {
            out.push(0xce);
            out.extend((number as u32).to_be_bytes());
        }
        number @ -32..=-1 => out.push(number as i8 as u8),
        number @ -128..=-33 => out.extend([0xd0, number as i8 as u8]),
        number @ -32768..=-129 => {
            out.push(0xd1);
            out.extend((number as i16).to_be_bytes());
        }
        number @ -2147483648..=-32769 => {
            out.push(0xd2);
            out.extend((number as i32).to_be_bytes());
        }
        number => {
            out.push(if number >= 0 { 0xcf } else { 0xd3 });
            out.extend(number.to_be_bytes());
        }
    }
}

fn pack_table(table: &Table, out: &mut Vec<u8>, depth: usize) -> Result<()> {
    if let Some(length) = array_length(table)? {
        pack_length(length, [0x90, 0xdc, 0xdd], out);
        for index in 1..=length {
            pack(&table.raw_get::<Value>(index)?, out, depth)?;
        }
        return Ok(());
    }
    // Twice through, since only some thousand values can be held on to at a time.
    let count = table.pairs::<Value, Value>().count();
    pack_length(count, [0x80, 0xde, 0xdf], out);
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        pack(&key, out, depth)?;
        pack(&value, out, depth)?;
    }
    Ok(())
}

fn pack_length(length: usize, marks: [u8; 3], out: &mut Vec<u8>) {
    match length {
        0..16 => out.push(marks[0] | length as u8),
        16..65536 => {
            out.push(marks[1]);
            out.extend((length as u16).to_be_bytes());
        }
        _ => {
            out.push(marks[2]);
            out.extend((length as u32).to_be_bytes());
        }
    }
}

/// The length of the array that a table is: its keys are 1 to n. An empty one is an array.
fn array_length(table: &Table) -> Result<Option<usize>> {
    let (mut longest, mut count) = (0.0_f64, 0_usize);
    for pair in table.pairs::<Value, Value>() {
        let (key, _) = pair?;
        match api::number(&key) {
            Some(number) if number >= 1.0 && number.trunc() == number => longest = longest.max(number),
            _ => return Ok(None),
        }
        count += 1;
    }
    Ok((longest as usize == count).then_some(count))
}

/// Unpacks the values in the first argument. `window`: at most so many from this offset on. `tells`: the first result
/// is the offset behind them, or -1 at the end.
fn unpack(lua: &Lua, args: &MultiValue, window: Option<(f64, f64)>, tells: bool) -> Result<MultiValue> {
    let text = match args.front().map(|value| lua.coerce_string(value.clone())) {
        Some(Ok(Some(text))) => text.as_bytes().to_vec(),
        _ => return api::failure("bad argument #1 to 'unpack' (string expected)"),
    };
    let (limit, offset) = window.unwrap_or((0.0, 0.0));
    if limit < 0.0 || offset < 0.0 {
        return api::failure(format!("Invalid request to unpack with offset of {offset} and limit of {}.", text.len()));
    }
    if offset > text.len() as f64 {
        return api::failure(format!("Start offset {offset} greater than input length {}.", text.len()));
    }
    let limit = if limit == 0.0 { usize::MAX } else { limit as usize };
    let mut reader = Reader { lua, text: &text, at: offset as usize };
    let mut values = Vec::new();
    while reader.at < text.len() && values.len() < limit {
        values.push(reader.value(0)?);
    }
    if tells {
        let next = if reader.at >= text.len() { -1.0 } else { reader.at as f64 };
        values.insert(0, Value::Number(next));
    }
    Ok(values.into_iter().collect())
}

struct Reader<'t> {
    lua: &'t Lua,
    text: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn bytes(&mut self, length: usize) -> Result<&[u8]> {
        match self.text[self.at..].get(..length) {
            Some(bytes) => {
                self.at += length;
                Ok(bytes)
            }
            None => api::failure("Missing bytes in input."),
        }
    }

    fn unsigned(&mut self, size: usize) -> Result<u64> {
        Ok(self.bytes(size)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn signed(&mut self, size: usize) -> Result<f64> {
        let missing = 64 - 8 * size as u32;
        Ok(((self.unsigned(size)? << missing) as i64 >> missing) as f64)
    }

    fn text(&mut self, length: u64) -> Result<Value> {
        let lua = self.lua;
        lua.create_string(self.bytes(length as usize)?).map(Value::String)
    }

    fn value(&mut self, depth: usize) -> Result<Value> {
        // Lua's own stack ends about here.
        if depth > 200 {
            return api::failure("Bad data format in input.");
        }
        let mark = self.unsigned(1)? as u8;
        Ok(match mark {
            0x00..=0x7f => Value::Number(f64::from(mark)),
            0xe0..=0xff => Value::Number(f64::from(mark as i8)),
            0x80..=0x8f => self.map(u64::from(mark & 15), depth)?,
            0x90..=0x9f => self.array(u64::from(mark & 15), depth)?,
            0xa0..=0xbf => self.text(u64::from(mark & 31))?,
            0xc0 => Value::Nil,
            0xc2 => Value::Boolean(false),
            0xc3 => Value::Boolean(true),
            0xca => Value::Number(f64::from(f32::from_bits(self.unsigned(4)? as u32))),
            0xcb => Value::Number(f64::from_bits(self.unsigned(8)?)),
            0xcc..=0xcf => Value::Number(self.unsigned(1 << (mark - 0xcc))? as f64),
            0xd0..=0xd3 => Value::Number(self.signed(1 << (mark - 0xd0))?),
            0xc4..=0xc6 => {
                let length = self.unsigned(1 << (mark - 0xc4))?;
                self.text(length)?
            }
            0xd9..=0xdb => {
                let length = self.unsigned(1 << (mark - 0xd9))?;
                self.text(length)?
            }
            0xdc | 0xdd => {
                let length = self.unsigned(if mark == 0xdc { 2 } else { 4 })?;
                self.array(length, depth)?
            }
            0xde | 0xdf => {
                let length = self.unsigned(if mark == 0xde { 2 } else { 4 })?;
                self.map(length, depth)?
            }
            _ => return api::failure("Bad data format in input."),
        })
    }

    fn array(&mut self, length: u64, depth: usize) -> Result<Value> {
        let table = self.lua.create_table()?;
        for index in 1..=length {
            let value = self.value(depth + 1)?;
            table.raw_set(index, value)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self, length: u64, depth: usize) -> Result<Value> {
        let table = self.lua.create_table()?;
        for _ in 0..length {
            let (key, value) = (self.value(depth + 1)?, self.value(depth + 1)?);
            if key.is_nil() || api::number(&key).is_some_and(f64::is_nan) {
                return api::failure("Bad data format in input.");
            }
            table.raw_set(key, value)?;
        }
        Ok(Value::Table(table))
    }
}

//! `struct`: values in and out of bytes by a format, as Roberto Ierusalimschy's library that comes with Redis.
//!
//! Formats: `>` `<` `=` byte order, `!n` alignment, `x` a padding byte, `b/B` `h/H` `l/L` `T` `i/In` integers, `f` `d`
//! floats, `s` a string that ends in a zero, `cn` n bytes (`c0`: as many as the number before says), spaces.

use super::super::api;
use mlua::{Lua, MultiValue, Result, Table, Value};

/// The largest integer of a format, and the largest alignment.
const LARGEST: usize = 32;

/// The functions.
pub fn functions(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    api::add(lua, &table, "pack", pack)?;
    lua.create_function(unpack).and_then(|unpack| table.set("unpack", unpack))?;
    api::add(lua, &table, "size", size)?;
    Ok(table)
}

/// One item of a format.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Item {
    Pad,
    Integer {
        size: usize,
        signed: bool,
    },
    Float,
    Double,
    /// Zero-terminated.
    Text,
    /// So many bytes; 0: as many as the number before says, or as there are.
    Bytes(usize),
}

impl Item {
    fn size(self) -> usize {
        match self {
            Item::Pad => 1,
            Item::Integer { size, .. } => size,
            Item::Float => 4,
            Item::Double => 8,
            Item::Text => 0,
            Item::Bytes(size) => size,
        }
    }
}

/// Reads a format, item by item.
struct Format<'f> {
    rest: &'f [u8],
    little: bool,
    align: usize,
}

impl<'f> Format<'f> {
    fn new(rest: &'f [u8]) -> Format<'f> {
        Format { rest, little: cfg!(target_endian = "little"), align: 1 }
    }

    fn number(&mut self) -> Result<Option<usize>> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (text, rest) = self.rest.split_at(digits);
        self.rest = rest;
        if digits == 0 {
            return Ok(None);
        }
        match std::str::from_utf8(text).ok().and_then(|text| text.parse::<i32>().ok()) {
            Some(number) => Ok(Some(number as usize)),
            None => api::failure("integral size overflow"),
        }
    }

    fn integer(&mut self, default: usize, signed: bool) -> Result<Option<Item>> {
        let size = self.number()?.unwrap_or(default);
        if size > LARGEST {
            return api::failure(format!("integral size {size} is larger than limit of {LARGEST}"));
        }
        Ok(Some(Item::Integer { size, signed }))
    }

    fn next(&mut self) -> Result<Option<Item>> {
        let integer = |size, signed| Ok(Some(Item::Integer { size, signed }));
        while let Some((option, rest)) = self.rest.split_first() {
            self.rest = rest;
            return match option {
                b' ' => continue,
                b'>' => {
                    self.little = false;
                    continue;
                }
                b'<' => {
                    self.little = true;
                    continue;
                }
                b'=' => {
                    self.little = cfg!(target_endian = "little");
                    continue;
                }
                b'!' => {
                    let align = self.number()?.unwrap_or(8);
                    if align == 0 || !align.is_power_of_two() {
                        return api::failure("alignment is not a power of 2");
                    }
                    self.align = align.min(LARGEST);
                    continue;
                }
                b'x' => Ok(Some(Item::Pad)),
                b'b' => integer(1, true),
                b'B' => integer(1, false),
                b'h' => integer(2, true),
                b'H' => integer(2, false),
                b'l' => integer(8, true),
                b'L' | b'T' => integer(8, false),
                b'i' => self.integer(4, true),
                b'I' => self.integer(4, false),
                b'f' => Ok(Some(Item::Float)),
                b'd' => Ok(Some(Item::Double)),
                b's' => Ok(Some(Item::Text)),
                b'c' => Ok(Some(Item::Bytes(self.number()?.unwrap_or(1)))),
                other => api::failure(format!("invalid format option '{}'", other.escape_ascii())),
            };
        }
        Ok(None)
    }

    /// Bytes to leave out before `item` at `place`.
    fn padding(&self, item: Item, place: usize) -> usize {
        let align = match item {
            Item::Pad | Item::Text | Item::Bytes(_) => return 0,
            item => item.size().min(self.align),
        };
        if align > 1 { (align - (place & (align - 1))) & (align - 1) } else { 0 }
    }
}

fn text_argument(lua: &Lua, args: &MultiValue, place: usize, name: &str) -> Result<Vec<u8>> {
    match args.get(place).map(|value| lua.coerce_string(value.clone())) {
        Some(Ok(Some(text))) => Ok(text.as_bytes().to_vec()),
        _ => api::failure(format!("bad argument #{} to '{name}' (string expected)", place + 1)),
    }
}

fn number_argument(lua: &Lua, args: &MultiValue, place: usize, name: &str) -> Result<f64> {
    match args.get(place).map(|value| lua.coerce_number(value.clone())) {
        Some(Ok(Some(number))) => Ok(number),
        _ => api::failure(format!("bad argument #{} to '{name}' (number expected)", place + 1)),
    }
}

fn pack(lua: &Lua, args: MultiValue) -> Result<Value> {
    let text = text_argument(lua, &args, 0, "pack")?;
    let mut format = Format::new(&text);
    let (mut out, mut place) = (Vec::new(), 0);
    while let Some(item) = format.next()? {
        super::check_output(&out)?;
        out.resize(out.len() + format.padding(item, out.len()), 0);
        if item != Item::Pad {
            place += 1;
        }
        match item {
            Item::Pad => out.push(0),
            Item::Integer { size, .. } => {
                let number = number_argument(lua, &args, place, "pack")?;
                let number = if number < 0.0 { number as i64 as u64 } else { number as u64 };
                let byte = |index: usize| if index < 8 { (number >> (8 * index)) as u8 } else { 0 };
                if format.little {
                    out.extend((0..size).map(byte));
                } else {
                    out.extend((0..size).rev().map(byte));
                }
            }
            Item::Float => {
                let bytes = (number_argument(lua, &args, place, "pack")? as f32).to_le_bytes();
                extend(&mut out, &bytes, format.little);
            }
            Item::Double => {
                let bytes = number_argument(lua, &args, place, "pack")?.to_le_bytes();
                extend(&mut out, &bytes, format.little);
            }
            Item::Text => {
                out.extend(text_argument(lua, &args, place, "pack")?);
                out.push(0);
            }
            Item::Bytes(size) => {
                let bytes = text_argument(lua, &args, place, "pack")?;
                let size = if size == 0 { bytes.len() } else { size };
                let Some(bytes) = bytes.get(..size) else {
                    return api::failure(format!("bad argument #{} to 'pack' (string too short)", place + 1));
                };
                out.extend_from_slice(bytes);
            }
        }
    }
    lua.create_string(out).map(Value::String)
}

fn extend(out: &mut Vec<u8>, little: &[u8], is_little: bool) {
    if is_little { out.extend_from_slice(little) } else { out.extend(little.iter().rev()) }
}

fn unpack(lua: &Lua, args: MultiValue) -> Result<MultiValue> {
    let text = text_argument(lua, &args, 0, "unpack")?;
    let data = text_argument(lua, &args, 1, "unpack")?;
    let start = if args.len() > 2 { number_argument(lua, &args, 2, "unpack")? } else { 1.0 };
    if start < 1.0 || start - 1.0 > data.len() as f64 {
        return api::failure("offset must be 1 or greater");
    }
    let mut at = start as usize - 1;
    let mut format = Format::new(&text);
    let mut values: Vec<Value> = Vec::new();
    while let Some(item) = format.next()? {
        at += format.padding(item, at);
        let rest = data.get(at..).unwrap_or_default();
        let Some(bytes) = rest.get(..item.size()) else { return api::failure("data string too short") };
        at += item.size();
        match item {
            Item::Pad => {}
            Item::Integer { size, signed } => values.push(Value::Number(integer(bytes, size, signed, format.little))),
            Item::Float => {
                let mut raw: [u8; 4] = std::array::from_fn(|index| bytes[index]);
                if !format.little {
                    raw.reverse();
                }
                values.push(Value::Number(f64::from(f32::from_le_bytes(raw))));
            }
            Item::Double => {
                let mut raw: [u8; 8] = std::array::from_fn(|index| bytes[index]);
                if !format.little {
                    raw.reverse();
                }
                values.push(Value::Number(f64::from_le_bytes(raw)));
            }
            Item::Text => {
                let Some(length) = memchr::memchr(0, rest) else { return api::failure("unfinished string in data") };
                values.push(Value::String(lua.create_string(&rest[..length])?));
                at += length + 1;
            }
            Item::Bytes(0) => {
                let Some(length) = values.pop().and_then(|length| api::number(&length)).filter(|length| *length >= 0.0)
                else {
                    return api::failure("format 'c0' needs a previous size");
                };
                let Some(bytes) = rest.get(..length as usize) else { return api::failure("data string too short") };
                at += bytes.len();
                values.push(Value::String(lua.create_string(bytes)?));
            }
            Item::Bytes(_) => values.push(Value::String(lua.create_string(bytes)?)),
        }
    }
    values.push(Value::Number(at as f64 + 1.0));
    Ok(values.into_iter().collect())
}

fn integer(bytes: &[u8], size: usize, signed: bool, little: bool) -> f64 {
    let mut number: u64 = 0;
    for index in 0..size.min(8) {
        let byte = if little { bytes[index] } else { bytes[size - 1 - index] };
        number |= u64::from(byte) << (8 * index);
    }
    let missing = 64 - 8 * size.min(8) as u32;
    match (signed, missing) {
        (_, 64) => 0.0,
        (true, _) => ((number << missing) as i64 >> missing) as f64,
        (false, _) => number as f64,
    }
}

fn size(lua: &Lua, args: MultiValue) -> Result<Value> {
    let text = text_argument(lua, &args, 0, "size")?;
    let mut format = Format::new(&text);
    let mut size = 0_usize;
    while let Some(item) = format.next()? {
        match item {
            Item::Text => return api::failure("variable-size format in struct.size: 's'"),
            Item::Bytes(0) => return api::failure("variable-size format in struct.size: 'c0'"),
            item => size = size.saturating_add(format.padding(item, size)).saturating_add(item.size()),
        }
    }
    Ok(Value::Number(size as f64))
}

//! Replies of commands as Lua's values, and Lua's values as replies. The rules are those of Redis 7.0
//! (`script_lua.c`): what RESP2 can't say, a table with one named field says.

use crate::resp::{Error, Proto, Reply};
use mlua::{Lua, Result, Table, Value};

/// How deep a value may be nested that a script returns. (Redis: some thousands, where Lua's stack ends.)
const DEEPEST: usize = 200;

/// A reply as a value. The bytes come from one of our own commands, so they are well-formed; should they not be, the
/// script sees nil.
pub fn to_lua(lua: &Lua, reply: &[u8]) -> Result<Value> {
    Parser { lua, rest: reply }.value()
}

/// Does `work`, which carries values between Rust and Lua, without the interpreter's limit of memory: what is carried is
/// bounded already (a command's arguments, a reply), and mlua guards every single allocation under a limit with a
/// protected call of its own, which costs more than the script. What was taken counts again for the script afterwards.
pub fn unlimited<R>(lua: &Lua, work: impl FnOnce() -> R) -> R {
    let limit = lua.set_memory_limit(0);
    let result = work();
    limit.and_then(|limit| lua.set_memory_limit(limit)).ok();
    result
}

/// A table that says `field` = `text`, as errors and statuses are told.
pub fn one_field(lua: &Lua, field: &str, text: impl AsRef<[u8]>) -> Result<Table> {
    let table = lua.create_table_with_capacity(0, 2)?;
    table.raw_set(field, lua.create_string(text)?)?;
    Ok(table)
}

struct Parser<'r> {
    lua: &'r Lua,
    rest: &'r [u8],
}

impl<'r> Parser<'r> {
    /// The text of the line that begins here, and its type.
    fn line(&mut self) -> (u8, &'r [u8]) {
        let end = memchr::memchr(b'\r', self.rest).unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest.get(2..).unwrap_or_default();
        line.split_first().map_or((b'_', line), |(kind, text)| (*kind, text))
    }

    /// The next `length` bytes and a line's end.
    fn bytes(&mut self, length: usize) -> &'r [u8] {
        let (bytes, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest.get(2..).unwrap_or_default();
        bytes
    }

    fn value(&mut self) -> Result<Value> {
        let lua = self.lua;
        let (kind, text) = self.line();
        let number = || std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok()).unwrap_or(-1);
        Ok(match kind {
            b':' => Value::Number(number() as f64),
            b'$' | b'*' if number() < 0 => Value::Boolean(false),
            b'$' => Value::String(lua.create_string(self.bytes(number() as usize))?),
            b'+' => Value::Table(one_field(lua, "ok", text)?),
            b'-' => Value::Table(one_field(lua, "err", text)?),
            b'*' | b'>' => {
                let table = lua.create_table_with_capacity(number().clamp(0, 1 << 16) as usize, 0)?;
                for index in 1..=number() {
                    table.raw_set(index, self.value()?)?;
                }
                Value::Table(table)
            }
            b'%' => {
                let map = lua.create_table()?;
                for _ in 0..number() {
                    let (key, value) = (self.value()?, self.value()?);
                    map.raw_set(key, value)?;
                }
                self.named("map", Value::Table(map))?
            }
            b'~' => {
                let set = lua.create_table()?;
                for _ in 0..number() {
                    set.raw_set(self.value()?, true)?;
                }
                self.named("set", Value::Table(set))?
            }
            b'#' => Value::Boolean(text == b"t"),
            b',' => {
                let double = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
                self.named("double", Value::Number(double.unwrap_or(f64::NAN)))?
            }
            b'(' => self.named("big_number", Value::String(lua.create_string(text)?))?,
            b'=' => {
                let bytes = self.bytes(number().max(0) as usize);
                let (format, text) = bytes.split_at(bytes.len().min(3));
                let verbatim = one_field(lua, "string", text.get(1..).unwrap_or_default())?;
                verbatim.raw_set("format", lua.create_string(format)?)?;
                self.named("verbatim_string", Value::Table(verbatim))?
            }
            // Attributes are for clients; what they belong to follows.
            b'|' => {
                for _ in 0..2 * number().max(0) {
                    self.value()?;
                }
                self.value()?
            }
            _ => Value::Nil,
        })
    }

    fn named(&self, field: &str, value: Value) -> Result<Value> {
        let table = self.lua.create_table_with_capacity(0, 1)?;
        table.raw_set(field, value)?;
        Ok(Value::Table(table))
    }
}

/// Writes what a script returned. `resp3`: the script has chosen RESP3 (`redis.setresp`), which is how its booleans
/// are meant. An error that the script returns is a reply like any other.
pub fn to_reply(value: &Value, resp3: bool, reply: &mut Reply<'_>) {
    write(value, resp3, reply, 0);
}

fn write(value: &Value, resp3: bool, reply: &mut Reply<'_>, depth: usize) {
    match value {
        _ if depth > DEEPEST => reply.error(&Error::new("ERR reached lua stack limit")),
        Value::String(text) => reply.bulk(&text.as_bytes()),
        Value::Boolean(true) if !resp3 => reply.int(1),
        Value::Boolean(false) if !resp3 => reply.null(),
        Value::Boolean(value) => reply.bool(*value),
        Value::Integer(number) => reply.int(*number),
        Value::Number(number) => reply.int(*number as i64),
        Value::Table(table) => write_table(table, resp3, reply, depth),
        _ => reply.null(),
    }
}

fn write_table(table: &Table, resp3: bool, reply: &mut Reply<'_>, depth: usize) {
    let field = |name: &str| table.raw_get::<Value>(name).unwrap_or(Value::Nil);
    if let Value::String(text) = field("err") {
        return reply.error(&Error::Bytes(one_line(&text.as_bytes())));
    }
    if let Value::String(text) = field("ok") {
        return reply.raw(&[b"+", &*one_line(&text.as_bytes()), b"\r\n"].concat());
    }
    match field("double") {
        Value::Number(number) => return reply.double(number),
        Value::Integer(number) => return reply.double(number as f64),
        _ => {}
    }
    if let Value::String(text) = field("big_number") {
        let text = one_line(&text.as_bytes());
        return match reply.proto() {
            Proto::Resp3 => reply.raw(&[b"(", &*text, b"\r\n"].concat()),
            Proto::Resp2 => reply.bulk(&text),
        };
    }
    if let Value::Table(verbatim) = field("verbatim_string")
        && let (Ok(Value::String(format)), Ok(Value::String(text))) =
            (verbatim.raw_get::<Value>("format"), verbatim.raw_get::<Value>("string"))
    {
        return write_verbatim(&format.as_bytes(), &text.as_bytes(), reply);
    }
    if let Value::Table(map) = field("map") {
        let pairs: Vec<(Value, Value)> = map.pairs().flatten().collect();
        reply.map(pairs.len());
        for (key, value) in pairs {
            write(&key, resp3, reply, depth + 1);
            write(&value, resp3, reply, depth + 1);
        }
        return;
    }
    if let Value::Table(set) = field("set") {
        let elements: Vec<(Value, Value)> = set.pairs().flatten().collect();
        reply.set(elements.len());
        return elements.iter().for_each(|(element, _)| write(element, resp3, reply, depth + 1));
    }
    let mut elements = Vec::new();
    while let Ok(value) = table.raw_get::<Value>(elements.len() + 1)
        && !value.is_nil()
    {
        elements.push(value);
    }
    reply.array(elements.len());
    elements.iter().for_each(|element| write(element, resp3, reply, depth + 1));
}

fn write_verbatim(format: &[u8], text: &[u8], reply: &mut Reply<'_>) {
    match reply.proto() {
        Proto::Resp2 => reply.bulk(text),
        Proto::Resp3 => {
            let format: [u8; 3] = std::array::from_fn(|index| format.get(index).copied().unwrap_or(b' '));
            let length = text.len() + 4;
            reply.raw(&[format!("={length}\r\n").as_bytes(), &format, b":", text, b"\r\n"].concat());
        }
    }
}

/// A text for a reply of one line.
fn one_line(text: &[u8]) -> Vec<u8> {
    let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    text[..end].iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(reply: &[u8], resp3: bool, proto: Proto) -> Vec<u8> {
        let lua = Lua::new();
        let value = to_lua(&lua, reply).unwrap();
        let mut out = Vec::new();
        to_reply(&value, resp3, &mut Reply::new(&mut out, proto));
        out
    }

    #[test]
    fn replies_survive_a_way_through_lua() {
        for reply in [
            &b":12\r\n"[..],
            b"$3\r\na\0b\r\n",
            b"$-1\r\n",
            b"+OK\r\n",
            b"-ERR no\r\n",
            b"*3\r\n:1\r\n*0\r\n$0\r\n\r\n",
        ] {
            assert_eq!(there_and_back(reply, false, Proto::Resp2), reply, "{}", reply.escape_ascii());
        }
        for reply in [
            &b"%1\r\n$1\r\na\r\n:1\r\n"[..],
            b"~1\r\n$1\r\na\r\n",
            b"#t\r\n",
            b",1.5\r\n",
            b"(123\r\n",
            b"=5\r\ntxt:a\r\n",
            b"_\r\n",
        ] {
            assert_eq!(there_and_back(reply, true, Proto::Resp3), reply, "{}", reply.escape_ascii());
        }
    }

    #[test]
    fn an_array_ends_at_its_first_nil_and_a_circle_at_the_stack_limit() {
        let lua = Lua::new();
        let answer = |code: &str| {
            let value: Value = lua.load(code).eval().unwrap();
            let mut out = Vec::new();
            to_reply(&value, false, &mut Reply::new(&mut out, Proto::Resp2));
            out
        };
        assert_eq!(answer("{1, 2.9, nil, 4}"), b"*2\r\n:1\r\n:2\r\n");
        assert_eq!(answer("{err = 'My\\r\\nErr\\n'}"), b"-My  Err\r\n");
        let circle = answer("(function() local t = {} t[1] = t return t end)()");
        assert!(circle.ends_with(b"-ERR reached lua stack limit\r\n"));
    }
}

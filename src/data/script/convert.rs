//! Replies of commands as Lua's values, and Lua's values as replies. The rules are those of Redis 7.0
//! (`script_lua.c`): what RESP2 can't say, a table with one named field says.

use super::stack::{Kind, Stack};
use crate::base::limits;
use crate::resp::{Error, Proto, Reply};
use std::ffi::c_int;

/// How deep a value may be nested that a script returns. (Redis: some thousands, where Lua's stack ends.)
const DEEPEST: usize = 200;

/// Pushes a reply as a value. The bytes come from one of our own commands, so they are well-formed; should they not be,
/// the script sees nil.
pub fn push(stack: &Stack, reply: &[u8]) {
    Parser { stack, rest: reply }.value();
}

/// Pushes a table that says `field` = `text`, as errors and statuses are told.
pub fn push_field(stack: &Stack, field: &str, text: &[u8]) {
    stack.push_table(0, 2);
    stack.push(field.as_bytes());
    stack.push(text);
    stack.set(-3);
}

struct Parser<'r> {
    stack: &'r Stack,
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

    /// Pushes the value that begins here.
    fn value(&mut self) {
        let stack = self.stack;
        let (kind, text) = self.line();
        let number = || std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok()).unwrap_or(-1);
        match kind {
            b':' => stack.push_number(number() as f64),
            b'$' | b'*' if number() < 0 => stack.push_boolean(false),
            b'$' => stack.push(self.bytes(number() as usize)),
            b'+' => push_field(stack, "ok", text),
            b'-' => push_field(stack, "err", text),
            b'*' | b'>' => {
                stack.need(4);
                stack.push_table(number().max(0) as usize, 0);
                for index in 1..=number().max(0) as usize {
                    self.value();
                    stack.set_element(index);
                }
            }
            b'%' => self.named("map", |parser| {
                stack.push_table(0, number().max(0) as usize);
                for _ in 0..number() {
                    parser.value();
                    parser.value();
                    stack.set(-3);
                }
            }),
            b'~' => self.named("set", |parser| {
                stack.push_table(0, number().max(0) as usize);
                for _ in 0..number() {
                    parser.value();
                    stack.push_boolean(true);
                    stack.set(-3);
                }
            }),
            b'#' => stack.push_boolean(text == b"t"),
            b',' => self.named("double", |_| {
                let double = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
                stack.push_number(double.unwrap_or(f64::NAN));
            }),
            b'(' => self.named("big_number", |_| stack.push(text)),
            b'=' => self.named("verbatim_string", |parser| {
                let bytes = parser.bytes(number().max(0) as usize);
                let (format, text) = bytes.split_at(bytes.len().min(3));
                push_field(stack, "string", text.get(1..).unwrap_or_default());
                stack.push(b"format");
                stack.push(format);
                stack.set(-3);
            }),
            // Attributes are for clients; what they belong to follows.
            b'|' => {
                for _ in 0..2 * number().max(0) {
                    self.value();
                    stack.keep(stack.top() - 1);
                }
                self.value();
            }
            _ => stack.push_nil(),
        }
    }

    /// Pushes a table whose field has the value that `push` leaves.
    fn named(&mut self, field: &str, push: impl FnOnce(&mut Parser<'r>)) {
        let stack = self.stack;
        stack.need(6);
        stack.push_table(0, 1);
        stack.push(field.as_bytes());
        push(self);
        stack.set(-3);
    }
}

/// Writes the last value on the stack, which a script returned. `resp3`: the script has chosen RESP3 (`redis.setresp`),
/// which is how its booleans are meant. An error that the script returns is a reply like any other.
pub fn write(stack: &Stack, resp3: bool, reply: &mut Reply<'_>) {
    write_value(stack, resp3, reply, 0);
}

fn write_value(stack: &Stack, resp3: bool, reply: &mut Reply<'_>, depth: usize) {
    match stack.kind(-1) {
        // A few tables that hold each other again and again can say more than any memory holds.
        _ if reply.position() > limits::SCRIPT_REPLY => {
            stack.push(b"the reply of the script is too long");
            stack.raise();
        }
        _ if depth > DEEPEST => reply.error(&Error::new("ERR reached lua stack limit")),
        Kind::Text => reply.bulk(stack.bytes(-1)),
        Kind::Boolean(true) if !resp3 => reply.int(1),
        Kind::Boolean(false) if !resp3 => reply.null(),
        Kind::Boolean(value) => reply.bool(value),
        Kind::Number(number) => reply.int(number as i64),
        Kind::Table => {
            stack.need(6);
            let table = stack.top();
            write_table(stack, table, resp3, reply, depth);
            stack.keep(table);
        }
        Kind::Nil | Kind::Other => reply.null(),
    }
}

/// Writes the table at `place`; may leave values above it.
fn write_table(stack: &Stack, place: c_int, resp3: bool, reply: &mut Reply<'_>, depth: usize) {
    // The fields that say what a table means, one after the other.
    let field = |name: &str| {
        stack.keep(place);
        stack.field(place, name)
    };
    if field("err") == Kind::Text {
        return reply.error(&Error::Bytes(one_line(stack.bytes(-1))));
    }
    if field("ok") == Kind::Text {
        return reply.raw(&[b"+", &*one_line(stack.bytes(-1)), b"\r\n"].concat());
    }
    if let Kind::Number(number) = field("double") {
        return reply.double(number);
    }
    if field("big_number") == Kind::Text {
        let text = one_line(stack.bytes(-1));
        return match reply.proto() {
            Proto::Resp3 => reply.raw(&[b"(", &*text, b"\r\n"].concat()),
            Proto::Resp2 => reply.bulk(&text),
        };
    }
    if field("verbatim_string") == Kind::Table {
        let verbatim = stack.top();
        if stack.field(verbatim, "format") == Kind::Text && stack.field(verbatim, "string") == Kind::Text {
            return write_verbatim(stack.bytes(-2), stack.bytes(-1), reply);
        }
    }
    if field("map") == Kind::Table {
        let map = stack.top();
        reply.map(count(stack, map));
        return each(stack, map, |stack| {
            // Key and value; the key goes on being needed.
            stack.copy(-2);
            write_value(stack, resp3, reply, depth + 1);
            stack.keep(map + 2);
            write_value(stack, resp3, reply, depth + 1);
        });
    }
    if field("set") == Kind::Table {
        let set = stack.top();
        reply.set(count(stack, set));
        return each(stack, set, |stack| {
            stack.copy(-2);
            write_value(stack, resp3, reply, depth + 1);
        });
    }
    stack.keep(place);
    let mut length = 0;
    while stack.element(place, length + 1) != Kind::Nil {
        stack.keep(place);
        length += 1;
    }
    stack.keep(place);
    reply.array(length);
    for index in 1..=length {
        stack.element(place, index);
        write_value(stack, resp3, reply, depth + 1);
        stack.keep(place);
    }
}

/// Shows `see` each key and value of the table at `place`, as the last two on the stack.
fn each(stack: &Stack, place: c_int, mut see: impl FnMut(&Stack)) {
    stack.push_nil();
    while stack.next(place) {
        see(stack);
        stack.keep(place + 1);
    }
}

fn count(stack: &Stack, place: c_int) -> usize {
    let mut count = 0;
    each(stack, place, |_| count += 1);
    count
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
    use mlua::{Lua, Value};

    fn there_and_back(reply: &[u8], resp3: bool, proto: Proto) -> Vec<u8> {
        let mut out = Vec::new();
        let ended = Stack::protected::<()>(&Lua::new(), (), |stack| {
            push(stack, reply);
            write(stack, resp3, &mut Reply::new(&mut out, proto));
            stack.keep(0);
        });
        ended.unwrap();
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
            let write_it = |stack: &Stack| {
                write(stack, false, &mut Reply::new(&mut out, Proto::Resp2));
                stack.keep(0);
            };
            Stack::protected::<()>(&lua, value, write_it).unwrap();
            out
        };
        assert_eq!(answer("{1, 2.9, nil, 4}"), b"*2\r\n:1\r\n:2\r\n");
        assert_eq!(answer("{err = 'My\\r\\nErr\\n'}"), b"-My  Err\r\n");
        let circle = answer("(function() local t = {} t[1] = t return t end)()");
        assert!(circle.ends_with(b"-ERR reached lua stack limit\r\n"));
    }
}

//! BITFIELD: integers of any width at any bit.

use super::{mask, parse_offset};
use crate::base::notify::Class;
use crate::data::command::number::parse_i64;
use crate::data::command::string::{announce_new, current, missed, read};
use crate::data::exec::Exec;
use crate::resp::{Error, Reply};

/// `BITFIELD key [GET type offset | OVERFLOW WRAP | SAT | FAIL | SET type offset value | INCRBY type offset increment]`
/// as often as wanted.
pub fn bitfield(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let steps = parse(exec, &args[2..])?;
    if steps.iter().all(|step| step.action == Action::Get) {
        get_all(exec, args[1], &steps)
    } else {
        perform_all(exec, args[1], &steps)
    }
}

/// `BITFIELD_RO key [GET type offset]` as often as wanted.
pub fn bitfield_ro(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let steps = parse(exec, &args[2..])?;
    if steps.iter().any(|step| step.action != Action::Get) {
        return Err(Error::new("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    get_all(exec, args[1], &steps)
}

/// What happens to a value that does not fit.
#[derive(Clone, Copy, PartialEq)]
enum Overflow {
    /// Its higher bits are lost.
    Wrap,
    /// It becomes the nearest one that fits.
    Saturate,
    /// Nothing is changed.
    Fail,
}

#[derive(Clone, Copy, PartialEq)]
enum Action {
    Get,
    Set(i64),
    Increment(i64),
}

/// A place and kind of integer.
#[derive(Clone, Copy)]
struct Field {
    offset: u64,
    width: u32,
    signed: bool,
}

struct Step {
    field: Field,
    action: Action,
    overflow: Overflow,
}

fn parse(exec: &Exec<'_>, mut args: &[&[u8]]) -> Result<Vec<Step>, Error> {
    let (mut steps, mut overflow) = (Vec::new(), Overflow::Wrap);
    while let [word, rest @ ..] = args {
        let word = word.to_ascii_lowercase();
        args = match (word.as_slice(), rest) {
            (b"get", [kind, offset, rest @ ..]) => {
                steps.push(Step { field: Field::parse(exec, kind, offset)?, action: Action::Get, overflow });
                rest
            }
            (b"set" | b"incrby", [kind, offset, value, rest @ ..]) => {
                let field = Field::parse(exec, kind, offset)?;
                let value = parse_i64(value).ok_or(Error::NotAnInteger)?;
                let action = if word == b"set" { Action::Set(value) } else { Action::Increment(value) };
                steps.push(Step { field, action, overflow });
                rest
            }
            (b"overflow", [how, rest @ ..]) => {
                overflow = match how.to_ascii_lowercase().as_slice() {
                    b"wrap" => Overflow::Wrap,
                    b"sat" => Overflow::Saturate,
                    b"fail" => Overflow::Fail,
                    _ => return Err(Error::new("ERR Invalid OVERFLOW type specified")),
                };
                rest
            }
            _ => return Err(Error::Syntax),
        };
    }
    Ok(steps)
}

fn get_all(exec: &mut Exec<'_>, key: &[u8], steps: &[Step]) -> Result<(), Error> {
    let key = exec.key(key);
    let value = read(exec.stores, exec.db, &key, exec.now)?;
    exec.reply.array(steps.len());
    for step in steps {
        exec.reply.int(step.field.get(value.unwrap_or_default()) as i64);
    }
    if value.is_none() {
        missed(exec, &key);
    }
    Ok(())
}

fn perform_all(exec: &mut Exec<'_>, key: &[u8], steps: &[Step]) -> Result<(), Error> {
    let key = exec.key(key);
    let (db, now) = (exec.db, exec.now);
    let length = current(exec.stores, db, &key, now)?.map(<[u8]>::len);
    let written = steps.iter().filter(|step| step.action != Action::Get).map(|step| step.field.bytes());
    let needed = written.max().unwrap_or(0);
    let grows = length.is_none_or(|length| length < needed);
    if length.is_none() {
        announce_new(exec, &key);
    }
    let reply = &mut exec.reply;
    reply.array(steps.len());
    let changes = exec.stores.of(key.slot).edit_string_if(db, &key, needed, now, |bytes| {
        let changes = steps.iter().filter(|step| step.perform(bytes, grows, reply)).count();
        (changes, changes > 0 || grows)
    });
    if changes > 0 {
        exec.changed(changes as u64);
        exec.notify(Class::STRING, "setbit", &key);
    }
    Ok(())
}

impl Step {
    /// Does what it says and replies; whether that counts as a change.
    fn perform(&self, bytes: &mut [u8], grown: bool, reply: &mut Reply<'_>) -> bool {
        let old = self.field.get(bytes);
        let wanted = match self.action {
            Action::Get => {
                reply.int(old as i64);
                return false;
            }
            Action::Set(value) if self.field.reads_as_negative(value) => i128::from(value),
            Action::Set(value) => i128::from(value as u64),
            Action::Increment(by) => old + i128::from(by),
        };
        let Some(new) = self.field.fit(wanted, self.overflow) else {
            reply.null();
            return false;
        };
        self.field.set(bytes, new);
        reply.int(if matches!(self.action, Action::Set(_)) { old } else { new } as i64);
        grown || old != new
    }
}

impl Field {
    fn parse(exec: &Exec<'_>, kind: &[u8], offset: &[u8]) -> Result<Field, Error> {
        let (signed, width) = match kind {
            [b'i', width @ ..] => (true, width),
            [b'u', width @ ..] => (false, width),
            _ => (false, &b""[..]),
        };
        let widest = if signed { 64 } else { 63 };
        let width = parse_i64(width).and_then(|width| u32::try_from(width).ok());
        let width = width.filter(|width| (1..=widest).contains(width)).ok_or(Error::new(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        ))?;
        Ok(Field { offset: parse_offset(exec, offset, Some(width))?, width, signed })
    }

    /// Bytes a string needs to have all of it.
    fn bytes(self) -> usize {
        ((self.offset + u64::from(self.width) - 1) >> 3) as usize + 1
    }

    /// Its value; behind the end of the string there are zeroes.
    fn get(self, bytes: &[u8]) -> i128 {
        let mut value = 0;
        for byte in self.offset >> 3..self.bytes() as u64 {
            value = value << 8 | u128::from(bytes.get(byte as usize).copied().unwrap_or(0));
        }
        let behind = 8 * self.bytes() as u64 - self.offset - u64::from(self.width);
        self.wrap((value >> behind) as i128)
    }

    fn set(self, bytes: &mut [u8], value: i128) {
        for bit in 0..self.width {
            let offset = self.offset + u64::from(bit);
            let (byte, mask) = (&mut bytes[(offset >> 3) as usize], mask(offset));
            let on = value >> (self.width - 1 - bit) & 1 == 1;
            *byte = *byte & !mask | if on { mask } else { 0 };
        }
    }

    /// Whether a value that is to be set may be negative: not to an unsigned field, and not so far below a signed one
    /// that Redis's arithmetic takes it for one above.
    fn reads_as_negative(self, value: i64) -> bool {
        self.signed && (self.width == 64 || i128::from(value) >= (1i128 << (self.width - 1)) - 1 - i128::from(i64::MAX))
    }

    /// The value as it is to be stored; `None`: it does not fit, and nothing is to be.
    fn fit(self, value: i128, overflow: Overflow) -> Option<i128> {
        let (min, max) = if self.signed {
            (-(1i128 << (self.width - 1)), (1i128 << (self.width - 1)) - 1)
        } else {
            (0, (1i128 << self.width) - 1)
        };
        match overflow {
            _ if (min..=max).contains(&value) => Some(value),
            Overflow::Wrap => Some(self.wrap(value)),
            Overflow::Saturate => Some(value.clamp(min, max)),
            Overflow::Fail => None,
        }
    }

    /// What its lowest bits mean.
    fn wrap(self, value: i128) -> i128 {
        let above = i128::BITS - self.width;
        if self.signed { value << above >> above } else { ((value as u128) << above >> above) as i128 }
    }
}

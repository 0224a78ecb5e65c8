//! The bitmap commands: strings as rows of bits, the first one the highest of the first byte. Run on the core that owns
//! the key's slot.

pub mod bits;
pub mod combine;
pub mod count;
pub mod field;

#[cfg(test)]
mod tests;

use crate::data::command::number::parse_i64;
use crate::data::exec::{Exec, Handler};
use crate::resp::Error;

/// The bitmap commands by name.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("bitcount", count::bitcount),
    ("bitfield", field::bitfield),
    ("bitfield_ro", field::bitfield_ro),
    ("bitop", combine::bitop),
    ("bitpos", count::bitpos),
    ("getbit", bits::getbit),
    ("setbit", bits::setbit),
];

/// Reads a bit's number; `#3` is that of the third field of `width` bits, if there are fields.
fn parse_offset(exec: &Exec<'_>, text: &[u8], width: Option<u32>) -> Result<u64, Error> {
    let offset = match (text, width) {
        ([b'#', number @ ..], Some(width)) => parse_i64(number).and_then(|number| number.checked_mul(i64::from(width))),
        _ => parse_i64(text),
    };
    let offset = offset.and_then(|offset| u64::try_from(offset).ok());
    let offset = offset.filter(|offset| offset >> 3 < exec.settings.proto_max_bulk_len);
    offset.ok_or(Error::new("ERR bit offset is not an integer or out of range"))
}

/// The mask of a bit in its byte.
fn mask(offset: u64) -> u8 {
    0x80 >> (offset & 7)
}

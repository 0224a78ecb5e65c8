//! One value alone: what DUMP answers, RESTORE takes and MIGRATE sends.

use super::checksum::checksum;
use super::input::{Fault, Input};
use super::value::{Builder, Built};
use super::{Error, VERSION, opcode, write};
use crate::data::store::{Object, Value};
use crate::data::types::Forms;

/// Bytes of the version and the checksum at the end.
const FOOTER: usize = 10;

/// A value, serialised alone.
pub fn dump(value: Value<'_>, compressed: bool) -> Vec<u8> {
    let mut out = vec![write::kind_of(value)];
    write::value(&mut out, value, compressed);
    out.extend(VERSION.to_le_bytes());
    let sum = checksum(&out);
    out.extend(sum.to_le_bytes());
    out
}

/// Libraries of functions, as FUNCTION DUMP answers them.
pub fn dump_libraries<'c>(sources: impl Iterator<Item = &'c [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    sources.for_each(|source| write::function(&mut out, source, write::Style::default()));
    out.extend(VERSION.to_le_bytes());
    let sum = checksum(&out);
    out.extend(sum.to_le_bytes());
    out
}

/// The sources of an intact payload of libraries.
pub fn restore_libraries(payload: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let mut input = Input::new(&payload[..payload.len().saturating_sub(FOOTER)]);
    let mut sources = Vec::new();
    while !input.is_at_end() {
        match input.byte() {
            Ok(opcode::FUNCTION2) => {}
            Ok(opcode::FUNCTION) => return Err(Error::Corrupt("Pre-release function format not supported.")),
            _ => return Err(Error::Corrupt("given type is not a function")),
        }
        let source = input.string().map_err(|_| Error::Corrupt("Failed loading library code"))?;
        sources.push(source.into_owned());
    }
    Ok(sources)
}

/// Whether `payload` has a version that can be read and the checksum of its bytes; or any, if that is `trusted`.
pub fn is_intact(payload: &[u8], trusted: bool) -> bool {
    let Some((rest, footer)) = payload.split_last_chunk::<FOOTER>() else { return false };
    let [low, high, sum @ ..] = *footer;
    let sum = u64::from_le_bytes(sum);
    u16::from_le_bytes([low, high]) <= VERSION && (trusted || sum == checksum(&payload[..rest.len() + 2]))
}

/// The value of an intact payload.
pub fn restore(payload: &[u8], forms: Forms<'_>) -> Result<Object, Error> {
    const CORRUPT: Error = Error::Corrupt("Bad data format");
    let (&kind, value) = payload[..payload.len().saturating_sub(FOOTER)].split_first().ok_or(CORRUPT)?;
    match Builder::new(kind)?.read(&mut Input::new(value), forms) {
        Ok(Built::Value(object)) => Ok(object),
        Ok(Built::Empty) => Err(CORRUPT),
        Err(Fault::Short(_)) => Err(Error::Truncated),
        Err(Fault::Bad(error)) => Err(error),
    }
}

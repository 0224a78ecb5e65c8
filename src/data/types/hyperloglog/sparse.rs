//! Registers as runs of equal ones.
//!
//! ```text
//! 00llllll           up to 64 registers of 0
//! 01llllll llllllll  up to 16384 registers of 0
//! 1vvvvvll           up to 4 registers of 1 to 32        lengths and values are written less one
//! ```

use super::{Corrupt, REGISTERS};

/// All registers are 0.
pub const EMPTY: [u8; 2] = [0x7F, 0xFF];

const LONGEST_SHORT: usize = 64;
const LONGEST_VALUES: usize = 4;
const LARGEST: u8 = 32;
/// Runs in which equal neighbours are looked for after a change. Source: Redis 7.0 `hllSparseSet`.
const TIDIED: usize = 5;

/// Registers of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// What they are.
    pub value: u8,
    /// How many.
    pub length: usize,
    /// Bytes it is written in.
    pub size: usize,
}

impl Run {
    /// The run `bytes` begin with.
    fn read(bytes: &[u8]) -> Result<Run, Corrupt> {
        let first = bytes[0];
        let length = usize::from(first & 0x3F);
        match first >> 6 {
            0 => Ok(Run { value: 0, length: length + 1, size: 1 }),
            1 => {
                let low = *bytes.get(1).ok_or(Corrupt)?;
                Ok(Run { value: 0, length: (length << 8 | usize::from(low)) + 1, size: 2 })
            }
            _ => Ok(Run { value: (first >> 2 & 0x1F) + 1, length: length % LONGEST_VALUES + 1, size: 1 }),
        }
    }

    /// Whether it is written as one of several registers that are not 0.
    fn has_values(&self) -> bool {
        self.value > 0
    }
}

/// The runs, which are all registers together, or else something [`Corrupt`].
pub fn runs(bytes: &[u8]) -> impl Iterator<Item = Result<Run, Corrupt>> {
    let (mut rest, mut covered, mut failed) = (bytes, 0, false);
    std::iter::from_fn(move || {
        if failed || rest.is_empty() && covered == REGISTERS {
            return None;
        }
        let run = if rest.is_empty() { Err(Corrupt) } else { Run::read(rest) };
        let run = run.and_then(|run| if covered + run.length > REGISTERS { Err(Corrupt) } else { Ok(run) });
        match run {
            Ok(run) => {
                covered += run.length;
                rest = &rest[run.size..];
            }
            Err(_) => failed = true,
        }
        Some(run)
    })
}

/// Writes registers of 0.
fn write_zeroes(out: &mut Vec<u8>, length: usize) {
    match length {
        0 => {}
        ..=LONGEST_SHORT => out.push(length as u8 - 1),
        _ => out.extend([0x40 | ((length - 1) >> 8) as u8, (length - 1) as u8]),
    }
}

/// Writes up to four registers of a value above 0.
fn write_values(out: &mut Vec<u8>, value: u8, length: usize) {
    if length > 0 {
        out.push(0x80 | (value - 1) << 2 | (length as u8 - 1));
    }
}

/// What became of registers one of which was to be raised.
pub enum Raised {
    /// It was as high already.
    Same,
    /// They are this now.
    Registers(Vec<u8>),
    /// They cannot be written here.
    TooLarge,
}

/// Makes a register at least `value`. More than `limit` bytes are too many to grow to, even if they would shrink again
/// by joining neighbours: so does Redis decide.
pub fn raise(bytes: &[u8], index: usize, value: u8, limit: usize) -> Result<Raised, Corrupt> {
    if value > LARGEST {
        return Ok(Raised::TooLarge);
    }
    // The run that has the register, and the one before it.
    let (mut at, mut first, mut before) = (0, 0, None);
    let run = loop {
        if at >= bytes.len() {
            return Err(Corrupt);
        }
        let run = Run::read(&bytes[at..])?;
        if index < first + run.length {
            break run;
        }
        (before, at, first) = (Some(at), at + run.size, first + run.length);
    };
    if run.value >= value {
        return Ok(Raised::Same);
    }

    // It is split around the register.
    let mut out = Vec::with_capacity(bytes.len() + 4);
    out.extend(&bytes[..at]);
    let (left, right) = (index - first, first + run.length - 1 - index);
    if run.has_values() {
        write_values(&mut out, run.value, left);
        write_values(&mut out, value, 1);
        write_values(&mut out, run.value, right);
    } else {
        write_zeroes(&mut out, left);
        write_values(&mut out, value, 1);
        write_zeroes(&mut out, right);
    }
    out.extend(&bytes[at + run.size..]);
    if out.len() > bytes.len() && out.len() > limit {
        return Ok(Raised::TooLarge);
    }
    tidy(&mut out, before.unwrap_or(0));
    Ok(Raised::Registers(out))
}

/// Joins equal neighbours in the runs from `at` on.
fn tidy(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..TIDIED {
        let Some(Ok(run)) = bytes.get(at..).filter(|rest| !rest.is_empty()).map(Run::read) else { return };
        let next = bytes.get(at + 1..).filter(|rest| !rest.is_empty()).map(Run::read);
        match next {
            Some(Ok(next))
                if run.has_values() && next.value == run.value && run.length + next.length <= LONGEST_VALUES =>
            {
                bytes.remove(at);
                bytes[at] = 0x80 | (run.value - 1) << 2 | (run.length + next.length - 1) as u8;
            }
            _ => at += run.size,
        }
    }
}

//! Numbers and strings as Redis's serialised data has them, read from bytes of which the rest may still be to come.

use super::Error;
use super::encode::{BITS_6, BITS_14, BITS_32, BITS_64, ENCODED, INT_8, INT_16, INT_32, LZF};
use std::borrow::Cow;

/// A string longer than this is corrupt: Redis could not have held it. Source: the limit of `proto-max-bulk-len`, and what
/// the offsets of the compression can reach.
const LONGEST: u64 = 1 << 32;
/// Each compressed byte makes at most this many: a reference takes 3 bytes and makes up to 264.
const MOST_EXPANDED: u64 = 88;

/// Why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It needs this many bytes, counted from the start of the input.
    Short(usize),
    /// It is not what it should be.
    Bad(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Bad(error)
    }
}

/// Bytes with a position.
pub struct Input<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Input<'b> {
    /// From the start of `bytes`.
    pub fn new(bytes: &'b [u8]) -> Input<'b> {
        Input { bytes, at: 0 }
    }

    /// How far it has come.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Goes back to where it was.
    pub fn rewind(&mut self, position: usize) {
        self.at = position;
    }

    /// Whether nothing is left.
    pub fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Result<&'b [u8], Fault> {
        let end = self.at.checked_add(length).ok_or(Error::Corrupt("a length beyond all bounds"))?;
        let taken = self.bytes.get(self.at..end).ok_or(Fault::Short(end))?;
        self.at = end;
        Ok(taken)
    }

    /// The next bytes, as many as `N`.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8, Fault> {
        Ok(self.array::<1>()?[0])
    }

    /// A length.
    pub fn length(&mut self) -> Result<u64, Fault> {
        match self.length_or_form()? {
            Ok(length) => Ok(length),
            Err(_) => Err(Error::Corrupt("a string's form where a length should be").into()),
        }
    }

    /// A length, or the form of a string that is not plain bytes.
    fn length_or_form(&mut self) -> Result<Result<u64, u8>, Fault> {
        let first = self.byte()?;
        let low = first & 0x3f;
        Ok(match (first >> 6, first) {
            (BITS_6, _) => Ok(u64::from(low)),
            (BITS_14, _) => Ok(u64::from(low) << 8 | u64::from(self.byte()?)),
            (ENCODED, _) => Err(low),
            (_, BITS_32) => Ok(u64::from(u32::from_be_bytes(self.array()?))),
            (_, BITS_64) => Ok(u64::from_be_bytes(self.array()?)),
            _ => return Err(Error::Corrupt("unknown length encoding").into()),
        })
    }

    /// A string.
    pub fn string(&mut self) -> Result<Cow<'b, [u8]>, Fault> {
        let value = match self.length_or_form()? {
            Ok(length) => return Ok(Cow::Borrowed(self.take(checked(length)?)?)),
            Err(LZF) => return self.compressed().map(Cow::Owned),
            Err(INT_8) => i32::from(i8::from_le_bytes(self.array()?)),
            Err(INT_16) => i32::from(i16::from_le_bytes(self.array()?)),
            Err(INT_32) => i32::from_le_bytes(self.array()?),
            Err(_) => return Err(Error::Corrupt("Unknown RDB string encoding type").into()),
        };
        Ok(Cow::Owned(itoa::Buffer::new().format(value).as_bytes().to_vec()))
    }

    fn compressed(&mut self) -> Result<Vec<u8>, Fault> {
        const INVALID: Error = Error::Corrupt("Invalid LZF compressed string");
        let (packed, length) = (self.length()?, self.length()?);
        if length > checked(packed)? as u64 * MOST_EXPANDED {
            return Err(INVALID.into());
        }
        let bytes = self.take(packed as usize)?;
        lzf_rust::decompress_into_vec(bytes, checked(length)?).map_err(|_| INVALID.into())
    }

    /// A 64-bit float as it is in memory.
    pub fn float(&mut self) -> Result<f64, Fault> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// A float as text with its length before it, or one of the three that have no digits: the old form.
    pub fn float_text(&mut self) -> Result<f64, Fault> {
        let length = match self.byte()? {
            255 => return Ok(f64::NEG_INFINITY),
            254 => return Ok(f64::INFINITY),
            253 => return Ok(f64::NAN),
            length => length,
        };
        let text = std::str::from_utf8(self.take(usize::from(length))?).ok();
        text.and_then(|text| text.trim_start().parse().ok()).ok_or(Error::Corrupt("a score that is no number").into())
    }
}

/// A string's length if it can be one.
fn checked(length: u64) -> Result<usize, Error> {
    if length > LONGEST { Err(Error::Corrupt("a string longer than can be")) } else { Ok(length as usize) }
}

#[cfg(test)]
mod tests {
    use super::super::encode::{put_length, put_string};
    use super::*;

    #[test]
    fn lengths_come_back_from_each_of_their_forms() {
        for length in [0, 63, 64, 16_383, 16_384, u64::from(u32::MAX), u64::from(u32::MAX) + 1, u64::MAX] {
            let mut bytes = Vec::new();
            put_length(&mut bytes, length);
            assert_eq!(Input::new(&bytes).length(), Ok(length));
            assert!(Input::new(&bytes[..bytes.len() - 1]).length().is_err());
        }
        assert!(matches!(Input::new(&[0x82]).length(), Err(Fault::Bad(_))));
    }

    #[test]
    fn strings_come_back_whether_numbers_or_compressed() {
        let long = "abc".repeat(1000);
        for text in ["", "0", "-1", "127", "-129", "32768", "-2147483648", "2147483648", "007", "+1", "-0", &long] {
            for compressed in [false, true] {
                let mut bytes = Vec::new();
                put_string(&mut bytes, text.as_bytes(), compressed);
                assert_eq!(Input::new(&bytes).string().unwrap(), text.as_bytes());
                assert!(text.len() < 100 || !compressed || bytes.len() < 100);
            }
        }
    }

    #[test]
    fn a_length_that_lies_takes_no_memory() {
        // 2^40 bytes announced; then 2^31 out of 3 compressed ones.
        assert!(matches!(Input::new(&[BITS_64, 0, 0, 1, 0, 0, 0, 0, 0]).string(), Err(Fault::Bad(_))));
        let bomb = [ENCODED << 6 | LZF, 3, BITS_32, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0];
        assert!(matches!(Input::new(&bomb).string(), Err(Fault::Bad(_))));
        // What is announced within reason is waited for, not reserved.
        assert_eq!(Input::new(&[BITS_32, 0x20, 0, 0, 0]).string(), Err(Fault::Short(5 + 0x2000_0000)));
    }

    #[test]
    fn old_floats_are_text() {
        assert_eq!(Input::new(b"\x033.5").float_text(), Ok(3.5));
        assert_eq!(Input::new(b"\xfe").float_text(), Ok(f64::INFINITY));
        assert!(matches!(Input::new(b"\x02xy").float_text(), Err(Fault::Bad(_))));
    }
}

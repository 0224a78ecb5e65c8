//! The reply writer: the only place that knows how a reply looks on the wire.
//!
//! Writes to the end of a borrowed buffer and never looks back, so that one buffer can take the
//! replies of many commands. Knows RESP2 and RESP3; a caller names what it means (a map, a double,
//! a null), never how it is written.

use super::Error;
use crate::base::double;

/// The protocol version a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Proto {
    /// RESP2, what a connection starts with.
    #[default]
    Resp2,
    /// RESP3, after HELLO 3.
    Resp3,
}

/// Writes one reply after the other to a buffer.
pub struct Reply<'b> {
    out: &'b mut Vec<u8>,
    proto: Proto,
}

impl<'b> Reply<'b> {
    /// A writer at the end of `out`.
    pub fn new(out: &'b mut Vec<u8>, proto: Proto) -> Self {
        Reply { out, proto }
    }

    /// The protocol version replies are written in.
    pub fn proto(&self) -> Proto {
        self.proto
    }

    /// Where the next byte will be written; with [`truncate`](Reply::truncate), takes back a half-written reply.
    pub fn position(&self) -> usize {
        self.out.len()
    }

    /// Forgets everything after `position`.
    pub fn truncate(&mut self, position: usize) {
        self.out.truncate(position);
    }

    /// Bytes that are a reply already.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// `+OK`
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// A status line. `text` holds no CR or LF.
    pub fn simple(&mut self, text: &str) {
        self.out.push(b'+');
        self.raw(text.as_bytes());
        self.raw(b"\r\n");
    }

    /// An error line. Line ends inside become spaces, as Redis does, so that no text can forge a reply.
    pub fn error(&mut self, error: &Error) {
        self.out.push(b'-');
        let start = self.out.len();
        match error {
            Error::Bytes(bytes) => self.raw(bytes),
            other => self.raw(other.to_string().as_bytes()),
        }
        for byte in &mut self.out[start..] {
            if matches!(*byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        self.raw(b"\r\n");
    }

    /// An integer.
    pub fn int(&mut self, value: i64) {
        self.prefixed(b':', value);
    }

    /// A byte string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.out.reserve(bytes.len() + 32);
        // Nearly all strings are shorter than 100 bytes: no formatting is needed for their length.
        let digit = |number: usize| b'0' + number as u8;
        match bytes.len() {
            length @ 0..10 => self.raw(&[b'$', digit(length), b'\r', b'\n']),
            length @ 10..100 => self.raw(&[b'$', digit(length / 10), digit(length % 10), b'\r', b'\n']),
            length => self.prefixed(b'$', length as i64),
        }
        self.raw(bytes);
        self.raw(b"\r\n");
    }

    /// A byte string or null.
    pub fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// A number written as a byte string.
    pub fn bulk_int(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// The absent value.
    pub fn null(&mut self) {
        self.raw(if self.proto == Proto::Resp3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// The absent array (EXEC of an aborted transaction, a blocking pop that timed out).
    pub fn null_array(&mut self) {
        self.raw(if self.proto == Proto::Resp3 { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// The start of an array of `len` replies.
    pub fn array(&mut self, len: usize) {
        self.prefixed(b'*', len as i64);
    }

    /// The start of a map of `len` pairs: twice as many replies follow.
    pub fn map(&mut self, len: usize) {
        match self.proto {
            Proto::Resp3 => self.prefixed(b'%', len as i64),
            Proto::Resp2 => self.prefixed(b'*', 2 * len as i64),
        }
    }

    /// The start of a set of `len` replies.
    pub fn set(&mut self, len: usize) {
        self.prefixed(if self.proto == Proto::Resp3 { b'~' } else { b'*' }, len as i64);
    }

    /// The start of an out-of-band message of `len` replies.
    pub fn push(&mut self, len: usize) {
        self.prefixed(if self.proto == Proto::Resp3 { b'>' } else { b'*' }, len as i64);
    }

    /// A truth value.
    pub fn bool(&mut self, value: bool) {
        match self.proto {
            Proto::Resp3 => self.raw(if value { b"#t\r\n" } else { b"#f\r\n" }),
            Proto::Resp2 => self.int(i64::from(value)),
        }
    }

    /// A double: in RESP2 its text.
    pub fn double(&mut self, value: f64) {
        let mut buffer = double::Buffer::new();
        let text = buffer.format(value);
        match self.proto {
            Proto::Resp3 => {
                self.out.push(b',');
                self.raw(text);
                self.raw(b"\r\n");
            }
            Proto::Resp2 => self.bulk(text),
        }
    }

    /// Text that a person reads (INFO, CLIENT LIST): `txt` in RESP3.
    pub fn verbatim(&mut self, text: &[u8]) {
        match self.proto {
            Proto::Resp2 => self.bulk(text),
            Proto::Resp3 => {
                self.prefixed(b'=', text.len() as i64 + 4);
                self.raw(b"txt:");
                self.raw(text);
                self.raw(b"\r\n");
            }
        }
    }

    fn prefixed(&mut self, kind: u8, value: i64) {
        self.out.push(kind);
        self.raw(itoa::Buffer::new().format(value).as_bytes());
        self.raw(b"\r\n");
    }
}

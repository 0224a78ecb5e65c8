//! A reader of a file or stream that comes in pieces of any size.
//!
//! [`push`](Reader::push) bytes, then take items with [`item`](Reader::item) until there are none. What is kept is
//! the record under way: a collection grows element by element, and only a single string waits until it is whole.

use super::checksum::Checksum;
use super::input::{Fault, Input};
use super::value::{Builder, Built};
use super::{Error, VERSION, module_name, opcode};
use crate::contract::settings::EncodingLimits;
use crate::data::key::KeyHasher;
use crate::data::types::Forms;

/// Bytes of "REDIS" and the version.
const HEADER: usize = 9;
/// The first version that ends with a checksum.
const CHECKSUM_SINCE: u32 = 5;
/// Read bytes that are kept in the buffer before the others are moved down.
const KEPT: usize = 64 * 1024;

/// What a stream consists of.
#[derive(Debug, PartialEq)]
pub enum Item {
    /// A field about the data as a whole.
    Aux(Vec<u8>, Vec<u8>),
    /// The source of a library of functions.
    Function(Vec<u8>),
    /// A key.
    Record(Record),
    /// All has been read, and the checksum fits.
    End,
}

/// A key with all that belongs to it.
#[derive(Debug, PartialEq)]
pub struct Record {
    /// The database it is in.
    pub db: usize,
    /// The key.
    pub key: Vec<u8>,
    /// Its value. Empty collections are for the taker to skip, and to tell of.
    pub value: Built,
    /// When it dies, in Unix milliseconds.
    pub deadline: Option<u64>,
    /// Seconds since its last use.
    pub idle: Option<u64>,
    /// How often it was used.
    pub frequency: Option<u8>,
}

/// See the module's description.
pub struct Reader {
    limits: EncodingLimits,
    hasher: KeyHasher,
    buffer: Vec<u8>,
    /// How much of the buffer was read.
    read: usize,
    /// How long the buffer must be before trying again makes sense.
    wanted: usize,
    checksum: Checksum,
    check: bool,
    version: u32,
    state: State,
    db: usize,
    /// What was said about the next key.
    deadline: Option<u64>,
    idle: Option<u64>,
    frequency: Option<u8>,
    total: u64,
}

enum State {
    Header,
    Opcode,
    Value(Vec<u8>, Builder),
    Checksum,
    Ended,
}

impl Reader {
    /// A reader. Collections are given the encodings that `limits` say, and `hasher`; `check` tells whether the checksum
    /// matters (`rdbchecksum`).
    pub fn new(limits: EncodingLimits, hasher: KeyHasher, check: bool) -> Reader {
        Reader {
            limits,
            hasher,
            buffer: Vec::new(),
            read: 0,
            wanted: 0,
            checksum: Checksum::default(),
            check,
            version: 0,
            state: State::Header,
            db: 0,
            deadline: None,
            idle: None,
            frequency: None,
            total: 0,
        }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.read == self.buffer.len() || self.read > KEPT {
            self.buffer.drain(..self.read);
            self.wanted = self.wanted.saturating_sub(self.read);
            self.read = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next item; none: more bytes are needed. After an error or the end there is nothing more to ask for.
    pub fn item(&mut self) -> Result<Option<Item>, Error> {
        loop {
            if self.buffer.len() < self.wanted || self.is_ended() {
                return Ok(None);
            }
            let buffer = std::mem::take(&mut self.buffer);
            let mut input = Input::new(&buffer[self.read..]);
            let result = self.step(&mut input);
            let end = self.read + input.position();
            // The checksum covers all but itself.
            if self.check && !self.is_ended() {
                self.checksum.update(&buffer[self.read..end]);
            }
            (self.buffer, self.total) = (buffer, self.total + (end - self.read) as u64);
            let start = std::mem::replace(&mut self.read, end);
            match result {
                Ok(Some(item)) => return Ok(Some(item)),
                Ok(None) => {}
                Err(Fault::Short(needed)) => {
                    self.wanted = start.saturating_add(needed);
                    return Ok(None);
                }
                Err(Fault::Bad(error)) => return Err(error),
            }
        }
    }

    /// Bytes read so far.
    pub fn position(&self) -> u64 {
        self.total
    }

    /// Whether the end was read.
    pub fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// What came after the end.
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.read..]
    }

    /// Reads one thing. When the input is too short for it, the position is where it is to be tried again.
    fn step(&mut self, input: &mut Input<'_>) -> Result<Option<Item>, Fault> {
        let start = input.position();
        let result = match &mut self.state {
            State::Value(_, builder) => {
                let forms = Forms { limits: &self.limits, hasher: self.hasher };
                let built = builder.read(input, forms)?;
                return Ok(self.record(built));
            }
            State::Header => self.header(input),
            State::Opcode => self.opcode(input),
            State::Checksum => self.end(input),
            State::Ended => Ok(None),
        };
        if result.is_err() {
            input.rewind(start);
        }
        result
    }

    fn header(&mut self, input: &mut Input<'_>) -> Result<Option<Item>, Fault> {
        let header = input.take(HEADER)?;
        let version = header.strip_prefix(b"REDIS").ok_or(Error::Signature)?;
        let version = std::str::from_utf8(version).ok().and_then(|version| version.parse().ok()).unwrap_or(0);
        if !(1..=u32::from(VERSION)).contains(&version) {
            return Err(Error::Version(version).into());
        }
        (self.version, self.state) = (version, State::Opcode);
        Ok(None)
    }

    fn opcode(&mut self, input: &mut Input<'_>) -> Result<Option<Item>, Fault> {
        match input.byte()? {
            opcode::AUX => return Ok(Some(Item::Aux(input.string()?.into_owned(), input.string()?.into_owned()))),
            opcode::FUNCTION2 => return Ok(Some(Item::Function(input.string()?.into_owned()))),
            opcode::FUNCTION => return Err(Error::Corrupt("Pre-release function format not supported.").into()),
            opcode::MODULE_AUX => return Err(Error::Module(module_name(input.length()?)).into()),
            opcode::DEADLINE_SECONDS => {
                let seconds = i32::from_le_bytes(input.array()?);
                self.deadline = Some(u64::try_from(seconds).unwrap_or(0) * 1000);
            }
            opcode::DEADLINE_MS => {
                let deadline = i64::from_le_bytes(input.array()?);
                // -1 is how Redis says that there is none; what is before the epoch is past in any case.
                self.deadline = (deadline != -1).then_some(u64::try_from(deadline).unwrap_or(0));
            }
            opcode::FREQ => self.frequency = Some(input.byte()?),
            opcode::IDLE => self.idle = Some(input.length()?),
            opcode::SELECT_DB => {
                self.db =
                    usize::try_from(input.length()?).map_err(|_| Error::Corrupt("a database beyond all bounds"))?;
            }
            opcode::RESIZE_DB => _ = (input.length()?, input.length()?),
            opcode::END => {
                self.state = if self.version >= CHECKSUM_SINCE { State::Checksum } else { State::Ended };
                return Ok(self.is_ended().then_some(Item::End));
            }
            kind => {
                let key = input.string()?.into_owned();
                self.state = State::Value(key, Builder::new(kind)?);
            }
        }
        Ok(None)
    }

    fn record(&mut self, value: Built) -> Option<Item> {
        let State::Value(key, _) = std::mem::replace(&mut self.state, State::Opcode) else { return None };
        Some(Item::Record(Record {
            db: self.db,
            key,
            value,
            deadline: self.deadline.take(),
            idle: self.idle.take(),
            frequency: self.frequency.take(),
        }))
    }

    fn end(&mut self, input: &mut Input<'_>) -> Result<Option<Item>, Fault> {
        let (expected, got) = (self.checksum.value(), u64::from_le_bytes(input.array()?));
        // 0 is what is written when no checksum was wanted.
        if self.check && got != 0 && got != expected {
            return Err(Error::Checksum { expected, got }.into());
        }
        self.state = State::Ended;
        Ok(Some(Item::End))
    }
}

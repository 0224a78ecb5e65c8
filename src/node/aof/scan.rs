//! Reads a file of the append-only log command by command, and knows where the last whole one ends.
//!
//! A transaction is one unit: of one that lacks its EXEC nothing counts. What is not a file of commands is a [`Fault`],
//! never a guess.

use std::io::{self, BufRead, Read};

/// The longest line. Source: Redis 7.0 `AOF_ANNOTATION_LINE_MAX_LEN`.
const LONGEST_LINE: u64 = 1024;
/// The longest argument: more than any command can have had.
const LONGEST_ARGUMENT: u64 = 1 << 40;

/// Why there is no next unit.
#[derive(Debug)]
pub enum Fault {
    /// The file ends in the middle of one.
    Short,
    /// The file ends in the middle of a transaction.
    Unfinished,
    /// These are no commands.
    Format,
    /// There is no such command.
    Unknown(Vec<u8>),
    /// It can't be read.
    Unreadable(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Unreadable(error)
    }
}

/// See the module's header.
pub struct Scan<R> {
    source: R,
    /// How far it was read.
    position: u64,
    /// The end of the last unit.
    valid: u64,
    line: Vec<u8>,
}

impl<R: BufRead> Scan<R> {
    /// Scans `source` from where it is, which is `position`.
    pub fn new(source: R, position: u64) -> Scan<R> {
        Scan { source, position, valid: position, line: Vec::new() }
    }

    /// The end of the last whole unit.
    pub fn valid(&self) -> u64 {
        self.valid
    }

    /// Adds the next unit to `unit`, in RESP; false: there is none, and the file ends as it should. `knows` tells
    /// whether there is a command of these words, the name first.
    pub fn next(&mut self, unit: &mut Vec<u8>, knows: impl Fn(&[&[u8]]) -> bool) -> Result<bool, Fault> {
        let mut in_transaction = false;
        loop {
            match self.command(unit, &knows) {
                Ok(None) if in_transaction => return Err(Fault::Unfinished),
                Ok(None) => return Ok(false),
                Ok(Some(Word::Multi)) => in_transaction = true,
                Ok(Some(Word::Other)) if in_transaction => {}
                Ok(Some(_)) => {
                    self.valid = self.position;
                    return Ok(true);
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// The next command.
    fn command(&mut self, unit: &mut Vec<u8>, knows: &impl Fn(&[&[u8]]) -> bool) -> Result<Option<Word>, Fault> {
        let count = loop {
            if !self.read_line()? {
                return Ok(None);
            }
            match self.line.first() {
                Some(b'#') => {}
                Some(b'*') => break number(&self.line[1..]).filter(|count| *count > 0).ok_or(Fault::Format)?,
                _ => return Err(Fault::Format),
            }
        };
        unit.extend(format!("*{count}\r\n").into_bytes());
        // Subcommands count: there is no command that needs a third word to be known.
        let mut words = [(0, 0); 2];
        for index in 0..count {
            if !self.read_line()? {
                return Err(Fault::Short);
            }
            let length = match self.line.split_first() {
                Some((b'$', length)) => number(length).filter(|length| *length <= LONGEST_ARGUMENT),
                _ => None,
            };
            let length = length.ok_or(Fault::Format)?;
            unit.extend(format!("${length}\r\n").into_bytes());
            let start = unit.len();
            let read = self.source.by_ref().take(length).read_to_end(unit)? as u64;
            let end = io::copy(&mut self.source.by_ref().take(2), &mut io::sink())?;
            self.position += read + end;
            if read < length || end < 2 {
                return Err(Fault::Short);
            }
            if let Some(word) = words.get_mut(index as usize) {
                *word = (start, unit.len());
            }
            unit.extend(b"\r\n");
        }
        let words = words.map(|(start, end)| &unit[start..end]);
        let words = &words[..words.len().min(count as usize)];
        if !knows(words) {
            return Err(Fault::Unknown(words[0].to_vec()));
        }
        Ok(Some(match words[0].to_ascii_lowercase().as_slice() {
            b"multi" => Word::Multi,
            b"exec" | b"discard" => Word::Exec,
            _ => Word::Other,
        }))
    }

    /// Reads a line; false: there is none.
    fn read_line(&mut self) -> Result<bool, Fault> {
        self.line.clear();
        let read = self.source.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut self.line)? as u64;
        self.position += read;
        if read == 0 {
            return Ok(false);
        }
        match self.line.ends_with(b"\n") {
            true => Ok(true),
            false if read == LONGEST_LINE => Err(Fault::Format),
            false => Err(Fault::Short),
        }
    }
}

enum Word {
    Multi,
    Exec,
    Other,
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        words
            .iter()
            .fold(format!("*{}\r\n", words.len()), |text, word| text + &format!("${}\r\n{word}\r\n", word.len()))
    }

    fn scan(text: &str) -> (Vec<String>, u64, Option<Fault>) {
        let (mut scan, mut units) = (Scan::new(text.as_bytes(), 0), Vec::new());
        loop {
            let mut unit = Vec::new();
            match scan.next(&mut unit, |words| words[0] != b"BAD") {
                Ok(true) => units.push(String::from_utf8(unit).unwrap()),
                Ok(false) => return (units, scan.valid(), None),
                Err(fault) => return (units, scan.valid(), Some(fault)),
            }
        }
    }

    #[test]
    fn commands_and_transactions_are_units() {
        let transaction = encode("MULTI") + &encode("SET a 1") + &encode("exec");
        let text = format!("{}#TS:1\r\n{transaction}#TS:2\r\n", encode("SET a 0"));
        let (units, valid, fault) = scan(&text);
        assert_eq!(units, [encode("SET a 0"), transaction]);
        assert!(fault.is_none() && valid == text.len() as u64 - 7);
    }

    #[test]
    fn the_end_of_the_last_whole_unit_is_known() {
        let whole = encode("SET a 0");
        let (units, valid, fault) = scan(&(whole.clone() + &encode("MULTI") + &encode("SET a 1")));
        assert!(units.len() == 1 && valid == whole.len() as u64 && matches!(fault, Some(Fault::Unfinished)));
        let (units, valid, fault) = scan(&(whole.clone() + &encode("SET b 1")[..12]));
        assert!(units.len() == 1 && valid == whole.len() as u64 && matches!(fault, Some(Fault::Short)));
        assert!(matches!(scan(&(whole.clone() + "!!!\r\n")).2, Some(Fault::Format)));
        assert!(matches!(scan("*1\r\n*1\r\n").2, Some(Fault::Format)));
        assert!(matches!(scan(&encode("BAD 1")).2, Some(Fault::Unknown(name)) if name == b"BAD"));
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_result(bytes in proptest::collection::vec(prop_oneof![Just(b'*'), Just(b'$'), Just(b'1'),
            Just(b'\r'), Just(b'\n'), any::<u8>()], 0..64)) {
            let mut scan = Scan::new(&bytes[..], 0);
            while let Ok(true) = scan.next(&mut Vec::new(), |_| true) {}
            prop_assert!(scan.valid() <= bytes.len() as u64);
        }
    }
}

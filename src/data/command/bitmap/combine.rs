//! BITOP: strings combined bit by bit.

use crate::base::notify::Class;
use crate::data::command::string::{announce_new, missed, read};
use crate::data::exec::Exec;
use crate::data::store::Deadline;
use crate::resp::Error;

#[derive(Clone, Copy, PartialEq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

impl Operation {
    fn parse(word: &[u8]) -> Result<Operation, Error> {
        match word.to_ascii_lowercase().as_slice() {
            b"and" => Ok(Operation::And),
            b"or" => Ok(Operation::Or),
            b"xor" => Ok(Operation::Xor),
            b"not" => Ok(Operation::Not),
            _ => Err(Error::Syntax),
        }
    }

    /// Combines what there is so far with another string; the shorter one goes on with zeroes.
    fn apply(self, result: &mut Vec<u8>, other: &[u8]) {
        if result.len() < other.len() {
            result.resize(other.len(), 0);
        }
        let (common, beyond) = result.split_at_mut(other.len());
        let pairs = common.iter_mut().zip(other);
        match self {
            Operation::And => {
                pairs.for_each(|(byte, other)| *byte &= other);
                beyond.fill(0);
            }
            Operation::Or => pairs.for_each(|(byte, other)| *byte |= other),
            Operation::Xor => pairs.for_each(|(byte, other)| *byte ^= other),
            Operation::Not => pairs.for_each(|(byte, other)| *byte = !other),
        }
    }
}

/// `BITOP AND | OR | XOR | NOT destination key [key ...]`
pub fn bitop(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let operation = Operation::parse(args[1])?;
    if operation == Operation::Not && args.len() != 4 {
        return Err(Error::new("ERR BITOP NOT must be called with a single source key."));
    }
    let mut result = Vec::new();
    for (index, bytes) in args[3..].iter().enumerate() {
        let key = exec.key(bytes);
        let value = read(exec.stores, exec.db, &key, exec.now)?;
        match (index, operation) {
            (0, Operation::And | Operation::Or | Operation::Xor) => result.extend_from_slice(value.unwrap_or_default()),
            _ => operation.apply(&mut result, value.unwrap_or_default()),
        }
        if value.is_none() {
            missed(exec, &key);
        }
    }

    let key = exec.key(args[2]);
    let (db, now, length) = (exec.db, exec.now, result.len());
    if length > 0 {
        announce_new(exec, &key);
        exec.store(key.slot).set_string_owned(db, &key, result, Deadline::Clear, now);
        exec.changed(1);
        exec.notify(Class::STRING, "set", &key);
    } else if exec.store(key.slot).remove(db, &key, now) {
        exec.changed(1);
        exec.notify(Class::GENERIC, "del", &key);
    }
    exec.reply.int(length as i64);
    Ok(())
}

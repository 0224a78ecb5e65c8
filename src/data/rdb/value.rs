//! Values, read: one element after the other, so that a value whose bytes come in pieces is never read twice.

use super::input::{Fault, Input};
use super::{Error, kind};
use crate::contract::settings::EncodingLimits;
use crate::data::store::Object;

/// A value under way.
pub struct Builder {
    form: Form,
}

enum Form {
    String,
}

/// What a value turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Built {
    /// A value.
    Value(Object),
    /// A collection without elements, which no key can hold: old versions of Redis wrote some by mistake.
    Empty,
}

impl Builder {
    /// For a value in the form `kind`.
    pub fn new(kind: u8, _limits: &EncodingLimits) -> Result<Builder, Error> {
        let form = match kind {
            kind::STRING => Form::String,
            _ => return Err(Error::Corrupt("Unknown RDB encoding type")),
        };
        Ok(Builder { form })
    }

    /// Reads on. When the input is too short, what was read of it stays read, and the rest is wanted again.
    pub fn read(&mut self, input: &mut Input<'_>) -> Result<Built, Fault> {
        loop {
            let start = input.position();
            match self.element(input) {
                Ok(Some(built)) => return Ok(built),
                Ok(None) => {}
                Err(fault) => {
                    input.rewind(start);
                    return Err(fault);
                }
            }
        }
    }

    /// Reads the next part of the value, as small as can be; the value, if that was the last.
    fn element(&mut self, input: &mut Input<'_>) -> Result<Option<Built>, Fault> {
        match &mut self.form {
            Form::String => Ok(Some(Built::Value(Object::String(input.string()?.into_owned())))),
        }
    }
}

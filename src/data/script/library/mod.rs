//! The libraries that scripts find beside Lua's own: `cjson`, `cmsgpack`, `struct`, `bit`, with the results of those
//! that come with Redis 7.0.

pub mod bit;
pub mod cjson;
pub mod cmsgpack;
pub mod structs;

use super::api;
use crate::base::limits;
use mlua::{Lua, Result, Table};

/// Adds each library's functions to `functions` and its constants to `values`, by the library's name.
pub fn add(lua: &Lua, functions: &Table, values: &Table) -> Result<()> {
    functions.set("bit", bit::functions(lua)?)?;
    functions.set("cjson", cjson::functions(lua)?)?;
    values.set("cjson", cjson::values(lua)?)?;
    functions.set("cmsgpack", cmsgpack::functions(lua)?)?;
    values.set("cmsgpack", cmsgpack::values(lua)?)?;
    functions.set("struct", structs::functions(lua)?)
}

/// What is encoded is no part of Lua's memory before it is done. A few tables that hold each other again and again can be
/// more than any memory holds.
fn check_output(out: &[u8]) -> Result<()> {
    if out.len() > limits::SCRIPT_OUTPUT { api::failure("not enough memory") } else { Ok(()) }
}

//! The libraries that scripts find beside Lua's own: `cjson`, `cmsgpack`, `struct`, `bit`, with the results of those
//! that come with Redis 7.0.

pub mod bit;

use mlua::{Lua, Result, Table};

/// Adds each library's functions to `functions` and its constants to `values`, by the library's name.
pub fn add(lua: &Lua, functions: &Table, _: &Table) -> Result<()> {
    functions.set("bit", bit::functions(lua)?)?;
    Ok(())
}

//! `bit`: operations on 32-bit integers, as those of LuaBitOp.

use super::super::api;
use mlua::{Lua, MultiValue, Result, Table, Value};

/// The functions.
pub fn functions(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    fold(lua, &table, "tobit", |_, _| 0)?;
    fold(lua, &table, "band", |a, b| a & b)?;
    fold(lua, &table, "bor", |a, b| a | b)?;
    fold(lua, &table, "bxor", |a, b| a ^ b)?;
    shift(lua, &table, "lshift", |a, n| a << n)?;
    shift(lua, &table, "rshift", |a, n| a >> n)?;
    shift(lua, &table, "arshift", |a, n| (a as i32 >> n) as u32)?;
    shift(lua, &table, "rol", u32::rotate_left)?;
    shift(lua, &table, "ror", u32::rotate_right)?;
    unary(lua, &table, "bnot", |a| !a)?;
    unary(lua, &table, "bswap", u32::swap_bytes)?;
    api::add(lua, &table, "tohex", tohex)?;
    Ok(table)
}

/// A number as LuaBitOp takes it: rounded to the nearest integer, modulo 2^32.
fn bits(lua: &Lua, args: &MultiValue, place: usize, name: &str) -> std::result::Result<u32, String> {
    let value = args.get(place).cloned().unwrap_or(Value::Nil);
    match lua.coerce_number(value) {
        Ok(Some(number)) => Ok((number.round_ties_even().rem_euclid(4294967296.0)) as u32),
        _ => Err(format!("bad argument #{} to '{name}' (number expected)", place + 1)),
    }
}

fn answer(result: std::result::Result<u32, String>) -> Result<Value> {
    match result {
        Ok(bits) => Ok(Value::Number(f64::from(bits as i32))),
        Err(text) => api::failure(text),
    }
}

fn fold(lua: &Lua, table: &Table, name: &'static str, operation: fn(u32, u32) -> u32) -> Result<()> {
    api::add(lua, table, name, move |lua, args: MultiValue| {
        let rest = 1..if name == "tobit" { 1 } else { args.len() };
        let result =
            rest.fold(bits(lua, &args, 0, name), |left, place| Ok(operation(left?, bits(lua, &args, place, name)?)));
        answer(result)
    })
}

fn shift(lua: &Lua, table: &Table, name: &'static str, operation: fn(u32, u32) -> u32) -> Result<()> {
    api::add(lua, table, name, move |lua, args: MultiValue| {
        let result = bits(lua, &args, 0, name).and_then(|value| Ok(operation(value, bits(lua, &args, 1, name)? & 31)));
        answer(result)
    })
}

fn unary(lua: &Lua, table: &Table, name: &'static str, operation: fn(u32) -> u32) -> Result<()> {
    api::add(lua, table, name, move |lua, args: MultiValue| answer(bits(lua, &args, 0, name).map(operation)))
}

/// `tohex(x [, n])`: the last n hex digits, 8 by default; in capitals if n is negative.
fn tohex(lua: &Lua, args: MultiValue) -> Result<Value> {
    let value = match bits(lua, &args, 0, "tohex") {
        Ok(value) => value,
        Err(text) => return api::failure(text),
    };
    let wanted = if args.len() > 1 { bits(lua, &args, 1, "tohex").unwrap_or(8) as i32 } else { 8 };
    let digits = wanted.unsigned_abs().min(8) as usize;
    let text = if wanted < 0 { format!("{value:08X}") } else { format!("{value:08x}") };
    lua.create_string(&text[8 - digits..]).map(Value::String)
}

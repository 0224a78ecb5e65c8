//! What Rust gives to the sandbox: `redis.*`, random numbers, and what `prelude.lua` itself needs.
//!
//! An error of these functions travels through Lua as a [`Failure`] within mlua's own error value; wherever a script can
//! catch one, the prelude turns it into a table as Redis's errors are (`problem`).

use super::bridge::Bridge;
use super::call;
use super::functions::{self, Registering};
use super::library;
use mlua::{FromLuaMulti, IntoLua, Lua, MultiValue, Result, Table, Value};
use std::rc::Rc;

/// The sources of scripts and of libraries of functions, as error texts show them.
pub const SCRIPT_SOURCE: &str = "@user_script";
/// See [`SCRIPT_SOURCE`].
pub const LIBRARY_SOURCE: &str = "@user_function";

/// What went wrong in a native function.
#[derive(Debug, thiserror::Error)]
#[error("{}", String::from_utf8_lossy(.text))]
pub struct Failure {
    /// What, with its code word.
    pub text: Vec<u8>,
}

/// The error of a native function: `text` with the code word ERR.
pub fn failure<T>(text: impl std::fmt::Display) -> Result<T> {
    Err(mlua::Error::external(Failure { text: format!("ERR {text}").into_bytes() }))
}

/// The number that a value is. Lua has one kind of them, mlua two.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        _ => None,
    }
}

/// An error as scripts see it.
fn problem(lua: &Lua, error: &mlua::Error) -> Result<Table> {
    let text = match error.downcast_ref::<Failure>() {
        Some(failure) => failure.text.clone(),
        None => format!("ERR {}", message(error)).into_bytes(),
    };
    one_field(lua, "err", text)
}

/// A table that says `field` = `text`, as errors and statuses are told.
fn one_field(lua: &Lua, field: &str, text: impl AsRef<[u8]>) -> Result<Table> {
    let table = lua.create_table_with_capacity(0, 2)?;
    table.raw_set(field, lua.create_string(text)?)?;
    Ok(table)
}

/// The text of an error of mlua: what follows the first line is where in our own code it happened.
pub(super) fn message(error: &mlua::Error) -> String {
    let text = match error {
        mlua::Error::RuntimeError(text) | mlua::Error::MemoryError(text) => text.clone(),
        mlua::Error::CallbackError { cause, .. } => message(cause),
        other => other.to_string(),
    };
    text.lines().next().unwrap_or_default().to_owned()
}

/// All of it, as `prelude.lua` expects it. `bridge` must outlive the interpreter.
pub fn native(lua: &Lua, bridge: &Rc<Bridge>, registering: &Registering, deprecated: bool) -> Result<Table> {
    let native = lua.create_table()?;
    native.set("deprecated", deprecated)?;
    let inner = bridge.clone();
    native.set("killed", lua.create_function(move |_, ()| Ok(inner.killed.get()))?)?;
    native.set("problem", lua.create_function(|lua, error: mlua::Error| problem(lua, &error))?)?;
    native.set("position", lua.create_function(|lua, ()| Ok(position(lua)))?)?;
    let functions = lua.create_table()?;
    functions.set("redis", redis(lua, bridge)?)?;
    functions.set("math", random(lua, bridge)?)?;
    let inner = registering.clone();
    let register = lua.create_function(move |lua, args: MultiValue| functions::register(lua, &inner, &args))?;
    native.set("register_function", register)?;
    let values = lua.create_table()?;
    values.set("redis", constants(lua)?)?;
    library::add(lua, &functions, &values)?;
    native.set("functions", functions)?;
    native.set("values", values)?;
    Ok(native)
}

/// Source and line of the innermost function of a script.
fn position(lua: &Lua) -> (Option<String>, Option<usize>) {
    for level in 1.. {
        let found = lua.inspect_stack(level, |debug| {
            let source = debug.source().source.map(|source| source.into_owned()).unwrap_or_default();
            let is_script = source == SCRIPT_SOURCE || source == LIBRARY_SOURCE;
            is_script.then(|| (source, debug.current_line()))
        });
        match found {
            Some(Some((source, line))) => return (Some(source), line),
            Some(None) => {}
            None => break,
        }
    }
    (None, None)
}

/// The functions of `redis.*`.
fn redis(lua: &Lua, bridge: &Rc<Bridge>) -> Result<Table> {
    let table = lua.create_table()?;
    call::add(lua, &table, Rc::as_ptr(bridge))?;
    add(lua, &table, "sha1hex", |lua, args: MultiValue| {
        let [value] = args.as_slices().0 else { return failure("wrong number of arguments") };
        let text = lua.coerce_string(value.clone())?;
        let digest = sha1_smol::Sha1::from(text.map(|text| text.as_bytes().to_vec()).unwrap_or_default()).digest();
        digest.to_string().into_lua(lua)
    })?;
    // These two return what is wrong instead of raising it, as in Redis.
    add(lua, &table, "error_reply", |lua, args: MultiValue| {
        let [Value::String(text)] = args.as_slices().0 else { return returned(lua, WRONG) };
        one_field(lua, "err", error_text(&text.as_bytes())).map(Value::Table)
    })?;
    add(lua, &table, "status_reply", |lua, args: MultiValue| {
        let [Value::String(text)] = args.as_slices().0 else { return returned(lua, WRONG) };
        one_field(lua, "ok", text.as_bytes()).map(Value::Table)
    })?;
    add(lua, &table, "log", |lua, args: MultiValue| log(lua, &args))?;
    let inner = bridge.clone();
    add(lua, &table, "setresp", move |lua, args: MultiValue| {
        let [value] = args.as_slices().0 else { return failure("redis.setresp() requires one argument.") };
        match lua.coerce_number(value.clone())? {
            _ if !inner.is_inside() => failure("redis.setresp can only be called inside a script invocation"),
            Some(2.0) => {
                inner.resp3.set(false);
                Ok(Value::Nil)
            }
            Some(3.0) => {
                inner.resp3.set(true);
                Ok(Value::Nil)
            }
            _ => failure("RESP version must be 2 or 3."),
        }
    })?;
    let inner = bridge.clone();
    add(lua, &table, "set_repl", move |lua, args: MultiValue| {
        let [value] = args.as_slices().0 else { return failure("redis.set_repl() requires two arguments.") };
        match lua.coerce_number(value.clone())?.unwrap_or(0.0) as i64 {
            _ if !inner.is_inside() => failure("redis.set_repl can only be called inside a script invocation"),
            flags @ 0..=3 => {
                inner.replicate.set(flags as u8);
                Ok(Value::Nil)
            }
            _ => failure("Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE."),
        }
    })?;
    add(lua, &table, "breakpoint", |_, _: MultiValue| Ok(Value::Boolean(false)))?;
    add(lua, &table, "debug", |_, _: MultiValue| Ok(Value::Nil))?;
    add(lua, &table, "replicate_commands", |_, _: MultiValue| Ok(Value::Boolean(true)))?;
    Ok(table)
}

const WRONG: &str = "wrong number or type of arguments";

/// An error as a result.
fn returned(lua: &Lua, text: &str) -> Result<Value> {
    one_field(lua, "err", format!("ERR {text}")).map(Value::Table)
}

/// The text of an error reply: with a code word, without the dash that may lead it. One word alone is no code.
fn error_text(text: &[u8]) -> Vec<u8> {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    if memchr::memchr(b' ', text).is_some() { text.to_vec() } else { [b"ERR ", text].concat() }
}

fn constants(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    for (name, value) in [
        ("LOG_DEBUG", 0),
        ("LOG_VERBOSE", 1),
        ("LOG_NOTICE", 2),
        ("LOG_WARNING", 3),
        ("REPL_NONE", 0),
        ("REPL_AOF", 1),
        ("REPL_SLAVE", 2),
        ("REPL_REPLICA", 2),
        ("REPL_ALL", 3),
        ("REDIS_VERSION_NUM", 0x0007_000f),
    ] {
        table.set(name, value)?;
    }
    table.set("REDIS_VERSION", "7.0.15")?;
    Ok(table)
}

/// `redis.log(level, text ...)`.
fn log(lua: &Lua, args: &MultiValue) -> Result<Value> {
    let [level, texts @ ..] = args.as_slices().0 else {
        return failure("redis.log() requires two arguments or more.");
    };
    if texts.is_empty() {
        return failure("redis.log() requires two arguments or more.");
    }
    let Some(level) = lua.coerce_number(level.clone())? else {
        return failure("First argument must be a number (log level).");
    };
    let level = match level as i64 {
        0 => log::Level::Trace,
        1 => log::Level::Debug,
        2 => log::Level::Info,
        3 => log::Level::Warn,
        _ => return failure("Invalid debug level."),
    };
    if log::log_enabled!(level) {
        let texts: Vec<String> = texts
            .iter()
            .filter_map(|text| lua.coerce_string(text.clone()).ok().flatten())
            .map(|text| text.to_string_lossy())
            .collect();
        log::log!(level, "{}", texts.join(" "));
    }
    Ok(Value::Nil)
}

/// `math.random` and `math.randomseed`: the generator of Redis, so that a seed gives the same numbers everywhere.
fn random(lua: &Lua, bridge: &Rc<Bridge>) -> Result<Table> {
    let table = lua.create_table()?;
    let inner = bridge.clone();
    add(lua, &table, "random", move |lua, args: MultiValue| {
        let state = inner.random.get().wrapping_mul(0x5_deec_e66d).wrapping_add(0xb) & 0xffff_ffff_ffff;
        inner.random.set(state);
        let most = i32::MAX as u64;
        let ratio = ((state >> 17) % most) as f64 / most as f64;
        let bounds: Option<Vec<f64>> =
            args.iter().map(|bound| lua.coerce_number(bound.clone()).ok().flatten().map(f64::trunc)).collect();
        match bounds.as_deref() {
            Some([]) => Ok(Value::Number(ratio)),
            Some([upper]) if *upper >= 1.0 => Ok(Value::Number((ratio * upper).floor() + 1.0)),
            Some([lower, upper]) if lower <= upper => {
                Ok(Value::Number((ratio * (upper - lower + 1.0)).floor() + lower))
            }
            Some([_]) => failure("bad argument #1 to 'random' (interval is empty)"),
            Some([_, _]) => failure("bad argument #2 to 'random' (interval is empty)"),
            Some(_) => failure("wrong number of arguments"),
            None => failure("bad argument to 'random' (number expected)"),
        }
    })?;
    let inner = bridge.clone();
    add(lua, &table, "randomseed", move |lua, args: MultiValue| {
        let seed = args.front().cloned().map(|seed| lua.coerce_number(seed)).transpose()?.flatten();
        let Some(seed) = seed else {
            return failure("bad argument #1 to 'randomseed' (number expected, got no value)");
        };
        inner.random.set(u64::from(seed as i64 as u32) << 16 | 0x330e);
        Ok(Value::Nil)
    })?;
    Ok(table)
}

/// Adds a function to a table.
pub fn add<A, F>(lua: &Lua, table: &Table, name: &str, function: F) -> Result<()>
where
    A: FromLuaMulti,
    F: Fn(&Lua, A) -> Result<Value> + 'static,
{
    table.set(name, lua.create_function(function)?)
}

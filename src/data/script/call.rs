//! `redis.call`, `redis.pcall` and `redis.acl_check_cmd`: a script steps out for a command and goes on with its reply.
//!
//! What is raised is a table as Redis's errors are: `err`, and `ignore_error_stats_update` if it was counted when the
//! command failed.

use super::bridge::{Bridge, Lent, Resume, Suspend};
use super::convert;
use super::engine::COUNTED;
use super::stack::{IsNative, Kind, Native, Stack};
use crate::base::limits;
use crate::resp::double;
use mlua::{Lua, Result, Table};

/// Adds the three to the table `redis`. `bridge` must outlive the interpreter.
///
/// # Errors
/// When there is not enough memory.
pub fn add(lua: &Lua, redis: &Table, bridge: *const Bridge) -> Result<()> {
    redis.set("call", Stack::native::<Call>(lua, bridge)?)?;
    redis.set("pcall", Stack::native::<ProtectedCall>(lua, bridge)?)?;
    redis.set("acl_check_cmd", Stack::native::<Check>(lua, bridge)?)
}

struct Call;
impl IsNative for Call {
    const CALL: Native = |stack, bridge| {
        if call(stack, bridge) {
            stack.raise();
        }
    };
}

struct ProtectedCall;
impl IsNative for ProtectedCall {
    const CALL: Native = |stack, bridge| {
        call(stack, bridge);
    };
}

/// Calls a command; leaves its reply. True: that is an error.
fn call(stack: &Stack, bridge: &Bridge) -> bool {
    if !bridge.is_inside() {
        raise(stack, "ERR redis.call/pcall can only be called inside a script invocation");
    }
    let reply = match take_arguments(stack, bridge) {
        Ok(()) => leave(stack, bridge, Suspend::Call),
        Err(text) => bridge.lend(format!("-{text}\r\n").into_bytes()),
    };
    let error = reply.bytes.strip_prefix(b"-");
    match error {
        Some(text) => {
            convert::push_field(stack, "err", text.trim_ascii_end());
            stack.push(COUNTED.as_bytes());
            stack.push_boolean(true);
            stack.set(-3);
        }
        None => convert::push(stack, reply.bytes),
    }
    let failed = error.is_some();
    bridge.give_back(reply);
    failed
}

struct Check;
impl IsNative for Check {
    const CALL: Native = |stack, bridge| {
        if !bridge.is_inside() {
            raise(stack, "ERR redis.acl_check_cmd can only be called inside a script invocation");
        }
        if let Err(text) = take_arguments(stack, bridge) {
            raise(stack, text);
        }
        let reply = leave(stack, bridge, Suspend::Check);
        let refused = reply.bytes.strip_prefix(b"-");
        match refused {
            Some(text) => convert::push_field(stack, "err", text.trim_ascii_end()),
            None => stack.push_boolean(reply.bytes.starts_with(b":1")),
        }
        let failed = refused.is_some();
        bridge.give_back(reply);
        if failed {
            stack.raise();
        }
    };
}

/// Leaves the script for a reply.
fn leave<'b>(stack: &Stack, bridge: &'b Bridge, why: Suspend) -> Lent<'b> {
    let lent = match bridge.suspend(why) {
        Some(Resume::Reply(reply)) => Some(bridge.lend(reply)),
        _ => None,
    };
    lent.unwrap_or_else(|| raise(stack, "ERR Script killed by user with SCRIPT KILL..."))
}

/// Lays the arguments of a command out where the core finds them.
fn take_arguments(stack: &Stack, bridge: &Bridge) -> std::result::Result<(), &'static str> {
    let count = stack.top();
    if count == 0 {
        return Err("ERR Please specify at least one argument for this redis lib call");
    }
    // Nothing is raised while it is borrowed: what is there is only looked at.
    let mut arguments = bridge.arguments.borrow_mut();
    arguments.clear();
    for place in 1..=count {
        if arguments.length() + stack.bytes(place).len() > limits::SCRIPT_OUTPUT {
            return Err("ERR Lua redis lib command arguments are too long");
        }
        match stack.kind(place) {
            Kind::Text => arguments.push(stack.bytes(place)),
            Kind::Number(number) => arguments.push(double::text(number).as_bytes()),
            _ => return Err("ERR Lua redis lib command arguments must be strings or integers"),
        }
    }
    Ok(())
}

/// Raises an error of the script's own making.
fn raise(stack: &Stack, text: &'static str) -> ! {
    convert::push_field(stack, "err", text.as_bytes());
    stack.raise()
}

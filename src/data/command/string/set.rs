//! SET and its older relatives SETNX, SETEX and PSETEX.

use super::{exists, missed, read, write};
use crate::base::notify::Class;
use crate::data::command::expiry_args::{Base, Expiry, Unit, deadline};
use crate::data::exec::Exec;
use crate::data::key::Key;
use crate::data::store::Deadline;
use crate::resp::Error;

/// `SET key value [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]`
pub fn set(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    if args.len() > 3 {
        return set_with_options(exec, args);
    }
    let key = exec.key(args[1]);
    write(exec, &key, args[2], Deadline::Clear, "set");
    exec.reply.ok();
    Ok(())
}

/// `SETNX key value`
pub fn setnx(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let absent = !exists(exec, &key);
    if absent {
        write(exec, &key, args[2], Deadline::Clear, "set");
    }
    exec.reply.int(i64::from(absent));
    Ok(())
}

/// `SETEX key seconds value`
pub fn setex(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    set_for_a_while(exec, args, Unit::Seconds, "setex")
}

/// `PSETEX key milliseconds value`
pub fn psetex(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    set_for_a_while(exec, args, Unit::Milliseconds, "psetex")
}

fn set_for_a_while(exec: &mut Exec<'_>, args: &[&[u8]], unit: Unit, command: &'static str) -> Result<(), Error> {
    let deadline = deadline(args[2], unit, Base::Now, exec.now, command)?;
    let key = exec.key(args[1]);
    write_until(exec, &key, args[3], deadline);
    exec.reply.ok();
    Ok(())
}

#[cold]
fn set_with_options(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let options = Options::parse(&args[3..])?;
    let until = match options.expiry {
        Expiry::At(number, unit, base) => Some(deadline(number, unit, base, exec.now, "set")?),
        _ => None,
    };
    let key = exec.key(args[1]);
    if options.get {
        reply_old_value(exec, &key)?;
    }
    let refused = match options.condition {
        Condition::None => false,
        Condition::IfAbsent => exists(exec, &key),
        Condition::IfPresent => !exists(exec, &key),
    };
    if refused {
        if !options.get {
            exec.reply.null();
        }
        return Ok(());
    }
    match until {
        Some(until) => write_until(exec, &key, args[2], until),
        None => {
            let deadline = if options.expiry == Expiry::Keep { Deadline::Keep } else { Deadline::Clear };
            write(exec, &key, args[2], deadline, "set");
            if options.get {
                replicate_without_get(exec, args);
            }
        }
    }
    if !options.get {
        exec.reply.ok();
    }
    Ok(())
}

/// Replies what GET would.
pub(super) fn reply_old_value(exec: &mut Exec<'_>, key: &Key<'_>) -> Result<(), Error> {
    match read(exec.stores, exec.db, key, exec.now)? {
        Some(value) => exec.reply.bulk(value),
        None => {
            exec.reply.null();
            missed(exec, key);
        }
    }
    Ok(())
}

/// Gives `key` the string `value` until the Unix time `until`, which may be past: then the next look at the key
/// finds it expired. Replicates with the absolute time, since a relative one would start again at the replica.
fn write_until(exec: &mut Exec<'_>, key: &Key<'_>, value: &[u8], until: u64) {
    write(exec, key, value, Deadline::At(until), "set");
    exec.notify(Class::GENERIC, "expire", key);
    let mut digits = itoa::Buffer::new();
    exec.replicate_as(&[b"SET", key.bytes, value, b"PXAT", digits.format(until).as_bytes()]);
}

/// A replica has no use for the old value.
fn replicate_without_get(exec: &mut Exec<'_>, args: &[&[u8]]) {
    let (command, options) = args.split_at(3);
    let kept = options.iter().filter(|option| !option.eq_ignore_ascii_case(b"GET"));
    let rewritten: Vec<&[u8]> = command.iter().chain(kept).copied().collect();
    exec.replicate_as(&rewritten);
}

/// What SET's options ask for.
struct Options<'a> {
    condition: Condition,
    get: bool,
    expiry: Expiry<'a>,
}

#[derive(PartialEq, Eq)]
enum Condition {
    None,
    IfAbsent,
    IfPresent,
}

impl<'a> Options<'a> {
    fn parse(mut options: &[&'a [u8]]) -> Result<Self, Error> {
        let mut parsed = Options { condition: Condition::None, get: false, expiry: Expiry::default() };
        while let Some(option) = options.first() {
            let mut taken = 1;
            if option.eq_ignore_ascii_case(b"NX") && parsed.condition != Condition::IfPresent {
                parsed.condition = Condition::IfAbsent;
            } else if option.eq_ignore_ascii_case(b"XX") && parsed.condition != Condition::IfAbsent {
                parsed.condition = Condition::IfPresent;
            } else if option.eq_ignore_ascii_case(b"GET") {
                parsed.get = true;
            } else {
                taken = parsed.expiry.read(options)?;
            }
            options = &options[taken..];
        }
        if parsed.expiry == Expiry::Persist {
            return Err(Error::Syntax);
        }
        Ok(parsed)
    }
}

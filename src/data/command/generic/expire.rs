//! EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT: giving a key a deadline.
//!
//! Replicated by effect, so that a replica needs no clock: a new deadline as PEXPIREAT with its Unix time,
//! one that has passed as DEL.

use crate::base::notify::Class;
use crate::data::command::expiry_args::{Base, Unit};
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::data::key::Key;
use crate::resp::Error;

/// `EXPIRE key seconds [NX|XX|GT|LT]`
pub fn expire(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    run(exec, args, Unit::Seconds, Base::Now, "expire")
}

/// `PEXPIRE key milliseconds [NX|XX|GT|LT]`
pub fn pexpire(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    run(exec, args, Unit::Milliseconds, Base::Now, "pexpire")
}

/// `EXPIREAT key unix-seconds [NX|XX|GT|LT]`
pub fn expireat(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    run(exec, args, Unit::Seconds, Base::Epoch, "expireat")
}

/// `PEXPIREAT key unix-milliseconds [NX|XX|GT|LT]`
pub fn pexpireat(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    run(exec, args, Unit::Milliseconds, Base::Epoch, "pexpireat")
}

fn run(exec: &mut Exec<'_>, args: &[&[u8]], unit: Unit, base: Base, name: &'static str) -> Result<(), Error> {
    let condition = Condition::parse(&args[3..])?;
    let number = parse_i64(args[2]).ok_or(Error::NotAnInteger)?;
    let deadline = deadline(number, unit, base, exec.now).ok_or(Error::InvalidExpire(name.into()))?;
    let key = exec.key(args[1]);

    let (db, now) = (exec.db, exec.now);
    let store = exec.store(key.slot);
    let allowed = store.peek(db, &key, now).is_some_and(|handle| condition.allows(deadline, store.deadline(handle)));
    exec.reply.int(i64::from(allowed));
    if !allowed {
        return Ok(());
    }
    if deadline <= now as i64 {
        remove(exec, &key);
    } else {
        set(exec, &key, deadline as u64, &args[3..]);
    }
    exec.changed(1);
    Ok(())
}

fn set(exec: &mut Exec<'_>, key: &Key<'_>, deadline: u64, options: &[&[u8]]) {
    let (db, now) = (exec.db, exec.now);
    exec.store(key.slot).set_deadline(db, key, Some(deadline), now);
    exec.notify(Class::GENERIC, "expire", key);
    let mut digits = itoa::Buffer::new();
    let mut command: Vec<&[u8]> = vec![b"PEXPIREAT", key.bytes, digits.format(deadline).as_bytes()];
    command.extend(options);
    exec.replicate_as(&command);
}

fn remove(exec: &mut Exec<'_>, key: &Key<'_>) {
    let (db, now) = (exec.db, exec.now);
    exec.store(key.slot).remove(db, key, now);
    exec.notify(Class::GENERIC, "del", key);
    exec.replicate_as(&[b"DEL", key.bytes]);
}

/// The Unix time in milliseconds that `number` names; may lie in the past, even before 1970. `None`: beyond 63 bits.
fn deadline(number: i64, unit: Unit, base: Base, now: u64) -> Option<i64> {
    let scaled = match unit {
        Unit::Seconds => number.checked_mul(1000)?,
        Unit::Milliseconds => number,
    };
    match base {
        Base::Now => scaled.checked_add(now as i64),
        Base::Epoch => Some(scaled),
    }
}

/// When a deadline may be set: `NX`, or any of `XX`, `GT`, `LT`.
#[derive(Default)]
struct Condition {
    absent: bool,
    present: bool,
    later: bool,
    sooner: bool,
}

impl Condition {
    fn parse(options: &[&[u8]]) -> Result<Condition, Error> {
        let mut condition = Condition::default();
        for option in options {
            match option.to_ascii_lowercase().as_slice() {
                b"nx" => condition.absent = true,
                b"xx" => condition.present = true,
                b"gt" => condition.later = true,
                b"lt" => condition.sooner = true,
                _ => return Err(Error::new(format!("ERR Unsupported option {}", String::from_utf8_lossy(option)))),
            }
        }
        if condition.absent && (condition.present || condition.later || condition.sooner) {
            return Err(Error::new("ERR NX and XX, GT or LT options at the same time are not compatible"));
        }
        if condition.later && condition.sooner {
            return Err(Error::new("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(condition)
    }

    /// A key without a deadline counts as one that never dies: LT holds, GT does not.
    fn allows(&self, deadline: i64, current: Option<u64>) -> bool {
        match current.map(|current| current as i64) {
            None => !self.present && !self.later,
            Some(current) => {
                !self.absent && (!self.later || deadline > current) && (!self.sooner || deadline < current)
            }
        }
    }
}

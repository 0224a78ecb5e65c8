//! TTL, PTTL, EXPIRETIME, PEXPIRETIME: asking for a key's deadline; PERSIST: taking it away.

use super::{glance, peek};
use crate::base::notify::Class;
use crate::data::command::expiry_args::{Base, Unit};
use crate::data::exec::Exec;
use crate::resp::Error;

/// `TTL key`
pub fn ttl(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    tell(exec, args, Unit::Seconds, Base::Now)
}

/// `PTTL key`
pub fn pttl(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    tell(exec, args, Unit::Milliseconds, Base::Now)
}

/// `EXPIRETIME key`
pub fn expiretime(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    tell(exec, args, Unit::Seconds, Base::Epoch)
}

/// `PEXPIRETIME key`
pub fn pexpiretime(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    tell(exec, args, Unit::Milliseconds, Base::Epoch)
}

/// `PERSIST key`
pub fn persist(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let (db, now) = (exec.db, exec.now);
    let volatile = peek(exec, &key).is_some_and(|handle| exec.store(key.slot).deadline(handle).is_some());
    exec.reply.int(i64::from(volatile));
    if volatile {
        exec.store(key.slot).set_deadline(db, &key, None, now);
        exec.notify(Class::GENERIC, "persist", &key);
        exec.changed(1);
    }
    Ok(())
}

/// Seconds are rounded to the nearest, Unix times too.
fn tell(exec: &mut Exec<'_>, args: &[&[u8]], unit: Unit, base: Base) -> Result<(), Error> {
    const NO_KEY: i64 = -2;
    const NO_DEADLINE: i64 = -1;
    let key = exec.key(args[1]);
    let now = exec.now;
    let answer = match glance(exec, &key).map(|handle| exec.store(key.slot).deadline(handle)) {
        None => NO_KEY,
        Some(None) => NO_DEADLINE,
        Some(Some(deadline)) => {
            let milliseconds = match base {
                Base::Now => deadline.saturating_sub(now),
                Base::Epoch => deadline,
            };
            match unit {
                Unit::Seconds => (milliseconds as i64 + 500) / 1000,
                Unit::Milliseconds => milliseconds as i64,
            }
        }
    };
    exec.reply.int(answer);
    Ok(())
}

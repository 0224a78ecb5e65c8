//! TYPE and OBJECT: what a key holds, and how. None of them marks the key as used.

use super::{glance, inspect};
use crate::contract::settings::EvictionPolicy;
use crate::data::command::help;
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::data::key::Key;
use crate::data::store::Handle;
use crate::resp::Error;

/// `TYPE key`
pub fn type_name(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let name = glance(exec, &key).map_or("none", |handle| exec.store(key.slot).kind(handle).name());
    exec.reply.simple(name);
    Ok(())
}

/// `OBJECT ENCODING key`
pub fn encoding(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let Some((key, handle)) = object(exec, args) else { return Ok(()) };
    let name = exec.store(key.slot).encoding(handle);
    exec.reply.bulk(name.as_bytes());
    Ok(())
}

/// `OBJECT FREQ key`
pub fn freq(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let Some((key, handle)) = object(exec, args) else { return Ok(()) };
    if !counts_uses(exec.settings.maxmemory_policy) {
        return Err(Error::new(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
             switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    let now = exec.now;
    let frequency = exec.store(key.slot).frequency(handle, now);
    exec.reply.int(i64::from(frequency));
    Ok(())
}

/// `OBJECT IDLETIME key`
pub fn idletime(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let Some((key, handle)) = object(exec, args) else { return Ok(()) };
    if counts_uses(exec.settings.maxmemory_policy) {
        return Err(Error::new(
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching \
             between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    let now = exec.now;
    let seconds = exec.store(key.slot).idle_seconds(handle, now);
    exec.reply.int(seconds as i64);
    Ok(())
}

/// `OBJECT REFCOUNT key`: no value is shared here; where Redis would share a small integer we say so too,
/// since that is all a client can see of it.
pub fn refcount(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    const SHARED_INTEGERS: std::ops::Range<i64> = 0..10_000;
    const SHARED: i64 = i32::MAX as i64;
    let Some((key, handle)) = object(exec, args) else { return Ok(()) };
    let may_share = exec.settings.maxmemory == 0 || !needs_own_clock(exec.settings.maxmemory_policy);
    let store = exec.store(key.slot);
    let integer = if store.encoding(handle) == "int" { store.string(handle).and_then(parse_i64) } else { None };
    let shared = may_share && integer.is_some_and(|value| SHARED_INTEGERS.contains(&value));
    exec.reply.int(if shared { SHARED } else { 1 });
    Ok(())
}

/// `OBJECT HELP`
pub fn help(exec: &mut Exec<'_>, _args: &[&[u8]]) -> Result<(), Error> {
    help::write(&mut exec.reply, "OBJECT", HELP);
    Ok(())
}

const HELP: &[&str] = &[
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>.",
];

/// The key an OBJECT subcommand asks about; answers null when there is none.
fn object<'a>(exec: &mut Exec<'_>, args: &[&'a [u8]]) -> Option<(Key<'a>, Handle)> {
    let key = exec.key(args[2]);
    let found = inspect(exec, &key);
    if found.is_none() {
        exec.reply.null();
    }
    found.map(|handle| (key, handle))
}

/// Whether the access clocks count uses (LFU) rather than tell the last one (LRU).
fn counts_uses(policy: EvictionPolicy) -> bool {
    matches!(policy, EvictionPolicy::AllKeysLfu | EvictionPolicy::VolatileLfu)
}

/// Whether eviction looks at each value's own access clock, so that values cannot be shared.
fn needs_own_clock(policy: EvictionPolicy) -> bool {
    counts_uses(policy) || matches!(policy, EvictionPolicy::AllKeysLru | EvictionPolicy::VolatileLru)
}

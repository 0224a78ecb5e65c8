//! DUMP and RESTORE: a value as bytes, and a key made of them.

use super::{peek, read};
use crate::base::notify::Class;
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::data::rdb::dump;
use crate::data::store::{Deadline, Object};
use crate::data::types::Forms;
use crate::resp::Error;
use std::sync::Arc;

/// `DUMP key`
pub fn dump(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[1]);
    let Some(handle) = read(exec, &key) else {
        exec.reply.null();
        return Ok(());
    };
    let compressed = exec.settings.rdb_compression;
    let payload = dump::dump(exec.store(key.slot).value(handle), compressed);
    exec.reply.bulk(&payload);
    Ok(())
}

/// `RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]`
pub fn restore(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let options = Options::parse(&args[4..])?;
    let (key, payload) = (exec.key(args[1]), args[3]);
    let is_there = peek(exec, &key).is_some();
    if is_there && !options.replace {
        return Err(Error::new("BUSYKEY Target key name already exists."));
    }
    let ttl = parse_i64(args[2]).ok_or(Error::NotAnInteger)?;
    let ttl = u64::try_from(ttl).map_err(|_| Error::new("ERR Invalid TTL value, must be >= 0"))?;
    let trusted = exec.store(key.slot).trusts_checksums;
    if !dump::is_intact(payload, trusted) {
        return Err(Error::new("ERR DUMP payload version or checksum are wrong"));
    }
    let forms = Forms { limits: &exec.settings.encodings, hasher: exec.hasher };
    let value = dump::restore(payload, forms).map_err(|problem| {
        log::warn!("A payload of RESTORE is damaged: {problem}");
        Error::new("ERR Bad data format")
    })?;

    let (db, now) = (exec.db, exec.now);
    let deadline = match ttl {
        0 => None,
        at if options.absolute => Some(at),
        ttl => Some(now.saturating_add(ttl)),
    };
    if is_there {
        exec.store(key.slot).remove(db, &key, now);
    }
    exec.reply.ok();
    if deadline.is_some_and(|at| at <= now) {
        if is_there {
            exec.replicate_as(&[b"DEL", key.bytes]);
            exec.notify(Class::GENERIC, "del", &key);
            exec.changed(1);
        }
        return Ok(());
    }
    let store = exec.store(key.slot);
    let place = deadline.map_or(Deadline::Clear, Deadline::At);
    let handle = match value {
        Object::String(bytes) => store.set_string_owned(db, &key, Arc::unwrap_or_clone(bytes), place, now),
        object => store.set_object(db, &key, object, place, now),
    };
    match (store.clock.lfu, options.frequency, options.idle) {
        (true, Some(frequency), _) => store.set_frequency(handle, frequency, now),
        (false, _, Some(idle)) => store.set_idle_seconds(handle, idle, now),
        _ => {}
    }
    if let Some(deadline) = deadline.filter(|_| !options.absolute) {
        // A replica gets it later, and must let the key die at the same time.
        let deadline = deadline.to_string();
        let sent = [&[args[0], args[1], deadline.as_bytes()], &args[3..], &[b"ABSTTL"]].concat();
        exec.replicate_as(&sent);
    }
    exec.signal_ready(&key);
    exec.notify(Class::NEW, "new", &key);
    exec.notify(Class::GENERIC, "restore", &key);
    exec.changed(1);
    Ok(())
}

#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
    idle: Option<u64>,
    frequency: Option<u8>,
}

impl Options {
    fn parse(args: &[&[u8]]) -> Result<Options, Error> {
        let mut options = Options::default();
        let mut rest = args;
        loop {
            rest = match rest {
                [] => return Ok(options),
                [word, rest @ ..] if word.eq_ignore_ascii_case(b"REPLACE") => {
                    options.replace = true;
                    rest
                }
                [word, rest @ ..] if word.eq_ignore_ascii_case(b"ABSTTL") => {
                    options.absolute = true;
                    rest
                }
                [word, idle, rest @ ..] if word.eq_ignore_ascii_case(b"IDLETIME") && options.frequency.is_none() => {
                    let idle = parse_i64(idle).ok_or(Error::NotAnInteger)?;
                    let idle = u64::try_from(idle);
                    options.idle = Some(idle.map_err(|_| Error::new("ERR Invalid IDLETIME value, must be >= 0"))?);
                    rest
                }
                [word, frequency, rest @ ..] if word.eq_ignore_ascii_case(b"FREQ") && options.idle.is_none() => {
                    let frequency = u8::try_from(parse_i64(frequency).ok_or(Error::NotAnInteger)?);
                    let refused = |_| Error::new("ERR Invalid FREQ value, must be >= 0 and <= 255");
                    options.frequency = Some(frequency.map_err(refused)?);
                    rest
                }
                _ => return Err(Error::Syntax),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::HANDLERS;
    use crate::contract::settings::EvictionPolicy;
    use crate::data::command::string;
    use crate::data::command::testing::{Bench, START, run};

    const HELLO: &str = r#""\x00\x05hello\n\x00cr\xdfve4 \n""#;

    fn bench() -> Bench {
        Bench::new(&[HANDLERS, string::HANDLERS])
    }

    #[test]
    fn a_value_goes_and_comes_back() {
        let mut bench = bench();
        assert_eq!(run(&mut bench, "DUMP a"), b"$-1\r\n");
        run(&mut bench, "SET a hello");
        assert_eq!(run(&mut bench, "DUMP a"), b"$17\r\n\x00\x05hello\n\x00cr\xdfve4 \n\r\n");
        assert_eq!(run(&mut bench, &format!("RESTORE b 0 {HELLO}")), b"+OK\r\n");
        assert_eq!(bench.events(), ["new:b", "restore:b"]);
        assert_eq!((bench.effects.changed, bench.replicated().len()), (1, 0));
        assert_eq!(run(&mut bench, "GET b"), b"$5\r\nhello\r\n");
    }

    #[test]
    fn a_key_that_is_there_is_replaced_only_on_demand() {
        let mut bench = bench();
        run(&mut bench, "SET a 1");
        let busy = b"-BUSYKEY Target key name already exists.\r\n";
        assert_eq!(run(&mut bench, &format!("RESTORE a 0 {HELLO}")), busy);
        assert_eq!(run(&mut bench, &format!("RESTORE a 0 {HELLO} replace")), b"+OK\r\n");
        assert_eq!(run(&mut bench, "GET a"), b"$5\r\nhello\r\n");
    }

    #[test]
    fn deadlines_are_replicated_as_points_in_time() {
        let mut bench = bench();
        run(&mut bench, &format!("RESTORE a 5000 {HELLO} REPLACE"));
        let sent = &bench.effects.rewritten[0];
        assert_eq!((&*sent[2], &*sent[5]), ((START + 5000).to_string().as_bytes(), &b"ABSTTL"[..]));
        assert_eq!(run(&mut bench, "PTTL a"), b":5000\r\n");
        run(&mut bench, &format!("RESTORE b {} {HELLO} ABSTTL", START + 70));
        assert_eq!(bench.replicated().len(), 0);
        assert_eq!(run(&mut bench, "PTTL b"), b":70\r\n");
        // What is past already only removes what is there.
        assert_eq!(run(&mut bench, &format!("RESTORE a 1 {HELLO} ABSTTL REPLACE")), b"+OK\r\n");
        assert_eq!((bench.events(), bench.replicated()), (vec!["del:a".into()], vec!["DEL a".into()]));
        assert_eq!(run(&mut bench, &format!("RESTORE a 1 {HELLO} ABSTTL")), b"+OK\r\n");
        assert_eq!((bench.effects.changed, run(&mut bench, "EXISTS a")), (0, b":0\r\n".to_vec()));
    }

    #[test]
    fn use_is_told_by_the_clock_that_the_policy_keeps() {
        let mut bench = bench();
        run(&mut bench, &format!("RESTORE a 0 {HELLO} IDLETIME 1000"));
        assert_eq!(run(&mut bench, "OBJECT IDLETIME a"), b":1000\r\n");
        bench.settings.maxmemory_policy = EvictionPolicy::AllKeysLfu;
        let settings = bench.settings.clone();
        bench.stores.home_mut().configure(&settings);
        run(&mut bench, &format!("RESTORE b 0 {HELLO} FREQ 100"));
        assert_eq!(run(&mut bench, "OBJECT FREQ b"), b":100\r\n");
    }

    #[test]
    fn refusals_come_in_the_order_of_redis() {
        let mut bench = bench();
        for (line, refusal) in [
            ("RESTORE a 0 x FREQ 256", "ERR Invalid FREQ value, must be >= 0 and <= 255"),
            ("RESTORE a 0 x IDLETIME -1", "ERR Invalid IDLETIME value, must be >= 0"),
            ("RESTORE a 0 x IDLETIME 1 FREQ 1", "ERR syntax error"),
            ("RESTORE a x x", "ERR value is not an integer or out of range"),
            ("RESTORE a -1 x", "ERR Invalid TTL value, must be >= 0"),
            ("RESTORE a 0 x", "ERR DUMP payload version or checksum are wrong"),
            (r#"RESTORE a 0 "\x00\x05hello\n\x00cr\xdfve4 \x0b""#, "ERR DUMP payload version or checksum are wrong"),
        ] {
            assert_eq!(run(&mut bench, line), format!("-{refusal}\r\n").as_bytes(), "{line}");
        }
    }
}

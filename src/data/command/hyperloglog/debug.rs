//! PFDEBUG and PFSELFTEST: what those use who look into HyperLogLogs.

use super::{current, encoding_of};
use crate::data::exec::Exec;
use crate::data::store::Deadline;
use crate::data::types::hyperloglog::{self as hll, Encoding, REGISTERS, dense, sparse};
use crate::resp::Error;

/// Elements that PFSELFTEST adds: few enough that no client waits for it.
const TESTED: u64 = 10_000;

/// `PFDEBUG GETREG | DECODE | ENCODING | TODENSE key`
pub fn pfdebug(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let key = exec.key(args[2]);
    let (db, now) = (exec.db, exec.now);
    let value = current(exec.stores, db, &key, now)?;
    let value = value.ok_or(Error::new("ERR The specified key does not exist"))?;
    let encoding = encoding_of(value)?;
    match args[1].to_ascii_lowercase().as_slice() {
        b"encoding" => exec.reply.simple(if encoding == Encoding::Dense { "dense" } else { "sparse" }),
        b"decode" if encoding == Encoding::Dense => return Err(Error::new("ERR HLL encoding is not sparse")),
        b"decode" => {
            let mut words = Vec::new();
            for run in sparse::runs(hll::registers(value)) {
                let run = run?;
                words.push(match (run.value, run.size) {
                    (0, 1) => format!("z:{}", run.length),
                    (0, _) => format!("Z:{}", run.length),
                    (value, _) => format!("v:{value},{}", run.length),
                });
            }
            exec.reply.bulk(words.join(" ").as_bytes());
        }
        word @ (b"getreg" | b"todense") => {
            let mut bytes = value.to_vec();
            hll::make_dense(&mut bytes)?;
            if word == b"getreg" {
                exec.reply.array(REGISTERS);
                let registers = hll::registers(&bytes);
                (0..REGISTERS).for_each(|index| exec.reply.int(i64::from(dense::get(registers, index))));
            } else {
                exec.reply.int(i64::from(encoding == Encoding::Sparse));
            }
            if encoding == Encoding::Sparse {
                exec.store(key.slot).set_string_owned(db, &key, bytes, Deadline::Keep, now);
                exec.changed(1);
            }
        }
        _ => return Err(Error::Bytes([b"ERR Unknown PFDEBUG subcommand '", args[1], b"'"].concat())),
    }
    Ok(())
}

/// `PFSELFTEST`: whether both encodings count the same, and near the truth. (Redis's own adds ten million elements.)
pub fn pfselftest(exec: &mut Exec<'_>, _args: &[&[u8]]) -> Result<(), Error> {
    let failed = |what: &'static str| Error::new(format!("ERR TESTFAILED {what}"));
    let (mut one, mut wide) = (hll::new(), hll::new());
    hll::make_dense(&mut wide)?;
    let mut checkpoint = 1;
    for number in 1..=TESTED {
        let element = (number ^ exec.now << 24).to_le_bytes();
        hll::add(&mut one, &element, exec.settings.encodings.hll_sparse_bytes)?;
        hll::add_dense(&mut wide, &element);
        if number < checkpoint {
            continue;
        }
        let count = hll::count(&one)?;
        if count != hll::count(&wide)? {
            return Err(failed("dense/sparse disagree"));
        }
        // Six times the standard error of 1.04 / sqrt(16384), and one for the few.
        if count.abs_diff(number) as f64 > (number as f64 * 0.04875).ceil() {
            return Err(failed("Too big error."));
        }
        checkpoint *= 10;
    }
    exec.reply.ok();
    Ok(())
}

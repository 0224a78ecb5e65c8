//! HSCAN, SSCAN and ZSCAN: one step over a collection.

use super::collection::{missed, read};
use super::keyspace::{ScanOptions, parse_cursor};
use crate::base::glob::{Case, matches};
use crate::data::exec::Exec;
use crate::data::store::Collection;
use crate::resp::{Error, Reply};

/// How many buckets are looked at for each element that is asked for: many may be empty. Source: Redis 7.0
/// `scanGenericCommand`.
const STEPS_AN_ELEMENT: usize = 10;

/// What a step visits: an element, and what belongs to it.
pub type Visit<'v> = dyn FnMut(&[u8], Option<&[u8]>) + 'v;

/// `?SCAN key cursor [MATCH pattern] [COUNT count]`. `walk` visits some elements from a cursor on and returns where to
/// go on, 0: nowhere.
pub fn scan<C: Collection>(
    exec: &mut Exec<'_>,
    args: &[&[u8]],
    mut walk: impl FnMut(&C, u64, &mut Visit<'_>) -> u64,
) -> Result<(), Error> {
    let mut cursor = parse_cursor(args[2])?;
    let key = exec.key(args[1]);
    let Some(collection) = read::<C>(exec.stores, exec.db, &key, exec.now)? else {
        exec.reply.array(2);
        exec.reply.bulk(b"0");
        exec.reply.array(0);
        missed(exec, &key);
        return Ok(());
    };
    let options = ScanOptions::parse(&args[3..])?;
    if options.type_filter.is_some() {
        return Err(Error::Syntax);
    }
    let pattern = options.pattern.filter(|pattern| *pattern != b"*");
    let (mut found, mut replies, mut seen) = (Vec::new(), 0, 0);
    let mut texts = Reply::new(&mut found, exec.reply.proto());
    for _ in 0..options.count.saturating_mul(STEPS_AN_ELEMENT) {
        cursor = walk(collection, cursor, &mut |element, value| {
            seen += 1;
            if pattern.is_none_or(|pattern| matches(pattern, element, Case::Sensitive)) {
                texts.bulk(element);
                value.iter().for_each(|value| texts.bulk(value));
                replies += 1 + usize::from(value.is_some());
            }
        });
        if cursor == 0 || seen >= options.count {
            break;
        }
    }
    exec.reply.array(2);
    exec.reply.bulk(itoa::Buffer::new().format(cursor).as_bytes());
    exec.reply.array(replies);
    exec.reply.raw(&found);
    Ok(())
}

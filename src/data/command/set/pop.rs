//! Random members: SPOP and SRANDMEMBER.

use crate::base::notify::Class;
use crate::base::random::Random;
use crate::data::command::collection::{read, remove_emptied, write_entry};
use crate::data::command::number::parse_i64;
use crate::data::command::sample::{Wanted, draw_none, sample};
use crate::data::exec::Exec;
use crate::data::types::Forms;
use crate::data::types::set::Set;
use crate::resp::Error;

/// How many times as many members as stay are taken before it is quicker to draw those that stay.
const MOST_GO: usize = 5;

/// `SPOP key [count]`
pub fn spop(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let count = match &args[2..] {
        [] => None,
        [count] => Some(parse_count(count)?),
        _ => return Err(Error::Syntax),
    };
    let (key, forms) = (exec.key(args[1]), exec.forms());
    let (db, now) = (exec.db, exec.now);
    let store = exec.store(key.slot);
    let mut random = store.fork_random();
    let popped = store.edit(db, &key, now, |set: &mut Set| {
        let members = pop(set, count.unwrap_or(1), &mut random, forms);
        let changed = !members.is_empty();
        ((members, set.is_empty()), changed)
    })?;
    let (members, is_empty) = popped.unwrap_or_default();
    match (count, members.first()) {
        (Some(_), _) => {
            exec.reply.set(members.len());
            members.iter().for_each(|member| exec.reply.bulk(member));
        }
        (None, Some(member)) => exec.reply.bulk(member),
        (None, None) => exec.reply.null(),
    }
    if members.is_empty() {
        return Ok(());
    }
    exec.changed(members.len() as u64);
    exec.notify(Class::SET, "spop", &key);
    // By its result: another draw would take others.
    if is_empty && count.is_some() {
        exec.replicate_as(&[b"DEL", args[1]]);
    } else {
        members.iter().for_each(|member| exec.replicate_as(&[b"SREM", args[1], member]));
    }
    if is_empty {
        remove_emptied(exec, &key);
    }
    Ok(())
}

fn parse_count(text: &[u8]) -> Result<usize, Error> {
    let count = parse_i64(text).and_then(|count| usize::try_from(count).ok());
    count.ok_or_else(|| Error::new("ERR value is out of range, must be positive"))
}

/// Takes `count` random members out, or all there are.
fn pop(set: &mut Set, count: usize, random: &mut Random, forms: Forms<'_>) -> Vec<Vec<u8>> {
    let size = set.len();
    if count >= size {
        return std::mem::take(set).iter().map(|member| member.to_vec()).collect();
    }
    let left = size - count;
    if left.saturating_mul(MOST_GO) > count {
        return draw(set, count, random);
    }
    let mut rest = Set::new();
    draw(set, left, random).iter().for_each(|member| _ = rest.insert(member, forms));
    std::mem::replace(set, rest).iter().map(|member| member.to_vec()).collect()
}

/// Takes `count` members out one after the other.
fn draw(set: &mut Set, count: usize, random: &mut Random) -> Vec<Vec<u8>> {
    let one = |_| {
        let member = set.random(random)?.to_vec();
        set.remove(&member);
        Some(member)
    };
    (0..count).filter_map(one).collect()
}

/// `SRANDMEMBER key [count]`
pub fn srandmember(exec: &mut Exec<'_>, args: &[&[u8]]) -> Result<(), Error> {
    let wanted = match &args[2..] {
        [] => None,
        [count] => Some(Wanted::parse(count)?),
        _ => return Err(Error::Syntax),
    };
    let key = exec.key(args[1]);
    let end = wanted.map_or(Ok(usize::MAX), |wanted| wanted.end_of_reply(exec));
    let mut random = exec.store(key.slot).fork_random();
    match (read::<Set>(exec.stores, exec.db, &key, exec.now)?, wanted) {
        (Some(set), Some(wanted)) => {
            let end = end?;
            exec.reply.array(wanted.of(set.len()));
            sample(set, wanted, &mut random, |member| {
                write_entry(&mut exec.reply, member);
                exec.reply.position() < end
            });
        }
        (Some(set), None) => {
            if let Some(member) = set.random(&mut random) {
                write_entry(&mut exec.reply, member);
            }
        }
        (None, wanted) => draw_none(exec, &key, wanted.is_some()),
    }
    Ok(())
}

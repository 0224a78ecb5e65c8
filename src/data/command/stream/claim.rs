//! XCLAIM and XAUTOCLAIM: giving to one consumer what another has had for too long.

use super::pending::group_of;
use super::{Claimed, Done, args, edit, no_group, replicate_claim, replicate_group, write_entries, write_id};
use crate::base::notify::Class;
use crate::data::command::number::parse_i64;
use crate::data::exec::Exec;
use crate::data::types::stream::{Id, Pending, Stream};
use crate::resp::{Error, Reply};
use std::cell::Cell;

/// How to claim.
struct Claim<'a> {
    consumer: &'a [u8],
    min_idle: u64,
    delivered: u64,
    retries: Option<u64>,
    force: bool,
    just_id: bool,
    /// Whether the consumer has come into being for this.
    created: Cell<bool>,
}

/// What came of one id.
enum Result1 {
    /// It is the consumer's now, and was replied.
    Claimed(Claimed),
    /// The stream has no such entry any more; it was pending as this says.
    Gone(Claimed),
    /// Nothing.
    Left,
}

impl Claim<'_> {
    /// Claims `id`; replies it if it could.
    fn take(&self, stream: &mut Stream, name: &[u8], id: Id, now: u64, reply: &mut Reply<'_>) -> Result1 {
        let there = stream.has(id);
        let Some(group) = stream.groups.get_mut(name) else { return Result1::Left };
        let old = group.pending().get(&id).copied();
        if !there {
            let claimed = Claimed::of(group, id);
            group.acknowledge(id);
            return claimed.map_or(Result1::Left, Result1::Gone);
        }
        let idle = old.map_or(u64::MAX, |old| now.saturating_sub(old.delivered));
        if old.is_none() && !self.force || self.min_idle > 0 && idle < self.min_idle {
            return Result1::Left;
        }
        let (consumer, created) = group.consumer_named(self.consumer, now);
        self.created.set(self.created.get() || created);
        let before = old.map_or(0, |old| old.count);
        let count = self.retries.unwrap_or(if self.just_id { before } else { before + 1 });
        // What XCLAIM makes by FORCE counts as given once, as in Redis.
        let count = if old.is_none() && self.retries.is_none() { count + 1 } else { count };
        group.give(id, Pending { consumer, delivered: self.delivered, count });
        let claimed = Claimed::of(group, id);
        if self.just_id {
            write_id(reply, id);
        } else {
            write_entries(reply, stream, (id, id), 1, false);
        }
        claimed.map_or(Result1::Left, Result1::Claimed)
    }
}

fn number(text: &[u8], wrong: &'static str) -> Result<i64, Error> {
    parse_i64(text).ok_or(Error::new(wrong))
}

/// `XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-ms] [RETRYCOUNT count] [FORCE]
/// [JUSTID] [LASTID lastid]`
pub fn xclaim(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    let (key, now) = (exec.key(args[1]), exec.now);
    let found = edit(exec, &key, |stream, _| (group_of(stream, args).map(|_| ()), false))?;
    found.unwrap_or_else(|| Err(no_group(args[1], args[2])))?;
    let min_idle = number(args[4], "ERR Invalid min-idle-time argument for XCLAIM")?.max(0) as u64;
    let count = args[5..].iter().take_while(|text| args::id(text, 0).is_ok()).count();
    let ids: Vec<Id> = args[5..5 + count].iter().filter_map(|text| args::id(text, 0).ok()).collect();
    let mut claim = Claim {
        consumer: args[3],
        min_idle,
        delivered: now,
        retries: None,
        force: false,
        just_id: false,
        created: Cell::new(false),
    };
    let (mut time, mut last_id) = (None, None);
    let mut words = args[5 + count..].iter();
    while let Some(word) = words.next() {
        let lower = word.to_ascii_lowercase();
        match (lower.as_slice(), words.len() > 0) {
            (b"force", _) => claim.force = true,
            (b"justid", _) => claim.just_id = true,
            (b"idle", true) => {
                let idle = number(next(&mut words), "ERR Invalid IDLE option argument for XCLAIM")?;
                time = Some((now as i64).saturating_sub(idle));
            }
            (b"time", true) => time = Some(number(next(&mut words), "ERR Invalid TIME option argument for XCLAIM")?),
            (b"retrycount", true) => {
                let count = number(next(&mut words), "ERR Invalid RETRYCOUNT option argument for XCLAIM")?;
                claim.retries = u64::try_from(count).ok();
            }
            (b"lastid", true) => last_id = Some(args::id(next(&mut words), 0)?),
            _ => return Err(Error::Bytes([b"ERR Unrecognized XCLAIM option '", *word, b"'"].concat())),
        }
    }
    // On a replica, which has no time of its own, every time is right.
    let in_time = |time: &i64| *time >= 0 && (now == 0 || *time as u64 <= now);
    claim.delivered = time.filter(in_time).map_or(now, |time| time as u64);
    let (claimed, written, moved) = claim_all(exec, args, &claim, &ids, last_id)?;
    announce(exec, &claim, args[1]);
    exec.reply.array(written.1);
    exec.reply.raw(&written.0);
    let tells_last = moved.filter(|_| claimed.is_empty());
    claimed.iter().for_each(|claimed| replicate_claim(exec, args[1], args[2], claimed));
    if let Some((last, read)) = tells_last {
        replicate_group(exec, args[1], args[2], last, read);
    }
    Ok(())
}

/// Announces the consumer, if it is new.
fn announce(exec: &mut Exec<'_>, claim: &Claim<'_>, key: &[u8]) {
    if claim.created.get() {
        let key = exec.key(key);
        exec.notify(Class::STREAM, "xgroup-createconsumer", &key);
    }
}

fn next<'a>(words: &mut std::slice::Iter<'_, &'a [u8]>) -> &'a [u8] {
    words.next().copied().unwrap_or_default()
}

/// What was changed, to replicate; the replies and how many; and the group's last id if that was raised.
type AllClaimed = (Vec<Claimed>, (Vec<u8>, usize), Option<(Id, Option<u64>)>);

fn claim_all(
    exec: &mut Exec<'_>,
    args: &[&[u8]],
    claim: &Claim<'_>,
    ids: &[Id],
    last_id: Option<Id>,
) -> Result<AllClaimed, Error> {
    let (key, now, proto) = (exec.key(args[1]), exec.now, exec.reply.proto());
    let all = edit(exec, &key, |stream, _| {
        let mut moved = None;
        if let (Some(last), Some(group)) = (last_id, stream.groups.get_mut(args[2]))
            && last > group.last_id
        {
            group.last_id = last;
            moved = Some((last, group.entries_read));
        }
        let (mut claimed, mut bytes, mut count) = (Vec::new(), Vec::new(), 0);
        let mut reply = Reply::new(&mut bytes, proto);
        for id in ids {
            match claim.take(stream, args[2], *id, now, &mut reply) {
                Result1::Claimed(one) => {
                    claimed.push(one);
                    count += 1;
                }
                Result1::Gone(one) => claimed.push(one),
                Result1::Left => {}
            }
        }
        let changed = !claimed.is_empty() || moved.is_some();
        ((claimed, (bytes, count), moved), changed)
    })?;
    all.ok_or_else(|| no_group(args[1], args[2]))
}

/// `XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]`
pub fn xautoclaim(exec: &mut Exec<'_>, args: &[&[u8]]) -> Done {
    /// Pending entries looked at for each that may be claimed.
    const ATTEMPTS: usize = 10;
    let min_idle = number(args[4], "ERR Invalid min-idle-time argument for XAUTOCLAIM")?.max(0) as u64;
    let start = args::start(args[5])?;
    let (mut count, mut just_id) = (100, false);
    let mut words = args[6..].iter();
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case(b"count") && words.len() > 0 {
            let most = i64::MAX / 16;
            count = match parse_i64(next(&mut words)) {
                None => return Err(Error::NotAnInteger),
                Some(count) if (1..=most).contains(&count) => count as usize,
                Some(_) => return Err(Error::new("ERR COUNT must be > 0")),
            };
        } else if word.eq_ignore_ascii_case(b"justid") {
            just_id = true;
        } else {
            return Err(Error::Syntax);
        }
    }
    let (key, now, proto) = (exec.key(args[1]), exec.now, exec.reply.proto());
    let claim = Claim {
        consumer: args[3],
        min_idle,
        delivered: now,
        retries: None,
        force: false,
        just_id,
        created: Cell::new(false),
    };
    let all = edit(exec, &key, |stream, _| {
        let group = match group_of(stream, args) {
            Ok(group) => group,
            Err(error) => return (Err(error), false),
        };
        let attempts = count.saturating_mul(ATTEMPTS);
        let pending: Vec<Id> =
            group.pending().range(start..).take(attempts.saturating_add(1)).map(|(id, _)| *id).collect();
        let (mut claimed, mut gone, mut bytes, mut taken, mut looked) = (Vec::new(), Vec::new(), Vec::new(), 0, 0);
        let mut reply = Reply::new(&mut bytes, proto);
        while looked < pending.len().min(attempts) && taken + gone.len() < count {
            let id = pending[looked];
            looked += 1;
            match claim.take(stream, args[2], id, now, &mut reply) {
                Result1::Claimed(one) => {
                    claimed.push(one);
                    taken += 1;
                }
                Result1::Gone(one) => {
                    claimed.push(one);
                    gone.push(id);
                }
                Result1::Left => {}
            }
        }
        let cursor = pending.get(looked).copied().unwrap_or(Id::ZERO);
        let changed = !claimed.is_empty();
        (Ok((claimed, gone, bytes, taken, cursor)), changed)
    })?;
    let (claimed, gone, bytes, taken, cursor) = all.unwrap_or_else(|| Err(no_group(args[1], args[2])))?;
    announce(exec, &claim, args[1]);
    exec.reply.array(3);
    write_id(&mut exec.reply, cursor);
    exec.reply.array(taken);
    exec.reply.raw(&bytes);
    exec.reply.array(gone.len());
    gone.iter().for_each(|id| write_id(&mut exec.reply, *id));
    claimed.iter().for_each(|claimed| replicate_claim(exec, args[1], args[2], claimed));
    Ok(())
}

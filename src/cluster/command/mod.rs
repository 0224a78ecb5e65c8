//! The CLUSTER command: one table of its subcommands, and how a call runs through it.
//!
//! COUNTKEYSINSLOT and GETKEYSINSLOT are not here: the data cores, which have the keys, answer them.

mod admin;
mod failover;
mod help;
mod membership;
mod refusal;
mod setslot;
mod shards;
mod slots;
mod views;

use super::now::Now;
use super::{Action, Cluster};
use crate::resp::{Error, Reply};
use crate::slot::Slot;
use refusal::Refusal;
use std::borrow::Cow;

/// What a call may have to know of the data plane. Whoever calls asks the data cores first, for what
/// [`Inquiry::of`] says.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The address by which the client reached this node; empty when not known. While the node has not learnt its own
    /// address from others, clients are told this one: it is true for them, and some can't do with none.
    pub reached: String,
    /// Keys of the whole node.
    pub keys: u64,
    /// Keys in the slot that [`Inquiry::KeysInSlot`] named.
    pub keys_in_slot: u64,
    /// This node's replication offset: as a primary what it has sent, as a replica what it has received.
    pub replication_offset: u64,
}

/// Which of the [`Facts`] a call depends on. The replication offset, which costs nothing to know, is always wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inquiry {
    /// None.
    Nothing,
    /// How many keys the node has.
    Keys,
    /// How many keys it has in this slot.
    KeysInSlot(Slot),
}

impl Inquiry {
    /// What has to be asked before `args`, a whole CLUSTER command, can be run.
    pub fn of(args: &[&[u8]]) -> Inquiry {
        let is =
            |index: usize, name: &str| args.get(index).is_some_and(|arg| arg.eq_ignore_ascii_case(name.as_bytes()));
        if is(1, "flushslots") || is(1, "reset") || is(1, "replicate") {
            return Inquiry::Keys;
        }
        match args.get(2).map(|arg| parse_slot(arg)) {
            Some(Ok(slot)) if is(1, "setslot") && is(3, "node") => Inquiry::KeysInSlot(slot),
            _ => Inquiry::Nothing,
        }
    }
}

/// One call: its arguments, and what it may depend on.
struct Call<'a> {
    args: &'a [&'a [u8]],
    now: Now,
    facts: Facts,
}

impl<'a> Call<'a> {
    /// What follows the subcommand's name.
    fn parameters(&self) -> &'a [&'a [u8]] {
        &self.args[2..]
    }

    /// Whether parameter `index` is `word`, in any case.
    fn is(&self, index: usize, word: &str) -> bool {
        self.parameters().get(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    }
}

/// A subcommand's code. It checks everything before it changes anything, and either writes one reply or refuses.
type Handler = fn(&mut Cluster, &Call<'_>, &mut Reply<'_>) -> Result<(), Error>;

/// One row of the table. `arity` counts CLUSTER and the name; negative: at least as many.
struct Subcommand {
    name: &'static str,
    arity: i32,
    handler: Handler,
    /// Whether it is to have nodes.conf written.
    changes: bool,
}

const fn row(name: &'static str, arity: i32, handler: Handler) -> Subcommand {
    Subcommand { name, arity, handler, changes: false }
}

const fn change(name: &'static str, arity: i32, handler: Handler) -> Subcommand {
    Subcommand { name, arity, handler, changes: true }
}

const SUBCOMMANDS: &[Subcommand] = &[
    change("addslots", -3, slots::add),
    change("addslotsrange", -4, slots::add_ranges),
    change("bumpepoch", 2, admin::bump_epoch),
    row("count-failure-reports", 3, views::count_failure_reports),
    change("delslots", -3, slots::delete),
    change("delslotsrange", -4, slots::delete_ranges),
    change("failover", -2, failover::failover),
    change("flushslots", 2, slots::flush),
    change("forget", 3, membership::forget),
    row("help", 2, help::help),
    row("info", 2, views::info),
    row("keyslot", 3, views::key_slot),
    row("links", 2, views::links),
    change("meet", -4, membership::meet),
    row("myid", 2, views::my_id),
    row("nodes", 2, views::nodes),
    row("replicas", 3, views::replicas),
    change("replicate", 3, membership::replicate),
    change("reset", -2, admin::reset),
    change("saveconfig", 2, admin::save_config),
    change("set-config-epoch", 3, admin::set_config_epoch),
    change("setslot", -4, setslot::set_slot),
    row("shards", 2, shards::shards),
    row("slaves", 3, views::replicas),
    row("slots", 2, shards::slots),
];

impl Cluster {
    /// Runs a whole CLUSTER command. Its reply may leave once the actions are done; an error changes nothing. While
    /// nodes.conf can't be written, what it would have to keep is refused.
    pub fn command(
        &mut self,
        args: &[&[u8]],
        now: Now,
        facts: Facts,
        reply: &mut Reply<'_>,
    ) -> Result<Vec<Action>, Error> {
        let subcommand = find(args)?;
        if subcommand.changes && self.saves_fail {
            return Err(Refusal::NotSaved.into());
        }
        (subcommand.handler)(self, &Call { args, now, facts }, reply)?;
        // What could not be saved is tried again with the next tick: who only asks is not to wait for that.
        Ok(if self.saves_fail { Vec::new() } else { self.settle(now) })
    }
}

fn find(args: &[&[u8]]) -> Result<&'static Subcommand, Error> {
    let name = args.get(1).ok_or(Error::Arity("cluster".into()))?;
    let found = SUBCOMMANDS.iter().find(|subcommand| name.eq_ignore_ascii_case(subcommand.name.as_bytes()));
    let subcommand = found.ok_or_else(|| Refusal::UnknownSubcommand(shown_short(name)))?;
    let given = args.len() as i32;
    let fits = if subcommand.arity >= 0 { given == subcommand.arity } else { given >= -subcommand.arity };
    if fits { Ok(subcommand) } else { Err(arity(subcommand.name)) }
}

fn arity(subcommand: &str) -> Error {
    Error::Arity(Cow::Owned(format!("cluster|{subcommand}")))
}

fn parse_slot(arg: &[u8]) -> Result<Slot, Refusal> {
    let number = parse_integer(arg).and_then(|number| u16::try_from(number).ok());
    number.and_then(Slot::new).ok_or(Refusal::InvalidSlot)
}

/// A 64-bit integer as Redis takes it: no sign but `-`, no leading zero, no `-0`.
fn parse_integer(arg: &[u8]) -> Option<i64> {
    let digits = arg.strip_prefix(b"-").unwrap_or(arg);
    let canonical = match digits {
        b"0" => digits.len() == arg.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if canonical { std::str::from_utf8(arg).ok()?.parse().ok() } else { None }
}

/// An argument as an error shows it: up to the first zero byte, as C does.
fn shown(arg: &[u8]) -> String {
    let end = arg.iter().position(|byte| *byte == 0).unwrap_or(arg.len());
    String::from_utf8_lossy(&arg[..end]).into_owned()
}

/// The same, at most 128 bytes of it.
fn shown_short(arg: &[u8]) -> String {
    shown(&arg[..arg.len().min(128)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_taken_as_redis_takes_them() {
        let cases: [(&str, Option<i64>); 9] = [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-0", None),
            ("01", None),
            ("+1", None),
            ("", None),
        ];
        for (text, number) in cases {
            assert_eq!(parse_integer(text.as_bytes()), number, "{text:?}");
        }
    }

    #[test]
    fn the_data_cores_are_asked_only_for_what_a_call_depends_on() {
        let of = |line: &str| Inquiry::of(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
        assert_eq!(of("CLUSTER RESET HARD"), Inquiry::Keys);
        assert_eq!(of("cluster flushslots"), Inquiry::Keys);
        assert_eq!(of("cluster setslot 7 NODE x"), Inquiry::KeysInSlot(Slot::new(7).unwrap()));
        assert_eq!(of("cluster setslot 7 stable"), Inquiry::Nothing);
        assert_eq!(of("cluster setslot x node x"), Inquiry::Nothing);
        assert_eq!(of("cluster"), Inquiry::Nothing);
    }

    #[test]
    fn the_table_is_in_order() {
        assert!(SUBCOMMANDS.is_sorted_by_key(|subcommand| subcommand.name));
    }
}

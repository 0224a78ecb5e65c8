//! ADDSLOTS, DELSLOTS and their relatives: which slots this node owns, by an administrator's word.

use super::{Call, Refusal, arity, parse_slot};
use crate::base::limits::SLOTS;
use crate::cluster::Cluster;
use crate::cluster::slots::Direction;
use crate::resp::{Error, Reply};
use crate::slot::Slot;

/// CLUSTER ADDSLOTS slot [slot ...]
pub(super) fn add(cluster: &mut Cluster, call: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    one_by_one(cluster, call, reply, Change::Add)
}

/// CLUSTER DELSLOTS slot [slot ...]
pub(super) fn delete(cluster: &mut Cluster, call: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    one_by_one(cluster, call, reply, Change::Delete)
}

/// CLUSTER ADDSLOTSRANGE start end [start end ...]
pub(super) fn add_ranges(cluster: &mut Cluster, call: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    by_ranges(cluster, call, reply, Change::Add, "addslotsrange")
}

/// CLUSTER DELSLOTSRANGE start end [start end ...]
pub(super) fn delete_ranges(cluster: &mut Cluster, call: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    by_ranges(cluster, call, reply, Change::Delete, "delslotsrange")
}

/// CLUSTER FLUSHSLOTS
pub(super) fn flush(cluster: &mut Cluster, call: &Call<'_>, reply: &mut Reply<'_>) -> Result<(), Error> {
    if call.facts.keys != 0 {
        return Err(Refusal::FlushWithKeys.into());
    }
    cluster.slots.unassign_all_of(cluster.me);
    cluster.config_changed();
    reply.ok();
    Ok(())
}

#[derive(Clone, Copy)]
enum Change {
    Add,
    Delete,
}

fn one_by_one(cluster: &mut Cluster, call: &Call<'_>, reply: &mut Reply<'_>, change: Change) -> Result<(), Error> {
    let slots = call.parameters().iter().map(|arg| parse_slot(arg)).collect::<Result<Vec<_>, _>>()?;
    let mut chosen = Chosen::new(change);
    for slot in slots {
        chosen.choose(cluster, slot)?;
    }
    chosen.apply(cluster);
    reply.ok();
    Ok(())
}

fn by_ranges(
    cluster: &mut Cluster,
    call: &Call<'_>,
    reply: &mut Reply<'_>,
    change: Change,
    name: &str,
) -> Result<(), Error> {
    let (ranges, rest) = call.parameters().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(arity(name));
    }
    let mut chosen = Chosen::new(change);
    for [start, end] in ranges {
        let (start, end) = (parse_slot(start)?.number(), parse_slot(end)?.number());
        if start > end {
            return Err(Refusal::RangeBackwards(start, end).into());
        }
        for slot in (start..=end).filter_map(Slot::new) {
            chosen.choose(cluster, slot)?;
        }
    }
    chosen.apply(cluster);
    reply.ok();
    Ok(())
}

/// The slots one command names. All are checked before the first is changed.
struct Chosen {
    change: Change,
    slots: Box<[bool; SLOTS]>,
}

impl Chosen {
    fn new(change: Change) -> Chosen {
        Chosen { change, slots: Box::new([false; SLOTS]) }
    }

    fn choose(&mut self, cluster: &Cluster, slot: Slot) -> Result<(), Refusal> {
        match (self.change, cluster.slots.owner(slot)) {
            (Change::Add, Some(_)) => return Err(Refusal::SlotBusy(slot.number())),
            (Change::Delete, None) => return Err(Refusal::SlotUnassigned(slot.number())),
            _ => {}
        }
        if std::mem::replace(&mut self.slots[slot.index()], true) {
            return Err(Refusal::SlotRepeated(slot.number()));
        }
        Ok(())
    }

    fn apply(self, cluster: &mut Cluster) {
        for slot in Slot::all().filter(|slot| self.slots[slot.index()]) {
            // Who owns a slot does not import it, and what has no owner comes from nobody.
            cluster.slots.close(slot, Direction::Importing);
            match self.change {
                Change::Add => cluster.assign(slot, cluster.me),
                Change::Delete => cluster.slots.unassign(slot),
            }
        }
        cluster.config_changed();
    }
}

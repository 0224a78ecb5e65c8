//! Streams, written and read: the nodes, what is told of the stream, then its groups with what they have given out.

use super::encode::{put_length, put_string};
use super::input::{Fault, Input};
use super::{Error, kind};
use crate::data::types::listpack::Listpack;
use crate::data::types::stream::{ConsumerNumber, Group, Id, Node, Pending, Stream};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// How a group says that it does not know what it has read.
const UNKNOWN: u64 = u64::MAX;

/// Pending entries that make a piece.
const PIECE: usize = 256;

/// Writes a stream.
pub fn put_stream(out: &mut Vec<u8>, stream: &Stream, compressed: bool) {
    let (mut writer, mut put) =
        (StreamWriter::default(), |out: &mut Vec<u8>, text: &[u8]| put_string(out, text, compressed));
    while writer.piece(out, stream, &mut put) {}
}

/// How far a stream is written.
#[derive(Default)]
pub struct StreamWriter(Stage);

/// What was written last; each name is that of a group.
#[derive(Default)]
enum Stage {
    #[default]
    Nothing,
    Node(Option<Id>),
    Group(Option<Vec<u8>>),
    Pending(Vec<u8>, Option<Id>),
    Consumer(Vec<u8>, Option<Vec<u8>>),
    Claim(Vec<u8>, Vec<u8>, Option<Id>),
}

impl StreamWriter {
    /// Writes the next piece of `stream`, strings by `put`; false: there was none. It is the same stream each time.
    pub fn piece(&mut self, out: &mut Vec<u8>, stream: &Stream, put: &mut impl FnMut(&mut Vec<u8>, &[u8])) -> bool {
        self.0 = match std::mem::take(&mut self.0) {
            Stage::Nothing => {
                put_length(out, stream.node_count() as u64);
                Stage::Node(None)
            }
            Stage::Node(last) => match stream.node_after(last) {
                Some((key, node)) => {
                    put(out, &key.to_bytes());
                    put(out, node.listpack().as_bytes());
                    Stage::Node(Some(key))
                }
                None => {
                    put_facts(out, stream);
                    Stage::Group(None)
                }
            },
            Stage::Group(last) => {
                let after = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
                let next = stream.groups.range::<[u8], _>((after, Bound::Unbounded)).next();
                let Some((name, group)) = next else { return false };
                put(out, name);
                put_id(out, group.last_id);
                put_length(out, group.entries_read.unwrap_or(UNKNOWN));
                put_length(out, group.pending().len() as u64);
                Stage::Pending(name.clone(), None)
            }
            Stage::Pending(name, last) => {
                let Some(group) = stream.groups.get(&name) else { return false };
                match put_pending(out, group, last) {
                    Some(last) => Stage::Pending(name, Some(last)),
                    None => {
                        put_length(out, group.consumers().len() as u64);
                        Stage::Consumer(name, None)
                    }
                }
            }
            Stage::Consumer(name, last) => {
                let Some(group) = stream.groups.get(&name) else { return false };
                match group.consumer_after(last.as_deref()) {
                    Some(consumer) => {
                        put(out, &consumer.name);
                        out.extend(consumer.seen.to_le_bytes());
                        put_length(out, consumer.pending.len() as u64);
                        Stage::Claim(name, consumer.name.clone(), None)
                    }
                    None => Stage::Group(Some(name)),
                }
            }
            Stage::Claim(name, consumer, last) => {
                let group = stream.groups.get(&name);
                let found = group.and_then(|group| Some(group.consumer(group.find(&consumer)?)));
                let Some(found) = found else { return false };
                match put_claims(out, &found.pending, last) {
                    Some(last) => Stage::Claim(name, consumer, Some(last)),
                    None => Stage::Consumer(name, Some(consumer)),
                }
            }
        };
        true
    }
}

/// What is told of the stream as a whole.
fn put_facts(out: &mut Vec<u8>, stream: &Stream) {
    put_length(out, stream.len());
    for id in [stream.last_id, stream.first_id(), stream.max_deleted_id] {
        put_id(out, id);
    }
    put_length(out, stream.entries_added);
    put_length(out, stream.groups.len() as u64);
}

/// Some of what the group has given out, behind `last`; the last of them.
fn put_pending(out: &mut Vec<u8>, group: &Group, last: Option<Id>) -> Option<Id> {
    let mut reached = None;
    for (id, pending) in group.pending().range(behind(last)).take(PIECE) {
        out.extend(id.to_bytes());
        out.extend(pending.delivered.to_le_bytes());
        put_length(out, pending.count);
        reached = Some(*id);
    }
    reached
}

/// The same of what a consumer has.
fn put_claims(out: &mut Vec<u8>, claims: &BTreeSet<Id>, last: Option<Id>) -> Option<Id> {
    let mut reached = None;
    for id in claims.range(behind(last)).take(PIECE) {
        out.extend(id.to_bytes());
        reached = Some(*id);
    }
    reached
}

fn behind(last: Option<Id>) -> (Bound<Id>, Bound<Id>) {
    (last.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

fn put_id(out: &mut Vec<u8>, id: Id) {
    put_length(out, id.ms);
    put_length(out, id.seq);
}

/// A stream under way.
pub struct Builder {
    kind: u8,
    state: State,
    nodes: Vec<(Id, Node)>,
    stream: Stream,
    /// The group that is being read.
    group: Option<(Vec<u8>, Group)>,
    /// What it has given out, to nobody yet.
    unclaimed: BTreeMap<Id, (u64, u64)>,
}

/// What comes next, and how many of it.
enum State {
    Start,
    Nodes(u64),
    Groups(u64),
    Pending { groups: u64, left: u64 },
    Consumers { groups: u64, left: u64 },
    Claims { groups: u64, consumers: u64, consumer: ConsumerNumber, left: u64 },
}

impl Builder {
    /// For a stream in the form `kind`.
    pub fn new(kind: u8) -> Builder {
        Builder {
            kind,
            state: State::Start,
            nodes: Vec::new(),
            stream: Stream::default(),
            group: None,
            unclaimed: BTreeMap::new(),
        }
    }

    /// Reads the next part; the stream, if that was the last.
    pub fn part(&mut self, input: &mut Input<'_>) -> Result<Option<Stream>, Fault> {
        self.state = match self.state {
            State::Start => State::Nodes(input.length()?),
            State::Nodes(0) => self.facts(input)?,
            State::Nodes(left) => {
                let key = input.string()?;
                let key = <[u8; 16]>::try_from(&*key);
                let key = Id::from_bytes(key.map_err(|_| Error::Corrupt("Stream node key is not a stream ID"))?);
                let node = Listpack::from_bytes(input.string()?.into_owned());
                let node = node.and_then(|pack| Node::from_listpack(pack, key));
                self.nodes.push((key, node.ok_or(Error::Corrupt("Stream listpack integrity check failed."))?));
                State::Nodes(left - 1)
            }
            State::Groups(0) => return Ok(Some(std::mem::take(&mut self.stream))),
            State::Groups(left) => self.group(input, left - 1)?,
            State::Pending { groups, left: 0 } => State::Consumers { groups, left: input.length()? },
            State::Pending { groups, left } => {
                let id = Id::from_bytes(input.array()?);
                let (delivered, count) = (u64::from_le_bytes(input.array()?), input.length()?);
                if self.unclaimed.insert(id, (delivered, count)).is_some() {
                    return Err(Error::Corrupt("Duplicated global PEL entry").into());
                }
                State::Pending { groups, left: left - 1 }
            }
            State::Consumers { groups, left: 0 } => {
                if !self.unclaimed.is_empty() {
                    return Err(Error::Corrupt("Stream CG PEL entry without consumer").into());
                }
                self.stream.groups.extend(self.group.take());
                State::Groups(groups)
            }
            State::Consumers { groups, left } => self.consumer(input, groups, left - 1)?,
            State::Claims { groups, consumers, left: 0, .. } => State::Consumers { groups, left: consumers },
            State::Claims { groups, consumers, consumer, left } => {
                let id = Id::from_bytes(input.array()?);
                let Some((delivered, count)) = self.unclaimed.remove(&id) else {
                    let taken = self.group.as_ref().is_some_and(|(_, group)| group.pending().contains_key(&id));
                    return Err(Error::Corrupt(if taken {
                        "Stream consumer PEL entry already has a consumer assigned"
                    } else {
                        "Consumer entry not found in group PEL"
                    })
                    .into());
                };
                if let Some((_, group)) = &mut self.group {
                    group.give(id, Pending { consumer, delivered, count });
                }
                State::Claims { groups, consumers, consumer, left: left - 1 }
            }
        };
        Ok(None)
    }

    /// What is told of the stream as a whole.
    fn facts(&mut self, input: &mut Input<'_>) -> Result<State, Fault> {
        let (length, last_id) = (input.length()?, id(input)?);
        let (mut max_deleted_id, mut entries_added) = (Id::ZERO, length);
        if self.kind == kind::STREAM_2 {
            // The first id follows from the nodes.
            id(input)?;
            (max_deleted_id, entries_added) = (id(input)?, input.length()?);
        }
        let groups = input.length()?;
        let stream = Stream::from_nodes(std::mem::take(&mut self.nodes), length);
        let mut stream = stream.ok_or(Error::Corrupt("Stream length inconsistent with its entries"))?;
        if stream.last_entry_id().is_some_and(|last| last > last_id) {
            return Err(Error::Corrupt("Stream with an entry after its last ID").into());
        }
        (stream.last_id, stream.max_deleted_id, stream.entries_added) = (last_id, max_deleted_id, entries_added);
        self.stream = stream;
        Ok(State::Groups(groups))
    }

    fn group(&mut self, input: &mut Input<'_>, groups: u64) -> Result<State, Fault> {
        let (name, last_id) = (input.string()?.into_owned(), id(input)?);
        let read = if self.kind == kind::STREAM_2 {
            Some(input.length()?).filter(|read| *read != UNKNOWN)
        } else {
            self.stream.place_in_history(last_id)
        };
        let left = input.length()?;
        if self.stream.groups.contains_key(&name) {
            return Err(Error::Corrupt("Duplicated consumer group name").into());
        }
        self.group = Some((name, Group::new(last_id, read)));
        Ok(State::Pending { groups, left })
    }

    fn consumer(&mut self, input: &mut Input<'_>, groups: u64, consumers: u64) -> Result<State, Fault> {
        let (name, seen, left) = (input.string()?, u64::from_le_bytes(input.array()?), input.length()?);
        let Some((_, group)) = &mut self.group else { return Err(Error::Corrupt("a consumer without group").into()) };
        let (consumer, is_new) = group.consumer_named(&name, seen);
        if !is_new {
            return Err(Error::Corrupt("Duplicate stream consumer detected.").into());
        }
        Ok(State::Claims { groups, consumers, consumer, left })
    }
}

fn id(input: &mut Input<'_>) -> Result<Id, Fault> {
    Ok(Id { ms: input.length()?, seq: input.length()? })
}

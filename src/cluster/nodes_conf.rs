//! nodes.conf: the node table as text, which is also the text of CLUSTER NODES.
//!
//! ```text
//! <id> <ip>:<port>@<bus port>[,<hostname>] <flags> <primary's id or -> <ping> <pong> <epoch> <link> [<slots> ...]
//! vars currentEpoch <epoch> lastVoteEpoch <epoch>
//! ```
//!
//! Slots are `start-end`, or one number, and on this node's own line also `[slot->-id]` for one that migrates there
//! and `[slot-<-id]` for one that is imported from there. What Redis 7.0 writes is read back to the letter; where
//! Redis would take a damaged file for good (a slot of two owners, a node of two lines) it is refused here.

use super::describe::FLAG_NAMES;
use super::options::{BUS_PORT_OFFSET, MAX_HOSTNAME_LENGTH, is_hostname, is_ip_text};
use super::slots::Direction;
use crate::contract::topology::{NodeFlags, NodeId};
use crate::slot::Slot;

/// What a nodes.conf says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodesConf {
    /// Its nodes, in the order of their lines.
    pub nodes: Vec<NodeLine>,
    /// `currentEpoch`.
    pub current_epoch: u64,
    /// `lastVoteEpoch`.
    pub last_vote_epoch: u64,
}

/// What the line of one node says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLine {
    /// Its name.
    pub id: NodeId,
    /// Where it is.
    pub address: Address,
    /// Its flags.
    pub flags: NodeFlags,
    /// The node it replicates.
    pub replicaof: Option<NodeId>,
    /// Whether a ping to it was unanswered.
    pub pinged: bool,
    /// Whether it had ever answered.
    pub answered: bool,
    /// Its configuration epoch, of a replica its primary's.
    pub config_epoch: u64,
    /// Its slots, as first and last.
    pub slots: Vec<(Slot, Slot)>,
    /// The open slots: which, whither or whence.
    pub open: Vec<(Slot, Direction, NodeId)>,
}

/// `ip:port@bus-port,hostname`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// The address, empty when not known.
    pub ip: String,
    /// The port for clients.
    pub port: u16,
    /// The port for the cluster bus.
    pub bus_port: u16,
    /// The host name, empty for none.
    pub hostname: String,
}

/// Why a text is no nodes.conf.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Unrecoverable error: corrupted cluster config file: {}{problem}", .line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct Corrupt {
    /// The line at fault, from 1; `None` when it is the file as a whole.
    pub line: Option<usize>,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What can be wrong with a nodes.conf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the texts say it")]
pub enum Problem {
    #[error("a node's line has at least 8 fields")]
    TooFewFields,
    #[error("a name and a value for each of the vars are expected")]
    OddVars,
    #[error("not a node id")]
    NodeId,
    #[error("not an address of the form ip:port@bus-port,hostname")]
    Address,
    #[error("unknown flag")]
    Flag,
    #[error("not a number")]
    Number,
    #[error("not a slot, a range of slots, or an open slot")]
    Slot,
    #[error("the node has a line already")]
    NodeTwice,
    #[error("the slot has an owner already")]
    SlotTwice,
    #[error("more than one node is myself")]
    MyselfTwice,
    #[error("no node is myself")]
    NoMyself,
    #[error("a node is its own primary")]
    OwnPrimary,
    #[error("too many nodes")]
    TooManyNodes,
}

impl Corrupt {
    /// A problem of no line in particular.
    pub fn file(problem: Problem) -> Corrupt {
        Corrupt { line: None, problem }
    }
}

impl NodesConf {
    /// Reads a nodes.conf line by line. What a line means beside the others is judged by who loads it.
    pub fn parse(text: &str) -> Result<NodesConf, Corrupt> {
        let mut conf = NodesConf::default();
        for (index, line) in text.lines().enumerate() {
            conf.parse_line(line).map_err(|problem| Corrupt { line: Some(index + 1), problem })?;
        }
        Ok(conf)
    }

    fn parse_line(&mut self, line: &str) -> Result<(), Problem> {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let Some(first) = fields.first() else { return Ok(()) };
        if first.eq_ignore_ascii_case("vars") {
            return self.parse_vars(&fields[1..]);
        }
        self.nodes.push(parse_node(&fields)?);
        Ok(())
    }

    fn parse_vars(&mut self, fields: &[&str]) -> Result<(), Problem> {
        let (pairs, rest) = fields.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(Problem::OddVars);
        }
        for [name, value] in pairs {
            if name.eq_ignore_ascii_case("currentEpoch") {
                self.current_epoch = number(value)?;
            } else if name.eq_ignore_ascii_case("lastVoteEpoch") {
                self.last_vote_epoch = number(value)?;
            } else {
                log::warn!("Skipping unknown cluster config variable '{name}'");
            }
        }
        Ok(())
    }
}

fn parse_node(fields: &[&str]) -> Result<NodeLine, Problem> {
    let [id, address, flags, primary, pinged, answered, epoch, _link, slots @ ..] = fields else {
        return Err(Problem::TooFewFields);
    };
    let mut line = NodeLine {
        id: node_id(id)?,
        address: parse_address(address)?,
        flags: parse_flags(flags)?,
        replicaof: if *primary == "-" { None } else { Some(node_id(primary)?) },
        pinged: number::<i64>(pinged)? != 0,
        answered: number::<i64>(answered)? != 0,
        config_epoch: number(epoch)?,
        slots: Vec::new(),
        open: Vec::new(),
    };
    for slots in slots {
        if slots.starts_with('[') {
            line.open.push(parse_open_slot(slots)?);
        } else {
            line.slots.push(parse_slot_range(slots)?);
        }
    }
    Ok(line)
}

/// `ip:port[@bus-port][,hostname]`. Redis before 4 wrote no bus port; Redis 7.2 and Valkey append `,name=value`
/// fields that a node of this version has no use for.
fn parse_address(text: &str) -> Result<Address, Problem> {
    let mut parts = text.split(',');
    let coordinates = parts.next().unwrap_or_default();
    let hostname = parts.next().unwrap_or_default();
    let (ip, ports) = coordinates.rsplit_once(':').ok_or(Problem::Address)?;
    let (port, bus_port) = match ports.split_once('@') {
        Some((port, bus_port)) => (port, Some(bus_port)),
        None => (ports, None),
    };
    let port: u16 = port.parse().map_err(|_| Problem::Address)?;
    let bus_port = match bus_port {
        Some(bus_port) => bus_port.parse().map_err(|_| Problem::Address)?,
        None => port.checked_add(BUS_PORT_OFFSET).ok_or(Problem::Address)?,
    };
    if !is_ip_text(ip) || hostname.len() > MAX_HOSTNAME_LENGTH || !is_hostname(hostname) {
        return Err(Problem::Address);
    }
    Ok(Address { ip: ip.into(), port, bus_port, hostname: hostname.into() })
}

fn parse_flags(text: &str) -> Result<NodeFlags, Problem> {
    let mut flags = NodeFlags::default();
    for name in text.split(',').filter(|name| !name.eq_ignore_ascii_case("noflags")) {
        let known = FLAG_NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name));
        flags = flags.with(known.ok_or(Problem::Flag)?.0);
    }
    Ok(flags)
}

/// `start-end` or `slot`
fn parse_slot_range(text: &str) -> Result<(Slot, Slot), Problem> {
    let (start, end) = text.split_once('-').unwrap_or((text, text));
    let (start, end) = (slot(start)?, slot(end)?);
    if start > end { Err(Problem::Slot) } else { Ok((start, end)) }
}

/// `[slot->-id]` or `[slot-<-id]`
fn parse_open_slot(text: &str) -> Result<(Slot, Direction, NodeId), Problem> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or(Problem::Slot)?;
    let (number, rest) = inner.split_once('-').ok_or(Problem::Slot)?;
    let (direction, id) = match (rest.strip_prefix(">-"), rest.strip_prefix("<-")) {
        (Some(id), _) => (Direction::Migrating, id),
        (_, Some(id)) => (Direction::Importing, id),
        _ => return Err(Problem::Slot),
    };
    Ok((slot(number)?, direction, node_id(id)?))
}

fn node_id(text: &str) -> Result<NodeId, Problem> {
    NodeId::parse(text.as_bytes()).ok_or(Problem::NodeId)
}

fn slot(text: &str) -> Result<Slot, Problem> {
    text.parse().ok().and_then(Slot::new).ok_or(Problem::Slot)
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, Problem> {
    text.parse().map_err(|_| Problem::Number)
}

#[cfg(test)]
mod tests;

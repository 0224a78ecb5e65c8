//! The lines of CLUSTER NODES, which are those of nodes.conf too. Their grammar is in [`nodes_conf`](super::nodes_conf).

use super::nodes::{Node, NodeIx, NodeTable};
use super::now::Now;
use super::slots::{Direction, Run, SlotMap};
use crate::contract::topology::NodeFlags;
use crate::slot::Slot;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The flags that have a name, in the order they are written.
pub(super) const FLAG_NAMES: [(NodeFlags, &str); 8] = [
    (NodeFlags::MYSELF, "myself"),
    (NodeFlags::PRIMARY, "master"),
    (NodeFlags::REPLICA, "slave"),
    (NodeFlags::PFAIL, "fail?"),
    (NodeFlags::FAIL, "fail"),
    (NodeFlags::HANDSHAKE, "handshake"),
    (NodeFlags::NO_ADDRESS, "noaddr"),
    (NodeFlags::NO_FAILOVER, "nofailover"),
];

/// Writes the lines of CLUSTER NODES. One walk over the slots serves every line.
pub struct Describer<'c> {
    nodes: &'c NodeTable,
    slots: &'c SlotMap,
    /// By owner, then by slot.
    runs: Vec<Run>,
}

/// What a line takes, and a bit more, so that the text of a thousand is not moved ten times.
const USUAL_LINE: usize = 160;

impl<'c> Describer<'c> {
    /// A describer of these nodes and slots.
    pub fn new(nodes: &'c NodeTable, slots: &'c SlotMap) -> Self {
        let mut runs = slots.runs().to_vec();
        runs.sort_by_key(|run| run.owner);
        Describer { nodes, slots, runs }
    }

    /// The lines of all nodes that have none of the flags `without`, each with its line end.
    pub fn all(&self, without: NodeFlags) -> String {
        let mut text = String::with_capacity(USUAL_LINE * self.nodes.len());
        for (ix, _) in self.nodes.iter().filter(|(_, node)| !node.flags.any(without)) {
            self.write_line(&mut text, ix);
            text.push('\n');
        }
        text
    }

    /// The line of one node, without a line end.
    pub fn line(&self, ix: NodeIx) -> String {
        let mut line = String::new();
        self.write_line(&mut line, ix);
        line
    }

    fn write_line(&self, line: &mut String, ix: NodeIx) {
        let node = &self.nodes[ix];
        *line += node.id.as_str();
        write_to(line, format_args!(" {}:{}@{}", node.ip, node.port, node.bus_port));
        if !node.hostname.is_empty() {
            *line += ",";
            *line += &node.hostname;
        }
        *line += " ";
        write_flags(line, node.flags);
        *line += " ";
        *line += node.replicaof.map_or("-", |primary| self.nodes[primary].id.as_str());
        let unix_ms = |moment: Option<Now>| moment.map_or(0, |moment| moment.unix_ms);
        let (ping, pong) = (unix_ms(node.waiting_since()), unix_ms(node.pong_received));
        let link = if node.is_connected() { "connected" } else { "disconnected" };
        write_to(line, format_args!(" {ping} {pong} {} {link}", self.nodes.effective_epoch(node)));
        self.write_slots(line, ix, node);
    }

    fn runs_of(&self, owner: NodeIx) -> &[Run] {
        let start = self.runs.partition_point(|run| run.owner < owner);
        let end = self.runs.partition_point(|run| run.owner <= owner);
        &self.runs[start..end]
    }

    fn write_slots(&self, line: &mut String, ix: NodeIx, node: &Node) {
        for run in self.runs_of(ix) {
            match (run.start.number(), run.end.number()) {
                (start, end) if start == end => write_to(line, format_args!(" {start}")),
                (start, end) => write_to(line, format_args!(" {start}-{end}")),
            }
        }
        if node.is_myself() {
            for (slot, (arrow, other)) in self.open_slots() {
                write_to(line, format_args!(" [{}-{arrow}-{}]", slot.number(), self.nodes[other].id));
            }
        }
    }

    /// A slot open both ways is told as migrating only, as Redis does.
    fn open_slots(&self) -> BTreeMap<Slot, (char, NodeIx)> {
        let importing = self.slots.all_open(Direction::Importing).map(|(slot, other)| (slot, ('<', other)));
        let migrating = self.slots.all_open(Direction::Migrating).map(|(slot, other)| (slot, ('>', other)));
        importing.chain(migrating).collect()
    }
}

fn write_flags(line: &mut String, flags: NodeFlags) {
    let start = line.len();
    for (_, name) in FLAG_NAMES.iter().filter(|(flag, _)| flags.any(*flag)) {
        if line.len() > start {
            line.push(',');
        }
        line.push_str(name);
    }
    if line.len() == start {
        line.push_str("noflags");
    }
}

fn write_to(line: &mut String, text: std::fmt::Arguments<'_>) {
    line.write_fmt(text).expect("writing to a string does not fail");
}

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
    runs: BTreeMap<NodeIx, Vec<Run>>,
}

impl<'c> Describer<'c> {
    /// A describer of these nodes and slots.
    pub fn new(nodes: &'c NodeTable, slots: &'c SlotMap) -> Self {
        let mut runs: BTreeMap<NodeIx, Vec<Run>> = BTreeMap::new();
        for run in slots.runs() {
            runs.entry(run.owner).or_default().push(*run);
        }
        Describer { nodes, slots, runs }
    }

    /// The lines of all nodes that have none of the flags `without`, each with its line end.
    pub fn all(&self, without: NodeFlags) -> String {
        let shown = self.nodes.iter().filter(|(_, node)| !node.flags.any(without));
        shown.map(|(ix, _)| self.line(ix) + "\n").collect()
    }

    /// The line of one node, without a line end.
    pub fn line(&self, ix: NodeIx) -> String {
        let node = &self.nodes[ix];
        let mut line = format!("{} {}:{}@{}", node.id, node.ip, node.port, node.bus_port);
        if !node.hostname.is_empty() {
            line += ",";
            line += &node.hostname;
        }
        line += " ";
        line += &flag_names(node.flags);
        line += " ";
        line += node.replicaof.map_or("-", |primary| self.nodes[primary].id.as_str());
        let unix_ms = |moment: Option<Now>| moment.map_or(0, |moment| moment.unix_ms);
        let (ping, pong) = (unix_ms(node.waiting_since()), unix_ms(node.pong_received));
        let link = if node.is_connected() { "connected" } else { "disconnected" };
        write_to(&mut line, format_args!(" {ping} {pong} {} {link}", self.nodes.effective_epoch(node)));
        self.write_slots(&mut line, ix, node);
        line
    }

    fn write_slots(&self, line: &mut String, ix: NodeIx, node: &Node) {
        for run in self.runs.get(&ix).into_iter().flatten() {
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

fn flag_names(flags: NodeFlags) -> String {
    let names: Vec<&str> = FLAG_NAMES.iter().filter(|(flag, _)| flags.any(*flag)).map(|(_, name)| *name).collect();
    if names.is_empty() { "noflags".into() } else { names.join(",") }
}

fn write_to(line: &mut String, text: std::fmt::Arguments<'_>) {
    line.write_fmt(text).expect("writing to a string does not fail");
}

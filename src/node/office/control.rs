//! The office's work for the control plane: feeds it links, packets, commands and the time, and does what it decides.
//!
//! What it decides is done strictly in order. A list of actions that has come to [`Action::SaveConfig`] waits until
//! the text is on the disk, and all later lists behind it: no vote and no claim leaves before it would survive a
//! crash. Meanwhile the control plane goes on taking packets. Lists that queue up share the next write. At
//! [`Action::WriteConfig`] it waits only until the system has the text: a disk takes some ten milliseconds, and a slot is
//! moved in half a dozen commands, one after the other.
//!
//! When a write fails, the rest of its list is dropped (a vote does not leave, a command is answered with an error) and
//! the control plane is told, so that it tries again, and refuses commands that would change something until it has
//! succeeded. (redis-server ends when it can't write the file.)

use super::config::link_settings;
use super::{NodeOffice, Then, answer, now};
use crate::cluster::command::Facts;
use crate::cluster::gossip::LinkFigures;
use crate::cluster::{Action, Cluster, LinkId, Replication};
use crate::cores::bus_core::Outgoing;
use crate::cores::bus_links::LinkCommand;
use crate::data::plane::message::{Answer, BusCommand, Inquiry, Message, Notice, Peer, Scope};
use crate::node::saver::{Outlives, Saver};
use crate::resp::{Error, Reply};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// The control plane with its file.
pub struct ClusterDesk {
    /// The state machine.
    pub cluster: Cluster,
    /// Writes nodes.conf.
    saver: Saver,
    /// What was decided and is not done yet.
    lists: VecDeque<List>,
    last: u64,
    /// What a text has to outlive that is not being written yet, if one is wanted.
    unsaved: Option<Outlives>,
    /// The last list whose text is being written.
    saving: Option<(u64, Outlives)>,
    /// The last list whose text outlives the process.
    written: u64,
    /// The last list whose text is on the disk.
    saved: u64,
    /// When it was last said that texts can't be written, ms, if they can't.
    complained: Option<u64>,
}

/// What one call of the control plane decided.
struct List {
    number: u64,
    actions: VecDeque<Action>,
    then: Then,
}

/// Writes are held back in steps: every data core is told; when all are, they are asked for writes that were on their
/// way already, until there are none; then everything these changed has come here before the next answers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// They are not.
    Free,
    /// The data cores were told to hold them back until this time.
    Pausing(u64),
    /// All do so. Some may be under way still.
    Draining(u64),
    /// None is.
    Held(u64),
}

/// What all data cores have answered, for the pause that ends at this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Writes are held back.
    Paused(u64),
    /// So many are under way.
    UnderWay(u64),
    /// What was sent before.
    Drained(u64),
}

impl ClusterDesk {
    /// A desk for `cluster`, whose configuration `saver` writes.
    pub fn new(cluster: Cluster, saver: Saver) -> ClusterDesk {
        let lists = VecDeque::new();
        ClusterDesk {
            cluster,
            saver,
            lists,
            last: 0,
            unsaved: None,
            saving: None,
            written: 0,
            saved: 0,
            complained: None,
        }
    }

    /// Adds a list.
    fn add(&mut self, actions: Vec<Action>, then: Then) {
        self.last += 1;
        let wanted = actions.iter().filter_map(|action| match action {
            Action::SaveConfig => Some(Outlives::Machine),
            Action::WriteConfig => Some(Outlives::Process),
            _ => None,
        });
        self.unsaved = self.unsaved.max(wanted.max());
        self.lists.push_back(List { number: self.last, actions: actions.into(), then });
    }

    /// Takes the result of a write, and has the next one made. Returns the last list whose text could not be written.
    fn save(&mut self) -> Option<u64> {
        let mut failed = None;
        if let Some(result) = self.saver.result() {
            match (result, self.saving.take()) {
                (Ok(()), Some((through, outlives))) => {
                    self.cluster.saved();
                    if self.complained.take().is_some() {
                        log::info!("The cluster configuration file is written again");
                    }
                    self.written = through;
                    if outlives == Outlives::Machine {
                        self.saved = through;
                    }
                }
                (Err(error), saving) => {
                    self.complain(&error);
                    failed = saving.map(|(through, _)| through);
                }
                (Ok(()), None) => {}
            }
        }
        if self.saving.is_none() {
            self.save_rest();
        }
        failed
    }

    /// Says that a text could not be written, once a minute: it is tried again all the time.
    fn complain(&mut self, error: &io::Error) {
        const MINUTE: u64 = 60_000;
        let now = now().mono_ms;
        if self.complained.is_none_or(|last| now >= last + MINUTE) {
            self.complained = Some(now);
            log::error!("The cluster configuration file can't be written: {error}. It is tried again.");
        }
    }

    /// Has a text written, if one is wanted. It holds what all lists up to now have decided.
    pub(super) fn save_rest(&mut self) {
        if let Some(outlives) = self.unsaved.take() {
            self.saver.save(self.cluster.nodes_conf(), outlives);
            self.saving = Some((self.last, outlives));
        }
    }
}

/// What is told to the one whose change met a disk that takes nothing: later ones are refused before they change anything.
const NOT_SAVED: &str =
    "ERR the cluster configuration file can't be written: the change takes effect when it can; see the log";

fn figures(bytes: u64) -> LinkFigures {
    LinkFigures { writing: bytes > 0, send_buffer_allocated: bytes, send_buffer_used: bytes }
}

impl NodeOffice {
    /// Feeds the control plane something and does what it decides.
    pub(super) fn with_cluster(&mut self, outgoing: &mut Outgoing, feed: impl FnOnce(&mut Cluster) -> Vec<Action>) {
        if let Some(desk) = &mut self.desk {
            let actions = feed(&mut desk.cluster);
            self.act(actions, Then::Nothing, outgoing);
        }
    }

    /// The control plane's regular work.
    pub(super) fn tick_cluster(&mut self, loads: &[(LinkId, usize)], outgoing: &mut Outgoing) {
        self.check_writes(outgoing);
        if self.desk.is_none() {
            return;
        }
        if !self.links_configured {
            outgoing.links.push(LinkCommand::Configure(link_settings(&self.config)));
            self.links_configured = true;
        }
        let replication = self.replication();
        self.with_cluster(outgoing, |cluster| {
            for (link, bytes) in loads {
                cluster.link_stats(*link, figures(*bytes as u64));
            }
            cluster.replication(replication);
            cluster.tick(now())
        });
    }

    /// DEBUG CLUSTERLINK KILL
    pub(super) fn kill_links(&mut self, node: &[u8], direction: &[u8], outgoing: &mut Outgoing) -> Result<(), Error> {
        let off = Error::new("ERR Debug option only available for cluster mode enabled setup!");
        let actions = self.desk.as_mut().ok_or(off)?.cluster.kill_links(node, direction, now())?;
        self.act(actions, Then::Nothing, outgoing);
        Ok(())
    }

    /// A client's message goes to other nodes as well.
    pub(super) fn broadcast(&mut self, sharded: bool, channel: &[u8], message: &[u8], outgoing: &mut Outgoing) {
        let (channel, message) = (channel.to_vec(), message.to_vec());
        self.with_cluster(outgoing, |cluster| cluster.publish(sharded, channel, message, now()));
    }

    /// The data's state, for the control plane.
    fn replication(&self) -> Replication {
        self.desk_of_replication.standing_for_cluster(self.writes_are_held())
    }

    /// Has the data replicate the node at this address, or nobody.
    fn replicate(&mut self, primary: Option<(String, u16)>, outgoing: &mut Outgoing) {
        self.copy(primary, None, outgoing);
    }

    /// A whole CLUSTER command; `keys`: how many keys it depends on.
    pub(super) fn cluster_command(
        &mut self,
        from: Peer,
        number: u64,
        command: &BusCommand,
        keys: u64,
        outgoing: &mut Outgoing,
    ) {
        let args: Vec<&[u8]> = command.args.iter().map(Vec::as_slice).collect();
        let reached = command.reached.clone();
        let replication_offset = self.replication().offset;
        let facts = Facts { reached, keys, keys_in_slot: keys, replication_offset };
        let Some(desk) = &mut self.desk else {
            let error = Error::new("ERR This instance has cluster support disabled");
            return answer(from, number, command, outgoing, |_| Err(error));
        };
        let mut bytes = Vec::new();
        let mut reply = Reply::new(&mut bytes, command.proto);
        match desk.cluster.command(&args, now(), facts, &mut reply) {
            Ok(actions) => self.act(actions, Then::Reply(from, number, bytes), outgoing),
            Err(error) => answer(from, number, command, outgoing, |_| Err(error)),
        }
    }

    /// Does what the control plane decided, and then what follows, once all data cores know.
    pub(super) fn act(&mut self, actions: Vec<Action>, then: Then, outgoing: &mut Outgoing) {
        let Some(desk) = &mut self.desk else { return };
        if actions.is_empty() && matches!(then, Then::Nothing) {
            return;
        }
        desk.add(actions, then);
        self.proceed(outgoing);
    }

    /// Goes on with what was decided, as far as it may be done by now.
    pub(super) fn proceed(&mut self, outgoing: &mut Outgoing) {
        let Some(desk) = &mut self.desk else { return };
        if let Some(failed) = desk.save() {
            self.give_up_list(failed, outgoing);
        }
        while let Some(desk) = &mut self.desk {
            let Some(list) = desk.lists.front_mut() else { return };
            match list.actions.pop_front() {
                Some(Action::SaveConfig) if list.number <= desk.saved => {}
                Some(Action::WriteConfig) if list.number <= desk.written => {}
                Some(save @ (Action::SaveConfig | Action::WriteConfig)) => return list.actions.push_front(save),
                Some(action) => self.perform(action, outgoing),
                None => {
                    let Some(List { then, .. }) = desk.lists.pop_front() else { return };
                    if matches!(then, Then::Reply(..)) {
                        // Behind whatever was sent above: the queues keep their order.
                        self.ask_all(&Inquiry::Barrier, then, outgoing);
                    }
                }
            }
        }
    }

    /// The first list is not to be done if it waited for the write that failed.
    fn give_up_list(&mut self, failed: u64, outgoing: &mut Outgoing) {
        let Some(desk) = &mut self.desk else { return };
        desk.cluster.save_failed();
        let waited = desk.lists.pop_front_if(|list| list.number <= failed);
        if let Some(List { then: Then::Reply(to, number, _), .. }) = waited {
            let error = Error::new(NOT_SAVED);
            outgoing.push((to, Message::Answer(number, Answer::Reply(Err(error)))));
        }
    }

    fn perform(&mut self, action: Action, outgoing: &mut Outgoing) {
        match action {
            Action::SaveConfig | Action::WriteConfig => {}
            Action::StopReplication => self.replicate(None, outgoing),
            Action::Replicate { ip, port } => self.replicate(Some((ip, port)), outgoing),
            Action::FlushAll => self.empty(&Inquiry::Flush(Scope::All), outgoing),
            Action::PublishTopology(topology) => {
                self.ask_all(&Inquiry::Adopt(None, Some(topology)), Then::Nothing, outgoing);
            }
            Action::Connect { link, ip, port } => outgoing.links.push(LinkCommand::Connect { link, ip, port }),
            Action::Send(link, packet) => outgoing.links.push(LinkCommand::Send(link, packet)),
            Action::Close(link) => outgoing.links.push(LinkCommand::Close(link)),
            Action::DropSlots(slots) => self.empty(&Inquiry::DropSlots(slots.into()), outgoing),
            Action::PauseWrites(until) => self.pause_writes(until, outgoing),
            Action::Deliver { sharded, channel, message } => self.deliver(sharded, &channel, &message, outgoing),
        }
    }

    fn deliver(&mut self, sharded: bool, channel: &[u8], message: &[u8], outgoing: &mut Outgoing) {
        let (channel, message): (Arc<[u8]>, Arc<[u8]>) = (channel.into(), message.into());
        for core in 0..self.cores as u16 {
            let notice = Notice::Publish { channel: channel.clone(), message: message.clone(), sharded };
            outgoing.push((Peer(core), Message::Tell(notice)));
        }
    }

    /// Has clients' writes wait until this time, or go on.
    pub(super) fn pause_writes(&mut self, until: Option<u64>, outgoing: &mut Outgoing) {
        self.writes = until.map_or(Writes::Free, Writes::Pausing);
        let then = until.map_or(Then::Nothing, |until| Then::Hold(Held::Paused(until)));
        self.ask_all(&Inquiry::PauseWrites(until), then, outgoing);
    }

    /// Whether none is executed any more, and all that were have come here.
    pub(super) fn writes_are_held(&self) -> bool {
        matches!(self.writes, Writes::Held(_))
    }

    /// A step on the way to a replication offset that stands still; see [`Writes`].
    pub(super) fn writes_held(&mut self, held: Held, under_way: u64, outgoing: &mut Outgoing) {
        match (self.writes, held) {
            (Writes::Pausing(until), Held::Paused(ending)) if ending == until => {
                self.writes = Writes::Draining(until);
                self.ask_all(&Inquiry::WritesUnderWay, Then::Hold(Held::UnderWay(until)), outgoing);
            }
            (Writes::Draining(until), Held::UnderWay(ending)) if ending == until && under_way == 0 => {
                self.ask_all(&Inquiry::Barrier, Then::Hold(Held::Drained(until)), outgoing);
            }
            (Writes::Draining(until), Held::Drained(ending)) if ending == until => {
                self.writes = Writes::Held(until);
                self.writes_stand_still(outgoing);
            }
            _ => {}
        }
    }

    /// Asks again for writes under way; notices when the pause is over.
    fn check_writes(&mut self, outgoing: &mut Outgoing) {
        match self.writes {
            Writes::Pausing(until) | Writes::Draining(until) | Writes::Held(until) if until <= now().unix_ms => {
                self.writes = Writes::Free;
            }
            Writes::Draining(until) => {
                self.ask_all(&Inquiry::WritesUnderWay, Then::Hold(Held::UnderWay(until)), outgoing);
            }
            _ => {}
        }
    }
}

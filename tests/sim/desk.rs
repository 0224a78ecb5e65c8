//! A host's nodes.conf, and what waits for it: as in `node/office/control.rs`, a list of actions that has come to a save
//! goes on when that is done, and all later lists behind it. One text at a time is written; it holds all that was decided
//! until then.
//!
//! The end of a process leaves what was written, and perhaps what was being written. The end of a machine leaves what was
//! on the disk, or anything later.

use crate::chance::Chance;
use crate::host::Condition;
use crate::net::HostIx;
use crate::world::{Event, World};
use coreslot::cluster::Action;
use std::collections::VecDeque;

/// How long a text that need not outlive the machine stays without the disk having it.
const SYNC_AFTER_MS: u64 = 1000;

/// Whose end a text has to survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outlives {
    Process,
    Machine,
}

/// The file, and the lists.
#[derive(Default)]
pub struct Desk {
    /// What outlives the machine, and later texts that outlive the process only.
    texts: VecDeque<String>,
    saving: Option<Saving>,
    unsaved: Option<Outlives>,
    lists: VecDeque<(u64, VecDeque<Action>)>,
    last: u64,
    written: u64,
    saved: u64,
    /// Whether the process dies when it saves next.
    pub dies: bool,
    /// Whether its next save fails: the disk is full.
    pub fails: bool,
}

struct Saving {
    text: String,
    through: u64,
    outlives: Outlives,
}

impl Desk {
    pub fn new(text: String) -> Desk {
        Desk { texts: VecDeque::from([text]), ..Desk::default() }
    }

    /// What a process starts from.
    pub fn text(&self) -> &str {
        self.texts.back().expect("there is always one")
    }

    /// The process ends, or the machine.
    pub fn end(&mut self, how: Condition, chance: &mut Chance) {
        self.texts.extend(self.saving.take().map(|saving| saving.text).filter(|_| chance.once_in(2)));
        if how == Condition::Gone {
            let survive = 1 + chance.below(self.texts.len() as u64) as usize;
            self.texts.truncate(survive);
        }
        let text = self.texts.pop_back().expect("there is always one");
        *self = Desk::new(text);
    }

    fn add(&mut self, actions: Vec<Action>) {
        self.last += 1;
        self.unsaved = self.unsaved.max(actions.iter().filter_map(wants).max());
        self.lists.push_back((self.last, actions.into()));
    }

    /// The next action that may be done by now.
    fn next(&mut self) -> Option<Action> {
        loop {
            let (number, list) = self.lists.front_mut()?;
            let Some(action) = list.front() else {
                self.lists.pop_front();
                continue;
            };
            let done = match wants(action) {
                Some(Outlives::Machine) => self.saved,
                Some(Outlives::Process) => self.written,
                None => *number,
            };
            if done < *number {
                return None;
            }
            let action = list.pop_front().expect("it was just seen");
            if wants(&action).is_none() {
                return Some(action);
            }
        }
    }
}

fn wants(action: &Action) -> Option<Outlives> {
    match action {
        Action::SaveConfig => Some(Outlives::Machine),
        Action::WriteConfig => Some(Outlives::Process),
        _ => None,
    }
}

impl World {
    /// Does what a node wants done.
    pub fn perform(&mut self, host: HostIx, actions: Vec<Action>) {
        if !actions.is_empty() {
            self.hosts[host].desk.add(actions);
            self.proceed(host);
        }
        self.schedule_wake(host);
    }

    /// Goes on with what was decided, as far as it may be done by now.
    fn proceed(&mut self, host: HostIx) {
        self.save_if_due(host);
        while let Some(action) = self.hosts[host].desk.next() {
            self.checker.action(host, self.time, &action);
            self.carry_out(host, action);
        }
    }

    fn save_if_due(&mut self, host: HostIx) {
        let desk = &mut self.hosts[host].desk;
        if desk.saving.is_some() {
            return;
        }
        let Some(outlives) = desk.unsaved.take() else { return };
        let cluster = self.hosts[host].cluster.as_ref().expect("a running host has a node");
        let text = match &mut self.meter {
            Some(meter) => meter.save(|| cluster.nodes_conf()),
            None => cluster.nodes_conf(),
        };
        let desk = &mut self.hosts[host].desk;
        desk.saving = Some(Saving { text, through: desk.last, outlives });
        let takes = match outlives {
            Outlives::Process => 0,
            Outlives::Machine => self.net.disk(&mut self.chance),
        };
        self.schedule(self.time + takes, host, Event::Saved);
    }

    /// A text is written.
    pub fn saved(&mut self, host: HostIx) {
        let desk = &mut self.hosts[host].desk;
        if std::mem::take(&mut desk.dies) {
            return self.kill(host);
        }
        let Saving { text, through, outlives } = desk.saving.take().expect("it was being written");
        if std::mem::take(&mut desk.fails) {
            // The list that waited is not done.
            desk.lists.pop_front_if(|(number, _)| *number <= through);
            self.hosts[host].cluster.as_mut().expect("a running host has a node").save_failed();
        } else {
            self.hosts[host].cluster.as_mut().expect("a running host has a node").saved();
            let desk = &mut self.hosts[host].desk;
            desk.written = through;
            if outlives == Outlives::Machine {
                desk.saved = through;
                desk.texts.clear();
            } else if desk.texts.len() == 1 {
                self.schedule(self.time + SYNC_AFTER_MS, host, Event::Synced);
            }
            self.hosts[host].desk.texts.push_back(text);
        }
        self.proceed(host);
    }

    /// The disk has everything that was written.
    pub fn synced(&mut self, host: HostIx) {
        let texts = &mut self.hosts[host].desk.texts;
        texts.drain(..texts.len() - 1);
    }
}

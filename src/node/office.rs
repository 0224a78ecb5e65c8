//! The bus core's office: keeps the configuration and the control plane, executes CONFIG, CLUSTER and
//! SHUTDOWN, and sees to it that every data core goes by what was decided before the client is told.
//!
//! Owned by the bus core's thread. Files are written here (nodes.conf, redis.conf, the log), never on a
//! data core.

use super::config::{Caller, Changes, Config, reply_help, set_failed};
use super::listeners::Listeners;
use super::log::LogDrain;
use super::nodes_file::NodesFile;
use crate::cluster::command::{Facts, Inquiry as Wanted};
use crate::cluster::now::Now;
use crate::cluster::{Action, Cluster};
use crate::contract::topology::Topology;
use crate::cores::bus_core::{Office, Outgoing};
use crate::cores::clock;
use crate::data::plane::message::{Answer, BusCommand, Inquiry, Message, Peer, Scope};
use crate::resp::{Error, Reply};
use std::collections::HashMap;
use std::sync::Arc;

/// Something that goes on when all data cores have answered.
struct Pending {
    missing: usize,
    sum: u64,
    then: Then,
}

enum Then {
    /// Give this reply to the core that asked.
    Reply(Peer, u64, Vec<u8>),
    /// Execute this CLUSTER command; the sum is the number of keys it depends on.
    Cluster(Peer, u64, Box<BusCommand>),
    /// Nothing.
    Nothing,
}

/// The control plane with its file.
pub struct ClusterDesk {
    /// The state machine.
    pub cluster: Cluster,
    /// nodes.conf.
    pub file: NodesFile,
}

/// See the module's header.
pub struct NodeOffice {
    config: Config,
    desk: Option<ClusterDesk>,
    topology: Arc<Topology>,
    listeners: Listeners,
    cores: usize,
    drain: LogDrain,
    pending: HashMap<u64, Pending>,
    last: u64,
    over: bool,
}

impl NodeOffice {
    /// An office for a node with `cores` data cores.
    pub fn new(
        config: Config,
        desk: Option<ClusterDesk>,
        topology: Arc<Topology>,
        listeners: Listeners,
        cores: usize,
        drain: LogDrain,
    ) -> Self {
        NodeOffice { config, desk, topology, listeners, cores, drain, pending: HashMap::new(), last: 0, over: false }
    }

    /// Asks all data cores.
    fn ask_all(&mut self, inquiry: &Inquiry, then: Then, outgoing: &mut Outgoing) {
        self.last += 1;
        self.pending.insert(self.last, Pending { missing: self.cores, sum: 0, then });
        for core in 0..self.cores as u16 {
            outgoing.push((Peer(core), Message::Ask(self.last, inquiry.clone())));
        }
    }

    fn execute(&mut self, from: Peer, number: u64, command: Box<BusCommand>, outgoing: &mut Outgoing) {
        let name = command.args.first().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
        match name.as_slice() {
            b"config" => self.config(from, number, &command, outgoing),
            b"cluster" => {
                let args: Vec<&[u8]> = command.args.iter().map(Vec::as_slice).collect();
                let inquiry = match Wanted::of(&args) {
                    Wanted::Nothing => return self.cluster(from, number, &command, 0, outgoing),
                    Wanted::Keys => Inquiry::Size { db: 0 },
                    Wanted::KeysInSlot(slot) => Inquiry::SlotKeys { slot: slot.number(), limit: 0 },
                };
                self.ask_all(&inquiry, Then::Cluster(from, number, command), outgoing);
            }
            // DEBUG CONFIG-REWRITE-FORCE-ALL.
            b"debug" => answer(from, number, &command, outgoing, |reply| {
                self.config.rewrite(true)?;
                reply.ok();
                Ok(())
            }),
            b"shutdown" => self.shutdown(from, number, &command, outgoing),
            _ => answer(from, number, &command, outgoing, |_| Err(Error::new("ERR unknown command"))),
        }
    }

    fn config(&mut self, from: Peer, number: u64, command: &BusCommand, outgoing: &mut Outgoing) {
        let args: Vec<&[u8]> = command.args.iter().map(Vec::as_slice).collect();
        let subcommand = args[1].to_ascii_lowercase();
        match subcommand.as_slice() {
            b"get" => answer(from, number, command, outgoing, |reply| {
                self.config.reply_get(&args[2..], reply);
                Ok(())
            }),
            b"help" => answer(from, number, command, outgoing, |reply| {
                reply_help(reply);
                Ok(())
            }),
            b"rewrite" => answer(from, number, command, outgoing, |reply| {
                self.config.rewrite(false)?;
                reply.ok();
                Ok(())
            }),
            _ => {
                let caller = Caller { local: command.local, loading: false };
                let changed = self.config.set(&args[2..], caller).and_then(|changes| self.follow(changes, outgoing));
                match changed {
                    Err(error) => answer(from, number, command, outgoing, |_| Err(error)),
                    Ok(()) => {
                        self.reconfigured(outgoing);
                        let settings = Inquiry::Adopt(Some(Arc::new(self.config.settings())), None);
                        self.ask_all(&settings, Then::Reply(from, number, b"+OK\r\n".to_vec()), outgoing);
                    }
                }
            }
        }
    }

    /// Puts into effect what can fail, or undoes all changes.
    fn follow(&mut self, changes: Changes, outgoing: &mut Outgoing) -> Result<(), Error> {
        log::debug!("CONFIG SET {:?}", changes.names().collect::<Vec<_>>());
        let (name, refusal) = match (changes.contains("port"), changes.contains("bind")) {
            (true, _) => ("port", "Unable to listen on this port. Check server logs."),
            (_, true) => ("bind", "Failed to bind to specified addresses."),
            _ => return Ok(()),
        };
        let mut result = self.listeners.reopen(&self.config);
        match self.listeners.shares() {
            Ok(shares) => outgoing.extend((0..).map(Peer).zip(shares.into_iter().map(Message::Listen))),
            Err(error) => result = Err(error.into()),
        }
        result.map_err(|error| {
            log::warn!("{error}");
            self.config.undo(changes);
            set_failed(name.as_bytes(), refusal)
        })
    }

    /// Puts into effect what the bus core itself goes by.
    fn reconfigured(&mut self, outgoing: &mut Outgoing) {
        self.drain.configure(&self.config);
        let options = super::boot::cluster_options(&self.config, self.cores);
        if let Some(desk) = &mut self.desk {
            match desk.cluster.reconfigure(options, now()) {
                Ok(actions) => self.act(actions, Then::Nothing, outgoing),
                Err(error) => log::warn!("The cluster keeps its old settings: {error}"),
            }
        }
    }

    fn cluster(&mut self, from: Peer, number: u64, command: &BusCommand, keys: u64, outgoing: &mut Outgoing) {
        let args: Vec<&[u8]> = command.args.iter().map(Vec::as_slice).collect();
        let reached = command.reached.clone();
        let facts = Facts { reached, keys, keys_in_slot: keys, replication_offset: 0 };
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
    fn act(&mut self, actions: Vec<Action>, then: Then, outgoing: &mut Outgoing) {
        let mut adopt = None;
        for action in actions {
            match action {
                Action::SaveConfig(text) => {
                    if let Some(desk) = &mut self.desk
                        && let Err(error) = desk.file.save(&text)
                    {
                        log::error!("Fatal: can't update cluster config file: {error}");
                    }
                }
                Action::PublishTopology(topology) => adopt = Some(topology),
                Action::FlushAll => self.ask_all(&Inquiry::Flush(Scope::All), Then::Nothing, outgoing),
                other => log::error!("This build can't do {other:?}"),
            }
        }
        match (adopt, then) {
            (Some(topology), then) => {
                self.topology = topology.clone();
                self.ask_all(&Inquiry::Adopt(None, Some(topology)), then, outgoing);
            }
            // Behind whatever was sent above: the queues keep their order.
            (None, then @ Then::Reply(..)) => self.ask_all(&Inquiry::Barrier, then, outgoing),
            (None, _) => {}
        }
    }

    fn shutdown(&mut self, from: Peer, number: u64, command: &BusCommand, outgoing: &mut Outgoing) {
        let words: Vec<Vec<u8>> = command.args[1..].iter().map(|word| word.to_ascii_lowercase()).collect();
        let known: [&[u8]; 5] = [b"nosave", b"save", b"now", b"force", b"abort"];
        let has = |word: &[u8]| words.iter().any(|given| given == word);
        let bad = words.iter().any(|word| !known.contains(&word.as_slice()));
        if bad || has(b"save") && has(b"nosave") || has(b"abort") && words.len() > 1 {
            return answer(from, number, command, outgoing, |_| Err(Error::Syntax));
        }
        if has(b"abort") {
            return answer(from, number, command, outgoing, |_| Err(Error::new("ERR No shutdown in progress.")));
        }
        log::warn!("User requested shutdown...");
        self.end();
    }

    fn end(&mut self) {
        self.listeners.close();
        log::warn!("Redis is now ready to exit, bye bye...");
        self.over = true;
    }
}

impl Office for NodeOffice {
    fn message(&mut self, from: Peer, message: Message, outgoing: &mut Outgoing) {
        match message {
            Message::Ask(number, Inquiry::Command(command)) => self.execute(from, number, command, outgoing),
            Message::Answer(number, answer) => {
                let Some(pending) = self.pending.get_mut(&number) else { return };
                pending.missing -= 1;
                pending.sum += match answer {
                    Answer::Count(count) | Answer::Scan(count, _) => count,
                    _ => 0,
                };
                if pending.missing > 0 {
                    return;
                }
                let Some(Pending { sum, then, .. }) = self.pending.remove(&number) else { return };
                match then {
                    Then::Reply(to, number, bytes) => {
                        outgoing.push((to, Message::Answer(number, Answer::Reply(Ok(bytes)))))
                    }
                    Then::Cluster(from, number, command) => self.cluster(from, number, &command, sum, outgoing),
                    Then::Nothing => {}
                }
            }
            _ => {}
        }
    }

    fn tick(&mut self, outgoing: &mut Outgoing) {
        self.drain.drain();
        if let Some(desk) = &mut self.desk {
            let actions = desk.cluster.tick(now());
            self.act(actions, Then::Nothing, outgoing);
        }
    }

    fn signalled(&mut self, _: &mut Outgoing) {
        log::warn!("Received SIGTERM or SIGINT, scheduling shutdown...");
        self.end();
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

/// The time for the control plane.
pub fn now() -> Now {
    Now { unix_ms: clock::unix_us() / 1000, mono_ms: clock::monotonic_ns() / 1_000_000 }
}

/// Answers a command.
fn answer(
    to: Peer,
    number: u64,
    command: &BusCommand,
    outgoing: &mut Outgoing,
    write: impl FnOnce(&mut Reply<'_>) -> Result<(), Error>,
) {
    let mut bytes = Vec::new();
    let written = write(&mut Reply::new(&mut bytes, command.proto));
    outgoing.push((to, Message::Answer(number, Answer::Reply(written.map(|()| bytes)))));
}

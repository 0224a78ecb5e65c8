//! The bus core's office: keeps the configuration and the control plane, executes CONFIG, CLUSTER and
//! SHUTDOWN, and sees to it that every data core goes by what was decided before the client is told.
//!
//! Owned by the bus core's thread. Files are written here or by a helper of this thread (nodes.conf, redis.conf, the
//! log), never on a data core. `config` is CONFIG, `control` works for the control plane.

mod acl;
mod appending;
mod config;
mod connections;
mod control;
mod failover;
mod loading;
mod obeying;
mod oom_score;
pub mod parts;
mod replication;
mod saving;
mod shutdown;

use super::config::Config;
use super::courier::Courier;
use super::listeners::Listeners;
use super::log::LogDrain;
use super::title::Title;
use crate::base::ids::ClientId;
use crate::cluster::command::Inquiry as Wanted;
use crate::cluster::now::Now;
use crate::cluster::stats::MessageKind;
use crate::cluster::wire::{Packet, codec};
use crate::cluster::{LinkEnd, LinkId};
use crate::cores::bus_core::{Office, Outgoing, Signal};
use crate::cores::clock;
use crate::cores::streams::StreamCommand;
use crate::data::acl::Users;
use crate::data::plane::figures::SaveFacts;
use crate::data::plane::message::{Answer, BusCommand, Inquiry, Message, Notice, Peer, Scope};
use crate::replication::LinkId as StreamId;
use crate::resp::{Error, Reply};
pub use appending::{AppendingDesk, names as log_names};
pub use control::ClusterDesk;
use control::{Held, Writes};
pub use loading::LoadingDesk;
use parts::HeldParts;
pub use replication::ReplicationDesk;
use saving::After;
pub use saving::SavingDesk;
use shutdown::{Ending, Signals};
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
    /// The data cores go by a new limit for clients: the largest are closed until the rest are within it; then the core
    /// that asked is told that all is done. So many were closed when last asked; the sum is how many are now.
    Evicted(Peer, u64, Option<u64>),
    /// Everybody has slept: the core that asked for it may go on.
    Slept(Peer, u64),
    /// What it did at once has come here.
    Awake,
    /// Execute this CLUSTER command; the sum is the number of keys it depends on.
    Cluster(Peer, u64, Box<BusCommand>),
    /// A step on the way to a standing replication offset.
    Hold(Held),
    /// The data cores go by the standing they were told.
    Stood,
    /// What was to be deleted is, so that a snapshot can take its place.
    Emptied,
    /// That client waits for so many replicas, so many ms; when it got its last answer.
    Wait(ClientId, usize, u64, u64),
    /// Save if a save point was reached; the sum is how much has changed.
    SavePoint,
    /// The snapshot with this number is to be made; the sum is how much has changed.
    Save(u64),
    /// The sum is how many keys there are.
    Counted,
    /// The snapshot with this number has begun; the sum is how many keys there are.
    Keys(u64),
    /// The data was loaded; the sum is how much has changed.
    Loaded,
    /// The append-only log has all that it is to have.
    CloseLog,
    /// Nothing.
    Nothing,
}

/// What the office has for each of its tasks.
pub struct Desks {
    /// For the control plane, in a cluster.
    pub cluster: Option<ClusterDesk>,
    /// For replication.
    pub replication: ReplicationDesk,
    /// For files of the whole data.
    pub saving: SavingDesk,
    /// For the append-only log.
    pub appending: AppendingDesk,
    /// For loading from disk.
    pub loading: LoadingDesk,
    /// For MIGRATE.
    pub courier: Courier,
}

/// See the module's header.
pub struct NodeOffice {
    config: Config,
    users: Arc<Users>,
    desk: Option<ClusterDesk>,
    desk_of_replication: ReplicationDesk,
    saving: SavingDesk,
    appending: AppendingDesk,
    loading: LoadingDesk,
    courier: Courier,
    listeners: Listeners,
    cores: usize,
    /// Whether writes are held back for a failover or the end.
    writes: Writes,
    held_parts: HeldParts,
    /// The end that waits for replicas.
    ending: Option<Ending>,
    signals: Signals,
    drain: LogDrain,
    title: Title,
    oom_score: oom_score::OomScore,
    obeying: obeying::ObeyingDesk,
    pending: HashMap<u64, Pending>,
    last: u64,
    links_configured: bool,
    over: bool,
}

impl NodeOffice {
    /// An office for a node with `cores` data cores.
    pub fn new(
        config: Config,
        users: Arc<Users>,
        desks: Desks,
        listeners: Listeners,
        cores: usize,
        drain: LogDrain,
        title: Title,
    ) -> Self {
        let Desks { cluster: desk, replication: desk_of_replication, saving, appending, loading, courier } = desks;
        NodeOffice {
            config,
            users,
            desk,
            desk_of_replication,
            saving,
            appending,
            loading,
            courier,
            listeners,
            cores,
            writes: Writes::Free,
            held_parts: HeldParts::default(),
            ending: None,
            signals: Signals::default(),
            drain,
            title,
            oom_score: oom_score::OomScore::default(),
            obeying: obeying::ObeyingDesk::default(),
            pending: HashMap::new(),
            last: 0,
            links_configured: false,
            over: false,
        }
    }

    /// Asks all data cores.
    fn ask_all(&mut self, inquiry: &Inquiry, then: Then, outgoing: &mut Outgoing) {
        self.last += 1;
        self.pending.insert(self.last, Pending { missing: self.cores, sum: 0, then });
        for core in 0..self.cores as u16 {
            outgoing.push((Peer(core), Message::Ask(self.last, inquiry.clone())));
        }
    }

    /// All data cores have answered.
    fn go_on(&mut self, then: Then, sum: u64, outgoing: &mut Outgoing) {
        match then {
            Then::Reply(to, number, bytes) => outgoing.push((to, Message::Answer(number, Answer::Reply(Ok(bytes))))),
            Then::Evicted(to, number, Some(before)) if sum == before => {
                self.go_on(Then::Reply(to, number, b"+OK\r\n".to_vec()), 0, outgoing);
            }
            // A core closes what is the largest of the node: when it has, another's may be.
            Then::Evicted(to, number, _) => {
                self.ask_all(&Inquiry::EvictClients, Then::Evicted(to, number, Some(sum)), outgoing);
            }
            Then::Slept(to, number) => {
                outgoing.push((to, Message::Answer(number, Answer::Done)));
                self.ask_all(&Inquiry::Barrier, Then::Awake, outgoing);
            }
            Then::Awake => outgoing.streams.push(StreamCommand::HoldAll(false)),
            Then::Cluster(from, number, command) => self.cluster_command(from, number, &command, sum, outgoing),
            Then::Hold(held) => self.writes_held(held, sum, outgoing),
            Then::Emptied => self.emptied(outgoing),
            Then::Stood => self.with_replication(outgoing, |replication| replication.stood()),
            Then::Wait(client, wanted, timeout, answered) => {
                self.wait_for_replicas(client, wanted, timeout, answered, outgoing);
            }
            Then::SavePoint => self.check_save_points(sum, outgoing),
            Then::Save(number) => self.cut_for_file(number, sum, outgoing),
            Then::Counted => self.with_replication(outgoing, |replication| replication.counted(sum)),
            Then::Keys(number) => self.keys_counted(number, sum),
            Then::Loaded => self.nothing_has_changed(sum),
            Then::CloseLog => self.close_log(),
            Then::Nothing => {}
        }
    }

    fn execute(&mut self, from: Peer, number: u64, command: Box<BusCommand>, outgoing: &mut Outgoing) {
        let name = command.args.first().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
        match name.as_slice() {
            b"acl" => self.acl(from, number, &command, outgoing),
            b"config" => self.config(from, number, &command, outgoing),
            b"cluster" => {
                let args: Vec<&[u8]> = command.args.iter().map(Vec::as_slice).collect();
                if let Some(keys) = command.keys {
                    return self.cluster_command(from, number, &command, keys, outgoing);
                }
                let inquiry = match Wanted::of(&args) {
                    Wanted::Nothing => return self.cluster_command(from, number, &command, 0, outgoing),
                    Wanted::Keys => Inquiry::Size(Scope::One(0)),
                    Wanted::KeysInSlot(slot) => Inquiry::SlotKeys { slot: slot.number(), limit: 0 },
                };
                self.ask_all(&inquiry, Then::Cluster(from, number, command), outgoing);
            }
            b"save" | b"bgsave" | b"lastsave" => self.save_command(from, number, &command, outgoing),
            b"debug" if command.args[1].eq_ignore_ascii_case(b"reload") => {
                self.reload(from, number, &command, outgoing);
            }
            b"debug" if command.args[1].eq_ignore_ascii_case(b"loadaof") => {
                self.load_log_command(from, number, &command, outgoing);
            }
            b"bgrewriteaof" => self.rewrite_command(from, number, &command, outgoing),
            b"debug" => {
                let done = self.debug(&command.args[1..], outgoing);
                answer(from, number, &command, outgoing, |reply| {
                    done?;
                    reply.ok();
                    Ok(())
                });
            }
            b"replicaof" | b"slaveof" => self.replicaof(from, number, &command, outgoing),
            b"psync" => answer(from, number, &command, outgoing, |_| Err(Error::NotAnInteger)),
            b"role" => answer(from, number, &command, outgoing, |reply| {
                self.desk_of_replication.replication.role(reply);
                Ok(())
            }),
            b"failover" => {
                let done = self.fail_over(&command, outgoing);
                answer(from, number, &command, outgoing, |reply| {
                    done?;
                    reply.ok();
                    Ok(())
                });
            }
            b"wait" => self.wait(from, number, &command, outgoing),
            b"shutdown" => self.shutdown(from, number, &command, outgoing),
            _ => answer(from, number, &command, outgoing, |_| Err(Error::new("ERR unknown command"))),
        }
    }

    /// What INFO tells of this node's disk.
    fn save_facts(&self) -> SaveFacts {
        let facts = self.saving.facts();
        // One for replicas is one that is being made.
        let under_way = facts.under_way || self.desk_of_replication.replication.has_snapshot();
        let mut log = self.appending.facts();
        // A rewrite that nothing stands against is one that was begun, though the cores have not come to it yet.
        let begins = log.scheduled && !self.snapshot_is_made() && !self.is_loading() && !self.appending.is_held_back();
        (log.placing, log.scheduled) = (log.placing || begins, log.scheduled && !begins);
        SaveFacts { log, loading: self.loading.facts(), under_way, ..facts }
    }

    /// Those DEBUG subcommands that are about what the bus core has.
    fn debug(&mut self, args: &[Vec<u8>], outgoing: &mut Outgoing) -> Result<(), Error> {
        let [name, args @ ..] = args else { return Err(Error::Syntax) };
        match (name.to_ascii_lowercase().as_slice(), args) {
            (b"segfault", []) => self.crash(libc::SIGSEGV),
            (b"panic", []) => self.crash(libc::SIGABRT),
            (b"config-rewrite-force-all", []) => self.config.rewrite(true, self.user_lines()),
            (b"change-repl-id", []) => {
                self.desk_of_replication.replication.change_id();
                Ok(())
            }
            (b"aof-flush-sleep", [time]) => {
                let time = std::str::from_utf8(time).ok().and_then(|time| time.parse().ok());
                self.sleep_before_writes(time.ok_or(Error::NotAnInteger)?);
                Ok(())
            }
            (b"drop-cluster-packet-filter", [kind]) => self.drop_packets(kind),
            (b"clusterlink", [_, direction, node]) => self.kill_links(node, direction, outgoing),
            _ => Err(Error::Syntax),
        }
    }

    fn drop_packets(&mut self, kind: &[u8]) -> Result<(), Error> {
        let number: i64 =
            std::str::from_utf8(kind).ok().and_then(|kind| kind.parse().ok()).ok_or(Error::NotAnInteger)?;
        if let Some(desk) = &mut self.desk {
            let kind = usize::try_from(number).ok().and_then(|number| MessageKind::ALL.get(number));
            desk.cluster.drop_kind(kind.copied());
        }
        Ok(())
    }
}

impl Office for NodeOffice {
    fn message(&mut self, from: Peer, message: Message, outgoing: &mut Outgoing) {
        match message {
            Message::Ask(number, Inquiry::Command(command)) => self.execute(from, number, command, outgoing),
            Message::Ask(number, Inquiry::Figures) => {
                let info = Box::new((self.node_figures(), self.save_facts()));
                outgoing.push((from, Message::Answer(number, Answer::Replication(info))));
            }
            Message::Ask(number, Inquiry::ClientList(filter)) => {
                let lines = self.client_lines(&filter);
                outgoing.push((from, Message::Answer(number, Answer::Clients(lines))));
            }
            Message::Ask(number, Inquiry::ClientKill(filter)) => {
                let killed = self.kill_clients(&filter, outgoing);
                outgoing.push((from, Message::Answer(number, Answer::Count(killed))));
            }
            Message::Ask(number, Inquiry::ResetStats) => {
                self.desk_of_replication.replication.counters = Default::default();
                outgoing.push((from, Message::Answer(number, Answer::Done)));
            }
            Message::Ask(number, Inquiry::Sleep(time)) => {
                // In Redis's one thread, what a transaction does after its sleep comes before all that arrived meanwhile.
                outgoing.streams.push(StreamCommand::HoldAll(true));
                self.ask_all(&Inquiry::Sleep(time), Then::Slept(from, number), outgoing);
                outgoing.sleep = Some(time);
            }
            Message::Log(batch) => self.with_replication(outgoing, |replication| replication.logged(batch)),
            Message::Errand(number, errand) => self.courier.take(from, number, *errand),
            Message::Applied(batch) => self.applied(&batch, outgoing),
            Message::Snapshot(part) => self.part_made(part, outgoing),
            Message::Depart(departure) => self.arrived(*departure, outgoing),
            Message::Tell(Notice::FlushedAll) => self.save_flushed(outgoing),
            Message::Tell(Notice::CountAnew(owed)) => self.count_anew(from, owed, outgoing),
            Message::Tell(Notice::WaitNoMore(client)) => self.wait_no_more(client),
            // The log is written before this leaves.
            Message::Tell(Notice::Said(number)) => outgoing.push((from, Message::Tell(Notice::Written(number)))),
            Message::Tell(Notice::PauseCron(on)) => self.signals.paused = on,
            Message::Tell(Notice::CannotApply(piece, name)) => self.cannot_apply(piece, &name),
            Message::Tell(Notice::EndWait(client, with_error)) => self.end_wait(client, with_error, outgoing),
            Message::Answer(number, Answer::Stores(old)) => {
                self.replaced(number, old, outgoing);
                self.placed(number, Ok(()), outgoing);
            }
            Message::Answer(number, Answer::Reply(Err(error))) => {
                self.refused(number, &error, outgoing);
                self.placed(number, Err(&error), outgoing);
            }
            Message::Ask(number, Inquiry::Publish { channel, message, sharded }) => {
                self.broadcast(sharded, &channel, &message, outgoing);
                outgoing.push((from, Message::Answer(number, Answer::Count(0))));
            }
            Message::Tell(Notice::Broadcast { channel, message, sharded }) => {
                self.broadcast(sharded, &channel, &message, outgoing);
            }
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
                self.go_on(then, sum, outgoing);
            }
            _ => {}
        }
    }

    fn tick(&mut self, loads: &[(LinkId, usize)], outgoing: &mut Outgoing) {
        self.courier.tick();
        self.hand_out_parts(outgoing);
        self.tick_loading(outgoing);
        self.tick_saving(outgoing);
        self.tick_replication(outgoing);
        self.tick_appending(outgoing);
        self.tick_cluster(loads, outgoing);
        self.tick_shutdown(outgoing);
    }

    fn alarm_at(&self) -> Option<u64> {
        self.desk.as_ref().and_then(|desk| desk.cluster.wake_at())
    }

    fn alarm(&mut self, outgoing: &mut Outgoing) {
        self.with_cluster(outgoing, |cluster| cluster.wake(now()));
    }

    fn woken(&mut self, outgoing: &mut Outgoing) {
        self.look_after_loader(outgoing);
        self.look_after_files(outgoing);
        self.look_after_loading(outgoing);
        self.look_after_log(outgoing);
        for (to, number, report) in self.courier.reports() {
            outgoing.push((to, Message::Report(number, report)));
        }
        self.proceed(outgoing);
    }

    fn before_sending(&mut self) {
        self.drain.drain();
    }

    fn stream_opened(&mut self, link: StreamId, outgoing: &mut Outgoing) {
        self.with_replication(outgoing, |replication| replication.opened(link));
    }

    fn stream_received(&mut self, link: StreamId, bytes: &[u8], outgoing: &mut Outgoing) {
        self.with_replication(outgoing, |replication| replication.received(link, bytes));
    }

    fn stream_sent(&mut self, link: StreamId, count: usize, outgoing: &mut Outgoing) {
        self.with_replication(outgoing, |replication| replication.sent(link, count));
    }

    fn stream_ended(&mut self, link: StreamId, reason: &str, outgoing: &mut Outgoing) {
        self.stream_lost(link, reason, outgoing);
    }

    fn opened(&mut self, link: LinkId, ip: &str, local: &str, outgoing: &mut Outgoing) {
        self.with_cluster(outgoing, |cluster| {
            let actions = cluster.opened(link, ip, now());
            cluster.local_address(link, local);
            actions
        });
    }

    fn closed(&mut self, link: LinkId, end: LinkEnd, outgoing: &mut Outgoing) {
        self.with_cluster(outgoing, |cluster| cluster.closed(link, end, now()));
    }

    fn overfull(&mut self, link: LinkId, outgoing: &mut Outgoing) {
        self.with_cluster(outgoing, |cluster| {
            cluster.link_over_buffer_limit();
            cluster.closed(link, LinkEnd::Lost, now())
        });
    }

    fn received(&mut self, link: LinkId, packet: Packet, ip: &str, outgoing: &mut Outgoing) {
        self.with_cluster(outgoing, |cluster| cluster.received(link, packet, ip, now()));
    }

    fn malformed(&mut self, kind: Option<MessageKind>, ip: &str, error: codec::Malformed) {
        log::debug!("A packet from {ip} on the cluster bus is dropped: {error}");
        if let Some(desk) = &mut self.desk {
            desk.cluster.malformed(kind);
        }
    }

    fn signalled(&mut self, signal: Signal, outgoing: &mut Outgoing) {
        match signal {
            Signal::Abort => self.crash(libc::SIGABRT),
            signal => self.hear_signal(signal == Signal::Interrupt, outgoing),
        }
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

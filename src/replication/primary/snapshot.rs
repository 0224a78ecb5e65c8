//! Snapshots for replicas: their beginning, their parts on the way from the cores to the replicas, their end.

use super::{Replica, State};
use crate::base::ids::CoreId;
use crate::base::limits;
use crate::contract::introduction::without;
use crate::replication::{Action, Replication, SnapshotFacts};

/// The snapshot that is being made.
pub struct Snapshot {
    number: u64,
    /// Whether its point in time is known.
    cut: bool,
    /// The mark of its end, for those who know it.
    end_mark: String,
    /// Cores that are not at their end.
    cores: usize,
    /// Cores that may make one more part each, once the replicas have taken most of what there is.
    parts: Vec<CoreId>,
    /// Bytes kept.
    pub(super) kept: u64,
}

/// The point in time of a snapshot for a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileCut {
    /// Nobody wants one.
    #[default]
    None,
    /// It waits until what is being executed is done.
    Wanted(u64),
    /// The cores were told.
    Under(u64),
}

impl Replication {
    /// Begins a snapshot if somebody waits for one and the time has come.
    pub(in crate::replication) fn begin_snapshot(&mut self) {
        let waits = |replica: &&Replica| replica.state == State::Waiting;
        let without = self.replicas.iter().find(waits).map_or(0, |replica| replica.who.without);
        let waiting = self.replicas.iter().filter(|replica| waits(replica) && replica.who.without == without);
        let Some(since) = waiting.clone().map(|replica| replica.took_at).min() else {
            if self.snapshot.is_none() && self.file_cut == FileCut::None {
                self.go_on_executing();
            }
            return;
        };
        let enough = self.options.sync_replicas > 0 && waiting.clone().count() >= self.options.sync_replicas;
        let diskless = self.options.diskless && waiting.clone().all(|replica| replica.who.knows_end_mark);
        let delayed = diskless && !enough && self.now < since + self.options.sync_delay;
        if self.snapshot.is_some() || self.held || delayed || !self.stream.is_active() || !self.may_cut() {
            return;
        }
        self.snapshots += 1;
        let end_mark = self.history.random_name();
        let cores = self.merge.cores();
        self.snapshot = Some(Snapshot {
            number: self.snapshots | without,
            cut: false,
            end_mark,
            cores,
            parts: Vec::new(),
            kept: 0,
        });
        let target = if diskless { "replicas sockets" } else { "disk" };
        log::info!("Starting BGSAVE for SYNC with target: {target}");
        // Redis's words, here and below, though nothing forks: whoever watches logs looks for them.
        log::info!("Background RDB transfer started by pid {}", std::process::id());
        self.actions.push(Action::Cut(self.snapshots | without));
    }

    /// Begins the snapshot with this number, which is for a file; [`Action::FileCut`] tells what belongs to it.
    pub fn cut_for_file(&mut self, number: u64) {
        self.file_cut = FileCut::Wanted(number);
        self.begin_file_cut();
    }

    pub(in crate::replication) fn begin_file_cut(&mut self) {
        if let FileCut::Wanted(number) = self.file_cut
            && self.may_cut()
        {
            self.file_cut = FileCut::Under(number);
            self.actions.push(Action::Cut(number));
        }
    }

    /// What a file must tell so that the stream can be gone on with; nothing: there is no stream.
    fn facts(&self) -> Option<SnapshotFacts> {
        let db = match &self.upstream {
            Some(upstream) if !upstream.is_consistent() => return None,
            Some(upstream) => upstream.db() as i64,
            None if !self.stream.is_active() => return None,
            // A primary that starts anew begins with a SELECT.
            None => self.selected.unwrap_or(0) as i64,
        };
        Some(SnapshotFacts { db, id: self.history.id.clone(), offset: self.stream.end() })
    }

    /// The snapshot's point in time is this one.
    pub(in crate::replication) fn cut_made(&mut self, number: u64) {
        if self.file_cut == FileCut::Under(number) {
            self.file_cut = FileCut::None;
            self.actions.push(Action::FileCut(number, self.facts()));
            return self.go_on_executing();
        }
        let offset = self.stream.end();
        let Some(snapshot) = self.snapshot.as_mut().filter(|snapshot| snapshot.number == number) else { return };
        snapshot.cut = true;
        let db = match &self.upstream {
            Some(upstream) => upstream.db() as i64,
            None => {
                self.selected = None;
                -1
            }
        };
        let header = (self.header)(&SnapshotFacts { db, id: self.history.id.clone(), offset });
        let (mark, mut to_keep) = (snapshot.end_mark.clone(), false);
        let without = number & (without::DATA | without::FUNCTIONS);
        let gets = |replica: &&mut Replica| replica.state == State::Waiting && replica.who.without == without;
        for replica in self.replicas.iter_mut().filter(gets) {
            replica.place = offset;
            let mut bytes = Vec::new();
            if !replica.who.is_old {
                bytes.extend_from_slice(format!("+FULLRESYNC {} {offset}\r\n", self.history.id).as_bytes());
            }
            if replica.who.knows_end_mark && self.options.diskless {
                replica.state = State::Receiving;
                bytes.extend_from_slice(format!("$EOF:{mark}\r\n").as_bytes());
                bytes.extend_from_slice(&header);
            } else {
                replica.state = State::Kept;
                to_keep = true;
            }
            replica.in_flight += bytes.len();
            replica.took_at = self.now;
            self.actions.push(Action::Send(replica.link, bytes));
        }
        if to_keep {
            snapshot.kept = header.len() as u64;
            self.actions.push(Action::Keep(header));
        }
        if let Some(snapshot) = &mut self.snapshot {
            let cores = self.merge.cores() as u8;
            let ahead = |core| [CoreId(core); limits::PARTS_AHEAD];
            snapshot.parts = (0..cores).flat_map(ahead).collect();
        }
        self.forget_snapshot();
        self.proceed();
        self.go_on_executing();
    }

    /// A core made a part of a snapshot, its last perhaps.
    pub fn snapshot_part(&mut self, number: u64, core: CoreId, bytes: Vec<u8>, last: bool) {
        let Some(snapshot) = self.snapshot.as_mut().filter(|snapshot| snapshot.number == number) else { return };
        if last {
            snapshot.cores -= 1;
        } else {
            snapshot.parts.push(core);
        }
        self.snapshot_bytes(bytes);
        if self.snapshot.as_ref().is_some_and(|snapshot| snapshot.cores == 0) {
            self.end_snapshot();
        }
        self.proceed();
        self.feed_replicas();
    }

    /// A core has lost the snapshot: its data was flushed. Those who were to get it have to ask again.
    pub fn snapshot_lost(&mut self, number: u64) {
        if self.snapshot.as_ref().is_some_and(|snapshot| snapshot.number == number) {
            let gets = |state: State| matches!(state, State::Receiving | State::Kept);
            self.close_replicas(|replica| gets(replica.state));
        }
    }

    /// Hands bytes of the snapshot to those who get it.
    fn snapshot_bytes(&mut self, bytes: Vec<u8>) {
        let Some(snapshot) = self.snapshot.as_mut().filter(|_| !bytes.is_empty()) else { return };
        for replica in self.replicas.iter_mut().filter(|replica| replica.state == State::Receiving) {
            replica.in_flight += bytes.len();
            self.actions.push(Action::Send(replica.link, bytes.clone()));
        }
        if self.replicas.iter().any(|replica| replica.state == State::Kept) {
            snapshot.kept += bytes.len() as u64;
            self.actions.push(Action::Keep(bytes));
        }
    }

    /// Every core is at its end.
    fn end_snapshot(&mut self) {
        // The end of the file; a checksum of 0 says that there is none.
        self.snapshot_bytes([&[0xff][..], &[0; 8]].concat());
        let Some(snapshot) = &self.snapshot else { return };
        let up = self.replicas.iter().filter(|replica| replica.state == State::Receiving).count();
        if up > 0 {
            log::info!("Diskless rdb transfer, done reading from pipe, {up} replicas still up.");
        }
        for replica in &mut self.replicas {
            let bytes = match replica.state {
                State::Receiving => {
                    replica.state = if replica.who.snapshot_only { State::Done } else { State::Settling };
                    replica.heard_at = self.now;
                    snapshot.end_mark.clone().into_bytes()
                }
                State::Kept => {
                    replica.state = State::Sending(0);
                    format!("${}\r\n", snapshot.kept).into_bytes()
                }
                _ => continue,
            };
            replica.in_flight += bytes.len();
            self.actions.push(Action::Send(replica.link, bytes));
        }
        // Before anybody can have heard that they are online: who writes then counts on them.
        self.stand();
    }

    /// Lets the cores go on with the snapshot if everybody has taken most of what there is.
    pub(in crate::replication) fn proceed(&mut self) {
        let getting = |replica: &Replica| replica.state == State::Receiving;
        let slow = |replica: &Replica| getting(replica) && replica.in_flight > limits::LINK_OUTPUT;
        if self.replicas.iter().any(slow) {
            return;
        }
        if let Some(snapshot) = &mut self.snapshot {
            let number = snapshot.number;
            self.actions.extend(snapshot.parts.drain(..).map(|core| Action::Proceed(core, number)));
        }
    }

    /// Forgets the snapshot when nobody gets it any more.
    pub(super) fn forget_snapshot(&mut self) {
        let Some(snapshot) = self.snapshot.as_ref().filter(|snapshot| snapshot.cut) else { return };
        let gets = |replica: &Replica| matches!(replica.state, State::Receiving | State::Kept | State::Sending(_));
        if self.replicas.iter().any(gets) {
            return;
        }
        if snapshot.cores > 0 {
            log::info!("Diskless rdb transfer, last replica dropped, killing fork child.");
            self.actions.push(Action::Abandon);
        }
        if snapshot.kept > 0 {
            self.actions.push(Action::ForgetKept);
        }
        self.snapshot = None;
    }
}

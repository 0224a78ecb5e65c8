//! Whom this node copies: how it begins to, where it goes on from, and how it becomes a primary.

use super::{State, Upstream};
use crate::replication::feed::Feed;
use crate::replication::moments::Moments;
use crate::replication::{Action, Replication, SnapshotFacts};

impl Replication {
    /// Copies the node at this address from now on, or nobody.
    pub fn follow(&mut self, primary: Option<(String, u16)>) {
        let before = self.upstream.take();
        let was_primary = before.is_none();
        self.upstream = match (before, primary) {
            (None, None) => return,
            (Some(before), None) if before.is_up() => {
                if !before.leaving {
                    self.actions.extend(before.link.map(Action::HearOut));
                }
                Some(Upstream { leaving: true, ..before })
            }
            (Some(before), None) => {
                self.drop_link(&before);
                Some(Upstream { leaving: true, state: State::Idle, link: None, ..before })
            }
            (None, Some((host, port))) => Some(Upstream::new(host, port, self.now)),
            // What is under way belongs to the data that the new primary is asked to go on from.
            (Some(before), Some((host, port))) => {
                self.drop_link(&before);
                Some(Upstream {
                    consistent: before.consistent,
                    under_way: before.under_way,
                    pieces: before.pieces,
                    feed: Feed::new(before.db),
                    db: before.db,
                    ..Upstream::new(host, port, self.now)
                })
            }
        };
        if let Some(upstream) = self.upstream() {
            if was_primary {
                log::info!(
                    "Before turning into a replica, using my own master parameters to synthesize a cached master: I may \
                     be able to synchronize with the new master with just a partial transfer."
                );
            }
            log::info!("Connecting to MASTER {}:{}", upstream.host, upstream.port);
        }
        self.dispatch();
        self.leave_upstream();
        self.stand();
        self.advance();
    }

    /// The data, if there is any, is of no history: this node started as a replica, and no file says where to go on from.
    pub fn start_anew(&mut self) {
        if let Some(upstream) = &mut self.upstream {
            upstream.consistent = false;
        }
    }

    /// The data is that of this place in a stream: it was loaded when the node started. A replica goes on from there; the
    /// replicas that a primary had can do so. `expired`: keys that died before they were loaded, which those have still.
    pub fn resume(&mut self, place: SnapshotFacts, replica: bool, expired: &[(usize, Vec<u8>)]) {
        let SnapshotFacts { db, id, offset } = place;
        self.stream.restart(offset);
        if replica {
            self.history.id = id;
            self.history.forget_former();
            if let Some(upstream) = &mut self.upstream {
                upstream.db = usize::try_from(db).unwrap_or(0);
                upstream.feed = Feed::new(upstream.db);
            }
            return;
        }
        self.history.follow_on(id, offset);
        self.stream.activate();
        self.alone_since = self.now;
        for (db, key) in expired {
            let mut command = format!("*2\r\n$3\r\nDEL\r\n${}\r\n", key.len()).into_bytes();
            command.extend_from_slice(key);
            command.extend_from_slice(b"\r\n");
            self.append_on(*db, &command);
        }
        self.trim();
        self.stand();
    }

    /// Becomes a primary when all is done that the former one has sent.
    pub(super) fn leave_upstream(&mut self) {
        if !self.upstream.as_ref().is_some_and(|upstream| upstream.leaving && upstream.is_drained()) {
            return;
        }
        self.upstream = None;
        self.moments = Moments::from(self.stream.end());
        let id = self.history.random_name();
        self.history.fork(id, self.stream.end());
        log::info!(
            "MASTER MODE enabled. Setting secondary replication ID to {}, valid up to offset: {}. New replication ID is {}",
            self.history.former,
            self.history.second_offset,
            self.history.id
        );
        // They must hear of the new name; they can go on from where they are.
        self.disconnect_replicas("the history has a new name");
        self.selected = None;
        self.alone_since = self.now;
        self.stand();
    }

    /// Whether this node is to be a primary once what its former one has sent is executed.
    pub fn is_leaving(&self) -> bool {
        self.upstream.as_ref().is_some_and(|upstream| upstream.leaving)
    }

    /// Whether what was asked of the data cores and of the primary's last words is done.
    pub fn is_calm(&self) -> bool {
        self.is_settled() && !self.is_leaving()
    }

    fn drop_link(&mut self, upstream: &Upstream) {
        if upstream.is_synchronising() {
            self.actions.push(Action::AbortLoad);
        }
        if let Some(link) = upstream.link {
            self.actions.push(Action::Close(link));
        }
    }
}

//! How a replica and its primary find each other: the greeting, line by line, and the snapshot that may follow it.

use super::{Asked, END_MARK, End, LONGEST_LINE, State, Transfer, Way};
use crate::replication::options::Load;
use crate::replication::{Action, Replication};
use std::collections::VecDeque;

impl Replication {
    /// Sends a command to the primary.
    pub(super) fn say(&mut self, words: &[&[u8]]) {
        let Some(link) = self.upstream.as_ref().and_then(|upstream| upstream.link) else { return };
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        self.actions.push(Action::Send(link, bytes));
    }

    /// Introduces this node, once the primary has shown that it is there.
    fn introduce(&mut self) -> VecDeque<Asked> {
        let options = self.options.clone();
        let mut asked = VecDeque::new();
        if !options.password.is_empty() {
            let user = Some(options.user.as_slice()).filter(|user| !user.is_empty());
            let words: Vec<&[u8]> = [b"AUTH".as_slice()].into_iter().chain(user).chain([&*options.password]).collect();
            self.say(&words);
            asked.push_back(Asked::Auth);
        }
        let port = if options.announce_port > 0 { options.announce_port } else { options.port };
        self.say(&[b"REPLCONF", b"listening-port", port.to_string().as_bytes()]);
        asked.push_back(Asked::Port);
        if !options.announce_ip.is_empty() {
            self.say(&[b"REPLCONF", b"ip-address", &options.announce_ip]);
            asked.push_back(Asked::Address);
        }
        self.say(&[b"REPLCONF", b"capa", b"eof", b"capa", b"psync2"]);
        asked.push_back(Asked::Capabilities);
        asked
    }

    fn ask_psync(&mut self) {
        let consistent = self.upstream.as_ref().is_some_and(|upstream| upstream.consistent);
        let (id, next) = match consistent {
            true => (self.history.id.clone(), self.stream.end() as i64 + 1),
            false => ("?".to_owned(), -1),
        };
        if consistent {
            log::info!("Trying a partial resynchronization (request {id}:{next}).");
        } else {
            log::info!("Partial resynchronization not possible (no cached master)");
        }
        let next = next.to_string();
        let failover = self.is_handing_over().then_some(b"FAILOVER".as_slice());
        let words: Vec<&[u8]> =
            [b"PSYNC".as_slice(), id.as_bytes(), next.as_bytes()].into_iter().chain(failover).collect();
        self.say(&words);
    }

    /// Bytes came from the primary.
    pub(in crate::replication) fn upstream_received(&mut self, bytes: &[u8]) {
        let now = self.now;
        let Some(upstream) = &mut self.upstream else { return };
        upstream.heard_at = now;
        match upstream.state {
            State::Up => {
                upstream.feed.push(bytes);
                self.dispatch();
            }
            _ => {
                upstream.input.extend_from_slice(bytes);
                self.read_greeting();
            }
        }
    }

    /// Reads lines as long as the primary speaks in lines, then what follows them.
    fn read_greeting(&mut self) {
        loop {
            let Some(upstream) = &mut self.upstream else { return };
            let needs_line = match &upstream.state {
                State::Greeting(_) => true,
                State::Receiving(transfer) => matches!(transfer.end, End::Unknown),
                _ => false,
            };
            if !needs_line {
                break;
            }
            let Some(end) = memchr::memchr(b'\n', &upstream.input) else {
                if upstream.input.len() > LONGEST_LINE {
                    self.fail("the primary's answer is too long");
                }
                return;
            };
            let line: Vec<u8> = upstream.input.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            // Empty lines only say that the primary is still there.
            if !line.is_empty() {
                self.read_line(&line);
            }
        }
        let Some(upstream) = &mut self.upstream else { return };
        let rest = std::mem::take(&mut upstream.input);
        match upstream.state {
            State::Receiving(_) => self.read_snapshot(rest),
            State::Up => {
                upstream.feed.push(&rest);
                self.dispatch();
            }
            // The stream that follows on the heels of the snapshot.
            _ => upstream.input = rest,
        }
    }

    fn read_line(&mut self, line: &str) {
        let Some(upstream) = &mut self.upstream else { return };
        let State::Greeting(asked) = &mut upstream.state else { return self.read_length(line) };
        let Some(question) = asked.pop_front() else { return self.fail("the primary talks out of turn") };
        let last = asked.is_empty();
        let refused = line.strip_prefix('-');
        match (question, refused) {
            (Asked::Ping, Some(error))
                if !["NOAUTH", "NOPERM", "ERR operation not permitted"]
                    .iter()
                    .any(|known| error.starts_with(known)) =>
            {
                return self.fail(&format!("Error reply to PING from master: '{line}'"));
            }
            (Asked::Ping, _) => {
                let asked = self.introduce();
                return self.now_asks(asked);
            }
            (Asked::Auth, Some(_)) => return self.fail(&format!("Unable to AUTH to MASTER: {line}")),
            (Asked::Psync, _) => return self.psync_answered(line),
            (question, Some(error)) => {
                log::info!("(Non critical) Master does not understand REPLCONF ({question:?}): {error}");
            }
            _ => {}
        }
        if last {
            self.ask_psync();
            self.now_asks([Asked::Psync].into());
        }
    }

    fn now_asks(&mut self, asked: VecDeque<Asked>) {
        if let Some(upstream) = &mut self.upstream {
            upstream.state = State::Greeting(asked);
        }
    }

    fn psync_answered(&mut self, line: &str) {
        let mut words = line.split_ascii_whitespace();
        if line.starts_with("+CONTINUE") || line.starts_with("+FULLRESYNC") {
            self.end_failover();
        } else if self.is_handing_over() {
            return self.give_up_failover("Failover target rejected psync request");
        }
        match (words.next(), words.next(), words.next()) {
            (Some("+FULLRESYNC"), Some(id), Some(offset)) if id.len() == 40 => match offset.parse() {
                Ok(offset) => {
                    log::info!("Full resync from master: {id}:{offset}");
                    let transfer = Transfer { id: id.to_owned(), offset, end: End::Unknown, read: 0 };
                    if let Some(upstream) = &mut self.upstream {
                        upstream.state = State::Receiving(transfer);
                    }
                }
                Err(_) => self.fail("Master replied with wrong +FULLRESYNC syntax."),
            },
            (Some("+CONTINUE"), id, _) => self.go_on_with(id.map(str::to_owned)),
            _ => self.fail(&format!("PSYNC was refused: {line}")),
        }
    }

    /// The primary goes on from where this node is; the history may have a new name.
    fn go_on_with(&mut self, id: Option<String>) {
        log::info!("Successful partial resynchronization with master.");
        if let Some(id) = id.filter(|id| id.len() == 40 && *id != self.history.id) {
            log::info!("Master replication ID changed to {id}");
            self.history.fork(id, self.stream.end());
            self.disconnect_replicas("the history has a new name");
        }
        self.stream.activate();
        self.up();
        log::info!("MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.");
    }

    pub(super) fn up(&mut self) {
        if let Some(upstream) = &mut self.upstream {
            upstream.state = State::Up;
            upstream.was_up = true;
            upstream.down_since = None;
            upstream.consistent = true;
        }
        self.acknowledge();
        self.stand();
    }

    /// The line before the snapshot: how long it is, or what its end looks like.
    fn read_length(&mut self, line: &str) {
        let end = match line.strip_prefix('$') {
            Some(text) => match text.strip_prefix("EOF:") {
                Some(mark) if mark.len() == END_MARK => End::Mark(mark.as_bytes().to_vec(), Vec::new()),
                Some(_) => return self.fail("Bad end mark from MASTER"),
                None => match text.parse() {
                    Ok(length) => End::After(length),
                    Err(_) => return self.fail("Bad protocol from MASTER: the length of the snapshot"),
                },
            },
            None if line.starts_with('-') => return self.fail(&format!("MASTER aborted replication: {line}")),
            None => return self.fail("Bad protocol from MASTER: the first byte is not '$'"),
        };
        let Some(upstream) = &mut self.upstream else { return };
        let State::Receiving(transfer) = &mut upstream.state else { return };
        upstream.way = match self.options.load {
            Load::Beside => Way::Beside { serves: transfer.id == self.history.id },
            Load::DirectIfEmpty if upstream.keys == Some(0) => Way::Direct,
            Load::DirectIfEmpty | Load::Spooled => Way::Spooled,
        };
        let place = if upstream.way == Way::Spooled { "disk" } else { "parser" };
        match &end {
            End::After(length) => {
                log::info!("MASTER <-> REPLICA sync: receiving {length} bytes from master to {place}")
            }
            _ => log::info!("MASTER <-> REPLICA sync: receiving streamed RDB from master with EOF to {place}"),
        }
        transfer.end = end;
        upstream.target = Some((transfer.id.clone(), transfer.offset));
        let way = upstream.way;
        match way {
            Way::Spooled => {}
            Way::Direct => self.give_up_old_data(),
            Way::Beside { .. } => log::info!("MASTER <-> REPLICA sync: Loading DB in memory"),
        }
        self.actions.push(Action::BeginLoad { spooled: way == Way::Spooled });
        self.stand();
    }

    /// The old data makes place for the new: from now on it is no more what any history says.
    fn give_up_old_data(&mut self) {
        // What they have is not what will be here.
        self.disconnect_replicas("this node has another history now");
        self.stream.deactivate();
        if let Some(upstream) = &mut self.upstream {
            upstream.consistent = false;
        }
        log::info!("MASTER <-> REPLICA sync: Flushing old data");
        self.actions.push(Action::Empty);
        log::info!("MASTER <-> REPLICA sync: Loading DB in memory");
    }

    pub(super) fn read_snapshot(&mut self, mut bytes: Vec<u8>) {
        let Some(upstream) = &mut self.upstream else { return };
        let State::Receiving(transfer) = &mut upstream.state else { return };
        transfer.read += bytes.len() as u64;
        let over = match &mut transfer.end {
            End::Unknown => false,
            End::After(left) => {
                let rest = bytes.split_off((*left).min(bytes.len() as u64) as usize);
                transfer.read -= rest.len() as u64;
                upstream.input = rest;
                *left -= bytes.len() as u64;
                *left == 0
            }
            End::Mark(mark, tail) => {
                let mut all = std::mem::take(tail);
                all.append(&mut bytes);
                let over = all.ends_with(mark);
                let held = all.split_off(all.len().saturating_sub(END_MARK));
                if !over {
                    *tail = held;
                }
                bytes = all;
                over
            }
        };
        if !bytes.is_empty() {
            self.actions.push(Action::Load(bytes));
        }
        if over {
            upstream.state = State::Loading;
            if upstream.way == Way::Spooled {
                self.give_up_old_data();
            }
            self.actions.push(Action::EndLoad);
            self.stand();
        }
    }
}

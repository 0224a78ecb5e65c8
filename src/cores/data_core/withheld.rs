//! What may not leave a data core before the append-only log has what it is about, or the sockets of the replicas: replies,
//! and messages to other data cores, which may carry replies or what a reply follows from. The same holds for what the
//! core has said in the node's log ([`words`](crate::cores::words)): what follows leaves when that is written.
//!
//! Everything waits for a batch of the core's log and for words, and both are awaited in order: so what is withheld leaves
//! in the order in which it came, and nothing overtakes it.

use crate::base::limits;
use crate::data::plane::Out;
use crate::data::plane::client::ClientRef;
use crate::data::plane::message::{Message, Peer};
use std::collections::VecDeque;

/// See the module's header.
#[derive(Default)]
pub(super) struct Withheld {
    /// The last batch that the log has.
    logged: u64,
    /// How often the core has said something, and up to which time that is written.
    said: u64,
    written: u64,
    /// Replies, and what they wait for.
    replies: VecDeque<(Awaited, Out)>,
    messages: VecDeque<(Awaited, Peer, Message)>,
    bytes: usize,
}

/// A batch of the core's log, and words of it.
#[derive(Clone, Copy)]
struct Awaited {
    batch: u64,
    words: u64,
}

impl Withheld {
    /// The log has the batches up to this one.
    pub(super) fn logged(&mut self, number: u64) {
        self.logged = self.logged.max(number);
    }

    /// The core has said something; its number.
    pub(super) fn said(&mut self) -> u64 {
        self.said += 1;
        self.said
    }

    /// What the core said up to this number is written.
    pub(super) fn written(&mut self, number: u64) {
        self.written = self.written.max(number);
    }

    /// Whether what is about batch `awaited`, or what the core has said, has to wait.
    pub(super) fn must_wait(&self, awaited: u64) -> bool {
        awaited > self.logged || self.said > self.written
    }

    /// Whether this still has to wait, if batches are awaited at all.
    fn waits(&self, thing: Awaited, batches: bool) -> bool {
        thing.batch > self.logged && batches || thing.words > self.written
    }

    /// Whether there is one for this client.
    pub(super) fn has_replies_for(&self, client: ClientRef) -> bool {
        self.replies.iter().any(|(_, out)| out.segments.iter().any(|segment| segment.client == client))
    }

    /// Whether there is so much that no more is to be made.
    pub(super) fn is_full(&self) -> bool {
        self.bytes > limits::WITHHELD_OUTPUT
    }

    /// Keeps replies until the log has batch `awaited`.
    pub(super) fn replies(&mut self, awaited: u64, out: Out) {
        if !out.segments.is_empty() {
            self.bytes += out.bytes.len();
            self.replies.push_back((Awaited { batch: awaited, words: self.said }, out));
        }
    }

    /// Replies that may leave now: those the log has, or all if nothing is awaited any more.
    pub(super) fn next_ready(&mut self, awaited: u64) -> Option<Out> {
        let (thing, _) = self.replies.front()?;
        if self.waits(*thing, awaited > 0) {
            return None;
        }
        let (_, out) = self.replies.pop_front()?;
        self.bytes -= out.bytes.len();
        Some(out)
    }

    /// Moves messages that may leave to `leaving`: earlier ones, then `new` ones, unless they have to wait for batch
    /// `awaited`. The bus core waits for nothing: it is what the log goes through.
    pub(super) fn messages(
        &mut self,
        awaited: u64,
        new: impl Iterator<Item = (Peer, Message)>,
        bus: Peer,
        leaving: &mut VecDeque<(Peer, Message)>,
    ) {
        while self.messages.front().is_some_and(|(thing, ..)| !self.waits(*thing, awaited > 0)) {
            leaving.extend(self.messages.pop_front().map(|(_, peer, message)| (peer, message)));
        }
        let waits = self.must_wait(awaited);
        for (peer, message) in new {
            if waits && peer != bus {
                self.messages.push_back((Awaited { batch: awaited, words: self.said }, peer, message));
            } else {
                leaving.push_back((peer, message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::ClientId;
    use crate::data::plane::Segment;
    use crate::data::plane::message::Notice;

    fn out(byte: u8) -> Out {
        let client = ClientRef { index: 0, generation: 0 };
        let mut out = Out::default();
        out.bytes.push(byte);
        out.segments.push(Segment { client, start: 0, end: 1 });
        out
    }

    fn peers(withheld: &mut Withheld, awaited: u64, new: &[u16]) -> Vec<u16> {
        let mut leaving = VecDeque::new();
        let message = |peer: &u16| (Peer(*peer), Message::Tell(Notice::WaitNoMore(ClientId(0))));
        withheld.messages(awaited, new.iter().map(message), Peer(9), &mut leaving);
        leaving.into_iter().map(|(peer, _)| peer.0).collect()
    }

    #[test]
    fn replies_leave_in_order_when_the_log_has_their_batch() {
        let mut withheld = Withheld::default();
        assert!(!withheld.must_wait(0) && withheld.must_wait(1));
        withheld.replies(1, out(1));
        withheld.replies(3, out(3));
        assert!(withheld.next_ready(3).is_none());
        withheld.logged(2);
        assert_eq!(withheld.next_ready(3).unwrap().bytes, [1]);
        let client = |index| ClientRef { index, generation: 0 };
        assert!(withheld.next_ready(3).is_none() && withheld.has_replies_for(client(0)));
        assert!(!withheld.has_replies_for(client(1)));
        assert_eq!(withheld.next_ready(0).unwrap().bytes, [3]);
    }

    #[test]
    fn what_follows_from_words_leaves_when_they_are_written() {
        let mut withheld = Withheld::default();
        withheld.replies(0, out(1));
        assert_eq!((withheld.said(), withheld.must_wait(0)), (1, true));
        withheld.replies(0, out(2));
        assert_eq!(withheld.next_ready(0).unwrap().bytes, [1]);
        assert_eq!(peers(&mut withheld, 0, &[1, 9]), [9]);
        assert!(withheld.next_ready(0).is_none());
        withheld.written(1);
        assert_eq!((withheld.next_ready(0).unwrap().bytes, peers(&mut withheld, 0, &[2])), (vec![2], vec![1, 2]));
        assert!(!withheld.must_wait(0));
    }

    #[test]
    fn messages_to_other_data_cores_wait_and_those_to_the_bus_core_do_not() {
        let mut withheld = Withheld::default();
        assert_eq!(peers(&mut withheld, 1, &[1, 9, 2]), [9]);
        assert_eq!(peers(&mut withheld, 2, &[3]), []);
        withheld.logged(1);
        assert_eq!(peers(&mut withheld, 2, &[9]), [1, 2, 9]);
        withheld.logged(2);
        assert_eq!(peers(&mut withheld, 2, &[4]), [3, 4]);
    }
}

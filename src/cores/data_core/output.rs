//! What leaves a data core: the replies of a turn, and what slow sockets did not take of earlier ones.

use super::DataCore;
use crate::cores::sockets::{client_of, socket_of};
use crate::data::plane::Action;
use crate::ring::{Completion, PlannedSend, Socket, Wait};
use std::io;

impl DataCore {
    /// Sends all replies that may leave and waits as told; completions are queued for the next turn.
    pub(super) fn flush(&mut self, wait: Wait) -> io::Result<()> {
        let awaited = self.plane.awaited_batch();
        if self.withheld.must_wait(awaited) {
            self.withhold(awaited);
        }
        while let Some(out) = self.withheld.next_ready(awaited) {
            let newer = std::mem::replace(&mut self.plane.out, out);
            self.send(Wait::Poll)?;
            self.plane.out = newer;
        }
        self.send(wait)
    }

    /// Keeps the replies made so far until the append-only log has batch `awaited`.
    fn withhold(&mut self, awaited: u64) {
        let mut out = std::mem::take(&mut self.plane.out);
        out.close();
        for segment in &out.segments {
            if let Some(client) = self.plane.clients.get_mut(segment.client) {
                client.segment = crate::data::plane::client::NO_SEGMENT;
                client.answered_ns = u64::MAX;
            }
        }
        self.withheld.replies(awaited, out);
    }

    fn send(&mut self, wait: Wait) -> io::Result<()> {
        self.plan_sends();
        self.ring.turn(&self.outbox, wait)?;
        self.sockets.turn_over();
        self.ring.completions(&mut self.fresh);
        for completion in std::mem::take(&mut self.fresh) {
            match completion {
                Completion::SendShort(index, result) => self.sent_short(index, result),
                other => self.completions.push_back(other),
            }
        }
        self.outbox.sends.clear();
        self.close_finished();
        Ok(())
    }

    /// Makes sends of the plane's segments; those of busy sockets wait behind what they owe already.
    fn plan_sends(&mut self) {
        self.plane.out.close();
        std::mem::swap(&mut self.plane.out.bytes, &mut self.outbox.bytes);
        let segments = std::mem::take(&mut self.plane.out.segments);
        self.plane.out.clear();
        for segment in &segments {
            let socket = socket_of(segment.client);
            self.plane.stats.writes += 1;
            self.plane.stats.net_output += (segment.end - segment.start) as u64;
            if let Some(client) = self.plane.clients.get_mut(segment.client) {
                client.segment = crate::data::plane::client::NO_SEGMENT;
                client.answered_ns = self.logged_by;
                if self.plane.over_output_limit(segment.client.index, segment.end - segment.start) {
                    self.plane.close(segment.client.index);
                    continue;
                }
                let client = &mut self.plane.clients[segment.client.index];
                if client.in_flight > 0 {
                    client.unsent.extend_from_slice(&self.outbox.bytes[segment.start..segment.end]);
                    self.plane.weigh(segment.client.index);
                    continue;
                }
            }
            if segment.end > segment.start && self.sockets.is_usable(socket) && !self.sockets.is_sending(socket) {
                self.outbox.sends.push(PlannedSend { socket, start: segment.start, end: segment.end });
            }
        }
        self.plane.out.segments = segments;
        self.plane.out.segments.clear();
    }

    /// A socket took only a part.
    fn sent_short(&mut self, index: u32, result: io::Result<usize>) {
        let Some(send) = self.outbox.sends.get(index as usize).copied() else { return };
        let client = client_of(send.socket);
        match result {
            Ok(taken) => {
                if let Some(client) = self.plane.clients.get_mut(client) {
                    client.unsent.extend_from_slice(&self.outbox.bytes[send.start + taken..send.end]);
                    self.plane.weigh(send.socket.slot);
                    self.send_rest(send.socket);
                }
            }
            Err(_) => {
                if self.plane.clients.get(client).is_some() {
                    self.plane.close(client.index);
                }
            }
        }
    }

    /// Sends what a slow socket is owed, all in one piece.
    pub(super) fn send_rest(&mut self, socket: Socket) {
        let Some(client) = self.plane.clients.get_mut(client_of(socket)) else { return };
        if client.unsent.is_empty() || client.in_flight > 0 {
            return;
        }
        let mut bytes = std::mem::take(&mut client.unsent);
        const MOST: usize = 1 << 30;
        if bytes.len() > MOST {
            client.unsent = bytes.split_off(MOST);
        }
        client.in_flight = bytes.len();
        self.sockets.send_owned(&mut self.ring, socket, bytes);
        if self.plane.over_output_limit(socket.slot, 0) {
            self.plane.close(socket.slot);
        }
    }

    /// Marks a socket to be closed after this turn's replies have left.
    pub(super) fn close_later(&mut self, socket: Socket) {
        self.to_close.push(socket);
    }

    /// Closes clients that said goodbye and have all their replies, and what else is due.
    fn close_finished(&mut self) {
        for client in std::mem::take(&mut self.plane.goodbyes) {
            if self.plane.clients.get(client).is_none() {
                continue;
            }
            if self.plane.may_close(client.index) && !self.withheld.has_replies_for(client) {
                match self.plane.depart(client) {
                    Some(departure) => self.plane.actions.push(Action::Depart(client, departure)),
                    None => self.plane.close(client.index),
                }
            } else {
                self.plane.goodbyes.push(client);
            }
        }
        self.act();
        for socket in std::mem::take(&mut self.to_close) {
            if self.withheld.has_replies_for(client_of(socket)) {
                self.to_close.push(socket);
                continue;
            }
            self.departures.forget(socket);
            self.sockets.close(&mut self.ring, socket);
        }
    }
}

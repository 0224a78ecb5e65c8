//! The network: connections between hosts that deliver in order, late, or not at all.
//!
//! A connection behaves as TCP does. While the way to the other side is blocked, what was sent waits, and arrives when
//! the way is free again and the sender has tried again. The end of a process closes its connections; the end of a
//! machine tells nobody. Worse than TCP, packets can get lost one by one: what a receiver does that drops packets.

use crate::chance::Chance;
use coreslot::cluster::LinkId;
use coreslot::cluster::wire::Packet;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A host's number.
pub type HostIx = usize;

/// What travels over a connection.
#[derive(Clone, Debug)]
pub enum Item {
    Packet(Arc<Packet>),
    /// The sender has closed its side, or there is no such connection.
    End,
}

/// One side of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    pub host: HostIx,
    /// Which life of the host.
    pub life: u32,
    /// What the host calls the connection; none before it has accepted it.
    pub link: Option<LinkId>,
    pub open: bool,
    /// When the last item arrives or arrived here.
    last_arrival: u64,
}

/// A connection; side 0 asked for it.
#[derive(Debug)]
pub struct Conn {
    pub sides: [Side; 2],
    /// What waits for the way from side 0 to side 1, and back.
    stalled: [Vec<Item>; 2],
}

/// A connection's number, which is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnIx {
    place: u32,
    serial: u32,
}

/// Something on its way: it arrives at `side` of `conn` at `at`.
#[derive(Debug)]
pub struct Travelling {
    pub at: u64,
    pub conn: ConnIx,
    pub side: usize,
    pub item: Item,
}

/// How long things take, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Delays {
    pub usual: u64,
    pub jitter: u64,
    /// Once in so many packets, it takes up to `long` more.
    pub long_once_in: u64,
    pub long: u64,
    /// A disk takes up to so much; once in so many times, up to twenty times as much.
    pub disk: u64,
    pub slow_disk_once_in: u64,
}

/// All connections, and which ways are blocked.
pub struct Net {
    conns: Vec<(u32, Option<Conn>)>,
    free: Vec<u32>,
    blocked: BTreeSet<(HostIx, HostIx)>,
    pub delays: Delays,
    /// Once in so many packets, one is lost; 0: never.
    pub loses_once_in: u64,
    pub packets: u64,
}

impl Net {
    pub fn new(delays: Delays) -> Net {
        Net { conns: Vec::new(), free: Vec::new(), blocked: BTreeSet::new(), delays, loses_once_in: 0, packets: 0 }
    }

    pub fn conn(&mut self, ix: ConnIx) -> Option<&mut Conn> {
        let (serial, conn) = &mut self.conns[ix.place as usize];
        if *serial == ix.serial { conn.as_mut() } else { None }
    }

    pub fn is_blocked(&self, from: HostIx, to: HostIx) -> bool {
        self.blocked.contains(&(from, to))
    }

    pub fn block(&mut self, from: HostIx, to: HostIx) {
        self.blocked.insert((from, to));
    }

    pub fn unblock_all(&mut self) {
        self.blocked.clear();
    }

    pub fn unblock(&mut self, from: HostIx, to: HostIx) {
        self.blocked.remove(&(from, to));
    }

    /// A connection of which only the asking side exists so far.
    pub fn dial(&mut self, host: HostIx, life: u32, link: LinkId, to: HostIx) -> ConnIx {
        let side = |host, life, link, open| Side { host, life, link, open, last_arrival: 0 };
        let sides = [side(host, life, Some(link), true), side(to, 0, None, false)];
        let conn = Conn { sides, stalled: Default::default() };
        match self.free.pop() {
            Some(place) => {
                let (serial, slot) = &mut self.conns[place as usize];
                *serial += 1;
                *slot = Some(conn);
                ConnIx { place, serial: *serial }
            }
            None => {
                self.conns.push((0, Some(conn)));
                ConnIx { place: self.conns.len() as u32 - 1, serial: 0 }
            }
        }
    }

    /// Sends from a side. What can go arrives some time; the rest waits.
    pub fn send(&mut self, ix: ConnIx, from: usize, item: Item, now: u64, chance: &mut Chance) -> Option<Travelling> {
        self.packets += 1;
        if self.loses_once_in > 0 && matches!(item, Item::Packet(_)) && chance.once_in(self.loses_once_in) {
            return None;
        }
        let conn = self.conn(ix)?;
        let way = (conn.sides[from].host, conn.sides[1 - from].host);
        if self.is_blocked(way.0, way.1) {
            self.conn(ix)?.stalled[from].push(item);
            return None;
        }
        let delay = self.delay(chance);
        self.arrive(ix, from, item, now + delay)
    }

    fn arrive(&mut self, ix: ConnIx, from: usize, item: Item, earliest: u64) -> Option<Travelling> {
        let side = 1 - from;
        let receiver = &mut self.conn(ix)?.sides[side];
        let at = earliest.max(receiver.last_arrival);
        receiver.last_arrival = at;
        Some(Travelling { at, conn: ix, side, item })
    }

    pub fn delay(&self, chance: &mut Chance) -> u64 {
        let Delays { usual, jitter, long_once_in, long, .. } = self.delays;
        let long = if long > 0 && chance.once_in(long_once_in) { chance.below(long) } else { 0 };
        usual + chance.below(jitter + 1) + long
    }

    /// How long a disk takes.
    pub fn disk(&self, chance: &mut Chance) -> u64 {
        let Delays { disk, slow_disk_once_in, .. } = self.delays;
        let slow = slow_disk_once_in > 0 && chance.once_in(slow_disk_once_in);
        chance.below(if slow { 20 * disk } else { disk } + 1)
    }

    /// What waited for a way that is free now.
    pub fn release(&mut self, now: u64, chance: &mut Chance) -> Vec<Travelling> {
        let mut released = Vec::new();
        for place in 0..self.conns.len() {
            let (serial, Some(conn)) = &mut self.conns[place] else { continue };
            let ix = ConnIx { place: place as u32, serial: *serial };
            for from in 0..2 {
                let way = (conn.sides[from].host, conn.sides[1 - from].host);
                if conn.stalled[from].is_empty() || self.blocked.contains(&way) {
                    continue;
                }
                // The next retransmission is up to a second away.
                let resent = now + 1 + chance.below(1000);
                for item in std::mem::take(&mut conn.stalled[from]) {
                    let side = &mut conn.sides[1 - from];
                    side.last_arrival = side.last_arrival.max(resent);
                    released.push(Travelling { at: side.last_arrival, conn: ix, side: 1 - from, item });
                }
            }
        }
        released
    }

    /// Forgets a connection both of whose sides are closed.
    pub fn reap(&mut self, ix: ConnIx) {
        if self.conn(ix).is_some_and(|conn| !conn.sides[0].open && !conn.sides[1].open) {
            self.conns[ix.place as usize].1 = None;
            self.free.push(ix.place);
        }
    }
}

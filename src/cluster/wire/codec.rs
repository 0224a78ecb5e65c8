//! Packets as bytes: Redis 7.0's layout, all integers big-endian. Pure functions.
//!
//! ```text
//! 0 "RCmb" | totlen 4 | version 2, port 2 | type 2, count 2 | current epoch 8, config epoch 8, offset 8
//! 40 sender | 80 slots 2048 | 2128 replica of 40 | 2168 ip 46 | 2214 extensions 2 | 30 reserved
//! 2246 plain port 2, bus port 2, flags 2, state 1, message flags 3 | 2256 body
//! ```
//!
//! [`need`] finds the end of a packet in a stream, [`decode`] reads one, [`encode`] writes one. A stream without frames is
//! of no use any more ([`NotBus`]); a frame that makes no sense is skipped ([`Malformed`]).
//!
//! Invariant: nothing is read or kept that was not checked: lengths, counts, names, addresses.

use super::{Body, GossipEntry, GossipKind, Header, Ip, MessageFlags, OpenSlot, Packet, SlotBits};
use crate::base::limits;
use crate::cluster::options::{MAX_HOSTNAME_LENGTH, is_hostname, is_ip_text};
use crate::cluster::slots::Direction;
use crate::cluster::stats::MessageKind;
use crate::contract::topology::{NodeFlags, NodeId};
use crate::slot::Slot;

/// Bytes from the beginning of a packet to its body.
const HEADER: usize = 2256;

/// The protocol's version.
const VERSION: u16 = 1;

/// Bytes of an address, padded with zeros. Source: Redis 7.0 `NET_IP_STR_LEN`.
const IP: usize = 46;

/// Bytes of an extension before its content.
const EXTENSION: usize = 8;

/// The number of the extension with the sender's host name.
const HOSTNAME: u16 = 0;

/// The module as whose packets nodes of this project tell each other of open slots, and the type of those packets.
const MODULE: &[u8; 8] = b"coreslot";
const OPEN_SLOTS: u8 = 0;

/// Bytes of an open slot: its number 2, its direction 1, reserved 1, the other node's name.
const OPEN_SLOT: usize = 4 + NodeId::LENGTH;

/// The flags there are; newer nodes set others, which mean nothing here.
const KNOWN_FLAGS: u16 = 0x3ff;

/// The bits of `mflags[0]`.
const PAUSED: u8 = 1;
const FORCE_ACK: u8 = 2;
const EXTENSIONS: u8 = 4;

/// A stream that is not one of the bus's packets: its link is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBus {
    /// It does not begin with `RCmb`.
    #[error("no cluster bus packet")]
    Signature,
    /// No packet is that long.
    #[error("a packet of {0} bytes")]
    Length(u32),
}

/// A packet to be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is of another version of the protocol.
    #[error("protocol version {0}")]
    Version(u16),
    /// It is of a kind that this node does not understand, other modules' packets among them.
    #[error("packet of type {0}")]
    Kind(u16),
    /// Its length is not what its content adds up to.
    #[error("a length that does not add up")]
    Length,
    /// A name is not one.
    #[error("a node name that is none")]
    Name,
    /// An address is not one.
    #[error("an address that is none")]
    Address,
    /// The sender has no bus port.
    #[error("a sender without a bus port")]
    Port,
    /// An extension is not one.
    #[error("a malformed extension")]
    Extension,
    /// An open slot is not one.
    #[error("an open slot that is none")]
    OpenSlot,
}

/// How many bytes the packet at the beginning of `input` takes, as far as can be told: who has fewer reads on and asks
/// again.
///
/// # Errors
/// [`NotBus`]: this is no stream of packets.
pub fn need(input: &[u8]) -> Result<usize, NotBus> {
    let Some((signature, rest)) = input.split_first_chunk::<4>() else { return Ok(8) };
    if signature != b"RCmb" {
        return Err(NotBus::Signature);
    }
    let Some(length) = rest.first_chunk() else { return Ok(8) };
    let length = u32::from_be_bytes(*length);
    let plausible = HEADER..=limits::MAX_BUS_PACKET;
    if plausible.contains(&(length as usize)) { Ok(length as usize) } else { Err(NotBus::Length(length)) }
}

/// The number of the kind of packet that `frame` is, for the counters.
pub fn kind(frame: &[u8]) -> Option<MessageKind> {
    let number = u16::from_be_bytes(*frame.get(12..)?.first_chunk()?);
    MessageKind::ALL.get(usize::from(number)).copied()
}

/// Reads the packet that `frame` is, from its first byte to its last ([`need`]).
///
/// # Errors
/// [`Malformed`]: it makes no sense, and is to be dropped.
pub fn decode(frame: &[u8]) -> Result<Packet, Malformed> {
    let mut reader = Reader(frame);
    let _signature: [u8; 4] = reader.array()?;
    if reader.u32()? as usize != frame.len() {
        return Err(Malformed::Length);
    }
    let version = reader.u16()?;
    if version != VERSION {
        return Err(Malformed::Version(version));
    }
    let port = reader.u16()?;
    let (kind, count) = (reader.u16()?, reader.u16()?);
    let (current_epoch, config_epoch, offset) = (reader.u64()?, reader.u64()?, reader.u64()?);
    let sender = reader.name()?;
    let slots = reader.slots()?;
    let replicaof = reader.optional_name()?;
    let ip = reader.ip()?.to_string();
    let extensions = reader.u16()?;
    let _reserved: [u8; 30] = reader.array()?;
    let (plain_port, bus_port) = (reader.u16()?, reader.u16()?);
    let flags = reader.flags()?;
    let [state, message_flags, _, _] = reader.array()?;
    let message_flags = MessageFlags {
        paused: message_flags & PAUSED != 0,
        force_ack: message_flags & FORCE_ACK != 0,
        extensions: message_flags & EXTENSIONS != 0,
    };
    if bus_port == 0 {
        return Err(Malformed::Port);
    }
    let extensions = if message_flags.extensions { extensions } else { 0 };
    let body = reader.body(kind, count, extensions)?;
    let down = state != 0;
    Ok(Packet {
        header: Header {
            sender,
            flags,
            port,
            plain_port,
            bus_port,
            ip,
            current_epoch,
            config_epoch,
            offset,
            slots,
            replicaof,
            down,
            message_flags,
        },
        body,
    })
}

/// What is left to be read of a packet. Taking more than there is is an error.
struct Reader<'p>(&'p [u8]);

impl<'p> Reader<'p> {
    fn take(&mut self, length: usize) -> Result<&'p [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed::Length)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed::Length)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    fn name(&mut self) -> Result<NodeId, Malformed> {
        NodeId::parse(self.take(NodeId::LENGTH)?).ok_or(Malformed::Name)
    }

    fn optional_name(&mut self) -> Result<Option<NodeId>, Malformed> {
        if self.0.starts_with(&[0; NodeId::LENGTH]) {
            self.take(NodeId::LENGTH)?;
            return Ok(None);
        }
        self.name().map(Some)
    }

    fn slots(&mut self) -> Result<Box<SlotBits>, Malformed> {
        self.array().map(Box::new)
    }

    fn flags(&mut self) -> Result<NodeFlags, Malformed> {
        self.u16().map(|flags| NodeFlags(flags & KNOWN_FLAGS))
    }

    /// An address, or a host name in place of one, as some announce it.
    fn ip(&mut self) -> Result<Ip, Malformed> {
        let text = text(self.take(IP)?).filter(|ip| is_ip_text(ip)).ok_or(Malformed::Address)?;
        Ip::from(text).map_err(|_| Malformed::Address)
    }

    fn body(&mut self, kind: u16, count: u16, extensions: u16) -> Result<Body, Malformed> {
        let known = MessageKind::ALL.get(usize::from(kind)).ok_or(Malformed::Kind(kind))?;
        let body = match known {
            MessageKind::Ping => self.gossip(GossipKind::Ping, count, extensions)?,
            MessageKind::Pong => self.gossip(GossipKind::Pong, count, extensions)?,
            MessageKind::Meet => self.gossip(GossipKind::Meet, count, extensions)?,
            MessageKind::Fail => Body::Fail(self.name()?),
            MessageKind::Publish => self.publish(false)?,
            MessageKind::PublishShard => self.publish(true)?,
            MessageKind::FailoverAuthRequest => Body::AuthRequest,
            MessageKind::FailoverAuthAck => Body::AuthAck,
            MessageKind::Update => Body::Update { config_epoch: self.u64()?, node: self.name()?, slots: self.slots()? },
            MessageKind::ManualFailoverStart => Body::ManualFailoverStart,
            MessageKind::Module => Body::OpenSlots(self.open_slots()?),
        };
        if self.0.is_empty() { Ok(body) } else { Err(Malformed::Length) }
    }

    fn gossip(&mut self, kind: GossipKind, count: u16, extensions: u16) -> Result<Body, Malformed> {
        let entries = (0..count).map(|_| self.gossip_entry()).collect::<Result<_, _>>()?;
        let mut hostname = None;
        for _ in 0..extensions {
            if let (HOSTNAME, content) = self.extension()? {
                hostname = Some(host_name(content)?).filter(|name| !name.is_empty());
            }
        }
        Ok(Body::Gossip { kind, entries, hostname })
    }

    fn gossip_entry(&mut self) -> Result<GossipEntry, Malformed> {
        let entry = GossipEntry {
            id: self.name()?,
            ping_sent: self.u32()?,
            pong_received: self.u32()?,
            ip: self.ip()?,
            port: self.u16()?,
            bus_port: self.u16()?,
            flags: self.flags()?,
            plain_port: self.u16()?,
        };
        let _unused = self.u16()?;
        Ok(entry)
    }

    /// One extension's type and content.
    fn extension(&mut self) -> Result<(u16, &'p [u8]), Malformed> {
        let length = self.u32()? as usize;
        let (kind, _unused) = (self.u16()?, self.u16()?);
        if length < EXTENSION || !length.is_multiple_of(8) {
            return Err(Malformed::Extension);
        }
        Ok((kind, self.take(length - EXTENSION)?))
    }

    fn open_slots(&mut self) -> Result<Vec<OpenSlot>, Malformed> {
        let (module, length, [kind]) = (self.array::<8>()?, self.u32()? as usize, self.array()?);
        if (&module, kind) != (MODULE, OPEN_SLOTS) {
            return Err(Malformed::Kind(MessageKind::Module as u16));
        }
        if length != self.0.len() || !length.is_multiple_of(OPEN_SLOT) {
            return Err(Malformed::Length);
        }
        (0..length / OPEN_SLOT).map(|_| self.open_slot()).collect()
    }

    fn open_slot(&mut self) -> Result<OpenSlot, Malformed> {
        let slot = Slot::new(self.u16()?).ok_or(Malformed::OpenSlot)?;
        let direction = match self.array()? {
            [0, _reserved] => Direction::Migrating,
            [1, _reserved] => Direction::Importing,
            _ => return Err(Malformed::OpenSlot),
        };
        Ok(OpenSlot { slot, direction, other: self.name()? })
    }

    fn publish(&mut self, sharded: bool) -> Result<Body, Malformed> {
        let (channel, message) = (self.u32()? as usize, self.u32()? as usize);
        let (channel, message) = (self.take(channel)?.to_vec(), self.take(message)?.to_vec());
        Ok(Body::Publish { sharded, channel, message })
    }
}

/// The host name an extension holds, which ends with a zero.
fn host_name(content: &[u8]) -> Result<String, Malformed> {
    let name = text(content).filter(|_| content.ends_with(&[0])).ok_or(Malformed::Extension)?;
    if is_hostname(name) && name.len() <= MAX_HOSTNAME_LENGTH { Ok(name.into()) } else { Err(Malformed::Extension) }
}

/// What is before the first zero, if it is text.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes.split(|byte| *byte == 0).next()?).ok()
}

/// Appends `packet` to `out`.
pub fn encode(packet: &Packet, out: &mut Vec<u8>) {
    let (header, body) = (&packet.header, &packet.body);
    let start = out.len();
    let (count, extensions) = match body {
        Body::Gossip { entries, hostname, .. } => (entries.len(), u16::from(hostname.is_some())),
        _ => (0, 0),
    };
    let count = u16::try_from(count).expect("a packet tells of fewer nodes than a node table holds");
    out.extend_from_slice(b"RCmb");
    out.extend_from_slice(&[0; 4]); // The length, when it is known.
    put_u16s(out, [VERSION, header.port, body.kind() as u16, count]);
    for number in [header.current_epoch, header.config_epoch, header.offset] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(header.sender.as_bytes());
    out.extend_from_slice(&header.slots[..]);
    put_padded(out, header.replicaof.as_ref().map_or(&[], NodeId::as_bytes), NodeId::LENGTH);
    put_padded(out, header.ip.as_bytes(), IP);
    out.extend_from_slice(&extensions.to_be_bytes());
    out.extend_from_slice(&[0; 30]);
    put_u16s(out, [header.plain_port, header.bus_port, header.flags.0]);
    out.extend_from_slice(&[u8::from(header.down), message_flags(header, extensions), 0, 0]);
    debug_assert_eq!(out.len() - start, HEADER);
    put_body(out, body);
    let length = u32::try_from(out.len() - start).expect("commands are shorter than 4 GiB");
    out[start + 4..start + 8].copy_from_slice(&length.to_be_bytes());
}

fn message_flags(header: &Header, extensions: u16) -> u8 {
    let MessageFlags { paused, force_ack, extensions: understood } = header.message_flags;
    let bits = [(PAUSED, paused), (FORCE_ACK, force_ack), (EXTENSIONS, understood || extensions > 0)];
    bits.into_iter().filter(|(_, set)| *set).map(|(bit, _)| bit).sum()
}

fn put_body(out: &mut Vec<u8>, body: &Body) {
    match body {
        Body::Gossip { entries, hostname, .. } => {
            entries.iter().for_each(|entry| put_gossip_entry(out, entry));
            if let Some(name) = hostname {
                put_hostname(out, name);
            }
        }
        Body::Fail(node) => out.extend_from_slice(node.as_bytes()),
        Body::Publish { channel, message, .. } => {
            for part in [channel, message] {
                let length = u32::try_from(part.len()).expect("commands are shorter than 4 GiB");
                out.extend_from_slice(&length.to_be_bytes());
            }
            out.extend_from_slice(channel);
            out.extend_from_slice(message);
        }
        Body::Update { config_epoch, node, slots } => {
            out.extend_from_slice(&config_epoch.to_be_bytes());
            out.extend_from_slice(node.as_bytes());
            out.extend_from_slice(&slots[..]);
        }
        Body::OpenSlots(open) => put_open_slots(out, open),
        Body::AuthRequest | Body::AuthAck | Body::ManualFailoverStart => {}
    }
}

fn put_gossip_entry(out: &mut Vec<u8>, entry: &GossipEntry) {
    out.extend_from_slice(entry.id.as_bytes());
    out.extend_from_slice(&entry.ping_sent.to_be_bytes());
    out.extend_from_slice(&entry.pong_received.to_be_bytes());
    put_padded(out, entry.ip.as_bytes(), IP);
    put_u16s(out, [entry.port, entry.bus_port, entry.flags.0, entry.plain_port, 0]);
}

fn put_open_slots(out: &mut Vec<u8>, open: &[OpenSlot]) {
    let length = u32::try_from(open.len() * OPEN_SLOT).expect("there are few slots");
    out.extend_from_slice(MODULE);
    out.extend_from_slice(&length.to_be_bytes());
    out.push(OPEN_SLOTS);
    for OpenSlot { slot, direction, other } in open {
        put_u16s(out, [slot.number()]);
        out.extend_from_slice(&[u8::from(*direction == Direction::Importing), 0]);
        out.extend_from_slice(other.as_bytes());
    }
}

/// The extension with the host name, which ends with a zero and is padded to 8 bytes.
fn put_hostname(out: &mut Vec<u8>, name: &str) {
    let content = (name.len() + 1).next_multiple_of(8);
    let length = u32::try_from(EXTENSION + content).expect("a host name is short");
    out.extend_from_slice(&length.to_be_bytes());
    put_u16s(out, [HOSTNAME, 0]);
    put_padded(out, name.as_bytes(), content);
}

fn put_u16s<const N: usize>(out: &mut Vec<u8>, numbers: [u16; N]) {
    numbers.into_iter().for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
}

/// `bytes`, of which those that don't fit are left out, and zeros up to `length`.
fn put_padded(out: &mut Vec<u8>, bytes: &[u8], length: usize) {
    let end = out.len() + length;
    out.extend_from_slice(&bytes[..bytes.len().min(length)]);
    out.resize(end, 0);
}

#[cfg(test)]
mod tests;

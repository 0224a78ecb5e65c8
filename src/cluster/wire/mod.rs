//! The cluster bus's packets, as values. Protocol version 1 of Redis Cluster, binary-compatible with Redis 7.0
//! (`cluster.h`, `clusterMsg`): [`Packet`] is what the control plane speaks of; `codec` turns it into bytes and back.
//!
//! Invariant: a value that was decoded is well-formed: every length, count, port and name was checked.

pub mod codec;

use super::options::MAX_IP_LENGTH;
use super::slots::Direction;
use super::stats::MessageKind;
use crate::contract::topology::{NodeFlags, NodeId};
use crate::slot::Slot;
use arrayvec::ArrayString;

/// A slot map as it travels: bit `n % 8` of byte `n / 8` is slot `n`.
pub type SlotBits = [u8; 2048];

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Who sends it, and how it sees itself.
    pub header: Header,
    /// What it says.
    pub body: Body,
}

/// What every packet says of its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub sender: NodeId,
    /// Its flags.
    pub flags: NodeFlags,
    /// Its port for clients.
    pub port: u16,
    /// Its port for clients without TLS when `port` is the one with; 0 otherwise.
    pub plain_port: u16,
    /// Its bus port.
    pub bus_port: u16,
    /// Its announced address; empty: the receiver goes by the connection's.
    pub ip: String,
    /// The greatest epoch it knows.
    pub current_epoch: u64,
    /// Its configuration epoch; a replica's: its primary's.
    pub config_epoch: u64,
    /// Its replication offset.
    pub offset: u64,
    /// Its slots; a replica's: its primary's.
    pub slots: Box<SlotBits>,
    /// The node it replicates.
    pub replicaof: Option<NodeId>,
    /// Whether it takes the cluster for down.
    pub down: bool,
    /// `mflags[0]`.
    pub message_flags: MessageFlags,
}

/// `mflags[0]` of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageFlags {
    /// The sender's clients are paused for a manual failover (1).
    pub paused: bool,
    /// Vote even though the primary has not failed (2).
    pub force_ack: bool,
    /// The sender understands ping extensions (4).
    pub extensions: bool,
}

/// What a packet says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// PING, PONG and MEET.
    Gossip {
        /// Which of the three.
        kind: GossipKind,
        /// What the sender knows of others.
        entries: Vec<GossipEntry>,
        /// The sender's announced host name, if it sent that extension.
        hostname: Option<String>,
    },
    /// This node has failed.
    Fail(NodeId),
    /// PUBLISH or, `sharded`, SPUBLISH.
    Publish {
        /// Whether for subscribers of shard channels.
        sharded: bool,
        /// The channel.
        channel: Vec<u8>,
        /// The message.
        message: Vec<u8>,
    },
    /// A replica asks for votes.
    AuthRequest,
    /// A vote.
    AuthAck,
    /// The slots of a node of which the receiver's view is old.
    Update {
        /// The configuration epoch of the claim.
        config_epoch: u64,
        /// Whose slots.
        node: NodeId,
        /// The slots.
        slots: Box<SlotBits>,
    },
    /// A replica asks its primary to pause for a manual failover.
    ManualFailoverStart,
    /// A primary tells its replicas all of its slots that are on their way. Travels as a module's packet, which Redis
    /// drops without a word.
    OpenSlots(Vec<OpenSlot>),
}

/// A slot that is on its way from or to a primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSlot {
    /// The slot.
    pub slot: Slot,
    /// Which way it goes.
    pub direction: Direction,
    /// The node at the other end of its way.
    pub other: NodeId,
}

/// An address in a gossip section, where there are hundreds of them: no allocation of its own.
pub type Ip = ArrayString<MAX_IP_LENGTH>;

/// The three packets that carry gossip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GossipKind {
    /// Asks for a pong.
    Ping,
    /// Answers, or tells of a change.
    Pong,
    /// Asks for a pong, and to be taken in.
    Meet,
}

/// What a packet tells of a third node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GossipEntry {
    /// Its name.
    pub id: NodeId,
    /// When the sender last pinged it in vain, Unix seconds; 0: not waiting.
    pub ping_sent: u32,
    /// When the sender last had a pong of it, Unix seconds.
    pub pong_received: u32,
    /// Its address.
    pub ip: Ip,
    /// Its port for clients.
    pub port: u16,
    /// Its bus port.
    pub bus_port: u16,
    /// Its flags, as the sender sees it.
    pub flags: NodeFlags,
    /// Its port for clients without TLS, or 0.
    pub plain_port: u16,
}

impl Body {
    /// Its kind, for the counters.
    pub fn kind(&self) -> MessageKind {
        match self {
            Body::Gossip { kind: GossipKind::Ping, .. } => MessageKind::Ping,
            Body::Gossip { kind: GossipKind::Pong, .. } => MessageKind::Pong,
            Body::Gossip { kind: GossipKind::Meet, .. } => MessageKind::Meet,
            Body::Fail(_) => MessageKind::Fail,
            Body::Publish { sharded: false, .. } => MessageKind::Publish,
            Body::Publish { sharded: true, .. } => MessageKind::PublishShard,
            Body::AuthRequest => MessageKind::FailoverAuthRequest,
            Body::AuthAck => MessageKind::FailoverAuthAck,
            Body::Update { .. } => MessageKind::Update,
            Body::ManualFailoverStart => MessageKind::ManualFailoverStart,
            Body::OpenSlots(_) => MessageKind::Module,
        }
    }
}

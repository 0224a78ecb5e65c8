//! How many bytes a packet has on the wire, without writing it.

use coreslot::cluster::wire::{Body, Packet};

const HEADER: u64 = 2256;
const GOSSIP_ENTRY: u64 = 104;

/// The bytes of a packet without host names, which simulated nodes don't have.
pub fn of(packet: &Packet) -> u64 {
    HEADER
        + match &packet.body {
            Body::Gossip { entries, .. } => GOSSIP_ENTRY * entries.len() as u64,
            Body::Fail(_) => 40,
            Body::Update { .. } => 8 + 40 + 2048,
            Body::Publish { channel, message, .. } => 8 + (channel.len() + message.len()) as u64,
            Body::AuthRequest | Body::AuthAck | Body::ManualFailoverStart => 0,
        }
}

//! What CLUSTER INFO counts of the bus.

/// The kinds of bus message, by their number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum MessageKind {
    /// Asks for a pong, carries gossip.
    Ping = 0,
    /// Answers a ping or a meet, or tells of a change.
    Pong = 1,
    /// A ping that makes the receiver take the sender in.
    Meet = 2,
    /// A node has failed.
    Fail = 3,
    /// A PUBLISH to hand to local subscribers.
    Publish = 4,
    /// A replica asks for votes.
    FailoverAuthRequest = 5,
    /// A vote.
    FailoverAuthAck = 6,
    /// A node's slots, for one whose view of them is old.
    Update = 7,
    /// A replica asks its primary to pause for a manual failover.
    ManualFailoverStart = 8,
    /// A module's own message.
    Module = 9,
    /// An SPUBLISH within a shard.
    PublishShard = 10,
}

impl MessageKind {
    /// Every kind, in the order of the numbers.
    pub const ALL: [MessageKind; 11] = [
        MessageKind::Ping,
        MessageKind::Pong,
        MessageKind::Meet,
        MessageKind::Fail,
        MessageKind::Publish,
        MessageKind::FailoverAuthRequest,
        MessageKind::FailoverAuthAck,
        MessageKind::Update,
        MessageKind::ManualFailoverStart,
        MessageKind::Module,
        MessageKind::PublishShard,
    ];

    /// Its name in CLUSTER INFO.
    pub fn name(self) -> &'static str {
        match self {
            MessageKind::Ping => "ping",
            MessageKind::Pong => "pong",
            MessageKind::Meet => "meet",
            MessageKind::Fail => "fail",
            MessageKind::Publish => "publish",
            MessageKind::FailoverAuthRequest => "auth-req",
            MessageKind::FailoverAuthAck => "auth-ack",
            MessageKind::Update => "update",
            MessageKind::ManualFailoverStart => "mfstart",
            MessageKind::Module => "module",
            MessageKind::PublishShard => "publishshard",
        }
    }
}

/// Messages of one direction, by kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct MessageCounts([u64; MessageKind::ALL.len()]);

impl MessageCounts {
    /// Counts one message.
    pub fn count(&mut self, kind: MessageKind) {
        self.0[kind as usize] += 1;
    }

    /// All messages.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The kinds that there were any of.
    pub fn by_kind(&self) -> impl Iterator<Item = (MessageKind, u64)> {
        MessageKind::ALL.into_iter().map(|kind| (kind, self.0[kind as usize])).filter(|(_, count)| *count > 0)
    }
}

/// The counters.
#[derive(Clone, Copy, Debug, Default)]
pub struct BusStats {
    /// Messages sent.
    pub sent: MessageCounts,
    /// Messages received.
    pub received: MessageCounts,
    /// Messages received that were of no use: of senders not known, or that contradict themselves.
    pub ignored: u64,
    /// Links cut because their send buffer had grown too large.
    pub links_over_buffer_limit: u64,
}

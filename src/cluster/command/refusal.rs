//! Why a CLUSTER command is refused. Texts are Redis 7.0's, to the letter, where it has one.

use crate::resp::Error;

/// The reasons.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// Redis 7.0 ends with the first change that it can't write.
    #[error("ERR the cluster configuration file can't be written, so nothing is changed; see the log")]
    NotSaved,
    #[error("ERR unknown subcommand '{0}'. Try CLUSTER HELP.")]
    UnknownSubcommand(String),
    #[error("ERR unknown subcommand or wrong number of arguments for '{0}'. Try CLUSTER HELP.")]
    Grammar(String),
    #[error("ERR Invalid or out of range slot")]
    InvalidSlot,
    #[error("ERR Slot {0} is already busy")]
    SlotBusy(u16),
    #[error("ERR Slot {0} is already unassigned")]
    SlotUnassigned(u16),
    #[error("ERR Slot {0} specified multiple times")]
    SlotRepeated(u16),
    #[error("ERR start slot number {0} is greater than end slot number {1}")]
    RangeBackwards(u16, u16),
    #[error("ERR DB must be empty to perform CLUSTER FLUSHSLOTS.")]
    FlushWithKeys,
    #[error("ERR Please use SETSLOT only with masters.")]
    SetSlotOnReplica,
    #[error("ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP")]
    SetSlotGrammar,
    #[error("ERR I'm not the owner of hash slot {0}")]
    NotOwner(u16),
    #[error("ERR I'm already the owner of hash slot {0}")]
    AlreadyOwner(u16),
    #[error("ERR I don't know about node {0}")]
    NodeNotKnown(String),
    #[error("ERR Unknown node {0}")]
    UnknownNode(String),
    #[error("ERR Target node is not a master")]
    TargetNotPrimary,
    #[error("ERR The specified node is not a master")]
    NotPrimary,
    #[error("ERR Can't assign hashslot {0} to a different node while I still hold keys for this hash slot.")]
    SlotHasKeys(u16),
    #[error("ERR Invalid config epoch specified: {0}")]
    InvalidEpoch(i64),
    #[error("ERR The user can assign a config epoch only when the node does not know any other node.")]
    EpochWithOthers,
    #[error("ERR Node config epoch is already non-zero")]
    EpochAlreadySet,
    #[error("ERR You should send CLUSTER FAILOVER to a replica")]
    FailoverOfPrimary,
    #[error("ERR I'm a replica but my master is unknown to me")]
    PrimaryUnknown,
    #[error("ERR Master is down or failed, please use CLUSTER FAILOVER FORCE")]
    PrimaryIsDown,
    #[error("ERR Invalid TCP base port specified: {0}")]
    InvalidBasePort(String),
    #[error("ERR Invalid TCP bus port specified: {0}")]
    InvalidBusPort(String),
    #[error("ERR Invalid node address specified: {0}:{1}")]
    InvalidAddress(String, String),
    #[error("ERR I tried hard but I can't forget myself...")]
    ForgetMyself,
    #[error("ERR Can't forget my master!")]
    ForgetMyPrimary,
    #[error("ERR Can't replicate myself")]
    ReplicateMyself,
    #[error("ERR I can only replicate a master, not a replica.")]
    ReplicateReplica,
    #[error("ERR To set a master the node must be empty and without assigned slots.")]
    ReplicateWithData,
    #[error("ERR CLUSTER RESET can't be called with master nodes containing keys")]
    ResetWithKeys,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::new(refusal.to_string())
    }
}

//! coreslot: a Redis Cluster node. One process for each machine; in it, each pinned CPU core owns a range of the 16384
//! hash slots. This page is the map: what there is, where it is, and what holds everywhere.
//!
//! # The picture
//!
//! ```text
//!              clients: RESP2, RESP3                            signals, redis.conf, nodes.conf, log
//!        canonical port |        | core ports                                 |
//!   +-------------------v--------v---+                              +---------v----------------+
//!   | data core 0                    |    mesh: one queue for each  | bus core                 |
//!   |   ring     its sockets         | <--- ordered pair of  -----> |   control plane: cluster |
//!   |   plane    its clients         |      threads                 |   configuration          |
//!   |   store    slots 0..8191       | <-----------+                |   CONFIG CLUSTER SHUTDOWN|
//!   +--------------------------------+             |                +--------------------------+
//!   +--------------------------------+             |
//!   | data core 1                    | <-----------+
//!   |   the same, slots 8192..16383  |
//!   +--------------------------------+
//! ```
//!
//! Two planes, which never import each other. The **data plane** ([`data`]) is what a data core does with its clients and
//! its slots; there is one for each data core. The **control plane** ([`cluster`]) is what the node knows of its
//! cluster; there is one, on the bus core. They share the words of [`contract`]: immutable snapshots of the settings
//! and of the topology, which the bus core makes and every data core holds an `Arc` of. Both planes are *sans-I/O*: they
//! are told what came in and what time it is, and leave what is to go out. The threads that own sockets, queues and clocks
//! are in [`cores`].
//!
//! # The life of a command
//!
//! ```text
//! bytes -> parse a batch -> look up the commands -> hash the keys, fetch their tables' lines -> for each command:
//!   route -> here:   execute on this core's store -> the turn's output
//!         -> hop:    with the turn's other commands to the core that owns the slot; the reply's place is kept
//!         -> span:   borrow the stores it needs, execute here, give them back     (standalone nodes only)
//!         -> refuse: MOVED, CROSSSLOT, CLUSTERDOWN
//! one send a client -> one io_uring_enter for all of the turn
//! ```
//!
//! A turn of a core ([`cores::data_core`]) takes completions, messages and due background work, and ends with the one
//! system call that sends all replies and sleeps. A send is `SKIP_SUCCESS`: one that the socket took whole leaves no
//! completion, so the turn's output buffer is free again when the call returns. What a full socket left over is sent from
//! a buffer of its own.
//!
//! A core's store is a value ([`data::store::Store`]), made of one arena of cells and one table of handles for each
//! slot, 64-byte lines of them; the tables are our own (hashbrown serves the maps that are not hot). Because a store is a
//! value, it can be *lent*: a command or transaction of a standalone node whose keys lie on several cores asks their cores
//! for their stores in ascending order, so that two never wait for each other, executes while it holds them, and sends them
//! home ([`data::plane::gather`]). In a cluster, where commands keep to one slot, a transaction borrows at most one, but
//! that a script may use keys of any slot of the node: it claims the other stores as it runs ([`data::plane::claim`]).
//!
//! # Where is ...
//!
//! | question | answer |
//! |---|---|
//! | where does SET run? | `data/command/string/set.rs`, called by [`data::plane::dispatch`] |
//! | which commands are there? | one row each in `data/command/spec`, joined with their code by [`data::command::Registry`] |
//! | where is MOVED, CROSSSLOT, CLUSTERDOWN decided? | [`data::route`] |
//! | which core owns a slot? | [`slot::owner`] |
//! | how do several cores answer one command (DBSIZE, PUBLISH)? | [`data::plane::ask`] |
//! | how does a write reach replicas? | [`data::plane::log`], [`replication`] |
//! | how does MULTI span cores? | [`data::plane::transaction`], [`data::plane::gather`] |
//! | what do cores say to each other? | [`data::plane::message`] |
//! | where do keys expire, where are they evicted? | `data/store/expiry.rs`, `eviction.rs`; when: [`data::plane::upkeep`] |
//! | who judges `maxmemory` and `maxmemory-clients`, which are the node's? | [`data::plane::room`], [`data::plane::weight`], by what cores show each other: [`data::plane::share`] |
//! | who answers CLUSTER SLOTS? | [`cluster::command`], on the bus core |
//! | how does a packet come from another node, and go to it? | [`cores::bus_links`], [`cluster::wire`], [`cluster::gossip`] |
//! | who does what the control plane decides, and in which order? | `node/office/control.rs` |
//! | ASK, ASKING, TRYAGAIN, READONLY? | [`data::route`], `data/plane/redirect.rs` |
//! | which directives are there, and what do they do? | one row each in [`node::config::table`] |
//! | where does EVAL run? | `data/plane/script.rs`, on the interpreter of [`data::script`]; KEYS, calls and replies travel by `data/script/stack.rs` |
//! | who talks to the debugger of scripts (`redis-cli --ldb`)? | [`data::plane::debugger`], `data/script/debugger.lua` |
//! | how does a script use keys of other cores that it has not named? | [`data::plane::claim`] |
//! | how do BLPOP and its kin wait? | `data/plane/blocking.rs` |
//! | who may use which command? | [`data::acl`]; where that is asked: `data/plane/acl.rs`; who changes it: `node/office/acl.rs` |
//! | what does MONITOR see? | [`data::plane::monitor`] |
//! | who is told that a key it has read has changed (CLIENT TRACKING)? | [`data::plane::invalidation`] |
//! | where is a vote cast? | `cluster/failover/vote.rs`; where a node is suspected: `cluster/gossip/failure.rs` |
//! | how does a write reach the disk? | [`node::aof`], `node/office/appending.rs`; whole data: `node/office/saving.rs` |
//! | how is data loaded at the start? | `node/office/loading.rs` |
//! | how does what cores change reach replicas? | `data/plane/log.rs`, then [`replication`] |
//! | how does a node start and end? | [`node::boot`]; CONFIG SET: [`node::office`] |
//! | what bounds are there? | [`base::limits`], all of them |
//! | what does an error say? | [`resp::error`], if more than one place says it |
//!
//! # To read, in this order
//!
//! [`base`], [`slot`], [`resp`] (an afternoon), then [`data::store`], [`data::exec`] and [`data::command`], then
//! [`data::plane`] in the order of its header, then [`cores::data_core`] with [`ring`] and [`mesh`]; [`contract`],
//! [`cluster`] and [`node`] when you need them.
//!
//! # Layers
//!
//! ```text
//! base <- slot, resp, ring, mesh <- contract <- data | cluster | replication <- cores <- node <- main
//! ```
//!
//! Imports go down only. `tests/tidy.rs` holds the code to it, and to these: only `ring` names io_uring, only `mesh`
//! atomics, only `cores` glommio; sockets are for `ring`, `cores` and `node`; no file is longer than can be read in one go.
//!
//! # Invariants: what there is not
//!
//! - No lock, no shared counter and no global on the way of a command. What two threads both know is immutable or moves,
//!   but for a few figures that each core shows the others ([`mesh::board`]). The allocator ([`base::heap`]) has locks, each
//!   core's its own; another core takes one when it frees what came from there.
//! - No wait for another thread: a command that needs one leaves its client waiting, never its core.
//! - No clock, no socket, no random source in the planes: the same calls make the same replies, which is how
//!   `data/plane/tests.rs` tries thousands of interleavings of several cores on one thread.
//! - No reply out of order: each client has one queue of places, taken when its commands are read.
//! - No unbounded queue: what is full pushes back, at last to the client's socket, which is not read.
//! - No background step whose time grows with the data: tables grow slot by slot, memory is freed in small steps,
//!   nothing forks.
//! - No `unsafe` but in `ring` and a few small files (`base/pages.rs`, `base/prefetch.rs`, `base/environment.rs`,
//!   `data/script/bridge.rs`, `data/script/stack.rs`, one place in `cores/bus_core.rs`); each says why, and each block carries its proof.
//!
//! And what is weaker than in Redis, on a standalone node with several data cores: KEYS and DBSIZE take the cores one by
//! one, and a command that spans cores may run between two parts. (FLUSHALL and SWAPDB borrow every store.) In a cluster,
//! of two scripts that run at once and reach for keys of each other's cores which they have not named, the call of one is
//! denied (TRYAGAIN), if both have written before and neither was seen to do so in an earlier run.
//!
//! # Not done yet
//!
//! TLS.
#![warn(missing_docs)]

pub mod base;
pub mod cluster;
pub mod contract;
pub mod cores;
pub mod data;
pub mod mesh;
pub mod node;
pub mod replication;
pub mod resp;
pub mod ring;
pub mod slot;

//! The control plane as its owner sees it: calls in, replies and actions out.

use super::command::Facts;
use super::options::EndpointType;
use super::*;
use crate::base::ids::CoreId;
use crate::contract::topology::{CoreRange, DownReason};
use crate::resp::{Proto, Reply};
use proptest::prelude::*;
use rand_xoshiro::rand_core::SeedableRng;

const PEER: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn random() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(7)
}

fn at(mono_ms: u64) -> Now {
    Now { unix_ms: 1_700_000_000_000 + mono_ms, mono_ms }
}

fn slot(number: u16) -> Slot {
    Slot::new(number).unwrap()
}

/// A node, and how to talk to it.
struct Node {
    cluster: Cluster,
    now: u64,
    facts: Facts,
    actions: Vec<Action>,
}

impl Node {
    fn with(options: Options) -> Node {
        Node::around(Cluster::new(Options { port: 7000, ..options }, random()).unwrap())
    }

    fn around(cluster: Cluster) -> Node {
        let mut node = Node { cluster, now: 0, facts: Facts::default(), actions: Vec::new() };
        node.tick(0);
        node
    }

    fn alone() -> Node {
        Node::with(Options::default())
    }

    /// A node that has read `text`, with `{me}` for its own line's start.
    fn loaded(text: &str) -> Node {
        let options = Options { port: 7000, ..Options::default() };
        Node::around(Cluster::load(options, random(), text, at(0)).unwrap())
    }

    /// This node with slots 0-9, and a peer with slots 10-19.
    fn with_peer() -> Node {
        Node::loaded(&format!(
            "{} 10.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-9\n\
             {PEER} 10.0.0.2:7000@17000 master - 0 1 2 connected 10-19\n\
             vars currentEpoch 2 lastVoteEpoch 0\n",
            "a".repeat(40)
        ))
    }

    /// The reply to `line` in RESP2, with `|` for each line end.
    fn says(&mut self, line: &str) -> String {
        self.says_in(line, Proto::Resp2)
    }

    fn says_in(&mut self, line: &str, proto: Proto) -> String {
        let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut out = Vec::new();
        let mut reply = Reply::new(&mut out, proto);
        match self.cluster.command(&args, at(self.now), self.facts.clone(), &mut reply) {
            Ok(actions) => self.actions = actions,
            Err(error) => {
                assert_eq!(reply.position(), 0, "a refusal writes nothing");
                reply.error(&error);
            }
        }
        String::from_utf8(out).unwrap().replace("\r\n", "|")
    }

    fn tick(&mut self, now: u64) {
        self.now = now;
        self.actions = self.cluster.tick(at(now));
    }

    fn published(&self) -> Option<Arc<Topology>> {
        self.actions.iter().find_map(|action| match action {
            Action::PublishTopology(topology) => Some(topology.clone()),
            _ => None,
        })
    }

    fn saved(&self) -> Option<String> {
        let saves = |action: &Action| matches!(action, Action::SaveConfig | Action::WriteConfig);
        self.actions.iter().any(saves).then(|| self.cluster.nodes_conf())
    }

    fn id(&self) -> String {
        self.cluster.my_id().to_string()
    }

    /// The body of a bulk reply.
    fn text_of(&mut self, line: &str) -> String {
        let reply = self.says(line);
        reply.split_once('|').unwrap().1.trim_end_matches('|').to_string()
    }
}

#[test]
fn a_new_node_saves_and_publishes_itself_on_the_first_tick() {
    let mut node = Node::alone();
    let id = node.id();
    assert_eq!(
        node.saved(),
        Some(format!("{id} :7000@17000 myself,master - 0 0 0 connected\nvars currentEpoch 0 lastVoteEpoch 0\n"))
    );
    assert_eq!(node.published().unwrap().down, Some(DownReason::Starting));
    node.tick(100);
    assert!(node.actions.is_empty(), "nothing has changed since");
}

#[test]
fn a_node_given_all_slots_at_once_serves_two_seconds_after_its_start() {
    let mut node = Node::alone();
    assert_eq!(node.says("CLUSTER ADDSLOTSRANGE 0 16383"), "+OK|");
    node.tick(1999);
    assert!(node.text_of("CLUSTER INFO").starts_with("cluster_state:fail|cluster_slots_assigned:16384|"));
    node.tick(2000);
    assert!(node.published().unwrap().cluster_ok());
    assert!(node.text_of("CLUSTER INFO").starts_with("cluster_state:ok|"));
}

#[test]
fn a_node_that_was_long_without_slots_is_as_one_back_from_the_minority() {
    let mut node = Node::alone();
    node.tick(10_000);
    node.says("CLUSTER ADDSLOTSRANGE 0 16383");
    assert_eq!(node.published().unwrap().down, Some(DownReason::Rejoining));
    node.tick(14_999);
    assert!(!node.cluster.topology().cluster_ok());
    node.tick(15_000);
    assert!(node.published().unwrap().cluster_ok());
}

#[test]
fn a_restarted_node_keeps_its_name_epochs_and_slots() {
    let mut node = Node::alone();
    node.says("CLUSTER ADDSLOTS 0 1 2 9");
    node.says("CLUSTER BUMPEPOCH");
    let text = node.saved().unwrap().to_string();
    let again = Node::loaded(&text);
    assert_eq!(again.id(), node.id());
    assert_eq!(again.cluster.nodes_conf(), text);
}

#[test]
fn a_change_is_saved_before_it_is_published() {
    let mut node = Node::alone();
    node.says("CLUSTER ADDSLOTS 5");
    assert!(matches!(node.actions[..], [Action::SaveConfig, Action::PublishTopology(_)]));
    assert!(node.published().unwrap().is_mine(slot(5)));
    assert!(node.saved().unwrap().contains(" connected 5\n"));
    node.says("CLUSTER NODES");
    assert!(node.actions.is_empty(), "a question changes nothing");
}

#[test]
fn an_announced_address_goes_before_the_one_on_file() {
    let node = Node::with_peer();
    let options = Options {
        port: 7000,
        announce_ip: Some("1.2.3.4".into()),
        announce_port: 80,
        announce_bus_port: 81,
        announce_hostname: Some("here".into()),
        ..Options::default()
    };
    let mut node = Node::around(Cluster::load(options.clone(), random(), &node.cluster.nodes_conf(), at(0)).unwrap());
    assert!(node.text_of("CLUSTER NODES").contains(" 1.2.3.4:80@81,here myself,master "));
    let silent = Options { announce_ip: None, announce_hostname: None, ..options };
    node.actions = node.cluster.reconfigure(silent, at(1)).unwrap();
    assert!(node.saved().unwrap().contains(" :80@81 myself,master "));
}

#[test]
fn loaded_keys_without_a_slot_are_taken_over_or_marked_as_imported() {
    let mut node = Node::with_peer();
    node.actions = node.cluster.adopt_loaded([slot(3), slot(12), slot(100)], at(0));
    let topology = node.published().unwrap();
    assert!(topology.is_mine(slot(100)));
    assert_eq!(topology.importing_from(slot(12)).unwrap().id.as_str(), PEER);
    assert!(node.cluster.adopt_loaded([slot(3), slot(12), slot(100)], at(0)).is_empty());
}

#[test]
fn refusals_are_worded_as_redis_words_them() {
    let mut node = Node::with_peer();
    node.says("CLUSTER ADDSLOTS 5000");
    let cases = [
        ("CLUSTER", "ERR wrong number of arguments for 'cluster' command"),
        ("CLUSTER foo", "ERR unknown subcommand 'foo'. Try CLUSTER HELP."),
        ("CLUSTER MYID x", "ERR wrong number of arguments for 'cluster|myid' command"),
        ("CLUSTER ADDSLOTS", "ERR wrong number of arguments for 'cluster|addslots' command"),
        ("CLUSTER ADDSLOTS x", "ERR Invalid or out of range slot"),
        ("CLUSTER ADDSLOTS 16384", "ERR Invalid or out of range slot"),
        ("CLUSTER ADDSLOTS 5000 x", "ERR Invalid or out of range slot"),
        ("CLUSTER ADDSLOTS 5000", "ERR Slot 5000 is already busy"),
        ("CLUSTER ADDSLOTS 10", "ERR Slot 10 is already busy"),
        ("CLUSTER ADDSLOTS 30 30", "ERR Slot 30 specified multiple times"),
        ("CLUSTER ADDSLOTSRANGE 5 3", "ERR start slot number 5 is greater than end slot number 3"),
        ("CLUSTER ADDSLOTSRANGE 1 2 3", "ERR wrong number of arguments for 'cluster|addslotsrange' command"),
        ("CLUSTER ADDSLOTSRANGE 30 35 35 36", "ERR Slot 35 specified multiple times"),
        ("CLUSTER DELSLOTS 30", "ERR Slot 30 is already unassigned"),
        ("CLUSTER SETSLOT 1 foo", "ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP"),
        ("CLUSTER SETSLOT 1 MIGRATING", "ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP"),
        ("CLUSTER SETSLOT 1 STABLE x", "ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP"),
        ("CLUSTER SETSLOT 10 MIGRATING x", "ERR I'm not the owner of hash slot 10"),
        ("CLUSTER SETSLOT 1 MIGRATING x", "ERR I don't know about node x"),
        ("CLUSTER SETSLOT 1 IMPORTING x", "ERR I'm already the owner of hash slot 1"),
        ("CLUSTER SETSLOT 1 NODE x", "ERR Unknown node x"),
        ("CLUSTER SET-CONFIG-EPOCH x", "ERR value is not an integer or out of range"),
        ("CLUSTER SET-CONFIG-EPOCH -1", "ERR Invalid config epoch specified: -1"),
        (
            "CLUSTER SET-CONFIG-EPOCH 1",
            "ERR The user can assign a config epoch only when the node does not know any other node.",
        ),
        ("CLUSTER REPLICAS x", "ERR Unknown node x"),
        ("CLUSTER RESET x", "ERR syntax error"),
        ("CLUSTER reset soft x", "ERR unknown subcommand or wrong number of arguments for 'reset'. Try CLUSTER HELP."),
        ("CLUSTER MEET x 7001", "ERR Invalid node address specified: x:7001"),
        ("CLUSTER MEET 127.0.0.1 0", "ERR Invalid node address specified: 127.0.0.1:0"),
        ("CLUSTER MEET 127.0.0.1 60000", "ERR Invalid node address specified: 127.0.0.1:60000"),
        ("CLUSTER MEET 127.0.0.1 y", "ERR Invalid TCP base port specified: y"),
        ("CLUSTER MEET 127.0.0.1 7001 y", "ERR Invalid TCP bus port specified: y"),
        ("CLUSTER FORGET x", "ERR Unknown node x"),
        ("CLUSTER FORGET aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ERR I tried hard but I can't forget myself..."),
        ("CLUSTER REPLICATE x", "ERR Unknown node x"),
        ("CLUSTER REPLICATE aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ERR Can't replicate myself"),
        (
            "CLUSTER REPLICATE bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
            "ERR To set a master the node must be empty and without assigned slots.",
        ),
    ];
    let before = node.cluster.nodes_conf();
    for (line, error) in cases {
        assert_eq!(node.says(line), format!("-{error}|"), "{line}");
    }
    assert_eq!(node.cluster.nodes_conf(), before, "a refused command changes nothing");
}

#[test]
fn a_slot_moves_away_step_by_step() {
    let mut node = Node::with_peer();
    assert_eq!(node.says(&format!("CLUSTER SETSLOT 3 MIGRATING {PEER}")), "+OK|");
    assert_eq!(node.published().unwrap().migrating_to(slot(3)).unwrap().id.as_str(), PEER);
    assert!(node.saved().unwrap().contains(&format!(" 0-9 [3->-{PEER}]\n")));
    node.facts.keys_in_slot = 1;
    assert_eq!(
        node.says(&format!("CLUSTER SETSLOT 3 NODE {PEER}")),
        "-ERR Can't assign hashslot 3 to a different node while I still hold keys for this hash slot.|"
    );
    node.facts.keys_in_slot = 0;
    assert_eq!(node.says(&format!("CLUSTER SETSLOT 3 NODE {PEER}")), "+OK|");
    let topology = node.published().unwrap();
    assert_eq!(topology.redirect_target(slot(3)), Some("10.0.0.2:7000"));
    assert!(topology.migrating_to(slot(3)).is_none());
}

#[test]
fn a_slot_that_arrives_is_claimed_under_a_new_epoch() {
    let mut node = Node::with_peer();
    let me = node.id();
    node.says(&format!("CLUSTER SETSLOT 12 IMPORTING {PEER}"));
    assert!(node.saved().unwrap().contains(&format!(" 0-9 [12-<-{PEER}]\n")));
    assert_eq!(node.says(&format!("CLUSTER SETSLOT 12 NODE {me}")), "+OK|");
    assert!(node.saved().unwrap().contains("master - 0 0 3 connected 0-9 12\n"));
    assert!(node.published().unwrap().importing.is_empty());
}

#[test]
fn an_opened_slot_can_be_closed_again() {
    let mut node = Node::with_peer();
    node.says(&format!("CLUSTER SETSLOT 3 MIGRATING {PEER}"));
    node.says(&format!("CLUSTER SETSLOT 12 IMPORTING {PEER}"));
    node.says("CLUSTER SETSLOT 3 STABLE");
    node.says("CLUSTER SETSLOT 12 STABLE");
    let topology = node.published().unwrap();
    assert!(topology.migrating.is_empty() && topology.importing.is_empty());
}

#[test]
fn a_primary_whose_last_slot_goes_follows_its_new_owner() {
    let mut node = Node::with_peer();
    node.says("CLUSTER DELSLOTS 1 2 3 4 5 6 7 8 9");
    node.says(&format!("CLUSTER SETSLOT 0 NODE {PEER}"));
    assert!(matches!(&node.actions[2], Action::Replicate { ip, port: 7000 } if ip == "10.0.0.2"));
    let topology = node.published().unwrap();
    assert!(topology.myself().is_replica());
    assert!(topology.is_my_primarys(slot(0)));
    assert_eq!(node.says("CLUSTER SETSLOT 0 STABLE"), "-ERR Please use SETSLOT only with masters.|");
    node.facts.keys = 1;
    assert_eq!(node.says("CLUSTER RESET"), "+OK|", "a replica's keys do not stop it");
    assert!(matches!(node.actions[..2], [Action::StopReplication, Action::FlushAll]));
    assert!(!node.published().unwrap().myself().is_replica());
}

#[test]
fn a_soft_reset_forgets_the_cluster_and_a_hard_one_the_self_too() {
    let mut node = Node::with_peer();
    let id = node.id();
    node.facts.keys = 1;
    assert_eq!(node.says("CLUSTER RESET"), "-ERR CLUSTER RESET can't be called with master nodes containing keys|");
    node.facts.keys = 0;
    assert_eq!(node.says("CLUSTER RESET SOFT"), "+OK|");
    let soft =
        format!("{id} 10.0.0.1:7000@17000 myself,master - 0 0 1 connected\nvars currentEpoch 2 lastVoteEpoch 0\n");
    assert_eq!(node.saved(), Some(soft));
    assert_eq!(node.says("CLUSTER RESET HARD"), "+OK|");
    assert_ne!(node.id(), id);
    assert!(node.saved().unwrap().ends_with("vars currentEpoch 0 lastVoteEpoch 0\n"));
    assert_eq!(node.published().unwrap().nodes.len(), 1);
}

#[test]
fn slots_are_flushed_only_from_an_empty_node() {
    let mut node = Node::with_peer();
    node.facts.keys = 1;
    assert_eq!(node.says("CLUSTER FLUSHSLOTS"), "-ERR DB must be empty to perform CLUSTER FLUSHSLOTS.|");
    node.facts.keys = 0;
    assert_eq!(node.says("CLUSTER FLUSHSLOTS"), "+OK|");
    let topology = node.published().unwrap();
    assert!(topology.owner(slot(0)).is_none());
    assert!(topology.owner(slot(10)).is_some(), "the peer's slots stay");
}

#[test]
fn the_first_epoch_is_set_once() {
    let mut node = Node::alone();
    assert_eq!(node.says("CLUSTER SET-CONFIG-EPOCH 7"), "+OK|");
    assert_eq!(node.says("CLUSTER SET-CONFIG-EPOCH 8"), "-ERR Node config epoch is already non-zero|");
    assert_eq!(node.says("CLUSTER BUMPEPOCH"), "+STILL 7|");
    assert!(node.saved().is_none(), "nothing was bumped");
}

#[test]
fn replies_have_the_shapes_of_redis() {
    let mut node = Node::alone();
    let id = node.id();
    node.says("CLUSTER ADDSLOTS 0 1 3");
    let endpoint = format!("*4|$0||:7000|$40|{id}|");
    assert_eq!(node.says("CLUSTER SLOTS"), format!("*2|*3|:0|:1|{endpoint}*0|*3|:3|:3|{endpoint}*0|"));
    assert!(node.says_in("CLUSTER SLOTS", Proto::Resp3).ends_with("%0|"));
    let shard = format!(
        "$5|slots|*4|:0|:1|:3|:3|$5|nodes|*1|%7|$2|id|$40|{id}|$4|port|:7000|$2|ip|$0||$8|endpoint|$0||\
         $4|role|$6|master|$18|replication-offset|:0|$6|health|$6|online|"
    );
    assert_eq!(node.says_in("CLUSTER SHARDS", Proto::Resp3), format!("*1|%2|{shard}"));
    assert_eq!(node.says("CLUSTER SHARDS"), format!("*1|*4|{}", shard.replace("%7", "*14")));
    assert_eq!(node.says("CLUSTER LINKS"), "*0|");
    assert_eq!(node.says("CLUSTER REPLICAS x".replace('x', &id).as_str()), "*0|");
    assert_eq!(node.says("CLUSTER COUNT-FAILURE-REPORTS x".replace('x', &id).as_str()), ":0|");
    assert_eq!(node.says("CLUSTER KEYSLOT a"), ":15495|");
    assert!(node.says_in("CLUSTER NODES", Proto::Resp3).starts_with("="));
    assert!(node.says("CLUSTER HELP").starts_with("*56|+CLUSTER <subcommand> [<arg> [value] [opt] ...]."));
}

#[test]
fn info_tells_all_that_redis_tells() {
    let mut node = Node::with_peer();
    node.cluster.stats.sent.count(stats::MessageKind::Ping);
    node.cluster.stats.sent.count(stats::MessageKind::FailoverAuthRequest);
    node.cluster.stats.received.count(stats::MessageKind::Pong);
    let peer = node.cluster.nodes.find(NodeId::parse(PEER.as_bytes()).unwrap()).unwrap();
    node.cluster.nodes[peer].flags = NodeFlags::PRIMARY.with(NodeFlags::PFAIL);
    assert_eq!(
        node.text_of("CLUSTER INFO"),
        "cluster_state:fail|cluster_slots_assigned:20|cluster_slots_ok:10|cluster_slots_pfail:10|\
         cluster_slots_fail:0|cluster_known_nodes:2|cluster_size:1|cluster_current_epoch:2|cluster_my_epoch:1|\
         cluster_stats_messages_ping_sent:1|cluster_stats_messages_auth-req_sent:1|cluster_stats_messages_sent:2|\
         cluster_stats_messages_pong_received:1|cluster_stats_messages_received:1|\
         total_cluster_links_buffer_limit_exceeded:0"
    );
}

#[test]
fn links_are_told_by_their_direction() {
    let mut node = Node::with_peer();
    let peer = node.cluster.nodes.find(NodeId::parse(PEER.as_bytes()).unwrap()).unwrap();
    let link = nodes::Link {
        id: LinkId(LinkId::INBOUND),
        created: Now { unix_ms: 5, mono_ms: 0 },
        pings: 0,
        answers: 0,
        pings_before_epoch: 0,
        told_open: None,
        reading: true,
        writing: false,
        send_buffer_allocated: 9,
        send_buffer_used: 3,
    };
    node.cluster.nodes[peer].inbound_link = Some(link);
    assert_eq!(
        node.says_in("CLUSTER LINKS", Proto::Resp3),
        format!(
            "*1|%6|$9|direction|$4|from|$4|node|$40|{PEER}|$11|create-time|:5|$6|events|$1|r|\
             $21|send-buffer-allocated|:9|$16|send-buffer-used|:3|"
        )
    );
}

#[test]
fn a_replica_is_told_once_it_has_data() {
    let mut node = Node::with_peer();
    let replica = "c".repeat(40);
    let text = node.cluster.nodes_conf() + &format!("{replica} 10.0.0.3:1@2 slave {PEER} 0 0 2 connected\n");
    node = Node::loaded(&text);
    assert!(!node.says("CLUSTER SLOTS").contains(&replica));
    assert!(node.says("CLUSTER SHARDS").contains("|replica|$18|replication-offset|:0|$6|health|$7|loading|"));
    let ix = node.cluster.nodes.find(NodeId::parse(replica.as_bytes()).unwrap()).unwrap();
    node.cluster.nodes[ix].replication_offset = 1;
    assert!(node.says("CLUSTER SLOTS").contains(&replica));
    let line = format!("{replica} 10.0.0.3:1@2 slave {PEER} 0 0 2 disconnected");
    assert_eq!(node.says(&format!("CLUSTER SLAVES {PEER}")), format!("*1|${}|{line}|", line.len()));
}

#[test]
fn the_preferred_endpoint_is_what_clients_are_told() {
    let announced =
        Options { announce_ip: Some("1.2.3.4".into()), announce_hostname: Some("here".into()), ..Options::default() };
    let told = |endpoint, hostname: Option<&str>| {
        let announce_hostname = hostname.map(str::to_string);
        let mut node = Node::with(Options { endpoint, announce_hostname, ..announced.clone() });
        node.says("CLUSTER ADDSLOTS 0");
        let target = node.published().unwrap().redirect_target(slot(0)).unwrap().to_string();
        (node.says("CLUSTER SLOTS").replace(&node.id(), "ID"), target)
    };
    let (reply, target) = told(EndpointType::Ip, Some("here"));
    assert_eq!(reply, "*1|*3|:0|:0|*4|$7|1.2.3.4|:7000|$40|ID|*2|$8|hostname|$4|here|");
    assert_eq!(target, "1.2.3.4:7000");
    let (reply, target) = told(EndpointType::Hostname, Some("here"));
    assert_eq!(reply, "*1|*3|:0|:0|*4|$4|here|:7000|$40|ID|*2|$2|ip|$7|1.2.3.4|");
    assert_eq!(target, "here:7000");
    let (reply, target) = told(EndpointType::Hostname, None);
    assert_eq!(reply, "*1|*3|:0|:0|*4|$1|?|:7000|$40|ID|*2|$2|ip|$7|1.2.3.4|");
    assert_eq!(target, "?:7000");
    let (reply, target) = told(EndpointType::Unknown, Some("here"));
    assert_eq!(reply, "*1|*3|:0|:0|*4|$-1|:7000|$40|ID|*4|$2|ip|$7|1.2.3.4|$8|hostname|$4|here|");
    assert_eq!(target, ":7000");
}

/// Two data cores that share the slots in halves, with ports of their own.
fn core_ports() -> Options {
    let cores = vec![
        CoreRange { start: slot(0), end: slot(8191), core: CoreId(0) },
        CoreRange { start: slot(8192), end: slot(16383), core: CoreId(1) },
    ];
    Options { core_port_base: Some(7100), cores, ..Options::default() }
}

#[test]
fn with_core_ports_each_cores_slots_name_its_port() {
    let mut node = Node::with(core_ports());
    node.says("CLUSTER ADDSLOTSRANGE 0 16383");
    let slots = node.says("CLUSTER SLOTS").replace(&node.id(), "ID");
    assert_eq!(slots, "*2|*3|:0|:8191|*4|$0||:7100|$40|ID|*0|*3|:8192|:16383|*4|$0||:7101|$40|ID|*0|");
    let shards = node.says("CLUSTER SHARDS");
    assert!(shards.starts_with("*2|*4|$5|slots|*2|:0|:8191|"));
    assert!(shards.contains("|$4|port|:7100|") && shards.contains("|$4|port|:7101|"));
    assert!(node.text_of("CLUSTER NODES").contains(" :7000@17000 myself,master - 0 0 0 connected 0-16383"));
}

#[test]
fn with_core_ports_a_shard_without_slots_is_told_with_the_canonical_port() {
    let mut node = Node::with(core_ports());
    assert!(node.says("CLUSTER SHARDS").starts_with("*1|*4|$5|slots|*0|$5|nodes|*1|"));
    assert!(node.says("CLUSTER SHARDS").contains("|$4|port|:7000|"));
}

/// The integers of a RESP reply that are slots: those that come in pairs before a nested array or a bulk.
fn slots_in(reply: &str) -> Vec<bool> {
    let mut covered = vec![false; 16384];
    let tokens: Vec<&str> = reply.split('|').collect();
    for pair in tokens.windows(2) {
        if let (Some(Ok(start)), Some(Ok(end))) = (number(pair[0]), number(pair[1])) {
            covered[start..=end].fill(true);
        }
    }
    covered
}

fn number(token: &str) -> Option<Result<usize, std::num::ParseIntError>> {
    token.strip_prefix(':').map(str::parse)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn slots_shards_and_nodes_always_agree(numbers in prop::collection::btree_set(0u16..16384, 1..40), cores: bool) {
        let mut node = Node::with(if cores { core_ports() } else { Options::default() });
        let mut owned = vec![false; 16384];
        let listed: Vec<String> = numbers.iter().map(u16::to_string).collect();
        node.says(&format!("CLUSTER ADDSLOTS {}", listed.join(" ")));
        numbers.into_iter().for_each(|number| owned[usize::from(number)] = true);
        prop_assert_eq!(&slots_in(&node.says("CLUSTER SLOTS")), &owned);
        // Ranges of one shard follow each other, so that windows over them would also see the gaps as pairs.
        let shards = node.says("CLUSTER SHARDS");
        let told: usize = shards.split("|slots|").skip(1).map(|shard| {
            let numbers: Vec<usize> = shard.split('|').skip(1).map_while(number).filter_map(Result::ok).collect();
            numbers.chunks(2).map(|pair| owned[pair[0]..=pair[1]].iter().filter(|owned| **owned).count()).sum::<usize>()
        }).sum();
        prop_assert_eq!(told, owned.iter().filter(|owned| **owned).count());
        let line = node.text_of("CLUSTER NODES");
        let on_line: usize = line.split(" connected").nth(1).unwrap().split_ascii_whitespace().map(|range| {
            let (start, end) = range.trim_end_matches('\n').split_once('-').unwrap_or((range, range));
            end.parse::<usize>().unwrap() - start.parse::<usize>().unwrap() + 1
        }).sum();
        prop_assert_eq!(on_line, told);
    }
}

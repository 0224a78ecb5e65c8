//! The rules of failover, each on a network in memory.

use crate::cluster::options::Options;
use crate::cluster::testing::{Machine, Network};
use crate::cluster::wire::{Body, Packet};
use crate::cluster::{Action, Cluster, Replication};
use crate::contract::topology::{DownReason, NodeFlags};
use crate::slot::Slot;

/// Three primaries 0, 1, 2, and replicas 3, 4, 5 of them in this order.
pub(super) fn three_shards(options: Options) -> Network {
    let mut network = Network::cluster(3, 1, options);
    settle(&mut network);
    network
}

/// Every replica has its primary's data.
fn settle(network: &mut Network) {
    for member in 0..network.members.len() {
        tell(network, member, 100, 0);
    }
    network.run(2000);
}

fn tell(network: &mut Network, member: usize, offset: u64, silent_ms: u64) {
    let known = Replication { offset, primary_silent_ms: Some(silent_ms), link_up: true, ..Replication::default() };
    network.members[member].cluster.replication(known);
}

pub(super) fn owner_of_slot_0(network: &Network, member: usize) -> Option<usize> {
    let cluster = &network.members[member].cluster;
    let owner = cluster.nodes[cluster.slots.owner(Slot::new(0).unwrap())?].id;
    (0..network.members.len()).find(|member| network.id(*member) == owner)
}

pub(super) fn all_agree(network: &Network, owner: usize) -> bool {
    let up = (0..network.members.len()).filter(|member| network.members[*member].machine == Machine::Up);
    up.into_iter().all(|member| owner_of_slot_0(network, member) == Some(owner))
}

pub(super) fn is_primary(network: &Network, member: usize) -> bool {
    network.members[member].cluster.myself().is_primary()
}

fn elections(network: &Network, member: usize) -> u32 {
    network.members[member].cluster.failover.election.as_ref().map_or(0, |election| election.tries())
}

#[test]
fn a_killed_primary_is_replaced_within_a_second() {
    for _ in 0..5 {
        let mut network = three_shards(Options::default());
        network.set(0, Machine::Dead);
        let took = network.run_until(1000, |network| all_agree(network, 3));
        assert!(took > 0);
        assert!(is_primary(&network, 3));
        assert!(network.members[3].data.iter().any(|action| matches!(action, Action::StopReplication)));
    }
}

#[test]
fn a_silent_primary_is_replaced_after_the_node_timeout_and_follows_when_it_is_back() {
    let options = Options { node_timeout_ms: 2000, ..Options::default() };
    let mut network = three_shards(options);
    network.set(0, Machine::Deaf);
    network.run(1000);
    assert!(all_agree(&network, 0), "not yet");
    network.run_until(6000, |network| (1..6).all(|member| owner_of_slot_0(network, member) == Some(3)));
    network.set(0, Machine::Up);
    network.run_until(6000, |network| !is_primary(network, 0) && all_agree(network, 3));
    let primary = network.view(0, 0).and_then(|node| node.replicaof);
    assert_eq!(primary.map(|ix| network.members[0].cluster.nodes[ix].id), Some(network.id(3)));
}

#[test]
fn the_winner_holds_the_greatest_epoch_and_saved_it_before_anyone_heard() {
    let mut network = three_shards(Options::default());
    network.set(0, Machine::Dead);
    network.run_until(1000, |network| all_agree(network, 3));
    let epoch = network.members[3].cluster.myself().config_epoch;
    assert_eq!(epoch, network.members[3].cluster.epochs.current);
    assert!(
        (0..3).all(
            |member| network.members[member].cluster.nodes[network.members[member].cluster.me].config_epoch < epoch
        )
    );
    let text = &network.members[3].saved;
    assert!(text.contains(&format!("myself,master - 0 0 {epoch} connected 0-5460")), "{text}");
}

#[test]
fn a_vote_is_saved_before_it_is_sent_and_given_once_an_epoch() {
    let mut network = three_shards(Options::default());
    network.set(0, Machine::Dead);
    network.run_until(1000, |network| network.view(1, 0).unwrap().has_failed());
    let request = request_of(&network, 3, |_| {});
    let epoch = request.header.current_epoch;
    let actions = ask(&mut network, 1, 3, request.clone());
    assert!(network.members[1].cluster.nodes_conf().contains(&format!("lastVoteEpoch {epoch}")));
    let saved = actions.iter().position(|action| matches!(action, Action::SaveConfig));
    let sent = actions.iter().position(is_vote);
    assert!(saved.unwrap() < sent.unwrap());
    assert!(!ask(&mut network, 1, 3, request).iter().any(is_vote), "one vote an epoch");
    let newer = request_of(&network, 3, |packet| packet.header.current_epoch = epoch + 1);
    assert!(ask(&mut network, 1, 3, newer).iter().any(is_vote), "the same candidate may ask again in a newer epoch");
}

#[test]
fn a_vote_is_denied_for_each_of_redis_reasons() {
    let mut network = three_shards(Options::default());
    let denied = |network: &mut Network, change: &dyn Fn(&mut Packet)| {
        let request = request_of(network, 3, change);
        !ask(network, 1, 3, request).iter().any(is_vote)
    };
    assert!(denied(&mut network, &|_| {}), "the primary is up");
    network.set(0, Machine::Dead);
    network.run_until(1000, |network| network.view(1, 0).unwrap().has_failed());
    assert!(denied(&mut network, &|packet| packet.header.current_epoch = 1), "an old epoch");
    assert!(denied(&mut network, &|packet| packet.header.config_epoch = 0), "an old view of the slots");
    network.members[4].machine = Machine::Stopped;
    let request = request_of(&network, 3, |_| {});
    assert!(!ask(&mut network, 4, 3, request).iter().any(is_vote), "a replica has no vote");
    assert!(!denied(&mut network, &|_| {}));
}

#[test]
fn a_node_that_may_have_been_replaced_does_not_vote() {
    let mut network = three_shards(Options::default());
    network.set(0, Machine::Dead);
    network.run_until(1000, |network| network.view(1, 0).unwrap().has_failed());
    network.set(1, Machine::Stopped);
    network.now.mono_ms += 8000;
    let request = request_of(&network, 3, |_| {});
    assert!(!ask(&mut network, 1, 3, request).iter().any(is_vote));
    assert!(network.members[1].cluster.state.down().is_some());
}

#[test]
fn a_vote_counts_once_and_only_in_its_epoch() {
    let mut network = three_shards(Options { fast_failover: false, ..Options::default() });
    network.set(0, Machine::Dead);
    network.run_until(1000, |network| network.view(3, 0).unwrap().has_failed());
    network.set(2, Machine::Deaf);
    network.run_until(3000, |network| votes(network, 3) == 1);
    let mut ack = vote_of(&network, 1, 3);
    let hand = |network: &mut Network, packet: Packet| {
        let ip = network.members[1].ip.clone();
        network.inject(3, packet, &ip);
    };
    hand(&mut network, ack.clone());
    assert_eq!(votes(&network, 3), 1, "the same voter");
    ack.header.sender = network.id(2);
    let mut old = ack.clone();
    old.header.current_epoch -= 1;
    hand(&mut network, old);
    assert_eq!(votes(&network, 3), 1, "an older epoch");
    assert!(!is_primary(&network, 3));
    hand(&mut network, ack);
    assert!(is_primary(&network, 3));
}

#[test]
fn the_replica_with_most_data_goes_first_and_others_follow_it() {
    let mut network = Network::cluster(3, 2, Options::default());
    settle(&mut network);
    tell(&mut network, 3, 500, 0);
    tell(&mut network, 6, 501, 0);
    network.set(0, Machine::Dead);
    network.run_until(1000, |network| all_agree(network, 6));
    network.run(1000);
    let cluster = &network.members[3].cluster;
    assert_eq!(cluster.myself().replicaof.map(|ix| cluster.nodes[ix].id), Some(network.id(6)));
}

#[test]
fn a_replica_that_has_not_told_what_it_has_is_waited_for_a_little() {
    let mut network = Network::cluster(3, 2, Options::default());
    settle(&mut network);
    network.set(6, Machine::Stopped);
    network.set(0, Machine::Dead);
    network.run_until(1000, |network| network.view(3, 0).unwrap().has_failed());
    network.run(100);
    assert!(!is_primary(&network, 3));
    network.run_until(200, |network| is_primary(network, 3));
}

#[test]
fn a_replica_with_old_or_no_data_does_not_stand() {
    let cases = [
        (Replication { data_missing: true, primary_silent_ms: Some(0), ..Replication::default() }, 10, false),
        (Replication { data_missing: true, primary_silent_ms: Some(0), ..Replication::default() }, 0, false),
        (Replication { offset: 0, primary_silent_ms: Some(0), ..Replication::default() }, 10, true),
        (Replication { offset: 9, primary_silent_ms: None, ..Replication::default() }, 10, false),
        (Replication { offset: 9, primary_silent_ms: Some(175_001), ..Replication::default() }, 10, false),
        (Replication { offset: 9, primary_silent_ms: Some(175_000), ..Replication::default() }, 10, true),
        (Replication { offset: 0, primary_silent_ms: None, ..Replication::default() }, 0, true),
    ];
    for (data, factor, stands) in cases {
        let mut network = three_shards(Options { replica_validity_factor: factor, ..Options::default() });
        network.members[3].cluster.replication(data);
        network.set(0, Machine::Dead);
        network.run(1000);
        assert_eq!(is_primary(&network, 3), stands, "{data:?}");
    }
}

#[test]
fn a_replica_told_not_to_does_not_stand() {
    let mut network = three_shards(Options { replica_no_failover: true, ..Options::default() });
    network.set(0, Machine::Dead);
    network.run(3000);
    assert!(!is_primary(&network, 3));
    assert!(network.view(3, 0).unwrap().has_failed());
    assert_eq!(network.says(3, "CLUSTER FAILOVER FORCE"), "+OK|");
    network.run_until(500, |network| all_agree(network, 3));
}

#[test]
fn a_minority_elects_nobody_and_tries_ever_more_rarely() {
    let mut network = three_shards(Options { node_timeout_ms: 1000, ..Options::default() });
    network.set(0, Machine::Dead);
    network.run_until(1000, |network| network.view(3, 0).unwrap().has_failed());
    network.set(2, Machine::Dead);
    network.run(10_000);
    assert!(!is_primary(&network, 3));
    let tries = elections(&network, 3);
    assert!((3..10).contains(&tries), "{tries}");
}

#[test]
fn redis_delays_hold_without_fast_failover() {
    let mut network = three_shards(Options { fast_failover: false, ..Options::default() });
    network.set(0, Machine::Dead);
    network.run_until(1000, |network| network.view(3, 0).unwrap().has_failed());
    network.run(499);
    assert!(all_agree(&network, 0));
    network.run_until(700, |network| all_agree(network, 3));
}

#[test]
fn many_primaries_that_fail_at_once_are_all_replaced() {
    let mut network = Network::cluster(9, 1, Options::default());
    settle(&mut network);
    (0..4).for_each(|member| network.set(member, Machine::Dead));
    network.run_until(3000, |network| (9..13).all(|member| is_primary(network, member)));
    network.run(500);
    let mut epochs: Vec<_> = (9..13).map(|member| network.members[member].cluster.myself().config_epoch).collect();
    epochs.sort();
    epochs.dedup();
    assert_eq!(epochs.len(), 4, "each has an epoch of its own");
    assert_eq!(epochs[3] - epochs[0], 3, "and nobody has asked twice");
}

#[test]
fn of_many_replicas_with_the_same_data_one_asks() {
    let mut network = Network::cluster(3, 5, Options::default());
    settle(&mut network);
    let before = network.members[1].cluster.epochs.current;
    network.set(0, Machine::Dead);
    let heirs = [3, 6, 9, 12, 15];
    network.run_until(1000, |network| heirs.iter().any(|member| all_agree(network, *member)));
    network.run(1000);
    assert_eq!(network.members[1].cluster.epochs.current, before + 1);
}

#[test]
fn a_shard_whose_replica_does_not_ask_holds_up_nobody_for_longer_than_a_turn() {
    let mut network = Network::cluster(9, 1, Options::default());
    settle(&mut network);
    let first = (0..3).min_by_key(|member| network.id(*member)).unwrap();
    let stale = Replication { data_missing: true, primary_silent_ms: Some(0), ..Replication::default() };
    network.members[9 + first].cluster.replication(stale);
    (0..3).for_each(|member| network.set(member, Machine::Dead));
    let heirs: Vec<usize> = (9..12).filter(|member| *member != 9 + first).collect();
    let failed = |network: &Network| heirs.iter().all(|member| network.view(*member, member - 9).unwrap().has_failed());
    network.run_until(1000, failed);
    let took = network.run_until(1000, |network| heirs.iter().all(|member| is_primary(network, *member)));
    assert!(took <= 15 + 35 + 2 * 50 + 10, "{took}");
}

#[test]
fn a_stopped_process_does_not_take_writes_when_it_goes_on() {
    let mut network = three_shards(Options::default());
    network.set(0, Machine::Stopped);
    network.run(60_000);
    assert!((1..6).all(|member| owner_of_slot_0(&network, member) == Some(3)));
    network.set(0, Machine::Up);
    let now = network.now;
    let actions = network.members[0].cluster.tick(now);
    let down = actions.iter().find_map(|action| match action {
        Action::PublishTopology(topology) => Some(topology.down),
        _ => None,
    });
    assert!(matches!(down, Some(Some(DownReason::Rejoining | DownReason::SlotsUncovered | DownReason::Minority))));
    network.act(0, actions);
    network.run_until(6000, |network| !is_primary(network, 0));
}

#[test]
fn a_manual_failover_waits_for_the_offset_of_the_paused_primary() {
    let mut network = three_shards(Options::default());
    assert_eq!(network.says(0, "CLUSTER FAILOVER"), "-ERR You should send CLUSTER FAILOVER to a replica|");
    assert_eq!(network.says(3, "CLUSTER FAILOVER NOW"), "-ERR syntax error|");
    assert_eq!(network.says(3, "CLUSTER FAILOVER"), "+OK|");
    network.run(300);
    let until = network.members[0].data.iter().find_map(|action| match action {
        Action::PauseWrites(Some(until)) => Some(*until),
        _ => None,
    });
    assert!(until.unwrap() > network.now.unix_ms + 9000);
    assert!(all_agree(&network, 0), "the writes are not held back yet");
    let paused = Replication { offset: 200, writes_paused: true, ..Replication::default() };
    network.members[0].cluster.replication(paused);
    network.run(300);
    assert!(all_agree(&network, 0), "the replica has yet to receive the last writes");
    tell(&mut network, 3, 200, 0);
    network.run_until(300, |network| all_agree(network, 3));
    network.run(300);
    assert!(!is_primary(&network, 0));
    assert!(matches!(
        network.members[0].data.iter().rev().find(|action| matches!(action, Action::PauseWrites(_))),
        Some(Action::PauseWrites(None))
    ));
}

#[test]
fn writes_that_were_held_back_go_on_when_they_are_sent_to_the_new_primary_not_before() {
    let mut network = three_shards(Options::default());
    network.says(3, "CLUSTER FAILOVER");
    network.run(300);
    tell(&mut network, 3, 1, 0);
    let (now, me) = (network.now, &mut network.members[0].cluster);
    let successor = me.nodes.iter().find(|(_, node)| node.replicaof == Some(me.me)).map(|(ix, _)| ix).unwrap();
    me.slots.unassign_all_of(me.me);
    me.become_replica_of(successor);
    let actions = me.settle(now);
    let place = |wanted: fn(&Action) -> bool| actions.iter().position(wanted);
    let told = place(|action| matches!(action, Action::PublishTopology(_)));
    let released = place(|action| matches!(action, Action::PauseWrites(None)));
    assert!(told.is_some() && told < released, "{actions:?}");
}

#[test]
fn a_manual_failover_that_takes_too_long_is_given_up_by_both() {
    let mut network = three_shards(Options::default());
    network.says(3, "CLUSTER FAILOVER");
    network.run(5200);
    tell(&mut network, 3, 1000, 0);
    network.run(1000);
    assert!(all_agree(&network, 0));
    assert!(network.members[0].data.iter().any(|action| matches!(action, Action::PauseWrites(None))));
}

#[test]
fn a_forced_failover_needs_votes_and_a_takeover_none() {
    let mut network = three_shards(Options { fast_failure_detection: false, ..Options::default() });
    network.set(0, Machine::Dead);
    network.run(500);
    assert_eq!(
        network.says(3, "CLUSTER FAILOVER"),
        "-ERR Master is down or failed, please use CLUSTER FAILOVER FORCE|"
    );
    assert_eq!(network.says(3, "CLUSTER FAILOVER FORCE"), "+OK|");
    network.run_until(300, |network| all_agree(network, 3));

    let mut network = three_shards(Options::default());
    [0, 1, 2].into_iter().for_each(|member| network.set(member, Machine::Dead));
    assert_eq!(network.says(3, "CLUSTER FAILOVER TAKEOVER"), "+OK|");
    network.run_until(300, |network| all_agree(network, 3));
    assert!(network.members[3].cluster.myself().config_epoch > 3);
}

#[test]
fn an_orphaned_primary_gets_a_replica_from_one_that_can_spare_it() {
    let mut network = Network::cluster(3, 2, Options::default());
    settle(&mut network);
    network.set(3, Machine::Dead);
    network.set(6, Machine::Dead);
    network.run(4000);
    let replicas_of_0 = |network: &Network| {
        let working = |cluster: &Cluster| {
            let primary = cluster.nodes.find(network.id(0)).unwrap();
            cluster.nodes.replicas_of(primary).filter(|(_, node)| !node.flags.any(NodeFlags::FAIL)).count()
        };
        working(&network.members[1].cluster)
    };
    assert_eq!(replicas_of_0(&network), 0);
    network.run_until(6000, |network| replicas_of_0(network) == 1);
    network.run(10_000);
    assert_eq!(replicas_of_0(&network), 1, "one is enough");
}

#[test]
fn replicas_stay_where_they_are_below_the_barrier_or_when_told_so() {
    for options in [
        Options { migration_barrier: 2, ..Options::default() },
        Options { allow_replica_migration: false, ..Options::default() },
    ] {
        let mut network = Network::cluster(3, 2, options);
        settle(&mut network);
        network.set(3, Machine::Dead);
        network.set(6, Machine::Dead);
        network.run(20_000);
        for replica in [4, 5, 7, 8] {
            assert!(network.members[replica].data.len() <= 1, "{:?}", network.members[replica].data);
        }
    }
}

fn is_vote(action: &Action) -> bool {
    matches!(action, Action::Send(_, packet) if packet.body == Body::AuthAck)
}

fn votes(network: &Network, member: usize) -> usize {
    network.members[member].cluster.failover.election.as_ref().map_or(0, |election| election.votes())
}

/// What `candidate` would ask, in the epoch after the greatest.
fn request_of(network: &Network, candidate: usize, change: impl Fn(&mut Packet)) -> Packet {
    let mut packet = network.members[candidate].cluster.packet(Body::AuthRequest);
    packet.header.current_epoch += 1;
    change(&mut packet);
    packet
}

fn vote_of(network: &Network, voter: usize, candidate: usize) -> Packet {
    let mut packet = network.members[voter].cluster.packet(Body::AuthAck);
    packet.header.current_epoch = network.members[candidate].cluster.epochs.current;
    packet
}

/// Hands a request to a voter, and returns what it wants done.
fn ask(network: &mut Network, voter: usize, candidate: usize, request: Packet) -> Vec<Action> {
    let (id, ip, now) = (network.id(candidate), network.members[candidate].ip.clone(), network.now);
    let cluster = &mut network.members[voter].cluster;
    let inbound = cluster.nodes[cluster.nodes.find(id).unwrap()].inbound_link.expect("they are connected").id;
    cluster.received(inbound, request, &ip, now)
}

//! From silence to failure, and back.

use super::{line, patient, quick};
use crate::cluster::options::Options;
use crate::cluster::stats::MessageKind;
use crate::cluster::testing::{Machine, Network};
use crate::contract::topology::{DownReason, NodeFlags};

fn has(network: &Network, member: usize, other: usize, flag: NodeFlags) -> bool {
    network.view(member, other).unwrap().flags.any(flag)
}

fn all_say(network: &Network, of: usize, flag: NodeFlags) -> bool {
    let others = (0..network.members.len()).filter(|member| *member != of && network.is_up(*member));
    others.into_iter().all(|member| has(network, member, of, flag))
}

#[test]
fn a_silent_node_is_suspected_then_failed_by_a_majority() {
    let mut network = Network::cluster(3, 1, patient());
    network.set(0, Machine::Deaf);
    let down = NodeFlags::PFAIL.with(NodeFlags::FAIL);
    let suspected = network.run_until(5000, |network| has(network, 1, 0, down));
    assert!((1000..4000).contains(&suspected), "{suspected} ms");
    let failed = network.run_until(3000, |network| all_say(network, 0, NodeFlags::FAIL));
    assert!(failed < 2000, "{failed} ms");
    assert!(line(&mut network, 4, 0).contains(" master,fail - "));
    assert!(
        network
            .says(1, "CLUSTER INFO")
            .contains("cluster_slots_ok:10923|cluster_slots_pfail:0|cluster_slots_fail:5461|")
    );
    assert!(network.says(1, "CLUSTER SHARDS").contains("|health|$4|fail|"));
    assert_eq!(network.members[1].topology.as_ref().unwrap().down, Some(DownReason::SlotsUncovered));
    network.run(6000);
    assert_eq!(network.members[0].topology.as_ref().unwrap().down, Some(DownReason::Minority), "cut off, it knows");
}

#[test]
fn the_dead_are_suspected_by_timeout_too() {
    let mut network = Network::cluster(3, 0, patient());
    network.set(0, Machine::Dead);
    let took = network.run_until(6000, |network| all_say(network, 0, NodeFlags::FAIL));
    assert!((2000..4500).contains(&took), "{took} ms");
}

#[test]
fn who_refuses_connections_has_failed_within_half_a_second() {
    for seed in 0..3 {
        let mut network = Network::cluster(3, 1, Options { node_timeout_ms: 15_000, ..Options::default() });
        network.run(37 * seed);
        network.set(0, Machine::Dead);
        let took = network.run_until(600, |network| all_say(network, 0, NodeFlags::FAIL));
        assert!((200..500).contains(&took), "{took} ms");
    }
}

#[test]
fn a_lost_machine_is_found_out_by_all_soon_after_the_node_timeout_and_finds_itself_out() {
    for lost in 0..3 {
        let mut network = Network::cluster(12, 1, Options { node_timeout_ms: 15_000, ..Options::default() });
        network.run(2500 * lost as u64);
        network.set(lost, Machine::Deaf);
        let took = network.run_until(19_500, |network| all_say(network, lost, NodeFlags::FAIL));
        assert!(took > 15_000, "{took} ms");
        network.run(19_500 - took);
        assert_eq!(network.members[lost].topology.as_ref().unwrap().down, Some(DownReason::Minority));
    }
}

#[test]
fn an_interruption_that_ends_before_the_node_timeout_is_no_failure() {
    // A link is made anew after half a node timeout. Where that attempt is lost too, another one has to come in time.
    for interruption in (2500..=4000).step_by(250) {
        let mut network = Network::cluster(5, 0, Options { node_timeout_ms: 5000, ..Options::default() });
        network.run(interruption);
        network.set(0, Machine::Deaf);
        network.run(interruption);
        network.set(0, Machine::Up);
        for _ in 0..50 {
            network.run(100);
            let down = NodeFlags::PFAIL.with(NodeFlags::FAIL);
            assert!((1..5).all(|member| !has(&network, member, 0, down)), "{interruption} ms");
        }
    }
}

#[test]
fn who_does_not_answer_one_node_is_asked_by_the_others_and_fails_no_sooner_for_it() {
    let mut network = Network::cluster(5, 0, Options { node_timeout_ms: 15_000, ..Options::default() });
    network.set(0, Machine::Stopped);
    let asked = |network: &Network| (1..5).all(|member| network.view(member, 0).unwrap().ping_sent.is_some());
    network.run_until(4000, asked);
    network.run(8000);
    network.set(0, Machine::Up);
    network.run(20_000);
    assert!((1..5).all(|member| !has(&network, member, 0, NodeFlags::PFAIL.with(NodeFlags::FAIL))));
}

#[test]
fn a_suspicion_is_told_to_a_few_who_tell_all() {
    let mut network = Network::cluster(12, 1, Options { node_timeout_ms: 15_000, ..Options::default() });
    let pongs = |network: &Network| -> u64 {
        let sent = network.members.iter().map(|member| member.cluster.stats.sent);
        sent.flat_map(|sent| sent.by_kind().collect::<Vec<_>>())
            .filter(|(kind, _)| *kind == MessageKind::Pong)
            .map(|(_, count)| count)
            .sum()
    };
    let before = pongs(&network);
    network.set(0, Machine::Dead);
    network.run_until(600, |network| all_say(network, 0, NodeFlags::FAIL));
    let told = pongs(&network) - before;
    assert!((6..80).contains(&told), "{told}: eleven voters told each other");
}

#[test]
fn of_several_failures_at_once_each_is_told_to_all_by_a_few() {
    let mut network = Network::cluster(16, 1, Options { node_timeout_ms: 15_000, ..Options::default() });
    let told = |network: &Network| -> u64 {
        let sent = network.members.iter().flat_map(|member| member.cluster.stats.sent.by_kind().collect::<Vec<_>>());
        sent.filter(|(kind, _)| *kind == MessageKind::Fail).map(|(_, count)| count).sum()
    };
    let before = told(&network);
    (0..6).for_each(|member| network.set(member, Machine::Dead));
    network.run_until(600, |network| (0..6).all(|member| all_say(network, member, NodeFlags::FAIL)));
    let (broadcasts, links) = ((told(&network) - before) as f64, 25.0);
    // Four counters and a replica for each of six; were all ten to count them all, it would be sixty.
    assert!((6.0..40.0).contains(&(broadcasts / links)), "{}", broadcasts / links);
}

#[test]
fn a_quick_restart_is_no_failure() {
    let mut network = Network::cluster(3, 1, quick());
    network.set(0, Machine::Dead);
    network.run(150);
    network.set(0, Machine::Up);
    network.run(50);
    assert!((1..6).all(|member| !has(&network, member, 0, NodeFlags::PFAIL.with(NodeFlags::FAIL))));
}

#[test]
fn one_nodes_refused_connections_fail_nobody() {
    let mut network = Network::cluster(3, 0, quick());
    network.bar(1, 0);
    network.run_until(1000, |network| has(network, 1, 0, NodeFlags::PFAIL));
    network.run(1500);
    assert!(!has(&network, 1, 0, NodeFlags::FAIL) && !has(&network, 2, 0, NodeFlags::PFAIL));
    let id = network.id(0);
    assert_eq!(network.says(2, &format!("CLUSTER COUNT-FAILURE-REPORTS {id}")), ":1|");
    network.unbar();
    network.run_until(1000, |network| !has(network, 1, 0, NodeFlags::PFAIL));
    network.run(3000);
    assert_eq!(network.says(2, &format!("CLUSTER COUNT-FAILURE-REPORTS {id}")), ":0|");
}

#[test]
fn a_minority_fails_nobody() {
    let mut network = Network::cluster(3, 0, quick());
    network.set(0, Machine::Deaf);
    network.set(1, Machine::Deaf);
    network.run(10_000);
    assert!(has(&network, 2, 0, NodeFlags::PFAIL) && !has(&network, 2, 0, NodeFlags::FAIL));
    assert_eq!(network.members[2].topology.as_ref().unwrap().down, Some(DownReason::Minority));
}

#[test]
fn a_primary_without_slots_has_no_say() {
    let mut network = Network::cluster(3, 0, quick());
    (0..4).for_each(|_| network.add());
    (3..7).for_each(|member| network.meet(0, member));
    network.run(3000);
    network.set(0, Machine::Deaf);
    network.set(1, Machine::Deaf);
    network.run(10_000);
    assert!((2..7).all(|member| !has(&network, member, 0, NodeFlags::FAIL)));
}

#[test]
fn a_failed_replica_is_back_with_its_first_pong() {
    let mut network = Network::cluster(3, 1, quick());
    network.set(3, Machine::Dead);
    network.run_until(1000, |network| all_say(network, 3, NodeFlags::FAIL));
    assert!(network.members[1].topology.as_ref().unwrap().cluster_ok(), "replicas cover nothing");
    network.set(3, Machine::Up);
    let took = network.run_until(2000, |network| (0..3).all(|member| !has(network, member, 3, NodeFlags::FAIL)));
    assert!(took < 700, "{took} ms");
}

#[test]
fn a_failed_primary_that_nobody_replaced_is_back_after_two_timeouts() {
    let mut network = Network::cluster(3, 0, quick());
    network.set(0, Machine::Dead);
    network.run_until(1000, |network| all_say(network, 0, NodeFlags::FAIL));
    network.set(0, Machine::Up);
    network.run(3500);
    assert!(all_say(&network, 0, NodeFlags::FAIL));
    network.run(3000);
    assert!(!has(&network, 1, 0, NodeFlags::FAIL) && !has(&network, 2, 0, NodeFlags::FAIL));
    network.run(3000);
    assert!((0..3).all(|member| network.members[member].topology.as_ref().unwrap().cluster_ok()));
}

#[test]
fn failures_survive_a_restart_of_those_who_saw_them() {
    let mut network = Network::cluster(3, 0, quick());
    network.set(0, Machine::Dead);
    network.run_until(1000, |network| all_say(network, 0, NodeFlags::FAIL));
    network.run(100);
    network.set(1, Machine::Dead);
    network.set(1, Machine::Up);
    assert!(has(&network, 1, 0, NodeFlags::FAIL));
}

#[test]
fn a_process_that_was_stopped_blames_nobody_else() {
    let mut network = Network::cluster(3, 0, quick());
    network.set(2, Machine::Stopped);
    network.run(10_000);
    assert!(all_say(&network, 2, NodeFlags::FAIL));
    network.set(2, Machine::Up);
    for _ in 0..30 {
        network.run(100);
        assert!(!has(&network, 2, 0, NodeFlags::PFAIL.with(NodeFlags::FAIL)));
    }
}

#[test]
fn one_node_of_many_that_is_gone_is_noticed_by_all() {
    let mut network = Network::cluster(11, 0, patient());
    network.set(3, Machine::Deaf);
    let took = network.run_until(8000, |network| all_say(network, 3, NodeFlags::FAIL));
    assert!(took < 6000, "{took} ms");
}

#[test]
fn a_link_over_which_no_answer_comes_is_made_again_though_the_node_is_heard() {
    let mut network = Network::cluster(3, 0, patient());
    let timeout = patient().node_timeout_ms;
    let link = |network: &Network| network.view(0, 1).unwrap().link.unwrap().id;
    let before = link(&network);
    network.members[1].cluster.drop_kind(Some(MessageKind::Ping));
    network.run(timeout);
    network.members[1].cluster.drop_kind(None);
    assert!(network.view(0, 1).unwrap().ping_sent.is_some() && !network.view(0, 1).unwrap().is_suspected());
    network.run(2 * timeout);
    assert_ne!(link(&network), before);
    let unanswered = network.view(0, 1).unwrap().ping_sent;
    assert!(unanswered.is_none_or(|ping| network.now.since(ping) < timeout));
}

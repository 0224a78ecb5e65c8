//! What becomes of slots on their way when either end of the way fails. Slot 0 goes from member 0 to member 1, whose
//! replicas are 3 and 4.

use crate::cluster::failover::tests::{all_agree, is_primary, owner_of_slot_0, three_shards};
use crate::cluster::options::Options;
use crate::cluster::testing::{Machine, Network};

fn on_its_way() -> Network {
    let mut network = three_shards(Options::default());
    let (source, target) = (network.id(0), network.id(1));
    ok(&mut network, 1, &format!("CLUSTER SETSLOT 0 IMPORTING {source}"));
    ok(&mut network, 0, &format!("CLUSTER SETSLOT 0 MIGRATING {target}"));
    network.run(2);
    network
}

fn ok(network: &mut Network, member: usize, line: &str) {
    assert_eq!(network.says(member, line), "+OK|", "{line}");
}

/// Which slots are open for a member, as CLUSTER NODES tells.
fn open(network: &mut Network, member: usize) -> String {
    let nodes = network.says(member, "CLUSTER NODES");
    nodes.split_once('[').map_or(String::new(), |(_, rest)| rest[..rest.find(']').unwrap()].to_owned())
}

fn kill(network: &mut Network, member: usize, heir: usize) {
    network.set(member, Machine::Dead);
    network.run_until(1000, |network| is_primary(network, heir));
    network.run(100);
}

#[test]
fn the_successor_of_a_source_goes_on_sending() {
    let mut network = on_its_way();
    kill(&mut network, 0, 3);
    assert!(all_agree(&network, 3), "the target too");
    assert_eq!(open(&mut network, 3), format!("0->-{}", network.id(1)));
    assert_eq!(open(&mut network, 1), format!("0-<-{}", network.id(3)));
    network.set(0, Machine::Up);
    network.run_until(6000, |network| !is_primary(network, 0) && all_agree(network, 3));
    assert_eq!(open(&mut network, 0), "");
    assert_eq!(open(&mut network, 1), format!("0-<-{}", network.id(3)));
    network.run(6000);
    assert!((0..6).all(|member| network.says(member, "CLUSTER INFO").contains("cluster_state:ok|")));
}

#[test]
fn the_successor_of_a_target_goes_on_importing() {
    let mut network = on_its_way();
    kill(&mut network, 1, 4);
    assert!(all_agree(&network, 0));
    assert_eq!(open(&mut network, 0), format!("0->-{}", network.id(4)));
    assert_eq!(open(&mut network, 4), format!("0-<-{}", network.id(0)));
}

#[test]
fn both_ends_may_fail() {
    let mut network = on_its_way();
    kill(&mut network, 0, 3);
    network.set(0, Machine::Up);
    network.run(6000);
    kill(&mut network, 1, 4);
    assert_eq!(open(&mut network, 3), format!("0->-{}", network.id(4)));
    assert_eq!(open(&mut network, 4), format!("0-<-{}", network.id(3)));
    let target = network.id(4);
    for member in [4, 3] {
        ok(&mut network, member, &format!("CLUSTER SETSLOT 0 NODE {target}"));
    }
    network.run(100);
    assert!(all_agree(&network, 4));
    assert!((0..6).filter(|member| *member != 1).all(|member| open(&mut network, member).is_empty()));
}

#[test]
fn who_takes_over_by_hand_inherits_as_well() {
    for how in ["FORCE", "TAKEOVER"] {
        let mut network = on_its_way();
        ok(&mut network, 3, &format!("CLUSTER FAILOVER {how}"));
        network.run_until(1000, |network| !is_primary(network, 0) && all_agree(network, 3));
        let seen = [3, 1, 0].map(|member| open(&mut network, member));
        let expected = [format!("0->-{}", network.id(1)), format!("0-<-{}", network.id(3)), String::new()];
        assert_eq!(seen, expected, "{how}");
    }
}

#[test]
fn what_has_arrived_or_was_given_up_is_not_opened_again() {
    let mut network = on_its_way();
    let target = network.id(1);
    ok(&mut network, 1, &format!("CLUSTER SETSLOT 0 NODE {target}"));
    network.run(2);
    kill(&mut network, 0, 3);
    assert_eq!(open(&mut network, 3), "", "the source has not heard that all is done, but its successor");
    assert!(all_agree(&network, 1));

    let mut network = on_its_way();
    (0..2).for_each(|member| ok(&mut network, member, "CLUSTER SETSLOT 0 STABLE"));
    network.run(2);
    kill(&mut network, 0, 3);
    assert_eq!([open(&mut network, 3), open(&mut network, 1)], ["", ""]);
}

#[test]
fn a_replica_that_was_cut_off_is_told_when_it_is_back() {
    let mut network = three_shards(Options::default());
    network.bar(0, 3);
    let target = network.id(1);
    ok(&mut network, 0, &format!("CLUSTER SETSLOT 0 MIGRATING {target}"));
    network.run(1000);
    network.unbar();
    network.run(1500);
    kill(&mut network, 0, 3);
    assert_eq!(open(&mut network, 3), format!("0->-{target}"));
}

#[test]
fn a_new_replica_is_told_and_forgets_what_its_former_primary_had() {
    let mut network = on_its_way();
    let (other, target) = (network.id(2), network.id(1));
    ok(&mut network, 3, &format!("CLUSTER REPLICATE {other}"));
    ok(&mut network, 2, &format!("CLUSTER SETSLOT 16000 MIGRATING {target}"));
    network.run(2000);
    ok(&mut network, 3, "CLUSTER FAILOVER TAKEOVER");
    assert_eq!(open(&mut network, 3), format!("16000->-{target}"));
    assert_eq!(owner_of_slot_0(&network, 3), Some(0));
}

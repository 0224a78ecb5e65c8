//! Whose the slots are.

use super::{line, quick};
use crate::cluster::options::Options;
use crate::cluster::stats::MessageKind;
use crate::cluster::testing::{Machine, Network};
use crate::cluster::{Action, Cluster};
use crate::slot::Slot;

fn slot(number: u16) -> Slot {
    Slot::new(number).unwrap()
}

/// Has `cluster` take all of `from`'s slots under a new epoch, as a failover does.
fn take_over(network: &mut Network, member: usize, from: usize) {
    let id = network.id(from);
    let now = network.now;
    let cluster: &mut Cluster = &mut network.members[member].cluster;
    let old = cluster.nodes.find(id).unwrap();
    let owned: Vec<Slot> = Slot::all().filter(|slot| cluster.slots.owner(*slot) == Some(old)).collect();
    cluster.become_primary();
    owned.into_iter().for_each(|slot| cluster.assign(slot, cluster.me));
    cluster.epochs.bump_without_consensus(&mut cluster.nodes, cluster.me);
    cluster.config_changed();
    cluster.announce_change();
    let actions = cluster.settle(now);
    network.act(member, actions);
}

fn owner(network: &Network, member: usize, number: u16) -> Option<String> {
    let topology = network.members[member].topology.as_ref().unwrap();
    topology.owner(slot(number)).map(|node| node.id.to_string())
}

fn dropped(network: &Network, member: usize) -> Vec<u16> {
    let data = network.members[member].data.iter();
    data.filter_map(|action| if let Action::DropSlots(slots) = action { Some(slots) } else { None })
        .flatten()
        .map(|slot| slot.number())
        .collect()
}

#[test]
fn primaries_of_one_epoch_end_with_different_ones() {
    let mut network = Network::of(5, quick());
    (0..5).for_each(|member| {
        network.says(member, &format!("CLUSTER ADDSLOTS {member}"));
    });
    (1..5).for_each(|other| network.meet(0, other));
    network.run(20_000);
    let mut epochs: Vec<u64> = (0..5).map(|member| network.view(member, member).unwrap().config_epoch).collect();
    epochs.sort();
    epochs.dedup();
    assert_eq!(epochs.len(), 5);
    let most = (0..5).map(|member| network.id(member)).max().unwrap();
    let greatest = (0..5).find(|member| network.id(*member) == most).unwrap();
    assert_eq!(network.view(greatest, greatest).unwrap().config_epoch, 0, "the greatest name never moves");
}

#[test]
fn a_claim_of_a_greater_epoch_is_believed_at_once() {
    let mut network = Network::cluster(3, 1, quick());
    take_over(&mut network, 3, 0);
    network.run(10);
    let winner = network.id(3).to_string();
    assert!((0..6).all(|member| owner(&network, member, 5) == Some(winner.clone())));
    assert!(line(&mut network, 0, 0).contains(&format!(" myself,slave {winner} ")));
    assert!(matches!(&network.members[0].data[..], [Action::Replicate { ip, .. }] if ip == "10.0.0.4"));
    network.run(3000);
    assert!(line(&mut network, 5, 0).contains(&format!(" slave {winner} ")));
    assert!(network.members[0].topology.as_ref().unwrap().cluster_ok());
    assert!((0..6).all(|member| dropped(&network, member).is_empty()), "its keys come with the replication");
}

#[test]
fn replicas_follow_the_winner_of_their_primarys_slots() {
    let mut network = Network::cluster(2, 2, quick());
    take_over(&mut network, 2, 0);
    network.run(10);
    let winner = network.id(2).to_string();
    assert!(line(&mut network, 4, 4).contains(&format!(" myself,slave {winner} ")));
}

#[test]
fn a_primary_that_keeps_some_slots_drops_the_keys_of_those_it_lost() {
    let mut network = Network::cluster(2, 0, quick());
    let cluster = &mut network.members[1].cluster;
    cluster.assign(slot(7), cluster.me);
    cluster.epochs.bump_without_consensus(&mut cluster.nodes, cluster.me);
    network.run(3000);
    assert_eq!(owner(&network, 0, 7), Some(network.id(1).to_string()));
    assert_eq!(dropped(&network, 0), [7]);
    let actions = &network.members[0].data;
    assert!(!actions.iter().any(|action| matches!(action, Action::Replicate { .. })));
}

#[test]
fn a_claim_of_a_smaller_epoch_is_answered_with_the_newer_one() {
    let mut network = Network::cluster(3, 1, quick());
    network.set(0, Machine::Dead);
    network.run(10);
    take_over(&mut network, 3, 0);
    network.run(1000);
    // The winner is away when the old primary returns: the others have to tell it.
    network.set(3, Machine::Deaf);
    network.set(0, Machine::Up);
    network.run(1000);
    let winner = network.id(3).to_string();
    assert!(line(&mut network, 0, 0).contains(&format!(" myself,slave {winner} ")));
    assert_eq!(owner(&network, 1, 5), Some(winner));
    assert!(network.says(0, "CLUSTER INFO").contains("cluster_stats_messages_update_received:"));
}

#[test]
fn a_primary_without_the_slots_it_left_stays_alone_if_replicas_do_not_migrate() {
    let mut network = Network::cluster(2, 0, Options { allow_replica_migration: false, ..quick() });
    let cluster = &mut network.members[1].cluster;
    let all: Vec<Slot> = Slot::all().collect();
    all.into_iter().for_each(|slot| cluster.assign(slot, cluster.me));
    cluster.epochs.bump_without_consensus(&mut cluster.nodes, cluster.me);
    network.run(3000);
    assert!(line(&mut network, 0, 0).contains(" myself,master - "));
    assert_eq!(dropped(&network, 0).len(), 8192);
}

#[test]
fn a_slot_on_its_way_here_is_left_to_the_administrator() {
    let mut network = Network::cluster(3, 0, quick());
    let source = network.id(1);
    network.says(0, &format!("CLUSTER SETSLOT 6000 IMPORTING {source}"));
    let cluster = &mut network.members[2].cluster;
    cluster.assign(slot(6000), cluster.me);
    cluster.epochs.bump_without_consensus(&mut cluster.nodes, cluster.me);
    network.run(5000);
    assert_eq!(owner(&network, 1, 6000), Some(network.id(2).to_string()));
    assert_eq!(owner(&network, 0, 6000), Some(source.to_string()));
}

#[test]
fn a_reshard_spreads_at_once() {
    let mut network = Network::cluster(3, 0, quick());
    let (source, target) = (network.id(0), network.id(1));
    network.says(1, &format!("CLUSTER SETSLOT 3 IMPORTING {source}"));
    network.says(0, &format!("CLUSTER SETSLOT 3 MIGRATING {target}"));
    assert_eq!(network.says(1, &format!("CLUSTER SETSLOT 3 NODE {target}")), "+OK|");
    network.run(10);
    assert!((0..3).all(|member| owner(&network, member, 3) == Some(target.to_string())));
    assert!(!line(&mut network, 0, 0).contains('['), "what is gone is no longer on its way");
}

#[test]
fn a_slot_its_owner_disclaims_stays_until_another_claims_it() {
    let mut network = Network::cluster(3, 0, quick());
    network.says(0, "CLUSTER DELSLOTS 3");
    network.run(3000);
    assert_eq!(owner(&network, 1, 3), Some(network.id(0).to_string()));
    // Under whatever epoch.
    network.says(0, "CLUSTER BUMPEPOCH");
    network.run(3000);
    let cluster = &mut network.members[2].cluster;
    cluster.assign(slot(3), cluster.me);
    cluster.config_changed();
    network.run(3000);
    assert!((0..3).all(|member| owner(&network, member, 3) == Some(network.id(2).to_string())));
}

#[test]
fn epochs_spread_and_are_saved() {
    let mut network = Network::cluster(3, 0, quick());
    network.says(0, "CLUSTER BUMPEPOCH");
    network.run(3000);
    let info = network.says(0, "CLUSTER INFO");
    let epoch = info.split("cluster_current_epoch:").nth(1).unwrap().split('|').next().unwrap().to_string();
    for member in 1..3 {
        assert!(network.says(member, "CLUSTER INFO").contains(&format!("cluster_current_epoch:{epoch}|")));
        assert!(network.members[member].saved.contains(&format!("vars currentEpoch {epoch} ")));
    }
}

#[test]
fn a_primary_that_gives_its_slots_away_and_replicates_one_of_an_older_epoch_is_believed_at_its_first_word() {
    let mut network = Network::cluster(3, 0, quick());
    let top = network.id(0);
    network.says(2, "CLUSTER FLUSHSLOTS");
    assert_eq!(network.says(2, &format!("CLUSTER REPLICATE {top}")), "+OK|");
    network.members[2].cluster.announce_change();
    network.run(100 + 10);
    assert!(line(&mut network, 1, 2).contains(&format!(" slave {top} ")));
}

#[test]
fn it_is_believed_too_if_answers_were_lost() {
    let mut network = Network::cluster(3, 0, quick());
    let (top, id) = (network.id(0), network.id(2));
    let now = network.now;
    let asker = &mut network.members[1].cluster;
    asker.drop_kind(Some(MessageKind::Pong));
    let node = asker.nodes.find(id).unwrap();
    (0..3).for_each(|_| asker.ping(node, now));
    let actions = asker.settle(now);
    network.act(1, actions);
    network.run(10);
    network.members[1].cluster.drop_kind(None);
    network.says(2, "CLUSTER FLUSHSLOTS");
    assert_eq!(network.says(2, &format!("CLUSTER REPLICATE {top}")), "+OK|");
    network.run_until(4000, |network| {
        let nodes = &network.members[1].cluster.nodes;
        nodes[nodes.find(id).unwrap()].is_replica()
    });
}

#[test]
fn a_replica_of_a_replica_follows_the_primary_at_the_top() {
    let mut network = Network::cluster(2, 1, quick());
    let top = network.id(1);
    // Member 0 gives its slots away without a word to its replica.
    network.says(0, "CLUSTER FLUSHSLOTS");
    assert_eq!(network.says(0, &format!("CLUSTER REPLICATE {top}")), "+OK|");
    network.says(1, "CLUSTER DELSLOTS 16383");
    network.run(5000);
    assert!(line(&mut network, 2, 2).contains(&format!(" myself,slave {top} ")));
}

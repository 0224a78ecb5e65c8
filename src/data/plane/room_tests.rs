//! `maxmemory` on several cores, whose commands arrive anywhere.

use super::message::{Inquiry, Message, Peer};
use super::testing::{Connection, Node};
use crate::base::ids::CoreId;
use crate::contract::settings::{EvictionPolicy, Settings};
use crate::slot::Slot;
use std::sync::Arc;

const VALUE: usize = 2000;

fn node(cores: usize, room: u64, policy: EvictionPolicy) -> Node {
    let empty = Node::new(cores, 1, Settings::default());
    let maxmemory = used(&empty) + room;
    Node::new(cores, 1, Settings { maxmemory, maxmemory_policy: policy, ..Settings::default() })
}

/// Bytes that the stores of all cores take.
fn used(node: &Node) -> u64 {
    node.planes.iter().map(|plane| plane.stores.home().used_bytes() as u64).sum()
}

/// Keys that belong to core `core` of `cores`.
fn keys(core: u8, cores: usize) -> impl Iterator<Item = String> {
    let owners = crate::slot::owner::OwnerMap::even(cores);
    (0..).map(|n| format!("key:{n}")).filter(move |key| owners.of(Slot::of_key(key.as_bytes())) == CoreId(core))
}

fn set(node: &mut Node, client: Connection, key: &str) -> String {
    node.call(client, &format!("SET {key} {}", "v".repeat(VALUE)))
}

#[test]
fn one_core_may_fill_all_of_it_and_then_no_core_gets_more() {
    let mut node = node(3, 300_000, EvictionPolicy::NoEviction);
    let clients: Vec<Connection> = (0..3).map(|core| node.connect(core)).collect();
    let limit = node.planes[0].settings.maxmemory;
    let refused = keys(1, 3).take(500).position(|key| set(&mut node, clients[0], &key).starts_with("-OOM"));
    assert!(refused.is_some_and(|stored| stored > 100), "{refused:?}");
    assert!(used(&node) < limit + VALUE as u64);
    for (client, core) in clients.into_iter().zip([2, 0, 1]) {
        let key = keys(core, 3).nth(1000).expect("there are many");
        assert!(set(&mut node, client, &key).starts_with("-OOM"));
        assert_eq!(node.call(client, &format!("GET {key}")), "$-1\r\n");
    }
    node.assert_at_rest();
}

#[test]
fn a_core_with_nothing_to_evict_gets_room_from_one_that_has() {
    for policy in [EvictionPolicy::VolatileLru, EvictionPolicy::VolatileRandom, EvictionPolicy::VolatileTtl] {
        let mut node = node(2, 300_000, policy);
        let client = node.connect(0);
        let limit = node.planes[0].settings.maxmemory;
        for key in keys(1, 2).take(100) {
            node.call(client, &format!("SET {key} {} EX 1000", "v".repeat(VALUE)));
        }
        let refused = keys(0, 2).take(500).position(|key| set(&mut node, client, &key).starts_with("-OOM"));
        assert!(refused.is_some_and(|stored| stored > 100), "{policy:?} {refused:?}");
        assert_eq!(node.planes[1].stores.home().len(0), 0, "all that may be evicted was");
        assert!(used(&node) < limit + 2 * VALUE as u64);
        let lasting = keys(0, 2).nth(5).expect("there are many");
        assert!(node.call(client, &format!("GET {lasting}")).starts_with('$'));
        // Room that somebody makes is used again.
        node.call(client, &format!("DEL {lasting}"));
        assert_eq!(set(&mut node, client, &lasting), "+OK\r\n");
        node.assert_at_rest();
    }
}

#[test]
fn a_core_that_comes_late_gets_its_part_from_one_that_has_all() {
    let mut node = node(2, 400_000, EvictionPolicy::AllKeysLru);
    let client = node.connect(0);
    let limit = node.planes[0].settings.maxmemory;
    for key in keys(1, 2).take(400) {
        assert_eq!(set(&mut node, client, &key), "+OK\r\n");
    }
    for key in keys(0, 2).take(400) {
        assert_eq!(set(&mut node, client, &key), "+OK\r\n");
        node.pass(1);
        assert!(used(&node) < limit + 2 * VALUE as u64);
    }
    let lens: Vec<usize> = node.planes.iter().map(|plane| plane.stores.home().len(0)).collect();
    assert!(lens[0] + 20 > lens[1] && lens[0] + lens[1] > 150, "{lens:?}");
}

#[test]
fn a_large_client_is_evicted_for_the_sake_of_another_core() {
    let settings = Settings { maxmemory_clients: 300_000, ..Settings::default() };
    let mut node = Node::new(3, 1, settings);
    let clients: Vec<Connection> = (0..3).map(|core| node.connect(core)).collect();
    let begun = |bytes: usize| format!("*2\r\n${bytes}\r\n{}", "x".repeat(bytes - 1));
    node.send(clients[2], begun(200_000).as_bytes());
    node.pass(1);
    node.send(clients[0], begun(60_000).as_bytes());
    node.send(clients[1], begun(70_000).as_bytes());
    node.pass(1);
    node.settle();
    let left = |core: usize| node.planes[core].clients.get(clients[core].client).is_some();
    assert_eq!([0, 1, 2].map(left), [true, true, false]);
}

#[test]
fn a_new_limit_closes_no_more_clients_than_it_must_wherever_they_are() {
    let limit = 400_000;
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut node = Node::new(3, 1, Settings::default());
        for core in [0, 1, 2, 0, 1, 2] {
            let client = node.connect(core);
            node.send(client, format!("*2\r\n$100000\r\n{}", "x".repeat(99_999)).as_bytes());
        }
        node.settle();
        let settings = Arc::new(Settings { maxmemory_clients: limit, ..Settings::default() });
        for inquiry in [Inquiry::Adopt(Some(settings), None), Inquiry::EvictClients, Inquiry::EvictClients] {
            for core in order {
                node.bus_says(Peer(core), Message::Ask(0, inquiry.clone()));
            }
            node.settle();
        }
        let left: u64 = node.planes.iter().map(|plane| plane.weights.total).sum();
        assert!(left <= limit && left + 120_000 > limit, "{order:?}: {left}");
    }
}

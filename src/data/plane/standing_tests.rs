//! How clients meet a standing that not all cores go by yet.

use super::message::{Inquiry, Message, Peer};
use super::testing::Node;
use crate::contract::settings::Settings;
use crate::contract::standing::{Standing, Waits};
use std::sync::Arc;

fn tell(node: &mut Node, core: u16, standing: Standing) {
    node.bus_says(Peer(core), Message::Ask(0, Inquiry::Stand(Arc::new(standing))));
    node.settle();
}

#[test]
fn when_one_core_serves_after_loading_none_tells_that_it_loads() {
    let mut node = Node::new(2, 1, Settings::default());
    node.planes.iter_mut().for_each(|plane| plane.begin_loading(true));
    let (early, late) = (node.connect(0), node.connect(1));
    assert!(node.call(early, "PING").starts_with("-LOADING"));
    let opening = Standing { waits: Waits::Everybody, ..Standing::default() };
    tell(&mut node, 0, opening.clone());
    assert_eq!(node.call(early, "SET a 1"), "");
    tell(&mut node, 1, opening);
    assert_eq!(node.call(late, "PING"), "");
    tell(&mut node, 0, Standing::default());
    assert_eq!(node.take_replies(early), b"+OK\r\n");
    tell(&mut node, 1, Standing::default());
    assert_eq!(node.take_replies(late), b"+PONG\r\n");
    node.assert_at_rest();
}

#[test]
fn a_new_primary_has_no_core_write_what_another_would_not_log() {
    let mut node = Node::new(2, 1, Settings::default());
    let replica = Standing { replica: true, link_up: true, ..Standing::default() };
    let opening = Standing { log: true, waits: Waits::Writers, ..Standing::default() };
    let primary = Standing { waits: Waits::Nobody, ..opening.clone() };
    for core in 0..2 {
        tell(&mut node, core, replica.clone());
    }
    let clients = [node.connect(0), node.connect(1)];
    assert!(node.call(clients[0], "SET b 1").starts_with("-READONLY"));
    tell(&mut node, 0, opening.clone());
    // One key of each core: core 1 would execute one of the commands while it is a replica's.
    assert_eq!(node.call(clients[0], "GET a"), "$-1\r\n");
    assert_eq!(node.call(clients[0], "SET a 1") + &node.call(clients[0], "SET b 1"), "");
    tell(&mut node, 1, opening);
    assert_eq!(node.call(clients[1], "SET a 2"), "");
    tell(&mut node, 0, primary.clone());
    tell(&mut node, 1, primary);
    assert_eq!(node.take_replies(clients[0]), b"+OK\r\n+OK\r\n");
    assert_eq!(node.take_replies(clients[1]), b"+OK\r\n");
    let logged = |batches: &std::collections::VecDeque<Box<crate::contract::log::LogBatch>>| {
        batches.iter().filter(|batch| !batch.of_replica).flat_map(|batch| batch.parts.iter()).count()
    };
    assert!(node.logs.iter().all(|batches| logged(batches) > 0));
    node.assert_at_rest();
}

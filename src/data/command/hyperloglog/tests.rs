//! The hyperloglog commands against a recording of redis-server.

use super::HANDLERS;
use crate::data::command::recorded::replay;
use crate::data::command::testing::Bench;
use crate::data::command::{generic, list, string};

#[test]
fn commands_answer_announce_and_replicate_as_recorded_from_redis() {
    let mut bench = Bench::new(&[HANDLERS, generic::HANDLERS, list::HANDLERS, string::HANDLERS]);
    replay(&mut bench, include_str!("recorded.txt"));
}

//! The geo commands against a recording of redis-server.

use super::HANDLERS;
use crate::data::command::recorded::replay;
use crate::data::command::testing::Bench;
use crate::data::command::{generic, string, zset};

fn bench() -> Bench {
    Bench::new(&[HANDLERS, generic::HANDLERS, string::HANDLERS, zset::HANDLERS])
}

#[test]
fn commands_answer_announce_and_replicate_as_recorded_from_redis() {
    replay(&mut bench(), include_str!("recorded.txt"));
}

#[test]
fn large_sets_answer_as_recorded_from_redis() {
    let mut bench = bench();
    bench.settings.encodings.zset_entries = 0;
    replay(&mut bench, include_str!("recorded.txt"));
}

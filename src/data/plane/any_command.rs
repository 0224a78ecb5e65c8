//! Whatever is asked of a node, it answers and goes on: every command of the table with arguments of every kind.
//!
//! For the property test beside it and for the fuzz target `commands`.

use super::testing::{Connection, Node, encode_words};
use crate::contract::settings::Settings;
use crate::data::command::arbitrary::{self, Choices};
use crate::data::command::spec::{Spec, flag};

/// Time for whatever waits to have waited long enough.
const LONG_MS: u64 = 1 << 45;

/// Calls a few commands that `bytes` decide on, one after the other, of a fresh node.
///
/// # Panics
/// When the node does, or if it owes an answer or holds something after it.
pub fn answers(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let cores = 1 + choices.draw(3);
    let settings = Settings { enable_debug_command: 0, ..Settings::default() };
    let mut node = Node::new(cores, choices.draw(usize::from(u16::MAX)) as u64, settings);
    let client = node.connect(0);
    for line in arbitrary::FILL {
        let reply = node.call(client, line);
        assert!(!reply.starts_with('-'), "{line}: {reply}");
    }
    for _ in 0..1 + choices.draw(4) {
        let spec = arbitrary::command(|spec| node.has(spec), &mut choices);
        let words = arbitrary::call(spec, &mut choices);
        call(&mut node, choices.draw(cores), spec, &words);
        if spec.full_name() == "client|pause" && is_paused_for_good(&mut node) {
            return;
        }
    }
    let client = node.connect(0);
    assert_eq!(node.call(client, "PING"), "+PONG\r\n");
    node.disconnect(client);
}

/// After `CLIENT PAUSE` of everything for longer than this test lasts: as in Redis, not even `CLIENT UNPAUSE` is heard then.
fn is_paused_for_good(node: &mut Node) -> bool {
    let client = node.connect(0);
    let paused = node.call(client, "PING").is_empty();
    node.disconnect(client);
    paused
}

/// One call, by a client of its own.
fn call(node: &mut Node, core: usize, spec: &Spec, words: &[Vec<u8>]) {
    eprintln!("core {core}: {}", show(words)); // Seen if the test fails.
    let client = node.connect(core);
    send(node, client, words);
    if node.take_replies(client).is_empty() {
        // It waits, or writes are paused: for a while, or until a client says otherwise.
        node.pass(LONG_MS);
        node.settle();
        let other = node.connect(core);
        assert_eq!(node.call(other, "CLIENT UNPAUSE"), "+OK\r\n");
        node.disconnect(other);
        node.settle();
        let answered = !node.take_replies(client).is_empty();
        let may_be_silent = spec.is(flag::BLOCKING) || SILENT.contains(&spec.full_name());
        assert!(answered || may_be_silent, "no reply to {}", show(words));
    }
    node.disconnect(client);
    node.settle();
    node.pass(LONG_MS);
    node.settle();
    node.assert_at_rest();
}

/// Commands after which a client need not hear anything.
const SILENT: &[&str] = &["client|reply", "client|kill", "wait", "psync", "sync", "replconf", "shutdown", "quit"];

fn send(node: &mut Node, client: Connection, words: &[Vec<u8>]) {
    node.send(client, &encode_words(words));
    node.settle();
}

fn show(words: &[Vec<u8>]) -> String {
    words.iter().map(|word| format!("{:?} ", String::from_utf8_lossy(word))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

        #[test]
        fn every_command_answers_whatever_it_is_given(bytes in prop::collection::vec(any::<u8>(), 20..400)) {
            answers(&bytes);
        }
    }

    #[test]
    fn every_command_as_documented_answers() {
        for (number, spec) in crate::data::command::spec::all().iter().enumerate() {
            let mut node = Node::new(2, number as u64, Settings::default());
            let words = arbitrary::call(spec, &mut Choices::new(&[]));
            if node.has(spec) {
                call(&mut node, 0, spec, &words);
            }
        }
    }
}

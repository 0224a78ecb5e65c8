//! Replays what redis-server answered, announced and replicated, and asks the same of our handlers.
//!
//! Recordings are made by `scripts/record-replies.py`, which also explains their form.

use super::testing::{Bench, run, words};
use crate::resp::Proto;

/// Runs every command of `recording` and compares reply, keyspace events and replicated commands.
pub fn replay(bench: &mut Bench, recording: &str) {
    let mut differences = Vec::new();
    let commands = recording.split("\n> ").skip(1);
    for (line, recorded) in commands.map(|block| block.split_once('\n').unwrap()) {
        if let Some(version) = line.strip_prefix("HELLO ") {
            bench.proto = if version == "3" { Proto::Resp3 } else { Proto::Resp2 };
            continue;
        }
        let (ours, redis) = (perform(bench, line), expected(recorded, bench.now));
        if ours != redis {
            differences.push(format!("> {line}\n  ours:  {ours:?}\n  redis: {redis:?}"));
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// What happened, in the recording's form.
fn perform(bench: &mut Bench, line: &str) -> Vec<String> {
    if let Some(index) = line.strip_prefix("SELECT ") {
        bench.db = index.parse().unwrap();
        return vec!["< +OK\\r\\n".to_string()];
    }
    let mut happened = vec![format!("< {}", escape(&run(bench, line)))];
    let effects = &bench.effects;
    happened
        .extend(effects.events.iter().map(|event| format!("! {} {} {}", event.db, event.event, escape(&event.key))));
    if effects.changed > 0 {
        let as_sent = words(line).join(&b' ');
        let rewritten = effects.rewritten.iter().map(|command| command.join(&b' '));
        let commands = if effects.rewritten.is_empty() { vec![as_sent] } else { rewritten.collect() };
        happened.extend(commands.iter().map(|command| format!("= {}", escape(command))));
    }
    happened
}

fn escape(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\'", "'").replace("\\\"", "\"")
}

fn expected(recorded: &str, now: u64) -> Vec<String> {
    let lines = recorded.lines().filter(|line| matches!(line.as_bytes(), [b'<' | b'!' | b'=', ..]));
    lines.map(|line| with_times(line, now)).collect()
}

/// `line` with each `now+...` replaced by the time it means.
fn with_times(line: &str, now: u64) -> String {
    let time = |word: &str| match word.strip_prefix("now+") {
        Some(offset) => (now + offset.parse::<u64>().unwrap()).to_string(),
        None => word.to_string(),
    };
    line.split(' ').map(time).collect::<Vec<_>>().join(" ")
}

//! The reader of redis.conf must take any file; of what it has read, CONFIG REWRITE must make a file that it reads again, and
//! that says the same. A byte from 0x80 on at the start of a line, and the next one, stand for the name of a directive.
//! Run with `cargo +nightly fuzz run config`.
#![no_main]

use coreslot::node::config::Config;
use coreslot::node::config::table;
use libfuzzer_sys::fuzz_target;

/// Directives with an effect on other files at once.
const OUTSIDE: &[&str] = &["include", "logfile", "dir", "loadmodule", "aclfile"];

fuzz_target!(|bytes: &[u8]| {
    let names: Vec<&str> = table::all().map(|row| row.name).collect();
    let mut text = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        match line {
            [high @ 0x80..=0xFF, low, rest @ ..] => {
                let number = usize::from(*high & 0x7F) << 8 | usize::from(*low);
                text.extend_from_slice(names[number % names.len()].as_bytes());
                text.push(b' ');
                text.extend_from_slice(rest);
            }
            line => text.extend_from_slice(line),
        }
        text.push(b'\n');
    }
    let lower = text.to_ascii_lowercase();
    if OUTSIDE.iter().any(|word| lower.windows(word.len()).any(|window| window == word.as_bytes())) {
        return;
    }
    let mut config = Config::default();
    if config.load_text(&text).is_err() {
        return;
    }
    let rewritten = without_dir(&config.rewritten(&text, false, Vec::new()));
    let mut again = Config::default();
    let read = again.load_text(&rewritten);
    assert!(read.is_ok(), "{read:?}: {}", String::from_utf8_lossy(&rewritten));
    assert_eq!(config.get(&[b"*"]), again.get(&[b"*"]), "{}", String::from_utf8_lossy(&rewritten));
});

fn without_dir(text: &[u8]) -> Vec<u8> {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| !line.starts_with(b"dir ")).flatten().copied().collect()
}

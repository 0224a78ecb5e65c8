//! The request parser must take any bytes, and give the same however they are cut.
//! Run with `cargo +nightly fuzz run parser`.
#![no_main]

use coreslot::resp::parse::{Args, Limits, ParseState, Parsed, ProtocolError, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, bool, &[u8])| {
    let (piece, authenticated, bytes) = input;
    let limits = Limits::new(1 << 20, authenticated);
    assert_eq!(commands(bytes, usize::from(piece) + 1, &limits), commands(bytes, bytes.len().max(1), &limits));
});

/// What a connection makes of `bytes` that come in pieces of `piece`.
fn commands(bytes: &[u8], piece: usize, limits: &Limits) -> (Vec<Vec<Vec<u8>>>, Option<ProtocolError>) {
    let (mut state, mut out, mut commands) = (ParseState::default(), Args::new(), Vec::new());
    let (mut start, mut end) = (0, 0);
    loop {
        out.clear();
        let input = &bytes[start..end];
        start += match parse(input, &mut state, limits, &mut out) {
            Parsed::Command { consumed } => {
                commands.push(out.iter().map(|span| span.of(input).to_vec()).collect());
                consumed
            }
            Parsed::Inline { consumed, args } => {
                commands.push(args);
                consumed
            }
            Parsed::Empty { consumed } => consumed,
            Parsed::Error(error) => return (commands, Some(error)),
            Parsed::Incomplete { .. } if end == bytes.len() => return (commands, None),
            Parsed::Incomplete { .. } => {
                end = bytes.len().min(end + piece);
                0
            }
        };
    }
}

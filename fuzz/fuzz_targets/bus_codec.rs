//! The decoder of bus packets must take any bytes, and what it makes of them must survive being written.
//! Run with `cargo +nightly fuzz run bus_codec`.
//!
//! Bytes that no packet begins with get no further than the signature. So the input is also laid over an empty packet,
//! but for its slots, of which any will do; and has the right length.
#![no_main]

use coreslot::cluster::wire::codec::{decode, encode, need};
use libfuzzer_sys::fuzz_target;

const SLOTS: std::ops::Range<usize> = 80..2128;
const BUS_PORT: usize = 2248;
const HEADER: usize = 2256;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(length) = need(bytes) {
        check(bytes.get(..length).unwrap_or(bytes));
    }
    check(&laid_over_a_packet(bytes));
});

fn check(frame: &[u8]) {
    let Ok(packet) = decode(frame) else { return };
    let mut written = Vec::new();
    encode(&packet, &mut written);
    assert_eq!(decode(&written), Ok(packet));
}

fn laid_over_a_packet(bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; HEADER];
    frame[..4].copy_from_slice(b"RCmb");
    frame[9] = 1; // The version.
    frame[40..SLOTS.start].fill(b'a');
    frame[BUS_PORT] = 1;
    let places = HEADER - SLOTS.len() - 8;
    let (over_header, body) = bytes.split_at(bytes.len().min(places));
    for (at, byte) in (8..SLOTS.start).chain(SLOTS.end..HEADER).zip(over_header) {
        frame[at] ^= byte;
    }
    frame.extend_from_slice(body);
    let length = frame.len() as u32;
    frame[4..8].copy_from_slice(&length.to_be_bytes());
    frame
}

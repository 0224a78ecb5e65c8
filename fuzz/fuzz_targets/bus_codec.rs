//! The decoder of bus packets must take any bytes, and what it makes of them must survive being written.
//! Run with `cargo +nightly fuzz run bus_codec`.
#![no_main]

use coreslot::cluster::wire::codec::{decode, encode, need};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(length) = need(bytes) else { return };
    let Ok(packet) = bytes.get(..length).map_or_else(|| decode(bytes), decode) else { return };
    let mut written = Vec::new();
    encode(&packet, &mut written);
    assert_eq!(decode(&written), Ok(packet));
});

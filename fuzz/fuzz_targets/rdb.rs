//! The reader of serialised data must take any bytes, and give the same however they are cut; so must RESTORE.
//! Run with `cargo +nightly fuzz run rdb`.
#![no_main]

use coreslot::contract::settings::EncodingLimits;
use coreslot::data::key::KeyHasher;
use coreslot::data::rdb::read::{Item, Reader};
use coreslot::data::rdb::{Error, dump};
use coreslot::data::types::Forms;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let stream = [b"REDIS0010", bytes].concat();
    assert_eq!(read(&stream, usize::from(piece) + 1), read(&stream, stream.len()));
    let limits = EncodingLimits::default();
    _ = dump::restore(bytes, Forms { limits: &limits, hasher: KeyHasher::new(1) });
});

/// What a reader makes of `bytes` that come in pieces of `piece`.
fn read(bytes: &[u8], piece: usize) -> (Vec<Item>, Option<Error>) {
    let mut reader = Reader::new(EncodingLimits::default(), KeyHasher::new(1), false);
    let mut items = Vec::new();
    for piece in bytes.chunks(piece) {
        reader.push(piece);
        loop {
            match reader.item() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(error) => return (items, Some(error)),
            }
        }
    }
    (items, None)
}

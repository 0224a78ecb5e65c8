//! Whatever RESTORE takes for a value, every command of its type can work with.
//! Run with `cargo +nightly fuzz run restore`.
#![no_main]

use coreslot::data::plane::any_payload;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| any_payload::restores(bytes));

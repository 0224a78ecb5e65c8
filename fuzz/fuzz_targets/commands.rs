//! Whatever a node is asked, it answers and goes on: every command of the table with arguments of every kind.
//! Run with `cargo +nightly fuzz run commands`.
#![no_main]

use coreslot::data::plane::any_command;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| any_command::answers(bytes));

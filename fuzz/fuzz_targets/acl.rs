//! The reader of users must take any file, and the line of a user it has read must make the same user again.
//! Run with `cargo +nightly fuzz run acl`.
#![no_main]

use coreslot::data::acl::Users;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let Ok(users) = Users::new(b"").read("f", file, false) else { return };
    for user in users.iter() {
        let line = user.line();
        // A rule may hold what ends a line, or a selector what quotes: no file has those.
        if line.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\') || *byte == b' ') {
            let again = Users::new(b"").read("f", &line, false).expect("what was told can be read");
            assert_eq!(again.get(&user.name).map(|user| user.line()), Some(line));
        }
    }
});

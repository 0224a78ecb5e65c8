//! What scripts can decode, they can be given by anybody: cjson, cmsgpack and struct must take any bytes, and any format.
//! Run with `cargo +nightly fuzz run scripts`.
#![no_main]

use coreslot::contract::settings::Settings;
use coreslot::data::plane::testing::{Connection, Node};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;

const SCRIPTS: &[&str] = &[
    "return cjson.encode(cjson.decode(ARGV[1]))",
    "local value = cjson.decode(ARGV[1]) return cjson.encode(cjson.decode(cjson.encode(value)))",
    "return cmsgpack.pack(cmsgpack.unpack(ARGV[1]))",
    "return {cmsgpack.unpack_one(ARGV[1], #ARGV[2])}",
    "return {cmsgpack.unpack_limit(ARGV[1], 3, #ARGV[2])}",
    "return {struct.unpack(ARGV[2], ARGV[1])}",
    "return struct.pack(ARGV[2], 1, -1, ARGV[1], 2.5, ARGV[1], 7)",
    "return struct.size(ARGV[1])",
    "return cmsgpack.unpack(cmsgpack.pack(cjson.decode(ARGV[1])))",
    "return string.format(ARGV[1], 1, 2, ARGV[2])",
];

thread_local! {
    static NODE: RefCell<(Node, Connection)> = {
        let mut node = Node::new(1, 1, Settings::default());
        let client = node.connect(0);
        RefCell::new((node, client))
    };
}

// The first byte chooses a script, the second tells the length of its second argument.
fuzz_target!(|input: (u8, u8, &[u8])| {
    let (script, length, bytes) = input;
    let (second, first) = bytes.split_at(bytes.len().min(usize::from(length % 16)));
    let script = SCRIPTS[usize::from(script) % SCRIPTS.len()].as_bytes();
    let words: [&[u8]; 5] = [b"EVAL", script, b"0", first, second];
    let mut request = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        request.extend_from_slice(word);
        request.extend_from_slice(b"\r\n");
    }
    NODE.with_borrow_mut(|(node, client)| {
        node.send(*client, &request);
        node.settle();
        assert!(!node.take_replies(*client).is_empty(), "no reply");
        assert_eq!(node.call(*client, "PING"), "+PONG\r\n");
    });
});

//! Whatever RESTORE takes for a value, every command of its type can work with.
//!
//! A payload with a right checksum may still hold anything: another program may have made it, or somebody who means harm. What
//! is restored of it is read and written by all that its type has, then dumped, and restored again. For the property test
//! beside it and for the fuzz target `restore`. (Redis's own such test is `integration/corrupt-dump-fuzzer`.)

use super::testing::{Connection, Node, encode_words};
use crate::contract::settings::Settings;
use crate::data::rdb::{VERSION, checksum::checksum};
use std::sync::LazyLock;

/// Bytes of the version and the checksum behind a payload.
const FOOTER: usize = 10;

/// Restores what `bytes` decide on: a real payload with some bytes changed, or from 0xE0 on any bytes.
///
/// # Panics
/// When the node does, if it owes an answer, or if what it restored does not come back out of its own dump.
pub fn restores(bytes: &[u8]) {
    let Some((&which, rest)) = bytes.split_first() else { return };
    let payload =
        if which < 0xE0 { changed(&PAYLOADS[usize::from(which) % PAYLOADS.len()], rest) } else { rest.to_vec() };
    let mut node = Node::new(1, 1, Settings { enable_debug_command: 0, ..Settings::default() });
    let client = node.connect(0);
    if restore(&mut node, client, "key", &payload).starts_with('+') {
        use_up(&mut node, client);
    }
    assert_eq!(node.call(client, "PING"), "+PONG\r\n");
    node.disconnect(client);
    node.assert_at_rest();
}

/// `payload` with changes that `bytes` tell: three each, a place and what is there then; 0xFF at a place that is behind the end: cut.
fn changed(payload: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut payload = payload.to_vec();
    for change in bytes.chunks_exact(3) {
        let place = usize::from(u16::from_be_bytes([change[0] & 0x7F, change[1]])) % payload.len().max(1);
        match (payload.get_mut(place), change[0] & 0x80) {
            (Some(byte), 0) => *byte = change[2],
            (Some(_), _) if change[2] & 1 == 0 => payload.truncate(place),
            (Some(_), _) => payload.insert(place, change[2]),
            (None, _) => {}
        }
    }
    payload
}

fn restore(node: &mut Node, client: Connection, key: &str, payload: &[u8]) -> String {
    let mut payload = payload.to_vec();
    payload.extend(VERSION.to_le_bytes());
    let sum = checksum(&payload);
    payload.extend(sum.to_le_bytes());
    call(node, client, &[b"RESTORE", key.as_bytes(), b"0", &payload, b"REPLACE"])
}

fn call(node: &mut Node, client: Connection, words: &[&[u8]]) -> String {
    node.send(client, &encode_words(words));
    node.settle();
    String::from_utf8_lossy(&node.take_replies(client)).into_owned()
}

/// What DUMP answers, without its footer.
fn dump(node: &mut Node, client: Connection, key: &str) -> Vec<u8> {
    node.send(client, format!("DUMP {key}\r\n").as_bytes());
    node.settle();
    let reply = node.take_replies(client);
    let head = reply.iter().position(|byte| *byte == b'\n').expect("a bulk string") + 1;
    reply[head..reply.len() - 2 - FOOTER].to_vec()
}

/// All that can be asked of the value of `key`; then changes of it, until it is gone.
fn use_up(node: &mut Node, client: Connection) {
    let ask = |node: &mut Node, line: &str| {
        let reply = node.call(client, line);
        assert!(!reply.is_empty(), "no reply to {line}");
        reply
    };
    let kind = ask(node, "TYPE key");
    let kind = kind.trim_start_matches('+').trim_end();
    let (_, reads, writes) = COMMANDS.iter().find(|(name, ..)| *name == kind).expect("each type is there");
    for line in ANY.iter().chain(*reads) {
        ask(node, line);
    }
    let (digest, dumped) = (ask(node, "DEBUG DIGEST-VALUE key"), dump(node, client, "key"));
    assert!(restore(node, client, "again", &dumped).starts_with('+'), "its own dump is refused");
    let ask = |node: &mut Node, line: &str| assert!(!node.call(client, line).is_empty(), "no reply to {line}");
    assert_eq!(node.call(client, "DEBUG DIGEST-VALUE again"), digest);
    for line in writes.iter().chain(reads.iter()) {
        ask(node, line);
    }
    for key in ["key", "again"] {
        ask(node, &format!("DEBUG RELOAD NOSAVE NOFLUSH {key}"));
        ask(node, &format!("UNLINK {key}"));
    }
    ask(node, "FLUSHALL");
}

const ANY: &[&str] = &[
    "OBJECT ENCODING key",
    "MEMORY USAGE key",
    "DEBUG OBJECT key",
    "COPY key other",
    "RENAME other another",
    "SORT key ALPHA LIMIT 0 3",
];

/// Types: what only reads them, and what changes them.
const COMMANDS: &[(&str, &[&str], &[&str])] = &[
    (
        "string",
        &["STRLEN key", "GETRANGE key -3 -1", "BITCOUNT key", "PFCOUNT key"],
        &["APPEND key a", "SETBIT key 9 1", "INCR key", "GETDEL key"],
    ),
    (
        "list",
        &[
            "LLEN key",
            "LRANGE key 0 -1",
            "LRANGE key -3 -2",
            "LINDEX key 1",
            "LINDEX key -1",
            "LPOS key a COUNT 0",
            "LPOS key 1 RANK -1",
        ],
        &[
            "LINSERT key BEFORE 1 x",
            "LPUSH key x",
            "RPUSH key y",
            "LSET key 1 other",
            "LSET key -1 7",
            "LREM key 1 a",
            "LREM key -2 1",
            "LTRIM key 1 -1",
            "LMOVE key key LEFT RIGHT",
            "RPOPLPUSH key key",
            "LPOP key 3",
            "RPOP key 2",
        ],
    ),
    (
        "set",
        &[
            "SCARD key",
            "SMEMBERS key",
            "SISMEMBER key 1",
            "SMISMEMBER key a 1",
            "SRANDMEMBER key -5",
            "SSCAN key 0",
            "SINTER key key",
            "SINTERCARD 1 key",
        ],
        &[
            "SADD key 1 a 70000",
            "SREM key 1 b",
            "SMOVE key moved a",
            "SUNIONSTORE sum key moved",
            "SDIFFSTORE rest key moved",
            "SPOP key",
            "SPOP key 3",
        ],
    ),
    (
        "zset",
        &[
            "ZCARD key",
            "ZRANGE key 0 -1 WITHSCORES",
            "ZREVRANGE key 0 -1",
            "ZRANGEBYSCORE key -inf +inf",
            "ZRANGEBYLEX key - +",
            "ZCOUNT key 1 2",
            "ZLEXCOUNT key [a [c",
            "ZRANK key a",
            "ZREVRANK key b",
            "ZSCORE key a",
            "ZMSCORE key a b",
            "ZSCAN key 0",
            "ZRANDMEMBER key -5 WITHSCORES",
            "GEOPOS key a",
            "GEODIST key a b",
            "ZINTER 1 key WITHSCORES",
        ],
        &[
            "ZADD key 1 x 2 a",
            "ZADD key INCR 1 a",
            "ZINCRBY key 2 b",
            "ZREM key x",
            "ZRANGESTORE part key 0 1",
            "ZUNIONSTORE sum 2 key part",
            "ZPOPMIN key",
            "ZPOPMAX key 2",
            "ZREMRANGEBYRANK key 0 0",
            "ZREMRANGEBYSCORE key 1 1",
            "ZREMRANGEBYLEX key [a [b",
        ],
    ),
    (
        "hash",
        &[
            "HLEN key",
            "HGETALL key",
            "HKEYS key",
            "HVALS key",
            "HGET key a",
            "HMGET key a b",
            "HEXISTS key a",
            "HSTRLEN key a",
            "HSCAN key 0",
            "HRANDFIELD key -5 WITHVALUES",
        ],
        &["HSET key a 1 x y", "HSETNX key b 1", "HINCRBY key a 1", "HINCRBYFLOAT key a 1.5", "HDEL key a b x"],
    ),
    (
        "stream",
        &[
            "XLEN key",
            "XRANGE key - +",
            "XREVRANGE key + - COUNT 2",
            "XINFO STREAM key FULL",
            "XINFO STREAM key",
            "XINFO GROUPS key",
            "XINFO CONSUMERS key group",
            "XREAD STREAMS key 0",
            "XPENDING key group",
            "XPENDING key group - + 10",
        ],
        &[
            "XREADGROUP GROUP group a COUNT 1 STREAMS key >",
            "XREADGROUP GROUP group a STREAMS key 0",
            "XADD key * a 1",
            "XDEL key 1-1",
            "XACK key group 1-1",
            "XCLAIM key group b 0 1-1 2-1",
            "XAUTOCLAIM key group c 0 0",
            "XGROUP CREATE key more 0",
            "XGROUP SETID key group 0",
            "XGROUP DELCONSUMER key group a",
            "XTRIM key MAXLEN 2",
            "XSETID key 5000000000000-1",
            "XADD key MAXLEN 1 * b 2",
            "XGROUP DESTROY key group",
        ],
    ),
];

/// What a payload of each type and form is made of.
const FILL: &[&str] = &[
    "SET key hello",
    "SET key 12345",
    "SET key aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "RPUSH key a 1 b 200 -5 70000 c",
    "SADD key 1 2 3",
    "SADD key 1 70000",
    "SADD key 1 5000000000",
    "SADD key a b 1",
    "HSET key a 1 b 2 c xyz",
    "ZADD key 1 a 2.5 b 3 c",
    "GEOADD key 13.36 38.11 a 15.08 37.5 b",
    "PFADD key a b c",
];

/// Payloads of every kind, without footers: made by a node, and by hand what only older ones made.
static PAYLOADS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut node = Node::new(1, 1, Settings::default());
    let client = node.connect(0);
    let mut payloads: Vec<Vec<u8>> = OLDER.iter().map(|payload| payload.to_vec()).collect();
    let long = "x".repeat(70);
    let elements = (0..300).map(|number| format!(" {number}")).collect::<String>();
    let pairs = (0..200).map(|number| format!(" {number} member{number}")).collect::<String>();
    let made = [
        format!("HSET key a {long}"),
        format!("ZADD key 1 {long} 2 a"),
        format!("SADD key a{elements}"),
        format!("RPUSH key{}", elements.repeat(9)),
        format!("HSET key{pairs}"),
        format!("ZADD key{pairs}"),
        format!("XADD key 1-1 a {long}"),
    ];
    let made = made.iter().map(|line| vec![line.as_str()]);
    let stream = vec![
        "XADD key 1-1 a 1 b 2",
        "XADD key 2-1 a 3 b 4",
        "XADD key 3-1 c 5",
        "XADD key 4-1 a 5 b 6",
        "XDEL key 4-1",
        "XGROUP CREATE key group 0",
        "XREADGROUP GROUP group a COUNT 2 STREAMS key >",
        "XREADGROUP GROUP group b COUNT 1 STREAMS key >",
        "XACK key group 1-1",
    ];
    for lines in FILL.iter().map(|line| vec![*line]).chain(made).chain([stream]) {
        for line in lines {
            let reply = node.call(client, line);
            assert!(!reply.starts_with('-'), "{line}: {reply}");
        }
        payloads.push(dump(&mut node, client, "key"));
        node.call(client, "DEL key");
    }
    node.disconnect(client);
    payloads
});

/// Counted elements, ziplists, a zipmap, and a quicklist of ziplists.
const OLDER: &[&[u8]] = &[
    b"\x01\x03\x01a\x011\x01b",
    b"\x02\x02\x01a\x01b",
    b"\x03\x02\x01a\x011\x01b\x032.0",
    b"\x04\x02\x01a\x011\x01b\x012",
    b"\x09\x0c\x02\x01a\x01\x001\x01b\x01\x002\xff",
    b"\x0a\x13\x13\0\0\0\x0f\0\0\0\x03\0\0\x01a\x03\xf2\x02\x01b\xff",
    b"\x0c\x15\x15\0\0\0\x12\0\0\0\x04\0\0\x01a\x03\xf2\x02\x01b\x03\xf3\xff",
    b"\x0d\x15\x15\0\0\0\x12\0\0\0\x04\0\0\x01a\x03\xf2\x02\x01b\x03\xf3\xff",
    b"\x0e\x01\x13\x13\0\0\0\x0f\0\0\0\x03\0\0\x01a\x03\xf2\x02\x01b\xff",
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_payload_as_it_is_can_be_used_up() {
        for (number, payload) in PAYLOADS.iter().enumerate() {
            let mut node = Node::new(1, 1, Settings { enable_debug_command: 0, ..Settings::default() });
            let client = node.connect(0);
            let reply = restore(&mut node, client, "key", payload);
            assert_eq!(reply, "+OK\r\n", "{number}: {payload:?}");
            use_up(&mut node, client);
        }
    }

    proptest! {
        #[test]
        fn a_changed_payload_is_refused_or_can_be_used_up(bytes in prop::collection::vec(any::<u8>(), 1..16)) {
            restores(&bytes);
        }
    }
}

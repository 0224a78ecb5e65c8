//! DEBUG, as far as it asks about a key.

use crate::contract::settings::Settings;
use crate::data::key::Key;
use crate::data::rdb::dump;
use crate::data::store::{Store, Value};
use crate::data::types::list::List;

/// `DEBUG OBJECT key`: one line of `name:value` words, in Redis's order; none if there is no such key. No address is
/// told, only that there is one.
pub fn object_line(store: &mut Store, db: usize, key: &Key<'_>, settings: &Settings, now: u64) -> Option<String> {
    // Whether or not it is past its deadline: with time 0 nothing is.
    let handle = store.peek(db, key, 0)?;
    let encoding = store.encoding(handle);
    let value = store.value(handle);
    let length = serialized_length(value, settings.rdb_compression);
    let details = match value {
        Value::List(list) => list_details(list, settings),
        _ => String::new(),
    };
    let idle = store.idle_seconds(handle, now);
    let clock = (now / 1000).saturating_sub(idle) & LRU_CLOCK_MAX;
    Some(format!(
        "Value at:0x0 refcount:1 encoding:{encoding} serializedlength:{length} lru:{clock} \
         lru_seconds_idle:{idle}{details}"
    ))
}

/// Redis keeps the time of the last access in 24 bits of seconds.
const LRU_CLOCK_MAX: u64 = (1 << 24) - 1;

/// The bytes a value takes in an RDB file.
fn serialized_length(value: Value<'_>, compressed: bool) -> usize {
    /// What is told of a value that is dumped beside it: kind, version and checksum.
    const AROUND: usize = 1 + 2 + 8;
    dump::dump(value, compressed).len() - AROUND
}

fn list_details(list: &List, settings: &Settings) -> String {
    let (nodes, fill) = (list.node_count(), settings.encodings.list_size);
    let each = list.len() as f64 / nodes as f64;
    let compressed = u8::from(settings.encodings.list_compress_depth > 0);
    let bytes: usize = list.nodes().map(|node| node.as_bytes().len()).sum();
    format!(
        " ql_nodes:{nodes} ql_avg_node:{each:.2} ql_listpack_max:{fill} ql_compressed:{compressed} \
         ql_uncompressed_size:{bytes}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_takes_what_redis_says_it_takes() {
        let length = |text: &[u8]| serialized_length(Value::Bytes(text), true);
        let lengths = ["", "1", "-128", "128", "32768", "2147483648", "hello"].map(|text| length(text.as_bytes()));
        assert_eq!(lengths, [1, 2, 2, 3, 5, 11, 6]);
        // Redis's own LZF comes to 203, and to 13 for the short text, which is not compressed here.
        assert_eq!((length(&[b'x'; 16_384]), length(&[b'x'; 64])), (199, 66));
    }
}

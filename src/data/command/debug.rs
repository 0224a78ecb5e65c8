//! DEBUG, as far as it asks about a key.

use crate::contract::settings::Settings;
use crate::data::key::Key;
use crate::data::rdb::dump;
use crate::data::store::{Store, Value};
use crate::data::types::hash::Hash;
use crate::data::types::list::List;
use crate::data::types::listpack::Listpack;
use crate::resp::Error;
use std::fmt::Write;

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
    let bytes: usize = list.nodes().map(|node| node.size()).sum();
    format!(
        " ql_nodes:{nodes} ql_avg_node:{each:.2} ql_listpack_max:{fill} ql_compressed:{compressed} \
         ql_uncompressed_size:{bytes}"
    )
}

/// `DEBUG LISTPACK key`: the parts of the value's listpack, as lines of text.
///
/// # Errors
/// When there is no such key, or it has no listpack.
pub fn listpack_text(store: &mut Store, db: usize, key: &Key<'_>) -> Result<String, Error> {
    let handle = store.peek(db, key, 0).ok_or(Error::NoSuchKey)?;
    let pack = match store.value(handle) {
        Value::Hash(Hash::Listpack(pack)) => Some(pack),
        Value::Zset(zset) => zset.listpack(),
        _ => None,
    };
    pack.map(describe_listpack).ok_or(Error::new("ERR Not a listpack encoded object."))
}

fn describe_listpack(pack: &Listpack) -> String {
    /// As much of a text is shown.
    const SHOWN: usize = 40;
    let mut text = format!("{{total bytes {}}} {{num entries {}}}", pack.as_bytes().len(), pack.len());
    for (index, raw) in pack.raw_entries().enumerate() {
        let (bytes, value) = (&pack.as_bytes()[raw.entry.clone()], raw.value.to_vec());
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}|")).collect();
        let shown = value[..value.len().min(SHOWN)].escape_ascii();
        let more = if value.len() > SHOWN { "..." } else { "" };
        // To a `String` it always succeeds.
        let _ = write!(
            text,
            "\n{{index: {index}, offset: {}, hdr+entrylen+backlen: {}, backlen: {}, bytes: {hex} [str]{shown}{more}}}",
            raw.entry.start,
            bytes.len(),
            raw.back,
        );
    }
    text + "\n{end}"
}

/// `DEBUG HTSTATS`: how many lines of all tables have 0, 1 ... entries, and how many keys have deadlines.
pub fn table_text(lines: &[u64], deadlines: u64) -> String {
    const EMPTY: &str = "No stats available for empty dictionaries\n";
    let mut text = "[Dictionary HT]\nHash table 0 stats (main hash table):\n".to_owned();
    let (size, entries) = (lines.iter().sum::<u64>(), (0..).zip(lines).map(|(each, count)| each * count).sum::<u64>());
    if entries == 0 {
        text += EMPTY;
    } else {
        let used = size - lines[0];
        let average = entries as f64 / used as f64;
        let longest = lines.iter().rposition(|count| *count > 0).unwrap_or(0);
        let _ = write!(
            text,
            " table size: {size}\n number of elements: {entries}\n different slots: {used}\n max chain length: {longest}\n \
             avg chain length (counted): {average:.2}\n avg chain length (computed): {average:.2}\n Chain length \
             distribution:\n"
        );
        for (each, count) in lines.iter().enumerate().filter(|(_, count)| **count > 0) {
            let _ = writeln!(text, "   {each}: {count} ({:.2}%)", *count as f64 / size as f64 * 100.0);
        }
    }
    text += "[Expires HT]\nHash table 0 stats (main hash table):\n";
    match deadlines {
        0 => text + EMPTY,
        // They are a list, not a table.
        _ => text + &format!(" number of elements: {deadlines}\n"),
    }
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

    #[test]
    fn a_listpack_is_described_entry_by_entry() {
        let mut pack = Listpack::new();
        pack.push_back(b"hello");
        pack.push_back(b"1");
        assert_eq!(
            describe_listpack(&pack),
            "{total bytes 16} {num entries 2}\n\
             {index: 0, offset: 6, hdr+entrylen+backlen: 7, backlen: 1, bytes: 85|68|65|6c|6c|6f|06| [str]hello}\n\
             {index: 1, offset: 13, hdr+entrylen+backlen: 2, backlen: 1, bytes: 01|01| [str]1}\n{end}"
        );
    }

    #[test]
    fn the_lines_of_tables_are_told_as_chains() {
        let text = table_text(&[1, 2, 0, 1], 0);
        assert!(text.contains(" table size: 4\n number of elements: 5\n different slots: 3\n max chain length: 3\n"));
        assert!(text.contains("   1: 2 (50.00%)\n   3: 1 (25.00%)\n") && text.ends_with("for empty dictionaries\n"));
    }
}

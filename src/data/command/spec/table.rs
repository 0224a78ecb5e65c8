//! The whole command table, put together from the groups' files when the program is compiled.

use super::doc::Doc;
use super::row::Row;
use super::{
    Spec, bitmap, cluster, connection, docs, generic, geo, hash, hyperloglog, list, pubsub, scripting, server, set,
    sorted_set, stream, string, transactions,
};

/// Commands of one group, with their documentation in the same order.
struct Group {
    name: &'static str,
    rows: &'static [Row],
    docs: &'static [Doc],
}

const GROUPS: &[Group] = &[
    Group { name: "string", rows: string::ROWS, docs: docs::string::DOCS },
    Group { name: "generic", rows: generic::ROWS, docs: docs::generic::DOCS },
    Group { name: "list", rows: list::ROWS, docs: docs::list::DOCS },
    Group { name: "hash", rows: hash::ROWS, docs: docs::hash::DOCS },
    Group { name: "set", rows: set::ROWS, docs: docs::set::DOCS },
    Group { name: "sorted-set", rows: sorted_set::ROWS, docs: docs::sorted_set::DOCS },
    Group { name: "stream", rows: stream::ROWS, docs: docs::stream::DOCS },
    Group { name: "bitmap", rows: bitmap::ROWS, docs: docs::bitmap::DOCS },
    Group { name: "hyperloglog", rows: hyperloglog::ROWS, docs: docs::hyperloglog::DOCS },
    Group { name: "geo", rows: geo::ROWS, docs: docs::geo::DOCS },
    Group { name: "pubsub", rows: pubsub::ROWS, docs: docs::pubsub::DOCS },
    Group { name: "transactions", rows: transactions::ROWS, docs: docs::transactions::DOCS },
    Group { name: "scripting", rows: scripting::ROWS, docs: docs::scripting::DOCS },
    Group { name: "connection", rows: connection::ROWS, docs: docs::connection::DOCS },
    Group { name: "server", rows: server::ROWS, docs: docs::server::DOCS },
    Group { name: "cluster", rows: cluster::ROWS, docs: docs::cluster::DOCS },
];

/// How many commands there are, subcommands not counted. Their ids come first.
pub const TOP_LEVEL: usize = count(false);
/// How many commands and subcommands there are: every [`Spec::id`] is less.
pub const COUNT: usize = count(true);

const fn count(with_subcommands: bool) -> usize {
    let (mut count, mut g) = (0, 0);
    while g < GROUPS.len() {
        let mut r = 0;
        while r < GROUPS[g].rows.len() {
            count += 1 + if with_subcommands { GROUPS[g].rows[r].subcommands.len() } else { 0 };
            r += 1;
        }
        g += 1;
    }
    count
}

static TABLE: [Spec; COUNT] = build();

const fn build() -> [Spec; COUNT] {
    let first = Spec::new(&GROUPS[0].rows[0], &GROUPS[0].docs[0], GROUPS[0].name, 0);
    let mut table = [first; COUNT];
    let (mut top, mut sub, mut g) = (0, TOP_LEVEL, 0);
    while g < GROUPS.len() {
        let Group { name, rows, docs } = GROUPS[g];
        assert!(rows.len() == docs.len(), "every command of a group is documented");
        let mut r = 0;
        while r < rows.len() {
            let (row, doc) = (&rows[r], &docs[r]);
            table[top] = Spec::new(row, doc, name, top).with_subcommands(sub);
            assert!(row.subcommands.len() == doc.subcommands.len(), "every subcommand is documented");
            let mut s = 0;
            while s < row.subcommands.len() {
                table[sub] = Spec::new(&row.subcommands[s], &doc.subcommands[s], name, sub).below(&table[top]);
                sub += 1;
                s += 1;
            }
            top += 1;
            r += 1;
        }
        g += 1;
    }
    table
}

/// All commands, without their subcommands.
pub fn commands() -> &'static [Spec] {
    &TABLE[..TOP_LEVEL]
}

/// All commands and subcommands; each one's index is its id.
pub fn all() -> &'static [Spec] {
    &TABLE
}

/// The command called `name`, in any case. Subcommands are found by [`Spec::subcommand`].
#[inline]
pub fn find(name: &[u8]) -> Option<&'static Spec> {
    let folded = Folded::of(name)?;
    let mut bucket = folded.bucket();
    loop {
        let spec = TABLE.get(usize::from(INDEX[bucket]))?;
        if spec.folded == folded {
            return Some(spec);
        }
        bucket = (bucket + 1) % BUCKETS;
    }
}

/// The command or subcommand with this full name (`get`, `config|get`), in any case.
pub fn find_full(name: &[u8]) -> Option<&'static Spec> {
    match memchr::memchr(b'|', name) {
        Some(bar) => find(&name[..bar])?.subcommand(&name[bar + 1..]),
        None => find(name),
    }
}

/// A name of up to 24 bytes, folded to lower case: three words and the length, compared and hashed as such.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Folded {
    words: [u64; 3],
    length: u8,
}

impl Folded {
    /// `None` when the name is longer than any command's.
    #[inline]
    pub(super) const fn of(name: &[u8]) -> Option<Folded> {
        let length = name.len() as u8;
        // Most calls end here.
        if name.len() <= 8 {
            return Some(Folded { words: [lower(word(name)), 0, 0], length });
        }
        let (head, rest) = name.split_at(8);
        let (middle, tail) = rest.split_at(if rest.len() < 8 { rest.len() } else { 8 });
        if tail.len() > 8 {
            return None;
        }
        Some(Folded { words: [lower(word(head)), lower(word(middle)), lower(word(tail))], length })
    }

    #[inline]
    const fn bucket(self) -> usize {
        let [a, b, c] = self.words;
        let mixed = (a ^ b.rotate_left(23) ^ c.rotate_left(41)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> (64 - BUCKETS.ilog2())) as usize
    }
}

/// Up to 8 bytes as a little-endian word. Reads that overlap set the same bits twice.
#[inline]
const fn word(bytes: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let shift = 8 * (bytes.len() - 4);
        return u32::from_le_bytes(*first) as u64 | (u32::from_le_bytes(*last) as u64) << shift;
    }
    match *bytes {
        [] => 0,
        [a] => a as u64,
        [a, b] => a as u64 | (b as u64) << 8,
        [a, b, c, ..] => a as u64 | (b as u64) << 8 | (c as u64) << 16,
    }
}

/// ASCII capitals to small letters, eight at a time.
#[inline]
const fn lower(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES * 0x80;
    // Seven bits of each byte, so that no addition carries into the next byte; then each sum's
    // high bit says whether the byte is at least 'A', or beyond 'Z'.
    let low = word & !HIGH;
    let from_a = low + ONES * (0x80 - b'A' as u64);
    let beyond_z = low + ONES * (0x7f - b'Z' as u64);
    let capitals = (from_a ^ beyond_z) & HIGH & !word;
    word | capitals >> 2
}

/// Four times as many buckets as commands, so that most lookups end at the first.
const BUCKETS: usize = 1024;
const _: () = assert!(BUCKETS.is_power_of_two() && BUCKETS >= 4 * TOP_LEVEL);

const EMPTY: u16 = u16::MAX;

/// Ids of the commands by the hash of their name; a collision takes the next free bucket.
static INDEX: [u16; BUCKETS] = index();

const fn index() -> [u16; BUCKETS] {
    let table = build();
    let mut index = [EMPTY; BUCKETS];
    let mut id = 0;
    while id < TOP_LEVEL {
        let mut bucket = table[id].folded.bucket();
        while index[bucket] != EMPTY {
            bucket = (bucket + 1) % BUCKETS;
        }
        index[bucket] = id as u16;
        id += 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn there_are_as_many_commands_as_in_redis_7_0() {
        assert_eq!((TOP_LEVEL, COUNT), (240, 366));
    }

    #[test]
    fn every_command_is_found_by_its_name_in_any_case() {
        for spec in all() {
            assert_eq!(find_full(spec.full_name().as_bytes()).map(|found| found.id), Some(spec.id));
        }
        for spec in commands() {
            assert_eq!(find(spec.name().as_bytes()).map(|found| found.id), Some(spec.id));
            assert_eq!(find(spec.name().to_ascii_uppercase().as_bytes()).map(|found| found.id), Some(spec.id));
        }
    }

    #[test]
    fn ids_are_dense_and_subcommands_know_their_container() {
        for (index, spec) in all().iter().enumerate() {
            assert_eq!(spec.id(), index);
            for sub in spec.subcommands() {
                assert_eq!(sub.container().map(Spec::id), Some(index));
                assert_eq!(spec.subcommand(sub.name().to_ascii_uppercase().as_bytes()).map(Spec::id), Some(sub.id()));
            }
        }
    }

    #[test]
    fn names_that_are_nearly_commands_are_not_found() {
        for name in [&b"get\0"[..], b"", b"ge", b"gett", b"config|get", b"\xe7et", b"georadiusbymember_ro_and_more"] {
            assert!(find(name).is_none(), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn folding_is_lowercasing(name in proptest::collection::vec(any::<u8>(), 0..=24)) {
            let folded = Folded::of(&name).map(|folded| folded.words);
            let mut lowered = [0; 24];
            lowered[..name.len()].copy_from_slice(&name.to_ascii_lowercase());
            let word = |at: usize| lowered[at..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
            prop_assert_eq!(folded.map(|words| words.map(Some)), Some([word(0), word(8), word(16)]));
        }
    }
}

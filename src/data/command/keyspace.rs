//! Commands over a whole database: KEYS, SCAN, RANDOMKEY, FLUSHALL, SWAPDB and INFO's keyspace lines.
//!
//! Each core answers for its own store; the core that took the command asks them all and merges. What
//! crosses between cores is plain data. Arguments are read by the pure `parse` functions here.

use super::number::parse_i64;
use crate::base::glob::{Case, matches};
use crate::base::limits::SLOTS;
use crate::contract::settings::Settings;
use crate::data::store::{Store, Stretch, cursor_at};
use crate::resp::{Error, Proto, Reply};

/// The most keys one SCAN step looks at, whatever COUNT says, so that no client can stall a core with it.
pub const MAX_SCAN_COUNT: usize = 1 << 16;

/// Keys on their way to a client, kept as they will be sent, so that merging and sending only copy bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyBatch {
    count: usize,
    bulks: Vec<u8>,
}

impl KeyBatch {
    /// Adds one key.
    pub fn push(&mut self, key: &[u8]) {
        Reply::new(&mut self.bulks, Proto::default()).bulk(key);
        self.count += 1;
    }

    /// Adds another core's keys.
    pub fn append(&mut self, other: &KeyBatch) {
        self.bulks.extend_from_slice(&other.bulks);
        self.count += other.count;
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Writes the keys as one array.
    pub fn write(&self, reply: &mut Reply<'_>) {
        reply.array(self.count);
        reply.raw(&self.bulks);
    }
}

/// `KEYS pattern`: this store's keys that match.
pub fn keys(store: &Store, db: usize, pattern: &[u8], now: u64) -> KeyBatch {
    let mut batch = KeyBatch::default();
    store.keys(db, now, |key, _| {
        if matches(pattern, key, Case::Sensitive) {
            batch.push(key);
        }
    });
    batch
}

/// What SCAN was asked for beside its cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanOptions<'a> {
    /// MATCH: only keys that match this pattern.
    pub pattern: Option<&'a [u8]>,
    /// COUNT: about how many keys to look at in one step.
    pub count: usize,
    /// TYPE: only keys of this type; a name no type has matches no key.
    pub type_filter: Option<&'a [u8]>,
}

impl<'a> ScanOptions<'a> {
    /// Reads what follows the cursor.
    pub fn parse(args: &[&'a [u8]]) -> Result<ScanOptions<'a>, Error> {
        const DEFAULT_COUNT: usize = 10;
        let mut options = ScanOptions { pattern: None, count: DEFAULT_COUNT, type_filter: None };
        for pair in args.chunks(2) {
            let [word, value] = *pair else { return Err(Error::Syntax) };
            match word.to_ascii_lowercase().as_slice() {
                b"match" => options.pattern = Some(value),
                b"type" => options.type_filter = Some(value),
                b"count" => options.count = scan_count(value)?,
                _ => return Err(Error::Syntax),
            }
        }
        Ok(options)
    }

    fn wants(&self, key: &[u8], type_name: impl FnOnce() -> &'static str) -> bool {
        self.pattern.is_none_or(|pattern| matches(pattern, key, Case::Sensitive))
            && self.type_filter.is_none_or(|wanted| wanted.eq_ignore_ascii_case(type_name().as_bytes()))
    }
}

fn scan_count(text: &[u8]) -> Result<usize, Error> {
    match parse_i64(text).ok_or(Error::NotAnInteger)? {
        ..=0 => Err(Error::Syntax),
        count => Ok(usize::try_from(count).map_or(MAX_SCAN_COUNT, |count| count.min(MAX_SCAN_COUNT))),
    }
}

/// SCAN's cursor, read as C's `strtoul` does: a sign is allowed, and nothing at all is 0.
pub fn parse_cursor(text: &[u8]) -> Result<u64, Error> {
    let invalid = || Error::new("ERR invalid cursor");
    let (negative, digits) = match text {
        [] => return Ok(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(invalid());
    }
    let digit = |value: u64, digit: &u8| value.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    let value = digits.iter().try_fold(0, digit).ok_or_else(invalid)?;
    Ok(if negative { value.wrapping_neg() } else { value })
}

/// One step of SCAN over this store's slots from `cursor` on and before slot `end`: the cursor to go on with and
/// the keys found on the way.
///
/// The cursor is the node's: at `end` it moves on to the core that owns that slot, and is 0 behind the last slot.
/// Keys on the way that are past their deadline are deleted, as by any command that looks one up.
pub fn scan(
    store: &mut Store,
    db: usize,
    cursor: u64,
    end: usize,
    options: &ScanOptions<'_>,
    now: u64,
) -> (u64, KeyBatch) {
    let (mut batch, mut dead) = (KeyBatch::default(), Vec::new());
    let next = store.scan(db, Stretch { cursor, end, count: options.count }, now, &mut dead, |key, handle| {
        if options.wants(key, || store.kind(handle).name()) {
            batch.push(key);
        }
    });
    if !store.keep_expired {
        dead.into_iter().for_each(|handle| store.expire_now(db, handle));
    }
    let next = if next == 0 && end < SLOTS { cursor_at(end) } else { next };
    (next, batch)
}

/// `RANDOMKEY`: one of this store's keys, and how many keys it stands for.
pub fn random_key(store: &mut Store, db: usize, now: u64) -> Option<(usize, Box<[u8]>)> {
    let handle = store.random_key(db, now)?;
    Some((store.len(db), store.key_of(handle).into()))
}

/// Chooses among the cores' random keys so that each key of the node is as likely; `random` is any number.
pub fn choose_random(candidates: impl IntoIterator<Item = (usize, Box<[u8]>)>, random: u64) -> Option<Box<[u8]>> {
    let candidates: Vec<_> = candidates.into_iter().collect();
    let total: u64 = candidates.iter().map(|(keys, _)| *keys as u64).sum();
    let mut position = random.checked_rem(total)?;
    for (keys, key) in candidates {
        match position.checked_sub(keys as u64) {
            None => return Some(key),
            Some(beyond) => position = beyond,
        }
    }
    None
}

/// How FLUSHALL and FLUSHDB free the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushMode {
    /// Before the reply.
    Sync,
    /// In the background.
    Async,
}

impl FlushMode {
    /// Reads what follows the command's name.
    pub fn parse(args: &[&[u8]], settings: &Settings) -> Result<FlushMode, Error> {
        match args {
            [] if settings.lazyfree_user_flush => Ok(FlushMode::Async),
            [] => Ok(FlushMode::Sync),
            [word] if word.eq_ignore_ascii_case(b"SYNC") => Ok(FlushMode::Sync),
            [word] if word.eq_ignore_ascii_case(b"ASYNC") => Ok(FlushMode::Async),
            _ => Err(Error::Syntax),
        }
    }
}

/// Reads SWAPDB's two databases.
pub fn parse_swapdb(first: &[u8], second: &[u8], settings: &Settings) -> Result<(usize, usize), Error> {
    if settings.cluster_enabled {
        return Err(Error::new("ERR SWAPDB is not allowed in cluster mode"));
    }
    let index = |text, error| parse_i64(text).and_then(|index| i32::try_from(index).ok()).ok_or(Error::new(error));
    let first = index(first, "ERR invalid first DB index")?;
    let second = index(second, "ERR invalid second DB index")?;
    let exists = |index: i32| usize::try_from(index).ok().filter(|index| *index < settings.databases);
    exists(first).zip(exists(second)).ok_or(Error::new("ERR DB index is out of range"))
}

/// What INFO tells of one database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyspaceCounts {
    /// Keys.
    pub keys: u64,
    /// Keys with a deadline.
    pub expires: u64,
    /// Milliseconds these have left, all together.
    pub ttl_sum: u64,
}

impl KeyspaceCounts {
    /// This store's part.
    pub fn of(store: &Store, db: usize) -> KeyspaceCounts {
        let expires = store.volatile_len(db) as u64;
        let ttl_sum = store.average_ttl(db).saturating_mul(expires);
        KeyspaceCounts { keys: store.len(db) as u64, expires, ttl_sum }
    }

    /// Adds another core's part.
    pub fn merge(&mut self, other: KeyspaceCounts) {
        self.keys += other.keys;
        self.expires += other.expires;
        self.ttl_sum = self.ttl_sum.saturating_add(other.ttl_sum);
    }

    /// Appends the line for database `db` to INFO's text; none when it is empty.
    pub fn info(&self, db: usize, text: &mut String) {
        if self.keys > 0 {
            let average = self.ttl_sum.checked_div(self.expires).unwrap_or(0);
            text.push_str(&format!("db{db}:keys={},expires={},avg_ttl={average}\r\n", self.keys, self.expires));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::command::string;
    use crate::data::command::testing::{Bench, run};

    fn words(line: &str) -> Vec<&[u8]> {
        line.split_whitespace().map(str::as_bytes).collect()
    }

    /// A core with the keys `a:0` to `a:99`, and `dead`, past its deadline.
    fn bench() -> Bench {
        let mut bench = Bench::new(&[string::HANDLERS]);
        (0..100).for_each(|number| _ = run(&mut bench, &format!("SET a:{number} {number}")));
        run(&mut bench, "SET dead 1 PX 1");
        bench.now += 2;
        bench
    }

    fn texts(batch: &KeyBatch) -> Vec<String> {
        let bulks = std::str::from_utf8(&batch.bulks).unwrap();
        bulks.split("\r\n").skip(1).step_by(2).map(str::to_string).collect()
    }

    #[test]
    fn keys_lists_what_matches_and_lives() {
        let bench = bench();
        let listed = |pattern: &str| keys(bench.stores.home(), 0, pattern.as_bytes(), bench.now);
        assert_eq!(listed("*").len(), 100);
        let mut some = texts(&listed("a:[12]?"));
        some.sort();
        assert_eq!((some.len(), &*some[0], &*some[19]), (20, "a:10", "a:29"));
        assert!(listed("dead").is_empty());
    }

    #[test]
    fn scan_goes_over_the_cores_ranges_in_one_iteration() {
        let mut bench = bench();
        let (ends, mut cursor, mut found) = ([5000, 10_000, SLOTS], 0, Vec::new());
        let options = ScanOptions { pattern: Some(b"a:?"), count: 7, type_filter: Some(b"STRING") };
        loop {
            let slot = cursor as usize % SLOTS; // a cursor's low bits are its slot
            let end = ends.into_iter().find(|end| slot < *end).unwrap();
            let (next, batch) = scan(bench.stores.home_mut(), 0, cursor, end, &options, bench.now);
            found.extend(texts(&batch));
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        found.sort();
        assert_eq!(found, (0..10).map(|number| format!("a:{number}")).collect::<Vec<_>>());
    }

    #[test]
    fn scan_of_a_type_that_no_key_has_finds_nothing() {
        let mut bench = bench();
        for name in ["list", "foo", ""] {
            let options = ScanOptions { pattern: None, count: 1000, type_filter: Some(name.as_bytes()) };
            let (next, batch) = scan(bench.stores.home_mut(), 0, 0, SLOTS, &options, bench.now);
            assert_eq!((next, batch.len()), (0, 0), "{name}");
        }
    }

    #[test]
    fn scan_deletes_the_dead_keys_it_meets_unless_a_primary_does() {
        let (mut bench, later) = (bench(), u64::MAX);
        let options = ScanOptions { pattern: None, count: 1000, type_filter: None };
        for (keep, left) in [(true, 101), (false, 100)] {
            let store = bench.stores.home_mut();
            store.keep_expired = keep;
            let (_, batch) = scan(store, 0, 0, SLOTS, &options, later);
            assert_eq!((batch.len(), store.len(0)), (100, left), "{keep}");
        }
    }

    #[test]
    fn a_store_tells_its_counts_and_a_key_at_random() {
        let mut bench = bench();
        let counts = KeyspaceCounts::of(bench.stores.home(), 0);
        assert_eq!((counts.keys, counts.expires), (101, 1));
        let (keys, key) = random_key(bench.stores.home_mut(), 0, bench.now).unwrap();
        assert!(keys >= 100 && key.starts_with(b"a:"));
        assert_eq!(random_key(bench.stores.home_mut(), 1, bench.now), None);
    }

    #[test]
    fn a_cursor_is_what_strtoul_takes() {
        let read = |text: &str| parse_cursor(text.as_bytes()).ok();
        assert_eq!((read("0"), read("007"), read("+5"), read("")), (Some(0), Some(7), Some(5), Some(0)));
        assert_eq!((read("18446744073709551615"), read("-1")), (Some(u64::MAX), Some(u64::MAX)));
        for text in ["x", " 1", "1 ", "-", "+", "--1", "18446744073709551616"] {
            assert_eq!(parse_cursor(text.as_bytes()), Err(Error::new("ERR invalid cursor")), "{text:?}");
        }
    }

    #[test]
    fn scan_options_come_in_pairs_and_the_last_of_each_counts() {
        let default = ScanOptions { pattern: None, count: 10, type_filter: None };
        assert_eq!(ScanOptions::parse(&[]), Ok(default));
        let options = words("match a* COUNT 5 Type hash count 7");
        let expected = ScanOptions { pattern: Some(b"a*"), count: 7, type_filter: Some(b"hash") };
        assert_eq!(ScanOptions::parse(&options), Ok(expected));
        let huge = words("COUNT 9223372036854775807");
        assert_eq!(ScanOptions::parse(&huge), Ok(ScanOptions { count: MAX_SCAN_COUNT, ..default }));
    }

    #[test]
    fn bad_scan_options_are_refused_as_by_redis() {
        let refused = |line| ScanOptions::parse(&words(line)).unwrap_err();
        for line in ["COUNT 0", "COUNT -5", "MATCH", "COUNT", "foo", "foo 1", "MATCH a TYPE"] {
            assert_eq!(refused(line), Error::Syntax, "{line}");
        }
        for line in ["COUNT x", "COUNT 1.0", "COUNT 9223372036854775808", "COUNT x foo"] {
            assert_eq!(refused(line), Error::NotAnInteger, "{line}");
        }
    }

    #[test]
    fn flush_is_as_asked_else_as_configured() {
        let mut settings = Settings::default();
        let parse = |line, settings: &Settings| FlushMode::parse(&words(line), settings);
        assert_eq!(parse("", &settings), Ok(FlushMode::Sync));
        assert_eq!(parse("async", &settings), Ok(FlushMode::Async));
        settings.lazyfree_user_flush = true;
        assert_eq!(parse("", &settings), Ok(FlushMode::Async));
        assert_eq!(parse("Sync", &settings), Ok(FlushMode::Sync));
        assert_eq!(parse("foo", &settings), Err(Error::Syntax));
        assert_eq!(parse("sync async", &settings), Err(Error::Syntax));
    }

    #[test]
    fn swapdb_names_the_database_it_cannot_read() {
        let settings = Settings::default();
        let parse = |first: &str, second: &str| parse_swapdb(first.as_bytes(), second.as_bytes(), &settings);
        assert_eq!(parse("0", "15"), Ok((0, 15)));
        assert_eq!(parse("x", "y"), Err(Error::new("ERR invalid first DB index")));
        assert_eq!(parse("99", "4294967296"), Err(Error::new("ERR invalid second DB index")));
        assert_eq!(parse("0", "16"), Err(Error::new("ERR DB index is out of range")));
        assert_eq!(parse("-1", "0"), Err(Error::new("ERR DB index is out of range")));
        let cluster = Settings { cluster_enabled: true, ..settings.clone() };
        assert_eq!(parse_swapdb(b"0", b"1", &cluster), Err(Error::new("ERR SWAPDB is not allowed in cluster mode")));
    }

    #[test]
    fn a_random_key_is_as_likely_whatever_its_core() {
        let candidates = || [(1, Box::from(&b"a"[..])), (0, Box::from(&b"none"[..])), (2, Box::from(&b"b"[..]))];
        let chosen: Vec<_> = (0..6).map(|random| choose_random(candidates(), random).unwrap()[0]).collect();
        assert_eq!(chosen, b"abbabb");
        assert_eq!(choose_random([], 5), None);
    }

    #[test]
    fn batches_of_several_cores_become_one_array() {
        let (mut first, mut second) = (KeyBatch::default(), KeyBatch::default());
        first.push(b"a");
        second.push(b"\r\n");
        first.append(&second);
        let mut out = Vec::new();
        first.write(&mut Reply::new(&mut out, Proto::Resp3));
        assert_eq!(out, b"*2\r\n$1\r\na\r\n$2\r\n\r\n\r\n");
    }

    #[test]
    fn the_keyspace_line_averages_over_all_cores_and_skips_an_empty_database() {
        let mut counts = KeyspaceCounts { keys: 3, expires: 1, ttl_sum: 100 };
        counts.merge(KeyspaceCounts { keys: 4, expires: 3, ttl_sum: 700 });
        let mut text = String::new();
        counts.info(2, &mut text);
        KeyspaceCounts::default().info(3, &mut text);
        assert_eq!(text, "db2:keys=7,expires=4,avg_ttl=200\r\n");
    }
}

//! A directive's value: read from arguments, shown as CONFIG GET shows it, written as redis.conf has it.

mod memory;
mod special;

use super::directive::{Directive, Kind};
use crate::base::notify::Class;
use crate::contract::settings::OutputLimit;
use crate::resp::quote::quote;
use std::borrow::Cow;
use std::path::Path;

/// Why a value was refused, in Redis's words where it has some.
pub type Refusal = Cow<'static, str>;

/// A value. Which variant belongs to a directive follows from its [`Kind`].
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `yes` or `no`.
    Bool(bool),
    /// A number, in bytes where it is memory.
    Number(i128),
    /// A number that is written in octal.
    Octal(i128),
    /// A percentage, in place of a number of bytes.
    Percent(u8),
    /// A text, a directory, or a list of CPUs.
    Text(Vec<u8>),
    /// One of the words of its directive.
    Choice(&'static str),
    /// Some of the words of its directive, in the order of the table.
    Choices(Vec<&'static str>),
    /// Seconds and changes.
    Save(Vec<(i64, i64)>),
    /// Limits of normal clients, replicas and subscribers.
    OutputLimits([OutputLimit; 3]),
    /// Scores of a primary, a replica and a child.
    OomScores([i64; 3]),
    /// Classes of events.
    Notify(Class),
    /// Addresses.
    Bind(Vec<Vec<u8>>),
    /// Host and port of the primary, if there is one.
    ReplicaOf(Option<(Vec<u8>, u16)>),
    /// Percentages.
    Percentiles(Vec<f64>),
}

impl Value {
    /// The default of `row`, which must be a parameter.
    ///
    /// # Panics
    /// If the table is wrong; its tests look at every row.
    pub fn default_of(row: &Directive) -> Value {
        let words = default_words(row);
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let read = Value::read(row, &words, None);
        read.unwrap_or_else(|refusal| panic!("the default of {}: {refusal}", row.name))
    }

    /// Reads the value of `row` from `words`. `old` is the value it changes, for those kinds that a
    /// line only adds to.
    pub fn read(row: &Directive, words: &[&[u8]], old: Option<&Value>) -> Result<Value, Refusal> {
        let value = Value::read_kind(row.kind, words, old)?;
        let value = match (value, row.clamp) {
            (Value::Number(number), Some((min, max))) => Value::Number(number.clamp(min, max)),
            (value, _) => value,
        };
        if let Some(check) = row.check {
            check(&value)?;
        }
        Ok(value)
    }

    fn read_kind(kind: Kind, words: &[&[u8]], old: Option<&Value>) -> Result<Value, Refusal> {
        use special::*;
        match kind {
            Kind::Choices(known) => choices(words, known),
            Kind::Save => save(words, old),
            Kind::OutputLimits => output_limits(words, old),
            Kind::OomScores => oom_scores(words),
            Kind::Bind => bind(words),
            Kind::ReplicaOf => replica_of(words),
            Kind::Percentiles => percentiles(words),
            _ => {
                let [word] = words else { return Err("wrong number of arguments".into()) };
                Value::read_single(kind, word, old)
            }
        }
    }

    fn read_single(kind: Kind, word: &[u8], old: Option<&Value>) -> Result<Value, Refusal> {
        use special::*;
        match kind {
            Kind::Bool => yes_or_no(word),
            Kind::Number(min, max) => {
                let number = integer(word).ok_or("argument couldn't be parsed into an integer")?;
                within(number.into(), min, max).map(Value::Number)
            }
            Kind::Memory(min, max) => {
                let bytes = memory::read(word).ok_or("argument must be a memory value")?;
                within(bytes.into(), min, max).map(Value::Number)
            }
            Kind::MemoryOrPercent(max) => memory_or_percent(word, max),
            Kind::Octal(min, max) => octal(word, min, max),
            Kind::Choice(known) => choice(word, known).map(Value::Choice),
            Kind::OomScoreAdj => match choice(word, &["no", "yes", "relative", "absolute"])? {
                "relative" => Ok(Value::Choice("yes")),
                word => Ok(Value::Choice(word)),
            },
            Kind::Directory => directory(word, old),
            Kind::Notify => notify(word),
            Kind::CpuList => cpu_list(word).map(|_| Value::Text(word.into())),
            _ => Ok(Value::Text(word.into())),
        }
    }

    /// The value as CONFIG GET tells it.
    pub fn show(&self) -> Vec<u8> {
        match self {
            Value::Bool(yes) => if *yes { "yes" } else { "no" }.into(),
            Value::Number(number) => number.to_string().into(),
            Value::Octal(number) => format!("{number:o}").into(),
            Value::Percent(percent) => format!("{percent}%").into(),
            Value::Text(text) => text.clone(),
            Value::Choice(word) => (*word).into(),
            Value::Choices(words) => words.join(" ").into(),
            Value::Save(points) => joined(points.iter().map(|(seconds, changes)| format!("{seconds} {changes}"))),
            Value::OutputLimits(limits) => joined(
                special::CLASSES
                    .iter()
                    .zip(limits)
                    .map(|(class, limit)| format!("{class} {} {} {}", limit.hard, limit.soft, limit.soft_seconds)),
            ),
            Value::OomScores(scores) => joined(scores.iter().map(i64::to_string)),
            Value::Notify(classes) => special::notify_letters(*classes).into(),
            Value::Bind(addresses) => addresses.join(&b' '),
            Value::ReplicaOf(None) => Vec::new(),
            Value::ReplicaOf(Some((host, port))) => [host, format!(" {port}").as_bytes()].concat(),
            Value::Percentiles(percentiles) => joined(percentiles.iter().map(|number| special::decimal(*number))),
        }
    }

    /// The value as lines of redis.conf, without the directive's name; none if it needs no line.
    pub fn lines(&self, kind: Kind) -> Vec<Vec<u8>> {
        match self {
            Value::Number(bytes) if matches!(kind, Kind::Memory(..) | Kind::MemoryOrPercent(_)) => {
                vec![memory::show(*bytes).into()]
            }
            Value::Text(text) => vec![quote(text)],
            Value::Notify(_) => vec![quote(&self.show())],
            Value::Save(points) if !points.is_empty() => {
                points.iter().map(|(seconds, changes)| format!("{seconds} {changes}").into()).collect()
            }
            Value::OutputLimits(limits) => {
                let line = |(class, limit): (&&str, &OutputLimit)| {
                    let (hard, soft) = (memory::show(limit.hard.into()), memory::show(limit.soft.into()));
                    let class = if *class == "slave" { "replica" } else { class };
                    format!("{class} {hard} {soft} {}", limit.soft_seconds).into()
                };
                special::CLASSES.iter().zip(limits).map(line).collect()
            }
            Value::ReplicaOf(None) => Vec::new(),
            Value::Save(_) | Value::Bind(_) | Value::Percentiles(_) if self.show().is_empty() => vec![quote(b"")],
            _ => vec![self.show()],
        }
    }

    /// Whether it asks for nothing: off, 0, empty.
    pub fn asks_nothing(&self) -> bool {
        matches!(self, Value::Bool(false) | Value::Number(0) | Value::Choice("no")) || self.show().is_empty()
    }

    /// The bytes of a text; empty for what is none.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Value::Text(text) => text,
            _ => b"",
        }
    }
}

/// The CPUs that a list such as `0-3,6` names, in its order; `None` if it is not such a list.
pub fn cpus(list: &[u8]) -> Option<Vec<usize>> {
    special::cpu_list(list).ok()
}

/// Whether `path` is a directory that this process may enter; otherwise the system's words for why not.
pub(super) fn enterable(path: &Path) -> Result<(), Refusal> {
    match path.join(".").metadata() {
        Ok(_) => Ok(()),
        Err(error) => Err(system_words(&error).into()),
    }
}

/// What the C library says of `error`, without the number that Rust adds.
pub(super) fn system_words(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

fn default_words(row: &Directive) -> Vec<&'static str> {
    if row.kind.is_multi() && !row.default.is_empty() { row.default.split(' ').collect() } else { vec![row.default] }
}

fn joined(words: impl Iterator<Item = String>) -> Vec<u8> {
    words.collect::<Vec<_>>().join(" ").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::config::table;
    use proptest::prelude::*;

    fn read(name: &str, words: &[&str]) -> Result<String, String> {
        let row = table::find(name.as_bytes()).unwrap();
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let old = Value::default_of(row);
        match Value::read(row, &words, Some(&old)) {
            Ok(value) => Ok(String::from_utf8(value.show()).unwrap()),
            Err(refusal) => Err(refusal.into_owned()),
        }
    }

    #[test]
    fn numbers_are_strict_and_bounded() {
        assert_eq!(read("port", &["7000"]).unwrap(), "7000");
        assert_eq!(read("port", &["70000"]).unwrap_err(), "argument must be between 0 and 65535 inclusive");
        for wrong in ["", "x", "+1", "01", "-0", " 1", "1 "] {
            assert_eq!(read("port", &[wrong]).unwrap_err(), "argument couldn't be parsed into an integer", "{wrong}");
        }
        assert_eq!(read("hz", &["0"]).unwrap(), "1");
        assert_eq!(read("hz", &["10000"]).unwrap(), "500");
    }

    #[test]
    fn memory_has_units_and_may_be_a_percentage() {
        assert_eq!(read("maxmemory", &["1GB"]).unwrap(), "1073741824");
        assert_eq!(read("maxmemory", &["18446744073709551615"]).unwrap(), "18446744073709551615");
        assert_eq!(read("maxmemory", &["-1"]).unwrap_err(), "argument must be a memory value");
        assert_eq!(read("maxmemory-clients", &["5%"]).unwrap(), "5%");
        assert_eq!(read("maxmemory-clients", &["0%"]).unwrap(), "0");
        assert_eq!(read("maxmemory-clients", &["1k"]).unwrap(), "1000");
        assert_eq!(
            read("maxmemory-clients", &["101%"]).unwrap_err(),
            "percentage argument must be less or equal to 100"
        );
        assert_eq!(read("maxmemory-clients", &["x%"]).unwrap_err(), "argument must be a memory or percent value");
    }

    #[test]
    fn words_are_known_in_any_case() {
        assert_eq!(read("maxmemory-policy", &["AllKeys-LRU"]).unwrap(), "allkeys-lru");
        assert_eq!(read("appendonly", &["YES"]).unwrap(), "yes");
        assert_eq!(read("oom-score-adj", &["relative"]).unwrap(), "yes");
        assert_eq!(read("shutdown-on-sigint", &["force", "nosave"]).unwrap(), "nosave force");
        assert_eq!(read("appendonly", &["1"]).unwrap_err(), "argument must be 'yes' or 'no'");
        assert_eq!(
            read("loglevel", &["x"]).unwrap_err(),
            "argument(s) must be one of the following: debug, verbose, notice, warning"
        );
        assert_eq!(
            read("shutdown-on-sigint", &["save", "nosave"]).unwrap_err(),
            "shutdown options SAVE and NOSAVE can't be used simultaneously"
        );
    }

    #[test]
    fn output_limits_change_only_the_named_class() {
        assert_eq!(
            read("client-output-buffer-limit", &["replica", "1mb", "2k", "3"]).unwrap(),
            "normal 0 0 0 slave 1048576 2000 3 pubsub 33554432 8388608 60"
        );
        for (words, refusal) in [
            (&["normal", "1", "2"][..], "Wrong number of arguments in buffer limit configuration."),
            (&["master", "1", "2", "3"], "Invalid client class specified in buffer limit configuration."),
            (&["normal", "0", "0", "x"], "Error in hard, soft or soft_seconds setting in buffer limit configuration."),
        ] {
            assert_eq!(read("client-output-buffer-limit", words).unwrap_err(), refusal);
        }
    }

    #[test]
    fn the_other_special_forms_are_read_and_shown() {
        assert_eq!(read("notify-keyspace-events", &["KEAm"]).unwrap(), "AKEm");
        assert_eq!(read("notify-keyspace-events", &["xgE"]).unwrap(), "gxE");
        assert_eq!(read("latency-tracking-info-percentiles", &["50.5", "1e1"]).unwrap(), "50.5 10");
        assert_eq!(read("unixsocketperm", &["700"]).unwrap(), "700");
        assert_eq!(read("replicaof", &["localhost", "1"]).unwrap(), "localhost 1");
        assert_eq!(read("replicaof", &["NO", "one"]).unwrap(), "");
        assert_eq!(read("bind", &[""]).unwrap(), "");
        assert_eq!(read("save", &["0", "1"]).unwrap_err(), "Invalid save parameters");
        assert_eq!(read("oom-score-adj-values", &["1", "2", "-2000"]).unwrap(), "1 2 -2000");
        assert_eq!(read("cpu-list", &["1-3,6"]).unwrap(), "1-3,6");
        assert!(read("cpu-list", &["3-1"]).is_err());
        assert_eq!(
            read("notify-keyspace-events", &["KEAq"]).unwrap_err(),
            "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."
        );
    }

    #[test]
    fn lists_of_cpus_keep_their_order() {
        assert_eq!(cpus(b"6,1-3").unwrap(), [6, 1, 2, 3]);
        assert_eq!(cpus(b"").unwrap(), [0usize; 0]);
        assert_eq!(cpus(b"1,,2"), None);
        assert_eq!(cpus(b"0-99999999999"), None);
    }

    proptest! {
        #[test]
        fn reading_never_panics(
            row in 0..table::all().count(),
            words in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..12), 0..6),
        ) {
            let row = table::all().nth(row).unwrap();
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let _ = Value::read(row, &words, None);
        }

        #[test]
        fn what_is_shown_reads_back(number in any::<u32>(), percent in 1u8..=100) {
            for (name, text) in [("maxmemory", number.to_string()), ("maxmemory-clients", format!("{percent}%"))] {
                prop_assert_eq!(read(name, &[&text]).unwrap(), text);
            }
        }
    }
}

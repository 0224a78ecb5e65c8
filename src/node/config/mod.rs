//! The node's configuration: one table of directives, and everything that reads, changes or writes it.
//!
//! Owned by the bus core: [`Config`] is the one mutable copy, made from the command line before any
//! core starts and changed by CONFIG SET only. Data cores never see it; they get
//! [`Settings`](crate::contract::settings::Settings), an immutable snapshot.
//!
//! ```text
//! argv --command_line--> lines --load--> Config --get--------> CONFIG GET
//!                 redis.conf --^           | ^--set---------- CONFIG SET
//!                                          | `--rewrite-----> redis.conf
//!                                          `----snapshot----> Settings for the data cores
//! ```
//!
//! Invariants: every parameter of the table has a value of its kind at all times; a value that a
//! person gave is either in effect, or warned about, or an error.

pub mod command_line;
pub mod directive;
pub mod table;
pub mod value;

mod error;
mod get;
mod include;
mod load;
mod machine;
mod reference;
mod rewrite;
mod set;
mod snapshot;
mod user;

pub use error::ConfigError;
pub use get::reply_help;
pub use machine::data_cores;
pub use rewrite::replace as replace_file;
pub use set::{Caller, Changes, failed as set_failed};

use directive::{Directive, Meaning};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use value::Value;

/// All that was configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// The value of every parameter, by the name of its row.
    values: BTreeMap<&'static str, Value>,
    /// The rows a file or the command line named.
    named: BTreeSet<&'static str>,
    /// The file it came from, absolute; what CONFIG REWRITE writes.
    file: Option<PathBuf>,
    /// Commands and their new names, empty for none.
    renames: Vec<(Vec<u8>, Vec<u8>)>,
    /// What `user` lines say.
    users: Vec<user::Declared>,
}

impl Default for Config {
    fn default() -> Self {
        let parameters = table::all().filter(|row| row.is_parameter());
        Config {
            values: parameters.map(|row| (row.name, Value::default_of(row))).collect(),
            named: BTreeSet::new(),
            file: None,
            renames: Vec::new(),
            users: Vec::new(),
        }
    }
}

/// Reading values by name. The names are those of the table; a wrong name or type is a mistake in
/// this program, not in its input, and panics.
impl Config {
    /// Takes note which node is copied: REPLICAOF.
    pub fn set_primary(&mut self, primary: Option<(String, u16)>) {
        let primary = primary.map(|(host, port)| (host.into_bytes(), port));
        self.values.insert("replicaof", Value::ReplicaOf(primary));
    }

    /// The value of parameter `name`.
    pub fn value(&self, name: &str) -> &Value {
        self.values.get(name).unwrap_or_else(|| panic!("{name} is no parameter"))
    }

    /// Whether a `yes` or `no` parameter is `yes`.
    pub fn flag(&self, name: &str) -> bool {
        match self.value(name) {
            Value::Bool(yes) => *yes,
            other => panic!("{name} is no flag but {other:?}"),
        }
    }

    /// A numeric parameter. Its bounds in the table make sure that it fits `N`.
    pub fn number<N: TryFrom<i128>>(&self, name: &str) -> N {
        let (Value::Number(number) | Value::Octal(number)) = *self.value(name) else { panic!("{name} is no number") };
        N::try_from(number).unwrap_or_else(|_| panic!("{name} has bounds wider than its use"))
    }

    /// A text parameter.
    pub fn text(&self, name: &str) -> &[u8] {
        match self.value(name) {
            Value::Text(text) => text,
            other => panic!("{name} is no text but {other:?}"),
        }
    }

    /// A parameter that is one of some words.
    pub fn choice(&self, name: &str) -> &'static str {
        match self.value(name) {
            Value::Choice(word) => word,
            other => panic!("{name} is no choice but {other:?}"),
        }
    }

    /// A text parameter that names a file, as a path from the working directory; `None` if empty.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        let text = self.text(name);
        (!text.is_empty()).then(|| self.dir().join(std::ffi::OsStr::from_bytes(text)))
    }

    /// The working directory, absolute. The node enters it when it starts and when `dir` changes.
    pub fn dir(&self) -> &Path {
        Path::new(std::ffi::OsStr::from_bytes(self.text("dir")))
    }

    /// The addresses to listen on.
    pub fn bind(&self) -> &[Vec<u8>] {
        match self.value("bind") {
            Value::Bind(addresses) => addresses,
            other => panic!("bind is {other:?}"),
        }
    }

    /// The primary to copy outside of a cluster: host and port.
    pub fn replica_of(&self) -> Option<(&[u8], u16)> {
        match self.value("replicaof") {
            Value::ReplicaOf(Some((host, port))) => Some((host, *port)),
            _ => None,
        }
    }

    /// The words of `shutdown-on-sigint` or `shutdown-on-sigterm`.
    pub fn words(&self, name: &str) -> &[&'static str] {
        match self.value(name) {
            Value::Choices(words) => words,
            other => panic!("{name} is no list of words but {other:?}"),
        }
    }

    /// The CPUs for the data cores in order; empty means any.
    pub fn cpu_list(&self) -> Vec<usize> {
        value::cpus(self.text("cpu-list")).unwrap_or_default()
    }

    /// The CPU for the bus core, if one is named.
    pub fn bus_cpu(&self) -> Option<usize> {
        usize::try_from(self.number::<i64>("bus-cpu")).ok()
    }

    /// How many data cores to start on a machine of `cpus` CPUs.
    pub fn data_cores(&self, cpus: usize) -> usize {
        match (self.number("data-cores"), self.cpu_list().len()) {
            (0, 0) => data_cores(cpus),
            (0, listed) => listed.min(crate::base::limits::MAX_CORES),
            (cores, _) => cores,
        }
    }

    /// The file the configuration was read from, absolute.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// What `rename-command` lines say: a command and its new name, empty for none.
    pub fn renames(&self) -> &[(Vec<u8>, Vec<u8>)] {
        &self.renames
    }

    /// What a person asked for that has no effect here, one line for each reason.
    pub fn warnings(&self) -> Vec<String> {
        let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for row in table::all().filter(|row| self.named.contains(row.name)) {
            let asks = self.values.get(row.name).is_none_or(|value| !value.asks_nothing());
            if let (Meaning::Accepted(reason), true) = (row.meaning, asks) {
                by_reason.entry(reason).or_default().push(row.name);
            }
        }
        by_reason.into_iter().map(|(reason, names)| no_effect(&names, reason)).collect()
    }

    /// Puts `value` in the place of `row`'s.
    fn put(&mut self, row: &Directive, value: Value) -> Option<Value> {
        self.values.insert(row.name, value)
    }
}

fn no_effect(names: &[&str], reason: &str) -> String {
    format!("Accepted without effect: {}: {reason}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_reading_knows_every_accessor() {
        let config = Config::default();
        assert_eq!(config.number::<u16>("port"), 6379);
        assert!(config.flag("protected-mode"));
        assert_eq!(config.bind(), [b"*".to_vec(), b"-::*".to_vec()]);
        assert_eq!(config.replica_of(), None);
        assert_eq!(config.words("shutdown-on-sigterm"), ["default"]);
        assert_eq!(config.path("logfile"), None);
        assert_eq!(config.path("cluster-config-file"), Some(config.dir().join("nodes.conf")));
        assert!(config.dir().is_absolute());
        assert_eq!((config.bus_cpu(), config.data_cores(8)), (None, 7));
    }

    #[test]
    fn only_what_was_asked_for_and_has_no_effect_is_warned_about() {
        let mut config = Config::default();
        assert!(config.warnings().is_empty());
        config.load_text(b"syslog-enabled yes\nalways-show-logo yes\ndaemonize no\nport 1\n").unwrap();
        let warnings = config.warnings();
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].starts_with("Accepted without effect: syslog-enabled, always-show-logo: "));
    }
}

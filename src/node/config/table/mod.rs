//! The one table of directives: Redis 7.0.15's and our own, in groups as a person would look for them.
//!
//! Everything else is made from these rows: the command line and its help, the file parser, CONFIG
//! GET, SET and REWRITE, and the reference. Names, types, defaults and bounds are those of Redis
//! 7.0.15. A row that has no effect yet says why; who builds the effect deletes that word of the row.

mod clients;
mod cluster;
mod cores;
mod diagnostics;
mod encodings;
mod files;
mod memory;
mod network;
mod persistence;
mod process;
mod replication;
mod tls;

use super::directive::Directive;

/// Rows that belong together.
pub struct Group {
    /// What they are about, as a heading.
    pub title: &'static str,
    /// The rows.
    pub rows: &'static [Directive],
}

/// All rows, in the order of help and reference.
pub static GROUPS: [Group; 12] = [
    Group { title: "Cores", rows: cores::ROWS },
    Group { title: "Network", rows: network::ROWS },
    Group { title: "Process and log", rows: process::ROWS },
    Group { title: "Clients and access", rows: clients::ROWS },
    Group { title: "Memory and expiry", rows: memory::ROWS },
    Group { title: "Encodings", rows: encodings::ROWS },
    Group { title: "Cluster", rows: cluster::ROWS },
    Group { title: "Replication", rows: replication::ROWS },
    Group { title: "Persistence", rows: persistence::ROWS },
    Group { title: "Diagnostics", rows: diagnostics::ROWS },
    Group { title: "TLS", rows: tls::ROWS },
    Group { title: "Configuration files", rows: files::ROWS },
];

/// Every row.
pub fn all() -> impl Iterator<Item = &'static Directive> {
    GROUPS.iter().flat_map(|group| group.rows)
}

/// The row called `name`, by its name or alias, in any case.
pub fn find(name: &[u8]) -> Option<&'static Directive> {
    all().find(|row| row.is_called(name))
}

/// The name most like `name`, if one is alike enough to be what was meant.
pub fn nearest(name: &[u8]) -> Option<&'static str> {
    const ALIKE: f64 = 0.75;
    let name = String::from_utf8_lossy(name).to_lowercase();
    all()
        .filter(|row| !row.hidden)
        .flat_map(|row| row.names())
        .map(|candidate| (strsim::normalized_damerau_levenshtein(&name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, candidate)| candidate)
}

// Bounds, named as C's types are.
const INT: i128 = i32::MAX as i128;
const INT_MIN: i128 = i32::MIN as i128;
const UINT: i128 = u32::MAX as i128;
const LONG: i128 = i64::MAX as i128;
const ULONG: i128 = u64::MAX as i128;
const PORT: i128 = u16::MAX as i128;
const MIB: i128 = 1024 * 1024;

// Why rows have no effect. One text for all rows that wait for the same thing.
const FREED_IN_STEPS: &str = "coreslot always frees memory in small steps between commands";
const NO_TLS: &str = "this build has no TLS";
const NO_MODULES: &str = "coreslot has no modules";
const NO_FORK: &str = "coreslot never forks";
const NO_SUPERVISION: &str = "coreslot stays in the foreground; a service manager puts it in the background";
const OWN_THREADS: &str = "coreslot has its own threads; see data-cores, cpu-list and bus-cpu";
const OWN_TABLES: &str = "coreslot's tables and allocator need no such work";
const NOT_BUILT: &str = "this build does not do that yet";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::config::directive::Kind;
    use crate::node::config::value::Value;
    use std::collections::HashSet;

    #[test]
    fn no_name_is_taken_twice() {
        let mut seen = HashSet::new();
        for name in all().flat_map(Directive::names) {
            assert!(seen.insert(name.to_lowercase()), "{name}");
        }
    }

    #[test]
    fn every_default_is_a_value_of_its_row() {
        for row in all().filter(|row| row.is_parameter()) {
            let value = Value::default_of(row);
            if !matches!(row.kind, Kind::Directory | Kind::Memory(..) | Kind::OutputLimits) {
                assert_eq!(String::from_utf8(value.show()).unwrap(), row.default, "{}", row.name);
            }
        }
    }

    #[test]
    fn every_row_is_one_documented_sentence() {
        for row in all() {
            assert!(row.doc.len() > 15 && row.doc.ends_with('.'), "{}: {}", row.name, row.doc);
        }
    }

    #[test]
    fn a_misspelt_name_finds_what_was_meant() {
        assert_eq!(nearest(b"maxmemroy"), Some("maxmemory"));
        assert_eq!(nearest(b"Cluster-Enable"), Some("cluster-enabled"));
        assert_eq!(nearest(b"frobnicate"), None);
    }

    /// What redis-server 7.0.15 tells with CONFIG GET '*'.
    #[test]
    fn every_parameter_of_redis_has_its_default_here() {
        let redis = include_str!("../testdata/redis-7.0.15.txt");
        for line in redis.lines() {
            let (name, default) = line.split_once(' ').unwrap_or((line, ""));
            let row = find(name.as_bytes()).unwrap_or_else(|| panic!("{name} is missing"));
            assert!(row.is_parameter() && !row.hidden, "{name}");
            assert_eq!(String::from_utf8(Value::default_of(row).show()).unwrap(), default, "{name}");
        }
    }
}

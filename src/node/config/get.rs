//! CONFIG GET and CONFIG HELP.

use super::directive::Directive;
use super::{Config, table};
use crate::base::glob;
use crate::resp::Reply;
use std::collections::BTreeMap;

/// What CONFIG HELP says, a line each.
const HELP: [&str; 11] = [
    "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET <pattern>",
    "    Return parameters matching the glob-like <pattern> and their values.",
    "SET <directive> <value>",
    "    Set the configuration <directive> to <value>.",
    "RESETSTAT",
    "    Reset statistics reported by the INFO command.",
    "REWRITE",
    "    Rewrite the configuration file.",
    "HELP",
    "    Prints this help.",
];

impl Config {
    /// The parameters that any of `patterns` matches, by each of their names, with their values.
    pub fn get(&self, patterns: &[&[u8]]) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut found = BTreeMap::new();
        for pattern in patterns {
            if pattern.iter().any(|byte| matches!(byte, b'[' | b'*' | b'?')) {
                found.extend(self.matching(pattern));
            } else if let Some(row) = table::find(pattern).filter(|row| row.is_parameter()) {
                // Told under the name it was asked for, once whatever its case.
                let told = found.keys().any(|name: &Vec<u8>| name.eq_ignore_ascii_case(pattern));
                if !told {
                    found.insert(pattern.to_vec(), self.shown(row));
                }
            }
        }
        found
    }

    /// Answers CONFIG GET.
    pub fn reply_get(&self, patterns: &[&[u8]], reply: &mut Reply<'_>) {
        let found = self.get(patterns);
        reply.map(found.len());
        for (name, value) in found {
            reply.bulk(&name);
            reply.bulk(&value);
        }
    }

    fn matching(&self, pattern: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        let rows = table::all().filter(|row| row.is_parameter() && !row.hidden);
        rows.flat_map(|row| row.names().map(move |name| (name, row)))
            .filter(|(name, _)| glob::matches(pattern, name.as_bytes(), glob::Case::Insensitive))
            .map(|(name, row)| (name.into(), self.shown(row)))
    }

    fn shown(&self, row: &Directive) -> Vec<u8> {
        self.value(row.name).show()
    }
}

/// Answers CONFIG HELP.
pub fn reply_help(reply: &mut Reply<'_>) {
    reply.array(HELP.len());
    for line in HELP {
        reply.simple(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Proto;

    fn got(patterns: &[&str]) -> Vec<String> {
        let patterns: Vec<&[u8]> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let found = Config::default().get(&patterns);
        found.into_iter().map(|(name, value)| format!("{} {}", text(name), text(value))).collect()
    }

    #[test]
    fn a_plain_name_is_told_as_it_was_asked_for() {
        assert_eq!(got(&["PORT", "slave-priority", "port", "nothing"]), ["PORT 6379", "slave-priority 100"]);
    }

    #[test]
    fn a_pattern_tells_aliases_too_and_never_hidden_rows() {
        assert_eq!(
            got(&["hash-max-*-ENTRIES", "hash-max-l*"]),
            ["hash-max-listpack-entries 512", "hash-max-listpack-value 64", "hash-max-ziplist-entries 512"]
        );
        assert!(got(&["watchdog*"]).is_empty());
        assert_eq!(got(&["watchdog-period"]), ["watchdog-period 0"]);
        assert!(got(&["include", "includ?"]).is_empty(), "orders are no parameters");
    }

    #[test]
    fn the_reply_is_a_map() {
        let mut out = Vec::new();
        Config::default().reply_get(&[b"port"], &mut Reply::new(&mut out, Proto::Resp3));
        assert_eq!(out, b"%1\r\n$4\r\nport\r\n$4\r\n6379\r\n");
        let mut out = Vec::new();
        Config::default().reply_get(&[b"x"], &mut Reply::new(&mut out, Proto::Resp2));
        assert_eq!(out, b"*0\r\n");
    }
}

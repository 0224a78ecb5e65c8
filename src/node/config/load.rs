//! Reading redis.conf: line by line, later lines win, `include` reads another file at its place.

use super::Config;
use super::directive::{Directive, Kind, Line, Meaning};
use super::error::ConfigError;
use super::include;
use super::table;
use super::user;
use super::value::{Value, system_words};
use crate::resp::inline::split_args;
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// How deep files may include files. Redis has no bound and overflows its stack on a cycle.
const MAX_DEPTH: usize = 16;

impl Config {
    /// Reads the file at `path`, then `more` as further lines of it. CONFIG REWRITE will write that file.
    pub fn load_file(&mut self, path: &Path, more: &[u8]) -> Result<(), ConfigError> {
        let path = std::path::absolute(path).map_err(|error| cannot_open(path, &error))?;
        let mut text = std::fs::read(&path).map_err(|error| cannot_open(&path, &error))?;
        text.push(b'\n');
        text.extend(more);
        self.file = Some(path);
        self.load_text(&text)
    }

    /// Reads `text` as the lines of a file.
    pub fn load_text(&mut self, text: &[u8]) -> Result<(), ConfigError> {
        let mut loader = Loader { config: self, save_seen: false, depth: 0 };
        loader.text(text)?;
        self.check_whole()
    }

    /// The rules that concern more than one line.
    fn check_whole(&self) -> Result<(), ConfigError> {
        if let Some(path) = self.path("logfile") {
            let opened = OpenOptions::new().append(true).create(true).open(&path);
            opened.map_err(|error| ConfigError::new(format!("Can't open the log file: {}", system_words(&error))))?;
        }
        if self.flag("cluster-enabled") && self.replica_of().is_some() {
            return Err(ConfigError::new("replicaof directive not allowed in cluster mode"));
        }
        Ok(())
    }
}

/// Reads one file and those it includes.
struct Loader<'c> {
    config: &'c mut Config,
    /// Whether a `save` line was read: the first replaces the default, others add to it.
    save_seen: bool,
    depth: usize,
}

impl Loader<'_> {
    fn text(&mut self, text: &[u8]) -> Result<(), ConfigError> {
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            self.line(line).map_err(|error| error.at(index + 1, line))?;
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), ConfigError> {
        if line.is_empty() || line[0] == b'#' {
            return Ok(());
        }
        let words = split_args(line).ok_or_else(|| ConfigError::new("Unbalanced quotes in configuration line"))?;
        let Some((name, words)) = words.split_first() else { return Ok(()) };
        let Some(row) = table::find(name) else { return Err(unknown(name)) };
        self.config.named.insert(row.name);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        match row.kind {
            Kind::Line(order) => self.order(row, order, &words),
            _ => self.parameter(row, &words),
        }
    }

    fn parameter(&mut self, row: &'static Directive, words: &[&[u8]]) -> Result<(), ConfigError> {
        // One argument with spaces stands for several, so that a caller can pass `"900 1"`.
        let inner = match words {
            [word] if row.kind.is_multi() && !word.is_empty() => {
                Some(split_args(word).ok_or_else(|| ConfigError::new("Unbalanced quotes in configuration line"))?)
            }
            _ => None,
        };
        let inner: Option<Vec<&[u8]>> = inner.as_ref().map(|words| words.iter().map(Vec::as_slice).collect());
        let starts_anew = row.kind == Kind::Save && !std::mem::replace(&mut self.save_seen, true);
        let old = self.config.values.get(row.name).filter(|_| !starts_anew);
        let value = Value::read(row, inner.as_deref().unwrap_or(words), old).map_err(ConfigError::new)?;
        refuse(row, &value).map_err(ConfigError::new)?;
        self.config.put(row, value);
        Ok(())
    }

    fn order(&mut self, row: &Directive, order: Line, words: &[&[u8]]) -> Result<(), ConfigError> {
        if let Meaning::Refused(reason) = row.meaning {
            return Err(ConfigError::new(format!("{} is not possible: {reason}", row.name)));
        }
        match (order, words) {
            (Line::Include, [pattern]) => self.include(pattern),
            (Line::RenameCommand, [command, name]) => {
                self.config.renames.push((command.to_vec(), name.to_vec()));
                Ok(())
            }
            (Line::User, [name, rules @ ..]) => {
                let declared = user::read(name, rules, &self.config.users).map_err(ConfigError::new)?;
                self.config.users.push(declared);
                Ok(())
            }
            (Line::Forgotten, [_]) => Ok(()),
            _ => Err(ConfigError::new("Bad directive or wrong number of arguments")),
        }
    }

    fn include(&mut self, pattern: &[u8]) -> Result<(), ConfigError> {
        if self.depth == MAX_DEPTH {
            return Err(ConfigError::new(format!("Files include each other more than {MAX_DEPTH} deep")));
        }
        let pattern = self.config.dir().join(std::ffi::OsStr::from_bytes(pattern));
        for path in include::files(&pattern) {
            let text = std::fs::read(&path).map_err(|error| cannot_open(&path, &error))?;
            self.depth += 1;
            self.text(&text).map_err(|mut error| {
                error.included.get_or_insert(path);
                error
            })?;
            self.depth -= 1;
        }
        Ok(())
    }
}

/// Refuses a `value` that asks for what this build must not pretend to do.
pub(super) fn refuse(row: &Directive, value: &Value) -> Result<(), String> {
    match row.meaning {
        Meaning::Refused(reason) if !value.asks_nothing() => Err(format!("{} is not possible: {reason}", row.name)),
        _ => Ok(()),
    }
}

fn unknown(name: &[u8]) -> ConfigError {
    let mut error = ConfigError::new("Bad directive or wrong number of arguments");
    error.hint = table::nearest(name).map(|nearest| format!("Did you mean '{nearest}'?"));
    error
}

fn cannot_open(path: &Path, error: &std::io::Error) -> ConfigError {
    ConfigError::new(format!("Fatal error, can't open config file '{}': {}", path.display(), system_words(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn loaded(text: &str) -> Config {
        let mut config = Config::default();
        config.load_text(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        config
    }

    fn refused(text: &str) -> String {
        Config::default().load_text(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn later_lines_win_and_comments_are_skipped() {
        let config = loaded("# comment\n\n  PORT 1\r\n\tport \"2\"\n slave-priority 7");
        assert_eq!(config.number::<u16>("port"), 2);
        assert_eq!(config.number::<u32>("replica-priority"), 7);
    }

    #[test]
    fn save_lines_add_up_after_the_first() {
        assert_eq!(loaded("save 900 1\nsave 300 10").value("save").show(), b"900 1 300 10");
        assert_eq!(loaded("save \"900 1\"\nsave ''").value("save").show(), b"");
        assert_eq!(loaded("save ''\nsave 1 2").value("save").show(), b"1 2");
    }

    #[test]
    fn an_error_is_told_as_redis_tells_it() {
        assert_eq!(
            refused("port 1\nmaxmemroy 1"),
            "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, at line 2\n\
             >>> 'maxmemroy 1'\nBad directive or wrong number of arguments\nDid you mean 'maxmemory'?"
        );
        assert!(refused("port").ends_with("wrong number of arguments"));
        assert!(refused("port 1 2").ends_with("wrong number of arguments"));
        assert!(refused("port '1").ends_with("Unbalanced quotes in configuration line"));
        assert!(refused("cluster-enabled yes\nreplicaof a 1").ends_with("not allowed in cluster mode"));
    }

    #[test]
    fn what_cannot_be_is_refused_and_what_asks_for_nothing_is_not() {
        assert!(refused("loadmodule x.so").contains("coreslot has no modules"));
        assert!(refused("tls-port 6380").contains("has no TLS"));
        loaded("tls-port 0\naclfile ''\ntls-cluster no");
    }

    #[test]
    fn user_lines_are_checked_when_they_are_read() {
        let users = |text: &str| loaded(text).initial_users();
        assert!(refused("user alice on (+get").contains("Error in user declaration '(+get': Syntax error"));
        let both = users("user alice on >secret (+get ~a*)\nrequirepass x").unwrap();
        assert!(both.get(b"alice").is_some_and(|alice| alice.accepts(b"secret") && !alice.accepts(b"x")));
        assert!(both.default_user().accepts(b"x"), "it has the password of requirepass");
        let ruled = users("requirepass x\nuser default on nopass ~* +@all").unwrap();
        assert!(ruled.default_user().is_open(), "its own line has the last word");
        assert!(refused("user foo\nuser foo").contains("Error in user declaration 'foo': Duplicate user found"));
        assert!(refused("user foo +@all nonsense").contains("Error in user declaration 'nonsense': Syntax error"));
        let unknown = users("user foo +nonsense").map(|_| ()).unwrap_err();
        assert!(unknown.contains("Error loading ACL rule '+nonsense' for the user named 'foo'"), "{unknown}");
    }

    #[test]
    fn users_are_defined_here_or_in_their_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("users.acl"), "user alice on nopass ~* +@all\n").unwrap();
        let from = format!("dir {}\naclfile users.acl\n", dir.path().display());
        let users = loaded(&from).initial_users().unwrap();
        assert!(users.get(b"alice").is_some() && users.default_user().is_open());
        let both = loaded(&format!("{from}user bob on")).initial_users().map(|_| ()).unwrap_err();
        assert!(both.contains("but not both"));
        let absent = loaded("aclfile /absent.acl").initial_users().map(|_| ()).unwrap_err();
        assert!(absent.ends_with("opening file '/absent.acl': No such file or directory"), "{absent}");
    }

    #[test]
    fn included_files_are_read_at_their_place() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write("b.conf", "port 2\nmaxclients 20");
        write("a.conf", "port 1\ntimeout 1");
        write("cycle", "include cycle");
        write("wrong", "hz 10\nhz x");
        let from = format!("dir {}\n", dir.path().display());
        let config = loaded(&format!("{from}maxclients 5\ninclude *.conf\ntimeout 3\ninclude nothing-*"));
        assert_eq!(config.number::<u16>("port"), 2, "files of a pattern are read in order of their names");
        assert_eq!((config.number::<u32>("maxclients"), config.number::<u32>("timeout")), (20, 3));
        assert!(refused(&format!("{from}include absent")).contains("can't open config file"));
        assert!(refused(&format!("{from}include cycle")).contains("more than 16 deep"));
        let error = refused(&format!("{from}include wrong"));
        assert!(error.contains("at line 2\n>>> 'hz x'\n") && error.contains("included file"), "{error}");
    }

    #[test]
    fn the_stock_redis_conf_loads() {
        let stock = include_str!("testdata/stock.conf");
        let config = loaded(stock);
        assert_eq!(config.bind(), [b"127.0.0.1".to_vec(), b"-::1".to_vec()]);
        assert!(config.warnings().len() < 12, "{:#?}", config.warnings());
    }

    proptest! {
        #[test]
        fn loading_never_panics(
            text in proptest::collection::vec(any::<u8>(), 0..200),
            row in 0..table::all().count(),
            rest in "[ -~\n]{0,20}",
        ) {
            let _ = Config::default().load_text(&text);
            let name = table::all().nth(row).unwrap().name;
            if !["include", "logfile"].contains(&name) {
                let _ = Config::default().load_text(format!("{name} {rest}").as_bytes());
            }
        }
    }
}

//! CONFIG SET: several parameters at once, all or none.

use super::directive::{Directive, Kind, Meaning};
use super::load::refuse;
use super::value::Value;
use super::{Config, no_effect, table};
use crate::resp::Error;

/// Who asks for a change, and when.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller {
    /// The client is of this machine: `enable-protected-configs local` is for it.
    pub local: bool,
    /// The node is loading its data set.
    pub loading: bool,
}

/// What a CONFIG SET changed. The node puts it into effect, or gives it back to [`Config::undo`].
#[derive(Debug)]
#[must_use]
pub struct Changes(Vec<(&'static str, Value)>);

impl Changes {
    /// The parameters whose value is another one now, by the names of their rows.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }

    /// Whether parameter `name` is among them.
    pub fn contains(&self, name: &str) -> bool {
        self.names().any(|changed| changed == name)
    }
}

/// A parameter to be set: its row, which of its names it was called by, and its new value as text.
struct Assignment<'a> {
    row: &'static Directive,
    name: &'static str,
    value: &'a [u8],
}

impl Config {
    /// Sets parameters to values: `args` are names and values in turn, as they follow CONFIG SET.
    /// After an error nothing is changed.
    pub fn set(&mut self, args: &[&[u8]], caller: Caller) -> Result<Changes, Error> {
        let assignments = self.assignments(args, caller)?;
        let mut changes = Changes(Vec::new());
        for assignment in &assignments {
            if let Err(refusal) = self.assign(assignment, &mut changes) {
                self.undo(changes);
                return Err(failed(assignment.name.as_bytes(), &refusal));
            }
        }
        self.warn_of(&changes);
        Ok(changes)
    }

    /// Takes back what [`set`](Config::set) changed, for when it cannot be put into effect.
    pub fn undo(&mut self, changes: Changes) {
        self.values.extend(changes.0);
    }

    /// Looks all names up and checks that all of them may be set; the first that may not is told.
    fn assignments<'a>(&self, args: &[&'a [u8]], caller: Caller) -> Result<Vec<Assignment<'a>>, Error> {
        let (pairs, rest) = args.as_chunks::<2>();
        if pairs.is_empty() || !rest.is_empty() {
            return Err(Error::Syntax);
        }
        let mut assignments: Vec<Assignment> = Vec::with_capacity(pairs.len());
        for [called, value] in pairs {
            let row = table::find(called).filter(|row| row.is_parameter()).ok_or_else(|| unknown(called))?;
            self.may_set(row, called, caller)?;
            // An alias next to its primary name is allowed, as in Redis: the later one wins.
            let name = row.names().find(|name| name.as_bytes().eq_ignore_ascii_case(called)).unwrap_or(row.name);
            if assignments.iter().any(|earlier| earlier.name == name) {
                return Err(failed(called, "duplicate parameter"));
            }
            assignments.push(Assignment { row, name, value });
        }
        Ok(assignments)
    }

    fn may_set(&self, row: &Directive, called: &[u8], caller: Caller) -> Result<(), Error> {
        if !row.mutable {
            return Err(failed(called, "can't set immutable config"));
        }
        if row.protected && !self.allows("enable-protected-configs", caller.local) {
            return Err(failed(called, "can't set protected config"));
        }
        if row.deny_loading && caller.loading {
            return Err(Error::new("LOADING Redis is loading the dataset in memory"));
        }
        Ok(())
    }

    /// Whether the parameter `name`, one of `no`, `yes` and `local`, allows a client to do what it guards.
    pub fn allows(&self, name: &str, local: bool) -> bool {
        match self.choice(name) {
            "yes" => true,
            "local" => local,
            _ => false,
        }
    }

    fn assign(&mut self, assignment: &Assignment<'_>, changes: &mut Changes) -> Result<(), String> {
        let row = assignment.row;
        let words: Vec<&[u8]> = match (row.kind.is_multi(), assignment.value.is_empty()) {
            (true, true) => Vec::new(),
            (true, false) => assignment.value.split(|byte| *byte == b' ').collect(),
            (false, _) => vec![assignment.value],
        };
        let old = self.values.get(row.name).filter(|_| row.kind != Kind::Save);
        let value = Value::read(row, &words, old)?;
        refuse(row, &value)?;
        if *self.value(row.name) != value {
            let before = self.put(row, value);
            if !changes.contains(row.name) {
                changes.0.extend(before.map(|before| (row.name, before)));
            }
        }
        Ok(())
    }

    fn warn_of(&self, changes: &Changes) {
        for row in table::all().filter(|row| changes.contains(row.name)) {
            if let (Meaning::Accepted(reason), false) = (row.meaning, self.value(row.name).asks_nothing()) {
                log::warn!("{}", no_effect(&[row.name], reason));
            }
        }
    }
}

/// The answer to CONFIG SET when parameter `name` could not be set or put into effect because of `why`.
pub fn failed(name: &[u8], why: &str) -> Error {
    let name = String::from_utf8_lossy(name);
    Error::new(format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}"))
}

fn unknown(name: &[u8]) -> Error {
    let name = String::from_utf8_lossy(name);
    Error::new(format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(config: &mut Config, args: &[&str]) -> Result<Vec<&'static str>, String> {
        let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
        match config.set(&args, Caller::default()) {
            Ok(changes) => Ok(changes.names().collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn what_changed_is_told_once_and_what_stayed_is_not() {
        let mut config = Config::default();
        let changed =
            set(&mut config, &["maxclients", "5", "hz", "10", "SLAVE-PRIORITY", "1", "replica-priority", "2"]);
        assert_eq!(changed.unwrap(), ["maxclients", "replica-priority"]);
        assert_eq!(config.number::<u32>("replica-priority"), 2);
    }

    #[test]
    fn an_error_leaves_everything_as_it_was() {
        let mut config = Config::default();
        let error = set(&mut config, &["maxclients", "5", "maxmemory", "1x"]).unwrap_err();
        assert_eq!(
            error,
            "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value"
        );
        assert_eq!(config.number::<u32>("maxclients"), 10_000);
    }

    #[test]
    fn a_change_that_cannot_be_put_into_effect_is_undone() {
        let mut config = Config::default();
        let changes = config.set(&[b"min-slaves-to-write", b"1", b"min-replicas-to-write", b"2"], Caller::default());
        config.undo(changes.unwrap());
        assert_eq!(config.number::<u32>("min-replicas-to-write"), 0);
    }

    #[test]
    fn errors_are_in_redis_words() {
        let mut config = Config::default();
        let failed =
            |name: &str, why: &str| format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}");
        for (args, error) in [
            (&["foo", "1"][..], "ERR Unknown option or number of arguments for CONFIG SET - 'foo'".to_owned()),
            (&["include", "x"], "ERR Unknown option or number of arguments for CONFIG SET - 'include'".to_owned()),
            (&["port"], "ERR syntax error".to_owned()),
            (&["port", "1", "x"], "ERR syntax error".to_owned()),
            (&["Databases", "1"], failed("Databases", "can't set immutable config")),
            (&["dir", "/"], failed("dir", "can't set protected config")),
            (&["HZ", "x"], failed("hz", "argument couldn't be parsed into an integer")),
            (&["hz", "1", "HZ", "2"], failed("HZ", "duplicate parameter")),
            (
                &["hz", "1", "nothing", "2"],
                "ERR Unknown option or number of arguments for CONFIG SET - 'nothing'".to_owned(),
            ),
        ] {
            assert_eq!(set(&mut config, args).unwrap_err(), error);
        }
    }

    #[test]
    fn protected_parameters_follow_enable_protected_configs() {
        let mut config = Config::default();
        config.load_text(b"enable-protected-configs local").unwrap();
        let args: [&[u8]; 2] = [b"dbfilename", b"x"];
        assert!(config.set(&args, Caller::default()).is_err());
        assert!(config.set(&args, Caller { local: true, loading: false }).is_ok());
    }

    #[test]
    fn a_directory_must_exist_and_wait_for_loading() {
        let mut config = Config::default();
        config.load_text(b"enable-protected-configs yes").unwrap();
        let error = set(&mut config, &["dir", "/does/not/exist"]).unwrap_err();
        assert!(error.ends_with("- No such file or directory"), "{error}");
        set(&mut config, &["dir", "/usr"]).unwrap();
        set(&mut config, &["dir", "lib/.."]).unwrap();
        assert_eq!(config.dir(), std::path::Path::new("/usr"));
        let error = config.set(&[b"dir", b"/"], Caller { local: true, loading: true }).unwrap_err();
        assert_eq!(error.to_string(), "LOADING Redis is loading the dataset in memory");
    }

    #[test]
    fn save_is_replaced_not_added_to() {
        let mut config = Config::default();
        set(&mut config, &["save", "10 1"]).unwrap();
        assert_eq!(config.value("save").show(), b"10 1");
        set(&mut config, &["save", ""]).unwrap();
        assert_eq!(config.value("save").show(), b"");
    }

    #[test]
    fn every_parameter_takes_the_value_it_has() {
        let mut config = Config::default();
        config.load_text(b"enable-protected-configs yes").unwrap();
        for row in table::all().filter(|row| row.is_parameter() && row.mutable) {
            let value = String::from_utf8(config.value(row.name).show()).unwrap();
            let changed = set(&mut config, &[row.name, &value]).unwrap_or_else(|error| panic!("{error}"));
            assert!(changed.is_empty(), "{}", row.name);
        }
    }
}

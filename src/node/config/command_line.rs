//! The command line: redis-server's grammar, `coreslot [redis.conf | -] [--directive value ...] [-]`.
//!
//! Redis turns its arguments into lines of a configuration file, and so do we, since that is the only
//! way to give every odd form the same meaning: `--save 900 1`, `--save ''`, `--port --1`,
//! `"--maxmemory 1gb"` as one argument. A first pass gathers each directive with its values into one
//! `--name=values` (which clap cannot do: where a directive ends depends on what follows it); clap,
//! fed from the table, then knows names, switches and help; and the lines are read as those of a file.

use super::directive::Meaning;
use super::error::ConfigError;
use super::{Config, reference, table};
use crate::resp::quote::quote;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// Start a node.
    Run(Box<Config>),
    /// Print this to standard output and exit with success.
    Print(String),
}

/// Switches that are no directives.
const SWITCHES: [&str; 4] = ["check-config", "help-directives", "help", "version"];

/// Reads the arguments that follow the program's name; `-` reads lines from `input`.
pub fn parse(args: impl IntoIterator<Item = OsString>, input: impl Read) -> Result<Invocation, ConfigError> {
    let gathered = Gathered::from_args(args.into_iter().map(OsString::into_vec).collect());
    let matches = match command().try_get_matches_from(gathered.for_clap()) {
        Ok(matches) => matches,
        Err(error) => return explain(&error, &gathered, input),
    };
    if matches.get_flag("version") {
        return Ok(Invocation::Print(version()));
    }
    if matches.get_flag("help-directives") {
        return Ok(Invocation::Print(reference::markdown()));
    }
    let config = gathered.load(&directive_lines(&matches), input)?;
    if matches.get_flag("check-config") {
        let mut report = config.warnings();
        report.push("The configuration is good.".into());
        return Ok(Invocation::Print(report.join("\n") + "\n"));
    }
    Ok(Invocation::Run(Box::new(config)))
}

/// The version as redis-server tells it, so that programs that look for `v=` find it, and our own.
pub fn version() -> String {
    format!("Redis server v=7.0.15 sha=00000000:0 malloc=system bits=64 build=coreslot-{}\n", env!("CARGO_PKG_VERSION"))
}

/// One directive on the command line: its name, and its values as the rest of a line.
struct Piece {
    name: Vec<u8>,
    rest: Vec<u8>,
}

/// The arguments, each directive with its values in one piece.
#[derive(Default)]
struct Gathered {
    file: Option<Vec<u8>>,
    from_input: bool,
    switches: Vec<OsString>,
    pieces: Vec<Piece>,
}

impl Gathered {
    fn from_args(args: Vec<Vec<u8>>) -> Gathered {
        let mut gathered = Gathered::default();
        // Whether the last directive has a value, so that `--x` begins another one.
        let mut complete = true;
        let last = args.len().saturating_sub(1);
        for (index, arg) in args.iter().enumerate() {
            let next_is_option = args.get(index + 1).is_none_or(|next| next.starts_with(b"--"));
            match arg.strip_prefix(b"--").filter(|_| complete) {
                _ if index == 0 && [&b"-h"[..], b"-v"].contains(&arg.as_slice()) => gathered.switch(arg),
                _ if arg == b"-" && (index == 0 || index == last) => gathered.from_input = true,
                Some(name) if SWITCHES.iter().any(|switch| switch.as_bytes() == name) => gathered.switch(arg),
                Some(option) => complete = gathered.option(option, next_is_option),
                None if gathered.is_file(index, arg, complete) => gathered.file = Some(arg.clone()),
                None => {
                    gathered.value(arg);
                    complete = true;
                }
            }
        }
        gathered
    }

    fn switch(&mut self, arg: &[u8]) {
        self.switches.push(OsStr::from_bytes(arg).to_owned());
    }

    /// Begins a directive and says whether it is complete: it may bring its values with it, after a
    /// space or, beyond what Redis takes, after `=`. `--save` alone means none.
    fn option(&mut self, option: &[u8], next_is_option: bool) -> bool {
        let end = option.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'=');
        let (name, rest) = option.split_at(end.unwrap_or(option.len()));
        let mut piece = Piece { name: name.to_ascii_lowercase(), rest: Vec::new() };
        match rest.split_first() {
            Some((b'=', value)) => piece.rest = quote(value),
            Some((_, values)) => piece.rest = values.to_vec(),
            None if name.eq_ignore_ascii_case(b"save") && next_is_option => piece.rest = quote(b""),
            None => {}
        }
        let complete = !piece.rest.trim_ascii().is_empty();
        self.pieces.push(piece);
        complete
    }

    /// The first argument is the file if it is no option. Beyond Redis, the file may also follow a
    /// directive that has its one value already, if there is such a file.
    fn is_file(&self, index: usize, arg: &[u8], complete: bool) -> bool {
        if index == 0 {
            return !arg.starts_with(b"-");
        }
        let single = |piece: &Piece| table::find(&piece.name).is_some_and(|row| !row.kind.is_multi());
        self.file.is_none()
            && complete
            && self.pieces.last().is_none_or(single)
            && Path::new(OsStr::from_bytes(arg)).is_file()
    }

    fn value(&mut self, arg: &[u8]) {
        match self.pieces.last_mut() {
            Some(piece) => {
                if !piece.rest.is_empty() && !piece.rest.ends_with(b" ") {
                    piece.rest.push(b' ');
                }
                piece.rest.extend(quote(arg));
            }
            // A directive without its dashes right after the file; Redis takes that, too.
            None => self.pieces.push(Piece { name: arg.to_ascii_lowercase(), rest: Vec::new() }),
        }
    }

    /// Reads the file, then lines of `input` if those are wanted, then the options' `lines`.
    fn load(&self, lines: &[u8], mut input: impl Read) -> Result<Config, ConfigError> {
        let mut more = Vec::new();
        if self.from_input {
            let read = input.read_to_end(&mut more);
            read.map_err(|error| ConfigError::new(format!("Can't read the configuration from stdin: {error}")))?;
            more.push(b'\n');
        }
        more.extend(lines);
        let mut config = Config::default();
        match &self.file {
            Some(path) => config.load_file(Path::new(OsStr::from_bytes(path)), &more)?,
            None => config.load_text(&[b"\n", more.as_slice()].concat())?,
        }
        Ok(config)
    }

    fn for_clap(&self) -> Vec<OsString> {
        let mut args = vec![OsString::from("coreslot")];
        args.extend(self.switches.iter().cloned());
        let pieces = self.pieces.iter().map(|piece| [b"--", &piece.name[..], b"=", &piece.rest].concat());
        args.extend(pieces.map(OsString::from_vec));
        if let Some(file) = &self.file {
            args.push("--".into());
            args.push(OsString::from_vec(file.clone()));
        }
        args
    }
}

/// clap's command: an argument for every row, grouped and documented as in the table.
fn command() -> Command {
    let mut command = Command::new("coreslot")
        .about("A Redis Cluster node: one process per machine, one pinned thread per CPU core.")
        .override_usage("coreslot [redis.conf | -] [--directive value [value ...]] ... [-]")
        .after_help(EXAMPLES)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .arg(Arg::new("file").value_name("redis.conf").value_parser(value_parser!(PathBuf)).help(FILE_HELP))
        .arg(switch("version", "Print the version.").short('v'))
        .arg(switch("check-config", "Read the configuration, tell what is wrong with it or has no effect, and exit."))
        .arg(switch("help-directives", "Print all directives as a page of markdown."));
    for group in &table::GROUPS {
        command = command.next_help_heading(group.title);
        for row in group.rows {
            let mut arg = Arg::new(row.name)
                .long(row.name)
                .value_name(row.kind.shape())
                .hide(row.hidden || matches!(row.meaning, Meaning::Refused(_)))
                .value_parser(value_parser!(OsString))
                .action(ArgAction::Append)
                .help(help(row));
            if let Some(alias) = row.alias {
                arg = arg.alias(alias);
            }
            command = command.arg(arg);
        }
    }
    command
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn help(row: &super::directive::Directive) -> String {
    let default = if row.default.is_empty() { String::new() } else { format!(" [{}]", row.default) };
    let note = match row.meaning {
        Meaning::Accepted(reason) => format!(" (No effect: {reason}.)"),
        Meaning::Active | Meaning::Refused(_) => String::new(),
    };
    format!("{}{default}{note}", row.doc)
}

const FILE_HELP: &str = "The configuration file; - reads lines from standard input. Later lines win, options last.";

const EXAMPLES: &str = "\
Examples:
  coreslot                                        a node on port 6379 with defaults
  coreslot /etc/redis/7000.conf                   what the file says
  coreslot 7000.conf --loglevel verbose           what the file says, but for one directive
  coreslot --port 7000 --cluster-enabled yes      a node of a cluster
  coreslot --save 900 1 --save 300 10             a directive more than once
  coreslot --client-output-buffer-limit normal 0 0 0
  echo 'maxmemory 128mb' | coreslot -             lines from standard input
  coreslot 7000.conf --check-config               only look whether the file is good

Every directive of Redis 7.0's redis.conf is taken, in a file or as an option.";

/// The directives clap found, as lines, in the order they were given.
fn directive_lines(matches: &ArgMatches) -> Vec<u8> {
    let mut found: Vec<(usize, Vec<u8>)> = Vec::new();
    for row in table::all() {
        let (Some(indices), Some(values)) = (matches.indices_of(row.name), matches.get_many::<OsString>(row.name))
        else {
            continue;
        };
        let lines = values.map(|rest| [row.name.as_bytes(), b" ", rest.as_bytes()].concat());
        found.extend(indices.zip(lines));
    }
    found.sort_by_key(|(index, _)| *index);
    found.iter().map(|(_, line)| line.as_slice()).collect::<Vec<_>>().join(&b'\n')
}

/// What to do about clap's refusal: help is no error, and a name that clap does not know is told as
/// Redis tells it, if no earlier line is wrong: by reading the lines.
fn explain(error: &clap::Error, gathered: &Gathered, input: impl Read) -> Result<Invocation, ConfigError> {
    if error.kind() == ErrorKind::DisplayHelp {
        return Ok(Invocation::Print(error.to_string()));
    }
    let lines = gathered.pieces.iter().map(|piece| [&piece.name[..], b" ", &piece.rest].concat());
    gathered.load(&lines.collect::<Vec<_>>().join(&b'\n'), input)?;
    Err(ConfigError::new(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io;

    fn run(args: &[&str]) -> Config {
        match parse(args.iter().map(OsString::from), io::empty()) {
            Ok(Invocation::Run(config)) => *config,
            other => panic!("{other:?}"),
        }
    }

    fn printed(args: &[&str]) -> String {
        match parse(args.iter().map(OsString::from), io::empty()) {
            Ok(Invocation::Print(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    fn refused(args: &[&str]) -> String {
        parse(args.iter().map(OsString::from), io::empty()).unwrap_err().to_string()
    }

    fn shown(args: &[&str], name: &str) -> String {
        String::from_utf8(run(args).value(name).show()).unwrap()
    }

    #[test]
    fn clap_finds_nothing_wrong_with_the_table() {
        command().debug_assert();
    }

    #[test]
    fn nothing_means_defaults() {
        assert_eq!(shown(&[], "port"), "6379");
        assert_eq!(run(&[]).file(), None);
    }

    #[test]
    fn options_take_as_many_values_as_follow() {
        assert_eq!(shown(&["--save", "900", "1", "--save", "300", "10", "--port", "1"], "save"), "900 1 300 10");
        assert_eq!(
            shown(&["--client-output-buffer-limit", "normal", "1mb", "0", "0"], "client-output-buffer-limit")
                .split(' ')
                .nth(1),
            Some("1048576")
        );
        assert_eq!(
            shown(&["--shutdown-on-sigint", "nosave", "force", "now"], "shutdown-on-sigint"),
            "nosave now force"
        );
        assert_eq!(shown(&["--shutdown-on-sigterm", "nosave force"], "shutdown-on-sigterm"), "nosave force");
        assert_eq!(shown(&["--PORT", "1", "--port", "2"], "port"), "2");
        assert_eq!(shown(&["--slave-priority", "1", "--replica-priority", "2"], "replica-priority"), "2");
    }

    #[test]
    fn an_empty_save_is_none_in_all_its_forms() {
        for args in [
            &["--save", "--loglevel", "verbose"][..],
            &["--loglevel", "verbose", "--save"],
            &["--save", "", "--loglevel", "verbose"],
            &["--loglevel", "verbose", "--save", ""],
            &["--save=", "--loglevel=verbose"],
        ] {
            assert_eq!((shown(args, "save"), shown(args, "loglevel")), (String::new(), "verbose".into()), "{args:?}");
        }
    }

    #[test]
    fn a_value_may_begin_with_dashes_and_share_an_argument_with_its_name() {
        assert_eq!(shown(&["--logfile", "--x", "--logfile", ""], "logfile"), "");
        assert_eq!(shown(&["--slowlog-log-slower-than", "-1"], "slowlog-log-slower-than"), "-1");
        assert_eq!(shown(&["--proc-title-template", "--a--b", "--port", "1"], "proc-title-template"), "--a--b");
        assert_eq!(shown(&["--proc-title-template --a", "--port 7"], "proc-title-template"), "--a");
        assert_eq!(shown(&["--maxmemory '700mb'"], "maxmemory"), "734003200");
        assert_eq!(shown(&["--port=7"], "port"), "7");
    }

    /// The cases of Redis's tests/unit/introspection.tcl.
    #[test]
    fn mistakes_are_told_as_redis_tells_them() {
        for (args, line, reason) in [
            (&["--port"][..], "port", "wrong number of arguments"),
            (&["--port", "6380", "--loglevel"], "loglevel", "wrong number of arguments"),
            (&["--port", "6379", "6380"], "port \"6379\" \"6380\"", "wrong number of arguments"),
            (&["--port", "--loglevel", "verbose"], "port \"--loglevel\" \"verbose\"", "wrong number of arguments"),
            (&["--port", "--bla", "--hz", "1"], "port \"--bla\"", "argument couldn't be parsed into an integer"),
            (&["--shutdown-on-sigint"], "shutdown-on-sigint", "argument(s) must be one of the following"),
            (&["--replicaof", "127.0.0.1", "abc"], "replicaof \"127.0.0.1\" \"abc\"", "Invalid master port"),
            (&["--replicaof", "--127.0.0.1", "--abc"], "replicaof \"--127.0.0.1\"", "wrong number of arguments"),
            (&["--prot", "1"], "prot \"1\"", "Bad directive or wrong number of arguments\nDid you mean 'port'?"),
            (&["--", "1"], "\"1\"", "Bad directive or wrong number of arguments"),
        ] {
            let error = refused(args);
            assert!(error.contains(&format!(">>> '{line}'\n{reason}")), "{args:?}: {error}");
        }
    }

    #[test]
    fn the_file_comes_first_and_options_win() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.conf");
        std::fs::write(&path, "port 1\nhz 20\nsave 1 1").unwrap();
        let path = path.to_str().unwrap();
        for args in
            [&[path, "--port", "2"][..], &["--port", "2", path], &[path, "port", "2"], &[path, "--port", "2", "-"]]
        {
            let config = run(args);
            assert_eq!((config.number::<u16>("port"), config.number::<u32>("hz")), (2, 20), "{args:?}");
            assert_eq!(config.file(), Some(Path::new(path)));
        }
        assert_eq!(shown(&[path, "--save", "2 2"], "save"), "1 1 2 2");
        let error = refused(&[path, "--hz", "x"]);
        assert!(error.contains("at line 4\n>>> 'hz \"x\"'"), "{error}");
        assert!(refused(&["/no/such.conf"]).contains("can't open config file '/no/such.conf': No such file"));
    }

    #[test]
    fn a_dash_reads_lines_from_standard_input() {
        let args = ["-", "--hz", "7"].map(OsString::from);
        let Ok(Invocation::Run(config)) = parse(args, &b"port 5\nhz 6"[..]) else { panic!() };
        assert_eq!((config.number::<u16>("port"), config.number::<u32>("hz")), (5, 7));
    }

    #[test]
    fn help_teaches_and_is_no_error() {
        for args in [&["--help"][..], &["-h"], &["--port", "1", "--help"]] {
            let help = printed(args);
            for part in ["Examples:", "--maxmemory-policy", "Cluster:", "A Redis Cluster node", "[6379]"] {
                assert!(help.contains(part), "{part} in {help}");
            }
            assert!(!help.contains("watchdog-period"));
        }
        assert!(printed(&["-v"]).starts_with("Redis server v=7.0.15 "));
        assert_eq!(printed(&["--version"]), version());
        assert!(printed(&["--help-directives"]).contains("| `maxmemory` |"));
    }

    #[test]
    fn a_checked_configuration_tells_what_has_no_effect() {
        let report = printed(&["--always-show-logo", "yes", "--check-config"]);
        assert!(report.starts_with("Accepted without effect: always-show-logo: "), "{report}");
        assert!(report.ends_with("\nThe configuration is good.\n"), "{report}");
        assert!(refused(&["--check-config", "--hz", "x"]).contains("integer"));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(args in proptest::collection::vec("(--)?[a-z=' \"-]{0,8}|--port|--save|-", 0..6)) {
            let _ = parse(args.into_iter().map(OsString::from), io::empty());
        }
    }
}

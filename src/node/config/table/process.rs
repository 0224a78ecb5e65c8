//! The process, its log and its place in the operating system.

use super::{INT, NO_FORK, NO_SUPERVISION, NOT_BUILT, OWN_THREADS};
use crate::node::config::directive::{Directive, Kind, choice, flag, number, special, text};
use crate::node::config::value::Value;

const FACILITIES: &[&str] = &["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];
const SHUTDOWN: &[&str] = &["default", "save", "nosave", "now", "force"];

pub(super) const ROWS: &[Directive] = &[
    special("dir", Kind::Directory, ".", "The working directory: relative paths and all files of the node are there.")
        .protected()
        .not_while_loading(),
    flag("daemonize", "no", "Run in the background.").immutable().without_effect(NO_SUPERVISION),
    choice("supervised", &["upstart", "systemd", "auto", "no"], "no", "Which service manager to tell about readiness.")
        .immutable()
        .without_effect(NO_SUPERVISION),
    text("pidfile", "", "The file that holds the process id while the node runs.").immutable(),
    choice("loglevel", &["debug", "verbose", "notice", "warning"], "notice", "The least weight of what is logged."),
    text("logfile", "", "The file to log to; empty means standard output.").immutable(),
    flag("syslog-enabled", "no", "Log to syslog too.").immutable().without_effect(NOT_BUILT),
    text("syslog-ident", "redis", "The name that entries in syslog carry.").immutable().without_effect(NOT_BUILT),
    choice("syslog-facility", FACILITIES, "local0", "The syslog facility.").immutable().without_effect(NOT_BUILT),
    flag("always-show-logo", "no", "Begin the log with a logo.").immutable().without_effect(NOT_BUILT),
    flag("set-proc-title", "yes", "Show the node's address and mode in process lists.").immutable(),
    text("proc-title-template", "{title} {listen-addr} {server-mode}", "The form of the title in process lists.")
        .check(title_template),
    flag("crash-log-enabled", "yes", "Log a report when the process crashes."),
    flag("crash-memcheck-enabled", "yes", "Test the memory when the process crashes.").without_effect(NOT_BUILT),
    flag("use-exit-on-panic", "no", "Exit instead of aborting on an internal error.")
        .hidden()
        .without_effect(NOT_BUILT),
    number("watchdog-period", 0, INT, "0", "Log a stack when a turn takes so many milliseconds; 0 is off.")
        .hidden()
        .without_effect(NOT_BUILT),
    special("shutdown-on-sigint", Kind::Choices(SHUTDOWN), "default", "How SIGINT shuts the node down.")
        .check(save_or_nosave),
    special("shutdown-on-sigterm", Kind::Choices(SHUTDOWN), "default", "How SIGTERM shuts the node down.")
        .check(save_or_nosave),
    number("shutdown-timeout", 0, INT, "10", "How many seconds a shutdown waits for replicas that lag behind."),
    special("oom-score-adj", Kind::OomScoreAdj, "no", "Whether to adjust the kernel's out-of-memory score."),
    special(
        "oom-score-adj-values",
        Kind::OomScores,
        "0 200 800",
        "The out-of-memory scores of a primary, a replica and a child process.",
    ),
    flag("disable-thp", "yes", "Turn transparent huge pages off for this process.").immutable().without_effect(NO_FORK),
    text("ignore-warnings", "", "Start despite these known dangers of the system.").without_effect(NOT_BUILT),
    number("io-threads", 1, 128, "1", "How many threads do the input and output of Redis.")
        .immutable()
        .without_effect(OWN_THREADS),
    flag("io-threads-do-reads", "no", "Whether those threads read, too.").immutable().without_effect(OWN_THREADS),
    text("server_cpulist", "", "The CPUs of Redis's server threads.").immutable().without_effect(OWN_THREADS),
    text("bio_cpulist", "", "The CPUs of Redis's background threads.").immutable().without_effect(OWN_THREADS),
    text("aof_rewrite_cpulist", "", "The CPUs of Redis's AOF child.").immutable().without_effect(NO_FORK),
    text("bgsave_cpulist", "", "The CPUs of Redis's snapshot child.").immutable().without_effect(NO_FORK),
];

fn save_or_nosave(value: &Value) -> Result<(), &'static str> {
    match value {
        Value::Choices(words) if words.contains(&"save") && words.contains(&"nosave") => {
            Err("shutdown options SAVE and NOSAVE can't be used simultaneously")
        }
        _ => Ok(()),
    }
}

/// A template is text with variables in braces, those that Redis knows, and has to show something
/// where there is no title.
fn title_template(value: &Value) -> Result<(), &'static str> {
    const VARIABLES: [&str; 7] =
        ["title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file"];
    const WRONG: &str = "template format is invalid or contains unknown variables";
    let template = String::from_utf8_lossy(value.bytes());
    let mut rest = template.as_ref();
    while let Some((_, variable)) = rest.split_once('{') {
        let (name, after) = variable.split_once('}').ok_or(WRONG)?;
        if !VARIABLES.contains(&name) {
            return Err(WRONG);
        }
        rest = after;
    }
    if template.replace("{title}", "").trim().is_empty() { Err(WRONG) } else { Ok(()) }
}

//! What process lists show of the node: `proc-title-template`, written over the arguments that it was started with.
//!
//! The kernel shows what lies where it laid the arguments; a title that is longer goes on in the environment behind
//! them, which moves away first. It is written through `/proc/self/mem`: where that is not allowed, there is no title.
//!
//! Owned by the bus core's thread.

use super::config::Config;
use crate::base::environment;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

/// Where the kernel tells of a process's arguments: fields of `/proc/self/stat` after its name. Source: proc(5), `arg_start`.
const ARGUMENTS: usize = 48 - 3;

/// See the module's header.
#[derive(Default)]
pub struct Title {
    /// Where arguments and environment begin, and how many bytes they are.
    place: Option<(u64, usize)>,
    /// The first argument: what the program was called as.
    called: String,
}

impl Title {
    /// Takes the place of arguments and environment for a title. To be called before there are threads; nobody can read
    /// the arguments after the first title is shown.
    pub fn claim() -> Title {
        let called = std::env::args_os().next().unwrap_or_default().to_string_lossy().into_owned();
        environment::move_to_heap();
        Title { place: place(), called }
    }

    /// Shows the title that the configuration wants.
    pub fn show(&self, config: &Config) {
        let Some((start, room)) = self.place.filter(|_| config.flag("set-proc-title")) else { return };
        let mut title = self.text(config).into_bytes();
        // The rest is zeros: so that it ends, and nothing is left of one that was longer.
        title.truncate(room - 1);
        title.resize(room, 0);
        if let Err(error) = write(start, &title) {
            log::debug!("The title of the process can't be set: {error}");
        }
    }

    fn text(&self, config: &Config) -> String {
        let port: u16 = config.number("port");
        let address = config.bind().first().map_or("*".into(), |address| String::from_utf8_lossy(address).into_owned());
        let text = |name: &str| String::from_utf8_lossy(config.text(name)).into_owned();
        let values = [
            ("{title}", self.called.clone()),
            ("{listen-addr}", format!("{address}:{port}")),
            ("{server-mode}", if config.flag("cluster-enabled") { "[cluster]".into() } else { String::new() }),
            ("{port}", port.to_string()),
            ("{tls-port}", "0".into()),
            ("{unixsocket}", text("unixsocket")),
            ("{config-file}", config.file().map(|path| path.display().to_string()).unwrap_or_default()),
        ];
        fill(&text("proc-title-template"), &values)
    }
}

/// The template with each variable's value in its place, once.
fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut title = String::new();
    let mut rest = template;
    while let Some((before, _)) = rest.split_once('{') {
        title.push_str(before);
        let variable = &rest[before.len()..];
        let found = values.iter().find(|(name, _)| variable.starts_with(name));
        let (length, value) = found.map_or((1, "{"), |(name, value)| (name.len(), value.as_str()));
        title.push_str(value);
        rest = &variable[length..];
    }
    title.push_str(rest);
    title.trim_matches(' ').to_owned()
}

fn place() -> Option<(u64, usize)> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name may have any characters, even parentheses.
    let fields: Vec<u64> = stat
        .rsplit_once(") ")?
        .1
        .split_whitespace()
        .skip(ARGUMENTS)
        .map(|field| field.parse().ok())
        .collect::<Option<_>>()?;
    let &[start, end, environment, environment_end, ..] = &fields[..] else { return None };
    let whole = if environment == end { environment_end } else { end };
    let room = usize::try_from(whole.checked_sub(start)?).ok()?;
    (start > 0 && room > 1).then_some((start, room))
}

fn write(start: u64, title: &[u8]) -> io::Result<()> {
    File::options().write(true).open("/proc/self/mem")?.write_all_at(title, start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_is_replaced_once_and_blanks_at_the_ends_go() {
        let values =
            [("{title}", "a{port}".to_owned()), ("{port}", "7000".to_owned()), ("{server-mode}", String::new())];
        assert_eq!(fill("{title} *:{port} {server-mode}", &values), "a{port} *:7000");
        assert_eq!(fill("{x}{port}", &values), "{x}7000");
    }

    #[test]
    fn the_place_of_the_arguments_has_room_for_them() {
        let given: usize = std::env::args_os().map(|arg| arg.len() + 1).sum();
        assert!(place().is_some_and(|(_, room)| room >= given));
    }
}

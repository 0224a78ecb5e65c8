//! SCRIPT: what this node knows of scripts. Every core knows every script, so a change asks them all.

use super::Plane;
use super::ask::Finish;
use super::busy_script::{BUSY_FUNCTION, BUSY_SCRIPT, Kill};
use super::debugger::Debugging;
use super::dispatch::{Flow, Request};
use super::message::{Answer, Inquiry};
use super::script::Scripts;
use crate::base::limits;
use crate::data::command::{SessionHandler, help};
use crate::data::script::known::Known;
use crate::resp::Error;

/// Handlers that wait for all earlier replies of their client.
pub const NODE_HANDLERS: &[(&str, SessionHandler)] = &[
    ("script|debug", debug),
    ("script|exists", exists),
    ("script|flush", flush),
    ("script|help", script_help),
    ("script|kill", |plane, at, _| plane.kill_scripts(at, false)),
    ("script|load", load),
];

fn exists(plane: &mut Plane, at: u32, request: &Request<'_>) -> Result<Flow, Error> {
    plane.reply(at).array(request.args.len() - 2);
    for sha in &request.args[2..] {
        let known = plane.scripts.known.has(sha);
        plane.reply(at).int(i64::from(known));
    }
    Ok(Flow::Done)
}

fn load(plane: &mut Plane, at: u32, request: &Request<'_>) -> Result<Flow, Error> {
    plane.ask_then(
        at,
        plane.data_cores(),
        Inquiry::LoadScript(request.args[2].into()),
        Box::new(|plane, at, answers| {
            for answer in answers {
                if let Answer::Reply(Err(error)) = answer {
                    return Err(error);
                }
                if let Answer::Reply(Ok(sha)) = answer {
                    plane.reply(at).bulk(&sha);
                    break;
                }
            }
            Ok(Flow::Done)
        }),
    )
}

fn flush(plane: &mut Plane, at: u32, request: &Request<'_>) -> Result<Flow, Error> {
    match request.args {
        [_, _] => {}
        [_, _, mode] if mode.eq_ignore_ascii_case(b"sync") || mode.eq_ignore_ascii_case(b"async") => {}
        _ => return Err(Error::new("ERR SCRIPT FLUSH only support SYNC|ASYNC option")),
    }
    let finish: Finish = Box::new(|plane, at, _| plane.reply(at).ok());
    plane.ask(at, plane.data_cores(), Inquiry::FlushScripts, finish)
}

fn debug(plane: &mut Plane, at: u32, request: &Request<'_>) -> Result<Flow, Error> {
    plane.clients[at].session.debugging = match request.args[2].to_ascii_lowercase().as_slice() {
        b"no" => None,
        b"yes" => Some(Debugging::Undone),
        b"sync" => Some(Debugging::Kept),
        _ => return Err(Error::new("ERR Use SCRIPT DEBUG YES/SYNC/NO")),
    };
    plane.reply(at).ok();
    Ok(Flow::Done)
}

fn script_help(plane: &mut Plane, at: u32, _: &Request<'_>) -> Result<Flow, Error> {
    help::write(&mut plane.reply(at), "SCRIPT", HELP);
    Ok(Flow::Done)
}

const HELP: &[&str] = &[
    "DEBUG (YES|SYNC|NO)",
    "    Set the debug mode for subsequent scripts executed.",
    "EXISTS <sha1> [<sha1> ...]",
    "    Return information about the existence of the scripts in the script cache.",
    "FLUSH [ASYNC|SYNC]",
    "    Flush the Lua scripts cache. Very dangerous on replicas.",
    "KILL",
    "    Kill the currently executing Lua script.",
    "LOAD <script>",
    "    Load a script into the scripts cache without executing it.",
];

impl Plane {
    /// SCRIPT KILL, and with `function` FUNCTION KILL.
    pub(super) fn kill_scripts(&mut self, at: u32, function: bool) -> Result<Flow, Error> {
        self.ask_then(
            at,
            self.data_cores(),
            Inquiry::KillScript { function },
            Box::new(move |plane, at, answers| {
                let kills: Vec<Kill> = answers
                    .into_iter()
                    .filter_map(|answer| if let Answer::Kill(kill) = answer { Some(kill) } else { None })
                    .collect();
                if kills.contains(&Kill::Done) {
                    plane.reply(at).ok();
                    return Ok(Flow::Done);
                }
                Err(Error::new(if kills.contains(&Kill::Unkillable) {
                    UNKILLABLE
                } else if kills.contains(&Kill::OtherKind) {
                    if function { BUSY_SCRIPT } else { BUSY_FUNCTION }
                } else {
                    "NOTBUSY No scripts in execution right now."
                }))
            }),
        )
    }

    /// Compiles a script on this core.
    pub(super) fn load_script(&mut self, body: &[u8]) -> Result<Vec<u8>, Error> {
        self.engine()?;
        let Scripts { engine: Some(engine), known, .. } = &mut self.scripts else { return Ok(Vec::new()) };
        known.load(engine, body).map(|(sha, _)| sha.to_vec())
    }
}

impl Scripts {
    /// Forgets all scripts, and everything that the interpreter holds. A running one ends as it would have.
    pub(super) fn flush(&mut self) {
        self.known = Known::default();
        self.wide = Default::default();
        self.release_engine();
    }

    /// Gives the interpreter's memory back: all of it where no script runs and no library is there, unless that takes long.
    /// The next script makes another one, as Redis does at once.
    pub(super) fn release_engine(&mut self) {
        let (Some(engine), None) = (&self.engine, &self.job) else { return };
        let unused = self.known.is_empty() && self.libraries.libraries.is_empty();
        if unused && engine.memory() <= limits::SCRIPT_MEMORY_TO_CLOSE {
            self.engine = None;
        } else {
            engine.collect_forgotten();
        }
    }
}

const UNKILLABLE: &str = "UNKILLABLE Sorry the script already executed write commands against the dataset. You can \
                          either wait the script termination or kill the server in a hard way using the SHUTDOWN \
                          NOSAVE command.";

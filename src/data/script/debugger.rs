//! Redis's debugger of scripts: the engine's part of a session. `debugger.lua` is what its user talks to.
//!
//! A script that is debugged steps out of its coroutine at every stop ([`Step::Stop`]), with lines for its user, and
//! is resumed with what the user says. It goes on by itself when nobody is there any more.

use super::api::failure;
use super::bridge::{self, Bridge, Resume, Suspend};
use super::engine::{Engine, Step};
use mlua::{Function, Lua, Table};
use std::rc::Rc;

/// The debugger of an interpreter, once it was needed.
pub struct Debugger {
    begin: Function,
    finish: Function,
}

/// Lines for the user.
pub type Lines = Vec<Vec<u8>>;

impl Debugger {
    fn new(lua: &Lua, bridge: &Rc<Bridge>, tools: &Table) -> mlua::Result<Debugger> {
        let native = lua.create_table()?;
        let inner = bridge.clone();
        native.set(
            "stop",
            lua.create_function(move |lua, lines: Table| {
                *inner.lines.borrow_mut() = lines_of(&lines)?;
                let words = inner.suspend(Suspend::Stop);
                alive(&inner)?;
                match words {
                    Some(Resume::Words(None)) => failure("protocol error"),
                    Some(Resume::Words(Some(words))) => {
                        let words =
                            words.iter().map(|word| lua.create_string(word)).collect::<mlua::Result<Vec<_>>>()?;
                        lua.create_sequence_from(words).map(Some)
                    }
                    _ => Ok(None),
                }
            })?,
        )?;
        let inner = bridge.clone();
        native.set(
            "pause",
            lua.create_function(move |_, _: mlua::MultiValue| {
                if inner.is_inside() && (inner.clock)() >= inner.slice_ends.get() {
                    inner.suspend(Suspend::Slice);
                }
                alive(&inner)
            })?,
        )?;
        let inner = bridge.clone();
        native.set("now", lua.create_function(move |_, ()| Ok((inner.clock)() / 1_000_000))?)?;
        let debug = bridge::debug_library(lua)?;
        let chunk = lua.load(include_str!("debugger.lua")).set_name("=debugger");
        let made: Table = chunk.call((native, debug, tools))?;
        Ok(Debugger { begin: made.get("begin")?, finish: made.get("finish")? })
    }
}

/// An error, if the script is to end.
fn alive(bridge: &Bridge) -> mlua::Result<()> {
    if bridge.killed.get() { failure("Script killed by user with SCRIPT KILL...") } else { Ok(()) }
}

fn lines_of(lines: &Table) -> mlua::Result<Lines> {
    lines.sequence_values::<mlua::LuaString>().map(|line| line.map(|line| line.as_bytes().to_vec())).collect()
}

impl Engine {
    /// The next script is debugged; its text is `text`. It is stopped when it has run for `limit_ms` without.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn begin_debugging(&mut self, text: &[u8], limit_ms: u64) -> mlua::Result<()> {
        if self.debugger.is_none() {
            self.debugger = Some(Debugger::new(&self.lua, &self.bridge, &self.tools)?);
        }
        let Some(debugger) = &self.debugger else { return Ok(()) };
        debugger.begin.call((self.lua.create_string(text)?, limit_ms))
    }

    /// The script that was debugged is done: what its user was not told yet.
    pub fn end_debugging(&mut self) -> Lines {
        let lines = self.debugger.as_ref().and_then(|debugger| debugger.finish.call::<Table>(()).ok());
        if let Err(error) = self.watch() {
            log::error!("Scripts run unwatched: {error}");
        }
        lines.and_then(|lines| lines_of(&lines).ok()).unwrap_or_else(|| vec![b"<endsession>".to_vec()])
    }

    /// What the user is to be told at a stop.
    pub fn lines(&mut self) -> Lines {
        self.bridge.lines.take()
    }

    /// Goes on with what the user says; none: that was no command.
    pub fn obey(&mut self, words: Option<Lines>, slice_ends: u64) -> Step {
        self.bridge.slice_ends.set(slice_ends);
        self.resume(Resume::Words(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::script::engine::{self, Outcome};

    fn text(lines: Lines) -> String {
        lines.iter().map(|line| String::from_utf8_lossy(line)).collect::<Vec<_>>().join("\n")
    }

    /// Runs a script under the debugger; what its user reads, command by command, and how it ends.
    fn session(script: &str, commands: &[&str]) -> (Vec<String>, Step) {
        let mut engine = Engine::new(|| 0, false).unwrap();
        engine.begin_debugging(script.as_bytes(), 5000).unwrap();
        let mut step = engine::evaluate(&mut engine, script, &[b"k"], &[b"a", b"b"]);
        let mut told = Vec::new();
        for command in commands {
            while let Step::Call = step {
                step = engine.reply(b"+OK\r\n".to_vec());
            }
            assert!(matches!(step, Step::Stop), "before {command}");
            told.push(text(engine.lines()));
            let words = command.split(' ').map(|word| word.as_bytes().to_vec()).collect();
            step = engine.obey(Some(words), u64::MAX);
        }
        told.push(text(if let Step::Stop = step { engine.lines() } else { engine.end_debugging() }));
        (told, step)
    }

    #[test]
    fn a_session_steps_prints_and_ends_with_the_reply() {
        let script = "local x = {1, 'a'}\nlocal y = x[1] + 1\nreturn y\n";
        let (told, step) = session(script, &["s", "print x", "p", "print KEYS", "print nothing", "continue"]);
        assert_eq!(told[0], "* Stopped at 1, stop reason = step over\n-> 1   local x = {1, 'a'}");
        assert_eq!(told[1], "* Stopped at 2, stop reason = step over\n-> 2   local y = x[1] + 1");
        assert_eq!(
            told[2..6],
            ["<value> {1; \"a\"}", "<value> x = {1; \"a\"}", "<value> {\"k\"}", "No such variable."]
        );
        assert_eq!(told[6], "<endsession>");
        assert!(matches!(step, Step::Done(Outcome::Reply(reply)) if reply == b":2\r\n"));
    }

    #[test]
    fn breakpoints_stop_and_commands_are_shown_while_stepping() {
        let script = "local x = 1\nredis.call('set', 'k', 1)\nredis.breakpoint()\nx = 2\nredis.debug(x, 'y')\nreturn x";
        let (told, _) = session(script, &["break 2 9", "b", "c", "s", "c", "c"]);
        assert_eq!(
            told[1],
            "-> 1   local x = 1\n  #2   redis.call('set', 'k', 1)\n   3   redis.breakpoint()\nWrong line number."
        );
        assert_eq!(told[2], "1 breakpoints set:\n  #2   redis.call('set', 'k', 1)");
        assert_eq!(told[3], "* Stopped at 2, stop reason = break point\n->#2   redis.call('set', 'k', 1)");
        let shown =
            "<redis> set k 1\n<reply> \"+OK\"\n* Stopped at 3, stop reason = step over\n-> 3   redis.breakpoint()";
        assert_eq!(told[4], shown);
        assert_eq!(told[5], "* Stopped at 4, stop reason = redis.breakpoint() called\n-> 4   x = 2");
        assert_eq!(told[6], "<debug> line 5: 2, \"y\"\n<endsession>");
    }

    #[test]
    fn code_is_evaluated_and_a_script_is_aborted() {
        let (told, step) = session("return 1", &["eval 1 + ARGV[1]", "e {", "trace", "x", "maxlen 0", "abort"]);
        assert!(told[1].starts_with("<error> ") && told[1].contains("arithmetic"), "{}", told[1]);
        assert!(told[2].starts_with("<error> "), "{}", told[2]);
        assert_eq!(told[3], "In top level:\n-> 1   return 1");
        assert!(told[4].starts_with("<error> Unknown Redis Lua debugger command"));
        assert_eq!(told[5], "<value> replies are unlimited.");
        assert!(
            matches!(step, Step::Done(Outcome::Error { text, .. }) if text == b"ERR script aborted for user request")
        );
    }

    #[test]
    fn a_script_that_does_not_stop_is_stopped_and_then_ended() {
        let mut engine = Engine::new(|| 0, false).unwrap();
        engine.begin_debugging(b"while true do end", 0).unwrap();
        assert!(matches!(engine::evaluate(&mut engine, "while true do end", &[], &[]), Step::Stop));
        assert!(matches!(engine.obey(Some(vec![b"c".to_vec()]), u64::MAX), Step::Stop));
        assert!(text(engine.lines()).starts_with("* Stopped at 1, stop reason = timeout reached, infinite loop?\n"));
        // Nobody is there any more.
        let step = engine.go_on(u64::MAX);
        let Step::Done(Outcome::Error { text, .. }) = step else { panic!("it goes on") };
        assert_eq!(text, b"ERR timeout during Lua debugging with client closing connection");
    }

    #[test]
    fn a_script_goes_on_when_its_user_is_gone() {
        let mut engine = Engine::new(|| 0, false).unwrap();
        engine.begin_debugging(b"local x = 1\nreturn x", 5000).unwrap();
        let step = engine::evaluate(&mut engine, "local x = 1\nreturn x", &[], &[]);
        assert!(matches!(step, Step::Stop));
        assert!(matches!(engine.go_on(u64::MAX), Step::Done(Outcome::Reply(_))));
        engine.end_debugging();
        assert!(matches!(engine::evaluate(&mut engine, "return 1", &[], &[]), Step::Done(Outcome::Reply(_))));
    }
}

//! The interpreter of one core, and the one script that it may be running.

use super::api;
use super::bridge::{Arguments, Bridge, Resume, Suspend};
use super::convert;
use super::debugger::Debugger;
use super::functions::{Defined, Registering};
use super::stack::{Kind, Stack};
use crate::base::limits;
use crate::contract::log::Audience;
use crate::resp::{Error, Proto, Reply};
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use mlua::state::{GcIncParams, GcMode};
use mlua::{Function, HookTriggers, Lua, LuaOptions, RegistryKey, StdLib, Table, Value, VmState};
use std::cell::Ref;
use std::ffi::c_int;
use std::rc::Rc;

/// The field of an error that was counted when its command failed.
pub(super) const COUNTED: &str = "ignore_error_stats_update";

/// Steps of garbage collection at once; each goes through some kilobytes.
const GC_STEPS: usize = 8;

/// A script on its way.
type Running = Coroutine<Resume, Suspend, Outcome, DefaultStack>;

/// A function that was compiled, and is to be found again ([`Engine::function`]). One that is dropped is freed by and by.
pub type Kept = Rc<RegistryKey>;

/// How a script ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With this reply.
    Reply(Vec<u8>),
    /// With an error: its text with a code word, where in the script it happened, and whether it was counted already.
    Error {
        /// The text.
        text: Vec<u8>,
        /// Source and line.
        position: Option<(String, i64)>,
        /// Whether it was counted when the command that caused it failed.
        counted: bool,
    },
}

/// What a script wants next.
pub enum Step {
    /// The command in [`Engine::arguments`] executed, and [`Engine::reply`] with its reply.
    Call,
    /// To know whether that command would be allowed: [`Engine::reply`] with 1, 0 or an error.
    Check,
    /// A pause; then [`Engine::go_on`].
    Slice,
    /// To tell the user of its debugger [`Engine::lines`], and [`Engine::obey`]; [`Engine::go_on`] if nobody is there.
    Stop,
    /// Nothing more.
    Done(Outcome),
}

/// What is to run, and with what.
pub struct Invocation<'a> {
    /// The compiled script or function.
    pub function: Function,
    /// Whether it is a function of a library, which gets keys and arguments as parameters.
    pub is_function: bool,
    /// KEYS.
    pub keys: &'a [&'a [u8]],
    /// ARGV.
    pub args: &'a [&'a [u8]],
    /// How its reply is to be written.
    pub proto: Proto,
    /// When its first slice of time is over, by the engine's clock.
    pub slice_ends: u64,
}

/// What runs a script. It lives as long as the interpreter, and the bridge in it longer: see the order of drops.
struct Runner {
    lua: Lua,
    /// The globals that scripts see, behind their proxy.
    globals: Table,
    /// What gives an error its place in the script.
    located: Function,
    bridge: Rc<Bridge>,
}

/// See the module's header.
pub struct Engine {
    pub(super) lua: Lua,
    pub(super) bridge: Rc<Bridge>,
    /// What the debugger works with, and that.
    pub(super) tools: Table,
    pub(super) debugger: Option<Debugger>,
    runner: Rc<Runner>,
    compile: Function,
    load_library: Function,
    /// The functions of the library that is being loaded.
    registering: Registering,
    running: Option<Running>,
    /// A stack for the next script.
    stack: Option<DefaultStack>,
    /// Memory for its reply.
    spare: Vec<u8>,
    runs: u32,
}

impl Engine {
    /// An interpreter that knows no script. `clock`: nanoseconds that never go back. `deprecated`: scripts may use
    /// what Redis took away (`lua-enable-deprecated-api`).
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn new(clock: fn() -> u64, deprecated: bool) -> mlua::Result<Engine> {
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH;
        // A panic ends the process, so Lua's own `xpcall` will do: mlua's makes a closure for each script that runs.
        let lua = Lua::new_with(libraries, LuaOptions::new().catch_rust_panics(true))?;
        lua.set_memory_limit(limits::SCRIPT_MEMORY)?;
        let bridge = Rc::new(Bridge::new(clock));
        let registering = Registering::default();
        let native = api::native(&lua, &bridge, &registering, deprecated)?;
        let sandbox: Table = lua.load(include_str!("prelude.lua")).set_name("=sandbox").call(native)?;
        // What the compiler of the prelude left.
        lua.gc_collect()?;
        // Many cores have many interpreters: none waits until it has twice what it needs. (At 110 a short script spent
        // a tenth of its time on going through what all scripts share.)
        lua.gc_set_mode(GcMode::Incremental(GcIncParams::default().pause(150)));
        let (globals, located) = (sandbox.get("globals")?, sandbox.get("located")?);
        let engine = Engine {
            runner: Rc::new(Runner { lua: lua.clone(), globals, located, bridge: bridge.clone() }),
            compile: sandbox.get("compile")?,
            load_library: sandbox.get("load_library")?,
            tools: sandbox.get("tools")?,
            debugger: None,
            registering,
            bridge,
            running: None,
            stack: None,
            spare: Vec::new(),
            runs: 0,
            lua,
        };
        engine.watch()?;
        // What forgets a kept function needs memory the first time, and has nobody to tell if there is none: so now.
        drop(keep(&engine.lua, &engine.compile)?);
        engine.lua.expire_registry_values();
        Ok(engine)
    }

    /// Has scripts look at the clock now and then.
    pub(super) fn watch(&self) -> mlua::Result<()> {
        let hooked = self.bridge.clone();
        self.lua.set_hook(HookTriggers::new().every_nth_instruction(limits::SCRIPT_INSTRUCTIONS), move |_, _| {
            if !hooked.killed.get() && hooked.is_inside() && (hooked.clock)() >= hooked.slice_ends.get() {
                hooked.suspend(Suspend::Slice);
            }
            if !hooked.is_inside() && (hooked.clock)() > hooked.load_ends.get() {
                hooked.killed.set(true);
                return Err(mlua::Error::runtime("FUNCTION LOAD timeout"));
            }
            if hooked.killed.get() {
                return Err(mlua::Error::runtime("Script killed by user with SCRIPT KILL..."));
            }
            Ok(VmState::Continue)
        })
    }

    /// Compiles a script; what is wrong with it otherwise.
    pub fn compile(&self, text: &[u8], source: &str) -> Result<Function, Vec<u8>> {
        let text = self.lua.create_string(text).map_err(|error| error.to_string().into_bytes())?;
        match self.compile.call::<(Value, Value)>((text, source)) {
            Ok((Value::Function(function), _)) => Ok(function),
            Ok((_, Value::String(problem))) => Err(problem.as_bytes().to_vec()),
            Ok(_) => Err(b"not a script".to_vec()),
            Err(error) => Err(error.to_string().into_bytes()),
        }
    }

    /// Compiles a script and keeps it; what is wrong with it otherwise.
    pub fn compile_and_keep(&self, text: &[u8], source: &str) -> Result<Kept, Vec<u8>> {
        let function = self.compile(text, source)?;
        keep(&self.lua, &function).map_err(|error| api::message(&error).into_bytes())
    }

    /// A function that is kept.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn function(&self, kept: &Kept) -> Result<Function, Error> {
        self.lua.registry_value(kept).map_err(|error| Error::new(format!("ERR {}", api::message(&error))))
    }

    /// Bytes of memory that Lua has.
    pub fn memory(&self) -> usize {
        self.lua.used_memory()
    }

    /// Whether a script is running.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Runs a library's text, to the end; what it has registered until then, and what went wrong.
    pub(super) fn run_library(&self, library: Function) -> (Result<(), Vec<u8>>, Vec<Defined>) {
        *self.registering.borrow_mut() = Some(Vec::new());
        // A script that stands still meanwhile may have been killed.
        let killed = self.bridge.killed.replace(false);
        self.bridge.load_ends.set((self.bridge.clock)() + limits::LIBRARY_LOAD_NS);
        let ended = match self.load_library.call::<(bool, Value)>(library) {
            Ok((true, _)) => Ok(()),
            Ok((false, problem)) => match error_of(&problem) {
                Outcome::Error { text, .. } => Err(text.strip_prefix(b"ERR ").unwrap_or(&text).to_vec()),
                Outcome::Reply(_) => Ok(()),
            },
            Err(error) => Err(error.to_string().into_bytes()),
        };
        self.bridge.load_ends.set(u64::MAX);
        self.bridge.killed.set(killed);
        (ended, self.registering.borrow_mut().take().unwrap_or_default())
    }

    /// Whether the script reads replies as RESP3.
    pub fn reads_resp3(&self) -> bool {
        self.bridge.resp3.get()
    }

    /// Who is to have what the script changes, as it says (`redis.set_repl`); none: nobody.
    pub fn audience(&self) -> Option<Audience> {
        match self.bridge.replicate.get() {
            0 => None,
            1 => Some(Audience::Disk),
            2 => Some(Audience::Replicas),
            _ => Some(Audience::All),
        }
    }

    /// The command that the script calls.
    pub fn arguments(&self) -> Ref<'_, Arguments> {
        self.bridge.arguments.borrow()
    }

    /// Begins a script. None may be running.
    pub fn start(&mut self, invocation: Invocation<'_>) -> Step {
        debug_assert!(self.running.is_none(), "an engine runs one script at a time");
        let Invocation { function, is_function, keys, args, proto, slice_ends } = invocation;
        for (inputs, words) in self.bridge.inputs.iter().zip([keys, args]) {
            let mut inputs = inputs.borrow_mut();
            inputs.clear();
            words.iter().for_each(|word| inputs.push(word));
        }
        self.bridge.killed.set(false);
        self.bridge.resp3.set(false);
        self.bridge.replicate.set(3);
        self.bridge.slice_ends.set(slice_ends);
        let stack = match self.stack.take().map_or_else(|| DefaultStack::new(limits::SCRIPT_STACK), Ok) {
            Ok(stack) => stack,
            Err(error) => return Step::Done(out_of_memory(&error)),
        };
        let (runner, bytes) = (self.runner.clone(), std::mem::take(&mut self.spare));
        let body = move |yielder: &_, _| runner.run(yielder, function, is_function, bytes, proto);
        self.running = Some(Coroutine::with_stack(stack, body));
        self.resume(Resume::GoOn)
    }

    /// Memory for the reply to the command that is called.
    pub fn buffer(&self) -> Vec<u8> {
        self.bridge.buffer()
    }

    /// The reply of a script is where it belongs: its memory is free again.
    pub fn recycle(&mut self, mut reply: Vec<u8>) {
        reply.clear();
        reply.shrink_to(limits::SCRIPT_KEPT);
        self.spare = reply;
    }

    /// Goes on with the reply to the command that was called.
    pub fn reply(&mut self, reply: Vec<u8>) -> Step {
        self.resume(Resume::Reply(reply))
    }

    /// Goes on after a pause, until `slice_ends`.
    pub fn go_on(&mut self, slice_ends: u64) -> Step {
        self.bridge.slice_ends.set(slice_ends);
        self.resume(Resume::GoOn)
    }

    /// Makes the running script end with an error when it goes on.
    pub fn kill(&mut self) {
        self.bridge.killed.set(true);
    }

    pub(super) fn resume(&mut self, with: Resume) -> Step {
        let Some(running) = &mut self.running else {
            return Step::Done(Outcome::Reply(b"$-1\r\n".to_vec()));
        };
        match running.resume(with) {
            CoroutineResult::Yield(Suspend::Call) => Step::Call,
            CoroutineResult::Yield(Suspend::Check) => Step::Check,
            CoroutineResult::Yield(Suspend::Slice) => Step::Slice,
            CoroutineResult::Yield(Suspend::Stop) => Step::Stop,
            CoroutineResult::Return(outcome) => {
                self.stack = self.running.take().map(Coroutine::into_stack);
                self.collect();
                Step::Done(outcome)
            }
        }
    }

    /// Now and then a piece of garbage collection, so that no script waits for all of it.
    fn collect(&mut self) {
        self.runs += 1;
        if self.runs.is_multiple_of(50) {
            self.collect_some();
        }
    }

    /// A piece of garbage collection; all of it if there is little, so that what is taken stays near what is needed.
    /// True: a round of it has come to its end.
    pub fn collect_some(&self) -> bool {
        self.lua.expire_registry_values();
        (0..GC_STEPS).any(|_| self.lua.gc_step().unwrap_or(true))
    }

    /// Collects what was just forgotten, if that does not take long: on this core perhaps no script runs any more.
    pub fn collect_forgotten(&self) {
        // What was marked before it was forgotten goes with the round after this.
        (0..GC_STEPS).filter(|_| self.collect_some()).nth(1);
    }
}

impl Runner {
    /// Runs a script to its end, on the stack of its own. `bytes`: memory for its reply.
    fn run(
        &self,
        yielder: &Yielder<Resume, Suspend>,
        function: Function,
        is_function: bool,
        mut bytes: Vec<u8>,
        proto: Proto,
    ) -> Outcome {
        const GLOBALS: c_int = 1;
        const LOCATED: c_int = 2;
        let inputs = self.bridge.inputs.each_ref().map(|words| words.borrow());
        let [keys, args] = inputs.each_ref().map(|words| &**words);
        let mut reply = Reply::new(&mut bytes, proto);
        // Leaves whether the script came to its end, and its value unless that was written as the reply.
        let work = |stack: &Stack| {
            let inputs = if is_function {
                push_words(stack, keys);
                push_words(stack, args);
                2
            } else {
                for (name, words) in [("KEYS", keys), ("ARGV", args)] {
                    stack.push(name.as_bytes());
                    push_words(stack, words);
                    stack.set(GLOBALS);
                }
                0
            };
            let ended = stack.call(inputs, LOCATED);
            let value = stack.top();
            let counted = || stack.field(value, COUNTED) == Kind::Boolean(true);
            if ended && !(stack.kind(value) == Kind::Table && counted()) {
                stack.keep(value);
                convert::write(stack, self.bridge.resp3.get(), &mut reply);
                stack.push_nil();
            } else {
                stack.keep(value);
            }
            stack.put(2);
            stack.push_boolean(ended);
            stack.put(1);
            stack.keep(2);
        };
        let inputs = (&self.globals, &self.located, function);
        // Around the protected call, not within: an error that leaves it drops nothing.
        let ended = self.bridge.enter(yielder, || Stack::protected::<(bool, Value)>(&self.lua, inputs, work));
        self.bridge.finish();
        match ended {
            Ok((true, Value::Nil)) => Outcome::Reply(bytes),
            Ok((true, value)) => match error_of(&value) {
                Outcome::Error { text, .. } => Outcome::Error { text, position: None, counted: true },
                reply => reply,
            },
            Ok((false, problem)) => error_of(&problem),
            Err(error) => out_of_memory(&api::message(&error)),
        }
    }
}

/// Keeps a function for as long as somebody has what this returns. (A [`Function`] is a handle: of those there are only some
/// thousand.)
pub(super) fn keep(lua: &Lua, function: &Function) -> mlua::Result<Kept> {
    lua.create_registry_value(function).map(Rc::new)
}

/// Pushes words as a table.
fn push_words(stack: &Stack, words: &Arguments) {
    let words = words.iter();
    stack.push_table(words.len(), 0);
    for (index, word) in words.enumerate() {
        stack.push(word);
        stack.set_element(index + 1);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // A script that still runs would have to be unwound through the interpreter's frames. The process is ending.
        std::mem::forget(self.running.take());
    }
}

fn out_of_memory(error: &dyn std::fmt::Display) -> Outcome {
    let text = format!("ERR {}", error.to_string().lines().next().unwrap_or_default());
    Outcome::Error { text: text.into_bytes(), position: None, counted: false }
}

/// The error a script ended with: a table, as `prelude.lua` leaves it, but for one that came when even that was not
/// possible any more.
fn error_of(problem: &Value) -> Outcome {
    let table = match problem {
        Value::Table(table) => table,
        Value::String(text) => return out_of_memory(&text.to_string_lossy()),
        other => return out_of_memory(&other.type_name()),
    };
    let text = match table.raw_get::<Value>("err") {
        Ok(Value::String(text)) => text.as_bytes().to_vec(),
        _ => b"ERR unknown error".to_vec(),
    };
    let source = table.raw_get::<Option<String>>("source").ok().flatten();
    let line = table.raw_get::<Option<i64>>("line").ok().flatten();
    Outcome::Error { text, position: source.zip(line), counted: is_counted(problem) }
}

/// Whether a value is the error of a command, which was counted when that failed.
fn is_counted(value: &Value) -> bool {
    let Value::Table(table) = value else { return false };
    table.raw_get::<Option<bool>>(COUNTED).ok().flatten().unwrap_or(false)
}

/// Runs a script alone: no command, no pause. For tests.
#[cfg(test)]
pub fn evaluate(engine: &mut Engine, text: &str, keys: &[&[u8]], args: &[&[u8]]) -> Step {
    let function = match engine.compile(text.as_bytes(), api::SCRIPT_SOURCE) {
        Ok(function) => function,
        Err(problem) => {
            return Step::Done(Outcome::Error { text: problem, position: None, counted: false });
        }
    };
    engine.start(Invocation { function, is_function: false, keys, args, proto: Proto::Resp2, slice_ends: u64::MAX })
}

#[cfg(test)]
mod tests {
    use super::super::api::SCRIPT_SOURCE;
    use super::*;

    fn engine() -> Engine {
        Engine::new(|| 0, false).unwrap()
    }

    fn answer(text: &str) -> String {
        let mut engine = engine();
        match evaluate(&mut engine, text, &[b"k1"], &[b"a1", b"a2"]) {
            Step::Done(Outcome::Reply(reply)) => String::from_utf8(reply).unwrap(),
            Step::Done(Outcome::Error { text, position, .. }) => {
                format!("{} {position:?}", String::from_utf8(text).unwrap())
            }
            Step::Call => format!(
                "called {:?}",
                engine.arguments().iter().map(|a| a.escape_ascii().to_string()).collect::<Vec<_>>()
            ),
            Step::Check => "check".into(),
            Step::Slice => "slice".into(),
            Step::Stop => "stop".into(),
        }
    }

    #[test]
    fn a_script_sees_keys_and_arguments_and_returns_a_value() {
        assert_eq!(answer("return {KEYS[1], ARGV[2], #ARGV}"), "*3\r\n$2\r\nk1\r\n$2\r\na2\r\n:2\r\n");
        assert_eq!(answer("return redis.sha1hex('')"), "$40\r\nda39a3ee5e6b4b0d3255bfef95601890afd80709\r\n");
        assert_eq!(answer("return redis.status_reply('FINE')"), "+FINE\r\n");
        assert_eq!(answer("return redis.error_reply('BAD luck')"), "-BAD luck\r\n");
    }

    #[test]
    fn a_script_steps_out_to_call_a_command_and_goes_on_with_the_reply() {
        let mut engine = engine();
        let step = evaluate(&mut engine, "local r = redis.call('incrby', KEYS[1], 5) return r + 1", &[b"k"], &[]);
        assert!(matches!(step, Step::Call));
        assert_eq!(engine.arguments().iter().collect::<Vec<_>>(), [&b"incrby"[..], b"k", b"5"]);
        let Step::Done(outcome) = engine.reply(b":7\r\n".to_vec()) else { panic!("it has all it wants") };
        assert_eq!(outcome, Outcome::Reply(b":8\r\n".to_vec()));
        assert!(!engine.is_running());
    }

    #[test]
    fn an_error_reply_ends_a_call_but_not_a_pcall() {
        let mut engine = engine();
        evaluate(&mut engine, "local a = 1\nreturn redis.call('nope')", &[], &[]);
        let Step::Done(outcome) = engine.reply(b"-ERR no such thing\r\n".to_vec()) else { panic!() };
        let position = Some(("@user_script".to_owned(), 2));
        assert_eq!(outcome, Outcome::Error { text: b"ERR no such thing".to_vec(), position, counted: true });
        evaluate(&mut engine, "return redis.pcall('nope')['err']", &[], &[]);
        let Step::Done(outcome) = engine.reply(b"-ERR no such thing\r\n".to_vec()) else { panic!() };
        assert_eq!(outcome, Outcome::Reply(b"$17\r\nERR no such thing\r\n".to_vec()));
    }

    #[test]
    fn what_scripts_share_can_not_be_changed() {
        for attempt in [
            "a = 10",
            "redis = 1",
            "redis.call = 1",
            "rawset(redis, 'call', 1)",
            "rawset(_G, 'a', 1)",
            "setmetatable(_G, {})",
            "getmetatable(_G).__index = {}",
            "getmetatable('').__index = {}",
            "table.insert(redis, 1)",
            "local _, t = pairs(redis) t.call = 1",
            "string.format = 1",
            "loadstring('b = 1')()",
            "KEYS = 1",
        ] {
            let answer = answer(&format!("{attempt} return 1"));
            assert!(answer.contains("Attempt to modify a readonly table"), "{attempt}: {answer}");
        }
        assert!(answer("return print").contains("nonexistent global variable 'print'"));
        assert!(answer("return loadstring('\\27Lua')").contains("$-1"));
    }

    #[test]
    fn errors_tell_where_in_the_script_they_happened() {
        assert_eq!(answer("\nerror('no')"), "ERR user_script:2: no Some((\"@user_script\", 2))");
        assert_eq!(answer("error({err='My Err'})"), "My Err Some((\"@user_script\", 1))");
        assert!(answer("return {").contains("user_script:1: unexpected symbol"), "{}", answer("return {"));
    }

    #[test]
    fn a_script_that_runs_for_too_long_steps_out_and_can_be_killed() {
        static TIME: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        let clock = || TIME.get_or_init(std::time::Instant::now).elapsed().as_nanos() as u64 + 1;
        let mut engine = Engine::new(clock, false).unwrap();
        let endless = "while true do pcall(function() while true do end end) end";
        let function = engine.compile(endless.as_bytes(), SCRIPT_SOURCE).unwrap();
        let proto = Proto::Resp2;
        let step =
            engine.start(Invocation { function, is_function: false, keys: &[], args: &[], proto, slice_ends: 0 });
        assert!(matches!(step, Step::Slice));
        assert!(matches!(engine.go_on(0), Step::Slice));
        engine.kill();
        let Step::Done(Outcome::Error { text, .. }) = engine.go_on(0) else { panic!("it was killed") };
        assert!(text.starts_with(b"ERR Script killed by user"), "{}", text.escape_ascii());
    }

    #[test]
    fn a_script_that_takes_too_much_memory_fails_alone() {
        let greedy = answer("local t = {} while true do t[#t+1] = string.rep('x', 1e7) .. #t end");
        assert!(greedy.contains("not enough memory"), "{greedy}");
        let deep = answer("local function f() return f() + 1 end return f()");
        assert!(deep.contains("stack overflow"), "{deep}");
    }

    #[test]
    fn bits_are_those_of_luabitop() {
        assert_eq!(answer("return bit.tohex(65535, -4)"), "$4\r\nFFFF\r\n");
        assert_eq!(answer("return bit.tohex(2, -2147483648)"), "$8\r\n00000002\r\n");
        assert_eq!(
            answer("return {bit.bnot(0), bit.lshift(1, 31), bit.band(7, 6, 12), bit.tobit(4294967295)}"),
            "*4\r\n:-1\r\n:-2147483648\r\n:4\r\n:-1\r\n"
        );
    }

    #[test]
    fn arrays_are_told_from_maps_by_their_keys() {
        let json = "return {cjson.encode({1, 'b', {3}}), cjson.encode({[1] = 5, a = 1.5}), #cjson.decode('[7, 8]')}";
        let replies = ["$11\r\n[1,\"b\",[3]]", "$15\r\n{\"1\":5,\"a\":1.5}", ":2"];
        assert_eq!(answer(json), format!("*3\r\n{}\r\n", replies.join("\r\n")));
        assert_eq!(answer("return {string.byte(cmsgpack.pack({1, {}}), 1, -1)}"), "*3\r\n:146\r\n:1\r\n:144\r\n");
        let large = "local t = {} for i = 1, 20000 do t[tostring(i)] = 'v' .. i end
                     return cmsgpack.unpack(cmsgpack.pack(t))['19999']";
        assert_eq!(answer(large), "$6\r\nv19999\r\n");
    }

    #[test]
    fn unpack_counts_without_overflow() {
        for range in ["-2, 2147483647", "0, 2147483647", "-2147483648, -2", "0/0, 2147483647", "-1e300, 1e300"] {
            let reply = answer(&format!("return {{unpack({{1}}, {range})}}"));
            assert!(reply.contains("too many results to unpack"), "{range}: {reply}");
        }
        assert_eq!(answer("return select('#', unpack({1, 2, 3}, -1, 5))"), ":7\r\n");
        assert_eq!(answer("return #{unpack({1, 2, 3}, '2')}"), ":2\r\n");
    }

    #[test]
    fn random_numbers_follow_from_the_seed_as_in_redis() {
        assert_eq!(
            answer("math.randomseed(10) return tostring(math.random(100)) .. ' ' .. math.random(100)"),
            answer("math.randomseed(10) return tostring(math.random(100)) .. ' ' .. math.random(100)")
        );
    }
}

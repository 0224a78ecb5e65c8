//! The way out of a running script: native functions of Lua, which are made once and live as long as the
//! interpreter, reach the coroutine of the script that calls them.
//!
//! A script runs on a stack of its own ([`corosensei`]). When it calls a command, or has used up its slice of time, it
//! suspends, and the core goes on; so a script never holds the core's data while it thinks, and a slow one holds up
//! nobody but those who need its keys.
//!
//! Owned by the data core's thread. Invariant: `yielder` is set exactly while a coroutine's body runs, and not while it is
//! suspended: the core may use the interpreter meanwhile (it compiles what others send), and must not get into that coroutine.

#![allow(unsafe_code)] // A pointer from native functions of Lua to their coroutine, one to a reply on its way; a function of Lua's.

use crate::base::limits;
use corosensei::Yielder;
use mlua::{Lua, Table};
use std::cell::{Cell, RefCell};
use std::ptr;

/// Why a script stands still.
pub enum Suspend {
    /// It calls the command that lies in the bridge's [`Arguments`].
    Call,
    /// It asks whether the command that lies there would be allowed.
    Check,
    /// It has used up its slice of time.
    Slice,
    /// It is debugged: its user is to be told what lies in the bridge, and to say what is next.
    Stop,
}

/// What a script goes on with.
pub enum Resume {
    /// It begins, or goes on thinking.
    GoOn,
    /// The command's reply, in RESP.
    Reply(Vec<u8>),
    /// What the user of the debugger says; none: what is no command.
    Words(Option<Vec<Vec<u8>>>),
}

/// Words on their way into a script or out of it. Their memory is used again by the next ones.
#[derive(Default)]
pub struct Arguments {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Arguments {
    /// Forgets the arguments, keeping a bounded amount of memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(limits::SCRIPT_KEPT);
        self.ends.clear();
    }

    /// How many bytes they have together.
    pub fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Adds one.
    pub fn push(&mut self, argument: &[u8]) {
        self.bytes.extend_from_slice(argument);
        self.ends.push(self.bytes.len());
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.ends.iter().enumerate().map(|(index, end)| {
            let start = if index == 0 { 0 } else { self.ends[index - 1] };
            &self.bytes[start..*end]
        })
    }
}

/// A reply while it is carried into Lua ([`Bridge::lend`]).
pub struct Lent<'b> {
    /// It.
    pub bytes: &'b [u8],
    index: usize,
}

/// See the module's header.
pub struct Bridge {
    yielder: Cell<*const Yielder<Resume, Suspend>>,
    /// The command a script calls.
    pub arguments: RefCell<Arguments>,
    /// KEYS and ARGV of the script that begins.
    pub inputs: [RefCell<Arguments>; 2],
    /// Replies on their way into Lua, each with the place of its frame on the script's stack.
    lent: RefCell<Vec<(usize, Vec<u8>)>>,
    /// Memory for the next reply.
    spare: Cell<Vec<u8>>,
    /// What the debugger tells its user.
    pub lines: RefCell<Vec<Vec<u8>>>,
    /// Whether the script is to end at once.
    pub killed: Cell<bool>,
    /// Whether the script reads replies as RESP3 (`redis.setresp`).
    pub resp3: Cell<bool>,
    /// Where what the script changes goes (`redis.set_repl`): 1 the file, 2 the replicas.
    pub replicate: Cell<u8>,
    /// When the slice of time is over, by `clock`.
    pub slice_ends: Cell<u64>,
    /// When a library must be loaded, by `clock`.
    pub load_ends: Cell<u64>,
    /// Nanoseconds on a clock that never goes back.
    pub clock: fn() -> u64,
    /// State of `math.random`: a 48-bit generator, as that of Redis.
    pub random: Cell<u64>,
}

impl Bridge {
    /// A bridge that nobody is on.
    pub fn new(clock: fn() -> u64) -> Bridge {
        Bridge {
            yielder: Cell::new(ptr::null()),
            arguments: RefCell::default(),
            inputs: Default::default(),
            lent: RefCell::default(),
            spare: Cell::default(),
            lines: RefCell::default(),
            killed: Cell::new(false),
            resp3: Cell::new(false),
            replicate: Cell::new(3),
            slice_ends: Cell::new(0),
            load_ends: Cell::new(u64::MAX),
            clock,
            random: Cell::new(0x1234_abcd_330e),
        }
    }

    /// Runs `body`, the body of a coroutine, with `yielder` as its way out.
    pub fn enter<R>(&self, yielder: &Yielder<Resume, Suspend>, body: impl FnOnce() -> R) -> R {
        /// Takes the way out back, however the body ends.
        struct Leave<'b>(&'b Bridge);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.yielder.set(ptr::null());
            }
        }
        self.yielder.set(yielder);
        let _leave = Leave(self);
        body()
    }

    /// Keeps a reply while it is carried into Lua. Lua may leave the frame that does so without dropping what it owns
    /// (`stack`), so that owns nothing: what such a frame has left here is dropped by the next.
    pub fn lend(&self, reply: Vec<u8>) -> Lent<'_> {
        let frame = 0_u8;
        let place = (&raw const frame).addr();
        let mut lent = self.lent.borrow_mut();
        // Stacks grow downwards: the frames that wait for this one lie above it, those below are gone. (There are such
        // that wait: a script's finalizer may call a command while a reply takes memory.)
        lent.retain(|(other, _)| *other > place);
        let bytes: *const [u8] = &*reply;
        let index = lent.len();
        lent.push((place, reply));
        // SAFETY: the bytes lie on the heap and are not touched before they are given back, or before the frame that
        // asked is gone.
        Lent { bytes: unsafe { &*bytes }, index }
    }

    /// The reply has been carried.
    pub fn give_back(&self, reply: Lent<'_>) {
        let mut lent = self.lent.borrow_mut();
        lent.truncate(reply.index + 1);
        if let Some((_, reply)) = lent.pop() {
            self.recycle(reply);
        }
    }

    /// Memory for a reply.
    pub fn buffer(&self) -> Vec<u8> {
        self.spare.take()
    }

    /// What was got by [`Bridge::buffer`] is free again.
    pub fn recycle(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        buffer.shrink_to(limits::SCRIPT_KEPT);
        self.spare.set(buffer);
    }

    /// The script is done: nobody carries anything any more.
    pub fn finish(&self) {
        self.lent.borrow_mut().clear();
    }

    /// Whether a script is running.
    pub fn is_inside(&self) -> bool {
        !self.yielder.get().is_null()
    }

    /// Leaves the script until it is resumed; none: it is no script that has come here, but code that is being loaded.
    pub fn suspend(&self, why: Suspend) -> Option<Resume> {
        let yielder = self.yielder.replace(ptr::null());
        if yielder.is_null() {
            return None;
        }
        // SAFETY: `enter` set the pointer from a reference that outlives its call of `body`, and takes it back before
        // it returns. It is null while the body is suspended, so it is the body that has come here: one interpreter
        // has one coroutine at a time (`Engine::running`), on one thread, since neither is `Send`.
        let resume = unsafe { &*yielder }.suspend(why);
        self.yielder.set(yielder);
        Some(resume)
    }
}

/// Lua's own `debug` library, which no script may see.
pub fn debug_library(lua: &Lua) -> mlua::Result<Table> {
    // SAFETY: `luaopen_debug` is a function of this interpreter that wants no arguments and a few places of its stack, which
    // `exec_raw` has made sure of; it leaves one table there, and may fail, in protected mode.
    let library: Table = unsafe {
        lua.exec_raw((), |state| {
            mlua::ffi::luaopen_debug(state);
        })
    }?;
    // It has made itself a global, too.
    lua.globals().raw_set("debug", mlua::Value::Nil)?;
    Ok(library)
}

#[cfg(test)]
mod tests {
    use super::*;
    use corosensei::{Coroutine, CoroutineResult};
    use std::rc::Rc;

    #[test]
    fn a_body_leaves_through_the_bridge_and_nobody_else_does() {
        let bridge = Rc::new(Bridge::new(|| 0));
        assert!(bridge.suspend(Suspend::Slice).is_none());
        let inner = bridge.clone();
        let mut coroutine = Coroutine::<Resume, Suspend, usize>::new(move |yielder, _| {
            inner.enter(yielder, || match inner.suspend(Suspend::Call) {
                Some(Resume::Reply(bytes)) => bytes.len(),
                _ => 0,
            })
        });
        assert!(matches!(coroutine.resume(Resume::GoOn), CoroutineResult::Yield(Suspend::Call)));
        assert!(!bridge.is_inside(), "it stands still");
        assert!(bridge.suspend(Suspend::Slice).is_none());
        assert!(matches!(coroutine.resume(Resume::Reply(vec![1; 7])), CoroutineResult::Return(7)));
        assert!(!bridge.is_inside());
    }

    /// Carries a reply into Lua, and is left as Lua leaves a frame by an error: nothing is given back.
    #[inline(never)]
    fn carry_until_an_error(bridge: &Bridge, length: usize) -> u8 {
        bridge.lend(vec![7; length]).bytes[length - 1]
    }

    #[inline(never)]
    fn carry_deeper(bridge: &Bridge, length: usize) -> u8 {
        let room = std::hint::black_box([0_u8; 256]);
        carry_until_an_error(bridge, length) + room[0]
    }

    #[test]
    fn what_an_error_left_lent_is_dropped_by_the_next_and_what_still_waits_is_not() {
        let bridge = Bridge::new(|| 0);
        let outer = bridge.lend(b"outer".to_vec());
        assert_eq!(carry_deeper(&bridge, 1000), 7);
        assert_eq!(bridge.lent.borrow().len(), 2);
        for _ in 0..10 {
            assert_eq!(carry_deeper(&bridge, 1000), 7);
        }
        assert_eq!(bridge.lent.borrow().len(), 2, "those that errors left are gone, the one that waits is not");
        assert_eq!(outer.bytes, b"outer");
        bridge.give_back(outer);
        assert!(bridge.lent.borrow().is_empty());
        assert_eq!(bridge.buffer().capacity(), 5, "its memory is used again");
        carry_until_an_error(&bridge, 10);
        bridge.finish();
        assert!(bridge.lent.borrow().is_empty());
    }

    #[test]
    fn arguments_read_back_as_they_were_pushed() {
        let mut arguments = Arguments::default();
        for _ in 0..2 {
            [&b"set"[..], b"", b"value"].iter().for_each(|argument| arguments.push(argument));
            assert_eq!(arguments.iter().collect::<Vec<_>>(), [&b"set"[..], b"", b"value"]);
            arguments.clear();
            assert_eq!(arguments.iter().len(), 0);
        }
    }
}

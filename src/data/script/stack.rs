//! Lua's own stack, for what every script pays for: KEYS and ARGV on their way in, the commands it calls, their replies,
//! its value on the way out. mlua's values are handles that are registered and forgotten again: ten of them cost more
//! than a short script.
//!
//! Invariants: a [`Stack`] exists only within a protected call of Lua. What can't be done there (no memory, a damaged
//! argument) leaves by Lua's `longjmp` to that call. So the frames between it and here own nothing that wants to be
//! dropped while they use a stack: what they need lies in the [`Bridge`](super::bridge::Bridge).

#![allow(unsafe_code)] // Functions of C on a pointer that only Lua can know to be good; see the invariants.

use super::bridge::Bridge;
use mlua::ffi;
use mlua::{Function, Lua, Result};
use std::ffi::c_int;
use std::slice;

/// The stack of the function of Lua that is running.
pub struct Stack(*mut ffi::lua_State);

/// What a place holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Nothing.
    Nil,
    /// Truth.
    Boolean(bool),
    /// Lua has one kind of numbers.
    Number(f64),
    /// Bytes ([`Stack::bytes`]).
    Text,
    /// A table.
    Table,
    /// What no reply can say.
    Other,
}

/// A function that Rust gives to Lua: it takes the arguments from the stack and leaves one value there.
pub type Native = fn(&Stack, &Bridge);

impl Stack {
    /// Runs `work` in protected mode. It finds `inputs` on the stack, from 1 on, and leaves the results.
    ///
    /// # Errors
    /// With what was raised in it.
    pub fn protected<R: mlua::FromLuaMulti>(
        lua: &Lua,
        inputs: impl mlua::IntoLuaMulti,
        work: impl FnOnce(&Stack),
    ) -> Result<R> {
        // SAFETY: `exec_raw` calls `work` in protected mode with a good state, and takes whatever it leaves.
        unsafe { lua.exec_raw(inputs, |state| work(&Stack(state))) }
    }

    /// A function of Lua's that calls `N`. `bridge` must outlive the interpreter.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn native<N: IsNative>(lua: &Lua, bridge: *const Bridge) -> Result<Function> {
        Stack::protected(lua, (), |stack| {
            // SAFETY: of the stack's places one is taken, of the twenty that are always free. `enter` finds what it
            // expects there.
            unsafe {
                ffi::lua_pushlightuserdata(stack.0, bridge.cast_mut().cast());
                ffi::lua_pushcclosure(stack.0, enter::<N>, 1);
            }
        })
    }

    /// Makes sure of `places` more.
    pub fn need(&self, places: c_int) {
        // SAFETY: the state is good; it raises an error if there are too many.
        unsafe { ffi::luaL_checkstack(self.0, places, c"too deep".as_ptr()) }
    }

    /// How many values there are; the place of the last.
    pub fn top(&self) -> c_int {
        // SAFETY: the state is good.
        unsafe { ffi::lua_gettop(self.0) }
    }

    /// Keeps the first `count` values.
    pub fn keep(&self, count: c_int) {
        debug_assert!((0..=self.top()).contains(&count));
        // SAFETY: there are as many.
        unsafe { ffi::lua_settop(self.0, count) }
    }

    /// Pushes the value at `place` once more.
    pub fn copy(&self, place: c_int) {
        // SAFETY: the state is good; those who call keep to places that hold something.
        unsafe { ffi::lua_pushvalue(self.0, place) }
    }

    /// Takes the last value and puts it in the place of another.
    pub fn put(&self, place: c_int) {
        debug_assert!((1..self.top()).contains(&place));
        // SAFETY: there is that place, and a value above it.
        unsafe { ffi::lua_replace(self.0, place) }
    }

    /// Pushes bytes.
    pub fn push(&self, bytes: &[u8]) {
        // SAFETY: the bytes are there while they are copied.
        unsafe {
            ffi::lua_pushlstring(self.0, bytes.as_ptr().cast(), bytes.len());
        }
    }

    /// Pushes a number.
    pub fn push_number(&self, number: f64) {
        // SAFETY: the state is good.
        unsafe { ffi::lua_pushnumber(self.0, number) }
    }

    /// Pushes truth.
    pub fn push_boolean(&self, value: bool) {
        // SAFETY: the state is good.
        unsafe { ffi::lua_pushboolean(self.0, value.into()) }
    }

    /// Pushes nil.
    pub fn push_nil(&self) {
        // SAFETY: the state is good.
        unsafe { ffi::lua_pushnil(self.0) }
    }

    /// Pushes an empty table that is going to have about so many elements and fields.
    pub fn push_table(&self, elements: usize, fields: usize) {
        const MOST: usize = 1 << 16;
        // SAFETY: the state is good, and what is asked for fits an int.
        unsafe { ffi::lua_createtable(self.0, elements.min(MOST) as c_int, fields.min(MOST) as c_int) }
    }

    /// Takes a value and gives it to the table before it, as its element `index`.
    pub fn set_element(&self, index: usize) {
        // SAFETY: those who call have pushed a table and a value.
        unsafe { ffi::lua_rawseti(self.0, -2, index as i64) }
    }

    /// Takes a value and a key before it, neither nil, and gives them to the table at `place`, counted before they are
    /// taken.
    pub fn set(&self, place: c_int) {
        // SAFETY: those who call have pushed a table, a key and a value.
        unsafe { ffi::lua_rawset(self.0, place) }
    }

    /// Pushes the element `index` of the table at `place`.
    pub fn element(&self, place: c_int, index: usize) -> Kind {
        debug_assert_eq!(self.kind(place), Kind::Table);
        // SAFETY: there is a table.
        unsafe { ffi::lua_rawgeti(self.0, place, index as i64) };
        self.kind(-1)
    }

    /// Pushes a field of the table at `place`, which is counted from the first.
    pub fn field(&self, place: c_int, name: &str) -> Kind {
        debug_assert_eq!(self.kind(place), Kind::Table);
        self.push(name.as_bytes());
        // SAFETY: there is a table, and a key that is taken.
        unsafe { ffi::lua_rawget(self.0, place) };
        self.kind(-1)
    }

    /// Takes a key of the table at `place` (nil: before its first) and pushes the next with its value; false: there is none.
    pub fn next(&self, place: c_int) -> bool {
        debug_assert_eq!(self.kind(place), Kind::Table);
        // SAFETY: there is a table, and a key that came from it.
        unsafe { ffi::lua_next(self.0, place) != 0 }
    }

    /// What is at `place`.
    pub fn kind(&self, place: c_int) -> Kind {
        // SAFETY: places with nothing have a type of their own; what is read is there by its type.
        unsafe {
            match ffi::lua_type(self.0, place) {
                ffi::LUA_TNIL | ffi::LUA_TNONE => Kind::Nil,
                ffi::LUA_TBOOLEAN => Kind::Boolean(ffi::lua_toboolean(self.0, place) != 0),
                ffi::LUA_TNUMBER => Kind::Number(ffi::lua_tonumber(self.0, place)),
                ffi::LUA_TSTRING => Kind::Text,
                ffi::LUA_TTABLE => Kind::Table,
                _ => Kind::Other,
            }
        }
    }

    /// The bytes of the text at `place`. They stay while it is on the stack; of what is no text there are none.
    pub fn bytes(&self, place: c_int) -> &[u8] {
        if self.kind(place) != Kind::Text {
            return &[];
        }
        let mut length = 0;
        // SAFETY: a string tells its length and where its bytes are, which do not move; it allocates nothing.
        unsafe { slice::from_raw_parts(ffi::lua_tolstring(self.0, place, &raw mut length).cast(), length) }
    }

    /// Calls the function before the last `inputs` values with them, for one value; `handler`: the place of the function that an
    /// error goes through. False: that was raised, and is the value.
    pub fn call(&self, inputs: c_int, handler: c_int) -> bool {
        // SAFETY: those who call have pushed a function and as many values; the handler is a function.
        unsafe { ffi::lua_pcall(self.0, inputs, 1, handler) == ffi::LUA_OK }
    }

    /// Raises the last value as an error.
    pub fn raise(&self) -> ! {
        // SAFETY: there is a value, and nobody between here and the protected call wants to drop anything.
        unsafe { ffi::lua_error(self.0) }
    }
}

/// A [`Native`] function as a type, so that a function of C can be made of it.
pub trait IsNative {
    /// The function.
    const CALL: Native;
}

/// The function of C by which Lua calls `N`.
unsafe extern "C-unwind" fn enter<N: IsNative>(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: Lua calls functions of C in protected mode, with a good state; the first value that goes with this one is
    // the bridge, by `Stack::native`, which outlives the interpreter.
    let (stack, bridge) =
        unsafe { (Stack(state), &*ffi::lua_touserdata(state, ffi::lua_upvalueindex(1)).cast::<Bridge>()) };
    (N::CALL)(&stack, bridge);
    1
}

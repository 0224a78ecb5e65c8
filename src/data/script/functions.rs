//! Libraries of functions: what FUNCTION LOAD makes of a library's text, and the functions that FCALL finds.
//!
//! A library runs once, when it is loaded, in an environment of its own that has nothing but
//! `redis.register_function`, the log and the version. What it registers is called later, in that of scripts.

use super::api::{self, LIBRARY_SOURCE};
use super::engine::{self, Engine, Kept};
use super::known::Flags;
use crate::resp::Error;
use crate::resp::inline;
use mlua::{Lua, MultiValue, Result as LuaResult, Table, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

/// A function that a library has registered.
#[derive(Clone)]
pub struct Defined {
    /// Its name.
    pub name: Vec<u8>,
    /// The code.
    pub function: Kept,
    /// What it says of itself.
    pub flags: Flags,
    /// What it does, for people.
    pub description: Option<Vec<u8>>,
}

/// The functions of the library that is being loaded; none: no library is.
pub type Registering = Rc<RefCell<Option<Vec<Defined>>>>;

/// One library.
#[derive(Clone)]
pub struct Library {
    /// Its text, with its first line.
    pub code: Arc<[u8]>,
    /// The names of its functions, in the order in which they were registered.
    pub functions: Vec<Vec<u8>>,
}

/// All libraries of a core.
#[derive(Clone, Default)]
pub struct Libraries {
    /// By name.
    pub libraries: BTreeMap<Vec<u8>, Library>,
    /// By name in lower case: functions are called in any case.
    functions: HashMap<Vec<u8>, Defined>,
}

/// What FUNCTION RESTORE does with what is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Deletes all of it first.
    Flush,
    /// Keeps it, and fails where names meet.
    Append,
    /// Replaces libraries of the same name.
    Replace,
}

impl Libraries {
    /// The function of this name.
    pub fn function(&self, name: &[u8]) -> Option<&Defined> {
        self.functions.get(&name.to_ascii_lowercase())
    }

    /// How many functions there are.
    pub fn count(&self) -> usize {
        self.functions.len()
    }

    /// Loads a library; its name.
    ///
    /// # Errors
    /// What is wrong with it. Nothing has changed then.
    pub fn load(&mut self, engine: &Engine, code: &[u8], replace: bool) -> Result<Vec<u8>, Error> {
        let (name, start) = metadata(code)?;
        if !is_name(&name) {
            return Err(Error::new(format!("ERR Library {BAD_NAME}")));
        }
        if self.libraries.contains_key(&name) && !replace {
            return Err(Error::Bytes([b"ERR Library '", &*name, b"' already exists"].concat()));
        }
        let defined = engine.load_library(&code[start..])?;
        if defined.is_empty() {
            return Err(Error::new("ERR No functions registered"));
        }
        let own = |function: &[u8]| {
            let old = self.libraries.get(&name);
            old.is_some_and(|old| old.functions.iter().any(|name| name.eq_ignore_ascii_case(function)))
        };
        if let Some(known) = defined.iter().find(|one| self.function(&one.name).is_some() && !own(&one.name)) {
            return Err(Error::Bytes([b"ERR Function ", &*known.name, b" already exists"].concat()));
        }
        self.delete(&name);
        let functions = defined.iter().map(|function| function.name.clone()).collect();
        self.libraries.insert(name.clone(), Library { code: code.into(), functions });
        self.functions.extend(defined.into_iter().map(|function| (function.name.to_ascii_lowercase(), function)));
        Ok(name)
    }

    /// Deletes a library; whether there was one.
    pub fn delete(&mut self, name: &[u8]) -> bool {
        let Some(library) = self.libraries.remove(name) else { return false };
        library.functions.iter().for_each(|function| drop(self.functions.remove(&function.to_ascii_lowercase())));
        true
    }

    /// Loads the libraries of a dump; all of them or, with an error, none.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn restore(&mut self, engine: &Engine, codes: &[Vec<u8>], policy: Policy) -> Result<(), Error> {
        let mut restored = if policy == Policy::Flush { Libraries::default() } else { self.clone() };
        for code in codes {
            let (name, _) = metadata(code)?;
            if policy != Policy::Replace && restored.libraries.contains_key(&name) {
                return Err(Error::Bytes([b"ERR Library ", &*name, b" already exists"].concat()));
            }
            restored.load(engine, code, policy == Policy::Replace)?;
        }
        *self = restored;
        Ok(())
    }
}

const BAD_NAME: &str =
    "names can only contain letters, numbers, or underscores(_) and must be at least one character long";

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// The name in a library's first line, and where Lua's part begins.
fn metadata(code: &[u8]) -> Result<(Vec<u8>, usize), Error> {
    if !code.starts_with(b"#!") {
        return Err(Error::new("ERR Missing library metadata"));
    }
    let end = memchr::memchr(b'\n', code).ok_or(Error::new("ERR Invalid library metadata"))?;
    let words = inline::split_args(&code[..end]).filter(|words| !words.is_empty());
    let words = words.ok_or(Error::new("ERR Invalid library metadata"))?;
    let engine = &words[0][2..];
    let mut name = None;
    for word in &words[1..] {
        match word.get(..5).filter(|start| start.eq_ignore_ascii_case(b"name=")) {
            Some(_) if name.is_some() => {
                return Err(Error::new("ERR Invalid metadata value, name argument was given multiple times"));
            }
            Some(_) => name = Some(word[5..].to_vec()),
            None => return Err(Error::Bytes([b"ERR Invalid metadata value given: ", &**word].concat())),
        }
    }
    let name = name.ok_or(Error::new("ERR Library name was not given"))?;
    if !engine.eq_ignore_ascii_case(b"lua") {
        return Err(Error::Bytes([b"ERR Engine '", engine, b"' not found"].concat()));
    }
    Ok((name, end))
}

/// `redis.register_function`.
pub fn register(lua: &Lua, registering: &Registering, args: &MultiValue) -> LuaResult<Value> {
    let mut registering = registering.borrow_mut();
    let Some(functions) = registering.as_mut() else {
        return api::failure("redis.register_function can only be called on FUNCTION LOAD command");
    };
    let defined = match args.as_slices().0 {
        [Value::Table(named)] => from_table(lua, named)?,
        [_] => {
            return api::failure(
                "calling redis.register_function with a single argument is only applicable to Lua table \
                 (representing named arguments).",
            );
        }
        [name, function] => {
            let Ok(Some(name)) = lua.coerce_string(name.clone()) else {
                return api::failure("first argument to redis.register_function must be a string");
            };
            let Value::Function(function) = function else {
                return api::failure("second argument to redis.register_function must be a function");
            };
            let (name, function) = (name.as_bytes().to_vec(), engine::keep(lua, function)?);
            Defined { name, function, flags: Flags::default(), description: None }
        }
        _ => return api::failure("wrong number of arguments to redis.register_function"),
    };
    if !is_name(&defined.name) {
        return api::failure(format!("Library {BAD_NAME}"));
    }
    if functions.iter().any(|known| known.name.eq_ignore_ascii_case(&defined.name)) {
        return api::failure("Function already exists in the library");
    }
    functions.push(defined);
    Ok(Value::Nil)
}

fn from_table(lua: &Lua, named: &Table) -> LuaResult<Defined> {
    let (mut name, mut function, mut flags, mut description) = (None, None, Flags::default(), None);
    for pair in named.pairs::<Value, Value>() {
        let (key, value) = pair?;
        let Value::String(key) = key else {
            return api::failure("named argument key given to redis.register_function is not a string");
        };
        let text = || match &value {
            Value::String(text) => Some(text.as_bytes().to_vec()),
            Value::Integer(_) | Value::Number(_) => {
                lua.coerce_string(value.clone()).ok().flatten().map(|text| text.as_bytes().to_vec())
            }
            _ => None,
        };
        match (key.as_bytes().to_ascii_lowercase().as_slice(), &value) {
            (b"function_name", _) => match text() {
                Some(text) => name = Some(text),
                None => {
                    return api::failure("function_name argument given to redis.register_function must be a string");
                }
            },
            (b"description", _) => match text() {
                Some(text) => description = Some(text),
                None => {
                    return api::failure("description argument given to redis.register_function must be a string");
                }
            },
            (b"callback", Value::Function(callback)) => function = Some(engine::keep(lua, callback)?),
            (b"callback", _) => {
                return api::failure("callback argument given to redis.register_function must be a function");
            }
            (b"flags", Value::Table(names)) => {
                for value in names.sequence_values::<Value>() {
                    let flag = match value? {
                        Value::String(name) => Flags::named(&name.as_bytes()),
                        _ => None,
                    };
                    match flag {
                        Some(flag) => flags.0 |= flag.0,
                        None => return api::failure("unknown flag given"),
                    }
                }
            }
            (b"flags", _) => {
                return api::failure(
                    "flags argument to redis.register_function must be a table representing function flags",
                );
            }
            _ => return api::failure("unknown argument given to redis.register_function"),
        }
    }
    match (name, function) {
        (None, _) => api::failure("redis.register_function must get a function name argument"),
        (_, None) => api::failure("redis.register_function must get a callback argument"),
        (Some(name), Some(function)) => Ok(Defined { name, function, flags, description }),
    }
}

impl Engine {
    /// Runs a library's text; the functions it registers.
    fn load_library(&self, text: &[u8]) -> Result<Vec<Defined>, Error> {
        let failed = |what: &[u8], problem: &[u8]| Error::Bytes([b"ERR ", what, b": ", problem].concat());
        let library =
            self.compile(text, LIBRARY_SOURCE).map_err(|problem| failed(b"Error compiling function", &problem))?;
        let (ended, defined) = self.run_library(library);
        match ended {
            Ok(()) => Ok(defined),
            Err(problem) => Err(failed(b"Error registering functions", &problem)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(code: &str) -> Result<(Vec<u8>, Libraries), String> {
        let engine = Engine::new(|| 0, false).unwrap();
        let mut libraries = Libraries::default();
        let name = libraries.load(&engine, code.as_bytes(), false).map_err(|error| error.to_string())?;
        Ok((name, libraries))
    }

    #[test]
    fn a_library_registers_functions_with_their_flags() {
        let code = "#!lua name=lib\nredis.register_function('f', function() return 1 end)\n\
                    redis.register_function{function_name='g', callback=function() end, flags={'no-writes'}}";
        let (name, libraries) = loaded(code).unwrap();
        assert_eq!(name, b"lib");
        assert_eq!(libraries.function(b"g").unwrap().flags, Flags::NO_WRITES);
        assert_eq!((libraries.count(), libraries.libraries[&b"lib"[..]].functions.len()), (2, 2));
    }

    #[test]
    fn what_is_wrong_with_a_library_is_told() {
        for (code, expected) in [
            ("return 1", "ERR Missing library metadata"),
            ("#!lua name=x", "ERR Invalid library metadata"),
            ("#!lua\n", "ERR Library name was not given"),
            ("#!js name=x\n", "ERR Engine 'js' not found"),
            ("#!lua name=a-b\n", "ERR Library names can only contain"),
            ("#!lua name=x\nreturn 1", "ERR No functions registered"),
            ("#!lua name=x\nreturn {", "ERR Error compiling function: @user_function:2:"),
            ("#!lua name=x\nredis.call('get', 'x')", "nonexistent global variable 'call'"),
            ("#!lua name=x\nreturn math.random()", "nonexistent global variable 'math'"),
            ("#!lua name=x\na = 1", "Attempt to modify a readonly table"),
        ] {
            let error = loaded(code).map(|_| ()).unwrap_err();
            assert!(error.contains(expected.trim_start_matches("ERR Error compiling function: @")), "{code}: {error}");
        }
    }

    #[test]
    fn a_dump_that_fails_changes_nothing() {
        let (_, mut libraries) = loaded("#!lua name=a\nredis.register_function('f', function() end)").unwrap();
        let engine = Engine::new(|| 0, false).unwrap();
        let same = b"#!lua name=b\nredis.register_function('f', function() end)".to_vec();
        let new = b"#!lua name=c\nredis.register_function('h', function() end)".to_vec();
        assert!(libraries.restore(&engine, &[new.clone(), same.clone()], Policy::Append).is_err());
        assert_eq!(libraries.libraries.len(), 1);
        assert!(libraries.restore(&engine, &[new, same], Policy::Flush).is_ok());
        assert_eq!(libraries.libraries.len(), 2);
    }
}

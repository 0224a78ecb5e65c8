//! The scripts that a core knows, by their SHA-1, and what their first line says about them.

use super::api::SCRIPT_SOURCE;
use super::engine::{Engine, Kept};
use crate::resp::Error;
use hashbrown::HashMap;
use mlua::Function;
use std::sync::Arc;

/// A script's SHA-1, in 40 lower-case hex digits.
pub type Sha = [u8; 40];

/// What a script or function says of itself (`flags=` of the shebang line, `flags` of a function).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// It writes nothing.
    pub const NO_WRITES: Flags = Flags(1);
    /// It may run when memory is short.
    pub const ALLOW_OOM: Flags = Flags(2);
    /// It may run on a replica that has lost its primary.
    pub const ALLOW_STALE: Flags = Flags(4);
    /// It can't run in a cluster.
    pub const NO_CLUSTER: Flags = Flags(8);
    /// It may use keys of several slots.
    pub const ALLOW_CROSS_SLOT: Flags = Flags(16);
    /// A script without a shebang line: it is judged command by command.
    pub const COMPATIBLE: Flags = Flags(32);

    /// All names, in the order in which Redis shows them.
    pub const NAMES: [(&str, Flags); 5] = [
        ("no-writes", Flags::NO_WRITES),
        ("allow-oom", Flags::ALLOW_OOM),
        ("allow-stale", Flags::ALLOW_STALE),
        ("no-cluster", Flags::NO_CLUSTER),
        ("allow-cross-slot-keys", Flags::ALLOW_CROSS_SLOT),
    ];

    /// Whether it has any of `other`.
    pub fn any(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }

    /// The flag of this name.
    pub fn named(name: &[u8]) -> Option<Flags> {
        Flags::NAMES.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, flag)| *flag)
    }
}

/// One script.
pub struct Script {
    /// Its text.
    pub body: Arc<[u8]>,
    /// What it says of itself.
    pub flags: Flags,
    /// It, compiled, once it was needed.
    function: Option<Kept>,
}

/// All of them.
#[derive(Default)]
pub struct Known {
    scripts: HashMap<Sha, Script>,
    bytes: usize,
    /// The script that EVAL asked for last: asked again, its text needs no SHA-1.
    last: Option<(Arc<[u8]>, Sha)>,
}

/// The SHA-1 of a script's text.
pub fn sha_of(body: &[u8]) -> Sha {
    let mut sha = [0; 40];
    sha.copy_from_slice(sha1_smol::Sha1::from(body).digest().to_string().as_bytes());
    sha
}

impl Known {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.scripts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.scripts.is_empty()
    }

    /// Bytes they take, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether it knows the script of this SHA-1, in any case.
    pub fn has(&self, sha: &[u8]) -> bool {
        self.find(sha).is_some()
    }

    /// The script of this SHA-1, in any case.
    pub fn find(&self, sha: &[u8]) -> Option<(Sha, &Script)> {
        let sha: Sha = sha.to_ascii_lowercase().try_into().ok()?;
        self.scripts.get(&sha).map(|script| (sha, script))
    }

    /// Takes a script in that another core has compiled.
    pub fn learn(&mut self, body: Arc<[u8]>) {
        if let Ok((flags, _)) = shebang(&body) {
            self.insert(sha_of(&body), Script { body, flags, function: None });
        }
    }

    /// Compiles a script and takes it in. Returns whether it is new, too.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn load(&mut self, engine: &Engine, body: &[u8]) -> Result<(Sha, bool), Error> {
        if let Some((_, sha)) = self.last.as_ref().filter(|(last, _)| **last == *body) {
            return Ok((*sha, false));
        }
        let sha = sha_of(body);
        if let Some(script) = self.scripts.get(&sha) {
            self.last = Some((script.body.clone(), sha));
            return Ok((sha, false));
        }
        let (flags, start) = shebang(body)?;
        let function = compile(engine, &body[start..])?;
        self.insert(sha, Script { body: body.into(), flags, function: Some(function) });
        Ok((sha, true))
    }

    /// A script ready to run.
    ///
    /// # Errors
    /// When it can't be compiled here, though it could be elsewhere: there is no memory.
    pub fn function(&mut self, engine: &Engine, sha: &Sha) -> Result<(Function, Flags), Error> {
        let Some(script) = self.scripts.get_mut(sha) else {
            return Err(Error::new("NOSCRIPT No matching script. Please use EVAL."));
        };
        let function = match &mut script.function {
            Some(function) => function,
            none => {
                let (_, start) = shebang(&script.body)?;
                none.insert(compile(engine, &script.body[start..])?)
            }
        };
        Ok((engine.function(function)?, script.flags))
    }

    fn insert(&mut self, sha: Sha, script: Script) {
        let bytes = script.body.len() + size_of::<Script>() + size_of::<Sha>();
        if self.scripts.insert(sha, script).is_none() {
            self.bytes += bytes;
        }
    }
}

fn compile(engine: &Engine, text: &[u8]) -> Result<Kept, Error> {
    engine
        .compile_and_keep(text, SCRIPT_SOURCE)
        .map_err(|problem| Error::Bytes([b"ERR Error compiling script (new function): ", &*problem].concat()))
}

/// What a script's first line says of it, and where Lua's part begins: at the end of that line, so that lines keep
/// their numbers.
pub fn shebang(body: &[u8]) -> Result<(Flags, usize), Error> {
    if !body.starts_with(b"#!") {
        return Ok((Flags::COMPATIBLE, 0));
    }
    let Some(end) = memchr::memchr(b'\n', body) else { return Err(Error::new("ERR Invalid script shebang")) };
    let line = body[..end].trim_ascii_end();
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let engine = words.next().unwrap_or_default();
    if !engine.eq_ignore_ascii_case(b"#!lua") {
        return Err(Error::Bytes([b"ERR Unexpected engine in script shebang: ", &engine[2..]].concat()));
    }
    let mut flags = Flags::default();
    for word in words {
        let Some(names) = word.strip_prefix(b"flags=") else {
            return Err(Error::Bytes([b"ERR Unknown lua shebang option: ", word].concat()));
        };
        for name in names.split(|byte| *byte == b',').filter(|name| !name.is_empty()) {
            match Flags::named(name) {
                Some(flag) => flags.0 |= flag.0,
                None => return Err(Error::Bytes([b"ERR Unexpected flag in script shebang: ", name].concat())),
            }
        }
    }
    Ok((flags, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_what_a_script_may_do() {
        let flags = |body: &str| shebang(body.as_bytes()).map(|(flags, _)| flags).map_err(|error| error.to_string());
        assert_eq!(flags("return 1"), Ok(Flags::COMPATIBLE));
        assert_eq!(flags("#!lua\nreturn 1"), Ok(Flags::default()));
        assert_eq!(flags("#!lua flags=no-writes,allow-oom\n"), Ok(Flags(3)));
        assert_eq!(flags("#!lua"), Err("ERR Invalid script shebang".into()));
        assert_eq!(flags("#!perl\n"), Err("ERR Unexpected engine in script shebang: perl".into()));
        assert_eq!(flags("#!lua badger=1\n"), Err("ERR Unknown lua shebang option: badger=1".into()));
        assert_eq!(flags("#!lua flags=x\n"), Err("ERR Unexpected flag in script shebang: x".into()));
    }

    #[test]
    fn a_script_is_known_by_its_sha_in_any_case() {
        let engine = Engine::new(|| 0, false).unwrap();
        let mut known = Known::default();
        let (sha, new) = known.load(&engine, b"return 1").unwrap();
        assert!(new && known.has(&sha.to_ascii_uppercase()) && !known.has(b"abc"));
        assert!(!known.load(&engine, b"return 1").unwrap().1);
        assert!(known.function(&engine, &sha).is_ok());
        let error = known.load(&engine, b"return {").unwrap_err().to_string();
        assert!(error.starts_with("ERR Error compiling script (new function): user_script:1:"), "{error}");
    }
}

//! Finding the script that a command calls, and whether it may run now. Part of [`script`](super::script).

use super::Plane;
use super::message::{Message, Notice};
use super::script::{NO_ENGINE, Scripts};
use crate::data::command::spec::flag;
use crate::data::command::{Command, number};
use crate::data::script::functions::Defined;
use crate::data::script::known::{Flags, Sha};
use crate::resp::Error;
use std::sync::Arc;

/// A script found, and what to run it with.
pub(super) struct Prepared<'a> {
    pub(super) function: mlua::Function,
    pub(super) flags: Flags,
    pub(super) name: Name,
    pub(super) keys: &'a [&'a [u8]],
    pub(super) argv: &'a [&'a [u8]],
    pub(super) read_only: bool,
    pub(super) is_function: bool,
}

/// What a script is called.
pub(super) enum Name {
    /// By its SHA-1.
    Script(Sha),
    /// A function has a name.
    Function(Vec<u8>),
}

impl Name {
    /// The words.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Name::Script(sha) => sha,
            Name::Function(name) => name,
        }
    }
}

/// Some arguments of a command.
type Words<'a> = &'a [&'a [u8]];

/// KEYS and ARGV of EVAL and its kin.
fn split_arguments<'a>(args: &'a [&'a [u8]], not_a_number: Error) -> Result<(Words<'a>, Words<'a>), Error> {
    let count = number::parse_i64(args[2]).ok_or(not_a_number)?;
    if count > args.len() as i64 - 3 {
        return Err(Error::new("ERR Number of keys can't be greater than number of args"));
    }
    if count < 0 {
        return Err(Error::new("ERR Number of keys can't be negative"));
    }
    Ok(args[3..].split_at(count as usize))
}

const NO_SCRIPT: &str = "NOSCRIPT No matching script. Please use EVAL.";

impl Plane {
    /// Finds the script that a command calls.
    pub(super) fn prepare_script<'a>(
        &mut self,
        args: &'a [&'a [u8]],
        command: &Command,
    ) -> Result<Prepared<'a>, Error> {
        let name = command.spec.full_name();
        let (read_only, is_function) = (name.ends_with("_ro"), name.starts_with("fcall"));
        self.engine()?;
        if is_function {
            let found = self.scripts.libraries.function(args[1]).cloned();
            let function = found.ok_or(Error::new("ERR Function not found"))?;
            let (keys, argv) = split_arguments(args, Error::new("ERR Bad number of keys provided"))?;
            self.admit_script(function.flags, read_only)?;
            let Defined { name, function, flags, .. } = function;
            let function = self.engine()?.function(&function)?;
            let name = Name::Function(name);
            return Ok(Prepared { function, flags, name, keys, argv, read_only, is_function });
        }
        let (keys, argv) = split_arguments(args, Error::NotAnInteger)?;
        let Scripts { engine, known, .. } = &mut self.scripts;
        let Some(engine) = engine.as_deref() else { return Err(Error::new(NO_ENGINE)) };
        let (sha, new) = if name.starts_with("evalsha") {
            (known.find(args[1]).map(|(sha, _)| sha).ok_or(Error::new(NO_SCRIPT))?, false)
        } else {
            known.load(engine, args[1])?
        };
        let (function, flags) = known.function(engine, &sha)?;
        if new {
            self.teach(args[1]);
        }
        self.admit_script(flags, read_only)?;
        Ok(Prepared { function, flags, name: Name::Script(sha), keys, argv, read_only, is_function })
    }

    /// Tells the other cores of a script.
    fn teach(&mut self, body: &[u8]) {
        let body: Arc<[u8]> = body.into();
        for peer in self.data_cores().filter(|peer| *peer != self.core().into()).collect::<Vec<_>>() {
            self.send(peer, Message::Tell(Notice::Script(body.clone())));
        }
    }

    /// Whether a script that says this of itself may run now.
    fn admit_script(&mut self, flags: Flags, read_only: bool) -> Result<(), Error> {
        let stale = self.standing.replica && !self.standing.link_up && !self.settings.replica_serve_stale_data;
        if stale && !flags.any(Flags::ALLOW_STALE) && !self.applying {
            return Err(Error::new("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."));
        }
        if flags.any(Flags::COMPATIBLE) || self.applying {
            return Ok(());
        }
        if flags.any(Flags::NO_CLUSTER) && self.settings.cluster_enabled {
            return Err(Error::new("ERR Can not run script on cluster, 'no-cluster' flag is set."));
        }
        if !flags.any(Flags::NO_WRITES) {
            if self.standing.is_read_only() && self.settings.replica_read_only {
                return Err(Error::new("READONLY You can't write against a read only replica."));
            }
            if read_only {
                return Err(Error::new("ERR Can not execute a script with write flag using *_ro command."));
            }
            self.admit_to_disk()?;
            if self.lacks_replicas {
                return Err(Error::NotEnoughReplicas);
            }
        }
        let may_be_short = flags.any(Flags::ALLOW_OOM) || flags.any(Flags::NO_WRITES);
        if !may_be_short && self.lacks_room(flag::DENYOOM, &[self.core()]) {
            return Err(Error::new(
                "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
            ));
        }
        Ok(())
    }
}
